"""The verb train: what the command does, as a call; options that check themselves before anything is read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from train_files import N_GENES, TINY, options, read

import texcnn
from texcnn.embedding.options import ComputeOptions
from texcnn.errors import InputError, ModelError
from texcnn.genome.select import GeneSelection
from texcnn.genome.windows import WindowSpec
from texcnn.model.load import load_model
from texcnn.tables.columns import EXTRA_COLUMNS, gene_columns
from texcnn.training.choose_split import SplitOptions
from texcnn.training.options import FitChanges, TextCNNChanges, TrainOptions

QUICK: dict[str, Any] = {
    "unit": "RPKM",
    "split": "random",
    "epochs": 8,
    "genes_per_step": 8,
    "learning_rate": 0.02,
    "filters": 8,
    "kernel_widths": [1],
    "device": "cpu",
}


def train(inputs: dict[str, Path], out: Path, **more: Any) -> Any:
    given = {"gtf": inputs["gtf"], **QUICK, **more}
    return texcnn.train(inputs["expression"], out, given.pop("fasta", inputs["fasta"]), **given)


def test_a_call_and_the_command_write_the_same_bytes(
    run_texcnn: Callable[..., tuple[int, str]], inputs: dict[str, Path], tiny: Path, tmp_path: Path
) -> None:
    (tmp_path / "call").mkdir()
    done = train(inputs, tmp_path / "call" / "mine", model=tiny, runs=2, seed=3)
    assert run_texcnn("train", *options(inputs, model=tiny, out=tmp_path / "mine", runs=2, seed=3), *TINY) == (0, "")
    files = sorted((tmp_path / "mine").iterdir())
    assert len(files) == 11
    for path in files:
        assert path.read_bytes() == (tmp_path / "call" / "mine" / path.name).read_bytes(), path.name
    assert done.folder == tmp_path / "call" / "mine"
    assert (done.unit, done.cell_types) == ("log10(RPKM + 0.1)", ("liver", "brain"))
    assert [run.seed for run in done.runs] == [3, 4]
    assert len(done.genes.genes) + len(done.genes.skipped) == N_GENES + 1
    written = read(done.folder, "runs.tsv")["test_squared_pearson"]
    row = done.summary.set_index("metric").loc["squared_pearson"]
    assert row.tolist() == pytest.approx([written.min(), written.mean(), written.max()])


def test_options_as_one_object(inputs: dict[str, Path], tiny: Path, tmp_path: Path) -> None:
    chosen = TrainOptions(
        selection=GeneSelection(gtf=inputs["gtf"]),
        splitting=SplitOptions("random"),
        fitting=FitChanges(epochs=2, genes_per_step=8),
        head=TextCNNChanges(kernel_widths=(1,), filters=8),
        compute=ComputeOptions(device="cpu"),
        unit="RPKM",
        model=tiny,
        cell_types="liver",  # type: ignore[arg-type]
    )
    done = texcnn.train(str(inputs["expression"]), str(tmp_path / "mine"), str(inputs["fasta"]), options=chosen)
    assert load_model(tmp_path / "mine").cell_types == done.cell_types == ("liver",)
    assert load_model(tmp_path / "mine").config.head.options["kernel_widths"] == [1]
    with pytest.raises(InputError, match=r"`options` is given, and runs too"):
        texcnn.train(inputs["expression"], tmp_path / "other", inputs["fasta"], options=chosen, runs=2)


def test_whole_chromosomes_are_split_unless_an_option_changes_it(
    inputs: dict[str, Path], tiny: Path, tmp_path: Path
) -> None:
    given = {name: value for name, value in QUICK.items() if name != "split"}
    done = texcnn.train(
        inputs["expression"], tmp_path / "mine", inputs["fasta"], gtf=inputs["gtf"], model=tiny, **given
    )
    parts = pd.Series({gene.chrom: done.genes.split.parts[gene.id] for gene in done.genes.genes})
    assert len(parts) == 5
    assert all(done.genes.split.parts[gene.id] == parts[gene.chrom] for gene in done.genes.genes)
    assert "by chromosomes, seed 0" in (tmp_path / "mine" / "README.md").read_text()


def test_the_grid_of_a_model_is_kept(inputs: dict[str, Path], tiny: Path, tmp_path: Path) -> None:
    texcnn.embed(inputs["fasta"], tmp_path / "store", tiny, gtf=inputs["gtf"], grid_segments=True, device="cpu")
    train({**inputs, "gtf": None}, tmp_path / "grid", model=tiny, embeddings=tmp_path / "store", fasta=None)
    assert load_model(tmp_path / "grid").window == WindowSpec(20, 10, 10)
    train(inputs, tmp_path / "again", model=tmp_path / "grid")
    assert load_model(tmp_path / "again").window == WindowSpec(20, 10, 10)
    for name in ("model.safetensors", "split.tsv", "history.tsv"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "grid" / name).read_bytes(), name
    train(inputs, tmp_path / "wider", model=tmp_path / "grid", upstream=30)
    assert load_model(tmp_path / "wider").window == WindowSpec(30, 10, 10)


@pytest.mark.parametrize("name", [*gene_columns(transcripts=True, extra=EXTRA_COLUMNS)[1:], "liver.lower"])
def test_a_name_that_tables_own_is_refused_before_it_breaks_them(
    inputs: dict[str, Path], tiny: Path, tmp_path: Path, name: str
) -> None:
    table = pd.read_csv(inputs["expression"], sep="\t").rename(columns={"brain": name})
    table.to_csv(tmp_path / "e.tsv", sep="\t", index=False)
    given = {**inputs, "expression": tmp_path / "e.tsv"}
    with pytest.raises(InputError, match=rf"the cell types {name} are named like columns .* name the columns to learn"):
        train(given, tmp_path / "mine", model=tiny, cell_types=[name, "liver"])
    assert not list(tmp_path.glob("mine*"))
    done = train(given, tmp_path / "mine", model=tiny, cell_types="liver")
    assert done.cell_types == ("liver",)


def test_a_mistyped_cell_type_is_found_before_a_genome_is_opened(
    inputs: dict[str, Path], tiny: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"unknown column 'livr' .* did you mean 'liver'"):
        train(inputs, tmp_path / "mine", fasta="none.fa", gtf="none.gtf", model=tiny, cell_types=["livr"])


def test_labels_that_look_logged_are_warned_of(
    inputs: dict[str, Path], tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = pd.read_csv(inputs["expression"], sep="\t").set_index("gene_id")
    (table / (table.max() / 5)).to_csv(tmp_path / "logged.tsv", sep="\t")
    given = {**inputs, "expression": tmp_path / "logged.tsv"}
    caplog.set_level(logging.WARNING, "texcnn")
    train(given, tmp_path / "mine", model=tiny)
    assert "logarithms already" in caplog.text
    caplog.clear()
    train(given, tmp_path / "mine", model=tiny, transform="none", overwrite=True)
    assert "logarithms already" not in caplog.text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unit": ""}, "no unit of the expression table – in `unit`"),
        ({"unit": "TPM", "transform": "log2"}, "unknown unit transform 'log2' – in `transform`"),
        ({"runs": 0}, "unusable number 0 – in `runs`"),
        ({"seed": -1}, "unusable number -1 – in `seed`"),
        ({"upstream": -5}, "unusable number -5 – in `upstream`"),
        ({"epochs": 0}, "unusable number 0 – in `epochs`"),
        ({"learning_rate": 0.0}, "unusable number 0.0 – in `learning_rate`"),
        ({"optimizer": "lion"}, r"unknown optimizer 'lion' – in `optimizer` – allowed: adamw, adam, sgd"),
        ({"dropout": 1.0}, "unusable share 1.0 – in `dropout`"),
        ({"kernel_widths": (0,)}, "unusable number 0 – in `kernel_widths`"),
        ({"segment_positions": "no"}, "'no' is not yes or no – in `segment_positions`"),
        ({"architecture": "lstm"}, "unknown architecture 'lstm' – in `architecture`"),
        ({"architecture": "xpresso", "filters": 3}, "`filters` can be given to a text CNN only"),
        ({"architecture": "xpresso", "encoders": "dnabert2"}, "xpresso reads bases, not other encoders' vectors"),
        ({"architecture": "xpresso", "compile": True}, "no frozen encoder to compile – in `compile`"),
        ({"model": "m", "encoders": ["dnabert2"]}, "both a model and encoders are given"),
        ({"embeddings": "store", "upstream": 3}, "so `upstream` cannot be given"),
        ({"embeddings": "store", "gtf": "g", "genes": ["a"]}, "so `gtf`, `genes` cannot be given"),
        ({"embeddings": "store", "fine_tune": 1}, "the vectors of a store do not learn"),
        ({"encoder_learning_rate": 0.1}, "no encoder learns – in `encoder_learning_rate` – add `fine_tune`"),
        ({"fine_tune": "all", "dtype": "bfloat16", "device": "cpu"}, "does not learn in bfloat16 – in `dtype`"),
        ({"gtf": "g", "transcripts": "all"}, "one row per gene – in `transcripts`"),
        ({"learning_rte": 1}, "unknown option 'learning_rte' .* did you mean 'learning_rate'"),
    ],
)
def test_options_check_themselves_before_anything_is_read(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        texcnn.train("none.tsv", tmp_path / "mine", "none.fa", **{"unit": "TPM", **changes})
    assert not list(tmp_path.iterdir())


def test_a_model_in_memory_is_refused_with_what_is_taken(tiny: Path) -> None:
    with pytest.raises(InputError, match=r"a Model in memory .* – in `model` – allowed: a bundled model's name"):
        TrainOptions(unit="TPM", model=load_model(tiny))  # type: ignore[arg-type]


def test_a_head_that_cannot_be_is_refused_before_anything_is_read() -> None:
    with pytest.raises(ModelError, match="unusable kernel widths"):
        TrainOptions(unit="TPM", head=TextCNNChanges(kernel_widths=(2,)))


def test_what_is_not_changed_is_the_architectures() -> None:
    chosen = TrainOptions(unit="TPM", architecture="xpresso", fitting=FitChanges(genes_per_step=7), seed=3)
    assert chosen.fit == type(chosen.fit)(
        epochs=100, batch_size=7, learning_rate=5e-4, patience=7, seed=3, optimizer="sgd"
    )
    assert TextCNNChanges(kernel_widths=[3, 1], segment_positions=False).given() == {  # type: ignore[arg-type]
        "kernel_widths": [3, 1],
        "segment_positions": False,
    }
    assert TrainOptions(unit="TPM").compute.dtype in (torch.float32, torch.bfloat16, torch.float16)
