"""Features per gene as they are made: a table that ``texcnn predict`` reads, and which genes it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from texcnn.errors import InputError
from texcnn.features.table import SOURCE_COLUMN
from texcnn.files import atomic_files, check_output, open_text, skipped_path
from texcnn.genome.skipped import Skipped, write_skipped
from texcnn.inputs_kept import keep_inputs

_ENDINGS = (".tsv", ".tsv.gz")


@dataclass(frozen=True)
class GeneFeatures:
    """Features and the genes that have none.

    Attributes:
        frame: ``gene_id``, then one column of numbers per feature; NaN where a value is unknown.
        skipped: Genes that are not in ``frame``, and why.
    """

    frame: pd.DataFrame
    skipped: list[Skipped]

    @property
    def n_incomplete(self) -> int:
        """Genes of ``frame`` with an unknown value."""
        return int(self.frame.isna().any(axis=1).sum())

    def write(self, out: Path, *, source: str | None = None) -> None:
        """Writes the table and, next to it, ``<out>.skipped.tsv``; an unknown value is an empty field.

        Args:
            out: The file.
            source: Content of a last column ``source``, which is where features come from in tables of predictions.
        """
        frame = self.frame.astype(dict.fromkeys(self._whole_columns(), np.int64))
        if source is not None:
            frame[SOURCE_COLUMN] = source
        # The list appears first: a table without it would look complete.
        with atomic_files([skipped_path(out), out]) as (listed, temporary):
            write_skipped(listed, self.skipped)
            with open_text(temporary) as handle:
                frame.to_csv(handle, sep="\t", index=False, float_format="%.9g")

    def _whole_columns(self) -> list[str]:
        """Columns of whole numbers only; as such they are written several times as fast."""
        numbers = self.frame.drop(columns="gene_id")
        return numbers.columns[(numbers % 1 == 0).all() & (numbers.abs() < 2**53).all()].tolist()


def check_features_output(out: Path, inputs: Mapping[str, object], *, overwrite: bool) -> None:
    """Refuses an output that cannot be written, before anything is computed.

    Args:
        out: The file.
        inputs: What is read, by argument; see :func:`texcnn.inputs_kept.keep_inputs`.
        overwrite: Whether to replace a table that is already there.

    Raises:
        InputError: when the ending is unknown, the folder unusable, the file there without ``overwrite``, or an input.
    """
    keep_inputs({"out": out}, inputs)
    if not out.name.endswith(_ENDINGS) or out.name in _ENDINGS:
        raise InputError(
            f"unknown format of a feature table '{out.name}'", where="`out`", allowed=f"{' or '.join(_ENDINGS)}"
        )
    check_output(out, overwrite=overwrite)
