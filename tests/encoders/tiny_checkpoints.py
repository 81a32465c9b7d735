"""What tiny checkpoints are made of, and where they are put."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import BPE
from torch import Tensor

from texcnn.encoders.dnabert2 import Dnabert2Config

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
