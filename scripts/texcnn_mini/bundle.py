"""Stage 6: members, cell types and the model card become the bundle that ships with the package.

The members and their weights were chosen on the validation chromosomes with networks trained without these
(``choose.py`` and ``docs/texcnn-mini.md``); those bundled are of the same recipes, trained on all chromosomes but those
of the test.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from typing import Any

import deviations
import dragonn
import numpy as np
import pandas as pd
import torch
from data import DATA, LENGTHS, PROJECT, TEACHERS, WORK, cell_types
from genome import LENGTH, UPSTREAM
from network import N_FEATURES, N_MAIN, SEGMENT, Recipe
from safetensors.torch import load_file

from texcnn.encoders.protocol import BUNDLE_SOURCE, EncoderSpec
from texcnn.features.spec import FeatureSpec
from texcnn.genome.assembly import HUMAN
from texcnn.genome.windows import WindowSpec
from texcnn.heads.spec import HeadSpec
from texcnn.model.bundle import BundleConfig, save_bundle
from texcnn.model.import_xpresso import read_keras_weights
from texcnn.segments.segment import SegmentSpec

OUT = PROJECT / "texcnn" / "bundled" / "texcnn-mini"
MEMBERS = {
    "m9.all": 1.0, "xf.11.all": 1.0, "k4v.1.all": 1 / 3, "k4f.11.all": 1 / 3, "k4.11.all": 1 / 3, "k5s.11.all": 1.0,
    "k6sn.11.all": 1.0,
}  # fmt: skip
"""Weights of the trained members."""
FOLLOWS_BASES = "dragonn.all"
"""The member of :mod:`dragonn`, which says itself what its share is."""
MAX_N_FRACTION = 0.9
"""A window needs about as much as 1 kb; with less the model was not judged."""
FEWEST_NEAR = 600
"""Known bases near the TSS of the genes that trained, but for those of EPDnew."""
XPRESSO = {
    "motifs": 128, "motif_width": 6, "pool": 30, "patterns": 32, "pattern_width": 9, "second_pool": 10, "places": 1,
}  # fmt: skip
"""Sizes of Xpresso's convolutions, cut at segments of 300 bp."""


class Encoders:
    """The encoders of a bundle, each of them once, and where their vectors lie in a segment's."""

    def __init__(self) -> None:
        self.specs: list[EncoderSpec] = []
        self.tensors: dict[str, torch.Tensor] = {}
        self.places: dict[str, list[int]] = {}
        self.dim = 0

    def add(self, name: str, kind: str, dim: int, options: dict[str, object], tensors: dict[str, torch.Tensor]) -> None:
        """Adds an encoder, if it is not there yet."""
        if name not in self.places:
            prefix = f"encoders.{len(self.specs)}."
            self.specs.append(
                EncoderSpec(kind, BUNDLE_SOURCE, options={**options, **({"prefix": prefix} if tensors else {})})
            )
            # 16 bits on disk, in which the members were trained or kept, 32 when loaded.
            self.tensors |= {prefix + key: value.half() for key, value in tensors.items()}
            self.places[name] = [self.dim, self.dim + dim]
            self.dim += dim

    def add_convolutions(self, name: str, recipe: Recipe, tensors: dict[str, torch.Tensor]) -> None:
        """Adds a member's own convolutions."""
        if recipe.convolutions:
            self.add(name, "segment-cnn", recipe.parts["own"], {"config": recipe.encoder_config()}, tensors)

    def add_xpresso(self, recipe: Recipe) -> None:
        """Adds the convolutions of published networks."""
        for network in recipe.xpresso:
            arrays = read_keras_weights(DATA / "xpresso" / TEACHERS[network])
            tensors = {key: value for key, value in arrays.items() if key.startswith("conv")}
            self.add(network, "motif-cnn", XPRESSO["patterns"], {"config": XPRESSO}, tensors)

    def add_kmers(self, recipe: Recipe) -> None:
        """Adds counts of k-mers."""
        if recipe.kmers:
            self.add(f"{recipe.kmers}-mers", "kmer-counts", recipe.parts["kmers"], {"k": recipe.kmers}, {})

    def add_reporter(self, tensors: dict[str, torch.Tensor]) -> None:
        """Adds MPRA-DragoNN's convolutions, which read segments near the TSS."""
        options: dict[str, object] = {"config": dragonn.SIZES, "segments": list(dragonn.NEAR)}
        self.add("reporter", "mpra-dragonn", dragonn.SIZES["outputs"], options, tensors)

    def read_by(self, names: Sequence[str]) -> list[list[int]]:
        """Returns the parts of a segment's vector that these encoders make, neighbours joined."""
        joined: list[list[int]] = []
        for first, last in (self.places[part] for part in names):
            if joined and joined[-1][1] == first:
                joined[-1][1] = last
            else:
                joined.append([first, last])
        return joined


