"""Which prediction is of which measured effect: by name, by element, by the nearest TSS, and by a sample's genes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from texcnn.errors import InputError
from texcnn.evaluation.variants.options import EvaluateVariantsOptions
from texcnn.evaluation.variants.scores import join_genes, join_variants, read_effects, read_peer
from texcnn.evaluation.variants.truth import Truth, TruthKind, read_truth


def table(path: Path, text: str) -> Path:
    """Rows of words, separated by tabs."""
    path.write_text("".join("\t".join(line.split(" ")) + "\n" for line in text.splitlines()))
    return path


def truth_of(folder: Path, text: str, **options: Any) -> Truth:
    return read_truth(table(folder / "truth.tsv", text), **{"min_barcodes": 10, **options})


def effects(*rows: tuple[Any, ...], named: bool = True) -> pd.DataFrame:
    """Rows of chrom, pos, ref, alt, gene, distance and delta, of the cell type x; y has twice the delta."""
    frame = pd.DataFrame(rows, columns=["chrom", "pos", "ref", "alt", "gene_id", "distance_to_tss", "delta"])
    frame["id"] = [f"line{number}" for number in range(2, len(frame) + 2)]
    if named:
        frame["gene_name"] = frame["gene_id"].str.upper()
    return pd.concat(
        [frame.assign(cell_type="x"), frame.assign(cell_type="y", delta=2 * frame["delta"])], ignore_index=True
    )


NEAR, FAR, OTHER = (
    ("chr1", 5, "A", "C", "near", -3, 0.1),
    ("chr1", 5, "A", "C", "far", 90, 0.2),
    ("chr1", 9, "G", "T", "near", 1, 0.4),
)


class TestVariants:
    @pytest.mark.parametrize(
        ("gene", "chosen", "delta"),
        [("", "near", 0.1), ("far", "far", 0.2), ("FAR", "far", 0.2), ("far.7", "far.7", None), ("third", None, None)],
    )
    def test_the_gene_that_the_truth_names_else_the_nearest(
        self, tmp_path: Path, gene: str, chosen: str | None, delta: float | None
    ) -> None:
        truth = truth_of(tmp_path, f"chrom pos ref alt effect gene_id\nchr1 5 A C 1 {gene}")
        found = join_variants(truth, effects(FAR, NEAR, OTHER), by_id=False)
        if delta is None:
            assert found.truth.empty
            assert found.missing.to_numpy().tolist() == [["chr1:5:A>C", "no prediction for its gene"]]
            return
        ((row),) = found.truth.to_dict("records")
        assert (row["gene"], row["distance"]) == (chosen, -3 if chosen == "near" else 90)
        assert found.deltas.to_numpy().tolist() == [[delta, 2 * delta]]
        assert list(found.deltas) == ["x", "y"]

    def test_ensembl_versions_on_either_side_do_not_matter(self, tmp_path: Path) -> None:
        truth = truth_of(tmp_path, "chrom pos ref alt effect gene_id\nchr1 5 A C 1 ENSG00000000003.15")
        predicted = effects(("chr1", 5, "A", "C", "ENSG00000000003.2", 4, 0.3))
        assert join_variants(truth, predicted, by_id=False).deltas["x"].tolist() == [0.3]

    def test_an_element_belongs_to_the_gene_of_its_name_though_another_is_nearer(self, tmp_path: Path) -> None:
        truth = truth_of(tmp_path, "chrom pos ref alt coefficient element\nchr1 5 A C 1 FAR.2\nchr1 5 A C 2 ZZZ-1")
        found = join_variants(truth, effects(NEAR, FAR), by_id=False)
        assert found.truth["gene"].tolist() == ["far", "near"]
        assert found.truth["group"].tolist() == ["FAR.2", "ZZZ-1"]

    def test_of_several_transcripts_the_nearest_tss_counts(self, tmp_path: Path) -> None:
        truth = truth_of(tmp_path, "chrom pos ref alt effect\nchr1 5 A C 1")
        rows = [("chr1", 5, "A", "C", "g", 80, 0.8), ("chr1", 5, "A", "C", "g", -7, 0.7)]
        found = join_variants(truth, effects(*rows), by_id=False)
        assert (found.truth["distance"].tolist(), found.deltas["x"].tolist()) == ([-7], [0.7])

    def test_alleles_are_compared_or_the_ids_of_rows(self, tmp_path: Path) -> None:
        truth = truth_of(tmp_path, "chrom pos ref alt effect\nchr1 5 A C 1\nchr1 5 A G 1\nchr2 5 A C 1")
        predicted = effects(NEAR, ("chr9", 1, "T", "A", "g", 2, 0.5))
        assert join_variants(truth, predicted, by_id=False).deltas["x"].tolist() == [0.1]
        by_id = join_variants(truth, predicted, by_id=True)
        assert by_id.deltas["x"].tolist() == [0.1, 0.5], "line2 and line3, whatever their alleles"
        assert by_id.missing["name"].tolist() == ["chr2:5:A>C"]

    def test_why_an_allele_has_no_prediction(self, tmp_path: Path) -> None:
        truth = truth_of(tmp_path, "chrom pos ref alt effect\nchr1 5 A C 1\nchr1 6 A C 1")
        predicted = effects(NEAR)
        predicted.attrs["skipped"] = [{"id": "line3", "status": "REF_MISMATCH", "reason": "another base"}]
        assert join_variants(truth, predicted, by_id=True).missing["reason"].tolist() == ["REF_MISMATCH: another base"]
        assert join_variants(truth, predicted, by_id=False).missing["reason"].tolist() == ["no prediction for its gene"]

    def test_a_row_without_a_delta_is_no_prediction(self, tmp_path: Path) -> None:
        truth = truth_of(tmp_path, "chrom pos ref alt effect\nchr1 5 A C 1")
        found = join_variants(truth, effects(("chr1", 5, "A", "C", "near", 1, np.nan), FAR), by_id=False)
        assert found.truth["gene"].tolist() == ["far"]

    def test_variants_of_one_group_are_counted(self, tmp_path: Path) -> None:
        truth = truth_of(tmp_path, "chrom pos ref alt effect\nchr1 5 A C 1\nchr1 9 G T 2\nchr1 5 A C 3")
        found = join_variants(truth, effects(NEAR, OTHER), by_id=False)
        assert found.truth["n_variants"].tolist() == [3, 3, 3]
        assert found.truth["effect"].tolist() == [1, 2, 3], "a variant that is measured twice counts twice"

    def test_tables_without_names_of_genes(self, tmp_path: Path) -> None:
        truth = truth_of(tmp_path, "chrom pos ref alt effect gene_id\nchr1 5 A C 1 far")
        assert join_variants(truth, effects(NEAR, FAR, named=False), by_id=False).truth["gene"].tolist() == ["far"]


def haplotypes(*rows: tuple[str, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["gene_id", "mean", "reference"]).assign(cell_type="x")


class TestGenes:
    def test_the_effect_is_the_haplotypes_mean_minus_the_reference(self, tmp_path: Path) -> None:
        truth = truth_of(tmp_path, "gene_id effect\nENSG00000000005 1\nENSG00000000003.3 -1\ng9 2")
        found = join_genes(truth, haplotypes(("ENSG00000000003.1", 1.5, 1.0), ("ENSG00000000005", 0.25, 1.0)))
        assert found.truth["gene"].tolist() == ["ENSG00000000005", "ENSG00000000003.3"]
        assert found.deltas["x"].tolist() == [-0.75, 0.5]
        assert found.missing.to_numpy().tolist() == [["g9", "no prediction for its gene"]]
        assert found.truth["distance"].isna().all()

    def test_variants_are_counted_where_the_table_does(self, tmp_path: Path) -> None:
        truth = truth_of(tmp_path, "gene_id effect\ng1 1")
        found = join_genes(truth, haplotypes(("g1", 1, 0)).assign(n_variants=7))
        assert found.truth["n_variants"].tolist() == [7]
        assert np.isnan(join_genes(truth, haplotypes(("g1", 1, 0))).truth["n_variants"]).all()


class TestReading:
    EFFECTS = "chrom pos ref alt gene_id distance_to_tss cell_type delta\nchr1 5 A C g 3 x 0.5\nchr1 5 A C g 3 y"

    @pytest.mark.parametrize("ending", [".tsv", ".parquet"])
    def test_numbers_and_gaps(self, tmp_path: Path, ending: str) -> None:
        path = table(tmp_path / "e.tsv", self.EFFECTS + " ")
        if ending == ".parquet":
            frame = pd.read_csv(path, sep="\t")
            path = tmp_path / "e.parquet"
            frame.to_parquet(path)
        found = read_effects(path, of_genes=False, cell_types=())
        assert found["delta"].tolist()[0] == 0.5
        assert np.isnan(found["delta"].tolist()[1])
        assert found["pos"].tolist() == [5, 5]

    def test_cell_types_are_chosen_and_must_be_there(self, tmp_path: Path) -> None:
        path = table(tmp_path / "e.tsv", self.EFFECTS + " 1")
        assert read_effects(path, of_genes=False, cell_types=["y"])["cell_type"].tolist() == ["y"]
        with pytest.raises(InputError, match=r"no rows of the cell types z, w – in .*e.tsv"):
            read_effects(path, of_genes=False, cell_types=["x", "z", "w"])

    @pytest.mark.parametrize(
        ("text", "of_genes", "message"),
        [
            ("chrom pos\nchr1 5", False, "the table lacks ref, alt, gene_id, distance_to_tss, cell_type, delta"),
            ("gene_id cell_type mean\ng x 1", True, "the table lacks reference"),
            ("gene_id cell_type mean reference\ng x high 1", True, "not a number"),
        ],
    )
    def test_other_tables(self, tmp_path: Path, text: str, of_genes: bool, message: str) -> None:
        with pytest.raises(InputError, match=message):
            read_effects(table(tmp_path / "e.tsv", text), of_genes=of_genes, cell_types=())

    def test_a_file_that_is_no_parquet(self, tmp_path: Path) -> None:
        (tmp_path / "e.parquet").write_text("no")
        with pytest.raises(InputError, match="the predictions cannot be read"):
            read_effects(tmp_path / "e.parquet", of_genes=False, cell_types=())


class TestPeers:
    @pytest.fixture
    def measured(self, tmp_path: Path) -> pd.DataFrame:
        text = "chrom pos ref alt effect gene_id\nchr1 5 A C 1 near\nchr1 9 G T 2 near\nchr1 7 - T 2 near"
        return truth_of(tmp_path, text).table

    def test_the_last_column_or_the_one_that_is_named(self, tmp_path: Path, measured: pd.DataFrame) -> None:
        path = table(tmp_path / "p.tsv", "CHROM Pos REF ALT One Two\nchr1 9 G T 1 10\nchr1 5 A C 2 .\nchr1 7 - T 3 30")
        np.testing.assert_array_equal(read_peer(str(path), measured, TruthKind.EFFECTS), [np.nan, 10, 30])
        np.testing.assert_array_equal(read_peer(f"{path}:one", measured, TruthKind.EFFECTS), [2, 1, 3])

    def test_genes_by_their_id(self, tmp_path: Path) -> None:
        truth = truth_of(tmp_path, "gene_id effect\nENSG00000000003.1 1\ng2 1")
        path = table(tmp_path / "p.tsv", "gene_id score\nENSG00000000003 4\nother 5")
        np.testing.assert_array_equal(read_peer(str(path), truth.table, TruthKind.GENE_EFFECTS), [4, np.nan])

    @pytest.mark.parametrize(
        ("text", "column", "message"),
        [
            ("chrom pos ref alt score\nchr1 5 A C high", "", "number"),
            ("chrom pos ref alt score\nchr1 5 A C 1", ":scores", "unknown column 'scores' .* did you mean 'score'"),
            ("chrom pos ref score\nchr1 5 A 1", "", "unknown column 'alt'"),
            ("chrom pos ref alt score\nchr8 5 A C 1", "", "the peer has no score of what is evaluated"),
        ],
    )
    def test_other_tables(self, tmp_path: Path, measured: pd.DataFrame, text: str, column: str, message: str) -> None:
        path = table(tmp_path / "p.tsv", text)
        with pytest.raises(InputError, match=message):
            read_peer(f"{path}{column}", measured, TruthKind.EFFECTS)


class TestTruth:
    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            ("#CHROM POS REF ALT COEFFICIENT ELEMENT\nchr1 5 A C 1 e", TruthKind.SATURATION),
            ("chrom pos ref alt label\nchr1 5 A C over", TruthKind.LABELS),
            ("chrom pos ref alt effect\nchr1 5 A C 1", TruthKind.EFFECTS),
            ("gene_id effect\ng 1", TruthKind.GENE_EFFECTS),
            ("gene_id chrom pos ref alt effect\ng chr1 5 A C 1", TruthKind.EFFECTS),
        ],
    )
    def test_columns_say_what_a_table_is(self, tmp_path: Path, text: str, kind: TruthKind) -> None:
        assert truth_of(tmp_path, text).kind is kind

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("chrom pos ref alt\nchr1 5 A C", "no measured effects among the columns chrom, pos, ref, alt"),
            ("gene_id effect", "the table has no row"),
            ("chrom pos ref alt effect\nchr1 0 A C 1", r"unusable position '0' – in .*truth.tsv, line 2"),
            ("chrom pos ref alt effect\nchr1 5 A C 1\nchr1 x A C 1", r"unusable position 'x' – in .*, line 3"),
            ("chrom pos ref alt label\nchr1 5 A C up", "'up'"),
            ("gene_id effect\ng high", "'high'"),
            ("gene_id effect significant\ng 1 maybe", "'maybe'"),
            ("gene_id effect\ng NA", "no row of the table can be used .* no measured effect"),
        ],
    )
    def test_unusable_tables(self, tmp_path: Path, text: str, message: str) -> None:
        with pytest.raises(InputError, match=message):
            truth_of(tmp_path, text)

    def test_rows_that_count_and_those_that_do_not(self, tmp_path: Path) -> None:
        rows = ["chr1 5 a - 1 e.1 9", "chr1 6 A C NA e.1 50", "chr1 7 A C 2 f_1 10"]
        text = "\n".join(["chrom pos ref alt coefficient element barcodes", *rows])
        truth = truth_of(tmp_path, text)
        assert [str(variant) for variant in truth.table["variant"]] == ["chr1:7:A>C"]
        assert truth.table["hint"].tolist() == ["f"]
        assert truth.left_out["reason"].tolist() == ["fewer than 10 barcodes", "no measured effect"]
        assert len(truth_of(tmp_path, text, min_barcodes=9).table) == 2
        first = truth_of(tmp_path, text, min_barcodes=0).table["variant"][0]
        assert (first.ref, first.alt, first.id) == ("A", "", "line2"), "a dash is an allele without bases"

    @pytest.mark.parametrize(("word", "expected"), [("true", True), ("Yes", True), ("0", False), ("FALSE", False)])
    def test_flags(self, tmp_path: Path, word: str, expected: bool) -> None:
        truth = truth_of(tmp_path, f"gene_id effect significant\ng 1 {word}")
        assert truth.table["significant"].tolist() == [expected]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"vcf": "v.vcf"}, "a VCF and its sample go together – in `vcf` and `sample` – allowed: both"),
        ({"sample": "s"}, "a VCF and its sample go together"),
        ({"bootstrap": -1}, "unusable number -1 – in `bootstrap`"),
        ({"seed": 0.5}, "unusable number 0.5 – in `seed`"),
        ({"min_barcodes": True}, "unusable number True – in `min_barcodes`"),
        ({"half_life": "yes"}, "'yes' is not yes or no"),
        ({"unphased": "skip"}, "genotypes count for haplotypes only"),
        ({"features": "f.tsv", "half_life": True}, "features given twice"),
    ],
)
def test_options_check_themselves(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as refused:
        EvaluateVariantsOptions(**given)
    assert message in str(refused.value)


def test_options_for_a_sample_are_those_of_its_haplotypes() -> None:
    options = EvaluateVariantsOptions(vcf="v.vcf", sample="s", unphased="skip", cell_types="x", peers="a=b").effects()
    assert (options.phased, options.samples, options.unphased, options.quantile) == (True, ("s",), "skip", False)
    assert options.cell_types == ("x",)
    assert not EvaluateVariantsOptions().effects().phased
