"""Which part each gene is in, as a table that training writes and evaluation reads."""

from __future__ import annotations

from pathlib import Path

from texcnn.errors import InputError, unknown_name
from texcnn.genome.annotation import without_version
from texcnn.tables.readers import read_columns

TRAIN, VALID, TEST = PARTS = ("train", "valid", "test")


def read_parts(path: Path) -> dict[str, str]:
    """Reads the columns ``gene_id`` and ``split`` of a TSV; further columns are not read.

    Returns:
        Gene id (without version) to ``train``, ``valid`` or ``test``.

    Raises:
        InputError: when the table cannot be used, names another part, or puts a gene into two.
    """
    parts: dict[str, str] = {}
    for written, part in read_columns(path, ("gene_id", "split")).itertuples(index=False):
        gene_id = without_version(written)
        if part not in PARTS:
            raise unknown_name("part of a split", part, PARTS, where=f"{path}, gene '{written}'")
        if parts.setdefault(gene_id, part) != part:
            raise InputError(
                f"the split leaks: gene '{gene_id}' is in {parts[gene_id]} and in {part}",
                where=path,
                remedy="keep one row per gene",
            )
    return parts
