"""Which of the splits a user asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from texcnn.errors import InputError, unknown_name
from texcnn.genome.gene import Gene
from texcnn.training.choices import SPLITS
from texcnn.training.splits import Split, chromosome_split, file_split, group_split, random_split, refuse_leaks


@dataclass(frozen=True)
class SplitChoice:
    """A split to be made of genes that are not known yet.

    Attributes:
        how: One of :data:`texcnn.training.choices.SPLITS`.
        seed: Source of chance.
        valid: Fraction of genes that stop the training; not read where parts are named.
        test: Fraction of genes that judge it; likewise.
        valid_chroms: Chromosomes that stop the training, with ``chromosome``.
        test_chroms: Chromosomes that judge it, with ``chromosome``.
        groups: Gene id (without version) to group: kept whole by ``groups``, checked with every other split.
        path: The table of ``file``.

    Raises:
        InputError: on an unknown split, or when what it needs is missing or belongs to another.
    """

    how: str = "random"
    seed: int = 0
    valid: float = 0.1
    test: float = 0.1
    valid_chroms: Sequence[str] = ()
    test_chroms: Sequence[str] = ()
    groups: Mapping[str, str] | None = None
    path: Path | None = None

    def __post_init__(self) -> None:
        """Checks what goes with what."""
        if self.how not in SPLITS:
            raise unknown_name("split", self.how, SPLITS, where="--split")
        if (self.how == "file") != (self.path is not None):
            raise InputError("--split file and --split-file go together", where=f"--split {self.how}")
        if self.how == "groups" and self.groups is None:
            raise InputError("no groups", where="--split groups", remedy="add --groups TABLE")
        if (self.valid_chroms or self.test_chroms) and self.how != "chromosome":
            raise InputError(
                "chromosomes are named, but do not make the split", where=f"--split {self.how}", allowed="chromosome"
            )

    def __call__(self, genes: Sequence[Gene]) -> Split:
        """Splits genes.

        Raises:
            InputError: when a part has too few genes, or a group has genes in two parts.
        """
        split = self._split(genes)
        if self.groups is not None:
            refuse_leaks(split, self.groups)
        return split

    def _split(self, genes: Sequence[Gene]) -> Split:
        ids = [gene.id for gene in genes]
        if self.path is not None:
            return file_split(ids, self.path)
        if self.how == "chromosome":
            return chromosome_split(
                genes,
                valid_chroms=self.valid_chroms,
                test_chroms=self.test_chroms,
                valid=self.valid,
                test=self.test,
                seed=self.seed,
            )
        if self.how == "groups" and self.groups is not None:
            return group_split(ids, self.groups, valid=self.valid, test=self.test, seed=self.seed)
        return random_split(ids, valid=self.valid, test=self.test, seed=self.seed)
