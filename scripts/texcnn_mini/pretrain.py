"""Stage 2: a short masked-language-model pre-training of the encoder on the training chromosomes.

A small DNABERT-2: hidden size 64, 2 layers, 2 heads, gated MLP of 128. Rows are segments of 250 bp at random
places of known bases, on either strand.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from data import SEED, TILE, WORK, known_runs, read_chromosomes, reverse_complement, to_strings
from safetensors.torch import save_file

from texcnn.encoders.dnabert2_model import Dnabert2Config, Dnabert2ForMaskedLM
from texcnn.pretraining.masking import mask_tokens
from texcnn.segments.bpe import BpeTokenizer

CONFIG = Dnabert2Config(
    vocab_size=4096,
    hidden_size=64,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=128,
    hidden_dropout_prob=0.0,  # too small to overfit 32 Mb
)
BATCH, STEPS, LEARNING_RATE = 64, 300, 3e-3


def random_segments(chromosomes: dict[str, np.ndarray], n: int, rng: np.random.Generator) -> np.ndarray:
    """Returns ``(n, 250)`` ASCII codes of known bases, each start equally likely, half of them on the minus strand."""
    runs = [(bases, *run) for bases in chromosomes.values() for run in known_runs(bases, TILE)]
    room = np.array([end - start - TILE + 1 for _, start, end in runs], dtype=float)
    rows = np.empty((n, TILE), dtype=np.uint8)
    for row, chosen in zip(rows, rng.choice(len(runs), size=n, p=room / room.sum()), strict=True):
        bases, start, end = runs[chosen]
        at = rng.integers(start, end - TILE + 1)
        row[:] = bases[at : at + TILE]
    rows[::2] = reverse_complement(rows[::2])
    return rows


def pad(tokens: list[list[int]], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns token ids and attention mask, padded to the longest row."""
    mask = torch.zeros(len(tokens), max(map(len, tokens)), dtype=torch.bool)
    ids = torch.full(mask.shape, pad_id)
    for i, row in enumerate(tokens):
        ids[i, : len(row)], mask[i, : len(row)] = torch.tensor(row), True
    return ids, mask


def loss_of(
    model: Dnabert2ForMaskedLM, tokens: list[list[int]], tokenizer: BpeTokenizer, generator: torch.Generator
) -> torch.Tensor:
    """Returns the cross-entropy of the masked tokens, in nats."""
    ids, attention_mask = pad(tokens, tokenizer.pad_id)
    inputs, chosen = mask_tokens(
        ids,
        special_ids=(tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.pad_id),
        mask_id=tokenizer.mask_id,
        vocab_size=tokenizer.vocab_size,
        generator=generator,
    )
    scores = model.cls.predictions(model.bert(inputs, attention_mask)[chosen])
    return F.cross_entropy(scores, ids[chosen])


def main() -> None:
    """Pre-trains and writes ``pretrained.safetensors``, the encoder without its language-model head."""
    rng, generator = np.random.default_rng(SEED), torch.Generator().manual_seed(SEED)
    torch.manual_seed(SEED)
    tokenizer = BpeTokenizer(WORK / "tokenizer.json")
    model = Dnabert2ForMaskedLM(CONFIG)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=STEPS, pct_start=0.1)
    rows = random_segments(read_chromosomes("train"), BATCH * STEPS, rng)
    total = 0.0
    for step, batch in enumerate(np.split(rows, STEPS), 1):
        loss = loss_of(model, tokenizer.encode(to_strings(batch)), tokenizer, generator)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % 50 == 0:
            print(f"step {step}: loss {total / 50:.3f}", flush=True)
            total = 0.0
    save_file(model.bert.state_dict(), WORK / "pretrained.safetensors")

    model.eval()
    rows = random_segments(read_chromosomes("validation"), 640, rng)
    with torch.inference_mode():
        losses = [
            loss_of(model, tokenizer.encode(to_strings(batch)), tokenizer, generator) for batch in np.split(rows, 10)
        ]
    print(f"validation chromosomes: loss {torch.stack(losses).mean():.3f}")


if __name__ == "__main__":
    main()
