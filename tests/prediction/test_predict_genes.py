"""Genes of a random genome, predicted chunk by chunk, against windows that pysam reads one at a time."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from random_genome import Row, random_genes, random_genome, windows_by_pysam

import texcnn
from texcnn.embedding.cache import SegmentCache
from texcnn.embedding.options import ComputeOptions
from texcnn.features.spec import FeatureSpec
from texcnn.features.table import FeatureTable
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.model import predict_windows as chunking
from texcnn.model.model import Model
from texcnn.prediction.genes import predict_genes
from texcnn.prediction.options import PredictOptions

N_GENES = 150


@pytest.fixture
def genome(tmp_path: Path) -> tuple[Path, Path, list[Row]]:
    gtf, rows = random_genes(tmp_path, N_GENES)
    return random_genome(tmp_path), gtf, rows


@pytest.fixture
def model(tiny_dnabert2: Path) -> Model:
    return texcnn.load_model(tiny_dnabert2)


def test_each_row_is_the_prediction_of_the_window_that_pysam_reads(
    model: Model, genome: tuple[Path, Path, list[Row]]
) -> None:
    fasta, gtf, rows = genome
    windows = windows_by_pysam(fasta, rows)
    alone = slice(None, None, 6)  # one window at a time
    expected = np.maximum(np.concatenate([model.predict_sequences([window]) for window in windows[alone]]), -1)
    frame = texcnn.predict(model, fasta, gtf=gtf, batch_size=17)
    assert frame["gene_id"].tolist() == [row[0] for row in rows], "the order of the GTF"
    assert frame["tss"].tolist() == [start if strand == "+" else end for _, _, start, end, strand in rows]
    assert frame["n_fraction"].tolist() == [window.count("N") / 30 for window in windows]
    np.testing.assert_allclose(frame[list(model.cell_types)][alone], expected, rtol=0, atol=2e-6)
    assert frame["x"].nunique() > 100, "a model that gives all genes one number would show nothing"


def chunks(model: Model, genome: tuple[Path, Path, list[Row]], **keywords: object) -> list[pd.DataFrame]:
    fasta, gtf, _ = genome
    with Reference(fasta) as reference:
        genes = load_genes(reference, model.window, GeneSelection(gtf)).genes
        return [part.frame for part in predict_genes(model, reference, genes, **keywords)]  # type: ignore[arg-type]


@pytest.mark.parametrize("per_chunk", [5, 49, 149, 150, 151])
def test_the_size_of_a_chunk_changes_no_number(
    model: Model, genome: tuple[Path, Path, list[Row]], monkeypatch: pytest.MonkeyPatch, per_chunk: int
) -> None:
    expected = pd.concat(chunks(model, genome), ignore_index=True)
    monkeypatch.setattr(chunking, "WINDOWS_PER_CHUNK", per_chunk)
    found = chunks(model, genome)
    assert [len(part) for part in found] == [
        min(start + per_chunk, N_GENES) - start for start in range(0, N_GENES, per_chunk)
    ]
    pd.testing.assert_frame_equal(pd.concat(found, ignore_index=True), expected, rtol=0, atol=2e-6)


def test_chunks_are_64_genes(model: Model, genome: tuple[Path, Path, list[Row]]) -> None:
    assert [len(part) for part in chunks(model, genome)] == [64, 64, 22]


@pytest.mark.parametrize("batch_size", [1, 5, 1000])
def test_the_batch_size_changes_no_number(model: Model, genome: tuple[Path, Path, list[Row]], batch_size: int) -> None:
    expected = pd.concat(chunks(model, genome))
    options = PredictOptions(compute=ComputeOptions(batch_size=batch_size))
    pd.testing.assert_frame_equal(pd.concat(chunks(model, genome, options=options)), expected, rtol=0, atol=2e-6)


def test_a_gene_has_one_number_alone_or_among_others(model: Model, genome: tuple[Path, Path, list[Row]]) -> None:
    fasta, gtf, rows = genome
    everything = texcnn.predict(model, fasta, gtf=gtf).set_index("gene_id")
    for gene_id, *_ in rows[::29]:
        alone = texcnn.predict(model, fasta, gtf=gtf, genes=gene_id).set_index("gene_id")
        pd.testing.assert_frame_equal(alone, everything.loc[[gene_id]], rtol=0, atol=2e-6, check_flags=False)


def test_a_second_run_with_the_cache_computes_nothing(model: Model, genome: tuple[Path, Path, list[Row]]) -> None:
    cache = SegmentCache()
    first = pd.concat(chunks(model, genome, cache=cache))
    asked, computed = cache.asked, cache.computed
    assert asked == 3 * N_GENES
    assert 0 < computed <= asked
    second = pd.concat(chunks(model, genome, cache=cache))
    assert (cache.asked, cache.computed) == (2 * asked, computed)
    pd.testing.assert_frame_equal(second, first)


def test_no_gene_gives_one_table_without_rows(model: Model, genome: tuple[Path, Path, list[Row]]) -> None:
    with Reference(genome[0]) as reference:
        (part,) = predict_genes(model, reference, [])
    assert part.skipped == []
    assert list(part.frame.columns)[-4:] == ["n_fraction", "x", "y", "z"]
    assert part.frame.empty


def test_rows_in_are_rows_out_and_skipped_whatever_the_features(tmp_path: Path) -> None:
    """Every third gene has no features, every fifth an incomplete row; the rest keep their own across chunks."""
    from tiny import save_tiny_dnabert2

    model = texcnn.load_model(save_tiny_dnabert2(tmp_path / "model", features=[FeatureSpec("a"), FeatureSpec("b")]))
    fasta = random_genome(tmp_path)
    gtf, rows = random_genes(tmp_path, N_GENES)
    values = np.arange(2 * N_GENES, dtype=np.float64).reshape(N_GENES, 2) / 100
    values[::5, 1] = np.nan
    kept = [place for place in range(N_GENES) if place % 3]
    ids = [row[0] for row in rows]
    table = FeatureTable(
        values[kept].astype(np.float32), ("a", "b"), {ids[place]: row for row, place in enumerate(kept)}, tmp_path / "f"
    )
    with Reference(fasta) as reference:
        genes = load_genes(reference, model.window, GeneSelection(gtf)).genes
        parts = list(predict_genes(model, reference, genes, table))
    frame = pd.concat([part.frame for part in parts])
    skipped = [entry for part in parts for entry in part.skipped]
    complete = [ids[place] for place in kept if place % 5]
    assert frame["gene_id"].tolist() == complete
    assert set(frame["features"]) == {"given"}
    assert {entry.gene_id for entry in skipped} == set(ids) - set(complete)
    assert {entry.reason for entry in skipped} == {"no complete features in f"}
    for one, other in pairwise([ids.index(entry.gene_id) for entry in skipped]):
        assert one < other, "skipped genes keep the order too"
    windows = windows_by_pysam(fasta, rows)
    for gene_id in complete[::11]:
        place = ids.index(gene_id)
        expected = model.predict_sequences([windows[place]], values[[place]])
        found = frame.set_index("gene_id").loc[gene_id, ["x", "y", "z"]].to_numpy(np.float32)
        np.testing.assert_allclose(found, np.maximum(expected[0], -1), rtol=0, atol=2e-6)
