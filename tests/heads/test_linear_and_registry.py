"""The linear head against numpy, and heads built from their descriptions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from texcnn.errors import ModelError
from texcnn.heads.linear import LinearHead
from texcnn.heads.registry import HEADS, load_head
from texcnn.heads.spec import HeadSpec
from texcnn.heads.xpresso import BASES_PER_PLACE, XpressoCNN

OPTIONS: dict[str, dict[str, Any]] = {
    "textcnn": {"dim": 4, "n_cell_types": 2, "filters": 3},
    "xpresso": {"length": 600, "n_features": 1, "n_cell_types": 2},
    "pipoli": {"dim": 4, "n_cell_types": 2, "n_segments": 3},
    "perceiver": {"length": 500, "n_cell_types": 2, "n_features": 1},
    "linear": {"dim": 4, "n_cell_types": 2, "n_segments": 3},
    "ensemble": {
        "dim": 4,
        "n_cell_types": 2,
        "members": [
            {"reads": [[0, 2]], "weight": 0.25, "options": {"filters": 2}},
            {"reads": [[0, 1], [3, 4]], "weight": 0.75, "options": {"filters": 3}},
        ],
    },
}


class TestLinear:
    @pytest.fixture
    def head(self) -> LinearHead:
        torch.manual_seed(0)
        head = LinearHead(2, 3, n_segments=4, n_features=1)
        head.mean.copy_(torch.randn(8))
        head.scale.copy_(torch.rand(8) + 0.5)
        return head.eval()

    def test_it_is_a_product_of_standardised_numbers(self, head: LinearHead) -> None:
        values, features = torch.randn(5, 4, 2), torch.randn(5, 1)
        mask = torch.ones(5, 4, dtype=torch.bool)
        standard = (values.numpy().reshape(5, 8) - head.mean.numpy()) / head.scale.numpy()
        columns = np.concatenate([standard, features.numpy()], axis=1)
        weight, bias = (parameter.detach().numpy() for parameter in (head.output.weight, head.output.bias))
        np.testing.assert_allclose(head(values, mask, features).detach(), columns @ weight.T + bias, atol=1e-5)
        np.testing.assert_allclose(head.columns(values, features), columns, atol=1e-6)

    def test_a_row_without_a_usable_segment_has_no_number(self, head: LinearHead) -> None:
        mask = torch.tensor([[True, False, False, False], [False] * 4])
        found = head(torch.zeros(2, 4, 2), mask, torch.zeros(2, 1))
        assert found.isnan().all(dim=1).tolist() == [False, True]

    def test_mean_and_scale_are_kept_with_the_weights(self, head: LinearHead) -> None:
        assert set(head.state_dict()) == {"mean", "scale", "output.weight", "output.bias"}
        again = load_head(
            HeadSpec("linear", {"dim": 2, "n_cell_types": 3, "n_segments": 4, "n_features": 1}), head.state_dict()
        )
        values, mask, features = torch.randn(2, 4, 2), torch.ones(2, 4, dtype=torch.bool), torch.randn(2, 1)
        assert torch.equal(again(values, mask, features), head(values, mask, features))


def test_every_head_has_a_test_here() -> None:
    assert set(OPTIONS) == set(HEADS)


@pytest.mark.parametrize("kind", HEADS)
class TestRegistry:
    def build(self, kind: str) -> nn.Module:
        torch.manual_seed(0)
        return HEADS[kind](**OPTIONS[kind])

    def test_a_head_comes_back_from_its_description_and_state(self, kind: str) -> None:
        built = self.build(kind)
        loaded = load_head(HeadSpec(kind, OPTIONS[kind]), built.state_dict())
        assert type(loaded) is HEADS[kind]
        assert not loaded.training
        assert loaded.n_cell_types == 2
        for name, tensor in built.state_dict().items():
            assert torch.equal(loaded.state_dict()[name], tensor)

    def test_the_last_layer_has_a_row_per_cell_type(self, kind: str) -> None:
        built = self.build(kind)
        members = getattr(built, "members", [built])
        for member in members:
            assert isinstance(member.output, nn.Linear)
            assert member.output.out_features == 2

    @pytest.mark.parametrize("fault", ["missing", "unexpected", "shape"])
    def test_a_state_that_does_not_fit_is_refused(self, kind: str, fault: str) -> None:
        state = dict(self.build(kind).state_dict())
        name = next(iter(state))
        if fault == "missing":
            del state[name]
        elif fault == "unexpected":
            state["more"] = torch.zeros(1)
        else:
            state[name] = torch.zeros(1, 1, 1, 1, 7)
        with pytest.raises(ModelError, match="the head's weights do not fit its description") as refused:
            load_head(HeadSpec(kind, OPTIONS[kind]), state, where="here")
        assert refused.value.where == "here"
        assert (name if fault != "unexpected" else "more") in str(refused.value)

    @pytest.mark.parametrize("change", [{"n_cell_types": "two"}, {"colour": "red"}])
    def test_options_that_cannot_be_are_refused(self, kind: str, change: dict[str, Any]) -> None:
        with pytest.raises(ModelError):
            load_head(HeadSpec(kind, {**OPTIONS[kind], **change}), self.build(kind).state_dict())


def test_an_unknown_head_lists_the_known_ones() -> None:
    with pytest.raises(
        ModelError, match=r"unknown head 'textcn' – in m – allowed: textcnn, .* did you mean 'textcnn'\?"
    ):
        load_head(HeadSpec("textcn", {}), {}, where="m")


class TestPlaces:
    """The places of Xpresso's layers that a base reaches: those that change when it does, and no other."""

    LENGTH = 4 * BASES_PER_PLACE

    @pytest.fixture
    def head(self) -> XpressoCNN:
        torch.manual_seed(1)
        head = XpressoCNN(self.LENGTH, 0, 1).eval()
        with torch.no_grad():
            for parameter in head.parameters():
                parameter.normal_(std=0.5)
        return head

    @pytest.fixture
    def bases(self) -> torch.Tensor:
        codes = torch.randint(4, (1, self.LENGTH), generator=torch.Generator().manual_seed(0))
        return torch.nn.functional.one_hot(codes, 4).transpose(1, 2).float()

    @pytest.mark.parametrize("place", [0, 1, 150, 178, 183, 299, 300, 417, 423, 599, 600, 900, 1197, 1199])
    def test_only_these_change(self, head: XpressoCNN, bases: torch.Tensor, place: int) -> None:
        before = head.places(bases)
        reached: set[int] = set()
        for base in range(4):
            changed = bases.clone()
            changed[0, :, place] = torch.eye(4)[base]
            different = (head.places(changed) != before).any(dim=1)[0]
            reached |= set(different.nonzero().flatten().tolist())
        assert reached <= set(head.changed_places(place, place + 1))

    def test_a_range_of_bases_reaches_what_its_ends_reach(self, head: XpressoCNN) -> None:
        for start, end in ((0, 1), (10, 700), (299, 301), (1100, 1200)):
            first, last = head.changed_places(start, start + 1), head.changed_places(end - 1, end)
            assert head.changed_places(start, end) == range(first.start, last.stop)
        assert head.changed_places(0, self.LENGTH) == range(head.n_places) == range(4)

    @pytest.mark.parametrize(("first", "number"), [(0, 1), (0, 2), (1, 2), (2, 2), (3, 1), (0, 4)])
    def test_places_from_the_bases_that_they_depend_on(
        self, head: XpressoCNN, bases: torch.Tensor, first: int, number: int
    ) -> None:
        low, high = head.slice_bounds(first, number)
        padded = torch.nn.functional.pad(bases, (400, 400))[:, :, low + 400 : high + 400]
        found = head.places_of_slices(padded, torch.tensor([first]))
        expected = head.places(bases)[:, :, first : first + number]
        assert found.shape == expected.shape
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)
