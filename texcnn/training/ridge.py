"""A linear head solved in closed form, its penalty chosen by the validation genes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from texcnn.errors import RunError
from texcnn.heads.linear import LinearHead
from texcnn.training.examples import Examples
from texcnn.training.fit import Epoch, Fit
from texcnn.training.label_scale import LabelScale

PENALTIES = tuple(float(penalty) for penalty in np.logspace(0, 6, 13))

Values = npt.NDArray[np.float64]


def fit_ridge(
    head: nn.Module,
    examples: Examples,
    train: Sequence[int],
    valid: Sequence[int],
) -> Fit:
    """Solves a ridge regression for each of :data:`PENALTIES` and keeps the best one on the validation genes.

    Args:
        head: A linear head; changed in place.
        examples: All genes.
        train: Rows that the weights are fitted to.
        valid: Rows that choose the penalty.

    Returns:
        The head, with one epoch of history: the solution is exact, and nothing in it is random.

    Raises:
        InputError: when a cell type cannot be learned from the training genes.
        RunError: when scikit-learn is missing.
    """
    try:
        from sklearn.linear_model import Ridge
    except ImportError as error:
        raise RunError(
            "ridge regression needs scikit-learn", where="training", remedy="pip install 'texcnn[peers]'"
        ) from error
    assert isinstance(head, LinearHead)
    values, *_, features = examples.arguments(torch.arange(len(examples.labels)), torch.device("cpu"))
    assert values is not None
    scale = LabelScale.fit(examples.labels[train], examples.cell_types)
    labels = scale.apply(examples.labels).double().numpy()
    flat = values.flatten(1)
    head.mean.copy_(flat[train].mean(dim=0))
    spread = flat[train].std(dim=0, correction=0)
    head.scale.copy_(torch.where(spread > 0, spread, 1.0))
    columns = head.columns(values, features).double().numpy()

    solutions = []
    for penalty in PENALTIES:
        weight, bias = np.zeros((labels.shape[1], columns.shape[1])), np.zeros(labels.shape[1])
        for outputs, known in _same_genes_known(labels[train]):
            rows = np.asarray(train)[known]
            solved = Ridge(alpha=penalty).fit(columns[rows], labels[rows][:, outputs])
            weight[outputs], bias[outputs] = np.atleast_2d(solved.coef_), solved.intercept_
        losses = [_loss(columns[rows] @ weight.T + bias, labels[rows]) for rows in (list(train), list(valid))]
        solutions.append((losses, weight, bias))
    (train_loss, valid_loss), weight, bias = min(solutions, key=lambda solution: solution[0][1])
    with torch.no_grad():
        head.output.weight.copy_(torch.from_numpy(weight))
        head.output.bias.copy_(torch.from_numpy(bias))
    scale.fold_into(head.output)
    return Fit(head.eval(), [Epoch(1, train_loss, valid_loss)])


def _loss(predicted: Values, true: Values) -> float:
    return float(np.nanmean((predicted - true) ** 2))


def _same_genes_known(labels: Values) -> list[tuple[list[int], npt.NDArray[np.bool_]]]:
    """Cell types known for the same genes, which one solution serves."""
    groups: dict[bytes, tuple[list[int], npt.NDArray[np.bool_]]] = {}
    for column, known in enumerate(~np.isnan(labels).T):
        groups.setdefault(known.tobytes(), ([], known))[0].append(column)
    return list(groups.values())
