"""Compares a table with an earlier one: rows, skipped rows and values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from texcnn.files import skipped_path
from texcnn.genome.skipped import Skipped, read_skipped
from texcnn.tables.predictions import Predictions, open_predictions

_TOLERANCE = {True: 0.001, False: 0.05}
"""How far values may differ, by whether the encoders computed in the same type: machines round differently."""

_SHOWN = 5


@dataclass(frozen=True)
class Expectation:
    """What was compared.

    Attributes:
        file: Name of the earlier table.
        agreed: A sentence per comparison that came out as expected.
        differences: A sentence per comparison that did not.
    """

    file: str
    agreed: tuple[str, ...]
    differences: tuple[str, ...]

    @property
    def met(self) -> bool:
        """Whether everything came out as expected."""
        return not self.differences


def compare_with_expected(table: Predictions, skipped: Sequence[Skipped] | None, path: Path) -> Expectation:
    """Compares a table with an earlier one.

    Args:
        table: The table.
        skipped: Its skipped rows; None where they are not known.
        path: The earlier table, its list of skipped rows next to it.

    Raises:
        InputError: when the earlier table or its list cannot be read.
    """
    earlier = open_predictions(path)
    notes = [_compare_rows(table, earlier)]
    if skipped is not None and skipped_path(path).is_file():
        notes.append(_compare_skipped(skipped, read_skipped(skipped_path(path))))
    notes.append(_compare_values(table, earlier))
    agreed = tuple(text for met, text in notes if met)
    return Expectation(path.name, agreed, tuple(text for met, text in notes if not met))


_Note = tuple[bool, str]


def _compare_rows(table: Predictions, earlier: Predictions) -> _Note:
    found, wanted = (list(each.frame["gene_id"]) for each in (table, earlier))
    if found == wanted:
        return True, f"{len(found):,} rows, the expected ones, in the expected order."
    more, less = (_names(set(a) - set(b)) for a, b in ((found, wanted), (wanted, found)))
    return False, f"{len(found):,} rows, {len(wanted):,} expected; not expected: {more}; missing: {less}."


def _compare_skipped(found: Sequence[Skipped], wanted: Sequence[Skipped]) -> _Note:
    shown = "; ".join(f"{entry.gene_id}: {entry.reason}" for entry in found[:_SHOWN]) or "none"
    if set(found) == set(wanted):
        return True, f"{len(found):,} skipped, as expected ({shown})."
    return False, f"{len(found):,} skipped, {len(wanted):,} expected, or for other reasons ({shown})."


def _compare_values(table: Predictions, earlier: Predictions) -> _Note:
    new, old = table.description, earlier.description
    allowed = _TOLERANCE[new.dtype == old.dtype]
    rows = table.frame["gene_id"].isin(earlier.frame["gene_id"])
    shared = [name for name in new.cell_types if name in old.cell_types]
    before = earlier.frame.set_index("gene_id")[shared].loc[table.frame.loc[rows, "gene_id"]].to_numpy(np.float64)
    difference = np.abs(table.frame.loc[rows, shared].to_numpy(np.float64) - before).max(initial=0)
    note = f"The {before.size:,} values differ by {difference:.1g} at most; {allowed} is allowed."
    if difference > allowed and new.model_fingerprint != old.model_fingerprint:
        note += f" Another model, or another version of {old.model}, made the expected table."
    return bool(difference <= allowed and new.unit == old.unit), note


def _names(ids: set[str]) -> str:
    shown = sorted(ids)[:_SHOWN]
    return (", ".join(shown) + (" …" if len(ids) > _SHOWN else "")) or "none"
