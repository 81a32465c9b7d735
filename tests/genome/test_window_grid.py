"""Windows on a grid: neighbouring genes on one strand consist of the same segments."""

from __future__ import annotations

import pytest

from texcnn.errors import InputError
from texcnn.genome.gene import Gene
from texcnn.genome.interval import Interval
from texcnn.genome.windows import WindowSpec

SPEC = WindowSpec(20, 10, grid=10)


def interval(tss: int, strand: str) -> Interval:
    return SPEC.interval(Gene("G", "G", "chr1", tss, strand))


@pytest.mark.parametrize(
    ("tss", "start"),
    [(40, 20), (44, 20), (45, 30), (49, 30), (50, 30), (4, -20), (5, -10)],
)
def test_the_first_base_of_a_plus_window_is_on_the_nearest_line(tss: int, start: int) -> None:
    assert interval(tss, "+") == Interval("chr1", start, start + 30, "+")


@pytest.mark.parametrize(("tss", "end"), [(39, 60), (43, 60), (44, 70), (48, 70), (49, 70)])
def test_the_first_base_of_a_minus_window_is_at_its_end(tss: int, end: int) -> None:
    assert interval(tss, "-") == Interval("chr1", end - 30, end, "-")


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("grid", [1, 2, 7, 10, 19])
def test_shifts_are_small_and_the_tss_stays_inside(strand: str, grid: int) -> None:
    for tss in range(60):
        gene = Gene("G", "G", "chr1", tss, strand)
        plain, shifted = (WindowSpec(20, 10, grid=value).interval(gene) for value in (None, grid))
        assert abs(shifted.start - plain.start) <= grid // 2
        assert len(shifted) == 30
        assert shifted.start <= tss < shifted.end
        assert (shifted.start if strand == "+" else shifted.end) % grid == 0


@pytest.mark.parametrize(("upstream", "downstream", "grid"), [(20, 10, 20), (20, 0, 1), (20, 10, 0), (20, 10, -5)])
def test_a_grid_on_which_a_window_could_miss_its_tss(upstream: int, downstream: int, grid: int) -> None:
    with pytest.raises(InputError, match=rf"no grid of {grid} bp for a window of .* could miss its TSS"):
        WindowSpec(upstream, downstream, grid)
