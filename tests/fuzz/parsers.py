"""Seeded fuzzing of every parser: damaged inputs give the project's own errors, and accepted ones the file's numbers.

``make fuzz`` runs 20,000 inputs a parser; ``python tests/fuzz/parsers.py --parser gtf --seed 7`` one of them. Each
target reads a damaged file and compares what was accepted with a reading of its own, as plain as can be.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import logging
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from texcnn.encoders.protocol import EncoderSpec
from texcnn.errors import ModelError, StoreError, TexcnnError
from texcnn.features.spec import FeatureSpec
from texcnn.features.table import FeatureTable
from texcnn.features.tf_table import read_tf_table
from texcnn.genome import fasta_index
from texcnn.genome.bed import read_bed
from texcnn.genome.gtf import read_gtf
from texcnn.genome.interval import Interval
from texcnn.genome.reference import Reference
from texcnn.genome.skipped import read_skipped
from texcnn.genome.windows import WindowSpec
from texcnn.heads.spec import HeadSpec
from texcnn.model.bundle import BundleConfig
from texcnn.segments.segment import SegmentSpec
from texcnn.store.spec import StoreSpec
from texcnn.tables.expression import read_expression
from texcnn.tables.split import read_parts
from texcnn.text.lines import BLANKS
from texcnn.text.names import read_names
from texcnn.training.splits import read_groups
from texcnn.typed_json import read_object

Target = Callable[[Path], None]

TOKENS = (
    *(
        b"\t",
        b"\n",
        b"\r",
        b"\r\n",
        b'"',
        b'""',
        b"'",
        b";",
        b"#",
        b" ",
        b",",
        b"\\",
        b"{",
        b"[",
        b">",
        b"-",
        b"+",
        b".",
    ),
    *(b"\0", b"\xef\xbb\xbf", b"\xff", b"\xc3\xbc", b"\x1f\x8b", b"\x0b", "\u0661".encode(), b"U", b"N", b"NA"),
    *(b"0", b"-1", b"1e999", b"1e300", b"nan", b"inf", b"1_0", b"99999999999999999999", b"null", b"NaN", b"true"),
    *(b"gene_id", b"transcript_id"),
)
"""What is put into a file: parts of its syntax, and what is no part of any."""

_BEHIND_BASES = "".join(map(chr, range(33)))
"""What htslib counts as no base and no line end, where it ends a file."""

_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Returns the content with one to five faults, sometimes compressed, and then sometimes cut."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        place = rng.randrange(len(data) + 1)
        length = rng.choice((1, 1, 2, 8, 40))
        match rng.randrange(7):
            case 0:
                data[place:place] = rng.choice(TOKENS)
            case 1:
                data[place : place + length] = rng.choice(TOKENS)
            case 2:
                del data[place : place + length]
            case 3:
                data[place:place] = data[place : place + length]
            case 4 if data:
                data[place % len(data)] = rng.randrange(256)
            case 5:
                lines = bytes(data).splitlines(keepends=True)
                rng.shuffle(lines)
                data = bytearray(b"".join(lines))
            case _:
                del data[place:]
    if rng.random() < 0.1:
        packed = gzip.compress(bytes(data), compresslevel=1)
        return packed if rng.random() < 0.5 else packed[: rng.randrange(len(packed))]
    return bytes(data)


def text_lines(path: Path) -> list[str]:
    """The lines of an accepted file, read in the plainest way."""
    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    return re.split(r"\r\n|\r|\n", content.decode("utf-8-sig"))


def plain_rows(path: Path) -> Iterator[list[str]]:
    """Every way in which a line may be cut into fields: by tabs or commas, with quotes undone or not."""
    for line in text_lines(path):
        for delimiter in "\t,":
            yield [field.strip(BLANKS) for field in line.split(delimiter)]
            try:
                quoted = next(csv.reader(io.StringIO(line), delimiter=delimiter), [])
            except csv.Error:
                continue
            yield [field.strip(BLANKS) for field in quoted]


def check_numbers(path: Path, gene_ids: list[str], values: np.ndarray) -> None:
    """Checks that each number of a gene is written in a row with its id, and that none is infinite."""
    assert not np.isinf(values).any(), "an infinite number was accepted"
    written: dict[str, list[set[float]]] = {}
    for row in plain_rows(path):
        with np.errstate(over="ignore"):
            numbers = {float(np.float32(cell)) for cell in row if _NUMBER.fullmatch(cell)}
        for name in set(row):
            written.setdefault(name, []).append(numbers)
    for gene_id, row_values in zip(gene_ids, values, strict=True):
        wanted = {float(np.float32(value)) for value in row_values if not np.isnan(value)}
        assert any(wanted <= numbers for numbers in written.get(gene_id, [])), f"{gene_id} has other numbers: {wanted}"


def features(path: Path) -> None:
    table = FeatureTable.read(path, ["x", "y"])
    check_numbers(path, list(table.rows), table.values)


def expression(path: Path) -> None:
    frame = read_expression(path)
    check_numbers(path, list(frame.index), frame.to_numpy())


def tf_table(path: Path) -> None:
    table = read_tf_table(path)
    if len(table.tfs) > 2:  # in a list of pairs, rows are not genes
        check_numbers(path, list(table.gene_ids), table.values)


def bed(path: Path) -> None:
    genes = read_bed(path, spec=WindowSpec(10, 10)).genes
    places = set()
    for line in text_lines(path):
        for fields in (line.split("\t"), line.split()):
            if len(fields) >= 3 and all(re.fullmatch(r" *-?[0-9]+ *", field, re.A) for field in fields[1:3]):
                strand = fields[5].strip(BLANKS) if len(fields) > 5 else "+"
                start, end = int(fields[1]), int(fields[2])
                places.add((fields[0].strip(BLANKS), start if strand == "+" else end - 1, strand))
    for gene in genes:
        assert (gene.chrom, gene.tss, gene.strand) in places, f"{gene} is in no row"


def gtf(path: Path) -> None:
    annotations = [read_gtf(path, transcripts=transcripts) for transcripts in ("gene", "all")]
    places = {
        (row[0], int(row[column]) - 1, strand)
        for row in (line.split("\t") for line in text_lines(path))
        for strand, column in (("+", 3), ("-", 4))
        if len(row) == 9 and row[6] == strand and re.fullmatch(" *[0-9]+ *", row[column])
    }
    for gene in (gene for annotation in annotations for gene in annotation.genes):
        assert (gene.chrom, gene.tss, gene.strand) in places, f"{gene} is in no row"


def fasta(path: Path) -> None:
    with Reference(path) as reference:
        whole = {
            name: reference.fetch(Interval(name, 0, length)) for name, length in reference.lengths.items() if length
        }
    plain: dict[str, str] = {}
    name = ""
    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    for line in content.decode("latin1").split("\n"):
        if line.startswith(">"):
            name = (line[1:].encode("latin1").split() or [b""])[0].decode("latin1")
            plain.setdefault(name, "")
        else:
            plain[name] = plain.get(name, "") + re.sub(
                "[^ACGT]", "N", line.rstrip(_BEHIND_BASES).upper().replace("U", "T")
            )
    for name, bases in whole.items():
        assert plain[name.encode().decode("latin1")] == bases, f"'{name}' has other bases"


def names(path: Path) -> None:
    def bare(text: str) -> str:
        return text.partition("\t")[0].strip(BLANKS).strip('"').strip(BLANKS)

    found = read_names(path)
    lines = [bare(line) for line in text_lines(path) if line.strip() and line.lstrip()[0] != "#"]
    assert list(filter(None, map(bare, found))) == list(filter(None, lines))


def split(path: Path) -> None:
    assert set(read_parts(path).values()) <= {"train", "valid", "test"}


def groups(path: Path) -> None:
    read_groups(path)


def skipped(path: Path) -> None:
    read_skipped(path)


def bundle(path: Path) -> None:
    config = BundleConfig.from_json(read_object(path, error=ModelError), where=path)
    assert json.loads(json.dumps(config.to_json(), allow_nan=False))


def store(path: Path) -> None:
    values = read_object(path, error=StoreError)
    values.pop("format_version", None)
    assert StoreSpec.from_json(values).encoders == tuple(values["encoders"])


GTF = "".join(
    f"chr{n}\tx\t{feature}\t{100 * n + 1}\t{100 * n + length}\t.\t{strand}\t.\t"
    f'gene_id "G{n}"; {more}gene_name "N {n}";\n'
    for n, strand in enumerate("+-+", start=1)
    for feature, length, more in (
        ("gene", 90, ""), ("transcript", 90, f'transcript_id "T{n}"; '), ("exon", 90, f'transcript_id "T{n}"; '),
        ("CDS", 30, f'transcript_id "T{n}"; '),
    )
)  # fmt: skip
CONFIG = BundleConfig(
    name="m", version="1", kind="segments", unit="TPM", window=WindowSpec(20, 10), head=HeadSpec("linear", {"n": 1}),
    segments=SegmentSpec(), encoders=(EncoderSpec("dnabert", "bundle"),), features=(FeatureSpec("x", 1.0, 2.0),),
    sha256={"a": "b"},
)  # fmt: skip
STORE = {
    "format_version": 2, "encoders": ["abc"], "dim": 4, "window": {"upstream": 20, "downstream": 10}, "fasta": "g.fa",
    "segments": {}, "fasta_fingerprint": "f", "origins": [{"name": "x", "sha256": {"a": "b"}}],
}  # fmt: skip
TARGETS: dict[str, tuple[Target, str]] = {
    "features": (features, "gene_id\tx\tnote\ty\nENSG01.2\t1.5\ta\t-2e3\ng2\tNA\t\"b c\"\t4\n'g3'\t7\td\t.5\n"),
    "expression": (expression, "gene_id\tgene_name\tliver\tbrain\ng1\tA\t1.5\t2\ng2\tB\t\t4\ng3\tC\t5e2\t0.25\n"),
    "tf-table": (tf_table, "gene,T1,T2,T3\ng1,1,0,1\ng2,0,0.5,-2\ng3,NA,1,7\n"),
    "bed": (bed, "chr1\t10\t30\tA\t0\t+\nchr2\t100\t250\tB\t1\t-\n# c\nchr3\t7\t9\tC\t2\t+\nchrX\t1\t2\tD\t0\t.\n"),
    "gtf": (gtf, "##c\n" + GTF),
    "fasta": (fasta, ">chr1 one\nACGTNACGTA\nacgtrykmsw\nACG\n>chr2\nUUGA\n>chr3\nGGGGGGGGGG\nCC\n"),
    "names": (names, '# genes\ng1\nENSG00000000003.15\tx\n"g3"\n\n g4 \n'),
    "split": (split, "gene_id\tsplit\na\ttrain\nb\tvalid\nc\ttest\n"),
    "groups": (groups, "gene_id\tfamily\na\tF1\nb\tF1\nc\td\n"),
    "skipped": (skipped, 'gene_id\treason\na\tno strand\nb\t"a ""quoted"" reason"\n'),
    "bundle": (bundle, json.dumps(CONFIG.to_json(), indent=1)),
    "store": (store, json.dumps(STORE, indent=1)),
}


def fuzz(name: str, n_inputs: int, seed: int, folder: Path) -> tuple[int, int]:
    """Runs one parser on damaged inputs.

    Args:
        name: Which parser, a key of :data:`TARGETS`.
        n_inputs: Number of inputs.
        seed: The same seed gives the same inputs.
        folder: Where they are written.

    Returns:
        How many were accepted and how many refused.

    Raises:
        AssertionError: One was accepted with other numbers, or refused with another error; it names the input.
    """
    target, content = TARGETS[name]
    target_file = folder / ("input.fa" if name == "fasta" else "input.tsv")
    refused = 0
    for number in range(n_inputs):
        given = damaged(content.encode(), random.Random(f"{seed} {name} {number}"))
        target_file.write_bytes(given)
        for index in folder.glob("input.fa.*"):
            index.unlink()
        try:
            target(target_file)
        except TexcnnError:
            refused += 1
        except Exception as error:
            fault = f"{name}, seed {seed}, input {number}: {type(error).__name__}: {error}\n{given!r}"
            raise AssertionError(fault) from error
    return n_inputs - refused, refused


def main(arguments: list[str] | None = None) -> None:
    """Fuzzes the parsers and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parser", choices=TARGETS, action="append")
    given = parser.parse_args(arguments)
    quiet()
    with tempfile.TemporaryDirectory() as folder:
        for name in given.parser or TARGETS:
            began = time.perf_counter()
            accepted, refused = fuzz(name, given.inputs, given.seed, Path(folder))
            seconds = time.perf_counter() - began
            print(f"{name:12} {accepted:6} accepted {refused:6} refused {seconds:6.1f} s", flush=True)


def quiet() -> None:
    """Keeps warnings off the terminal, and htslib's second try, another process, out of each refusal."""
    logging.getLogger("texcnn").setLevel(logging.CRITICAL)
    fasta_index.htslib_reason = lambda arguments: "it cannot be indexed"  # type: ignore[assignment]


if __name__ == "__main__":
    sys.exit(main())
