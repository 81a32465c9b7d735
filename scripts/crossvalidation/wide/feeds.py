"""What the networks are fed: vectors of segments, bases, or segments whose encoders learn too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from genes import cut_segments
from network import NormedSegmentCNN, kmer_shares
from stack import Parts
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from texcnn.encoders.dnabert2_layers import Layer, alibi_bias
from texcnn.encoders.dnabert2_model import Dnabert2Config, Dnabert2Model

LANGUAGE = Dnabert2Config(
    vocab_size=4096, hidden_size=128, num_hidden_layers=4, num_attention_heads=4, intermediate_size=256,
    hidden_dropout_prob=0.0,
)  # fmt: skip
CONVOLUTIONS = {
    "motifs": 128, "motif_width": 11, "pool": 5, "channels": 64, "width": 5, "layers": 2, "second_pool": 15, "places": 4
}  # fmt: skip
CHUNKS = 4
"""Rows of tokens are padded within this number of groups of similar length."""


class Features:
    """Features of genes, scaled by the training genes of each network; an unknown one is their mean."""

    def __init__(self, values: np.ndarray | None, parts: list[Parts], device: torch.device) -> None:
        self.n = 0 if values is None else values.shape[1]
        if values is None:
            return
        self.values = torch.from_numpy(values.astype(np.float32)).to(device)
        fitted = [values[train] for train, _, _ in parts]
        means, scales = [np.nanmean(rows, 0) for rows in fitted], [np.nanstd(rows, 0) for rows in fitted]
        self.mean, self.scale = (torch.tensor(np.stack(some), device=device).float() for some in (means, scales))
        self.scale = torch.where(self.scale > 1e-6, self.scale, 1.0)

    def take(self, rows: Tensor) -> Tensor | None:
        """Returns ``(networks, batch, n)``; None where there are none."""
        if not self.n:
            return None
        return ((self.values[rows] - self.mean[:, None]) / self.scale[:, None]).nan_to_num()

    def keep(self, index: Tensor) -> None:
        """Goes on with some networks alone."""
        if self.n:
            self.mean, self.scale = self.mean[index], self.scale[index]


class VectorFeed:
    """Frozen vectors of segments, scaled by each network's training genes if asked.

    Args:
        vectors: ``(m, dim)`` of the usable segments, gene by gene.
        mask: ``(n, segments)``.
        features: Of the genes.
        parts: Rows of each network.
        scaled: Whether every number of a vector gets a mean of 0 and a deviation of 1.
    """

    def __init__(
        self, vectors: Tensor, mask: Tensor, features: Features, parts: list[Parts], *, scaled: bool = True
    ) -> None:
        self.mask, self.features, self.single = mask, features, len(parts) == 1
        trains = list({train.tobytes(): train for train, _, _ in parts}.values()) if scaled else [None]
        dtype = torch.bfloat16 if mask.is_cuda else torch.half
        self.values = torch.zeros(len(trains), *mask.shape, vectors.shape[1], dtype=dtype, device=mask.device)
        for values, train in zip(self.values, trains, strict=True):
            mean, scale = (0.0, 1.0) if train is None else mean_and_deviation(vectors, mask, train)
            values[mask] = ((vectors.float() - mean) / scale).to(dtype)
        known = {None if train is None else train.tobytes(): place for place, train in enumerate(trains)}
        which = [known[train.tobytes() if scaled else None] for train, _, _ in parts]
        self.which = torch.tensor(which, device=mask.device)

    def __call__(self, rows: Tensor, here: np.ndarray) -> Sequence[Tensor | None]:
        """Returns vectors, mask and features."""
        values = self.values[self.which[:, None], rows]
        given = [values if values.is_cuda else values.float(), self.mask[rows], self.features.take(rows)]
        return [None if value is None else value[0] for value in given] if self.single else given

    def keep(self, index: Tensor) -> None:
        """Goes on with some networks alone."""
        self.which = self.which[index]
        self.features.keep(index)


class BasesFeed:
    """One-hot windows, for one network."""

    def __init__(self, codes: Tensor, features: Features) -> None:
        self.codes, self.features = codes, features

    def __call__(self, rows: Tensor, here: np.ndarray) -> Sequence[Tensor | None]:
        """Returns ``(n, 4, length)`` and features."""
        codes = self.codes[rows[0]]
        features = self.features.take(rows)
        return [
            torch.stack([codes == base for base in range(4)], 1).float(), None if features is None else features[0]
        ]  # fmt: skip


def mean_and_deviation(vectors: Tensor, mask: Tensor, rows: np.ndarray) -> tuple[Tensor, Tensor]:
    """Returns mean and deviation of each number over the segments of some genes."""
    of_rows = torch.zeros(len(mask), 1, dtype=torch.bool, device=mask.device)
    of_rows[torch.from_numpy(rows).to(mask.device)] = True
    part = vectors[(mask & of_rows)[mask]].float()
    return part.mean(0), part.std(0).clamp(min=1e-4)


class Tokens:
    """Tokens of all segments, one after the other, on the device."""

    def __init__(self, ids: np.ndarray, lengths: np.ndarray, device: torch.device) -> None:
        self.device, self.lengths = device, lengths.astype(np.int64)
        self.ids = torch.from_numpy(ids).to(device)
        self.first = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])

    def take(self, segments: np.ndarray) -> list[tuple[Tensor, Tensor]]:
        """Returns token ids and numbers of tokens of segments sorted by length, in groups of equal padding."""
        made = []
        for some in np.array_split(segments, min(CHUNKS, len(segments))):
            lengths = self.lengths[some]
            column = np.arange(-(-lengths.max() // 8) * 8)[None]
            places = np.where(column < lengths[:, None], self.first[some][:, None] + column, self.first[some][:, None])
            made.append((self.ids[_sent(places, self.device)].int(), _sent(lengths, self.device)))
        return made


class LanguageEncoder(nn.Module):
    """The language model over segments: the mean of the token states."""

    dim = LANGUAGE.hidden_size

    def __init__(self, model: Dnabert2Model, tokens: Tokens) -> None:
        super().__init__()
        self.model, self.source = model, tokens

    def take(self, segments: np.ndarray) -> list[tuple[Tensor, Tensor]]:
        """Returns what :meth:`forward` reads."""
        return self.source.take(segments)

    def forward(self, groups: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Embeds groups of padded rows; no token attends to padding, which :meth:`Dnabert2Model.packed` never has."""
        found = []
        for ids, lengths in groups:
            real = torch.arange(ids.shape[1], device=ids.device)[None] < lengths[:, None]
            hidden = self.model.embeddings(ids)
            bias = alibi_bias(LANGUAGE.num_attention_heads, ids.shape[1], dtype=torch.float32, device=ids.device)
            bias = bias[None].masked_fill(~real[:, None, None], -1e4)
            for layer in self.model.encoder.layer:
                assert isinstance(layer, Layer)
                attention = layer.attention
                qkv = attention.self.Wqkv(hidden).unflatten(-1, (3, LANGUAGE.num_attention_heads, -1))
                query, key, value = qkv.permute(2, 0, 3, 1, 4)
                mixed = scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
                hidden = layer.mlp(attention.output(mixed.transpose(1, 2).flatten(2), hidden))
            found.append((hidden.float() * real[..., None]).sum(1) / lengths[:, None])
        return torch.cat(found)


