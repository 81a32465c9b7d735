"""``texcnn evaluate variants``: each option once, with what it changes in the folder that is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from runs import Commands, Run, well
from tiny import CHR1, save_tiny, write_genome, write_gtf

import texcnn
from texcnn.features.spec import FeatureSpec

Evaluate = Callable[..., Run]

# The window of g1 is chr1:21-50 (1-based): ten G, CCCCCTTTTT, ten A; its TSS is base 41. The output `gc` is the largest
# share of G and C of a segment, `a` is 1 and twice the largest share of A: a G that becomes A or T costs `gc` 0.1, an A
# that becomes anything else costs `a` 0.2.
PLACES = [(21, "A"), (22, "T"), (23, "A"), (31, "T"), (42, "C"), (43, "G"), (44, "C")]


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Signed effects of seven variants near g1, the last three significant."""
    rows = [
        f"chr1\t{pos}\t{CHR1[pos - 1]}\t{alt}\t{place - 3.5}\tg1\t{int(place > 3)}"
        for place, (pos, alt) in enumerate(PLACES)
    ]
    path = tmp_path / "truth.tsv"
    path.write_text("\n".join(["chrom\tpos\tref\talt\teffect\tgene_id\tsignificant", *rows]) + "\n")
    return path


@pytest.fixture
def evaluate(commands: Commands, tiny: Path, truth: Path, tmp_path: Path) -> Evaluate:
    """Evaluates the tiny model, with options changed, added or (None) left out."""
    usual: dict[str, Any] = {
        "truth": truth, "model": tiny, "fasta": write_genome(tmp_path), "gtf": write_gtf(tmp_path / "genes.gtf"),
        "bootstrap": 0, "device": "cpu", "quiet": True,
    }  # fmt: skip

    def run(out: str, **changes: Any) -> Run:
        return commands.with_options("evaluate", "variants", out=tmp_path / out, **{**usual, **changes})

    return run


def refused(run: Run, *messages: str) -> None:
    assert (run.status, run.out) == (2, "")
    for message in messages:
        assert message in run.err


def metrics(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "variant_metrics.tsv", sep="\t", keep_default_na=False, na_values=[""])


def rows(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "variants.tsv.gz", sep="\t").rename(columns=lambda name: name.removeprefix("delta: "))


def missing(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "missing.tsv", sep="\t")


class TestWhatPredicts:
    def test_a_model_by_hand(self, evaluate: Evaluate, tmp_path: Path) -> None:
        well(evaluate("ev"))
        found = rows(tmp_path / "ev")
        np.testing.assert_allclose(found["gc"], [-0.1, -0.1, -0.1, 0, 0, 0, 0], atol=1e-6)
        np.testing.assert_allclose(found["a"], [0, 0, 0, 0, -0.2, -0.2, -0.2], atol=1e-6)
        assert sorted(path.name for path in (tmp_path / "ev").iterdir()) == [
            "missing.tsv", "summary.md", "variant_metrics.tsv", "variants.tsv.gz",
        ]  # fmt: skip
        assert missing(tmp_path / "ev").empty

    def test_a_table_in_place_of_the_model(self, evaluate: Evaluate, tiny: Path, tmp_path: Path) -> None:
        table = tmp_path / "effects.tsv"
        variants = [f"chr1:{pos}:{CHR1[pos - 1]}>{alt}" for pos, alt in PLACES[1:]]
        genome, genes = tmp_path / "genome.fa", tmp_path / "genes.gtf"
        texcnn.variant_effects(tiny, genome, out=table, variants=variants, gtf=genes)
        well(evaluate("ev", model=None, fasta=None, gtf=None, predictions=table))
        np.testing.assert_allclose(rows(tmp_path / "ev")["gc"], [-0.1, -0.1, 0, 0, 0, 0], atol=1e-6)
        # chr1:21:G>A was not asked for when the table was made.
        assert missing(tmp_path / "ev")["name"].tolist() == ["chr1:21:G>A"]
        refused(evaluate("both", predictions=table), "either predictions or a model")
        refused(evaluate("none", model=None), "either predictions or a model")
        refused(evaluate("no-genome", fasta=None), "needs a genome", "--fasta")

    def test_features(self, evaluate: Evaluate, tmp_path: Path) -> None:
        model = save_tiny(tmp_path / "with-feature", features=[FeatureSpec("length", 1.0, 2.0)])
        refused(evaluate("none", model=model), "needs the features length", "--features")
        (tmp_path / "features.tsv").write_text("gene_id\tlength\ng1\t5\ng2\t1\ng3\t1\n")
        well(evaluate("ev", model=model, features=tmp_path / "features.tsv"))
        # A feature that does not change with the variant does not change the effect.
        np.testing.assert_allclose(rows(tmp_path / "ev")["gc"], [-0.1] * 3 + [0] * 4, atol=1e-6)

    def test_half_life_is_for_models_that_read_it(self, evaluate: Evaluate) -> None:
        refused(evaluate("ev", half_life=True), "--half-life")

    def test_cell_types(self, evaluate: Evaluate, tmp_path: Path) -> None:
        well(evaluate("both"))
        well(evaluate("one", cell_type="a"))
        assert {"gc", "a"} <= set(rows(tmp_path / "both"))
        assert "gc" not in rows(tmp_path / "one")
        assert "mean over cell types" in set(metrics(tmp_path / "both")["cell_type"])
        assert set(metrics(tmp_path / "one")["cell_type"].dropna()) == {"a"}
        refused(evaluate("other", cell_type="b"), "unknown cell type 'b'", "gc, a")


