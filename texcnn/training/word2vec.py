"""A word2vec table fitted to the windows of training genes."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

import torch

from texcnn.encoders.word2vec import Word2VecEncoder
from texcnn.errors import RunError
from texcnn.segments.bases import BASES, base_codes, kmer_numbers

_LONGEST = 10_000
"""gensim leaves out what a sentence has beyond this many words, so longer runs of bases are cut."""


def fit_word2vec(
    windows: Iterable[str], *, k: int = 3, dim: int = 64, epochs: int = 10, seed: int = 0
) -> Word2VecEncoder:
    """Fits skip-gram vectors of overlapping k-mers, 5 k-mers to either side, on one thread: equal bits each time.

    Source of the defaults: Zeng et al. 2022 (DeepLncLoc) and Pipoli et al. 2022.

    Args:
        windows: Bases of training genes alone.
        k: Bases per k-mer.
        dim: Length of a vector.
        epochs: Passes over the windows.
        seed: Seed of the fit.

    Returns:
        The encoder; a k-mer that no window has is zero.

    Raises:
        RunError: when gensim is missing, or there is no known k-mer.
    """
    try:
        from gensim.models import Word2Vec
    except ImportError as error:
        raise RunError("word2vec needs gensim", where="training", remedy="pip install 'texcnn[peers]'") from error
    sentences = []
    for window in windows:
        for known in re.findall(f"[{BASES}]+", window):
            words = [str(number) for number in kmer_numbers(base_codes(known), k).tolist()]
            sentences += [words[start : start + _LONGEST] for start in range(0, len(words), _LONGEST)]
    if not sentences:
        raise RunError("no known bases to fit word2vec to", where="the training genes' windows")
    logging.getLogger("gensim").setLevel(logging.WARNING)
    # Words are sorted, and their first vectors numbered, by count: equal counts fall back to the order of the text.
    model = Word2Vec(
        sentences, vector_size=dim, window=5, min_count=1, sg=1, epochs=epochs, workers=1, seed=seed, sorted_vocab=1
    )
    table = torch.zeros(4**k, dim)
    for word in model.wv.index_to_key:
        table[int(word)] = torch.tensor(model.wv[word])
    return Word2VecEncoder(table, k)
