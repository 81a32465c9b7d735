"""TF features: which TFs, and which genes are missing; the real tables."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from texcnn.errors import InputError
from texcnn.features.table import FeatureTable
from texcnn.features.tf_targets import tf_target_features
from texcnn.genome.annotation import read_gtf


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "tf.tsv"
    path.write_text("gene_id\tT1\tPOLR2A\tT3\nENSG00000000001.4\t1\t1\t0\nYAL001C\t0\t1\t2.5\n")
    return path


def test_every_gene_and_tf_under_its_own_name(table: Path) -> None:
    made = tf_target_features(table)
    assert made.frame.columns.tolist() == ["gene_id", "T1", "POLR2A", "T3"]
    assert made.frame.to_numpy().tolist() == [["ENSG00000000001.4", 1, 1, 0], ["YAL001C", 0, 1, 2.5]]
    assert made.skipped == []


def test_excluded_tfs(table: Path) -> None:
    assert tf_target_features(table, exclude=["POLR2A"]).frame.to_numpy().tolist() == [
        ["ENSG00000000001.4", 1, 0],
        ["YAL001C", 0, 2.5],
    ]
    with pytest.raises(InputError, match=r"unknown transcription factor 'POL2RA'.*did you mean 'POLR2A'"):
        tf_target_features(table, exclude=["POL2RA"])
    with pytest.raises(InputError, match="no transcription factor is left"):
        tf_target_features(table, exclude=["T1", "POLR2A", "T3"])


def test_missing_genes_are_listed_and_never_filled(table: Path) -> None:
    wanted = ["ENSG00000000001", "ENSG00000000002.1", "YAL001C", "YAL001W"]
    made = tf_target_features(table, genes=wanted)
    assert made.frame["gene_id"].tolist() == ["ENSG00000000001.4", "YAL001C"]
    assert [(skipped.gene_id, skipped.reason) for skipped in made.skipped] == [
        ("ENSG00000000002.1", "the gene is not in tf.tsv"),
        ("YAL001W", "the gene is not in tf.tsv"),
    ]


def test_genes_of_another_naming_are_refused(table: Path) -> None:
    with pytest.raises(InputError, match=r"none of the 2 genes is in the table.*TP53.*gene_column"):
        tf_target_features(table, genes=["TP53", "MYC"])


@pytest.mark.data
@pytest.mark.parametrize(
    ("table", "gtf", "n_genes", "n_tfs", "n_ones", "n_missing"),
    [
        ("human/tf_targets_encode181.tsv.gz", "human/hg38_refseq.gtf.gz", 17465, 181, 1378095, 9663),
        ("yeast/tf_targets_yeastract220.tsv.gz", "yeast/R64-1-1.81.gtf.gz", 6885, 220, 11486, 401),
    ],
)
def test_real_tables(
    data: Path, tmp_path: Path, table: str, gtf: str, n_genes: int, n_tfs: int, n_ones: int, n_missing: int
) -> None:
    wanted = [gene.id for gene in read_gtf(data / gtf).genes]
    made = tf_target_features(data / table, genes=wanted)
    values = made.frame.drop(columns="gene_id")
    assert values.shape == (n_genes, n_tfs)
    assert (values.to_numpy().sum(), values.isna().to_numpy().sum()) == (n_ones, 0)
    assert len(made.skipped) == n_missing
    made.write(tmp_path / "tf.tsv.gz")
    names = values.columns.tolist()
    read = FeatureTable.read(tmp_path / "tf.tsv.gz", names)
    assert read.lookup(made.frame["gene_id"].tolist()).sum() == n_ones
    raw = pd.read_csv(data / table, sep="\t", dtype=str)
    assert raw[names].astype(float).to_numpy().tolist() == values.to_numpy().tolist()
