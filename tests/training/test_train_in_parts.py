"""A training in parts, as the pipeline runs it: genes in several stores, each run a command of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import load_file
from train_files import TINY, options, read

from texcnn.errors import StoreError
from texcnn.store.joined import JoinedStores

Command = Callable[..., tuple[int, str]]


def embed(texcnn: Command, inputs: dict[str, Path], tiny: Path, out: Path, genes: Path | None = None) -> Path:
    some = [] if genes is None else ["--genes", genes]
    files = ["--fasta", inputs["fasta"], "--gtf", inputs["gtf"], "--model", tiny, *some]
    assert texcnn("embed", *files, "--out", out, "--quiet") == (0, "")
    return out


def assert_same_model(one: Path, other: Path) -> None:
    ours, theirs = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    assert ours.keys() == theirs.keys()
    assert all(ours[name].equal(theirs[name]) for name in ours)


def test_stores_and_runs_in_parts_give_the_same_bits(
    texcnn: Command, inputs: dict[str, Path], tiny: Path, tmp_path: Path
) -> None:
    whole = embed(texcnn, inputs, tiny, tmp_path / "whole")
    ids = [gene.id for gene in JoinedStores.open([whole]).genes]
    parts = []
    for number, some in enumerate((ids[:23], ids[23:])):
        (tmp_path / f"genes-{number}.txt").write_text("\n".join(some))
        parts.append(embed(texcnn, inputs, tiny, tmp_path / f"part-{number}", tmp_path / f"genes-{number}.txt"))
    assert [gene.id for gene in JoinedStores.open(parts).genes] == ids

    stored = {"expression": inputs["expression"], "model": tiny}
    together = options({**stored, "embeddings": whole}, runs=2, out=tmp_path / "together")
    assert texcnn("train", *together, *TINY) == (0, "")
    for run in (0, 1):
        alone = options({**stored, "embeddings": parts[0]}, first_run=run, out=tmp_path / f"run-{run}")
        assert texcnn("train", *alone, "--embeddings", parts[1], *TINY) == (0, "")
    table = read(tmp_path / "together", "runs.tsv")
    alone = pd.concat([read(tmp_path / f"run-{run}", "runs.tsv") for run in (0, 1)], ignore_index=True)
    pd.testing.assert_frame_equal(alone, table)
    best = int(table["valid_loss"].argmin())
    assert_same_model(tmp_path / "together", tmp_path / f"run-{best}")
    assert read(tmp_path / "run-0", "split.tsv").equals(read(tmp_path / "run-1", "split.tsv"))


def test_stores_that_do_not_go_together(texcnn: Command, inputs: dict[str, Path], tiny: Path, tmp_path: Path) -> None:
    store = embed(texcnn, inputs, tiny, tmp_path / "a")
    with pytest.raises(StoreError, match="a gene is in several stores"):
        JoinedStores.open([store, store])
    files = ["--fasta", inputs["fasta"], "--gtf", inputs["gtf"], "--model", tiny, "--store-dtype", "float16"]
    assert texcnn("embed", *files, "--out", tmp_path / "b", "--quiet") == (0, "")
    with pytest.raises(StoreError, match="store_dtype: float32 in the store, float16 now"):
        JoinedStores.open([store, tmp_path / "b"])
