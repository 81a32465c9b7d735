"""A segment that the chunk before had is not computed again, and its vector is the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from texcnn.model.run import predict_to_table
from tiny import CompositionEncoder, write_genome, write_gtf

import texcnn
from texcnn.embedding.cache import SegmentMemory
from texcnn.embedding.engine import embed_windows
from texcnn.model import predict
from texcnn.model.load import load_model
from texcnn.segments.segment import SegmentSpec


class Lengths:
    """Counts what is asked of it; a segment's vector is its length."""

    def __init__(self) -> None:
        self.computed: list[list[str]] = []

    def __call__(self, segments: Sequence[str]) -> torch.Tensor:
        self.computed.append(list(segments))
        return torch.tensor([[float(len(segment))] for segment in segments]).reshape(len(segments), 1)


def test_a_chunk_uses_the_one_before_and_no_other() -> None:
    memory, compute = SegmentMemory(), Lengths()
    chunks = [["A", "CC", "A"], ["CC", "GGG", "CC"], ["A", "GGG"], [], ["GGG"]]
    found = [memory.embed(chunk, compute).flatten().tolist() for chunk in chunks]
    assert found == [[1, 2, 1], [2, 3, 2], [1, 3], [], [3]]
    assert compute.computed == [["A", "CC"], ["GGG"], ["A"], [], ["GGG"]]
    assert (memory.asked, memory.computed) == (9, 5)


def test_a_chunk_computed_elsewhere_is_used() -> None:
    memory, compute = SegmentMemory(), Lengths()
    memory.remember(["A", "CC", "A"], torch.tensor([[7.0], [8.0], [7.0]]))
    assert memory.embed(["CC", "T", "A"], compute).flatten().tolist() == [8, 1, 7]
    assert compute.computed == [["T"]]


def test_masked_segments_are_neither_asked_nor_remembered() -> None:
    memory = SegmentMemory()
    windows = ["GGGGGNNNNNACGTA", "N" * 15]
    for _ in range(2):
        found = embed_windows(
            [CompositionEncoder()], windows, SegmentSpec(5), batch_size=4, device="cpu", memory=memory
        )
        assert found.mask.tolist() == [[True, False, True], [False, False, False]]
        assert found.values[0, 0].tolist() == [0, 0, 1, 0]
    assert (memory.asked, memory.computed) == (4, 2)


NEIGHBOURS = [(f"g{place}", "chr1", 40 + 3 * place, 45 + 3 * place, "+") for place in range(12)]


@pytest.mark.parametrize("genes_per_chunk", [1, 5, 64])
def test_counts_stand_beside_the_table(
    tmp_path: Path, tiny: Path, composition: CompositionEncoder, monkeypatch: pytest.MonkeyPatch, genes_per_chunk: int
) -> None:
    monkeypatch.setattr(predict, "GENES_PER_CHUNK", genes_per_chunk)
    model, gtf = load_model(tiny).on_grid(), write_gtf(tmp_path / "genes.gtf", NEIGHBOURS)
    predict_to_table(model, write_genome(tmp_path), tmp_path / "out.tsv", gtf=gtf, batch_size=8, device="cpu")
    said = json.loads((tmp_path / "out.tsv.meta.json").read_text())
    # Windows of 30 bases start at 20 to 50: six segments of 10 bases, three of them T only.
    assert (said["segments"], said["segments_embedded"]) == (36, 4)
    assert sum(composition.batches) == 4


@pytest.mark.parametrize("genes_per_chunk", [1, 5])
def test_predictions_do_not_depend_on_what_is_reused(
    tmp_path: Path, tiny_dnabert2: Path, monkeypatch: pytest.MonkeyPatch, genes_per_chunk: int
) -> None:
    model, gtf = load_model(tiny_dnabert2).on_grid(), write_gtf(tmp_path / "genes.gtf", NEIGHBOURS)
    expected = model.predict(write_genome(tmp_path), gtf=gtf)
    monkeypatch.setattr(predict, "GENES_PER_CHUNK", genes_per_chunk)
    pd.testing.assert_frame_equal(model.predict(tmp_path / "genome.fa", gtf=gtf), expected, rtol=0, atol=1e-6)


def test_a_model_on_the_grid_is_another_model(tmp_path: Path, tiny_dnabert2: Path) -> None:
    model = load_model(tiny_dnabert2)
    shifted = model.on_grid()
    assert (model.window.grid, shifted.window.grid) == (None, 10)
    assert shifted.fingerprint != model.fingerprint
    assert shifted.on_grid() is shifted
    gtf = write_gtf(tmp_path / "genes.gtf", [("g", "chr1", 44, 50, "+")])
    # The window of base 43 begins at 23; on the grid at 20, as that of base 40 does.
    there = write_gtf(tmp_path / "there.gtf", [("g", "chr1", 41, 50, "+")])
    genome = write_genome(tmp_path)
    values = [
        chosen.predict(genome, gtf=path)[["x", "y", "z"]].to_numpy()
        for chosen, path in ((shifted, gtf), (model, there), (model, gtf))
    ]
    np.testing.assert_array_equal(values[0], values[1])
    assert np.abs(values[0] - values[2]).max() > 0.01


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("grid", [False, True])
def test_real_genes_are_predicted_alike(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grid: bool
) -> None:
    """Neither the batch, the chunk, what is reused, nor shards or a store in between change a prediction."""
    from texcnn.model.predict import predict_store

    from texcnn.genome.load import load_genes
    from texcnn.genome.reference import Reference
    from texcnn.store.fill import embed_genes
    from texcnn.store.store import EmbeddingStore

    yeast = data / "yeast"
    fasta, gtf = yeast / "R64-1-1.fa.gz", yeast / "R64-1-1.81.gtf.gz"
    model = texcnn.load_model().on_grid() if grid else texcnn.load_model()
    reference = Reference(fasta)
    annotation = load_genes(reference, model.window, gtf=gtf)
    names = [gene.id for gene in annotation.genes[1000:1070]]
    expected = model.predict(fasta, gtf=gtf, genes=names, device="cpu")
    network = model.segment_network()
    chosen = load_genes(reference, model.window, gtf=gtf, genes=names)
    assert len(expected) == len(names)

    def check(found: pd.DataFrame) -> None:
        pd.testing.assert_frame_equal(found.reset_index(drop=True), expected, rtol=0, atol=1e-5)

    shards = [
        model.predict(fasta, gtf=gtf, genes=names[start : start + 31], device="cpu") for start in range(0, 70, 31)
    ]
    check(pd.concat(shards))
    embed_genes(
        network.encoders, reference, chosen, tmp_path / "store", window=model.window, segments=network.segments,
        batch_size=17, device="cpu",
    )  # fmt: skip
    check(pd.concat([part.frame for part in predict_store(model, EmbeddingStore.open(tmp_path / "store"))]))
    monkeypatch.setattr(predict, "GENES_PER_CHUNK", 7)
    check(model.predict(fasta, gtf=gtf, genes=names, batch_size=5, device="cpu"))
    monkeypatch.setattr(SegmentMemory, "embed", lambda self, segments, compute: compute(segments))
    check(model.predict(fasta, gtf=gtf, genes=names, device="cpu"))
