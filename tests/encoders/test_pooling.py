import pytest
import torch

from texcnn.encoders.pooling import POOLINGS, get_pooling
from texcnn.errors import ModelError

# Two rows of [CLS] x y [SEP] and [CLS] x [SEP] padding, two dimensions; padding holds what must not leak.
HIDDEN = torch.tensor(
    [
        [[1.0, -1.0], [2.0, -2.0], [6.0, -6.0], [3.0, -3.0]],
        [[1.0, -4.0], [5.0, -5.0], [3.0, -9.0], [float("nan"), 100.0]],
    ]
)
ATTENTION = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
SPECIAL = torch.tensor([[True, False, False, True], [True, False, True, False]])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mean", [[3.0, -3.0], [3.0, -6.0]]),
        ("mean_no_special", [[4.0, -4.0], [5.0, -5.0]]),
        ("cls", [[1.0, -1.0], [1.0, -4.0]]),
        ("max", [[6.0, -1.0], [5.0, -4.0]]),
    ],
)
def test_by_hand(name, expected):
    assert get_pooling(name)(HIDDEN, ATTENTION, SPECIAL).tolist() == expected


@pytest.mark.parametrize("name", POOLINGS)
def test_a_row_of_padding_alone_is_zeros(name):
    hidden = torch.full((1, 3, 2), 7.0)
    nothing = torch.zeros(1, 3, dtype=torch.bool)
    assert get_pooling(name)(hidden, nothing, nothing).tolist() == [[0.0, 0.0]]


def test_a_row_without_bases_is_zeros_without_special_tokens():
    hidden = torch.full((1, 2, 2), 7.0)
    everything = torch.ones(1, 2, dtype=torch.bool)
    assert get_pooling("mean_no_special")(hidden, everything, everything).tolist() == [[0.0, 0.0]]
    assert get_pooling("mean")(hidden, everything, everything).tolist() == [[7.0, 7.0]]


@pytest.mark.parametrize("name", ["mean", "mean_no_special"])
def test_half_precision_is_summed_in_float32(name):
    # In float16, 2049 ones cannot be counted: 2048 + 1 = 2048.
    hidden = torch.ones(1, 4097, 1, dtype=torch.float16)
    hidden[0, 0] = 3.0
    attention, special = torch.ones(1, 4097), torch.zeros(1, 4097)
    pooled = get_pooling(name)(hidden, attention, special)
    assert pooled.dtype == torch.float32
    assert pooled.item() == pytest.approx(4099 / 4097, abs=1e-6)


@pytest.mark.parametrize("name", POOLINGS)
def test_float32_and_gradients_only_where_tokens_are(name):
    hidden = torch.ones(2, 4, 2, requires_grad=True)
    pooled = get_pooling(name)(hidden, ATTENTION, SPECIAL)
    pooled.sum().backward()
    assert pooled.dtype == torch.float32
    assert torch.equal(hidden.grad[1, 3], torch.zeros(2))
    assert hidden.grad.sum(dim=(1, 2)).tolist() == pytest.approx([2.0, 2.0])


def test_unknown_name_lists_the_valid_ones():
    with pytest.raises(ModelError, match=r"unknown pooling 'avg' .* mean, mean_no_special, cls, max"):
        get_pooling("avg")
