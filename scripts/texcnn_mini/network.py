"""The network while it is trained: encoders and text CNN together, with batch norms that export makes part of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from genome import LENGTH, one_hot, usable_segments
from torch import Tensor, nn

from texcnn.encoders.segment_cnn import SegmentCNN
from texcnn.heads.textcnn import TextCNN
from texcnn.heads.xpresso import XpressoCNN

SEGMENT = 300
N_MAIN, N_TISSUES, N_FACTORS, N_TEACHERS, N_FEATURES = 58, 54, 181, 5, 5


@dataclass(frozen=True)
class Recipe:
    """One way to build and train a member of the ensemble.

    Attributes:
        convolutions: Whether it has convolutions over segments' bases, which are trained with it.
        kmers: Length of the k-mers counted, 0 for none.
        symmetric: Whether a k-mer and its reverse complement count as one.
        xpresso: Published networks whose convolutions are read as they are; the head starts from their dense layers.
        guarded: Whether measured expression teaches nothing before the layer that reads the features: what the teachers
            say of any window then decides what is looked for in the bases.
        frozen: Whether the dense layers that the head starts from stay as they are, so that it keeps what Xpresso
            learned from whole windows; what is trained reads their units.
        near: Segments that the head reads, half-open; all of them if not given.
    """

    convolutions: bool = True
    kmers: int = 0
    symmetric: bool = False
    xpresso: tuple[str, ...] = ()
    guarded: bool = False
    frozen: bool = False
    near: tuple[int, int] = (0, LENGTH // SEGMENT)
    motifs: int = 128
    motif_width: int = 11
    pool: int = 5
    channels: int = 64
    width: int = 5
    layers: int = 2
    places: int = 4
    filters: int = 64
    kernel_widths: tuple[int, ...] = (1, 3)
    dense_units: int = 128
    fusion_units: int = 64
    dropout: float = 0.5
    input_dropout: float = 0.2
    weight_decay: float = 0.1
    learning_rate: float = 2e-3
    mask_chance: float = 0.4
    max_shift: int = 15
    batch: int = 128
    windows: int = 48
    steps: int = 1_000
    ema: float = 0.995
    weights: dict[str, float] = field(default_factory=dict)
    seed: int = 0

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Recipe:
        """Reads what :meth:`to_json` wrote, or a part of it."""
        arguments: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return cls(**arguments)

    def encoder_config(self) -> dict[str, int]:
        """Returns the sizes of the segment convolutions."""
        names = ("motifs", "motif_width", "pool", "channels", "width", "layers", "places")
        config = {name: getattr(self, name) for name in names}
        return {**config, "second_pool": -(-SEGMENT // (self.pool * self.places))}

    @property
    def parts(self) -> dict[str, int]:
        """Length of each part of a segment's vector: convolutions, Xpresso's, k-mers."""
        return {
            "own": self.channels * (self.places + 1) * self.convolutions,
            "xpresso": 32 * len(self.xpresso),
            "kmers": 4**self.kmers * bool(self.kmers),
        }

    def head_options(self, n_outputs: int) -> dict[str, Any]:
        """Returns the text CNN's arguments."""
        return {
            "dim": sum(self.parts.values()),
            "n_cell_types": n_outputs,
            "n_segments": self.near[1] - self.near[0],
            "kernel_widths": list(self.kernel_widths),
            "filters": self.filters,
            "dropout": self.dropout,
            "n_features": N_FEATURES,
            "fusion_units": self.fusion_units,
            "input_dropout": self.input_dropout,
            "dense_units": self.dense_units,
        }

    def to_json(self) -> dict[str, Any]:
        """Returns JSON-ready values."""
        return asdict(self)


class NormedSegmentCNN(SegmentCNN):
    """Segment convolutions with a batch norm after each."""

    def __init__(self, **config: int) -> None:
        super().__init__(**config)
        self.norms = nn.ModuleList(nn.BatchNorm1d(width, momentum=0.05) for width in self._widths())

    def _widths(self) -> list[int]:
        return [layer.out_channels for layer in self.convolutions if isinstance(layer, nn.Conv1d)]

    def convolve(self, number: int, values: Tensor) -> Tensor:
        """Runs one of the convolutions and its norm."""
        return self.norms[number](super().convolve(number, values))

    def exported(self) -> dict[str, Tensor]:
        """Returns the state of the same convolutions without norms."""
        tensors = {}
        for number, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            assert isinstance(convolution, nn.Conv1d)
            assert isinstance(norm, nn.BatchNorm1d)
            assert convolution.bias is not None
            assert norm.running_mean is not None
            assert norm.running_var is not None
            factor = norm.weight / (norm.running_var + norm.eps).sqrt()
            tensors[f"convolutions.{number}.weight"] = convolution.weight * factor[:, None, None]
            tensors[f"convolutions.{number}.bias"] = (convolution.bias - norm.running_mean) * factor + norm.bias
        return {name: value.detach().float().contiguous() for name, value in tensors.items()}


def kmer_shares(codes: Tensor, k: int) -> Tensor:
    """Returns what ``kmer-counts`` gives: the share of each k-mer among the known ones, times ``4**k``."""
    n, length = codes.shape
    words, known = (
        codes.new_zeros(n, length - k + 1, dtype=torch.long),
        torch.ones(n, length - k + 1, dtype=torch.bool, device=codes.device),
    )
    for offset in range(k):
        part = codes[:, offset : length - k + 1 + offset]
        words, known = words * 4 + part.clamp(max=3), known & (part < 4)
    counts = torch.zeros(n, 4**k, device=codes.device)
    counts.scatter_add_(1, words, known.float())
    return counts * 4**k / known.sum(dim=1, keepdim=True).clamp(min=1)


