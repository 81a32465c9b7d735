"""The FASTA's index is found, built or refused, and never gives wrong bases."""

from __future__ import annotations

import gzip
import os
import shutil
import stat
import struct
from pathlib import Path

import pysam
import pytest
from genome_files import CHR1, CHR2, write_fasta

from texcnn.errors import InputError
from texcnn.genome import fasta_index
from texcnn.genome.fai import FastaRecord, read_fai
from texcnn.genome.fasta_index import find_index, is_writable
from texcnn.genome.interval import Interval
from texcnn.genome.reference import Reference

SEQUENCES = {"chr1": CHR1, "chr2": CHR2}


@pytest.fixture(params=["genome.fa", "genome.fa.gz"])
def fasta(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / "genome"
    folder.mkdir()
    return write_fasta(folder / request.param, SEQUENCES)


def test_record_end_counts_line_ends() -> None:
    assert FastaRecord("a", 27, 16, 10, 11).end == 16 + 27 + 2
    assert FastaRecord("a", 20, 16, 10, 11).end == 16 + 20 + 1
    assert FastaRecord("a", 20, 16, 10, 12).end == 16 + 20 + 2  # lines end in CR LF
    assert FastaRecord("a", 0, 16, 0, 0).end == 16


def test_missing_index_is_built_next_to_the_fasta(fasta: Path) -> None:
    index = find_index(fasta)
    expected = {fasta.name, f"{fasta.name}.fai"} | ({f"{fasta.name}.gzi"} if fasta.suffix == ".gz" else set())
    assert {path.name for path in fasta.parent.iterdir()} == expected
    assert index.fai == fasta.with_name(fasta.name + ".fai")
    assert [(record.name, record.length) for record in index.records] == [("chr1", 27), ("chr2", 10)]


def test_existing_index_is_left_alone(fasta: Path) -> None:
    fai = find_index(fasta).fai
    os.utime(fai, ns=(0, 0))
    find_index(fasta)
    assert fai.stat().st_mtime_ns == 0


def test_missing_gzi_is_built(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "genome.fa.gz", SEQUENCES)
    find_index(fasta)
    (tmp_path / "genome.fa.gz.gzi").unlink()
    assert Reference(fasta).fetch(Interval("chr2", 0, 10)) == CHR2
    assert (tmp_path / "genome.fa.gz.gzi").is_file()


def test_read_only_folder_gets_its_index_in_the_cache(
    fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write anywhere, whatever the permissions say, so the folder is declared read-only.
    monkeypatch.setattr(fasta_index, "is_writable", lambda folder: folder != fasta.parent)
    monkeypatch.setattr(fasta_index.platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache"))
    reference = Reference(fasta)
    assert reference.fetch(Interval("chr2", 0, 10)) == CHR2
    assert [path.name for path in fasta.parent.iterdir()] == [fasta.name]
    assert find_index(fasta).fai.is_relative_to(tmp_path / "cache")


def test_cached_index_is_not_used_for_a_changed_fasta(
    fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fasta_index, "is_writable", lambda folder: folder != fasta.parent)
    monkeypatch.setattr(fasta_index.platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache"))
    find_index(fasta)
    write_fasta(fasta, {"chr2": "CCCCC", "chr1": "GG"})
    assert Reference(fasta).lengths == {"chr2": 5, "chr1": 2}


def test_no_place_for_an_index_is_an_error(fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fasta_index, "is_writable", lambda folder: False)
    monkeypatch.setattr(fasta_index.platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache"))
    monkeypatch.setattr(fasta_index.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    with pytest.raises(InputError, match=r"no index and none can be written.*samtools faidx"):
        find_index(fasta)


def test_is_writable_is_tried(tmp_path: Path) -> None:
    assert is_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not is_writable(tmp_path / "missing")
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert not is_writable(tmp_path), "not even where root could"
    tmp_path.chmod(stat.S_IRWXU)


def test_index_of_another_fasta_is_refused(fasta: Path) -> None:
    find_index(fasta)
    write_fasta(fasta, {"chr1": CHR1 + "ACGT", "chr2": CHR2})
    with pytest.raises(InputError, match=r"FASTA and its index disagree.*delete genome\.fa.*\.fai"):
        Reference(fasta)


def test_index_of_equally_long_fasta_with_other_names_is_refused(fasta: Path) -> None:
    find_index(fasta)
    write_fasta(fasta, {"chrA": CHR1, "chr2": CHR2})
    with pytest.raises(InputError, match="another header is before 'chr1'"):
        Reference(fasta)


def test_index_of_a_fasta_with_other_line_width_is_refused(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "genome.fa", {"chr1": "ACGT" * 25}, width=10)
    find_index(fasta)
    write_fasta(fasta, {"chr1": "ACGT" * 25}, width=20)
    with pytest.raises(InputError, match="disagree"):
        Reference(fasta)


def test_newer_fasta_of_the_same_layout_keeps_its_index(fasta: Path) -> None:
    # A copy often is newer than its index: the dates say nothing about the bases.
    fai = find_index(fasta).fai
    os.utime(fai, ns=(0, 0))
    assert Reference(fasta).fetch(Interval("chr2", 0, 10)) == CHR2


def test_sequence_added_after_the_index_was_made_is_refused(fasta: Path) -> None:
    find_index(fasta)
    write_fasta(fasta, {**SEQUENCES, "chr3": "ACGT"})
    with pytest.raises(InputError, match="text follows the last sequence, 'chr2'"):
        Reference(fasta)


def test_truncated_plain_fasta_is_refused(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "genome.fa", SEQUENCES)
    find_index(fasta)
    fasta.write_bytes(fasta.read_bytes()[:-6])
    with pytest.raises(InputError, match=r"ends before the last base of 'chr2'.*the FASTA is truncated"):
        Reference(fasta)


def test_last_line_without_its_end_is_whole(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "genome.fa", SEQUENCES)
    fasta.write_bytes(fasta.read_bytes()[:-1])
    assert Reference(fasta).fetch(Interval("chr2", 0, 10)) == CHR2


@pytest.mark.parametrize("cut", [1, 28, 40])
def test_truncated_bgzf_is_refused_with_or_without_index(tmp_path: Path, cut: int) -> None:
    fasta = write_fasta(tmp_path / "genome.fa.gz", SEQUENCES)
    whole = fasta.read_bytes()
    fasta.write_bytes(whole[:-cut])
    with pytest.raises(InputError, match="BGZF file is truncated"):
        Reference(fasta)


def test_gzi_of_another_file_is_refused(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "genome.fa.gz", {"chr1": "ACGTTGCA" * 40_000, "chr2": CHR2})
    other = write_fasta(tmp_path / "other.fa.gz", {"chr1": "ACCA" * 20_000, "chr2": "G" * 300_000})
    find_index(fasta)
    find_index(other)
    shutil.copy(tmp_path / "other.fa.gz.gzi", tmp_path / "genome.fa.gz.gzi")
    with pytest.raises(InputError, match="disagree"):
        Reference(fasta)


def test_gzi_with_a_wrong_offset_is_refused(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "genome.fa.gz", {"chr1": "ACGTTGCA" * 9_000, "chr2": "GATTACA" * 20_000})
    find_index(fasta)
    gzi = tmp_path / "genome.fa.gz.gzi"
    numbers = list(struct.unpack(f"<{gzi.stat().st_size // 8}Q", gzi.read_bytes()))
    assert numbers[0] >= 2  # chr2 starts in the second of at least three blocks
    numbers[4] += 1
    gzi.write_bytes(struct.pack(f"<{len(numbers)}Q", *numbers))
    with pytest.raises(
        InputError, match=r"'\\n' is among the bases of chr2:.*delete genome\.fa\.gz\.fai \(and the \.gzi\)"
    ):
        Reference(fasta).fetch(Interval("chr2", 60_000, 100_000))


def test_cut_gzi_is_refused(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "genome.fa.gz", {"chr1": "ACGTTGCA" * 40_000})
    find_index(fasta)
    gzi = tmp_path / "genome.fa.gz.gzi"
    gzi.write_bytes(gzi.read_bytes()[:-3])
    with pytest.raises(InputError, match=r"htslib cannot read the \.gzi"):
        Reference(fasta)


def test_many_blocks_are_read_right(tmp_path: Path) -> None:
    bases = "ACGTTGCAAC" * 30_000
    reference = Reference(write_fasta(tmp_path / "genome.fa.gz", {"chr1": bases, "chr2": CHR2, "chr3": bases[::-1]}))
    assert reference.fetch(Interval("chr1", 65_000, 66_500)) == bases[65_000:66_500]
    assert reference.fetch(Interval("chr3", 299_000, 300_000)) == bases[::-1][299_000:]


def test_plain_gzip_is_unpacked_once_into_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache, folder = tmp_path / "cache", tmp_path / "genome"
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(cache))
    folder.mkdir()
    fasta = folder / "genome.fa.gz"
    with gzip.open(fasta, "wt") as handle:
        handle.write(">chr1\nACGT\n")
    with caplog.at_level("INFO", logger="texcnn"):
        for _ in range(2):
            reference = Reference(fasta)
            assert reference.fetch(Interval("chr1", 1, 3)) == "CG"
            assert reference.path == fasta
    output = [record.getMessage() for record in caplog.records if "is gzip" in record.getMessage()]
    assert len(output) == 1
    assert f"{fasta} is gzip, not bgzip: it is unpacked once, to {cache}" in output[0]
    assert [path.name for path in folder.iterdir()] == ["genome.fa.gz"]
    with gzip.open(fasta, "wt") as handle:
        handle.write(">chr1\nTTTTTT\n")
    assert Reference(fasta).fetch(Interval("chr1", 1, 3)) == "TT", "another state of the file, unpacked again"
    fasta.write_bytes(fasta.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"the gzip file is truncated or damaged"):
        Reference(fasta)
    assert not list(cache.rglob(".texcnn-*"))


def test_missing_empty_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        Reference(tmp_path / "none.fa")
    (tmp_path / "empty.fa").touch()
    with pytest.raises(InputError, match="FASTA is empty"):
        Reference(tmp_path / "empty.fa")
    with pytest.raises(InputError, match="cannot be read"):
        Reference(tmp_path)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "genome.fa")
    with pytest.raises(InputError, match=r"the FASTA is a pipe.*many places.*write it to a file"):
        Reference(tmp_path / "genome.fa")


@pytest.mark.parametrize("text", ["chr1\t5\t9\n", "ACGT\n", "@read\nACGT\n"])
def test_what_is_no_fasta_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "genome.fa"
    path.write_text(text)
    with pytest.raises(InputError, match="not a FASTA"):
        Reference(path)
    assert [file.name for file in tmp_path.iterdir()] == ["genome.fa"]


def test_lines_of_unequal_length_cannot_be_indexed(tmp_path: Path) -> None:
    path = tmp_path / "genome.fa"
    path.write_text(">chr1\nACGT\nAC\nACGTACGT\n")
    with pytest.raises(InputError, match="cannot be used"):
        Reference(path)
    assert [file.name for file in tmp_path.iterdir()] == ["genome.fa"]


def test_a_name_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "genome.fa"
    path.write_text(">chr1\nACGT\n>chr1\nGGGG\n>chr2\nTTTT\n")
    with pytest.raises(InputError, match="holds a name twice"):
        Reference(path)


def test_damaged_fai_is_refused(fasta: Path) -> None:
    fai = find_index(fasta).fai
    fai.write_text("chr1\ttwenty\t7\t10\t11\n")
    with pytest.raises(InputError, match=r"its line 1 is not a line of a \.fai"):
        Reference(fasta)
    fai.write_text("chr1\t20\t7\t0\t0\n")
    with pytest.raises(InputError, match=r"its line 1 is not a line of a \.fai"):
        Reference(fasta)
    fai.write_text("")
    with pytest.raises(InputError, match="lists no sequence"):
        Reference(fasta)
    fai.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="the index is not text"):
        Reference(fasta)
    fai.unlink()
    fai.mkdir()
    with pytest.raises(InputError, match=r"the index of the FASTA cannot be read"):
        read_fai(fai)


@pytest.mark.parametrize(
    "line", ["chr1\t1_0\t6\t4\t5", "chr1\t٤\t6\t4\t5", "\t4\t6\t4\t5", f"chr1\t{10**30}\t6\t4\t5", "chr1\t-4\t6\t4\t5"]
)
def test_lines_of_a_fai_that_python_would_read(tmp_path: Path, line: str) -> None:
    fasta = write_fasta(tmp_path / "genome.fa", {"chr1": "ACGT"})
    (tmp_path / "genome.fa.fai").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"its line 1 is not a line of a \.fai"):
        Reference(fasta)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b">a\nACGT\nAC\nACGT\n", r"a line of 'a' follows a shorter.*\(htslib: .*line 4\).*line 4"),
        (b">a\nACGT\n\nACGT\n", r"follows a shorter or an empty one.*htslib.*line 4"),
        (b">a\nAC\nACGT\nACGT\n", r"longer than the one before: 4 letters after 2.*htslib.*line 3"),
        (b">a\nACGT\n>b\n", r"the sequence 'b' has no bases.*htslib.*line 3"),
        (b">a\nACG ACG \nACG ACG \nAC\n", r"a blank among the bases of 'a'.*line 2"),
        (b">a\n  1 ACGT\n  5 ACGT\n", r"a blank among the bases of 'a'.*line 2"),
        (b">a\n1ACGT\n5ACGT\n", r"the digit 1 among the bases of 'a'.*line 2"),
        (b">a\nACGT\nAC\x07T\n", r"the byte 0x07 among the bases of 'a'.*line 3"),
        (b">a\nACGT\xff\nAC\n", r"the byte 0xff among the bases of 'a'.*line 2"),
        (b">a\nACGT\xc3\xbc\nAC\n", r"the byte 0xc3 among the bases of 'a'.*line 2"),
        (b">\nACGT\n", r"a sequence has no name.*line 1"),
        (b">chr\xfc\nACGT\n", r"the name 'chr\\xfc' is not UTF-8.*line 1"),
        (b">a\nAC\n>b\nAC\n>a\nGG\n", r"holds a name twice: 'a', first in line 1.*line 5"),
        (b"\xef\xbb\xbf>a\nACGT\n", r"byte order mark.*sed"),
    ],
)
@pytest.mark.parametrize("name", ["genome.fa", "genome.fa.gz"])
def test_what_cannot_be_indexed_is_named_with_its_line(tmp_path: Path, text: bytes, message: str, name: str) -> None:
    path = tmp_path / name
    if name.endswith(".gz"):
        with pysam.BGZFile(str(path), "wb") as handle:
            handle.write(text)
    else:
        path.write_bytes(text)
    for _ in range(2):  # the same the second time: no bad index was left behind
        with pytest.raises(InputError, match=message) as error:
            Reference(path).fetch(Interval("a", 0, 7))
        assert "delete" not in str(error.value)
        left = {file.name for file in tmp_path.iterdir()}
        assert left == {name} or "among the bases" in message


