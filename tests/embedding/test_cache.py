"""A segment that was seen before is not computed again, its vector is the same, and memory is bounded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tiny import CompositionEncoder, fill_store, write_genome, write_gtf

import texcnn
from texcnn.embedding.cache import SegmentCache
from texcnn.embedding.engine import embedding_session
from texcnn.embedding.options import ComputeOptions
from texcnn.errors import InputError
from texcnn.model import predict_windows
from texcnn.model.load import load_model
from texcnn.segments.segment import SegmentSpec


class Lengths:
    """Counts what is asked of it; a segment's vector is its length."""

    def __init__(self) -> None:
        self.computed: list[list[str]] = []

    def __call__(self, segments: Sequence[str]) -> torch.Tensor:
        self.computed.append(list(segments))
        return torch.tensor([[float(len(segment))] for segment in segments]).reshape(len(segments), 1)


def test_each_distinct_segment_is_computed_once() -> None:
    cache, compute = SegmentCache(), Lengths()
    calls = [["A", "CC", "A"], ["CC", "GGG", "CC"], ["A", "GGG"], [], ["GGG"]]
    found = [cache.embed(segments, compute).flatten().tolist() for segments in calls]
    assert found == [[1, 2, 1], [2, 3, 2], [1, 3], [], [3]]
    assert compute.computed == [["A", "CC"], ["GGG"], [], [], []]
    assert (cache.asked, cache.computed, len(cache)) == (9, 3, 3)
    assert cache.nbytes == (4 + 1) + (4 + 2) + (4 + 3), "a float and the bases of each"


def test_the_segment_that_waited_longest_is_dropped() -> None:
    cache, compute = SegmentCache(max_bytes=3 * (4 + 1)), Lengths()
    cache.embed(["A", "C", "G"], compute)
    cache.embed(["A"], compute)
    cache.embed(["T"], compute)
    assert ["C" in cache, "A" in cache, "G" in cache, "T" in cache] == [False, True, True, True]
    assert cache.nbytes == 15
    cache.embed(["C"], compute)
    assert compute.computed == [["A", "C", "G"], [], ["T"], ["C"]]
    assert "G" not in cache


@pytest.mark.parametrize("max_bytes", [0, 1, 20, 10_000])
def test_vectors_do_not_depend_on_the_bound(max_bytes: int) -> None:
    cache, compute = SegmentCache(max_bytes), Lengths()
    generator = np.random.default_rng(0)
    for _ in range(30):
        segments = ["A" * length for length in generator.integers(1, 9, 6)]
        assert cache.embed(segments, compute).flatten().tolist() == [len(segment) for segment in segments]
        assert cache.nbytes <= max_bytes
    with pytest.raises(InputError, match=r"unusable bound -1 .* `max_bytes`"):
        SegmentCache(-1)


def test_vectors_computed_elsewhere_are_used() -> None:
    cache, compute = SegmentCache(), Lengths()
    cache.put(["A", "CC", "A"], torch.tensor([[7.0], [8.0], [9.0]]))
    assert cache.embed(["CC", "T", "A"], compute).flatten().tolist() == [8, 1, 7]
    assert compute.computed == [["T"]]


def test_a_kept_vector_does_not_hold_its_batch_in_memory() -> None:
    cache = SegmentCache()
    batch = torch.zeros(1000, 8)
    cache.put(["A"], batch[:1])
    kept = cache.embed(["A"], lambda segments: torch.zeros(0, 8))
    assert kept.untyped_storage().nbytes() == 32


def test_a_vector_that_was_found_outlives_its_place_in_the_cache() -> None:
    cache = SegmentCache(2 * (4 + 1))
    cache.put(["A", "C"], torch.tensor([[1.0], [2.0]]))
    found = cache.found(["C", "G", "A"])
    cache.put(["G", "T"], torch.tensor([[3.0], [4.0]]))
    assert {segment: vector.tolist() for segment, vector in found.items()} == {"C": [2.0], "A": [1.0]}
    assert {segment: vector.tolist() for segment, vector in cache.found(["G", "T", "A"]).items()} == {
        "G": [3.0], "T": [4.0],
    }  # fmt: skip


def test_masked_segments_are_neither_asked_nor_kept() -> None:
    cache, windows = SegmentCache(), ["GGGGGNNNNNACGTA", "N" * 15]
    with embedding_session([CompositionEncoder()], ComputeOptions(4, "cpu"), cache) as session:
        for _ in range(2):
            found = session.embed_windows(windows, SegmentSpec(5))
            assert found.mask.tolist() == [[True, False, True], [False, False, False]]
            assert found.values[0, 0].tolist() == [0, 0, 1, 0]
    assert (cache.asked, cache.computed, len(cache)) == (4, 2, 2)


