"""Stage 2: text CNNs for yeast over several windows, segments and encoders, with codon features.

Every recipe is trained with several seeds on the training chromosomes, for the validation chromosomes to choose, and
then on both; no test gene is read. Codon features are left out half of the time, so that a model can do without them.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "texcnn_mini"))
from genome import one_hot
from network import NormedSegmentCNN, kmer_shares
from yeast_genome import cut_yeast, load_yeast_pack

from texcnn.heads.textcnn import TextCNN


@dataclass(frozen=True)
class Recipe:
    """One way to build and train the model."""

    name: str
    upstream: int = 500
    downstream: int = 1_500
    segment: int = 250
    kmers: int = 4
    convolutions: bool = True
    motifs: int = 96
    channels: int = 48
    layers: int = 2
    filters: int = 64
    dense_units: int = 128
    fusion_units: int = 256
    dropout: float = 0.5
    input_dropout: float = 0.2
    weight_decay: float = 0.05
    shift: int = 0
    epochs: int = 40
    learning_rate: float = 1e-3
    ema: float = 0.99

    def convolution_config(self) -> dict[str, int]:
        """Returns the sizes of the segment convolutions."""
        places = max(self.segment // 75, 1)
        return {
            "motifs": self.motifs, "motif_width": 11, "pool": 5, "channels": self.channels, "width": 5,
            "layers": self.layers, "places": places,
            "second_pool": -(-self.segment // (5 * places)),
        }  # fmt: skip


RECIPES = [
    Recipe("both"),
    Recipe("both, moved by codons", shift=4),
    Recipe("both, strong", dropout=0.6, input_dropout=0.3, weight_decay=0.2, epochs=60),
    Recipe("both, 4-mers and 96 channels", channels=96, motifs=128, layers=3),
    Recipe("both, 3-mers", kmers=3),
    Recipe("both, 64 fusion units", fusion_units=64),
    Recipe("both, 512 fusion units", fusion_units=512),
    Recipe("both, 5-mers", kmers=5, input_dropout=0.4, filters=32),
    Recipe("both, 500 upstream and 2,500", downstream=2_500, input_dropout=0.3),
    Recipe("convolutions", kmers=0),
    Recipe("both, moved and strong", shift=4, dropout=0.6, input_dropout=0.3, weight_decay=0.2, epochs=60),
    Recipe("both, no decay", weight_decay=0.0, dropout=0.4),
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
            dense_units=recipe.dense_units, n_features=n_codons,
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
        return self.head(values * mask[..., None], mask, features)


def r2(found: np.ndarray, true: np.ndarray) -> float:
    """Returns the squared correlation over measured genes."""
    has = ~np.isnan(true)
    return float(np.corrcoef(found[has], true[has])[0, 1] ** 2)


def figures(found: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Returns the figures of the genes' medians over conditions and the mean over conditions."""
    each = [r2(found[:, i], true[:, i]) for i in range(true.shape[1])]
    return {"median": r2(np.median(found, axis=1), np.nanmedian(true, axis=1)), "mean": float(np.mean(each))}


