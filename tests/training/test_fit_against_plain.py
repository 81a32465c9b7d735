"""Training against the same steps written out in NumPy, and what must not change a fit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from texcnn.checkpoints import step_seed
from texcnn.embedding.embeddings import Embeddings
from texcnn.errors import InputError
from texcnn.training import OPTIMIZERS
from texcnn.training.examples import Examples, SegmentVectors
from texcnn.training.fit import TUNED, Epoch, Fit, FitOptions, fit_head, predict_rows
from texcnn.training.label_scale import LabelScale
from texcnn.training.runs import best_run, fit_runs, is_constant, runs_table, summarize_runs

N, DIM = 300, 3
TRAIN, VALID, TEST = list(range(20)), list(range(20, 28)), list(range(28, 36))
Values = npt.NDArray[np.float64]


class Linear(nn.Module):
    """A linear layer over one segment: a training that can be written out."""

    def __init__(self) -> None:
        super().__init__()
        self.output = nn.Linear(DIM, 2)
        with torch.no_grad():
            self.output.weight.copy_(torch.tensor([[0.1, -0.2, 0.3], [0.0, 0.5, -0.1]]))
            self.output.bias.copy_(torch.tensor([0.2, -0.1]))

    def forward(self, values: Tensor, mask: Tensor, features: Tensor | None = None) -> Tensor:
        found: Tensor = self.output(values[:, 0])
        return found


def examples() -> Examples:
    generator = torch.Generator().manual_seed(2)
    values = torch.randn(N, 1, DIM, generator=generator)
    labels = torch.stack([3 + 2 * values[:, 0, 0] - values[:, 0, 2], 0.1 * values[:, 0, 1]], dim=1)
    labels = labels + 0.3 * torch.randn(N, 2, generator=generator)
    labels[::5, 1] = torch.nan
    return Examples(SegmentVectors(Embeddings(values, torch.ones(N, 1, dtype=torch.bool))), None, labels, ("a", "b"))


class Plain:
    """The same training in NumPy: gradients of the mean squared error of known labels, three optimisers."""

    def __init__(self, data: Examples, options: FitOptions) -> None:
        vectors = data.inputs.embeddings.values[:, 0].double().numpy()  # type: ignore[attr-defined]
        self.x: Values = np.hstack([vectors, np.ones((N, 1))])
        labels = data.labels.double().numpy()
        self.mean, self.scale = np.nanmean(labels[TRAIN], axis=0), np.nanstd(labels[TRAIN], axis=0)
        self.y: Values = (labels - self.mean) / self.scale
        first = Linear().output
        self.w: Values = np.hstack([first.weight.detach().numpy(), first.bias.detach().numpy()[:, None]]).astype(float)
        self.options = options
        self.moments: tuple[Values, Values] = (np.zeros_like(self.w), np.zeros_like(self.w))
        self.steps = 0

    def loss(self, rows: list[int]) -> float:
        return float(np.nanmean((self.x[rows] @ self.w.T - self.y[rows]) ** 2))

    def step(self, rows: list[int]) -> tuple[float, int]:
        errors = self.x[rows] @ self.w.T - self.y[rows]
        known = ~np.isnan(errors)
        errors = np.where(known, errors, 0)
        gradient = 2 * errors.T @ self.x[rows] / known.sum()
        self.steps += 1
        first, second = self.moments
        rate = self.options.learning_rate
        if self.options.optimizer == "sgd":
            first = gradient if self.steps == 1 else 0.9 * first + gradient
            self.w = self.w - rate * first
        else:
            if self.options.optimizer == "adamw":
                self.w = self.w * (1 - rate * self.options.weight_decay)
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            hats = first / (1 - 0.9**self.steps), second / (1 - 0.999**self.steps)
            self.w = self.w - rate * hats[0] / (np.sqrt(hats[1]) + 1e-8)
        self.moments = first, second
        return float((errors**2).sum()), int(known.sum())

    def fit(self) -> list[tuple[float, float]]:
        """Losses of the epochs; the weights are then those of the best one, in the labels' unit."""
        history, kept = [], self.w
        for epoch in range(1, self.options.epochs + 1):
            with torch.random.fork_rng():
                torch.manual_seed(step_seed(self.options.seed, epoch))
                order = torch.tensor(TRAIN)[torch.randperm(len(TRAIN))].tolist()
            size = self.options.batch_size
            done = [self.step(order[start : start + size]) for start in range(0, len(order), size)]
            history.append((sum(total for total, _ in done) / sum(n for _, n in done), self.loss(VALID)))
            if history[-1][1] == min(valid for _, valid in history):
                kept = self.w
        self.w = kept * self.scale[:, None]
        self.w[:, -1] += self.mean
        return history


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("batch_size", [6, 20])
def test_every_step_is_that_of_the_plain_training(optimizer: str, batch_size: int) -> None:
    options = FitOptions(
        epochs=7, batch_size=batch_size, learning_rate=0.03, weight_decay=0.2, seed=11, optimizer=optimizer  # type: ignore[arg-type]
    )  # fmt: skip
    data = examples()
    done, plain = fit_head(Linear(), data, TRAIN, VALID, options), Plain(data, options)
    expected = plain.fit()
    found = [(epoch.train_loss, epoch.valid_loss) for epoch in done.history]
    np.testing.assert_allclose(found, expected, rtol=2e-5)
    output: Any = done.head.output
    weights = torch.cat([output.weight, output.bias[:, None]], dim=1)
    np.testing.assert_allclose(weights.detach().numpy(), plain.w, rtol=1e-4, atol=1e-5)
    assert done.best.valid_loss == min(epoch.valid_loss for epoch in done.history)


