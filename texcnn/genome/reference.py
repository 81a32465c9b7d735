"""The reference genome: bases of any interval from a FASTA file."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import pysam

from texcnn.errors import InputError, unknown_name
from texcnn.files import sha256_file
from texcnn.genome.fasta_index import FastaIndex, find_index
from texcnn.genome.interval import Interval, reverse_complement

_FORWARD = {code: chr(code).upper() if chr(code) in "ACGTacgt" else "N" for code in range(256)}
_COMPLEMENT = {code: reverse_complement(base) for code, base in _FORWARD.items()}


class Reference:
    """A genome in a FASTA file, plain or BGZF, read through its index.

    An index that is missing is built: beside the FASTA, or in the user's cache where that folder is read-only.
    The file is opened anew in each process, so one object may be used after a fork or be pickled; threads of
    one process need one object each.

    Args:
        path: The FASTA file.

    Attributes:
        path: The FASTA file.
        lengths: Bases of each chromosome, in file order.

    Raises:
        InputError: The file is missing, empty, truncated, no FASTA or plain gzip, or its index is not of this file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Finds or builds the index and checks it; the file itself is opened by the first ``fetch``."""
        self.path = Path(path)
        self._index: FastaIndex = find_index(self.path)
        self.lengths: dict[str, int] = {record.name: record.length for record in self._index.records}
        self._handle: pysam.FastaFile | None = None
        self._pid = 0

    def fetch(self, interval: Interval) -> str:
        """Bases of an interval.

        Args:
            interval: The place; it may reach beyond the chromosome's ends, but must touch the chromosome.

        Returns:
            ``len(interval)`` upper-case letters of ``ACGTN``: N beyond the ends and for every other letter, and the
            reverse complement where the strand is ``-``.

        Raises:
            InputError: The chromosome is unknown, the interval lies wholly outside it, or the file breaks off.
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
                remedy="the FASTA is truncated or damaged: fetch it anew",
            )  # fmt: skip
        before, after = "N" * (start - interval.start), "N" * (interval.end - end)
        if interval.strand == "-":
            return after + bases.translate(_COMPLEMENT)[::-1] + before
        return before + bases.translate(_FORWARD) + after

    def fingerprint(self) -> str:
        """SHA-256 of the file: two genomes that differ by one base are told apart. Seconds for a human genome."""
        return sha256_file(self.path)

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
            self._handle = pysam.FastaFile(
                str(self.path), filepath_index=str(self._index.fai),
                filepath_index_compressed=None if self._index.gzi is None else str(self._index.gzi),
            )  # fmt: skip
            self._pid = os.getpid()
        return self._handle
