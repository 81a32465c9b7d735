import pytest
import torch

from texcnn.embedding.engine import embed_segments
from texcnn.embedding.options import ComputeOptions
from texcnn.encoders.kmer_counts import KmerCountsEncoder
from texcnn.encoders.protocol import BUNDLE_SOURCE, EncoderSpec
from texcnn.encoders.registry import load_encoder
from texcnn.encoders.word2vec import Word2VecEncoder
from texcnn.errors import ModelError


def test_kmers_are_multiples_of_equal_shares():
    encoder = KmerCountsEncoder(1)
    vectors = encoder.embed(encoder.tokenize(["AACG", "ANNN", "NN"]))
    assert vectors.tolist() == [[2, 1, 1, 0], [4, 0, 0, 0], [0, 0, 0, 0]]
    assert KmerCountsEncoder(2).embed(KmerCountsEncoder(2).tokenize(["AC"]))[0].nonzero().tolist() == [[1]]
    assert load_encoder(EncoderSpec("kmer-counts", BUNDLE_SOURCE, options={"k": 3})).dim == 64
    with pytest.raises(ModelError, match="1 to 6"):
        KmerCountsEncoder(7)


@pytest.mark.parametrize("counts", [1, 40, 64])
def test_counts_do_not_depend_on_how_many_rows_are_counted_at_once(monkeypatch, counts):
    encoder, pieces = KmerCountsEncoder(2), ["ACGTN", "A", "", "NNAC", "ACACACAC", "GGGTTTN", "AC"]
    expected = encoder.embed(encoder.tokenize(pieces))
    assert expected.sum(dim=1).tolist() == [16, 0, 0, 16, 16, 16, 16]
    monkeypatch.setattr("texcnn.encoders.kmer_counts._COUNTS", counts)
    assert encoder.embed(encoder.tokenize(pieces)).equal(expected)


def test_a_segment_is_the_mean_of_its_words():
    encoder = Word2VecEncoder(torch.arange(32.0).reshape(16, 2), 2)
    vectors = encoder.embed(encoder.tokenize(["AAC", "NN", "TTNA"]))
    assert vectors.tolist() == [[(0 + 2) / 2, (1 + 3) / 2], [0, 0], [30, 31]]
    assert embed_segments([encoder], ["AAC", "TT"], options=ComputeOptions(1, "cpu")).tolist() == [[1, 2], [30, 31]]
    assert encoder.fingerprint() != Word2VecEncoder(torch.ones(16, 2), 2).fingerprint()


def test_a_table_of_another_size_is_refused():
    with pytest.raises(ModelError, match="64 rows"):
        Word2VecEncoder(torch.zeros(16, 2), 3)
    with pytest.raises(ModelError, match="no bundle is open"):
        load_encoder(EncoderSpec("word2vec", BUNDLE_SOURCE, options={"k": 3, "prefix": "encoders.0."}))


def test_words_of_like_company_are_alike_and_the_same_each_time():
    pytest.importorskip("gensim")
    from texcnn.encoders.word2vec import fit_word2vec

    windows = ["ACGT" * 50, "TTTTNTTTTT" * 20]
    first = fit_word2vec(windows, k=2, dim=4, epochs=3)
    assert first.table.shape == (16, 4)
    assert fit_word2vec(windows, k=2, dim=4, epochs=3).table.equal(first.table)
    assert not fit_word2vec(windows, k=2, dim=4, epochs=3, seed=1).table.equal(first.table)
    assert first.table[0].tolist() == [0, 0, 0, 0]  # AA is in no window
    assert first.table[15].abs().sum() > 0  # TT is


@pytest.mark.parametrize("k", [1, 2, 4, 6])
def test_kmers_of_many_segments_at_once_are_those_of_each_alone(k):
    encoder = KmerCountsEncoder(k)
    segments = ["ACGTTGCAACGNACGTTT", "A", "", "NNNNNNNN", "GATTACAGATTACA", "TTTTTT"]
    found = encoder.embed(encoder.tokenize(segments))
    for segment, vector in zip(segments, found, strict=True):
        words = [segment[start : start + k] for start in range(len(segment) - k + 1)]
        known = [word for word in words if "N" not in word]
        expected = torch.zeros(4**k)
        for word in known:
            expected[int(word.translate(str.maketrans("ACGT", "0123")), 4)] += 4**k / len(known)
        torch.testing.assert_close(vector, expected, rtol=1e-6, atol=0)
