"""From files to a table: exact numbers on a genome small enough to read, and results that batching cannot change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny import CompositionEncoder, save_tiny, write_genome, write_gtf

import texcnn
from texcnn.errors import InputError, ModelError
from texcnn.features.spec import FeatureSpec
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.genome.windows import WindowSpec
from texcnn.heads.spec import HeadSpec
from texcnn.model import predict_windows as predict_module
from texcnn.model.bundle import BundleConfig, save_bundle
from texcnn.model.catalog import DEFAULT_MODEL, bundled_models, fetch_model, resolve_model
from texcnn.model.load import load_model
from texcnn.prediction.genes import predict_genes


def test_table_of_known_numbers(tmp_path: Path, tiny: Path) -> None:
    table = texcnn.load_model(tiny).predict(write_genome(tmp_path), gtf=write_gtf(tmp_path / "genes.gtf"))
    assert list(table.columns) == ["gene_id", "gene_name", "chrom", "tss", "strand", "n_fraction", "gc", "a"]
    assert table[["gene_id", "gene_name", "chrom", "tss", "strand"]].to_numpy().tolist() == [
        ["g1", "G1", "chr1", 41, "+"],
        ["g2", "G2", "chr2", 70, "-"],
    ]
    # g1: segments of 10 G, of 5 C and 5 T, of 10 A.
    # g2: minus strand, TSS at base 70 of 80: the window reaches 10 bases beyond the end, which come first and are
    # masked; the rest is ACGT repeated, every segment half G or C and with 2 or 3 of 10 A.
    np.testing.assert_array_equal(table["n_fraction"], [0, 10 / 30])
    np.testing.assert_allclose(table["gc"], [1.0, 0.5])
    np.testing.assert_allclose(table["a"], [3.0, 1.6], rtol=1e-6)
    assert table.attrs["unit"] == "fraction"
    assert table.attrs["skipped"] == [
        {"gene_id": "g3", "reason": "no segment of the window has enough known bases, 100.00% are N"}
    ]


def test_rows_in_are_rows_out_and_skipped(tmp_path: Path, tiny: Path) -> None:
    genes = [(f"g{place}", "chr1", 5 * place + 1, 5 * place + 4, "+-"[place % 2]) for place in range(39)]
    genes += [("elsewhere", "chr9", 1, 10, "+"), ("beyond", "chr2", 400, 500, "+")]
    table = load_model(tiny).predict(write_genome(tmp_path), gtf=write_gtf(tmp_path / "genes.gtf", genes))
    skipped = [entry["gene_id"] for entry in table.attrs["skipped"]]
    assert sorted([*table["gene_id"], *skipped]) == sorted(gene[0] for gene in genes)
    assert {"elsewhere", "beyond"} < set(skipped)
    assert list(table["gene_id"]) == [gene[0] for gene in genes if gene[0] in set(table["gene_id"])]


@pytest.mark.parametrize("batch_size", [1, 2, 7, 64])
@pytest.mark.parametrize("chunk", [1, 3, 64])
def test_batches_and_chunks_never_change_a_number(
    tmp_path: Path, tiny_dnabert2: Path, monkeypatch: pytest.MonkeyPatch, batch_size: int, chunk: int
) -> None:
    genes = [(f"g{place}", "chr1", 3 * place + 1, 3 * place + 2, "+-"[place % 2]) for place in range(30)]
    fasta, gtf = write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf", genes)
    model = load_model(tiny_dnabert2)
    whole = model.predict(fasta, gtf=gtf, batch_size=1000)
    monkeypatch.setattr(predict_module, "WINDOWS_PER_CHUNK", chunk)
    parts = model.predict(fasta, gtf=gtf, batch_size=batch_size)
    assert whole[["x", "y", "z"]].std().min() > 0.01, "the genes differ"
    pd.testing.assert_frame_equal(whole, parts, rtol=0, atol=1e-6, check_exact=False)


def test_a_shared_segment_is_embedded_once(tmp_path: Path, tiny: Path, composition: CompositionEncoder) -> None:
    genes = [(f"g{place}", "chr1", 41, 60, "+") for place in range(5)]
    table = load_model(tiny).predict(write_genome(tmp_path), gtf=write_gtf(tmp_path / "genes.gtf", genes))
    assert len(table) == 5
    assert sum(composition.batches) == 3


def test_chosen_cell_types_and_genes(tmp_path: Path, tiny: Path) -> None:
    fasta, gtf = write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf")
    model = load_model(tiny)
    table = model.predict(fasta, gtf=gtf, genes=["G2", "nobody"], cell_types=["adenine"])
    assert list(table.columns)[-1] == "a"
    assert "gc" not in table
    assert list(table["gene_id"]) == ["g2"]
    assert [entry["gene_id"] for entry in table.attrs["skipped"]] == ["nobody"]
    assert model.cell_type_columns(["E2", "gc", "a"]) == [1, 0]


def test_unknown_cell_type_lists_the_valid_ones(tiny: Path) -> None:
    with pytest.raises(InputError, match=r"unknown cell type 'adenin'.*allowed: gc, a"):
        load_model(tiny).cell_type_columns(["adenin"])


def test_a_name_of_several_cell_types_is_refused(tiny: Path) -> None:
    model = load_model(tiny)
    model.cell_type_table["group"] = "letters"
    with pytest.raises(InputError, match=r"'letters' names 2 cell types.*gc, a"):
        model.cell_type_columns(["letters"])


def test_transcripts_have_a_row_each(tmp_path: Path, tiny: Path) -> None:
    fasta, gtf = write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf")
    table = load_model(tiny).predict(fasta, gtf=gtf, transcripts="all")
    assert list(table.columns)[:3] == ["gene_id", "gene_name", "transcript_id"]
    assert list(table["transcript_id"]) == ["g1.t", "g2.t"]
    assert table.attrs["skipped"][0]["reason"].endswith("(transcript g3.t)")


def test_no_gene_left_gives_an_empty_table(tmp_path: Path, tiny: Path) -> None:
    table = load_model(tiny).predict(
        write_genome(tmp_path), gtf=write_gtf(tmp_path / "genes.gtf"), genes=["nobody", "noone"], allow_empty=True
    )
    assert table.empty
    assert list(table.columns)[-2:] == ["gc", "a"]
    assert len(table.attrs["skipped"]) == 2


def test_gtf_or_bed(tmp_path: Path, tiny: Path) -> None:
    fasta, gtf = write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf")
    bed = tmp_path / "tss.bed"
    bed.write_text("chr1\t40\t60\tg1\t0\t+\n")
    model = load_model(tiny)
    assert model.predict(fasta, bed=bed)["gc"].tolist() == [1.0]
    with pytest.raises(InputError, match=r"no genes .* in `gtf` and `bed`.*exactly one of them"):
        model.predict(fasta)
    with pytest.raises(InputError, match=r"either a GTF or a BED"):
        model.predict(fasta, gtf=gtf, bed=bed)
    with pytest.raises(InputError, match=r"transcripts are chosen from a GTF"):
        model.predict(fasta, bed=bed, transcripts="all")


def test_sequences_in_expression_out(tiny: Path) -> None:
    model = load_model(tiny)
    found = model.predict_sequences(["G" * 10 + "A" * 5 + "C" * 15, "N" * 30, "NNNNN" + "T" * 25])
    np.testing.assert_allclose(found[[0, 2]], [[1.0, 2.0], [0.0, 1.0]])
    assert np.isnan(found[1]).all()
    assert model.predict_sequences([]).shape == (0, 2)
    with pytest.raises(InputError, match=r"a window of 31 bp .* in window 2 .*allowed: 30 bp"):
        model.predict_sequences(["A" * 30, "A" * 31, "A" * 29])
    with pytest.raises(InputError, match=r"windows with the letters 'R', 'a'.*upper-case A, C, G, T and N"):
        model.predict_sequences(["a" * 30, "R" * 30])


class TestFeatures:
    """A head with one extra input, scaled as the bundle says: (value - 2) / 0.5, added to both outputs."""

    @pytest.fixture
    def files(self, tmp_path: Path) -> dict[str, Path]:
        table = tmp_path / "features.tsv"
        table.write_text("gene_id\tother\tutr\ng1\t9\t3\n")
        return {"fasta": write_genome(tmp_path), "gtf": write_gtf(tmp_path / "genes.gtf"), "features": table}

    def model(self, folder: Path, default: float | None) -> texcnn.Model:
        return load_model(save_tiny(folder / "m", features=[FeatureSpec("utr", 2.0, 0.5, default)]))

    def test_scaled_and_joined_by_gene(
        self, tmp_path: Path, composition: CompositionEncoder, files: dict[str, Path]
    ) -> None:
        table = self.model(tmp_path, None).predict(**files)
        assert table[["gene_id", "gc", "a"]].to_numpy().tolist() == [["g1", 3.0, 5.0]]
        reasons = {entry["gene_id"]: entry["reason"] for entry in table.attrs["skipped"]}
        assert reasons["g2"] == "no complete features in features.tsv"
        assert set(reasons) == {"g2", "g3"}

    def test_default_where_no_table_is_given(
        self, tmp_path: Path, composition: CompositionEncoder, files: dict[str, Path]
    ) -> None:
        del files["features"]
        assert self.model(tmp_path, 10.0).predict(**files)["gc"].tolist() == [11.0, 10.5]

    def test_needed_features_are_named(
        self, tmp_path: Path, composition: CompositionEncoder, files: dict[str, Path]
    ) -> None:
        del files["features"]
        with pytest.raises(InputError, match=r"needs the features utr"):
            self.model(tmp_path, None).predict(**files)

    def test_a_model_without_features_refuses_a_table(self, tiny: Path, files: dict[str, Path]) -> None:
        with pytest.raises(InputError, match=r"takes no features"):
            load_model(tiny).predict(**files)


def test_head_must_fit_its_description(tmp_path: Path, tiny: Path) -> None:
    import json

    path = tiny / "config.json"
    config = json.loads(path.read_text())
    for options, message in (({"dim": 4, "n_cell_types": 2}, "do not fit"), ({"dim": 4, "nonsense": 1}, "do not fit")):
        path.write_text(json.dumps({**config, "head": {"type": "textcnn", "options": options}}))
        with pytest.raises(ModelError, match=message):
            load_model(tiny)
    path.write_text(json.dumps({**config, "head": {"type": "rnn", "options": {}}}))
    with pytest.raises(ModelError, match=r"unknown head 'rnn'.*allowed: textcnn, xpresso"):
        load_model(tiny)


def test_fingerprint_follows_the_weights(tmp_path: Path, tiny_dnabert2: Path) -> None:
    from tiny import save_tiny_dnabert2

    first = load_model(tiny_dnabert2).fingerprint
    assert load_model(save_tiny_dnabert2(tmp_path / "same")).fingerprint == first
    assert load_model(save_tiny_dnabert2(tmp_path / "other", seed=1)).fingerprint != first


def test_chunks_arrive_as_they_are_made(
    tmp_path: Path, tiny: Path, composition: CompositionEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict_module, "WINDOWS_PER_CHUNK", 2)
    model = load_model(tiny)
    genes = [(f"g{place}", "chr1", 3 * place + 1, 3 * place + 2, "+") for place in range(9)]
    with Reference(write_genome(tmp_path)) as reference:
        annotation = load_genes(reference, model.window, GeneSelection(write_gtf(tmp_path / "genes.gtf", genes)))
        rows = predict_genes(model, reference, annotation.genes)
        first = next(rows)
        embedded = sum(composition.batches)
        assert len(first.frame) == 2
        assert embedded <= 6, "nothing beyond the first chunk was embedded"
        assert sum(len(part.frame) + len(part.skipped) for part in rows) == 7


class TestCatalog:
    def test_unknown_model_lists_what_there_is(self) -> None:
        with pytest.raises(ModelError, match=r"unknown model 'texcnn-mimi'.*hf:owner/name@revision"):
            resolve_model("texcnn-mimi")

    def test_an_empty_name_is_not_the_default(self) -> None:
        with pytest.raises(ModelError, match=r"unknown model '' .* `model` .* allowed: texcnn-mini"):
            resolve_model("")

    def test_a_folder_is_a_model(self, tiny: Path) -> None:
        assert resolve_model(tiny) == tiny
        assert load_model(str(tiny)).name == "tiny"

    def test_hub_names_need_a_revision(self) -> None:
        with pytest.raises(ModelError, match=r"pin a revision"):
            resolve_model("hf:owner/name")

    def test_a_hub_model_that_was_not_fetched_says_how(self) -> None:
        with pytest.raises(ModelError, match=r"not on this machine.*texcnn models fetch hf:owner/name@v1"):
            resolve_model("hf:owner/name@v1")

    def test_fetching_without_a_network_fails_clearly(self) -> None:
        with pytest.raises(texcnn.errors.RunError, match=r"hf:owner/name@v1.*unset HF_HUB_OFFLINE"):
            fetch_model("hf:owner/name@v1")

    @pytest.mark.parametrize("find", [resolve_model, fetch_model])
    @pytest.mark.parametrize("name", ["hf:an owner/name@v1", "hf:owner--x/name@v1"])
    def test_names_the_hub_cannot_have(self, find: Callable[[str], Path], name: str) -> None:
        with pytest.raises(ModelError, match=rf"unusable Hub name '{name}'.*allowed: hf:owner/name@revision"):
            find(name)

    def test_bundled_models_lie_in_the_package(self) -> None:
        package = Path(texcnn.__file__).parent
        assert bundled_models()[DEFAULT_MODEL] == package / "bundled" / DEFAULT_MODEL == resolve_model()


def test_a_batch_that_holds_nothing_is_refused(tiny: Path) -> None:
    model = load_model(tiny)
    for wrong in (0, -1, 2.5, True):
        with pytest.raises(InputError, match=rf"unusable batch size {wrong} .* in `batch_size`"):
            model.predict_sequences(["A" * 30], batch_size=wrong)


@pytest.mark.parametrize("names", [["a", "b"], []])
def test_cell_types_that_do_not_fit_the_head_are_refused(tmp_path: Path, names: list[str]) -> None:
    from texcnn.heads.xpresso import XpressoCNN

    options = {"length": 300, "n_features": 0}
    tensors = {f"head.{name}": value for name, value in XpressoCNN(**options).state_dict().items()}
    config = BundleConfig("x", "1", "one-hot", "z-score", WindowSpec(200, 100), HeadSpec("xpresso", options))
    save_bundle(tmp_path / "x", config, tensors, pd.DataFrame({"cell_type": names}, dtype=str), "# x\n")
    with pytest.raises(ModelError, match=rf"the head has 1 outputs, the table of cell types {len(names)} rows"):
        load_model(tmp_path / "x")
