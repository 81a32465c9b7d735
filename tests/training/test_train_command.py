"""The whole way: files in, a bundle out that predicts."""

import errno
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from tiny import CompositionEncoder, tiny_tokenizer
from train_files import N_GENES, TINY, options, read

from texcnn.encoders.dnabert2_config import Dnabert2Config
from texcnn.encoders.dnabert2_model import Dnabert2Model
from texcnn.features.table import FeatureTable
from texcnn.genome.windows import WindowSpec
from texcnn.model.held_encoders import encoders_by_name
from texcnn.model.load import load_model
from texcnn.segments.segment import SegmentSpec


def test_from_files_to_a_model_that_predicts(
    texcnn: Callable[..., tuple[int, str]], inputs: dict[str, Path], tiny: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine"
    assert texcnn("train", *options(inputs, model=tiny, out=out, runs=3, seed=4), *TINY) == (0, "")
    assert sorted(entry.name for entry in out.iterdir()) == [
        "README.md", "cell_types.tsv", "config.json", "history.tsv", "loss.png", "metrics.tsv", "model.safetensors",
        "reference.safetensors", "runs.tsv", "skipped.tsv", "split.tsv",
    ]  # fmt: skip
    assert not (tmp_path / "mine.work").exists()

    split = read(out, "split.tsv")
    assert split["split"].value_counts().to_dict() == {"train": 47, "valid": 6, "test": 6}
    skipped = read(out, "skipped.tsv").set_index("gene_id")["reason"].to_dict()
    assert skipped == {
        "elsewhere": "in the expression table, but not among the genes",
        "g00": "no segment of the window has enough known bases",
    }
    assert len(split) + len(skipped) == N_GENES + 1
    assert read(out, "runs.tsv")["seed"].tolist() == [4, 5, 6]
    assert read(out, "history.tsv").groupby("seed").size().tolist() == [8, 8, 8]
    metrics = read(out, "metrics.tsv")
    assert metrics.loc[metrics["cell_type"] == "liver", "n_genes"].tolist() == [6, 6]

    model = load_model(out)
    assert (model.name, model.unit, model.cell_types) == ("mine", "log10(RPKM + 0.1)", ("liver", "brain"))
    table = tmp_path / "predicted.tsv"
    genome = ["--fasta", inputs["fasta"], "--gtf", inputs["gtf"]]
    assert texcnn("predict", "--model", out, *genome, "--out", table, "--quiet") == (0, "")
    predicted = pd.read_csv(table, sep="\t").set_index("gene_id")
    labels = np.log10(read(tmp_path, "rpkm.tsv").set_index("gene_id") + 0.1)
    test = split.loc[split["split"] == "test", "gene_id"]
    again = np.corrcoef(predicted.loc[test, "liver"], labels.loc[test, "liver"])[0, 1] ** 2
    written = metrics.query("cell_type == 'liver' and split == 'test'")["squared_pearson"].item()
    assert again == pytest.approx(written, rel=1e-4)
    train = split.loc[split["split"] == "train", "gene_id"]
    assert np.corrcoef(predicted.loc[train, "liver"], labels.loc[train, "liver"])[0, 1] > 0.8
    assert abs(predicted["liver"].mean() - labels["liver"].mean()) < 0.3

    card = (out / "README.md").read_text()
    assert "47 train, 6 valid, 6 test, split at random, seed 4" in card
    assert "2 genes could not be used" in card
    assert f"| squared_pearson | {read(out, 'runs.tsv')['test_squared_pearson'].min():.4f} |" in card
    assert "Read these figures with care" in card


def test_the_same_command_gives_the_same_bytes(
    texcnn: Callable[..., tuple[int, str]], inputs: dict[str, Path], tiny: Path, tmp_path: Path
) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        assert texcnn("train", *options(inputs, model=tiny, out=tmp_path / folder / "mine", runs=2), *TINY)[0] == 0
    for path in (tmp_path / "one" / "mine").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / "mine" / path.name).read_bytes(), path.name


