"""Tiny checkpoints of random weights, made again for each test."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from tiny_checkpoints import DNABERT2_CONFIG, tokenizer_json, write_weights
from transformers import BertConfig, BertModel

from texcnn.encoders.dnabert2 import Dnabert2ForMaskedLM
from texcnn.segments.kmer import KmerTokenizer


@pytest.fixture
def dnabert2_folder(tmp_path: Path) -> Path:
    """A DNABERT-2 checkpoint with its head, in the original layout."""
    folder = tmp_path / "dnabert2"
    folder.mkdir()
    torch.manual_seed(0)
    model = Dnabert2ForMaskedLM(DNABERT2_CONFIG)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    (folder / "config.json").write_text(json.dumps({**asdict(DNABERT2_CONFIG), "alibi_starting_size": 512}))
    (folder / "tokenizer.json").write_text(tokenizer_json())
    write_weights(folder, model.state_dict(), "pytorch_model.bin")
    return folder


@pytest.fixture
def bert() -> BertModel:
    """A BERT of random weights over 3-mers, as transformers computes it."""
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=KmerTokenizer(3).vocab_size,
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=8,
        max_position_embeddings=20,
        initializer_range=0.3,
    )
    return BertModel(config).eval()


@pytest.fixture
def dnabert_folder(tmp_path: Path, bert: BertModel) -> Path:
    """A DNABERT checkpoint, with ``bert.`` before its keys, a pooler and a head."""
    folder = tmp_path / "dnabert"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(bert.config.to_dict()))
    tensors = {f"bert.{name}": tensor for name, tensor in bert.state_dict().items()}
    tensors["bert.embeddings.position_ids"] = torch.arange(20)[None]
    tensors["cls.predictions.bias"] = torch.zeros(69)
    write_weights(folder, tensors, "pytorch_model.bin")
    return folder


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hub cache, and no network."""
    cache = tmp_path / "hub"
    cache.mkdir()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return cache
