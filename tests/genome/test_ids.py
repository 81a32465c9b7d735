"""Ids of one gene, as its sources write them, are equal; those of two genes are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from texcnn.features.table import FeatureTable
from texcnn.genome.annotation import select_genes
from texcnn.genome.gene import Annotation, Gene
from texcnn.genome.ids import without_version


@pytest.mark.parametrize(
    ("written", "bare"),
    [
        ("ENSG00000000003", "ENSG00000000003"),
        ("ENSG00000000003.15", "ENSG00000000003"),
        ("ENSG00000000003.15_2", "ENSG00000000003"),
        ("ENSG00000000003_2", "ENSG00000000003"),
        ("gene:ENSG00000000003", "ENSG00000000003"),
        ("gene:ENSG00000000003.15", "ENSG00000000003"),
        ("transcript:ENST00000000233.10", "ENST00000000233"),
        ("ENSMUSG00000000001.5", "ENSMUSG00000000001"),
        ("ENSG00000182378.15_PAR_Y", "ENSG00000182378_PAR_Y"),
        ("ENSG00000182378_PAR_Y", "ENSG00000182378_PAR_Y"),
        ("ENSG00000182378.15_PAR_Y_1", "ENSG00000182378_PAR_Y"),
        ("gene:AT1G01010", "AT1G01010"),
        ("AC004556.1", "AC004556.1"),
        ("2L52.1", "2L52.1"),
        ("ENSG0000.1", "ENSG0000.1"),
        ("ENSG00000000003.x", "ENSG00000000003.x"),
        ("", ""),
    ],
)
def test_ids(written: str, bare: str) -> None:
    assert without_version(written) == bare
    assert without_version(bare) == bare


def test_lists_and_tables_find_genes_of_lifted_and_prefixed_annotations(tmp_path: Path) -> None:
    genes = [
        Gene("ENSG00000000003.15_2", "A", "chrX", 5, "-"),
        Gene("gene:AT1G01010", "B", "1", 5, "+"),
        Gene("ENSG00000182378.15", "PLCXD1", "chrX", 5, "+"),
        Gene("ENSG00000182378.15_PAR_Y", "PLCXD1", "chrY", 5, "+"),
    ]
    wanted = ["ENSG00000000003.9", "AT1G01010", "ENSG00000182378_PAR_Y"]
    chosen = select_genes(Annotation(genes, [], tmp_path / "g.gtf"), wanted)
    assert (chosen.genes, chosen.skipped) == ([genes[0], genes[1], genes[3]], [])
    (tmp_path / "f.tsv").write_text("gene_id\tx\nENSG00000000003\t1\nAT1G01010\t2\nENSG00000182378.3\t3\n")
    found = FeatureTable.read(tmp_path / "f.tsv", ["x"]).lookup([gene.id for gene in genes])
    assert found[:3].ravel().tolist() == [1, 2, 3]
    assert np.isnan(found[3, 0]), "a gene of the Y chromosome does not take the values of the X chromosome's"
