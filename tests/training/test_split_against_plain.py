"""Splits and groups against plain implementations of what their docstrings promise, and their errors word by word."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from texcnn.errors import InputError
from texcnn.genome.gene import Gene
from texcnn.training.choose_split import SplitOptions
from texcnn.training.splits import (
    Split,
    chromosome_split,
    file_split,
    group_split,
    random_split,
    read_groups,
    refuse_leaks,
)

IDS = [f"g{number:02d}" for number in range(40)]


def plain_parts(groups: dict[str, str], valid: float, test: float, seed: int) -> dict[str, str]:
    """Shuffled groups, one by one to the part that has the smallest share of what it should have."""
    wanted = {"train": (1 - valid - test) * len(groups), "valid": valid * len(groups), "test": test * len(groups)}
    members: dict[str, list[str]] = {}
    for gene, group in groups.items():
        members.setdefault(group, []).append(gene)
    names = sorted(members)
    found: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    for place in np.random.default_rng(seed).permutation(len(names)):
        shares = [(len(found[part]) / wanted[part], order) for order, part in enumerate(wanted)]
        part = list(wanted)[min(shares)[1]]
        found[part] += members[names[place]]
    return {gene: part for part, genes in found.items() for gene in genes}


class TestShares:
    @given(
        seed=st.integers(0, 10**6),
        valid=st.floats(0.1, 0.3),
        test=st.floats(0.1, 0.3),
        n_groups=st.integers(20, 40),
        data=st.data(),
    )
    def test_groups_go_where_the_plain_rule_puts_them(
        self, seed: int, valid: float, test: float, n_groups: int, data: st.DataObject
    ) -> None:
        names = data.draw(st.lists(st.integers(0, n_groups), min_size=len(IDS), max_size=len(IDS)))
        groups = {gene: f"f{name}" for gene, name in zip(IDS, names, strict=True)}
        expected = plain_parts(groups, valid, test, seed)
        sizes = Counter(expected.values())
        if sizes["train"] < 10 or sizes["valid"] < 3 or sizes["test"] < 3:
            with pytest.raises(InputError, match="too few genes"):
                group_split(IDS, groups, valid=valid, test=test, seed=seed)
            return
        found = group_split(IDS, groups, valid=valid, test=test, seed=seed)
        assert found.parts == expected
        genes = [Gene(gene, gene, groups[gene], 1, "+") for gene in IDS]
        assert chromosome_split(genes, valid=valid, test=test, seed=seed).parts == expected

    @given(seed=st.integers(0, 10**6))
    def test_a_gene_without_a_group_is_one_by_itself(self, seed: int) -> None:
        assert group_split(IDS, {}, seed=seed).parts == random_split(IDS, seed=seed).parts

    def test_versions_of_ids_do_not_part_a_family(self) -> None:
        ids = [f"ENSG{number:011d}.{number % 3}" for number in range(40)]
        groups = {gene.split(".")[0]: f"family{number // 4}" for number, gene in enumerate(ids)}
        split = group_split(ids, groups, valid=0.2, test=0.2, seed=1)
        for start in range(0, 40, 4):
            assert len({split.parts[gene] for gene in ids[start : start + 4]}) == 1
        refuse_leaks(split, groups)


@st.composite
def pairs(draw: st.DrawFn) -> list[tuple[str, str]]:
    names = st.sampled_from([*"abcdefghij", "family1", "family2"])
    return draw(st.lists(st.tuples(st.sampled_from("abcdefghij"), names), min_size=1, max_size=12))


@given(ties=pairs())
def test_groups_are_those_of_a_plain_walk(
    tmp_path_factory: pytest.TempPathFactory, ties: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("g") / "groups.tsv"
    path.write_text("gene_id\tsimilar\n" + "".join(f"{left}\t{right}\n" for left, right in ties))
    found = read_groups(path)
    reached = {name: {name} for tie in ties for name in tie}
    for _ in ties:
        for left, right in ties:
            both = reached[left] | reached[right]
            for name in both:
                reached[name] = reached[name] | both
    assert set(found) == set(reached)
    for one in reached:
        for other in reached:
            assert (found[one] == found[other]) == (other in reached[one])
    # A group has the name of one of its members.
    assert all(group in reached[name] for name, group in found.items())


class TestErrors:
    def test_too_few_says_every_part_that_lacks(self) -> None:
        parts = dict.fromkeys(IDS[:9], "train") | dict.fromkeys(IDS[9:11], "valid") | dict.fromkeys(IDS[11:14], "test")
        with pytest.raises(InputError) as refused:
            Split(parts, "by hand")
        assert str(refused.value) == (
            "too few genes: 9 train, 2 valid – in split by hand – allowed: at least 10 train, at least 3 valid, at "
            "least 3 test – give more genes with expression, or split them in another way"
        )

    def test_a_leak_says_both_genes_and_what_to_do(self) -> None:
        split = random_split(IDS, seed=0)
        one = next(gene for gene in IDS if split.parts[gene] == "train")
        two = next(gene for gene in IDS if split.parts[gene] == "test")
        first, second = sorted([one, two])
        with pytest.raises(InputError) as refused:
            refuse_leaks(split, {one: "family", two: "family"})
        assert str(refused.value) == (
            f"the split leaks: '{first}' is in {split.parts[first]}, '{second}' of the same group in "
            f"{split.parts[second]} – in split at random, seed 0 – use the `split` groups, which keeps groups whole"
        )

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("gene_id\tx\ty\na\tb\tc\n", "not a table of groups"),
            ("id\tfamily\na\tb\n", "not a table of groups"),
            ("gene_id\tfamily\na\tb\nc\t\n", "a cell is empty – in {path}, line 3"),
            ("gene_id\tfamily\n\tb\n", "a cell is empty – in {path}, line 2"),
        ],
    )
    def test_tables_of_groups(self, tmp_path: Path, text: str, message: str) -> None:
        path = tmp_path / "groups.tsv"
        path.write_text(text)
        with pytest.raises(InputError) as refused:
            read_groups(path)
        assert message.format(path=path) in str(refused.value)
        assert str(refused.value).endswith("allowed: two columns: gene_id, and a family or a similar gene")

    def test_groups_are_read_before_genes_are_known(self, tmp_path: Path) -> None:
        options = SplitOptions(groups=tmp_path / "none.tsv")
        with pytest.raises(InputError, match="the file does not exist"):
            options.splitter(0)

    def test_a_file_of_other_genes_shows_ids_of_both(self, tmp_path: Path) -> None:
        path = tmp_path / "split.tsv"
        path.write_text("gene_id\tsplit\nENSG1\ttrain\n")
        with pytest.raises(InputError) as refused:
            file_split(IDS, path)
        assert str(refused.value) == (
            f"the split has none of the 40 genes – in {path} ('ENSG1', ...) – allowed: ids such as 'g00' – give both "
            "files gene ids of one kind"
        )


class TestOptions:
    GENES = tuple(Gene(gene, gene, f"chr{place % 8}", 10 * place, "+") for place, gene in enumerate(IDS))

    def test_one_name_is_a_list_of_one(self) -> None:
        options = SplitOptions(valid_chroms="chr1", test_chroms="chr2", groups="groups.tsv")  # type: ignore[arg-type]
        assert (options.valid_chroms, options.test_chroms) == (("chr1",), ("chr2",))
        assert options.groups == Path("groups.tsv")

    @pytest.mark.parametrize("split", ["chromosome", "random"])
    def test_the_shares_and_the_seed_reach_the_split(self, split: str) -> None:
        options = SplitOptions(split=split, valid_fraction=0.25, test_fraction=0.25)
        made = options.splitter(7)(self.GENES)
        shares = {"valid": 0.25, "test": 0.25, "seed": 7}
        expected = random_split(IDS, **shares) if split == "random" else chromosome_split(self.GENES, **shares)  # type: ignore[arg-type]
        assert made == expected
        assert Counter(made.parts.values()) == {"train": 20, "valid": 10, "test": 10}

    def test_every_split_is_checked_for_leaks(self, tmp_path: Path) -> None:
        """Families that lie across chromosomes are found in a split by chromosomes."""
        path = tmp_path / "families.tsv"
        path.write_text("gene_id\tfamily\n" + "".join(f"{gene}\tf{n // 8}\n" for n, gene in enumerate(IDS)))
        options = SplitOptions(groups=path, valid_fraction=0.25, test_fraction=0.25)
        with pytest.raises(InputError, match=r"the split leaks: .* in split by chromosomes, seed 0"):
            options.splitter(0)(self.GENES)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"valid_fraction": True},
                "unusable share True – in `valid_fraction` – allowed: a number above 0 and below 1",
            ),
            ({"test_fraction": float("nan")}, "unusable share nan – in `test_fraction`"),
            ({"valid_chroms": ["chr1"]}, "chromosomes named for validation or test only – in `valid_chroms` and"),
            ({"split": "Random"}, "did you mean 'random'?"),
        ],
    )
    def test_refused(self, changes: dict[str, object], message: str) -> None:
        with pytest.raises(InputError) as refused:
            SplitOptions(**changes)  # type: ignore[arg-type]
        assert message in str(refused.value)
