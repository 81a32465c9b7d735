"""Stage 4: the recipes that were best on the validation chromosomes become the bundle that ships with the package.

``choose.py`` shows how good they are; those bundled were then trained with the validation chromosomes too.
"""

from __future__ import annotations

import gzip
import json

import numpy as np
import pandas as pd
import torch
from pack import DATA, PROJECT, WORK
from safetensors.torch import load_file
from train import Recipe
from yeast_genome import load_yeast_pack

from texcnn.encoders.protocol import BUNDLE_SOURCE, EncoderSpec
from texcnn.features.spec import FeatureSpec
from texcnn.genome.assembly import Assembly
from texcnn.genome.reference import Reference
from texcnn.genome.windows import WindowSpec
from texcnn.heads.spec import HeadSpec
from texcnn.model.bundle import BundleConfig, save_bundle
from texcnn.segments.segment import SegmentSpec

OUT = PROJECT / "texcnn" / "bundled" / "texcnn-yeast"
MEMBERS = ("yeast.0.0.all", "yeast.1.0.all")
"""Each weighs the same; all have one window and one length of segments."""
PARTS = ("train", "train", "test")
"""Names of the parts: the validation chromosomes trained the members that are bundled."""


def main() -> None:
    """Writes the bundle; the last stage puts the card in."""
    pack = load_yeast_pack(WORK / "yeast.npz")
    described = [json.loads((WORK / "models" / f"{name}.json").read_text())["recipe"] for name in MEMBERS]
    recipes = [Recipe(**values) for values in described]
    states = [load_file(WORK / "models" / f"{name}.safetensors") for name in MEMBERS]
    encoders: list[EncoderSpec] = []
    tensors: dict[str, torch.Tensor] = {}
    places, dim = {}, 0
    for k in sorted({recipe.kmers for recipe in recipes if recipe.kmers}):
        encoders.append(EncoderSpec("kmer-counts", BUNDLE_SOURCE, options={"k": k}))
        places[k] = [dim, dim + 4**k]
        dim += 4**k
    members: list[dict[str, object]] = []
    for number, (recipe, state) in enumerate(zip(recipes, states, strict=True)):
        config, prefix = recipe.convolution_config(), f"encoders.{len(encoders)}."
        width = config["channels"] * (config["places"] + 1)
        encoders.append(EncoderSpec("segment-cnn", BUNDLE_SOURCE, options={"config": config, "prefix": prefix}))
        own = {"kernel_widths": [1, 3], "filters": recipe.filters, "dense_units": recipe.dense_units}
        reads = [places[recipe.kmers]] * bool(recipe.kmers) + [[dim, dim + width]]
        options = {**own, "fusion_units": recipe.fusion_units}
        members.append({"reads": reads, "weight": 1 / len(recipes), "options": options})
        dim += width
        state = {name: value.float() for name, value in state.items()}
        state["head.output.weight"] = state["head.output.weight"] * state["scale"][:, None]
        state["head.output.bias"] = state["head.output.bias"] * state["scale"] + state["mean"]
        for name, value in state.items():
            part, _, rest = name.partition(".")
            if part == "encoder":
                tensors[prefix + rest] = value
            elif part == "head":
                tensors[f"head.members.{number}.{rest}"] = value
    recipe, scaling = recipes[0], states[0]
    head = {
        "dim": dim,
        "n_cell_types": len(pack["conditions"]),
        "members": members,
        "n_segments": (recipe.upstream + recipe.downstream) // recipe.segment,
        "n_features": len(pack["codon_names"]),
    }
    with Reference(DATA / "R64-1-1.fa.gz") as reference:
        assembly = Assembly("Saccharomyces cerevisiae", "R64-1-1", dict(reference.lengths))
    config = BundleConfig(
        name="texcnn-yeast",
        version="3",
        kind="segments",
        unit="log10(TPM + 0.1)",
        window=WindowSpec(recipe.upstream, recipe.downstream),
        head=HeadSpec("ensemble", head),
        segments=SegmentSpec(recipe.segment),
        encoders=tuple(encoders),
        features=tuple(
            FeatureSpec(str(name), float(mean), float(scale), default=0.0)
            for name, mean, scale in zip(
                pack["codon_names"], scaling["codon_mean"], scaling["codon_scale"], strict=True
            )
        ),
        assembly=assembly,
        max_n_fraction=0.5,
    )
    split = pd.DataFrame({"gene_id": pack["gene_id"], "split": np.array(PARTS)[pack["split"]]})
    files = {"split.tsv.gz": gzip.compress(split.to_csv(sep="\t", index=False).encode(), mtime=0)}
    conditions = pd.DataFrame({"cell_type": pack["conditions"]})
    save_bundle(OUT, config, tensors, conditions, "# texcnn-yeast\n", files=files)
    print(f"{OUT}: {sum(path.stat().st_size for path in OUT.iterdir()) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
