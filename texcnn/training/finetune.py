"""An encoder that learns together with the head that reads it: which part of it, and what of it the bundle holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from texcnn.encoders.protocol import BUNDLE_SOURCE
from texcnn.encoders.token_encoder import TokenEncoder
from texcnn.errors import InputError
from texcnn.model.held_encoders import ChosenEncoders, hold_encoder
from texcnn.segments.segment import SegmentSpec
from texcnn.training.examples import digest_tensors


@dataclass(frozen=True)
class SegmentTokens:
    """Tokens of each segment of each gene's window, for a :class:`FineTunedNetwork`.

    Attributes:
        ids: int32 ``(n, n_segments, longest)``; zero beyond a segment's tokens.
        lengths: int64 ``(n, n_segments)``; 0 where the segment has too few known bases.
    """

    ids: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, encoder: TokenEncoder, sequences: Iterable[str], spec: SegmentSpec) -> SegmentTokens:
        """Cuts windows of one length and tokenises their usable segments.

        Raises:
            InputError: when there is no window, or a segment is too long for the encoder.
        """
        rows: list[list[Tensor]] = []
        for sequence in sequences:  # one by one: as Python's numbers the tokens of all would take tenfold the memory
            window = spec.split(sequence)
            tokens = encoder.tokenize([*window.bases])
            kept = [row if usable else [] for row, usable in zip(tokens, window.mask, strict=True)]
            rows.append([torch.tensor(row, dtype=torch.int32) for row in kept])
        if not rows:
            raise InputError("no window to tokenise")
        lengths = torch.tensor([[len(segment) for segment in row] for row in rows])
        ids = torch.zeros(*lengths.shape, int(lengths.max()), dtype=torch.int32)
        for gene, row in enumerate(rows):
            for position, segment in enumerate(row):
                ids[gene, position, : len(segment)] = segment
        return cls(ids, lengths)

    def __len__(self) -> int:
        """Number of genes."""
        return len(self.ids)

    def take(self, rows: Tensor, device: torch.device) -> tuple[Tensor, ...]:
        """Returns ids ``(n, n_segments, longest)`` and lengths ``(n, n_segments)``."""
        return self.ids[rows].to(device), self.lengths[rows].to(device)

    def fingerprint(self) -> str:
        """Hex digest of all numbers."""
        return digest_tensors([self.ids, self.lengths])


class FineTunedNetwork(nn.Module):
    """An encoder, all of it or its last layers free to move, and a head over its segment vectors.

    Only the vectors of a step's segments are kept for the gradient; what led to them is computed again, so that memory
    does not grow with the genes of a step but with ``segments_per_pass``.

    Args:
        encoder: Its model is changed in place.
        head: ``(values, mask, features) -> (n, n_cell_types)`` with the linear last layer ``output``.
        layers: How many of the last layers learn; None for all, the embeddings included.
        segments_per_pass: Segments that run through the encoder at a time.

    Raises:
        InputError: when the encoder has fewer layers.
    """

    def __init__(
        self, encoder: TokenEncoder, head: nn.Module, *, layers: int | None, segments_per_pass: int = 64
    ) -> None:
        super().__init__()
        stack = cast(nn.ModuleList, encoder.model.get_submodule("encoder.layer"))
        if layers is not None and not 1 <= layers <= len(stack):
            raise InputError(f"unusable number of layers {layers} to fine-tune", allowed=f"1 to {len(stack)}")
        encoder.model.requires_grad_(layers is None)
        if layers is not None:
            for layer in stack[-layers:]:
                layer.requires_grad_(True)
        self._encoder, self._per_pass, self._layers = encoder, segments_per_pass, layers
        self.pretrained = encoder.model  # its name is known to the optimiser: texcnn.training.fit.TUNED
        self.head = head

    def extra_repr(self) -> str:
        """Names what learns; a checkpoint of other layers is another training's."""
        return f"layers={self._layers}"

    @property
    def output(self) -> nn.Module:
        """The head's last layer."""
        return self.head.get_submodule("output")

    def forward(self, ids: Tensor, lengths: Tensor, features: Tensor | None = None) -> Tensor:
        """Predicts expression ``(n, n_cell_types)`` from :class:`SegmentTokens`."""
        mask = lengths > 0
        flat, flat_lengths = ids[mask], lengths[mask]
        values = torch.zeros(*mask.shape, self._encoder.dim, device=ids.device)
        if len(flat):
            # Segments of similar lengths share a pass; the sort is stable, so that equal calls give equal bits.
            order = flat_lengths.argsort(descending=True, stable=True)
            parts = [self._vectors(flat[rows], flat_lengths[rows]) for rows in order.split(self._per_pass)]
            values[mask] = torch.cat(parts)[order.argsort()]
        return cast(Tensor, self.head(values, mask, features))

    def _vectors(self, ids: Tensor, lengths: Tensor) -> Tensor:
        longest = int(lengths.max())
        mask = torch.arange(longest, device=ids.device) < lengths[:, None]
        tokens = ids[:, :longest].long().masked_fill(~mask, self._encoder.tokenizer.pad_id)
        if not torch.is_grad_enabled():
            return self._encoder.vectors(tokens, mask)
        return cast(Tensor, checkpoint(self._encoder.vectors, tokens, mask, use_reentrant=False))


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
        """Checks that one encoder is chosen, that it can learn, and that it has the layers.

        Args:
            chosen: As the user named them.
            layers: ``all``, or how many of the last ones.
            segments_per_pass: Changes speed and memory.

        Raises:
            InputError: when they are several or of a type that cannot be fine-tuned, or there are no such layers.
        """
        types = ", ".join(TUNABLE)
        if len(chosen.encoders) != 1:
            raise InputError(
                f"{len(chosen.encoders)} encoders are chosen", where="`fine_tune`", allowed=f"one, of the types {types}"
            )
        (encoder,), (spec,) = chosen.encoders, chosen.specs
        if spec.type not in TUNABLE or not isinstance(encoder, TokenEncoder):
            raise InputError(
                f"an encoder of the type {spec.type} cannot be fine-tuned", where="`fine_tune`", allowed=types
            )
        stack = _n_layers(encoder)
        if layers != ALL and not (layers.isdecimal() and 1 <= int(layers) <= stack):
            raise InputError(
                f"unusable layers '{layers}'", where="`fine_tune`", allowed=f"{ALL}, or 1 to {stack} of the last ones"
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
        """Describes what learned, for the model card."""
        stack = _n_layers(self.encoder)
        part = f"the last {self.layers}" if self.layers is not None else "the embeddings and all"
        return f"{self.origin}, fine-tuned with the head ({part} of its {stack} layers)"


def _n_layers(encoder: TokenEncoder) -> int:
    return len(cast(nn.ModuleList, encoder.model.get_submodule("encoder.layer")))
