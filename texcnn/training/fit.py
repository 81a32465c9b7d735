"""Fits a network to its genes' inputs and labels."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from texcnn.checkpoints import load_state, optimizer_tensors, restore_optimizer, save_state, step_seed
from texcnn.device import CPU
from texcnn.errors import RunError
from texcnn.progress import progress_bar
from texcnn.training import Optimizer
from texcnn.training.examples import Examples
from texcnn.training.label_scale import LabelScale

TUNED = "pretrained."
"""Where a network holds a pre-trained encoder that learns too, at another rate."""


@dataclass(frozen=True)
class FitOptions:
    """How to fit.

    Attributes:
        epochs: Most passes over the training genes.
        batch_size: Genes per step.
        learning_rate: Of the optimiser.
        weight_decay: Of AdamW; the others have none.
        patience: Epochs without a smaller validation loss after which to stop.
        seed: Of first weights, order of genes and dropout.
        optimizer: One of :data:`texcnn.training.OPTIMIZERS`; sgd has a momentum of 0.9.
        encoder_learning_rate: Of the weights of a fine-tuned encoder.
    """

    epochs: int = 100
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    patience: int = 10
    seed: int = 0
    optimizer: Optimizer = "adamw"
    encoder_learning_rate: float = 3e-5


@dataclass(frozen=True)
class Epoch:
    """Mean squared errors, in the scale of the labels' standard deviations.

    Attributes:
        epoch: Number, from 1.
        train_loss: Mean over the epoch's batches, with dropout, while the weights move.
        valid_loss: Of the validation genes, after the epoch.
    """

    epoch: int
    train_loss: float
    valid_loss: float


@dataclass(frozen=True)
class Fit:
    """A fitted head.

    Attributes:
        head: With the weights of the best epoch, in evaluation mode, on the CPU; it predicts in the labels' unit.
        history: All epochs.
    """

    head: nn.Module
    history: list[Epoch]

    @property
    def best(self) -> Epoch:
        """The epoch whose weights the head has."""
        return _best(self.history)


Solver = Callable[[nn.Module, Examples, Sequence[int], Sequence[int]], Fit]
"""What solves a head in closed form: ``(head, examples, train, valid) -> Fit``."""


def fit_head(
    head: nn.Module,
    examples: Examples,
    train: Sequence[int],
    valid: Sequence[int],
    options: FitOptions,
    *,
    device: torch.device = CPU,
    checkpoint: Path | None = None,
    progress: bool = False,
) -> Fit:
    """Fits a network on the mean squared error of known labels, and keeps the weights of the best epoch.

    The head learns labels scaled by the training genes' mean and deviation per cell type; the scale is folded into
    its last layer at the end. On a CPU with as many threads the same call gives the same bits, and so does a call
    that continues from the checkpoint of an interrupted one.

    Args:
        head: ``(*inputs, features) -> (n, n_cell_types)`` whose last layer is the linear ``output``; changed in place.
        examples: All genes.
        train: Rows that the weights are fitted to.
        valid: Rows that choose the best epoch.
        options: How to fit.
        device: Where to compute.
        checkpoint: File that keeps the state after each epoch, and from which an interrupted training continues.
        progress: Whether to show progress.

    Raises:
        InputError: when a cell type cannot be learned from the training genes, or the checkpoint is another's.
        RunError: when the loss is no longer finite, or a checkpoint cannot be written.
    """
    scale = LabelScale.fit(examples.labels[train], examples.cell_types)
    scaled = replace(examples, labels=scale.apply(examples.labels))
    fitting = _Fitting(head.to(device), scaled, torch.tensor(train), torch.tensor(valid), options, device)
    fingerprint = _fingerprint(head, scaled, train, valid, options) if checkpoint else ""
    if checkpoint and (found := load_state(checkpoint, fingerprint)):
        fitting.restore(*found)
    with progress_bar(progress, total=options.epochs, what="training", unit="epochs") as bar:
        bar.update(len(fitting.history))
        while not fitting.finished:
            fitting.step()
            if checkpoint:
                save_state(checkpoint, fitting.state(), [asdict(epoch) for epoch in fitting.history], fingerprint)
            bar.update()
    head.load_state_dict(fitting.best)
    head.cpu().eval()
    output = head.output
    assert isinstance(output, nn.Linear)
    scale.fold_into(output)
    return Fit(head, fitting.history)


@torch.inference_mode()
def predict_rows(head: nn.Module, examples: Examples, rows: Sequence[int], *, device: torch.device = CPU) -> Tensor:
    """Predicts some of the examples, float32 ``(len(rows), n_cell_types)`` on the CPU, where it leaves the head."""
    head.to(device)
    parts = [head(*examples.arguments(batch, device)).cpu() for batch in torch.tensor(rows).split(256)]
    head.cpu()
    return torch.cat(parts)


class _Fitting:
    """The state of one training."""

    def __init__(
        self,
        head: nn.Module,
        examples: Examples,
        train: Tensor,
        valid: Tensor,
        options: FitOptions,
        device: torch.device,
    ) -> None:
        self._head, self._examples, self._train, self._valid = head, examples, train, valid
        self._options, self._device = options, device
        self._optimizer = _make_optimizer(head, options)
        self.best: dict[str, Tensor] = {}
        self.history: list[Epoch] = []

    @property
    def finished(self) -> bool:
        if not self.history:
            return False
        waited = len(self.history) - _best(self.history).epoch
        return len(self.history) >= self._options.epochs or waited >= self._options.patience

    def step(self) -> None:
        number = len(self.history) + 1
        # A fresh seed each epoch: a training that continues draws what an uninterrupted one would have drawn. The
        # caller's random numbers are left as they were.
        with torch.random.fork_rng(devices=[self._device] if self._device.type == "cuda" else []):
            torch.manual_seed(step_seed(self._options.seed, number))
            train_loss = self._train_once()
        self.history.append(Epoch(number, train_loss, self._valid_loss()))
        if not math.isfinite(train_loss) or not math.isfinite(self.history[-1].valid_loss):
            raise RunError(f"the loss is {train_loss} in epoch {number}", remedy="choose a smaller `learning_rate`")
        if _best(self.history).epoch == number:
            # Copies: the optimiser changes the tensors of a state_dict in place.
            self.best = {name: value.detach().clone() for name, value in self._head.state_dict().items()}

    def _train_once(self) -> float:
        self._head.train()
        total = count = 0.0
        for rows in self._train[torch.randperm(len(self._train))].split(self._options.batch_size):
            squares, known = self._squares(rows)
            self._optimizer.zero_grad()
            (squares / known).backward()
            self._optimizer.step()
            total, count = total + squares.item(), count + known
        return total / count

    @torch.no_grad()
    def _valid_loss(self) -> float:
        self._head.eval()
        parts = [self._squares(rows) for rows in self._valid.split(self._options.batch_size)]
        return sum(squares.item() for squares, _ in parts) / sum(known for _, known in parts)

    def _squares(self, rows: Tensor) -> tuple[Tensor, int]:
        """The sum of squared errors over known labels, and how many these are."""
        labels = self._examples.labels[rows].to(self._device)
        known = ~labels.isnan()
        errors = self._head(*self._examples.arguments(rows, self._device)) - labels
        return torch.where(known, errors, 0.0).square().sum(), int(known.sum())

    def state(self) -> dict[str, dict[str, Tensor]]:
        """All that the next epochs depend on but the history: random numbers follow from seed and epoch."""
        return {"head": self._head.state_dict(), "best": self.best, "optimizer": optimizer_tensors(self._optimizer)}

    def restore(self, state: dict[str, dict[str, Tensor]], history: list[dict[str, Any]]) -> None:
        self._head.load_state_dict(state["head"])
        restore_optimizer(self._optimizer, state.get("optimizer", {}))
        self.best, self.history = state["best"], [Epoch(**values) for values in history]


def _make_optimizer(head: nn.Module, options: FitOptions) -> torch.optim.Optimizer:
    named = [(name, weight) for name, weight in head.named_parameters() if weight.requires_grad]
    rates = {False: options.learning_rate, True: options.encoder_learning_rate}
    groups = [
        {"params": [weight for name, weight in named if name.startswith(TUNED) == tuned], "lr": rate}
        for tuned, rate in rates.items()
    ]
    parameters, rate = [group for group in groups if group["params"]], options.learning_rate
    if options.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=options.weight_decay)
    if options.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=rate)
    return torch.optim.SGD(parameters, lr=rate, momentum=0.9)


def _best(history: Sequence[Epoch]) -> Epoch:
    return min(history, key=lambda epoch: epoch.valid_loss)


def _fingerprint(
    head: nn.Module, examples: Examples, train: Sequence[int], valid: Sequence[int], options: FitOptions
) -> str:
    """Digest of all that the weights depend on, except how long to train: a checkpoint may be trained further."""
    shown = {name: value for name, value in asdict(options).items() if name not in ("epochs", "patience")}
    digest = hashlib.sha256(repr((str(head), list(train), list(valid), sorted(shown.items()))).encode())
    digest.update(examples.fingerprint().encode())
    for name, value in head.state_dict().items():
        digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
