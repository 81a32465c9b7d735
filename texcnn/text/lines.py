"""Lines of a text file, plain or compressed, with their numbers; the path is opened once, so that pipes can be read."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from texcnn.errors import InputError

PathLike = str | os.PathLike[str]

BLANKS = " \t\xa0"
"""What is stripped from names and numbers; control characters, which Python counts as blanks too, are not."""

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What no name of a column or a row can hold in a text table: tabs, line ends and the like."""

_BLOCK = 1 << 20
_MAGIC_LENGTH = 10
_UNPACKED: dict[bytes, Callable[[BinaryIO], BinaryIO]] = {
    b"\x1f\x8b": lambda raw: cast(BinaryIO, gzip.GzipFile(fileobj=raw, mode="rb")),
    # The level of bzip2 is a digit; then a block begins, or the end where there is nothing in it.
    b"BZh[1-9](?:1AY&SY|\x17rE8P\x90)": lambda raw: cast(BinaryIO, bz2.BZ2File(raw)),
    b"\xfd7zXZ\x00": lambda raw: cast(BinaryIO, lzma.LZMAFile(raw)),  # noqa: SIM115, closed with what it reads
}
"""First bytes of what is unpacked here, as patterns."""

_REFUSED = {
    b"PK\x03\x04": ("a zip archive", "unzip it first; a workbook of Excel is one too: save it as tab-separated text"),
    b"PK\x05\x06": ("an empty zip archive", "unzip it first"),
    b"\x1f\x9d": ("compressed with compress", "unpack it: gzip -d FILE"),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", "unpack it: zstd -d FILE"),
    b"\x04\x22\x4d\x18": ("compressed with lz4", "unpack it: lz4 -d FILE"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "unpack it first"),
    b"PAR1": ("a Parquet file", "give it a name that ends in .parquet, where a table may be one"),
    b"\x89HDF": ("an HDF5 file", "give it a name that ends in .h5ad, where a table may be one"),
    b"\xd0\xcf\x11\xe0": ("a workbook of Excel", "save it as tab-separated text"),
    b"\x43\x27\x41\x1a": ("a 2bit file", "unpack it: twoBitToFa IN.2bit OUT.fa"),
    b"\x1a\x41\x27\x43": ("a 2bit file", "unpack it: twoBitToFa IN.2bit OUT.fa"),
    b"\xff\xfe": ("text in UTF-16", "save it as UTF-8"),
    b"\xfe\xff": ("text in UTF-16", "save it as UTF-8"),
}
"""First bytes of what is not read, what it is, and what to do."""
_REFUSED_PACKED = {
    b"BZh": ("compressed with bzip2", "unpack it: bzip2 -d FILE"),
    b"\xfd7zXZ\x00": ("compressed with xz", "unpack it: xz -d FILE"),
}
"""The same of what only readers of lines unpack."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ALLOWED = "UTF-8 text, plain or compressed with gzip, bgzip, bzip2 or xz"


def numbered_lines(path: PathLike) -> Iterator[tuple[int, str]]:
    """Yields each line without its end, numbered from 1.

    Compression is recognised by the first bytes, not by the name. Lines end in LF, CR LF or CR.

    Args:
        path: A text file in UTF-8, plain or compressed with gzip, bgzip, bzip2 or xz. It is opened once: a named
            pipe, ``/dev/stdin`` or a process substitution is read like a file.

    Raises:
        InputError: The file is missing, empty, unreadable, truncated, not text, or holds a NUL byte.
    """
    number = 0
    try:
        with open(path, "rb") as raw:  # noqa: PTH123, a str is as good as a Path
            for block in _whole_lines(_unpacked(raw, path)):
                lines = _decoded(block, path, number).split("\n")
                if not lines[-1]:
                    lines.pop()
                for line in lines:
                    number += 1
                    yield number, line
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise _damaged(error, path, number) from error
    except FileNotFoundError as error:
        raise InputError("the file does not exist", where=path) from error
    except OSError as error:
        if error.errno is None:  # bz2's error for damaged data
            raise _damaged(error, path, number) from error
        raise InputError(f"the file cannot be read ({error.strerror})", where=path) from error
    except ValueError as error:  # a NUL in the path itself
        raise InputError(f"the path cannot be opened ({error})", where=repr(path)) from error
    if number == 0:
        raise InputError("the file is empty", where=path)


def refuse_foreign(head: bytes, path: PathLike, *, allowed: str, packed: bool = False) -> None:
    """Refuses a file whose first bytes are those of another format.

    Args:
        head: The first bytes, ten or more where the file has them.
        path: The file, for the message.
        allowed: What the file may be, for the message.
        packed: Whether files that :func:`numbered_lines` unpacks by itself, gzip excepted, are refused too.

    Raises:
        InputError: They are; the message names the format and says what to do.
    """
    for start, (what, remedy) in (_REFUSED | (_REFUSED_PACKED if packed else {})).items():
        if head.startswith(start):
            raise InputError(f"the file is {what}", where=path, allowed=allowed, remedy=remedy)


def _damaged(error: Exception, path: PathLike, number: int) -> InputError:
    return InputError(
        f"the compressed file is truncated or damaged ({error})", where=f"{path}, after line {number}",
        remedy="fetch or compress it again; gzip -t tests a .gz",
    )  # fmt: skip


def _unpacked(raw: BinaryIO, path: PathLike) -> BinaryIO:
    """The content of a file, unpacked where its first bytes say so, and without a byte order mark."""
    stream = with_peek(raw, _MAGIC_LENGTH)
    magic = stream.peek(_MAGIC_LENGTH)[:_MAGIC_LENGTH]
    refuse_foreign(magic, path, allowed=_ALLOWED)
    for pattern, opened in _UNPACKED.items():
        if re.match(pattern, magic):
            stream = with_peek(opened(stream), _MAGIC_LENGTH)
            magic = stream.peek(_MAGIC_LENGTH)
    if magic.startswith(_BYTE_ORDER_MARK):
        stream.read(len(_BYTE_ORDER_MARK))
    return stream


def with_peek(stream: BinaryIO, n_bytes: int) -> io.BufferedReader:
    """Returns the same stream, its first bytes readable in advance, of a pipe too: one read may give fewer of those."""
    first = b""
    while len(first) < n_bytes and (more := stream.read(n_bytes - len(first))):
        first += more
    return io.BufferedReader(_Rejoined(stream, first), _BLOCK)


class _Rejoined(io.RawIOBase):
    """A stream whose first bytes were read already: a pipe cannot seek."""

    def __init__(self, stream: BinaryIO, first: bytes) -> None:
        self._stream = stream
        self._first = first

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        content = self._first or self._stream.read(len(buffer))
        self._first = b""
        buffer[: len(content)] = content
        return len(content)


def _whole_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Blocks that end where a line does; the last one may not."""
    pieces: list[bytes] = []
    while block := stream.read(_BLOCK):
        cut = block.rfind(b"\n") + 1
        if cut:
            yield b"".join([*pieces, block[:cut]])
            pieces = []
        if cut < len(block):
            pieces.append(block[cut:])
    if pieces:
        yield b"".join(pieces)


def _decoded(block: bytes, path: PathLike, before: int) -> str:
    """The text of a block, every line ending in LF."""
    zero = block.find(b"\0")
    if zero >= 0:
        raise InputError(
            "a NUL byte: the file is not text", where=f"{path}, line {before + _n_lines(block[:zero])}",
            allowed=_ALLOWED,
        )  # fmt: skip
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    try:
        return block.decode("utf-8")
    except UnicodeDecodeError as error:
        line = before + _n_lines(block[: error.start])
        raise InputError(
            f"the file is not text in UTF-8: byte 0x{block[error.start]:02x}", where=f"{path}, line {line}",
            allowed=_ALLOWED, remedy="if the text is in Latin-1: iconv -f latin1 -t utf-8 FILE",
        ) from error  # fmt: skip


def _n_lines(before: bytes) -> int:
    """The number of the line that follows these bytes, counted from 1."""
    return before.replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n") + 1
