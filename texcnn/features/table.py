"""Extra inputs per gene, read from a table and joined by gene id."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from texcnn.errors import InputError
from texcnn.genome.annotation import without_version


@dataclass(frozen=True)
class FeatureTable:
    """Features of genes.

    Attributes:
        values: float32 ``(n_genes, n_features)``, in the unit of the table.
        names: The features, in the order of the columns of ``values``.
        rows: Gene id to row of ``values``.
        path: Where they were read.
    """

    values: npt.NDArray[np.float32]
    names: tuple[str, ...]
    rows: dict[str, int]
    path: Path

    @classmethod
    def read(cls, path: Path, names: Sequence[str]) -> FeatureTable:
        """Reads the columns ``names`` of a TSV whose column ``gene_id`` names the genes.

        Raises:
            InputError: when the file, a column or a number cannot be used, or a gene stands twice.
        """
        if not path.is_file():
            raise InputError(f"feature table '{path}' does not exist", where="--features")
        try:
            table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        except (ValueError, OSError, EOFError) as error:
            raise InputError(f"unreadable feature table: {error}", where=path, allowed="tab-separated text") from error
        missing = [name for name in ("gene_id", *names) if name not in table.columns]
        if missing:
            raise InputError(
                f"feature table lacks the columns {', '.join(missing)}",
                where=path,
                allowed=f"gene_id and {', '.join(names)}",
            )
        twice = table["gene_id"][table["gene_id"].duplicated()]
        if len(twice):
            raise InputError(
                f"{len(twice)} duplicate gene ids, such as '{twice.iloc[0]}'", where=path, remedy="keep one row a gene"
            )
        numbers = table[list(names)].apply(lambda column: pd.to_numeric(column.replace("", "nan"), errors="coerce"))
        known_text = table[list(names)].apply(lambda column: column.str.lower().isin(["", "na", "nan"]))
        wrong = numbers.isna() & ~known_text
        if wrong.to_numpy().any():
            row, column = (int(place[0]) for place in np.nonzero(wrong.to_numpy()))
            raise InputError(
                f"'{table[names[column]].iloc[row]}' is not a number",
                where=f"{path}, line {row + 2}, column {names[column]}",
            )
        rows = {gene_id: row for row, gene_id in enumerate(table["gene_id"])}
        return cls(numbers.to_numpy(np.float32), tuple(names), rows, path)

    def fingerprint(self) -> str:
        """Hex digest of the features' names, the genes and their values."""
        digest = hashlib.sha256(repr((self.names, list(self.rows.items()))).encode())
        digest.update(np.ascontiguousarray(self.values).data)
        return digest.hexdigest()

    def lookup(self, gene_ids: Sequence[str]) -> npt.NDArray[np.float32]:
        """Returns ``(len(gene_ids), n_features)``; a gene that is missing has NaN.

        An Ensembl version suffix (``ENSG00000000003.15``) on either side is ignored where the exact id is missing.
        """
        found = np.full((len(gene_ids), len(self.names)), np.nan, np.float32)
        for place, row in enumerate(find_rows(self.rows, gene_ids)):
            if row is not None:
                found[place] = self.values[row]
        return found


def find_rows(rows: Mapping[str, int], gene_ids: Sequence[str]) -> list[int | None]:
    """Finds each gene's row of a table.

    Args:
        rows: Gene id to row.
        gene_ids: The genes looked for. An Ensembl version suffix on either side is ignored where the exact id is
            missing; where several rows differ in nothing else, the first is taken.

    Returns:
        One row per gene; None where there is none.
    """
    bare = {without_version(gene_id): row for gene_id, row in reversed(list(rows.items()))}
    return [rows.get(gene_id, bare.get(without_version(gene_id))) for gene_id in gene_ids]
