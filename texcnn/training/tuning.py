"""The one encoder that is fine-tuned: which part of it learns, and what of it the bundle holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

from torch import Tensor, nn

from texcnn.encoders.protocol import BUNDLE_SOURCE
from texcnn.encoders.token_encoder import TokenEncoder
from texcnn.errors import InputError
from texcnn.model.held_encoders import ChosenEncoders, hold_encoder
from texcnn.training.finetune import FineTunedNetwork

TUNABLE = ("dnabert2", "dnabert", "nucleotide-transformer")
"""Types of encoders that can be fine-tuned."""

ALL = "all"


@dataclass(frozen=True)
class Tuning:
    """How an encoder learns with the head.

    Attributes:
        chosen: The encoder, its weights and files as the new bundle holds them.
        encoder: The same encoder; it stays as it is, each network gets a copy.
        layers: How many of the last layers learn; None for all, the embeddings included.
        segments_per_pass: Segments that run through the encoder at a time.
        origin: Where its weights came from, for the model card.
    """

    chosen: ChosenEncoders
    encoder: TokenEncoder
    layers: int | None
    segments_per_pass: int
    origin: str

    @classmethod
    def of(cls, chosen: ChosenEncoders, layers: str, *, segments_per_pass: int) -> Tuning:
        """Checks that the chosen encoders are one that can learn, with as many layers.

        Args:
            chosen: As the user named them.
            layers: ``all``, or how many of the last ones.
            segments_per_pass: Changes speed and memory.

        Raises:
            InputError: when they are several or of a type that cannot be fine-tuned, or the layers are no such number.
        """
        types = ", ".join(TUNABLE)
        if len(chosen.encoders) != 1:
            raise InputError(
                f"{len(chosen.encoders)} encoders are chosen", where="--fine-tune", allowed=f"one, of the types {types}"
            )
        (encoder,), (spec,) = chosen.encoders, chosen.specs
        if spec.type not in TUNABLE or not isinstance(encoder, TokenEncoder):
            raise InputError(
                f"an encoder of the type {spec.type} cannot be fine-tuned", where="--fine-tune", allowed=types
            )
        stack = _n_layers(encoder)
        if layers != ALL and not (layers.isdecimal() and 1 <= int(layers) <= stack):
            raise InputError(
                f"unusable layers '{layers}'", where="--fine-tune", allowed=f"{ALL}, or 1 to {stack} of the last ones"
            )
        if spec.source != BUNDLE_SOURCE:
            held, tensors, files = hold_encoder(spec, encoder)
            chosen = replace(chosen, specs=(held,), tensors=tensors, files=files)
        return cls(
            chosen, encoder, None if layers == ALL else int(layers), segments_per_pass, f"{spec.type} ({spec.source})"
        )

    def network(self, head: nn.Module) -> FineTunedNetwork:
        """Puts a copy of the encoder before a head."""
        return FineTunedNetwork(self.encoder.copy(), head, layers=self.layers, segments_per_pass=self.segments_per_pass)

    def tensors(self, network: FineTunedNetwork) -> dict[str, Tensor]:
        """Returns the bundle's tensors ``encoders.0.*`` of a fitted network."""
        prefix = self.chosen.specs[0].options["prefix"]
        return {f"{prefix}{name}": value for name, value in network.pretrained.state_dict().items()}

    def __str__(self) -> str:
        """Says what learned, for the model card."""
        stack = _n_layers(self.encoder)
        part = f"the last {self.layers}" if self.layers is not None else "the embeddings and all"
        return f"{self.origin}, fine-tuned with the head ({part} of its {stack} layers)"


def _n_layers(encoder: TokenEncoder) -> int:
    return len(cast(nn.ModuleList, encoder.model.get_submodule("encoder.layer")))
