"""Trains many small networks at once: one step moves them all, so that a GPU has something to do."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import linear

from texcnn.heads.textcnn import TextCNN

Parts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Rows to fit to, to stop by and to test."""
Feed = Callable[[Tensor, np.ndarray], Sequence[Tensor | None]]
"""Rows ``(networks, batch)``, on the device and here, to the networks' arguments, each ``(networks, batch, ...)``; for
one network alone to its own arguments."""
AT_ONCE = 128
NOTHING = np.empty(0, np.int64)
EAGER_STEPS = 3
"""Steps before the next one is recorded: kernels are chosen and the optimiser's memory is there by then."""
ENCODERS = "encoders."
"""Where a network holds encoders that learn too, at another rate."""


@dataclass(frozen=True)
class Settings:
    """How to fit.

    Attributes:
        epochs: Most passes over the training genes.
        batch: Genes per step and network.
        rate: Learning rate.
        patience: Epochs without a smaller validation loss after which a network is done.
        optimizer: ``adamw``, ``adam`` or ``sgd`` (with a momentum of 0.9).
        weight_decay: Of adamw.
        cosine: Whether the rate rises for a tenth of the steps and then falls to nothing, or is constant.
        encoder_rate: Of weights below :data:`ENCODERS`.
        half: Whether a GPU computes in bfloat16.
    """

    epochs: int
    batch: int
    rate: float
    patience: int = 1_000
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    weight_decay: float = 0.0
    cosine: bool = False
    encoder_rate: float | None = None
    half: bool = False


class Conv1dAsProduct(nn.Conv1d):
    """The same convolution as products of matrices, which many networks at once can share one call for."""

    def forward(self, values: Tensor) -> Tensor:
        """``(n, channels, length)`` to ``(n, filters, length)``."""
        assert not isinstance(self.padding, str)
        assert self.bias is not None
        reach, length = self.padding[0], values.shape[2]
        padded = nn.functional.pad(values, (reach, reach)).transpose(1, 2)
        found = sum(padded[:, k : k + length] @ self.weight[:, :, k].T for k in range(self.kernel_size[0]))
        assert isinstance(found, Tensor)
        return (found + self.bias).transpose(1, 2)


def as_products(network: nn.Module) -> nn.Module:
    """Turns a network's convolutions into :class:`Conv1dAsProduct`, in place."""
    for module in network.modules():
        if type(module) is nn.Conv1d:
            module.__class__ = Conv1dAsProduct
    return network


class KnownSegmentsCNN(TextCNN):
    """The same text CNN, which multiplies known segments alone: a third of the work where most of a window is Ns.

    For a CPU and one network: a GPU would have to wait for their number, and many networks have different ones.
    """

    def products(self, values: Tensor, mask: Tensor, taps: Tensor) -> Tensor:
        """``(n, segments, dim)`` to ``(n, segments, m)``, 0 where masked."""
        found = values.new_zeros(mask.numel(), len(taps))
        (places,) = mask.flatten().nonzero(as_tuple=True)
        known = self.input_dropout(values.flatten(0, 1)[places])
        return found.index_copy(0, places, linear(known, taps)).view(*mask.shape, -1)


def for_one_on_a_cpu(network: nn.Module, device: torch.device) -> nn.Module:
    """Turns text CNNs into :class:`KnownSegmentsCNN` if the device is a CPU, in place."""
    for module in network.modules():
        if type(module) is TextCNN and device.type == "cpu":
            module.__class__ = KnownSegmentsCNN
    return network


def clock_of(device: torch.device) -> Callable[[], float]:
    """The clock whose seconds say what a run costs: on a CPU, which others use too, this process' own."""
    return time.process_time if device.type == "cpu" else time.monotonic


class RecordedStep:
    """A training step that a GPU replays as one graph, without waiting for Python between its hundreds of kernels.

    Args:
        step: What to do with the rows; all its shapes are the same every time, and it reads nothing from the CPU.
    """

    def __init__(self, step: Callable[[Tensor], None]) -> None:
        self.step, self.done = step, 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.rows = torch.empty(0)
        self.side = torch.cuda.Stream()

    def __call__(self, rows: Tensor) -> None:
        """Makes the step with other rows."""
        if self.graph is None and self.done < EAGER_STEPS:
            self.done += 1
            self.side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.side):
                self.step(rows)
            torch.cuda.current_stream().wait_stream(self.side)
            return
        if self.graph is None:
            self.rows, self.graph = rows.clone(), torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):  # records the step, does not make it
                self.step(self.rows)
        self.rows.copy_(rows)
        self.graph.replay()


