"""Masked-language-model pre-training: the loss is what it says, and a stopped training ends with the same bits."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch file uses

from texcnn.errors import InputError, ModelError, RunError
from texcnn.pretraining import fit as fit_module
from texcnn.pretraining.fit import StepOptions, StepReport, fit_language_model
from texcnn.pretraining.language_model import LanguageModel, ModelSizes, dnabert2_model, dnabert_model
from texcnn.pretraining.vocabulary import train_bpe

SIZES = ModelSizes(16, 1, 2, 16)
OPTIONS = StepOptions(steps=6, segments_per_step=8, batch_size=8, report_every=2, valid_segments=12, seed=5)


def draw(n: int, rng: np.random.Generator) -> list[str]:
    return ["".join(rng.choice(list("ACGT"), 24)) for _ in range(n)]


def dnabert(seed: int = 0, sizes: ModelSizes = SIZES) -> LanguageModel:
    return dnabert_model(sizes, 3, seed=seed)


def dnabert2(seed: int = 0, sizes: ModelSizes = SIZES) -> LanguageModel:
    rng = random.Random(0)
    return dnabert2_model(sizes, train_bpe(["".join(rng.choices("ACGT", k=200))], 30), seed=seed)


def fit(language: LanguageModel, options: StepOptions = OPTIONS, checkpoint: Path | None = None) -> list[StepReport]:
    return fit_language_model(language, draw, draw, options, data="these bases", checkpoint=checkpoint)


def weights(language: LanguageModel) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in language.model.named_parameters()}


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(value.equal(right[name]) for name, value in left.items())


@pytest.mark.parametrize("make", [dnabert, dnabert2])
def test_the_held_out_loss_is_the_mean_cross_entropy_of_hidden_tokens(make: Callable[[], LanguageModel]) -> None:
    still = StepOptions(steps=1, segments_per_step=2, batch_size=5, report_every=1, valid_segments=12,
                        learning_rate=1e-30, weight_decay=0.0, seed=5)  # fmt: skip
    language = make()
    (report,) = fit(language, still)
    segments = draw(12, np.random.default_rng(5 * 1_000_003))
    ids, attention_mask = language.encoder.collate(language.encoder.tokenize(segments))
    generator = torch.Generator().manual_seed(5 * 1_000_003)
    seen, chosen = language.mask(ids, fraction=0.15, generator=generator)
    assert 0 < chosen.sum() < chosen.numel()
    with torch.no_grad():
        scores = language.scores(language.encoder.hidden_states(seen, attention_mask))
    expected = F.cross_entropy(scores[chosen], ids[chosen])
    assert report.valid_loss == pytest.approx(expected.item(), rel=1e-5)
    assert report.learning_rate == 1e-30


@pytest.mark.parametrize("make", [dnabert, dnabert2])
def test_the_batch_size_does_not_change_the_steps(make: Callable[[], LanguageModel]) -> None:
    one, other = make(), make()
    first = fit(one, OPTIONS)
    second = fit(other, StepOptions(**{**vars(OPTIONS), "batch_size": 3}))
    for left, right in zip(first, second, strict=True):
        assert left.train_loss == pytest.approx(right.train_loss, rel=1e-4)
        assert left.valid_loss == pytest.approx(right.valid_loss, rel=1e-4)


@pytest.mark.parametrize("stopped", [1, 2, 3])
def test_a_training_that_was_stopped_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: int
) -> None:
    whole = dnabert(sizes=ModelSizes(16, 1, 2, 16, 0.1))
    expected = fit(whole)
    save, saved = fit_module.save_state, []

    def killed(*given: object) -> None:
        save(*given)  # type: ignore[arg-type]
        saved.append(1)
        if len(saved) == stopped:
            raise KeyboardInterrupt

    path = tmp_path / "state.safetensors"
    with monkeypatch.context() as patched:
        patched.setattr(fit_module, "save_state", killed)
        with pytest.raises(KeyboardInterrupt):
            fit(dnabert(sizes=ModelSizes(16, 1, 2, 16, 0.1)), checkpoint=path)
    resumed = dnabert(sizes=ModelSizes(16, 1, 2, 16, 0.1))
    assert fit(resumed, checkpoint=path) == expected
    assert same(weights(resumed), weights(whole))
    assert [report.step for report in expected] == [2, 4, 6]


@pytest.mark.parametrize(
    "changes", [{"seed": 6}, {"learning_rate": 1e-3}, {"steps": 8}, {"mask_fraction": 0.2}, {"segments_per_step": 9}]
)
def test_the_state_of_other_options_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    path = tmp_path / "state.safetensors"
    fit(dnabert(), checkpoint=path)
    with pytest.raises(InputError, match="other data or other options"):
        fit(dnabert(), StepOptions(**{**vars(OPTIONS), **changes}), path)


def test_the_state_of_other_weights_or_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    fit(dnabert(), checkpoint=path)
    for other in (dnabert(seed=1), dnabert2()):
        with pytest.raises(InputError, match="other data or other options"):
            fit(other, checkpoint=path)
    fit(dnabert(), StepOptions(**{**vars(OPTIONS), "batch_size": 4}), path)  # changes memory, not the training


def test_the_callers_random_numbers_are_untouched() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    fit(dnabert())
    assert torch.rand(2).equal(expected)


def test_the_model_is_in_evaluation_mode_and_every_weight_has_moved() -> None:
    language = dnabert2()
    before = weights(language)
    fit(language)
    assert not language.model.training
    unmoved = [name for name, value in weights(language).items() if value.equal(before[name])]
    assert unmoved == []


def test_a_loss_that_is_no_number_is_reported() -> None:
    with pytest.raises(RunError, match=r"the loss is nan between steps 3 and 4|the loss is nan between steps 1 and 2"):
        fit(dnabert(), StepOptions(**{**vars(OPTIONS), "learning_rate": 1e25}))


@pytest.mark.parametrize("seed", [0, 1])
def test_first_weights_follow_the_seed(seed: int) -> None:
    assert same(weights(dnabert(seed)), weights(dnabert(seed)))
    assert not same(weights(dnabert(seed)), weights(dnabert(seed + 1)))
    assert same(weights(dnabert2(seed)), weights(dnabert2(seed)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "unusable steps 0"),
        ({"warmup": 0.0}, "unusable warmup 0"),
        ({"mask_fraction": 1.0, "report_every": 0}, "unusable report_every 0, mask_fraction 1"),
    ],
)
def test_options_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        StepOptions(**changes)  # type: ignore[arg-type]


def test_sizes_refused() -> None:
    with pytest.raises(ModelError, match="3 heads do not divide the hidden size 16"):
        ModelSizes(16, 1, 3, 16)
