"""The verb embed: which windows, which encoders, and a store that is replaced late and continued early."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import CHR1, CompositionEncoder, save_tiny, write_genome, write_gtf

import texcnn
from texcnn.encoders.known import KNOWN_ENCODERS
from texcnn.encoders.protocol import EncoderSpec
from texcnn.errors import InputError, ModelError, StoreError
from texcnn.features.spec import FeatureSpec
from texcnn.genome.select import GeneSelection
from texcnn.prediction.embed import EmbedOptions
from texcnn.store.store import EmbeddingStore


@pytest.fixture
def genome(tmp_path: Path) -> dict[str, Path]:
    return {"fasta": write_genome(tmp_path), "gtf": write_gtf(tmp_path / "genes.gtf")}


class TestOptions:
    def test_names_of_encoders_come_as_one_or_many(self) -> None:
        assert EmbedOptions(encoders="dnabert2").encoders == ("dnabert2",)
        assert EmbedOptions(encoders=iter(["a", "b"])).encoders == ("a", "b")

    @pytest.mark.parametrize("name", ["half_life", "grid_segments", "overwrite"])
    def test_flags_are_true_or_false(self, name: str) -> None:
        with pytest.raises(InputError, match=rf"'yes' is not yes or no – in `{name}`"):
            EmbedOptions(**{name: "yes"})  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("sizes", "named"),
        [
            ({"upstream": 0}, "`upstream`"),
            ({"downstream": 5}, "`downstream`"),
            ({"upstream": 1, "segment_length": 2}, "`upstream`, `segment_length`"),
        ],
    )
    def test_a_model_fixes_its_window(self, sizes: dict[str, int], named: str) -> None:
        with pytest.raises(InputError, match=f"a model fixes its own window, so {named} need `encoders`"):
            EmbedOptions(**sizes)
        assert EmbedOptions(encoders="x", **sizes)

    def test_encoders_have_no_features(self) -> None:
        with pytest.raises(InputError, match=r"no half-life features – in `half_life` – allowed: with a model"):
            EmbedOptions(encoders="x", half_life=True)
        assert EmbedOptions(encoders="x", half_life=False).half_life is False


class TestEncoders:
    @pytest.fixture(autouse=True)
    def _known(self, composition: CompositionEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(KNOWN_ENCODERS, "composition", EncoderSpec(type="composition", source="bundle"))

    def embed(self, genome: dict[str, Path], out: Path, **keywords: Any) -> EmbeddingStore:
        return texcnn.embed(genome["fasta"], out, gtf=genome["gtf"], **keywords)

    def test_sizes_are_those_asked_for(self, genome: dict[str, Path], tmp_path: Path) -> None:
        store = self.embed(
            genome, tmp_path / "s", encoders="composition", upstream=4, downstream=8, segment_length=6
        )  # fmt: skip
        assert (store.spec.window.upstream, store.spec.window.downstream, store.spec.segments.length) == (4, 8, 6)
        # g1's TSS is base 40 (0-based): chr1:36-48.
        for place, start in enumerate((36, 42)):
            segment = CHR1[start : start + 6]
            expected = [segment.count(base) / 6 for base in "ACGT"]
            np.testing.assert_allclose(store.read_chunk(0).embeddings.values[0, place], expected, rtol=1e-6)

    def test_one_size_leaves_the_others_as_published(self, genome: dict[str, Path], tmp_path: Path) -> None:
        store = self.embed(genome, tmp_path / "s", encoders="composition", upstream=500)
        assert (store.spec.window.upstream, store.spec.window.downstream, store.spec.segments.length) == (
            500,
            3500,
            500,
        )

    def test_vectors_of_several_encoders_are_joined(self, genome: dict[str, Path], tmp_path: Path) -> None:
        sizes = {"upstream": 20, "downstream": 10, "segment_length": 10}
        one = self.embed(genome, tmp_path / "one", encoders="composition", **sizes)
        two = self.embed(genome, tmp_path / "two", encoders=["composition", "composition"], **sizes)
        assert (one.spec.dim, two.spec.dim) == (4, 8)
        values = one.read_chunk(0).embeddings.values
        np.testing.assert_array_equal(two.read_chunk(0).embeddings.values, np.concatenate([values, values], axis=2))

    def test_the_grid_is_that_of_the_segments(self, genome: dict[str, Path], tmp_path: Path) -> None:
        store = self.embed(
            genome, tmp_path / "s", encoders="composition", upstream=20, downstream=20, segment_length=8,
            grid_segments=True,
        )  # fmt: skip
        assert store.spec.window.grid == 8

    def test_a_model_and_encoders_are_one_too_many(self, genome: dict[str, Path], tmp_path: Path, tiny: Path) -> None:
        with pytest.raises(InputError, match=r"both a model and encoders .* allowed: one of them"):
            texcnn.embed(genome["fasta"], tmp_path / "s", tiny, gtf=genome["gtf"], encoders="composition")

    def test_an_unknown_encoder_lists_the_known_ones(self, genome: dict[str, Path], tmp_path: Path) -> None:
        with pytest.raises(ModelError, match=r"unknown encoder 'compositoin' .* did you mean 'composition'\?"):
            self.embed(genome, tmp_path / "s", encoders="compositoin")
        assert not (tmp_path / "s").exists()


class TestStores:
    def test_a_mistake_does_not_cost_the_old_store(self, genome: dict[str, Path], tmp_path: Path, tiny: Path) -> None:
        out = tmp_path / "store"
        texcnn.embed(genome["fasta"], out, tiny, gtf=genome["gtf"])
        before = (out / "store.json").read_bytes()
        for wrong in (
            {"gtf": tmp_path / "nowhere.gtf"},
            {"gtf": genome["gtf"], "store_dtype": "float8"},
            {"gtf": genome["gtf"], "encoders": "nobody"},
        ):
            with pytest.raises((InputError, ModelError)):
                texcnn.embed(
                    genome["fasta"], out, None if "encoders" in wrong else tiny, overwrite=True, **wrong
                )  # fmt: skip
        assert (out / "store.json").read_bytes() == before
        assert EmbeddingStore.open(out)

    def test_overwrite_replaces_and_its_absence_keeps(
        self, genome: dict[str, Path], tmp_path: Path, tiny: Path
    ) -> None:
        out = tmp_path / "store"
        texcnn.embed(genome["fasta"], out, tiny, gtf=genome["gtf"])
        with pytest.raises(InputError, match=r"genes: 3 from 'g1' on and 0 skipped in the store, 1 from 'g2' on and 0"):
            texcnn.embed(genome["fasta"], out, tiny, gtf=genome["gtf"], genes="g2")
        store = texcnn.embed(genome["fasta"], out, tiny, gtf=genome["gtf"], genes="g2", overwrite=True)
        assert [gene.id for gene in store.genes] == ["g2"]
        assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("store")) == ["store"]

    def test_something_else_is_never_replaced(self, genome: dict[str, Path], tmp_path: Path, tiny: Path) -> None:
        out = tmp_path / "thesis"
        out.mkdir()
        (out / "chapter.txt").write_text("years of work")
        for overwrite in (False, True):
            with pytest.raises(InputError, match=r"something else .* allowed: a new name, or a folder with store.json"):
                texcnn.embed(genome["fasta"], out, tiny, gtf=genome["gtf"], overwrite=overwrite)
        assert (out / "chapter.txt").read_text() == "years of work"

    def test_the_same_call_again_computes_nothing(
        self, genome: dict[str, Path], tmp_path: Path, tiny: Path, composition: CompositionEncoder
    ) -> None:
        texcnn.embed(genome["fasta"], tmp_path / "store", tiny, gtf=genome["gtf"])
        computed = len(composition.batches)
        assert computed
        store = texcnn.embed(genome["fasta"], tmp_path / "store", tiny, gtf=genome["gtf"], batch_size=1)
        assert len(composition.batches) == computed
        assert store.chunks_done == store.n_chunks == 1

    def test_genes_without_a_place_are_listed(self, tmp_path: Path, genome: dict[str, Path], tiny: Path) -> None:
        gtf = write_gtf(tmp_path / "more.gtf", [("g1", "chr1", 41, 60, "+"), ("far", "chr1", 900, 950, "+")])
        store = texcnn.embed(genome["fasta"], tmp_path / "store", tiny, gtf=gtf)
        ((entry),) = EmbeddingStore.open(store.folder).skipped
        assert (entry.gene_id, entry.reason) == ("far", "TSS 900 lies beyond the end of chromosome 'chr1' (200 bp)")

    def test_transcripts_have_a_row_each(self, genome: dict[str, Path], tmp_path: Path, tiny: Path) -> None:
        store = texcnn.embed(genome["fasta"], tmp_path / "store", tiny, gtf=genome["gtf"], transcripts="all")
        assert store.spec.transcripts
        assert [gene.transcript_id for gene in store.genes] == ["g1.t", "g2.t", "g3.t"]

    def test_features_are_asked_for_and_cannot_be_had(
        self, genome: dict[str, Path], tmp_path: Path, tiny: Path
    ) -> None:
        with pytest.raises(
            InputError,
            match=r"features are not half-life features: it takes none – in `half_life` .* leave `half_life`",
        ):
            texcnn.embed(genome["fasta"], tmp_path / "store", tiny, gtf=genome["gtf"], half_life=True)
        odd = save_tiny(tmp_path / "odd", features=[FeatureSpec("cds_gc"), FeatureSpec("shoe_size")])
        with pytest.raises(
            InputError, match=r"features are not half-life features: shoe_size .* give them as a table \(`features`\)"
        ):
            texcnn.embed(genome["fasta"], tmp_path / "store", odd, gtf=genome["gtf"], half_life=True)
        assert not (tmp_path / "store").exists()

    def test_where_it_is_and_how_large_it_becomes_is_reported_before(
        self, genome: dict[str, Path], tmp_path: Path, tiny: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "texcnn")
        store = texcnn.embed(
            genome["fasta"], tmp_path / "store", tiny, gtf=genome["gtf"], store_dtype="float16"
        )  # fmt: skip
        size = 3 * (3 * (4 * 2 + 1) + 8)
        assert store.spec.bytes(3) == size
        assert any(
            record.getMessage().startswith(f"3 genes, {size / 1e9:.3g} GB in float16, ") for record in caplog.records
        )

    def test_options_as_one_object(self, genome: dict[str, Path], tmp_path: Path, tiny: Path) -> None:
        options = EmbedOptions(GeneSelection(genome["gtf"], genes="g1"), store_dtype="bfloat16")
        store = texcnn.embed(str(genome["fasta"]), str(tmp_path / "store"), texcnn.load_model(tiny), options=options)
        assert json.loads((store.folder / "store.json").read_text())["store_dtype"] == "bfloat16"
        with pytest.raises(InputError, match=r"`options` is given, and gtf too"):
            texcnn.embed(genome["fasta"], tmp_path / "store", tiny, options=options, gtf=genome["gtf"])

    def test_a_store_that_another_process_writes_is_left_alone(
        self, genome: dict[str, Path], tmp_path: Path, tiny: Path
    ) -> None:
        store = texcnn.embed(genome["fasta"], tmp_path / "store", tiny, gtf=genome["gtf"])
        with store.writing(), pytest.raises(StoreError, match="another process is writing this store"):
            texcnn.embed(genome["fasta"], tmp_path / "store", tiny, gtf=genome["gtf"], overwrite=True)
        assert EmbeddingStore.open(tmp_path / "store")
