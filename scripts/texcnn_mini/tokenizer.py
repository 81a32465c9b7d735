"""Stage 1: byte-pair encoding of DNA, trained on the training chromosomes, laid out as DNABERT-2's."""

from __future__ import annotations

import numpy as np
from data import SEED, TILE, WORK, known_runs, read_chromosomes, reverse_complement, to_strings
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer

VOCABULARY = 4096
N_SEGMENTS = 24_000
SPECIALS = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]


def main() -> None:
    """Trains the tokenizer and writes ``tokenizer.json``."""
    rng = np.random.default_rng(SEED)
    rows = np.concatenate(
        [
            bases[start : start + (end - start) // TILE * TILE].reshape(-1, TILE)
            for bases in read_chromosomes("train").values()
            for start, end in known_runs(bases, TILE)
        ]
    )
    rows = rows[rng.permutation(len(rows))[:N_SEGMENTS]]
    rows[::2] = reverse_complement(rows[::2])

    tokenizer = Tokenizer(BPE(unk_token="[UNK]"))
    # Training cost grows with the square of a word's length; 50 bases lose few of the pairs.
    pieces = to_strings(rows.reshape(-1, 50))
    tokenizer.train_from_iterator(pieces, BpeTrainer(vocab_size=VOCABULARY, special_tokens=SPECIALS))
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    )
    WORK.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(WORK / "tokenizer.json"))
    lengths = [len(encoding.ids) for encoding in tokenizer.encode_batch(to_strings(rows[:1000]))]
    print(f"{tokenizer.get_vocab_size()} tokens, {np.mean(lengths):.1f} per segment of {TILE} bp")


if __name__ == "__main__":
    main()
