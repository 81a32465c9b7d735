"""``texcnn models``: what there is, what it is, and copies of it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from runs import Commands

import texcnn
from texcnn.encoders.known import KNOWN_ENCODERS
from texcnn.errors import RunError
from texcnn.model.catalog import DEFAULT_MODEL, bundled_models


def test_the_list_has_every_model_and_encoder(commands: Commands) -> None:
    models, encoders = commands.succeed("models", "list").out.split("\n\n")
    table = pd.DataFrame([line.split("\t") for line in models.splitlines()])
    table = table.set_axis(table.iloc[0], axis=1)[1:]
    assert table["name"].tolist() == list(bundled_models())
    assert table["name"][table["default"] == "yes"].tolist() == [DEFAULT_MODEL]
    header, *rows = encoders.splitlines()
    assert header == "encoder\tsource\trevision"
    assert {row.split("\t")[0]: row.split("\t")[1] for row in rows} == {
        name: spec.source for name, spec in KNOWN_ENCODERS.items()
    }


def test_the_default_is_shown_without_a_name(commands: Commands) -> None:
    named, unnamed = (commands.succeed("models", "show", *name).out for name in ([DEFAULT_MODEL], []))
    assert named == unnamed
    assert unnamed.startswith(f"Model           {DEFAULT_MODEL}, version ")


@pytest.mark.parametrize("option", ["--card", "--json", "--cell-types"])
def test_each_view_is_all_of_its_kind(commands: Commands, tiny: Path, option: str) -> None:
    shown = commands.succeed("models", "show", tiny, option).out
    if option == "--card":
        assert shown == (tiny / "README.md").read_text() + "\n"
    elif option == "--cell-types":
        assert shown == (tiny / "cell_types.tsv").read_text()
    else:
        model = texcnn.load_model(tiny)
        output = json.loads(shown)
        assert output["fingerprint"] == model.fingerprint
        assert output["cell_types"] == model.cell_type_table.to_dict("records")
        assert output["window"] == {"upstream": 20, "downstream": 10, "grid": None}
        assert output["unit"] == "fraction"


@pytest.mark.parametrize("command", ["show", "export"])
def test_an_unknown_name_lists_what_there_is(commands: Commands, tmp_path: Path, command: str) -> None:
    out = ["--out", tmp_path / "o"] if command == "export" else []
    message = commands.refuse("models", command, "texcnn-midi", *out)
    assert f"unknown model 'texcnn-midi' – in NAME – allowed: {', '.join(bundled_models())}, a folder, hf:" in message
    assert "did you mean 'texcnn-mini'?" in message


def test_an_export_is_the_bundle_and_loads(commands: Commands, tiny: Path, tmp_path: Path) -> None:
    run = commands.succeed("models", "export", tiny, "--out", tmp_path / "copy")
    assert run.err == f"model bundle: {tmp_path / 'copy'}\n"
    files = {path.name: path.read_bytes() for path in tiny.iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "copy").iterdir()} == files
    assert texcnn.load_model(tmp_path / "copy").fingerprint == texcnn.load_model(tiny).fingerprint


def test_an_export_replaces_bundles_only(commands: Commands, tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy"
    commands.succeed("models", "export", tiny, "--out", out)
    assert "set --overwrite" in commands.refuse("models", "export", tiny, "--out", out)
    commands.succeed("models", "export", tiny, "--out", out, "--overwrite")
    (out / "cell_types.tsv").unlink()
    message = commands.refuse("models", "export", tiny, "--out", out, "--overwrite")
    assert "allowed: a new name, or a folder with cell_types.tsv" in message


def test_a_damaged_bundle_is_not_copied(commands: Commands, tiny: Path, tmp_path: Path) -> None:
    (tiny / "model.safetensors").write_bytes(b"cut short")
    assert "wrong checksum" in commands.refuse("models", "export", tiny, "--out", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


class TestFetch:
    def test_an_encoder_by_its_name(self, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
        from texcnn.encoders import fetch

        asked = []
        monkeypatch.setattr(fetch, "fetch", lambda spec: asked.append(spec) or "/cache/dnabert2")
        assert commands.succeed("models", "fetch", "dnabert2").out == "/cache/dnabert2\n"
        assert asked == [KNOWN_ENCODERS["dnabert2"]]

    def test_a_model_by_its_place_on_the_hub(self, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
        from texcnn.model import catalog

        monkeypatch.setattr(catalog, "fetch_model", lambda name: f"/cache/{name}")
        assert commands.succeed("models", "fetch", "hf:a/b@c").out == "/cache/hf:a/b@c\n"

    def test_a_network_that_is_not_there_is_a_failed_run(
        self, commands: Commands, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from texcnn.model import catalog

        def offline(name: str) -> None:
            raise RunError(f"cannot reach the Hub to fetch '{name}'", remedy="check the network, then try again")

        monkeypatch.setattr(catalog, "fetch_model", offline)
        assert "check the network" in commands.refuse("models", "fetch", "hf:a/b@c", status=1)

    def test_an_unknown_name_lists_what_can_be_fetched(self, commands: Commands) -> None:
        message = commands.refuse("models", "fetch", "dnabert")
        assert f"allowed: {', '.join(KNOWN_ENCODERS)}, hf:owner/name@revision" in message


def test_the_kind_of_an_import_is_known(commands: Commands, tmp_path: Path) -> None:
    message = commands.refuse("models", "import", "keras", "x.h5", "--out", tmp_path / "o")
    assert "'keras' is not one of 'xpresso', 'mpra-dragonn'" in message
    (tmp_path / "o").mkdir()
    message = commands.refuse("models", "import", "xpresso", "x.h5", "--out", tmp_path / "o")
    assert "already exists" in message, "before the file is looked at"
