"""Nucleotide Transformer v1: 6-mers side by side into an ESM-style transformer.

Source: Dalla-Torre et al. 2025 (doi:10.1038/s41592-024-02523-z). The first version is transformers' own ``EsmModel``,
so that no code of a download runs; the second needs remote code and is not read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor
from transformers import EsmConfig, EsmModel
from transformers.models.esm.modeling_esm import EsmIntermediate, EsmOutput, EsmSelfOutput

from texcnn.encoders.checkpoint import DROPOUT_FIELDS, load_weights
from texcnn.encoders.protocol import BUNDLE_SOURCE, EncoderSpec
from texcnn.encoders.token_encoder import TokenEncoder
from texcnn.encoders.weights import EncoderFiles, find_file, read_checkpoint, require_bundle, require_option
from texcnn.errors import InputError, ModelError
from texcnn.typed_json import check_fields

VOCABULARY_FILE = "vocab.txt"

_WORD = re.compile("[ACGT]{6}|[ACGTN]")
_FIELDS = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
    "max_position_embeddings", "pad_token_id", "mask_token_id", "position_embedding_type", "layer_norm_eps",
    "token_dropout", "emb_layer_norm_before",
)  # fmt: skip
"""The fields of ``config.json`` that the result depends on."""


_TYPES = {
    "vocab_size": int,
    "hidden_size": int,
    "num_hidden_layers": int,
    "num_attention_heads": int,
    "intermediate_size": int,
    "max_position_embeddings": int,
    "pad_token_id": int,
    "mask_token_id": int,
    "position_embedding_type": str,
    "layer_norm_eps": float,
    "token_dropout": bool,
    "emb_layer_norm_before": bool,
    "hidden_dropout_prob": float,
    "attention_probs_dropout_prob": float,
}
"""Types of the fields of ``config.json`` that are used."""


class SixMerTokenizer:
    """Non-overlapping 6-mers from the left; around an ``N``, and at the end, single letters. ``<cls>`` comes first.

    Args:
        vocabulary: Its words in the order of their ids. The published ones end with ``<eos>`` and ``<bos>``, for which
            the models have no embedding; they are never written.

    Attributes:
        vocab_size: Embeddings that a model needs for what is written here.

    Raises:
        ModelError: when a special token or a letter is missing.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._ids = {word: place for place, word in enumerate(vocabulary)}
        missing = [word for word in ("<pad>", "<cls>", "<unk>", *"ACGTN") if word not in self._ids]
        if missing:
            raise ModelError(f"the vocabulary lacks {', '.join(missing)}", where=VOCABULARY_FILE)
        written = [word for word in self._ids if word in ("<pad>", "<cls>", "<unk>") or _WORD.fullmatch(word)]
        self.vocab_size = 1 + max(self._ids[word] for word in written)
        self.pad_id, self.cls_id, self.unk_id = (self._ids[word] for word in ("<pad>", "<cls>", "<unk>"))
        self.sep_id = self.cls_id  # this model has no token at the end
        self.fingerprint = hashlib.sha256("\n".join(vocabulary).encode()).hexdigest()

    def encode(self, segments: Sequence[str]) -> list[list[int]]:
        """Turns segments of upper-case ``ACGTN`` into token ids."""
        return [
            [self.cls_id, *(self._ids.get(word, self.unk_id) for word in _WORD.findall(segment))]
            for segment in segments
        ]

    def spans(self, segment: str) -> list[tuple[int, int]]:
        """Returns the bases of each token of :meth:`encode`, half-open; ``(0, 0)`` for ``<cls>``."""
        return [(0, 0), *(word.span() for word in _WORD.finditer(segment))]


