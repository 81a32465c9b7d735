"""The verb pretrain: what the command does, as a call; options that check themselves."""

from __future__ import annotations

import logging
import random
from pathlib import Path
from typing import Any

import pytest

import texcnn
from texcnn.cli.main import main
from texcnn.embedding.options import ComputeOptions
from texcnn.errors import InputError, ModelError
from texcnn.pretraining.options import PretrainOptions

TINY: dict[str, Any] = {
    "layers": 1,
    "hidden_size": 16,
    "heads": 2,
    "intermediate_size": 16,
    "segment_length": 40,
    "segments_per_step": 8,
    "steps": 4,
    "checkpoint_every": 2,
    "vocab_size": 20,
    "device": "cpu",
}


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "genome.fa"
    path.write_text(">chr1\n" + "".join(random.Random(0).choices("ACGT", k=3000)) + "N" * 100 + "ACGT" * 5 + "\n")
    return path


def test_a_call_and_the_command_write_the_same_bytes(
    fasta: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "call").mkdir()
    with caplog.at_level(logging.INFO, "texcnn"):
        done = texcnn.pretrain(str(fasta), tmp_path / "call" / "mine", **TINY)
    corpus = done.corpus
    assert corpus.n_train + corpus.n_valid == 3000
    output = f"{corpus.n_train:,} bases to learn from, {corpus.n_valid:,} held out; skipped: 100 unknown, 20 in runs"
    assert output in caplog.text
    flags = [part for name, value in TINY.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    with pytest.raises(SystemExit) as leaving:
        main(["pretrain", "--fasta", str(fasta), "--out", str(tmp_path / "mine"), "--quiet", *flags])
    assert not leaving.value.code
    files = sorted((tmp_path / "mine").iterdir())
    assert len(files) == 7
    for path in files:
        assert path.read_bytes() == (done.folder / path.name).read_bytes(), path.name
    assert [report.step for report in done.history] == [2, 4]
    assert not list(tmp_path.rglob("*.work"))


def test_options_as_one_object(fasta: Path, tmp_path: Path) -> None:
    given = {name: value for name, value in TINY.items() if name != "device"}
    chosen = PretrainOptions(compute=ComputeOptions(8, "cpu"), **given)
    one = texcnn.pretrain(fasta, tmp_path / "one", options=chosen)
    two = texcnn.pretrain(fasta, tmp_path / "two", batch_size=3, **TINY)
    assert [report.step for report in one.history] == [report.step for report in two.history]
    for left, right in zip(one.history, two.history, strict=True):
        assert left.valid_loss == pytest.approx(right.valid_loss, rel=1e-4)  # whatever the batch size
    with pytest.raises(InputError, match="already exists"):
        texcnn.pretrain(fasta, tmp_path / "one", options=chosen)
    texcnn.pretrain(fasta, tmp_path / "one", options=chosen, overwrite=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "bert"}, r"unknown architecture 'bert' – in `architecture` – allowed: dnabert2, dnabert"),
        ({"k": 4}, "`k` is of the other architecture – in `architecture` dnabert2"),
        ({"architecture": "dnabert", "vocab_size": 40}, "`vocab_size` is of the other architecture"),
        ({"steps": 0}, "unusable number 0 – in `steps`"),
        ({"warmup": 1}, "unusable share 1 – in `warmup`"),
        ({"dropout": -0.5}, "unusable share -0.5 – in `dropout`"),
        ({"learning_rate": 0}, "unusable number 0 – in `learning_rate`"),
        ({"seed": -1}, "unusable number -1 – in `seed`"),
        ({"compile": True}, "a pre-training compiles nothing"),
        ({"dtype": "bfloat16", "device": "cpu"}, "does not learn in bfloat16 – in `dtype`"),
        ({"batch": 3}, r"unknown option 'batch' .* did you mean 'batch_size'"),
    ],
)
def test_options_check_themselves_before_anything_is_read(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        texcnn.pretrain("none.fa", tmp_path / "mine", **changes)
    assert not list(tmp_path.iterdir())


def test_heads_divide_the_hidden_size() -> None:
    with pytest.raises(ModelError, match="3 heads do not divide the hidden size 256"):
        PretrainOptions(heads=3)
