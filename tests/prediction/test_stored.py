"""Predictions from a store: the same numbers as from the genome, and only by the model it was made for."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from random_genome import random_genes, random_genome
from tiny import (
    SEGMENTS,
    WINDOW,
    CompositionEncoder,
    fill_store,
    save_tiny,
    save_tiny_dnabert2,
    write_genome,
    write_gtf,
)

import texcnn
from texcnn.errors import ModelError, StoreError
from texcnn.features.spec import FeatureSpec
from texcnn.features.table import FeatureTable
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.genome.windows import WindowSpec
from texcnn.model.bundle import extend_bundle
from texcnn.prediction.options import PredictOptions
from texcnn.prediction.stored import network_of_store, predict_store
from texcnn.segments.segment import SegmentSpec
from texcnn.store.store import EmbeddingStore

Make = Callable[..., EmbeddingStore]


@pytest.fixture
def make(tmp_path: Path, composition: CompositionEncoder) -> Make:
    """Makes a store of the tiny genome's genes, with other windows or segments where they are given."""
    fasta, gtf = write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf")

    def build(name: str = "store", *, encoders: list[Any] | None = None, **changes: Any) -> EmbeddingStore:
        with Reference(fasta) as reference:
            annotation = load_genes(reference, changes.get("window", WINDOW), GeneSelection(gtf))
            return fill_store(encoders or [composition], reference, annotation, tmp_path / name, **changes)

    return build


class _Other(CompositionEncoder):
    name = "other"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": WindowSpec(20, 20)}, "window.downstream: 20 in the store, 10 now"),
        ({"window": WindowSpec(10, 20)}, "window.upstream: 10 in the store, 20 now"),
        ({"segments": SegmentSpec(5, 0.5)}, "segments.length: 5 in the store, 10 now"),
        ({"segments": SegmentSpec(10, 0.25)}, "segments.max_n_fraction: 0.25 in the store, 0.5 now"),
        ({"encoders": [_Other()]}, "encoders.1: "),
    ],
    ids=["downstream", "upstream", "length", "max_n_fraction", "encoder"],
)
def test_a_store_of_anything_else_is_refused_by_name(
    make: Make, tiny: Path, changes: dict[str, Any], message: str
) -> None:
    model = texcnn.load_model(tiny)
    assert network_of_store(model, make()) is model.network
    store = make("wrong", **changes)
    with pytest.raises(StoreError) as refused:
        network_of_store(model, store)
    assert refused.value.what.startswith("the store was not made for the model 'tiny' (")
    assert message in refused.value.what
    assert refused.value.where == str(store.folder)
    assert refused.value.remedy == "make it with texcnn embed and the model tiny"
    with pytest.raises(StoreError, match="not made for"):
        next(predict_store(model, store))


def test_a_store_of_another_grid_says_which_option_it_takes(make: Make, tiny: Path) -> None:
    store = make(window=dataclasses.replace(WINDOW, grid=10))
    with pytest.raises(StoreError, match=r"window.grid: 10 in the store, none now.*`grid_segments` to both commands"):
        network_of_store(texcnn.load_model(tiny), store)
    assert network_of_store(texcnn.load_model(tiny).with_segment_grid(), store)


def test_where_the_weights_lay_does_not_matter(make: Make, tiny: Path) -> None:
    store = make()
    path = store.folder / "store.json"
    described = json.loads(path.read_text())
    described["origins"][0]["source"] = "elsewhere"
    path.write_text(json.dumps(described))
    assert network_of_store(texcnn.load_model(tiny), EmbeddingStore.open(store.folder))


def test_a_model_that_reads_bases_reads_no_store(make: Make) -> None:
    class OneHot:
        def segment_network(self) -> None:
            raise ModelError("the model reads bases, it has no encoder")

    with pytest.raises(ModelError, match="has no encoder"):
        network_of_store(OneHot(), make())  # type: ignore[arg-type]


def test_known_numbers_and_a_reason_for_the_gene_without_a_base(make: Make, tiny: Path) -> None:
    parts = list(predict_store(texcnn.load_model(tiny), make()))
    frame = pd.concat([part.frame for part in parts])
    assert frame[["gene_id", "gc", "a"]].to_numpy().tolist() == [["g1", 1, 3], ["g2", 0.5, frame["a"].iloc[1]]]
    ((skipped,),) = (part.skipped for part in parts)
    assert (skipped.gene_id, skipped.reason) == (
        "g3", "no segment of the window has enough known bases, 100.00% are N",
    )  # fmt: skip


@pytest.mark.parametrize("genes_per_chunk", [1, 2, 7, 64])
def test_chunks_of_the_store_change_no_number(
    tmp_path: Path, tiny_dnabert2: Path, genes_per_chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fasta, (gtf, _) = random_genome(tmp_path), random_genes(tmp_path, 20)
    model = texcnn.load_model(tiny_dnabert2)
    expected = texcnn.predict(model, fasta, gtf=gtf)
    network = model.segment_network()
    with Reference(fasta) as reference:
        annotation = load_genes(reference, model.window, GeneSelection(gtf))
        from texcnn.store.fill import describe_store, embed_genes

        spec = describe_store(network.encoders, reference, WINDOW, SEGMENTS, specs=model.config.encoders)
        spec = dataclasses.replace(spec, genes_per_chunk=genes_per_chunk)
        store = embed_genes(network.encoders, reference, annotation, tmp_path / "store", spec)
    parts = [part.frame for part in predict_store(model, store)]
    assert len(parts) == -(-20 // genes_per_chunk)
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), expected, check_flags=False, rtol=0, atol=2e-6)


