"""Motif convolutions: two convolutions over the one-hot bases of one segment, as Xpresso has them over a whole window.

Source: Agarwal & Shendure 2020 (doi:10.1016/j.celrep.2020.107663). Their network finds short motifs, keeps the best of
each 30 bp, finds neighbours among these and keeps the best of each 300 bp. A segment seen alone loses of this what
reaches across its borders, and nothing else.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn.functional import pad

from texcnn.encoders.base_convolution import best_of_bins, bin_maxima, convolve_bins
from texcnn.encoders.convolutions import ConvolutionsEncoder, load_convolutions
from texcnn.encoders.protocol import EncoderSpec
from texcnn.encoders.weights import EncoderFiles, read_checkpoint

_SIZES = ("motifs", "motif_width", "pool", "patterns", "pattern_width", "second_pool", "places")


class MotifCNN(nn.Module):
    """Convolution over bases, maximum over bins, convolution over bins, maximum over places.

    Args:
        motifs: Filters over bases.
        motif_width: Their width in bases.
        pool: Bases per bin. An incomplete bin at a segment's end is a bin as well.
        patterns: Filters over bins.
        pattern_width: Their width in bins; odd.
        second_pool: Bins per place, the same.
        places: Places of a whole segment. Those that a shorter one lacks are zero.
    """

    def __init__(
        self,
        motifs: int,
        motif_width: int,
        pool: int,
        patterns: int,
        pattern_width: int,
        second_pool: int,
        places: int,
    ) -> None:
        super().__init__()
        # As Keras pads an even width: one base more on the right.
        self.padding = (motif_width - 1) // 2, motif_width // 2
        self.pad = nn.ConstantPad1d(self.padding, 0.0)
        self.conv1 = nn.Conv1d(4, motifs, motif_width)
        self.pool = pool
        self.pool1 = nn.MaxPool1d(pool, ceil_mode=True)
        self.conv2 = nn.Conv1d(motifs, patterns, pattern_width, padding=pattern_width // 2)
        self.second_pool = second_pool
        self.places = places

    def forward(self, bases: Tensor) -> Tensor:
        """Turns one-hot segments of one length ``(n, 4, length)`` into float32 ``(n, patterns * places)``."""
        return self._patterns(self.pool1(self.conv1(self.pad(bases)).relu()))

    def from_codes(self, codes: Tensor) -> Tensor:
        """Turns codes of bases, uint8 ``(n, length)``, into the same numbers as :meth:`forward`, much faster."""
        best = bin_maxima(codes, self.conv1.weight, self.padding, self.pool)
        bias = cast(Tensor, self.conv1.bias)
        return self._patterns((best + bias).relu().transpose(1, 2))

    def _patterns(self, motifs: Tensor) -> Tensor:
        """Finds patterns in the motifs of each bin ``(n, motifs, bins)``."""
        patterns = best_of_bins(convolve_bins(self.conv2, motifs).relu(), self.second_pool)
        # ReLU's floor is zero: a place that is not there looks like one without any pattern.
        return pad(patterns, (0, self.places - patterns.shape[2])).flatten(1)


class MotifCNNEncoder(ConvolutionsEncoder):
    """The largest value of each pattern at each place of a segment, in float32.

    Attributes:
        model: The convolutions, in evaluation mode.
        dim: Patterns times places.

    Args:
        model: The convolutions.
        config: Their sizes, as :class:`MotifCNN` takes them.
    """

    name = "motif-cnn"
    model: MotifCNN
    sizes = _SIZES

    def __init__(self, model: MotifCNN, config: dict[str, int]) -> None:
        super().__init__(model, config, config["patterns"] * config["places"])


def load_motif_cnn(spec: EncoderSpec, bundle: EncoderFiles | None = None) -> MotifCNNEncoder:
    """Loads the convolutions from a folder, the Hub cache or a model bundle.

    A folder holds ``config.json`` with the sizes and ``model.safetensors``; a bundle's spec has the options ``config``
    and ``prefix``.

    Raises:
        ModelError: if anything is missing, left over, damaged or does not fit together, or a size is unusable.
    """
    checkpoint = read_checkpoint(spec, bundle)
    what = "motif convolutions"
    model, config = load_convolutions(MotifCNN, checkpoint, _SIZES, odd=("pattern_width",), what=what)
    return MotifCNNEncoder(model, config)
