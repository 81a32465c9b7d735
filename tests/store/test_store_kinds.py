"""What stores are made of: types of numbers, sums, locks, room, and everything that their vectors depend on."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import SEGMENTS, WINDOW, CompositionEncoder, fill_store, save_tiny, write_genome, write_gtf

from texcnn.embedding.embeddings import Embeddings
from texcnn.encoders.protocol import EncoderSpec
from texcnn.errors import InputError, StoreError
from texcnn.genome.gene import Gene
from texcnn.genome.select import GeneSelection
from texcnn.genome.windows import WindowSpec
from texcnn.model.load import load_model
from texcnn.prediction.stored import network_of_store
from texcnn.scratch import locked
from texcnn.store.dtypes import decode, encode
from texcnn.store.spec import EncoderOrigin, StoreSpec, store_bytes
from texcnn.store.store import EmbeddingStore

GENES = [Gene(f"g{place}", f"G{place}", "chr1", 50 + place, "+") for place in range(5)]
SPEC = StoreSpec(("f" * 64,), 2, WINDOW, SEGMENTS, "g.fa", "0" * 64, genes_per_chunk=2)


def vectors(n: int, start: int = 0) -> Embeddings:
    values = torch.arange(start, start + n * 6, dtype=torch.float32).reshape(n, 3, 2)
    mask = torch.tensor([[True, False, True]] * n)
    return Embeddings(values * mask.unsqueeze(-1), mask)


def filled(folder: Path, spec: StoreSpec = SPEC) -> EmbeddingStore:
    store = EmbeddingStore.create(folder, spec, GENES)
    with store.writing():
        for chunk, n in enumerate([2, 2, 1]):
            store.write_chunk(chunk, vectors(n, 12 * chunk), [0.25] * n)
    return EmbeddingStore.open(folder)


@pytest.mark.parametrize(
    ("store_dtype", "expected"), [("float32", 1.0009765625), ("float16", 1.0009765625), ("bfloat16", 1.0)]
)
def test_numbers_are_rounded_once(store_dtype: str, expected: float) -> None:
    values = torch.tensor([1.0009765625, -3.0, 0.0])  # 1 + 2^-10, the last that float16 tells from 1
    stored = encode(values, store_dtype)
    assert stored.itemsize == (4 if store_dtype == "float32" else 2)
    assert decode(stored, store_dtype).tolist() == [expected, -3, 0]
    np.testing.assert_array_equal(encode(decode(stored, store_dtype), store_dtype), stored)


def test_float16_never_holds_what_it_cannot() -> None:
    with pytest.raises(StoreError, match=r"7e\+04 exceed the range of float16.*bfloat16"):
        encode(torch.tensor([1.0, -7e4]), "float16")
    assert decode(encode(torch.tensor([-7e4]), "bfloat16"), "bfloat16").item() == pytest.approx(-7e4, rel=4e-3)


@pytest.mark.parametrize("store_dtype", ["float32", "float16", "bfloat16"])
def test_stored_vectors_come_back_by_chunk_and_by_row(tmp_path: Path, store_dtype: str) -> None:
    store = filled(tmp_path / "store", dataclasses.replace(SPEC, store_dtype=store_dtype))
    chunk = store.read_chunk(2)  # small whole numbers: exact in each type
    assert chunk.embeddings.values.dtype == torch.float32
    assert torch.equal(chunk.embeddings.values, vectors(1, 24).values)
    rows = store.read_rows([4, 0, 3, 0])
    assert rows.values[:, 0].tolist() == [[24, 25], [0, 1], [18, 19], [0, 1]]
    assert rows.mask.tolist() == [[True, False, True]] * 4

    width = 4 if store_dtype == "float32" else 2
    assert sum(path.stat().st_size for path in (tmp_path / "store").rglob("values/c/*/0/0")) == 3 * (2 * 6 * width + 4)


def test_the_size_is_known_before() -> None:
    # 20,000 genes of 21 segments of 768 numbers, as of DNABERT-2.
    assert store_bytes(20_000, 21, 768, "float32") == 20_000 * (21 * (768 * 4 + 1) + 8)
    assert store_bytes(20_000, 21, 768, "bfloat16") == SPEC_768.bytes(20_000)


SPEC_768 = dataclasses.replace(SPEC, dim=768, window=WindowSpec(), segments=type(SEGMENTS)(), store_dtype="float16")


def test_a_disk_without_room_is_refused_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    need = SPEC.bytes(5)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, need - 1))
    with pytest.raises(StoreError, match=r"needs .* GB, the disk has .* GB free.*float16 .* `store_dtype`"):
        EmbeddingStore.create(tmp_path / "store", SPEC, GENES)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, need))
    store = EmbeddingStore.create(tmp_path / "store", SPEC, GENES)
    with store.writing():
        store.write_chunk(0, vectors(2), [0.0] * 2)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, SPEC.bytes(3)))
    with store.writing():  # what is there already needs no more room
        store.write_chunk(1, vectors(2), [0.0] * 2)


def test_a_second_writer_is_refused_and_readers_wait(tmp_path: Path) -> None:
    store = EmbeddingStore.create(tmp_path / "store", SPEC, GENES)
    with pytest.raises(StoreError, match=r"unfinished: 0 of 3 chunks.*same texcnn embed command"):
        EmbeddingStore.open(tmp_path / "store")
    with store.writing():
        second = EmbeddingStore.create(tmp_path / "store", SPEC, GENES)
        with pytest.raises(StoreError, match=r"another process is writing this store"), second.writing():
            pass
        with pytest.raises(StoreError, match=r"another process is writing this store"):
            EmbeddingStore.remove(tmp_path / "store")
        with pytest.raises(StoreError, match=r"unfinished: 0 of 3 chunks.*wait for its end"):
            EmbeddingStore.open(tmp_path / "store")
    with locked(tmp_path / "store" / "lock") as held:
        assert held
    EmbeddingStore.remove(tmp_path / "store")
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_appears_meanwhile_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from texcnn.store import store as module

    write_empty = module.write_empty

    def late(folder: Path, spec: StoreSpec, *others: object) -> None:
        write_empty(folder, dataclasses.replace(SPEC, dim=3), *others)  # type: ignore[arg-type]
        write_empty(folder, spec, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "write_empty", late)
    with pytest.raises(InputError, match=r"holds other embeddings \(dim: 3 in the store, 2 now\)"):
        EmbeddingStore.create(tmp_path / "store", SPEC, GENES)


@pytest.mark.parametrize("name", ["values/c/1/0/0", "mask/c/1/0", "n_fraction/c/1"])
def test_a_flipped_bit_is_found(tmp_path: Path, name: str) -> None:
    store = filled(tmp_path / "store")
    path = tmp_path / "store" / "arrays.zarr" / name
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)
    store.read_chunk(0)
    with pytest.raises(StoreError, match=r"the store is damaged"):
        store.read_chunk(1)


@pytest.mark.parametrize("name", ["values", "mask", "n_fraction"])
def test_a_chunk_that_vanishes_while_it_is_read(tmp_path: Path, name: str) -> None:
    store = filled(tmp_path / "store")
    next((tmp_path / "store" / "arrays.zarr" / name / "c").glob("2*")).rename(tmp_path / "gone")
    for read in (lambda: store.read_chunk(2), lambda: store.read_rows([4])):
        with pytest.raises(StoreError, match=r"is gone, or the store was replaced|No such file"):
            read()


def test_a_store_that_is_replaced_while_it_is_read(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    filled(tmp_path / "new")
    os.utime(tmp_path / "new" / "store.json", ns=(1, 1))
    EmbeddingStore.remove(tmp_path / "store")
    (tmp_path / "new").rename(tmp_path / "store")
    with pytest.raises(StoreError, match=r"replaced while it was read.*run this command again"):
        store.read_chunk(0)


def test_differences_say_what_was_and_what_is() -> None:
    origin = EncoderOrigin("dnabert2", "mean", "t", "dnabert2", "here", "r1", {"model.safetensors": "a" * 64})
    ours = dataclasses.replace(SPEC, origins=(origin,))
    moved = dataclasses.replace(ours, origins=(dataclasses.replace(origin, source="there"),))
    assert ours == moved
    assert ours.differences(moved) == []
    other = dataclasses.replace(
        ours,
        window=WindowSpec(20, 10, grid=10),
        fasta_fingerprint="1" * 64,
        compute_dtype="bfloat16",
        store_dtype="float16",
        origins=(dataclasses.replace(origin, revision="r2", pooling="max", sha256={"model.safetensors": "b" * 64}),),
    )
    assert ours.differences(other) == [
        "window.grid: none in the store, 10 now",
        "fasta_fingerprint: 000000000000... in the store, 111111111111... now",
        "origins.1.pooling: mean in the store, max now",
        "origins.1.revision: r1 in the store, r2 now",
        "origins.1.sha256.model.safetensors: aaaaaaaaaaaa... in the store, bbbbbbbbbbbb... now",
        "compute_dtype: float32 in the store, bfloat16 now",
        "store_dtype: float32 in the store, float16 now",
    ]
    assert ours.differences(other, ["window"]) == ["window.grid: none in the store, 10 now"]


def test_an_unknown_type_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"unknown type of stored vectors 'int8'.*float32, float16, bfloat16"):
        dataclasses.replace(SPEC, store_dtype="int8")


def test_a_store_on_the_grid_is_for_models_on_the_grid(tmp_path: Path, composition: CompositionEncoder) -> None:
    from texcnn.genome.load import load_genes
    from texcnn.genome.reference import Reference

    model = load_model(save_tiny(tmp_path / "tiny"))
    shifted = model.with_segment_grid()
    reference = Reference(write_genome(tmp_path))
    genes = load_genes(reference, WINDOW, GeneSelection(write_gtf(tmp_path / "genes.gtf")))
    spec = EncoderSpec("composition", "bundle", pooling="mean")
    store = fill_store(
        [composition], reference, genes, tmp_path / "store", window=shifted.window, specs=[spec], store_dtype="bfloat16"
    )
    network_of_store(shifted, store)
    with pytest.raises(StoreError, match=r"window.grid: 10 in the store, none now.*`grid_segments` to both"):
        network_of_store(model, store)
    assert store.spec.origins == (EncoderOrigin("composition", "mean", "", "composition", "bundle"),)
    assert EmbeddingStore.open(tmp_path / "store").spec == store.spec
