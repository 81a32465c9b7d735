"""The sizes of a DNABERT-2 and their names in its ``config.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Self

from texcnn.errors import ModelError
from texcnn.typed_json import check_types


@dataclass(frozen=True)
class Dnabert2Config:
    """The fields of the original ``config.json`` that the mathematics depends on, under their names there.

    ``max_position_embeddings`` and ``alibi_starting_size`` are not among them: there is no position table, and any
    length works.
    """

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    type_vocab_size: int = 2
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.0
    layer_norm_eps: float = 1e-12
    initializer_range: float = 0.02
    hidden_act: str = "gelu"

    def __post_init__(self) -> None:
        """Refuses what the module cannot compute."""
        if self.hidden_act != "gelu":
            raise ModelError(f"unknown hidden_act '{self.hidden_act}'", where="the encoder's config", allowed="gelu")
        if self.hidden_size % self.num_attention_heads:
            raise ModelError(
                f"hidden_size {self.hidden_size} is not divisible by num_attention_heads {self.num_attention_heads}",
                where="the encoder's config",
            )

    @classmethod
    def from_json(cls, values: Mapping[str, Any], *, where: object = "the encoder's config") -> Self:
        """Picks the known fields of a ``config.json`` and leaves the others.

        Raises:
            ModelError: if a field without a default is missing, or a value cannot be used.
        """
        missing = [f.name for f in fields(cls) if f.default is MISSING and f.name not in values]
        if missing:
            raise ModelError(f"the config lacks {', '.join(missing)}", where=where)
        known = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        check_types(cls, known, where=where, error=ModelError)
        return cls(**known)
