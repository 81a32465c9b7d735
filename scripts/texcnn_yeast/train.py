"""Stage 2: text CNNs for yeast over several windows, segments and encoders, with and without codon features.

Every recipe is trained with several seeds; validation chromosomes stop the training and choose, test chromosomes are
only reported. Codon features are left out half of the time, so that a model works without them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "texcnn_mini"))
from genome import one_hot
from network import NormedSegmentCNN, kmer_shares
from optimizer import learning_rate, set_rate
from yeast_genome import cut_yeast, load_yeast_pack

from texcnn.heads.textcnn import TextCNN

RATE = {"rise": 0.1, "least": 0.02}
"""How the learning rate of every network of yeast rises and falls."""


@dataclass(frozen=True)
class Recipe:
    """One way to build and train the model."""

    name: str
    upstream: int = 1_000
    downstream: int = 500
    segment: int = 250
    kmers: int = 4
    convolutions: bool = False
    codons: bool = True
    filters: int = 64
    dense_units: int = 128
    fusion_units: int | None = 64
    dropout: float = 0.5
    input_dropout: float = 0.2
    epochs: int = 40
    learning_rate: float = 1e-3

    def convolution_config(self) -> dict[str, int]:
        """Returns the sizes of the segment convolutions."""
        places = max(self.segment // 75, 1)
        return {
            "motifs": 96, "motif_width": 11, "pool": 5, "channels": 48, "width": 5, "layers": 2, "places": places,
            "second_pool": -(-self.segment // (5 * places)),
        }  # fmt: skip


RECIPES = [
    Recipe("as version 1", codons=False, fusion_units=None),
    Recipe("codons"),
    Recipe("1000+1500", downstream=1_500),
    Recipe("500+1500, segments of 125", upstream=500, downstream=1_500, segment=125),
    Recipe("500+3000", upstream=500, downstream=3_000),
    Recipe(
        "500+1500, segments of 125, convolutions",
        upstream=500,
        downstream=1_500,
        segment=125,
        kmers=0,
        convolutions=True,
    ),
    Recipe("500+1500, segments of 250, both", upstream=500, downstream=1_500, segment=250, convolutions=True),
    Recipe("1000+1500, segments of 500, 5-mers", downstream=1_500, segment=500, kmers=5),
    Recipe("1000+1500, segments of 500, 6-mers", downstream=1_500, segment=500, kmers=6),
    Recipe("1000+2500, 5-mers", downstream=2_500, segment=500, kmers=5),
    Recipe("500+1000, segments of 125", upstream=500, downstream=1_000, segment=125),
]


class Network(nn.Module):
    """Windows and codons in, conditions out."""

    def __init__(self, recipe: Recipe, n_outputs: int, n_codons: int) -> None:
        super().__init__()
        self.recipe = recipe
        dim = 4**recipe.kmers if recipe.kmers else 0
        self.encoder = None
        if recipe.convolutions:
            config = recipe.convolution_config()
            self.encoder = NormedSegmentCNN(**config)
            dim += config["channels"] * (config["places"] + 1)
        self.head = TextCNN(
            dim, n_outputs, n_segments=(recipe.upstream + recipe.downstream) // recipe.segment, kernel_widths=(1, 3),
            filters=recipe.filters, dropout=recipe.dropout, input_dropout=recipe.input_dropout,
            dense_units=recipe.dense_units, n_features=n_codons if recipe.codons else 0,
            fusion_units=recipe.fusion_units,
        )  # fmt: skip

    def forward(self, codes: Tensor, features: Tensor) -> Tensor:
        """Predicts conditions, scaled."""
        segments = codes.view(-1, self.recipe.segment)
        parts = []
        if self.recipe.kmers:
            parts.append(kmer_shares(segments, self.recipe.kmers))
        if self.encoder is not None:
            parts.append(self.encoder(one_hot(segments)).float())
        values = torch.cat(parts, dim=1).view(len(codes), -1, sum(part.shape[1] for part in parts))
        mask = ((segments > 3).float().mean(1) <= 0.5).view(len(codes), -1)
        return self.head(values * mask[..., None], mask, features if self.recipe.codons else None)


def r2(found: np.ndarray, true: np.ndarray) -> float:
    """Returns the squared correlation over measured genes."""
    has = ~np.isnan(true)
    return float(np.corrcoef(found[has], true[has])[0, 1] ** 2)


def figures(found: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Returns the figures of the genes' medians over conditions and the mean over conditions."""
    each = [r2(found[:, i], true[:, i]) for i in range(true.shape[1])]
    return {"median": r2(np.median(found, axis=1), np.nanmedian(true, axis=1)), "mean": float(np.mean(each))}


