"""Stage 4: the encoder learns what the teacher sees in one segment.

Targets are the mean and the maximum, over a segment, of the 32 channels of the teacher's second convolution, as
z-scores of the training segments: many labels per segment where a whole window has one. (Only 14 of the 64 vary; a
channel that is never active costs nothing and teaches nothing.)
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from data import SEED, WORK, to_strings
from pretrain import CONFIG
from safetensors.torch import save_file
from student import embed, load_encoder, vectors
from teacher import Teacher

from texcnn.segments.bpe import BpeTokenizer

BATCH, STEPS, LEARNING_RATE = 64, 1_200, 3e-3


def targets(teacher: Teacher, tiles: np.ndarray) -> torch.Tensor:
    """Returns ``(n, 64)``: mean and maximum of each channel over each tile."""
    motifs = torch.cat([teacher.motifs(part) for part in np.array_split(tiles, max(1, len(tiles) // 256))])
    return torch.cat([motifs.mean(dim=2), motifs.amax(dim=2)], dim=1)


def known_tiles(split: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Returns ``n`` tiles without N of the split's windows."""
    tiles = np.load(WORK / f"windows.{split}.npz")["tiles"]
    tiles = tiles[(tiles != ord("N")).all(axis=1)]
    return tiles[rng.permutation(len(tiles))[:n]]


def main() -> None:
    """Writes ``encoder.safetensors``, whose vectors of training tiles have mean 0 and variance 1."""
    rng = np.random.default_rng(SEED)
    torch.manual_seed(SEED)
    teacher, tokenizer = Teacher(), BpeTokenizer(WORK / "tokenizer.json")
    encoder = load_encoder(WORK / "pretrained.safetensors")
    readout = torch.nn.Linear(CONFIG.hidden_size, 64)
    parameters = [*encoder.parameters(), *readout.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=STEPS, pct_start=0.05)

    tiles = known_tiles("train", BATCH * STEPS, rng)
    sample = targets(teacher, tiles[:4096])
    centre, scale = sample.mean(dim=0), sample.std(dim=0).clamp(min=1e-4)
    total = 0.0
    for step in range(1, STEPS + 1):
        batch = tiles[np.arange(step * BATCH, (step + 1) * BATCH) % len(tiles)]
        wanted = (targets(teacher, batch) - centre) / scale
        found = readout(vectors(encoder, tokenizer.encode(to_strings(batch)), tokenizer.pad_id))
        loss = F.mse_loss(found, wanted)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % 100 == 0:
            print(f"step {step}: mean squared error {total / 100:.3f} of variance 1", flush=True)
            total = 0.0

    # The last layer's norm is affine and the mean over tokens linear, so the vectors can be standardised in there.
    values, _ = embed(encoder, tiles[:16_384])
    norm = encoder.encoder.layer[-1].mlp.layernorm
    with torch.no_grad():
        norm.weight /= values.std(dim=0)
        norm.bias.sub_(values.mean(dim=0)).div_(values.std(dim=0))
        readout.bias += readout.weight @ values.mean(dim=0)
        readout.weight *= values.std(dim=0)
    save_file(encoder.state_dict(), WORK / "encoder.safetensors")

    held_out = known_tiles("validation", 4096, rng)
    wanted = (targets(teacher, held_out) - centre) / scale
    with torch.inference_mode():
        found = readout(embed(encoder, held_out)[0])
    r2 = (1 - ((found - wanted) ** 2).mean(dim=0) / wanted.var(dim=0))[wanted.var(dim=0) > 1e-4]
    print(f"validation chromosomes: R2 of the {len(r2)} targets that vary, mean {r2.mean():.3f}, least {r2.min():.3f}")


if __name__ == "__main__":
    main()
