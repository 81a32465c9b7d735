"""What runs again after a change, and what is taken from before: shown with -stub, whose probe is real."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from pipeline_runs import Pipeline, Run, copy_pipeline
from test_run import PUBLISHED
from tiny import save_tiny_dnabert2

from texcnn.files import sha256_file

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

ALL = ["CHECK", "EMBED", "MERGE", "PREDICT", "PREPARE", "REPORT", "WINDOWS"]


@pytest.fixture(scope="module")
def stubbed(nextflow: list[str], project: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Tasks run a package of their own, which tests edit; the pipeline's folder has another."""
    folder = tmp_path_factory.mktemp("reuse")
    pipeline = copy_pipeline(nextflow, project, folder)
    shutil.copytree(pipeline.folder / "texcnn", folder / "installed" / "texcnn")
    (folder / "installed" / "texcnn" / "bundled").mkdir()
    pipeline.environment["PYTHONPATH"] = str(folder / "installed")
    return pipeline


@pytest.fixture(scope="module")
def first(stubbed: Pipeline) -> Run:
    return stubbed.succeed("-profile", "test", "-stub", "--models", stubbed.model)


def again(stubbed: Pipeline, *arguments: object, models: object = None) -> list[str]:
    """Which processes run again."""
    names = ["--models", models or stubbed.model]
    return stubbed.succeed("-profile", "test", "-stub", *names, *arguments, "-resume").processes("COMPLETED")


def edit_with_sum(path: Path, text: str) -> None:
    """Edits a file of a model, and its sum in the description, as exporting it again would."""
    described, before = path.with_name("config.json"), sha256_file(path)
    path.write_text(text)
    assert before in described.read_text()
    described.write_text(described.read_text().replace(before, sha256_file(path)))


def test_nothing_that_changes_no_number(stubbed: Pipeline, first: Run) -> None:
    assert first.processes("COMPLETED") == ALL
    assert first.files == PUBLISHED, "a stub publishes what a real run does"
    package = Path(stubbed.environment["PYTHONPATH"]) / "texcnn"
    with (package / "embedding" / "engine.py").open("a") as source:
        source.write("# a comment\n")
    (package / "embedding" / ".engine.py.swp").write_text("of an editor")
    edit_with_sum(stubbed.model / "README.md", "# another card\n")
    shutil.move(stubbed.model, stubbed.launch / "moved")
    assert again(stubbed, "--batch_size", "7", "--gpus", "2", "--dtype", "float32", models="./moved") == (
        ["CHECK", "MERGE", "PREDICT", "REPORT"]
    ), "a model's name is in the names of files"
    (stubbed.launch / "elsewhere").mkdir()
    shutil.move(stubbed.launch / "moved", stubbed.launch / "elsewhere" / "tiny")
    (stubbed.launch / "elsewhere" / "tiny" / "README.md").write_text("# edited, and its sum was not\n")
    assert again(stubbed, models="./elsewhere/tiny") == [], "a card is no input"
    shutil.move(stubbed.launch / "elsewhere" / "tiny", stubbed.model)


def test_an_edited_stage_of_the_installed_package(stubbed: Pipeline, first: Run) -> None:
    package = Path(stubbed.environment["PYTHONPATH"]) / "texcnn"
    with (package / "report" / "payload.py").open("a") as source:
        source.write("EDITED = True\n")
    assert again(stubbed) == ["REPORT"]
    with (package / "embedding" / "engine.py").open("a") as source:
        source.write("EDITED = True\n")
    assert again(stubbed) == ["EMBED", "MERGE", "PREDICT", "REPORT"]
    with (stubbed.folder / "texcnn" / "embedding" / "engine.py").open("a") as source:
        source.write("EDITED = True\n")
    assert again(stubbed) == [], "no task runs the package in the pipeline's folder"


def test_weights(stubbed: Pipeline, first: Run) -> None:
    weights = stubbed.model / "model.safetensors"
    state, size = weights.stat(), weights.stat().st_size
    save_tiny_dnabert2(stubbed.model, seed=1)
    assert weights.stat().st_size == size
    os.utime(weights, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert again(stubbed) == ["EMBED", "MERGE", "PREDICT", "REPORT"]
    table = stubbed.model / "cell_types.tsv"
    edit_with_sum(table, table.read_text().replace("x", "renamed"))
    assert again(stubbed) == ["CHECK", "MERGE", "PREDICT", "REPORT"], "the encoder is the same"


def test_samples_and_models_share_embeddings(stubbed: Pipeline, tmp_path: Path) -> None:
    """Three samples with three models on two encoders: two embeddings, nine predictions."""
    sheet = stubbed.launch / "sheet.csv"
    sheet.write_text("sample\nliver\nbrain\nblood\n")
    for name, seed in (("a", 5), ("b", 6)):
        save_tiny_dnabert2(tmp_path / name, seed=seed)
    shutil.copytree(tmp_path / "a", tmp_path / "c")
    config = json.loads((tmp_path / "c" / "config.json").read_text())
    (tmp_path / "c" / "config.json").write_text(json.dumps({**config, "version": "2"}))
    arguments = ["-profile", "test", "-stub", "--input", sheet]
    two = stubbed.succeed(*arguments, "--models", f"{tmp_path}/a,{tmp_path}/b", outdir="two")
    assert [two.processes("COMPLETED").count(name) for name in ("WINDOWS", "EMBED", "PREDICT")] == [1, 2, 6]
    three = stubbed.succeed(
        *arguments, "--models", f"{tmp_path}/a,{tmp_path}/b,{tmp_path}/c", "-resume", outdir="three"
    )
    assert [three.processes("COMPLETED").count(name) for name in ("WINDOWS", "EMBED", "PREDICT")] == [0, 0, 3]
    sheet.write_text("sample\nLIVER\nbrain\nblood\n")
    renamed = stubbed.succeed(*arguments, "--models", f"{tmp_path}/a,{tmp_path}/b", "-resume", outdir="renamed")
    assert renamed.processes("COMPLETED") == ["CHECK"] + 2 * ["MERGE"] + 2 * ["PREDICT"] + 2 * ["REPORT"]


def test_one_more_gene_changes_one_shard(nextflow: list[str], project: Path, tmp_path: Path) -> None:
    """For real, since stubs know no genes."""
    pipeline = copy_pipeline(nextflow, project, tmp_path)
    lines = (project / "assets" / "demo" / "genes.gtf").read_text().splitlines(keepends=True)
    (pipeline.launch / "fewer.gtf").write_text("".join(line for line in lines if 'DEMOG00000046"' not in line))
    arguments = ["-profile", "test", "--models", pipeline.model, "--store", tmp_path / "store", "--shard_size", "10"]
    one = pipeline.succeed(*arguments, "--gtf", "fewer.gtf", outdir="one")
    n_shards = one.processes("COMPLETED").count("EMBED")
    assert n_shards == 5
    more = pipeline.succeed(*arguments, outdir="more")
    assert more.processes("COMPLETED").count("EMBED") == 1
    assert more.stored == n_shards - 1
    assert len(more.predictions) == len(one.predictions) + 1
