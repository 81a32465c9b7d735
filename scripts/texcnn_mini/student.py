"""The encoder that is being made, the k-mer counts beside it, and their vectors for many segments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from data import WORK, to_strings
from pretrain import CONFIG, pad
from safetensors.torch import load_file
from torch import Tensor

from texcnn.embedding.engine import embed_segments
from texcnn.encoders.dnabert2_model import Dnabert2Model
from texcnn.encoders.kmer_counts import KmerCountsEncoder
from texcnn.encoders.pooling import mean
from texcnn.segments.bpe import BpeTokenizer
from texcnn.segments.segment import SegmentSpec

MAX_N_FRACTION = SegmentSpec().max_n_fraction
COUNTS = KmerCountsEncoder(4)
"""What the head reads beside the encoder; there is nothing to learn in it."""
DIM = CONFIG.hidden_size + COUNTS.dim


def load_encoder(path: Path) -> Dnabert2Model:
    """Reads a checkpoint of the encoder."""
    encoder = Dnabert2Model(CONFIG)
    encoder.load_state_dict(load_file(path))
    return encoder


def vectors(encoder: Dnabert2Model, tokens: Sequence[list[int]], pad_id: int) -> Tensor:
    """Returns the mean over tokens, ``(n, dim)``; differentiable."""
    ids, attention_mask = pad(list(tokens), pad_id)
    return mean(encoder(ids, attention_mask), attention_mask, torch.zeros_like(attention_mask))


def usable(tiles: np.ndarray) -> np.ndarray:
    """Says which tiles ``(n, length)`` have enough known bases."""
    return (tiles == ord("N")).mean(axis=1) <= MAX_N_FRACTION


@torch.inference_mode()
def embed(encoder: Dnabert2Model, tiles: np.ndarray, batch_size: int = 128) -> tuple[Tensor, Tensor]:
    """Embeds tiles ``(n, length)`` of ASCII codes.

    Returns:
        Vectors ``(n, dim)``, zeros for unusable tiles, and which tiles are usable ``(n,)``.
    """
    encoder.eval()
    tokenizer = BpeTokenizer(WORK / "tokenizer.json")
    mask = usable(tiles)
    chosen = np.flatnonzero(mask)
    tokens = tokenizer.encode(to_strings(tiles[chosen]))
    order = np.argsort([len(row) for row in tokens], kind="stable")
    values = torch.zeros(len(tiles), CONFIG.hidden_size)
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        values[chosen[batch]] = vectors(encoder, [tokens[i] for i in batch], tokenizer.pad_id)
    return values, torch.from_numpy(mask)


def count(tiles: np.ndarray) -> Tensor:
    """Returns the k-mer counts of tiles ``(n, length)`` of ASCII codes, ``(n, 256)``; zeros for unusable tiles."""
    chosen = usable(tiles)
    values = torch.zeros(len(tiles), COUNTS.dim)
    values[torch.from_numpy(chosen)] = embed_segments([COUNTS], to_strings(tiles[chosen]), batch_size=64, device="cpu")
    return values


def join(encoder: Dnabert2Model, tiles: np.ndarray) -> tuple[Tensor, Tensor]:
    """Returns what the head reads, ``(n, DIM)``, and which tiles are usable ``(n,)``."""
    values, mask = embed(encoder, tiles)
    return torch.cat([values, count(tiles)], dim=1), mask
