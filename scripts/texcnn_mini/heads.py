"""Stage 5: text CNNs over the fixed encoders of stage 4, trained on real genes: ``head.<kind>.<seed>.safetensors``.

Two kinds: ``kmers`` reads 4-mer counts; ``motifs`` reads these and the motifs of three Xpresso networks, and starts from
these networks' own dense layers. They learn what the members that are trained end to end learn (``train.py``) but what
needs bases, and windows whose ends are hidden at random, segment by segment.

Usage: heads.py KIND [--seed N] [--all-splits]
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
from teachers import load_xpresso
from torch import Tensor
from train import MIN_NEAR, WEIGHTS, Data, gene_losses, squared_pearson, within_gene
from vectors import NETWORKS, SEGMENT

from texcnn.heads.textcnn import TextCNN

EPOCHS, BATCH, RATE, DECAY, EMA = 8, 64, 1e-3, 0.1, 0.995
N_SEGMENTS = LENGTH // SEGMENT
FILTERS, UNITS = 64, 128
HIDDEN = 64
"""Units of Xpresso's first dense layer; its second has two."""


class Vectors:
    """Segment vectors of stage 4, gene by gene."""

    def __init__(self, kind: str) -> None:
        with np.load(WORK / "vectors.npz") as file:
            self.rows = torch.from_numpy(file["rows"])
            self.mask = torch.from_numpy(file["mask"])
            names = ("motifs", "kmers") if kind == "motifs" else ("kmers",)
            self.vectors = torch.cat([torch.from_numpy(file[name]).float() for name in names], dim=1)
            self.patterns = {name: file[f"patterns.{name}"].tolist() for name in NETWORKS}
        ends = self.mask.sum(1).cumsum(0)
        self.first = torch.cat([torch.zeros(1, dtype=torch.long), ends])

    def take(self, genes: Tensor) -> tuple[Tensor, Tensor]:
        """Returns vectors ``(n, segments, dim)`` and the mask of some genes, by their place in ``rows``."""
        mask = self.mask[genes]
        values = torch.zeros(*mask.shape, self.vectors.shape[1])
        values[mask] = torch.cat([self.vectors[self.first[gene] : self.first[gene + 1]] for gene in genes.tolist()])
        return values, mask


def head_options(kind: str, dim: int) -> dict[str, object]:
    """Returns the text CNN's arguments; ``motifs`` has a filter per motif and Xpresso's dense units on top."""
    n_motifs = dim - 256 if kind == "motifs" else 0
    return {
        "kernel_widths": [1] if n_motifs else [1, 3],
        "filters": FILTERS + n_motifs,
        "dropout": 0.5,
        "input_dropout": 0.2,
        "dense_units": UNITS + HIDDEN * len(NETWORKS) * bool(n_motifs),
        "fusion_units": 64,
    }


@torch.no_grad()
def start_from_xpresso(head: TextCNN, data: Data, patterns: dict[str, list[int]]) -> None:
    """Copies the dense layers of the three networks: their motifs reach them through filters that change nothing."""
    n = sum(map(len, patterns.values()))
    filters, dense, fusion = head.convolutions[0], head.dense[0], head.fusion[0]
    filters.weight[:n], filters.bias[:n] = 0.0, 0.0
    filters.weight[:n, :n, 0] = torch.eye(n)
    weight = dense.weight.view(-1, filters.out_channels, N_SEGMENTS)
    weight[: HIDDEN * len(NETWORKS), :n] = 0
    weight[: HIDDEN * len(NETWORKS), n:] *= 0.3
    fusion.weight[: 2 * len(NETWORKS)], done = 0.0, 0
    for number, name in enumerate(NETWORKS):
        network, units = load_xpresso(data.pack, name), slice(HIDDEN * number, HIDDEN * (number + 1))
        theirs = network.dense1.weight[:, : N_SEGMENTS * 32].view(HIDDEN, N_SEGMENTS, 32)
        for place, pattern in enumerate(patterns[name], start=done):
            weight[units, place] = theirs[:, :, pattern].float()
        dense.bias[units] = network.dense1.bias.float()
        pair = slice(2 * number, 2 * number + 2)
        fusion.weight[pair, units], fusion.bias[pair] = network.dense2.weight.float(), network.dense2.bias.float()
        done += len(patterns[name])


def hide_ends(mask: Tensor, chance: float = 0.4, shortest: int = 250) -> Tensor:
    """Hides segments beyond a random distance in a part of the windows, and single ones; leaves one at least."""
    n = len(mask)
    middle = torch.arange(N_SEGMENTS)[None] * SEGMENT + SEGMENT // 2 - UPSTREAM
    left, right = (
        shortest * (longest / shortest) ** torch.rand(n, 1) for longest in (UPSTREAM, LENGTH - UPSTREAM)
    )
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


def train(kind: str, seed: int, *, all_splits: bool) -> None:
    """Trains one head and writes its weights, in the labels' unit, and its figures."""
    torch.manual_seed(seed)
    data, vectors = Data(WORK / "pack.npz", torch.device("cpu")), Vectors(kind)
    data.published = (data.published - data.published.mean()) / data.published.std()
    options = head_options(kind, vectors.vectors.shape[1])
    head = TextCNN(
        vectors.vectors.shape[1],
        N_MAIN + N_TISSUES + N_FACTORS + N_TEACHERS,
        n_segments=N_SEGMENTS,
        n_features=N_FEATURES,
        **options,
    )
    if kind == "motifs":
        start_from_xpresso(head, data, vectors.patterns)
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
        print(kind, seed, json.dumps(log[-1]), flush=True)
    tensors = {name: value.detach().clone() for name, value in average.state_dict().items()}
    scale, mean = torch.from_numpy(data.scale), torch.from_numpy(data.mean)
    tensors["output.weight"] = tensors["output.weight"][:N_MAIN] * scale[:, None]
    tensors["output.bias"] = tensors["output.bias"][:N_MAIN] * scale + mean
    name = f"head.{kind}.{seed}{'.all' if all_splits else ''}"
    save_file({key: value.contiguous() for key, value in tensors.items()}, WORK / f"{name}.safetensors")
    described = {"options": options, "feature_mean": data.feature_mean.tolist(), "log": log}
    described["feature_scale"] = data.feature_scale.tolist()
    (WORK / f"{name}.json").write_text(json.dumps(described))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("kmers", "motifs"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--all-splits", action="store_true", help="train on the validation chromosomes as well")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    train(arguments.kind, arguments.seed, all_splits=arguments.all_splits)