def test_a_store_without_genes_gives_a_table_without_rows(tmp_path: Path, make: Make, tiny: Path) -> None:
    spec = make().spec
    store = EmbeddingStore.create(tmp_path / "empty", spec, [])
    (part,) = predict_store(texcnn.load_model(tiny), store)
    assert list(part.frame) == ["gene_id", "gene_name", "chrom", "tss", "strand", "n_fraction", "gc", "a"]
    assert (len(part.frame), part.skipped) == (0, [])


def test_features_are_joined_by_gene_and_not_by_row(tmp_path: Path, make: Make) -> None:
    model = texcnn.load_model(save_tiny(tmp_path / "model", features=[FeatureSpec("utr", 2.0, 0.5)]))
    store = make()
    plain = {"g1": np.array([1, 3]), "g2": np.array([0.5, 1.6])}
    # Rows of the table are in another order, and one gene's is missing.
    table = FeatureTable(np.array([[4.0], [3.0]], np.float32), ("utr",), {"g2": 0, "g1": 1}, tmp_path / "f.tsv")
    (part,) = predict_store(model, store, table)
    for gene_id, scaled in (("g1", 2), ("g2", 4)):
        row = part.frame.set_index("gene_id").loc[gene_id, ["gc", "a"]].to_numpy(float)
        np.testing.assert_allclose(row, plain[gene_id] + scaled, atol=1e-6)
    assert [(entry.gene_id, entry.reason) for entry in part.skipped] == [("g3", "no complete features in f.tsv")]


def test_limits_on_n_are_asked_of_the_store_too(make: Make, tiny: Path) -> None:
    store = make()
    (strict,) = predict_store(texcnn.load_model(tiny), store, options=PredictOptions(max_n_fraction=0))
    assert strict.frame["gene_id"].tolist() == ["g1"]
    assert [entry.reason for entry in strict.skipped] == [
        "33.33% of the window are N, more than 0%", "100.00% of the window are N, more than 0%",
    ]  # fmt: skip


class TestComputedFeatures:
    """Half-life features that texcnn embed computed lie in the store; a user's table goes before them."""

    @pytest.fixture
    def model(self, tmp_path: Path) -> Path:
        return save_tiny_dnabert2(tmp_path / "takes", features=[FeatureSpec("cds_gc", 0.5, 0.25, 0.0)])

    @pytest.fixture
    def store(self, tmp_path: Path, model: Path) -> Path:
        gtf = write_gtf(tmp_path / "genes.gtf")
        attributes = 'gene_id "g1"; transcript_id "g1.t";'
        with gtf.open("a") as handle:  # 9 bases of CHR1 from 41 on: AAAAAAAAA, so that the share of G and C is 0
            handle.write(f"chr1\ttest\tCDS\t41\t49\t.\t+\t0\t{attributes}\n")
        texcnn.embed(write_genome(tmp_path), tmp_path / "store", model, gtf=gtf)
        return tmp_path / "store"

    def test_they_are_read_from_the_store(self, model: Path, store: Path, tmp_path: Path) -> None:
        assert (store / "features.tsv").read_text() == "gene_id\tcds_gc\tsource\ng1\t0\tcomputed\n"
        found = texcnn.predict(model, embeddings=store)
        assert found["features"].tolist() == ["computed", "default"]
        direct = texcnn.predict(model, tmp_path / "genome.fa", gtf=tmp_path / "genes.gtf")
        pd.testing.assert_frame_equal(found, direct, check_flags=False, rtol=0, atol=2e-6)

    def test_they_can_be_left_out(self, model: Path, store: Path) -> None:
        left_out = texcnn.predict(model, embeddings=store, half_life=False)
        assert left_out["features"].tolist() == ["default", "default"]
        assert not np.allclose(left_out["x"][0], texcnn.predict(model, embeddings=store)["x"][0])

    def test_a_users_table_goes_before_them(self, model: Path, store: Path, tmp_path: Path) -> None:
        (tmp_path / "f.tsv").write_text("gene_id\tcds_gc\ng1\t0.75\n")
        found = texcnn.predict(model, embeddings=store, features=tmp_path / "f.tsv")
        assert found["features"].tolist() == ["given", "default"]
        (tmp_path / "other.tsv").write_text("gene_id\tcds_gc\nnobody\t0.75\n")
        with pytest.raises(texcnn.errors.InputError, match="the table has none of the 3 genes"):
            texcnn.predict(model, embeddings=store, features=tmp_path / "other.tsv")

    def test_no_features_are_stored_where_they_are_not_wanted(self, model: Path, store: Path, tmp_path: Path) -> None:
        texcnn.embed(tmp_path / "genome.fa", tmp_path / "bare", model, gtf=tmp_path / "genes.gtf", half_life=False)
        assert not (tmp_path / "bare" / "features.tsv").exists()

    def test_a_model_that_needs_features_is_not_given_defaults(self, store: Path, tmp_path: Path) -> None:
        needy = save_tiny_dnabert2(tmp_path / "needy", features=[FeatureSpec("cds_gc")])
        (store / "features.tsv").unlink()
        with pytest.raises(
            texcnn.errors.InputError, match=r"'tiny-dnabert2' needs the features cds_gc – in `features`"
        ):
            texcnn.predict(needy, embeddings=store)


def test_the_models_own_limit_counts_where_none_is_asked_for(make: Make, tiny: Path) -> None:
    extend_bundle(tiny, {}, max_n_fraction=0.2)
    (part,) = predict_store(texcnn.load_model(tiny), make())
    assert part.frame["gene_id"].tolist() == ["g1"]
    (part,) = predict_store(texcnn.load_model(tiny), make(), options=PredictOptions(max_n_fraction=0.4))
    assert part.frame["gene_id"].tolist() == ["g1", "g2"]
