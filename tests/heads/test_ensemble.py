import pytest
import torch

from texcnn.errors import ModelError
from texcnn.heads.ensemble import Ensemble
from texcnn.heads.registry import load_head
from texcnn.heads.spec import HeadSpec
from texcnn.heads.textcnn import TextCNN

FIRST = {"reads": [[0, 2], [5, 6]], "weight": 0.75, "options": {"filters": 4, "kernel_widths": [1, 3]}}
SECOND = {"reads": [[2, 6]], "weight": 0.25, "options": {"filters": 3, "dense_units": 5, "fusion_units": 2}}


@pytest.fixture
def ensemble() -> Ensemble:
    torch.manual_seed(0)
    return Ensemble(6, 2, [FIRST, SECOND], n_segments=4, n_features=1).eval()


@pytest.fixture
def given() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    mask = torch.tensor([[1, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0]]).bool()
    return torch.randn(3, 4, 6) * mask[..., None], mask, torch.randn(3, 1)


def test_is_the_weighted_mean_of_text_cnns_over_their_parts(ensemble, given):
    values, mask, features = given
    first = TextCNN(3, 2, n_segments=4, n_features=1, filters=4, kernel_widths=[1, 3]).eval()
    second = TextCNN(4, 2, n_segments=4, n_features=1, filters=3, dense_units=5, fusion_units=2).eval()
    for number, member in enumerate((first, second)):
        member.load_state_dict(ensemble.members[number].state_dict())
    expected = 0.75 * first(values[..., [0, 1, 5]], mask, features) + 0.25 * second(values[..., 2:], mask, features)
    found = ensemble(values, mask, features)
    torch.testing.assert_close(found, expected, equal_nan=True)
    assert found[:2].isfinite().all()
    assert found[2].isnan().all()


def test_members_alone_come_with_the_same_mean(given):
    values, mask, features = given
    torch.manual_seed(0)
    ensemble = Ensemble(6, 2, [FIRST, {**SECOND, "segments": [2, 3]}], n_segments=4, n_features=1).eval()
    mean, alone = ensemble.with_members(*given)
    torch.testing.assert_close(mean, ensemble(*given), rtol=0, atol=0, equal_nan=True)
    first, second = ensemble.members
    torch.testing.assert_close(alone[0], first(values[..., [0, 1, 5]], mask, features), equal_nan=True)
    torch.testing.assert_close(alone[1], second(values[:, 2:3, 2:], mask[:, 2:3], features), equal_nan=True)
    assert alone.isnan().all(dim=2).tolist() == [[False, False, True], [True, False, True]]


def test_a_common_member_is_a_part_of_each_other_one(given):
    torch.manual_seed(0)
    third = {**SECOND, "segments": [2, 3], "common": True}
    members = [{**FIRST, "weight": 0.5}, {**SECOND, "weight": 0.3}, {**third, "weight": 0.2}]
    ensemble = Ensemble(6, 2, members, n_segments=4, n_features=1).eval()
    mean, alone = ensemble.with_members(*given)
    plain = Ensemble(6, 2, [{**each, "common": False} for each in members], n_segments=4, n_features=1).eval()
    plain.load_state_dict(ensemble.state_dict())
    expected, each = plain.with_members(*given)
    torch.testing.assert_close(mean, expected, rtol=0, atol=0, equal_nan=True)
    assert len(alone) == 2
    # The first window has no usable segment for the third member, the second one has.
    torch.testing.assert_close(alone[:, 0], each[:2, 0])
    torch.testing.assert_close(alone[:, 1], 0.8 * each[:2, 1] + 0.2 * each[2, 1])
    torch.testing.assert_close((0.5 * alone[0, 1] + 0.3 * alone[1, 1]) / 0.8, mean[1])
    assert alone[:, 2].isnan().all()


def test_what_no_member_reads_changes_nothing(given):
    values, mask, _ = given
    alone = Ensemble(6, 2, [{**FIRST, "weight": 1}]).eval()
    other = values.clone()
    other[..., 2:5] += 1
    torch.testing.assert_close(alone(other, mask), alone(values, mask), equal_nan=True)


def test_a_member_of_some_segments_reads_no_others_and_counts_where_they_are_known(given):
    values, mask, features = given
    torch.manual_seed(0)
    members = [FIRST, {**SECOND, "segments": [2, 3]}]
    ensemble = Ensemble(6, 2, members, n_segments=4, n_features=1).eval()
    whole, near = ensemble.members
    first = whole(values[..., [0, 1, 5]], mask, features)
    second = near(values[:, 2:3, 2:], mask[:, 2:3], features)
    found = ensemble(values, mask, features)
    assert second[0].isnan().all()  # its only segment is masked in the first window
    torch.testing.assert_close(found[0], first[0])
    torch.testing.assert_close(found[1], 0.75 * first[1] + 0.25 * second[1])
    assert found[2].isnan().all()


def test_responses_of_a_part_of_a_window_are_those_of_the_whole(given):
    values, mask, features = given
    members = [FIRST, {**SECOND, "segments": [1, 3]}]
    ensemble = Ensemble(6, 2, members, n_segments=4, n_features=1).eval()
    whole = ensemble.responses(values, mask)
    torch.testing.assert_close(ensemble.read(whole, mask, features), ensemble(*given), equal_nan=True)
    assert not whole[:, 8:, [0, 3]].any()  # the second member's filters, beyond its segments
    for part, inner in ((slice(0, 3), 1), (slice(1, 4), 1), (slice(1, 4), 2), (slice(0, 2), 0)):
        at = torch.arange(4)[part].expand(3, -1)
        found = ensemble.responses(values[:, part], mask[:, part], at)
        # Eight filters of the first member and six of the second have widths of 1 and 3; the last three one of 5.
        narrow = list(range(14))
        torch.testing.assert_close(found[:, narrow, inner], whole[:, narrow, part.start + inner])


def test_a_bundle_holds_it(ensemble, given):
    options = {"dim": 6, "n_cell_types": 2, "members": [FIRST, SECOND], "n_segments": 4, "n_features": 1}
    loaded = load_head(HeadSpec("ensemble", options), ensemble.state_dict())
    torch.testing.assert_close(loaded(*given), ensemble(*given), equal_nan=True)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([FIRST], "weights of members that sum to 0.75"),
        ([], "weights of members that sum to 0"),
        ([FIRST, {**SECOND, "reads": [[2, 7]]}], r"unusable parts .* member 1 .* ascending parts of 0 to 6"),
        ([{**FIRST, "reads": [[3, 2]]}, SECOND], "unusable parts .* member 0"),
        ([{**FIRST, "reads": []}, SECOND], "unusable parts .* member 0"),
        ([{**FIRST, "weight": -1}, SECOND], "weight -1 .* above 0"),
        ([FIRST, {**SECOND, "segments": [2, 5]}], r"unusable segments \[2, 5\] .* member 1 .* of 0 to 4"),
        ([FIRST, {**SECOND, "segments": [2, 2]}], r"unusable segments \[2, 2\] .* member 1"),
        ([FIRST, {"reads": [[0, 1]]}], "entries .* allowed: common, options, reads, segments, weight"),
    ],
)
def test_unusable_members_are_refused(members, message):
    with pytest.raises(ModelError, match=message):
        Ensemble(6, 2, members, n_segments=4)
