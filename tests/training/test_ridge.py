"""The ridge regression that takes the place of gradient descent, against the normal equations."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from texcnn.embedding.embeddings import Embeddings
from texcnn.errors import InputError
from texcnn.heads.linear import LinearHead
from texcnn.training.examples import Examples, SegmentVectors
from texcnn.training.fit import Fit, predict_rows
from texcnn.training.ridge import PENALTIES, fit_ridge

TRAIN, VALID, TEST = list(range(40)), list(range(40, 60)), list(range(60, 80))
Values = npt.NDArray[np.float64]


def examples(noise: float = 0.1, *, features: bool = False) -> Examples:
    """Two segments of three numbers, the last of them the same everywhere; labels are linear and noisy."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(80, 2, 3, generator=generator) * 3 + 1
    values[:, 1, 2] = 7.0
    extra = torch.randn(80, 1, generator=generator) if features else None
    labels = torch.stack([values[:, 0, 0] - 2 * values[:, 1, 1] + 50, 0.1 * values[:, 0, 2] - 3], dim=1)
    labels = labels + noise * torch.randn(80, 2, generator=generator)
    if extra is not None:
        labels = labels + extra
    return Examples(SegmentVectors(Embeddings(values, torch.ones(80, 2, dtype=torch.bool))), extra, labels, ("a", "b"))


def fit(data: Examples) -> Fit:
    head = LinearHead(3, 2, n_segments=2, n_features=0 if data.features is None else 1)
    return fit_ridge(head, data, TRAIN, VALID)


def columns(data: Examples) -> Values:
    flat = data.inputs.embeddings.values.flatten(1).double().numpy()  # type: ignore[attr-defined]
    spread = flat[TRAIN].std(axis=0)
    scaled = (flat - flat[TRAIN].mean(axis=0)) / np.where(spread > 0, spread, 1)
    return scaled if data.features is None else np.hstack([scaled, data.features.double().numpy()])


def solved(data: Examples, penalty: float) -> Values:
    """Predictions of all genes by the normal equations, each cell type from the genes that have it."""
    table, labels = columns(data), data.labels.double().numpy()
    predicted = np.empty_like(labels)
    for column in range(labels.shape[1]):
        rows = [row for row in TRAIN if not np.isnan(labels[row, column])]
        mean, scale = np.nanmean(labels[TRAIN, column]), np.nanstd(labels[TRAIN, column])
        x, y = table[rows], (labels[rows, column] - mean) / scale
        centred = x - x.mean(axis=0)
        weight = np.linalg.solve(centred.T @ centred + penalty * np.eye(x.shape[1]), centred.T @ (y - y.mean()))
        predicted[:, column] = ((table - x.mean(axis=0)) @ weight + y.mean()) * scale + mean
    return predicted


def best_penalty(data: Examples) -> float:
    labels = data.labels.double().numpy()
    scale = np.nanstd(labels[TRAIN], axis=0)

    def loss(penalty: float) -> float:
        return float(np.nanmean(((solved(data, penalty)[VALID] - labels[VALID]) / scale) ** 2))

    return min(PENALTIES, key=loss)


@pytest.mark.parametrize("features", [False, True])
@pytest.mark.parametrize("noise", [0.01, 1.0, 8.0])
def test_it_solves_the_normal_equations_with_the_best_penalty(noise: float, features: bool) -> None:
    data = examples(noise, features=features)
    found = predict_rows(fit(data).head, data, range(80)).double().numpy()
    np.testing.assert_allclose(found, solved(data, best_penalty(data)), rtol=1e-4, atol=1e-3)


def test_more_noise_takes_a_larger_penalty() -> None:
    assert best_penalty(examples(0.01)) < best_penalty(examples(8.0))


def test_unknown_labels_are_left_out_per_cell_type() -> None:
    data = examples(0.5)
    data.labels[::3, 1] = torch.nan
    found = predict_rows(fit(data).head, data, range(80)).double().numpy()
    np.testing.assert_allclose(found, solved(data, best_penalty(data)), rtol=1e-4, atol=1e-3)


def test_test_genes_change_nothing() -> None:
    data, other = examples(), examples()
    other.labels[TEST] = 1e6
    other.inputs.embeddings.values[TEST] = 0  # type: ignore[attr-defined]
    left, right = fit(data).head.state_dict(), fit(other).head.state_dict()
    assert all(value.equal(right[name]) for name, value in left.items())


def test_there_is_one_epoch_with_the_losses_of_the_solution() -> None:
    data = examples(1.0)
    done = fit(data)
    (epoch,) = done.history
    labels = data.labels.double().numpy()
    scale = labels[TRAIN].std(axis=0)
    predicted = solved(data, best_penalty(data))
    for rows, loss in ((TRAIN, epoch.train_loss), (VALID, epoch.valid_loss)):
        assert loss == pytest.approx((((predicted[rows] - labels[rows]) / scale) ** 2).mean(), rel=1e-4)
    assert (done.best, epoch.epoch) == (epoch, 1)
    assert not done.head.training


def test_a_cell_type_without_two_values_is_named() -> None:
    data = examples()
    data.labels[TRAIN, 1] = 3.0
    with pytest.raises(InputError, match="no two training genes differ in the cell types b"):
        fit(data)
