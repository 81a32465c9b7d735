import copy
import errno
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from texcnn import checkpoints
from texcnn.embedding.embeddings import Embeddings
from texcnn.errors import InputError, RunError
from texcnn.heads.textcnn import TextCNN
from texcnn.training import OPTIMIZERS
from texcnn.training import fit as fit_module
from texcnn.training.examples import Examples, SegmentVectors, WindowBases
from texcnn.training.fit import Epoch, Fit, FitOptions, fit_head, predict_rows

TRAIN, VALID, TEST = list(range(60)), list(range(60, 80)), list(range(80, 100))
OPTIONS = FitOptions(epochs=6, batch_size=16, learning_rate=0.01, patience=6, seed=7)


def examples(*, features: bool = False) -> Examples:
    """100 windows of 3 segments; labels are linear in the first segment, half of the second cell type is unknown."""
    chance = torch.Generator().manual_seed(0)
    values = torch.randn(100, 3, 4, generator=chance)
    labels = torch.stack([100 + 10 * values[:, 0, 0], values[:, 0, 1] - 5], dim=1)
    labels[::2, 1] = torch.nan
    mask = torch.ones(100, 3, dtype=torch.bool)
    mask[::7, 2] = False
    extra = torch.randn(100, 2, generator=chance) if features else None
    return Examples(SegmentVectors(Embeddings(values, mask)), extra, labels, ("a", "b"))


def make_head(n_features: int = 0) -> TextCNN:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return TextCNN(4, 2, n_segments=3, kernel_widths=(1, 3), filters=16, dropout=0.2, n_features=n_features,
                       segment_positions=True)  # fmt: skip


def fit(data: Examples | None = None, options: FitOptions = OPTIONS, **more: object) -> Fit:
    data = data or examples()
    n_features = 0 if data.features is None else data.features.shape[1]
    return fit_head(make_head(n_features), data, TRAIN, VALID, options, **more)  # type: ignore[arg-type]


def same(left: Fit, right: Fit) -> bool:
    tensors = right.head.state_dict()
    return left.history == right.history and all(
        value.equal(tensors[name]) for name, value in left.head.state_dict().items()
    )


@pytest.mark.slow
def test_learns_what_is_there_in_the_unit_of_the_labels() -> None:
    data = examples()
    done = fit(data, FitOptions(epochs=80, batch_size=16, learning_rate=0.01, patience=80, seed=7))
    predicted = predict_rows(done.head, data, TEST)
    assert predicted.shape == (20, 2)
    errors = (predicted - data.labels[TEST])[:, 0]
    assert errors.square().mean() < 0.5 * data.labels[TEST, 0].var()
    assert 90 < predicted[:, 0].mean() < 110
    assert -6 < predicted[:, 1].mean() < -4
    assert done.history[0].valid_loss > 2 * done.best.valid_loss


def test_the_loss_is_the_mean_over_known_labels() -> None:
    data = examples()
    still = fit(data, FitOptions(epochs=1, batch_size=16, learning_rate=1e-30, weight_decay=0))
    labels = data.labels[TRAIN].double().numpy()
    scale = np.nanstd(labels, axis=0)
    errors = (predict_rows(still.head, data, VALID).double() - data.labels[VALID]).numpy() / scale
    assert still.history[0].valid_loss == pytest.approx(float(np.nanmean(errors**2)), rel=1e-4)


def test_test_genes_and_unknown_labels_change_nothing() -> None:
    data, other = examples(), examples()
    other.labels[TEST] = 1e6
    other.inputs.embeddings.values[TEST] = 0
    assert same(fit(data), fit(other))


def test_same_seed_same_bits_and_the_callers_chance_untouched() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first = fit()
    assert torch.rand(2).equal(expected)
    assert same(first, fit())
    assert not same(first, fit(options=FitOptions(**{**vars(OPTIONS), "seed": 8})))


@pytest.mark.parametrize("features", [False, True])
@pytest.mark.parametrize("stopped", [1, 4])
def test_continuing_equals_an_uninterrupted_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: int, features: bool
) -> None:
    data, path = examples(features=features), tmp_path / "run.safetensors"
    whole = fit(data)

    def killed(path: Path, *given: object) -> None:
        save(path, *given)
        if len(given[1]) == stopped:  # type: ignore[arg-type]
            raise KeyboardInterrupt

    save = fit_module.save_state
    with monkeypatch.context() as patched:
        patched.setattr(fit_module, "save_state", killed)
        with pytest.raises(KeyboardInterrupt):
            fit(data, checkpoint=path)
    resumed = fit(data, checkpoint=path)
    assert len(resumed.history) == len(whole.history) == 6
    assert same(whole, resumed)
    assert same(whole, fit(data, checkpoint=path))  # finished already: nothing is left to do