class TestGenes:
    def test_only_some(self, evaluate: Evaluate, tmp_path: Path) -> None:
        (tmp_path / "names.txt").write_text("G1\n")
        well(evaluate("named", gene="g1"))
        well(evaluate("listed", genes=tmp_path / "names.txt"))
        for name in ("named", "listed"):
            assert rows(tmp_path / name)["gene"].tolist() == ["g1"] * 7
        refused(evaluate("g2", gene="g2"), "nothing of the truth has a prediction")

    def test_a_bed_of_tss(self, evaluate: Evaluate, tmp_path: Path) -> None:
        (tmp_path / "genes.bed").write_text("chr1\t40\t60\tg1\t0\t+\n")
        well(evaluate("gtf"))
        well(evaluate("bed", gtf=None, bed=tmp_path / "genes.bed"))
        pd.testing.assert_frame_equal(rows(tmp_path / "bed"), rows(tmp_path / "gtf"))
        # From its middle on, base 50, the window of the gene holds other bases: chr1:31-60.
        well(evaluate("middle", gtf=None, bed=tmp_path / "genes.bed", bed_anchor="center"))
        assert len(missing(tmp_path / "middle")) == 3

    def test_map_chrom_names_holds_for_the_variants_too(self, evaluate: Evaluate, truth: Path, tmp_path: Path) -> None:
        truth.write_text(truth.read_text().replace("chr1", "1"))
        refused(
            evaluate("ev"),
            "the variants and the FASTA name the chromosomes differently ('1' and 'chr1')",
            "--map-chrom-names maps them to the FASTA's names",
        )
        well(evaluate("ev", map_chrom_names=True))
        np.testing.assert_allclose(rows(tmp_path / "ev")["gc"], [-0.1] * 3 + [0] * 4, atol=1e-6)


