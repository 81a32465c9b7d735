"""What a training leaves: tables, a card that says what was done, and nothing half."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch

from texcnn.embedding.embeddings import Embeddings
from texcnn.encoders.protocol import EncoderSpec
from texcnn.errors import RunError
from texcnn.features.spec import FeatureSpec
from texcnn.genome.gene import Gene
from texcnn.genome.skipped import Skipped
from texcnn.genome.windows import WindowSpec
from texcnn.heads.spec import HeadSpec
from texcnn.heads.textcnn import TextCNN
from texcnn.model.bundle import BundleFiles
from texcnn.model.held_encoders import ChosenEncoders
from texcnn.segments.segment import SegmentSpec
from texcnn.training.bundle import Trained, save_trained
from texcnn.training.examples import SegmentVectors
from texcnn.training.fit import Epoch, Fit
from texcnn.training.options import TrainOptions
from texcnn.training.prepare import Prepared
from texcnn.training.runs import Run
from texcnn.training.splits import Split
from texcnn.training.targets import LabelledGenes

GENES = [Gene(f"g{number:02d}", f"g{number:02d}", "chr1", 50 * number, "+") for number in range(16)]
PARTS = ["train"] * 10 + ["valid"] * 3 + ["test"] * 3
SIZES = {"dim": 2, "n_segments": 3, "n_cell_types": 2, "n_features": 1}


def run(seed: int, valid_loss: float, pearson: float) -> Run:
    torch.manual_seed(seed)
    head = TextCNN(**SIZES, kernel_widths=(1,), filters=2)  # type: ignore[arg-type]
    predicted = {part: torch.rand(3, 2) for part in ("valid", "test")}
    true = torch.rand(3, 2)
    metrics = pd.DataFrame(
        {
            "cell_type": ["x", "y"] * 2,
            "split": ["valid", "valid", "test", "test"],
            "n_genes": 3,
            "squared_pearson": [0.1, 0.1, pearson, pearson + 0.2],
            "one_minus_sse_sst": -0.25,
            "spearman": np.nan,
            "rmse": 2.0,
        }
    )
    return Run(seed, Fit(head, [Epoch(1, 1.0, valid_loss + 1), Epoch(2, 0.5, valid_loss)]), metrics, predicted, true)


def trained(folder: Path, *, how: str = "by chromosomes, seed 3") -> Trained:
    split = Split(dict(zip([gene.id for gene in GENES], PARTS, strict=True)), how)
    labels = np.zeros((16, 2), np.float32)
    genes = LabelledGenes(GENES, labels, None, split, [Skipped("g99", "no value in e.tsv")])
    held = ChosenEncoders([], (EncoderSpec("dnabert2", "owner/name", revision="abc"),), {}, {})
    vectors = SegmentVectors(Embeddings(torch.zeros(16, 3, 2), torch.ones(16, 3, dtype=torch.bool)))
    prepared = Prepared(
        vectors, [True] * 16, {"dim": 2, "n_segments": 3}, WindowSpec(1000, 500), "genome.fa", SegmentSpec(500), held
    )
    features = (FeatureSpec("length", 2.0, 3.0),)
    runs = [run(3, 0.8, 0.3), run(4, 0.6, 0.4)]
    return Trained(folder, "log10(TPM + 0.1)", ("x", "y"), features, genes, prepared, runs)


def save(done: Trained, **options: Any) -> None:
    chosen = TrainOptions(unit="TPM", seed=3, runs=2, **options)
    save_trained(done, HeadSpec("textcnn", {**SIZES, "kernel_widths": [1], "filters": 2}), chosen)


def test_the_folder_has_the_best_run_and_tables_of_all(tmp_path: Path) -> None:
    out = tmp_path / "mine"
    done = trained(out)
    save(done)
    files = BundleFiles(out)
    assert (files.config.name, files.config.kind, files.config.unit) == ("mine", "segments", "log10(TPM + 0.1)")
    assert files.config.window == WindowSpec(1000, 500)
    assert files.config.features == done.features
    best = done.runs[1].fit.head.state_dict()
    assert all(value.equal(best[name]) for name, value in files.tensors("head.").items())
    assert files.cell_types["cell_type"].tolist() == ["x", "y"]

    def table(name: str) -> pd.DataFrame:
        return pd.read_csv(out / name, sep="\t")

    assert table("history.tsv").to_numpy().tolist() == [
        [3, 1, 1.0, 1.8], [3, 2, 0.5, 0.8], [4, 1, 1.0, 1.6], [4, 2, 0.5, 0.6],
    ]  # fmt: skip
    runs = table("runs.tsv")
    assert runs["seed"].tolist() == [3, 4]
    assert runs["best_epoch"].tolist() == [2, 2]
    assert runs["test_squared_pearson"].tolist() == pytest.approx([0.4, 0.5])
    pd.testing.assert_frame_equal(table("metrics.tsv"), done.runs[1].metrics)
    assert table("skipped.tsv").to_numpy().tolist() == [["g99", "no value in e.tsv"]]
    assert table("split.tsv")["split"].tolist() == PARTS
    assert (out / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_the_card_word_for_word(tmp_path: Path) -> None:
    save(trained(tmp_path / "mine"))
    card = (tmp_path / "mine" / "README.md").read_text()
    expected = """# mine

Predicts log10(TPM + 0.1) of 2 cell types from the 1,000 bp before and the 500 bp after a transcription start site.

- **Genome**: genome.fa
- **Genes**: 10 train, 3 valid, 3 test, split by chromosomes, seed 3 (`split.tsv`). 1 genes could not be used (`skipped.tsv`).
- **Network**: TExCNN: a text CNN over segment vectors. It reads 3 segments of 500 bp through frozen encoders: dnabert2 (owner/name).
- **Features**: length
- **Training**: adamw on the mean squared error, learning rate 0.001, 64 genes per step, stopped after 10 epochs without a smaller loss on the validation genes or after 100 epochs; seeds 3 to 4.

## How good it is

3 test genes; minimum, average and maximum over 2 runs, each the mean over cell types:

| metric | min | avg | max |
|---|---|---|---|
| squared_pearson | 0.4000 | 0.4500 | 0.5000 |
| one_minus_sse_sst | -0.2500 | -0.2500 | -0.2500 |
| spearman | nan | nan | nan |
| rmse | 2.0000 | 2.0000 | 2.0000 |

The kept run (seed 4) was chosen by its validation loss;"""  # noqa: E501
    assert card.startswith(expected), card
    assert "Read these figures with care" not in card


def test_a_random_split_is_warned_of(tmp_path: Path) -> None:
    save(trained(tmp_path / "mine", how="at random, seed 3"))
    assert (
        "**Read these figures with care**: genes were split one by one" in (tmp_path / "mine" / "README.md").read_text()
    )


def test_a_peer_says_how_it_was_fitted(tmp_path: Path) -> None:
    save(trained(tmp_path / "mine"), architecture="kmer-ridge")
    card = (tmp_path / "mine" / "README.md").read_text()
    assert "- **Training**: solved, its penalty chosen by validation genes; seeds 3 to 4." in card


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    out = tmp_path / "mine"
    save(trained(out))
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(RunError, match="the disk is full"):
        save(trained(out))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["mine"]
