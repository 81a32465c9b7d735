"""What every encoder is: a batch of DNA segments in, one vector per segment out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

from texcnn.errors import ModelError

if TYPE_CHECKING:  # a bundle is described without torch, which takes seconds to load
    import torch
    from torch import Tensor, nn

BUNDLE_SOURCE = "bundle"
"""The ``source`` of an encoder whose weights are inside the model bundle that names it."""


class Encoder(Protocol):
    """Turns DNA segments into vectors; add one through the entry-point group ``texcnn.encoders``.

    Tokenising and embedding are two steps so that the engine can sort segments by their number of tokens,
    and tokenise on the CPU while the device computes.
    """

    name: str
    dim: int

    def tokenize(self, segments: Sequence[str]) -> Sequence[Sequence[int]]:
        """Turns segments of upper-case ``ACGTN`` into token ids, special tokens included."""
        ...

    def embed(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Turns token ids of any lengths into vectors, float32 ``(n, dim)`` on the encoder's device.

        A row's vector must not depend on the other rows: padding is masked.
        """
        ...

    def to(self, device: torch.device) -> Self:
        """Moves the weights."""
        ...

    def fingerprint(self) -> str:
        """Hex digest of everything the vectors depend on: weights, tokenizer and pooling."""
        ...


@runtime_checkable
class ReducedPrecision(Protocol):
    """What an encoder has in addition to :class:`Encoder` if its matrix products can be computed in 16 bits.

    One without it always computes in float32.
    """

    def compute_in(self, dtype: torch.dtype) -> Self:
        """Chooses the type of matrix products; vectors and the fingerprint stay those of the float32 weights."""
        ...


@runtime_checkable
class TokenCost(Protocol):
    """What an encoder has in addition to :class:`Encoder` if a token of it needs less memory than a language model's.

    Attributes:
        token_cost: Share of the memory that a token of DNABERT-2 needs; batches hold as many more tokens.
    """

    token_cost: float


@runtime_checkable
class Placed(Protocol):
    """What an encoder has in addition to :class:`Encoder` if it depends on a segment's place in the window.

    A segment that it does not read has a vector of zeros. Each segment is given to :meth:`Encoder.tokenize` with the
    bases around it, N where there are none, and its vector is that of the segment alone.

    Attributes:
        segments: Numbers of the segments that it reads, half-open; None for all.
        context: Bases on either side that it is given as well.
    """

    segments: tuple[int, int] | None
    context: int


@runtime_checkable
class SmallBatches(Protocol):
    """What an encoder has in addition to :class:`Encoder` if a batch is too little work to share among CPU threads.

    Batches then run next to each other, one thread each, so that its ``embed`` must not change the encoder.

    Attributes:
        small_batches: True.
    """

    small_batches: ClassVar[bool]


@runtime_checkable
class Compilable(Protocol):
    """What an encoder has in addition to :class:`Encoder` if parts of it can be compiled.

    See :mod:`texcnn.encoders.compiled`.
    """

    def compile(self) -> Self:
        """Has ``torch.compile`` do its work in the first batches; fingerprint and weights stay as they are."""
        ...


@runtime_checkable
class Bundled(Protocol):
    """What an encoder has in addition to :class:`Encoder` if a model bundle can hold a copy of it.

    Its loader then reads a spec whose source is :data:`BUNDLE_SOURCE`: ``config`` holds the fields of ``config.json``,
    ``prefix`` names the tensors of ``model``, and each option of ``bundle_files`` a file of the bundle.

    Attributes:
        model: The weights.
        bundle_files: Option to the name of the file in the encoder's folder, for what it reads next to ``config.json``
            and the weights, such as a tokenizer; None where that is not known.
    """

    model: nn.Module
    bundle_files: ClassVar[Mapping[str, str] | None]


@runtime_checkable
class Explained(Protocol):
    """What an encoder has in addition to :class:`Encoder` if gradients of its vectors reach the bases."""

    def base_contributions(self, segment: str, gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Returns gradient x input of a segment's bases.

        Args:
            segment: Upper-case ``ACGTN``.
            gradients: What outputs change with the segment's vector, float32 ``(n_outputs, dim)``.

        Returns:
            The contributions of the bases to each output, ``(n_outputs, len(segment))``, and of what has no
            bases, such as special tokens, ``(n_outputs,)``; float32 on the CPU.
        """
        ...


@dataclass(frozen=True)
class EncoderSpec:
    """Which encoder, with which weights, as written in a bundle's ``config.json``.

    Attributes:
        type: A name of :func:`texcnn.encoders.registry.encoder_types`.
        source: A Hub id (``owner/name``), a local folder, or ``"bundle"``.
        revision: The pinned commit of a Hub id.
        sha256: File name to expected sha256 of the files read from ``source``.
        pooling: How token vectors become one vector per segment (:mod:`texcnn.encoders.pooling`). An encoder with a
            choice of them names the chosen one in its attribute ``pooling``; any other has only the mean.
        options: What else the type needs, such as ``{"k": 6}`` or ``{"config": {...}}``.
    """

    type: str
    source: str
    revision: str | None = None
    sha256: dict[str, str] = field(default_factory=dict)
    pooling: str = "mean"
    options: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Returns the spec as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Reads what :meth:`to_json` wrote.

        Raises:
            ModelError: on a missing or unknown key.
        """
        try:
            return cls(**values)
        except TypeError as error:
            raise ModelError(
                f"unusable encoder description: {error}",
                allowed=", ".join(cls.__dataclass_fields__),
            ) from error
