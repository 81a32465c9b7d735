"""Lines of any text in any packing, against Python's own reading; and where messages place a fault."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from texcnn.errors import InputError
from texcnn.tables.readers import read_columns
from texcnn.text import lines as lines_module
from texcnn.text.lines import numbered_lines
from texcnn.text.names import read_names

PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes, "gzip": gzip.compress, "bzip2": bz2.compress,
    "bzip2 -1": lambda content: bz2.compress(content, 1), "xz": lzma.compress,
    # What bgzip and `cat a.gz b.gz` write: several members, one after the other.
    "members": lambda content: gzip.compress(content[:5]) + gzip.compress(content[5:]),
}  # fmt: skip
LINES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n\ufeff"), max_size=12), min_size=1)


@pytest.mark.parametrize("packing", PACKINGS)
@given(written=LINES, end=st.sampled_from(["\n", "\r\n", "\r"]), closed=st.booleans(), mark=st.booleans())
def test_any_text(
    tmp_path_factory: pytest.TempPathFactory, packing: str, written: list[str], end: str, closed: bool, mark: bool
) -> None:
    content = ("\ufeff" if mark else "") + end.join(written) + (end if closed else "")
    path = tmp_path_factory.mktemp("l") / "text"
    path.write_bytes(PACKINGS[packing](content.encode()))
    expected = written if closed or written[-1] else written[:-1]
    if not expected:
        with pytest.raises(InputError, match=r"the file is empty – in .*text"):
            list(numbered_lines(path))
        return
    if packing == "plain" and not mark and content.startswith(("PK\x03\x04", "PK\x05\x06", "PAR1")):
        return
    assert list(numbered_lines(path)) == list(enumerate(expected, start=1))


@pytest.mark.parametrize("block", [10, 11, 12, 13, 17, 64])
def test_blocks_of_any_size_give_the_same_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    text = "a\tä\r\n\r\nlonger line €\r\nlast"
    (tmp_path / "t").write_bytes(text.encode())
    monkeypatch.setattr(lines_module, "_BLOCK", block)
    assert list(numbered_lines(tmp_path / "t")) == [(1, "a\tä"), (2, ""), (3, "longer line €"), (4, "last")]


def collect(path: Path, found: list[str]) -> None:
    for _, line in numbered_lines(path):
        found.append(line)


class TestFaults:
    @pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
    @pytest.mark.parametrize("before", [0, 1, 2500])
    def test_the_line_of_a_byte_that_is_no_text(self, tmp_path: Path, end: bytes, before: int) -> None:
        path = tmp_path / "t"
        path.write_bytes((b"some text" + end) * before + b"caf\xe9" + end + b"more" + end)
        with pytest.raises(InputError) as refused:
            list(numbered_lines(path))
        assert str(refused.value) == (
            f"the file is not text in UTF-8: byte 0xe9 – in {path}, line {before + 1} – allowed: UTF-8 text, plain or "
            "compressed with gzip, bgzip, bzip2 or xz – if the text is in Latin-1: iconv -f latin1 -t utf-8 FILE"
        )
        path.write_bytes((b"some text" + end) * before + b"zero\0" + end)
        with pytest.raises(InputError) as refused:
            list(numbered_lines(path))
        assert str(refused.value).startswith(f"a NUL byte: the file is not text – in {path}, line {before + 1} – ")

    def test_lines_before_the_fault_are_given_when_they_are_in_an_earlier_block(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lines_module, "_BLOCK", 12)
        (tmp_path / "t").write_bytes(b"first line\nsecond line\nthird \xff\n")
        found: list[str] = []
        with pytest.raises(InputError, match=r"byte 0xff – in .*t, line 3"):
            collect(tmp_path / "t", found)
        assert found[:2] == ["first line", "second line"]

    @pytest.mark.parametrize(
        ("content", "what", "remedy"),
        [
            (b"PK\x05\x06" + bytes(18), "an empty zip archive", "unzip it first"),
            (b"\x04\x22\x4d\x18rest of it", "compressed with lz4", "unpack it: lz4 -d FILE"),
            (b"7z\xbc\xaf\x27\x1crest", "a 7z archive", "unpack it first"),
            (b"\xfe\xff\x00a\x00b", "text in UTF-16", "save it as UTF-8"),
        ],
    )
    def test_what_is_recognised_and_not_read(self, tmp_path: Path, content: bytes, what: str, remedy: str) -> None:
        (tmp_path / "t").write_bytes(content)
        with pytest.raises(InputError) as refused:
            list(numbered_lines(tmp_path / "t"))
        assert str(refused.value) == (
            f"the file is {what} – in {tmp_path / 't'} – allowed: UTF-8 text, plain or compressed with gzip, bgzip, "
            f"bzip2 or xz – {remedy}"
        )

    def test_a_path_with_a_nul(self) -> None:
        with pytest.raises(InputError, match=r"the path cannot be opened .* – in 'a\\x00b'"):
            list(numbered_lines("a\0b"))


class TestNames:
    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("a\nb\n", ["a", "b"]),
            ("a\tmore\n\n# comment\n  # another\n b \tx\n", ["a", "b"]),
            ('"a b"\n"c"\tx\n""d"\n', ["a b", "c", '"d']),
            ("a\na\n", ["a", "a"]),
            ('"\n', ['"']),
            ("HLA-A*01\ngene:AT1G01010\n", ["HLA-A*01", "gene:AT1G01010"]),
        ],
    )
    def test_the_first_column(self, tmp_path: Path, text: str, names: list[str]) -> None:
        (tmp_path / "names.txt").write_text(text)
        assert read_names(tmp_path / "names.txt") == names

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "a\n\tb\n",
                "a line of the list has no name in its first column – in {path}, line 2 – allowed: an id or name",
            ),
            ('a\nb\n""\n', "a line of the list has no name in its first column – in {path}, line 3"),
            ("# only\n\n", "the list of genes is empty – in {path} – allowed: an id or name per line"),
        ],
    )
    def test_lists_that_name_nothing(self, tmp_path: Path, text: str, message: str) -> None:
        path = tmp_path / "names.txt"
        path.write_text(text)
        with pytest.raises(InputError) as refused:
            read_names(path)
        assert str(refused.value).startswith(message.format(path=path))

    def test_columns_as_text_in_the_order_asked_for(self, tmp_path: Path) -> None:
        path = tmp_path / "t.tsv"
        path.write_text("b\ta\tc\n01\tx\t\n# no\n02\ty\tz\n")
        found = read_columns(path, ("a", "b"))
        assert found.to_dict("split") == {"index": [2, 4], "columns": ["a", "b"], "data": [["x", "01"], ["y", "02"]]}
        with pytest.raises(InputError) as refused:
            read_columns(path, ("a", "d", "e"))
        assert str(refused.value) == f"missing columns: d, e – in {path} – allowed: the columns a and d and e"
