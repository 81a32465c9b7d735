"""Stage 10: the checkpoints, the cell types and the model card become the bundle that ships with the package."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pandas as pd
from data import LENGTHS, PROJECT, SEGMENTS, WINDOW, WORK, cell_types
from evaluate import RESULTS
from finetune import HEAD, feature_scale
from pretrain import CONFIG
from safetensors.torch import load_file
from student import DIM, MOTIFS

from texcnn.encoders.protocol import BUNDLE_SOURCE, EncoderSpec
from texcnn.features.spec import FeatureSpec
from texcnn.heads.spec import HeadSpec
from texcnn.model.bundle import BundleConfig, save_bundle

OUT = PROJECT / "texcnn" / "bundled" / "texcnn-mini"
CARD = Path(__file__).parent / "card.md"


def figures(results: pd.DataFrame) -> str:
    """Lays the results out as Markdown tables, one per set of genes."""
    results["text"] = [
        "NA" if pd.isna(row.value) else f"{row.value:.2f} ({row.low:.2f} to {row.high:.2f})"
        for row in results.itertuples()
    ]
    parts = []
    for (name, n_genes), rows in results.groupby(["genes", "n_genes"], sort=False):
        parts += [
            f"**{name}: {n_genes} genes**\n",
            "| model | output | squared Pearson | 1 - SSE/SST |",
            "|---|---|---|---|",
        ]
        for (model, output), pair in rows.groupby(["model", "output"], sort=False):
            if output in ("median", "mean of 57 cell types") or model.startswith("texcnn-mini"):
                text = pair.set_index("metric")["text"]
                parts.append(f"| {model} | {output} | {text['squared Pearson']} | {text['1 - SSE/SST']} |")
        parts.append("")
    return "\n".join(parts)


def main() -> None:
    """Writes the bundle."""
    encoder = EncoderSpec(
        "dnabert2",
        BUNDLE_SOURCE,
        options={"config": asdict(CONFIG), "prefix": "encoders.0.", "tokenizer": "tokenizer.json"},
    )
    motifs = EncoderSpec("motif-cnn", BUNDLE_SOURCE, options={"config": MOTIFS, "prefix": "encoders.1."})
    mean, scale = feature_scale()
    config = BundleConfig(
        name="texcnn-mini",
        version="4",
        kind="segments",
        unit="log10(RPKM + 0.1)",
        window=WINDOW,
        head=HeadSpec("textcnn", {"dim": DIM, "n_cell_types": len(cell_types()), **HEAD}),
        segments=SEGMENTS,
        encoders=(encoder, motifs),
        features=tuple(FeatureSpec(name, float(mean[name]), float(scale[name]), default=0.0) for name in LENGTHS),
    )
    tensors = {f"encoders.0.{name}": value for name, value in load_file(WORK / "encoder.safetensors").items()}
    tensors |= {f"encoders.1.{name}": value for name, value in load_file(WORK / "motifs.safetensors").items()}
    tensors |= {f"head.{name}": value for name, value in load_file(WORK / "head58.safetensors").items()}
    card = CARD.read_text(encoding="utf-8").replace("{figures}", figures(pd.read_csv(RESULTS, sep="\t")))
    files = {"tokenizer.json": (WORK / "tokenizer.json").read_bytes()}
    save_bundle(OUT, config, tensors, cell_types(), card, files=files)
    print(f"{OUT}: {sum(path.stat().st_size for path in OUT.iterdir()) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
