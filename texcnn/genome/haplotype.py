"""Which of a sample's two chromosomes carries which alleles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from texcnn.errors import InputError
from texcnn.genome.normalize import trim
from texcnn.genome.vcf import VcfRecord

_REFERENCE = frozenset(("0|0", "0/0"))

MISSING = -1
ABSENT = -2
"""A haploid call has no second allele."""


@dataclass(frozen=True, slots=True)
class Call:
    """A genotype: the number of the allele on each of two haplotypes.

    Attributes:
        alleles: 0 is REF, from 1 on ALT; :data:`MISSING` or :data:`ABSENT`.
        unphased: Whether its two alleles differ and they have no phase.
    """

    alleles: tuple[int, int]
    unphased: bool


@lru_cache(4096)
def parse_genotype(text: str) -> Call:
    """Reads a GT such as ``0|1``, ``1/1``, ``1`` or ``.|1``.

    Raises:
        InputError: It has more than two alleles, or something else than numbers and ``.``.
    """
    plain = text.lstrip("|/")  # VCF 4.5 may write the phase of the first allele too
    parts = plain.replace("|", "/").split("/")
    if len(parts) > 2:
        raise InputError(f"the genotype '{text}' has {len(parts)} alleles", allowed="haploid and diploid genotypes")
    if not all(part == "." or (part.isascii() and part.isdigit()) for part in parts):
        raise InputError(f"'{text}' is not a genotype", allowed="allele numbers or . separated by | or /")
    alleles = [MISSING if part == "." else int(part) for part in parts]
    if len(alleles) == 1:
        # A lone '.' is how a diploid call may be missing too, so it does not show the ploidy.
        return Call((alleles[0], MISSING if alleles[0] == MISSING else ABSENT), False)
    return Call((alleles[0], alleles[1]), "/" in plain and alleles[0] != alleles[1])


def phase(call: Call, unphased: str) -> tuple[int, int]:
    """Returns the alleles on both haplotypes of a call, by one of :data:`UNPHASED_CHOICES` for those without phase.

    Raises:
        InputError: The call is heterozygous without phase, and ``unphased`` is ``error``.
    """
    if not call.unphased or unphased == "as-is":
        return call.alleles
    if unphased == "skip":
        return (0, 0)
    if unphased == "merge":
        alternative = next((allele for allele in call.alleles if allele > 0), 0)
        return (alternative, alternative)
    raise InputError(
        "a heterozygous genotype has no phase", allowed="genotypes with |",
        remedy="phase the VCF, or choose with `unphased` what becomes of such calls: skip, as-is or merge",
    )  # fmt: skip


class FirstWins:
    """Decides which of a haplotype's overlapping alleles count: the first one, as in ``bcftools consensus``.

    An indel whose first base is the last one of the allele before does not overlap it, unless that was an insertion:
    only the base before the indel is shared. Each haplotype has an object of this kind, which sees its alleles in the
    order of the file.
    """

    __slots__ = ("_after_insertion", "_chrom", "_last")

    def __init__(self) -> None:
        self._chrom = ""
        self._last = -1
        self._after_insertion = False

    def takes(self, record: VcfRecord, alt: str) -> bool:
        """Whether the record's allele counts; then it hides those after it that overlap it."""
        if record.chrom != self._chrom:
            self._chrom, self._last, self._after_insertion = record.chrom, -1, False
        start, ref_left, alt_left = trim(record.start, record.ref.upper(), alt.upper())
        is_indel = start > record.start and not (ref_left and alt_left)
        if record.start < self._last or (record.start == self._last and (not is_indel or self._after_insertion)):
            return False
        self._last = record.start + len(record.ref) - 1
        self._after_insertion = len(alt) > len(record.ref)
        return True


def carried(record: VcfRecord, unphased: str, names: Sequence[str]) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yields the alleles on both haplotypes of each sample that is not diploid and REF on both.

    Args:
        record: A record with genotypes.
        unphased: One of :data:`UNPHASED_CHOICES`.
        names: The samples' names, for messages.

    Yields:
        The number of the sample and its alleles.

    Raises:
        InputError: A genotype cannot be used; the message names record and sample.
    """
    for sample, text in enumerate(record.genotypes):
        if text in _REFERENCE:
            continue
        where = f"sample '{names[sample]}', {record}"
        try:
            alleles = phase(parse_genotype(text), unphased)
        except InputError as error:
            raise InputError(
                f"{error.what} ('{text}')", where=where, allowed=error.allowed, remedy=error.remedy
            ) from error
        if max(alleles) > len(record.alts):
            raise InputError(
                f"the genotype '{text}' names allele {max(alleles)}", where=where, allowed=f"0 to {len(record.alts)}"
            )
        yield sample, alleles
