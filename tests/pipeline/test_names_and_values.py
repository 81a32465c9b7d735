"""Names of files as people give them, and every value of a parameter, lead to the numbers of the library."""

from __future__ import annotations

import gzip
import shutil

import numpy as np
import pandas as pd
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
    model = shutil.copytree(pipeline.model, odd / "model [x]")
    sheet = odd / "sheet (1).CSV"
    cells = ",".join(f'"{path}"' for path in (fasta, gtf, truth, genes))
    sheet.write_text(f'"sample","fasta","gtf","truth","genes"\r\n"a",{cells}\r\n')
    pipeline.environment["NXF_DISABLE_PARAMS_TYPE_DETECTION"] = "1"
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
