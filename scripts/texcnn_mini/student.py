"""The encoders whose vectors the head reads, and the language model among them while it is being made."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from data import SEGMENTS, WORK, to_strings
from pretrain import CONFIG, pad
from safetensors.torch import load_file
from torch import Tensor

from texcnn.embedding.engine import Embeddings, embed_windows
from texcnn.embedding.options import ComputeOptions
from texcnn.encoders.dnabert2 import Dnabert2Encoder
from texcnn.encoders.dnabert2_model import Dnabert2Model
from texcnn.encoders.motif_cnn import MotifCNN, MotifCNNEncoder
from texcnn.encoders.pooling import mean
from texcnn.encoders.protocol import Encoder
from texcnn.segments.bpe import BpeTokenizer

MOTIFS = {
    "motifs": 128, "motif_width": 6, "pool": 30, "patterns": 7, "pattern_width": 9, "second_pool": 10, "places": 2
}  # fmt: skip
"""The teacher's convolutions, for segments of two of its places of 300 bp; 25 of its 32 patterns are never there."""
DIM = CONFIG.hidden_size + MOTIFS["patterns"] * MOTIFS["places"]


def load_language_model(path: Path) -> Dnabert2Model:
    """Reads a checkpoint of the language model."""
    model = Dnabert2Model(CONFIG)
    model.load_state_dict(load_file(path))
    return model


@cache
def load_encoders() -> list[Encoder]:
    """Returns the language model and the motif convolutions, in the order of their numbers."""
    motifs = MotifCNN(**MOTIFS)
    motifs.load_state_dict(load_file(WORK / "motifs.safetensors"))
    language = load_language_model(WORK / "encoder.safetensors")
    return [
        Dnabert2Encoder(language, BpeTokenizer(WORK / "tokenizer.json")),
        MotifCNNEncoder(motifs, MOTIFS),
    ]


def embed(windows: np.ndarray) -> Embeddings:
    """Embeds windows of ASCII codes ``(n, 10500)``: vectors ``(n, 18, DIM)`` and mask ``(n, 18)``."""
    return embed_windows(load_encoders(), to_strings(windows), SEGMENTS, options=ComputeOptions(64, "cpu"))


def vectors(model: Dnabert2Model, tokens: Sequence[list[int]], pad_id: int) -> Tensor:
    """Returns the mean over tokens, ``(n, dim)``; differentiable."""
    ids, attention_mask = pad(list(tokens), pad_id)
    return mean(model(ids, attention_mask), attention_mask, torch.zeros_like(attention_mask))


@torch.inference_mode()
def language_vectors(model: Dnabert2Model, rows: np.ndarray, batch_size: int = 128) -> Tensor:
    """Returns the vectors of rows of ASCII codes without N, ``(n, dim)``."""
    model.eval()
    tokenizer = BpeTokenizer(WORK / "tokenizer.json")
    tokens = tokenizer.encode(to_strings(rows))
    order = np.argsort([len(row) for row in tokens], kind="stable")
    values = torch.zeros(len(rows), CONFIG.hidden_size)
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        values[batch] = vectors(model, [tokens[i] for i in batch], tokenizer.pad_id)
    return values
