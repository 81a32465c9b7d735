"""The columns of every table, in one place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from texcnn.errors import InputError
from texcnn.genome.gene import Gene
from texcnn.typed_json import check_types, parse_object

TRANSCRIPT_ID = "transcript_id"
"""Follows ``gene_name`` in tables with one row per transcript."""

METADATA_KEY = b"texcnn"
"""Key of the run's description in a Parquet file's schema."""

RUN_KEY = b"texcnn_run"
"""Key of what else the file has on its run: the annotation's name and the command."""


FEATURES, IN_TRAINING, PERCENTILE = EXTRA_COLUMNS = ("features", "in_training", "percentile")
"""Columns behind ``n_fraction`` in tables of models that can fill them.

``features``: ``given``, ``computed`` or ``default``, for a model that takes extra inputs. ``in_training``: ``train``,
``valid`` or ``test``, the gene's part of the model's split, or ``unknown``. ``percentile``: percent of the model's
reference genes whose mean over the table's cell types is lower.
"""

IN_TRAINING_UNKNOWN = "unknown"

SUMMARIES = ("median", "mean")
"""Outputs that are not cell types; a mean over cell types leaves them out."""


def gene_columns(*, transcripts: bool, extra: Sequence[str] = ()) -> tuple[str, ...]:
    """Returns the columns before the cell types; ``tss`` is 1-based.

    Args:
        transcripts: Whether there is one row per transcript.
        extra: Those of :data:`EXTRA_COLUMNS` that are there.
    """
    names = ("gene_id", "gene_name", TRANSCRIPT_ID, "chrom", "tss", "strand", "n_fraction", *extra)
    return names if transcripts else tuple(name for name in names if name != TRANSCRIPT_ID)


LOWER, UPPER, MEMBER_SPREAD = SPREAD_ENDINGS = ("lower", "upper", "spread")
"""Endings of the columns behind the cell types in tables that have them.

``lower`` and ``upper``: the ends of the 90 % interval. ``spread``: the standard deviation of what the members of an
ensemble predict, in the table's unit.
"""


def spread_columns(cell_types: Sequence[str], endings: Sequence[str] = SPREAD_ENDINGS) -> tuple[str, ...]:
    """Returns the columns behind the cell types: each name with each of some of :data:`SPREAD_ENDINGS`."""
    return tuple(f"{name}.{ending}" for name in cell_types for ending in endings)


def without_summaries(cell_types: Sequence[str]) -> list[int]:
    """Returns the places of real cell types; of all outputs where there are only summaries."""
    places = [place for place, name in enumerate(cell_types) if name.lower() not in SUMMARIES]
    return places or list(range(len(cell_types)))


