"""A genome's own byte-pair vocabulary."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer

from texcnn.errors import InputError
from texcnn.segments.bpe import SPECIAL_TOKENS

SMALLEST_VOCABULARY = len(SPECIAL_TOKENS) + len("ACGT")

_WORD = 50
"""Bases of a word: the cost of training grows with the square of a word's length, and 50 lose few of the pairs."""

_LARGEST_SAMPLE = 12_000_000


def train_bpe(segments: Sequence[str], vocab_size: int) -> bytes:
    """Trains byte-pair encoding on bases, laid out as DNABERT-2's ``tokenizer.json``.

    Source: Zhou et al. 2024, "DNABERT-2", arXiv:2306.15006, section 3.1.

    Args:
        segments: Upper-case ``ACGT``.
        vocab_size: Tokens to make, the five special ones and four bases included; few bases may hold fewer.

    Returns:
        The file; the same segments give the same bytes.

    Raises:
        InputError: when the vocabulary cannot even hold the special tokens and the bases.
    """
    if vocab_size < SMALLEST_VOCABULARY:
        raise InputError(f"unusable vocabulary size {vocab_size}", allowed=f"a number from {SMALLEST_VOCABULARY}")
    tokenizer = Tokenizer(BPE(unk_token="[UNK]"))
    words = [segment[at : at + _WORD] for segment in segments for at in range(0, len(segment), _WORD)]
    trainer = BpeTrainer(
        vocab_size=vocab_size, special_tokens=list(SPECIAL_TOKENS), initial_alphabet=list("ACGT"), show_progress=False
    )
    tokenizer.train_from_iterator(words, trainer)
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    )
    return tokenizer.to_str(pretty=True).encode()


def vocabulary_sample(n_bases: int, length: int) -> int:
    """Returns how many segments to train a vocabulary on: all bases, or 12 Mb of them."""
    return -(-min(n_bases, _LARGEST_SAMPLE) // length)
