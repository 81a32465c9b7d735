import numpy as np
import pytest

from texcnn.errors import InputError
from texcnn.segments.segment import SegmentSpec


def test_default_cuts_the_default_window_into_21_segments_of_500():
    spec = SegmentSpec()
    segments = spec.split("ACGTN" * 2100)
    assert spec.n_segments(10_500) == 21 == len(segments)
    assert {len(bases) for bases in segments.bases} == {500}
    assert np.allclose(segments.n_fraction, 0.2)
    assert segments.mask.all()


def test_last_segment_is_shorter_and_its_fraction_is_of_its_own_length():
    segments = SegmentSpec(length=4).split("ACGTNNNNAN")
    assert segments.bases == ("ACGT", "NNNN", "AN")
    assert segments.n_fraction.tolist() == [0.0, 1.0, 0.5]
    assert segments.mask.tolist() == [True, False, True]
    assert segments.n_fraction.dtype == np.float32
    assert segments.mask.dtype == np.bool_


@pytest.mark.parametrize(("window", "expected"), [(0, 0), (1, 1), (4, 1), (5, 2), (8, 2)])
def test_n_segments_agrees_with_split(window, expected):
    spec = SegmentSpec(length=4)
    assert spec.n_segments(window) == expected == len(spec.split("A" * window))


def test_segments_join_to_the_window():
    window = "ACGTNACCGGTT" * 7
    assert "".join(SegmentSpec(length=5).split(window).bases) == window


@pytest.mark.parametrize(
    ("limit", "n_unknown", "usable"),
    [(0.5, 5, True), (0.5, 6, False), (0.3, 3, True), (0.0, 1, False), (1.0, 10, True)],
)
def test_mask_is_false_only_above_the_limit(limit, n_unknown, usable):
    segments = SegmentSpec(length=10, max_n_fraction=limit).split("N" * n_unknown + "A" * (10 - n_unknown))
    assert segments.mask.tolist() == [usable]


def test_any_letter_but_acgt_counts_as_unknown():
    assert SegmentSpec(length=4).split("ARYA").n_fraction.tolist() == [0.5]
    assert SegmentSpec(length=4).split("acgt").mask.tolist() == [False]


@pytest.mark.parametrize("length", [0, -1])
def test_length_must_be_positive(length):
    with pytest.raises(InputError, match=f"unusable segment length {length} .* allowed: a whole number from 1"):
        SegmentSpec(length=length)


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_fraction_must_be_within_0_and_1(fraction):
    with pytest.raises(InputError, match=r"unusable max_n_fraction .* allowed: 0 to 1"):
        SegmentSpec(max_n_fraction=fraction)
