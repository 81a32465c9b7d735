"""Records of a VCF or BCF, one at a time, and their genotypes; htslib's noise becomes one message."""

from __future__ import annotations

import gzip
import os
import shutil
import stat
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

import pysam

from texcnn.errors import InputError, unknown_name
from texcnn.genome.quiet_htslib import quiet_htslib
from texcnn.genome.variant import Variant
from texcnn.genome.vcf_faults import N_MAGIC, find_fault, is_plain_gzip, why_not_opened
from texcnn.text.lines import refuse_foreign, with_peek

_FIXED_COLUMNS = 8
_ALLOWED = "VCF or BCF, plain, gzip or BGZF, with a header that ends in the line #CHROM"


@dataclass(frozen=True, slots=True)
class VcfRecord:
    """One line of a VCF.

    Attributes:
        number: Which record of the file it is, from 1.
        chrom: Name of the chromosome in the file.
        start: Place of the first reference base, 0-based.
        id: Its ID column, ``.`` where it has none.
        ref: Reference bases as written.
        alts: Alternative alleles as written; one ``.`` where the column is ``.`` or empty.
        genotypes: The GT of each chosen sample as written, ``.`` where the record has none.
    """

    number: int
    chrom: str
    start: int
    id: str
    ref: str
    alts: tuple[str, ...]
    genotypes: tuple[str, ...] = ()

    def variants(self) -> Iterator[Variant]:
        """Yields one variant per alternative allele, in their order."""
        for alt in self.alts:
            yield Variant(self.chrom, self.start, self.ref, alt, self.id)

    def __str__(self) -> str:
        """Where it is, for messages."""
        return f"record {self.number} ({self.chrom}:{self.start + 1})"


