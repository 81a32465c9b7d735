"""Many Xpresso networks at once, from many starts on the same genes, exactly as :class:`XpressoCNN` computes.

Its first convolution is six bases wide, so its outcome is a row of a table of 5**6 hexamers, and of a bin of 30 bases
the largest row counts. Bins without a known base, three quarters of all, are the bias alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from feeds import Features
from stack import Parts, Settings, Stack
from torch import Tensor

from texcnn.heads.xpresso import XpressoCNN

WIDTH, LEFT, RIGHT, BIN, PLACE, REACH = 6, 2, 3, 30, 10, 4
LETTERS = 5
AGAINST_DEATH = 1e-3
"""Deviation of scaled predictions below which a network predicts one value for every gene."""


class Bins:
    """The known bins of all windows, gene by gene.

    Args:
        codes: uint8 ``(n, length)``, 4 where unknown; the length is a multiple of 300.
    """

    def __init__(self, codes: Tensor) -> None:
        hexamers, places, counts = [], [], []
        for some in codes.split(512):
            padded = F.pad(some, (LEFT, RIGHT), value=4).int()
            words = sum(padded[:, k : k + some.shape[1]] * LETTERS ** (WIDTH - 1 - k) for k in range(WIDTH))
            words = words.view(len(some), -1, BIN)
            known = (words < LETTERS**WIDTH - 1).any(2)
            hexamers.append(words[known].short())
            places.append(known.nonzero()[:, 1])
            counts.append(known.sum(1).cpu())
        self.hexamers, self.places = torch.cat(hexamers), torch.cat(places)
        self.counts_here = torch.cat(counts).numpy()
        self.counts = torch.cat(counts).to(codes.device)
        self.first = self.counts.cumsum(0) - self.counts
        self.n_bins = codes.shape[1] // BIN

    def take(self, rows: Tensor, here: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Finds the known bins of genes ``(networks, batch)``, given on the device and here.

        Returns:
            Hexamers ``(m, 30)``, the row of each bin when all windows are laid end to end, each with four zeros at
            both ends, and the network that reads it.
        """
        genes, device = rows.flatten(), rows.device
        counts, total = self.counts[genes], int(self.counts_here[here].sum())
        window = torch.arange(len(genes), device=device).repeat_interleave(counts, output_size=total)
        within = torch.arange(total, device=device) - (counts.cumsum(0) - counts)[window]
        index = self.first[genes][window] + within
        return (
            self.hexamers[index],
            self.places[index] + window * (self.n_bins + 2 * REACH) + REACH,
            window // rows.shape[1],
        )


