"""What a new bundle holds of encoders that come from elsewhere."""

import json
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from tiny import CompositionEncoder, save_tiny_dnabert2, tiny_tokenizer

from texcnn.encoders.checkpoint import CONFIG_FILE
from texcnn.encoders.dnabert2 import TOKENIZER_FILE
from texcnn.encoders.protocol import EncoderSpec
from texcnn.encoders.registry import load_encoder
from texcnn.errors import ModelError
from texcnn.model.bundle import BundleFiles
from texcnn.model.held_encoders import encoders_by_name, encoders_of_model, hold_encoder


def test_encoder_weights_of_a_bundle_are_copied(tiny_dnabert2: Path, tmp_path: Path) -> None:
    chosen = encoders_of_model(str(tiny_dnabert2))
    source = BundleFiles(tiny_dnabert2)
    assert chosen.specs == source.config.encoders
    assert chosen.window == source.config.window
    assert chosen.files == {"tokenizer.json": tiny_tokenizer()}
    assert set(chosen.tensors) == {f"encoders.{name}" for name in source.tensors("encoders.")}


def test_an_encoder_type_of_another_package_goes_into_the_bundle_with_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Theirs(CompositionEncoder):
        model = torch.nn.Linear(2, 1)
        bundle_files: ClassVar[dict[str, str] | None] = {"words": "words.txt"}

    encoder = Theirs()
    monkeypatch.setattr("texcnn.model.held_encoders.encoder_spec", lambda name: EncoderSpec("theirs", str(tmp_path)))
    monkeypatch.setattr("texcnn.model.held_encoders.load_encoder", lambda spec: encoder)
    (tmp_path / "config.json").write_text('{"size": 2}')
    (tmp_path / "words.txt").write_text("A\nC\n")
    chosen = encoders_by_name([f"theirs={tmp_path}"])
    options = {"config": {"size": 2}, "prefix": "encoders.0.", "words": "words-0.txt"}
    assert chosen.specs == (EncoderSpec("theirs", "bundle", options=options),)
    assert chosen.files == {"words-0.txt": b"A\nC\n"}
    assert chosen.tensors.keys() == {"encoders.0.weight", "encoders.0.bias"}
    # A model that names a folder of this machine, or lacks its tokenizer, would be of no use elsewhere.
    Theirs.bundle_files = None
    for unsaid in (encoder, CompositionEncoder()):
        monkeypatch.setattr("texcnn.model.held_encoders.load_encoder", lambda spec, unsaid=unsaid: unsaid)
        with pytest.raises(ModelError, match=r"type 'theirs' cannot be copied into a model .*bundle_files.* Hub id"):
            encoders_by_name([f"theirs={tmp_path}"])


def test_a_published_encoder_stays_a_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = CompositionEncoder()
    monkeypatch.setattr("texcnn.model.held_encoders.load_encoder", lambda spec: encoder)
    chosen = encoders_by_name(["dnabert2"])
    assert chosen.specs[0].source == "zhihan1996/DNABERT-2-117M"
    assert (chosen.tensors, chosen.files, chosen.encoders) == ({}, {}, [encoder])


def test_an_encoder_from_elsewhere_is_held_with_its_config_and_tokenizer(tmp_path: Path) -> None:
    bundle = BundleFiles(save_tiny_dnabert2(tmp_path / "m"))
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    torch.save(bundle.tensors("encoders.0."), folder / "pytorch_model.bin")
    (folder / CONFIG_FILE).write_text(json.dumps(bundle.config.encoders[0].options["config"]))
    (folder / TOKENIZER_FILE).write_bytes(tiny_tokenizer())
    spec = EncoderSpec("dnabert2", str(folder), pooling="cls", options={"unverified": [CONFIG_FILE]})
    encoder = load_encoder(spec)
    held, tensors, files = hold_encoder(spec, encoder)  # type: ignore[arg-type]
    assert held == EncoderSpec(
        "dnabert2",
        "bundle",
        pooling="cls",
        options={**bundle.config.encoders[0].options, "tokenizer": "tokenizer-0.json"},
    )
    assert files == {"tokenizer-0.json": tiny_tokenizer()}
    assert tensors.keys() == {f"encoders.0.{name}" for name in bundle.tensors("encoders.0.")}
