"""Indels are moved as far as the sequence allows, and bcftools norm agrees on what is normalised."""

from __future__ import annotations

import random
from pathlib import Path

import pysam.bcftools
import pytest
from variant_files import Row, genome_of, random_bases, random_row, write_vcf

from texcnn.genome.cached_bases import CachedBases
from texcnn.genome.interval import reverse_complement
from texcnn.genome.normalize import Edit, is_normalized, to_edit, trim
from texcnn.genome.reference import Reference


def applied(bases: str, edit: Edit) -> str:
    return bases[: edit.start] + edit.alt + bases[edit.end :]


def cached(folder: Path, bases: str) -> CachedBases:
    return CachedBases(Reference(genome_of(folder, bases)))


def test_trim_keeps_the_base_before_an_indel_out() -> None:
    assert trim(10, "CAA", "CA") == (12, "A", "")
    assert trim(10, "C", "CC") == (11, "", "C")
    assert trim(10, "GATC", "GTTC") == (11, "A", "T")
    assert trim(10, "AC", "GT") == (10, "AC", "GT")


def test_an_indel_knows_its_room_in_a_repeat(tmp_path: Path) -> None:
    bases = cached(tmp_path, "G" + "CA" * 100 + "T")
    edit = to_edit(bases, "chr1", 100, "ACA", "A")
    assert (edit.start, edit.end, edit.left, edit.right) == (101, 103, 100, 98)
    assert edit.moved(-100).start == 1
    insertion = to_edit(bases, "chr1", 0, "G", "GCA")
    assert insertion == Edit("chr1", 1, 1, "CA", 0, 200)
    assert insertion.moved(3) == Edit("chr1", 4, 4, "AC", 3, 197)
    with pytest.raises(ValueError, match="cannot be moved"):
        insertion.moved(-1)


def test_wherever_an_indel_is_moved_the_sequence_is_the_same(tmp_path: Path) -> None:
    rng = random.Random(1)
    text = random_bases(rng, 400)
    bases = cached(tmp_path, text)
    n_moved = 0
    for _ in range(500):
        row = random_row(rng, text, rng.randrange(390))
        edit = to_edit(bases, "chr1", row.start, row.ref, row.alts[0])
        expected = text[: row.start] + row.alts[0] + text[row.start + len(row.ref) :]
        for by in range(-edit.left, edit.right + 1):
            assert applied(text, edit.moved(by)) == expected
            n_moved += by != 0
        if edit.start == edit.end or not edit.alt:  # and it cannot be moved any further
            for by, room in ((-edit.left - 1, edit.left), (edit.right + 1, edit.right)):
                further = Edit("chr1", edit.start, edit.end, edit.alt, abs(by) + room, abs(by) + room).moved(by)
                if further.start >= 0 and further.end <= len(text):
                    assert applied(text, further) != expected
        mirror = edit.mirrored(len(text))
        assert applied(reverse_complement(text), mirror) == reverse_complement(expected)
    assert n_moved > 100


def test_is_normalized_as_bcftools_norm_has_it(tmp_path: Path) -> None:
    rng = random.Random(2)
    text = random_bases(rng, 600)
    fasta = genome_of(tmp_path, text)
    bases = CachedBases(Reference(fasta))
    rows = [random_row(rng, text, start) for start in sorted(rng.choices(range(590), k=400))]
    vcf = write_vcf(tmp_path / "in.vcf", rows, length=len(text))
    # Each row alone keeps its place in the output, whatever it becomes.
    out = pysam.bcftools.norm("-f", str(fasta), "--old-rec-tag", "WAS", str(vcf))
    changed = {tuple(line.split("WAS=")[1].split("|")[1:4]) for line in out.splitlines() if "WAS=" in line}
    seen = {True: 0, False: 0}
    for row in rows:
        edit = to_edit(bases, "chr1", row.start, row.ref, row.alts[0])
        normalized = is_normalized(row.start, row.ref, row.alts[0], edit)
        assert normalized == ((str(row.start + 1), row.ref, row.alts[0]) not in changed), row
        seen[normalized] += 1
    assert min(seen.values()) > 50


def test_cached_bases_read_any_place(tmp_path: Path) -> None:
    rng = random.Random(3)
    text = "".join(rng.choices("ACGT", k=150_000))
    bases = cached(tmp_path, text)
    for start, end in ((0, 10), (65_530, 65_540), (65_536, 131_072), (149_990, 150_000), (10, 140_000)):
        assert bases.fetch("chr1", start, end) == text[start:end]
    assert bases.fetch("chr1", -3, 2) == "NNN" + text[:2]
    assert bases.fetch("chr1", 149_999, 150_002) == text[-1] + "NN"
    assert bases.fetch("chr1", 150_000, 150_003) == "NNN"
    assert bases.fetch("chr1", -5, -2) == "NNN"
    assert bases.fetch("chr1", 7, 7) == ""


def test_an_indel_at_the_chromosomes_start(tmp_path: Path) -> None:
    bases = cached(tmp_path, "AAACGT")
    edit = to_edit(bases, "chr1", 0, "AC", "C")
    assert edit.moved(-edit.left) == Edit("chr1", 0, 1, "", 0, 2)
    row = Row(0, "AA", ("A",))  # VCF writes the base after, which is the same letter here
    assert is_normalized(0, "AA", "A", to_edit(bases, "chr1", row.start, row.ref, row.alts[0])) is False
