"""The head's arithmetic, and that masked segments can never change it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import max_fraction_head
from torch import nn

from texcnn.errors import ModelError
from texcnn.heads.textcnn import TextCNN


def naive(head: TextCNN, values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The same head in loops: convolution with zero padding, ReLU, maximum over unmasked segments, linear."""
    n, length, _ = values.shape
    rows = []
    for row in range(n):
        pooled = []
        for convolution in head.convolutions:
            weight, bias = convolution.weight.detach().numpy(), convolution.bias.detach().numpy()
            reach = weight.shape[2] // 2
            best = np.zeros(len(bias))
            for place in range(length):
                if not mask[row, place]:
                    continue
                total = bias.copy()
                for offset in range(-reach, reach + 1):
                    if 0 <= place + offset < length and mask[row, place + offset]:
                        total += weight[:, :, offset + reach] @ values[row, place + offset]
                best = np.maximum(best, total)
            pooled.append(best)
        rows.append(head.output.weight.detach().numpy() @ np.concatenate(pooled) + head.output.bias.detach().numpy())
    return np.array(rows)


def test_agrees_with_loops() -> None:
    torch.manual_seed(1)
    head = TextCNN(6, 3, filters=4).eval()
    values, mask = torch.randn(5, 7, 6), torch.rand(5, 7) > 0.3
    mask[:, 0] = True
    found = head(values, mask).detach().numpy()
    np.testing.assert_allclose(found, naive(head, values.numpy(), mask.numpy()), rtol=1e-5, atol=1e-6)


def test_known_answer() -> None:
    values = torch.tensor([[[0.0, 0, 1, 0], [0, 0.5, 0, 0.5], [1, 0, 0, 0]]])
    assert max_fraction_head()(values, torch.tensor([[True, True, True]])).tolist() == [[1.0, 3.0]]
    assert max_fraction_head()(values, torch.tensor([[False, True, False]])).tolist() == [[0.5, 1.0]]


def test_features_join_before_the_linear_layer() -> None:
    values, mask = torch.zeros(2, 3, 4), torch.ones(2, 3, dtype=torch.bool)
    found = max_fraction_head(2)(values, mask, torch.tensor([[1.0, 10], [0, 0]]))
    assert found.tolist() == [[11.0, 12.0], [0.0, 1.0]]


def test_what_is_under_the_mask_never_counts() -> None:
    torch.manual_seed(2)
    head = TextCNN(4, 2, n_segments=6, segment_positions=True).eval()
    nn.init.normal_(head.positions)
    values, mask = torch.randn(3, 6, 4), torch.tensor([[True, True, False, True, False, False]] * 3)
    other = values.clone()
    other[:, 2] = 1e6
    other[:, 4:] = -1e6
    assert torch.equal(head(values, mask), head(other, mask))


def test_a_row_without_segments_is_nan_and_leaves_the_others_alone() -> None:
    head = max_fraction_head()
    mask = torch.tensor([[True, True], [False, False]])
    found = head(torch.full((2, 2, 4), 0.25), mask)
    assert found[0].tolist() == [0.5, 1.5]
    assert found[1].isnan().all()


def test_positions_distinguish_segments() -> None:
    head = TextCNN(1, 1, n_segments=3, kernel_widths=(1,), filters=1, segment_positions=True).eval()
    with torch.no_grad():
        head.convolutions[0].weight.fill_(1)
        head.convolutions[0].bias.zero_()
        head.positions.copy_(torch.tensor([[-9.0], [0.0], [5.0]]))
        head.output.weight.fill_(1)
        head.output.bias.zero_()
    values = torch.tensor([[[7.0], [0], [0]], [[0.0], [7], [0]], [[0.0], [0], [7]]])
    assert head(values, torch.ones(3, 3, dtype=torch.bool)).squeeze(1).tolist() == [5.0, 7.0, 12.0]


def test_every_activation_is_its_own_module() -> None:
    head = TextCNN(4, 2)
    assert [type(module) for module in head.activations] == [nn.ReLU] * 3
    assert len({id(module) for module in head.activations}) == 3
    assert [convolution.kernel_size for convolution in head.convolutions] == [(1,), (3,), (5,)]
    assert all(convolution.out_channels == 128 for convolution in head.convolutions)