def test_patience_counts_epochs_since_the_best() -> None:
    options = FitOptions(epochs=200, batch_size=20, learning_rate=0.3, patience=4, optimizer="sgd")
    done = fit_head(Linear(), examples(), TRAIN, VALID, options)
    assert len(done.history) == done.best.epoch + 4 < 200
    assert [epoch.epoch for epoch in done.history] == list(range(1, len(done.history) + 1))


def test_of_equal_epochs_the_first_is_the_best() -> None:
    history = [Epoch(1, 3.0, 2.0), Epoch(2, 2.0, 1.0), Epoch(3, 1.0, 1.0)]
    assert Fit(nn.Identity(), history).best.epoch == 2


@pytest.mark.parametrize("stop", [1, 4])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_stopped_training_continues_to_the_same_bits(tmp_path: Path, optimizer: str, stop: int) -> None:
    options = {"batch_size": 6, "learning_rate": 0.03, "seed": 3, "optimizer": optimizer}
    data, path = examples(), tmp_path / "run.safetensors"
    whole = fit_head(Linear(), data, TRAIN, VALID, FitOptions(epochs=6, **options))  # type: ignore[arg-type]
    fit_head(Linear(), data, TRAIN, VALID, FitOptions(epochs=stop, **options), checkpoint=path)  # type: ignore[arg-type]
    again = fit_head(Linear(), data, TRAIN, VALID, FitOptions(epochs=6, **options), checkpoint=path)  # type: ignore[arg-type]
    assert again.history == whole.history
    state = whole.head.state_dict()
    assert all(value.equal(state[name]) for name, value in again.head.state_dict().items())
    # What is finished is only read.
    before = path.read_bytes()
    once_more = fit_head(Linear(), data, TRAIN, VALID, FitOptions(epochs=6, **options), checkpoint=path)  # type: ignore[arg-type]
    assert (once_more.history, path.read_bytes()) == (whole.history, before)


def test_a_checkpoint_of_other_rows_is_refused(tmp_path: Path) -> None:
    data, path, options = examples(), tmp_path / "run.safetensors", FitOptions(epochs=1)
    fit_head(Linear(), data, TRAIN, VALID, options, checkpoint=path)
    with pytest.raises(InputError, match=r"belongs to a training with other data or other options .* `overwrite`"):
        fit_head(Linear(), data, TRAIN[1:], VALID, options, checkpoint=path)
    path.write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match=r"unreadable checkpoint: .*run\.safetensors – delete it to start again"):
        fit_head(Linear(), data, TRAIN, VALID, options, checkpoint=path)


def test_encoders_and_heads_have_rates_of_their_own() -> None:
    class Tuned(Linear):
        def __init__(self) -> None:
            super().__init__()
            self.pretrained = nn.Linear(DIM, DIM, bias=False)
            nn.init.eye_(self.pretrained.weight)

        def forward(self, values: Tensor, mask: Tensor, features: Tensor | None = None) -> Tensor:
            return super().forward(self.pretrained(values), mask, features)

    assert TUNED == "pretrained."
    moved = {}
    for rate in (1e-30, 0.01):
        options = FitOptions(epochs=1, batch_size=20, learning_rate=0.05, weight_decay=0, encoder_learning_rate=rate)
        head = fit_head(Tuned(), examples(), TRAIN, VALID, options).head
        moved[rate] = head.pretrained.weight.detach() - torch.eye(DIM)  # type: ignore[operator, union-attr]
    assert moved[1e-30].abs().max() < 1e-29
    # One step of Adam moves each weight by its rate.
    torch.testing.assert_close(moved[0.01].abs(), torch.full((DIM, DIM), 0.01), rtol=1e-3, atol=0)


