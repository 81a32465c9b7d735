"""What encoders of convolutions over one segment's bases have in common: their sizes, and how they embed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from torch import Tensor, nn
from torch.nn.functional import pad

from texcnn.encoders.base_encoder import BaseEncoder
from texcnn.encoders.checkpoint import load_weights
from texcnn.encoders.weights import Checkpoint
from texcnn.errors import ModelError
from texcnn.segments.bases import UNKNOWN

Network = TypeVar("Network", bound=nn.Module)

_FEW = 8
"""Rows up to which none is added."""


class ConvolutionsEncoder(BaseEncoder):
    """Embeds segments of at most as many bases as the convolutions have places for, in float32.

    Attributes:
        model: The convolutions, in evaluation mode.
        sizes: Names of their sizes; ``pool``, ``second_pool`` and ``places`` among them.

    Args:
        model: The convolutions.
        config: Their sizes.
        dim: Length of a vector.
    """

    model: Any
    sizes: ClassVar[tuple[str, ...]]
    bundle_files: ClassVar[Mapping[str, str] | None] = {}
    small_batches: ClassVar[bool] = True

    def __init__(self, model: nn.Module, config: Mapping[str, int], dim: int) -> None:
        super().__init__(model)
        self.dim = dim
        self.longest = config["pool"] * config["second_pool"] * config["places"]
        self._sizes = repr([config[size] for size in self.sizes])

    def embed_bases(self, bases: Tensor) -> Tensor:
        """Embeds one-hot rows ``(n, 4, length)``, float32 ``(n, dim)``."""
        vectors: Tensor = self.model(bases)
        return vectors

    def embed_codes(self, codes: Tensor) -> Tensor:
        """Embeds codes of bases, uint8 ``(n, length)``, float32 ``(n, dim)``."""
        n = len(codes)
        # oneDNN makes code for each number of rows, which takes a while: here there are a few dozen numbers.
        vectors: Tensor = self.model.from_codes(pad(codes, (0, 0, 0, _rounded_up(n) - n), value=UNKNOWN))
        return vectors[:n]

    def fingerprint_parts(self) -> Sequence[str]:
        """Name and sizes."""
        return self.name, self._sizes


def _rounded_up(rows: int) -> int:
    """Up to 8 the number itself, then the next multiple of 8, from 32 on of 16."""
    step = 1 if rows <= _FEW else 8 if rows <= 4 * _FEW else 16
    return -(-rows // step) * step


def load_convolutions(
    network: type[Network], checkpoint: Checkpoint, names: Sequence[str], *, odd: Sequence[str], what: str
) -> tuple[Network, dict[str, int]]:
    """Makes convolutions with the sizes and weights of a checkpoint.

    Args:
        network: Their class, which takes the sizes.
        checkpoint: The checkpoint.
        names: Names of the sizes.
        odd: Those that must be odd.
        what: The convolutions, for the error.

    Returns:
        The convolutions, and their sizes.

    Raises:
        ModelError: if a size is missing or unusable, or weights are missing, left over or do not fit.
    """
    sizes = _read_sizes(checkpoint, names, odd=odd, what=what)
    model = network(**sizes)
    load_weights(model, checkpoint.tensors, where=checkpoint.where)
    return model, sizes


def _read_sizes(checkpoint: Checkpoint, names: Sequence[str], *, odd: Sequence[str], what: str) -> dict[str, int]:
    config: dict[str, Any] = {size: checkpoint.config.get(size) for size in names}
    unusable = [size for size, value in config.items() if type(value) is not int or value < 1]
    unusable += [size for size in odd if size not in unusable and config[size] % 2 == 0]
    if unusable:
        raise ModelError(
            f"unusable sizes of {what}: {', '.join(unusable)}",
            where=checkpoint.where,
            allowed=f"whole numbers from 1 for {', '.join(names)}; {' and '.join(odd)} odd",
        )
    return config