def test_a_store_gives_the_same_model_as_the_genome(
    texcnn: Callable[..., tuple[int, str]], inputs: dict[str, Path], tiny: Path, tmp_path: Path
) -> None:
    genome = ["--fasta", inputs["fasta"], "--gtf", inputs["gtf"]]
    assert texcnn("embed", *genome, "--model", tiny, "--out", tmp_path / "store", "--quiet")[0] == 0
    stored = {"embeddings": tmp_path / "store", "expression": inputs["expression"]}
    for name, source in (("a", inputs), ("b", stored)):
        assert texcnn("train", *options(source, model=tiny, out=tmp_path / name), *TINY) == (0, "")
    for name in ("model.safetensors", "split.tsv", "history.tsv", "skipped.tsv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_features_are_scaled_by_training_genes_and_needed_again(
    texcnn: Callable[..., tuple[int, str]], inputs: dict[str, Path], tiny: Path, tmp_path: Path
) -> None:
    table = tmp_path / "features.tsv"
    table.write_text("gene_id\tlength\n" + "".join(f"g{number:02d}\t{1000 + number}\n" for number in range(N_GENES)))
    out = tmp_path / "mine"
    assert texcnn("train", *options(inputs, model=tiny, features=table, out=out), *TINY) == (0, "")
    model = load_model(out)
    (feature,) = model.config.features
    split = read(out, "split.tsv")
    lengths = 1000 + split.loc[split["split"] == "train", "gene_id"].str[1:].astype(int)
    assert (feature.name, feature.mean) == ("length", pytest.approx(lengths.mean()))
    assert feature.scale == pytest.approx(lengths.std(ddof=0))
    values = FeatureTable.read(table, ["length"]).lookup(list(split["gene_id"]))
    scaled = model.features.scaled(values, len(values))
    assert scaled is not None
    assert abs(scaled[(split["split"] == "train").to_numpy()].mean()) < 1e-5
    genome = ["--fasta", inputs["fasta"], "--gtf", inputs["gtf"], "--model", out, "--out", tmp_path / "p.tsv"]
    assert texcnn("predict", *genome, "--features", table)[0] == 0
    status, err = texcnn("predict", *genome[:-1], tmp_path / "q.tsv")
    assert (status, "needs the features length" in err) == (2, True)


