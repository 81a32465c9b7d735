from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from texcnn.heads.xpresso import XpressoCNN
from texcnn.segments.bases import one_hot, stack_codes


def keras_forward(state: dict[str, np.ndarray], encoded: np.ndarray, features: np.ndarray) -> float:
    """One gene through the Keras layers, written as their documentation states them: (position, channel) arrays."""

    def same_conv(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
        kernel = weight.transpose(2, 1, 0)  # Keras: (width, in, out)
        width = len(kernel)
        left = (width - 1) // 2
        padded = np.pad(x, ((left, width - 1 - left), (0, 0)))
        return np.stack([np.tensordot(padded[i : i + width], kernel, 2) + bias for i in range(len(x))])

    def pool(x: np.ndarray, size: int) -> np.ndarray:
        n = len(x) // size
        return x[: n * size].reshape(n, size, -1).max(axis=1)

    def relu(x: np.ndarray) -> np.ndarray:
        return np.maximum(x, 0)

    x = pool(relu(same_conv(encoded.T, state["conv1.weight"], state["conv1.bias"])), 30)
    x = pool(relu(same_conv(x, state["conv2.weight"], state["conv2.bias"])), 10)
    x = np.concatenate([x.reshape(-1), features])
    x = relu(state["dense1.weight"] @ x + state["dense1.bias"])
    x = relu(state["dense2.weight"] @ x + state["dense2.bias"])
    return (state["dense3.weight"] @ x + state["dense3.bias"]).item()


@pytest.fixture
def network() -> XpressoCNN:
    torch.manual_seed(0)
    network = XpressoCNN(length=630, n_features=2)  # 30 bases are lost in the second pooling, as Keras loses them
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    return network.eval()


def test_forward_equals_the_keras_layers(network):
    rng = np.random.default_rng(1)
    encoded = one_hot(stack_codes(["".join(rng.choice(list("ACGTN"), 630)) for _ in range(3)]))
    features = torch.tensor([[0.0, 0.0], [1.0, -2.0], [0.5, 3.0]])
    state = {key: value.numpy().astype(np.float64) for key, value in network.state_dict().items()}
    with torch.no_grad():
        found = network(encoded, features)
    expected = [keras_forward(state, x, f) for x, f in zip(encoded.double().numpy(), features.numpy(), strict=True)]
    assert len({round(value, 3) for value in expected}) == 3
    np.testing.assert_allclose(found.numpy(), np.array(expected)[:, None], rtol=1e-4)


def hand_set(network: XpressoCNN) -> XpressoCNN:
    """All weights zero but one path: first letter of the first kernel, channel 0 all the way."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.conv1.weight[0, 0, 0] = 2.0  # an A two bases to the left
        network.conv2.weight[0, 0, 4] = 3.0
        network.dense1.weight[0, 32] = 1.0  # position 1, channel 0
        network.dense1.weight[0, -1] = 10.0  # the last feature
        network.dense2.weight[1, 0] = 1.0
        network.dense3.weight[0, 1] = 1.0
        network.dense3.bias[0] = 0.25
    return network.eval()


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (297, 0.25),  # seen from 299: still the first 300 bases
        (298, 6.25),  # seen from 300: 2 x 3 + 0.25
        (597, 6.25),
        (598, 0.25),  # two bases from the end: no kernel starts two bases to its right
    ],
)
def test_the_even_kernel_is_padded_two_left_and_three_right(position, expected):
    network = hand_set(XpressoCNN(length=600, n_features=1))
    sequence = "C" * position + "A" + "C" * (599 - position)
    with torch.no_grad():
        assert network(one_hot(stack_codes([sequence]))).tolist() == [[expected]]


def test_features_default_to_zero_and_join_the_sequence():
    network = hand_set(XpressoCNN(length=600, n_features=1))
    encoded = one_hot(stack_codes(["N" * 600]))
    with torch.no_grad():
        assert network(encoded).tolist() == [[0.25]]
        assert network(encoded, torch.tensor([[0.5]])).tolist() == [[5.25]]
        assert network(encoded, torch.tensor([[-0.5]])).tolist() == [[0.25]]


def test_every_activation_is_a_module_of_its_own(network):
    seen: list[nn.Module] = []
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda module, *_: seen.append(module))
    with torch.no_grad():
        network(one_hot(stack_codes(["A" * 630])))
    assert len(seen) == len(set(seen)) == 4


def test_the_published_network_has_112_357_parameters_with_six_features():
    # 112,485 with the eight features of the paper (Pipoli et al. 2022); each feature has 64 weights.
    assert sum(parameter.numel() for parameter in XpressoCNN().parameters()) == 112_485 - 2 * 64


def test_many_outputs_begin_as_one_so_that_they_do_not_cancel_out() -> None:
    encoded = nn.functional.one_hot(torch.arange(900) * 7 % 11 % 4, 4).float().T[None]
    torch.manual_seed(2)
    many = XpressoCNN(900, 0, 58).eval()
    nn.init.constant_(many.dense2.bias, 1.0)  # no unit is dead
    one = XpressoCNN(900, 0, 1).eval()
    last = {"dense3.weight": many.dense3.weight[:1], "dense3.bias": many.dense3.bias[:1]}
    one.load_state_dict({**many.state_dict(), **last})
    moved = []
    for network in (one, many):
        (network(encoded) - 0.5).square().mean().backward()
        moved.append(network.conv1.weight.grad)
    assert moved[0].abs().max() > 0
    torch.testing.assert_close(moved[0], moved[1])
