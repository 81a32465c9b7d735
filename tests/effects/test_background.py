"""The background of random substitutions: exact quantiles, and the command that puts it into a bundle."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from effect_files import Case

import texcnn
from texcnn.cli.main import main
from texcnn.effects.background import CLASSES, DISTANCE_BINS, Background, distance_bins, read_background
from texcnn.effects.make_background import make_background
from texcnn.errors import InputError
from texcnn.genome.variant import Variant
from texcnn.model.bundle import VARIANT_BACKGROUND, BundleFiles
from texcnn.model.load import load_model


def variant(ref: str, alt: str) -> Variant:
    return Variant("chr1", 5, ref, alt)


def test_distance_bins_are_the_same_on_both_sides() -> None:
    assert distance_bins([0, -99, 100, -499, 1500, 3999, -4000, 10**6]).tolist() == [0, 0, 1, 1, 3, 3, 4, 4]
    assert len(DISTANCE_BINS) == 5


def test_quantiles_worked_out_by_hand() -> None:
    # A hundred G>T (C>A on the other strand) near the TSS with effects of 0.01 to 1, in one cell type of both signs.
    sizes = np.arange(1, 101, dtype=np.float32) / 100
    delta = np.stack([sizes * np.where(np.arange(100) % 2, 1, -1), np.ones(100)], axis=1).astype(np.float32)
    background = Background.of(delta, [variant("G", "T")] * 100, [-50] * 100)
    assert background.counts[0].tolist() == [100, 0, 0, 0, 0, 0, 100]
    assert background.n_variants == 100

    asked = np.array([[0.5, 0], [-0.5, 2], [5, np.nan], [0.001, 1], [0.3, 0.3]], np.float32)
    found = background.quantiles(
        asked,
        [variant("C", "A"), variant("G", "T"), variant("G", "T"), variant("AC", "A"), variant("C", "T")],
        [10, -99, 0, 50, 10],
        [0, 1],
    )
    assert found[0, 0] == pytest.approx(0.495, abs=0.01)
    assert found[1, 0] == pytest.approx(-0.495, abs=0.01)
    most = 1 - 1 / 101
    assert found[2, 0] == pytest.approx(most)  # larger than any: capped by what a hundred can show
    assert found[1, 1] == pytest.approx(most)
    assert np.isnan(found[2, 1])
    assert 0 <= found[3, 0] < 0.02  # an indel is compared with all substitutions of its distance
    assert np.isnan(found[4]).all()  # no C>T was drawn
    assert found[0, 1] == 0
    far = background.quantiles(asked[:1], [variant("C", "A")], [200], [0, 1])
    assert np.isnan(far).all()


def test_quantiles_of_the_background_itself_are_even() -> None:
    rng = np.random.default_rng(0)
    delta = rng.standard_normal((4000, 1)).astype(np.float32)
    variants = [variant(*kind.split(">")) for kind in rng.choice(CLASSES[:-1], 4000)]
    distances = rng.integers(-3000, 3000, 4000).tolist()
    background = Background.of(delta, variants, distances)
    found = np.abs(background.quantiles(delta, variants, distances, [0]))
    assert np.histogram(found, 4, (0, 1))[0] == pytest.approx(np.full(4, 1000), rel=0.05)
    assert (np.sign(background.quantiles(delta, variants, distances, [0])) == np.sign(delta)).mean() > 0.99
    assert len(background.to_bytes()) < 60_000


def test_the_command_puts_it_into_the_bundle_and_its_card(tiny_dnabert2: Path, case: Case) -> None:
    fasta, gtf, vcf = case.write()
    before = load_model(tiny_dnabert2)
    assert read_background(before) is None
    arguments = ["--model", tiny_dnabert2, "--fasta", fasta, "--gtf", gtf, "--n-variants", 600, "--quiet"]
    for _ in range(2):  # a second one replaces the first
        with pytest.raises(SystemExit) as leaving:
            main(["variants", "background", *map(str, arguments)])
        assert leaving.value.code == 0
    model = load_model(tiny_dnabert2)
    background = read_background(model)
    assert background is not None
    assert model.fingerprint == before.fingerprint  # predictions are what they were
    assert background.n_variants == 600
    assert background.counts[1:].sum() == 0  # the window ends 20 bases from the TSS
    assert background.grid.shape[:3] == (3, 5, 7)
    assert (np.diff(background.grid, axis=3) >= 0).all()
    card = (tiny_dnabert2 / "README.md").read_text()
    assert card.count("600 substitutions (seed 0) in the windows of 25 genes of genome.fa") == 1
    content = (tiny_dnabert2 / VARIANT_BACKGROUND).read_bytes()
    assert BundleFiles(tiny_dnabert2).config.sha256[VARIANT_BACKGROUND] == hashlib.sha256(content).hexdigest()

    frame = texcnn.variant_effects(model, fasta, vcf=vcf, gtf=gtf)
    assert (frame["quantile"].isna() == frame["delta"].isna()).all()
    frame = frame.dropna(subset="delta")
    assert frame["quantile"].abs().between(0, 1, inclusive="left").all()
    assert (np.sign(frame["quantile"]) * np.sign(frame["delta"]) >= 0).all()
    assert frame.attrs["background_variants"] == 600
    large = frame[frame["delta"].abs() > frame["delta"].abs().quantile(0.9)]
    assert large["quantile"].abs().mean() > 0.7
    plain = texcnn.variant_effects(model, fasta, vcf=vcf, gtf=gtf, quantile=False)
    assert plain["quantile"].isna().all()


def test_the_same_seed_draws_the_same(tiny_dnabert2: Path, case: Case) -> None:
    fasta, gtf, _ = case.write()
    first, second = (make_background(tiny_dnabert2, fasta, gtf=gtf, n_variants=100, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.grid, second.grid)
    other = make_background(tiny_dnabert2, fasta, gtf=gtf, n_variants=100, seed=6)
    assert not np.array_equal(first.grid, other.grid)


def test_a_genome_without_known_bases_is_refused(tiny_dnabert2: Path, case: Case) -> None:
    fasta, gtf, _ = Case(case.folder, "N" * 1499 + "A", case.genes, []).write()
    with pytest.raises(InputError, match="too few known bases"):
        make_background(tiny_dnabert2, fasta, gtf=gtf, n_variants=50)
    with pytest.raises(InputError, match="unusable number of variants 0"):
        make_background(tiny_dnabert2, fasta, gtf=gtf, n_variants=0)


@pytest.mark.parametrize("name", ["texcnn-mini", "texcnn-yeast"])
def test_bundled_models_have_one_below_a_megabyte_and_its_size_in_the_card(name: str) -> None:
    model = load_model(name)
    background = read_background(model)
    assert background is not None
    assert model.folder is not None
    assert (model.folder / VARIANT_BACKGROUND).stat().st_size <= 1_000_000
    assert f"{background.n_variants} substitutions (seed 0)" in (model.folder / "README.md").read_text()
    assert background.grid.shape[0] == len(model.cell_types)
