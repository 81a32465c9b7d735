"""Tables that cannot be trained on are refused or reported on the command line; and stopped runs continue."""

import errno
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from train_files import N_GENES, TINY, options, read

from texcnn import checkpoints
from texcnn.training import fit as fit_module

Run = Callable[..., tuple[int, str]]
GENES = [f"g{number:02d}" for number in range(N_GENES)]


def table(folder: Path, name: str, **columns: object) -> Path:
    path = folder / name
    pd.DataFrame(columns).to_csv(path, sep="\t", index=False)
    return path


@pytest.mark.parametrize(
    ("ids", "values", "message"),
    [
        pytest.param(
            GENES, [5] * N_GENES, "the same value for every gene in the cell types liver", marks=pytest.mark.slow
        ),
        (GENES, [None] * N_GENES, "no value at all for the cell types liver"),
        (GENES, [-1, *range(1, N_GENES)], "1 negative values, such as -1 of gene g00 in 'liver'"),
        ([*GENES[:-1], "g00"], range(N_GENES), "1 duplicate names of a gene, such as 'g00'"),
        ([f"x{number}" for number in range(N_GENES)], range(N_GENES), "no gene has expression"),
        (GENES[:12], range(12), "too few genes"),
        (GENES, ["many", *range(1, N_GENES)], "'many' is not a finite number"),
    ],
)
def test_expression_that_cannot_be_learned(
    texcnn: Run, inputs: dict[str, Path], tiny: Path, tmp_path: Path, ids: list[str], values: list[object], message: str
) -> None:
    given = {**inputs, "expression": table(tmp_path, "bad.tsv", gene_id=ids, liver=list(values))}
    status, err = texcnn("train", *options(given, model=tiny, out=tmp_path / "mine"), *TINY)
    assert (status, message in err, "Traceback" in err) == (2, True, False), err
    assert not list(tmp_path.glob("mine*"))


def test_a_cell_type_without_two_values_among_the_training_genes(
    texcnn: Run, inputs: dict[str, Path], tiny: Path, tmp_path: Path
) -> None:
    parts = ["train"] * 40 + ["valid"] * 10 + ["test"] * 10
    split = table(tmp_path, "split.tsv", gene_id=GENES, split=parts)
    flat = table(tmp_path, "flat.tsv", gene_id=GENES, liver=[7] * 40 + list(range(20)), brain=range(N_GENES))
    given = options({**inputs, "expression": flat}, model=tiny, out=tmp_path / "mine", split="file", split_file=split)
    status, err = texcnn("train", *given, *TINY)
    assert (status, "no two training genes differ in the cell types liver" in err) == (2, True), err


def test_splits_that_leak(texcnn: Run, inputs: dict[str, Path], tiny: Path, tmp_path: Path) -> None:
    parts = ["train"] * 40 + ["valid"] * 10 + ["test"] * 10
    twice = table(tmp_path, "twice.tsv", gene_id=[*GENES, "g01"], split=[*parts, "test"])
    whole = table(tmp_path, "whole.tsv", gene_id=GENES, split=parts)
    families = table(tmp_path, "families.tsv", gene_id=["g01", "g59"], family=["f", "f"])
    for more, message in (
        ({"split_file": twice}, "the split leaks: gene 'g01' is in train and in test"),
        ({"split_file": whole, "groups": families}, "the split leaks: 'g01' is in train, 'g59' of the same group in"),
    ):
        given = options(inputs, model=tiny, out=tmp_path / "mine", **{"split": "file", **more})
        status, err = texcnn("train", *given, *TINY)
        assert (status, message in err) == (2, True), err


def test_features_of_other_genes(texcnn: Run, inputs: dict[str, Path], tiny: Path, tmp_path: Path) -> None:
    others = table(tmp_path, "others.tsv", gene_id=["x1", "x2"], length=[1, 2])
    status, err = texcnn("train", *options(inputs, model=tiny, features=others, out=tmp_path / "mine"), *TINY)
    assert (
        status,
        "no gene has all features: the genes are named like 'g00', the feature table's like 'x1'" in err,
    ) == (
        2,
        True,
    ), err
    some = table(tmp_path, "some.tsv", gene_id=GENES[:50], length=range(50))
    assert texcnn("train", *options(inputs, model=tiny, features=some, out=tmp_path / "mine"), *TINY)[0] == 0
    skipped = read(tmp_path / "mine", "skipped.tsv").set_index("gene_id")["reason"]
    assert skipped[GENES[50:]].unique().tolist() == ["no complete features in some.tsv"]


def test_a_disk_that_fills_up_under_a_checkpoint(
    texcnn: Run, inputs: dict[str, Path], tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    given = options(inputs, model=tiny, out=tmp_path / "mine")
    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "save_file", full)
        status, err = texcnn("train", *given, *TINY)
    assert (status, "cannot write the checkpoint: [Errno 28] No space left" in err) == (1, True)
    assert not (tmp_path / "mine").exists()
    assert texcnn("train", *given, *TINY) == (0, "")


@pytest.mark.slow
def test_ten_runs_are_the_same_bits_also_when_they_were_stopped(
    texcnn: Run, inputs: dict[str, Path], tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(name: str) -> int:
        (tmp_path / name).mkdir(exist_ok=True)
        given = options(inputs, model=tiny, out=tmp_path / name / "mine", runs=10, seed=3)
        return texcnn("train", *given, *TINY, "--epochs", 3)[0]

    assert (train("one"), train("two")) == (0, 0)
    save, saved = fit_module.save_state, []

    def killed(*args: object) -> None:
        save(*args)  # type: ignore[arg-type]
        saved.append(1)
        if len(saved) == 14:  # the second epoch of the fifth run
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(fit_module, "save_state", killed)
        assert train("stopped") == 130
    assert train("stopped") == 0
    assert read(tmp_path / "one" / "mine", "runs.tsv")["seed"].tolist() == list(range(3, 13))
    files = sorted((tmp_path / "one" / "mine").iterdir())
    assert len(files) == 11
    for path in files:
        for other in ("two", "stopped"):
            assert path.read_bytes() == (tmp_path / other / "mine" / path.name).read_bytes(), (other, path.name)