class NucleotideTransformerEncoder(TokenEncoder):
    """Nucleotide Transformer v1.

    Args:
        model: The language model.
        tokenizer: Its 6-mers.
        pooling: Name of the pooling.
    """

    token_wise = (EsmSelfOutput, EsmIntermediate, EsmOutput)
    bundle_files: ClassVar[Mapping[str, str]] = {"vocabulary": VOCABULARY_FILE}

    def __init__(self, model: EsmModel, tokenizer: SixMerTokenizer, *, pooling: str = "mean") -> None:
        super().__init__(
            model,
            tokenizer,
            name="nucleotide-transformer",
            dim=model.config.hidden_size,
            pooling=pooling,
            architecture=repr([getattr(model.config, field) for field in _FIELDS]),
        )
        # Positions are counted from the padding's id on, as in RoBERTa.
        self._longest = model.config.max_position_embeddings - tokenizer.pad_id - 1

    def tokenize(self, segments: Sequence[str]) -> list[list[int]]:
        """Turns segments into token ids.

        Raises:
            InputError: if a segment has more tokens than the model has positions.
        """
        tokens = self.tokenizer.encode(segments)
        longest = max(map(len, tokens), default=0)
        if longest > self._longest:
            raise InputError(
                f"a segment of {longest} tokens",
                where=self.name,
                allowed=f"{self._longest} tokens",
                remedy="cut shorter segments",
            )
        return tokens

    def hidden_states(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Runs the language model: the last layer's states, ``(n, length, dim)``."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask.long()
        return self.model(input_ids=input_ids, attention_mask=mask).last_hidden_state


def load_nucleotide_transformer(spec: EncoderSpec, bundle: EncoderFiles | None = None) -> NucleotideTransformerEncoder:
    """Loads Nucleotide Transformer v1 from the Hub cache, a folder or a model bundle.

    A folder holds ``config.json``, ``vocab.txt`` and ``model.safetensors`` or ``pytorch_model.bin``; a bundle's spec
    has the options ``config``, ``prefix`` and ``vocabulary``, the name of the bundle's file.

    Raises:
        ModelError: if anything is missing, left over, damaged or does not fit together.
    """
    checkpoint = read_checkpoint(spec, bundle)
    missing = [field for field in _FIELDS[:8] if field not in checkpoint.config]
    if missing:
        raise ModelError(f"the config lacks {', '.join(missing)}", where=checkpoint.where)
    check_fields(_TYPES, checkpoint.config, where=checkpoint.where, error=ModelError)
    if checkpoint.config.get("auto_map"):
        raise ModelError(
            "this version of Nucleotide Transformer needs its own code", where=checkpoint.where,
            allowed="version 1, such as InstaDeepAI/nucleotide-transformer-500m-human-ref",
        )  # fmt: skip
    path: Path
    if spec.source == BUNDLE_SOURCE:
        path = require_bundle(spec, bundle).path(require_option(spec, "vocabulary"))
    else:
        path = find_file(spec, VOCABULARY_FILE)
    try:
        tokenizer = SixMerTokenizer(path.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read the vocabulary: {error}", where=path) from error
    known = {field: checkpoint.config[field] for field in (*_FIELDS, *DROPOUT_FIELDS) if field in checkpoint.config}
    model = EsmModel(EsmConfig(**known), add_pooling_layer=False)
    if model.config.vocab_size != tokenizer.vocab_size:
        raise ModelError(
            f"the model has {model.config.vocab_size} tokens, the vocabulary needs {tokenizer.vocab_size}", where=path
        )
    ignored = ("lm_head.", "contact_head.", "pooler.", "embeddings.position_ids")
    # Buffers that follow from the configuration are in some checkpoints and not in others.
    fixed = {name: value for name, value in model.state_dict().items() if name.endswith("inv_freq")}
    given = {name.removeprefix("esm."): value for name, value in checkpoint.tensors.items()}
    load_weights(model, fixed | given, where=checkpoint.where, prefix="esm.", ignored=(*ignored, "encoder.rotary"))
    return NucleotideTransformerEncoder(model, tokenizer, pooling=spec.pooling)
