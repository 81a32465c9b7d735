"""Masked-language-model pre-training, in steps from which it can continue."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch file uses
from torch import Tensor

from texcnn.checkpoints import load_state, optimizer_tensors, restore_optimizer, save_state, step_seed
from texcnn.device import CPU
from texcnn.errors import InputError, RunError
from texcnn.pretraining.language_model import LanguageModel
from texcnn.progress import progress_bar

Draw = Callable[[int, np.random.Generator], list[str]]
"""Draws a number of segments."""


@dataclass(frozen=True)
class StepOptions:
    """How to take the steps; the optimiser's settings are those of DNABERT's published command.

    Attributes:
        steps: Steps of the optimiser.
        segments_per_step: Segments of one step.
        batch_size: Segments of one forward pass; their gradients are summed up to a step's.
        learning_rate: Of AdamW, at its highest: it rises in a line over the warm-up and falls in a line to the end.
        warmup: Share of the steps that warm up.
        weight_decay: Of AdamW, on matrices alone.
        mask_fraction: Share of tokens to guess.
        report_every: Steps between two validations, each followed by a checkpoint.
        valid_segments: Held-out segments of a validation.
        seed: Of segments, strands, masks and dropout.

    Raises:
        InputError: when a number cannot be used.
    """

    steps: int = 10_000
    segments_per_step: int = 64
    batch_size: int = 64
    learning_rate: float = 4e-4
    warmup: float = 0.05
    weight_decay: float = 0.01
    mask_fraction: float = 0.15
    report_every: int = 500
    valid_segments: int = 1024
    seed: int = 0

    def __post_init__(self) -> None:
        """Checks the numbers."""
        counts = ("steps", "segments_per_step", "batch_size", "report_every", "valid_segments")
        wrong = [name for name in counts if getattr(self, name) < 1]
        wrong += [name for name in ("warmup", "mask_fraction") if not 0 < getattr(self, name) < 1]
        if wrong:
            raise InputError(
                f"unusable {', '.join(f'{name} {getattr(self, name):g}' for name in wrong)}",
                allowed="whole numbers from 1, and shares above 0 and below 1",
            )

    def rate(self, step: int) -> float:
        """Returns the learning rate of a step, counted from 1."""
        warm = math.ceil(self.warmup * self.steps)
        return self.learning_rate * min(step / warm, (self.steps + 1 - step) / (self.steps + 1 - warm))


@dataclass(frozen=True)
class StepReport:
    """Cross-entropies of hidden tokens, in nats.

    Attributes:
        step: Steps done.
        train_loss: Mean since the report before.
        valid_loss: Of held-out segments, the same and with the same masks each time.
        learning_rate: Of the step.
    """

    step: int
    train_loss: float
    valid_loss: float
    learning_rate: float


def fit_language_model(
    language: LanguageModel,
    train: Draw,
    valid: Draw,
    options: StepOptions,
    *,
    data: str,
    device: torch.device = CPU,
    checkpoint: Path | None = None,
    progress: bool = False,
) -> list[StepReport]:
    """Trains a language model to guess hidden tokens.

    On a CPU with as many threads the same call gives the same bits, and so does one that continues from the checkpoint
    of an interrupted one.

    Args:
        language: Trained in place; on the CPU and in evaluation mode at the end.
        train: Draws segments to learn from.
        valid: Draws held-out segments.
        options: How to train.
        data: Digest of what the segments are drawn from.
        device: Where to compute.
        checkpoint: File that keeps the state after each report, and from which an interrupted training continues.
        progress: Whether to show progress.

    Returns:
        The reports.

    Raises:
        InputError: when a segment is too long for the model, or the checkpoint is another training's.
        RunError: when the loss is no longer finite, or a checkpoint cannot be written.
    """
    pretraining = _Pretraining(language, train, valid, options, device)
    fingerprint = _fingerprint(language, options, data) if checkpoint else ""
    if checkpoint and (found := load_state(checkpoint, fingerprint)):
        parts, history = found
        pretraining.restore(parts, [StepReport(**values) for values in history])
    with progress_bar(progress, total=options.steps, what="pre-training", unit="steps") as bar:
        bar.update(pretraining.step)
        while pretraining.step < options.steps:
            pretraining.advance(bar.update)
            if checkpoint:
                history = [asdict(report) for report in pretraining.history]
                save_state(checkpoint, pretraining.state(), history, fingerprint)
    language.model.cpu().eval()
    return pretraining.history


class _Pretraining:
    """The state of one pre-training."""

    def __init__(
        self, language: LanguageModel, train: Draw, valid: Draw, options: StepOptions, device: torch.device
    ) -> None:
        self._language, self._train, self._options, self._device = language, train, options, device
        self._model = language.model.to(device)
        # Each weight once, under its first name: the decoder shares the word embedding's.
        self._weights = dict(self._model.named_parameters())
        matrices = [weight for weight in self._weights.values() if weight.ndim > 1]
        others = [weight for weight in self._weights.values() if weight.ndim <= 1]
        self._optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": options.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=options.learning_rate,
            betas=(0.9, 0.98),
            eps=1e-6,
        )
        self._valid = valid(options.valid_segments, np.random.default_rng(self._seed(0)))
        self.history: list[StepReport] = []

    @property
    def step(self) -> int:
        return self.history[-1].step if self.history else 0

    def advance(self, tick: Callable[[int], object]) -> None:
        """Trains up to the next report."""
        first = self.step + 1
        last = min(first + self._options.report_every - 1, self._options.steps)
        losses = []
        for step in range(first, last + 1):
            losses.append(self._train_once(step))
            tick(1)
        report = StepReport(last, sum(losses) / len(losses), self._valid_loss(), self._options.rate(last))
        if not math.isfinite(report.train_loss) or not math.isfinite(report.valid_loss):
            raise RunError(
                f"the loss is {report.train_loss} between steps {first} and {last}",
                remedy="choose a smaller `learning_rate`",
            )
        self.history.append(report)

    def _seed(self, step: int) -> int:
        return step_seed(self._options.seed, step)

    def _train_once(self, step: int) -> float:
        self._model.train()
        for group in self._optimizer.param_groups:
            group["lr"] = self._options.rate(step)
        segments = self._train(self._options.segments_per_step, np.random.default_rng(self._seed(step)))
        self._optimizer.zero_grad()
        total = 0.0
        with torch.random.fork_rng(devices=[self._device] if self._device.type == "cuda" else []):
            torch.manual_seed(self._seed(step))
            for loss in self._losses(segments, self._seed(step)):
                loss.backward()
                total += loss.item()
        torch.nn.utils.clip_grad_norm_(self._weights.values(), 1.0)
        self._optimizer.step()
        return total

    @torch.no_grad()
    def _valid_loss(self) -> float:
        self._model.eval()
        return sum(loss.item() for loss in self._losses(self._valid, self._seed(0)))

    def _losses(self, segments: Sequence[str], seed: int) -> Iterator[Tensor]:
        """Shares of the mean loss, one per forward pass."""
        ids, attention_mask = self._language.encoder.collate(self._language.encoder.tokenize(segments))
        generator = torch.Generator(self._device).manual_seed(seed)
        # All rows together, so that what is hidden does not depend on the batch size.
        seen, chosen = self._language.mask(ids, fraction=self._options.mask_fraction, generator=generator)
        n_chosen = max(int(chosen.sum()), 1)
        for rows in torch.arange(len(ids), device=self._device).split(self._options.batch_size):
            hidden = self._language.encoder.hidden_states(seen[rows], attention_mask[rows])
            scores = self._language.scores(hidden[chosen[rows]])
            yield F.cross_entropy(scores, ids[rows][chosen[rows]], reduction="sum") / n_chosen

    def state(self) -> dict[str, dict[str, Tensor]]:
        return {"model": dict(self._weights), "optimizer": optimizer_tensors(self._optimizer)}

    @torch.no_grad()
    def restore(self, parts: dict[str, dict[str, Tensor]], history: list[StepReport]) -> None:
        for name, weight in self._weights.items():
            weight.copy_(parts["model"][name])
        restore_optimizer(self._optimizer, parts["optimizer"])
        self.history = history


def _fingerprint(language: LanguageModel, options: StepOptions, data: str) -> str:
    """Digest of all that the weights depend on, except the size of a forward pass."""
    shown = {name: value for name, value in asdict(options).items() if name != "batch_size"}
    digest = hashlib.sha256(repr((language.name, language.config, sorted(shown.items()), data)).encode())
    digest.update(language.encoder.tokenizer.fingerprint.encode())
    for name, weight in language.model.named_parameters():
        digest.update(name.encode() + weight.detach().cpu().numpy().tobytes())
    return digest.hexdigest()
