"""Names of genomes become files: those of a mirror, at the addresses' file names, unless explicit files win."""

from __future__ import annotations

from pathlib import Path

import pytest
from pipeline_runs import Pipeline, Run

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

MIRRORED = {
    "hg38": ("hg38.fa.gz", "gencode.v47.annotation.gtf.gz"),
    "hg19": ("hg19.fa.gz", "gencode.v19.annotation.gtf.gz"),
    "GRCh37": ("Homo_sapiens.GRCh37.dna.primary_assembly.fa.gz", "Homo_sapiens.GRCh37.87.gtf.gz"),
    "mm10": ("mm10.fa.gz", "gencode.vM25.annotation.gtf.gz"),
    "mm39": ("mm39.fa.gz", "gencode.vM36.annotation.gtf.gz"),
    "R64-1-1": ("Saccharomyces_cerevisiae.R64-1-1.dna.toplevel.fa.gz", "Saccharomyces_cerevisiae.R64-1-1.113.gtf.gz"),
}


def inputs(run: Run, launch: Path) -> list[set[Path]]:
    """The files that each WINDOWS task was given, links followed."""
    table = run.trace
    found = []
    for part in table.loc[table["process"] == "WINDOWS", "hash"]:
        (task,) = (launch / "work").glob(f"{part}*")
        found.append({path.resolve() for path in task.glob("*/*") if path.is_symlink()})
    return found


def test_genomes_are_read_from_a_mirror(pipeline: Pipeline, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    for genome, names in MIRRORED.items():
        (mirror / genome).mkdir(parents=True)
        for name in names:
            (mirror / genome / name).write_text("any content: a stub does not read it\n")
    own = tmp_path / "own.gtf"
    own.write_text("any\n")
    sheet = tmp_path / "samples.csv"
    rows = [f"{genome},{genome}," for genome in MIRRORED]
    sheet.write_text("\n".join(["sample,genome,gtf", *rows, f"explicit,mm39,{own}"]) + "\n")
    # fmt: off
    run = pipeline.succeed("-stub", "--input", sheet, "--genomes_base", mirror, "--gtf", own,
                           "--models", pipeline.model)
    # fmt: on
    given = inputs(run, pipeline.launch)
    expected = [{(mirror / genome / name).resolve() for name in names} for genome, names in MIRRORED.items()]
    expected.append({(mirror / "mm39" / "mm39.fa.gz").resolve(), own.resolve()})
    assert len(given) == len(expected)
    for files in expected:
        (found,) = [task for task in given if files <= task]
        assert {path for path in found if path.name != "stub.fai"} == files, "the row's own file wins, and no other"
    assert run.processes("COMPLETED").count("PREPARE") == len(MIRRORED), "each FASTA once"