NEIGHBOURS = [(f"g{place}", "chr1", 40 + 3 * place, 45 + 3 * place, "+") for place in range(12)]


@pytest.mark.parametrize("genes_per_chunk", [1, 5, 64])
def test_counts_are_next_to_the_table(
    tmp_path: Path, tiny: Path, composition: CompositionEncoder, monkeypatch: pytest.MonkeyPatch, genes_per_chunk: int
) -> None:
    monkeypatch.setattr(predict_windows, "WINDOWS_PER_CHUNK", genes_per_chunk)
    model, gtf = load_model(tiny).with_segment_grid(), write_gtf(tmp_path / "genes.gtf", NEIGHBOURS)
    texcnn.predict(model, write_genome(tmp_path), out=tmp_path / "out.tsv", gtf=gtf, batch_size=8, device="cpu")
    output = json.loads((tmp_path / "out.tsv.meta.json").read_text())
    # Windows of 30 bases start at 20 to 50: six segments of 10 bases, three of them T only.
    assert (output["segments"], output["segments_embedded"]) == (36, 4)
    assert sum(composition.batches) == 4


@pytest.mark.parametrize("genes_per_chunk", [1, 5])
def test_predictions_do_not_depend_on_what_is_reused(
    tmp_path: Path, tiny_dnabert2: Path, monkeypatch: pytest.MonkeyPatch, genes_per_chunk: int
) -> None:
    model, gtf = load_model(tiny_dnabert2).with_segment_grid(), write_gtf(tmp_path / "genes.gtf", NEIGHBOURS)
    expected = model.predict(write_genome(tmp_path), gtf=gtf)
    monkeypatch.setattr(predict_windows, "WINDOWS_PER_CHUNK", genes_per_chunk)
    pd.testing.assert_frame_equal(model.predict(tmp_path / "genome.fa", gtf=gtf), expected, rtol=0, atol=1e-6)


def test_a_model_on_the_grid_is_another_model(tmp_path: Path, tiny_dnabert2: Path) -> None:
    model = load_model(tiny_dnabert2)
    shifted = model.with_segment_grid()
    assert (model.window.grid, shifted.window.grid) == (None, 10)
    assert shifted.fingerprint != model.fingerprint
    assert shifted.with_segment_grid() is shifted
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
    from texcnn.genome.load import load_genes
    from texcnn.genome.reference import Reference
    from texcnn.genome.select import GeneSelection
    from texcnn.prediction.stored import predict_store
    from texcnn.store.store import EmbeddingStore

    yeast = data / "yeast"
    fasta, gtf = yeast / "R64-1-1.fa.gz", yeast / "R64-1-1.81.gtf.gz"
    model = texcnn.load_model().with_segment_grid() if grid else texcnn.load_model()
    reference = Reference(fasta)
    annotation = load_genes(reference, model.window, GeneSelection(gtf))
    names = [gene.id for gene in annotation.genes[1000:1070]]
    expected = model.predict(fasta, gtf=gtf, genes=names, half_life=False, device="cpu")
    network = model.segment_network()
    chosen = load_genes(reference, model.window, GeneSelection(gtf, genes=names))
    assert len(expected) == len(names)

    def check(found: pd.DataFrame) -> None:
        pd.testing.assert_frame_equal(found.reset_index(drop=True), expected, rtol=0, atol=1e-5)

    shards = [
        model.predict(fasta, gtf=gtf, genes=names[start : start + 31], half_life=False, device="cpu")
        for start in range(0, 70, 31)
    ]
    check(pd.concat(shards))
    fill_store(
        network.encoders, reference, chosen, tmp_path / "store", window=model.window, segments=network.segments,
        options=ComputeOptions(17, "cpu"),
    )  # fmt: skip
    check(pd.concat([part.frame for part in predict_store(model, EmbeddingStore.open(tmp_path / "store"))]))
    monkeypatch.setattr(predict_windows, "WINDOWS_PER_CHUNK", 7)
    check(model.predict(fasta, gtf=gtf, genes=names, half_life=False, batch_size=5, device="cpu"))
    monkeypatch.setattr(SegmentCache, "embed", lambda self, segments, compute: compute(segments))
    check(model.predict(fasta, gtf=gtf, genes=names, half_life=False, device="cpu"))