class Stack:
    """Networks of one form, each with rows, a scale of the labels and a best epoch that are its own.

    Args:
        networks: With their first weights.
        parts: Rows of each.
        labels: ``(n, outputs)`` on the device, NaN where not measured.
        feed: Makes their arguments.
        settings: How to fit.
        seed: Of the order of genes and of dropout.
        recorded: Whether a GPU replays one recorded step. Only for a feed whose arguments are computed from the rows
            on the device alone, and a constant rate.
    """

    def __init__(
        self, networks: list[nn.Module], parts: list[Parts], labels: Tensor, feed: Feed, settings: Settings, seed: int,
        *, recorded: bool = False,
    ) -> None:  # fmt: skip
        self.device, self.settings, self.labels, self.feed, self.parts = labels.device, settings, labels, feed, parts
        torch.manual_seed(seed)
        self.order = np.random.default_rng(seed)
        fitted = [labels[torch.from_numpy(train).to(self.device)] for train, _, _ in parts]
        self.mean = torch.stack([rows.nanmean(0) for rows in fitted])
        self.scale = torch.stack([((rows - rows.nanmean(0)) ** 2).nanmean(0).sqrt() for rows in fitted])
        self.ids = list(range(len(networks)))
        self.found: dict[int, np.ndarray] = {}
        self.epoch, self.best_epochs = 0, torch.zeros(len(networks), device=self.device)
        self.single = len(networks) == 1
        networks = [network.to(self.device) for network in networks]
        self.base = networks[0] if self.single else copy.deepcopy(networks[0]).to("meta")
        self.params: dict[str, Tensor]
        self.buffers: dict[str, Tensor]
        if self.single:
            self.params, self.buffers = dict(self.base.named_parameters()), dict(self.base.named_buffers())
        else:
            self.params, self.buffers = stack_module_state(networks)
        self.best = {name: value.detach().clone() for name, value in self._state().items()}
        self.best_loss = torch.full((len(networks),), torch.inf, device=self.device)
        self.steps = max(-(-len(train) // settings.batch) for train, _, _ in parts)
        self.recorded = recorded and self.device.type == "cuda" and not settings.cosine
        self._start(self.params)

    def _state(self) -> dict[str, Tensor]:
        return {**self.params, **self.buffers}

    def _start(self, params: dict[str, Tensor]) -> None:
        given: dict[bool, list[Tensor]] = {}
        settings = self.settings
        for name, value in params.items():
            given.setdefault(name.startswith(ENCODERS), []).append(value)
        rates = {False: settings.rate, True: settings.encoder_rate or settings.rate}
        groups = [{"params": some, "lr": rates[tuned], "peak": rates[tuned]} for tuned, some in given.items()]
        self.step_of_rows = RecordedStep(self._step) if self.recorded else None
        if settings.optimizer == "sgd":
            self.optimizer: torch.optim.Optimizer = torch.optim.SGD(groups, momentum=0.9, fused=True)
        elif settings.optimizer == "adam":
            self.optimizer = torch.optim.Adam(groups, fused=True, capturable=self.recorded)
        else:
            decay = settings.weight_decay
            self.optimizer = torch.optim.AdamW(groups, weight_decay=decay, fused=True, capturable=self.recorded)

    def keep(self, places: list[int]) -> None:
        """Goes on with some of the networks alone."""
        index = torch.tensor(places, device=self.device)
        old = [(name, value, self.optimizer.state[value]) for name, value in self.params.items()]
        n = len(self.ids)
        self.params = {name: value.detach()[index].requires_grad_() for name, value, _ in old}
        self.buffers = {name: value[index] for name, value in self.buffers.items()}
        self._start(self.params)
        for name, _, state in old:
            self.optimizer.state[self.params[name]] = {
                key: value[index] if isinstance(value, Tensor) and value.ndim and len(value) == n else value
                for key, value in state.items()
            }
        self.best = {name: value[index] for name, value in self.best.items()}
        self.mean, self.scale, self.best_loss = self.mean[index], self.scale[index], self.best_loss[index]
        self.best_epochs = self.best_epochs[index]
        self.parts, self.ids = [self.parts[i] for i in places], [self.ids[i] for i in places]
        if hasattr(self.feed, "keep"):
            self.feed.keep(index)

    def call(self, state: tuple[dict[str, Tensor], dict[str, Tensor]], rows: Tensor, here: np.ndarray) -> Tensor:
        """Runs every network on its rows ``(networks, batch)``; returns ``(networks, batch, outputs)``, scaled."""
        given = self.feed(rows, here)
        half = self.settings.half and self.device.type == "cuda"
        # Without a cache: one made inside vmap would outlive it.
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half, cache_enabled=self.single):
            if self.single:
                found = functional_call(self.base, state, tuple(given))[None]
            else:
                dims = (0, 0, *(None if value is None else 0 for value in given))

                def one(params: dict[str, Tensor], buffers: dict[str, Tensor], *some: Any) -> Tensor:
                    return functional_call(self.base, (params, buffers), some)

                # Under vmap a GPU's fused attention has no gradient for some numbers of segments, as 210.
                with sdpa_kernel(SDPBackend.MATH):
                    found = vmap(one, in_dims=dims, randomness="different")(*state, *given)
        return found.float()

    def _losses(self, found: Tensor, rows: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Sums of squared errors and numbers of known labels, of each network."""
        target = (self.labels[rows] - self.mean[:, None]) / self.scale[:, None]
        known = ~target.isnan() if weight is None else ~target.isnan() & weight[:, :, None]
        errors = torch.where(known, found - target.nan_to_num(), 0.0)
        return errors.square().sum((1, 2)), known.sum((1, 2))

    def train_epoch(self) -> None:
        """One pass over the training genes of each network."""
        self.base.train()
        settings, total = self.settings, self.settings.epochs * self.steps
        here = np.stack([self._shuffled(train) for train, _, _ in self.parts])
        rows = torch.from_numpy(here).to(self.device)
        for step in range(self.steps):
            if settings.cosine:
                done = (self.epoch * self.steps + step) / total
                for group in self.optimizer.param_groups:
                    group["lr"] = group["peak"] * min(done / 0.1, 1) * (0.02 + 0.49 * (1 + np.cos(np.pi * done)))
            part = slice(step * settings.batch, (step + 1) * settings.batch)
            if self.step_of_rows:
                self.step_of_rows(rows[:, part])
            else:
                self._step(rows[:, part], here[:, part])
        self.epoch += 1

    def _step(self, rows: Tensor, here: np.ndarray = NOTHING) -> None:
        squares, known = self._losses(self.call((self.params, self.buffers), rows, here), rows)
        (squares / known.clamp(min=1)).sum().backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def _shuffled(self, train: np.ndarray) -> np.ndarray:
        """An order of the genes; where another network has more, some come twice."""
        needed = self.steps * self.settings.batch
        return np.concatenate([self.order.permutation(train) for _ in range(-(-needed // len(train)))])[:needed]

    @torch.no_grad()
    def predict(self, wanted: list[np.ndarray], *, best: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Predicts rows of each network, scaled; also returns the rows, padded to equal numbers, and which are real."""
        self.base.eval()
        state = (self.params, self.buffers)
        if best:
            params, buffers = ({name: self.best[name] for name in part} for part in state)
            state = (params, buffers)
        most = max(map(len, wanted))
        here = np.stack([np.concatenate([rows, np.repeat(rows[:1], most - len(rows))]) for rows in wanted])
        real = torch.tensor([[place < len(rows) for place in range(most)] for rows in wanted], device=self.device)
        rows = torch.from_numpy(here).to(self.device)
        found = [
            self.call(state, rows[:, at : at + AT_ONCE], here[:, at : at + AT_ONCE]) for at in range(0, most, AT_ONCE)
        ]
        return torch.cat(found, 1), rows, real

    def judge(self) -> Tensor:
        """Returns the validation loss of each network and keeps the weights of those that are better than ever."""
        squares, known = self._losses(*self._validation())
        losses = squares / known
        # A network whose patience is over is done, also while it waits for the others.
        better = (losses < self.best_loss) & (self.epoch - self.best_epochs <= self.settings.patience)
        self.best_loss = torch.where(better, losses, self.best_loss)
        self.best_epochs = torch.where(better, float(self.epoch), self.best_epochs)
        for name, value in self._state().items():
            choose = better.view(() if self.single else (-1, *(1,) * (value.ndim - 1)))
            self.best[name] = torch.where(choose, value.detach(), self.best[name])
        return losses

    def _validation(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.predict([valid for _, valid, _ in self.parts])

    def retire(self, done: list[int]) -> None:
        """Predicts the test rows of networks by their best weights and continues with the others."""
        found, _, _ = self.predict([test for _, _, test in self.parts], best=True)
        values = (found * self.scale[:, None] + self.mean[:, None]).cpu().numpy()
        for place in done:
            self.found[self.ids[place]] = values[place, : len(self.parts[place][2])]
        left = [place for place in range(len(self.ids)) if place not in done]
        if left:
            self.keep(left)
        else:
            self.ids = []

    def fit(
        self,
        *,
        show: Callable[[str], None] | None = None,
        keep: Callable[[int, np.ndarray], None] | None = None,
    ) -> dict[int, np.ndarray]:
        """Trains to the end.

        Args:
            show: Called after every epoch.
            keep: Is given each network's number and predictions as soon as it is done.

        Returns:
            Test rows' predictions in the labels' unit, by number of the network.
        """
        while self.ids:
            self.train_epoch()
            self.judge()
            waited = (self.epoch - self.best_epochs).tolist()  # the epoch's only wait for the device
            if show:
                show(f"epoch {self.epoch}, {len(self.ids)} networks, loss {self.best_loss.mean().item():.4f}")
            over = self.epoch >= self.settings.epochs
            done = [place for place, epochs in enumerate(waited) if over or epochs >= self.settings.patience]
            if over or len(done) >= (len(self.ids) + 1) // 2:
                numbers = [self.ids[place] for place in done]
                self.retire(done)
                if keep:
                    for number in numbers:
                        keep(number, self.found[number])
        return self.found
