"""What a model card and a bundle say of each kind of training, and the settings of each architecture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tiny import save_tiny_dnabert2
from torch import nn

from texcnn.embedding.embeddings import Embeddings
from texcnn.encoders.protocol import EncoderSpec
from texcnn.errors import InputError
from texcnn.evaluation.metrics import METRICS
from texcnn.genome.gene import Gene
from texcnn.genome.windows import WindowSpec
from texcnn.heads.spec import HeadSpec
from texcnn.heads.textcnn import TextCNN
from texcnn.model.bundle import BundleFiles
from texcnn.model.held_encoders import ChosenEncoders, encoders_of_model
from texcnn.segments.segment import SegmentSpec
from texcnn.training.architectures import ARCHITECTURES, find_architecture, fit_options
from texcnn.training.bundle import Trained, save_trained
from texcnn.training.examples import SegmentVectors, WindowBases
from texcnn.training.finetune import FineTunedNetwork, Tuning
from texcnn.training.fit import Epoch, Fit
from texcnn.training.options import TrainOptions
from texcnn.training.prepare import Prepared
from texcnn.training.runs import Run
from texcnn.training.splits import Split
from texcnn.training.targets import LabelledGenes

GENES = [Gene(f"g{place:02d}", "", "chr1", 50 * place, "+") for place in range(16)]
PARTS = ["train"] * 10 + ["valid"] * 3 + ["test"] * 3
WINDOW = WindowSpec(20, 10)
SIZES = {"dim": 16, "n_cell_types": 1, "n_segments": 3, "kernel_widths": [1], "filters": 2}


def trained(folder: Path, prepared: Prepared, network: nn.Module) -> Trained:
    """One run of one cell type, whose figures are 0.5."""
    rows = [
        {"cell_type": "x", "split": part, "n_genes": 3, **dict.fromkeys(METRICS, 0.5)} for part in ("valid", "test")
    ]
    predicted = {part: torch.rand(3, 1) for part in ("valid", "test")}
    run = Run(7, Fit(network, [Epoch(1, 1.0, 1.0)]), pd.DataFrame(rows), predicted, torch.rand(3, 1))
    split = Split(dict(zip([gene.id for gene in GENES], PARTS, strict=True)), "by groups kept whole, seed 7")
    genes = LabelledGenes(GENES, np.zeros((16, 1), np.float32), None, split, [])
    return Trained(folder, "TPM", ("x",), (), genes, prepared, [run])


def card(folder: Path) -> str:
    return (folder / "README.md").read_text()


def head() -> TextCNN:
    torch.manual_seed(0)
    return TextCNN(**SIZES)  # type: ignore[arg-type]


class TestCards:
    def test_frozen_encoders_are_named_with_their_sources(self, tmp_path: Path) -> None:
        specs = (EncoderSpec("dnabert2", "owner/one"), EncoderSpec("dnabert", "owner/two", options={"k": 6}))
        vectors = SegmentVectors(Embeddings(torch.zeros(16, 3, 16), torch.ones(16, 3, dtype=torch.bool)))
        held = ChosenEncoders([], specs, {}, {})
        prepared = Prepared(vectors, [True] * 16, {}, WINDOW, "g.fa", SegmentSpec(10), held)
        save_trained(trained(tmp_path / "m", prepared, head()), HeadSpec("textcnn", SIZES), TrainOptions(unit="TPM"))
        output = card(tmp_path / "m")
        assert (
            "It reads 3 segments of 10 bp through frozen encoders: dnabert2 (owner/one), dnabert (owner/two).\n"
            in output
        )
        assert "Predicts TPM of x from the 20 bp before and the 10 bp after" in output
        assert "- **Features**: none\n" in output
        assert "seeds 7 to 7.\n" in output
        assert "| squared_pearson | 0.5000 | 0.5000 | 0.5000 |" in output
        assert "Read these figures with care" not in output

    def test_bases_without_segments(self, tmp_path: Path) -> None:
        network = find_architecture("xpresso").make_head({"length": 600, "n_cell_types": 1}, {})
        bases = WindowBases(torch.zeros(16, 600, dtype=torch.uint8))
        prepared = Prepared(bases, [True] * 16, {"length": 600}, WindowSpec(300, 300), "g.fa")
        options = TrainOptions(unit="TPM", architecture="xpresso")
        spec = HeadSpec("xpresso", {"length": 600, "n_cell_types": 1})
        save_trained(trained(tmp_path / "m", prepared, network), spec, options)
        assert "It reads the window's bases, one-hot." in card(tmp_path / "m")
        assert "- **Training**: sgd on the mean squared error, learning rate 0.0005, 128 genes per step" in card(
            tmp_path / "m"
        )
        files = BundleFiles(tmp_path / "m")
        assert (files.config.kind, files.config.segments, files.config.encoders) == ("one-hot", None, ())

    @pytest.mark.parametrize(
        ("layers", "words"), [("all", "the embeddings and all of its 2 layers"), ("1", "the last 1 of its 2 layers")]
    )
    def test_an_encoder_that_learned(self, tmp_path: Path, layers: str, words: str) -> None:
        source = save_tiny_dnabert2(tmp_path / "source")
        tuning = Tuning.of(encoders_of_model(source), layers, segments_per_pass=4)
        vectors = SegmentVectors(Embeddings(torch.zeros(16, 3, 16), torch.ones(16, 3, dtype=torch.bool)))
        prepared = Prepared(vectors, [True] * 16, {}, WINDOW, "g.fa", SegmentSpec(10), tuning.chosen, tuning)
        network = prepared.network(head())
        assert isinstance(network, FineTunedNetwork)
        with torch.no_grad():
            for weight in network.pretrained.parameters():
                weight.add_(1.0)
        options = TrainOptions(unit="TPM", fine_tune=layers)
        save_trained(trained(tmp_path / "m", prepared, network), HeadSpec("textcnn", SIZES), options)
        assert f"through an encoder: dnabert2 (bundle), fine-tuned with the head ({words})." in card(tmp_path / "m")
        assert "; the encoder's learning rate 3e-05; seeds 7 to 7.\n" in card(tmp_path / "m")
        # The bundle has the weights as they became; the encoder that was given stays as it was.
        old, new = (BundleFiles(folder).tensors("encoders.0.") for folder in (source, tmp_path / "m"))
        assert set(old) == set(new)
        moved = [name for name, _ in network.pretrained.named_parameters()]
        for name in moved:
            torch.testing.assert_close(new[name], old[name] + 1)
        again = tuning.encoder.model.state_dict()
        assert all(value.equal(again[name]) for name, value in old.items())


class TestTuning:
    @pytest.mark.parametrize("layers", ["0", "3", "-1", "1.5", "last", ""])
    def test_layers_that_are_not_there(self, tmp_path: Path, layers: str) -> None:
        chosen = encoders_of_model(save_tiny_dnabert2(tmp_path / "source"))
        with pytest.raises(InputError) as refused:
            Tuning.of(chosen, layers, segments_per_pass=4)
        assert str(refused.value) == (
            f"unusable layers '{layers}' – in `fine_tune` – allowed: all, or 1 to 2 of the last ones"
        )

    @pytest.mark.parametrize("n", [0, 2])
    def test_one_encoder_alone_learns(self, tmp_path: Path, n: int) -> None:
        chosen = encoders_of_model(save_tiny_dnabert2(tmp_path / "source"))
        several = ChosenEncoders(chosen.encoders * n, chosen.specs * n, {}, {})
        with pytest.raises(InputError) as refused:
            Tuning.of(several, "all", segments_per_pass=4)
        assert str(refused.value) == (
            f"{n} encoders are chosen – in `fine_tune` – allowed: one, of the types dnabert2, dnabert, "
            "nucleotide-transformer"
        )


class TestArchitectures:
    @pytest.mark.parametrize(
        ("name", "length", "segments"),
        [
            ("deeplncloc", 10_500, (165, 64)),  # 64 subsequences
            ("deeplncloc", 64, (1, 64)),
            ("pipoli", 10_500, (50, 210)),
            ("kmer-ridge", 10_500, (10_500, 1)),
            ("kmer-textcnn", 10_500, (250, 42)),
            ("textcnn", 10_500, (500, 21)),
        ],
    )
    def test_how_windows_are_cut(self, name: str, length: int, segments: tuple[int, int]) -> None:
        spec = find_architecture(name).segments(WindowSpec(length - 1, 1))
        assert (spec.length, spec.n_segments(length)) == segments

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("textcnn", (100, 64, 1e-3, 10, "adamw")),
            ("xpresso", (100, 128, 5e-4, 7, "sgd")),
            ("deeplncloc", (100, 16, 1e-3, 10, "adam")),
            ("pipoli", (300, 256, 5e-4, 20, "adam")),
            ("perceiver", (550, 50, 5e-4, 20, "adam")),
            ("kmer-ridge", (1, 64, 1e-3, 10, "adamw")),
            ("kmer-textcnn", (100, 64, 1e-3, 10, "adamw")),
        ],
    )
    def test_settings(self, name: str, expected: tuple[object, ...]) -> None:
        fit = fit_options(find_architecture(name), 5)
        assert (fit.epochs, fit.batch_size, fit.learning_rate, fit.patience, fit.optimizer) == expected
        assert fit.seed == 5
        assert fit_options(find_architecture(name), 5, patience=1, optimizer=None).optimizer == expected[4]

    def test_none_is_forgotten_here(self) -> None:
        assert list(ARCHITECTURES) == [
            "textcnn", "xpresso", "deeplncloc", "pipoli", "perceiver", "kmer-ridge", "kmer-textcnn",
        ]  # fmt: skip

    def test_an_unknown_name_is_met_with_the_nearest(self) -> None:
        with pytest.raises(InputError) as refused:
            find_architecture("kmer-rigde")
        assert str(refused.value) == (
            "unknown architecture 'kmer-rigde' – in `architecture` – allowed: textcnn, xpresso, deeplncloc, pipoli, "
            "perceiver, kmer-ridge, kmer-textcnn – did you mean 'kmer-ridge'?"
        )

    def test_what_the_user_says_of_the_head_comes_last(self) -> None:
        sizes: dict[str, int] = {"dim": 4, "n_cell_types": 2, "n_segments": 5}
        usual: Any = find_architecture("deeplncloc").make_head(sizes, {})
        changed: Any = find_architecture("deeplncloc").make_head(sizes, {"filters": 3, "kernel_widths": [5]})
        assert [tuple(one.weight.shape) for one in usual.convolutions] == [(128, 4, 1), (128, 4, 3), (128, 4, 5)]
        assert [tuple(one.weight.shape) for one in changed.convolutions] == [(3, 4, 5)]
        assert (usual.dropout.p, changed.input_dropout.p) == (0.5, 0.3)
