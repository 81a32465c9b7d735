"""Bad input ends before anything runs, with one message that names all of it; or in the task, with the task's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from pipeline_runs import Pipeline

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

GENOMES = "hg38, hg19, GRCh37, mm10, mm39, R64-1-1"


def test_parameters_are_checked_together(pipeline: Pipeline) -> None:
    # fmt: off
    run = pipeline.run("--fasta", "--gtf", "none.gtf", "--windw", "3", "--gpus", "two", "--shard_size", "0",
                       "--transcripts", "some", "--input", "sheet.tsv")
    # fmt: on
    assert run.status == 1
    for message in (
        "--windw is unknown – allowed: genome, fasta, gtf,",
        "--fasta is 'true' – allowed: a string",
        "--gtf is 'none.gtf', which does not exist",
        "--gpus is 'two' – allowed: a whole number",
        "--shard_size is 0 – allowed: 1 or more",
        "--transcripts is 'some' – allowed: gene, all",
        "--input is 'sheet.tsv' – allowed: a path that ends in .csv",
    ):
        assert f"  * {message}" in run.output
    assert run.output.count("  * ") == 7
    assert "Submitted" not in run.output


def test_unknown_genome_and_model_list_the_known(pipeline: Pipeline, tmp_path: Path) -> None:
    run = pipeline.run("--genome", "hg83", "--models", f"{tmp_path}/absent,a,./a")
    assert run.status == 1
    assert f"  * genome 'hg83' is unknown – allowed: {GENOMES}\n" in run.output
    assert (
        f"  * --models: '{tmp_path}/absent' is no model – allowed: a folder with config.json, or a name" in run.output
    )
    assert "  * --models: a stands there twice" in run.output


def test_every_bad_row_of_the_samplesheet_is_named(pipeline: Pipeline) -> None:
    demo = pipeline.folder / "assets" / "demo"
    good = f"{demo}/genome.fa.gz,{demo}/genes.gtf"
    (pipeline.launch / "sheet.csv").write_text(
        "sample,fasta,gtf,bed,genome,colour\n"
        f"good,{good},,,\n"
        f"a b,absent.fa,{demo}/genes.gtf,,,red\n"
        ",,,,hg83,\n"
        f"both,{good},{demo}/truth.tsv,,\n"
        f"twice,{good},,,\n"
        f"twice,{good},,,\n"
        "bare,,,,,\n"
    )
    run = pipeline.run("--input", "sheet.csv")
    assert run.status == 1
    lines = [line for line in run.output.splitlines() if line.startswith("  * ")]
    assert [line.split(":")[0] for line in lines] == [f"  * sheet.csv, line {n}" for n in (3, 4, 5, 6, 7, 8)]
    assert "column colour is unknown – allowed: sample, fasta, gtf, bed, genes, features, genome" in lines[0]
    assert "column sample is 'a b' – allowed: letters, digits, '.', '_' and '-'" in lines[0]
    assert "column fasta is 'absent.fa', which does not exist" in lines[0]
    assert "column sample is missing" in lines[1]
    assert f"genome 'hg83' is unknown – allowed: {GENOMES}" in lines[1]
    assert "both a GTF and a BED" in lines[2]
    assert "sample 'twice' stands in 2 rows" in lines[3]
    assert "sample 'twice' stands in 2 rows" in lines[4]
    assert "no genome – give --genome" in lines[5]
    assert "no genes – give --genome" in lines[5]


def test_a_task_that_fails_shows_its_message(pipeline: Pipeline) -> None:
    (pipeline.launch / "broken.gtf").write_text("demo1\ttest\n")
    run = pipeline.run("-profile", "test", "--models", pipeline.model, "--gtf", "broken.gtf")
    assert run.status == 1
    assert "error exit status (2)" in run.output
    assert "broken.gtf" in run.output.split("Command error:")[1]
    assert run.processes("FAILED") == ["WINDOWS"]


def test_no_gene_left_is_an_error(pipeline: Pipeline) -> None:
    (pipeline.launch / "genes.txt").write_text("NONE\n")
    run = pipeline.run("-profile", "test", "--models", pipeline.model, "--genes", "genes.txt")
    assert run.status == 1
    assert "no gene" in run.output
