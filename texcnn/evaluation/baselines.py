"""What simple models reach on the same genes: a network that is not above them has learned nothing more.

Each is fitted on training genes and sees no label of another gene: :func:`predict_baselines` is not given any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from texcnn.errors import InputError, RunError
from texcnn.features.half_life import HALF_LIFE_FEATURES
from texcnn.features.table import FeatureTable, find_rows
from texcnn.genome.windows import Window

KMER = 5
BIN_BP = 500

MEAN = "mean of training genes"
GC_CPG = "GC and CpG boosting"
KMER_RIDGE = f"{KMER}-mer ridge"
HALF_LIFE = "half-life only"
TF = "TF only"

MIN_TRAINING_GENES = 10

Values = npt.NDArray[np.float64]


def sequence_inputs(windows: Iterable[Window]) -> dict[str, pd.DataFrame]:
    """Computes the inputs of the baselines that read the sequence.

    Args:
        windows: All of one length, on their gene's strand; memory does not grow with their bases.

    Returns:
        A frame of genes x inputs for each baseline. :data:`GC_CPG`: GC content of each bin of 500 bp, and observed over
        expected CpG (Gardiner-Garden & Frommer, J Mol Biol 196:261, 1987), NaN where it is undefined.
        :data:`KMER_RIDGE`: share of each k-mer among the window's k-mers without N. Windows without a known k-mer are
        left out.
    """
    gene_ids: list[str] = []
    composition: list[Values] = []
    kmers: list[Values] = []
    for window in windows:
        codes = _codes(window.sequence)
        counts = _kmer_counts(codes)
        if counts.sum():
            gene_ids.append(window.gene.id)
            composition.append(gc_cpg(codes))
            kmers.append(counts / counts.sum())
    index = pd.Index(gene_ids, dtype=str)
    return {
        GC_CPG: pd.DataFrame(composition, index=index),
        KMER_RIDGE: pd.DataFrame(kmers, index=index),
    }


def feature_inputs(path: Path, gene_ids: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Reads the inputs of the baselines that see features only.

    Args:
        path: TSV with ``gene_id`` and features. The columns of ``texcnn features half-life`` make the baseline
            :data:`HALF_LIFE`, all others :data:`TF`.
        gene_ids: The genes; those the table lacks are left out.

    Raises:
        InputError: when the table cannot be used.
    """
    table = FeatureTable.read(path)
    names = table.names
    known = {*HALF_LIFE_FEATURES, *(f"log10_{name}" for name in HALF_LIFE_FEATURES)}
    table.require_any(gene_ids, "the measured expression")
    values = pd.DataFrame(table.lookup(gene_ids).astype(np.float64), index=list(gene_ids), columns=list(names)).dropna(
        how="all"
    )
    groups = {
        HALF_LIFE: [name for name in names if name in known],
        TF: [name for name in names if name not in known],
    }
    return {baseline: values[columns] for baseline, columns in groups.items() if columns}


def predict_baselines(
    train: pd.DataFrame, gene_ids: Sequence[str], inputs: Mapping[str, pd.DataFrame], *, seed: int = 0
) -> dict[str, pd.DataFrame]:
    """Fits each baseline on the training genes, each cell type on those whose value is known.

    The ridge's penalty is chosen by leave-one-out among the training genes; boosting has fixed settings.

    Args:
        train: Labels of the training genes, genes x cell types; NaN where unknown.
        gene_ids: Genes to predict.
        inputs: By name of the baseline, genes x inputs; Ensembl versions are understood.
        seed: Seed of the boosting.

    Returns:
        For the mean, and for each of ``inputs``, a frame of ``gene_ids`` x cell types. A gene without inputs gets the
        mean of the training genes, which is all that is known of it. A cell type without enough training genes is NaN.

    Raises:
        InputError: when there are too few training genes, or one of them is to be predicted.
        RunError: when scikit-learn is missing.
    """
    _refuse_leak(train, gene_ids)
    index, columns = pd.Index(list(gene_ids), name="gene_id"), train.columns
    enough = train.notna().sum() >= MIN_TRAINING_GENES
    means = train.mean().where(enough)
    mean = pd.DataFrame(np.tile(means.to_numpy(np.float64), (len(index), 1)), index=index, columns=columns)
    predictions = {MEAN: mean}
    for name, table in inputs.items():
        fitted = mean.copy()
        train_rows, rows = _rows(table, train.index), _rows(table, gene_ids)
        has = rows >= 0
        values = table.to_numpy(np.float64)
        for cell_types, known in _same_genes_known(train, train_rows >= 0):
            if known.sum() >= MIN_TRAINING_GENES and has.any():
                labels = train.loc[known, cell_types].to_numpy(np.float64)
                # A column of NaN alone, as of bins beyond a chromosome's end, has no information and cannot be binned.
                usable = ~np.isnan(values[train_rows[known]]).all(axis=0)
                if usable.any():
                    model = _regressor(name, seed).fit(values[train_rows[known]][:, usable], labels)
                    predicted = model.predict(values[rows[has]][:, usable])
                    fitted.loc[has, cell_types] = predicted.reshape(-1, len(cell_types))
        predictions[name] = fitted
    return predictions


