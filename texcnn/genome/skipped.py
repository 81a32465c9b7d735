"""Rows of the input that give no result, and the list of them next to every table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from texcnn.errors import InputError
from texcnn.text.lines import PathLike
from texcnn.text.table import TextTable

_VALUE = re.compile(r"'[^']*'|\b\d[\d,]*(?:\.\d+)?%?")
"""What differs between reasons of one kind: names in quotes, and numbers."""

SKIPPED_COLUMNS = ("gene_id", "reason")


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row of the input that gives no result, and why."""

    gene_id: str
    reason: str


def skipped_frame(skipped: Sequence[Skipped]) -> pd.DataFrame:
    """Builds the list as a table: ``gene_id reason``."""
    rows = [(entry.gene_id, entry.reason) for entry in skipped]
    return pd.DataFrame(rows, columns=list(SKIPPED_COLUMNS), dtype=str)


def write_skipped(path: Path, skipped: Sequence[Skipped]) -> None:
    """Writes the list, to a temporary file where it belongs to a table; a header alone means that there were none."""
    skipped_frame(skipped).to_csv(path, sep="\t", index=False)


def read_skipped(path: PathLike) -> list[Skipped]:
    """Reads what :func:`write_skipped` wrote.

    Raises:
        InputError: when the file is missing, unreadable or has other columns.
    """
    table = TextTable(path, comments=False)
    if table.names != SKIPPED_COLUMNS:
        raise InputError("not a list of skipped genes", where=path, allowed="the columns gene_id and reason")
    return [Skipped(*fields) for _, fields in table.rows()]


def count_reasons(skipped: Sequence[Skipped]) -> list[tuple[str, int]]:
    """Counts reasons, most frequent first.

    Reasons that differ in names and numbers only are one kind. What all of a kind share is kept; what differs becomes
    ``…``, with the first one's in brackets: ``chromosome … is not in the FASTA (first: 'chrUn_1')``.
    """
    kinds: dict[str, list[str]] = {}
    for entry in skipped:
        kinds.setdefault(_VALUE.sub("…", entry.reason), []).append(entry.reason)
    counted = [(_blend(reasons), len(reasons)) for reasons in kinds.values()]
    return sorted(counted, key=lambda kind: -kind[1])


def _blend(reasons: Sequence[str]) -> str:
    first = reasons[0]
    values = [_VALUE.findall(reason) for reason in dict.fromkeys(reasons)]
    differs = [len(set(found)) > 1 for found in zip(*values, strict=True)]
    if not any(differs):
        return first
    places = iter(differs)
    blended = _VALUE.sub(lambda found: "…" if next(places) else found[0], first)
    shown = ", ".join(value for value, other in zip(values[0], differs, strict=True) if other)
    return f"{blended} (first: {shown})"
