"""Gradient x input of single segments, against what the vectors really change."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from test_motif_cnn import a_counter_of_ac
from tiny import tiny_tokenizer
from torch import Tensor
from transformers import BertModel

from texcnn.encoders.contributions import spread_over_bases
from texcnn.encoders.dnabert import DnabertEncoder
from texcnn.encoders.dnabert2 import load_dnabert2
from texcnn.encoders.kmer_counts import KmerCountsEncoder
from texcnn.encoders.nucleotide_transformer import SixMerTokenizer
from texcnn.encoders.protocol import EncoderSpec, Explained
from texcnn.encoders.token_encoder import TokenEncoder
from texcnn.encoders.word2vec import Word2VecEncoder
from texcnn.segments.bpe import BpeTokenizer
from texcnn.segments.kmer import KmerTokenizer


def test_tokens_are_spread_over_their_bases() -> None:
    of_tokens = torch.tensor([[5.0, 2.0, 4.0, 7.0], [0.0, 1.0, 0.0, 0.0]])
    bases, rest = spread_over_bases(of_tokens, [(0, 0), (0, 2), (1, 3), (0, 0)], 4)
    assert bases.tolist() == [[1, 3, 2, 0], [0.5, 0.5, 0, 0]]
    assert rest.tolist() == [12, 0]


def test_a_token_knows_its_bases() -> None:
    assert KmerTokenizer(3).spans("ACGTA") == [(0, 0), (0, 3), (1, 4), (2, 5), (0, 0)]
    assert KmerTokenizer(3).spans("AC") == [(0, 0), (0, 0)]
    six = SixMerTokenizer(["<unk>", "<pad>", "<mask>", "<cls>", "ACGTAC", "A", "T", "C", "G", "N"])
    assert six.spans("ACGTACNA") == [(0, 0), (0, 6), (6, 7), (7, 8)]
    assert len(six.spans("ACGTACNA")) == len(six.encode(["ACGTACNA"])[0])
    bpe = BpeTokenizer(tiny_tokenizer())
    assert bpe.spans("ACGTNNTTA") == [(0, 0), (0, 4), (4, 5), (5, 6), (6, 8), (8, 9), (0, 0)]
    assert len(bpe.spans("ACGTNNTTA")) == len(bpe.encode(["ACGTNNTTA"])[0])


def test_counted_kmers_contribute_what_they_weigh() -> None:
    encoder = KmerCountsEncoder(2)  # AAC: AA and AC, each 16 / 2 = 8 in the vector
    gradients = torch.zeros(2, 16)
    gradients[0, 0], gradients[0, 1], gradients[1, 1] = 1, 0.5, -1
    bases, rest = encoder.base_contributions("AACN", gradients)
    assert bases.tolist() == [[4, 4 + 2, 2, 0], [0, -4, -4, 0]]
    assert rest.tolist() == [0, 0]
    assert encoder.base_contributions("NNNN", gradients)[0].tolist() == [[0] * 4] * 2


def test_words_contribute_their_vectors() -> None:
    encoder = Word2VecEncoder(torch.arange(32.0).reshape(16, 2), 2)
    gradients = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    vector = encoder.embed(encoder.tokenize(["AAC"]))[0]  # AA (0, 1) and AC (2, 3)
    bases, _ = encoder.base_contributions("AAC", gradients)
    assert bases.tolist() == [[0, 0.5, 0.5], [0.5, 2.0, 1.5]]
    torch.testing.assert_close(bases.sum(dim=1), gradients @ vector)


def test_one_hot_bases_contribute_to_the_motif_that_they_make() -> None:
    encoder = a_counter_of_ac()
    vector = encoder.embed(encoder.tokenize(["GACTTTAC"]))[0]
    assert vector.tolist() == [20, 20]
    bases, rest = encoder.base_contributions("GACTTTAC", torch.tensor([[1.0, 0.0], [1.0, 0.5]]))
    assert bases.tolist() == [[0, 10, 10, 0, 0, 0, 0, 0], [0, 10, 10, 0, 0, 0, 5, 5]]
    assert rest.tolist() == [0, 0]


@pytest.fixture(params=["dnabert", "dnabert2"])
def language_model(request: pytest.FixtureRequest, bert: BertModel, dnabert2_folder: Path) -> TokenEncoder:
    if request.param == "dnabert":
        return DnabertEncoder(bert, KmerTokenizer(3))
    return load_dnabert2(EncoderSpec("dnabert2", str(dnabert2_folder)))


def test_tokens_contribute_what_the_vector_changes_with_their_embedding(language_model: TokenEncoder) -> None:
    segment = "ACGTTGCAACGT"
    gradients = torch.randn(2, language_model.dim, generator=torch.Generator().manual_seed(1))
    bases, rest = language_model.base_contributions(segment, gradients)
    assert bases.shape == (2, len(segment))
    spans = language_model.tokenizer.spans(segment)
    expected = torch.zeros(2, len(segment), dtype=torch.float64)
    of_none = torch.zeros(2, dtype=torch.float64)
    for token, (start, end) in enumerate(spans):
        more, less = (_vector(language_model, segment, token, 1 + step) for step in (0.01, -0.01))
        change = gradients.double() @ (more - less) / 0.02
        if end > start:
            expected[:, start:end] += (change / (end - start))[:, None]
        else:
            of_none += change
    torch.testing.assert_close(bases.double(), expected, rtol=2e-3, atol=2e-4)
    torch.testing.assert_close(rest.double(), of_none, rtol=2e-3, atol=2e-4)
    assert isinstance(language_model, Explained)
    torch.testing.assert_close(
        language_model.embed(language_model.tokenize([segment]))[0], _vector(language_model, segment, 0, 1.0).float()
    )


def _vector(encoder: TokenEncoder, segment: str, token: int, factor: float) -> Tensor:
    """The segment's vector when one token's embedding is larger or smaller."""

    def scale(module: object, inputs: object, output: Tensor) -> Tensor:
        scaled = output.clone()
        scaled.view(-1, output.shape[-1])[token] *= factor
        return scaled

    hook = encoder.model.get_submodule(encoder.word_embeddings).register_forward_hook(scale)
    try:
        return encoder.embed(encoder.tokenize([segment]))[0].double()
    finally:
        hook.remove()