def fit(
    recipe: Recipe, pack: dict[str, np.ndarray], genome: Tensor, seed: int
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Trains one model; returns its figures and its weights at the best epoch."""
    torch.manual_seed(seed)
    device = genome.device
    place, strand = (torch.from_numpy(pack[name].astype(np.int64)).to(device) for name in ("place", "strand"))
    labels = pack["labels"].astype(np.float32)
    split, coding = pack["split"], ~np.isnan(pack["codons"][:, 0])
    mean, scale = np.nanmean(labels[split == 0], 0), np.nanstd(labels[split == 0], 0)
    target = torch.from_numpy((labels - mean) / scale).to(device)
    codons = pack["codons"].astype(np.float32)
    codon_mean, codon_scale = np.nanmean(codons[split == 0], 0), np.nanstd(codons[split == 0], 0)
    features = torch.from_numpy(np.nan_to_num((codons - codon_mean) / codon_scale).clip(-5, 5)).to(device)
    network = Network(recipe, labels.shape[1], features.shape[1]).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.05)
    train = torch.from_numpy(np.flatnonzero(split == 0)).to(device)
    codes = cut_yeast(genome, place, strand, recipe.upstream, recipe.downstream)
    batch, step = 128, 0
    total = recipe.epochs * (len(train) // batch)

    @torch.inference_mode()
    def predict(rows: np.ndarray, given: float) -> np.ndarray:
        network.eval()
        parts = torch.from_numpy(rows).to(device).split(512)
        return torch.cat([network(codes[part], features[part] * given) for part in parts]).cpu().numpy() * scale + mean

    best, kept, weights = np.inf, {}, {}
    for epoch in range(recipe.epochs):
        network.train()
        for rows in train[torch.randperm(len(train), device=device)][: total // recipe.epochs * batch].view(-1, batch):
            set_rate(optimizer, learning_rate(recipe.learning_rate, step / total, **RATE))
            given = features[rows] * (torch.rand(batch, 1, device=device) < 0.5)
            wanted = target[rows]
            error = (network(codes[rows], given) - wanted.nan_to_num()) ** 2
            loss = error[~wanted.isnan()].mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
        if epoch % 3 and epoch != recipe.epochs - 1:
            continue
        held = np.flatnonzero(split == 1)
        alone = predict(held, 0.0)
        with_codons = predict(held, 1.0) if recipe.codons else alone
        errors = [np.nanmean(((found - labels[held]) / scale) ** 2) for found in (alone, with_codons)]
        if sum(errors) < best:
            best = float(sum(errors))
            weights = {name: value.detach().clone() for name, value in network.state_dict().items()}
            if network.encoder is not None:
                weights |= {f"exported.{name}": value for name, value in network.encoder.exported().items()}
            kept = {"epoch": epoch, "error": best, "validation": figures(alone, labels[held])}
            kept["validation_codons"] = figures(with_codons, labels[held])
            test = np.flatnonzero(split == 2)
            kept["test"] = figures(predict(test, 0.0), labels[test])
            coding_test = np.flatnonzero((split == 2) & coding)
            kept["test_coding"] = figures(predict(coding_test, 0.0), labels[coding_test])
            if recipe.codons:
                kept["test_coding_codons"] = figures(predict(coding_test, 1.0), labels[coding_test])
    weights |= {"mean": torch.from_numpy(mean), "scale": torch.from_numpy(scale)}
    weights |= {"codon_mean": torch.from_numpy(codon_mean), "codon_scale": torch.from_numpy(codon_scale)}
    return kept, {name: value.half().cpu().contiguous() for name, value in weights.items()}


def main() -> None:
    """Trains every recipe and writes ``yeast.json`` and the weights of the best ones."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--keep", type=int, default=4, help="models whose weights are kept")
    parser.add_argument("--only", help="part of the names of the recipes to train")
    parser.add_argument("--until", type=float, default=float("inf"), help="the clock's time after which no run starts")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    pack = load_yeast_pack(options.work / "yeast.npz")
    genome = torch.from_numpy(pack["genome"]).to(options.device)
    if options.device != "cpu":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    records: list[dict[str, object]] = []
    kept: list[tuple[float, str, dict[str, Tensor]]] = []
    for run in range(options.runs):
        for recipe in RECIPES:
            if time.time() > options.until or (options.only and options.only not in recipe.name):
                continue
            if options.epochs:
                recipe = Recipe(**{**asdict(recipe), "epochs": options.epochs})
            started = time.time()
            found, weights = fit(recipe, pack, genome, run)
            records.append({"recipe": asdict(recipe), "run": run, "seconds": time.time() - started, **found})
            print(json.dumps(records[-1]), flush=True)
            (options.out / "yeast.json").write_text(json.dumps(records))
            name = f"yeast.{RECIPES.index(next(r for r in RECIPES if r.name == recipe.name))}.{run}.safetensors"
            kept = sorted([*kept, (float(found["error"]), name, weights)], key=lambda entry: entry[0])
            for _, left_out, _ in kept[options.keep :]:
                (options.out / left_out).unlink(missing_ok=True)
            kept = kept[: options.keep]
            if any(entry[1] == name for entry in kept):
                save_file(weights, options.out / name)


if __name__ == "__main__":
    main()
