"""Stage 6: the heads that were best on the validation chromosomes become the bundle that ships with the package.

``choose.py`` shows how good they are; those bundled were then trained with the validation chromosomes too.
"""

from __future__ import annotations

import gzip
import json

import effects
import numpy as np
import pandas as pd
import torch
from heads import CONVOLUTIONS, N_SEGMENTS, RECIPE, Head, convolutions
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

OUT = PROJECT / "texcnn" / "bundled" / "texcnn-yeast"
MEMBERS = ("heads.strong.0.all", "heads.strong.1.all")
"""Each weighs the same, next to the one of :mod:`effects`."""
PARTS = ("train", "train", "test")
"""Names of the parts: the validation chromosomes trained the members that are bundled."""


def main() -> None:
    """Writes the bundle; the last stage puts the card in."""
    pack, folder = load_yeast_pack(WORK / "yeast.npz"), WORK / "models"
    states = [load_file(folder / f"{name}.safetensors") for name in MEMBERS]
    width = CONVOLUTIONS["channels"] * (CONVOLUTIONS["places"] + 1)
    dim = width + 4**RECIPE.kmers
    members: list[dict[str, object]] = []
    tensors: dict[str, torch.Tensor] = {}
    for number, (name, state) in enumerate(zip(MEMBERS, states, strict=True)):
        head = Head(**json.loads((folder / f"{name}.json").read_text())["head"])
        options = {"kernel_widths": [1, 3], "filters": head.filters, "dense_units": head.dense_units}
        reads = [[0 if head.reads == "both" else width, dim]]
        options["fusion_units"] = head.fusion_units
        members.append({"reads": reads, "weight": (1 - effects.WEIGHT) / len(MEMBERS), "options": options})
        # 16 bits on disk, 32 when loaded.
        tensors |= {
            f"head.members.{number}.{key}": value.half() for key, value in state.items() if not key.startswith("codon_")
        }
    members.append(
        {
            "reads": [[width, dim]],
            "weight": effects.WEIGHT,
            "options": effects.OPTIONS,
            "segments": list(effects.NEAR),
            "common": True,
        }
    )
    taught = load_file(folder / "effects.safetensors")
    tensors |= {f"head.members.{len(MEMBERS)}.{key}": value for key, value in taught.items()}
    prefix = "encoders.0."
    tensors |= {prefix + key: value for key, value in convolutions(folder).items()}
    encoders = (
        EncoderSpec("segment-cnn", BUNDLE_SOURCE, options={"config": CONVOLUTIONS, "prefix": prefix}),
        EncoderSpec("kmer-counts", BUNDLE_SOURCE, options={"k": RECIPE.kmers}),
    )
    scaling = states[0]
    head_options = {
        "dim": dim,
        "n_cell_types": len(pack["conditions"]),
        "members": members,
        "n_segments": N_SEGMENTS,
        "n_features": len(pack["codon_names"]),
    }
    with Reference(DATA / "R64-1-1.fa.gz") as reference:
        assembly = Assembly("Saccharomyces cerevisiae", "R64-1-1", dict(reference.lengths))
    config = BundleConfig(
        name="texcnn-yeast",
        version="4",
        kind="segments",
        unit="log10(TPM + 0.1)",
        window=WindowSpec(RECIPE.upstream, RECIPE.downstream),
        head=HeadSpec("ensemble", head_options),
        segments=SegmentSpec(RECIPE.segment),
        encoders=encoders,
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
