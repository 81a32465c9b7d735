"""Segment convolutions: motifs, what is between them, and how often, from the one-hot bases of one segment.

Source: convolutions over bases with the maximum over bins as in Xpresso (Agarwal & Shendure 2020,
doi:10.1016/j.celrep.2020.107663); the deeper layers add to what they read, as in ResNet (He et al. 2016,
doi:10.1109/CVPR.2016.90). Unlike :mod:`texcnn.encoders.motif_cnn`, a segment's vector also holds each channel's mean,
which is how common a pattern is; the maximum only shows that there is one.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool1d, pad

from texcnn.encoders.base_convolution import best_of_bins, bin_maxima, convolve_bins
from texcnn.encoders.convolutions import ConvolutionsEncoder, load_convolutions
from texcnn.encoders.protocol import EncoderSpec
from texcnn.encoders.weights import EncoderFiles, read_checkpoint

_SIZES = ("motifs", "motif_width", "pool", "channels", "width", "layers", "second_pool", "places")


class SegmentCNN(nn.Module):
    """Convolution over bases, maximum over bins, convolutions over bins, then maximum over places and mean.

    Args:
        motifs: Filters over bases.
        motif_width: Their width in bases; odd.
        pool: Bases per bin. An incomplete bin at a segment's end is a bin as well.
        channels: Filters over bins.
        width: Their width in bins; odd.
        layers: Convolutions over bins. The first one changes the number of channels, each later one adds to its input
            and looks at bins twice as far apart as the one before.
        second_pool: Bins per place, the same.
        places: Places of a whole segment. Those that a shorter one lacks are zero.
    """

    def __init__(
        self,
        motifs: int,
        motif_width: int,
        pool: int,
        channels: int,
        width: int,
        layers: int,
        second_pool: int,
        places: int,
    ) -> None:
        super().__init__()
        self.pool, self.second_pool, self.places = pool, second_pool, places
        self.convolutions = nn.ModuleList([nn.Conv1d(4, motifs, motif_width, padding=motif_width // 2)])
        read = motifs
        for number in range(layers):
            reach = 2 ** max(number - 1, 0)
            self.convolutions.append(nn.Conv1d(read, channels, width, padding=reach * (width // 2), dilation=reach))
            read = channels

    def convolve(self, number: int, values: Tensor) -> Tensor:
        """Runs one of the convolutions; training adds a batch norm here, which later becomes part of the weights."""
        convolution = cast(nn.Conv1d, self.convolutions[number])
        convolved: Tensor = convolution(values) if number == 0 else convolve_bins(convolution, values)
        return convolved

    def forward(self, bases: Tensor) -> Tensor:
        """Turns one-hot segments of one length ``(n, 4, length)`` into ``(n, channels * (places + 1))``."""
        return self._vectors(max_pool1d(self.convolve(0, bases), self.pool, ceil_mode=True))

    def from_codes(self, codes: Tensor) -> Tensor:
        """Turns codes of bases, uint8 ``(n, length)``, into the same numbers as :meth:`forward`, faster."""
        first = self.convolutions[0]
        assert isinstance(first, nn.Conv1d)
        assert first.bias is not None
        reach = first.weight.shape[2] // 2
        best = bin_maxima(codes, first.weight, (reach, reach), self.pool)
        return self._vectors((best + first.bias).transpose(1, 2))

    def _vectors(self, motifs: Tensor) -> Tensor:
        """Finds patterns in the motifs of each bin ``(n, motifs, bins)``, before ReLU."""
        hidden = self.convolve(1, motifs.relu()).relu()
        for number in range(2, len(self.convolutions)):
            hidden = hidden + self.convolve(number, hidden).relu()
        peaks = best_of_bins(hidden, self.second_pool)
        # ReLU's floor is zero: a place that is not there looks like one without any pattern.
        peaks = pad(peaks, (0, self.places - peaks.shape[2]))
        return torch.cat([peaks.flatten(1), hidden.mean(dim=2)], dim=1)


class SegmentCNNEncoder(ConvolutionsEncoder):
    """The largest value of each channel at each place of a segment, and its mean, in float32.

    Attributes:
        model: The convolutions, in evaluation mode.
        dim: Channels times one more than places.

    Args:
        model: The convolutions.
        config: Their sizes, as :class:`SegmentCNN` takes them.
    """

    name = "segment-cnn"
    model: SegmentCNN
    sizes = _SIZES

    def __init__(self, model: SegmentCNN, config: dict[str, int]) -> None:
        super().__init__(model, config, config["channels"] * (config["places"] + 1))


def load_segment_cnn(spec: EncoderSpec, bundle: EncoderFiles | None = None) -> SegmentCNNEncoder:
    """Loads the convolutions from a folder, the Hub cache or a model bundle.

    A folder holds ``config.json`` with the sizes and ``model.safetensors``; a bundle's spec has the options ``config``
    and ``prefix``.

    Raises:
        ModelError: if anything is missing, left over, damaged or does not fit together, or a size is unusable.
    """
    checkpoint = read_checkpoint(spec, bundle)
    model, config = load_convolutions(
        SegmentCNN, checkpoint, _SIZES, odd=("motif_width", "width"), what="segment convolutions"
    )
    return SegmentCNNEncoder(model, config)
