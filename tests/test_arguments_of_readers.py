"""One string is one name; generators, arrays, Series, Path and str are all taken by the readers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tiny import write_genome, write_gtf

from texcnn.evaluation.join import read_prediction_table, read_split
from texcnn.features.half_life import half_life_features
from texcnn.features.table import FeatureTable
from texcnn.features.tf_targets import tf_target_features
from texcnn.genome.annotation import read_bed, read_gtf, select_genes
from texcnn.genome.bed import read_regions
from texcnn.genome.reference import Reference
from texcnn.genome.windows import WindowSpec
from texcnn.tables.expression import read_expression
from texcnn.text.names import read_names
from texcnn.training.splits import read_groups

MANY: list[Callable[[list[str]], Any]] = [list, tuple, iter, np.array, pd.Series, pd.Index, dict.fromkeys]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "t.tsv").write_text("gene_id\txy\tx\ty\nab\t1\t2\t3\na\t4\t5\t6\nb\t7\t8\t9\n")
    return tmp_path / "t.tsv"


def test_one_string_is_one_name(table: Path, tmp_path: Path) -> None:
    assert FeatureTable.read(table, "xy").lookup("ab").tolist() == [[1]]
    assert list(tf_target_features(table, exclude="xy").frame) == ["gene_id", "x", "y"]
    assert [row.gene_id for row in tf_target_features(table, genes="ab").skipped] == []
    annotation = read_gtf(write_gtf(tmp_path / "g.gtf"))
    assert [gene.id for gene in select_genes(annotation, "g1").genes] == ["g1"]
    assert list(read_expression(table, only="xy").columns) == ["xy"]


@pytest.mark.parametrize("many", MANY)
def test_names_come_in_any_container(table: Path, tmp_path: Path, many: Callable[[list[str]], Iterable[str]]) -> None:
    assert FeatureTable.read(table, many(["y", "x"])).lookup(many(["b", "a"])).tolist() == [[9, 8], [6, 5]]
    assert list(tf_target_features(table, exclude=many(["x", "xy"])).frame) == ["gene_id", "y"]
    assert [row.gene_id for row in tf_target_features(table, genes=many(["a", "c"])).skipped] == ["c"]
    annotation = read_gtf(write_gtf(tmp_path / "g.gtf"))
    assert [gene.id for gene in select_genes(annotation, many(["g2", "g1"])).genes] == ["g1", "g2"]
    FeatureTable.read(table, ["x"]).require_any(many(["z", "a"]), "here")


@pytest.mark.parametrize("kind", [str, Path])
def test_paths_are_text_or_path(tmp_path: Path, table: Path, kind: type[Any]) -> None:
    gtf, fasta = write_gtf(tmp_path / "g.gtf"), write_genome(tmp_path)
    (tmp_path / "b.bed").write_text("chr1\t5\t9\n")
    (tmp_path / "split.tsv").write_text("gene_id\tsplit\na\ttest\n")
    (tmp_path / "groups.tsv").write_text("gene_id\tfamily\na\tb\n")
    assert read_gtf(kind(gtf)).path == gtf
    assert len(read_bed(kind(tmp_path / "b.bed"), spec=WindowSpec()).genes) == 1
    assert len(read_regions(kind(tmp_path / "b.bed"))) == 1
    assert read_names(kind(table))[1:] == ["ab", "a", "b"]
    assert FeatureTable.read(kind(table), ["x"]).path == table
    assert len(tf_target_features(kind(table)).frame) == 3
    assert len(read_expression(kind(table))) == 3
    assert len(read_prediction_table(kind(table)).values) == 3
    assert read_split(kind(tmp_path / "split.tsv")) == {"a": "test"}
    assert set(read_groups(kind(tmp_path / "groups.tsv"))) == {"a", "b"}
    with Reference(kind(fasta)) as reference:
        assert reference.path == fasta
        text = gtf.read_text().replace("exon", "CDS")
        gtf.write_text(gtf.read_text() + text)
        assert len(half_life_features(reference, kind(gtf), genes="g1").frame) == 1
