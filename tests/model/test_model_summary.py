"""What a model says of itself in a dozen lines, and the warnings that save a wrong result."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny import save_tiny, write_genome

import texcnn
from texcnn.encoders.known import HUMAN_ENCODERS, KNOWN_ENCODERS
from texcnn.encoders.protocol import EncoderSpec
from texcnn.errors import InputError, ModelError
from texcnn.features.spec import FeatureSpec
from texcnn.genome.assembly import HUMAN, Assembly
from texcnn.genome.gene import Gene
from texcnn.genome.reference import Reference
from texcnn.model.bundle import BundleConfig, BundleFiles, extend_bundle
from texcnn.model.cautions import warn_of_cell_types, warn_of_encoders, warn_of_genome, weak_cell_types
from texcnn.model.model import Model
from texcnn.model.reference_genes import ReferenceGenes
from texcnn.model.summary import as_html, as_text, summary_rows

EMPTY = np.zeros((0, 2))


def reference(**held_out: float) -> ReferenceGenes:
    return ReferenceGenes(EMPTY, EMPTY, EMPTY, EMPTY, {}, held_out)


@pytest.fixture
def config(tiny: Path) -> BundleConfig:
    return BundleFiles(tiny).config


def rows(
    config: BundleConfig, cell_types: list[str] | None = None, known: ReferenceGenes | None = None
) -> dict[str, str]:
    return dict(summary_rows(config, cell_types or ["gc", "a"], known))


class TestSummary:
    def test_each_line(self, config: BundleConfig) -> None:
        assert rows(config) == {
            "Model": "tiny, version 1",
            "Genome": "unknown",
            "Unit": "fraction",
            "Window": "20 bp upstream and 10 bp downstream of the TSS",
            "Segments": "10 bp",
            "Encoders": "composition",
            "Head": "textcnn",
            "Inputs": "sequence",
            "Outputs": "gc, a",
            "Held-out genes": "no figures in the bundle: see the card",
            "Limit on N": "none",
        }

    @pytest.mark.parametrize(
        ("change", "term", "text"),
        [
            ({"assembly": HUMAN}, "Genome", "Homo sapiens (GRCh38)"),
            ({"max_n_fraction": 0.25}, "Limit on N", "25% of the window"),
            ({"segments": None}, "Segments", "none: reads bases"),
            ({"encoders": ()}, "Encoders", "none"),
            (
                {"encoders": (KNOWN_ENCODERS["dnabert2"], KNOWN_ENCODERS["dnabert-6"])},
                "Encoders",
                "dnabert2, dnabert-6",
            ),
            ({"features": tuple(map(FeatureSpec, "ab"))}, "Inputs", "sequence, a, b"),
            (
                {"features": tuple(map(FeatureSpec, "abcdefghijk"))},
                "Inputs",
                "sequence, a, b, c, d, e, f, g, h, ... 12 in all",
            ),
        ],
    )
    def test_what_a_config_changes(self, config: BundleConfig, change: dict[str, object], term: str, text: str) -> None:
        found = rows(replace(config, **change))  # type: ignore[arg-type]
        assert found[term] == text
        assert {name: found[name] for name in found if name != term} == {
            name: value for name, value in rows(config).items() if name != term
        }

    def test_outputs_are_cell_types_and_what_is_none(self, config: BundleConfig) -> None:
        many = rows(config, ["median", *(f"c{number}" for number in range(7))])
        assert many["Outputs"] == "c0, c1, c2, c3, c4, ... 7 in all; and median"
        assert rows(config, ["median"])["Outputs"] == "median"

    def test_figures_of_held_out_genes_are_those_of_real_cell_types(self, config: BundleConfig) -> None:
        known = reference(median=0.9, a=0.5, b=0.25, c=float("nan"), d=0.75)
        found = rows(config, ["median", "a", "b", "c", "d"], known)
        assert found["Held-out genes"] == "squared Pearson 0.50 (median of cell types, 0.25 to 0.75)"
        assert rows(config, ["x"], known)["Held-out genes"].startswith("no figures")

    def test_text_and_html(self) -> None:
        shown = [("Model", "a <b>"), ("Held-out", "c & d")]
        assert as_text(shown) == "Model     a <b>\nHeld-out  c & d"
        page = as_html(shown)
        assert "a &lt;b&gt;" in page
        assert "c &amp; d" in page
        assert page.count("<tr>") == 2

    def test_a_fingerprint_comes_last(self, config: BundleConfig) -> None:
        assert summary_rows(config, ["gc"], None, "f" * 64)[-1] == ("Fingerprint", "f" * 64)


class TestCautions:
    @pytest.fixture
    def model(self, tiny: Path) -> Model:
        return texcnn.load_model(tiny)

    @pytest.mark.parametrize(
        ("held_out", "weak"),
        [
            ({}, []),
            ({"a": 0.6, "b": 0.4, "c": 0.29}, []),  # half of the median is 0.2
            ({"a": 0.6, "b": 0.6, "c": 0.29}, ["c"]),
            ({"a": 0.12, "b": 0.12, "c": 0.09}, ["c"]),  # below 0.1 in any case
            ({"a": 0.12, "b": 0.12, "c": 0.1}, []),
            ({"a": 0.8, "b": float("nan")}, []),
        ],
    )
    def test_weak_cell_types(self, model: Model, held_out: dict[str, float], weak: list[str]) -> None:
        model.reference = reference(**held_out)
        assert list(weak_cell_types(model)) == weak
        model.reference = None
        assert weak_cell_types(model) == {}

    def test_only_those_asked_for_are_warned_of(self, model: Model, caplog: pytest.LogCaptureFixture) -> None:
        model.reference = reference(gc=0.7, a=0.05)
        warn_of_cell_types(model, [])
        warn_of_cell_types(model, ["gc"])
        assert not caplog.records
        warn_of_cell_types(model, ["adenine"])
        assert "tiny predicts a badly: squared Pearson 0.05 on held-out genes" in caplog.text

    def test_another_genome(self, model: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.WARNING)
        with Reference(write_genome(tmp_path)) as genome:
            for assembly, warned in ((None, False), (Assembly("S", "A", {"1": 200}), False), (HUMAN, True)):
                caplog.clear()
                model.config = replace(model.config, assembly=assembly)
                warn_of_genome(model, genome)
                assert bool(caplog.records) is warned

    def test_encoders_of_human_dna(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        human = [KNOWN_ENCODERS[name] for name in HUMAN_ENCODERS]
        others = [spec for name, spec in KNOWN_ENCODERS.items() if name not in HUMAN_ENCODERS]
        with Reference(write_genome(tmp_path)) as genome:
            warn_of_encoders([*others, EncoderSpec(type="x", source="bundle")], genome)
            assert not caplog.records
            warn_of_encoders(human, genome)
        ((record),) = caplog.records
        assert " and ".join(HUMAN_ENCODERS) in record.getMessage()


class TestExtending:
    def test_files_and_entries_are_added_and_the_rest_stays(self, tiny: Path) -> None:
        before = {path.name: path.read_bytes() for path in tiny.iterdir()}
        extend_bundle(tiny, {"more.tsv": b"x\n", "README.md": b"# other\n"}, max_n_fraction=0.5)
        files = BundleFiles(tiny)
        assert files.config.max_n_fraction == 0.5
        assert (files.path("more.tsv").read_bytes(), (tiny / "README.md").read_bytes()) == (b"x\n", b"# other\n")
        assert (tiny / "model.safetensors").read_bytes() == before["model.safetensors"]

    def test_the_card_is_no_part_of_the_fingerprint_and_a_limit_is(self, tiny: Path) -> None:
        first = texcnn.load_model(tiny).fingerprint
        extend_bundle(tiny, {"README.md": b"# other\n"})
        assert texcnn.load_model(tiny).fingerprint == first
        extend_bundle(tiny, {}, max_n_fraction=0.5)
        assert texcnn.load_model(tiny).fingerprint != first

    def test_what_cannot_be_trusted_is_not_extended(self, tiny: Path) -> None:
        (tiny / "cell_types.tsv").write_text("cell_type\nother\n")
        before = {path.name: path.read_bytes() for path in tiny.iterdir()}
        with pytest.raises(ModelError, match="wrong checksum"):
            extend_bundle(tiny, {"more.tsv": b""})
        assert {path.name: path.read_bytes() for path in tiny.iterdir()} == before


class TestCellTypes:
    @pytest.mark.parametrize(
        ("names", "columns"),
        [
            (None, [0, 1]),
            ([], [0, 1]),
            ("a", [1]),
            (["a", "gc"], [1, 0]),
            (["E1"], [0]),
            (["adenine", "a", "E2"], [1]),
            ((name for name in ("gc", "E2")), [0, 1]),
        ],
    )
    def test_by_any_of_their_names(self, tiny: Path, names: object, columns: list[int]) -> None:
        assert texcnn.load_model(tiny).cell_type_columns(names) == columns  # type: ignore[arg-type]

    def test_a_name_of_the_table_goes_before_other_columns(self, tiny: Path) -> None:
        model = texcnn.load_model(tiny)
        model.cell_type_table = model.cell_type_table.assign(name=["a", "gc"])
        assert model.cell_type_columns(["a"]) == [1]
        model.cell_type_table = model.cell_type_table.assign(name=["both", "both"])
        with pytest.raises(InputError, match=r"'both' names 2 cell types – in `cell_types` – allowed: gc, a"):
            model.cell_type_columns("both")

    def test_the_part_of_a_gene(self, tmp_path: Path, composition: object) -> None:
        folder = save_tiny(tmp_path / "m")
        split = "gene_id\tsplit\tgene_name\ng1\ttrain\tALPHA\ng2\ttest\tBETA\n"
        extend_bundle(folder, {"split.tsv": split.encode()})
        known = texcnn.load_model(folder).reference
        assert known is not None
        genes = [
            Gene(gene_id, name, "chr1", 1, "+")
            for gene_id, name in (("g1", "x"), ("y", "BETA"), ("g1", "BETA"), ("z", "z"))
        ]
        assert [known.part(gene) for gene in genes] == ["train", "test", "train", "unknown"]
