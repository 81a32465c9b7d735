"""``texcnn pretrain``: each option once, with what it changes in the encoder that is left."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import safetensors.torch
from runs import Commands, Run, well
from torch import Tensor

Pretrain = Callable[..., Run]


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    """chr1 and chr2 of 3,000 random bases each, chr3 of one base repeated."""
    chance = random.Random(5)
    one, two = ("".join(chance.choices("ACGT", k=3000)) for _ in range(2))
    path = tmp_path / "genome.fa"
    path.write_text(f">chr1\n{one}\n>chr2\n{two}\n>chr3\n{'A' * 2000}\n")
    return path


@pytest.fixture
def pretrain(commands: Commands, genome: Path, tmp_path: Path) -> Pretrain:
    """Takes two steps with a tiny DNABERT over 3-mers, with options changed, added or (None) left out."""
    usual: dict[str, Any] = {
        "fasta": genome, "architecture": "dnabert", "k": 3, "layers": 1, "hidden_size": 16, "heads": 2,
        "intermediate_size": 12, "segment_length": 40, "segments_per_step": 4, "steps": 2, "checkpoint_every": 1,
        "exclude_chrom": "chr3", "device": "cpu", "quiet": True,
    }  # fmt: skip

    def run(out: str, **changes: Any) -> Run:
        return commands.with_options("pretrain", out=tmp_path / out, **{**usual, **changes})

    return run


def record(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "pretraining.json").read_text())
    return found


def config(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return found


def tensors(folder: Path) -> dict[str, Tensor]:
    return safetensors.torch.load_file(folder / "model.safetensors")


def losses(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "history.tsv", sep="\t")


class TestBases:
    def test_excluded_chromosomes(self, pretrain: Pretrain, tmp_path: Path) -> None:
        well(pretrain("mine"))
        assert record(tmp_path / "mine")["n_train"] + record(tmp_path / "mine")["n_valid"] == 6000
        well(pretrain("one", exclude_chrom=["chr3", "chr2"]))
        assert record(tmp_path / "one")["n_train"] + record(tmp_path / "one")["n_valid"] == 3000
        unknown = pretrain("none", exclude_chrom="chr4")
        assert unknown.status == 2
        assert "unknown chromosome 'chr4'" in unknown.err
        assert "allowed: chr1, chr2, chr3" in unknown.err

    def test_regions_of_a_bed_each_base_once(self, pretrain: Pretrain, tmp_path: Path) -> None:
        bed = tmp_path / "regions.bed"
        bed.write_text("chr1\t0\t1000\nchr1\t500\t1500\nchr3\t0\t900\n")
        well(pretrain("mine", bed=bed))
        assert record(tmp_path / "mine")["n_train"] + record(tmp_path / "mine")["n_valid"] == 1500
        well(pretrain("all", bed=bed, exclude_chrom=None))
        assert record(tmp_path / "all")["n_train"] + record(tmp_path / "all")["n_valid"] == 2400

    @pytest.mark.parametrize("share", [0.1, 0.4])
    def test_share_held_out(self, pretrain: Pretrain, tmp_path: Path, share: float) -> None:
        well(pretrain("mine", valid_fraction=share))
        found = record(tmp_path / "mine")
        assert share * 6000 <= found["n_valid"] < share * 6000 + 100

    def test_a_segment_must_fit(self, pretrain: Pretrain, tmp_path: Path) -> None:
        refused = pretrain("mine", segment_length=4000)
        assert refused.status == 2
        assert "too few known bases" in refused.err
        well(pretrain("mine", segment_length=64))
        # Every 3-mer of a segment and both special tokens have a position.
        assert config(tmp_path / "mine")["max_position_embeddings"] >= 64 - 2 + 2


class TestModel:
    def test_sizes(self, pretrain: Pretrain, tmp_path: Path) -> None:
        well(pretrain("mine", layers=2, hidden_size=24, heads=3, intermediate_size=20, dropout=0.25))
        found = config(tmp_path / "mine")
        assert (found["num_hidden_layers"], found["hidden_size"], found["num_attention_heads"]) == (2, 24, 3)
        assert (found["intermediate_size"], found["vocab_size"]) == (20, 69)
        assert (found["hidden_dropout_prob"], found["attention_probs_dropout_prob"]) == (0.25, 0.25)

    @pytest.mark.parametrize(("k", "words"), [(3, 69), (4, 261)])
    def test_k(self, pretrain: Pretrain, tmp_path: Path, k: int, words: int) -> None:
        well(pretrain("mine", k=k))
        assert config(tmp_path / "mine")["vocab_size"] == words
        assert len((tmp_path / "mine" / "vocab.txt").read_text().split()) == words

    @pytest.mark.parametrize("words", [12, 30])
    def test_architecture_and_vocabulary(self, pretrain: Pretrain, tmp_path: Path, words: int) -> None:
        well(pretrain("mine", architecture="dnabert2", k=None, vocab_size=words))
        assert config(tmp_path / "mine")["vocab_size"] == words
        vocabulary = json.loads((tmp_path / "mine" / "tokenizer.json").read_text())["model"]["vocab"]
        assert len(vocabulary) == words
        assert {"[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "A", "C", "G", "T"} <= set(vocabulary)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"heads": 3}, "3 heads do not divide the hidden size 16"),
            ({"vocab_size": 30}, "--vocab-size is of the other architecture – in --architecture dnabert"),
            (
                {"architecture": "dnabert2"},
                "--k is of the other architecture – in --architecture dnabert2 – allowed: --vocab-size with dnabert2",
            ),
            ({"k": 7}, "Invalid value for '--k': 7 is not in the range 3<=x<=6"),
            ({"dropout": 1}, "Invalid value for '--dropout'"),
            ({"valid_fraction": 0}, "Invalid value for '--valid-fraction'"),
            ({"architecture": "gpt"}, "'gpt' is not one of 'dnabert2', 'dnabert'"),
        ],
    )
    def test_refused(self, pretrain: Pretrain, tmp_path: Path, changes: dict[str, object], message: str) -> None:
        run = pretrain("mine", **changes)
        assert run.status == 2
        assert message in run.err
        assert not list(tmp_path.glob("mine*"))


class TestSteps:
    def test_steps_and_checkpoints(self, pretrain: Pretrain, tmp_path: Path) -> None:
        well(pretrain("mine", steps=7, checkpoint_every=3))
        assert losses(tmp_path / "mine")["step"].tolist() == [3, 6, 7]

    def test_how_often_it_validates_does_not_change_the_weights(self, pretrain: Pretrain, tmp_path: Path) -> None:
        well(pretrain("often", steps=4, checkpoint_every=1))
        well(pretrain("once", steps=4, checkpoint_every=4))
        assert losses(tmp_path / "often")["valid_loss"].iloc[-1] == losses(tmp_path / "once")["valid_loss"].item()
        left, right = tensors(tmp_path / "often"), tensors(tmp_path / "once")
        assert all(value.equal(right[name]) for name, value in left.items())

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("segments_per_step", (2, 4)),
            ("mask_fraction", (0.1, 0.5)),
            ("dropout", (0, 0.5)),
            ("seed", (0, 1)),
        ],
    )
    def test_what_changes_the_first_loss(
        self, pretrain: Pretrain, tmp_path: Path, name: str, values: tuple[float, ...]
    ) -> None:
        for value in values:
            well(pretrain(f"{value}", **{name: value}))
        assert len({losses(tmp_path / f"{value}")["train_loss"].iloc[0] for value in values}) == len(values)

    @pytest.mark.parametrize(("name", "values"), [("learning_rate", (1e-5, 1e-2)), ("warmup", (0.1, 0.9))])
    def test_what_changes_the_weights_after_the_same_first_loss(
        self, pretrain: Pretrain, tmp_path: Path, name: str, values: tuple[float, ...]
    ) -> None:
        for value in values:
            well(pretrain(f"{value}", **{"steps": 4, name: value}))
        left, right = (losses(tmp_path / f"{value}") for value in values)
        assert left["train_loss"].iloc[0] == right["train_loss"].iloc[0]
        assert left["valid_loss"].iloc[-1] != right["valid_loss"].iloc[-1]

    def test_batch_size_is_of_memory_alone(self, pretrain: Pretrain, tmp_path: Path) -> None:
        for size in (1, 4):
            well(pretrain(f"{size}", batch_size=size, steps=3, dropout=0))
        left, right = (losses(tmp_path / f"{size}") for size in (1, 4))
        pd.testing.assert_frame_equal(left, right, rtol=1e-5)

    def test_the_same_command_gives_the_same_bytes(self, pretrain: Pretrain, tmp_path: Path) -> None:
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir()
            well(pretrain(f"{folder}/mine", dropout=0.1))
        for path in (tmp_path / "a" / "mine").iterdir():
            assert path.read_bytes() == (tmp_path / "b" / "mine" / path.name).read_bytes(), path.name

    def test_overwrite_and_what_it_says(self, pretrain: Pretrain, tmp_path: Path) -> None:
        well(pretrain("mine"))
        refused = pretrain("mine", seed=1)
        assert (refused.status, "mine' already exists" in refused.err) == (2, True)
        output = pretrain("mine", seed=1, overwrite=True, quiet=None)
        assert output.status == 0
        loss = losses(tmp_path / "mine")["valid_loss"].iloc[-1]
        assert f"held-out loss {loss:.4f} nats per hidden token: {tmp_path / 'mine'}" in output.err
