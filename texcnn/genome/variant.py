"""A variant as its source states it, and whether its alleles are bases at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from texcnn.errors import InputError
from texcnn.genome.position import to_position

_BASES = frozenset("ACGT")
_BASE_LETTERS = frozenset("ACGTURYSWKMBDHVN")
_ACCESSION = re.compile(r"[A-Z]{2}_[A-Z]*\d+\.\d+")
_ARROW = re.compile(r"(?P<chrom>.+):(?P<pos>[0-9]+):?(?P<ref>[A-Za-z]+)>(?P<alt>[^:>]+|<[^:>]+>)")
_COLONS = re.compile(r"(?P<chrom>.+):(?P<pos>[0-9]+):(?P<ref>[A-Za-z]*|[0-9]+):(?P<alt>[^:]*)")
_DASHES = re.compile(r"(?P<chrom>.+)(?P<mark>[-_])(?P<pos>[0-9]+)(?P=mark)(?P<ref>[A-Za-z]+)(?P=mark)(?P<alt>[^-_]+)")
_MOST_BASES = 1_000_000
"""Bases that SPDI can give by their number: no model reads so many."""
_FORMS = "chr17:7674220:G>A, chr17:7674220:G:A, chr17-7674220-G-A, or SPDI such as NC_000017.11:7674219:G:A"


class VariantStatus(StrEnum):
    """The status of one alternative allele."""

    SCORED = "SCORED"
    """It has a prediction."""
    REF_MISMATCH = "REF_MISMATCH"
    """The FASTA has other bases than REF at this position, or the position is beyond the chromosome."""
    CONTIG_MISSING = "CONTIG_MISSING"
    """The FASTA has no chromosome of this name."""
    OUTSIDE_WINDOWS = "OUTSIDE_WINDOWS"
    """No gene's window has it, or none within the maximum distance."""
    NO_ALT = "NO_ALT"
    """ALT is ``.`` (which an empty ALT reads as) or equal to REF."""
    SPANNING_DELETION = "SPANNING_DELETION"
    """ALT is ``*``: an earlier record describes the deletion."""
    SYMBOLIC = "SYMBOLIC"
    """ALT is a symbol such as ``<DEL>`` or gVCF's ``<NON_REF>``."""
    BREAKEND = "BREAKEND"
    """ALT is a breakend such as ``G]chr2:321]``."""
    NOT_ACGT = "NOT_ACGT"
    """An allele has other letters than A, C, G and T."""
    TOO_LONG = "TOO_LONG"
    """An allele is longer than the model's window."""
    TSS_DELETED = "TSS_DELETED"
    """It deletes the first transcribed base, so that the window has no anchor."""
    NO_KNOWN_BASES = "NO_KNOWN_BASES"
    """The FASTA has N at the variant, or the window has no segment with enough known bases."""


@dataclass(frozen=True, slots=True)
class NotScored:
    """Why an allele has no prediction.

    Attributes:
        status: The kind of reason; never SCORED.
        reason: One sentence for the list of skipped alleles.
    """

    status: VariantStatus
    reason: str


@dataclass(frozen=True, slots=True)
class Variant:
    """One alternative allele as its source states it; nothing is checked against a genome yet.

    Attributes:
        chrom: Name of the chromosome in the source.
        start: Place of the first reference base, 0-based; the place of the insertion where ``ref`` is empty.
        ref: Reference bases as written; empty only for SPDI insertions.
        alt: What replaces them, as written: bases, ``*``, a symbol or a breakend; empty for SPDI deletions.
        id: Name of the variant, ``.`` where it has none.

    Raises:
        InputError: The chromosome is unnamed.
    """

    chrom: str
    start: int
    ref: str
    alt: str
    id: str = "."

    def __post_init__(self) -> None:
        """Checks the name of the chromosome."""
        if not self.chrom:
            raise InputError("a variant has no chromosome name", where=f"variant {self}")

    @property
    def pos(self) -> int:
        """Position of the first reference base, 1-based as in VCF."""
        return self.start + 1

    @property
    def end(self) -> int:
        """The base after the last reference base, 0-based."""
        return self.start + len(self.ref)

    def __str__(self) -> str:
        """``chrom:pos:ref>alt``, as :func:`parse_variant` reads it."""
        return f"{self.chrom}:{self.pos}:{self.ref}>{self.alt}"


