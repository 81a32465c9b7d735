"""How scripts/crossvalidation fits one fold, on a few made-up windows."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from texcnn.training.examples import Examples, WindowBases
from texcnn.training.fit import predict_rows

LENGTH, GENES = 900, 60


@pytest.fixture
def run(project: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module; the files next to it are found, as when it is run."""
    monkeypatch.syspath_prepend(project / "scripts" / "crossvalidation")
    for name in ("dataset", "entries", "folds", "run"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("run")


@pytest.fixture
def dataset() -> SimpleNamespace:
    """Genes whose median follows their share of G; cell type ``a`` is unknown to a network of the median alone."""
    codes = torch.randint(4, (GENES, LENGTH), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    codes[::2, :300] = 2
    median = (codes == 2).float().mean(dim=1)
    rows = np.arange(GENES)
    return SimpleNamespace(
        codes=codes,
        labels=torch.stack([median.flip(0), median], dim=1),
        cell_types=["a", "median"],
        window=SimpleNamespace(length=LENGTH),
        folds=lambda: [tuple(part.tolist() for part in (rows[:40], rows[40:50], rows[50:]))],
    )


def fold(run: ModuleType, dataset: SimpleNamespace, number: int = 0, **changes: object) -> dict[str, np.ndarray]:
    entry = next(entry for entry in run.MODELS if entry.key == "xpresso")
    entry = replace(entry, **{"fit": {"epochs": 2}, "few": {"batch_size": 8}, **changes})
    feeder = SimpleNamespace(inputs=lambda *_: WindowBases(dataset.codes))
    return run.run_fold(dataset, feeder, entry, number, 0, None, torch.device("cpu"))


def test_a_network_of_the_median_says_nothing_of_cell_types(run: ModuleType, dataset: SimpleNamespace) -> None:
    made = fold(run, dataset, starts=1)
    assert made["rows"].tolist() == list(range(50, 60))
    assert np.isnan(made["predicted"][:, 0]).all()
    assert np.isfinite(made["predicted"][:, 1]).all()
    assert np.isfinite(fold(run, dataset, starts=1, median_only=False)["predicted"]).all()


def test_dead_starts_are_given_up_and_the_best_other_is_finished(
    run: ModuleType, dataset: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit, calls = run._fit, []

    def watched(*arguments: object, **given: int) -> object:
        made = fit(*arguments, **given)
        calls.append((given.get("epochs"), arguments[-1], made, predict_rows(made.head, arguments[2], range(40, 50))))
        return made

    monkeypatch.setattr(run, "_fit", watched)
    best = fold(run, dataset, number=2, starts=6, fit={"epochs": 12}, few={"batch_size": 8, "patience": 12})
    begun = {seed: made for epochs, seed, made, _ in calls if epochs == 2}
    dead = {seed for epochs, seed, _, out in calls if epochs == 2 and out.std() < 1e-6}
    further = {seed: made for epochs, seed, made, _ in calls if epochs == 8}
    ((chosen, finished),) = [(seed, made) for epochs, seed, made, _ in calls if epochs is None]
    assert list(begun) == [2_000 + 100_000 * start for start in range(6)]
    assert 0 < len(dead) < 6
    assert set(further) == set(begun) - dead
    assert chosen == min(further, key=lambda seed: further[seed].best.valid_loss)
    # It went on, and did not begin again.
    assert finished.history[:2] == begun[chosen].history
    assert finished.history[:8] == further[chosen].history
    assert len(finished.history) == 12
    examples = Examples(WindowBases(dataset.codes), None, dataset.labels[:, 1:], ("median",))
    assert np.array_equal(best["predicted"][:, 1:], predict_rows(finished.head, examples, range(50, 60)).numpy())


def test_a_fold_whose_starts_all_died_is_still_predicted(
    run: ModuleType, dataset: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "is_constant", lambda predicted: True)
    assert np.isfinite(fold(run, dataset, starts=2)["predicted"][:, 1]).all()


def test_few_genes_have_settings_of_their_own(
    run: ModuleType, dataset: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fold(run, dataset, starts=1)["epochs"] == 2
    first = fold(run, dataset, starts=1)["predicted"][:, 1]
    monkeypatch.setattr(run, "FEW", 40)
    assert not np.allclose(fold(run, dataset, starts=1)["predicted"][:, 1], first, atol=1e-6)
    monkeypatch.setattr(run, "FEW", 41)
    assert np.array_equal(fold(run, dataset, starts=1)["predicted"][:, 1], first)
