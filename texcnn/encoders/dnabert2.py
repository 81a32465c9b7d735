"""DNABERT-2 as an encoder: byte-pair tokens in, one vector per segment out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from texcnn.encoders.checkpoint import load_weights
from texcnn.encoders.cpu_kernels import CpuKernels
from texcnn.encoders.dnabert2_config import Dnabert2Config
from texcnn.encoders.dnabert2_layers import AttentionOutput, GatedMLP, runs_of
from texcnn.encoders.dnabert2_model import Dnabert2ForMaskedLM, Dnabert2Model
from texcnn.encoders.protocol import BUNDLE_SOURCE, EncoderSpec
from texcnn.encoders.token_encoder import TokenEncoder
from texcnn.encoders.weights import (
    EncoderFiles,
    find_file,
    read_checkpoint,
    require_bundle,
    require_option,
)
from texcnn.errors import ModelError
from texcnn.segments.bpe import BpeTokenizer

__all__ = ["Dnabert2Config", "Dnabert2Encoder", "Dnabert2ForMaskedLM", "Dnabert2Model", "load_dnabert2"]

TOKENIZER_FILE = "tokenizer.json"


class Dnabert2Encoder(TokenEncoder):
    """DNABERT-2, or a smaller model of the same kind; segments may be of any length.

    Args:
        model: The language model.
        tokenizer: Its byte-pair tokenizer.
        pooling: Name of the pooling.
    """

    model: Dnabert2Model
    token_wise = (AttentionOutput, GatedMLP)
    bundle_files: ClassVar[Mapping[str, str]] = {"tokenizer": TOKENIZER_FILE}

    def __init__(self, model: Dnabert2Model, tokenizer: BpeTokenizer, *, pooling: str = "mean") -> None:
        config = model.config
        super().__init__(
            model, tokenizer, name="dnabert2", dim=config.hidden_size, pooling=pooling, architecture=repr(config)
        )

    def hidden_states(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Runs the language model: the last layer's states, ``(n, length, dim)``."""
        return self.model(input_ids, attention_mask)

    @torch.inference_mode()
    def embed(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Turns token ids of any lengths into vectors, float32 ``(n, dim)`` on the encoder's device.

        Rows are packed here, where their lengths are known: nothing is padded, and a GPU is never waited for.
        """
        order = sorted(range(len(tokens)), key=lambda row: -len(tokens[row]))
        lengths = [len(tokens[row]) for row in order]
        ids = np.fromiter(chain.from_iterable(tokens[row] for row in order), np.int64, sum(lengths))
        input_ids = self._moved(ids)
        with CpuKernels():
            hidden = self.model.packed(input_ids, lengths)
        special = (input_ids == self.tokenizer.cls_id) | (input_ids == self.tokenizer.sep_id)
        pooled, start = [], 0
        for rows, length in runs_of(lengths):
            part = slice(start, start := start + rows * length)
            states, marks = hidden[part].view(rows, length, -1), special[part].view(rows, length)
            pooled.append(self._pool(states, torch.ones_like(marks), marks))
        vectors = torch.cat([*pooled, torch.zeros((lengths.count(0), self.dim), device=self.device)])
        if order == list(range(len(order))):
            return vectors
        in_order = torch.empty_like(vectors)
        in_order[order] = vectors
        return in_order


def load_dnabert2(spec: EncoderSpec, bundle: EncoderFiles | None = None) -> Dnabert2Encoder:
    """Loads DNABERT-2 from the Hub cache, a folder or a model bundle.

    A folder holds ``config.json``, ``model.safetensors`` or ``pytorch_model.bin`` with the original keys, and
    ``tokenizer.json``. A bundle's spec has the options ``config`` (the fields of the original ``config.json``),
    ``prefix`` (of its tensors in the bundle) and ``tokenizer`` (name of a file in the bundle).

    Raises:
        ModelError: if anything is missing, left over, damaged or does not fit together.
    """
    checkpoint = read_checkpoint(spec, bundle)
    if spec.source == BUNDLE_SOURCE:
        tokenizer_file = require_bundle(spec, bundle).path(require_option(spec, "tokenizer"))
    else:
        tokenizer_file = find_file(spec, TOKENIZER_FILE)
    tokenizer = BpeTokenizer(tokenizer_file)
    config = Dnabert2Config.from_json(checkpoint.config, where=f"the config of {checkpoint.where}")
    if tokenizer.vocab_size > config.vocab_size:
        raise ModelError(
            f"the tokenizer has {tokenizer.vocab_size} tokens, the model {config.vocab_size}",
            where=tokenizer_file,
            allowed="a tokenizer whose ids the model's embedding covers",
        )
    model = Dnabert2Model(config)
    load_weights(model, checkpoint.tensors, where=checkpoint.where)
    return Dnabert2Encoder(model, tokenizer, pooling=spec.pooling)
