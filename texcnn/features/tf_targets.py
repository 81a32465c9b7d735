"""Which transcription factors bind a gene: any gene x TF table to features."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from texcnn.arguments import texts_of
from texcnn.errors import InputError, unknown_name
from texcnn.features.gene_features import GeneFeatures
from texcnn.features.table import find_rows
from texcnn.features.tf_table import TfTable, read_tf_table
from texcnn.genome.skipped import Skipped
from texcnn.text.lines import PathLike


def tf_target_features(
    path: PathLike,
    *,
    layout: str = "auto",
    gene_column: str | None = None,
    tf_column: str | None = None,
    exclude: str | Iterable[str] = (),
    genes: str | Iterable[str] | None = None,
) -> GeneFeatures:
    """Turns a gene x TF table into one feature per TF.

    Args:
        path: The table; see :func:`texcnn.features.tf_table.read_tf_table`.
        layout: ``wide``, ``long`` or ``auto``.
        gene_column: Column of the gene ids; None finds it.
        tf_column: Column of the TFs in a long table; None finds it.
        exclude: TFs to leave out, a string is one. POLR2A belongs here unless it is wanted: RNA polymerase II at a gene
            is not a cause but a measurement of its expression.
        genes: Ids of genes that are needed, a string is one; those that the table lacks are skipped, never filled with
            zeros.

    Returns:
        Every gene of the table, in its order, and one column per TF under the table's name of it.

    Raises:
        InputError: when the table cannot be used, an excluded TF is not in it, no TF is left, or it has none of
            ``genes``.
    """
    path = Path(path)
    table = read_tf_table(path, layout=layout, gene_column=gene_column, tf_column=tf_column)
    table = _without(table, texts_of(exclude), path)
    frame = pd.DataFrame(table.values, columns=pd.Index(table.tfs))
    frame.insert(0, "gene_id", table.gene_ids)
    return GeneFeatures(frame, [] if genes is None else _missing(table, texts_of(genes), path))


def _without(table: TfTable, exclude: Sequence[str], path: Path) -> TfTable:
    for name in exclude:
        if name not in table.tfs:
            raise unknown_name("transcription factor", name, table.tfs, where=f"`exclude`, {path}")
    kept = [column for column, name in enumerate(table.tfs) if name not in exclude]
    if not kept:
        raise InputError("no transcription factor is left", where="`exclude`", allowed="at least one that is kept")
    return TfTable(table.gene_ids, tuple(table.tfs[column] for column in kept), table.values[:, np.array(kept)])


def _missing(table: TfTable, genes: Sequence[str], path: Path) -> list[Skipped]:
    rows = find_rows({gene_id: row for row, gene_id in enumerate(table.gene_ids)}, genes)
    if genes and all(row is None for row in rows):
        raise InputError(
            f"none of the {len(genes)} genes is in the table",
            where=f"{path} ('{table.gene_ids[0]}', ...)",
            allowed=f"ids such as '{genes[0]}'",
            remedy="choose the column of these ids with `gene_column`",
        )
    reason = f"the gene is not in {path.name}"
    return [Skipped(gene_id, reason) for gene_id, row in zip(genes, rows, strict=True) if row is None]
