"""Stage 7: a text CNN over the frozen encoders' vectors learns what the teacher makes of windows."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from data import SEED, SEGMENTS, WINDOW, WORK
from pretrain import CONFIG
from safetensors.torch import load_file, save_file
from student import DIM
from torch import Tensor

from texcnn.heads.textcnn import TextCNN

N_SEGMENTS = SEGMENTS.n_segments(WINDOW.length)
HEAD = {"n_segments": N_SEGMENTS, "kernel_widths": [1, 3], "filters": 64, "dropout": 0.1, "dense_units": 64}
BATCH, EPOCHS, LEARNING_RATE = 128, 10, 2e-3
LANGUAGE_SCALE = 0.3
"""The language model's numbers start this small and are left out half the time: the motifs say more of the teacher, and
what the head could learn by heart is in the others."""
MAX_HIDDEN = 4
"""Up to so many segments are hidden at a window's upstream end, as most genes of the slice lack them."""


class Windows:
    """The windows of a split as vectors, and what the teacher makes of them."""

    def __init__(self, split: str) -> None:
        arrays = np.load(WORK / f"windows.{split}.npz")
        vectors = load_file(WORK / f"vectors.{split}.safetensors")
        self.values, self.mask = vectors["values"], vectors["mask"]
        self.labels = torch.from_numpy(np.load(WORK / f"labels.{split}.npy"))[:, None]
        self.near_tss = torch.from_numpy(arrays["near_tss"])

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns vectors ``(n, 18, DIM)``, mask ``(n, 18)`` and labels ``(n, 1)``."""
        return self.values[rows].float(), self.mask[rows], self.labels[rows]


def hide_ends(values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Hides the first 1 to 4 segments of half the windows; their labels stay."""
    n_hidden = torch.randint(1, MAX_HIDDEN + 1, (len(mask), 1)) * (torch.rand(len(mask), 1) < 0.5)
    mask = mask & (torch.arange(N_SEGMENTS) >= n_hidden)
    return values * mask[..., None], mask


def hide_language(values: Tensor) -> Tensor:
    """Leaves the language model's vectors of half the windows out, and makes the others small."""
    scale = torch.ones(len(values), 1, values.shape[2])
    scale[..., : CONFIG.hidden_size] = LANGUAGE_SCALE * (torch.rand(len(values), 1, 1) < 0.5)
    return values * scale


def fold_scale(head: TextCNN) -> TextCNN:
    """Returns a copy that takes the language model's vectors as they are."""
    folded = deepcopy(head)
    with torch.no_grad():
        for convolution in folded.convolutions:
            convolution.weight[:, : CONFIG.hidden_size] *= LANGUAGE_SCALE
    return folded.eval()


@torch.inference_mode()
def squared_pearson(head: TextCNN, windows: Windows, rows: Tensor) -> float:
    """Returns the squared correlation of student and teacher."""
    found = torch.cat([head(*windows.batch(part)[:2]) for part in rows.split(512)])
    return float(torch.corrcoef(torch.stack([found[:, 0], windows.labels[rows, 0]]))[0, 1] ** 2)


def main() -> None:
    """Writes ``head.safetensors``: one output, the teacher's z-score."""
    torch.manual_seed(SEED)
    train, validation = Windows("train"), Windows("validation")
    near, far = validation.near_tss.nonzero()[:, 0], (~validation.near_tss).nonzero()[:, 0]
    head = TextCNN(DIM, 1, **HEAD)
    optimizer = torch.optim.AdamW(head.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    steps = EPOCHS * -(-len(train) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1)
    for epoch in range(1, EPOCHS + 1):
        head.train()
        total = 0.0
        for rows in torch.randperm(len(train)).split(BATCH):
            values, mask, labels = train.batch(rows)
            loss = F.mse_loss(head(*hide_ends(hide_language(values), mask)), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        folded = fold_scale(head)
        print(
            f"epoch {epoch}: loss {total / len(train):.4f}; validation chromosomes, squared correlation with the "
            f"teacher: round TSSs {squared_pearson(folded, validation, near):.3f}, "
            f"grid {squared_pearson(folded, validation, far):.3f}",
            flush=True,
        )
        save_file(folded.state_dict(), WORK / "head.safetensors")


if __name__ == "__main__":
    main()
