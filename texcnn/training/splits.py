"""Which genes train a model, which stop the training, and which only judge it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from texcnn.arguments import texts_of
from texcnn.errors import InputError, unknown_name
from texcnn.features.table import find_rows
from texcnn.genome.annotation import without_version
from texcnn.genome.gene import Gene
from texcnn.tables.split import PARTS, TEST, TRAIN, VALID, read_parts
from texcnn.text.lines import PathLike
from texcnn.text.table import TextTable

MIN_GENES = {TRAIN: 10, VALID: 3, TEST: 3}
"""Fewer genes than these leave nothing to fit, or to correlate."""


@dataclass(frozen=True)
class Split:
    """A part for each gene.

    Attributes:
        parts: Gene id to ``train``, ``valid`` or ``test``.
        how: How it was made, a phrase for the model card.

    Raises:
        InputError: when a part has too few genes.
    """

    parts: dict[str, str]
    how: str

    def __post_init__(self) -> None:
        """Checks the sizes."""
        sizes = Counter(self.parts.values())
        few = [f"{sizes[part]} {part}" for part in PARTS if sizes[part] < MIN_GENES[part]]
        if few:
            raise InputError(
                f"too few genes: {', '.join(few)}",
                where=f"split {self.how}",
                allowed=", ".join(f"at least {number} {part}" for part, number in MIN_GENES.items()),
                remedy="give more genes with expression, or split them in another way",
            )

    def rows(self, gene_ids: Sequence[str], part: str) -> list[int]:
        """Returns the positions in ``gene_ids`` of the genes of a part."""
        return [row for row, gene_id in enumerate(gene_ids) if self.parts[gene_id] == part]

    def only(self, gene_ids: Sequence[str]) -> Split:
        """Returns the split of some of its genes."""
        return Split({gene_id: self.parts[gene_id] for gene_id in gene_ids}, self.how)

    def to_tsv(self) -> str:
        """Returns the table ``gene_id split``; :func:`file_split` reads it again."""
        return "gene_id\tsplit\n" + "".join(f"{gene_id}\t{part}\n" for gene_id, part in self.parts.items())


def random_split(gene_ids: Sequence[str], *, valid: float = 0.1, test: float = 0.1, seed: int) -> Split:
    """Splits genes at random; paralogues may be on both sides, which flatters a model.

    Args:
        gene_ids: The genes; their order does not matter.
        valid: Fraction of genes that stop the training.
        test: Fraction of genes that judge it.
        seed: Seed of the draw.
    """
    groups = {gene_id: gene_id for gene_id in gene_ids}
    return Split(_assign(groups, valid, test, seed), f"at random, seed {seed}")


def group_split(
    gene_ids: Sequence[str], groups: Mapping[str, str], *, valid: float = 0.1, test: float = 0.1, seed: int
) -> Split:
    """Splits whole groups at random, such as gene families or chromosomes.

    Args:
        gene_ids: The genes.
        groups: Gene id (without version) to group; a gene that is missing is a group of one.
        valid: Fraction of genes that stop the training; met as well as whole groups allow.
        test: Fraction of genes that judge it.
        seed: Seed of the draw.
    """
    named = {gene_id: groups.get(without_version(gene_id), gene_id) for gene_id in gene_ids}
    return Split(_assign(named, valid, test, seed), f"by groups kept whole, seed {seed}")


def chromosome_split(
    genes: Sequence[Gene],
    *,
    valid_chroms: Sequence[str] = (),
    test_chroms: Sequence[str] = (),
    valid: float = 0.1,
    test: float = 0.1,
    seed: int,
) -> Split:
    """Splits whole chromosomes: the named ones, or ones drawn at random.

    Args:
        genes: Placed genes.
        valid_chroms: Chromosomes whose genes stop the training.
        test_chroms: Chromosomes whose genes judge it; without either, chromosomes are drawn.
        valid: Fraction of genes to draw for validation.
        test: Fraction of genes to draw for the test.
        seed: Seed of the draw.

    Raises:
        InputError: when only one of the two is named, they share a chromosome, or no gene is on one.
    """
    if not valid_chroms and not test_chroms:
        chroms = {gene.id: gene.chrom for gene in genes}
        return Split(_assign(chroms, valid, test, seed), f"by chromosomes, seed {seed}")
    if not valid_chroms or not test_chroms:
        raise InputError(
            "chromosomes named for validation or test only", where="`valid_chroms` and `test_chroms`", allowed="both"
        )
    shared = sorted(set(valid_chroms) & set(test_chroms))
    if shared:
        raise InputError(f"the split leaks: {', '.join(shared)} named for both validation and test")
    known = list(dict.fromkeys(gene.chrom for gene in genes))
    for chrom in (*valid_chroms, *test_chroms):
        if chrom not in known:
            raise unknown_name("chromosome", chrom, known, where="`valid_chroms` and `test_chroms`")
    named = dict.fromkeys(valid_chroms, VALID) | dict.fromkeys(test_chroms, TEST)
    how = f"by chromosomes: {', '.join(valid_chroms)} validate, {', '.join(test_chroms)} test"
    return Split({gene.id: named.get(gene.chrom, TRAIN) for gene in genes}, how)


def file_split(gene_ids: str | Iterable[str], path: PathLike) -> Split:
    """Takes the split of a table with the columns ``gene_id`` and ``split``, such as Xpresso's published one.

    Args:
        gene_ids: The genes; one the table does not know is in no part.
        path: Tab-separated; ``split`` is ``train``, ``valid`` or ``test``. Further columns are not read.

    Raises:
        InputError: when the table cannot be used, puts a gene into two parts, or has none of the genes.
    """
    parts = read_parts(path)
    gene_ids = texts_of(gene_ids)
    rows = find_rows({gene_id: row for row, gene_id in enumerate(parts)}, gene_ids)
    given = list(parts.values())
    found = {gene_id: given[row] for gene_id, row in zip(gene_ids, rows, strict=True) if row is not None}
    if gene_ids and not found:
        raise InputError(
            f"the split has none of the {len(gene_ids)} genes", where=f"{path} ('{next(iter(parts))}', ...)",
            allowed=f"ids such as '{gene_ids[0]}'", remedy="give both files gene ids of one kind",
        )  # fmt: skip
    return Split(found, f"of the file {Path(path).name}")


def read_groups(path: PathLike) -> dict[str, str]:
    """Reads which genes belong together.

    Args:
        path: Tab-separated with two columns, the first named ``gene_id``. The second names the gene's family, or
            another gene of similar sequence; genes that are linked, directly or through others, are one group.

    Returns:
        Gene id (without version) to the name of its group.

    Raises:
        InputError: when the table cannot be used.
    """
    allowed = "two columns: gene_id, and a family or a similar gene"
    table = TextTable(path)
    if len(table.names) != 2 or table.names[0] != "gene_id":
        raise InputError("not a table of groups", where=path, allowed=allowed)
    rows = list(table.rows())
    for number, fields in rows:
        if "" in fields:
            raise InputError("a cell is empty", where=f"{path}, line {number}", allowed=allowed)
    pairs = np.array([[without_version(name) for name in fields] for _, fields in rows], object).reshape(-1, 2)
    codes, names = pd.factorize(pairs.reshape(-1))
    left, right = codes.reshape(-1, 2).T
    ties = coo_array((np.ones(len(left)), (left, right)), shape=(len(names), len(names)))
    labels = connected_components(ties, directed=False)[1]
    first = {label: str(name) for name, label in zip(reversed(names), reversed(labels), strict=True)}
    return {str(name): first[label] for name, label in zip(names, labels, strict=True)}


def refuse_leaks(split: Split, groups: Mapping[str, str]) -> None:
    """Checks that a split keeps groups whole.

    Raises:
        InputError: when a group has genes in two parts.
    """
    seen: dict[str, tuple[str, str]] = {}
    for gene_id, part in split.parts.items():
        group = groups.get(without_version(gene_id), gene_id)
        other, other_part = seen.setdefault(group, (gene_id, part))
        if other_part != part:
            raise InputError(
                f"the split leaks: '{other}' is in {other_part}, '{gene_id}' of the same group in {part}",
                where=f"split {split.how}",
                remedy="use the `split` groups, which keeps groups whole",
            )


def _assign(groups: Mapping[str, str], valid: float, test: float, seed: int) -> dict[str, str]:
    """Gives shuffled groups out, each to the part that lacks the largest share of its size."""
    if valid <= 0 or test <= 0 or valid + test >= 1:
        raise InputError(
            f"unusable fractions {valid:g} and {test:g}",
            where="`valid` and `test`",
            allowed="both above 0, their sum below 1",
        )
    sizes = Counter(groups.values())
    # Sorted first: the same genes in another order, or from another file, are split the same.
    names = sorted(sizes)
    wanted = {TRAIN: (1 - valid - test) * len(groups), VALID: valid * len(groups), TEST: test * len(groups)}
    given = dict.fromkeys(PARTS, 0)
    parts: dict[str, str] = {}
    for index in np.random.default_rng(seed).permutation(len(names)):
        part = min(PARTS, key=lambda part: given[part] / wanted[part])
        parts[names[index]] = part
        given[part] += sizes[names[index]]
    return {gene_id: parts[group] for gene_id, group in groups.items()}
