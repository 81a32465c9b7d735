"""A copy of a VCF with further INFO fields: every other byte of its records stays as it is."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pysam

from texcnn.errors import InputError, RunError
from texcnn.genome.quiet_htslib import quiet_htslib
from texcnn.genome.vcf import VcfReader
from texcnn.text.lines import numbered_lines

_ALT, _INFO = 4, 7
_ENCODED = {character: f"%{ord(character):02X}" for character in "%,;= \t\r\n"}
_ENCODING = str.maketrans(_ENCODED)


@dataclass(frozen=True, slots=True)
class InfoField:
    """A field with one value per alternative allele.

    Attributes:
        id: Its name.
        type: ``Float`` or ``String``.
        description: Its meaning, for the header.
    """

    id: str
    type: str
    description: str

    def __str__(self) -> str:
        """The line of the header."""
        return f'##INFO=<ID={self.id},Number=A,Type={self.type},Description="{self.description}">'


def encode_value(text: str) -> str:
    """Writes what separates values in INFO as VCF wants it: ``%`` and two digits."""
    return text.translate(_ENCODING)


def check_annotation(reader: VcfReader, fields: Sequence[InfoField]) -> None:
    """Refuses a VCF that cannot be annotated, before anything expensive is done.

    Raises:
        InputError: The file is a pipe, which cannot be read twice, or has one of the fields already.
    """
    if not reader.path.is_file():
        raise InputError("a pipe cannot be read twice", where=f"`annotate` of {reader.path}", allowed="a VCF in a file")
    taken = [field.id for field in fields if field.id in reader.info_ids]
    if taken:
        raise InputError(
            f"the VCF has the INFO fields {', '.join(taken)} already", where=reader.path,
            remedy=f"remove them with bcftools annotate -x {','.join(f'INFO/{name}' for name in taken)}",
        )  # fmt: skip


def annotate_vcf(
    source: Path,
    out: Path,
    index: Path,
    fields: Sequence[InfoField],
    values: Iterable[Mapping[str, str | float | None]],
) -> None:
    """Writes a VCF again with values for each alternative allele, as BGZF with a CSI index.

    Args:
        source: The VCF or BCF.
        out: The file to write.
        index: Where to write its index.
        fields: The fields to add.
        values: For each alternative allele in the file's order, also where ALT is ``.``: field to value, None for a
            missing one.

    Raises:
        InputError: A record has one of the fields, or the records are not sorted.
        RunError: There are more or fewer alleles than values: the file has changed in the meantime.
    """
    remaining = iter(values)
    ids = tuple(f"{field.id}=" for field in fields)
    with pysam.BGZFile(str(out), "wb", None) as handle:
        for line in _lines(source):
            if line.startswith("#CHROM"):
                line = "\n".join([*map(str, fields), line])
            elif not line.startswith("#"):
                line = _annotated(line, fields, ids, remaining, source)
            handle.write(f"{line}\n".encode())
    if next(remaining, None) is not None:
        raise _changed(source)
    write_index(out, index, csi=True, preset="vcf")


def unsorted_variants(where: object) -> InputError:
    """The error of variants that cannot be indexed."""
    return InputError(
        "the variants are not sorted by position, or a chromosome comes twice", where=where,
        remedy="sort the VCF with bcftools sort",
    )  # fmt: skip


def write_index(file: Path, index: Path, *, csi: bool, **columns: object) -> None:
    """Indexes a BGZF file of sorted rows.

    Args:
        file: The file.
        index: Where to write the index.
        csi: CSI in place of TBI.
        columns: How rows are read, as ``pysam.tabix_index`` takes it.

    Raises:
        InputError: The rows are not sorted.
    """
    try:
        with quiet_htslib():
            pysam.tabix_index(str(file), force=True, index=str(index), csi=csi, keep_original=True, **columns)  # type: ignore[arg-type]
    except (OSError, ValueError) as error:
        raise unsorted_variants(file.name) from error


def _annotated(
    line: str,
    fields: Sequence[InfoField],
    ids: tuple[str, ...],
    values: Iterator[Mapping[str, str | float | None]],
    source: Path,
) -> str:
    columns = line.split("\t")
    alts = columns[_ALT].split(",")
    found = [value for _, value in zip(alts, values, strict=False)]
    if len(found) < len(alts):
        raise _changed(source)
    if columns[_ALT] in (".", ""):
        return line  # one value per alternative allele, and there is none
    info = columns[_INFO]
    taken = [entry.split("=", 1)[0] for entry in info.split(";") if entry.startswith(ids)]
    if taken:
        raise InputError(
            f"the record at {columns[0]}:{columns[1]} has {', '.join(taken)} already", where=source,
            remedy="remove the fields of an earlier run with bcftools annotate -x",
        )  # fmt: skip
    added = [f"{field.id}={','.join(_text(value[field.id]) for value in found)}" for field in fields]
    columns[_INFO] = ";".join(added if info in (".", "") else [info.rstrip(";"), *added])
    return "\t".join(columns)


def _text(value: str | float | None) -> str:
    if value is None or value == "":
        return "."
    return encode_value(value) if isinstance(value, str) else f"{value:.6g}"


def _lines(path: Path) -> Iterator[str]:
    """The lines of a VCF as they are, and of a BCF as htslib writes them."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    opener = gzip.open if packed else open
    with opener(path, "rb") as handle:
        is_bcf = handle.read(3) == b"BCF"
    if not is_bcf:
        yield from (line.rstrip("\r") for _, line in numbered_lines(path))
        return
    with VcfReader(path) as reader:
        yield from reader.header.splitlines()
        yield from reader.lines()


def _changed(source: Path) -> RunError:
    return RunError("the number of alternative alleles has changed during the run", where=source, remedy="run again")
