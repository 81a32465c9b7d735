"""Chromosome names of the annotation against those of the FASTA."""

from __future__ import annotations

from pathlib import Path

import pytest

from texcnn.errors import InputError
from texcnn.genome.gene import Annotation, Gene
from texcnn.genome.naming import match_names

UCSC = ["chr1", "chr2", "chrX", "chrM", "chrUn_GL000220v1", "chr1_KI270706v1_random"]
ENSEMBL = ["1", "2", "X", "MT", "GL000220.1", "KI270706.1"]


def annotation(*chroms: str) -> Annotation:
    return Annotation([Gene(f"G{i}", "", chrom, 5, "+") for i, chrom in enumerate(chroms)], [], Path("genes.gtf"))


def match(genes: Annotation, names: list[str], *, map_names: bool = False) -> dict[str, str]:
    return match_names(genes, Path("genome.fa"), names, map_names=map_names)


@pytest.mark.parametrize("map_names", [False, True])
def test_same_names_stay(map_names: bool) -> None:
    assert match(annotation(*UCSC), UCSC, map_names=map_names) == {name: name for name in UCSC}


@pytest.mark.parametrize(("here", "there"), [(UCSC, ENSEMBL), (ENSEMBL, UCSC)])
def test_styles_are_mapped_to_the_fastas(here: list[str], there: list[str]) -> None:
    assert match(annotation(*here), there, map_names=True) == dict(zip(here, there, strict=True))


@pytest.mark.parametrize(("here", "there"), [("Chr1", "1"), ("1", "Chr1"), ("chr1", "Chr1"), ("CHR1", "chr1")])
def test_the_prefix_in_upper_and_lower_case(here: str, there: str) -> None:
    """TAIR writes Chr1."""
    assert match(annotation(here), [there], map_names=True) == {here: there}
    with pytest.raises(InputError, match=r"name the chromosomes differently .*`map_chrom_names`"):
        match(annotation(here), [there])
    assert match(annotation("1"), ["chr1", "Chr1", "1"], map_names=True) == {"1": "1"}


def test_yeast_mitochondria() -> None:
    assert match(annotation("chrM", "chrIV"), ["Mito", "IV"], map_names=True) == {"chrM": "Mito", "chrIV": "IV"}


def test_other_style_is_refused_with_the_names_of_both() -> None:
    message = r"name the chromosomes differently.*genes\.gtf \(1, 2\).*genome\.fa \(chr1, chr2\).*`map_chrom_names`"
    with pytest.raises(InputError, match=message):
        match(annotation("1", "2"), UCSC)


def test_other_style_of_most_genes_is_refused() -> None:
    with pytest.raises(InputError, match="`map_chrom_names`"):
        match(annotation("1", "2", "X", "chrM"), UCSC)


def test_other_style_of_few_genes_leaves_them_out() -> None:
    assert match(annotation("chr1", "chr2", "MT"), UCSC) == {"chr1": "chr1", "chr2": "chr2"}


def test_the_count_is_of_genes_not_of_chromosomes() -> None:
    assert match(annotation("chr1", "chr1", "chr1", "2", "X"), UCSC) == {"chr1": "chr1"}


def test_a_name_the_fasta_holds_wins_over_the_other_style() -> None:
    both = ["1", "chr1"]
    assert match(annotation("1", "chr1"), both, map_names=True) == {"1": "1", "chr1": "chr1"}


def test_a_name_that_could_mean_two_is_left_out() -> None:
    assert match(annotation("chr1", "MT"), ["chr1", "chrM", "M"], map_names=True) == {"chr1": "chr1"}


@pytest.mark.parametrize("map_names", [False, True])
def test_no_chromosome_known(map_names: bool) -> None:
    message = r"no chromosome.*genes\.gtf \(scaffold_1\).*genome\.fa \(chr1, chr2, chrX, chrM.*same genome assembly"
    with pytest.raises(InputError, match=message):
        match(annotation("scaffold_1"), UCSC, map_names=map_names)


def test_long_lists_of_names_are_cut() -> None:
    with pytest.raises(InputError, match=r"s0, s1, s2, s3, s4, s5, \.\.\. 40 in all"):
        match(annotation(*(f"s{i}" for i in range(40))), UCSC)
