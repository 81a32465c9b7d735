"""Stores of any shape: what is written comes back, by chunk, by row and as AnnData, and copies keep it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from texcnn.embedding.embeddings import Embeddings
from texcnn.encoders.protocol import EncoderSpec
from texcnn.errors import InputError, StoreError
from texcnn.genome.gene import Gene
from texcnn.genome.skipped import Skipped
from texcnn.genome.windows import WindowSpec
from texcnn.segments.segment import SegmentSpec
from texcnn.store.dtypes import decode, encode
from texcnn.store.spec import STORE_DTYPES, EncoderOrigin, StoreSpec, store_bytes
from texcnn.store.store import EmbeddingStore

SPEC = StoreSpec(("a" * 64, "b" * 64), 3, WindowSpec(20, 10), SegmentSpec(10), "g.fa", "c" * 64, genes_per_chunk=2)


def genes(n: int) -> list[Gene]:
    return [Gene(f"g{place}", f"name {place}", "chr1", 40 + place, "+-"[place % 2], f"t{place}") for place in range(n)]


def vectors(n: int, n_segments: int, dim: int, seed: int = 0) -> Embeddings:
    rng = np.random.default_rng(seed)
    mask = torch.from_numpy(rng.random((n, n_segments)) < 0.7)
    values = torch.from_numpy(rng.standard_normal((n, n_segments, dim)).astype(np.float32))
    return Embeddings(values * mask[:, :, None], mask)


def fill(folder: Path, spec: StoreSpec, n: int, seed: int = 0) -> tuple[EmbeddingStore, Embeddings, list[float]]:
    """A finished store of random vectors, and what was written."""
    n_segments = spec.segments.n_segments(spec.window.length)
    embeddings, shares = vectors(n, n_segments, spec.dim, seed), [place / 10 for place in range(n)]
    store = EmbeddingStore.create(folder, spec, genes(n), [Skipped("s", "why")])
    with store.writing():
        for chunk in range(store.n_chunks):
            rows = store.rows(chunk)
            part = Embeddings(embeddings.values[rows], embeddings.mask[rows])
            store.write_chunk(chunk, part, shares[rows])
    return EmbeddingStore.open(folder), embeddings, shares


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n=st.integers(1, 9), per_chunk=st.integers(1, 10), dim=st.integers(1, 5), length=st.integers(5, 40),
    order=st.randoms(use_true_random=False), seed=st.integers(0, 100),
)  # fmt: skip
def test_any_shape_comes_back(
    tmp_path_factory: pytest.TempPathFactory, n: int, per_chunk: int, dim: int, length: int, order: Any, seed: int
) -> None:
    spec = dataclasses.replace(SPEC, dim=dim, genes_per_chunk=per_chunk, segments=SegmentSpec(length))
    store, written, shares = fill(tmp_path_factory.mktemp("s") / "store", spec, n, seed)
    assert store.n_chunks == -(-n // per_chunk)
    chunks = [store.read_chunk(chunk) for chunk in range(store.n_chunks)]
    assert [gene for chunk in chunks for gene in chunk.genes] == genes(n)
    assert [share for chunk in chunks for share in chunk.n_fraction] == shares
    assert torch.equal(torch.cat([chunk.embeddings.values for chunk in chunks]), written.values)
    assert torch.equal(torch.cat([chunk.embeddings.mask for chunk in chunks]), written.mask)
    rows = [order.randrange(n) for _ in range(2 * n)]
    mapped = store.read_rows(rows)
    assert torch.equal(mapped.values, written.values[rows])
    assert torch.equal(mapped.mask, written.mask[rows])


@pytest.mark.parametrize("dtype", STORE_DTYPES)
@given(values=st.lists(st.floats(-6e4, 6e4, width=32), min_size=1, max_size=20))
def test_rounding_twice_is_rounding_once(dtype: str, values: list[float]) -> None:
    tensor = torch.tensor(values)
    once = decode(encode(tensor, dtype), dtype)
    assert once.dtype == torch.float32
    assert torch.equal(decode(encode(once, dtype), dtype), once)
    expected = tensor.to(getattr(torch, dtype)).float()
    assert torch.equal(once, expected), "as torch rounds"


def test_means_of_anndata_are_those_of_usable_segments(tmp_path: Path) -> None:
    store, written, shares = fill(tmp_path / "store", SPEC, 5)
    data = store.to_anndata()
    assert list(data.obs_names) == [f"g{place}" for place in range(5)]
    assert data.obs["n_fraction"].tolist() == shares
    assert data.obs["strand"].tolist() == ["+", "-", "+", "-", "+"]
    for row in range(5):
        usable = written.values[row][written.mask[row]].numpy()
        expected = usable.mean(axis=0) if len(usable) else np.zeros(3)
        np.testing.assert_allclose(data.X[row], expected, atol=1e-6)
    np.testing.assert_array_equal(data.obsm["segments"], written.values.numpy())
    transcripts, _, _ = fill(tmp_path / "t", dataclasses.replace(SPEC, transcripts=True), 2)
    assert list(transcripts.to_anndata().obs_names) == ["t0", "t1"]


def test_a_store_without_genes_is_finished_at_once(tmp_path: Path) -> None:
    EmbeddingStore.create(tmp_path / "store", SPEC, [], [Skipped("s", "why")])
    store = EmbeddingStore.open(tmp_path / "store")
    assert (store.n_chunks, store.genes, store.skipped) == (0, [], [Skipped("s", "why")])
    assert store.to_anndata().shape == (0, 3)


class TestDifferences:
    @pytest.mark.parametrize(
        ("change", "output"),
        [
            ({"dim": 4}, "dim: 3 in the store, 4 now"),
            ({"encoders": ("a" * 64, "d" * 64)}, "encoders.2: bbbbbbbb"),
            ({"encoders": ("a" * 64,)}, "encoders.2: bbbbbbbb"),
            ({"window": WindowSpec(20, 11)}, "window.downstream: 10 in the store, 11 now"),
            ({"window": WindowSpec(20, 10, 5)}, "window.grid: none in the store, 5 now"),
            ({"segments": SegmentSpec(10, 0.25)}, "segments.max_n_fraction: 0.5 in the store, 0.25 now"),
            ({"fasta": "h.fa"}, "fasta: g.fa in the store, h.fa now"),
            ({"fasta_fingerprint": "e" * 64}, "fasta_fingerprint: cccccccc"),
            ({"transcripts": True}, "transcripts: False in the store, True now"),
            ({"genes_per_chunk": 64}, "genes_per_chunk: 2 in the store, 64 now"),
            ({"compute_dtype": "bfloat16"}, "compute_dtype: float32 in the store, bfloat16 now"),
            ({"store_dtype": "float16"}, "store_dtype: float32 in the store, float16 now"),
        ],
    )
    def test_each_field_counts_and_another_content_is_never_mixed_in(
        self, tmp_path: Path, change: dict[str, Any], output: str
    ) -> None:
        other = dataclasses.replace(SPEC, **change)
        ((found),) = SPEC.differences(other)
        assert found.startswith(output)
        EmbeddingStore.create(tmp_path / "store", SPEC, genes(2))
        with pytest.raises(InputError, match=r"holds other embeddings .* choose another name, or set `overwrite`"):
            EmbeddingStore.create(tmp_path / "store", other, genes(2))

    def test_only_what_is_asked_for_is_compared(self) -> None:
        other = dataclasses.replace(SPEC, dim=9, fasta="h.fa", window=WindowSpec(1, 1))
        assert SPEC.differences(other, ["dim"]) == ["dim: 3 in the store, 9 now"]
        assert len(SPEC.differences(other, ["window"])) == 2
        assert SPEC.differences(SPEC) == []

    def test_where_an_encoder_lay_is_no_difference(self) -> None:
        one, two = (
            dataclasses.replace(SPEC, origins=(EncoderOrigin("x", type="dnabert2", source=place),)) for place in "ab"
        )
        assert one.differences(two) == []
        three = dataclasses.replace(SPEC, origins=(EncoderOrigin("x", type="dnabert2", source="a", revision="9"),))
        assert one.differences(three) == ["origins.1.revision: none in the store, 9 now"]

    def test_an_origin_says_what_its_spec_says(self) -> None:
        class Named:
            name = "n"
            pooling = "cls"

        plain = EncoderOrigin.of(Named(), None)  # type: ignore[arg-type]
        assert plain == EncoderOrigin("n", "cls")
        spec = EncoderSpec(type="dnabert", source="a/b", revision="1", sha256={"f": "0"})
        known = EncoderOrigin.of(Named(), spec)  # type: ignore[arg-type]
        assert (known.type, known.source, known.revision, known.sha256) == ("dnabert", "a/b", "1", {"f": "0"})


class TestDescription:
    def test_it_comes_back_from_json(self) -> None:
        spec = dataclasses.replace(SPEC, origins=(EncoderOrigin("x", sha256={"f": "0"}),), window=WindowSpec(20, 10, 5))
        assert StoreSpec.from_json(json.loads(json.dumps(dataclasses.asdict(spec)))) == spec

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"dim": "3"}, "unusable entries: dim"),
            ({"window": {"upstream": "far"}}, r"unusable entries: window\.upstream"),
            ({"colour": "red"}, "unusable entries: .*colour"),
            ({"encoders": "abc"}, "unusable entries: encoders"),
            ({"transcripts": 1}, "unusable entries: transcripts"),
        ],
    )
    def test_entries_of_other_types_are_named(self, change: dict[str, Any], message: str) -> None:
        values = {**json.loads(json.dumps(dataclasses.asdict(SPEC))), **change}
        with pytest.raises(StoreError, match=message):
            StoreSpec.from_json(values, where="store.json")

    def test_an_unknown_type_of_vectors(self) -> None:
        with pytest.raises(InputError, match=r"unknown type of stored vectors 'int8' – in `store_dtype`"):
            dataclasses.replace(SPEC, store_dtype="int8")

    @given(n=st.integers(0, 1000), segments=st.integers(1, 40), dim=st.integers(1, 2000))
    def test_sizes_on_disk(self, n: int, segments: int, dim: int) -> None:
        sizes = {dtype: store_bytes(n, segments, dim, dtype) for dtype in STORE_DTYPES}
        assert sizes["float16"] == sizes["bfloat16"] == n * (segments * (2 * dim + 1) + 8)
        assert sizes["float32"] - sizes["float16"] == 2 * n * segments * dim

    def test_bytes_are_those_of_the_files(self, tmp_path: Path) -> None:
        spec = dataclasses.replace(SPEC, genes_per_chunk=4)
        fill(tmp_path / "store", spec, 8)
        # Two full chunks of three arrays, each with a sum of four bytes.
        files = [path for path in (tmp_path / "store" / "arrays.zarr").rglob("c/**/*") if path.is_file()]
        assert len(files) == 6
        assert sum(path.stat().st_size - 4 for path in files) == spec.bytes(8)


class TestFolders:
    def test_a_copy_is_the_same_store(self, tmp_path: Path) -> None:
        _, written, _ = fill(tmp_path / "store", SPEC, 5)
        shutil.copytree(tmp_path / "store", tmp_path / "copy")
        copy = EmbeddingStore.open(tmp_path / "copy")
        assert torch.equal(copy.read_rows(range(5)).values, written.values)

    @pytest.mark.parametrize(
        ("file", "text"),
        [
            ("store.json", "{"),
            ("store.json", "[]"),
            ("store.json", '{"format_version": 2}'),
            ("progress.json", "{}"),
            ("progress.json", '{"chunks_done": "many"}'),
            ("genes.parquet", "no"),
            ("skipped.tsv", "a\tb\n"),
        ],
    )
    def test_each_damaged_file_is_an_error_of_the_store(self, tmp_path: Path, file: str, text: str) -> None:
        fill(tmp_path / "store", SPEC, 3)
        (tmp_path / "store" / file).write_text(text)
        with pytest.raises(StoreError) as refused:
            EmbeddingStore.open(tmp_path / "store")
        assert refused.value.where == str(tmp_path / "store")
        assert "copy it again, or run texcnn embed again" in str(refused.value)

    @pytest.mark.parametrize("version", [1, 3, None, "2"])
    def test_another_format_is_not_guessed_at(self, tmp_path: Path, version: object) -> None:
        fill(tmp_path / "store", SPEC, 1)
        path = tmp_path / "store" / "store.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": version}))
        with pytest.raises(StoreError, match=rf"store format version {version!r} .* allowed: 2 .* texcnn embed again"):
            EmbeddingStore.open(tmp_path / "store")

    @pytest.mark.parametrize("done", [0, 1, 2])
    def test_an_unfinished_store_says_how_far_it_is(self, tmp_path: Path, done: int) -> None:
        store = EmbeddingStore.create(tmp_path / "store", SPEC, genes(5))
        with store.writing():
            for chunk in range(done):
                store.write_chunk(chunk, vectors(2, 3, 3), [0, 0])
            with pytest.raises(StoreError, match=r"a process is writing it: wait for its end"):
                EmbeddingStore.open(tmp_path / "store")
        with pytest.raises(StoreError, match=rf"unfinished: {done} of 3 chunks .* run the same texcnn embed command"):
            EmbeddingStore.open(tmp_path / "store")
        again = EmbeddingStore.create(tmp_path / "store", SPEC, genes(5))
        assert again.chunks_done == done

    @pytest.mark.parametrize("chunk", [1, 2, 0])
    def test_chunks_come_in_order(self, tmp_path: Path, chunk: int) -> None:
        store = EmbeddingStore.create(tmp_path / "store", SPEC, genes(5))
        with store.writing():
            if not chunk:
                store.write_chunk(0, vectors(2, 3, 3), [0, 0])
            with pytest.raises(StoreError, match=rf"chunk {chunk} written out of order .* allowed: {int(not chunk)}"):
                store.write_chunk(chunk, vectors(2, 3, 3), [0, 0])
