"""Which genome something was made for, recognised by the names and lengths of its chromosomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from texcnn.genome.naming import style_free

_SAME_LENGTH = 0.05
"""Assemblies of one species differ by less: hg19 and hg38 by 2 % at most."""


@dataclass(frozen=True)
class Assembly:
    """A species' genome.

    Attributes:
        species: Such as ``Homo sapiens``.
        name: Such as ``GRCh38``.
        chromosomes: Name to length in bp.
    """

    species: str
    name: str
    chromosomes: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.species} ({self.name})"

    def fits(self, lengths: Mapping[str, int]) -> bool:
        """Returns whether a FASTA looks like this species' genome, in this or another assembly of it.

        It does when at least half of the chromosomes that both name, in UCSC or Ensembl style, are equally long
        within 5 %. An assembly without chromosomes fits everything.

        Args:
            lengths: Chromosome to length of the FASTA.
        """
        if not self.chromosomes:
            return True
        found = {style_free(name): length for name, length in lengths.items()}
        own = {style_free(name): length for name, length in self.chromosomes.items()}
        near = [abs(found[name] - own[name]) <= _SAME_LENGTH * own[name] for name in own.keys() & found.keys()]
        return bool(near) and 2 * sum(near) >= len(near)


HUMAN = Assembly(
    "Homo sapiens",
    "GRCh38",
    {
        "chr1": 248956422, "chr2": 242193529, "chr3": 198295559, "chr4": 190214555, "chr5": 181538259,
        "chr6": 170805979, "chr7": 159345973, "chr8": 145138636, "chr9": 138394717, "chr10": 133797422,
        "chr11": 135086622, "chr12": 133275309, "chr13": 114364328, "chr14": 107043718, "chr15": 101991189,
        "chr16": 90338345, "chr17": 83257441, "chr18": 80373285, "chr19": 58617616, "chr20": 64444167,
        "chr21": 46709983, "chr22": 50818468, "chrX": 156040895, "chrY": 57227415,
    },
)  # fmt: skip
"""The human genome; lengths of GRCh38 as in its analysis set."""
