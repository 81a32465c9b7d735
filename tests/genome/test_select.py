"""A selection of genes checks itself, and takes names in any form."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from texcnn.errors import InputError
from texcnn.genome.select import GeneSelection


@pytest.mark.parametrize(
    "names",
    [
        ["A", "B"],
        ("A", "B"),
        np.array(["A", "B"]),
        pd.Series(["A", "B"], index=[5, 6]),
        dict.fromkeys("AB"),
        iter("AB"),
    ],
)
def test_names_in_any_form(names: Iterable[str]) -> None:
    assert GeneSelection(gtf="x.gtf", genes=names).genes == ("A", "B")


def test_one_text_is_one_name() -> None:
    assert GeneSelection(gtf="x.gtf", genes="BRCA2").genes == ("BRCA2",)


def test_paths_in_any_form() -> None:
    assert GeneSelection(gtf="x.gtf").gtf == GeneSelection(gtf=Path("x.gtf")).gtf == Path("x.gtf")
    assert GeneSelection(bed=Path("x.bed"), bed_anchor="center").bed == Path("x.bed")


def test_rows_per_gene_or_transcript() -> None:
    assert not GeneSelection(gtf="x.gtf").per_transcript
    assert GeneSelection(gtf="x.gtf", transcripts="all").per_transcript


def test_unknown_values_list_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"unknown BED anchor 'centre' .* `bed_anchor` .* five-prime, center, window"):
        GeneSelection(bed="x.bed", bed_anchor="centre")
    with pytest.raises(InputError, match=r"unknown choice of transcripts 'each' .* `transcripts` .* gene, all"):
        GeneSelection(gtf="x.gtf", transcripts="each")
    with pytest.raises(InputError, match=r"'no' is not yes or no .* `map_chrom_names`"):
        GeneSelection(gtf="x.gtf", map_chrom_names="no")  # type: ignore[arg-type]


def test_a_list_in_a_file_joins_the_names_that_are_given(tmp_path: Path) -> None:
    listed = tmp_path / "genes.txt"
    listed.write_text("# mine\nF9\n00123\tnote\n")
    assert GeneSelection(genes_file=str(listed)).genes == ("F9", "00123")
    both = GeneSelection(genes=["LDLR"], genes_file=listed)
    assert (both.genes, both.genes_file) == (("F9", "00123", "LDLR"), listed)
    with pytest.raises(InputError, match=r"does not exist .*nowhere"):
        GeneSelection(genes_file=tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"3 is not a path .*`genes_file`"):
        GeneSelection(genes_file=3)  # type: ignore[arg-type]
