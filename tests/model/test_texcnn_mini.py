"""The bundled model is the one its card and ``scripts/texcnn_mini/results.tsv`` speak of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import texcnn
from texcnn.genome.interval import Interval
from texcnn.genome.reference import Reference
from texcnn.model.bundle import BundleFiles
from texcnn.model.reference_genes import read_reference

TEST_CHROMS = ("chr2", "chr17", "chr21")


@pytest.fixture(scope="module")
def folder() -> Path:
    return Path(texcnn.__file__).parent / "bundled" / "texcnn-mini"


SEQUENCE, LENGTHS = "sequence alone", "with the mRNA's lengths"


@pytest.fixture(scope="module")
def measured(project) -> pd.DataFrame:
    """The squared correlation of the median, on all test genes, by what the model was given."""
    results = pd.read_csv(project / "scripts" / "texcnn_mini" / "results.tsv", sep="\t")
    wanted = {"genes": "test chromosomes", "output": "median", "metric": "squared Pearson"}
    return results[(results[list(wanted)] == pd.Series(wanted)).all(axis=1)].set_index("model")


def test_the_bundle_is_small(folder):
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 20_000_000


def test_it_predicts_the_median_and_57_cell_types():
    model = texcnn.load_model()
    assert model.name == "texcnn-mini"
    assert model.unit == "log10(RPKM + 0.1)"
    assert model.cell_types[:3] == ("median", "UHR", "ESC.H1")
    assert len(model.cell_types) == len(set(model.cell_types)) == 58


def test_a_cpg_island_at_the_tss_raises_the_prediction():
    rng = np.random.default_rng(0)
    background = rng.choice(list("ACGT"), (32, 10_500), p=[0.3, 0.2, 0.2, 0.3])
    islands = background.copy()
    islands[:, 6_000:8_000] = rng.choice(list("ACGT"), (32, 2_000), p=[0.15, 0.35, 0.35, 0.15])
    model = texcnn.load_model()
    without, with_island = (
        model.predict_sequences(["".join(window) for window in windows])[:, 0] for windows in (background, islands)
    )
    # Random bases have motifs by chance: Xpresso, which this model learned from, differs as much from window to window.
    raised = with_island - without
    assert raised.mean() > max(0.1, 4 * raised.std() / np.sqrt(len(raised)))


def test_features_are_optional_and_matter():
    model, window = texcnn.load_model(), ["ACGGTCATTC" * 1_050]
    mean = np.array([[spec.mean for spec in model.config.features]])
    spread = np.array([[spec.scale for spec in model.config.features]])
    defaults = model.predict_sequences(window)
    assert np.array_equal(defaults, model.predict_sequences(window, mean))
    assert np.abs(defaults - model.predict_sequences(window, mean + 2 * spread)).max() > 0.1


@pytest.mark.parametrize("given", [SEQUENCE, LENGTHS])
def test_the_card_shows_the_measured_figures(folder, measured, given):
    row, card = measured.loc[f"texcnn-mini, {given}"], (folder / "README.md").read_text(encoding="utf-8")
    assert f"test chromosomes: {row.n_genes:,.0f} genes" in card
    figure = f"{row.value:.2f} ({row.low:.2f} to {row.high:.2f})"
    assert f"| texcnn-mini, {given} | median | squared Pearson | {figure} |" in card


def test_the_bundle_says_what_predictions_are_compared_with(folder):
    reference = read_reference(BundleFiles(folder))
    assert reference is not None
    assert reference.has_percentiles
    assert reference.has_intervals
    assert {"train", "test"} == set(reference.parts.values())
    model = texcnn.load_model()
    assert model.config.max_n_fraction == 0.9
    assert str(model.config.assembly) == "Homo sapiens (GRCh38)"


@pytest.mark.data
def test_the_library_gives_the_measured_figures(data, project, tmp_path):
    human = data / "human"
    results = pd.read_csv(project / "scripts" / "texcnn_mini" / "results.tsv", sep="\t")
    wanted = {"genes": "of these, new to Xpresso", "output": "median", "metric": "squared Pearson"}
    row = (
        results[(results[list(wanted)] == pd.Series(wanted)).all(axis=1)]
        .set_index("model")
        .loc[f"texcnn-mini, {SEQUENCE}"]
    )
    split = pd.read_csv(human / "xpresso_labels_split.tsv", sep="\t").set_index("gene_id")["split"]
    rpkm = pd.read_csv(human / "expression_roadmap57_rpkm.tsv.gz", sep="\t", index_col=False).set_index("gene_id")
    measured = np.log10(rpkm.drop(columns="E000").median(axis=1) + 0.1)
    bed = pd.read_csv(human / "xpresso_tss_20kb.bed", sep="\t", header=None)
    bed = bed[bed[0].isin(TEST_CHROMS) & bed[3].isin(rpkm.index) & (bed[3].map(split) != "train")]
    with Reference(human / "hg38_wide.fa.gz") as genome:
        near = [
            genome.fetch(Interval(chrom, start + 9_000, start + 11_000))
            for chrom, start in bed[[0, 1]].itertuples(index=False)
        ]
    bed = bed[[bases.count("N") <= 500 for bases in near]]
    bed.to_csv(tmp_path / "test.bed", sep="\t", header=False, index=False)
    table = texcnn.predict("texcnn-mini", human / "hg38_wide.fa.gz", bed=tmp_path / "test.bed", bed_anchor="center")
    table = table.set_index("gene_id")
    # A base more or less at the minus strand's ends decides for a gene or two.
    assert len(table) == pytest.approx(row.n_genes, abs=2)
    found = np.corrcoef(table["median"], measured[table.index])[0, 1] ** 2
    assert found == pytest.approx(row.value, abs=0.01)
