"""The network while it is trained: encoders and text CNN together, with batch norms that export makes part of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import torch
from genome import LENGTH, one_hot, usable_segments
from torch import Tensor, nn

from texcnn.encoders.segment_cnn import SegmentCNN
from texcnn.heads.textcnn import TextCNN

N_MAIN, N_TISSUES, N_FACTORS, N_TEACHERS, N_FEATURES = 58, 54, 181, 5, 5


@dataclass(frozen=True)
class Recipe:
    """One way to build and train a member of the ensemble."""

    segment: int = 300
    motifs: int = 128
    motif_width: int = 11
    pool: int = 5
    channels: int = 64
    width: int = 5
    layers: int = 2
    places: int = 4
    kmers: int = 0
    filters: int = 64
    dense_units: int = 128
    fusion_units: int = 64
    dropout: float = 0.3
    input_dropout: float = 0.1
    weight_decay: float = 0.03
    learning_rate: float = 2e-3
    mask_chance: float = 0.4
    max_shift: int = 15
    weights: dict[str, float] = field(default_factory=dict)
    seed: int = 0

    def encoder_config(self) -> dict[str, int]:
        """Returns the sizes of the segment convolutions."""
        names = ("motifs", "motif_width", "pool", "channels", "width", "layers", "places")
        config = {name: getattr(self, name) for name in names}
        return {**config, "second_pool": -(-self.segment // (self.pool * self.places))}

    def head_options(self, n_outputs: int) -> dict[str, object]:
        """Returns the text CNN's arguments."""
        dim = self.channels * (self.places + 1) + (4**self.kmers if self.kmers else 0)
        return {
            "dim": dim,
            "n_cell_types": n_outputs,
            "n_segments": LENGTH // self.segment,
            "kernel_widths": [1, 3],
            "filters": self.filters,
            "dropout": self.dropout,
            "n_features": N_FEATURES,
            "fusion_units": self.fusion_units,
            "input_dropout": self.input_dropout,
            "dense_units": self.dense_units,
        }

    def to_json(self) -> dict[str, object]:
        """Returns JSON-ready values."""
        return asdict(self)


class NormedSegmentCNN(SegmentCNN):
    """Segment convolutions with a batch norm after each."""

    def __init__(self, **config: int) -> None:
        super().__init__(**config)
        self.norms = nn.ModuleList(nn.BatchNorm1d(c.out_channels, momentum=0.05) for c in self.convolutions)

    def convolve(self, number: int, values: Tensor) -> Tensor:
        """Runs one of the convolutions and its norm."""
        return self.norms[number](super().convolve(number, values))

    def exported(self) -> dict[str, Tensor]:
        """Returns the state of the same convolutions without norms."""
        tensors = {}
        for number, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
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


class Network(nn.Module):
    """Windows in; the cell types, and what else is learned together with them, out."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.encoder = NormedSegmentCNN(**recipe.encoder_config())
        options = recipe.head_options(N_MAIN + N_TISSUES + N_FACTORS + N_TEACHERS)
        self.head = TextCNN(**options)
        self.reporter = nn.Sequential(nn.Linear(recipe.channels * (recipe.places + 1), 64), nn.ReLU(), nn.Linear(64, 1))

    def vectors(self, segments: Tensor) -> Tensor:
        """Embeds segments of codes ``(m, length)``; on a GPU the convolutions compute in 16 bits.

        The head stays in float32: what one base changes would be lost in bfloat16.
        """
        with torch.autocast(segments.device.type, torch.bfloat16, enabled=segments.is_cuda):
            return self.encoder(one_hot(segments)).float()

    def joined(self, segments: Tensor, vectors: Tensor) -> Tensor:
        """Adds the k-mers, where the recipe has them."""
        return torch.cat([vectors, kmer_shares(segments, self.recipe.kmers)], dim=1) if self.recipe.kmers else vectors

    def forward(self, codes: Tensor, features: Tensor | None = None) -> Tensor:
        """Predicts windows of codes ``(n, 10500)``."""
        segments, mask = usable_segments(codes, self.recipe.segment)
        found = self.joined(segments, self.vectors(segments))
        values = found.new_zeros(*mask.shape, found.shape[1])
        values[mask] = found
        if features is None:
            features = found.new_zeros(len(codes), N_FEATURES)
        return self.head(values, mask, features)
