"""A genome's own byte-pair vocabulary."""

from __future__ import annotations

import json
import random

import pytest

from texcnn.errors import InputError
from texcnn.pretraining.vocabulary import SMALLEST_VOCABULARY, train_bpe, vocabulary_sample
from texcnn.segments.bpe import SPECIAL_TOKENS, BpeTokenizer


def genome(n: int = 40) -> list[str]:
    rng = random.Random(0)
    return ["".join(rng.choices("ACGT", k=120)) for _ in range(n)]


def tokens(file: bytes) -> dict[str, int]:
    return json.loads(file)["model"]["vocab"]


def test_the_most_frequent_pairs_become_tokens() -> None:
    # GT alone is in every segment; then GTGT, which is two of them.
    words = tokens(train_bpe(["GT" * 25] * 3, SMALLEST_VOCABULARY + 2))
    assert set(words) == {*SPECIAL_TOKENS, *"ACGT", "GT", "GTGT"}


def test_the_smallest_vocabulary_is_bases_alone() -> None:
    assert SMALLEST_VOCABULARY == 9
    words = tokens(train_bpe(genome(), SMALLEST_VOCABULARY))
    assert set(words) == {*SPECIAL_TOKENS, *"ACGT"}
    with pytest.raises(InputError, match="unusable vocabulary size 8 – allowed: a number from 9"):
        train_bpe(genome(), SMALLEST_VOCABULARY - 1)


@pytest.mark.parametrize("size", [9, 30, 100])
def test_it_has_the_size_that_is_asked_for_and_spells_every_segment(size: int) -> None:
    tokenizer = BpeTokenizer(train_bpe(genome(), size))
    assert tokenizer.vocab_size == size
    names = {number: name for name, number in tokens(train_bpe(genome(), size)).items()}
    for segment, ids in zip(genome(), tokenizer.encode(genome()), strict=True):
        assert (ids[0], ids[-1]) == (tokenizer.cls_id, tokenizer.sep_id)
        assert "".join(names[number] for number in ids[1:-1]) == segment


def test_the_same_segments_give_the_same_bytes() -> None:
    assert train_bpe(genome(), 60) == train_bpe(genome(), 60)
    assert train_bpe(genome(), 60) != train_bpe(genome(30), 60)


def test_few_bases_hold_few_tokens() -> None:
    assert len(tokens(train_bpe(["ACACAC"], 4096))) < 20


@pytest.mark.parametrize(
    ("n_bases", "length", "expected"),
    [(1_000, 100, 10), (1_001, 100, 11), (12_000_000, 500, 24_000), (3_000_000_000, 500, 24_000), (7, 100, 1)],
)
def test_the_sample_is_the_genome_or_twelve_megabases(n_bases: int, length: int, expected: int) -> None:
    assert vocabulary_sample(n_bases, length) == expected
