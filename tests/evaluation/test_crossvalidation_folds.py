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

from texcnn.training.inputs import WindowBases

LENGTH, GENES = 900, 60


@pytest.fixture
def run(project: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module; its neighbours are found beside it, as when it is run."""
    monkeypatch.syspath_prepend(project / "scripts" / "crossvalidation")
    for name in ("dataset", "entries", "run"):
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
    entry = replace(entry, fit={"epochs": 2}, few={"batch_size": 8}, **changes)
    feeder = SimpleNamespace(inputs=lambda *_: WindowBases(dataset.codes))
    return run.run_fold(dataset, feeder, entry, number, 0, None, "cpu")


def test_a_network_of_the_median_says_nothing_of_cell_types(run: ModuleType, dataset: SimpleNamespace) -> None:
    made = fold(run, dataset, starts=1)
    assert made["rows"].tolist() == list(range(50, 60))
    assert np.isnan(made["predicted"][:, 0]).all()
    assert np.isfinite(made["predicted"][:, 1]).all()
    assert np.isfinite(fold(run, dataset, starts=1, median_only=False)["predicted"]).all()


def test_the_best_start_that_is_alive_is_trained(
    run: ModuleType, dataset: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit, calls = run._fit, []

    def watched(*arguments: object, **given: int) -> object:
        made = fit(*arguments, **given)
        *_, examples, _, valid, _, device, seed = arguments
        calls.append((seed, given, run._rank(made, examples, valid, device), examples))
        return made

    monkeypatch.setattr(run, "_fit", watched)
    fold(run, dataset, number=2, starts=6)
    tried, (chosen, given, _, _) = calls[:-1], calls[-1]
    assert [seed for seed, *_ in tried] == [2_000 + 100_000 * start for start in range(6)]
    assert all(given == {"epochs": 1} for _, given, _, _ in tried)
    assert given == {}
    ranks = {seed: rank for seed, _, rank, _ in tried}
    assert {dead for dead, _ in ranks.values()} == {True, False}
    assert ranks[chosen] == (False, min(loss for dead, loss in ranks.values() if not dead))


def test_few_genes_have_settings_of_their_own(
    run: ModuleType, dataset: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fold(run, dataset, starts=1)["epochs"] == 2
    first = fold(run, dataset, starts=1)["predicted"][:, 1]
    monkeypatch.setattr(run, "FEW", 40)
    assert not np.allclose(fold(run, dataset, starts=1)["predicted"][:, 1], first, atol=1e-6)
    monkeypatch.setattr(run, "FEW", 41)
    assert np.array_equal(fold(run, dataset, starts=1)["predicted"][:, 1], first)
