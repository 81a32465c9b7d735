"""A model of DNABERT-2's width with random weights: what it predicts means nothing, what it costs does."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from tiny import tiny_tokenizer

from texcnn.encoders.dnabert2_model import Dnabert2Config, Dnabert2Model
from texcnn.encoders.protocol import BUNDLE_SOURCE, EncoderSpec
from texcnn.genome.windows import WindowSpec
from texcnn.heads.spec import HeadSpec
from texcnn.heads.textcnn import TextCNN
from texcnn.model.bundle import BundleConfig, save_bundle
from texcnn.segments.segment import SegmentSpec


def save_heavy_model(folder: Path, *, layers: int = 4) -> Path:
    """Writes the model; its tokenizer is the tests' small one, which makes more tokens than DNABERT-2's."""
    torch.manual_seed(0)
    fields = {"vocab_size": 15, "hidden_size": 768, "num_hidden_layers": layers, "num_attention_heads": 12,
              "intermediate_size": 3072}  # fmt: skip
    encoder = Dnabert2Model(Dnabert2Config.from_json(fields))
    options = {"dim": 768, "n_cell_types": 3, "n_segments": 21, "n_features": 0}
    head = TextCNN(**options)
    spec = EncoderSpec(
        type="dnabert2",
        source=BUNDLE_SOURCE,
        options={"prefix": "encoders.0.", "config": fields, "tokenizer": "tokenizer.json"},
    )
    config = BundleConfig(
        name="heavy",
        version="1",
        kind="segments",
        unit="log10(TPM + 0.1)",
        window=WindowSpec(),
        head=HeadSpec("textcnn", options),
        segments=SegmentSpec(500),
        encoders=(spec,),
    )
    tensors = {f"encoders.0.{name}": value for name, value in encoder.state_dict().items()}
    tensors |= {f"head.{name}": value for name, value in head.state_dict().items()}
    cell_types = pd.DataFrame({"cell_type": ["x", "y", "z"]})
    save_bundle(folder, config, tensors, cell_types, "# random\n", files={"tokenizer.json": tiny_tokenizer()})
    return folder
