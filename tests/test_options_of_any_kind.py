"""Whatever is given for an option, its object is made or the user gets one of our errors."""

from __future__ import annotations

import math
from typing import Any

import pytest

from texcnn.effects.attribute_options import AttributeOptions
from texcnn.effects.options import EffectOptions
from texcnn.errors import TexcnnError
from texcnn.evaluation.options import EvaluateOptions
from texcnn.evaluation.variants.options import EvaluateVariantsOptions
from texcnn.keywords import option_names, options_from
from texcnn.prediction.embed import EmbedOptions
from texcnn.prediction.options import PredictOptions
from texcnn.pretraining.options import PretrainOptions
from texcnn.report.options import ReportOptions
from texcnn.training.options import TrainOptions

VALUES: list[Any] = [
    None, "x", "", "1", "a\0b", "\udce9", "x" * 300, 1, 0, -1, 1.5, math.nan, 10**30, True, b"x", object(),
    [], {}, {"a": 1}, ["a"], [1], [None], (1, 2),
]  # fmt: skip


@pytest.mark.parametrize(
    "kind",
    [
        AttributeOptions, EffectOptions, EmbedOptions, EvaluateOptions, EvaluateVariantsOptions, PredictOptions,
        PretrainOptions, ReportOptions, TrainOptions,
    ],
)  # fmt: skip
def test_any_value_is_used_or_refused(kind: type) -> None:
    needed = {"unit": "TPM"} if kind is TrainOptions else {}
    refused = 0
    for name in option_names(kind):
        for value in VALUES:
            try:
                options_from(kind, None, {**needed, name: value})
            except TexcnnError:
                refused += 1
            except Exception as error:
                raise AssertionError(f"{name}={value!r}") from error
    assert refused > 30
