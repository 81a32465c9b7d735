"""Predictions of the pairs of a chunk: its genes' windows once, each change on top."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from texcnn.effects.background import Background
from texcnn.effects.changes import ChangedWindow
from texcnn.effects.pairs import AlleleChunk, Pair, PairMaker
from texcnn.effects.score import EffectEngine
from texcnn.effects.table import PairValues
from texcnn.genome.variant import VariantStatus

_PAIRS_AT_ONCE = 1024
"""Pairs per call of the engine: bounds what a chunk of variants with many genes each keeps in memory."""


def score_pairs(
    engine: EffectEngine,
    maker: PairMaker,
    chunk: AlleleChunk,
    features: Tensor | None,
    columns: Sequence[int],
    *,
    allow_tss_deletion: bool = False,
    background: Background | None = None,
) -> PairValues:
    """Predicts the pairs of a chunk before and after their change.

    Args:
        engine: The open model.
        maker: What made the pairs.
        chunk: Alleles and pairs.
        features: Scaled inputs of all genes, ``(n_genes, n_features)``; None for a head without any.
        columns: The wanted cell types.
        allow_tss_deletion: Whether changes that delete the TSS get a prediction.
        background: What quantiles are taken from; None for none.
    """
    parts = [
        _score(engine, maker, chunk.pairs[start : start + _PAIRS_AT_ONCE], features, allow_tss_deletion)
        for start in range(0, len(chunk.pairs), _PAIRS_AT_ONCE)
    ]
    empty = np.zeros((0, len(columns)), np.float32)
    reference = np.concatenate([part[0][:, columns] for part in parts]) if parts else empty
    alternative = np.concatenate([part[1][:, columns] for part in parts]) if parts else empty
    no_number = np.isnan(alternative).sum(axis=1) > 0
    status = []
    for pair, missing in zip(chunk.pairs, no_number.tolist(), strict=True):
        if pair.edited.tss_deleted:
            status.append(VariantStatus.TSS_DELETED)
        else:
            status.append(VariantStatus.NO_KNOWN_BASES if missing else VariantStatus.SCORED)
    quantile = None
    if background is not None:
        variants = [chunk.variants[pair.allele] for pair in chunk.pairs]
        distances = [pair.distance for pair in chunk.pairs]
        quantile = background.quantiles(alternative - reference, variants, distances, columns)
    n_fraction = [maker.window(pair.gene).n_fraction for pair in chunk.pairs]
    return PairValues(reference, alternative, quantile, status, n_fraction)


def _score(
    engine: EffectEngine, maker: PairMaker, pairs: Sequence[Pair], features: Tensor | None, allow_tss_deletion: bool
) -> tuple[np.ndarray, np.ndarray]:
    genes = list(dict.fromkeys(pair.gene for pair in pairs))
    row_of = {gene: row for row, gene in enumerate(genes)}
    wanted = [row for row, pair in enumerate(pairs) if allow_tss_deletion or not pair.edited.tss_deleted]
    changes = [
        ChangedWindow(row_of[pairs[row].gene], pairs[row].edited.sequence, pairs[row].edited.touched) for row in wanted
    ]
    windows = [maker.window(gene).sequence for gene in genes]
    scores = engine.score(windows, None if features is None else features[genes], changes)
    alternative = np.full((len(pairs), scores.reference.shape[1]), np.nan, np.float32)
    alternative[wanted] = scores.alternative
    return scores.reference[[row_of[pair.gene] for pair in pairs]], alternative