def _refuse_leak(train: pd.DataFrame, gene_ids: Sequence[str]) -> None:
    if len(train) < MIN_TRAINING_GENES:
        raise InputError(
            f"{len(train)} training genes with expression", where="baselines", allowed=f"{MIN_TRAINING_GENES} or more",
            remedy="give a split with more training genes that the expression matrix has, or none",
        )  # fmt: skip
    trained = {gene_id: row for row, gene_id in enumerate(train.index)}
    leaked = [gene_id for gene_id, row in zip(gene_ids, find_rows(trained, gene_ids), strict=True) if row is not None]
    if leaked:
        raise InputError(
            f"{len(leaked)} genes are both for training and for evaluation, such as '{leaked[0]}'", where="the split"
        )


def _rows(table: pd.DataFrame, gene_ids: Iterable[str]) -> npt.NDArray[np.int64]:
    """Each gene's row of the table; -1 where there is none."""
    found = find_rows({str(gene_id): row for row, gene_id in enumerate(table.index)}, list(gene_ids))
    return np.array([-1 if row is None else row for row in found], np.int64)


def _same_genes_known(
    train: pd.DataFrame, usable: npt.NDArray[np.bool_]
) -> Iterable[tuple[list[Any], npt.NDArray[np.bool_]]]:
    """Cell types known for the same training genes, so that one fit serves them all."""
    groups: dict[bytes, tuple[list[Any], npt.NDArray[np.bool_]]] = {}
    for name in train.columns:
        known = train[name].notna().to_numpy() & usable
        groups.setdefault(known.tobytes(), ([], known))[0].append(name)
    return groups.values()


def _regressor(baseline: str, seed: int) -> Any:
    # scikit-learn is not needed to predict or to train: it is installed for evaluations only.
    try:
        from sklearn.ensemble import HistGradientBoostingRegressor
        from sklearn.linear_model import RidgeCV
        from sklearn.multioutput import MultiOutputRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError as error:
        raise RunError(
            "the baselines need scikit-learn", where="texcnn evaluate", remedy="pip install 'texcnn[evaluate]'"
        ) from error
    if baseline == KMER_RIDGE:
        return make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(0, 6, 13)))
    return MultiOutputRegressor(
        HistGradientBoostingRegressor(
            learning_rate=0.05, max_iter=200, max_leaf_nodes=15, early_stopping=False, random_state=seed
        )
    )


_CODE = np.full(256, 4, np.int64)
_CODE[[ord(base) for base in "ACGT"]] = range(4)


def _codes(sequence: str) -> npt.NDArray[np.int64]:
    """0 to 3 for A, C, G and T; 4 for N."""
    return _CODE[np.frombuffer(sequence.encode("ascii"), np.uint8)]


def _kmer_counts(codes: npt.NDArray[np.int64]) -> Values:
    if len(codes) < KMER:
        return np.zeros(4**KMER)
    starts = np.lib.stride_tricks.sliding_window_view(codes, KMER)
    words = starts @ (4 ** np.arange(KMER - 1, -1, -1))
    return np.bincount(words[(starts < 4).all(axis=1)], minlength=4**KMER).astype(np.float64)


def gc_cpg(codes: npt.NDArray[np.int64]) -> Values:
    """GC content and observed over expected CpG of each bin of 500 bp of a window's codes; NaN where undefined."""
    values: list[float] = []
    for start in range(0, len(codes), BIN_BP):
        part = codes[start : start + BIN_BP]
        known, c, g = (part < 4).sum(), (part == 1).sum(), (part == 2).sum()
        pairs = ((part[:-1] == 1) & (part[1:] == 2)).sum()
        values += [(c + g) / known if known else np.nan, pairs * known / (c * g) if c * g else np.nan]
    return np.array(values)
