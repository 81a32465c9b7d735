"""Stage 2: what a short piece of DNA does in a reporter assay, learned from 23,380 elements measured in HepG2.

A small convolutional network (three members) that later teaches the model which single bases matter. A tenth
of the elements judges it.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from data import WORK
from safetensors.torch import save_file
from teachers import ReporterCNN
from torch import Tensor

SEED, EPOCHS, BATCH, LEARNING_RATE, MEMBERS, MAX_SHIFT = 2026, 14, 128, 2e-3, 3, 10


def hot(codes: Tensor) -> Tensor:
    """Turns codes ``(n, length)`` into channels ``(n, 4, length)``."""
    return torch.stack([codes == base for base in range(4)], dim=1).float()


def moved(codes: Tensor) -> Tensor:
    """Moves each row by up to :data:`MAX_SHIFT` bases and turns half of them to the other strand."""
    shift = torch.randint(-MAX_SHIFT, MAX_SHIFT + 1, (len(codes), 1))
    index = torch.arange(codes.shape[1])[None] + shift
    rows = torch.where((index >= 0) & (index < codes.shape[1]), codes.gather(1, index.clamp(0, codes.shape[1] - 1)), 4)
    other = torch.where(rows < 4, 3 - rows, rows).flip(1)
    return torch.where(torch.rand(len(rows), 1) < 0.5, other, rows)


@torch.inference_mode()
def predict(members: list[ReporterCNN], codes: Tensor) -> Tensor:
    """Returns the mean over members and strands."""
    found = []
    for part in codes.split(512):
        other = torch.where(part < 4, 3 - part, part).flip(1)
        found.append(torch.stack([member.eval()(hot(x)) for member in members for x in (part, other)]).mean(0))
    return torch.cat(found)


def main() -> None:
    """Writes ``reporter.<member>.safetensors``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--members", type=int, default=MEMBERS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    torch.manual_seed(SEED)
    pack = np.load(WORK / "pack.npz")
    codes, activity = torch.from_numpy(pack["mpra_codes"]).long(), torch.from_numpy(pack["mpra_activity"])
    train, valid = np.flatnonzero(~pack["mpra_held"]), np.flatnonzero(pack["mpra_held"])
    mean, scale = activity[train].mean(), activity[train].std()
    target = (activity - mean) / scale
    members: list[ReporterCNN] = []
    for number in range(options.members):
        network = ReporterCNN()
        optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
        steps = options.epochs * (len(train) // BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.2)
        for epoch in range(options.epochs):
            network.train()
            for rows in torch.randperm(len(train))[: len(train) // BATCH * BATCH].view(-1, BATCH):
                chosen = torch.from_numpy(train)[rows]
                loss = F.mse_loss(network(hot(moved(codes[chosen]))), target[chosen])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
            r = np.corrcoef(predict([network], codes[valid]), target[valid])[0, 1]
            print(f"member {number}, epoch {epoch}: validation Pearson {r:.3f}", flush=True)
        save_file(network.state_dict(), WORK / f"reporter.{number}.safetensors")
        members.append(network)
    r = np.corrcoef(predict(members, codes[valid]), target[valid])[0, 1]
    print(f"all members: Pearson {r:.3f} on {len(valid)} elements")


if __name__ == "__main__":
    main()
