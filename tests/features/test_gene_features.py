"""What features look like on disk, and how they come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from texcnn.errors import InputError
from texcnn.features.gene_features import GeneFeatures, check_features_output
from texcnn.features.table import FeatureTable
from texcnn.genome.skipped import Skipped

FRAME = pd.DataFrame({"gene_id": ["a", "b", "NA"], "length": [5.0, 0, 1e6], "gc": [1 / 3, np.nan, 0]})


def test_written_text(tmp_path: Path) -> None:
    GeneFeatures(FRAME, [Skipped("z", "no CDS")]).write(tmp_path / "out.tsv")
    assert (tmp_path / "out.tsv").read_text() == "gene_id\tlength\tgc\na\t5\t0.333333333\nb\t0\t\nNA\t1000000\t0\n"
    assert (tmp_path / "out.tsv.skipped.tsv").read_text() == "gene_id\treason\nz\tno CDS\n"


@pytest.mark.parametrize("name", ["out.tsv", "out.tsv.gz"])
def test_reads_back_as_the_models_read_it(tmp_path: Path, name: str) -> None:
    GeneFeatures(FRAME, []).write(tmp_path / name)
    found = FeatureTable.read(tmp_path / name, ["gc", "length"]).lookup(["NA", "a", "b"])
    assert np.array_equal(found, np.float32([[0, 1e6], [1 / 3, 5], [np.nan, 0]]), equal_nan=True)


def test_equal_tables_are_equal_files(tmp_path: Path) -> None:
    for name in ("one.tsv.gz", "two.tsv.gz"):
        GeneFeatures(FRAME, []).write(tmp_path / name)
    assert (tmp_path / "one.tsv.gz").read_bytes() == (tmp_path / "two.tsv.gz").read_bytes()


def test_incomplete_genes_are_counted() -> None:
    assert GeneFeatures(FRAME, []).n_incomplete == 1


@pytest.mark.parametrize("name", ["out.parquet", "out", ".tsv"])
def test_other_formats_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"unknown format of a feature table.*\.tsv or \.tsv\.gz"):
        check_features_output(tmp_path / name, {}, overwrite=True)


def test_an_output_that_is_there_is_kept_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "out.tsv").write_text("mine")
    with pytest.raises(InputError, match="already exists"):
        check_features_output(tmp_path / "out.tsv", {}, overwrite=False)
    check_features_output(tmp_path / "out.tsv", {}, overwrite=True)