def test_a_header_in_latin_1_behind_the_name_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "genome.fa"
    path.write_bytes(b">a caf\xe9\nACGT\n>b \xe9\nGG\n")
    assert Reference(path).fetch(Interval("b", 0, 2)) == "GG"


def test_an_index_from_before_a_base_was_lost_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "genome.fa"
    lines = ["ACGTACGT"] * 20
    path.write_text("\n".join([">a", *lines]) + "\n")
    find_index(path)
    lines[7] = lines[7][:-1]
    path.write_text("\n".join([">a", *lines]) + "\n")
    with pytest.raises(InputError, match=r"disagree \(the file ends before the last base of 'a'\)"):
        Reference(path)


@pytest.mark.parametrize("name", ["-g.fa", "data:x.fa", "my genome (1).fa", "--version"])
def test_file_names_that_samtools_would_take_for_something_else(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_fasta(Path(name), {"chr1": CHR1})
    assert Reference(Path(name)).fetch(Interval("chr1", 0, 4)) == "ACGT"


def test_damaged_bgzf_is_refused(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "genome.fa.gz", SEQUENCES)
    content = bytearray(fasta.read_bytes())
    content[18:40] = b"\xff" * 22  # behind the header of the first block, 18 bytes long
    fasta.write_bytes(content)
    with pytest.raises(InputError, match=r"the BGZF file is damaged.*fetch the file again"):
        Reference(fasta)


def test_carriage_returns_and_headers_with_descriptions(tmp_path: Path) -> None:
    path = tmp_path / "genome.fa"
    path.write_bytes(b">chr1 first > of two\r\nACGT\r\nAC\r\n>chr2\r\nGGTT\r\n")
    reference = Reference(path)
    assert reference.fetch(Interval("chr1", 0, 6)) == "ACGTAC"
    assert reference.fetch(Interval("chr2", 0, 4)) == "GGTT"
