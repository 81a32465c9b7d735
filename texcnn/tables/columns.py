"""The columns of every table, in one place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from texcnn.errors import InputError
from texcnn.genome.gene import Gene
from texcnn.typed_json import check_types, parse_object

TRANSCRIPT_ID = "transcript_id"
"""Stands after ``gene_name`` in tables with one row per transcript."""

METADATA_KEY = b"texcnn"
"""Key of the run's description in a Parquet file's schema."""


def gene_columns(*, transcripts: bool) -> tuple[str, ...]:
    """Returns the columns that stand before the cell types; ``tss`` is 1-based."""
    names = ("gene_id", "gene_name", TRANSCRIPT_ID, "chrom", "tss", "strand", "n_fraction")
    return names if transcripts else tuple(name for name in names if name != TRANSCRIPT_ID)


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

    def to_json(self) -> str:
        """Returns the description as JSON."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_parquet(cls, schema: pa.Schema, where: object) -> TableDescription:
        """Reads the description out of a Parquet file's schema.

        Raises:
            InputError: when the file was not written by ``texcnn predict``.
        """
        try:
            values = parse_object((schema.metadata or {})[METADATA_KEY], where=where, error=InputError)
            check_types(cls, values, where=where, error=InputError)
            return cls(**{**values, "cell_types": tuple(values["cell_types"])})
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                "not a table of predictions", where=where, allowed="Parquet written by texcnn predict"
            ) from error

    def schema(self) -> pa.Schema:
        """Returns the Arrow schema of the table, the description in its metadata."""
        types = {"tss": pa.int64(), "n_fraction": pa.float64()}
        entries = [(name, types.get(name, pa.string())) for name in gene_columns(transcripts=self.transcripts)]
        entries += [(name, pa.float32()) for name in self.cell_types]
        return pa.schema(entries, metadata={METADATA_KEY: self.to_json().encode()})


def prediction_frame(
    genes: Sequence[Gene],
    n_fraction: Sequence[float],
    values: npt.NDArray[np.float32],
    cell_types: Sequence[str],
    *,
    transcripts: bool,
) -> pd.DataFrame:
    """Builds rows of the table of predictions.

    Args:
        genes: One per row.
        n_fraction: Fraction of unknown bases in each gene's window.
        values: ``(n_genes, n_cell_types)``.
        cell_types: Names of the value columns.
        transcripts: Whether to name the transcript of each row.

    Returns:
        A frame with :func:`gene_columns`, then one float32 column per cell type.
    """
    columns: dict[str, object] = {
        "gene_id": [gene.id for gene in genes],
        "gene_name": [gene.name for gene in genes],
        TRANSCRIPT_ID: [gene.transcript_id for gene in genes],
        "chrom": [gene.chrom for gene in genes],
        "tss": np.array([gene.tss + 1 for gene in genes], np.int64),
        "strand": [gene.strand for gene in genes],
        "n_fraction": np.array(n_fraction, np.float64),
    }
    frame = pd.DataFrame({name: columns[name] for name in gene_columns(transcripts=transcripts)})
    predicted = pd.DataFrame(values, columns=pd.Index(list(cell_types)), dtype=np.float32)
    return pd.concat([frame, predicted], axis=1)
