"""Stage 6: members, cell types and the model card become the bundle that ships with the package.

The members were chosen on the validation chromosomes (``docs/texcnn-mini.md``): segment convolutions with 4-mer counts,
trained on all chromosomes but those of the test; segment convolutions alone, with strong regularisation; and two text
CNNs over 4-mer counts. The mean is that of the three kinds, the last one weighing as much as the first two together.
"""

from __future__ import annotations

import gzip
import json

import numpy as np
import pandas as pd
import torch
from data import LENGTHS, PROJECT, WORK, cell_types
from genome import LENGTH, UPSTREAM
from network import N_FEATURES, N_MAIN, Recipe
from safetensors.torch import load_file
from vectors import FEWEST_NEAR, KMERS, SEGMENT

from texcnn.encoders.protocol import BUNDLE_SOURCE, EncoderSpec
from texcnn.features.spec import FeatureSpec
from texcnn.genome.assembly import HUMAN
from texcnn.genome.windows import WindowSpec
from texcnn.heads.spec import HeadSpec
from texcnn.model.bundle import BundleConfig, save_bundle
from texcnn.segments.segment import SegmentSpec

OUT = PROJECT / "texcnn" / "bundled" / "texcnn-mini"
CONVOLUTIONS = ("m9", "m4")
"""Members trained end to end (``train.py``)."""
COUNTS = ("head.kmers.1.all", "head.kmers.2.all")
"""Members over 4-mer counts (``heads.py``)."""
MAX_N_FRACTION = 0.9
"""A window needs about as much as 1 kb; with less the model was not judged."""


def read_recipe(name: str) -> tuple[Recipe, dict[str, object]]:
    """Returns how a member was made, and the scaling of its features."""
    described = json.loads((WORK / "members" / f"{name}.json").read_text())
    return Recipe(**described["recipe"]), described


def ensemble() -> tuple[list[EncoderSpec], dict[str, object], dict[str, torch.Tensor]]:
    """Returns the encoders, the head's arguments and all tensors."""
    encoders: list[EncoderSpec] = []
    members: list[dict[str, object]] = []
    tensors: dict[str, torch.Tensor] = {}
    recipes = [read_recipe(name)[0] for name in CONVOLUTIONS]
    widths = [recipe.channels * (recipe.places + 1) for recipe in recipes]
    counts_at = sum(widths)
    counts, start = [counts_at, counts_at + 4**KMERS], 0
    for number, (name, recipe, width) in enumerate(zip(CONVOLUTIONS, recipes, widths, strict=True)):
        prefix = f"encoders.{number}."
        encoders.append(
            EncoderSpec("segment-cnn", BUNDLE_SOURCE, options={"config": recipe.encoder_config(), "prefix": prefix})
        )
        options = recipe.head_options(N_MAIN)
        own = {key: options[key] for key in ("kernel_widths", "filters", "dense_units", "fusion_units")}
        reads = [[start, start + width]] + [counts] * bool(recipe.kmers)
        members.append({"reads": reads, "weight": 0.25, "options": own})
        for key, value in load_file(WORK / "members" / f"{name}.safetensors").items():
            part, rest = key.split(".", 1)
            tensors[prefix + rest if part == "encoder" else f"head.members.{number}.{rest}"] = value
        start += width
    encoders.append(EncoderSpec("kmer-counts", BUNDLE_SOURCE, options={"k": KMERS}))
    for name in COUNTS:
        options = json.loads((WORK / f"{name}.json").read_text())["options"]
        own = {key: options[key] for key in ("kernel_widths", "filters", "dense_units", "fusion_units")}
        number = len(members)
        members.append({"reads": [counts], "weight": 0.25, "options": own})
        tensors |= {f"head.members.{number}.{key}": v for key, v in load_file(WORK / f"{name}.safetensors").items()}
    head = {
        "dim": counts[1],
        "n_cell_types": N_MAIN,
        "members": members,
        "n_segments": LENGTH // SEGMENT,
        "n_features": N_FEATURES,
    }
    return encoders, head, tensors


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
    encoders, head, tensors = ensemble()
    described = read_recipe(CONVOLUTIONS[0])[1]
    config = BundleConfig(
        name="texcnn-mini",
        version="5",
        kind="segments",
        unit="log10(RPKM + 0.1)",
        window=WindowSpec(UPSTREAM, LENGTH - UPSTREAM),
        head=HeadSpec("ensemble", head),
        segments=SegmentSpec(SEGMENT),
        encoders=tuple(encoders),
        features=tuple(
            FeatureSpec(name, mean, scale, default=0.0)
            for name, mean, scale in zip(LENGTHS, described["feature_mean"], described["feature_scale"], strict=True)
        ),
        assembly=HUMAN,
        max_n_fraction=MAX_N_FRACTION,
    )
    save_bundle(OUT, config, tensors, cell_types(), "# texcnn-mini\n", files={"split.tsv.gz": split_table()})
    print(f"{OUT}: {sum(path.stat().st_size for path in OUT.iterdir()) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
