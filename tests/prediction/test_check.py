"""Files that do not fit are all named, before anything is computed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny import save_tiny_dnabert2, write_genome

from texcnn.features.spec import FeatureSpec
from texcnn.model.describe import describe_model
from texcnn.prediction.check import input_problems

VCF = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n{chrom}\t5\t.\tA\tC\t.\t.\t.\n"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    texts = {
        "genes": "g1\n",
        "features": "gene_id\tcds_gc\ng1\t0.5\n",
        "truth": "gene_id\ttrue_expression\ng1\t1.5\n",
        "expression": "gene_id\tx\ng1\t3\n",
        "split": "gene_id\tsplit\ng1\ttest\n",
        "vcf": VCF.format(chrom="1"),  # chr1 in another style
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return {"fasta": write_genome(tmp_path), **{name: tmp_path / name for name in texts}}


@pytest.fixture
def takes(tmp_path: Path) -> dict[str, object]:
    return describe_model(save_tiny_dnabert2(tmp_path / "takes", features=[FeatureSpec("cds_gc")]))


@pytest.fixture
def plain(tmp_path: Path) -> dict[str, object]:
    return describe_model(save_tiny_dnabert2(tmp_path / "plain"))


def test_nothing_is_wrong(files: dict[str, Path], takes: dict[str, object]) -> None:
    assert input_problems([takes], files) == []


def test_every_problem_is_named(files: dict[str, Path], takes: dict[str, object], plain: dict[str, object]) -> None:
    files["genes"].write_text("# none\n")
    files["features"].write_text("gene_id\tother\ng1\t0.5\n")
    files["truth"].write_text("gene_id\ttrue_expression\ng1\thigh\n")
    files["expression"].write_text("gene_id\tliver\ng1\t3\n")
    files["split"].write_text("gene_id\tsplit\ng1\texam\n")
    files["vcf"].write_text(VCF.format(chrom="chr9"))
    problems = input_problems([takes, plain], files)
    expected = [
        "feature table lacks the columns cds_gc",
        "the model 'tiny-dnabert2' takes no features",
        "the list of genes is empty",
        "'high' is not a number",
        "unknown cell type 'liver'",
        "unknown part of a split 'exam'",
        "none of the VCF's chromosomes is in the genome: chr9",
    ]
    assert [problem[: len(start)] for problem, start in zip(problems, expected, strict=True)] == expected


@pytest.mark.parametrize(
    "rows",
    [
        "1\t9\t.\tA\tC\t.\t.\t.\n1\t4\t.\tA\tC\t.\t.\t.\n",
        "1\t9\t.\tA\tC\t.\t.\t.\n2\t4\t.\tA\tC\t.\t.\t.\n1\t12\t.\tA\tC\t.\t.\t.\n",
    ],
)
def test_variants_out_of_order(files: dict[str, Path], takes: dict[str, object], rows: str) -> None:
    (head, _) = VCF.format(chrom="1").rsplit("\n1\t", 1)
    files["vcf"].write_text(f"{head}\n{rows}")
    (problem,) = input_problems([takes], files)
    assert problem.startswith("the variants are not sorted by position, or a chromosome comes twice")


def test_samples_of_haplotypes_are_in_the_vcf(files: dict[str, Path], takes: dict[str, object]) -> None:
    (problem,) = input_problems([takes], files, samples=["s"])
    assert problem.startswith("the VCF has no samples")
    head, row = VCF.format(chrom="1").rstrip("\n").rsplit("\n", 1)
    files["vcf"].write_text(f"{head}\tFORMAT\tmum\tdad\n{row}\tGT\t0|1\t1|1\n")
    assert input_problems([takes], files, samples=["dad", "mum"]) == []
    (problem,) = input_problems([takes], files, samples=["mum", "dat"])
    assert "dat" in problem
    assert "dad" in problem


def test_features_are_needed_or_computed(
    files: dict[str, Path], takes: dict[str, object], plain: dict[str, object]
) -> None:
    del files["features"]
    (problem,) = input_problems([takes], files)
    assert "needs the features cds_gc" in problem
    assert input_problems([takes], files, half_life=True) == []
    (problem,) = input_problems([plain], files, half_life=True)
    assert "takes no half-life features" in problem
