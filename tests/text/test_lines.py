"""Numbered lines of plain and gzipped text."""

from __future__ import annotations

import gzip
from pathlib import Path

import pysam
import pytest

from texcnn.errors import InputError
from texcnn.text.lines import numbered_lines

TEXT = "first\n\nthird\tü\nlast"
EXPECTED = [(1, "first"), (2, ""), (3, "third\tü"), (4, "last")]


def test_plain_gzip_and_bgzf_read_alike_whatever_their_names(tmp_path: Path) -> None:
    (tmp_path / "plain.gz").write_text(TEXT, encoding="utf-8")
    with gzip.open(tmp_path / "zipped.txt", "wt", encoding="utf-8") as handle:
        handle.write(TEXT)
    with pysam.BGZFile(str(tmp_path / "blocks.gz"), "wb") as handle:
        handle.write(TEXT.encode())
    for path in tmp_path.iterdir():
        assert list(numbered_lines(path)) == EXPECTED


def test_line_ends_of_windows_and_byte_order_mark_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n")
    assert list(numbered_lines(path)) == [(1, "one"), (2, "two")]


def test_truncated_gzip_names_the_last_line(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"line\n" * 100_000)[:-20])
    with pytest.raises(InputError, match=r"truncated or damaged.*after line \d+.*gzip -t"):
        list(numbered_lines(path))


def test_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(b"\x1f\x8b" + b"nonsense" * 10)
    with pytest.raises(InputError, match="truncated or damaged"):
        list(numbered_lines(path))


def test_missing_empty_folder_and_binary(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not exist.*none\.gtf"):
        list(numbered_lines(tmp_path / "none.gtf"))
    (tmp_path / "empty").touch()
    with pytest.raises(InputError, match="the file is empty"):
        list(numbered_lines(tmp_path / "empty"))
    with pytest.raises(InputError, match="cannot be read"):
        list(numbered_lines(tmp_path))
    (tmp_path / "binary").write_bytes(b"text\n\xff\xfe\x00")
    with pytest.raises(InputError, match="is not text"):
        list(numbered_lines(tmp_path / "binary"))
