"""From a FASTA to an encoder that other commands read."""

import json
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import BertForMaskedLM

from texcnn.cli.main import main
from texcnn.encoders.choose import encoder_spec
from texcnn.encoders.registry import load_encoder
from texcnn.files import sha256_file
from texcnn.genome.interval import Interval
from texcnn.genome.reference import Reference
from texcnn.pretraining import fit as fit_module
from texcnn.pretraining.corpus import Corpus, SegmentSampler
from texcnn.pretraining.fit import StepOptions
from texcnn.pretraining.masking import mask_spans

SIZES = ["--layers", 1, "--hidden-size", 16, "--heads", 2, "--intermediate-size", 16, "--segment-length", 40,
         "--segments-per-step", 8, "--steps", 8, "--checkpoint-every", 3, "--quiet", "--device", "cpu"]  # fmt: skip
FILES = ["README.md", "config.json", "history.tsv", "loss.png", "model.safetensors", "pretraining.json"]


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    """chr1: 3,000 known bases, 100 N, 30 known ones; chr2: 3,000 that are to be left out."""
    chance = random.Random(0)
    one, two = ("".join(chance.choices("ACGT", k=3000)) for _ in range(2))
    path = tmp_path / "genome.fa"
    path.write_text(f">chr1\n{one}{'N' * 100}{one[:30].lower()}\n>chr2\n{two}\n")
    return path


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as leaving:
        main(["pretrain", *map(str, arguments)])
    return int(leaving.value.code or 0)


def test_known_bases_are_found_cut_and_held_out(fasta: Path) -> None:
    with Reference(fasta) as reference:
        corpus = Corpus.scan(reference, length=40, valid_fraction=0.1, seed=0, exclude_chroms=["chr2"])
        assert (corpus.n_unknown, corpus.n_short) == (100, 30)
        assert corpus.n_train + corpus.n_valid == 3000
        assert 300 <= corpus.n_valid < 345
        places = sorted((piece.start, piece.end) for piece in (*corpus.train, *corpus.valid))
        assert places[0][0] == 0
        assert all(left[1] == right[0] for left, right in pairwise(places))
        regions = [Interval("chr2", 100, 900), Interval("chr2", 500, 1000), Interval("chr1", 2990, 3020)]
        some = Corpus.scan(reference, length=40, valid_fraction=0.1, seed=0, regions=regions)
        assert (some.n_train + some.n_valid, some.n_unknown, some.n_short) == (900, 20, 10)


def test_segments_are_of_their_pieces_on_both_strands(fasta: Path) -> None:
    with Reference(fasta) as reference:
        pieces = [Interval("chr1", 7, 12), Interval("chr2", 50, 54)]
        segments = SegmentSampler(reference, pieces, 4).draw(200, np.random.default_rng(0))
        places = [("chr1", 7), ("chr1", 8), ("chr2", 50)]
        expected = {reference.fetch(Interval(c, at, at + 4, strand)) for c, at in places for strand in "+-"}
    assert set(segments) == expected


def test_the_rate_rises_and_falls_in_lines() -> None:
    options = StepOptions(steps=10, warmup=0.2, learning_rate=1.0)
    assert [options.rate(step) for step in (1, 2, 3, 10)] == pytest.approx([0.5, 1, 8 / 9, 1 / 9])


def test_runs_of_k_tokens_are_hidden_together() -> None:
    ids = torch.full((300, 60), 9)
    ids[:, 0] = 2
    settings = {"special_ids": (2,), "mask_id": 4, "vocab_size": 20}
    seen, chosen = mask_spans(ids, k=6, generator=torch.Generator().manual_seed(0), **settings)  # type: ignore[arg-type]
    assert not chosen[:, 0].any()
    assert seen[~chosen].equal(ids[~chosen])
    assert 0.12 < chosen[:, 1:].float().mean() < 0.16
    # Away from the ends no run is shorter than six.
    lengths = [
        len(run) for row in chosen[:, 8:-8].int().tolist() for run in "".join(map(str, row)).strip("1").split("0")
    ]
    assert min(length for length in lengths if length) == 6


@pytest.mark.parametrize(
    ("options", "tokenizer"),
    [(["--vocab-size", 20], "tokenizer.json"), (["--architecture", "dnabert", "--k", 3], "vocab.txt")],
)
def test_an_encoder_that_loads_and_a_stopped_run_that_ends_the_same(
    fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[object], tokenizer: str
) -> None:
    given = ["--fasta", fasta, "--exclude-chrom", "chr2", *SIZES, *options]
    out = tmp_path / "whole"
    assert run(*given, "--out", out) == 0
    assert sorted(path.name for path in out.iterdir()) == sorted([*FILES, tokenizer])
    record = json.loads((out / "pretraining.json").read_text())
    assert record["sha256"] == {
        name: sha256_file(out / name) for name in ("config.json", "model.safetensors", tokenizer)
    }
    assert (record["n_unknown"], record["n_short"]) == (100, 30)
    assert pd.read_csv(out / "history.tsv", sep="\t")["step"].tolist() == [3, 6, 8]
    encoder = load_encoder(encoder_spec(str(out)))
    vectors = encoder.embed(encoder.tokenize(["ACGTACGT", "GGGGCCCCAA"]))
    assert (vectors.shape, bool(vectors.isfinite().all())) == ((2, 16), True)

    save = fit_module.save_state

    def killed(*args: object) -> None:
        save(*args)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    again = tmp_path / "again"
    with monkeypatch.context() as patched:
        patched.setattr(fit_module, "save_state", killed)
        assert run(*given, "--out", again) == 130
    assert not again.exists()
    assert run(*given, "--out", again) == 0
    assert not (tmp_path / "again.work").exists()
    for name in ("model.safetensors", "config.json", tokenizer, "history.tsv", "loss.png"):
        assert (again / name).read_bytes() == (out / name).read_bytes(), name


def test_transformers_reads_a_dnabert(fasta: Path, tmp_path: Path) -> None:
    assert run("--fasta", fasta, *SIZES, "--architecture", "dnabert", "--k", 3, "--out", tmp_path / "mine") == 0
    encoder = load_encoder(encoder_spec(str(tmp_path / "mine")))
    ids = torch.tensor(encoder.tokenize(["ACGTACGTTT"]))
    theirs = BertForMaskedLM.from_pretrained(tmp_path / "mine").eval().bert(ids).last_hidden_state.mean(dim=1)
    torch.testing.assert_close(encoder.embed(ids.tolist()), theirs, rtol=0, atol=1e-6)


def test_it_learns_what_a_genome_repeats(tmp_path: Path) -> None:
    (tmp_path / "genome.fa").write_text(">chr1\n" + "ACGTTGCATC" * 400 + "\n")
    out = tmp_path / "mine"
    given = ["--fasta", tmp_path / "genome.fa", "--architecture", "dnabert", "--k", 3, *SIZES, "--out", out]
    assert run(*given, "--steps", 150, "--checkpoint-every", 75, "--learning-rate", 0.02) == 0
    losses = pd.read_csv(out / "history.tsv", sep="\t")["valid_loss"]
    assert losses.iloc[-1] < 2.0  # 69 tokens alike are 4.2 nats; 20 k-mers occur, 3.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["--k", 4], "of the other architecture"),
        (["--exclude-chrom", "chr9"], "unknown chromosome 'chr9'"),
        (["--exclude-chrom", "chr1", "--exclude-chrom", "chr2"], "too few known bases: 0"),
        (["--heads", 3], "3 heads do not divide the hidden size 16"),
        (["--vocab-size", 5], "unusable vocabulary size 5"),
        (["--segment-length", 4000], "too few known bases"),
    ],
)
def test_refused(
    fasta: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: list[object], message: str
) -> None:
    assert run("--fasta", fasta, *SIZES, *changes, "--out", tmp_path / "mine") == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("mine*"))
