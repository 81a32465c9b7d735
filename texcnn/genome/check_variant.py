"""Variants compared with a genome: what each changes there, or why it cannot be scored."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from texcnn.errors import InputError
from texcnn.genome.builds import find_build
from texcnn.genome.cached_bases import CachedBases
from texcnn.genome.naming import other_style
from texcnn.genome.normalize import Edit, is_normalized, to_edit
from texcnn.genome.reference import Reference
from texcnn.genome.variant import NotScored, Variant, VariantStatus, allele_problem, human_chromosome, shortened

MOST_MISMATCHES = 0.05
"""Share of REF alleles that may differ from the FASTA."""

FEWEST_JUDGED = 100
"""Alleles compared before their share of mismatches stops a run."""

_LOG = logging.getLogger("texcnn")


class VariantCheck:
    """Compares variants with a genome, counts what disagrees, and stops where the genome is clearly another one.

    Args:
        bases: The genome.
        source: The file or argument the variants come from, for messages.
        longest: Bases that an allele may have, the window's length.
        map_chrom_names: Whether to map chr1/1 styles to the FASTA's names where they differ.
        declared: Lengths of the chromosomes that the VCF's header declares.

    Attributes:
        compared: Alleles whose REF was compared with the FASTA.
        mismatches: Those that differ from it.
        normalized: Those that were trimmed or moved to the left.
    """

    def __init__(
        self,
        bases: CachedBases,
        source: object,
        *,
        longest: int,
        map_chrom_names: bool = False,
        declared: Mapping[str, int] | None = None,
    ) -> None:
        self._bases = bases
        self._reference: Reference = bases.reference
        self._source = source
        self._longest = longest
        self._map_names = map_chrom_names
        self._declared = dict(declared or {})
        self._names: dict[str, str | NotScored] = {}
        self._any_same_name = any(name in self._reference.lengths for name in self._declared)
        self.compared = 0
        self.mismatches = 0
        self.normalized = 0

    def check(self, variant: Variant) -> Edit | NotScored:
        """Returns what a variant changes, or why it cannot be scored.

        Raises:
            InputError: The chromosomes are named in another style, or after 100 alleles more than 5 % differ from the
                FASTA; the message names the assemblies whose chromosome lengths agree.
        """
        chrom = self._names.get(variant.chrom) or self._find_chromosome(variant.chrom)
        if isinstance(chrom, NotScored):
            return chrom
        ref, alt = variant.ref.upper(), variant.alt.upper()
        return allele_problem(ref, variant.alt, longest=self._longest) or self._edit(chrom, variant.start, ref, alt)

    def as_in_vcf(self, variant: Variant) -> Variant:
        """Returns a variant of which SPDI leaves an allele empty with a base of the genome on both alleles.

        Others, and those on chromosomes that the FASTA lacks, are returned as they are.

        Raises:
            InputError: The chromosomes are named in another style.
        """
        chrom = self.chromosome(variant.chrom)
        if chrom is None or (variant.ref and variant.alt):
            return variant
        ref = self._bases.fetch(chrom, variant.start, variant.end) if set(variant.ref) == {"N"} else variant.ref
        if variant.start:
            base = self._bases.fetch(chrom, variant.start - 1, variant.start)
            return replace(variant, start=variant.start - 1, ref=base + ref, alt=base + variant.alt)
        base = self._bases.fetch(chrom, variant.end, variant.end + 1)
        return replace(variant, ref=ref + base, alt=variant.alt + base)

    def chromosome(self, name: str) -> str | None:
        """Returns the FASTA's name of a chromosome; None where it lacks it.

        Raises:
            InputError: The chromosomes are named in another style.
        """
        found = self._names.get(name) or self._find_chromosome(name)
        return None if isinstance(found, NotScored) else found

    def finish(self) -> None:
        """Judges the mismatches where fewer than 100 alleles were compared: one line in the log."""
        if self.mismatches:
            _LOG.warning(
                "%d of %d REF alleles differ from the FASTA and are not scored: %s",
                self.mismatches, self.compared, self._diagnosis(),
            )  # fmt: skip
        if self.normalized:
            _LOG.info("%d alleles were trimmed or left-aligned; tables show them as they were given", self.normalized)

    def _edit(self, chrom: str, start: int, ref: str, alt: str) -> Edit | NotScored:
        found = self._bases.fetch(chrom, start, start + len(ref))
        if "N" in found and start >= 0 and start + len(ref) <= self._reference.lengths[chrom]:
            return NotScored(VariantStatus.NO_KNOWN_BASES, f"the FASTA has N at {chrom}:{start + 1}")
        self.compared += 1
        if found == ref and 0 <= start <= self._reference.lengths[chrom]:
            edit = to_edit(self._bases, chrom, start, ref, alt)
            self.normalized += not is_normalized(start, ref, alt, edit)
            return edit
        self.mismatches += 1
        if self.compared >= FEWEST_JUDGED and self.mismatches > MOST_MISMATCHES * self.compared:
            counts = f"{self.mismatches} of the first {self.compared}"
            raise InputError(
                f"{counts} REF alleles differ from the FASTA: {self._diagnosis()}",
                where=self._source, allowed=f"{MOST_MISMATCHES:.0%} at most",
                remedy="use the FASTA of the assembly that the variants were called on, or lift the variants over",
            )  # fmt: skip
        return NotScored(VariantStatus.REF_MISMATCH, self._mismatch(chrom, start, ref, found))

    def _mismatch(self, chrom: str, start: int, ref: str, found: str) -> str:
        length = self._reference.lengths[chrom]
        if start < 0 or start + len(ref) > length:
            return f"position {start + 1} is beyond chromosome '{chrom}', which has 1 to {length}"
        return f"REF is {shortened(ref)}, the FASTA has {shortened(found)}"

    def _diagnosis(self) -> str:
        fasta = find_build(self._reference.lengths) or "no assembly known here"
        text = f"the FASTA's chromosome lengths are those of {fasta}"
        if self._declared:
            declared = find_build(self._declared) or "no assembly known here"
            text += f", those of the VCF's header are of {declared}"
        return text

    def _find_chromosome(self, name: str) -> str | NotScored:
        if name in self._reference.lengths:
            self._any_same_name = True
            found: str | NotScored = name
        else:
            found = self._by_other_style(name)
        self._names[name] = found
        return found

    def _by_other_style(self, name: str) -> str | NotScored:
        alias = human_chromosome(name)
        if alias in self._reference.lengths:
            return alias
        other = other_style([alias], list(self._reference.lengths)).get(alias)
        if other is None:
            return NotScored(VariantStatus.CONTIG_MISSING, f"the FASTA has no chromosome '{name}'")
        if self._map_names or alias != name:
            return other
        if self._any_same_name:
            reason = f"the FASTA has no chromosome '{name}', but '{other}'; `map_chrom_names` maps them"
            return NotScored(VariantStatus.CONTIG_MISSING, reason)
        raise InputError(
            f"the variants and the FASTA name the chromosomes differently ('{name}' and '{other}')", where=self._source,
            allowed="the same names in both", remedy="`map_chrom_names` maps them to the FASTA's names",
        )  # fmt: skip