def test_a_dnabert2_bundle_trained_further_predicts(
    texcnn: Callable[..., tuple[int, str]], inputs: dict[str, Path], tiny_dnabert2: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine"
    assert texcnn("train", *options(inputs, model=tiny_dnabert2, out=out), *TINY) == (0, "")
    old, new = load_model(tiny_dnabert2).segment_network(), load_model(out).segment_network()
    assert [one.fingerprint() for one in old.encoders] == [one.fingerprint() for one in new.encoders]
    assert len(load_model(out).predict(inputs["fasta"], gtf=inputs["gtf"])) == N_GENES - 1


def test_an_encoder_of_a_folder_goes_into_the_bundle(
    texcnn: Callable[..., tuple[int, str]], inputs: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    fields = {"vocab_size": 15, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 4,
              "intermediate_size": 24}  # fmt: skip
    torch.manual_seed(0)
    encoder = Dnabert2Model(Dnabert2Config.from_json(fields))
    torch.save(encoder.state_dict(), folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps({**fields, "alibi_starting_size": 512}))
    (folder / "tokenizer.json").write_bytes(tiny_tokenizer())

    chosen = encoders_by_name([str(folder), str(folder)])
    assert [spec.source for spec in chosen.specs] == ["bundle", "bundle"]
    assert sorted(chosen.files) == ["tokenizer-0.json", "tokenizer-1.json"]

    genome = ["--fasta", inputs["fasta"], "--gtf", inputs["gtf"]]
    window = ["--upstream", 20, "--downstream", 10, "--segment-length", 10]
    assert texcnn("embed", *genome, *window, "--encoder", folder, "--out", tmp_path / "store", "--quiet")[0] == 0
    stored = {"embeddings": tmp_path / "store", "expression": inputs["expression"]}
    out = tmp_path / "mine"
    assert texcnn("train", *options(stored, encoder=folder, out=out), *TINY) == (0, "")
    for path in folder.iterdir():
        path.unlink()
    model = load_model(out)
    assert (model.window, model.segment_network().segments) == (WindowSpec(20, 10), SegmentSpec(10))
    assert model.segment_network().encoders[0].fingerprint() == chosen.encoders[0].fingerprint()
    assert len(model.predict(inputs["fasta"], gtf=inputs["gtf"])) == N_GENES - 1


def test_a_full_disk_leaves_no_half_model_and_the_same_command_continues(
    texcnn: Callable[..., tuple[int, str]],
    inputs: dict[str, Path],
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    composition: CompositionEncoder,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    whole, out = tmp_path / "whole", tmp_path / "mine"
    assert texcnn("train", *options(inputs, model=tiny, out=whole), *TINY)[0] == 0
    with monkeypatch.context() as patched:
        patched.setattr(safetensors.torch, "save_file", full)
        status, err = texcnn("train", *options(inputs, model=tiny, out=out), *TINY)
    assert status == 1
    assert "the disk is full" in err
    assert "make room" in err
    assert not out.exists()
    assert [entry.name for pattern in ("mine*", ".texcnn*") for entry in tmp_path.glob(pattern)] == ["mine.work"]

    embedded = len(composition.batches)
    assert texcnn("train", *options(inputs, model=tiny, out=out), *TINY) == (0, "")
    assert len(composition.batches) == embedded  # nothing was computed twice
    for name in ("model.safetensors", "history.tsv", "metrics.tsv"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": "dnabert2"}, "both a model and encoders"),
        ({"embeddings": "store"}, "a store has its window and its genes already, so --gtf cannot be given"),
        ({"embeddings": "store", "gtf": None}, "give either a genome or a store"),
        ({"fasta": None}, "give either a genome or a store"),
        ({"transcripts": "all"}, "one row per gene"),
        ({"kernel_widths": "a"}, "'a' are not widths"),
        ({"kernel_widths": "2"}, "unusable kernel widths"),
        ({"split": "groups"}, "no groups – in --split groups – give the table of --groups"),
        ({"valid_fraction": 0.95}, "unusable fractions"),
        ({"test_fraction": 0.02}, "too few genes"),
        ({"cell_type": "livr"}, "did you mean 'liver'"),
        ({"gene_column": "Gene"}, "no column 'Gene'"),
        ({"model": "none"}, "unknown model 'none'"),
    ],
)
def test_refused(
    texcnn: Callable[..., tuple[int, str]],
    inputs: dict[str, Path],
    tiny: Path,
    tmp_path: Path,
    changes: dict[str, object],
    message: str,
) -> None:
    status, err = texcnn("train", *TINY, *options(inputs, **{"model": tiny, "out": tmp_path / "mine", **changes}))
    assert (status, message in err) == (2, True), err
    assert not list(tmp_path.glob("mine*"))  # and nothing was computed in vain


def test_a_folder_that_is_no_model_is_never_replaced(
    texcnn: Callable[..., tuple[int, str]], inputs: dict[str, Path], tiny: Path, tmp_path: Path
) -> None:
    for name in ("mine", "mine.work"):
        kept = tmp_path / name / "thesis.txt"
        kept.parent.mkdir()
        kept.write_text("years")
        status, err = texcnn("train", *options(inputs, model=tiny, out=tmp_path / "mine"), *TINY, "--overwrite")
        assert (status, "something else" in err) == (2, True)
        assert kept.read_text() == "years"
        kept.unlink()
        kept.parent.rmdir()
    assert texcnn("train", *options(inputs, model=tiny, out=tmp_path / "mine"), *TINY)[0] == 0
    assert texcnn("train", *options(inputs, model=tiny, out=tmp_path / "mine"), *TINY)[0] == 2
    assert texcnn("train", *options(inputs, model=tiny, out=tmp_path / "mine"), *TINY, "--overwrite")[0] == 0


def test_a_store_of_other_encoders_is_refused(
    texcnn: Callable[..., tuple[int, str]], inputs: dict[str, Path], tiny: Path, tiny_dnabert2: Path, tmp_path: Path
) -> None:
    genome = ["--fasta", inputs["fasta"], "--gtf", inputs["gtf"]]
    assert texcnn("embed", *genome, "--model", tiny, "--out", tmp_path / "store", "--quiet")[0] == 0
    stored = {"embeddings": tmp_path / "store", "expression": inputs["expression"]}
    status, err = texcnn("train", *options(stored, model=tiny_dnabert2, out=tmp_path / "mine"), *TINY)
    assert (status, "made by other encoders" in err) == (2, True)
