"""A prediction about to run, and the table that it becomes: what it says of itself, and all of it or nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tiny import save_tiny, write_genome, write_gtf

import texcnn
from texcnn import __version__
from texcnn.embedding.options import ComputeOptions
from texcnn.errors import InputError, RunError
from texcnn.features.spec import FeatureSpec
from texcnn.files import sha256_file
from texcnn.genome.select import GeneSelection
from texcnn.genome.skipped import Skipped, read_skipped
from texcnn.model.bundle import extend_bundle
from texcnn.prediction.options import PredictOptions
from texcnn.prediction.rows import PredictedRows
from texcnn.prediction.table import PredictionRun, TableCounts, no_prediction, open_prediction, write_prediction
from texcnn.tables.columns import TableDescription

SAID = TableDescription(("gc",), "fraction", "tiny", "f" * 64, "genome.fa", "0" * 64, "1")


def frame(*gene_ids: str, **extra: Any) -> pd.DataFrame:
    n = len(gene_ids)
    columns = {
        "gene_id": list(gene_ids), "gene_name": list(gene_ids), "chrom": ["chr1"] * n, "tss": list(range(n)),
        "strand": ["+"] * n, "n_fraction": [0.0] * n, **extra,
    }  # fmt: skip
    return pd.DataFrame({**columns, "gc": pd.Series([0.5] * n, dtype="float32")})


@pytest.fixture
def genome(tmp_path: Path) -> dict[str, Path]:
    return {"fasta": write_genome(tmp_path), "gtf": write_gtf(tmp_path / "genes.gtf")}


class TestWriting:
    def test_counts_are_those_of_all_chunks(self, tmp_path: Path) -> None:
        parts = [
            PredictedRows(frame("a", "b"), [Skipped("c", "late: 1")]),
            PredictedRows(frame(), []),
            PredictedRows(frame("d"), [Skipped("e", "late: 2")]),
        ]
        run = PredictionRun(SAID, [Skipped("f", "early")], iter(parts))
        counts = write_prediction(run, tmp_path / "out.tsv")
        assert counts == TableCounts(3, 3, (("late: … (first: 1)", 2), ("early", 1)))
        assert pd.read_csv(tmp_path / "out.tsv", sep="\t")["gene_id"].tolist() == ["a", "b", "d"]
        assert [entry.gene_id for entry in read_skipped(tmp_path / "out.tsv.skipped.tsv")] == ["f", "c", "e"]

    def test_default_features_are_counted(self, tmp_path: Path) -> None:
        output = TableDescription(**{**vars(SAID), "extra_columns": ("features",)})
        parts = [PredictedRows(frame("a", "b", "c", features=["default", "given", "default"]), [])]
        assert write_prediction(PredictionRun(output, [], iter(parts)), tmp_path / "out.tsv").default_features == 2

    def test_nothing_appears_where_a_chunk_fails(self, tmp_path: Path) -> None:
        def rows() -> Iterator[PredictedRows]:
            yield PredictedRows(frame("a"), [])
            assert not list(tmp_path.glob("out*")), "half a table is never seen"
            raise RunError("the model gave a number that is not finite")

        (tmp_path / "old.tsv").write_text("old")
        for name in ("out.tsv", "out.parquet", "old.tsv"):
            with pytest.raises(RunError):
                write_prediction(PredictionRun(SAID, [], rows()), tmp_path / name)
        assert [path.name for path in tmp_path.iterdir()] == ["old.tsv"]
        assert (tmp_path / "old.tsv").read_text() == "old"

    def test_a_run_without_a_row_writes_nothing_unless_that_is_fine(self, tmp_path: Path) -> None:
        def run() -> PredictionRun:
            return PredictionRun(SAID, [Skipped("a", "no base")], iter([PredictedRows(frame(), [])]))

        with pytest.raises(InputError, match=r"no gene can be predicted – in all 1 genes – .* – 1: no base"):
            write_prediction(run(), tmp_path / "out.tsv")
        assert not list(tmp_path.iterdir())
        assert write_prediction(run(), tmp_path / "out.tsv", allow_empty=True) == TableCounts(0, 1, (("no base", 1),))
        assert (tmp_path / "out.tsv").read_text() == "\t".join(SAID.schema().names) + "\n"

    def test_the_most_frequent_three_reasons_are_reported(self) -> None:
        skipped = [Skipped("g", reason) for reason in ["one", *["two"] * 2, *["three"] * 3, *["four"] * 1200]]
        error = no_prediction(skipped)
        assert error.where == "all 1,206 genes"
        assert error.remedy == "1,200: four; 3: three; 2: two"
        assert (no_prediction([]).where, no_prediction([]).remedy) == (
            "an annotation without genes", "check the annotation and the list of genes",
        )  # fmt: skip


class TestDescription:
    def described(self, model: Path, fasta: Path | None, **keywords: Any) -> TableDescription:
        options = texcnn.keywords.options_from(PredictOptions, None, keywords)
        with open_prediction(texcnn.load_model(model), fasta, options) as run:
            return run.description

    def test_of_a_plain_run(self, tiny: Path, genome: dict[str, Path]) -> None:
        assert self.described(tiny, **genome, device="cpu") == TableDescription(
            cell_types=("gc", "a"),
            unit="fraction",
            model="tiny",
            model_fingerprint=texcnn.load_model(tiny).fingerprint,
            fasta="genome.fa",
            fasta_fingerprint=texcnn.genome.reference.Reference(genome["fasta"]).fingerprint(),
            texcnn_version=__version__,
        )

    @pytest.mark.parametrize(
        ("keywords", "field", "value"),
        [
            ({"transcripts": "all"}, "transcripts", True),
            ({"cell_types": ["E2"]}, "cell_types", ("a",)),
            ({"max_n_fraction": 0.5}, "max_n_fraction", 0.5),
            ({"dtype": "bfloat16"}, "dtype", "bfloat16"),
            ({"batch_size": 3}, "dtype", "float32"),
        ],
    )
    def test_each_option_that_changes_a_number_or_a_row(
        self, tiny: Path, genome: dict[str, Path], keywords: dict[str, Any], field: str, value: object
    ) -> None:
        plain = self.described(tiny, **genome, device="cpu")
        changed = self.described(tiny, **genome, **keywords, device="cpu")
        assert vars(changed) == {**vars(plain), field: value}

    def test_the_models_own_limit_is_reported(self, tiny: Path, genome: dict[str, Path]) -> None:
        extend_bundle(tiny, {}, max_n_fraction=0.25)
        assert self.described(tiny, **genome).max_n_fraction == 0.25
        assert self.described(tiny, **genome, max_n_fraction=1.0).max_n_fraction == 1.0

    def test_the_grid_is_another_model(self, tiny: Path, genome: dict[str, Path], tmp_path: Path) -> None:
        output = []
        for grid in (False, True):
            out = tmp_path / f"{grid}.tsv"
            texcnn.predict(tiny, genome["fasta"], gtf=genome["gtf"], out=out, grid_segments=grid)
            output.append(json.loads(Path(f"{out}.meta.json").read_text())["model_fingerprint"])
        assert output[0] != output[1]

    def test_computed_features_have_the_annotations_digest(
        self, tmp_path: Path, composition: object, genome: dict[str, Path]
    ) -> None:
        model = save_tiny(tmp_path / "m", features=[FeatureSpec("cds_gc", default=0.0)])
        output = self.described(model, **genome)
        assert (output.features, output.features_fingerprint) == (
            "half-life of genes.gtf", sha256_file(genome["gtf"]),
        )  # fmt: skip
        assert self.described(model, **genome, genes="g1").features_fingerprint == output.features_fingerprint, (
            "a shard"
        )
        without = self.described(model, **genome, half_life=False)
        assert (without.features, without.features_fingerprint) == ("defaults", "")

    def test_a_store_describes_its_origin(self, tmp_path: Path, tiny_dnabert2: Path, genome: dict[str, Path]) -> None:
        direct = self.described(tiny_dnabert2, **genome, dtype="bfloat16", device="cpu", transcripts="all")
        texcnn.embed(
            genome["fasta"], tmp_path / "store", tiny_dnabert2, gtf=genome["gtf"], dtype="bfloat16", device="cpu",
            transcripts="all",
        )  # fmt: skip
        stored = self.described(tiny_dnabert2, None, embeddings=tmp_path / "store", device="cpu")
        assert stored == direct
        assert (stored.dtype, stored.transcripts) == ("bfloat16", True)

    def test_how_many_segments_were_computed_is_next_to_the_table_alone(
        self, tiny: Path, genome: dict[str, Path], tmp_path: Path
    ) -> None:
        texcnn.predict(tiny, genome["fasta"], gtf=genome["gtf"], out=tmp_path / "out.tsv")
        output = json.loads((tmp_path / "out.tsv.meta.json").read_text())
        # Two of the nine segments have too many N; g3's three have no base at all.
        assert (output["segments"], output["segments_embedded"]) == (5, 5)
        assert texcnn.read_predictions(tmp_path / "out.tsv").attrs.keys() == {
            "unit", "model", "genome", "features", "skipped",
        }  # fmt: skip


class TestOpening:
    def test_mistakes_are_found_in_the_order_of_their_cost(self, tiny: Path, genome: dict[str, Path]) -> None:
        model = texcnn.load_model(tiny)
        everything_wrong = PredictOptions(
            GeneSelection("nowhere.gtf"),
            cell_types="liver",
            features="nowhere.tsv",
            compute=ComputeOptions(device="cpu"),
        )
        with (
            pytest.raises(InputError, match="unknown cell type 'liver'"),
            open_prediction(model, None, everything_wrong),
        ):
            pass
        no_genome = PredictOptions(GeneSelection("nowhere.gtf"), features="nowhere.tsv")
        with pytest.raises(InputError, match="no genome – in `fasta`"), open_prediction(model, None, no_genome):
            pass
        with (
            pytest.raises(InputError, match="'tiny' takes no features – in `features`"),
            open_prediction(model, Path("nowhere.fa"), no_genome),
        ):
            pass

    def test_rows_are_computed_as_they_are_taken(self, tiny: Path, genome: dict[str, Path]) -> None:
        options = PredictOptions(GeneSelection(genome["gtf"]))
        with open_prediction(texcnn.load_model(tiny), genome["fasta"], options) as run:
            assert run.cache is not None
            assert run.cache.asked == 0
            next(run.rows)
            assert run.cache.asked > 0

    @pytest.mark.parametrize("allow_empty", [False, True])
    def test_a_table_of_other_genes_is_refused_but_for_a_part_of_a_run(
        self, tmp_path: Path, composition: object, genome: dict[str, Path], allow_empty: bool
    ) -> None:
        model = texcnn.load_model(save_tiny(tmp_path / "m", features=[FeatureSpec("x")]))
        (tmp_path / "f.tsv").write_text("gene_id\tx\nENSG1\t4\n")
        options = PredictOptions(GeneSelection(genome["gtf"]), features=tmp_path / "f.tsv", allow_empty=allow_empty)
        if allow_empty:
            with open_prediction(model, genome["fasta"], options) as run:
                assert [len(part.skipped) for part in run.rows] == [3]
            return
        message = r"none of the 3 genes – in .*f.tsv \('ENSG1', ...\) – allowed: ids such as 'g1', as in .*genes.gtf"
        with pytest.raises(InputError, match=message), open_prediction(model, genome["fasta"], options):
            pass


@pytest.mark.parametrize("ending", [".tsv", ".tsv.gz", ".parquet", ".h5ad"])
def test_a_second_run_with_other_batches_writes_the_same_bytes(
    tmp_path: Path, tiny: Path, genome: dict[str, Path], ending: str
) -> None:
    outs = [tmp_path / f"{batch_size}{ending}" for batch_size in (1, 64)]
    for out, batch_size in zip(outs, (1, 64), strict=True):
        texcnn.predict(tiny, genome["fasta"], gtf=genome["gtf"], out=out, batch_size=batch_size)
    if ending == ".h5ad":  # HDF5 writes times
        pd.testing.assert_frame_equal(*map(texcnn.read_predictions, outs))
    else:
        assert outs[0].read_bytes() == outs[1].read_bytes()


def test_the_returned_frame_is_joined_as_any_other(tiny: Path, genome: dict[str, Path]) -> None:
    found = texcnn.predict(tiny, **genome)
    doubled = pd.concat([found, found])
    assert len(doubled) == 4
    assert doubled.attrs == found.attrs
