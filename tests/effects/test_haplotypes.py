"""Personal expression from a VCF of phased samples."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pysam.bcftools
import pytest
from effect_files import Case, random_case
from genome_files import write_fasta
from variant_files import genome_of, write_vcf

import texcnn
from texcnn.effects import haplotypes
from texcnn.effects.haplotypes import HAPLOTYPE_SCHEMA, HaplotypeCounts
from texcnn.errors import InputError

SAMPLES = ("s", "t", "male")


@pytest.fixture
def phased(tmp_path: Path) -> Case:
    """SNVs and MNVs with genotypes of three samples, the last one haploid."""
    case, rng = random_case(tmp_path, n_variants=400), random.Random(2)
    rows = []
    for row in case.rows:
        if len(row.ref) == len(row.alts[0]):
            calls = (rng.choice(["0|0", "0|1", "1|0", "1|1", ".|1"]), rng.choice(["0|0", "1|0"]), rng.choice("01"))
            rows.append(replace(row, genotypes=calls))
    return Case(case.folder, case.bases, case.genes, rows)


def predict(model: Path, case: Case, **options: object) -> pd.DataFrame:
    fasta, gtf = genome_of(case.folder, case.bases), case.write()[1]
    vcf = write_vcf(case.folder / "in.vcf.gz", case.rows, length=len(case.bases), samples=SAMPLES)
    frame = texcnn.variant_effects(model, fasta, vcf=vcf, gtf=gtf, phased=True, **options)
    assert isinstance(frame, pd.DataFrame)
    return frame


def test_haplotypes_equal_predictions_of_the_consensus_genomes(tiny_dnabert2: Path, phased: Case) -> None:
    frame = predict(tiny_dnabert2, phased)
    fasta, gtf = phased.folder / "genome.fa", phased.folder / "genes.gtf"
    assert len(frame) == 3 * len(phased.genes) * 3
    assert list(frame.columns) == HAPLOTYPE_SCHEMA.names
    reference = texcnn.predict(tiny_dnabert2, fasta, gtf=gtf).set_index("gene_id")[["x", "y", "z"]]
    for sample in SAMPLES:
        rows = frame[frame["sample"] == sample]
        tables = {
            name: rows.pivot(index="gene_id", columns="cell_type", values=name).loc[reference.index]
            for name in ("haplotype1", "haplotype2", "mean", "reference")
        }
        np.testing.assert_allclose(tables["reference"], reference, atol=1e-6)
        for number in (1, 2):
            text = pysam.bcftools.consensus(
                "-f", str(fasta), "-s", sample, "-H", str(number), str(phased.folder / "in.vcf.gz")
            )
            bases = "".join(text.splitlines()[1:])
            changed = write_fasta(phased.folder / f"{sample}{number}.fa", {"chr1": bases})
            expected = texcnn.predict(tiny_dnabert2, changed, gtf=gtf).set_index("gene_id")[["x", "y", "z"]]
            found = tables[f"haplotype{number}"]
            has_two = ~found.isna().any(axis=1)
            assert has_two.all() or (sample == "male" and number == 2)
            np.testing.assert_allclose(found[has_two], expected[has_two.values], atol=1e-6)
        if sample == "male":
            assert tables["haplotype2"].isna().all().all()
            np.testing.assert_array_equal(tables["mean"], tables["haplotype1"])
        else:
            mean = (tables["haplotype1"] + tables["haplotype2"]) / 2
            np.testing.assert_allclose(tables["mean"], mean, atol=1e-6)


def test_equal_haplotypes_are_predicted_once(tiny_dnabert2: Path, phased: Case) -> None:
    frame = predict(tiny_dnabert2, phased, samples=["t"])
    assert set(frame["sample"]) == {"t"}
    n_genes = len(phased.genes)
    assert n_genes < frame.attrs["distinct"] < 2 * n_genes  # t's second haplotype is the genome's own
    second = frame["haplotype2"].to_numpy()
    np.testing.assert_array_equal(second, frame["reference"])


def test_table_formats_and_chunks_agree(tiny_dnabert2: Path, phased: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = predict(tiny_dnabert2, phased)
    monkeypatch.setattr(haplotypes, "_WINDOWS_AT_ONCE", 40)
    folder = phased.folder
    for name in ("out.tsv", "out.parquet", "out.h5ad"):
        counts = texcnn.variant_effects(
            tiny_dnabert2, folder / "genome.fa", vcf=folder / "in.vcf.gz", gtf=folder / "genes.gtf", phased=True,
            out=folder / name,
        )  # fmt: skip
        assert isinstance(counts, HaplotypeCounts)
        assert (counts.samples, counts.genes, counts.rows) == (3, len(phased.genes), len(frame))
        assert counts.distinct == frame.attrs["distinct"]
        assert counts.overlapping.keys() <= set(SAMPLES)
        assert counts.missing["s"] > 0
    text = pd.read_csv(folder / "out.tsv", sep="\t", keep_default_na=False)
    np.testing.assert_allclose(pd.to_numeric(text["mean"]), frame["mean"], atol=1e-6)
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "out.parquet"), frame, atol=1e-6)
    data = anndata.read_h5ad(folder / "out.h5ad")
    assert data.shape == (3 * len(phased.genes), 3)
    row = frame[(frame["sample"] == "t") & (frame["gene_id"] == "g7")].set_index("cell_type")
    np.testing.assert_allclose(data["t:g7"].X[0], row["mean"], atol=1e-6)
    np.testing.assert_allclose(data["t:g7"].layers["haplotype1"][0], row["haplotype1"], atol=1e-6)
    assert data.uns["unit"] == "log10(RPKM + 0.1)"
    skipped = pd.read_csv(folder / "out.tsv.skipped.tsv", sep="\t")
    assert (list(skipped.columns)[-1], len(skipped)) == ("reason", 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": ["nobody"]}, r"unknown sample 'nobody'.*s, t, male"),
        ({"max_distance": 5}, "every variant of a window"),
        ({"unphased": "guess"}, "unknown choice for unphased genotypes"),
        ({"out": "x.tsv", "summary": "s.tsv"}, "haplotypes have one table"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tiny_dnabert2: Path, phased: Case, options: dict[str, object], message: str
) -> None:
    if "out" in options:
        options = {name: phased.folder / str(value) for name, value in options.items()}
    with pytest.raises(InputError, match=message):
        predict(tiny_dnabert2, phased, **options)


def test_unphased_calls_follow_the_choice(tiny_dnabert2: Path, phased: Case) -> None:
    rows = [replace(row, genotypes=("0/1", "0|0", "0")) for row in phased.rows]
    unphased = Case(phased.folder, phased.bases, phased.genes, rows)
    with pytest.raises(InputError, match=r"no phase \('0/1'\).*sample 's'"):
        predict(tiny_dnabert2, unphased)
    found = {
        choice: predict(tiny_dnabert2, unphased, unphased=choice, samples="s") for choice in ("skip", "as-is", "merge")
    }
    np.testing.assert_array_equal(found["skip"]["mean"], found["skip"]["reference"])
    np.testing.assert_array_equal(found["as-is"]["haplotype1"], found["as-is"]["reference"])
    np.testing.assert_array_equal(found["merge"]["haplotype1"], found["merge"]["haplotype2"])
    np.testing.assert_allclose(found["merge"]["haplotype1"], found["as-is"]["haplotype2"], atol=1e-6)


def test_samples_need_phased_and_phased_a_vcf(tiny_dnabert2: Path, phased: Case) -> None:
    with pytest.raises(InputError, match=r"haplotypes are wanted.*with `phased`"):
        texcnn.variant_effects(tiny_dnabert2, "x.fa", vcf="x.vcf", samples=["s"])
    with pytest.raises(InputError, match=r"haplotypes need genotypes.*with `vcf`"):
        texcnn.variant_effects(tiny_dnabert2, "x.fa", variants="chr1:1:A>C", phased=True)
