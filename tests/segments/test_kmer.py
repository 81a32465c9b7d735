import random

import pytest

from texcnn.errors import InputError
from texcnn.segments.kmer import KmerTokenizer


@pytest.mark.parametrize(("k", "size"), [(3, 69), (4, 261), (5, 1029), (6, 4101)])
def test_vocabulary_has_the_published_size(k, size):
    tokenizer = KmerTokenizer(k)
    assert tokenizer.vocab_size == size == len(tokenizer.tokens()) == len(set(tokenizer.tokens()))


def test_vocabulary_counts_in_the_order_a_t_c_g():
    # The first lines of the published vocab.txt for k = 3.
    assert KmerTokenizer(3).tokens()[:11] == [
        *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
        *("AAA", "AAT", "AAC", "AAG", "ATA", "ATT"),
    ]


def test_special_ids():
    tokenizer = KmerTokenizer(6)
    assert (tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id) == (
        0,
        1,
        2,
        3,
        4,
    )


def test_ids_by_hand():
    # A0 T1 C2 G3: AAA = 5 + 0, AAT = 5 + 1, ATC = 5 + 4 + 2, GGG = 5 + 63.
    assert KmerTokenizer(3).encode(["AAATC"]) == [[2, 5, 6, 11, 3]]
    assert KmerTokenizer(3).encode(["GGG"]) == [[2, 68, 3]]
    # ACGTAC to base 4 is 0 2 3 1 0 2 = 2*256 + 3*64 + 1*16 + 2 = 722.
    assert KmerTokenizer(6).encode(["ACGTAC"]) == [[2, 727, 3]]


@pytest.mark.parametrize("k", [1, 3, 4, 5, 6])
def test_ids_are_places_in_the_vocabulary(k):
    tokenizer = KmerTokenizer(k)
    place = {token: number for number, token in enumerate(tokenizer.tokens())}
    bases = "".join(random.Random(k).choices("ACGT", k=300))
    expected = [place[bases[start : start + k]] for start in range(301 - k)]
    assert tokenizer.encode([bases]) == [[2, *expected, 3]]


def test_one_unknown_letter_costs_k_tokens():
    ids = KmerTokenizer(3).encode(["AAAANAAAA"])[0]
    assert ids == [2, 5, 5, 1, 1, 1, 5, 5, 3]
    assert KmerTokenizer(3).encode(["AAR", "A-A", "AÄA"]) == [[2, 1, 3]] * 3


@pytest.mark.parametrize("k", [3, 6])
def test_a_run_of_n_is_never_a_kmer(k):
    assert KmerTokenizer(k).encode(["N" * 20]) == [[2, *[1] * (21 - k), 3]]


def test_a_segment_shorter_than_k_is_two_special_tokens():
    assert KmerTokenizer(6).encode(["ACGTA", "", "ACGTAC"]) == [[2, 3], [2, 3], [2, 727, 3]]


def test_lower_case_reads_as_upper_case():
    assert KmerTokenizer(4).encode(["acgtn"]) == KmerTokenizer(4).encode(["ACGTN"])


def test_500_bases_are_495_six_mers():
    assert len(KmerTokenizer(6).encode(["A" * 500])[0]) == 495 + 2


def test_empty_batch():
    assert KmerTokenizer(6).encode([]) == []


def test_fingerprint_differs_with_k():
    assert KmerTokenizer(3).fingerprint == KmerTokenizer(3).fingerprint != KmerTokenizer(4).fingerprint


@pytest.mark.parametrize("k", [0, 13])
def test_k_out_of_range(k):
    with pytest.raises(InputError, match=f"unusable k-mer length {k} .* allowed: 1 to 12"):
        KmerTokenizer(k)
