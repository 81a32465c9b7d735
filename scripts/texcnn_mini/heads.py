"""Stage 3 without a GPU: members over frozen encoders, trained on vectors that are computed once.

The same recipes as ``train.py``, without moving windows by some bases: 4-mers and what Xpresso's networks find in each
segment of every gene, and of windows that these networks label (:data:`N_WINDOWS`). What is hidden is whole segments.

Usage: heads.py NAME [NAME ...]
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from pathlib import Path

import numpy as np
import torch
from genome import LENGTH, UPSTREAM, cut, usable_segments
from network import N_FEATURES, N_MAIN, N_TEACHERS, SEGMENT, Network, Recipe, kmer_shares
from optimizer import learning_rate, optimizer_of, set_rate, step_down
from teachers import load_xpresso
from torch import Tensor
from train import (
    MIN_NEAR,
    N_GRID,
    PER_DEVIATION,
    TEACHERS,
    WEIGHTS,
    Data,
    gene_losses,
    judge,
    save,
)  # fmt: skip

from texcnn.encoders.base_convolution import bin_maxima
from texcnn.heads.xpresso import XpressoCNN

N_WINDOWS, N_SEGMENTS = 2_500, LENGTH // SEGMENT
XPRESSO = ("median", "K562", "GM12878")


def places(network: XpressoCNN, codes: Tensor) -> Tensor:
    """Returns what :meth:`XpressoCNN.places` does of codes ``(n, length)``, ``(n, 32, length / 300)``, much faster."""
    assert network.conv1.bias is not None
    best = bin_maxima(codes, network.conv1.weight, (2, 3), 30) + network.conv1.bias
    return network.pool2(network.relu2(network.conv2(best.relu().transpose(1, 2))))


class Vectors:
    """Segments' vectors of some windows: Xpresso's three networks and 4-mers, 16 bits."""

    def __init__(self, data: Data, place: Tensor, strand: Tensor, networks: dict[str, XpressoCNN]) -> None:
        masks, found = [], []
        for rows in torch.arange(len(place)).split(256):
            segments, mask = usable_segments(cut(data.genome, place[rows], strand[rows]), SEGMENT)
            motifs = [places(networks[name], segments)[:, :, 0].half() for name in XPRESSO]
            found.append(torch.cat([*motifs, kmer_shares(segments, 4).half()], dim=1))
            masks.append(mask)
        self.mask, self.vectors = torch.cat(masks), torch.cat(found)
        self.first = torch.cat([torch.zeros(1, dtype=torch.long), self.mask.sum(1).cumsum(0)])

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Returns vectors ``(n, 35, 352)`` and the mask of some windows."""
        mask = self.mask[rows]
        values = torch.zeros(*mask.shape, self.vectors.shape[1])
        values[mask] = torch.cat([self.vectors[self.first[row] : self.first[row + 1]] for row in rows.tolist()]).float()
        return values, mask


def hide_ends(mask: Tensor, chance: float, shortest: int = 250) -> Tensor:
    """Hides segments beyond a random distance in a part of the windows, and single ones; leaves one at least."""
    n = len(mask)
    middle = torch.arange(N_SEGMENTS)[None] * SEGMENT + SEGMENT // 2 - UPSTREAM
    left, right = (shortest * (longest / shortest) ** torch.rand(n, 1) for longest in (UPSTREAM, LENGTH - UPSTREAM))
    hidden = ((middle < -left) | (middle >= right)) & (torch.rand(n, 1) < chance)
    kept = mask & ~(hidden | (torch.rand(mask.shape) < 0.02))
    return torch.where(kept.any(dim=1, keepdim=True), kept, mask)


class Cache:
    """What training reads, computed once and kept in ``heads.pt``."""

    def __init__(self, data: Data, folder: Path) -> None:
        path = folder / "heads.pt"
        if not path.exists():
            networks = {name: load_xpresso(data.pack, name) for name in TEACHERS}
            rows = torch.from_numpy(np.flatnonzero((data.near >= 600) | data.epd))
            with torch.inference_mode():
                genes = Vectors(data, data.place[rows], data.strand[rows], networks)
                usable = torch.from_numpy(data.pack["distilled_split"])[N_GRID:] <= 1
                drawn = torch.nonzero(usable)[:, 0][torch.randperm(int(usable.sum()))[:N_WINDOWS]] + N_GRID
                place, strand = data.distilled_place[drawn], data.distilled_strand[drawn]
                windows = Vectors(data, place, strand, networks)
                labels = []
                for part in torch.arange(len(drawn)).split(64):
                    codes = cut(data.genome, place[part], strand[part])
                    labels.append(torch.cat([net.read(places(net, codes)) for net in networks.values()], dim=1))
            torch.save([rows, vars(genes), vars(windows), torch.cat(labels), drawn], path)
        self.rows, genes, windows, labels, drawn = torch.load(path, weights_only=True)
        self.genes, self.windows = Vectors.__new__(Vectors), Vectors.__new__(Vectors)
        vars(self.genes).update(genes)
        vars(self.windows).update(windows)
        self.validation = torch.from_numpy(data.pack["distilled_split"])[drawn] == 1
        self.mean, self.scale = labels.mean(0), labels.std(0)
        self.labels = (labels - self.mean) / self.scale


