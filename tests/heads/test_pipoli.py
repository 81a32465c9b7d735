"""The promoter transformer against the Keras layers of its authors, written out in NumPy."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from texcnn.heads.pipoli import PipoliTransformer, sinusoids

Values = npt.NDArray[np.float64]
DIM, SEGMENTS, HEADS = 6, 5, 2


def layer_norm(x: Values, weight: Values, bias: Values, epsilon: float) -> Values:
    return (x - x.mean()) / math.sqrt(x.var() + epsilon) * weight + bias


def keras_forward(state: dict[str, Values], values: Values, mask: list[bool], features: Values) -> Values:
    """One gene, its usable chunks alone: BatchNormalization, positions, MultiHeadAttention, two norms, the average."""

    def dense(name: str, x: Values) -> Values:
        return state[f"{name}.weight"] @ x + state[f"{name}.bias"]

    hidden = []
    for place in np.flatnonzero(mask):
        centred = (values[place] - state["norm.running_mean"]) / np.sqrt(state["norm.running_var"] + 1e-3)
        position = [
            (math.sin if column % 2 == 0 else math.cos)(place / 10_000 ** ((column - column % 2) / DIM))
            for column in range(DIM)
        ]
        hidden.append((centred * state["norm.weight"] + state["norm.bias"]) * math.sqrt(DIM) + np.array(position))
    queries, keys, inputs = (
        np.array([dense("queries_keys_values", x) for x in hidden])[:, part * HEADS * DIM : (part + 1) * HEADS * DIM]
        for part in range(3)
    )
    blocks = []
    for row, x in enumerate(hidden):
        heads = []
        for head in range(HEADS):
            own = slice(head * DIM, (head + 1) * DIM)
            scores = np.exp([queries[row, own] @ key[own] / math.sqrt(DIM) for key in keys])
            heads.append(sum(score * value[own] for score, value in zip(scores / scores.sum(), inputs, strict=True)))
        attended = x + dense("attended", np.concatenate(heads))
        attended = layer_norm(attended, state["attention_norm.weight"], state["attention_norm.bias"], 1e-6)
        fed = attended + dense("outer", np.maximum(dense("inner", attended), 0))
        blocks.append(layer_norm(fed, state["block_norm.weight"], state["block_norm.bias"], 1e-6))
    pooled = np.concatenate([np.mean(blocks, axis=0), features])
    return dense("output", np.maximum(dense("dense", pooled), 0))


@pytest.fixture
def network() -> PipoliTransformer:
    torch.manual_seed(0)
    network = PipoliTransformer(DIM, 3, n_segments=SEGMENTS, n_features=2, heads=HEADS, feed_forward=7, dense=8)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.4)
    network.norm.running_mean.normal_()  # type: ignore[union-attr]
    network.norm.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    return network.eval()


def test_forward_equals_the_keras_layers(network: PipoliTransformer) -> None:
    values, features = torch.randn(3, SEGMENTS, DIM), torch.randn(3, 2)
    mask = torch.tensor([[True] * 5, [True, False, True, True, False], [False, False, False, True, False]])
    state = {name: value.numpy().astype(np.float64) for name, value in network.state_dict().items()}
    with torch.no_grad():
        found = network(values, mask, features).numpy()
    rows = zip(values.double().numpy(), mask.tolist(), features.double().numpy(), strict=True)
    expected = np.array([keras_forward(state, *row) for row in rows])
    assert np.abs(expected).max() > 0.1
    assert np.ptp(expected, axis=0).min() > 0.01
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_window_without_a_usable_chunk_is_nan_and_others_do_not_see_it(network: PipoliTransformer) -> None:
    values, features = torch.randn(2, SEGMENTS, DIM), torch.randn(2, 2)
    mask = torch.tensor([[False] * 5, [True] * 5])
    with torch.no_grad():
        both, alone = network(values, mask, features), network(values[1:], mask[1:], features[1:])
    assert both[0].isnan().all()
    torch.testing.assert_close(both[1:], alone, rtol=0, atol=1e-6)


def test_positions_worked_out_by_hand() -> None:
    expected = [
        [0, 1, 0, 1],
        [math.sin(1), math.cos(1), math.sin(0.01), math.cos(0.01)],
        [math.sin(2), math.cos(2), math.sin(0.02), math.cos(0.02)],
    ]
    np.testing.assert_allclose(sinusoids(3, 4), expected, atol=1e-7)
    odd = [[0, 1, 0], [math.sin(1), math.cos(1), math.sin(10_000 ** (-2 / 3))]]
    np.testing.assert_allclose(sinusoids(2, 3), odd, atol=1e-7)