def reverse_complements(k: int) -> Tensor:
    """Returns the number of each k-mer's reverse complement."""
    words = torch.arange(4**k)
    letters = torch.stack([words // 4**place % 4 for place in range(k)])
    return torch.stack([(3 - letters[place]) * 4 ** (k - 1 - place) for place in range(k)]).sum(dim=0)


class Network(nn.Module):
    """Windows in; the cell types, and what else is learned together with them, out.

    Args:
        recipe: How it is built.
        teachers: Xpresso's networks, where the recipe reads them.
    """

    other: Tensor

    def __init__(self, recipe: Recipe, teachers: Mapping[str, XpressoCNN] = MappingProxyType({})) -> None:
        super().__init__()
        self.recipe = recipe
        self.encoder = NormedSegmentCNN(**recipe.encoder_config()) if recipe.convolutions else None
        self.xpresso = [teachers[name] for name in recipe.xpresso]
        self.head = TextCNN(**recipe.head_options(N_MAIN + N_TISSUES + N_FACTORS + N_TEACHERS))
        self.reporter = nn.Sequential(nn.Linear(max(recipe.parts["own"], 1), 64), nn.ReLU(), nn.Linear(64, 1))
        self.register_buffer("other", reverse_complements(recipe.kmers) if recipe.kmers else torch.zeros(0))
        if recipe.xpresso:
            self._start_from_xpresso()
        for name, weight in self.head.named_parameters():
            weight.requires_grad_(not (recipe.frozen and name.startswith(("convolutions.", "dense."))))

    def _start_from_xpresso(self) -> None:
        """Makes the head predict what Xpresso's networks do, each through 64 dense and two further units."""
        options, parts = self.recipe.head_options(1), self.recipe.parts
        segments = options["n_segments"]
        assert self.head.dense is not None
        assert self.head.fusion is not None
        convolution, dense, fusion = self.head.convolutions[0], self.head.dense[0], self.head.fusion[0]
        assert isinstance(convolution, nn.Conv1d)
        assert convolution.bias is not None
        assert isinstance(dense, nn.Linear)
        assert isinstance(fusion, nn.Linear)
        with torch.no_grad():
            weights = dense.weight.view(len(dense.weight), -1, segments)
            for number, network in enumerate(self.xpresso):
                own, units = slice(32 * number, 32 * number + 32), slice(64 * number, 64 * number + 64)
                convolution.weight[own] = 0
                start = parts["own"] + 32 * number
                middle = convolution.weight.shape[2] // 2
                convolution.weight[own, start : start + 32, middle] = torch.eye(32)
                convolution.bias[own] = 0
                first = network.dense1.weight.cpu()[:, : 32 * (LENGTH // SEGMENT)].view(64, -1, 32).transpose(1, 2)
                weights[units] = 0
                weights[units, own] = first[:, :, slice(*self.recipe.near)]
                dense.bias[units] = network.dense1.bias.cpu()
                pair = slice(2 * number, 2 * number + 2)
                fusion.weight[pair] = 0
                fusion.weight[pair, units] = network.dense2.weight.cpu()
                fusion.bias[pair] = network.dense2.bias.cpu()

    def vectors(self, segments: Tensor) -> Tensor:
        """Embeds segments of codes ``(m, length)``; on a GPU convolutions of its own compute in 16 bits.

        The others, and the head, stay in float32: what one base changes would be lost in bfloat16.
        """
        found = []
        if self.encoder is not None:
            with torch.autocast(segments.device.type, torch.bfloat16, enabled=segments.is_cuda):
                found.append(self.encoder(one_hot(segments)).float())
        if self.xpresso:
            bases = one_hot(segments)
            with torch.no_grad():
                found += [network.places(bases)[:, :, 0] for network in self.xpresso]
        if self.recipe.kmers:
            counts = kmer_shares(segments, self.recipe.kmers)
            found.append((counts + counts[:, self.other]) / 2 if self.recipe.symmetric else counts)
        return torch.cat(found, dim=1)

    def own(self, vectors: Tensor) -> Tensor:
        """Returns the part of segments' vectors that its convolutions made."""
        return vectors[:, : self.recipe.parts["own"]]

    def usable(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Cuts windows of codes into the segments that the head reads; see :func:`genome.usable_segments`."""
        first, last = self.recipe.near
        return usable_segments(codes[:, first * SEGMENT : last * SEGMENT], SEGMENT)

    def forward(self, codes: Tensor, features: Tensor | None = None) -> Tensor:
        """Predicts windows of codes ``(n, 10500)``."""
        segments, mask = self.usable(codes)
        found = self.vectors(segments)
        values = found.new_zeros(*mask.shape, found.shape[1])
        values[mask] = found
        if features is None:
            features = found.new_zeros(len(codes), N_FEATURES)
        return self.head(values, mask, features)

    def exported(self) -> dict[str, Tensor]:
        """Returns what a bundle holds of it: ``encoder.*``, where that is its own, and ``head.*``."""
        state = {name: value.detach().float().clone() for name, value in self.head.state_dict().items()}
        if self.recipe.symmetric:
            at = sum(self.recipe.parts.values()) - self.recipe.parts["kmers"]
            for number in range(len(self.recipe.kernel_widths)):
                counts = state[f"convolutions.{number}.weight"][:, at:]
                counts.copy_((counts + counts[:, self.other]) / 2)
        tensors = {f"head.{name}": value.contiguous() for name, value in state.items()}
        if self.encoder is not None:
            tensors |= {f"encoder.{name}": value for name, value in self.encoder.exported().items()}
        return tensors
