"""Segments, codes and tokens of any bases against plain Python."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny_tokenizer

from texcnn.errors import InputError
from texcnn.segments.bases import base_codes, kmer_numbers, kmer_starts, one_hot, stack_codes
from texcnn.segments.bpe import BpeTokenizer
from texcnn.segments.kmer import KmerTokenizer
from texcnn.segments.segment import SegmentSpec

BASES = st.text("ACGTN", max_size=60)
LETTERS = st.text("ACGTNacgtnRY-\u00e9", max_size=40)


@given(window=BASES, length=st.integers(1, 25), share=st.floats(0, 1))
def test_a_window_is_its_segments(window: str, length: int, share: float) -> None:
    spec = SegmentSpec(length, share)
    found = spec.split(window)
    assert "".join(found.bases) == window
    assert len(found) == spec.n_segments(len(window)) == len(found.n_fraction) == len(found.mask)
    assert all(len(bases) == length for bases in found.bases[:-1])
    for bases, fraction, usable in zip(found.bases, found.n_fraction, found.mask, strict=True):
        assert fraction == np.float32(bases.count("N") / len(bases))
        assert usable == (bases.count("N") / len(bases) <= share) == spec.is_usable(bases)
    assert found.usable == [bases for bases in found.bases if bases.count("N") / len(bases) <= share]


def test_the_limit_is_compared_before_it_is_rounded_to_float32() -> None:
    """A third is more than 0.33333333, but both are the same number in float32."""
    assert np.float32(1 / 3) == np.float32(0.33333333)
    assert SegmentSpec(3, 0.33333333).split("NAA").mask.tolist() == [False]
    assert SegmentSpec(3, 1 / 3).split("NAA").mask.tolist() == [True]


@given(text=LETTERS)
def test_codes_are_places_in_acgt(text: str) -> None:
    found = base_codes(text)
    assert found.tolist() == ["ACGT".find(letter) if letter in "ACGT" else 4 for letter in text]
    if text:
        encoded = one_hot(stack_codes([text, text]))
        assert encoded.shape == (2, 4, len(text))
        assert encoded[0].equal(encoded[1])
        expected = [[float(letter == base) for letter in text] for base in "ACGT"]
        assert encoded[0].tolist() == expected


@given(text=BASES, k=st.integers(1, 6))
def test_kmers_and_their_places(text: str, k: int) -> None:
    words = [(start, text[start : start + k]) for start in range(len(text) - k + 1)]
    known = [(start, word) for start, word in words if "N" not in word]
    assert kmer_starts(base_codes(text), k).tolist() == [start for start, _ in known]
    expected = [int("".join(str("ACGT".index(base)) for base in word), 4) for _, word in known]
    assert kmer_numbers(base_codes(text), k).tolist() == expected


@given(segments=st.lists(LETTERS, max_size=5), k=st.integers(1, 6))
def test_ids_of_kmers_are_places_in_the_vocabulary_file(segments: list[str], k: int) -> None:
    tokenizer = KmerTokenizer(k)
    place = {word: number for number, word in enumerate(tokenizer.tokens())}
    for segment, ids in zip(segments, tokenizer.encode(segments), strict=True):
        words = [segment[start : start + k].upper() for start in range(len(segment) - k + 1)]
        assert ids == [place["[CLS]"], *(place.get(word, place["[UNK]"]) for word in words), place["[SEP]"]]
        spans = tokenizer.spans(segment)
        assert len(spans) == len(ids)
        assert [segment[start:end].upper() for start, end in spans[1:-1]] == words
        assert spans[0] == spans[-1] == (0, 0)


@given(segments=st.lists(st.text("ACGTNacgt", max_size=40), min_size=1, max_size=4))
def test_byte_pairs_cover_every_base_once_and_rows_do_not_matter(segments: list[str]) -> None:
    tokenizer = BpeTokenizer(tiny_tokenizer())
    together = tokenizer.encode(segments)
    assert together == [tokenizer.encode([segment])[0] for segment in segments]
    for segment, ids in zip(segments, together, strict=True):
        spans = tokenizer.spans(segment)
        assert len(spans) == len(ids)
        inner = spans[1:-1]
        assert [start for start, _ in inner] == [0, *(end for _, end in inner)][: len(inner)]
        assert not inner or inner[-1][1] == len(segment)
        unknown = sum(number == tokenizer.unk_id for number in ids)
        assert unknown == segment.upper().count("N")


@pytest.mark.parametrize(("lengths", "message"), [((3, 2, 5), "[2, 3, 5]"), ((), "no sequence")])
def test_sequences_of_several_lengths_are_counted(lengths: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError) as refused:
        stack_codes(["A" * length for length in lengths])
    assert str(refused.value) == (
        f"one-hot encoding needs sequences of one length, found {message} – allowed: at least one sequence, all of the "
        "same length – pad shorter sequences with N"
    )


def test_codes_of_several_sequences_are_rows() -> None:
    found = stack_codes(["ACGT", "NNTA"])
    assert found.dtype == torch.uint8
    assert found.tolist() == [[0, 1, 2, 3], [4, 4, 3, 0]]