class TestSample:
    @pytest.fixture
    def of_genes(self, tmp_path: Path) -> dict[str, Path]:
        """A sample with three variants of g1, one of them without phase; a truth of whole genes."""
        header = ["##fileformat=VCFv4.2", "##contig=<ID=chr1,length=200>", "##contig=<ID=chr2,length=80>"]
        header += ['##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
        fields = [
            "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT S T",
            "chr1 21 . G A . . . GT 1|1 0|0",
            "chr1 22 . G T . . . GT 0|1 1|1",
            "chr1 23 . G A . . . GT 0/1 0|0",
        ]
        vcf, truth = tmp_path / "sample.vcf", tmp_path / "genes.tsv"
        vcf.write_text("\n".join([*header, *(line.replace(" ", "\t") for line in fields)]) + "\n")
        truth.write_text("gene_id\teffect\ng1\t-1\ng2\t1\n")
        return {"vcf": vcf, "truth": truth}

    @pytest.mark.parametrize(
        ("unphased", "effect"),
        [
            # G>A at 21 on both, G>T at 22 on the second: what becomes of G>A at 23?
            ("skip", -(0.1 + 0.2) / 2),
            ("as-is", -(0.1 + 0.3) / 2),
            ("merge", -(0.2 + 0.3) / 2),
        ],
    )
    def test_unphased(
        self, evaluate: Evaluate, of_genes: dict[str, Path], tmp_path: Path, unphased: str, effect: float
    ) -> None:
        well(evaluate("ev", **of_genes, sample="S", unphased=unphased, cell_type="gc"))
        assert rows(tmp_path / "ev").set_index("gene")["gc"]["g1"] == pytest.approx(effect, abs=1e-6)

    def test_a_call_without_phase_stops_unless_an_option_changes_it(
        self, evaluate: Evaluate, of_genes: dict[str, Path]
    ) -> None:
        refused(evaluate("ev", **of_genes, sample="S"), "phase", "--unphased")

    def test_the_sample_is_the_one_that_is_named(
        self, evaluate: Evaluate, of_genes: dict[str, Path], tmp_path: Path
    ) -> None:
        well(evaluate("ev", **of_genes, sample="T", cell_type="gc"))
        assert rows(tmp_path / "ev").set_index("gene")["gc"]["g1"] == pytest.approx(-0.1, abs=1e-6)
        refused(evaluate("other", **of_genes, sample="U"), "'U'", "S, T")
        refused(evaluate("alone", vcf=of_genes["vcf"]), "a VCF and its sample go together – in --vcf and --sample")


class TestTruth:
    def test_min_barcodes(self, evaluate: Evaluate, tmp_path: Path) -> None:
        header = "Chrom\tPos\tRef\tAlt\tBarcodes\tCoefficient\tElement"
        lines = [
            f"chr1\t{pos}\t{CHR1[pos - 1]}\t{alt}\t{barcodes}\t-0.5\tg1"
            for (pos, alt), barcodes in zip(PLACES, (5, 9, 10, 11, 30, 40, 50), strict=True)
        ]
        (tmp_path / "saturation.tsv").write_text("\n".join([header, *lines]) + "\n")
        for least, n in ((None, 5), (0, 7), (11, 4)):
            well(evaluate(f"{least}", truth=tmp_path / "saturation.tsv", min_barcodes=least))
            assert len(rows(tmp_path / f"{least}")) == n

    def test_peers_by_their_last_column_or_the_one_that_is_named(self, evaluate: Evaluate, tmp_path: Path) -> None:
        lines = [f"chr1\t{pos}\t{CHR1[pos - 1]}\t{alt}\t{place}\t{-place}" for place, (pos, alt) in enumerate(PLACES)]
        peer = tmp_path / "peer.tsv"
        peer.write_text("\n".join(["chrom\tpos\tref\talt\tup\tdown", *lines]) + "\n")
        well(evaluate("ev", peer=[f"last={peer}", f"first={peer}:up"]))
        found = metrics(tmp_path / "ev")
        # The effects grow with the place, and so does the column `up`.
        for scorer, expected in (("first", 1), ("last", -1)):
            values = found.loc[(found["scorer"] == scorer) & (found["metric"] == "spearman"), "value"]
            assert values.tolist() == pytest.approx([expected] * len(values))
            assert len(values) > 0
        refused(evaluate("none", peer=f"x={peer}:mean"), "mean")
        refused(evaluate("nameless", peer=str(peer)), "--peer")

    def test_bootstrap_and_seed(self, evaluate: Evaluate, truth: Path, tmp_path: Path) -> None:
        genes = truth.read_text().splitlines()
        truth.write_text("\n".join([*genes, "chr2\t62\tC\tA\t1\tg2\t1", "chr2\t65\tA\tC\t-1\tg2\t1"]) + "\n")
        for name, draws, seed in (("none", 0, 0), ("a", 3, 0), ("again", 3, 0), ("other", 3, 2)):
            well(evaluate(name, bootstrap=draws, seed=seed))
        found = {name: metrics(tmp_path / name) for name in ("none", "a", "again", "other")}
        ends = ["low", "high"]
        assert found["none"][ends].isna().all(axis=None)
        assert found["a"][ends].notna().any(axis=None)
        pd.testing.assert_frame_equal(found["a"], found["again"])
        assert not found["a"][ends].equals(found["other"][ends])
        for name in ("a", "other"):
            pd.testing.assert_series_equal(found[name]["value"], found["none"]["value"])


class TestOutput:
    def test_overwrite_and_what_it_says(self, evaluate: Evaluate, tmp_path: Path) -> None:
        output = evaluate("ev", quiet=None)
        assert output.status == 0
        assert f"7 effects, 0 without a prediction, 0 do not count: {tmp_path / 'ev'}" in output.err
        refused(evaluate("ev", cell_type="a"), "ev' already exists")
        assert "gc" in rows(tmp_path / "ev")
        well(evaluate("ev", cell_type="a", overwrite=True))
        assert "gc" not in rows(tmp_path / "ev")

    @pytest.mark.parametrize("size", [1, 3])
    def test_batch_size_and_threads_change_nothing(self, evaluate: Evaluate, tmp_path: Path, size: int) -> None:
        well(evaluate("usual"))
        well(evaluate("ev", batch_size=size, threads=1))
        for name in ("variant_metrics.tsv", "missing.tsv", "variants.tsv.gz"):
            assert (tmp_path / "ev" / name).read_bytes() == (tmp_path / "usual" / name).read_bytes(), name
