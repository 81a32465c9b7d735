"""Stage 5: text CNNs over the 4-mer counts of stage 4, trained on real genes: ``head.kmers.<seed>.safetensors``.

They learn what the members that are trained end to end learn (``train.py``), except what needs bases; window ends are
hidden at random, segment by segment.

Usage: heads.py [--seed N] [--all-splits]
"""

from __future__ import annotations

import argparse
import copy
import json
import time

import numpy as np
import torch
from data import WORK
from genome import LENGTH, UPSTREAM
from network import N_FACTORS, N_FEATURES, N_MAIN, N_TEACHERS, N_TISSUES
from safetensors.torch import save_file
from torch import Tensor
from train import MIN_NEAR, WEIGHTS, Data, gene_losses, squared_pearson, within_gene
from vectors import SEGMENT

from texcnn.heads.textcnn import TextCNN

EPOCHS, BATCH, RATE, DECAY, EMA = 8, 64, 1e-3, 0.1, 0.995
N_SEGMENTS = LENGTH // SEGMENT
HEAD = {
    "kernel_widths": [1, 3],
    "filters": 64,
    "dropout": 0.5,
    "input_dropout": 0.2,
    "dense_units": 128,
    "fusion_units": 64,
}
"""The text CNN's arguments."""


class Vectors:
    """Segment vectors of stage 4, gene by gene."""

    def __init__(self) -> None:
        with np.load(WORK / "vectors.npz") as file:
            self.rows = torch.from_numpy(file["rows"])
            self.mask = torch.from_numpy(file["mask"])
            self.vectors = torch.from_numpy(file["kmers"]).float()
        ends = self.mask.sum(1).cumsum(0)
        self.first = torch.cat([torch.zeros(1, dtype=torch.long), ends])

    def take(self, genes: Tensor) -> tuple[Tensor, Tensor]:
        """Returns vectors ``(n, segments, dim)`` and the mask of some genes, by their place in ``rows``."""
        mask = self.mask[genes]
        values = torch.zeros(*mask.shape, self.vectors.shape[1])
        values[mask] = torch.cat([self.vectors[self.first[gene] : self.first[gene + 1]] for gene in genes.tolist()])
        return values, mask


def hide_ends(mask: Tensor, chance: float = 0.4, shortest: int = 250) -> Tensor:
    """Hides segments beyond a random distance in a part of the windows, and single ones; leaves one at least."""
    n = len(mask)
    middle = torch.arange(N_SEGMENTS)[None] * SEGMENT + SEGMENT // 2 - UPSTREAM
    left, right = (shortest * (longest / shortest) ** torch.rand(n, 1) for longest in (UPSTREAM, LENGTH - UPSTREAM))
    hidden = ((middle < -left) | (middle >= right)) & (torch.rand(n, 1) < chance)
    kept = mask & ~(hidden | (torch.rand(mask.shape) < 0.02))
    return torch.where(kept.any(dim=1, keepdim=True), kept, mask)


@torch.inference_mode()
def predict(head: TextCNN, vectors: Vectors, genes: Tensor, features: Tensor) -> np.ndarray:
    """Returns what the head predicts, scaled as the labels are, ``(n, 58)``."""
    parts = zip(genes.split(256), features.split(256), strict=True)
    return torch.cat([head.eval()(*vectors.take(part), given)[:, :N_MAIN] for part, given in parts]).numpy()


def judge(head: TextCNN, vectors: Vectors, data: Data, genes: Tensor) -> dict[str, float]:
    """Returns figures of genes with known promoters."""
    rows = vectors.rows[genes]
    true, new = data.pack["labels"][rows], data.pack["new"][rows]
    found = predict(head, vectors, genes, torch.zeros(len(genes), N_FEATURES)) * data.scale + data.mean
    given = predict(head, vectors, genes, data.features[rows]) * data.scale + data.mean
    r2 = squared_pearson(found, true)
    return {
        "median": float(r2[0]),
        "median_new": float(squared_pearson(found[new], true[new])[0]),
        "cell_types": float(r2[1:].mean()),
        "within": within_gene(found, true),
        "median_features": float(squared_pearson(given, true)[0]),
    }


def train(seed: int, *, all_splits: bool) -> None:
    """Trains one head and writes its weights, in the labels' unit, and its figures."""
    torch.manual_seed(seed)
    data, vectors = Data(WORK / "pack.npz", torch.device("cpu")), Vectors()
    data.published = (data.published - data.published.mean()) / data.published.std()
    head = TextCNN(
        vectors.vectors.shape[1],
        N_MAIN + N_TISSUES + N_FACTORS + N_TEACHERS,
        n_segments=N_SEGMENTS,
        n_features=N_FEATURES,
        **HEAD,
    )
    average = copy.deepcopy(head).requires_grad_(False)
    decayed = [weight for weight in head.parameters() if weight.ndim > 1]
    others = [weight for weight in head.parameters() if weight.ndim == 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}])
    split, near = data.split[vectors.rows], data.near[vectors.rows]
    genes = torch.from_numpy(np.flatnonzero(split <= (1 if all_splits else 0)))
    held = torch.from_numpy(np.flatnonzero((split == 1) & (near >= MIN_NEAR)))
    weight = data.gene_weight[vectors.rows[genes], 0]
    step, steps, started, log = 0, EPOCHS * (len(genes) // BATCH), time.time(), []
    for _ in range(EPOCHS):
        head.train()
        drawn = genes[torch.multinomial(weight, len(genes), replacement=True)]
        for batch in drawn[: len(drawn) // BATCH * BATCH].view(-1, BATCH):
            progress = step / steps
            for group in optimizer.param_groups:
                group["lr"] = RATE * min(progress / 0.05, 1) * (0.01 + 0.495 * (1 + np.cos(np.pi * progress)))
            values, mask = vectors.take(batch)
            mask, rows = hide_ends(mask), vectors.rows[batch]
            features = data.features[rows] * (torch.rand(BATCH, 1) < 0.5)
            losses = gene_losses(head(values * mask[..., None], mask, features), data, rows)
            loss = sum(WEIGHTS[name] * value for name, value in losses.items())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(head.parameters(), 5.0)
            optimizer.step()
            step += 1
            with torch.no_grad():
                kept = min(EMA, (1 + step) / (10 + step))
                torch._foreach_lerp_(list(average.parameters()), list(head.parameters()), 1 - kept)
        log.append({"seconds": round(time.time() - started)} | judge(average, vectors, data, held))
        print(seed, json.dumps(log[-1]), flush=True)
    tensors = {name: value.detach().clone() for name, value in average.state_dict().items()}
    scale, mean = torch.from_numpy(data.scale), torch.from_numpy(data.mean)
    tensors["output.weight"] = tensors["output.weight"][:N_MAIN] * scale[:, None]
    tensors["output.bias"] = tensors["output.bias"][:N_MAIN] * scale + mean
    name = f"head.kmers.{seed}{'.all' if all_splits else ''}"
    save_file({key: value.contiguous() for key, value in tensors.items()}, WORK / f"{name}.safetensors")
    described = {"options": HEAD, "feature_mean": data.feature_mean.tolist(), "log": log}
    described["feature_scale"] = data.feature_scale.tolist()
    (WORK / f"{name}.json").write_text(json.dumps(described))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--all-splits", action="store_true", help="train on the validation chromosomes as well")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    train(arguments.seed, all_splits=arguments.all_splits)
