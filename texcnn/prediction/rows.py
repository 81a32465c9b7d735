"""Predicted windows as rows of the table: in the wanted unit, with percentile and interval; or skipped, with reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from texcnn.errors import InputError
from texcnn.features.table import FeatureTable
from texcnn.genome.gene import Gene
from texcnn.genome.skipped import Skipped
from texcnn.model.model import Model
from texcnn.model.predict_windows import PredictedWindows, WindowStatus
from texcnn.prediction.options import PredictOptions
from texcnn.tables.columns import (
    FEATURES,
    IN_TRAINING,
    LOWER,
    MEMBER_SPREAD,
    PERCENTILE,
    UPPER,
    prediction_frame,
    spread_columns,
    without_summaries,
)
from texcnn.tables.units import above_floor, linear_unit, to_linear


@dataclass(frozen=True)
class PredictedRows:
    """Some rows of the table of predictions, and the genes of the same chunk that have none."""

    frame: pd.DataFrame
    skipped: list[Skipped]


def extra_columns(model: Model) -> tuple[str, ...]:
    """Returns those of :data:`texcnn.tables.columns.EXTRA_COLUMNS` that a model can fill."""
    reference = model.reference
    there = {
        FEATURES: bool(model.config.features),
        IN_TRAINING: reference is not None and bool(reference.parts),
        PERCENTILE: reference is not None and reference.has_percentiles,
    }
    return tuple(name for name, filled in there.items() if filled)


def spread_endings(model: Model) -> tuple[str, ...]:
    """Returns those of :data:`texcnn.tables.columns.SPREAD_ENDINGS` that a model can fill."""
    intervals = (LOWER, UPPER) if model.reference is not None and model.reference.has_intervals else ()
    return (*intervals, *((MEMBER_SPREAD,) if model.member_weights else ()))


def spread_of_members(members: npt.NDArray[np.float32], weights: Sequence[float]) -> npt.NDArray[np.float32]:
    """Returns the standard deviation of what the members of an ensemble predict, with their weights.

    Args:
        members: ``(n_members, n, n_cell_types)``, NaN where a member predicts nothing.
        weights: Each member's share of the mean.

    Returns:
        ``(n, n_cell_types)``; NaN where fewer than two members predict something.
    """
    there = ~np.isnan(members)
    share = there * np.asarray(weights, np.float64)[:, None, None]
    total = np.where(there.sum(axis=0) > 1, share.sum(axis=0), np.nan)
    known = np.where(there, members, 0).astype(np.float64)
    mean = (share * known).sum(axis=0) / total
    return np.sqrt((share * (known - mean) ** 2).sum(axis=0) / total).astype(np.float32)


def unit_of_table(model: Model, options: PredictOptions) -> str:
    """Returns the unit of the values.

    Raises:
        InputError: when ``linear`` is set and they have no logarithm.
    """
    if not options.linear:
        return model.unit
    unit = linear_unit(model.unit)
    if unit is None:
        raise InputError(
            f"the model '{model.name}' predicts {model.unit}, which is not a logarithm", where="`linear`",
            allowed="models of log10(x + 0.1)", remedy="leave it out",
        )  # fmt: skip
    return unit


class RowMaker:
    """Turns predicted windows into rows of the table, and into skipped genes with their reasons.

    Args:
        model: The model.
        options: Which cell types, in which unit, and whether with intervals and spread.
        features: The table that genes without features lack.
        transcripts: Whether rows name their transcript.

    Raises:
        InputError: when the model lacks what an option needs.
    """

    def __init__(
        self, model: Model, options: PredictOptions, features: FeatureTable | None, *, transcripts: bool
    ) -> None:
        unit_of_table(model, options)
        self._endings = spread_endings(model) if options.spread else ()
        if options.spread and not self._endings:
            raise InputError(
                f"the model '{model.name}' has no errors on held-out genes, and is no ensemble",
                where="`spread`", remedy="leave it out, or use a model whose bundle has intervals",
            )  # fmt: skip
        self._model, self._options = model, options
        self._columns = model.cell_type_columns(options.cell_types)
        names = [model.cell_types[column] for column in self._columns]
        self._real = without_summaries(names)
        self._names = [*names, *spread_columns(names, self._endings)]
        self._extra = extra_columns(model)
        self._limit = model.n_limit(options.max_n_fraction)
        self._table = features
        self._transcripts = transcripts

    def make(
        self,
        genes: Sequence[Gene],
        n_fraction: Sequence[float],
        predicted: PredictedWindows,
        sources: Sequence[str] | None = None,
    ) -> PredictedRows:
        """Makes the rows of some genes.

        Args:
            genes: The genes.
            n_fraction: Share of N of each gene's window.
            predicted: Their values and statuses.
            sources: Where the features of each come from; None for a model without features.
        """
        kept = [row for row, status in enumerate(predicted.status) if status is WindowStatus.OK]
        skipped = [
            Skipped(gene.id, self._reason(gene, status, share))
            for gene, status, share in zip(genes, predicted.status, n_fraction, strict=True)
            if status is not WindowStatus.OK
        ]
        frame = self._frame(
            [genes[row] for row in kept],
            [n_fraction[row] for row in kept],
            predicted.values[kept][:, self._columns],
            [] if sources is None else [sources[row] for row in kept],
            None if predicted.members is None else predicted.members[:, kept][..., self._columns],
        )
        return PredictedRows(frame, skipped)

    def empty(self) -> PredictedRows:
        """Makes a table without rows."""
        none = np.zeros((0, len(self._columns)), np.float32)
        return PredictedRows(self._frame([], [], none, [], none[None]), [])

    def _frame(
        self,
        genes: Sequence[Gene],
        n_fraction: Sequence[float],
        predicted: npt.NDArray[np.float32],
        sources: Sequence[str],
        members: npt.NDArray[np.float32] | None,
    ) -> pd.DataFrame:
        reference = self._model.reference
        values = above_floor(predicted, self._model.unit)
        extra: dict[str, Sequence[object] | npt.NDArray[np.float64]] = {}
        if FEATURES in self._extra:
            extra[FEATURES] = sources
        if reference is not None and IN_TRAINING in self._extra:
            extra[IN_TRAINING] = [reference.part(gene) for gene in genes]
        if reference is not None and PERCENTILE in self._extra:
            real = [self._columns[place] for place in self._real]
            extra[PERCENTILE] = reference.percentiles(values[:, self._real], real)
        shown = np.concatenate([self._in_unit(values), self._spread(values, members)], axis=1)
        return prediction_frame(genes, n_fraction, shown, self._names, transcripts=self._transcripts, extra=extra)

    def _spread(
        self, values: npt.NDArray[np.float32], members: npt.NDArray[np.float32] | None
    ) -> npt.NDArray[np.float32]:
        """The columns behind the cell types, in the table's unit."""
        ends: list[npt.NDArray[np.float32]] = []
        if self._model.reference is not None and LOWER in self._endings:
            ends += [self._in_unit(end) for end in self._model.reference.interval(values, self._columns)]
        if members is not None and MEMBER_SPREAD in self._endings:
            ends.append(spread_of_members(self._in_unit(members), self._model.member_weights))
        return np.stack(ends, axis=2).reshape(len(values), len(ends) * values.shape[1]) if ends else values[:, :0]

    def _in_unit(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Values of the model as the table has them: nothing below the floor, without the logarithm if ``linear``."""
        values = above_floor(values, self._model.unit)
        return to_linear(values) if self._options.linear else values

    def _reason(self, gene: Gene, status: WindowStatus, n_fraction: float) -> str:
        transcript = f" (transcript {gene.transcript_id})" if self._transcripts else ""
        if status is WindowStatus.NO_FEATURES:
            return f"no complete features in {self._table.path.name if self._table else 'the table'}{transcript}"
        if status is WindowStatus.TOO_MANY_N:
            return f"{n_fraction:.2%} of the window are N, more than {self._limit:.0%}{transcript}"
        return f"no segment of the window has enough known bases, {n_fraction:.2%} are N{transcript}"