class Convolutions(nn.Module):
    """One-hot convolutions over segments."""

    dim = CONVOLUTIONS["channels"] * (CONVOLUTIONS["places"] + 1)

    def __init__(self, segments: Tensor) -> None:
        super().__init__()
        self.segments, self.model = segments, NormedSegmentCNN(**CONVOLUTIONS)

    def take(self, segments: np.ndarray) -> Tensor:
        """Returns what :meth:`forward` reads."""
        return self.segments[_sent(segments, self.segments.device)]

    def forward(self, codes: Tensor) -> Tensor:
        """Embeds segments of codes."""
        return self.model(torch.stack([codes == base for base in range(4)], 1).float()).float()


class Words(nn.Module):
    """Mean of the vectors of a segment's k-mers."""

    def __init__(self, shares: Tensor, table: Tensor) -> None:
        super().__init__()
        self.shares, self.table, self.dim = shares, nn.Parameter(table.clone()), table.shape[1]

    def take(self, segments: np.ndarray) -> Tensor:
        """Returns what :meth:`forward` reads."""
        return self.shares[_sent(segments, self.shares.device)].float()

    def forward(self, shares: Tensor) -> Tensor:
        """Embeds segments by the shares of their k-mers."""
        return shares @ self.table / 64


class LiveFeed:
    """Segments of genes for encoders that learn, with frozen vectors next to them; for one network.

    Args:
        mask: ``(n, segments)``.
        columns: Segments of a window that are used.
        encoders: What learns; each knows what it reads of a segment.
        lengths: Tokens of each usable segment; batches are sorted by it.
        frozen: Further vectors ``(m, dim)``, or None.
        features: Of the genes.
        train: Rows that scale the frozen vectors.
    """

    def __init__(
        self,
        mask: Tensor,
        columns: range,
        encoders: list[Any],
        lengths: np.ndarray,
        frozen: Tensor | None,
        features: Features,
        train: np.ndarray,
    ) -> None:
        self.device, self.encoders, self.features, self.n_columns = mask.device, encoders, features, len(columns)
        here = mask.cpu().numpy()
        gene, place = np.nonzero(here)
        used = (place >= columns.start) & (place < columns.stop)
        self.number, self.place = np.flatnonzero(used), place[used] - columns.start
        counts = np.bincount(gene[used], minlength=len(here))
        self.first, self.counts, self.lengths = np.cumsum(counts) - counts, counts, lengths
        self.mask = mask[:, columns.start : columns.stop]
        self.frozen = None
        if frozen is not None:
            mean, scale = mean_and_deviation(frozen, mask, train)
            dense = torch.zeros(*mask.shape, frozen.shape[1], dtype=torch.half, device=mask.device)
            dense[mask] = ((frozen.float() - mean) / scale).half()
            self.frozen = dense[:, columns.start : columns.stop]

    def __call__(self, rows: Tensor, here: np.ndarray) -> Sequence[Any]:
        """Returns the mask, frozen vectors, features, each segment's place, and what each encoder reads."""
        rows, genes = rows[0], here[0]
        counts = self.counts[genes]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        index = np.repeat(self.first[genes], counts) + within
        places = np.repeat(np.arange(len(genes)) * self.n_columns, counts) + self.place[index]
        order = np.argsort(self.lengths[self.number[index]], kind="stable")
        numbers = self.number[index][order]
        features = self.features.take(rows[None])
        return [
            self.mask[rows],
            None if self.frozen is None else self.frozen[rows].float(),
            None if features is None else features[0],
            _sent(places[order], self.device),
            *(encoder.take(numbers) for encoder in self.encoders),
        ]


