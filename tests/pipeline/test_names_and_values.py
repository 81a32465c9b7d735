"""Names of files as people give them, and every value of a parameter, lead to the numbers of the library."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pysam
import pytest
from pipeline_runs import Pipeline

from texcnn.model.load import load_model

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

VALUES = ["x", "y", "z"]


def test_file_names_quotes_and_moved_results(pipeline: Pipeline) -> None:
    demo, odd = pipeline.folder / "assets" / "demo", pipeline.launch / "it's a folder (é)"
    odd.mkdir()
    fasta, gtf, truth, genes = (odd / f"{name} [1] & 'q' (é){end}" for name, end in
                                (("my genome", ".fa"), ("y", ".gtf"), ("t", ".tsv"), ("g", ".txt")))  # fmt: skip
    fasta.write_bytes(gzip.decompress((demo / "genome.fa.gz").read_bytes()))
    shutil.copy(demo / "genes.gtf", gtf)
    shutil.copy(demo / "truth.tsv", truth)
    genes.write_text("DEMOG00000007\nDEMOG00000003\n")
    model = odd / "linked"
    model.symlink_to(shutil.copytree(pipeline.model, odd / "model [x]"))
    sheet = odd / "sheet (1).CSV"
    cells = ",".join(f'"{path}"' for path in (fasta, gtf, truth, genes))
    sheet.write_text(f'"sample","fasta","gtf","truth","genes"\r\n"a",{cells}\r\n')
    pipeline.environment["LC_ALL"] = "C"  # as of cron and containers
    # fmt: off
    run = pipeline.succeed("--input", sheet, "--models", model, "--shard_size", "10", "--gpus", "0", "--half_life",
                           "false", "--publish_dir_mode", "move", "--save_windows", "true", outdir="results of é")
    # fmt: on
    found = pd.read_parquet(run.outdir / "a" / "predictions" / "predictions.parquet").set_index("gene_id")
    expected = load_model(pipeline.model).predict(demo / "genome.fa.gz", gtf=demo / "genes.gtf").set_index("gene_id")
    assert list(found.index) == ["DEMOG00000003", "DEMOG00000007"]
    np.testing.assert_allclose(found[VALUES], expected.loc[found.index, VALUES], rtol=0, atol=1e-6)
    assert truth.name in (run.outdir / "a" / "report" / "report.html").read_text().replace("&amp;", "&").replace(
        "&#39;", "'"
    )
    (windows,) = (run.outdir / "windows").iterdir()
    assert gtf.name in windows.name
    assert windows.is_file()


def test_all_transcripts(pipeline: Pipeline) -> None:
    demo = pipeline.folder / "assets" / "demo"
    run = pipeline.succeed("-profile", "test", "--models", pipeline.model, "--transcripts", "all")
    expected = load_model(pipeline.model).predict(demo / "genome.fa.gz", gtf=demo / "genes.gtf", transcripts="all")
    assert list(run.predictions["transcript_id"]) == list(expected["transcript_id"])
    np.testing.assert_allclose(run.predictions[VALUES], expected[VALUES], rtol=0, atol=1e-6)


@pytest.fixture
def called(pipeline: Pipeline) -> list[object]:
    """Windows of three genes, as a BED, and unphased calls at their starts."""
    demo, launch = pipeline.folder / "assets" / "demo", pipeline.launch
    (launch / "genes.txt").write_text("".join(f"DEMOG0000000{number}\n" for number in (1, 2, 3)))
    # fmt: off
    files = ["--fasta", demo / "genome.fa.gz", "--gtf", demo / "genes.gtf", "--genes", launch / "genes.txt"]
    subprocess.run([sys.executable, "-m", "texcnn", "windows", *files, "--model", pipeline.model, "--out",
                    launch / "windows.bed"], check=True)
    # fmt: on
    lines = ["##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts"]
    lines.insert(1, '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    with pysam.FastaFile(str(demo / "genome.fa.gz")) as genome:
        for row in pd.read_csv(launch / "windows.bed", sep="\t").itertuples():
            ref = genome.fetch(row[1], row.tss - 1, row.tss).upper()
            lines.append(f"{row[1]}\t{row.tss}\t.\t{ref}\t{'A' if ref != 'A' else 'C'}\t.\t.\t.\tGT\t0/1")
    (launch / "calls.vcf").write_text("\n".join(lines) + "\n")
    return ["--fasta", demo / "genome.fa.gz", "--bed", "windows.bed", "--bed_anchor", "window",
            "--models", pipeline.model, "--vcf", "calls.vcf", "--samples", "s"]  # fmt: skip


def test_types_of_numbers_windows_and_calls_without_phase(pipeline: Pipeline, called: list[object]) -> None:
    """A value of each of three parameters in a run; variants of haplotypes show what becomes of calls."""
    fasta, bed = called[1], pipeline.launch / "windows.bed"
    model = load_model(pipeline.model)
    expected = {
        dtype: model.predict(fasta, bed=bed, bed_anchor="window", dtype=dtype) for dtype in ("auto", "bfloat16")
    }
    assert np.abs(expected["auto"][VALUES] - expected["bfloat16"][VALUES]).max(axis=None) > 1e-5
    for dtype, unphased, mode, n_variants in (("bfloat16", "skip", "copyNoFollow", 0), ("auto", "as-is", "link", 1)):
        # fmt: off
        run = pipeline.succeed(*called, "--dtype", dtype, "--unphased", unphased, "--publish_dir_mode", mode, "-resume",
                               outdir=dtype)
        # fmt: on
        np.testing.assert_allclose(run.predictions[VALUES], expected[dtype][VALUES], rtol=0, atol=1e-6)
        haplotypes = pd.read_csv(run.outdir / "variants" / "haplotypes.tsv.gz", sep="\t")
        assert haplotypes["n_variants"].tolist() == [n_variants] * 9