def parse_variant(text: str) -> Variant:
    """Reads a variant from text.

    Args:
        text: ``chrom:pos:ref>alt``, ``chrom:pos:ref:alt``, ``chrom-pos-ref-alt`` or ``chrom_pos_ref_alt`` with a
            1-based position; or SPDI, recognised by its RefSeq accession or an empty or numeric allele, with a 0-based
            one.

    Returns:
        The variant. Bases that SPDI gives by their number are that many ``n`` in ``ref``; the genome has the bases.

    Raises:
        InputError: The text has another form, the 1-based position is 0, or a number is beyond any chromosome.
    """
    text = text.strip()
    match = _ARROW.fullmatch(text) or _COLONS.fullmatch(text) or _DASHES.fullmatch(text)
    if match is None:
        raise InputError(f"'{text}' is not a variant", allowed=_FORMS)
    chrom, ref, alt = match["chrom"].rstrip(), match["ref"], match["alt"]
    is_accession = _ACCESSION.fullmatch(chrom) is not None
    is_spdi = match.re is _COLONS and (is_accession or not ref or not alt or ref.isdigit())
    start = to_position(match["pos"], "position", f"variant '{shortened(text)}'") - (0 if is_spdi else 1)
    if start < 0:
        raise InputError(f"'{text}' has position 0", allowed="positions from 1, except in SPDI", remedy="add 1")
    if not ref and not alt:
        raise InputError(f"'{text}' has no allele", allowed=_FORMS)
    if not ref.isdigit():
        return Variant(chrom, start, ref.upper(), _upper(alt))
    if len(ref) > len(str(_MOST_BASES)) or int(ref) > _MOST_BASES:
        raise InputError(f"'{text}' replaces more bases than any window has", allowed=f"up to {_MOST_BASES:,}")
    return Variant(chrom, start, "n" * int(ref), _upper(alt))


def allele_problem(ref: str, alt: str, *, longest: int) -> NotScored | None:
    """Returns why an allele cannot be scored with any genome; None where it can.

    Args:
        ref: Reference bases, in any case.
        alt: The alternative allele as written.
        longest: Bases that an allele may have, the window's length.
    """
    if alt == "." or alt.upper() == ref.upper():
        return NotScored(VariantStatus.NO_ALT, f"ALT '{alt}' states no change of REF '{shortened(ref)}'")
    if alt == "*":
        return NotScored(VariantStatus.SPANNING_DELETION, "ALT * is described by an earlier deletion")
    if alt.startswith("<"):
        return NotScored(VariantStatus.SYMBOLIC, f"ALT {alt} is a symbol, not bases")
    if "[" in alt or "]" in alt or alt.startswith(".") or alt.endswith("."):
        return NotScored(VariantStatus.BREAKEND, f"ALT {alt} is a breakend, not bases")
    for name, allele in (("REF", ref), ("ALT", alt)):
        if not _BASES.issuperset(allele.upper()):
            return NotScored(
                VariantStatus.NOT_ACGT, f"{name} '{shortened(allele)}' has other letters than A, C, G and T"
            )
    if max(len(ref), len(alt)) > longest:
        lengths = f"REF of {len(ref)} and ALT of {len(alt)} bases"
        return NotScored(VariantStatus.TOO_LONG, f"{lengths}, the window has {longest}")
    return None


def _upper(alt: str) -> str:
    """Upper-cases bases; symbols keep their case."""
    return alt.upper() if _BASE_LETTERS.issuperset(alt.upper()) else alt


def human_chromosome(accession: str) -> str:
    """Returns ``chr17`` for ``NC_000017.11``; other names stay as they are."""
    number = re.fullmatch(r"NC_0000(\d\d)\.\d+", accession)
    if number is None or not 1 <= int(number[1]) <= 24:
        return accession
    return "chr" + {23: "X", 24: "Y"}.get(int(number[1]), str(int(number[1])))


def shortened(allele: str) -> str:
    """Returns an allele for a message: its first bases where it is long."""
    return allele if len(allele) <= 12 else f"{allele[:9]}..."
