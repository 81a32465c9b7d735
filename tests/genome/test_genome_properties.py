"""Windows, intervals, annotations and bases hold together for whatever genes there are."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from genome_files import write_fasta
from hypothesis import given, settings
from hypothesis import strategies as st

from texcnn.genome.bed import read_bed
from texcnn.genome.fasta_faults import find_faults
from texcnn.genome.gene import Annotation, Gene
from texcnn.genome.gtf import read_gtf
from texcnn.genome.gtf_attributes import parse_attributes
from texcnn.genome.interval import Interval, reverse_complement
from texcnn.genome.reference import Reference
from texcnn.genome.windows import WindowSpec, read_windows
from texcnn.tables.windows_bed import write_windows_bed

BASES = st.text("ACGTN", min_size=1, max_size=60)
STRAND = st.sampled_from("+-")
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)
PLACE = st.tuples(st.integers(1, 10**9), st.integers(0, 10**5))
SPEC = st.builds(WindowSpec, st.integers(0, 300), st.integers(1, 300))
REACH = st.integers(1, 300)
PLAIN = {"A", "C", "G", "T", "N"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("properties")


@given(bases=BASES)
def test_reverse_complement_is_its_own_inverse(bases: str) -> None:
    assert reverse_complement(reverse_complement(bases)) == bases
    assert sorted(reverse_complement(bases)) == sorted(bases.translate(str.maketrans("ACGT", "TGCA")))


@given(chrom=TEXT, start=st.integers(-(10**6), 10**12), length=st.integers(1, 10**9), strand=st.sampled_from("+-."))
def test_intervals_come_back_from_their_text(chrom: str, start: int, length: int, strand: str) -> None:
    interval = Interval(chrom, start, start + length, strand)
    assert Interval.from_str(str(interval)) == interval
    assert len(interval) == length


@given(spec=SPEC, tss=st.integers(0, 10**7))
def test_a_window_has_its_tss_where_the_spec_says(spec: WindowSpec, tss: int) -> None:
    plus = spec.interval(Gene("a", "a", "1", tss, "+"))
    minus = spec.interval(Gene("a", "a", "1", tss, "-"))
    assert len(plus) == len(minus) == spec.length
    assert tss - plus.start == spec.upstream
    assert minus.end - 1 - tss == spec.upstream


@given(
    upstream=REACH,
    downstream=REACH,
    tss=st.integers(0, 10**6),
    strand=STRAND,
    data=st.data(),
)
def test_a_window_on_a_grid_keeps_its_tss(
    upstream: int, downstream: int, tss: int, strand: str, data: st.DataObject
) -> None:
    reach = min(upstream, downstream)
    grid = data.draw(st.integers(1, 2 * reach - 1))
    interval = WindowSpec(upstream, downstream, grid).interval(Gene("a", "a", "1", tss, strand))
    assert interval.start <= tss < interval.end
    assert (interval.start if strand == "+" else interval.end) % grid == 0
    free = WindowSpec(upstream, downstream).interval(Gene("a", "a", "1", tss, strand))
    assert abs(interval.start - free.start) <= grid / 2


@given(
    sequences=st.dictionaries(
        st.sampled_from("abcde"), st.text("ACGTUNacgtunRYKM", min_size=1, max_size=90), min_size=1
    ),
    width=st.integers(1, 40),
    packed=st.booleans(),
    data=st.data(),
)
@settings(max_examples=40)
def test_bases_are_those_of_the_text(
    folder: Path, sequences: dict[str, str], width: int, packed: bool, data: st.DataObject
) -> None:
    for old in folder.glob("genome.fa*"):
        old.unlink()
    path = write_fasta(folder / ("genome.fa.gz" if packed else "genome.fa"), sequences, width=width)
    assert list(find_faults(path)) == []
    name = data.draw(st.sampled_from(sorted(sequences)))
    start = data.draw(st.integers(-5, len(sequences[name]) - 1))
    end = data.draw(st.integers(max(start, 0) + 1, len(sequences[name]) + 5))
    read = "".join(base if base in PLAIN else "N" for base in sequences[name].upper().replace("U", "T"))
    expected = "N" * -min(start, 0) + read[max(start, 0) : end] + "N" * (end - max(len(read), 0))
    with Reference(path) as reference:
        assert reference.lengths == {name: len(bases) for name, bases in sequences.items()}
        assert reference.fetch(Interval(name, start, end)) == expected
        assert reference.fetch(Interval(name, start, end, "-")) == reverse_complement(expected)


GENES = st.lists(st.tuples(st.integers(0, 399), STRAND, st.sampled_from(["a", "b"])), min_size=1, max_size=12).map(
    lambda rows: [Gene(f"g{n}", f"N{n}", chrom, tss, strand) for n, (tss, strand, chrom) in enumerate(rows)]
)


@given(genes=GENES, spec=SPEC)
@settings(max_examples=40)
def test_windows_written_as_bed_are_read_as_the_same_windows(folder: Path, genes: list[Gene], spec: WindowSpec) -> None:
    rng = random.Random(0)
    path = folder / "fixed.fa"
    if not path.exists():
        write_fasta(path, {name: "".join(rng.choices("ACGT", k=400)) for name in "ab"})
    with Reference(path) as reference:
        written = folder / "windows.bed"
        write_windows_bed(written, Annotation(genes, [], path), spec, reference.lengths)
        read = read_bed(written, anchor="window", spec=spec)
        assert (read.genes, read.skipped) == (genes, [])
        given_windows = list(read_windows(reference, genes, spec))
        assert [window.sequence for window in read_windows(reference, read.genes, spec)] == [
            window.sequence for window in given_windows
        ]
        assert all(len(window.sequence) == spec.length for window in given_windows)


@given(
    pairs=st.dictionaries(
        st.from_regex(r"[a-z_]{1,9}", fullmatch=True), TEXT.filter(lambda t: "\\" not in t), min_size=1
    )
)
def test_attributes_come_back(pairs: dict[str, str]) -> None:
    text = " ".join(f'{key} "{value.replace(chr(34), chr(92) + chr(34))}";' for key, value in pairs.items())
    assert parse_attributes(text) == pairs
    doubled = text.replace('"', '""')
    if "\\" not in text:
        assert parse_attributes(f'"{doubled}"') == pairs


@given(
    places=st.dictionaries(st.text("ABC", min_size=1, max_size=3), st.tuples(PLACE, STRAND), min_size=1), data=st.data()
)
@settings(max_examples=60)
def test_genes_of_a_gtf_are_those_written_whatever_the_order(
    folder: Path, places: dict[str, tuple[tuple[int, int], str]], data: st.DataObject
) -> None:
    rows = [
        f'1\tx\texon\t{start}\t{start + length}\t.\t{strand}\t.\tgene_id "{name}"; transcript_id "T{name}";\n'
        for name, ((start, length), strand) in places.items()
    ]
    path = folder / "genes.gtf"
    path.write_text("".join(data.draw(st.permutations(rows))))
    found = {gene.id: (gene.tss, gene.strand) for gene in read_gtf(path).genes}
    assert found == {
        name: (start - 1 if strand == "+" else start + length - 1, strand)
        for name, ((start, length), strand) in places.items()
    }
