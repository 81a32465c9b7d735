"""Stage 3: the recipe that was best on the validation chromosomes becomes the bundle that ships with the package."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pack import DATA, PROJECT, WORK
from safetensors.torch import load_file
from yeast_genome import load_yeast_pack

from texcnn.encoders.protocol import BUNDLE_SOURCE, EncoderSpec
from texcnn.features.spec import FeatureSpec
from texcnn.genome.assembly import Assembly
from texcnn.genome.reference import Reference
from texcnn.genome.windows import WindowSpec
from texcnn.heads.spec import HeadSpec
from texcnn.model.bundle import BundleConfig, save_bundle
from texcnn.segments.segment import SegmentSpec

sys.path.insert(0, str(Path(__file__).parent))
from train import RECIPES, Recipe

OUT = PROJECT / "texcnn" / "bundled" / "texcnn-yeast"
PARTS = ("train", "valid", "test")


def best_run() -> tuple[Recipe, dict[str, torch.Tensor], dict[str, Any]]:
    """Returns the recipe with the least error on the validation chromosomes, its weights and its record."""
    records = json.loads((WORK / "models" / "yeast.json").read_text())
    record = min(records, key=lambda entry: entry["error"])
    recipe = Recipe(**record["recipe"])
    number = [known.name for known in RECIPES].index(recipe.name)
    weights = load_file(WORK / "models" / f"yeast.{number}.{record['run']}.safetensors")
    return recipe, {name: value.float() for name, value in weights.items()}, record


def main() -> None:
    """Writes the bundle; the last stage puts the card in."""
    recipe, weights, record = best_run()
    pack = load_yeast_pack(WORK / "yeast.npz")
    config = recipe.convolution_config()
    dim = 4**recipe.kmers + config["channels"] * (config["places"] + 1)
    head = {
        "dim": dim,
        "n_cell_types": len(pack["conditions"]),
        "n_segments": (recipe.upstream + recipe.downstream) // recipe.segment,
        "kernel_widths": [1, 3],
        "filters": recipe.filters,
        "dense_units": recipe.dense_units,
        "fusion_units": recipe.fusion_units,
        "n_features": len(pack["codon_names"]),
    }
    tensors = {name: value for name, value in weights.items() if name.startswith("head.")}
    tensors["head.output.weight"] = tensors["head.output.weight"] * weights["scale"][:, None]
    tensors["head.output.bias"] = tensors["head.output.bias"] * weights["scale"] + weights["mean"]
    prefix = "encoders.1."
    tensors |= {prefix + name[9:]: value for name, value in weights.items() if name.startswith("exported.")}
    with Reference(DATA / "R64-1-1.fa.gz") as reference:
        assembly = Assembly("Saccharomyces cerevisiae", "R64-1-1", dict(reference.lengths))
    described = BundleConfig(
        name="texcnn-yeast",
        version="2",
        kind="segments",
        unit="log10(TPM + 0.1)",
        window=WindowSpec(recipe.upstream, recipe.downstream),
        head=HeadSpec("textcnn", head),
        segments=SegmentSpec(recipe.segment),
        encoders=(
            EncoderSpec("kmer-counts", BUNDLE_SOURCE, options={"k": recipe.kmers}),
            EncoderSpec("segment-cnn", BUNDLE_SOURCE, options={"config": config, "prefix": prefix}),
        ),
        features=tuple(
            FeatureSpec(str(name), float(mean), float(scale), default=0.0)
            for name, mean, scale in zip(
                pack["codon_names"], weights["codon_mean"], weights["codon_scale"], strict=True
            )
        ),
        assembly=assembly,
        max_n_fraction=0.5,
    )
    split = pd.DataFrame({"gene_id": pack["gene_id"], "split": np.array(PARTS)[pack["split"]]})
    files = {"split.tsv.gz": gzip.compress(split.to_csv(sep="\t", index=False).encode(), mtime=0)}
    conditions = pd.DataFrame({"cell_type": pack["conditions"]})
    save_bundle(OUT, described, tensors, conditions, "# texcnn-yeast\n", files=files)
    print(f"{OUT}: {record['recipe']['name']}, validation {record['validation']} {record['validation_codons']}")


if __name__ == "__main__":
    main()
