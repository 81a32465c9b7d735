"""Every RefSeq gene of the human genome against a slice of its bases: nothing is lost on the way."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from texcnn.cli.main import main

pytestmark = [pytest.mark.data, pytest.mark.slow]

LOCI = 27_642
"""Gene rows of the annotation."""


def test_rows_in_are_rows_out_and_skipped(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    # fmt: off
    with pytest.raises(SystemExit) as leaving:
        main(["predict", "--fasta", str(data / "human" / "hg38_slice.fa.gz"),
              "--gtf", str(data / "human" / "hg38_refseq.gtf.gz"), "--cell-type", "median", "--quiet",
              "--out", str(out)])
    # fmt: on
    assert leaving.value.code == 0
    table, skipped = pd.read_parquet(out), pd.read_csv(f"{out}.skipped.tsv", sep="\t")
    reasons = skipped["reason"].str.extract(r"^(no segment|gene id|chromosome|.*)")[0].value_counts()
    print(f"{len(table)} predicted, {len(skipped)} skipped: {reasons.to_dict()}")
    assert len(table) + len(skipped) == LOCI
    assert len(table) > 900
    assert table["gene_id"].is_unique
    assert not table["median"].isna().any()
    assert (table["n_fraction"] < 1).all()
    # chr5, 11, 20 and 22 of the slice are all N.
    assert not set(table["chrom"]) & {"chr5", "chr11", "chr20", "chr22"}
