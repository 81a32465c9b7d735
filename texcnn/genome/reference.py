"""The reference genome: bases of any interval from a FASTA file."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import pysam

from texcnn.errors import InputError, unknown_name
from texcnn.genome.fasta_digest import fasta_digest
from texcnn.genome.fasta_faults import find_faults, unusable
from texcnn.genome.fasta_index import FastaIndex, find_index
from texcnn.genome.interval import Interval

_LOG = logging.getLogger("texcnn")

_FOREIGN, _NO_LETTER = "?", "!"
_READ = {
    **dict.fromkeys(range(256), _NO_LETTER),
    **{code: _FOREIGN for code in range(ord("!"), 127) if not chr(code).isdigit()},
    **{ord(letter): "N" for letter in "RYSWKMBDHVNryswkmbdhvn-."},
    **{ord(letter): letter.upper() for letter in "ACGTacgt"},
    **{ord(letter): "T" for letter in "Uu"},
}
"""Each byte of a line of bases to the base it means. U is RNA's T; IUPAC's other letters are N, and gaps too."""

_COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


class Reference:
    """A genome in a FASTA file, plain or BGZF, read through its index.

    A file in plain gzip is unpacked once, into the user's cache, which is logged. An index that is missing is built:
    next to the FASTA, or in the user's cache where that folder is read-only.
    The file is opened again in each process, so one object may be used after a fork or be pickled; threads of
    one process need one object each.

    Args:
        path: The FASTA file.

    Attributes:
        path: The FASTA file.
        lengths: Bases of each chromosome, in file order.

    Raises:
        InputError: The file is missing, empty, truncated or no FASTA, or its index is not of this file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Finds or builds the index and checks it; the file itself is opened by the first ``fetch``."""
        self.path = Path(path)
        self._index: FastaIndex = find_index(self.path)
        self.lengths: dict[str, int] = {record.name: record.length for record in self._index.records}
        self._handle: pysam.FastaFile | None = None
        self._pid = 0
        self._foreign: set[str] = set()

    def fetch(self, interval: Interval) -> str:
        """Bases of an interval.

        Args:
            interval: The place; it may reach beyond the chromosome's ends, but must touch the chromosome.

        Returns:
            ``len(interval)`` upper-case letters of ``ACGTN``: T for U, N beyond the ends and for every other letter,
            and the reverse complement where the strand is ``-``. Letters that are not codes of IUPAC are logged.

        Raises:
            InputError: The chromosome is unknown, the interval is wholly outside it, the file breaks off, or its
                text there is not letters.
        """
        length = self.lengths.get(interval.chrom)
        if length is None:
            raise unknown_name("chromosome", interval.chrom, self.lengths, where=self.path)
        start, end = max(interval.start, 0), min(interval.end, length)
        if start >= end:
            raise InputError(
                f"the interval {interval} lies wholly outside its chromosome", where=self.path,
                allowed=f"0 to {length} on '{interval.chrom}'",
            )  # fmt: skip
        try:
            bases: str = self._open().fetch(interval.chrom, start, end)
        except (OSError, ValueError) as error:
            raise InputError(f"bases of {interval} cannot be read ({error})", where=self.path) from error
        if len(bases) != end - start:
            raise InputError(
                f"the file holds {len(bases)} of the {end - start} bases of {interval}", where=self.path,
                remedy="the FASTA is truncated or damaged: fetch it again",
            )  # fmt: skip
        read = bases.translate(_READ)
        if _NO_LETTER in read:
            raise self._no_letters(interval, bases[read.index(_NO_LETTER)])
        if _FOREIGN in read:
            self._name_foreign({base for base, found in zip(bases, read, strict=True) if found == _FOREIGN})
            read = read.replace(_FOREIGN, "N")
        before, after = "N" * (start - interval.start), "N" * (interval.end - end)
        if interval.strand == "-":
            return after + read.translate(_COMPLEMENT)[::-1] + before
        return before + read + after

    def _no_letters(self, interval: Interval, character: str) -> InputError:
        """The error for line ends, digits or the like among bases: the file has a fault, or the index is of another."""
        if next(find_faults(self.path), None) is not None:
            return unusable(self.path, "")
        fai = self._index.fai
        return InputError(
            f"{character!r} is among the bases of {interval}: the index is of another FASTA, or of an earlier state",
            where=f"{self.path} and {fai}",
            remedy=f"delete {fai.name} (and the .gzi) to have the index rebuilt",
        )

    def _name_foreign(self, letters: set[str]) -> None:
        if new := sorted(letters - self._foreign):
            self._foreign |= letters
            _LOG.warning("%s: %s are not codes of IUPAC for bases, and read as N", self.path, ", ".join(map(repr, new)))

    def fingerprint(self) -> str:
        """SHA-256 of the file: two genomes that differ by one base have different ones.

        Seconds for a human genome, once: :mod:`texcnn.genome.fasta_digest` keeps it next to the index.
        """
        return fasta_digest(self.path, self._index.fai.parent)

    def close(self) -> None:
        """Closes the file; the next ``fetch`` opens it again."""
        if self._handle is not None and self._pid == os.getpid():
            self._handle.close()
        self._handle = None

    def __enter__(self) -> Self:
        """Returns the reference itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the file."""
        self.close()

    def __getstate__(self) -> dict[str, object]:
        """Everything but the open file, which belongs to this process."""
        return {**self.__dict__, "_handle": None}

    def _open(self) -> pysam.FastaFile:
        if self._handle is None or self._pid != os.getpid():
            # A handle inherited by a fork shares its file position with the parent: reading it mixes up bases.
            # Absolute: htslib takes data:x.fa for an address.
            self._handle = pysam.FastaFile(
                str(self._index.fasta.absolute()), filepath_index=str(self._index.fai.absolute()),
                filepath_index_compressed=None if self._index.gzi is None else str(self._index.gzi.absolute()),
            )  # fmt: skip
            self._pid = os.getpid()
        return self._handle
