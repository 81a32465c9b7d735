"""One library under three skins: the command line, Kipoi and Nextflow give the same numbers for the same genes."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import texcnn

pytestmark = [pytest.mark.data, pytest.mark.slow, pytest.mark.pipeline, pytest.mark.kipoi]

N_GENES = 200


@pytest.fixture(scope="module")
def genes(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 real genes whose window holds real bases, as a BED of 20 kb around the TSS."""
    real = pd.read_csv(data / "human" / "hg38_slice.bed", sep="\t", header=None)
    bed = pd.read_csv(data / "human" / "xpresso_tss_20kb.bed", sep="\t", header=None)
    middle = (bed[1] + bed[2]) // 2
    known = np.zeros(len(bed), bool)
    for chrom, start, end in real[[0, 1, 2]].itertuples(index=False):
        known |= ((bed[0] == chrom) & (middle - 3000 >= start) & (middle + 3000 <= end)).to_numpy()
    path = tmp_path_factory.mktemp("genes") / "genes.bed"
    bed[known].head(N_GENES).to_csv(path, sep="\t", header=False, index=False)
    return path


@pytest.fixture(scope="module")
def command_line(data: Path, genes: Path) -> pd.DataFrame:
    out = genes.with_name("cli.tsv")
    arguments = ["--fasta", data / "human" / "hg38_slice.fa.gz", "--bed", genes, "--bed-anchor", "center"]
    subprocess.run([sys.executable, "-m", "texcnn", "predict", *arguments, "--quiet", "--out", out], check=True)
    table = pd.read_csv(out, sep="\t", index_col="gene_id")
    assert len(table) == N_GENES
    return table[list(texcnn.load_model().cell_types)]


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    assert list(found.index) == list(expected.index), "the same genes in the same order"
    difference = np.abs(found[list(expected.columns)].to_numpy() - expected.to_numpy()).max()
    print(f"{len(found)} genes x {expected.shape[1]} cell types, largest difference {difference:.2g}")
    assert difference <= 6e-6, "text has six significant digits"
    assert expected.std().min() > 0.01, "the genes differ"


def test_python_equals_the_command_line(data: Path, genes: Path, command_line: pd.DataFrame) -> None:
    table = texcnn.load_model().predict(
        data / "human" / "hg38_slice.fa.gz", bed=genes, bed_anchor="center", batch_size=17
    )
    assert_same(table.set_index("gene_id"), command_line)


@pytest.mark.skipif(importlib.util.find_spec("kipoi") is None, reason="needs the kipoi extra")
def test_kipoi_equals_the_command_line(data: Path, genes: Path, command_line: pd.DataFrame) -> None:
    home = genes.with_name("home")
    home.mkdir()
    environment = {**os.environ, "HOME": str(home)}
    subprocess.run([sys.executable, "-m", "texcnn", "kipoi", "register"], env=environment, check=True)
    arguments = {
        "fasta_file": str(data / "human" / "hg38_slice.fa.gz"),
        "intervals_file": str(genes),
        "bed_anchor": "center",
    }
    out = genes.with_name("kipoi.tsv")
    kipoi = Path(sys.executable).with_name("kipoi")
    subprocess.run(
        [kipoi, "predict", "TExCNN", f"--dataloader_args={json.dumps(arguments)}", "-m", "-o", out],
        env=environment,
        cwd=genes.parent,
        check=True,
    )
    table = pd.read_csv(out, sep="\t").set_index("metadata/ranges/id")
    assert_same(table.rename(columns=lambda name: name.removeprefix("preds/")), command_line)


def test_nextflow_equals_the_command_line(
    project: Path, data: Path, genes: Path, command_line: pd.DataFrame, nextflow: list[str], tmp_path: Path
) -> None:
    # fmt: off
    subprocess.run(
        [*nextflow, "run", project / "main.nf", "--fasta", data / "human" / "hg38_slice.fa.gz", "--bed", genes,
         "--bed_anchor", "center", "--shard_size", "77", "--outdir", tmp_path / "results", "-ansi-log", "false"],
        cwd=tmp_path,
        check=True,
    )
    # fmt: on
    table = pd.read_parquet(tmp_path / "results" / "predictions" / "predictions.parquet")
    assert_same(table.set_index("gene_id"), command_line)