def test_one_row_equals_the_same_row_in_a_batch() -> None:
    torch.manual_seed(3)
    head = TextCNN(8, 57).eval()
    values, mask = torch.randn(9, 21, 8), torch.rand(9, 21) > 0.2
    whole = head(values, mask)
    alone = torch.cat([head(values[row : row + 1], mask[row : row + 1]) for row in range(9)])
    torch.testing.assert_close(whole, alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("widths", [(), (2,), (1, 0), (3, -1)])
def test_refuses_kernel_widths(widths: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"kernel widths.*odd numbers"):
        TextCNN(4, 1, kernel_widths=widths)


def test_refuses_other_numbers_of_segments_and_features() -> None:
    head = TextCNN(4, 1, n_segments=3, segment_positions=True)
    with pytest.raises(ModelError, match=r"2 segments given.*3 segments"):
        head(torch.zeros(1, 2, 4), torch.ones(1, 2, dtype=torch.bool))
    with pytest.raises(ModelError, match=r"1 features given.*0 features"):
        TextCNN(4, 1)(torch.zeros(1, 2, 4), torch.ones(1, 2, dtype=torch.bool), torch.zeros(1, 1))
    with pytest.raises(ModelError, match=r"need the number of segments"):
        TextCNN(4, 1, segment_positions=True)


def test_dense_units_read_every_filter_at_every_segment() -> None:
    head = TextCNN(1, 1, n_segments=3, kernel_widths=(1,), filters=1, dense_units=2).eval()
    assert head.dense is not None
    with torch.no_grad():
        head.convolutions[0].weight.fill_(1.0)
        head.convolutions[0].bias.zero_()
        head.dense[0].weight.copy_(torch.tensor([[1.0, 10.0, 100.0], [-1.0, -1.0, -1.0]]))
        head.dense[0].bias.copy_(torch.tensor([0.5, 2.0]))
        head.output.weight.copy_(torch.tensor([[1.0, 1000.0]]))
        head.output.bias.fill_(7.0)
    values = torch.tensor([[[1.0], [2.0], [3.0]], [[1.0], [-2.0], [0.0]]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    # Row 1: 1 + 20 + 0.5, and 2 - 3 is below zero. Row 2: the convolution's ReLU stops the -2; 1.5, and 2 - 1.
    assert head(values, mask)[:, 0].tolist() == [28.5, 1008.5]


def test_dense_units_distinguish_places_and_ignore_what_is_under_the_mask() -> None:
    torch.manual_seed(3)
    head = TextCNN(4, 2, n_segments=5, filters=6, dense_units=8).eval()
    values, mask = torch.randn(3, 5, 4), torch.ones(3, 5, dtype=torch.bool)
    mask[:, 1] = False
    changed = values.clone()
    changed[:, 1] = 1e6
    assert torch.equal(head(values, mask), head(changed, mask))
    assert not torch.allclose(head(values, mask), head(values.flip(1), mask.flip(1)), atol=1e-3)
    assert head(values, torch.zeros_like(mask)).isnan().all()


def test_fusion_units_read_sequence_and_features_together() -> None:
    head = TextCNN(1, 1, kernel_widths=(1,), filters=1, n_features=1, fusion_units=2).eval()
    assert head.fusion is not None
    with torch.no_grad():
        head.convolutions[0].weight.fill_(1.0)
        head.convolutions[0].bias.zero_()
        head.fusion[0].weight.copy_(torch.tensor([[1.0, 2.0], [-1.0, 1.0]]))
        head.fusion[0].bias.copy_(torch.tensor([0.5, 0.0]))
        head.output.weight.copy_(torch.tensor([[1.0, 10.0, 100.0, 1000.0]]))
        head.output.bias.fill_(7.0)
    values, mask = torch.tensor([[[3.0]], [[1.0]]]), torch.ones(2, 1, dtype=torch.bool)
    # Pooled 3 and feature 2 make 3 + 4 + 0.5, and -3 + 2 is below zero; pooled 1 makes 1 + 4 + 0.5, and 2 - 1.
    expected = [3 + 20 + 750 + 7, 1 + 20 + 550 + 1000 + 7]
    assert head(values, mask, torch.full((2, 1), 2.0))[:, 0].tolist() == expected


def test_a_feature_adds_the_same_to_every_gene_unless_it_is_fused() -> None:
    torch.manual_seed(5)
    values, mask = torch.randn(4, 3, 2), torch.ones(4, 3, dtype=torch.bool)
    for units, equal in ((None, True), (16, False)):
        head = TextCNN(2, 1, n_features=1, fusion_units=units).eval()
        change = head(values, mask, torch.ones(4, 1)) - head(values, mask, torch.zeros(4, 1))
        assert torch.allclose(change, change[:1].expand_as(change), atol=1e-5) == equal


def test_unusable_fusion_units_are_refused() -> None:
    with pytest.raises(ModelError, match="unusable fusion_units 0"):
        TextCNN(4, 1, fusion_units=0)


def test_unusable_dense_units_are_refused() -> None:
    with pytest.raises(ModelError, match="dense units need the number of segments"):
        TextCNN(4, 1, dense_units=8)
    with pytest.raises(ModelError, match="unusable dense_units 0"):
        TextCNN(4, 1, n_segments=3, dense_units=0)
    with pytest.raises(ModelError, match="allowed: 5 segments"):
        TextCNN(4, 1, n_segments=5, dense_units=2)(torch.zeros(1, 4, 4), torch.ones(1, 4, dtype=torch.bool))
