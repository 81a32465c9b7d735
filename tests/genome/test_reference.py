"""Bases come out of a FASTA upper-case, padded, on the right strand, in any process."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from pathlib import Path

import pysam
import pytest
from genome_files import CHR1, CHR2, write_fasta

from texcnn.errors import InputError
from texcnn.genome.fasta_index import find_index
from texcnn.genome.interval import Interval, reverse_complement
from texcnn.genome.reference import Reference

CHR1_READ = "ACGTACGTAACCGGTTNNNNGATTACA"


@pytest.fixture(params=["genome.fa", "genome.fa.gz"])
def fasta(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write_fasta(tmp_path / request.param, {"chr1": CHR1, "chr2": CHR2})


def test_lengths_in_file_order(fasta: Path) -> None:
    assert list(Reference(fasta).lengths.items()) == [("chr1", 27), ("chr2", 10)]


def test_fetch_upper_cases_and_reads_iupac_as_n(fasta: Path) -> None:
    assert Reference(fasta).fetch(Interval("chr1", 0, 27)) == CHR1_READ


def test_u_is_t(tmp_path: Path) -> None:
    reference = Reference(write_fasta(tmp_path / "rna.fa", {"a": "ACGUacgu"}))
    assert reference.fetch(Interval("a", 0, 8)) == "ACGTACGT"
    assert reference.fetch(Interval("a", 0, 8, "-")) == "ACGTACGT"


def test_letters_outside_iupac_are_n_and_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    reference = Reference(write_fasta(tmp_path / "odd.fa", {"a": "ACRX-.*EXN"}))
    assert reference.fetch(Interval("a", 0, 7)) == "ACNNNNN"
    assert reference.fetch(Interval("a", 0, 10, "-")) == "NNNNNNNNGT"
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "'*', 'X' are not codes of IUPAC for bases, and read as N",
        "'E' are not codes of IUPAC for bases, and read as N",
    ]


@pytest.mark.parametrize("name", ["genome.fa", "genome.fa.gz"])
def test_a_line_end_among_bases_means_a_foreign_index(tmp_path: Path, name: str) -> None:
    fasta = write_fasta(tmp_path / name, {"a": "ACGT" * 100, "b": "ACGT"}, width=40)
    find_index(fasta)
    # As long, but in other lines: only the bases can tell.
    changed = write_fasta(tmp_path / "other.fa", {"a": "ACGT" * 100, "b": "ACGT"}, width=40).read_text().split("\n")
    changed[2], changed[6] = changed[2][:-1], changed[6] + "A"
    text = "\n".join(changed).encode()
    if name.endswith(".gz"):
        with pysam.BGZFile(str(fasta), "wb") as handle:
            handle.write(text)
    else:
        fasta.write_bytes(text)
    with pytest.raises(InputError, match=r"a line of 'a' follows a shorter.*line 4"):
        Reference(fasta).fetch(Interval("a", 80, 200))


def test_a_foreign_index_of_a_sound_file(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "genome.fa", {"a": "ACGT" * 30}, width=40)
    # One line of 122 letters ends where three lines of 40 do.
    (tmp_path / "genome.fa.fai").write_text("a\t122\t13\t122\t123\n")
    with pytest.raises(InputError, match=r"'\\n' is among the bases of a:30-60.*earlier state.*delete genome\.fa\.fai"):
        Reference(fasta).fetch(Interval("a", 30, 60))


def test_fetch_every_interval_of_a_chromosome(fasta: Path) -> None:
    with Reference(fasta) as reference:
        for start in range(27):
            for end in range(start + 1, 28):
                assert reference.fetch(Interval("chr1", start, end)) == CHR1_READ[start:end]
                assert reference.fetch(Interval("chr1", start, end, ".")) == CHR1_READ[start:end]


def test_fetch_minus_is_the_reverse_complement(fasta: Path) -> None:
    reference = Reference(fasta)
    assert reference.fetch(Interval("chr1", 0, 10, "-")) == "TTACGTACGT"
    assert reference.fetch(Interval("chr1", 8, 27, "-")) == reverse_complement(CHR1_READ[8:])


def test_fetch_pads_beyond_both_ends(fasta: Path) -> None:
    reference = Reference(fasta)
    assert reference.fetch(Interval("chr2", -3, 12)) == "NNNTTTTGGGGCCNN"
    assert reference.fetch(Interval("chr2", -3, 12, "-")) == "NNGGCCCCAAAANNN"
    assert reference.fetch(Interval("chr2", -2, 1)) == "NNT"
    assert reference.fetch(Interval("chr2", 9, 11, "-")) == "NG"


@pytest.mark.parametrize(("start", "end"), [(-5, 0), (10, 12), (100, 200)])
def test_fetch_refuses_an_interval_wholly_outside(fasta: Path, start: int, end: int) -> None:
    with pytest.raises(InputError, match=rf"chr2:{start}-{end}:\+ lies wholly outside.*0 to 10 on 'chr2'"):
        Reference(fasta).fetch(Interval("chr2", start, end))


def test_fetch_of_an_unknown_chromosome_lists_the_known(fasta: Path) -> None:
    with pytest.raises(InputError, match=r"unknown chromosome 'chr3'.*chr1, chr2.*did you mean"):
        Reference(fasta).fetch(Interval("chr3", 0, 5))


def test_pickled_reference_reads_the_same(fasta: Path) -> None:
    reference = Reference(fasta)
    first = reference.fetch(Interval("chr1", 3, 9))
    copy = pickle.loads(pickle.dumps(reference))
    assert copy.fetch(Interval("chr1", 3, 9)) == first == "TACGTA"
    assert copy.lengths == reference.lengths


def _fetch_often(reference: Reference, chrom: str, expected: str, errors: multiprocessing.SimpleQueue) -> None:
    interval = Interval(chrom, 0, len(expected))
    wrong = sum(reference.fetch(interval) != expected for _ in range(300))
    errors.put(wrong)


def test_forked_processes_do_not_mix_up_bases(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "genome.fa", {"chr1": "AC" * 30_000, "chr2": "GT" * 30_000}, width=60)
    reference = Reference(fasta)
    reference.fetch(Interval("chr1", 0, 10))  # the parent's handle is open when it forks
    context = multiprocessing.get_context("fork")
    errors = context.SimpleQueue()
    expected = {"chr1": "AC" * 30_000, "chr2": "GT" * 30_000}
    workers = [context.Process(target=_fetch_often, args=(reference, *item, errors)) for item in expected.items()]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [errors.get() for _ in workers] == [0, 0]
    assert reference.fetch(Interval("chr2", 0, 60_000)) == expected["chr2"]


def test_a_fork_opens_the_file_anew(fasta: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = Reference(fasta)
    reference.fetch(Interval("chr1", 0, 5))
    parent_handle = reference._handle
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert reference.fetch(Interval("chr1", 0, 5)) == "ACGTA"
    assert reference._handle is not parent_handle


def test_closed_reference_opens_again(fasta: Path) -> None:
    with Reference(fasta) as reference:
        reference.fetch(Interval("chr1", 0, 5))
    assert reference._handle is None
    assert reference.fetch(Interval("chr1", 0, 5)) == "ACGTA"


def test_fingerprint_differs_between_genomes_and_not_copies(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    one = Reference(write_fasta(tmp_path / "one.fa", {"chr1": CHR1}))
    same = Reference(write_fasta(tmp_path / "elsewhere" / "two.fa", {"chr1": CHR1}))
    other_base = Reference(write_fasta(tmp_path / "three.fa", {"chr1": "C" + CHR1[1:]}))
    other_name = Reference(write_fasta(tmp_path / "four.fa", {"chr9": CHR1}))
    assert one.fingerprint() == same.fingerprint()
    # Somebody's own genome differs from the reference by single bases anywhere in a large file.
    large = "ACGT" * 500_000
    mine = Reference(write_fasta(tmp_path / "five.fa", {"chr1": large}, width=1000))
    yours = Reference(write_fasta(tmp_path / "six.fa", {"chr1": large[:-9] + "G" + large[-8:]}, width=1000))
    assert mine.fingerprint() != yours.fingerprint()
    assert len({one.fingerprint(), other_base.fingerprint(), other_name.fingerprint()}) == 3


def test_a_file_cut_after_opening_is_refused(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "genome.fa", {"chr1": "ACGT" * 100})
    reference = Reference(fasta)
    with fasta.open("r+b") as handle:
        handle.truncate(200)
    with pytest.raises(InputError, match=r"bases of chr1:0-400:\+"):
        reference.fetch(Interval("chr1", 0, 400))


@pytest.mark.data
def test_hg38_slice_has_the_lengths_of_grch38(data: Path) -> None:
    lengths = Reference(data / "human" / "hg38_slice.fa.gz").lengths
    assert len(lengths) == 24
    assert lengths["chr1"] == 248_956_422
    assert lengths["chr22"] == 50_818_468
    assert lengths["chrX"] == 156_040_895
    assert lengths["chrY"] == 57_227_415


@pytest.mark.data
def test_hg38_slice_is_n_outside_its_intervals_and_bases_inside(data: Path) -> None:
    intervals = [line.split() for line in (data / "human" / "hg38_slice.bed").read_text().splitlines()]
    with Reference(data / "human" / "hg38_slice.fa.gz") as reference:
        for chrom, start, end in intervals[::10]:
            first, last = int(start), int(end)
            plus = reference.fetch(Interval(chrom, first - 5, min(last, first + 2000)))
            minus = reference.fetch(Interval(chrom, first - 5, min(last, first + 2000), "-"))
            assert plus[:5] == "NNNNN"
            assert plus[5] in "ACGT"
            assert reverse_complement(minus) == plus
        assert set(reference.fetch(Interval("chr22", 20_000_000, 20_100_000))) == {"N"}


@pytest.mark.data
def test_yeast_genome_has_its_known_size(data: Path) -> None:
    reference = Reference(data / "yeast" / "R64-1-1.fa.gz")
    assert sum(reference.lengths.values()) == 12_157_105
    assert list(reference.lengths)[:2] == ["I", "II"]
    # SGD: chromosome I starts with the telomere repeat CCACACC...; ACT1's start codon (YFL039C, minus, VI:54,696)
    assert reference.fetch(Interval("I", 0, 13)) == "CCACACCACACCC"
    assert reference.fetch(Interval("VI", 54_693, 54_696, "-")) == "ATG"
