"""Numbers one can read: the unit's floor, linear units, limits on N, and warnings that save a wrong result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny import write_genome, write_gtf

import texcnn
from texcnn.errors import InputError
from texcnn.genome.assembly import HUMAN, Assembly
from texcnn.genome.skipped import Skipped, count_reasons
from texcnn.model.bundle import extend_bundle
from texcnn.tables.units import above_floor, linear_unit, to_linear, unit_floor


@pytest.fixture
def genome(tmp_path: Path) -> dict[str, Path]:
    return {"fasta": write_genome(tmp_path), "gtf": write_gtf(tmp_path / "genes.gtf")}


def test_units() -> None:
    units = ["log10(RPKM + 0.1)", "TPM", "fraction", "z-score of log10(median RPKM + 0.1)"]
    assert [unit_floor(unit) for unit in units] == [-1.0, 0.0, None, None]
    assert [linear_unit(unit) for unit in units] == ["RPKM", None, None, None]
    values = np.array([-2, -1, 0, 1], np.float32)
    assert above_floor(values, units[0]).tolist() == [-1, -1, 0, 1]
    assert above_floor(values, "fraction") is values
    np.testing.assert_allclose(to_linear(values), [0, 0, 0.9, 9.9], rtol=1e-6)


def test_linear_values_and_their_unit(tiny_dnabert2: Path, genome: dict[str, Path]) -> None:
    logged = texcnn.predict(tiny_dnabert2, **genome)
    linear = texcnn.predict(tiny_dnabert2, **genome, linear=True)
    assert (logged.attrs["unit"], linear.attrs["unit"]) == ("log10(RPKM + 0.1)", "RPKM")
    names = ["x", "y", "z"]
    assert (logged[names] >= -1).all(axis=None)
    np.testing.assert_allclose(linear[names], 10 ** logged[names] - 0.1, atol=1e-5)


def test_a_unit_without_logarithm_has_no_linear_one(tiny: Path, genome: dict[str, Path]) -> None:
    with pytest.raises(InputError, match=r"'tiny' predicts fraction, which is not a logarithm .* `linear`"):
        texcnn.predict(tiny, **genome, linear=True)


def test_windows_with_too_many_n_are_skipped_with_the_reason(
    tmp_path: Path, tiny_dnabert2: Path, genome: dict[str, Path]
) -> None:
    everything = texcnn.predict(tiny_dnabert2, **genome)
    assert everything["n_fraction"].tolist() == pytest.approx([0, 1 / 3])
    asked = texcnn.predict(tiny_dnabert2, **genome, max_n_fraction=0.3)
    assert asked["gene_id"].tolist() == ["g1"]
    assert asked.attrs["skipped"] == [
        {"gene_id": "g2", "reason": "33.33% of the window are N, more than 30%"},
        {"gene_id": "g3", "reason": "100.00% of the window are N, more than 30%"},
    ]
    pd.testing.assert_frame_equal(asked, everything.iloc[:1], check_flags=False)
    extend_bundle(tiny_dnabert2, {}, max_n_fraction=0.3)
    texcnn.embed(genome["fasta"], tmp_path / "store", tiny_dnabert2, gtf=genome["gtf"])
    for source in (genome, {"embeddings": tmp_path / "store"}):
        assert texcnn.predict(tiny_dnabert2, **source)["gene_id"].tolist() == ["g1"], "the model's own limit"
        assert texcnn.predict(tiny_dnabert2, **source, max_n_fraction=0.5)["gene_id"].tolist() == ["g1", "g2"]
    model = texcnn.load_model(tiny_dnabert2)
    found = model.predict_sequences(["A" * 20 + "N" * 10, "A" * 21 + "N" * 9])
    assert np.isnan(found).all(axis=1).tolist() == [True, False]
    with pytest.raises(InputError, match=r"2 is not a share .* `max_n_fraction`"):
        texcnn.predict(tiny_dnabert2, **genome, max_n_fraction=2)


def test_reasons_are_counted_and_keep_what_they_share() -> None:
    reasons = [
        "chromosome 'chrA' is not in the FASTA",
        "no complete features in 'half.tsv'",
        "chromosome 'chrB' is not in the FASTA",
        "no complete features in 'half.tsv'",
        "TSS 90 lies beyond the end of chromosome 'chr1' (80 bp)",
        "TSS 95 lies beyond the end of chromosome 'chr1' (80 bp)",
        "TSS 99 lies beyond the end of chromosome 'chr1' (80 bp)",
    ]
    assert count_reasons([Skipped(f"g{place}", reason) for place, reason in enumerate(reasons)]) == [
        ("TSS … lies beyond the end of chromosome 'chr1' (80 bp) (first: 90)", 3),
        ("chromosome … is not in the FASTA (first: 'chrA')", 2),
        ("no complete features in 'half.tsv'", 2),
    ]
    assert count_reasons([]) == []


class TestWarnings:
    def test_a_genome_of_another_species(
        self, tiny: Path, genome: dict[str, Path], caplog: pytest.LogCaptureFixture
    ) -> None:
        own = Assembly("Tinius tinius", "T1", {"1": 200, "2": 80})
        extend_bundle(tiny, {}, assembly=own)
        texcnn.predict(tiny, **genome)
        assert not [record for record in caplog.records if record.levelname == "WARNING"]
        extend_bundle(tiny, {}, assembly=HUMAN)
        texcnn.predict(tiny, **genome)
        assert "genome.fa does not look like Homo sapiens (GRCh38), which tiny was trained on" in caplog.text

    def test_what_looks_like_a_species(self) -> None:
        human = dict(HUMAN.chromosomes)
        assert HUMAN.fits(human)
        assert HUMAN.fits({"chr17": 81195210}), "one chromosome of hg19"
        assert HUMAN.fits({name.removeprefix("chr"): length for name, length in human.items()})
        mouse = {"chr1": 195471971, "chr2": 182113224, "chr3": 160039680, "chrX": 171031299}
        assert not HUMAN.fits(mouse)
        assert not HUMAN.fits({"I": 230218, "X": 745751}), "yeast's chromosome ten is no X"
        assert not HUMAN.fits({"scaffold_1": 248956422})
        assert Assembly("any", "any").fits({"a": 1})

    def test_weak_cell_types_that_are_asked_for(
        self, tiny: Path, genome: dict[str, Path], caplog: pytest.LogCaptureFixture
    ) -> None:
        header = "cell_type\tsplit\tn_genes\tsquared_pearson\n"
        metrics = header + "gc\tvalid\t9\t0.9\ngc\ttest\t9\t0.1\na\ttest\t9\t0.6\n"
        extend_bundle(tiny, {"metrics.tsv": metrics.encode()})
        texcnn.predict(tiny, **genome)
        texcnn.predict(tiny, **genome, cell_types="a")
        assert "badly" not in caplog.text
        texcnn.predict(tiny, **genome, cell_types=["E1"])
        assert "tiny predicts gc badly: squared Pearson 0.10 on held-out genes" in caplog.text
        assert "median of its cell types has 0.35" in caplog.text

    @pytest.mark.parametrize(("width", "other"), [(20_000, "center"), (10_500, "window"), (100, None)])
    def test_wide_intervals_of_one_width(
        self, tmp_path: Path, width: int, other: str | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        from texcnn.genome.bed import read_bed
        from texcnn.genome.windows import WindowSpec

        path = tmp_path / "genes.bed"
        path.write_text("".join(f"chr1\t{start}\t{start + width}\tg{start}\t0\t+\n" for start in (50, 900)))
        read_bed(path, spec=WindowSpec())
        read_bed(path, anchor="center", spec=WindowSpec())
        output = [record.getMessage() for record in caplog.records]
        assert output == (
            []
            if other is None
            else [
                f"genes.bed: every interval is {width} bp wide, and its 5' end is taken as the TSS. If the TSS is "
                f"elsewhere, give `bed_anchor` {other}."
            ]
        )

    def test_an_encoder_of_human_dna_on_another_genome(
        self, genome: dict[str, Path], caplog: pytest.LogCaptureFixture
    ) -> None:
        from texcnn.encoders.known import KNOWN_ENCODERS
        from texcnn.genome.reference import Reference
        from texcnn.model.cautions import warn_of_encoders

        with Reference(genome["fasta"]) as reference:
            warn_of_encoders([KNOWN_ENCODERS["dnabert2"]], reference)
            assert not caplog.records
            warn_of_encoders([KNOWN_ENCODERS["dnabert-6"]], reference)
        assert "genome.fa does not look like a human genome, and dnabert-6 was pre-trained on human DNA" in caplog.text
