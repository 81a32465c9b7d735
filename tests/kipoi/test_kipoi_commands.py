"""Kipoi's own commands, as a user types them after ``texcnn kipoi register``: offline, every one in its own process."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

import texcnn

KIPOI = Path(sys.executable).parent / "kipoi"

pytestmark = [
    pytest.mark.kipoi,
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("kipoi") is None, reason="needs the kipoi extra"),
]


class User:
    """Someone with a home folder of their own, at work in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.home, self.work = folder / "home", folder / "work"
        self.home.mkdir()
        self.work.mkdir()

    def run(self, *command: str, status: int = 0) -> str:
        """Runs a command and returns all it printed."""
        environment = {**os.environ, "HOME": str(self.home), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        # A proxy that is not there: any attempt to reach the network fails at once.
        environment |= {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
        done = subprocess.run(command, cwd=self.work, env=environment, capture_output=True, text=True, timeout=240)
        output = done.stdout + done.stderr
        assert done.returncode == status, output
        return output

    def kipoi(self, *arguments: str, status: int = 0) -> str:
        return self.run(str(KIPOI), *arguments, status=status)


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    someone = User(tmp_path_factory.mktemp("user"))
    someone.run(sys.executable, "-m", "texcnn", "kipoi", "register")
    return someone


@pytest.fixture(scope="module")
def example(project: Path) -> Path:
    return project / "kipoi_model" / "TExCNN" / "example_files"


@pytest.fixture(scope="module")
def arguments(project: Path) -> str:
    demo = project / "assets" / "demo"
    return json.dumps({"fasta_file": str(demo / "genome.fa.gz"), "gtf_file": str(demo / "genes.gtf")})


@pytest.fixture(scope="module")
def expected(project: Path) -> pd.DataFrame:
    demo = project / "assets" / "demo"
    return texcnn.load_model().predict(demo / "genome.fa.gz", gtf=demo / "genes.gtf").set_index("gene_id")


@pytest.fixture(scope="module")
def tables(user: User, arguments: str) -> dict[str, pd.DataFrame]:
    """One run by plain name, with two workers, written in every format."""
    names = ["o.tsv", "o.h5", "o.parquet", "o.bed"]
    options = ["-m", "-n", "2", "--batch_size", "7"]
    user.kipoi("predict", "TExCNN", f"--dataloader_args={arguments}", *options, "-o", *names)
    read = {
        "tsv": pd.read_csv(user.work / "o.tsv", sep="\t"),
        "parquet": pd.read_parquet(user.work / "o.parquet"),
        "h5": read_h5(user.work / "o.h5"),
        "bed": pd.read_csv(user.work / "o.bed", sep="\t"),
    }
    return {name: table.rename(columns={"name": "metadata/ranges/id"}) for name, table in read.items()}


def read_h5(path: Path) -> pd.DataFrame:
    columns = {}
    with h5py.File(path) as file:

        def collect(name: str, node: h5py.Group | h5py.Dataset) -> None:
            if isinstance(node, h5py.Dataset) and node.ndim == 1:  # features have a column each
                values = node[()]
                columns[name] = [value.decode() for value in values] if values.dtype == object else values

        file.visititems(collect)
    return pd.DataFrame(columns)


def predictions(table: pd.DataFrame) -> pd.DataFrame:
    """The rows' predictions by gene id, the columns named as the cell types are."""
    columns = [name for name in table if name.startswith("preds/")]
    values = table.set_index("metadata/ranges/id")[columns]
    return values.rename(columns=lambda name: name.removeprefix("preds/"))


@pytest.mark.parametrize("ending", ["tsv", "h5", "parquet", "bed"])
def test_every_format_holds_what_texcnn_predicts(
    tables: dict[str, pd.DataFrame], expected: pd.DataFrame, ending: str
) -> None:
    found = predictions(tables[ending])
    cell_types = texcnn.load_model().cell_types
    assert set(found.columns) == set(cell_types)
    assert found.index.is_unique
    assert len(found) == 50
    empty = found.index[found.isna().all(axis=1)].tolist()
    assert empty == [entry["gene_id"] for entry in expected.attrs["skipped"]] == ["DEMOG00000034"]
    found = found.drop(empty)
    assert found.index.tolist() == expected.index.tolist()
    difference = np.abs(found[list(cell_types)].to_numpy() - expected[list(cell_types)].to_numpy())
    assert difference.max() <= 1e-6


def test_rows_name_their_window(tables: dict[str, pd.DataFrame]) -> None:
    row = tables["tsv"].iloc[0]
    place = [row[f"metadata/ranges/{name}"] for name in ("chr", "start", "end", "id", "strand")]
    assert place == ["demo1", 2500, 13000, "DEMOG00000001", "+"]
    assert tables["tsv"]["metadata/ranges/start"].min() == -5000  # a window over the chromosome's start
    assert tables["bed"].columns[:6].tolist() == ["chr", "start", "end", "metadata/ranges/id", "score", "strand"]


def test_bed_and_other_batches_give_the_same(user: User, example: Path, tables: dict[str, pd.DataFrame]) -> None:
    pairs = [f"fasta_file={example / 'genome.fa.gz'}", f"intervals_file={example / 'intervals.bed'}"]
    user.kipoi("predict", "TExCNN", "--dataloader_args", *pairs, "-m", "-k", "-o", "bed.h5")
    found = predictions(read_h5(user.work / "bed.h5"))
    # A BED has no mRNA: its genes have the model's default features.
    expected = texcnn.predict(None, example / "genome.fa.gz", bed=example / "intervals.bed").set_index("gene_id")
    expected = expected.loc[found.index, list(texcnn.load_model().cell_types)]
    assert len(found) == 8
    assert np.abs(found[expected.columns] - expected).to_numpy().max() <= 1e-6
    with h5py.File(user.work / "bed.h5") as file:
        assert [len(window) for window in file["inputs/window"][()]] == [10500] * 8


def test_kipoi_test_passes_without_a_warning_and_notices_wrong_values(user: User, project: Path) -> None:
    by_name = user.kipoi("test", "TExCNN", "--source", "kipoi", "-o", "expected.h5")
    by_folder = user.kipoi("test", str(project / "kipoi_model" / "TExCNN"), "--expect", "expected.h5")
    for output in (by_name, by_folder):
        assert "Successfully ran test_predict" in output
        assert "Returned data schema correct" in output
        assert "WARNING" not in output
    assert "All predictions match" in by_folder
    with h5py.File(user.work / "expected.h5", "a") as file:
        # Of several named outputs Kipoi compares the first only; the tests above compare all of them.
        file["preds"][texcnn.load_model().cell_types[0]][0] += 0.01
    output = user.kipoi("test", "TExCNN", "--source", "kipoi", "--expect", "expected.h5", status=1)
    assert "don't match" in output


def test_info_ls_and_get_example(user: User) -> None:
    output = user.kipoi("info", "TExCNN")
    assert "gtf_file" in output
    assert "10.3390/genes15121593" in output
    assert "TExCNN" in user.kipoi("ls", "--source", "kipoi")
    output = user.kipoi("get-example", "TExCNN", "-o", "example")
    assert '"gtf_file": "example_files/genes.gtf"' in output


def test_preproc_writes_the_windows(user: User, example: Path) -> None:
    arguments = json.dumps({"fasta_file": str(example / "genome.fa.gz"), "gtf_file": str(example / "genes.gtf")})
    user.kipoi("preproc", "TExCNN", f"--dataloader_args={arguments}", "-o", "windows.h5")
    with h5py.File(user.work / "windows.h5") as file:
        first = file["inputs/window"][0].decode()
        assert file["metadata/ranges/id"][0].decode() == "DEMOG00000043"
    assert first[:5000] == "N" * 5000
    assert set(first[5000:]) == set("ACGT")


def test_python_by_name(user: User, example: Path, tables: dict[str, pd.DataFrame]) -> None:
    code = f"""
import kipoi, numpy as np
model = kipoi.get_model("TExCNN")
arguments = dict(fasta_file={str(example / "genome.fa.gz")!r}, gtf_file={str(example / "genes.gtf")!r})
found = model.pipeline.predict(arguments, batch_size=3)
np.savez("python.npz", **{{str(number): values for number, values in enumerate(found.values())}}, names=list(found))
model.pipeline.predict_to_file("python.tsv", arguments, keep_metadata=True)
model.pipeline.predict_example()
"""
    user.run(sys.executable, "-c", code)
    expected = predictions(tables["tsv"]).loc[lambda table: table.index >= "DEMOG00000043"]
    with np.load(user.work / "python.npz") as found:
        for number, name in enumerate(found["names"]):
            np.testing.assert_allclose(found[str(number)], expected[name].to_numpy(), rtol=0, atol=1e-6)
    written = predictions(pd.read_csv(user.work / "python.tsv", sep="\t"))
    assert np.abs(written[expected.columns] - expected).to_numpy().max() <= 1e-6


def test_unusable_input_ends_with_the_reason_and_without_a_table(user: User, example: Path) -> None:
    arguments = json.dumps({"fasta_file": str(example / "genome.fa.gz"), "gtf_file": "missing.gtf"})
    output = user.kipoi("predict", "TExCNN", f"--dataloader_args={arguments}", "-o", "bad.tsv", status=1)
    assert "the file does not exist" in output
    assert "missing.gtf" in output
    assert not (user.work / "bad.tsv").exists()


def test_nothing_but_the_config_was_written_to_the_home(user: User) -> None:
    user.kipoi("info", "TExCNN")
    assert [path.name for path in (user.home / ".kipoi").iterdir()] == ["config.yaml"]
