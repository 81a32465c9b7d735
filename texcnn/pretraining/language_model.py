"""A fresh masked language model of the DNABERT-2 or the DNABERT architecture, and what its checkpoint holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertForMaskedLM

from texcnn.encoders.dnabert import DnabertEncoder
from texcnn.encoders.dnabert2 import TOKENIZER_FILE, Dnabert2Config, Dnabert2Encoder, Dnabert2ForMaskedLM
from texcnn.encoders.token_encoder import TokenEncoder
from texcnn.errors import ModelError
from texcnn.pretraining.masking import mask_spans, mask_tokens
from texcnn.segments.bpe import BpeTokenizer
from texcnn.segments.kmer import KmerTokenizer

VOCABULARY_FILE = "vocab.txt"
"""Where the original DNABERT lists its k-mers."""

_POSITIONS = 512
"""Of the original models: DNABERT reads this number of tokens, DNABERT-2 first builds its biases for it."""


class Mask(Protocol):
    """Hides tokens of ``(n, length)``; returns what the model sees, and where it must guess."""

    def __call__(self, input_ids: Tensor, *, fraction: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Hides tokens."""
        ...


@dataclass(frozen=True)
class ModelSizes:
    """Sizes of a BERT, under the names of its ``config.json``.

    Attributes:
        hidden_size: Length of a token's vector.
        num_hidden_layers: Layers.
        num_attention_heads: Heads of each layer; they divide ``hidden_size``.
        intermediate_size: Width of each layer's MLP; gated, and so twice as many weights, in DNABERT-2.
        hidden_dropout_prob: Dropped while training.

    Raises:
        ModelError: when the heads do not divide the hidden size.
    """

    hidden_size: int = 256
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    intermediate_size: int = 1024
    hidden_dropout_prob: float = 0.0

    def __post_init__(self) -> None:
        """Checks what BERT cannot compute."""
        if self.hidden_size % self.num_attention_heads:
            raise ModelError(
                f"{self.num_attention_heads} heads do not divide the hidden size {self.hidden_size}",
                allowed="a hidden size that is a multiple of the number of heads",
            )


@dataclass(frozen=True)
class LanguageModel:
    """A masked language model to be trained, and what belongs to it.

    Attributes:
        name: The architecture.
        model: The encoder ``bert`` with the head ``cls`` that scores tokens.
        encoder: Tokenises and runs ``model.bert``.
        mask: Hides tokens.
        config: Content of ``config.json``.
        files: The tokenizer's file.
    """

    name: str
    model: nn.Module
    encoder: TokenEncoder
    mask: Mask
    config: dict[str, Any]
    files: dict[str, bytes]

    def scores(self, hidden: Tensor) -> Tensor:
        """Scores every token of the vocabulary: states ``(n, hidden)`` to ``(n, vocab_size)``."""
        return cast(Tensor, self.model.get_submodule("cls")(hidden))


def dnabert2_model(sizes: ModelSizes, tokenizer: bytes, *, seed: int) -> LanguageModel:
    """Makes a DNABERT-2 (Zhou et al. 2024) with random weights.

    Args:
        sizes: Its sizes.
        tokenizer: Content of its ``tokenizer.json``.
        seed: Source of the weights.
    """
    tokens = BpeTokenizer(tokenizer)
    fields = {"vocab_size": tokens.vocab_size, "attention_probs_dropout_prob": 0.0, **asdict(sizes)}
    model = _seeded(seed, lambda: Dnabert2ForMaskedLM(Dnabert2Config.from_json(fields)))
    return LanguageModel(
        "dnabert2",
        model,
        _trainable(Dnabert2Encoder(model.bert, tokens)),
        partial(mask_tokens, **_token_ids(tokens)),
        {**_config(tokens), **fields, "alibi_starting_size": _POSITIONS},
        {TOKENIZER_FILE: tokenizer},
    )


def dnabert_model(sizes: ModelSizes, k: int, *, seed: int) -> LanguageModel:
    """Makes a DNABERT (Ji et al. 2021) with random weights; runs of k neighbouring k-mers are hidden together.

    Args:
        sizes: Its sizes.
        k: Bases per token.
        seed: Source of the weights.

    Raises:
        InputError: when there are no k-mers of that length.
    """
    tokens = KmerTokenizer(k)
    fields = {
        "vocab_size": tokens.vocab_size,
        "attention_probs_dropout_prob": sizes.hidden_dropout_prob,
        "max_position_embeddings": _POSITIONS,
        **asdict(sizes),
    }
    config = {**_config(tokens), **fields}
    model = _seeded(seed, lambda: BertForMaskedLM(BertConfig.from_dict({**config, "attn_implementation": "sdpa"})))
    return LanguageModel(
        "dnabert",
        model,
        _trainable(DnabertEncoder(model.bert, tokens)),
        partial(mask_spans, k=k, **_token_ids(tokens)),
        config,
        {VOCABULARY_FILE: "".join(f"{token}\n" for token in tokens.tokens()).encode()},
    )


def _seeded(seed: int, make: Callable[[], Any]) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def _trainable(encoder: TokenEncoder) -> TokenEncoder:
    """Undoes what every encoder does to its model: freeze it."""
    encoder.model.requires_grad_(True)
    return encoder


def _token_ids(tokens: BpeTokenizer | KmerTokenizer) -> dict[str, Any]:
    special = (tokens.unk_id, tokens.cls_id, tokens.sep_id, tokens.pad_id)
    return {"special_ids": special, "mask_id": tokens.mask_id, "vocab_size": tokens.vocab_size}


def _config(tokens: BpeTokenizer | KmerTokenizer) -> dict[str, Any]:
    """What both architectures' ``config.json`` has in addition to the sizes."""
    return {
        "architectures": ["BertForMaskedLM"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "initializer_range": 0.02,
        "layer_norm_eps": 1e-12,
        "type_vocab_size": 2,
        "pad_token_id": tokens.pad_id,
    }