@dataclass(frozen=True)
class TableDescription:
    """How a table of predictions came about; travels with it.

    Attributes:
        cell_types: The columns after the gene's own, in order.
        unit: Unit of their values.
        model: The model's name.
        model_fingerprint: Digest of the model's config and weights.
        fasta: Name of the genome's file.
        fasta_fingerprint: Digest of the genome's file.
        texcnn_version: The package's version.
        transcripts: Whether there is one row per transcript.
        dtype: Type of the encoders' matrix products.
        features: Where the model's extra inputs came from: a table's name, ``defaults``, or ``none`` for a model
            without any.
        features_fingerprint: Digest of their table, or of the annotation they were computed from.
        extra_columns: Those of :data:`EXTRA_COLUMNS` that the table has.
        spread: Whether it has the ends of intervals.
        member_spread: Whether it has the spread of an ensemble's members.
        max_n_fraction: Genes with a larger share of N in their window are among the skipped; None for any share.
    """

    cell_types: tuple[str, ...]
    unit: str
    model: str
    model_fingerprint: str
    fasta: str
    fasta_fingerprint: str
    texcnn_version: str
    transcripts: bool = False
    dtype: str = "float32"
    features: str = "none"
    features_fingerprint: str = ""
    extra_columns: tuple[str, ...] = ()
    spread: bool = False
    member_spread: bool = False
    max_n_fraction: float | None = None

    @property
    def gene_columns(self) -> tuple[str, ...]:
        """The columns before the cell types."""
        return gene_columns(transcripts=self.transcripts, extra=self.extra_columns)

    @property
    def spread_endings(self) -> tuple[str, ...]:
        """Those of :data:`SPREAD_ENDINGS` that the table has."""
        return (*((LOWER, UPPER) if self.spread else ()), *((MEMBER_SPREAD,) if self.member_spread else ()))

    @property
    def value_columns(self) -> tuple[str, ...]:
        """The cell types' columns, and those of their intervals and spread."""
        return (*self.cell_types, *spread_columns(self.cell_types, self.spread_endings))

    def to_json(self) -> str:
        """Returns the description as JSON."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str | bytes, where: object) -> TableDescription:
        """Reads what :meth:`to_json` wrote; further entries about the run are ignored.

        Raises:
            InputError: when the table was not written by ``texcnn predict``.
        """
        values = parse_object(text, where=where, error=InputError)
        if "cell_types" not in values:
            raise InputError("not a table of predictions", where=where, allowed="a table written by texcnn predict")
        known: dict[str, Any] = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        check_types(cls, known, where=where, error=InputError)
        return cls(**{**known, **{name: tuple(known.get(name, ())) for name in ("cell_types", "extra_columns")}})

    @classmethod
    def from_parquet(cls, schema: pa.Schema, where: object) -> TableDescription:
        """Reads the description out of a Parquet file's schema.

        Raises:
            InputError: when the file was not written by ``texcnn predict``.
        """
        text = (schema.metadata or {}).get(METADATA_KEY)
        if text is None:
            raise InputError("not a table of predictions", where=where, allowed="Parquet written by texcnn predict")
        return cls.from_json(text, where)

    def schema(self, provenance: Mapping[str, str] | None = None) -> pa.Schema:
        """Returns the Arrow schema of the table, with the description and how the table came about in its metadata."""
        types = {"tss": pa.int64(), "n_fraction": pa.float64(), PERCENTILE: pa.float64()}
        entries = [(name, types.get(name, pa.string())) for name in self.gene_columns]
        entries += [(name, pa.float32()) for name in self.value_columns]
        run = {RUN_KEY: json.dumps(dict(provenance)).encode()} if provenance else {}
        return pa.schema(entries, metadata={METADATA_KEY: self.to_json().encode(), **run})


def prediction_frame(
    genes: Sequence[Gene],
    n_fraction: Sequence[float],
    values: npt.NDArray[np.float32],
    names: Sequence[str],
    *,
    transcripts: bool,
    extra: Mapping[str, Sequence[object] | npt.NDArray[np.float64]] | None = None,
) -> pd.DataFrame:
    """Builds rows of the table of predictions.

    Args:
        genes: One per row.
        n_fraction: Fraction of unknown bases in each gene's window.
        values: ``(n_genes, len(names))``.
        names: Names of the value columns.
        transcripts: Whether to name the transcript of each row.
        extra: Some of :data:`EXTRA_COLUMNS`, with a value per gene.

    Returns:
        A frame with :func:`gene_columns`, then one float32 column per name.
    """
    extra = extra or {}
    columns: dict[str, object] = {
        "gene_id": [gene.id for gene in genes],
        "gene_name": [gene.name for gene in genes],
        TRANSCRIPT_ID: [gene.transcript_id for gene in genes],
        "chrom": [gene.chrom for gene in genes],
        "tss": np.array([gene.tss + 1 for gene in genes], np.int64),
        "strand": [gene.strand for gene in genes],
        "n_fraction": np.array(n_fraction, np.float64),
        **extra,
    }
    shown = gene_columns(transcripts=transcripts, extra=list(extra))
    frame = pd.DataFrame({name: columns[name] for name in shown})
    predicted = pd.DataFrame(values, columns=pd.Index(list(names)), dtype=np.float32)
    return pd.concat([frame, predicted], axis=1)
