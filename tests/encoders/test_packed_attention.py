"""Rows of all lengths in one kernel: its arguments, and that it is used only where it does what is expected."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch file uses
from torch import Tensor

from texcnn.encoders import dnabert2_layers, packed_attention
from texcnn.encoders.dnabert2 import Dnabert2Config, Dnabert2Model
from texcnn.encoders.packed_attention import PackedRows, packed_rows

SIZES = {"vocab_size": 20, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}


def kernel(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor, starts: Tensor, key_starts: Tensor, *rest: object
) -> tuple[Tensor]:
    """What the operator computes, by its own account of where each number is."""
    assert starts is key_starts
    assert rest[2:] == (0.0, 0)
    tokens = query.shape[1]
    assert bias.shape == (1, query.shape[2], tokens, tokens)
    found = []
    for start, stop in zip(starts.tolist(), starts.tolist()[1:], strict=False):
        length = stop - start
        assert length <= rest[0] == rest[1]
        rows = [each[:, start:stop].transpose(1, 2) for each in (query, key, value)]
        mixed = F.scaled_dot_product_attention(*rows, attn_mask=bias[..., :length, :length])
        found.append(mixed.transpose(1, 2))
    return (torch.cat(found, dim=1),)


@pytest.fixture
def with_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives the CPU the operator."""
    monkeypatch.setattr(torch.ops.aten, "_efficient_attention_forward", kernel)
    packed_attention._works.cache_clear()


@pytest.fixture(autouse=True)
def forgotten() -> object:
    """Leaves no trial of a test behind."""
    yield
    packed_attention._works.cache_clear()


def states(model: Dnabert2Model, lengths: list[int]) -> Tensor:
    ids = torch.arange(sum(lengths)) % 20
    with torch.inference_mode():
        return model.packed(ids, lengths)


@pytest.mark.parametrize("lengths", [[5, 5, 5], [70, 9, 9, 3, 1], [1]])
def test_a_models_states_are_those_of_attention_by_row_length(
    with_kernel: None, monkeypatch: pytest.MonkeyPatch, lengths: list[int]
) -> None:
    torch.manual_seed(0)
    model = Dnabert2Model(Dnabert2Config(**SIZES)).eval()
    expected = states(model, lengths)
    used: list[PackedRows] = []

    def always(found: list[int], bias: Tensor) -> PackedRows:
        used.append(PackedRows.of(found, bias))
        return used[-1]

    monkeypatch.setattr(dnabert2_layers, "packed_rows", always)
    torch.testing.assert_close(states(model, lengths), expected, rtol=0, atol=1e-6)
    assert [rows.starts.tolist()[-1] for rows in used] == [sum(lengths)]


def test_the_kernel_is_tried_before_it_is_used(with_kernel: None, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    assert packed_attention._works(cpu, torch.float32)
    packed_attention._works.cache_clear()

    def without_bias(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, *rest: Tensor) -> tuple[Tensor]:
        return kernel(query, key, value, torch.zeros_like(bias), *rest)

    monkeypatch.setattr(torch.ops.aten, "_efficient_attention_forward", without_bias)
    assert not packed_attention._works(cpu, torch.float32)


def test_where_there_is_no_such_kernel_rows_of_one_length_are_taken() -> None:
    assert not packed_attention._works(torch.device("cpu"), torch.float32)
    with torch.inference_mode():
        assert packed_rows([3, 2], torch.zeros(1, 2, 64, 64)) is None
