"""Whether an annotation and a FASTA call the chromosomes by the same names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from texcnn.errors import InputError
from texcnn.genome.gene import Annotation

_UCSC_SCAFFOLD = re.compile(r"(?:Un|[0-9A-Z]+)_([A-Z]+\d+)v(\d+)(?:_random|_alt|_fix)?")
_MITOCHONDRIA = {"M", "MT", "Mt", "Mito", "mitochondrion"}
_SHOWN_NAMES = 6


def match_names(
    annotation: Annotation, fasta: Path, fasta_names: Sequence[str], *, map_names: bool = False
) -> dict[str, str]:
    """Finds the FASTA's name of each chromosome of an annotation.

    Args:
        annotation: The genes whose chromosomes are looked for.
        fasta: The FASTA's path, for messages.
        fasta_names: The names it holds.
        map_names: Also match names of the other style: UCSC's ``chr1``, ``chrM``, ``chrUn_GL000220v1`` and
            Ensembl's ``1``, ``MT``, ``GL000220.1`` are the same, and so is TAIR's ``Chr1``. UCSC's hg19 is a trap that
            names cannot show: its ``chrM`` is another sequence than Ensembl's ``MT``.

    Returns:
        Annotation name to FASTA name; chromosomes that the FASTA lacks are left out.

    Raises:
        InputError: No chromosome is known, or more genes would be known under the other naming style
            than are by the names as they are and ``map_names`` is False.
    """
    n_genes = Counter(gene.chrom for gene in annotation.genes)
    known = set(fasta_names)
    same = {name: name for name in n_genes if name in known}
    other = other_style([name for name in n_genes if name not in known], fasta_names)
    if map_names:
        same |= other
    elif sum(n_genes[name] for name in other) > sum(n_genes[name] for name in same):
        raise InputError(
            "the annotation and the FASTA name the chromosomes differently",
            where=f"{annotation.path} ({_some(list(other))}) and {fasta} ({_some(list(other.values()))})",
            allowed="the same names in both files",
            remedy="`map_chrom_names` maps them to the FASTA's names",
        )
    if not same:
        raise InputError(
            "no chromosome of the annotation is in the FASTA",
            where=f"{annotation.path} ({_some(list(n_genes))}) and {fasta} ({_some(fasta_names)})",
            remedy="check that both are of the same genome assembly",
        )
    return same


def in_any_style(fasta_names: Sequence[str]) -> Callable[[str], bool]:
    """Returns whether a FASTA has a chromosome, by its own name or in the other style's."""
    known = {style_free(name) for name in fasta_names}
    return lambda name: style_free(name) in known


def other_style(names: Sequence[str], fasta_names: Sequence[str]) -> dict[str, str]:
    """Names that mean a FASTA name in the other style; those that could mean several are left out."""
    by_key: dict[str, list[str]] = {}
    for fasta_name in fasta_names:
        by_key.setdefault(style_free(fasta_name), []).append(fasta_name)
    matches = {name: by_key.get(style_free(name), []) for name in names}
    return {name: found[0] for name, found in matches.items() if len(found) == 1}


def style_free(name: str) -> str:
    """A chromosome's name without what differs between UCSC and Ensembl: ``1`` for chr1, ``MT`` for chrM."""
    bare = name[3:] if name[:3].lower() == "chr" else name
    if bare in _MITOCHONDRIA:
        return "MT"
    scaffold = _UCSC_SCAFFOLD.fullmatch(bare)
    return f"{scaffold[1]}.{scaffold[2]}" if scaffold else bare


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN_NAMES])
    return shown if len(names) <= _SHOWN_NAMES else f"{shown}, ... {len(names)} in all"