def test_a_checkpoint_may_be_taken_further(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    fit(options=FitOptions(**{**vars(OPTIONS), "epochs": 3}), checkpoint=path)
    assert same(fit(), fit(checkpoint=path))


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    fit(checkpoint=path)
    other = examples()
    other.labels[0, 0] += 1
    for data, options in ((other, OPTIONS), (examples(), FitOptions(**{**vars(OPTIONS), "learning_rate": 0.02}))):
        with pytest.raises(InputError, match="other data or other options"):
            fit(data, options, checkpoint=path)
    path.write_bytes(b"damaged")
    with pytest.raises(InputError, match="unreadable checkpoint"):
        fit(checkpoint=path)


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.safetensors"
    saved = checkpoints.save_file
    calls: list[int] = []

    def full(tensors: dict[str, Tensor], name: Path, **more: object) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        saved(tensors, name, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "save_file", full)
        with pytest.raises(RunError, match=r"No space left on device .*continues from the checkpoint before"):
            fit(checkpoint=path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.safetensors"]
    assert same(fit(), fit(checkpoint=path))


def test_stops_early_and_keeps_the_best_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([3.0, 1.0, 2.0, 1.0, 5.0, 0.5])
    kept: list[dict[str, Tensor]] = []

    def fixed_loss(self: object) -> float:
        kept.append(copy.deepcopy(self._head.state_dict()))  # type: ignore[attr-defined]
        return next(losses)

    monkeypatch.setattr(fit_module._Fitting, "_valid_loss", fixed_loss)
    done = fit(options=FitOptions(**{**vars(OPTIONS), "patience": 3}))
    assert [epoch.valid_loss for epoch in done.history] == [3, 1, 2, 1, 5]
    assert done.best == done.history[1]
    # All but the last layer, which takes the labels' scale in, are those of epoch 2 and no later one's.
    name = "convolutions.0.weight"
    assert done.head.state_dict()[name].equal(kept[1][name])
    assert not kept[1][name].equal(kept[4][name])
    assert not done.head.training


def test_a_loss_that_explodes_is_reported() -> None:
    with pytest.raises(RunError, match=r"the loss is .* in epoch \d+ .*smaller `learning_rate`"):
        fit(options=FitOptions(epochs=5, learning_rate=1e30))


def test_each_device_learns_and_resumes(tmp_path: Path, device: str) -> None:
    data, path = examples(features=True), tmp_path / "run.safetensors"
    half = FitOptions(**{**vars(OPTIONS), "epochs": 3})
    fit_head(make_head(2), data, TRAIN, VALID, half, device=torch.device(device), checkpoint=path)
    done = fit_head(make_head(2), data, TRAIN, VALID, OPTIONS, device=torch.device(device), checkpoint=path)
    assert len(done.history) == 6
    assert done.history[-1].train_loss < done.history[0].train_loss
    assert {value.device.type for value in done.head.state_dict().values()} == {"cpu"}


def test_each_optimiser_learns_in_its_own_way_and_resumes(tmp_path: Path) -> None:
    losses = {}
    for name in OPTIMIZERS:
        options = FitOptions(**{**vars(OPTIONS), "optimizer": name})
        half = FitOptions(**{**vars(options), "epochs": 3})
        path = tmp_path / name
        fit(options=half, checkpoint=path)
        whole = fit(options=options)
        assert same(whole, fit(options=options, checkpoint=path))
        assert whole.history[-1].train_loss < whole.history[0].train_loss
        losses[name] = whole.best.valid_loss
    assert len(set(losses.values())) == 3


def test_a_network_that_reads_bases_is_fitted_as_well() -> None:
    class CountingNetwork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.output = nn.Linear(4, 2)

        def forward(self, one_hot: Tensor, features: Tensor | None) -> Tensor:
            assert features is None
            return self.output(one_hot.sum(dim=2))

    codes = torch.randint(0, 5, (100, 12), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    counts = (codes == 0).sum(dim=1)
    data = Examples(WindowBases(codes), None, torch.stack([7 + 2.0 * counts, 1.0 - counts], dim=1), ("a", "b"))
    options = FitOptions(epochs=60, batch_size=10, learning_rate=0.05, patience=60)
    done = fit_head(CountingNetwork(), data, TRAIN, VALID, options)
    errors = predict_rows(done.head, data, TEST) - data.labels[TEST]
    assert errors.square().mean() < 0.25
    assert done.best.valid_loss < 0.05


def test_history_says_numbers() -> None:
    done = fit()
    assert [epoch.epoch for epoch in done.history] == [1, 2, 3, 4, 5, 6]
    assert all(isinstance(epoch, Epoch) and math.isfinite(epoch.train_loss) for epoch in done.history)
