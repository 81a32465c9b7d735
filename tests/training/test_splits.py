from collections import Counter
from pathlib import Path

import pytest

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

IDS = [f"g{number:02d}" for number in range(50)]
GENES = [Gene(gene_id, gene_id, f"chr{place % 5}", 100 * place, "+") for place, gene_id in enumerate(IDS)]


def sizes(split: Split) -> tuple[int, ...]:
    counts = Counter(split.parts.values())
    return counts["train"], counts["valid"], counts["test"]


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_random_split_has_the_sizes_asked_for_and_a_seed() -> None:
    split = random_split(IDS, valid=0.2, test=0.1, seed=3)
    assert sizes(split) == (35, 10, 5)
    assert list(split.parts) == IDS
    assert split == random_split(IDS, valid=0.2, test=0.1, seed=3)
    assert split.parts == random_split(IDS[::-1], valid=0.2, test=0.1, seed=3).parts
    assert split.parts != random_split(IDS, valid=0.2, test=0.1, seed=4).parts


def test_rows_and_table() -> None:
    parts = dict.fromkeys(IDS[:10], "train") | dict.fromkeys(IDS[10:13], "valid") | dict.fromkeys(IDS[13:16], "test")
    split = Split(parts, "by hand")
    assert split.rows(["g11", "g00", "g15", "g12"], "valid") == [0, 3]
    assert split.to_tsv().splitlines()[:2] == ["gene_id\tsplit", "g00\ttrain"]
    assert sizes(split.only(IDS[:16])) == (10, 3, 3)
    with pytest.raises(InputError, match=r"too few genes: 2 test .*split by hand .*at least 10 train"):
        split.only(IDS[:15])


@pytest.mark.parametrize(("valid", "test"), [(0, 0.1), (0.1, 0), (0.5, 0.5)])
def test_impossible_fractions(valid: float, test: float) -> None:
    with pytest.raises(InputError, match="both above 0, their sum below 1"):
        random_split(IDS, valid=valid, test=test, seed=0)


def test_groups_stay_whole() -> None:
    groups = {gene_id: f"family{place // 2}" for place, gene_id in enumerate(IDS[:40])}
    for seed in range(5):
        split = group_split(IDS, groups, valid=0.2, test=0.2, seed=seed)
        for left, right in zip(IDS[:40:2], IDS[1:40:2], strict=True):
            assert split.parts[left] == split.parts[right]
        assert all(abs(found - wanted) <= 2 for found, wanted in zip(sizes(split), (30, 10, 10), strict=True))
        refuse_leaks(split, groups)


def test_groups_are_what_is_tied_directly_or_through_others(tmp_path: Path) -> None:
    text = "gene_id\tsimilar\na\tb\nb\tc\nd\tfamily1\ne\tfamily1\nf\tf\nENSG00000000003.1\tg\n"
    groups = read_groups(write(tmp_path / "groups.tsv", text))
    assert groups["a"] == groups["b"] == groups["c"]
    assert groups["d"] == groups["e"]
    assert groups["ENSG00000000003"] == groups["g"]
    assert len({groups[name] for name in "adfg"}) == 4
    with pytest.raises(InputError, match="two columns: gene_id, and a family"):
        read_groups(write(tmp_path / "other.tsv", "gene\tfamily\na\tb\n"))


def test_a_split_that_parts_a_group_leaks() -> None:
    split = random_split(IDS, seed=0)
    train, test = split.rows(IDS, "train")[0], split.rows(IDS, "test")[0]
    with pytest.raises(InputError, match="the split leaks"):
        refuse_leaks(split, {IDS[train]: "family", IDS[test]: "family"})


