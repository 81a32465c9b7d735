"""Which split a user wants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from texcnn.arguments import check_choice, check_shares, names_of, path_of
from texcnn.errors import InputError
from texcnn.genome.gene import Gene
from texcnn.training import SPLITS
from texcnn.training.splits import (
    Split,
    chromosome_split,
    file_split,
    group_split,
    random_split,
    read_groups,
    refuse_leaks,
)


@dataclass(frozen=True)
class SplitOptions:
    """Which genes train a model, which stop the training, and which judge it.

    Attributes:
        split: One of :data:`texcnn.training.SPLITS`. Neighbours and many relatives of a gene are on its
            chromosome, so whole chromosomes are the default: ``random`` lets a model see relatives of its test genes.
        split_file: Table of ``file``: ``gene_id`` and ``split``.
        groups: Table of gene families or pairs of similar genes: kept whole by ``groups``, checked with every other
            split.
        valid_chroms: Chromosomes that stop the training, with ``chromosome``; without any they are drawn.
        test_chroms: Chromosomes of the test genes; give both or neither.
        valid_fraction: Share of the genes that stop the training, where parts are drawn.
        test_fraction: Share of the genes that judge the model, where parts are drawn.

    Raises:
        InputError: on an unknown split, or when what it needs is missing or belongs to another.
    """

    split: str = "chromosome"
    split_file: Path | None = None
    groups: Path | None = None
    valid_chroms: tuple[str, ...] = ()
    test_chroms: tuple[str, ...] = ()
    valid_fraction: float = 0.1
    test_fraction: float = 0.1

    def __post_init__(self) -> None:
        """Brings arguments to one form and checks what goes with what."""
        for name in ("split_file", "groups"):
            object.__setattr__(self, name, path_of(getattr(self, name), name))
        for name in ("valid_chroms", "test_chroms"):
            object.__setattr__(self, name, names_of(getattr(self, name), name))
        check_choice("split", self.split, SPLITS, "split")
        check_shares(needed=True, valid_fraction=self.valid_fraction, test_fraction=self.test_fraction)
        if self.valid_fraction + self.test_fraction >= 1:
            raise InputError(
                f"unusable fractions {self.valid_fraction:g} and {self.test_fraction:g}",
                where="`valid_fraction` and `test_fraction`",
                allowed="both above 0, their sum below 1",
            )
        if (self.split == "file") != (self.split_file is not None):
            raise InputError("the split 'file' and `split_file` go together", where=f"`split` {self.split}")
        if self.split == "groups" and self.groups is None:
            raise InputError("no groups", where="`split` groups", remedy="give the table of `groups`")
        if (self.valid_chroms or self.test_chroms) and self.split != "chromosome":
            raise InputError(
                "chromosomes are named, but do not make the split", where=f"`split` {self.split}", allowed="chromosome"
            )
        if bool(self.valid_chroms) != bool(self.test_chroms):
            raise InputError(
                "chromosomes named for validation or test only",
                where="`valid_chroms` and `test_chroms`",
                allowed="both",
            )

    def splitter(self, seed: int) -> Callable[[Sequence[Gene]], Split]:
        """Reads the groups and returns what splits genes.

        Args:
            seed: Source of the parts that are drawn.

        Returns:
            A function of the genes; it raises :class:`InputError` when a part has too few genes, or a group has genes
            in two parts.

        Raises:
            InputError: when the groups cannot be read.
        """
        groups = None if self.groups is None else read_groups(self.groups)

        def make(genes: Sequence[Gene]) -> Split:
            made = self._make(genes, groups or {}, seed)
            if groups is not None:
                refuse_leaks(made, groups)
            return made

        return make

    def _make(self, genes: Sequence[Gene], groups: dict[str, str], seed: int) -> Split:
        ids = [gene.id for gene in genes]
        shares = {"valid": self.valid_fraction, "test": self.test_fraction}
        if self.split_file is not None:
            return file_split(ids, self.split_file)
        if self.split == "chromosome":
            return chromosome_split(
                genes, valid_chroms=self.valid_chroms, test_chroms=self.test_chroms, seed=seed, **shares
            )
        if self.split == "groups":
            return group_split(ids, groups, seed=seed, **shares)
        return random_split(ids, seed=seed, **shares)
