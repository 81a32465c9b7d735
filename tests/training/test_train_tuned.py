"""texcnn train --fine-tune: the encoder learns as well, and goes into the bundle as it is then."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import CompositionEncoder, tiny_tokenizer
from torch import Tensor
from train_files import N_GENES, TINY, options, read

from texcnn.encoders.checkpoint import CONFIG_FILE
from texcnn.encoders.dnabert2 import TOKENIZER_FILE
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.genome.windows import WindowSpec
from texcnn.model.bundle import BundleFiles
from texcnn.model.held_encoders import encoders_of_model
from texcnn.model.load import load_model
from texcnn.training import bundle as bundle_module
from texcnn.training import fit as fit_module
from texcnn.training.examples import Examples
from texcnn.training.finetune import Tuning
from texcnn.training.fit import predict_rows
from texcnn.training.prepare import prepare_tokens
from texcnn.training.runs import Run, best_run

Train = Callable[..., tuple[int, str]]
TUNED = [*TINY, "--epochs", 2, "--encoder-learning-rate", 0.003]


def encoder_tensors(folder: Path) -> dict[str, Tensor]:
    return BundleFiles(folder).tensors("encoders.0.")


def test_the_bundle_predicts_what_the_network_in_memory_does(
    texcnn: Train, inputs: dict[str, Path], tiny_dnabert2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Run] = []

    def best(runs: list[Run]) -> Run:
        kept.append(best_run(runs))
        return kept[-1]

    monkeypatch.setattr(bundle_module, "best_run", best)
    out = tmp_path / "mine"
    given = options(inputs, model=tiny_dnabert2, out=out, batch_size=16)
    assert texcnn("train", *given, *TUNED, "--fine-tune") == (0, "")

    with Reference(inputs["fasta"]) as reference:
        genes = load_genes(reference, WindowSpec(20, 10), GeneSelection(inputs["gtf"])).genes
        tuning = Tuning.of(encoders_of_model(str(tiny_dnabert2)), "all", segments_per_pass=16)
        prepared = prepare_tokens(genes, reference, tuning, WindowSpec(20, 10))
    assert prepared.usable == [gene.id != "g00" for gene in genes]
    expected = predict_rows(
        kept[0].fit.head,
        Examples(prepared.inputs, None, torch.zeros(N_GENES - 1, 2), ("liver", "brain")),
        range(N_GENES - 1),
    )
    model = load_model(out)
    predicted = model.predict(inputs["fasta"], gtf=inputs["gtf"])
    np.testing.assert_allclose(predicted[list(model.cell_types)], expected.numpy(), rtol=0, atol=1e-5)

    (old,), (new,) = load_model(tiny_dnabert2).segment_network().encoders, model.segment_network().encoders
    assert new.fingerprint() != old.fingerprint()
    assert model.config.encoders == load_model(tiny_dnabert2).config.encoders
    before = BundleFiles(tiny_dnabert2).tensors("encoders.0.")
    assert not encoder_tensors(out)["embeddings.word_embeddings.weight"].equal(
        before["embeddings.word_embeddings.weight"]
    )
    reasons = read(out, "skipped.tsv").set_index("gene_id")["reason"]
    assert reasons["g00"] == "no segment of the window has enough known bases"
    card = " ".join((out / "README.md").read_text().split())
    assert "dnabert2 (bundle), fine-tuned with the head (the embeddings and all of its 2 layers)" in card
    assert "learning rate 0.02, 8 genes per step" in card
    assert "the encoder's learning rate 0.003" in card
    assert "frozen" not in card


def test_only_the_last_layer_moves_and_a_run_among_others_is_the_run_alone(
    texcnn: Train, inputs: dict[str, Path], tiny_dnabert2: Path, tmp_path: Path
) -> None:
    before = encoder_tensors(tiny_dnabert2)
    for name, seed, runs in (("one", 4, 1), ("two", 5, 1), ("both", 4, 2)):
        given = options(inputs, model=tiny_dnabert2, out=tmp_path / name, split="file", runs=runs, seed=seed)
        split = tmp_path / "split.tsv"
        parts = ["train"] * 40 + ["valid"] * 10 + ["test"] * 10
        split.write_text("gene_id\tsplit\n" + "".join(f"g{number:02d}\t{part}\n" for number, part in enumerate(parts)))
        assert texcnn("train", *given, "--split-file", split, *TUNED, "--fine-tune", 1) == (0, "")
    alone = [read(tmp_path / name, "runs.tsv").iloc[0] for name in ("one", "two")]
    both = read(tmp_path / "both", "runs.tsv")
    for place, one in enumerate(alone):
        assert both.iloc[place].equals(one)
    kept = "one" if alone[0]["valid_loss"] <= alone[1]["valid_loss"] else "two"
    assert (tmp_path / "both" / "model.safetensors").read_bytes() == (
        tmp_path / kept / "model.safetensors"
    ).read_bytes()
    after = encoder_tensors(tmp_path / "one")
    moved = {name for name, value in after.items() if not value.equal(before[name])}
    assert moved
    assert all(name.startswith("encoder.layer.1.") for name in moved)
    card = (tmp_path / "one" / "README.md").read_text()
    assert "fine-tuned with the head (the last 1 of its 2 layers)" in card


def test_a_killed_training_continues_to_the_same_bytes(
    texcnn: Train, inputs: dict[str, Path], tiny_dnabert2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(folder: str, layers: object = "all") -> tuple[int, str]:
        (tmp_path / folder).mkdir(exist_ok=True)
        given = options(inputs, model=tiny_dnabert2, out=tmp_path / folder / "mine", runs=2)
        return texcnn("train", *given, *TUNED, "--fine-tune", layers)

    assert train("whole") == (0, "")
    save, saved = fit_module.save_state, []

    def killed(*args: object) -> None:
        save(*args)  # type: ignore[arg-type]
        saved.append(1)
        if len(saved) == 3:  # the first epoch of the second run
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(fit_module, "save_state", killed)
        assert train("stopped")[0] == 130
    status, err = train("stopped", 1)
    assert (status, "belongs to a training with other data or other options" in err) == (2, True), err
    assert train("stopped") == (0, "")
    for path in (tmp_path / "whole" / "mine").iterdir():
        assert path.read_bytes() == (tmp_path / "stopped" / "mine" / path.name).read_bytes(), path.name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"embeddings": "store", "fasta": None, "gtf": None},
            "the vectors of a store do not learn – in --fine-tune",
        ),
        ({"architecture": "xpresso", "model": None}, "xpresso reads bases, there is no pre-trained encoder to tune"),
        ({"architecture": "deeplncloc", "model": None}, "deeplncloc reads word2vec, there is no pre-trained encoder"),
        ({"fine_tune": 3}, "unusable layers '3' – in --fine-tune – allowed: all, or 1 to 2 of the last ones"),
        ({"fine_tune": "most"}, "unusable layers 'most'"),
        ({"fine_tune": None}, "no encoder learns – in --encoder-learning-rate – add --fine-tune"),
        ({"dtype": "bfloat16"}, "an encoder does not learn in bfloat16 – in --dtype – allowed: float32"),
        ({"encoder_learning_rate": 0}, "0 is not in the range x>0"),
    ],
)
def test_refused(
    texcnn: Train,
    inputs: dict[str, Path],
    tiny_dnabert2: Path,
    tmp_path: Path,
    changes: dict[str, object],
    message: str,
) -> None:
    given = {"model": tiny_dnabert2, "out": tmp_path / "mine", "fine_tune": "all", **changes}
    status, err = texcnn("train", *TUNED, *options(inputs, **given))
    assert (status, message in " ".join(err.split())) == (2, True), err
    assert not list(tmp_path.glob("mine*"))


def test_encoders_that_cannot_learn_are_refused_with_what_can(
    texcnn: Train,
    inputs: dict[str, Path],
    tiny: Path,
    tiny_dnabert2: Path,
    tmp_path: Path,
    composition: CompositionEncoder,
) -> None:
    types = "dnabert2, dnabert, nucleotide-transformer"
    status, err = texcnn("train", *TUNED, *options(inputs, model=tiny, out=tmp_path / "mine"), "--fine-tune")
    refused = f"an encoder of the type composition cannot be fine-tuned – in --fine-tune – allowed: {types}"
    assert (status, refused in err) == (2, True), err
    bundle = BundleFiles(tiny_dnabert2)
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    torch.save(bundle.tensors("encoders.0."), folder / "pytorch_model.bin")
    (folder / CONFIG_FILE).write_text(
        json.dumps({**bundle.config.encoders[0].options["config"], "alibi_starting_size": 512})
    )
    (folder / TOKENIZER_FILE).write_bytes(tiny_tokenizer())
    two = ["--encoder", folder, "--encoder", folder]
    status, err = texcnn("train", *TUNED, *options(inputs, out=tmp_path / "mine"), *two, "--fine-tune")
    assert (status, f"2 encoders are chosen – in --fine-tune – allowed: one, of the types {types}" in err) == (2, True)
    assert composition.batches == []
