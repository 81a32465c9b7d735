"""One reader for every text table: all the ways in which programs write them give the same rows."""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from texcnn.errors import InputError
from texcnn.text.numbers import NumberColumns, no_number, to_number
from texcnn.text.table import TextTable

PLAIN = "gene_id\tx\ty\na\t1\t2\nb\t3\t4\n"
ROWS = [["a", "1", "2"], ["b", "3", "4"]]


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "table.tsv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def rows(path: Path) -> list[list[str]]:
    return [fields for _, fields in TextTable(path).rows()]


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.rstrip("\n"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\t\n"),
        PLAIN.replace("1\t2\n", "1\t2\t\n"),
        PLAIN.replace("\n", "\t\t \n"),
        PLAIN.replace("a\t", "  a \t"),
        "# made by hand\n\n#\n" + PLAIN.replace("\nb", "\n# not this\n  \n\t\nb"),
        "#" + PLAIN,
        PLAIN.replace("\t", ","),
        '"gene_id"\t"x"\t"y"\n"a"\t"1"\t2\n"b"\t3\t4\n',
        "#1.2\n2\t2\n" + PLAIN,
        gzip.compress(PLAIN.encode()),
        bz2.compress(PLAIN.encode()),
        lzma.compress(PLAIN.encode()),
    ],
)
def test_all_of_these_are_the_same_table(tmp_path: Path, text: str | bytes) -> None:
    table = TextTable(write(tmp_path, text))
    assert table.names == ("gene_id", "x", "y")
    assert [fields for _, fields in table.rows()] == ROWS


def test_line_numbers_are_those_of_the_file(tmp_path: Path) -> None:
    table = TextTable(write(tmp_path, "# one\n\ngene_id\tx\n# four\na\t1\n\nb\t2\n"))
    assert table.header_line == 3
    assert [number for number, _ in table.rows()] == [5, 7]
    assert TextTable(tmp_path / "table.tsv").text(["x"]).index.tolist() == [5, 7]


def test_a_quote_inside_a_field_is_a_letter_and_swallows_no_row(tmp_path: Path) -> None:
    text = 'gene_id\tx\tnote\na\t1\t"5\' end\nb\t2\t3" long\nc\t3\t"a ""b"" c"\nd\t4\t"two\tfields"\n'
    assert rows(write(tmp_path, text)) == [
        ["a", "1", "\"5' end"],
        ["b", "2", '3" long'],
        ["c", "3", 'a "b" c'],
        ["d", "4", "two\tfields"],
    ]
    # Quotes that would join two fields are letters where every column has its field without them.
    assert rows(write(tmp_path, 'gene_id\tx\ty\na\t"1\t2"\n')) == [["a", '"1', '2"']]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\ufeff", "the file is empty"),
        (gzip.compress(b""), "the file is empty"),
        ("\n\n", "the table has no header"),
        ("# only this\n", "the table has no header"),
        ("gene_id\tx\na\t1\t2\n", "3 fields, the header 2 .*line 2 .*column of gene ids a name"),
        ("gene_id\tx\t\na\t1\t2\n", "3 fields, the header 2 .*line 2 .*last column a name"),
        ("gene_id\tx\na\n", "1 fields, the header 2 .*line 2"),
        (
            'gene_id\tx\tnote\na\t1\t"two\nlines"\n',
            "1 fields, the header 3 .*line 3 .*in quotes goes on in the next line",
        ),
        ('gene_id\tx\n"a"\n', "1 fields, the header 2 .*line 2$"),
        ("gene_id,x\na\t1\n", "the header has commas between its columns, the row tabs"),
        ("gene_id\tx\na,1\n", "the header has tabs between its columns, the row commas"),
        (b"\xd0\xcf\x11\xe0rest", "a workbook of Excel .*tab-separated"),
        (b"\x1f\x9drest", "compressed with compress .*gzip -d"),
        ("gene_id\tx\na\t1\0\n", "a NUL byte.*line 2"),
        (b"gene_id\tx\na\t1\n\xe9\t2\n", "not text in UTF-8: byte 0xe9 .*line 3 .*iconv"),
        ("gene_id\tx\n".encode("utf-16"), "text in UTF-16 .*save it as UTF-8"),
        (b"PK\x03\x04rest", "a zip archive .*unzip it"),
        (b"\x28\xb5\x2f\xfdrest", "compressed with zstd .*zstd -d"),
        (b"PAR1rest", "a Parquet file .*ends in .parquet"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file .*ends in .h5ad"),
        (bz2.compress(PLAIN.encode())[:-5], "truncated or damaged"),
        (lzma.compress(PLAIN.encode())[:-15], "truncated or damaged"),
        (b"BZh91AY&SYnonsense", "truncated or damaged"),
        ("#1.3\n2\t2\t1\t1\n" + PLAIN, "GCT 1.3"),
    ],
)
def test_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rows(write(tmp_path, text))


def test_a_comment_of_one_word_is_no_header(tmp_path: Path) -> None:
    assert rows(write(tmp_path, "# gene_id\n" + PLAIN)) == rows(write(tmp_path, PLAIN))


def test_columns_are_found_by_name_and_never_guessed_between_two(tmp_path: Path) -> None:
    table = TextTable(write(tmp_path, "gene_id\tx\tx\na\t1\t2\n"))
    assert table.column("gene_id") == 0
    with pytest.raises(InputError, match=r"column 'x' appears twice .*line 1"):
        table.column("x")
    with pytest.raises(InputError, match=r"unknown column 'gen_id' .*--by.*did you mean 'gene_id'"):
        table.column("gen_id", option="--by")


