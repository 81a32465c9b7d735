"""A FASTA's digest is kept, and never that of another state of the file."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from genome_files import CHR1, write_fasta

from texcnn.genome import fasta_digest, fasta_index
from texcnn.genome.fasta_digest import digest_path
from texcnn.genome.reference import Reference


@pytest.fixture
def fasta(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(fasta_digest, "KEPT_FROM_BYTES", 1)
    (tmp_path / "genome").mkdir()
    return write_fasta(tmp_path / "genome" / "genome.fa", {"chr1": CHR1})


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose bytes were read for a digest."""
    paths: list[Path] = []
    real = fasta_digest.sha256_file

    def sha256_file(path: Path) -> str:
        paths.append(path)
        return real(path)

    monkeypatch.setattr(fasta_digest, "sha256_file", sha256_file)
    return paths


def test_the_file_is_read_once(fasta: Path, read: list[Path]) -> None:
    expected = hashlib.sha256(fasta.read_bytes()).hexdigest()
    assert [Reference(fasta).fingerprint() for _ in range(3)] == [expected] * 3
    assert read == [fasta]
    assert sorted(path.name for path in fasta.parent.iterdir()) == [
        "genome.fa",
        "genome.fa.fai",
        "genome.fa.sha256.json",
    ]


def test_a_changed_file_is_read_again(fasta: Path, read: list[Path]) -> None:
    before = Reference(fasta).fingerprint()
    state = fasta.stat()
    fasta.write_bytes(fasta.read_bytes().replace(b"ACGT", b"ACGA", 1))
    os.utime(fasta, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert Reference(fasta).fingerprint() == hashlib.sha256(fasta.read_bytes()).hexdigest() != before
    assert len(read) == 2


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"size": 1}', '{"size": SIZE, "mtime_ns": TIME, "sha256": 7}', '{"sha256": "SUM"}']
)
def test_a_damaged_or_foreign_digest_is_made_anew(fasta: Path, read: list[Path], text: str) -> None:
    kept = digest_path(fasta, fasta.parent)
    assert kept is not None
    state = fasta.stat()
    for name, value in (("SIZE", state.st_size), ("TIME", state.st_mtime_ns), ("SUM", "0" * 64)):
        text = text.replace(name, str(value))
    kept.write_text(text)
    expected = hashlib.sha256(fasta.read_bytes()).hexdigest()
    assert Reference(fasta).fingerprint() == expected
    assert json.loads(kept.read_text())["sha256"] == expected
    assert read == [fasta]


def test_a_read_only_folder_has_its_digest_in_the_cache(
    fasta: Path, tmp_path: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (fasta_index, fasta_digest):
        monkeypatch.setattr(module, "is_writable", lambda folder: folder != fasta.parent)
    monkeypatch.setattr(fasta_index.platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache"))
    assert Reference(fasta).fingerprint() == Reference(fasta).fingerprint()
    assert read == [fasta]
    assert [path.name for path in fasta.parent.iterdir()] == ["genome.fa"]
    assert len(list((tmp_path / "cache").rglob("genome.fa.sha256.json"))) == 1


def test_where_nothing_can_be_kept_the_digest_is_still_right(
    fasta: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = Reference(fasta)
    monkeypatch.setattr(fasta_digest, "digest_path", lambda *_: None)
    assert reference.fingerprint() == reference.fingerprint() == hashlib.sha256(fasta.read_bytes()).hexdigest()
    assert len(read) == 2


def test_of_a_small_file_nothing_is_kept(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "genome.fa", {"chr1": CHR1})
    assert Reference(fasta).fingerprint() == hashlib.sha256(fasta.read_bytes()).hexdigest()
    assert {path.name for path in tmp_path.iterdir()} == {"genome.fa", "genome.fa.fai"}
