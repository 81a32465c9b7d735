"""Measured effects of variants: saturation mutagenesis, labels, signed effects of variants or of whole genes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import pandas as pd

from texcnn.errors import InputError
from texcnn.genome.variant import Variant
from texcnn.text.table import TextTable

LABELS = ("over", "under", "none")
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")


class TruthKind(StrEnum):
    """What a table of measured effects is; its columns say which."""

    SATURATION = "saturation"
    """``chrom pos ref alt coefficient element``, as Kircher et al. 2019 publish them."""
    LABELS = "labels"
    """``chrom pos ref alt label``, and perhaps ``gene_id``."""
    EFFECTS = "effects"
    """``chrom pos ref alt effect``, and perhaps ``gene_id`` and ``significant``."""
    GENE_EFFECTS = "gene effects"
    """``gene_id effect``, and perhaps ``significant``: all variants of a sample together."""


@dataclass(frozen=True, eq=False)
class Truth:
    """Measured effects.

    Attributes:
        path: Their file.
        kind: What they are.
        table: One row per effect that counts: ``variant`` (None for genes), ``group`` (element or gene, for intervals
            and means), ``gene`` (which gene the effect is of; empty where the table does not say), ``hint`` (a name it
            may have), ``effect`` (NaN for labels), ``label`` and ``significant`` (bool).
        left_out: Rows that do not count, with ``reason``.
    """

    path: Path
    kind: TruthKind
    table: pd.DataFrame
    left_out: pd.DataFrame


def read_truth(path: Path, *, min_barcodes: int) -> Truth:
    """Reads measured effects; column names may be in any case.

    Args:
        path: A text table with the columns of one of :class:`TruthKind`.
        min_barcodes: Saturation rows with fewer ``barcodes`` are left out.

    Raises:
        InputError: The table has other columns, no row, or a value that cannot be used.
    """
    frame = read_frame(path)
    kind = _kind_of(list(frame.columns), path)
    table = pd.DataFrame(index=frame.index)
    of_genes = kind is TruthKind.GENE_EFFECTS
    table["variant"] = pd.Series([None] * len(frame) if of_genes else _variants(frame, path), frame.index, dtype=object)
    table["gene"] = frame.get("gene_id", "")
    table["hint"] = ""
    table["label"] = ""
    table["significant"] = _flags(frame["significant"], path) if "significant" in frame else True
    if kind is TruthKind.SATURATION:
        table["group"] = frame["element"]
        table["hint"] = [re.split(r"[.\-_]", element)[0] for element in frame["element"]]
        table["effect"] = read_numbers(frame["coefficient"], path)
    elif kind is TruthKind.LABELS:
        table["label"] = _labels(frame["label"], path)
        table["effect"] = np.nan
        table["group"] = table["gene"]
    else:
        table["effect"] = read_numbers(frame["effect"], path)
        table["group"] = table["gene"]
    reasons = pd.Series("", index=table.index)
    if kind is TruthKind.SATURATION and "barcodes" in frame:
        few = read_numbers(frame["barcodes"], path) < min_barcodes
        reasons[few] = f"fewer than {min_barcodes} barcodes"
    if kind is not TruthKind.LABELS:
        reasons[table["effect"].isna()] = "no measured effect"
    kept = reasons == ""
    if not kept.any():
        raise InputError("no row of the table can be used", where=path, allowed=f"rows without: {reasons.iloc[0]}")
    left_out = frame[~kept].assign(reason=reasons[~kept])
    return Truth(path, kind, table[kept].reset_index(drop=True), left_out.reset_index(drop=True))


def read_frame(path: Path) -> pd.DataFrame:
    """Reads a table as text, indexed by line number; names of columns in lower case, without the ``#`` of ``#CHROM``.

    Raises:
        InputError: The table cannot be read, or has no row.
    """
    text = TextTable(path, comments=False)
    rows = list(text.rows())
    if not rows:
        raise InputError("the table has no row", where=path)
    names = [name.lower().removeprefix("#") for name in text.names]
    return pd.DataFrame([fields for _, fields in rows], columns=names, index=[number for number, _ in rows], dtype=str)


def _kind_of(names: list[str], path: Path) -> TruthKind:
    alleles = {"chrom", "pos", "ref", "alt"} <= set(names)
    if alleles and {"coefficient", "element"} <= set(names):
        return TruthKind.SATURATION
    if alleles and "label" in names:
        return TruthKind.LABELS
    if "effect" in names and (alleles or "gene_id" in names):
        return TruthKind.EFFECTS if alleles else TruthKind.GENE_EFFECTS
    raise InputError(
        f"no measured effects among the columns {', '.join(names)}", where=path,
        allowed="chrom pos ref alt coefficient element, chrom pos ref alt label, chrom pos ref alt effect, or "
        "gene_id effect",
    )  # fmt: skip


def _variants(frame: pd.DataFrame, path: Path) -> list[Variant]:
    """One per row, ``-`` as an allele without bases; the number of the row is its id, by which it is found again."""
    variants = []
    for line, row in frame.iterrows():
        if not row["pos"].isdigit() or int(row["pos"]) < 1:
            raise InputError(f"unusable position '{row['pos']}'", where=f"{path}, line {line}", allowed="1 or more")
        ref, alt = (row[name].replace("-", "").upper() for name in ("ref", "alt"))
        variants.append(Variant(row["chrom"], int(row["pos"]) - 1, ref, alt, id=f"line{line}"))
    return variants


def read_numbers(column: pd.Series, path: Path) -> pd.Series:
    """Returns a column of :func:`read_frame` as numbers, NaN where it is empty, NA or ``.``.

    Raises:
        InputError: A field is something else.
    """
    return _each(
        column, path, lambda text: np.nan if text.lower() in ("", "na", "nan", ".") else float(text), "a number"
    )


def _flags(column: pd.Series, path: Path) -> pd.Series:
    known: Mapping[str, bool] = dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False)
    return _each(column, path, lambda text: known[text.lower()], f"{', '.join(_TRUE + _FALSE)}").astype(bool)


def _labels(column: pd.Series, path: Path) -> pd.Series:
    known = {label: label for label in LABELS}
    return _each(column, path, lambda text: known[text.lower()], ", ".join(LABELS))


def _each(column: pd.Series, path: Path, read: Callable[[str], object], allowed: str) -> pd.Series:
    values = []
    for line, text in column.items():
        try:
            values.append(read(text))
        except (ValueError, KeyError) as error:
            raise InputError(
                f"unusable value '{text}'", where=f"{path}, line {line}, column '{column.name}'", allowed=allowed
            ) from error
    return pd.Series(values, index=column.index)
