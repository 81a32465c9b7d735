"""What every split keeps, for many random genomes: groups stay whole, sizes are near, order does not matter."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from texcnn.errors import InputError
from texcnn.genome.gene import Gene
from texcnn.training.choose_split import SplitOptions
from texcnn.training.splits import Split, chromosome_split, file_split, group_split, random_split, refuse_leaks

SEEDS = range(25)
PARTS = ("train", "valid", "test")


def genome(seed: int) -> list[Gene]:
    """60 to 200 genes on 6 to 20 chromosomes of very different sizes."""
    rng = random.Random(seed)
    chroms = [f"chr{number}" for number in range(rng.randint(6, 20))]
    weights = [rng.random() ** 2 + 0.05 for _ in chroms]
    n = rng.randint(60, 200)
    chosen = chroms + rng.choices(chroms, weights, k=n - len(chroms))
    return [Gene(f"g{place:03d}", f"g{place:03d}", chrom, 10 * place, "+") for place, chrom in enumerate(chosen)]


def families(genes: list[Gene], seed: int) -> dict[str, str]:
    rng = random.Random(seed)
    return {gene.id: f"f{rng.randint(0, 30)}" for gene in genes if rng.random() < 0.7}


def sizes(split: Split) -> Counter[str]:
    return Counter(split.parts.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_chromosomes_and_families_stay_whole(seed: int) -> None:
    genes = genome(seed)
    ids = [gene.id for gene in genes]
    groups = families(genes, seed)
    for split, group_of in (
        (chromosome_split(genes, valid=0.15, test=0.15, seed=seed), {gene.id: gene.chrom for gene in genes}),
        (
            group_split(ids, groups, valid=0.15, test=0.15, seed=seed),
            {gene_id: groups.get(gene_id, gene_id) for gene_id in ids},
        ),
    ):
        found: dict[str, set[str]] = defaultdict(set)
        for gene_id, part in split.parts.items():
            found[group_of[gene_id]].add(part)
        assert all(len(parts) == 1 for parts in found.values())
        assert list(split.parts) == ids
        refuse_leaks(split, group_of)
        # A part is larger than asked for by one group at most.
        largest = max(Counter(group_of.values()).values())
        for part, share in zip(PARTS, (0.7, 0.15, 0.15), strict=True):
            assert sizes(split)[part] <= share * len(ids) + largest


@pytest.mark.parametrize("seed", SEEDS)
def test_single_genes_have_the_shares_that_are_asked_for(seed: int) -> None:
    ids = [gene.id for gene in genome(seed)]
    rng = random.Random(seed)
    valid, test = rng.uniform(0.06, 0.3), rng.uniform(0.06, 0.3)
    found = sizes(random_split(ids, valid=valid, test=test, seed=seed))
    for part, share in zip(PARTS, (1 - valid - test, valid, test), strict=True):
        assert abs(found[part] - share * len(ids)) < 2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "make",
    [
        lambda genes, seed: random_split([gene.id for gene in genes], seed=seed),
        lambda genes, seed: group_split(
            [gene.id for gene in genes], families(sorted(genes, key=lambda gene: gene.id), 1), seed=seed
        ),
        lambda genes, seed: chromosome_split(genes, valid=0.2, test=0.2, seed=seed),
    ],
    ids=["random", "groups", "chromosome"],
)
def test_the_order_of_genes_does_not_matter(make: Callable[[list[Gene], int], Split], seed: int) -> None:
    genes = genome(seed)
    shuffled = random.Random(seed).sample(genes, len(genes))
    assert make(genes, seed).parts == make(shuffled, seed).parts


@pytest.mark.parametrize("seed", SEEDS)
def test_a_written_split_is_read_again(seed: int, tmp_path: Path) -> None:
    genes = genome(seed)
    made = SplitOptions(split="random").splitter(seed)(genes)
    (tmp_path / "split.tsv").write_text(made.to_tsv())
    again = SplitOptions(split="file", split_file=tmp_path / "split.tsv").splitter(seed + 1)(genes)
    assert again.parts == made.parts
    assert file_split([gene.id for gene in genes[::-1]], tmp_path / "split.tsv").parts == made.parts


@pytest.mark.parametrize("seed", SEEDS)
def test_one_gene_in_another_part_than_its_family_is_found(seed: int) -> None:
    genes = genome(seed)
    groups = families(genes, seed)
    split = group_split([gene.id for gene in genes], groups, valid=0.2, test=0.2, seed=seed)
    rng = random.Random(seed)
    counts = Counter(groups.values())
    moved = rng.choice([gene_id for gene_id, family in groups.items() if counts[family] > 1])
    other = next(part for part in PARTS if part != split.parts[moved])
    leaking = object.__new__(Split)
    object.__setattr__(leaking, "parts", {**split.parts, moved: other})
    object.__setattr__(leaking, "how", "by hand")
    with pytest.raises(InputError, match=r"the split leaks: .* of the same group"):
        refuse_leaks(leaking, groups)
