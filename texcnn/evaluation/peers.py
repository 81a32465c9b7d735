"""Published peers: predictions that others made, next to the model's on the genes that both have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from texcnn.errors import InputError, unknown_name
from texcnn.evaluation.join import PredictionTable, read_prediction_table
from texcnn.evaluation.metrics import UNIT_METRICS, cell_type_metrics
from texcnn.features.table import find_rows
from texcnn.genome.annotation import without_version


@dataclass(frozen=True)
class Peer:
    """One value per gene, from a model that is not ours.

    Attributes:
        name: What tables call it.
        table: Its only column of values, as it was read.
        scale: ``(slope, offset)`` that bring a value to the unit of the measured ones, slope * value + offset; None
            where it is not known, and then no metric of :data:`texcnn.evaluation.metrics.UNIT_METRICS` is given. It is
            never fitted here: on the genes that are evaluated it would flatter the peer.
    """

    name: str
    table: PredictionTable
    scale: tuple[float, float] | None = None

    @property
    def values(self) -> pd.Series:
        """Gene id to value, in the measured values' unit where the scale is known."""
        slope, offset = self.scale or (1.0, 0.0)
        return slope * self.table.values.iloc[:, 0] + offset


@dataclass(frozen=True)
class Comparison:
    """A peer and the model on the same genes.

    Attributes:
        peer: The peer's table of :func:`texcnn.evaluation.metrics.cell_type_metrics`.
        model: The model's, with the same draws of genes.
        missing: Genes that were evaluated and that the peer lacks: ``kind name missing_in reason``.
    """

    peer: pd.DataFrame
    model: pd.DataFrame
    missing: pd.DataFrame


def read_peers(tables: Sequence[str], scales: Sequence[str] = ()) -> list[Peer]:
    """Reads the peers that a user names.

    Args:
        tables: ``NAME=TABLE`` or ``NAME=TABLE:COLUMN`` each. The table is one of :func:`read_prediction_table`; of
            several columns of values one must be named.
        scales: ``NAME=SLOPE,OFFSET`` of the peers whose unit is known; 1,0 where it is that of the measured values.

    Raises:
        InputError: when an argument or a table cannot be used, or a gene is there under two Ensembl versions.
    """
    named = peer_tables(tables)
    known = {name: _scale(text) for name, text in _by_name(scales, "peer_scales", "NAME=SLOPE,OFFSET").items()}
    for name in known:
        if name not in named:
            raise unknown_name("peer", name, named, where="`peer_scales`")
    return [Peer(name, _read(text), known.get(name)) for name, text in named.items()]


def compare(
    peer: Peer, predicted: pd.DataFrame, true: pd.DataFrame, *, bootstrap: int = 0, seed: int = 0
) -> Comparison:
    """Judges a peer and the model on the genes that both have; the peer's value counts in every cell type.

    Args:
        peer: The peer.
        predicted: The model's, genes x cell types.
        true: The same genes and cell types, measured.
        bootstrap: As of :func:`texcnn.evaluation.metrics.cell_type_metrics`.
        seed: As above.

    Raises:
        InputError: when the peer has no value for any of the genes.
    """
    rows = {str(gene_id): row for row, gene_id in enumerate(peer.table.values.index)}
    gene_ids = [str(gene_id) for gene_id in true.index]
    found = find_rows(rows, gene_ids)
    column = peer.values.to_numpy(np.float64)
    values = np.array([np.nan if row is None else column[row] for row in found])
    has = ~np.isnan(values)
    if not has.any():
        raise InputError(
            f"the peer '{peer.name}' has none of the {len(gene_ids)} genes that are evaluated", where="`peers`",
            allowed=f"gene ids such as '{gene_ids[0]}'", remedy=f"it has such as '{peer.table.values.index[0]}'",
        )  # fmt: skip
    predicted, true = predicted[has], true[has]
    # A gene that the model lacks in one cell type is not a gene of both there.
    theirs = pd.DataFrame(np.tile(values[has, None], (1, true.shape[1])), true.index, true.columns)
    figures = cell_type_metrics(theirs.where(predicted.notna()), true, bootstrap=bootstrap, seed=seed)
    if peer.scale is None:
        figures[[f"{metric}{bound}" for metric in UNIT_METRICS for bound in ("", "_low", "_high")]] = np.nan
    missing = [
        ("gene", gene_id, f"peer {peer.name}", _reason(peer, gene_id, row))
        for gene_id, row, there in zip(gene_ids, found, has, strict=True)
        if not there
    ]
    return Comparison(
        figures,
        cell_type_metrics(predicted, true, bootstrap=bootstrap, seed=seed),
        pd.DataFrame(missing, columns=["kind", "name", "missing_in", "reason"], dtype=str),
    )


def _reason(peer: Peer, gene_id: str, row: int | None) -> str:
    absent = "no row in the peer's table" if row is None else "no value in the peer's table"
    return peer.table.skipped.get(without_version(gene_id), absent)


def peer_tables(peers: Sequence[str]) -> dict[str, str]:
    """Returns what is behind each name of ``NAME=TABLE`` or ``NAME=TABLE:COLUMN``.

    Raises:
        InputError: A text has another form, or a name is there twice.
    """
    return _by_name(peers, "peers", "NAME=TABLE or NAME=TABLE:COLUMN")


def _by_name(given: Sequence[str], argument: str, form: str) -> dict[str, str]:
    named: dict[str, str] = {}
    for text in given:
        name, _, rest = (part.strip() for part in text.partition("="))
        if not name or not rest:
            raise InputError(f"unusable value '{text}'", where=f"`{argument}`", allowed=form)
        if name in named:
            raise InputError(
                f"the peer '{name}' is given twice", where=f"`{argument}`", remedy="give each another name"
            )
        named[name] = rest
    return named


def _scale(text: str) -> tuple[float, float]:
    try:
        slope, offset = (float(number) for number in text.split(","))
    except ValueError:
        slope, offset = 0.0, 0.0
    if slope == 0 or not np.isfinite([slope, offset]).all():
        raise InputError(
            f"unusable scale '{text}'", where="`peer_scales`",
            allowed="SLOPE,OFFSET: two finite numbers, the first not 0; measured unit = SLOPE * value + OFFSET",
        )  # fmt: skip
    return slope, offset


def _read(text: str) -> PredictionTable:
    path, column = (Path(text), "") if Path(text).exists() else _cut(text)
    table = read_prediction_table(path, only=column or None)
    if table.values.shape[1] > 1:
        raise InputError(
            f"the table has {table.values.shape[1]} columns of values", where=path,
            allowed="one value per gene", remedy=f"name the column, such as {path}:{table.values.columns[0]}",
        )  # fmt: skip
    bare = table.values.index.map(without_version)
    if bare.has_duplicates:
        raise InputError(
            f"'{bare[bare.duplicated()][0]}' is there twice, under two versions", where=path, allowed="one row per gene"
        )
    return table


def _cut(text: str) -> tuple[Path, str]:
    """The file and the column; a column's name may hold colons, as those of ontologies do."""
    path, _, column = text.partition(":")
    return Path(path), column
