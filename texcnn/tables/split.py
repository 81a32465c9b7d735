"""Which part each gene is in, as a table that training writes and evaluation reads."""

from __future__ import annotations

from texcnn.errors import InputError, unknown_name
from texcnn.genome.annotation import without_version
from texcnn.tables.readers import read_columns
from texcnn.text.lines import PathLike

TRAIN, VALID, TEST = PARTS = ("train", "valid", "test")


def read_parts(path: PathLike) -> dict[str, str]:
    """Reads the columns ``gene_id`` and ``split`` of a TSV; further columns are not read.

    Returns:
        Gene id (without version) to ``train``, ``valid`` or ``test``.

    Raises:
        InputError: when the table cannot be used or has no row, a gene has no id, a part is unknown, or a gene is in
            two.
    """
    parts: dict[str, str] = {}
    table = read_columns(path, ("gene_id", "split"))
    for number, written, part in zip(table.index, table["gene_id"], table["split"], strict=True):
        gene_id = without_version(written)
        if not gene_id:
            raise InputError("a gene has no id", where=f"{path}, line {number}")
        if part not in PARTS:
            raise unknown_name("part of a split", part, PARTS, where=f"{path}, line {number}, gene '{written}'")
        if parts.setdefault(gene_id, part) != part:
            raise InputError(
                f"the split leaks: gene '{gene_id}' is in {parts[gene_id]} and in {part}",
                where=path,
                remedy="keep one row per gene",
            )
    if not parts:
        raise InputError("the split has no row", where=path, allowed="a row per gene")
    return parts
