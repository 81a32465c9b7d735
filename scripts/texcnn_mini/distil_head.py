"""Stage 5: a text CNN over the frozen encoder's vectors and k-mer counts learns what the teacher makes of windows."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from data import N_SEGMENTS, SEED, WORK
from safetensors.torch import save_file
from student import DIM, join, load_encoder
from torch import Tensor

from texcnn.encoders.dnabert2_model import Dnabert2Model
from texcnn.heads.textcnn import TextCNN

HEAD = {"n_segments": N_SEGMENTS, "kernel_widths": [1, 3], "filters": 32, "dropout": 0.2, "dense_units": 64}
BATCH, EPOCHS, LEARNING_RATE = 128, 4, 2e-3
MAX_HIDDEN = 10
"""Up to so many segments are hidden at a window's upstream end, as most genes of the slice lack them."""


class Windows:
    """The windows of a split as vectors of tiles, each tile embedded once."""

    def __init__(self, split: str, encoder: Dnabert2Model) -> None:
        arrays = np.load(WORK / f"windows.{split}.npz")
        self.values, self.mask = join(encoder, arrays["tiles"])
        self.firsts = torch.from_numpy(arrays["firsts"])
        self.labels = torch.from_numpy(np.load(WORK / f"labels.{split}.npy"))[:, None]
        self.near_tss = torch.from_numpy(arrays["near_tss"])

    def __len__(self) -> int:
        return len(self.firsts)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns vectors ``(n, 42, DIM)``, mask ``(n, 42)`` and labels ``(n, 1)``."""
        tiles = self.firsts[rows, None] + torch.arange(N_SEGMENTS)
        return self.values[tiles], self.mask[tiles], self.labels[rows]


def hide_ends(values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Hides the first 1 to 10 segments of half the windows; their labels stay."""
    n_hidden = torch.randint(1, MAX_HIDDEN + 1, (len(mask), 1)) * (torch.rand(len(mask), 1) < 0.5)
    mask = mask & (torch.arange(N_SEGMENTS) >= n_hidden)
    return values * mask[..., None], mask


@torch.inference_mode()
def squared_pearson(head: TextCNN, windows: Windows, rows: Tensor) -> float:
    """Returns the squared correlation of student and teacher."""
    head.eval()
    found = torch.cat([head(*windows.batch(part)[:2]) for part in rows.split(512)])
    return float(torch.corrcoef(torch.stack([found[:, 0], windows.labels[rows, 0]]))[0, 1] ** 2)


def main() -> None:
    """Writes ``head.safetensors``: one output, the teacher's z-score."""
    torch.manual_seed(SEED)
    encoder = load_encoder(WORK / "encoder.safetensors")
    train, validation = Windows("train", encoder), Windows("validation", encoder)
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
            loss = F.mse_loss(head(*hide_ends(values, mask)), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        print(
            f"epoch {epoch}: loss {total / len(train):.4f}; validation chromosomes, squared correlation with the "
            f"teacher: round TSSs {squared_pearson(head, validation, near):.3f}, "
            f"grid {squared_pearson(head, validation, far):.3f}",
            flush=True,
        )
        save_file(head.state_dict(), WORK / "head.safetensors")


if __name__ == "__main__":
    main()
