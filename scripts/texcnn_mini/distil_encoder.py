"""Stage 4: the language model learns what the teacher sees in one segment.

Targets are the mean and the maximum, over a segment, of the 32 channels of the teacher's second convolution, as
z-scores of the training segments: many labels per segment where a whole window has one. (Only 14 of the 64 vary; a
channel that is never active is left out.) First on segments of 500 bp, then on those of 250 bp.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from data import SEED, WORK, reverse_complement, to_strings
from pretrain import CONFIG
from safetensors.torch import save_file
from student import language_vectors, load_language_model, vectors
from teacher import Teacher

from texcnn.encoders.dnabert2_model import Dnabert2Model
from texcnn.segments.bpe import BpeTokenizer

BATCH = 64
PHASES = ((2, 1_200, 3e-3), (1, 4_000, 2e-3))
"""Tiles per segment, steps and largest learning rate of each phase."""


def targets(teacher: Teacher, tiles: np.ndarray) -> torch.Tensor:
    """Returns ``(n, 64)``: mean and maximum of each channel over each tile."""
    motifs = torch.cat([teacher.motifs(part) for part in np.array_split(tiles, max(1, len(tiles) // 256))])
    return torch.cat([motifs.mean(dim=2), motifs.amax(dim=2)], dim=1)


def known_segments(split: str, n_tiles: int, rng: np.random.Generator) -> np.ndarray:
    """Returns the split's segments of ``n_tiles`` neighbouring tiles without N ``(n, bases)``, shuffled."""
    tiles = np.load(WORK / f"windows.{split}.npz")["tiles"]
    segments = tiles[: len(tiles) // n_tiles * n_tiles].reshape(-1, n_tiles * tiles.shape[1])
    segments = segments[(segments != ord("N")).all(axis=1)]
    return segments[rng.permutation(len(segments))]


def fit(
    encoder: Dnabert2Model, tokenizer: BpeTokenizer, teacher: Teacher, n_tiles: int, steps: int, learning_rate: float
) -> None:
    """Fits the encoder to the teacher's view of segments of ``n_tiles`` tiles, and prints how well it does."""
    rng = np.random.default_rng(SEED + n_tiles)
    segments, held_out = known_segments("train", n_tiles, rng), known_segments("validation", n_tiles, rng)[:4096]
    sample, wanted = targets(teacher, segments[:8192]), targets(teacher, held_out)
    varies = sample.std(dim=0) > 1e-3
    centre, scale = sample.mean(dim=0)[varies], sample.std(dim=0)[varies]
    wanted = (wanted[:, varies] - centre) / scale
    readout = torch.nn.Linear(CONFIG.hidden_size, int(varies.sum()))
    parameters = [*encoder.parameters(), *readout.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps, pct_start=0.05)
    total = 0.0
    for step in range(1, steps + 1):
        batch = segments[np.arange((step - 1) * BATCH, step * BATCH) % len(segments)]
        if (step - 1) * BATCH // len(segments) % 2:  # every second pass reads the other strand
            batch = reverse_complement(batch)
        found = readout(vectors(encoder.train(), tokenizer.encode(to_strings(batch)), tokenizer.pad_id))
        loss = F.mse_loss(found, (targets(teacher, batch)[:, varies] - centre) / scale)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % 500 == 0 or step == steps:
            with torch.inference_mode():
                found = readout(language_vectors(encoder, held_out))
            r2 = 1 - ((found - wanted) ** 2).mean(dim=0) / wanted.var(dim=0)
            print(
                f"{segments.shape[1]} bp, step {step}: mean squared error {total / (step % 500 or 500):.3f} of "
                f"variance 1; validation chromosomes: R2 mean {r2.mean():.3f}, least {r2.min():.3f}",
                flush=True,
            )
            total = 0.0


def standardize(encoder: Dnabert2Model) -> None:
    """Gives the vectors of training tiles mean 0 and variance 1.

    The last layer's norm is affine and the mean over tokens linear, so the scale goes in there.
    """
    values = language_vectors(encoder, known_segments("train", 1, np.random.default_rng(SEED))[:16_384])
    norm = encoder.encoder.layer[-1].mlp.layernorm
    with torch.no_grad():
        norm.weight /= values.std(dim=0)
        norm.bias.sub_(values.mean(dim=0)).div_(values.std(dim=0))


def main() -> None:
    """Writes ``encoder.safetensors``; goes on from ``encoder.500.safetensors``, the first phase, where it is there."""
    torch.manual_seed(SEED)
    teacher, tokenizer = Teacher(), BpeTokenizer(WORK / "tokenizer.json")
    first, second = PHASES
    halfway = WORK / "encoder.500.safetensors"
    if not halfway.exists():
        encoder = load_language_model(WORK / "pretrained.safetensors")
        fit(encoder, tokenizer, teacher, *first)
        save_file(encoder.state_dict(), halfway)
    encoder = load_language_model(halfway)
    fit(encoder, tokenizer, teacher, *second)
    standardize(encoder)
    save_file(encoder.state_dict(), WORK / "encoder.safetensors")


if __name__ == "__main__":
    main()