def fit(
    recipe: Recipe, pack: dict[str, np.ndarray], genome: Tensor, seed: int, *, all_splits: bool, until: float
) -> tuple[dict[str, object], dict[str, Tensor], np.ndarray]:
    """Trains one model.

    Returns:
        Its figures on the validation chromosomes, its weights, and what it predicts for their genes without and with
        codons.
    """
    torch.manual_seed(seed)
    device = genome.device
    place, strand = (torch.from_numpy(pack[name].astype(np.int64)).to(device) for name in ("place", "strand"))
    labels, split = pack["labels"].astype(np.float32), pack["split"]
    mean, scale = np.nanmean(labels[split == 0], 0), np.nanstd(labels[split == 0], 0)
    target = torch.from_numpy((labels - mean) / scale).to(device)
    codons = pack["codons"].astype(np.float32)
    codon_mean, codon_scale = np.nanmean(codons[split == 0], 0), np.nanstd(codons[split == 0], 0)
    features = torch.from_numpy(np.nan_to_num((codons - codon_mean) / codon_scale)).to(device)
    network = Network(recipe, labels.shape[1], features.shape[1]).to(device)
    average = copy.deepcopy(network).requires_grad_(False)
    decayed = [weight for weight in network.parameters() if weight.ndim > 1]
    others = [weight for weight in network.parameters() if weight.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    )
    train = torch.from_numpy(np.flatnonzero(split <= (1 if all_splits else 0))).to(device)
    batch, step, started = 128, 0, time.time()
    total = recipe.epochs * (len(train) // batch)

    @torch.inference_mode()
    def predict(rows: np.ndarray, given: float) -> np.ndarray:
        average.eval()
        found = []
        for part in torch.from_numpy(rows).to(device).split(512):
            codes = cut_yeast(genome, place[part], strand[part], recipe.upstream, recipe.downstream)
            found.append(average(codes, features[part] * given))
        return torch.cat(found).cpu().numpy() * scale + mean

    network.train()
    for _ in range(recipe.epochs):
        for rows in train[torch.randperm(len(train), device=device)][: len(train) // batch * batch].view(-1, batch):
            progress = max(step / total, (time.time() - started) / max(until - started, 1.0))
            if progress >= 1:
                break
            rate = min(progress / 0.1, 1) * (0.02 + 0.49 * (1 + np.cos(np.pi * progress)))
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * rate
            moved = 3 * torch.randint(-recipe.shift, recipe.shift + 1, (batch,), device=device)
            codes = cut_yeast(
                genome, place[rows] + strand[rows] * moved, strand[rows], recipe.upstream, recipe.downstream
            )
            given = features[rows] * (torch.rand(batch, 1, device=device) < 0.5)
            wanted = target[rows]
            error = (network(codes, given) - wanted.nan_to_num()) ** 2
            loss = error[~wanted.isnan()].mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            step += 1
            with torch.no_grad():
                decay = min(recipe.ema, (1 + step) / (10 + step))
                torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
                for ours, theirs in zip(average.buffers(), network.buffers(), strict=True):
                    ours.copy_(theirs)
    held = np.flatnonzero(split == 1)
    found = np.stack([predict(held, 0.0), predict(held, 1.0)])
    coding = ~np.isnan(pack["codons"][held, 0])
    record = {
        "steps": step,
        "validation": figures(found[0], labels[held]),
        "validation_coding": figures(found[0][coding], labels[held][coding]),
        "validation_coding_codons": figures(found[1][coding], labels[held][coding]),
    }
    weights = {name: value for name, value in average.state_dict().items() if name.startswith("head.")}
    if average.encoder is not None:
        weights |= {f"encoder.{name}": value for name, value in average.encoder.exported().items()}
    weights |= {"mean": torch.from_numpy(mean), "scale": torch.from_numpy(scale)}
    weights |= {"codon_mean": torch.from_numpy(codon_mean), "codon_scale": torch.from_numpy(codon_scale)}
    return record, {name: value.half().cpu().contiguous() for name, value in weights.items()}, found


def main() -> None:
    """Trains every recipe with every seed, first without and then with the validation chromosomes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--only", default="", help="part of the names of the recipes to train")
    parser.add_argument("--until", type=float, default=float("inf"), help="the clock's time at which to stop")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    pack = load_yeast_pack(options.work / "yeast.npz")
    genome = torch.from_numpy(pack["genome"]).to(options.device)
    if options.device != "cpu":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    jobs = [
        (run, all_splits, number)
        for run in range(options.runs)
        for all_splits in (False, True)
        for number, recipe in enumerate(RECIPES)
        if options.only in recipe.name
    ]
    for run, all_splits, number in jobs:
        name = f"yeast.{number}.{run}{'.all' if all_splits else ''}"
        if (options.out / f"{name}.json").exists() or time.time() > options.until - 10:
            continue
        recipe = replace(RECIPES[number], **({"epochs": options.epochs} if options.epochs else {}))
        started = time.time()
        seed = 100 * all_splits + run
        record, weights, found = fit(recipe, pack, genome, seed, all_splits=all_splits, until=options.until)
        record = {"recipe": asdict(recipe), "seconds": round(time.time() - started, 1), **record}
        print(name, json.dumps(record), flush=True)
        if not all_splits:
            np.savez_compressed(options.out / f"{name}.npz", found=found.astype(np.float16))
        save_file(weights, options.out / f"{name}.safetensors")
        (options.out / f"{name}.json").write_text(json.dumps(record))


if __name__ == "__main__":
    main()
