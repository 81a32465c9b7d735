import numpy as np
import pytest
import torch

from texcnn.errors import InputError
from texcnn.segments.bases import base_codes, base_tokens, kmer_numbers, one_hot, stack_codes


def test_codes_know_four_bases_and_nothing_else():
    assert base_codes("ACGTNRacgt\u00e9").tolist() == [0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4]
    assert base_codes("ACGT").dtype == np.uint8


def test_tokens_are_a_byte_per_base():
    assert base_tokens(["ACG", "", "TNé"]) == [b"\0\1\2", b"", b"\3\4\4"]
    assert base_tokens([]) == []


def test_one_hot_has_a_channel_per_base_in_the_order_acgt():
    encoded = one_hot(stack_codes(["ACGTN", "NNNNT"]))
    assert (encoded.dtype, encoded.shape) == (torch.float32, (2, 4, 5))
    assert encoded[0].tolist() == [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0]]
    assert encoded[1].sum() == 1
    assert encoded[1, 3, 4] == 1


@pytest.mark.parametrize("sequences", [[], ["ACG", "AC"]])
def test_sequences_of_different_lengths_are_refused(sequences):
    with pytest.raises(InputError, match="sequences of one length"):
        stack_codes(sequences)


def test_kmers_are_numbers_to_base_four_and_none_with_an_unknown():
    assert kmer_numbers(base_codes("ACGT"), 2).tolist() == [0 * 4 + 1, 1 * 4 + 2, 2 * 4 + 3]
    assert kmer_numbers(base_codes("TTTNAAA"), 3).tolist() == [63, 0]
    assert kmer_numbers(base_codes("AC"), 3).tolist() == []
    assert kmer_numbers(base_codes("ACG"), 3).tolist() == [6]
