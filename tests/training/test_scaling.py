import logging

import numpy as np
import pytest
import torch
from torch import nn

from texcnn.errors import InputError
from texcnn.features.spec import scale_features
from texcnn.training.scaling import LabelScale, fit_features

LABELS = torch.tensor([[1.0, 10.0], [3.0, torch.nan], [5.0, 30.0], [torch.nan, 50.0]])


def test_labels_are_scaled_by_their_known_values() -> None:
    scale = LabelScale.fit(LABELS, ["a", "b"])
    assert scale.mean.tolist() == [3, 30]
    np.testing.assert_allclose(scale.scale, [np.sqrt(8 / 3), np.sqrt(800 / 3)], rtol=1e-6)
    scaled = scale.apply(LABELS)
    np.testing.assert_allclose(np.nanmean(scaled, axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(np.nanstd(scaled, axis=0), 1, rtol=1e-6)
    assert scaled.isnan().equal(LABELS.isnan())


def test_the_folded_layer_gives_labels_back() -> None:
    scale = LabelScale(torch.tensor([3.0, 30.0]), torch.tensor([2.0, 0.5]))
    layer = nn.Linear(3, 2)
    inputs = torch.randn(5, 3)
    before = layer(inputs).detach()
    scale.fold_into(layer)
    torch.testing.assert_close(layer(inputs), before * scale.scale + scale.mean)


@pytest.mark.parametrize("column", [[2.0, 2.0, torch.nan], [torch.nan] * 3, [1.0, torch.nan, torch.nan]])
def test_a_cell_type_without_difference_among_training_genes(column: list[float]) -> None:
    labels = torch.stack([torch.tensor([1.0, 2.0, 3.0]), torch.tensor(column)], dim=1)
    with pytest.raises(InputError, match="no two training genes differ in the cell types b"):
        LabelScale.fit(labels, ["a", "b"])


def test_features(caplog: pytest.LogCaptureFixture) -> None:
    values = np.array([[1, 7], [3, 7]], np.float32)
    with caplog.at_level(logging.WARNING, "texcnn"):
        specs = fit_features(values, ["length", "flat"])
    assert [(spec.name, spec.mean, spec.scale, spec.default) for spec in specs] == [
        ("length", 2.0, 1.0, None),
        ("flat", 7.0, 1.0, None),
    ]
    assert "same value in every training gene: flat" in caplog.text
    assert scale_features(np.array([[5, 8]], np.float32), specs).tolist() == [[3.0, 1.0]]
