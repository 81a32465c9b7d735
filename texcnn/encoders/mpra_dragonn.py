"""MPRA-DragoNN's convolutions: what each base of a segment, with six on either side, does in a reporter plasmid.

Source: Movva et al. 2019 (doi:10.1371/journal.pone.0218073), weights MIT licensed. Their network reads fragments of
145 bases: three convolutions, each with ReLU and a batch norm, then one dense layer. In the sum over all fragments of a
window (:class:`texcnn.heads.mpra_dragonn.MpraDragoNN`) each base counts with the sum of the dense layer's weights. So a
segment's share of that sum is a sum over its own bases, for which six beyond its ends are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from texcnn.encoders.base_convolution import convolve, convolve_bins
from texcnn.encoders.base_encoder import BaseEncoder
from texcnn.encoders.convolutions import load_convolutions
from texcnn.encoders.protocol import EncoderSpec
from texcnn.encoders.weights import EncoderFiles, read_checkpoint
from texcnn.errors import ModelError

_SIZES = ("filters", "width", "layers", "outputs", "place", "places")
_BASES_AT_ONCE = 2**13
"""Bases per round, so that the filters' values stay in a processor's cache."""


class ReporterCNN(nn.Module):
    """Convolutions over one-hot bases, added up over the known bases of each place of a segment, then a linear layer.

    Attributes:
        reach: Bases on either side of a segment that are read as well.

    Args:
        filters: Filters of each convolution.
        width: Their width; odd.
        layers: Number of convolutions.
        outputs: Numbers per place.
        place: Bases per place.
        places: Places of a whole segment. Those that a shorter one lacks are zero.
    """

    def __init__(self, filters: int, width: int, layers: int, outputs: int, place: int, places: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv1d(filters if n else 4, filters, width) for n in range(layers))
        self.output = nn.Linear(filters, outputs)
        self.reach = layers * (width // 2)
        self.place, self.places = place, places

    def forward(self, bases: Tensor) -> Tensor:
        """Turns one-hot segments and the bases around them into vectors.

        Args:
            bases: ``(n, 4, reach + length + reach)``.

        Returns:
            ``(n, places * outputs)``, place by place, the mean of both strands.
        """
        one, other = (self._strand(self.convolutions[0](strand).relu()) for strand in (bases, bases.flip(1, 2)))
        return self._vectors(one, other, bases.sum(dim=1) > 0)

    def from_codes(self, codes: Tensor) -> Tensor:
        """Turns codes of bases, uint8 ``(n, reach + length + reach)``, into the numbers of :meth:`forward`, faster."""
        rows = len(codes) if codes.is_cuda else max(1, _BASES_AT_ONCE // codes.shape[1])
        first = cast(nn.Conv1d, self.convolutions[0])
        found = []
        for some in codes.split(rows):
            both = torch.cat([some, torch.where(some < 4, 3 - some, some).flip(1)])
            hidden = convolve(both, first.weight, (0, 0)) + cast(Tensor, first.bias)
            one, other = self._strand(hidden.transpose(1, 2).relu()).split(len(some))
            found.append(self._vectors(one, other, some < 4))
        return torch.cat(found)

    def _strand(self, hidden: Tensor) -> Tensor:
        """Continues with what the first filters found, ``(n, filters, length)``."""
        for convolution in list(self.convolutions)[1:]:
            hidden = convolve_bins(cast(nn.Conv1d, convolution), hidden).relu()
        return hidden

    def _vectors(self, one: Tensor, other: Tensor, known: Tensor) -> Tensor:
        """Adds both strands' filters up; ``known`` is bool ``(n, reach + length + reach)``."""
        length = one.shape[2]
        counted = known[:, self.reach : self.reach + length].to(one.dtype)
        values = torch.cat([(one + other.flip(2)) / 2 * counted[:, None], counted[:, None]], dim=1)
        values = pad(values, (0, self.place * self.places - length)).unflatten(2, (self.places, self.place)).sum(dim=3)
        filters, bases = values.transpose(1, 2).split([one.shape[1], 1], dim=2)
        # The bias is added for each known base.
        return (filters @ self.output.weight.T + bases * self.output.bias).flatten(1)


class MpraDragoNNEncoder(BaseEncoder):
    """What the bases of each place of a segment do in a reporter plasmid, mean of both strands, in float32.

    Attributes:
        model: The convolutions, in evaluation mode.
        dim: Outputs of the network times places.
        segments: Segments of a window that it reads; see :class:`texcnn.encoders.protocol.Placed`.
        context: Bases around a segment that it reads as well.

    Args:
        model: The convolutions.
        config: Their sizes, as :class:`ReporterCNN` takes them.
        segments: As above.
    """

    name = "mpra-dragonn"
    token_cost = 1 / 4
    small_batches: ClassVar[bool] = True
    model: ReporterCNN
    bundle_files: ClassVar[Mapping[str, str] | None] = {}

    def __init__(self, model: ReporterCNN, config: Mapping[str, int], segments: tuple[int, int] | None = None) -> None:
        super().__init__(model)
        self.dim = config["outputs"] * config["places"]
        self.segments, self.context = segments, model.reach
        self.longest = config["place"] * config["places"] + 2 * self.context
        self._sizes = repr([config[size] for size in _SIZES])

    def embed_bases(self, bases: Tensor) -> Tensor:
        """Embeds one-hot rows ``(n, 4, length)`` with the bases around them, float32 ``(n, dim)``."""
        return cast(Tensor, self.model(bases))

    def embed_codes(self, codes: Tensor) -> Tensor:
        """Embeds codes of bases with those around them, uint8 ``(n, length)``, float32 ``(n, dim)``."""
        return self.model.from_codes(codes)

    def fingerprint_parts(self) -> Sequence[str]:
        """Name, sizes and segments."""
        return self.name, self._sizes, repr(self.segments)


def load_mpra_dragonn(spec: EncoderSpec, bundle: EncoderFiles | None = None) -> MpraDragoNNEncoder:
    """Loads the convolutions from a folder, the Hub cache or a model bundle.

    A folder holds ``config.json`` with the sizes and ``model.safetensors``; a bundle's spec has the options ``config``
    and ``prefix``. The option ``segments``, ``[first, stop]``: which segments of a window it reads; all if not
    given.

    Raises:
        ModelError: if anything is missing, left over, damaged or does not fit together, or a size is unusable.
    """
    checkpoint = read_checkpoint(spec, bundle)
    model, config = load_convolutions(
        ReporterCNN, checkpoint, _SIZES, odd=("width",), what="MPRA-DragoNN's convolutions"
    )
    return MpraDragoNNEncoder(model, config, _segments(spec.options.get("segments"), checkpoint.where))


def _segments(given: Any, where: str) -> tuple[int, int] | None:
    if given is None:
        return None
    if len(given) != 2 or not 0 <= given[0] < given[1]:
        raise ModelError(f"unusable segments {given}", where=where, allowed="[first, stop], 0 <= first < stop")
    return given[0], given[1]