class VcfReader:
    """Reads a VCF or BCF from its start to its end, once: plain, gzip or BGZF, a file or a pipe.

    Args:
        path: The file. No index is needed.
        samples: Names of the samples whose genotypes are wanted, in this order; empty for all, None for no genotypes.

    Attributes:
        path: The file.
        samples: Names of the samples whose genotypes records have.
        header: Its header as text.
        contigs: Lengths of the chromosomes that the header declares with one.
        all_samples: Names of the file's samples.
        info_ids: Ids of the INFO fields that the header declares.

    Raises:
        InputError: The file is missing, empty, truncated or no VCF, its header is missing or broken, or a sample is not
            in it.
    """

    def __init__(self, path: Path, *, samples: Sequence[str] | None = None) -> None:
        """Opens the file and reads its header."""
        self.path = path
        self._feeder: threading.Thread | None = None
        self._damage: Exception | None = None
        self._file = self._open()
        header = self._file.header
        self.header = str(header)
        self.contigs: dict[str, int] = {
            str(name): contig.length for name, contig in header.contigs.items() if contig.length is not None
        }
        self.all_samples: tuple[str, ...] = tuple(header.samples)
        self.info_ids: tuple[str, ...] = tuple(header.info)
        self.samples: tuple[str, ...] = ()
        self._places: list[int] | None = None
        if samples is not None:
            if not self.all_samples:
                raise InputError("the VCF has no samples", where=path, allowed="a VCF with genotypes")
            self.samples = tuple(dict.fromkeys(samples)) or self.all_samples
            for name in self.samples:
                if name not in self.all_samples:
                    raise unknown_name("sample", name, self.all_samples, where=path)
            kept = sorted(self.samples, key=self.all_samples.index)
            self._file.subset_samples(kept)
            self._places = [kept.index(name) for name in self.samples]

    def __enter__(self) -> Self:
        """Returns the reader itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the file."""
        self._file.close()

    def __iter__(self) -> Iterator[VcfRecord]:
        """Yields the records in the file's order.

        Raises:
            InputError: A record is broken or the file breaks off; the message names the record, and the line of a text.
        """
        for number, record in enumerate(self._records(), start=1):
            genotypes: tuple[str, ...] = ()
            if self._places is not None:
                genotypes = _genotypes(str(record), self._places)
            alts = tuple(alt or "." for alt in record.alts or (".",))
            yield VcfRecord(number, record.chrom, record.start, record.id or ".", record.ref or ".", alts, genotypes)

    def lines(self) -> Iterator[str]:
        """Yields the records as the text of a VCF without line ends, in place of :meth:`__iter__`."""
        for record in self._records():
            yield str(record).rstrip("\n")

    def _records(self) -> Iterator[pysam.VariantRecord]:
        number, last = 0, "the header"
        while True:
            try:
                with quiet_htslib():
                    record = next(self._file)
            except StopIteration:
                self._check_whole(number)
                return
            except (OSError, ValueError, RuntimeError) as error:
                what, line = find_fault(self.path, number)
                where = f"{self.path}, record {number + 1} (after {last})" + (f", line {line}" if line else "")
                raise InputError(
                    f"a record cannot be read: {what or error}", where=where,
                    remedy="bcftools view shows htslib's own reason; fetch or write the file again",
                ) from error  # fmt: skip
            number, last = number + 1, f"{record.chrom}:{record.pos}"
            yield record

    def _open(self) -> pysam.VariantFile:
        try:
            status = self.path.stat()
        except OSError as error:
            raise InputError(f"the file cannot be read ({error.strerror})", where=self.path) from error
        if stat.S_ISDIR(status.st_mode):
            raise InputError("a folder is not a VCF", where=self.path, allowed="a VCF or BCF file")
        is_regular = stat.S_ISREG(status.st_mode)
        try:
            with quiet_htslib(), ExitStack() as stack:
                raw = stack.enter_context(self.path.open("rb"))
                stream = with_peek(raw, N_MAGIC)
                head = stream.peek(N_MAGIC)[:N_MAGIC]
                if not head:
                    raise InputError("the file is empty", where=self.path, allowed=f"{_ALLOWED}; it may have no record")
                # Before htslib sees it: an xz makes it end the whole process.
                refuse_foreign(head, self.path, allowed=_ALLOWED, packed=True)
                if is_regular and not is_plain_gzip(head):
                    return pysam.VariantFile(str(self.path))
                text = cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if is_plain_gzip(head) else stream
                return pysam.VariantFile(self._fed(text, stack.pop_all()))
        except (OSError, ValueError, NotImplementedError) as error:
            raise InputError(
                why_not_opened(self.path, str(error), is_regular), where=self.path, allowed=_ALLOWED
            ) from error

    def _fed(self, content: BinaryIO, opened: ExitStack) -> BinaryIO:
        """An open pipe from which pysam reads what has been opened already; ``opened`` closes it at the end."""
        read_end, write_end = os.pipe()

        def feed() -> None:
            try:
                with opened, open(write_end, "wb") as out:  # noqa: PTH123 - a descriptor
                    shutil.copyfileobj(content, out)
            except BrokenPipeError:
                return  # the reader stopped early
            except (OSError, EOFError, zlib.error) as error:
                self._damage = error

        self._feeder = threading.Thread(target=feed, daemon=True, name="texcnn-vcf")
        self._feeder.start()
        return open(read_end, "rb")  # noqa: PTH123 - a descriptor; pysam closes it

    def _check_whole(self, number: int) -> None:
        """Refuses a plain gzip file that broke off: to htslib, which saw only the pipe, it just ended."""
        if self._feeder is not None:
            self._feeder.join()
        if self._damage is not None:
            raise InputError(
                f"the gzip file is truncated or damaged ({self._damage})", where=f"{self.path}, after record {number}",
                remedy="fetch or compress it again; gzip -t tests it",
            ) from self._damage  # fmt: skip


def _genotypes(line: str, places: Sequence[int]) -> tuple[str, ...]:
    """The GT of each chosen sample; htslib keeps GT first in FORMAT, and a record may have none."""
    columns = line.rstrip("\n").split("\t")
    if len(columns) <= _FIXED_COLUMNS or columns[_FIXED_COLUMNS].split(":", 1)[0] != "GT":
        return (".",) * len(places)
    samples = columns[_FIXED_COLUMNS + 1 :]
    return tuple(samples[place].split(":", 1)[0] for place in places)
