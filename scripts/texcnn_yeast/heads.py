"""Stage 3: text CNNs over the frozen convolutions of stage 2 and 4-mers, with codons: ``heads.<recipe>.<seed>``.

Segments' vectors are computed once, so that a head takes a minute or two on a CPU. Codons are left out half of the
time. With ``--all-splits`` the validation chromosomes train as well; no test gene is read.
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
from pack import WORK
from safetensors.torch import load_file, save_file
from torch import Tensor
from train import RATE, RECIPES, figures
from yeast_genome import cut_yeast, load_yeast_pack

from texcnn.encoders.kmer_counts import KmerCountsEncoder
from texcnn.encoders.segment_cnn import SegmentCNN
from texcnn.heads.textcnn import TextCNN

sys.path.append(str(Path(__file__).resolve().parents[1] / "texcnn_mini"))
from optimizer import learning_rate, optimizer_of, set_rate, step_down

RECIPE = next(recipe for recipe in RECIPES if recipe.name == "500+1500, segments of 250, both")
"""The best of stage 2: its window, segments, convolutions and k-mers are those of every head."""
CONVOLUTIONS = RECIPE.convolution_config()
N_SEGMENTS, BATCH = (RECIPE.upstream + RECIPE.downstream) // RECIPE.segment, 128


@dataclass(frozen=True)
class Head:
    """One way to train a head.

    Attributes:
        reads: ``both``, or 4-mers alone, ``kmers``.
        keep: Share of the genes of a batch whose codons are given.
    """

    reads: str = "both"
    filters: int = 64
    dense_units: int = 128
    fusion_units: int = 256
    dropout: float = 0.6
    input_dropout: float = 0.3
    weight_decay: float = 0.2
    epochs: int = 60
    learning_rate: float = 1e-3
    ema: float = 0.99
    keep: float = 0.5


HEADS = {
    "strong": Head(),
    "weaker": Head(dropout=0.5, input_dropout=0.2, weight_decay=0.05, epochs=40),
    "kmers": Head("kmers"),
    "wide": Head(fusion_units=512, dense_units=256),
    "given": Head(keep=0.75),
    "long": Head(epochs=120, dropout=0.6, input_dropout=0.5),
    "small": Head(filters=32, dense_units=64),
}


def convolutions(folder: Path) -> dict[str, Tensor]:
    """Returns the convolutions of stage 2's first run, in float32."""
    state = load_file(folder / f"yeast.{RECIPES.index(RECIPE)}.0.safetensors")
    return {
        name.removeprefix("exported."): value.float() for name, value in state.items() if name.startswith("exported.")
    }


def vectors(pack: dict[str, np.ndarray], folder: Path) -> Tensor:
    """Returns the segments' vectors of every gene, convolutions first, ``(n, 8, 448)``; kept in ``vectors.pt``."""
    path = folder / "vectors.pt"
    if not path.exists():
        network = SegmentCNN(**CONVOLUTIONS)
        network.load_state_dict(convolutions(folder))
        genome = torch.from_numpy(pack["genome"])
        place, strand = (torch.from_numpy(pack[name].astype(np.int64)) for name in ("place", "strand"))
        kmers, found = KmerCountsEncoder(RECIPE.kmers), []
        letters = np.array(list("ACGTN"))
        for rows in torch.arange(len(place)).split(64):
            codes = cut_yeast(genome, place[rows], strand[rows], RECIPE.upstream, RECIPE.downstream)
            codes = codes.view(-1, RECIPE.segment)
            with torch.inference_mode():
                own = network.from_codes(codes)
            counts = kmers.embed(kmers.tokenize(["".join(letters[row]) for row in codes.numpy()]))
            usable = ((codes > 3).float().mean(1) <= 0.5)[:, None]
            found.append((torch.cat([own, counts], dim=1) * usable).view(len(rows), N_SEGMENTS, -1))
        torch.save(torch.cat(found), path)
    return torch.load(path, weights_only=True)


