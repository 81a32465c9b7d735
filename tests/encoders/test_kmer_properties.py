"""Encoders that count, against counts by hand for any segment; and promises that every encoder keeps."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from texcnn.encoders.contributions import spread_over_bases
from texcnn.encoders.kmer_counts import KmerCountsEncoder, load_kmer_counts
from texcnn.encoders.pooling import POOLINGS, get_pooling
from texcnn.encoders.protocol import EncoderSpec
from texcnn.errors import ModelError
from texcnn.segments.bases import base_codes, kmer_numbers, kmer_starts, one_hot, stack_codes

SEGMENTS = st.text("ACGTN", max_size=40)


def words(segment: str, k: int) -> list[tuple[int, str]]:
    """Starts and letters of the k-mers without an unknown base."""
    found = [(start, segment[start : start + k]) for start in range(len(segment) - k + 1)]
    return [(start, word) for start, word in found if "N" not in word]


@given(segment=SEGMENTS, k=st.integers(1, 6))
def test_kmers_are_read_as_numbers_to_base_four(segment: str, k: int) -> None:
    spelled = ["".join(word) for word in product("ACGT", repeat=k)] if k <= 4 else None
    codes = base_codes(segment)
    expected = words(segment, k)
    assert kmer_starts(codes, k).tolist() == [start for start, _ in expected]
    numbers = kmer_numbers(codes, k).tolist()
    if spelled is not None:
        assert [spelled[number] for number in numbers] == [word for _, word in expected]
    assert numbers == [int("".join(str("ACGT".index(base)) for base in word), 4) for _, word in expected]


@given(segments=st.lists(SEGMENTS, max_size=5), k=st.integers(1, 4))
def test_vectors_are_counts_over_equal_shares(segments: list[str], k: int) -> None:
    encoder = KmerCountsEncoder(k)
    found = encoder.embed(encoder.tokenize(segments))
    assert found.shape == (len(segments), 4**k)
    assert found.dtype == torch.float32
    for vector, segment in zip(found, segments, strict=True):
        counts = Counter(word for _, word in words(segment, k))
        expected = np.zeros(4**k)
        for word, count in counts.items():
            place = int("".join(str("ACGT".index(base)) for base in word), 4)
            expected[place] = count / counts.total() * 4**k
        np.testing.assert_allclose(vector, expected, rtol=1e-6)


@given(segment=SEGMENTS, k=st.integers(1, 3), seed=st.integers(0, 5))
def test_contributions_of_counts_add_up_to_what_a_linear_head_reads(segment: str, k: int, seed: int) -> None:
    encoder = KmerCountsEncoder(k)
    weights = torch.randn(2, encoder.dim, generator=torch.Generator().manual_seed(seed))
    of_bases, elsewhere = encoder.base_contributions(segment, weights)
    read = weights @ encoder.embed(encoder.tokenize([segment]))[0]
    assert of_bases.shape == (2, len(segment))
    torch.testing.assert_close(of_bases.sum(dim=1) + elsewhere, read, rtol=1e-4, atol=1e-4)
    unknown = [place for place, base in enumerate(segment) if base == "N"]
    assert not of_bases[:, unknown].any(), "no k-mer has an unknown base"


@given(
    spans=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), min_size=1, max_size=6), length=st.integers(15, 18)
)
def test_spreading_over_bases_keeps_the_sum(spans: list[tuple[int, int]], length: int) -> None:
    places = [(start, start + size) for start, size in spans]
    values = torch.arange(1.0, len(places) + 1)[None] * torch.tensor([[1.0], [-2.0]])
    of_bases, elsewhere = spread_over_bases(values, places, length)
    by_hand = np.zeros((2, length))
    for column, (start, end) in enumerate(places):
        by_hand[:, start:end] += (values[:, column] / (end - start)).numpy()[:, None]
    np.testing.assert_allclose(of_bases, by_hand, atol=1e-5)
    torch.testing.assert_close(of_bases.sum(dim=1) + elsewhere, values.sum(dim=1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("k", [0, 7, -1])
def test_unusable_lengths(k: int) -> None:
    with pytest.raises(ModelError, match=rf"unusable k-mer length {k} – allowed: 1 to 6"):
        KmerCountsEncoder(k)


def test_fingerprints_differ_with_length_and_nothing_else() -> None:
    prints = {k: KmerCountsEncoder(k).fingerprint() for k in range(1, 7)}
    assert len(set(prints.values())) == 6
    assert (
        load_kmer_counts(EncoderSpec(type="kmer-counts", source="bundle", options={"k": 3})).fingerprint() == prints[3]
    )
    with pytest.raises(ModelError, match="k"):
        load_kmer_counts(EncoderSpec(type="kmer-counts", source="bundle"))


class TestOneHot:
    @given(
        segments=st.integers(0, 12).flatmap(lambda n: st.lists(st.text("ACGTNRY-", min_size=n, max_size=n), min_size=1))
    )
    def test_a_channel_per_base(self, segments: list[str]) -> None:
        found = one_hot(stack_codes(segments))
        expected = [[[float(base == letter) for base in segment] for letter in "ACGT"] for segment in segments]
        assert found.shape == (len(segments), 4, len(segments[0]))
        assert found.tolist() == expected

    @pytest.mark.parametrize(("segments", "message"), [([], "no sequence"), (["A", "AC"], r"\[1, 2\]")])
    def test_lengths_must_agree(self, segments: list[str], message: str) -> None:
        from texcnn.errors import InputError

        with pytest.raises(
            InputError, match=f"sequences of one length, found {message} .* pad shorter sequences with N"
        ):
            stack_codes(segments)


@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=5),
    padding=st.integers(0, 4),
    name=st.sampled_from(sorted(POOLINGS)),
    noise=st.sampled_from([0.0, 1e30, float("nan"), float("inf")]),
)
def test_pooling_sees_neither_padding_nor_other_rows(lengths: list[int], padding: int, name: str, noise: float) -> None:
    width = max(lengths) + padding
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(len(lengths), max(width, 1), 3, generator=generator)
    attention = torch.tensor([[place < length for place in range(max(width, 1))] for length in lengths]).long()
    special = torch.zeros_like(attention)
    special[:, 0] = 1
    pool = get_pooling(name)
    hidden[~attention.bool()] = noise
    together = pool(hidden, attention, special)
    for row, length in enumerate(lengths):
        tokens = hidden[row, :length]
        chosen = {
            "mean": tokens, "mean_no_special": tokens[1:], "cls": tokens[:1], "max": tokens,
        }[name]  # fmt: skip
        pooled = {"max": lambda rows: rows.amax(dim=0)}.get(name, lambda rows: rows.mean(dim=0))
        expected = pooled(chosen) if len(chosen) else torch.zeros(3)
        torch.testing.assert_close(together[row], expected, rtol=1e-5, atol=1e-6)