@pytest.mark.parametrize(
    ("header", "place"),
    [
        ("x\tGene_ID", 1),
        ("Geneid\tChr", 0),
        ("Name\tDescription", 0),
        ("\tliver", 0),
        ("gene\tgene_id", 1),
        ("Gene Name\tGene ID", 1),
        ("symbol\tgene_ids", 1),
        ("liver", 0),
        ('"liver"', 0),
    ],
)
def test_the_column_of_gene_ids_goes_by_its_usual_names(tmp_path: Path, header: str, place: int) -> None:
    assert TextTable(write(tmp_path, f"{header}\na\tb\n")).gene_column() == place


def test_a_pipe_is_read_whole(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = "gene_id\tx\n" + "".join(f"g{number}\t{number}\n" for number in range(50_000))
    for content in (text.encode(), gzip.compress(text.encode())):
        writer = threading.Thread(target=pipe.write_bytes, args=(content,))
        writer.start()
        found = rows(pipe)
        writer.join()
        assert (len(found), found[0], found[-1]) == (50_000, ["g0", "0"], ["g49999", "49999"])


def test_a_pipe_that_gives_a_byte_at_a_time(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def trickle() -> None:
        with pipe.open("wb", buffering=0) as handle:
            for byte in gzip.compress(PLAIN.encode()):
                handle.write(bytes([byte]))

    writer = threading.Thread(target=trickle)
    writer.start()
    assert rows(pipe) == ROWS
    writer.join()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", 1.0), (" -2.5e3 ", -2500.0), (".5", 0.5), ("+1", 1.0), ("inf", np.inf), ("1e400", np.inf)],
)
def test_numbers(text: str, expected: float) -> None:
    assert to_number(text) == expected


@pytest.mark.parametrize("text", ["", " ", "NA", "nan", "NaN"])
def test_missing_values(text: str) -> None:
    number = to_number(text)
    assert number is not None
    assert np.isnan(number)


@pytest.mark.parametrize("text", ["1_000", "١٢", "1,5", "0x10", "one", "1 2", "1\u00a02", "1\x0b", "\x1c1"])
def test_what_python_or_a_spreadsheet_takes_for_a_number_and_a_table_must_not(text: str) -> None:
    assert to_number(text) is None
    with pytest.raises(InputError, match=r"is not a finite number .*line 7, column x"):
        NumberColumns(Path("t"), ["x"]).add(7, [text])


@pytest.mark.parametrize(("text", "message"), [("1e39", "too large"), ("-1e300", "too large"), ("1e999", "too large")])
def test_numbers_beyond_float32_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=f"'{text}' is {message}.* 3.4e\\+38 .*line 2, column y"):
        NumberColumns(Path("t"), ["x", "y"]).add(2, ["1", text])
    assert "not a finite" in str(no_number("-inf", "here"))


def test_columns_of_text_are_left_out_where_they_may_be() -> None:
    numbers = NumberColumns(Path("t"), ["symbol", "x", "gap"], text=True)
    numbers.add(2, ["A", "1", ""])
    numbers.add(3, ["B", "2", "5"])
    assert numbers.of_text == [0]
    assert np.array_equal(numbers.values(), [[1, np.nan], [2, 5]], equal_nan=True)


@pytest.mark.parametrize("cells", [["1", "high"], ["high", "1"]])
def test_a_column_of_numbers_and_text_is_refused_where_the_text_is(cells: list[str]) -> None:
    numbers = NumberColumns(Path("t"), ["x"], text=True)
    line = cells.index("high") + 2

    def add() -> None:
        for number, cell in enumerate(cells, start=2):
            numbers.add(number, [cell])

    with pytest.raises(InputError, match=f"'high' is not a finite number .*line {line}, column x"):
        add()


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [
        ("gene_id;x;y", ";"), ("gene_id,x;y,z", ","), ("gene_id;x,y;z", ";"), ('"gene;id",x', ","), ('"a,b";x', ";"),
        ("#gene_id;x", ";"), ("gene_id;x\ty", "\t"),
    ],
)  # fmt: skip
def test_a_header_without_tabs_says_what_separates_fields(tmp_path: Path, header: str, delimiter: str) -> None:
    row = delimiter.join("abc"[: len(next(csv.reader([header.removeprefix("#")], delimiter=delimiter)))])
    table = TextTable(write(tmp_path, f"{header}\n{row}\n"))
    assert [fields for _, fields in table.rows()] == [row.split(delimiter)]


def test_rows_of_r_have_a_name_that_its_header_lacks(tmp_path: Path) -> None:
    table = TextTable(write(tmp_path, '"x"\t"y"\n"a"\t1\t\n"b"\t3\t4\n'))
    assert table.gene_column() == 0
    assert table.names == ("", "x", "y")
    assert list(table.rows()) == [(2, ["a", "1", ""]), (3, ["b", "3", "4"])]
    with pytest.raises(InputError, match="no column 'gene_id' among x, y"):
        TextTable(write(tmp_path, "x\ty\na\t1\n")).gene_column()


@pytest.mark.parametrize("texts", [["1,5", "2"], ["1,5"], ["1,234.5"], ["1'000"], ["\u22121"], ["5%"], ["1.234,5"]])
def test_numbers_in_another_notation_are_no_column_of_text(texts: list[str]) -> None:
    numbers = NumberColumns(Path("t"), ["x", "y"], text=True)

    def columns_of_text() -> list[int]:
        for line, text in enumerate(texts, start=2):
            numbers.add(line, ["1", text])
        return numbers.of_text

    with pytest.raises(InputError, match=r"is not a finite number .*line 2, column y .*decimal point"):
        columns_of_text()


def test_text_with_some_numbers_in_another_notation_is_text() -> None:
    numbers = NumberColumns(Path("t"), ["x", "exons"], text=True)
    numbers.add(2, ["1", "1,2"])
    numbers.add(3, ["1", "1,2,3"])
    assert numbers.of_text == [1]