def train(name: str, head: Head, seed: int, pack: dict[str, np.ndarray], *, all_splits: bool, folder: Path) -> None:
    """Trains one head and writes its weights, figures and predictions of validation genes."""
    torch.manual_seed(seed)
    everything = vectors(pack, folder)
    if head.reads == "kmers":
        everything = everything[..., -(4**RECIPE.kmers) :]
    mask = everything.abs().sum(2) > 0
    labels, split = pack["labels"].astype(np.float32), pack["split"]
    fitted = split <= (1 if all_splits else 0)
    mean, scale = np.nanmean(labels[split == 0], 0), np.nanstd(labels[split == 0], 0)
    target = torch.from_numpy((labels - mean) / scale)
    codons = pack["codons"].astype(np.float32)
    codon_mean, codon_scale = np.nanmean(codons[split == 0], 0), np.nanstd(codons[split == 0], 0)
    features = torch.from_numpy(np.nan_to_num((codons - codon_mean) / codon_scale))
    network = TextCNN(
        everything.shape[2], labels.shape[1], n_segments=N_SEGMENTS, kernel_widths=(1, 3), filters=head.filters,
        dropout=head.dropout, input_dropout=head.input_dropout, dense_units=head.dense_units,
        n_features=features.shape[1], fusion_units=head.fusion_units,
    )  # fmt: skip
    average = copy.deepcopy(network).requires_grad_(False).eval()
    optimizer = optimizer_of(network.parameters(), head.weight_decay)
    genes = torch.from_numpy(np.flatnonzero(fitted))
    steps, started = head.epochs * (len(genes) // BATCH), time.time()
    for step in range(steps):
        set_rate(optimizer, learning_rate(head.learning_rate, step / steps, **RATE))
        rows = genes[torch.randint(len(genes), (BATCH,))]
        given = features[rows] * (torch.rand(BATCH, 1) < head.keep)
        error = (network(everything[rows], mask[rows], given) - target[rows].nan_to_num()) ** 2
        loss = error[~target[rows].isnan()].mean()
        step_down(loss, optimizer, network, average, step, head.ema)
    held = torch.from_numpy(np.flatnonzero(split == 1))
    with torch.inference_mode():
        found = torch.stack([average(everything[held], mask[held], features[held] * given) for given in (0.0, 1.0)])
    found = found.numpy() * scale + mean
    true, coding = labels[split == 1], ~np.isnan(codons[split == 1, 0])
    record = {
        "head": asdict(head),
        "seconds": round(time.time() - started),
        "validation": figures(found[0], true),
        "validation_coding": figures(found[0][coding], true[coding]),
        "validation_coding_codons": figures(found[1][coding], true[coding]),
    }
    print(name, json.dumps(record), flush=True)
    state = {key: value.detach().clone().contiguous() for key, value in average.state_dict().items()}
    state["output.weight"] *= torch.from_numpy(scale)[:, None]
    state["output.bias"] = state["output.bias"] * torch.from_numpy(scale) + torch.from_numpy(mean)
    scaling = {"codon_mean": torch.from_numpy(codon_mean), "codon_scale": torch.from_numpy(codon_scale)}
    save_file(state | scaling, folder / f"{name}.safetensors")
    if not all_splits:
        np.savez_compressed(folder / f"{name}.npz", found=found.astype(np.float16))
    (folder / f"{name}.json").write_text(json.dumps(record))


def main() -> None:
    """Trains heads with several seeds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--only", nargs="+", default=list(HEADS), choices=list(HEADS))
    parser.add_argument("--all-splits", action="store_true", help="train on the validation chromosomes as well")
    parser.add_argument("--epochs", type=int, help="epochs in place of the heads'")
    options = parser.parse_args()
    pack = load_yeast_pack(WORK / "yeast.npz")
    folder = WORK / "models"
    for seed in options.seeds:
        for head in options.only:
            name = f"heads.{head}.{seed}{'.all' if options.all_splits else ''}"
            chosen = replace(HEADS[head], epochs=options.epochs or HEADS[head].epochs)
            if not (folder / f"{name}.json").exists():
                train(name, chosen, seed, pack, all_splits=options.all_splits, folder=folder)


if __name__ == "__main__":
    main()
