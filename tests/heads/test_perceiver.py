"""DNAPerceiver against its equations, written out in NumPy for one window at a time."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from texcnn.errors import ModelError
from texcnn.heads.perceiver import Perceiver
from texcnn.segments.bases import one_hot, stack_codes

Values = npt.NDArray[np.float64]
State = dict[str, Values]
LENGTH, POOL = 40, 4


def gelu(x: Values) -> Values:
    return np.array([value * 0.5 * (1 + math.erf(value / math.sqrt(2))) for value in x.reshape(-1)]).reshape(x.shape)


def softmax(x: Values) -> Values:
    weights = np.exp(x - x.max())
    return weights / weights.sum()


def layer_norm(state: State, name: str, x: Values) -> Values:
    rows = [(row - row.mean()) / math.sqrt(row.var() + 1e-5) for row in x]
    return np.array(rows) * state[f"{name}.weight"] + state[f"{name}.bias"]


def attention(state: State, name: str, x: Values, context: Values, heads: int) -> Values:
    """Each row of ``x`` asks all rows of the context, head by head."""
    normed, seen = layer_norm(state, f"{name}.norm", x), layer_norm(state, f"{name}.context_norm", context)
    queries = normed @ state[f"{name}.queries.weight"].T
    keys, values = np.split(seen @ state[f"{name}.keys_values.weight"].T, 2, axis=1)
    size = queries.shape[1] // heads
    rows = []
    for query in queries:
        parts = []
        for head in range(heads):
            own = slice(head * size, (head + 1) * size)
            parts.append(softmax(keys[:, own] @ query[own] / math.sqrt(size)) @ values[:, own])
        rows.append(state[f"{name}.joined.weight"] @ np.concatenate(parts) + state[f"{name}.joined.bias"])
    return np.array(rows)


def feed_forward(state: State, name: str, x: Values) -> Values:
    inner = layer_norm(state, f"{name}.norm", x) @ state[f"{name}.inner.weight"].T + state[f"{name}.inner.bias"]
    value, gate = np.split(inner, 2, axis=1)
    return (value * gelu(gate)) @ state[f"{name}.outer.weight"].T + state[f"{name}.outer.bias"]


def convolution(state: State, name: str, x: Values) -> Values:
    """``(channels, length)`` with zeros before and after, so that the length stays."""
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    side = weight.shape[2] // 2
    padded = np.pad(x, ((0, 0), (side, side)))
    return np.stack(
        [(weight * padded[None, :, at : at + weight.shape[2]]).sum((1, 2)) + bias for at in range(x.shape[1])], axis=1
    )


def block(state: State, name: str, x: Values) -> Values:
    """Batch norm with running statistics, GELU, convolution."""
    spread = np.sqrt(state[f"{name}.0.running_var"] + 1e-5)[:, None]
    normed = (x - state[f"{name}.0.running_mean"][:, None]) / spread
    normed = normed * state[f"{name}.0.weight"][:, None] + state[f"{name}.0.bias"][:, None]
    return convolution(state, f"{name}.2", gelu(normed))


def pool(state: State, name: str, x: Values, size: int) -> Values:
    """Each channel of each group of positions: the mean weighted by a softmax over the group."""
    logits = state[f"{name}.logits"].T @ x
    groups = [slice(at, at + size) for at in range(0, x.shape[1] - size + 1, size)]
    return np.array(
        [[softmax(row[group]) @ own[group] for group in groups] for row, own in zip(logits, x, strict=True)]
    )


def expected(state: State, encoded: Values, features: Values) -> Values:
    known = encoded.sum(axis=0) > 0
    bases = (encoded.T @ state["letters.weight"].T + state["positions"])[known]
    latents = np.hstack([state["latents"], np.tile(features, (len(state["latents"]), 1))])
    latents = latents + attention(state, "cross", latents, bases, 1)
    latents = latents + feed_forward(state, "cross_feed", latents)
    latents = latents + attention(state, "own", latents, latents, 8)
    latents = latents + feed_forward(state, "own_feed", latents)
    query = convolution(state, "query.0", encoded)
    query = query + block(state, "query.1.inner", query)
    query = block(state, "query.3", pool(state, "query.2", query, POOL))
    query = query + block(state, "query.4.inner", query)
    query = block(state, "query.6", pool(state, "query.5", query, POOL // 2))
    query = query + block(state, "query.7.inner", query)
    asked = np.concatenate([pool(state, "query.8", query, POOL // 2).reshape(-1), features])
    asked = np.maximum(state["dense.weight"] @ asked + state["dense.bias"], 0)
    asked = asked + attention(state, "decoder", asked[None], latents, 1)[0]
    return state["output.weight"] @ asked + state["output.bias"]


@pytest.fixture
def network() -> Perceiver:
    torch.manual_seed(0)
    network = Perceiver(LENGTH, 3, 2, letters=6, latents=5, latent_dim=16, query_dim=8, pool=POOL)
    for name, parameter in network.named_parameters():
        nn.init.normal_(parameter, std=0.3)
        if name.endswith("norm.weight"):
            nn.init.uniform_(parameter, 0.5, 1.5)
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(std=0.3)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    return network.eval()


def test_forward_equals_the_equations(network: Perceiver) -> None:
    rng = np.random.default_rng(1)
    windows = ["".join(rng.choice(list(letters), LENGTH)) for letters in ("ACGT", "ACGTNN", "NNNNA")]
    encoded, features = one_hot(stack_codes(windows)), torch.randn(3, 2)
    state = {name: value.numpy().astype(np.float64) for name, value in network.state_dict().items()}
    with torch.no_grad():
        found = network(encoded, features).numpy()
    by_hand = np.array(
        [expected(state, x, f) for x, f in zip(encoded.double().numpy(), features.double().numpy(), strict=True)]
    )
    assert np.ptp(by_hand, axis=0).min() > 0.01
    np.testing.assert_allclose(found, by_hand, rtol=1e-4, atol=1e-5)


def test_a_window_too_short_for_its_poolings_is_refused() -> None:
    with pytest.raises(ModelError, match=r"a window of 15 bases .* allowed: 16 bases or more"):
        Perceiver(15, pool=POOL)
    assert Perceiver(16, pool=POOL).dense.in_features == 32