class LiveNetwork(nn.Module):
    """Encoders and the text CNN that reads them, which learn together."""

    def __init__(
        self,
        encoders: list[Any],
        scales: list[tuple[Tensor, Tensor] | None],
        head: Callable[[int], nn.Module],
        frozen: int,
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self.head = head(frozen + sum(encoder.dim for encoder in encoders))
        self.scales = scales

    def forward(
        self, mask: Tensor, frozen: Tensor | None, features: Tensor | None, places: Tensor, *read: Any
    ) -> Tensor:
        """Predicts expression."""
        vectors = []
        for encoder, scale, given in zip(self.encoders, self.scales, read, strict=True):
            made = encoder(given).float()
            vectors.append(made if scale is None else (made - scale[0]) / scale[1])
        joined = torch.cat(vectors, 1)
        values = joined.new_zeros(mask.numel(), joined.shape[1]).index_copy(0, places, joined)
        values = values.view(*mask.shape, -1)
        if frozen is not None:
            values = torch.cat([values, frozen], 2)
        return self.head(values, mask, features)


@torch.inference_mode()
def embed_all(encoder: Any, lengths: np.ndarray, device: torch.device, *, half: bool) -> Tensor:
    """Returns the vectors of all segments, float16."""
    order = np.argsort(lengths, kind="stable")
    found = torch.zeros(len(order), encoder.dim, dtype=torch.half, device=device)
    for some in np.array_split(order, -(-len(order) // 4096)):
        with torch.autocast(device.type, torch.bfloat16, enabled=half and device.type == "cuda"):
            found[_sent(some, device)] = encoder(encoder.take(some)).half()
    return found.clone()


def kmer_vectors(segments: Tensor, k: int) -> Tensor:
    """Returns the k-mer shares of all segments, float16."""
    return torch.cat([kmer_shares(some, k).half() for some in segments.split(8192)])


def vectors_of_words(codes: Tensor, length: int, table: Tensor) -> tuple[Tensor, Tensor]:
    """Returns word2vec vectors of segments and the mask, as DeepLncLoc and Pipoli's transformer read them."""
    segments, mask = cut_segments(codes, length, 0.95)
    shares = torch.cat([kmer_shares(some, 3).half() for some in segments.split(65_536)])
    return (shares.float() @ table / 64).half(), mask


def _sent(values: np.ndarray, device: torch.device) -> Tensor:
    """Sends numbers without waiting for the device."""
    tensor = torch.from_numpy(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor
