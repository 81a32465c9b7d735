"""A pre-trained encoder on disk: what the original libraries read, and how it was made."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from transformers import BertForMaskedLM

from texcnn.encoders.choose import encoder_spec
from texcnn.encoders.registry import load_encoder
from texcnn.errors import RunError
from texcnn.files import sha256_file
from texcnn.genome.interval import Interval
from texcnn.pretraining import save as save_module
from texcnn.pretraining.corpus import Corpus
from texcnn.pretraining.fit import StepOptions, StepReport
from texcnn.pretraining.language_model import LanguageModel, ModelSizes, dnabert2_model, dnabert_model
from texcnn.pretraining.save import GenomeRecord, save_pretrained
from texcnn.pretraining.vocabulary import train_bpe

SIZES = ModelSizes(16, 2, 4, 24)
CORPUS = Corpus((Interval("chr1", 0, 3000),), (Interval("chr1", 3000, 3100),), 40, 1234, 56)
OPTIONS = StepOptions(steps=1200, segments_per_step=8, learning_rate=2e-4, seed=9)
HISTORY = [StepReport(600, 3.5, 3.25, 1e-4), StepReport(1200, 3.0, 2.75, 1e-5)]


def dnabert() -> LanguageModel:
    return dnabert_model(SIZES, 3, seed=0)


def dnabert2() -> LanguageModel:
    return dnabert2_model(SIZES, train_bpe(["ACGTTGCA" * 10], 20), seed=0)


def record(regions: str | None = None, exclude: tuple[str, ...] = ()) -> GenomeRecord:
    return GenomeRecord("g.fa", "abc", regions, exclude)


def save(out: Path, language: LanguageModel, genome: GenomeRecord | None = None) -> Path:
    save_pretrained(out, language, genome or record(), CORPUS, OPTIONS, HISTORY)
    return out


@pytest.mark.parametrize("kind", ["dnabert", "dnabert2"])
def test_the_encoder_that_is_read_is_the_one_in_memory(tmp_path: Path, kind: str) -> None:
    language = dnabert() if kind == "dnabert" else dnabert2()
    out = save(tmp_path / "mine", language)
    spec = encoder_spec(str(out))
    assert spec.type == kind
    encoder = load_encoder(spec)
    language.model.eval()
    segments = ["ACGTTGCAAC", "GGGGTTTTAA"]
    with torch.no_grad():
        expected = language.encoder.embed(language.encoder.tokenize(segments))
    torch.testing.assert_close(encoder.embed(encoder.tokenize(segments)), expected, rtol=0, atol=1e-6)


def test_transformers_reads_a_dnabert(tmp_path: Path) -> None:
    language = dnabert()
    theirs = BertForMaskedLM.from_pretrained(save(tmp_path / "mine", language)).eval()
    ids = torch.tensor(language.encoder.tokenize(["ACGTTGCAAC"]))
    mask = torch.ones_like(ids, dtype=torch.bool)
    with torch.no_grad():
        ours = language.scores(language.encoder.hidden_states(ids, mask))
        torch.testing.assert_close(theirs(ids).logits, ours, rtol=0, atol=1e-5)
    words = (tmp_path / "mine" / "vocab.txt").read_text().split()
    assert (len(words), words[:5]) == (69, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])


def test_weights_that_are_shared_are_written_once(tmp_path: Path) -> None:
    language = dnabert2()
    tensors = load_file(save(tmp_path / "mine", language) / "model.safetensors")
    assert "bert.embeddings.word_embeddings.weight" in tensors
    assert "cls.predictions.decoder.weight" not in tensors
    assert tensors.keys() == dict(language.model.named_parameters()).keys()


def test_the_record_says_how_it_was_made(tmp_path: Path) -> None:
    out = save(tmp_path / "mine", dnabert2(), record("r.bed", ("chr8", "chr9")))
    output = json.loads((out / "pretraining.json").read_text())
    assert (output["architecture"], output["segment_length"], output["valid_loss"]) == ("dnabert2", 40, 2.75)
    assert output["genome"] == {
        "fasta": "g.fa",
        "sha256": "abc",
        "regions": "r.bed",
        "exclude_chroms": ["chr8", "chr9"],
    }
    assert (output["n_train"], output["n_valid"], output["n_unknown"], output["n_short"]) == (3000, 100, 1234, 56)
    assert output["options"]["steps"] == 1200
    assert output["sha256"] == {
        name: sha256_file(out / name) for name in ("config.json", "model.safetensors", "tokenizer.json")
    }
    history = pd.read_csv(out / "history.tsv", sep="\t")
    assert history.to_numpy().tolist() == [[600, 3.5, 3.25, 1e-4], [1200, 3.0, 2.75, 1e-5]]


def test_the_card_in_words(tmp_path: Path) -> None:
    card = " ".join((save(tmp_path / "mine", dnabert2(), record("r.bed", ("chr8",))) / "README.md").read_text().split())
    for words in (
        "# mine A DNA language model of the DNABERT-2 architecture, pre-trained from random weights",
        "**Genome**: g.fa (sha256 `abc`), the regions of r.bed, without chr8",
        "3,000 learned from, 100 held out; 1,234 unknown ones skipped, and 56 in runs shorter than a segment.",
        "2 layers of 16 with 4 heads; 20 tokens.",
        "1,200 steps of 8 segments, float32, learning rate up to 0.0002, seed 9.",
        "2.7500 nats per hidden token at the end, 3.2500 after 600 steps",
        "Guessing among all tokens with equal chance gives 2.9957.",  # the logarithm of 20
    ):
        assert words in card, words
    plain = " ".join((save(tmp_path / "other", dnabert()) / "README.md").read_text().split())
    assert "of the DNABERT architecture" in plain
    assert "(sha256 `abc`), all of it -" in plain


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = (save(tmp_path / name / "m", dnabert2()) for name in ("one", "two"))
    for path in one.iterdir():
        assert path.read_bytes() == (two / path.name).read_bytes(), path.name


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    out = save(tmp_path / "mine", dnabert2())
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setattr(save_module, "save_file", full)
    with pytest.raises(RunError, match="the disk is full"):
        save(out, dnabert())
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
