"""A store gives back what went in, goes on after an interruption, and refuses what it was not made for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Never

import pandas as pd
import pytest
import torch
from tiny import WINDOW, CompositionEncoder, fill_store, save_tiny_dnabert2, write_genome, write_gtf

from texcnn.errors import InputError, ModelError, StoreError
from texcnn.genome.gene import Annotation
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.genome.skipped import Skipped
from texcnn.model.load import load_model
from texcnn.model.model import Model
from texcnn.prediction.stored import predict_store
from texcnn.store.store import EmbeddingStore

MANY = [(f"g{place}", "chr1", 3 * place + 1, 3 * place + 2, "+-"[place % 2]) for place in range(30)]


@pytest.fixture
def reference(tmp_path: Path) -> Reference:
    return Reference(write_genome(tmp_path))


@pytest.fixture
def annotation(tmp_path: Path, reference: Reference) -> Annotation:
    genes = [*MANY, ("elsewhere", "chr9", 1, 9, "+"), ("unknown", "chr1", 170, 180, "+")]
    return load_genes(reference, WINDOW, GeneSelection(write_gtf(tmp_path / "genes.gtf", genes)))


@pytest.fixture
def model(tiny_dnabert2: Path) -> Model:
    return load_model(tiny_dnabert2)


def embed(model: Model, reference: Reference, annotation: Annotation, folder: Path) -> EmbeddingStore:
    network = model.segment_network()
    return fill_store(network.encoders, reference, annotation, folder, segments=network.segments)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    from texcnn.store import fill
    from texcnn.store.spec import StoreSpec

    monkeypatch.setattr(fill, "StoreSpec", lambda **values: StoreSpec(**values, genes_per_chunk=7))


def test_predictions_from_a_store_equal_those_from_the_genome(
    tmp_path: Path, model: Model, reference: Reference, annotation: Annotation, small_chunks: None
) -> None:
    embed(model, reference, annotation, tmp_path / "store")
    store = EmbeddingStore.open(tmp_path / "store")
    assert store.n_chunks == 5
    parts = list(predict_store(model, store))
    expected = model.predict(reference.path, gtf=annotation.path)
    found = pd.concat([part.frame for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(found, expected, rtol=0, atol=1e-6)
    skipped = [*store.skipped, *(entry for part in parts for entry in part.skipped)]
    assert [(entry.gene_id, entry.reason) for entry in skipped] == [
        (entry["gene_id"], entry["reason"]) for entry in expected.attrs["skipped"]
    ]
    assert len(found) + len(skipped) == len(MANY) + 2


def test_what_goes_in_comes_out(tmp_path: Path, reference: Reference, annotation: Annotation) -> None:
    encoder = CompositionEncoder()
    store = fill_store([encoder], reference, annotation, tmp_path / "store")
    chunk = store.read_chunk(0)
    assert chunk.genes == annotation.genes
    assert chunk.embeddings.values.shape == (31, 3, 4)
    assert chunk.n_fraction[-1] == 1.0
    assert not chunk.embeddings.mask[-1].any()
    total = chunk.embeddings.values.sum(dim=2)
    # Fractions of A, C, G and T: what is missing to 1 is N, at most half of a usable segment.
    assert 0.5 <= total[chunk.embeddings.mask].min() < total[chunk.embeddings.mask].max() == 1
    assert not total[~chunk.embeddings.mask].any()


def read_only(path: Path) -> Never:
    raise PermissionError(path)


def test_an_interrupted_run_continues_without_redoing_a_chunk(
    tmp_path: Path,
    reference: Reference,
    annotation: Annotation,
    small_chunks: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Dies(CompositionEncoder):
        def embed(self, tokens):  # type: ignore[no-untyped-def]
            if sum(self.batches) > 40:
                raise RuntimeError("killed")
            return super().embed(tokens)

    whole = CompositionEncoder()
    fill_store([whole], reference, annotation, tmp_path / "whole")
    with pytest.raises(RuntimeError, match=r"killed"):
        fill_store([Dies()], reference, annotation, tmp_path / "store")
    with pytest.raises(StoreError, match=r"unfinished: \d of 5 chunks.*same texcnn embed command"):
        EmbeddingStore.open(tmp_path / "store")
    with monkeypatch.context() as patched:
        patched.setattr("texcnn.store.folder.locked", read_only)
        with pytest.raises(StoreError, match=r"unfinished: \d of 5 chunks.*same texcnn embed command"):
            EmbeddingStore.open(tmp_path / "store")
    rest = CompositionEncoder()
    store = fill_store([rest], reference, annotation, tmp_path / "store")
    assert 0 < sum(rest.batches) < sum(whole.batches)
    other = EmbeddingStore.open(tmp_path / "whole")
    for chunk in range(5):
        assert torch.equal(store.read_chunk(chunk).embeddings.values, other.read_chunk(chunk).embeddings.values)
        assert torch.equal(store.read_chunk(chunk).embeddings.mask, other.read_chunk(chunk).embeddings.mask)


def test_other_content_is_never_mixed_in(
    tmp_path: Path, model: Model, reference: Reference, annotation: Annotation
) -> None:
    embed(model, reference, annotation, tmp_path / "store")
    fewer = Annotation(annotation.genes[:5], annotation.skipped, annotation.path)
    with pytest.raises(
        InputError, match=r"genes: 31 from 'g0' on and 1 skipped in the store, 5 from .* now.*`overwrite`"
    ):
        embed(model, reference, fewer, tmp_path / "store")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"already exists"):
        embed(model, reference, annotation, tmp_path / "folder")


def test_a_model_with_other_encoders_is_refused(
    tmp_path: Path, model: Model, reference: Reference, annotation: Annotation
) -> None:
    store = embed(model, reference, annotation, tmp_path / "store")
    other = load_model(save_tiny_dnabert2(tmp_path / "other", seed=1))
    with pytest.raises(
        StoreError, match=r"encoders.1: \w{12}... in the store, \w{12}... now.*texcnn embed and the model tiny-dnabert2"
    ):
        next(predict_store(other, store))


def test_a_model_that_reads_bases_has_no_embeddings(tmp_path: Path, data: Path) -> None:
    from texcnn.model.xpresso_bundle import import_xpresso

    import_xpresso(data / "xpresso" / "human_trainepoch.11-0.426.h5", tmp_path / "xpresso")
    with pytest.raises(ModelError, match=r"reads bases, it has no encoder"):
        load_model(tmp_path / "xpresso").segment_network()


def test_what_is_no_store(tmp_path: Path, model: Model, reference: Reference, annotation: Annotation) -> None:
    with pytest.raises(StoreError, match=r"not an embedding store.*texcnn embed"):
        EmbeddingStore.open(tmp_path)
    embed(model, reference, annotation, tmp_path / "store")
    path = tmp_path / "store" / "store.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 7}))
    with pytest.raises(StoreError, match=r"format version 7.*allowed: 2.*texcnn embed again"):
        EmbeddingStore.open(tmp_path / "store")


@pytest.mark.parametrize("name", ["values", "mask", "n_fraction"])
def test_a_store_that_lost_a_file_is_refused(
    tmp_path: Path, model: Model, reference: Reference, annotation: Annotation, small_chunks: None, name: str
) -> None:
    embed(model, reference, annotation, tmp_path / "store")
    chunks = tmp_path / "store" / "arrays.zarr" / name / "c"
    lost = next(path for path in sorted(chunks.rglob("*")) if path.is_file())
    lost.unlink()
    with pytest.raises(StoreError, match=rf"incomplete: 4 of 5 chunks of '{name}'.*`overwrite`"):
        EmbeddingStore.open(tmp_path / "store")


def test_chunks_without_any_usable_segment_are_not_missing(tmp_path: Path, reference: Reference) -> None:
    genes = load_genes(reference, WINDOW, GeneSelection(write_gtf(tmp_path / "n.gtf", [("n", "chr1", 170, 180, "+")])))
    fill_store([CompositionEncoder()], reference, genes, tmp_path / "store")
    assert not EmbeddingStore.open(tmp_path / "store").read_chunk(0).embeddings.mask.any()


@pytest.mark.parametrize(
    "name", ["store.json", "progress.json", "genes.parquet", "skipped.tsv", "arrays.zarr/values/c/0/0/0"]
)
def test_a_damaged_store_is_named(
    tmp_path: Path, model: Model, reference: Reference, annotation: Annotation, name: str
) -> None:
    embed(model, reference, annotation, tmp_path / "store")
    path = tmp_path / "store" / name
    path.write_bytes(path.read_bytes()[:9] if name.startswith("arrays") else b"")
    with pytest.raises(StoreError, match=r"the store is damaged.*in .*store – copy it again"):
        EmbeddingStore.open(tmp_path / "store").read_chunk(0)


def test_another_list_of_skipped_genes_is_not_lost(
    tmp_path: Path, model: Model, reference: Reference, annotation: Annotation
) -> None:
    embed(model, reference, annotation, tmp_path / "store")
    other = Annotation(annotation.genes, [*annotation.skipped, Skipped("foo", "unknown")], annotation.path)
    with pytest.raises(InputError, match=r"1 skipped in the store, .* 2 skipped now"):
        embed(model, reference, other, tmp_path / "store")


def test_chunks_are_written_in_order(
    tmp_path: Path, model: Model, reference: Reference, annotation: Annotation
) -> None:
    store = embed(model, reference, annotation, tmp_path / "store")
    chunk = store.read_chunk(0)
    with pytest.raises(StoreError, match=r"out of order"):
        store.write_chunk(0, chunk.embeddings, chunk.n_fraction)


def test_a_store_moves(tmp_path: Path, model: Model, reference: Reference, annotation: Annotation) -> None:
    embed(model, reference, annotation, tmp_path / "store")
    shutil.move(tmp_path / "store", tmp_path / "moved")
    assert len(EmbeddingStore.open(tmp_path / "moved").genes) == 31
