"""Random substitutions that effects are compared with: where they are drawn, and what the card says of them."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tiny import save_tiny_dnabert2
from variant_files import TextReference

from texcnn.effects import make_background as module
from texcnn.effects.background import CLASSES, DISTANCE_BINS, Background, distance_bins
from texcnn.effects.make_background import _draw, _with_section, make_background
from texcnn.effects.pairs import PairMaker
from texcnn.errors import InputError, ModelError
from texcnn.genome.gene import Gene
from texcnn.genome.variant import Variant
from texcnn.genome.windows import WindowSpec

BASES = "".join(random.Random(8).choices("ACGTN", [9, 9, 9, 9, 1], k=30_000))
SPEC = WindowSpec(7000, 3500)
GENES = [
    Gene(f"g{number}", "", "chr1", place, "+-"[number % 2]) for number, place in enumerate((500, 9000, 15_000, 29_800))
]


@pytest.fixture(scope="module")
def maker() -> PairMaker:
    return PairMaker(TextReference(BASES), GENES, SPEC)


def draw(maker: PairMaker, n: int, seed: int = 0) -> list[tuple[int, Variant]]:
    return list(_draw(maker, np.arange(len(GENES)), n, np.random.default_rng(seed)))


def test_as_many_are_drawn_for_each_distance(maker: PairMaker) -> None:
    drawn = draw(maker, 500)
    distances = [abs(variant.start - GENES[row].tss) for row, variant in drawn]
    assert Counter(distance_bins(distances).tolist()) == dict.fromkeys(range(5), 100)


def test_every_one_is_a_substitution_of_a_known_base_in_its_genes_window(maker: PairMaker) -> None:
    drawn = draw(maker, 1000)
    for row, variant in drawn:
        assert BASES[variant.start] == variant.ref != "N"
        assert variant.alt in "ACGT"
        assert variant.alt != variant.ref
        interval = SPEC.interval(GENES[row])
        assert interval.start <= variant.start < interval.end
    assert {row for row, _ in drawn} == set(range(len(GENES)))
    changes = Counter((variant.ref, variant.alt) for _, variant in drawn)
    assert len(changes) == 12, "each base becomes each other one"
    sides = {(row, variant.start < GENES[row].tss) for row, variant in drawn}
    assert len(sides) == 2 * len(GENES), "both sides of each TSS"


def test_a_seed_draws_the_same_and_another_one_others(maker: PairMaker) -> None:
    assert draw(maker, 100, seed=3) == draw(maker, 100, seed=3)
    assert draw(maker, 100, seed=3) != draw(maker, 100, seed=4)


def test_short_windows_have_fewer_bins() -> None:
    maker = PairMaker(TextReference(BASES), GENES, WindowSpec(300, 200))
    distances = [abs(variant.start - GENES[row].tss) for row, variant in draw(maker, 100)]
    assert max(distances) <= 300
    assert Counter(distance_bins(distances).tolist()) == {0: 50, 1: 50}


def test_a_bin_without_a_known_base_is_named() -> None:
    tss = 9000
    bases = "N" * (tss - 60) + "ACGT" * 30 + "N" * 20_000
    maker = PairMaker(TextReference(bases), [Gene("g", "", "chr1", tss, "+")], SPEC)
    with pytest.raises(InputError, match=r"too few known bases at 100 to 500 bp from a TSS – in `fasta`"):
        list(_draw(maker, np.array([0]), 50, np.random.default_rng(0)))


@pytest.mark.parametrize(
    ("distance", "place"), [(0, 0), (99, 0), (-99, 0), (100, 1), (-100, 1), (499, 1), (500, 2), (1500, 3), (-4000, 4)]
)
def test_bins_begin_at_their_lower_bound_on_either_side(distance: int, place: int) -> None:
    assert distance_bins([distance]).tolist() == [place]
    assert len(DISTANCE_BINS) == 5


class TestCard:
    def test_the_section_comes_last(self) -> None:
        assert _with_section("# model\n\ntext\n", "note") == f"# model\n\ntext\n\n{module._HEADING}\n\nnote\n"

    def test_it_replaces_an_earlier_one_where_it_is(self) -> None:
        first = _with_section("# model\n", "old\nof two lines") + "\n## Licence\n\nfree\n"
        again = _with_section(first, "new")
        assert again == f"# model\n\n{module._HEADING}\n\nnew\n## Licence\n\nfree\n"
        assert _with_section(again, "new") == again

    def test_backslashes_are_text(self) -> None:
        assert r"a\1b" in _with_section(_with_section("# m\n", "x"), r"a\1b")


class TestGrid:
    """Exact numbers of a background of few substitutions."""

    def test_quantiles_of_three_sizes(self) -> None:
        variants = [Variant("c", 0, "C", "T")] * 3
        background = Background.of(np.array([[1], [-2], [3]], np.float32), variants, [10, -20, 30])
        kind = CLASSES.index("C>T")
        assert background.counts[0].tolist() == [3 if name in ("C>T", "any") else 0 for name in CLASSES]
        assert background.n_variants == 3
        grid = background.grid[0, 0, kind]
        assert (grid[0], grid[-1]) == (1, 3)
        assert np.interp(0.5, background.shares, grid) == pytest.approx(2, abs=0.05)

    @pytest.mark.parametrize(
        ("ref", "alt", "kind"),
        [
            ("C", "A", "C>A"),
            ("G", "T", "C>A"),
            ("A", "G", "T>C"),
            ("a", "t", "T>A"),
            ("AC", "A", "any"),
            ("", "T", "any"),
        ],
    )
    def test_both_strands_are_one_class(self, ref: str, alt: str, kind: str) -> None:
        background = Background.of(np.ones((1, 1), np.float32), [Variant("c", 0, ref, alt)], [0])
        expected = {kind, "any"}
        assert {name for name, count in zip(CLASSES, background.counts[0], strict=True) if count} == expected

    def test_it_comes_back_from_its_file(self, tmp_path: Path) -> None:
        from safetensors.numpy import load

        rng = np.random.default_rng(0)
        variants = [Variant("c", 0, "C", "T")] * 50
        background = Background.of(rng.standard_normal((50, 2)).astype(np.float32), variants, [700] * 50)
        stored = load(background.to_bytes())
        assert sorted(stored) == ["counts", "grid", "shares"]
        for name, array in stored.items():
            np.testing.assert_array_equal(array, getattr(background, name))


def test_a_folder_that_is_no_model_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        make_background(tmp_path, tmp_path / "nowhere.fa", gtf="nowhere.gtf")
    with pytest.raises(InputError, match="unusable number of variants -1 – in `n_variants` – allowed: from 1"):
        make_background(tmp_path, tmp_path / "nowhere.fa", n_variants=-1)


def test_a_failed_run_leaves_the_bundle_as_it_was(tmp_path: Path) -> None:
    folder = save_tiny_dnabert2(tmp_path / "m")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(InputError):
        make_background(folder, tmp_path / "nowhere.fa", gtf="nowhere.gtf")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