def columns(recipe: Recipe) -> slice:
    """Returns the part of the vectors that a recipe reads."""
    return slice(0 if recipe.xpresso else 32 * len(XPRESSO), None if recipe.kmers else 32 * len(XPRESSO))


def folded(values: Tensor, network: Network) -> Tensor:
    """Counts a k-mer and its reverse complement as one, where the recipe says so."""
    if not network.recipe.symmetric:
        return values
    start = values.shape[2] - 4**network.recipe.kmers
    counts = values[..., start:]
    return torch.cat([values[..., :start], (counts + counts[..., network.other]) / 2], dim=2)


@torch.inference_mode()
def predict(network: Network, data: Data, cache: Cache, genes: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Returns predictions without and with the mRNA's lengths, in log10(RPKM + 0.1), ``(n, 58)`` each."""
    found: tuple[list[Tensor], list[Tensor]] = ([], [])
    for part in genes.split(256):
        values, mask = cache.genes.take(part)
        values = folded(values[..., columns(network.recipe)], network)
        features = data.features[cache.rows[part]]
        for kept, given in zip(found, (torch.zeros_like(features), features), strict=True):
            kept.append(network.head.eval()(values, mask, given)[:, :N_MAIN])
    return tuple(torch.cat(kept).numpy() * data.scale + data.mean for kept in found)


def train(
    name: str, recipe: Recipe, data: Data, cache: Cache, options: argparse.Namespace, *, all_splits: bool
) -> None:
    """Trains one member."""
    torch.manual_seed(recipe.seed)
    weights = {**WEIGHTS, **recipe.weights}
    network = Network(recipe, {name: load_xpresso(data.pack, name) for name in recipe.xpresso})
    average = copy.deepcopy(network).requires_grad_(False)
    optimizer = optimizer_of(network.head.parameters(), recipe.weight_decay)
    split = data.split[cache.rows]
    genes = torch.from_numpy(np.flatnonzero(split <= (1 if all_splits else 0)))
    sampled = data.gene_weight[cache.rows[genes], 0]
    windows = torch.nonzero(~cache.validation | all_splits)[:, 0]
    held = torch.from_numpy(np.flatnonzero((split == 1) & (data.near[cache.rows] >= MIN_NEAR)))
    published = (data.published - cache.mean[0]) / cache.scale[0]
    steps, started = options.steps or recipe.steps, time.time()
    log: list[dict[str, float]] = []
    for step in range(steps):
        progress = step / steps
        set_rate(optimizer, learning_rate(recipe.learning_rate, progress, rise=0.04, least=0.01))
        early = progress < 0.2 and recipe.windows > 0
        n_genes, n_windows = (recipe.batch // 2, 2 * recipe.windows) if early else (recipe.batch, recipe.windows)
        drawn = genes[torch.multinomial(sampled, n_genes, replacement=True)]
        chosen = windows[torch.randint(len(windows), (n_windows,))]
        values, mask = cache.genes.take(drawn)
        mask = hide_ends(mask, recipe.mask_chance)
        if n_windows:
            more, more_mask = cache.windows.take(chosen)
            values, mask = torch.cat([values, more]), torch.cat([mask, hide_ends(more_mask, 0.5)])
        values = folded(values[..., columns(recipe)], network) * mask[..., None]
        rows = cache.rows[drawn]
        features = torch.zeros(n_genes + n_windows, N_FEATURES)
        features[:n_genes] = data.features[rows] * (torch.rand(n_genes, 1) < 0.5)
        output = network.head.train()(values, mask, features)
        losses = gene_losses(output[:n_genes], data, rows, published)
        if n_windows:
            losses["teachers"] = ((output[n_genes:, -N_TEACHERS:] - cache.labels[chosen]) ** 2).mean()
        loss = sum(weights[key] * value for key, value in losses.items())
        assert isinstance(loss, Tensor)
        step_down(loss, optimizer, network.head, average.head, step, recipe.ema)
        if (step + 1) % max(steps // 4, 1) == 0:
            alone, given = predict(average, data, cache, held)
            log.append({"step": step + 1, "seconds": round(time.time() - started)})
            log[-1] |= judge(alone, given, cache.rows[held].numpy(), data.pack)
            shown = {f"loss_{key}": round(value.item(), 3) for key, value in losses.items()}
            print(name, json.dumps(log[-1] | shown), flush=True)
    if not all_splits:
        both = (np.stack([alone, given]) - data.mean) / data.scale * PER_DEVIATION
        found = both.round().clip(-127, 127).astype(np.int8)
        np.savez_compressed(options.out / f"{name}.npz", rows=cache.rows[held].numpy(), found=found)
    save(name, average, recipe, data, log, options, all_splits=all_splits)


def main() -> None:
    """Trains members of the plan by name."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="+")
    parser.add_argument("--plan", type=Path, default=Path(__file__).with_name("plan.json"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    data = Data(options.work / "pack.npz", torch.device("cpu"))
    cache = Cache(data, options.work)
    plan = json.loads(options.plan.read_text())
    for name in options.names:
        if not (options.out / f"{name}.json").exists():
            recipe = Recipe.from_json(plan[name]["recipe"])
            train(name, recipe, data, cache, options, all_splits=plan[name]["all_splits"])


if __name__ == "__main__":
    main()
