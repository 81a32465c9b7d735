"""word2vec over k-mers: a segment's vector is the mean of its k-mers' vectors.

Source: DeepLncLoc (Zeng et al. 2022, doi:10.1093/bib/bbab360), whose 64-dimensional 3-mers Pipoli et al. 2022
(doi:10.1016/j.cmpb.2022.107035) took over for expression.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable, Sequence
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from texcnn.encoders.contributions import spread_over_bases
from texcnn.encoders.protocol import EncoderSpec
from texcnn.encoders.weights import EncoderFiles, require_bundle, require_option
from texcnn.errors import ModelError, RunError
from texcnn.segments.bases import BASES, base_codes, kmer_numbers, kmer_starts


class Word2VecEncoder:
    """A table of vectors, one per k-mer.

    Args:
        table: float32 ``(4**k, dim)``, in the order of :func:`texcnn.segments.bases.kmer_numbers`.
        k: Bases per k-mer; those with an unknown base do not count, and a segment without a known one is zero.

    Raises:
        ModelError: when the table has another number of rows.
    """

    def __init__(self, table: Tensor, k: int) -> None:
        if table.ndim != 2 or len(table) != 4**k:
            raise ModelError(f"a table of shape {tuple(table.shape)} for {k}-mers", allowed=f"{4**k} rows")
        self.name = f"word2vec-{k}"
        self.dim = table.shape[1]
        self.k = k
        self.table = table

    def tokenize(self, segments: Sequence[str]) -> list[list[int]]:
        """Turns segments into their k-mers' numbers."""
        return [kmer_numbers(base_codes(segment), self.k).tolist() for segment in segments]

    @torch.inference_mode()
    def embed(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Averages the k-mers' vectors, float32 ``(n, dim)``."""
        device = self.table.device
        ids = torch.tensor([number for row in tokens for number in row], dtype=torch.long, device=device)
        lengths = torch.tensor([0, *map(len, tokens)], device=device)
        return embedding_bag(ids, self.table, lengths.cumsum(0)[:-1], mode="mean")

    def base_contributions(self, segment: str, gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Returns gradient x input of the k-mers' vectors, each k-mer's spread over its bases."""
        codes = base_codes(segment)
        numbers = kmer_numbers(codes, self.k)
        spans = [(start, start + self.k) for start in kmer_starts(codes, self.k).tolist()]
        gradients = gradients.cpu()
        return spread_over_bases(gradients @ self.table[numbers].cpu().T / max(len(numbers), 1), spans, len(segment))

    def to(self, device: torch.device) -> Self:
        """Moves the table."""
        self.table = self.table.to(device)
        return self

    def fingerprint(self) -> str:
        """Hex digest of the table."""
        return hashlib.sha256(f"{self.name} {self.dim}\n".encode() + self.table.cpu().numpy().tobytes()).hexdigest()


def load_word2vec(spec: EncoderSpec, bundle: EncoderFiles | None = None) -> Word2VecEncoder:
    """Loads a table from a model bundle; the options ``k`` and ``prefix`` say which.

    Raises:
        ModelError: when the bundle has none, or one of another size.
    """
    tensors = require_bundle(spec, bundle).tensors(require_option(spec, "prefix"))
    if set(tensors) != {"table"}:
        raise ModelError(f"encoder '{spec.type}' has the tensors {sorted(tensors)}", allowed="table")
    return Word2VecEncoder(tensors["table"], require_option(spec, "k"))


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
