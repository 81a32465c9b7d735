"""Variants in shards: each distinct allele is scored once, and the merged files are those of the command."""

from __future__ import annotations

import random
from pathlib import Path

import pandas as pd
import pysam
import pytest
from pipeline_runs import Pipeline, Run, copy_pipeline
from tiny import save_tiny_dnabert2

import texcnn

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

HEADER = '##fileformat=VCFv4.2\n##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", "s")


@pytest.fixture(scope="module")
def cohort(nextflow: list[str], project: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Two samples on one genome: the second one has every other allele of the first one, with IDs of its own."""
    pipeline = copy_pipeline(nextflow, project, tmp_path_factory.mktemp("cohort"))
    rng, lines = random.Random(1), []
    with pysam.FastaFile(str(project / "assets" / "demo" / "genome.fa.gz")) as genome:
        for chrom in genome.references:
            bases = genome.fetch(chrom).upper()
            count = round(6000 * len(bases) / sum(genome.lengths))
            for place in sorted(rng.sample([at for at, base in enumerate(bases) if base != "N"], count)):
                alt = rng.choice([base for base in "ACGT" if base != bases[place]])
                lines.append((chrom, str(place + 1), f"v{place}", bases[place], alt, ".", ".", ".", "GT", "0|1"))
    for name, rows in (("a", lines), ("b", [(*row[:2], ".", *row[3:]) for row in lines[::2]])):
        text = "".join("\t".join(row) + "\n" for row in (COLUMNS, *rows))
        (pipeline.launch / f"{name}.vcf").write_text(HEADER + text)
    (pipeline.launch / "sheet.csv").write_text("sample,vcf\na,a.vcf\nb,b.vcf\n")
    return pipeline


def arguments(pipeline: Pipeline, size: int) -> list[object]:
    # fmt: off
    return ["-profile", "test", "--models", pipeline.model, "--input", "sheet.csv", "--samples", "s",
            "--unphased", "merge", "--variant_shard_size", size, "--shard_size", "50"]
    # fmt: on


@pytest.fixture(scope="module")
def sharded(cohort: Pipeline) -> Run:
    return cohort.succeed(*arguments(cohort, 2000), outdir="sharded")


def test_an_allele_is_scored_once(sharded: Run) -> None:
    """Three shards of the alleles of both samples, and the haplotypes of each; then a merge per table."""
    tasks = sharded.trace[sharded.trace["process"].isin(["SPLIT", "VARIANTS", "MERGE"])]
    names = tasks["name"].str.extract(r"(\w+ \(.*)\)", expand=False).str.replace("genes.gtf", "", regex=False)
    assert sorted(name for name in names if name.startswith("VARIANTS")) == [
        *(f"VARIANTS (tiny effects {number}/3" for number in (1, 2, 3)),
        *(2 * ["VARIANTS (tiny haplotypes 1/1"]),
    ]
    assert tasks["process"].value_counts().to_dict() == {"SPLIT": 1, "VARIANTS": 5, "MERGE": 6}


@pytest.mark.parametrize("sample", ["a", "b"])
def test_the_files_are_those_of_the_command(cohort: Pipeline, sharded: Run, sample: str) -> None:
    demo, folder = cohort.folder / "assets" / "demo", cohort.launch / f"command-{sample}"
    folder.mkdir()
    options = {"gtf": demo / "genes.gtf", "vcf": cohort.launch / f"{sample}.vcf", "device": "cpu"}
    texcnn.variant_effects(
        cohort.model, demo / "genome.fa.gz", out=folder / "effects.tsv.gz", annotate=folder / "effects.vcf.gz",
        summary=folder / "effects.summary.tsv.gz", **options,
    )  # fmt: skip
    texcnn.variant_effects(
        cohort.model, demo / "genome.fa.gz", out=folder / "haplotypes.tsv.gz", phased=True, samples=["s"], **options
    )
    found = sharded.outdir / sample / "variants"
    assert sorted(path.name for path in found.iterdir()) == sorted(path.name for path in folder.iterdir())
    for name in ("effects.tsv.gz", "effects.summary.tsv.gz", "haplotypes.tsv.gz"):
        tables = [pd.read_csv(place / name, sep="\t") for place in (found, folder)]
        pd.testing.assert_frame_equal(*tables, rtol=1e-4, atol=2e-6)
        assert len(tables[0]) > 40
    assert (found / "effects.tsv.gz.skipped.tsv").read_bytes() == (folder / "effects.tsv.gz.skipped.tsv").read_bytes()
    with pysam.VariantFile(str(found / "effects.vcf.gz")) as annotated:
        records = list(annotated)
    assert len(records) == {"a": 6000, "b": 3000}[sample]
    assert {record.samples["s"]["GT"] for record in records} == {(0, 1)}
    assert all("TEXCNN_STATUS" in record.info for record in records)


def test_one_shard_gives_the_same_bytes(cohort: Pipeline, sharded: Run) -> None:
    """And takes everything but the effects from before."""
    one = cohort.succeed(*arguments(cohort, 200_000), "--publish_dir_mode", "symlink", "-resume", outdir="one")
    assert one.processes("COMPLETED") == ["MERGE", "MERGE", "REPORT", "REPORT", "SPLIT", "VARIANTS"]
    for sample in ("a", "b"):
        folders = [run.outdir / sample / "variants" for run in (sharded, one)]
        for path in folders[0].iterdir():
            assert (folders[1] / path.name).read_bytes() == path.read_bytes(), path.name


def test_models_and_samples_in_stubs(cohort: Pipeline, tmp_path: Path) -> None:
    """Effects: shards x models, for any number of samples. Haplotypes: as many shares as the genes have shards."""
    save_tiny_dnabert2(tmp_path / "other", seed=3)
    (tmp_path / "stub.config").write_text(
        "process { withName: SPLIT { ext.stub_shards = 7 }\nwithName: WINDOWS { ext.stub_shards = 2 } }\n"
    )
    run = cohort.succeed(
        "-profile", "test", "-stub", "-c", tmp_path / "stub.config", "--input", "sheet.csv", "--samples", "s",
        "--models", f"{cohort.model},{tmp_path}/other", outdir="stubs",
    )  # fmt: skip
    counts = run.trace["process"].value_counts()
    expected = {"SPLIT": 1, "VARIANTS": 7 * 2 + 2 * 2 * 2, "MERGE": 3 * 2 * 2}
    assert {name: counts[name] for name in expected} == expected
    assert [path for path in run.files if path.startswith("a/variants")] == [
        f"a/variants/{what}.{model}.tsv.gz{ending}"
        for what in ("effects", "haplotypes") for model in ("other", "tiny") for ending in ("", ".skipped.tsv")
    ]  # fmt: skip