def ensemble() -> tuple[Encoders, dict[str, object], dict[str, torch.Tensor], dict[str, Any]]:
    """Returns the encoders, the head's arguments and tensors, and how features are scaled."""
    described = {name: json.loads((WORK / "members" / f"{name}.json").read_text()) for name in MEMBERS}
    recipes = {name: Recipe.from_json(entry["recipe"]) for name, entry in described.items()}
    states = {name: load_file(WORK / "members" / f"{name}.safetensors") for name in MEMBERS}
    encoders = Encoders()
    tensors: dict[str, torch.Tensor] = {}
    for name, recipe in recipes.items():
        own = {key[8:]: value for key, value in states[name].items() if key.startswith("encoder.")}
        encoders.add_convolutions(name, recipe, own)
    follows = load_file(WORK / "members" / f"{FOLLOWS_BASES}.safetensors")
    encoders.add_reporter({key[8:]: value for key, value in follows.items() if key.startswith("encoder.")})
    for recipe in recipes.values():
        encoders.add_xpresso(recipe)
    for recipe in recipes.values():
        encoders.add_kmers(recipe)
    members: list[dict[str, object]] = []
    for name, recipe in recipes.items():
        options = recipe.head_options(N_MAIN)
        names = [name] * recipe.convolutions + [*recipe.xpresso] + [f"{recipe.kmers}-mers"] * bool(recipe.kmers)
        member = {
            "reads": encoders.read_by(names),
            "weight": (1 - dragonn.WEIGHT) * MEMBERS[name] / sum(MEMBERS.values()),
            "options": {key: options[key] for key in ("kernel_widths", "filters", "dense_units", "fusion_units")},
        }
        if recipe.near != (0, LENGTH // SEGMENT):
            member["segments"] = list(recipe.near)
        members.append(member)
    members.append(
        {
            "reads": encoders.read_by(["reporter", f"{dragonn.KMERS}-mers"]),
            "weight": dragonn.WEIGHT,
            "options": dragonn.head_options(),
            "segments": list(dragonn.NEAR),
            "common": True,
        }
    )
    with np.load(WORK / "pack.npz") as pack:
        usual = pack["labels"][pack["gene_split"] == 0].mean(axis=0)
    changed = [with_deviations(state, usual, deviations.factor_of(name)) for name, state in states.items()]
    for number, state in enumerate([*changed, follows]):
        heads = {key[5:]: value for key, value in state.items() if key.startswith("head.")}
        # 16 bits on disk, 32 when loaded: a member is as large as its dense layer.
        tensors |= {f"head.members.{number}.{key}": value.half() for key, value in heads.items()}
    head = {
        "dim": encoders.dim,
        "n_cell_types": N_MAIN,
        "members": members,
        "n_segments": LENGTH // SEGMENT,
        "n_features": N_FEATURES,
    }
    return encoders, head, tensors, next(iter(described.values()))


def with_deviations(state: dict[str, torch.Tensor], usual: np.ndarray, factor: float) -> dict[str, torch.Tensor]:
    """Returns a member's tensors with an output layer whose differences between cell types count otherwise."""
    weight, bias = (state[f"head.output.{name}"].double().numpy() for name in ("weight", "bias"))
    changed = {
        "weight": deviations.scaled(weight.T, np.zeros_like(usual), factor).T,
        "bias": deviations.scaled(bias, usual, factor),
    }
    layers = {f"head.output.{name}": torch.from_numpy(value.copy()).float() for name, value in changed.items()}
    return {**state, **layers}


def split_table() -> bytes:
    """Returns which genes trained the model, and which are on test chromosomes, as ``split.tsv.gz``.

    Validation genes chose the members, and trained some of them.
    """
    with np.load(WORK / "pack.npz") as pack:
        ids, split = pack["gene_id"], pack["gene_split"]
        trained = (split < 2) & ((pack["near"] >= FEWEST_NEAR) | pack["epd"])
    table = pd.DataFrame({"gene_id": ids, "split": np.where(split == 2, "test", "train")})[trained | (split == 2)]
    text = table.drop_duplicates("gene_id").to_csv(sep="\t", index=False)
    return gzip.compress(text.encode(), mtime=0)


def main() -> None:
    """Writes the bundle; the last stage puts the card in."""
    encoders, head, tensors, described = ensemble()
    config = BundleConfig(
        name="texcnn-mini",
        version="8",
        kind="segments",
        unit="log10(RPKM + 0.1)",
        window=WindowSpec(UPSTREAM, LENGTH - UPSTREAM),
        head=HeadSpec("ensemble", head),
        segments=SegmentSpec(SEGMENT),
        encoders=tuple(encoders.specs),
        features=tuple(
            FeatureSpec(name, mean, scale, default=0.0)
            for name, mean, scale in zip(LENGTHS, described["feature_mean"], described["feature_scale"], strict=True)
        ),
        assembly=HUMAN,
        max_n_fraction=MAX_N_FRACTION,
    )
    save_bundle(
        OUT, config, encoders.tensors | tensors, cell_types(), "# texcnn-mini\n", files={"split.tsv.gz": split_table()}
    )
    print(f"{OUT}: {sum(path.stat().st_size for path in OUT.iterdir()) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
