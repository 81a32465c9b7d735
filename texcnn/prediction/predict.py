"""The verb ``predict``: from a genome and genes to a table of expression."""

from __future__ import annotations

from os import PathLike
from typing import Any, overload

import pandas as pd

from texcnn.arguments import to_path
from texcnn.genome.skipped import skipped_frame
from texcnn.inputs_kept import keep_inputs
from texcnn.keywords import check_flags, options_from
from texcnn.model.load import load_model
from texcnn.model.model import Model
from texcnn.prediction.options import PredictOptions
from texcnn.prediction.table import PredictionRun, TableCounts, no_prediction, open_prediction, write_prediction
from texcnn.tables.writers import check_table_output


@overload
def predict(
    model: Model | str | PathLike[str] | None = None,
    fasta: str | PathLike[str] | None = None,
    *,
    out: None = None,
    overwrite: bool = False,
    options: PredictOptions | None = None,
    progress: bool = False,
    **keywords: Any,
) -> pd.DataFrame: ...


@overload
def predict(
    model: Model | str | PathLike[str] | None = None,
    fasta: str | PathLike[str] | None = None,
    *,
    out: str | PathLike[str],
    overwrite: bool = False,
    options: PredictOptions | None = None,
    progress: bool = False,
    **keywords: Any,
) -> TableCounts: ...


def predict(
    model: Model | str | PathLike[str] | None = None,
    fasta: str | PathLike[str] | None = None,
    *,
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
    options: PredictOptions | None = None,
    progress: bool = False,
    **keywords: Any,
) -> pd.DataFrame | TableCounts:
    """Predicts expression of genes.

    ``texcnn.predict(None, "genome.fa", gtf="genes.gtf", cell_types=["K562"])``

    Args:
        model: A model, or what :func:`texcnn.load_model` takes; None for the bundled default.
        fasta: Genome, plain or BGZF; None with ``embeddings``.
        out: Table to write, in the format of its ending: .tsv, .tsv.gz, .parquet or .h5ad. None returns the rows.
        overwrite: Whether to replace a table that is already there.
        options: Which genes and cell types, and how to compute.
        progress: Whether to show progress.
        keywords: Fields in place of ``options``: those of :class:`~texcnn.prediction.options.PredictOptions`,
            :class:`~texcnn.genome.select.GeneSelection` and :class:`~texcnn.embedding.options.ComputeOptions`.

    Returns:
        Without ``out`` the table, in input order: ``gene_id gene_name chrom tss strand n_fraction``, those of
        :data:`~texcnn.tables.columns.EXTRA_COLUMNS` that the model can fill, then one column per cell type, and with
        ``spread`` those of :data:`~texcnn.tables.columns.SPREAD_ENDINGS` that it can fill; its ``attrs`` have ``unit``,
        ``model``, ``genome``, ``features`` and ``skipped``, which lists the genes without a row, each a dict of
        ``gene_id`` and ``reason``. With ``out`` the number of rows, and of genes listed in ``<out>.skipped.tsv`` for
        which reasons.

    Raises:
        InputError: when the input cannot be used.
        ModelError: when there is no such model, or it cannot be trusted.
        StoreError: when the store was not made for the model.
    """
    chosen = options_from(PredictOptions, options, keywords)
    check_flags(overwrite=overwrite, progress=progress)
    if out is not None:
        keep_inputs({"out": to_path(out, "out")}, {"fasta": fasta, "options": chosen})
        check_table_output(to_path(out, "out"), overwrite=overwrite)
    loaded = model if isinstance(model, Model) else load_model(model)
    if chosen.grid_segments:
        loaded = loaded.with_segment_grid()
    genome = None if fasta is None else to_path(fasta, "fasta")
    with open_prediction(loaded, genome, chosen, progress=progress) as run:
        if out is None:
            return _collect(run, allow_empty=chosen.allow_empty)
        return write_prediction(run, to_path(out, "out"), allow_empty=chosen.allow_empty)


def _collect(run: PredictionRun, *, allow_empty: bool) -> pd.DataFrame:
    parts = list(run.rows)
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    skipped = [*run.skipped, *(entry for part in parts for entry in part.skipped)]
    if frame.empty and not allow_empty:
        raise no_prediction(skipped)
    description = run.description
    # Plain strings and lists: pandas compares attrs when frames are joined, and frames in them would break that.
    frame.attrs = {
        "unit": description.unit,
        "model": description.model,
        "genome": description.fasta,
        "features": description.features,
        "skipped": skipped_frame(skipped).to_dict("records"),
    }
    return frame