def test_chromosomes_by_name_and_by_chance() -> None:
    split = SplitOptions(valid_chroms="chr1", test_chroms=["chr0", "chr2"]).splitter(0)(GENES)
    assert sizes(split) == (20, 10, 20)
    assert {gene.chrom for gene in GENES if split.parts[gene.id] == "test"} == {"chr0", "chr2"}
    drawn = SplitOptions(valid_fraction=0.2, test_fraction=0.2).splitter(1)(GENES)
    assert sizes(drawn) == (30, 10, 10)
    assert len({(gene.chrom, drawn.parts[gene.id]) for gene in GENES}) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"valid_chroms": ["chr1"]}, "for validation or test only"),
        ({"valid_chroms": ["chr1"], "test_chroms": ["chr1"]}, "the split leaks: chr1"),
        ({"valid_chroms": ["chr1"], "test_chroms": ["2"]}, r"unknown chromosome '2' .*chr0, chr1, chr2"),
    ],
)
def test_chromosomes_refused(options: dict[str, list[str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SplitOptions(**options).splitter(0)(GENES)  # type: ignore[arg-type]


def test_a_file_says_the_split(tmp_path: Path) -> None:
    parts = ["train"] * 10 + ["valid"] * 3 + ["test"] * 3
    rows = [f"ENSG000000000{number}.7\t{part}" for number, part in enumerate(parts, start=10)]
    path = write(tmp_path / "split.tsv", "\n".join(["gene_id\tsplit", *rows]) + "\n")
    ids = [f"ENSG000000000{number}.{number}" for number in range(10, 30)]
    split = file_split(ids, path)
    assert list(split.parts) == ids[:16]
    assert (split.parts[ids[9]], split.parts[ids[10]], split.parts[ids[15]]) == ("train", "valid", "test")
    assert split.how == "of the file split.tsv"
    write(path, split.to_tsv())
    assert file_split(ids, path) == split


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gene_id\tpart\na\ttrain\n", "the columns gene_id and split"),
        ("gene_id\tsplit\na\ttrainn\n", r"unknown part of a split 'trainn' .*train, valid, test"),
        ("gene_id\tsplit\na\ttrain\na\ttest\n", "the split leaks: gene 'a' is in train and in test"),
        (
            "gene_id\tsplit\nENSG00000000003.1\ttrain\nENSG00000000003.2\ttest\n",
            "the split leaks: gene 'ENSG00000000003'",
        ),
        ("gene_id\tsplit\na\ttrain\n", r"the split has none of the \d+ genes .*'a'.*such as '"),
        ("", "the file is empty"),
    ],
)
def test_files_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        file_split(IDS, write(tmp_path / "split.tsv", text))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "genes"}, r"unknown split 'genes' – in `split` – allowed: chromosome, random, groups, file"),
        ({"split": "file"}, "`split_file` go together – in `split` file"),
        ({"split": "random", "split_file": "s.tsv"}, "`split_file` go together"),
        ({"split": "groups"}, r"no groups – in `split` groups – give the table of `groups`"),
        ({"split": "random", "valid_chroms": ["chr1"], "test_chroms": ["chr1"]}, "do not make the split"),
        ({"valid_fraction": 0}, "unusable share 0 – in `valid_fraction`"),
        ({"valid_fraction": 0.5, "test_fraction": 0.5}, "unusable fractions 0.5 and 0.5"),
    ],
)
def test_options_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SplitOptions(**options)  # type: ignore[arg-type]


def test_options(tmp_path: Path) -> None:
    assert SplitOptions(split="random").splitter(5)(GENES) == random_split(IDS, seed=5)
    pairs = {gene_id: IDS[place // 2 * 2] for place, gene_id in enumerate(IDS)}
    table = write(tmp_path / "pairs.tsv", "gene_id\tpair\n" + "".join(f"{a}\t{b}\n" for a, b in pairs.items()))
    assert SplitOptions(split="groups", groups=table).splitter(5)(GENES) == group_split(IDS, pairs, seed=5)
    with pytest.raises(InputError, match="the split leaks"):
        SplitOptions(split="random", groups=table).splitter(5)(GENES)


def test_the_default_keeps_chromosomes_whole() -> None:
    made = SplitOptions().splitter(0)(GENES)
    assert made == chromosome_split(GENES, seed=0)
    assert len({(gene.chrom, made.parts[gene.id]) for gene in GENES}) == len({gene.chrom for gene in GENES})


@pytest.mark.data
def test_the_published_split_of_xpresso(data: Path) -> None:
    path = data / "human" / "xpresso_labels_split.tsv"
    ids = [line.split("\t")[0] for line in path.read_text().splitlines()[1:]]
    split = file_split(ids, path)
    assert sizes(split) == (16_377, 1_000, 1_000)
    assert split.parts["ENSG00000163687"] == "train"
