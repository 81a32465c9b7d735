"""Tiny checkpoints of random weights, made anew for each test."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import BPE
from torch import Tensor
from transformers import BertConfig, BertModel

from texcnn.encoders.dnabert2 import Dnabert2Config, Dnabert2ForMaskedLM
from texcnn.segments.kmer import KmerTokenizer

DNABERT2_CONFIG = Dnabert2Config(
    vocab_size=12, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=8
)
REVISION = "0123456789abcdef0123456789abcdef01234567"
VOCABULARY = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "A", "C", "G", "T", "AC", "GT", "ACGT"]


@dataclass(frozen=True)
class FakeBundle:
    """Stands in for ``texcnn.model.bundle.BundleFiles``."""

    folder: Path
    all_tensors: dict[str, Tensor]

    def tensors(self, prefix: str) -> dict[str, Tensor]:
        found = {name: tensor for name, tensor in self.all_tensors.items() if name.startswith(prefix)}
        return {name.removeprefix(prefix): tensor for name, tensor in found.items()}

    def path(self, name: str) -> Path:
        return self.folder / name


def tokenizer_json() -> str:
    merges = [("A", "C"), ("G", "T"), ("AC", "GT")]
    vocabulary = {token: number for number, token in enumerate(VOCABULARY)}
    return Tokenizer(BPE(vocab=vocabulary, merges=merges, unk_token="[UNK]")).to_str()


def write_weights(folder: Path, tensors: dict[str, Tensor], file: str) -> None:
    if file == "model.safetensors":
        save_file({name: tensor.clone().contiguous() for name, tensor in tensors.items()}, folder / file)
    else:
        torch.save(tensors, folder / file)


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


def put_in_cache(cache: Path, repository: str, folder: Path, *, ref: str | None = None) -> Path:
    """Lays a folder's files out as the Hub library does after a download."""
    root = cache / f"models--{repository.replace('/', '--')}"
    snapshot = root / "snapshots" / REVISION
    snapshot.mkdir(parents=True)
    for file in folder.iterdir():
        (snapshot / file.name).write_bytes(file.read_bytes())
    if ref is not None:
        (root / "refs").mkdir()
        (root / "refs" / ref).write_text(REVISION)
    return snapshot