def hexamer_letters(device: torch.device) -> Tensor:
    """Returns the one-hot bases of each hexamer, ``(5**6, 24)``, by position and base."""
    numbers = torch.arange(LETTERS**WIDTH, device=device)
    digits = torch.stack([numbers // LETTERS ** (WIDTH - 1 - k) % LETTERS for k in range(WIDTH)], 1)
    return (digits[..., None] == torch.arange(4, device=device)).float().flatten(1)


class XpressoStack(Stack):
    """Networks of which those with the same training genes see them in the same order: they differ by their starts."""

    def __init__(
        self, networks: list[XpressoCNN], parts: list[Parts], labels: Tensor, bins: Bins, features: Features,
        settings: Settings, seed: int,
    ) -> None:  # fmt: skip
        self.bins, self.features = bins, features
        self.letters = hexamer_letters(labels.device)
        super().__init__(list(networks), parts, labels, self._none, settings, seed)

    @staticmethod
    def _none(rows: Tensor, here: np.ndarray) -> list[Tensor | None]:
        return []

    def _shuffled(self, train: np.ndarray) -> np.ndarray:
        """One order for all networks that are fitted to these genes, in an epoch."""
        needed = self.steps * self.settings.batch
        return np.random.default_rng([self.epoch, len(train)]).permutation(filled(train, needed))

    def call(self, state: tuple[dict[str, Tensor], dict[str, Tensor]], rows: Tensor, here: np.ndarray) -> Tensor:
        """Runs every network on its rows."""
        weights, (n, batch) = state[0], here.shape
        if self.single:
            weights = {name: value[None] for name, value in weights.items()}
        half = self.settings.half and rows.is_cuda
        n_bins, stride = self.bins.n_bins, self.bins.n_bins + 2 * REACH
        hexamers, places, network = self.bins.take(rows, here)
        bias = weights["conv1.bias"][:, None]
        table = self.letters @ weights["conv1.weight"].permute(0, 3, 2, 1).flatten(1, 2) + bias
        words = hexamers.int() + network[:, None].int() * LETTERS**WIDTH  # rows of (networks * 5**6, filters)
        peaks = F.embedding_bag(words, table.flatten(0, 1), mode="max").relu()
        # Windows one after the other, zeros between them as the second convolution pads: a shift is a view.
        inside = (torch.arange(stride, device=rows.device) - REACH).remainder(stride) < n_bins
        inside = inside.repeat(batch)[:, None]
        if half:
            peaks, bias, inside = peaks.bfloat16(), bias.bfloat16(), inside.bfloat16()
        hidden = (bias.relu() * inside).flatten(0, 1).index_copy(0, places, peaks).view(n, len(inside), -1)
        second = weights["conv2.weight"].permute(0, 2, 3, 1).flatten(2)  # (networks, filters, width * filters)
        each = (hidden @ second.to(hidden.dtype)).unflatten(2, (2 * REACH + 1, -1)).unbind(2)
        rest = len(inside) - 2 * REACH
        found = sum(part[:, k : k + rest].float() for k, part in enumerate(each)) + weights["conv2.bias"][:, None]
        found = F.pad(found, (0, 0, 0, 2 * REACH)).view(n, batch, stride, -1)[:, :, :n_bins].relu()
        found = found.reshape(n, batch, n_bins // PLACE, PLACE, -1).amax(3).flatten(2)
        features = self.features.take(rows)
        if features is not None:
            found = torch.cat([found, features], 2)
        assert isinstance(self.base, XpressoCNN)
        for name, rate in (("dense1", self.base.dropout1.p), ("dense2", self.base.dropout2.p)):
            found = F.dropout(_dense(found, weights, name).relu(), rate, training=self.base.training)
        return _dense(found, weights, "dense3")

    def keep(self, places: list[int]) -> None:
        """Goes on with some networks alone."""
        super().keep(places)
        self.features.keep(torch.tensor(places, device=self.device))

    def choose(self, groups: int) -> None:
        """Keeps the best start of each group, whose starts come one after the other.

        One that predicts a single value for every gene is given up, if any other does not.
        """
        found, _, _ = self.predict([valid for _, valid, _ in self.parts])
        losses = self.judge().view(groups, -1)
        dead = (found.std(1).amax(1) < AGAINST_DEATH).view(groups, -1)
        losses = torch.where(dead, losses + 1e6, losses)
        starts = losses.shape[1]
        self.keep([group * starts + best for group, best in enumerate(losses.argmin(1).tolist())])
        self.ids = list(range(groups))


def filled(train: np.ndarray, needed: int) -> np.ndarray:
    """Returns as many genes as asked, the first of them again where there are fewer."""
    return train[np.arange(needed) % len(train)]


def fit_best_starts(
    make: Callable[[int, int], XpressoCNN], starts: int, parts: list[Parts], labels: Tensor, bins: Bins,
    features: np.ndarray | None, settings: Settings, screening: int,
    *, show: Callable[[str], None] | None = None, keep: Callable[[int, np.ndarray], None] | None = None,
) -> dict[int, np.ndarray]:  # fmt: skip
    """Begins several networks for each of ``parts`` and finishes the most promising one after ``screening`` epochs.

    Args:
        make: Makes a network of the place in ``parts`` and the start.
        starts: How many to begin.
        parts: Rows to fit to, to stop by and to test.
        labels: ``(n, outputs)`` on the device.
        bins: Of the windows.
        features: ``(n, features)``, or None.
        settings: How to fit.
        screening: Epochs after which one start continues.
        show: Called after every epoch.
        keep: Is given the place in ``parts`` and predictions as soon as one is done.

    Returns:
        Predictions of the test genes by place in ``parts``.
    """
    networks = [make(place, start) for place in range(len(parts)) for start in range(starts)]
    each = [part for part in parts for _ in range(starts)]
    stack = XpressoStack(networks, each, labels, bins, Features(features, each, labels.device), settings, 0)
    for _ in range(screening):
        stack.train_epoch()
        stack.judge()
    stack.choose(len(parts))
    torch.cuda.empty_cache()  # the many starts needed much more than the one that continues
    return stack.fit(show=show, keep=keep)


def _dense(values: Tensor, weights: dict[str, Tensor], name: str) -> Tensor:
    return values @ weights[f"{name}.weight"].transpose(1, 2) + weights[f"{name}.bias"][:, None]
