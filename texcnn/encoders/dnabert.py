"""DNABERT (Ji et al. 2021): overlapping k-mers into a plain BERT, one vector per segment out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn
from transformers import BertConfig, BertModel
from transformers.models.bert.modeling_bert import BertIntermediate, BertOutput, BertSelfOutput

from texcnn.cpu_products import linear_gelu
from texcnn.encoders.checkpoint import DROPOUT_FIELDS, load_weights
from texcnn.encoders.protocol import EncoderSpec
from texcnn.encoders.token_encoder import TokenEncoder
from texcnn.encoders.weights import EncoderFiles, local_file, read_checkpoint, require_option
from texcnn.errors import InputError, ModelError
from texcnn.segments.kmer import KmerTokenizer
from texcnn.typed_json import check_fields

_REQUIRED = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
_OPTIONAL = ("hidden_act", "max_position_embeddings", "type_vocab_size", "layer_norm_eps")
"""The fields of ``config.json`` that the result depends on; all others are ignored."""

VOCABULARY_FILE = "vocab.txt"


_TYPES = {
    "vocab_size": int,
    "hidden_size": int,
    "num_hidden_layers": int,
    "num_attention_heads": int,
    "intermediate_size": int,
    "hidden_act": str,
    "max_position_embeddings": int,
    "type_vocab_size": int,
    "layer_norm_eps": float,
    "hidden_dropout_prob": float,
    "attention_probs_dropout_prob": float,
}
"""Types of the fields of ``config.json`` that are used."""


class GeluProjection(nn.Module):
    """BERT's first projection of a layer's MLP with its GELU, which a CPU computes in one step.

    Args:
        dense: The projection, which keeps its name.
        gelu: The activation, which keeps its name.
    """

    def __init__(self, dense: nn.Linear, gelu: nn.Module) -> None:
        super().__init__()
        self.dense = dense
        self.intermediate_act_fn = gelu

    def forward(self, hidden: Tensor) -> Tensor:
        """``(..., hidden)`` to ``(..., intermediate)``."""
        return linear_gelu(hidden, self.dense.weight, self.dense.bias, gelu=self.intermediate_act_fn)


class DnabertEncoder(TokenEncoder):
    """DNABERT for one k; a segment may have as many k-mers as the model has positions, less two.

    Args:
        model: The language model.
        tokenizer: Its k-mers.
        pooling: Name of the pooling.
    """

    tokenizer: KmerTokenizer
    token_wise = (BertSelfOutput, BertIntermediate, GeluProjection, BertOutput)
    bundle_files: ClassVar[Mapping[str, str]] = {}

    def __init__(self, model: BertModel, tokenizer: KmerTokenizer, *, pooling: str = "mean") -> None:
        architecture = repr([getattr(model.config, field) for field in (*_REQUIRED, *_OPTIONAL)])
        super().__init__(
            model,
            tokenizer,
            name=f"dnabert-{tokenizer.k}",
            dim=model.config.hidden_size,
            pooling=pooling,
            architecture=architecture,
        )
        self._n_positions: int = model.config.max_position_embeddings
        if model.config.hidden_act == "gelu":
            for layer in model.encoder.layer:
                dense = layer.get_submodule("intermediate.dense")
                assert isinstance(dense, nn.Linear)
                gelu = layer.get_submodule("intermediate.intermediate_act_fn")
                layer.intermediate = GeluProjection(dense, gelu).train(layer.training)

    def tokenize(self, segments: Sequence[str]) -> list[list[int]]:
        """Turns segments of upper-case ``ACGTN`` into token ids, special tokens included.

        Raises:
            InputError: if a segment has more k-mers than the model has positions.
        """
        k = self.tokenizer.k
        longest = max(map(len, segments), default=0)
        allowed = self._n_positions - 2 + k - 1  # two positions go to [CLS] and [SEP]
        if longest > allowed:
            raise InputError(
                f"a segment of {longest} bases is {longest - k + 1} {k}-mers, "
                f"more than the {self._n_positions - 2} that {self.name} can read",
                allowed=f"segments of up to {allowed} bases",
                remedy="cut shorter segments (500 bases by default) or use dnabert2, which has no such limit",
            )
        return self.tokenizer.encode(segments)

    def hidden_states(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Runs the language model: the last layer's states, ``(n, length, dim)``."""
        return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def load_dnabert(spec: EncoderSpec, bundle: EncoderFiles | None = None) -> DnabertEncoder:
    """Loads DNABERT from the Hub cache, a folder or a model bundle.

    The option ``k`` names the k-mer length. A folder holds ``config.json`` and ``model.safetensors`` or
    ``pytorch_model.bin``; the vocabulary is computed, and a ``vocab.txt`` must agree with it. A bundle's spec has the
    options ``config`` and ``prefix``.

    Raises:
        ModelError: if anything is missing, left over, damaged or does not fit together.
    """
    tokenizer = KmerTokenizer(require_option(spec, "k"))
    _check_vocabulary(spec, tokenizer)
    checkpoint = read_checkpoint(spec, bundle)
    config = _bert_config(checkpoint.config, where=f"the config of {checkpoint.where}")
    if config.vocab_size != tokenizer.vocab_size:
        raise ModelError(
            f"the model has {config.vocab_size} tokens, {tokenizer.k}-mers are {tokenizer.vocab_size}",
            where=checkpoint.where,
            remedy="name the k that the model was trained with",
        )
    model = BertModel(config, add_pooling_layer=False)
    load_weights(model, checkpoint.tensors, where=checkpoint.where)
    return DnabertEncoder(model, tokenizer, pooling=spec.pooling)


def _check_vocabulary(spec: EncoderSpec, tokenizer: KmerTokenizer) -> None:
    """Refuses a vocabulary in another order: its model would be given other k-mers than it knows."""
    path = local_file(spec, VOCABULARY_FILE)
    if path is None:
        return
    try:
        found = path.read_text(encoding="utf-8-sig").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read the vocabulary: {error}", where=path) from error
    expected = tokenizer.tokens()
    if found == expected:
        return
    line = next((n for n, pair in enumerate(zip(found, expected, strict=False), 1) if pair[0] != pair[1]), None)
    what = f"has {len(found)} tokens" if line is None else f"has {found[line - 1]} in line {line}"
    wanted = len(expected) if line is None else expected[line - 1]
    raise ModelError(
        f"the vocabulary {what}, DNABERT's {tokenizer.k}-mers have {wanted} there", where=path,
        allowed="the special tokens [PAD] [UNK] [CLS] [SEP] [MASK], then every k-mer in the order A, T, C, G",
        remedy="restore the model's own vocab.txt; a model of another vocabulary cannot be used",
    )  # fmt: skip


def _bert_config(values: dict[str, Any], *, where: str) -> BertConfig:
    """Builds the configuration from the fields that matter, without BERT-base's defaults."""
    missing = [name for name in _REQUIRED if name not in values]
    if missing:
        raise ModelError(f"the config lacks {', '.join(missing)}", where=where)
    check_fields(_TYPES, values, where=where, error=ModelError)
    known = {name: values[name] for name in (*_REQUIRED, *_OPTIONAL, *DROPOUT_FIELDS) if name in values}
    return BertConfig.from_dict({**known, "attn_implementation": "sdpa"})
