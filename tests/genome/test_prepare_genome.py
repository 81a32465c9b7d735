"""A FASTA made readable at any place, and a damaged one found at once."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pysam
import pytest

from texcnn.errors import InputError
from texcnn.genome.interval import Interval
from texcnn.genome.prepare import prepare_fasta
from texcnn.genome.reference import Reference

BASES = "ACGTTGCA" * 5000
TEXT = f">one\n{BASES}\n>two\nGGG\n"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def test_a_plain_file_gets_an_index(tmp_path: Path, out: Path) -> None:
    fasta = tmp_path / "g.fa"
    fasta.write_text(TEXT)
    made = prepare_fasta(fasta, out)
    assert made.fasta == fasta
    assert made.new == (out / "g.fa.fai",)
    assert made.fingerprint == hashlib.sha256(TEXT.encode()).hexdigest()
    assert made.lengths == {"one": 40000, "two": 3}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["g.fa", "out"]


def test_gzip_is_unpacked(tmp_path: Path, out: Path) -> None:
    fasta = tmp_path / "g.fa.gz"
    with gzip.open(fasta, "wt") as handle:
        handle.write(TEXT)
    made = prepare_fasta(fasta, out)
    assert made.new == (out / "genome.fa", out / "genome.fa.fai")
    with Reference(made.fasta) as genome:
        assert genome.fetch(Interval("two", 0, 3, "-")) == "CCC"


def test_bgzf_stays_and_an_index_next_to_it_is_used(tmp_path: Path, out: Path) -> None:
    plain, fasta = tmp_path / "g.fa", tmp_path / "g.fa.gz"
    plain.write_text(TEXT)
    pysam.tabix_compress(str(plain), str(fasta))
    made = prepare_fasta(fasta, out)
    assert [path.name for path in made.new] == ["g.fa.gz.fai", "g.fa.gz.gzi"]
    for path in made.new:
        path.rename(tmp_path / path.name)
    assert prepare_fasta(fasta, out).new == ()


def test_a_flipped_byte_in_an_indexed_file_is_found(tmp_path: Path, out: Path) -> None:
    plain, fasta = tmp_path / "g.fa", tmp_path / "g.fa.gz"
    plain.write_text(TEXT)
    pysam.tabix_compress(str(plain), str(fasta))
    pysam.faidx(str(fasta))
    content = bytearray(fasta.read_bytes())
    content[len(content) // 2] ^= 1
    fasta.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        prepare_fasta(fasta, out)
