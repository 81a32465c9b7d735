"""The paragraph of methods says what was done, and cites what was used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from report_files import describe

import texcnn
from texcnn.model.model import Model
from texcnn.report.methods import CITATIONS, methods
from texcnn.tables.columns import TableDescription

SAID = describe()


def paragraph(output: TableDescription = SAID, model: Model | None = None) -> str:
    return methods(output, model).paragraph


@pytest.fixture
def model(tiny_dnabert2: Path) -> Model:
    return texcnn.load_model(tiny_dnabert2)


def test_without_the_model_it_says_what_the_table_says() -> None:
    assert paragraph() == (
        "Gene expression was predicted from DNA with TExCNN 9.8.7 (model tiny-model, sha256 f00df00df00d; Dong et al. "
        "2024). The genome was genome.fa.gz (sha256 beefbeefbeef). Values are log10(RPKM + 0.1); encoders computed in "
        "float32."
    )


def test_a_model_names_its_window_segments_and_encoder(model: Model) -> None:
    output = paragraph(model=model)
    assert "(model tiny-model version 1, sha256" in output
    assert "The model read 20 bp upstream and 10 bp downstream of each transcription start site" in output
    assert "cut into segments of 10 bp that the encoder (dnabert2) turned into vectors." in output
    assert methods(SAID, model).citations == [CITATIONS["texcnn"], CITATIONS["dnabert2"]]


@pytest.mark.parametrize(
    ("change", "sentence", "cites_xpresso"),
    [
        ({"features": "none"}, None, False),
        ({"features": "defaults"}, "Extra inputs had the model's defaults for every gene.", False),
        ({"features": "tf.tsv"}, "Extra inputs of each gene came from tf.tsv.", False),
        ({"features": "half-life of g.gtf"}, "Extra inputs of each gene came from half-life of g.gtf.", True),
        ({"features": "half_life.tsv"}, "Extra inputs of each gene came from half_life.tsv.", True),
        ({"max_n_fraction": 0.5}, "Genes with more than 50% unknown bases in this window were left out.", False),
        ({"max_n_fraction": None}, None, False),
        ({"dtype": "bfloat16"}, "encoders computed in bfloat16.", False),
        ({"unit": "TPM"}, "Values are TPM;", False),
    ],
)
def test_each_choice_has_its_sentence(change: dict[str, object], sentence: str | None, cites_xpresso: bool) -> None:
    output = methods(replace(SAID, **change), None)  # type: ignore[arg-type]
    if sentence is None:
        assert "Extra inputs" not in output.paragraph
        assert "left out" not in output.paragraph
    else:
        assert sentence in output.paragraph
    assert (CITATIONS["xpresso"] in output.citations) is cites_xpresso


def test_a_model_of_bases_has_no_segments_and_cites_its_head() -> None:
    import pandas as pd

    from texcnn.genome.windows import WindowSpec
    from texcnn.heads.spec import HeadSpec
    from texcnn.heads.xpresso import XpressoCNN
    from texcnn.model.bundle import BundleConfig
    from texcnn.model.network import OneHotNetwork

    spec = HeadSpec("xpresso", {"length": 300, "n_features": 0, "n_cell_types": 1})
    config = BundleConfig(name="x", version="3", kind="one-hot", unit="u", window=WindowSpec(200, 100), head=spec)
    model = Model(config, OneHotNetwork(XpressoCNN(300, 0, 1), 0), pd.DataFrame({"cell_type": ["x"]}), "")
    output = methods(SAID, model)
    assert "on the gene's strand. The genome" in output.paragraph
    assert output.citations == [CITATIONS["texcnn"], CITATIONS["xpresso"]]


def test_every_citation_can_be_found() -> None:
    for key, text in CITATIONS.items():
        assert "doi:" in text or "arXiv:" in text, key
        assert text == text.strip()
