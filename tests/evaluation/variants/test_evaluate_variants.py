"""Measured effects of variants against predictions, from files to figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy.stats import spearmanr
from tiny import CHR1, write_genome, write_gtf

import texcnn
from texcnn.cli.main import cli
from texcnn.errors import InputError
from texcnn.evaluation.variants.truth import TruthKind, read_truth

# Window of g1 is chr1:21-50 (1-based): ten G, CCCCCTTTTT, ten A. The output `gc` is the largest share of G and C: an
# A or T among the ten G costs 0.1; in the second segment nothing changes.


def table(path: Path, text: str) -> Path:
    path.write_text(text.replace(" ", "\t"))
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return {"fasta": write_genome(tmp_path), "gtf": write_gtf(tmp_path / "genes.gtf")}


SATURATION = """Chrom Pos Ref Alt Barcodes DNA RNA Coefficient pValue Element Release
chr1 21 G A 20 1 1 -0.5 0.1 G1.2 x
chr1 21 G C 20 1 1 0.1 0.1 G1.2 x
chr1 22 G T 20 1 1 -0.4 0.1 G1.2 x
chr1 22 G - 20 1 1 -0.3 0.1 G1.2 x
chr1 31 C T 20 1 1 0.2 0.1 other x
chr1 32 C T 20 1 1 -0.2 0.1 other x
chr1 41 A T 9 1 1 0.2 0.1 other x
chr1 42 A T 90 1 1 NA 0.1 other x
chr1 150 N T 90 1 1 0.3 0.1 other x
chr1 43 C T 90 1 1 0.3 0.1 other x
"""


def test_a_saturation_table(tiny: Path, files: dict[str, Path], tmp_path: Path) -> None:
    truth = table(tmp_path / "saturation.tsv", SATURATION)
    found = texcnn.evaluate_variants(truth, tmp_path / "ev", model=tiny, bootstrap=50, cell_types="gc", **files)
    assert len(found.scored.truth) + len(found.scored.missing) + len(found.left_out) == 10
    assert found.left_out["reason"].tolist() == ["fewer than 10 barcodes", "no measured effect"]
    reasons = found.scored.missing["reason"].tolist()
    assert [reason.split(":")[0] for reason in reasons] == ["NOT_ACGT", "REF_MISMATCH"]
    np.testing.assert_allclose(found.scored.deltas["gc"], [-0.1, 0, -0.1, -0.1, 0, 0], atol=1e-7)
    assert found.scored.truth["gene"].tolist() == ["g1"] * 6
    metrics = found.metrics.set_index(["scorer", "group", "metric"])["value"]
    expected = spearmanr(found.scored.deltas["gc"][:4], [-0.5, 0.1, -0.4, -0.3]).statistic
    assert metrics["tiny", "G1.2", "spearman"] == pytest.approx(expected)
    # The deleted G lets an A in at the window's far end: 0.1 less.
    assert metrics["tiny", "G1.2", "sign_accuracy"] == pytest.approx((1 + 0.5 + 1 + 1) / 4)
    assert ("tiny", "other", "spearman") not in metrics.index  # two rows tell nothing
    assert metrics["most frequent sign", "G1.2", "sign_accuracy"] == 0.75
    assert metrics["tiny", "mean over elements", "spearman"] == metrics["tiny", "G1.2", "spearman"]
    assert "|distance to TSS|" in metrics.index.get_level_values("scorer")
    written = pd.read_csv(tmp_path / "ev" / "variant_metrics.tsv", sep="\t")
    assert written["value"].tolist() == pytest.approx(found.metrics["value"].tolist())
    assert len(pd.read_csv(tmp_path / "ev" / "missing.tsv", sep="\t")) == 4
    rows = pd.read_csv(tmp_path / "ev" / "variants.tsv.gz", sep="\t")
    assert rows["variant"].iloc[0] == "chr1:21:G>A"
    summary = (tmp_path / "ev" / "summary.md").read_text()
    assert "6 rows are evaluated, 2 have no prediction, 2 do not count" in summary
    assert r"| \|distance to TSS\| |" in summary


LABELS = """#CHROM POS REF ALT label
chr1 21 G A under
chr1 22 G T under
chr1 23 G A Under
chr1 31 C T none
chr1 32 C T none
chr1 33 C A none
chr1 34 C G over
"""


def test_labels_have_three_aurocs(tiny: Path, files: dict[str, Path], tmp_path: Path) -> None:
    truth = table(tmp_path / "labels.tsv", LABELS)
    peer = table(tmp_path / "peer.tsv", LABELS.replace("label", "score").replace("under", "2").replace("none", "0"))
    peer.write_text(peer.read_text().replace("over", "-1").replace("Under", "nan"))
    found = texcnn.evaluate_variants(
        truth, tmp_path / "ev", model=tiny, bootstrap=0, cell_types="gc", peers=f"other={peer}:score", **files
    )
    metrics = found.metrics.set_index(["scorer", "metric"])["value"]
    assert metrics["tiny", "auroc_under_none"] == 1  # -0.1 against 0
    assert metrics["tiny", "auroc_over_none"] == 0.5  # 0 against 0
    assert metrics["tiny", "auroc_over_under"] == 1
    assert metrics["other", "auroc_under_none"] == 0  # it says up where expression falls
    assert metrics["other", "auroc_over_none"] == 0
    assert metrics["|distance to TSS|", "auroc_under_none"] == 0  # those that fall are farther away
    assert metrics["|distance to TSS|", "auroc_over_none"] == 1
    n = found.metrics.set_index(["scorer", "metric"])["n"]
    assert n["tiny", "auroc_under_none"] == 6
    assert n["other", "auroc_under_none"] == 5


def test_signed_effects_of_variants_from_a_table(tiny: Path, files: dict[str, Path], tmp_path: Path) -> None:
    rows = [f"chr1 {pos} {CHR1[pos - 1]} {alt} {effect} gene:g1 {significant}"
            for pos, alt, effect, significant in (
                (21, "A", -1, "True"), (22, "T", -2, "true"), (31, "T", 1, "TRUE"), (41, "C", -3, "1"),
                (42, "C", 1, "false"), (33, "T", 0.5, "0"))]  # fmt: skip
    truth = table(tmp_path / "effects.tsv", "chrom pos ref alt effect gene_id significant\n" + "\n".join(rows) + "\n")
    predictions = tmp_path / "effects.parquet"
    variants = [f"chr1:{row.split()[1]}:{row.split()[2]}>{row.split()[3]}" for row in rows]
    texcnn.variant_effects(tiny, out=predictions, variants=variants, **files)
    from_table = texcnn.evaluate_variants(truth, tmp_path / "a", predictions, bootstrap=20)
    from_model = texcnn.evaluate_variants(truth, tmp_path / "b", model=tiny, bootstrap=20, **files)
    left, right = from_table.metrics.replace("effects.parquet", "tiny"), from_model.metrics
    pd.testing.assert_frame_equal(left, right)
    assert set(right["cell_type"]) == {"gc", "a", "mean over cell types", ""}
    of_gc = right[right["cell_type"] == "gc"].set_index("metric")["value"]
    assert of_gc["sign_accuracy"] == pytest.approx((1 + 1 + 0.5 + 0.5) / 4)  # the significant ones alone
    assert of_gc["auroc_significant"] == 0.75  # sizes .1 .1 0 0 against 0 0
    text = tmp_path / "effects.tsv.gz"
    texcnn.variant_effects(tiny, out=text, variants=variants, **files)
    again = texcnn.evaluate_variants(truth, tmp_path / "c", text, bootstrap=20)
    pd.testing.assert_frame_equal(again.metrics.replace("effects.tsv.gz", "tiny"), right, rtol=1e-5)


def test_a_variant_that_two_elements_measure_counts_in_both(tiny: Path, files: dict[str, Path], tmp_path: Path) -> None:
    rows = SATURATION.splitlines()[:5]
    again = [row.replace("G1.2", "again").replace("-0.5", "0.5") for row in rows[1:]]
    truth = table(tmp_path / "twice.tsv", "\n".join([*rows, *again]) + "\n")
    predictions = tmp_path / "effects.parquet"
    variants = ["chr1:21:G>A", "chr1:21:G>C", "chr1:22:G>T"]
    texcnn.variant_effects(tiny, out=predictions, variants=variants, **files)
    found = texcnn.evaluate_variants(truth, tmp_path / "ev", predictions, bootstrap=0)
    assert found.scored.truth["group"].tolist() == ["G1.2"] * 3 + ["again"] * 3
    of_gc = found.metrics[found.metrics["cell_type"] == "gc"].set_index(["group", "metric"])["value"]
    assert of_gc["G1.2", "sign_accuracy"] == pytest.approx(2.5 / 3)
    assert of_gc["again", "sign_accuracy"] == pytest.approx(1.5 / 3)
    assert found.scored.missing["name"].tolist() == ["chr1:22:G>", "chr1:22:G>"]


def test_effects_of_genes_from_a_table(tmp_path: Path) -> None:
    truth = table(tmp_path / "genes.tsv", "gene_id effect\ng1 1\ngene:g2 -1\ng3 2\ng4 0.5\n")
    haplotypes = pd.DataFrame({
        "gene_id": ["g1", "g2", "g3"] * 2, "cell_type": ["x"] * 3 + ["y"] * 3, "n_variants": [3, 1, 5] * 2,
        "mean": [1.5, 0.5, 4.0, 0.0, 2.0, 2.0], "reference": [1.0] * 6,
    })  # fmt: skip
    path = tmp_path / "haplotypes.tsv"
    haplotypes.to_csv(path, sep="\t", index=False)
    found = texcnn.evaluate_variants(truth, tmp_path / "ev", path, bootstrap=10)
    metrics = found.metrics.set_index(["scorer", "cell_type", "metric"])["value"]
    assert metrics["haplotypes.tsv", "x", "sign_accuracy"] == 1
    assert metrics["haplotypes.tsv", "y", "sign_accuracy"] == pytest.approx(1 / 3)
    assert metrics["haplotypes.tsv", "x", "spearman"] == 1
    assert metrics["number of variants", "", "spearman_size"] == pytest.approx(np.sqrt(0.75))
    assert found.scored.missing["name"].tolist() == ["g4"]


def test_the_command_is_a_part_of_evaluate(tiny: Path, files: dict[str, Path], tmp_path: Path) -> None:
    truth = table(tmp_path / "labels.tsv", LABELS)
    arguments = ["evaluate", "variants", "--truth", truth, "--model", tiny, "--cell-type", "gc", "--gene", "g1"]
    arguments += ["--bootstrap", "10", "--out", tmp_path / "ev"]
    for name, path in files.items():
        arguments += [f"--{name}", path]
    result = CliRunner().invoke(cli, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    assert "7 effects, 0 without a prediction, 0 do not count" in result.output
    # Three fall and one rises: n counts them, and each of three figures is there.
    written = pd.read_csv(tmp_path / "ev" / "variant_metrics.tsv", sep="\t").set_index(["scorer", "metric"])
    told = written.loc[("tiny", "auroc_over_under")]
    assert (told["value"], told["n"]) == (1, 4)
    assert written.loc["tiny"].index.tolist() == ["auroc_over_under", "auroc_over_none", "auroc_under_none"]
    assert (
        "| tiny | gc | all | auroc_over_under | 1.000 [1.000, 1.000] | 4 |"
        in (tmp_path / "ev" / "summary.md").read_text()
    )
    alone = CliRunner().invoke(cli, ["evaluate", "--out", str(tmp_path / "x")])
    assert alone.exit_code == 2
    assert "Missing option '--expression'" in alone.output
    assert "variants" in CliRunner().invoke(cli, ["evaluate", "--help"]).output


def test_unusable_input_is_reported(tiny: Path, files: dict[str, Path], tmp_path: Path) -> None:
    def refuse(text: str, match: str, **options: object) -> None:
        given = {"model": tiny, **files, **options}
        with pytest.raises(InputError, match=match):
            texcnn.evaluate_variants(table(tmp_path / "t.tsv", text), tmp_path / "ev", **given)

    refuse("chrom pos ref alt\nchr1 1 A C\n", "no measured effects among the columns chrom, pos, ref, alt")
    refuse("gene_id effect\n", "no row")
    refuse("chrom pos ref alt effect\nchr1 1 A C big\n", r"unusable value 'big'.*line 2, column 'effect'")
    refuse("chrom pos ref alt label\nchr1 1 A C up\n", "over, under, none")
    refuse("chrom pos ref alt effect\nchr1 x A C 1\n", "unusable position 'x'")
    refuse("chrom pos ref alt effect significant\nchr1 1 A C 1 maybe\n", "unusable value 'maybe'")
    refuse("chrom pos ref alt effect\nchr1 1 A C NA\n", "no row of the table can be used")
    refuse("gene_id effect\ng1 1\n", "need the sample's variants")
    refuse(LABELS, "states its variants itself", vcf="a.vcf", sample="s")
    refuse(LABELS, "go together", vcf="a.vcf")
    refuse(LABELS, "either predictions or a model", model=None)
    refuse(LABELS, "needs a genome", fasta=None)
    refuse("chrom pos ref alt effect\nchr1 150 N C 1\n", "nothing of the truth has a prediction.*NOT_ACGT")
    refuse(
        LABELS, "no score of what is evaluated", peers=f"p={table(tmp_path / 'p.tsv', LABELS.replace('chr1', '1'))}:POS"
    )
    refuse(LABELS, "unusable value 'p'", peers="p")


def test_kinds_are_known_by_their_columns(tmp_path: Path) -> None:
    kinds = {
        TruthKind.SATURATION: SATURATION, TruthKind.LABELS: LABELS,
        TruthKind.EFFECTS: "chrom,pos,ref,alt,effect\nchr1,1,A,C,1\n", TruthKind.GENE_EFFECTS: "gene_id effect\ng 1\n",
    }  # fmt: skip
    for kind, text in kinds.items():
        assert read_truth(table(tmp_path / "t.tsv", text), min_barcodes=10).kind is kind


@pytest.mark.data
@pytest.mark.slow
def test_real_saturation_of_f9(data: Path, tmp_path: Path) -> None:
    """Known before: texcnn-mini 7 has Spearman 0.375 on F9 (6 had 0.20)."""
    frame = pd.read_csv(data / "variants" / "mpra_saturation_kircher2019.tsv.gz", sep="\t", dtype=str)
    frame[frame["Element"] == "F9"].to_csv(tmp_path / "f9.tsv", sep="\t", index=False)
    found = texcnn.evaluate_variants(
        tmp_path / "f9.tsv", tmp_path / "ev", model="texcnn-mini", fasta=data / "human" / "hg38_slice.fa.gz",
        gtf=data / "human" / "hg38_refseq.gtf.gz", genes="F9", map_chrom_names=True, cell_types="median", bootstrap=100,
    )  # fmt: skip
    row = found.metrics[(found.metrics["group"] == "F9") & (found.metrics["metric"] == "spearman")].iloc[0]
    assert 0.33 < row["value"] < 0.42
    assert row["n"] + len(found.left_out) + len(found.scored.missing) == len(frame[frame["Element"] == "F9"])


def test_effects_of_genes_from_a_samples_haplotypes(tiny: Path, files: dict[str, Path], tmp_path: Path) -> None:
    vcf = tmp_path / "strains.vcf"
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=chr1,length=200>", "##contig=<ID=chr2,length=80>"]
    lines += ['##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    fixed = "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", "other", "S"])
    rows = ["chr1 21 . G A . . . GT 0|0 1|1", "chr1 22 . G T . . . GT 0|0 0|1", "chr1 40 . T C . . . GT 1|1 0|0"]
    vcf.write_text("\n".join([*lines, fixed, *(row.replace(" ", "\t") for row in rows)]) + "\n")
    truth = table(tmp_path / "genes.tsv", "gene_id effect\ng1 -1\ng2 1\ng3 2\n")
    found = texcnn.evaluate_variants(
        truth, tmp_path / "ev", model=tiny, vcf=vcf, sample="S", bootstrap=0, cell_types="gc", **files
    )
    scored = found.scored
    assert scored.truth["gene"].tolist() == ["g1", "g2"]
    np.testing.assert_allclose(scored.deltas["gc"], [(-0.1 - 0.2) / 2, 0], atol=1e-7)
    assert scored.truth["n_variants"].tolist() == [3, 0]  # alleles of both haplotypes
    assert (
        scored.truth["distance"].iloc[0] == 19
    )  # from the TSS, base 41, to base 22; the other sample's does not count
    assert np.isnan(scored.truth["distance"].iloc[1])
    assert scored.missing["name"].tolist() == ["g3"]  # its window is unknown