def test_predictions_of_many_rows_are_those_of_each_alone() -> None:
    data, head = examples(), Linear()
    rows = list(range(N))[::-1]
    found = predict_rows(head, data, rows)
    assert found.shape == (N, 2)
    alone = torch.cat([predict_rows(head, data, [row]) for row in (299, 42, 43, 0)])
    torch.testing.assert_close(found[[0, 257, 256, 299]], alone, rtol=0, atol=1e-6)


ROWS = {"train": TRAIN, "valid": VALID, "test": TEST}


class TestRuns:
    def test_a_solver_takes_the_place_of_the_steps(self) -> None:
        seen = []

        def solve(head: nn.Module, data: Examples, train: object, valid: object) -> Fit:
            seen.append((train, valid))
            head.output.bias.data.fill_(len(seen))  # type: ignore[operator, union-attr]
            return Fit(head, [Epoch(1, 1.0, 1.0 / len(seen))])

        runs = fit_runs(Linear, examples(), ROWS, FitOptions(seed=4), runs=2, solve=solve)
        assert seen == [(TRAIN, VALID)] * 2
        assert [run.seed for run in runs] == [4, 5]
        assert best_run(runs) is runs[1]
        assert runs_table(runs)[["epochs", "best_epoch", "valid_loss"]].to_numpy().tolist() == [[1, 1, 1], [1, 1, 0.5]]

    def test_figures_against_numpy(self) -> None:
        data = examples()
        (run,) = fit_runs(Linear, data, ROWS, FitOptions(epochs=3, learning_rate=0.1), runs=1)
        true: Values = data.labels[TEST].double().numpy()
        predicted: Values = run.predicted["test"].double().numpy()
        torch.testing.assert_close(run.true, data.labels[TEST], rtol=0, atol=0, equal_nan=True)
        for column, name in enumerate("ab"):
            known = ~np.isnan(true[:, column])
            y, p = true[known, column], predicted[known, column]
            row = run.metrics[(run.metrics["cell_type"] == name) & (run.metrics["split"] == "test")].iloc[0]
            assert row["n_genes"] == known.sum()
            assert row["rmse"] == pytest.approx(math.sqrt(((p - y) ** 2).mean()))
            assert row["one_minus_sse_sst"] == pytest.approx(1 - ((p - y) ** 2).sum() / ((y - y.mean()) ** 2).sum())
            assert row["squared_pearson"] == pytest.approx(np.corrcoef(p, y)[0, 1] ** 2)
        summary = summarize_runs([run]).set_index("metric")
        assert summary.loc[["rmse"], ["min", "avg", "max"]].to_numpy().tolist() == [[run.mean("rmse")] * 3]

    @pytest.mark.parametrize(
        ("values", "constant"),
        [
            ([[1.0, 5.0], [1.0, 5.0]], True),
            ([[1.0, 5.0], [1.0 + 5e-6, 5.0 - 2e-5]], True),
            ([[1.0, 5.0], [1.0, 5.1]], False),
            ([[1e6, 0.0], [1e6 + 1, 0.0]], True),
            ([[0.0, 0.0], [1e-6, 0.0]], True),
            ([[0.0, 0.0], [1e-3, 0.0]], False),
            ([[1.0, 5.0]], False),
        ],
    )
    def test_constant_is_up_to_rounding_in_every_cell_type(self, values: list[list[float]], constant: bool) -> None:
        assert is_constant(torch.tensor(values)) is constant


def test_labels_scaled_and_folded_back_are_the_labels() -> None:
    labels = examples().labels
    scale = LabelScale.fit(labels, ["a", "b"])
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(2))
        layer.bias.zero_()
    scale.fold_into(layer)
    found = layer(scale.apply(labels).nan_to_num()).detach()
    known = ~labels.isnan()
    torch.testing.assert_close(found[known], labels[known])
    torch.testing.assert_close(found[~known], scale.mean.expand_as(found)[~known])
