from __future__ import annotations

import numpy as np
import pytest
import torch
from random_dragonn import random_head

from texcnn.errors import ModelError
from texcnn.heads.mpra_dragonn import FRAGMENT, OUTPUTS, MpraDragoNN
from texcnn.segments.bases import one_hot, stack_codes


def random_bases(n: int, length: int, seed: int = 0) -> list[str]:
    drawn = np.random.default_rng(seed).choice(list("ACGT"), (n, length))
    return ["".join(row) for row in drawn]


def keras_layers(head: MpraDragoNN, fragment: np.ndarray) -> np.ndarray:
    """The published network on one fragment ``(145, 4)``, layer by layer in float64, as its JSON file lists them."""
    weights = {name: value.double().numpy() for name, value in head.state_dict().items()}
    hidden = fragment.astype(np.float64)
    for number in range(3):
        kernel = weights[f"convolutions.{number}.weight"].transpose(2, 1, 0)
        places = len(hidden) - 4
        convolved = [sum(hidden[place + tap] @ kernel[tap] for tap in range(5)) for place in range(places)]
        hidden = np.maximum(np.array(convolved) + weights[f"convolutions.{number}.bias"], 0)
        norm = f"norms.{number}."
        hidden = (hidden - weights[norm + "running_mean"]) / np.sqrt(weights[norm + "running_var"] + 0.001)
        hidden = hidden * weights[norm + "weight"] + weights[norm + "bias"]
    return hidden.reshape(-1) @ weights["output.weight"].T + weights["output.bias"]


def test_a_fragment_is_read_as_the_keras_layers_do() -> None:
    head = random_head(156, 0.1)
    bases = one_hot(stack_codes(random_bases(2, 150)))
    found = head.activities(bases)
    assert found.shape == (2, OUTPUTS, 6)
    for row, start in ((0, 0), (1, 3), (1, 5)):
        expected = keras_layers(head, bases[row, :, start : start + FRAGMENT].T.numpy())
        np.testing.assert_allclose(found[row, :, start].detach(), expected, rtol=1e-5, atol=1e-5)


def test_a_window_is_the_sum_over_its_fragments_and_strands() -> None:
    head = random_head(168, 0.1)
    bases = one_hot(stack_codes(random_bases(3, 168)))
    found = head(bases)
    mirrored = bases.flip(1, 2)
    total = sum(
        head.activities(strand[:, :, start : start + FRAGMENT])[:, :, 0]
        for strand in (bases, mirrored)
        for start in range(24)
    )
    torch.testing.assert_close(found, total / 2 / 145, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(head(mirrored), found, rtol=1e-5, atol=1e-6)


def test_a_fragment_of_mostly_unknown_bases_adds_nothing() -> None:
    head = random_head(168, 0.1)
    known = random_bases(1, 168)[0]
    # Fragments 0 to 23 hold 84 unknown bases less their start: more than half of 145 as long as start < 12.
    bases = one_hot(stack_codes(["N" * 84 + known[84:], "N" * 168]))
    found = head(bases)
    both = (head.activities(bases) + head.activities(bases.flip(1, 2)).flip(2)) / 2
    torch.testing.assert_close(found[0], both[0, :, 12:].sum(dim=1) / 145, rtol=1e-5, atol=1e-6)
    assert torch.equal(found[1], torch.zeros(OUTPUTS))


def test_an_insertion_far_from_the_ends_moves_no_other_fragment() -> None:
    """Every offset is read, so that the bases that only move keep their fragments; a coarser step would not."""
    head = random_head(156 + 600, 0.1)
    window = "A" * 300 + random_bases(1, 156)[0] + "A" * 300
    moved = "A" * 301 + window[300:-1]
    torch.testing.assert_close(
        head(one_hot(stack_codes([moved]))), head(one_hot(stack_codes([window]))), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("length", [144, 145, 167, 10_499])
def test_other_lengths_are_refused(length: int) -> None:
    with pytest.raises(ModelError, match="144 and a multiple of 12"):
        MpraDragoNN(length)
