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
        self.counts = torch.cat(counts).numpy()
        self.first = np.cumsum(self.counts) - self.counts
        self.n_bins = codes.shape[1] // BIN

    def take(self, genes: np.ndarray) -> tuple[Tensor, Tensor]:
        """Returns the hexamers ``(m, 30)`` of the genes' known bins, and their rows; four zeros pad each window."""
        counts, device = self.counts[genes], self.hexamers.device
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        index = torch.from_numpy(np.repeat(self.first[genes], counts) + within).to(device, non_blocking=True)
        rows = np.arange(len(genes)) * (self.n_bins + 2 * REACH) + REACH
        gene = torch.from_numpy(np.repeat(rows, counts)).to(device, non_blocking=True)
        return self.hexamers[index], self.places[index] + gene


def hexamer_letters(device: torch.device) -> Tensor:
    """Returns the one-hot bases of each hexamer, ``(5**6, 24)``, by position and base."""
    numbers = torch.arange(LETTERS**WIDTH, device=device)
    digits = torch.stack([numbers // LETTERS ** (WIDTH - 1 - k) % LETTERS for k in range(WIDTH)], 1)
    return (digits[..., None] == torch.arange(4, device=device)).float().flatten(1)


class XpressoStack(Stack):
    """Networks that see the same genes in the same order and differ by their first weights and dropout."""

    def __init__(
        self, networks: list[XpressoCNN], part: Parts, labels: Tensor, bins: Bins, features: Features,
        settings: Settings, seed: int,
    ) -> None:  # fmt: skip
        self.bins, self.features = bins, features
        self.letters = hexamer_letters(labels.device)
        super().__init__(list(networks), [part] * len(networks), labels, self._none, settings, seed)

    @staticmethod
    def _none(rows: Tensor, here: np.ndarray) -> list[Tensor | None]:
        return []

    def _shuffled(self, train: np.ndarray) -> np.ndarray:
        """One order for all networks of an epoch."""
        needed = self.steps * self.settings.batch
        return np.random.default_rng([self.epoch, len(train)]).permutation(filled(train, needed))

    def call(self, state: tuple[dict[str, Tensor], dict[str, Tensor]], rows: Tensor, here: np.ndarray) -> Tensor:
        """Runs every network on the rows of the first."""
        weights, n, genes = state[0], len(self.ids), here[0]
        if self.single:
            weights = {name: value[None] for name, value in weights.items()}
        half = self.settings.half and rows.is_cuda
        n_bins, stride = self.bins.n_bins, self.bins.n_bins + 2 * REACH
        hexamers, places = self.bins.take(genes)
        table = self.letters @ weights["conv1.weight"].permute(0, 3, 2, 1).flatten(1, 2)  # (networks, 5**6, filters)
        steps = torch.arange(n, device=rows.device)[:, None, None] * LETTERS**WIDTH
        peaks = F.embedding_bag((hexamers.int() + steps.int()).flatten(0, 1), table.flatten(0, 1), mode="max")
        bias = weights["conv1.bias"][:, None]
        peaks = (peaks.view(n, len(hexamers), -1) + bias).relu()
        # Windows one after the other, zeros between them as the second convolution pads: a shift is a view.
        inside = (torch.arange(stride, device=rows.device) - REACH).remainder(stride) < n_bins
        inside = inside.repeat(len(genes))[:, None]
        if half:
            peaks, bias, inside = peaks.bfloat16(), bias.bfloat16(), inside.bfloat16()
        hidden = (bias.relu() * inside).index_copy(1, places, peaks)
        second = weights["conv2.weight"].permute(0, 2, 3, 1).flatten(2)  # (networks, filters, width * filters)
        each = (hidden @ second.to(hidden.dtype)).unflatten(2, (2 * REACH + 1, -1)).unbind(2)
        rest = len(inside) - 2 * REACH
        found = sum(part[:, k : k + rest].float() for k, part in enumerate(each)) + weights["conv2.bias"][:, None]
        found = F.pad(found, (0, 0, 0, 2 * REACH)).view(n, len(genes), stride, -1)[:, :, :n_bins].relu()
        found = found.reshape(n, len(genes), n_bins // PLACE, PLACE, -1).amax(3).flatten(2)
        features = self.features.take(rows[:1].expand(n, -1))
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

    def choose(self, runs: int) -> None:
        """Keeps the best start of each run; the starts of a run come one after the other.

        One that predicts a single value for every gene is given up, if any other does not.
        """
        found, _, _ = self.predict([valid for _, valid, _ in self.parts])
        losses = self.judge().view(runs, -1)
        dead = (found.std(1).amax(1) < AGAINST_DEATH).view(runs, -1)
        losses = torch.where(dead, losses + 1e6, losses)
        starts = losses.shape[1]
        self.keep([run * starts + best for run, best in enumerate(losses.argmin(1).tolist())])
        self.ids = list(range(runs))


def filled(train: np.ndarray, needed: int) -> np.ndarray:
    """Returns the genes, the first of them again where the last batch is not full."""
    return np.concatenate([train, train[: max(needed - len(train), 0)]])


def fit_best_starts(
    make: Callable[[int], XpressoCNN], runs: list[int], starts: int, part: Parts, labels: Tensor, bins: Bins,
    features: np.ndarray | None, settings: Settings, screening: int,
    *, show: Callable[[str], None] | None = None,
) -> dict[int, np.ndarray]:  # fmt: skip
    """Begins networks for each run and finishes each run's most promising one after ``screening`` epochs.

    Returns:
        Predictions of the test genes by place in ``runs``.
    """
    networks = [make(1_000 * run + start) for run in runs for start in range(starts)]
    given = Features(features, [part] * len(networks), labels.device)
    stack = XpressoStack(networks, part, labels, bins, given, settings, runs[0])
    for _ in range(screening):
        stack.train_epoch()
        stack.judge()
    stack.choose(len(runs))
    return stack.fit(show=show)


def _dense(values: Tensor, weights: dict[str, Tensor], name: str) -> Tensor:
    return values @ weights[f"{name}.weight"].transpose(1, 2) + weights[f"{name}.bias"][:, None]
