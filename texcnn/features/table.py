"""Extra inputs per gene, read from a table and joined by gene id."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from texcnn.arguments import texts_of
from texcnn.errors import InputError
from texcnn.files import atomic_file
from texcnn.genome.annotation import without_version
from texcnn.text.lines import PathLike
from texcnn.text.numbers import NumberColumns
from texcnn.text.table import TextTable

_LOG = logging.getLogger("texcnn")

SOURCE_COLUMN = "source"
"""Column of a feature table with the origin of its values; it is not a feature."""

GIVEN, COMPUTED, DEFAULT = "given", "computed", "default"
"""Where a gene's features come from: a user's table, the annotation, or the model's defaults."""


@dataclass(frozen=True)
class FeatureTable:
    """Features of genes.

    Attributes:
        values: float32 ``(n_genes, n_features)``, in the unit of the table.
        names: The features, in the order of the columns of ``values``.
        rows: Gene id to row of ``values``.
        path: Where they were read.
        source: :data:`GIVEN`, or :data:`COMPUTED` where they were computed from an annotation.
    """

    values: npt.NDArray[np.float32]
    names: tuple[str, ...]
    rows: dict[str, int]
    path: Path
    source: str = GIVEN

    @classmethod
    def read(cls, path: PathLike, names: str | Iterable[str] | None = None) -> FeatureTable:
        """Reads a text table whose column ``gene_id`` names the genes.

        Args:
            path: The table; see :class:`texcnn.text.table.TextTable`.
            names: The columns to read, in this order; a string is one. No others are parsed. None reads every column of
                numbers, and passes columns of text over, which is logged.

        Raises:
            InputError: when the file, a column or a number cannot be used, a gene appears twice, or none is a feature.
        """
        table = TextTable(path)
        every = names is None
        if names is None:
            names = [name for name in table.names if name not in ("gene_id", SOURCE_COLUMN)]
            table.refuse_twice(names)
        names = texts_of(names)
        missing = [name for name in ("gene_id", *names) if name not in table.names]
        if missing:
            raise InputError(
                f"feature table lacks the columns {', '.join(missing)}",
                where=path,
                allowed=f"gene_id and {', '.join(names)}",
            )
        gene, *places = (table.column(name) for name in ("gene_id", *names))
        numbers = NumberColumns(table.path, names, text=every)
        source = table.column(SOURCE_COLUMN) if SOURCE_COLUMN in table.names else None
        sources: set[str] = set()
        rows: dict[str, int] = {}
        twice: list[str] = []
        for number, fields in table.rows():
            gene_id = fields[gene]
            if not gene_id:
                raise InputError("a gene has no id", where=f"{path}, line {number}, column gene_id")
            if gene_id in rows:
                twice.append(gene_id)
            rows[gene_id] = len(rows)
            numbers.add(number, [fields[place] for place in places])
            if source is not None:
                sources.add(fields[source])
        if twice:
            raise InputError(
                f"{len(twice)} duplicate gene ids, such as '{twice[0]}'", where=path, remedy="keep one row a gene"
            )
        if not rows:
            raise InputError("the feature table has no rows", where=path, allowed="a header and one row or more")
        passed = [names[place] for place in numbers.of_text]
        if passed:
            _LOG.warning("%s: the columns %s hold text and no number, and are passed over", path, ", ".join(passed))
        names = [name for name in names if name not in passed]
        if every and not names:
            raise InputError(
                "the feature table has no features", where=path, allowed="gene_id and one column of numbers or more"
            )
        values = numbers.values().astype(np.float32)
        return cls(values, tuple(names), rows, table.path, COMPUTED if sources == {COMPUTED} else GIVEN)

    def write(self, path: Path) -> None:
        """Writes the table, so that :meth:`read` gives the same one."""
        frame = pd.DataFrame(self.values, columns=list(self.names))
        frame.insert(0, "gene_id", list(self.rows))
        frame[SOURCE_COLUMN] = self.source
        with atomic_file(path) as temporary:
            frame.to_csv(temporary, sep="\t", index=False, float_format="%.9g")

    def require_any(self, gene_ids: str | Iterable[str], source: object) -> None:
        """Checks that a table is of these genes: with none of them, every gene would be skipped.

        Args:
            gene_ids: The genes that features are needed for; without any, there is nothing to check.
            source: The file that they come from, for the message.

        Raises:
            InputError: when the table has none of them.
        """
        wanted = texts_of(gene_ids)
        if wanted and all(row is None for row in find_rows(self.rows, wanted)):
            raise InputError(
                f"the table has none of the {len(wanted)} genes",
                where=f"{self.path} ('{next(iter(self.rows))}', ...)",
                allowed=f"ids such as '{wanted[0]}', as in {source}",
                remedy="give both files gene ids of one kind",
            )

    def fingerprint(self) -> str:
        """Hex digest of the features' names, the genes and their values."""
        digest = hashlib.sha256(repr((self.names, list(self.rows.items()))).encode())
        digest.update(np.ascontiguousarray(self.values).data)
        return digest.hexdigest()

    def lookup(self, gene_ids: str | Iterable[str]) -> npt.NDArray[np.float32]:
        """Returns ``(len(gene_ids), n_features)``; a gene that is missing has NaN.

        An Ensembl version suffix (``ENSG00000000003.15``) on either side is ignored where the exact id is missing.
        """
        rows = find_rows(self.rows, gene_ids)
        found = np.full((len(rows), len(self.names)), np.nan, np.float32)
        for place, row in enumerate(rows):
            if row is not None:
                found[place] = self.values[row]
        return found


def find_rows(rows: Mapping[str, int], gene_ids: str | Iterable[str]) -> list[int | None]:
    """Finds each gene's row of a table.

    Args:
        rows: Gene id to row.
        gene_ids: The genes looked for. An Ensembl version suffix on either side is ignored where the exact id is
            missing; where several rows differ in nothing else, the first is taken.

    Returns:
        One row per gene; None where there is none.
    """
    bare = {without_version(gene_id): row for gene_id, row in reversed(list(rows.items()))}
    return [rows.get(gene_id, bare.get(without_version(gene_id))) for gene_id in texts_of(gene_ids)]
