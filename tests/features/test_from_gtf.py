"""Half-life features that a model asks for, computed from the annotation of its genes."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny import save_tiny, write_genome, write_gtf

import texcnn
from texcnn.cli.main import main
from texcnn.errors import InputError
from texcnn.features.from_gtf import half_life_table
from texcnn.features.spec import FeatureSpec
from texcnn.genome.reference import Reference
from texcnn.model.load import load_model


@pytest.fixture
def gtf(tmp_path: Path) -> Path:
    """g1 has 2 bases of 5'UTR, 6 of CDS and 12 of 3'UTR; g2 and g3 code for nothing."""
    path = write_gtf(tmp_path / "genes.gtf")
    row = path.read_text().splitlines()[1].replace("exon", "CDS").replace("\t41\t60\t", "\t43\t48\t")
    path.write_text(f"{path.read_text()}{row}\n")
    return path


@pytest.fixture
def reference(tmp_path: Path) -> Iterator[Reference]:
    with Reference(write_genome(tmp_path)) as opened:
        yield opened


def test_an_annotation_by_pipe_is_refused_since_it_is_read_twice(reference: Reference, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gtf")
    with pytest.raises(InputError, match=r"second time, which a pipe does not allow.*pipe\.gtf"):
        half_life_table(reference, tmp_path / "pipe.gtf", ["cds_gc"])


def test_columns_come_in_the_models_order(reference: Reference, gtf: Path) -> None:
    table = half_life_table(reference, gtf, ["utr3_length_bp", "cds_gc", "utr5_length_bp"])
    assert table.names == ("utr3_length_bp", "cds_gc", "utr5_length_bp")
    assert table.lookup(["g1"])[0, [0, 2]].tolist() == [12, 2]
    assert np.isnan(table.lookup(["g2"])).all()


def test_logarithms_where_the_names_say_so(reference: Reference, gtf: Path) -> None:
    table = half_life_table(reference, gtf, ["log10_cds_length_bp", "cds_gc"], genes=["g1"])
    assert table.values[0, 0] == pytest.approx(math.log10(6.1))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["utr5_length_bp", "POLR2A"], "not half-life features: POLR2A.*allowed: utr5_length_bp"),
        ([], "it takes none"),
        (["cds_length_bp", "log10_utr5_length_bp"], "both as they are and as logarithms: cds_length_bp"),
    ],
)
def test_other_features_are_refused(reference: Reference, gtf: Path, names: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        half_life_table(reference, gtf, names)


@pytest.fixture
def model(tmp_path: Path, tiny: Path) -> Path:
    """Adds the 5'UTR's length to every output; 0 without it."""
    return save_tiny(tiny, features=[FeatureSpec("utr5_length_bp", default=0.0)])


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as leaving:
        main([str(argument) for argument in arguments])
    return int(leaving.value.code or 0)


def test_predict_computes_what_a_table_would_give(
    tmp_path: Path, model: Path, gtf: Path, reference: Reference, caplog: pytest.LogCaptureFixture
) -> None:
    genome = ["--fasta", tmp_path / "genome.fa", "--gtf", gtf]
    assert run("features", "half-life", *genome, "--out", tmp_path / "features.tsv") == 0
    made = {}
    for name, options in {
        "table": ["--features", tmp_path / "features.tsv"],
        "computed": ["--half-life"],
        "as it is": [],
        "default": ["--no-half-life"],
    }.items():
        out = tmp_path / f"{name}.tsv"
        assert run("predict", *genome, "--model", model, *options, "--out", out) == 0
        made[name] = pd.read_csv(out, sep="\t").set_index("gene_id")[["features", "gc"]].T.to_dict("list")
        made[f"{name} from"] = json.loads(Path(f"{out}.meta.json").read_text())["features"]
    # g2 codes for nothing and has the model's default, 0 after scaling.
    assert made["computed"] == {"g1": ["computed", 3.0], "g2": ["default", 0.5]}
    assert made["table"] == made["as it is"] == made["computed"]
    assert made["default"] == {"g1": ["default", 1.0], "g2": ["default", 0.5]}
    assert [made[f"{name} from"] for name in ("table", "computed", "as it is", "default")] == [
        "features.tsv",
        "half-life of genes.gtf",
        "half-life of genes.gtf",
        "defaults",
    ]
    assert "every gene has the model's defaults of utr5_length_bp" in caplog.text


def test_an_annotation_without_coding_genes_gives_defaults_unless_half_life_is_wanted(
    tmp_path: Path, model: Path, reference: Reference
) -> None:
    genome = ["--fasta", tmp_path / "genome.fa", "--gtf", write_gtf(tmp_path / "noncoding.gtf")]
    out = tmp_path / "out.tsv"
    assert run("predict", *genome, "--model", model, "--out", out) == 0
    assert set(pd.read_csv(out, sep="\t")["features"]) == {"default"}
    assert run("predict", *genome, "--model", model, "--half-life", "--out", tmp_path / "no.tsv") == 2


def test_a_store_keeps_the_features(tmp_path: Path, model: Path, gtf: Path, reference: Reference) -> None:
    genome = ["--fasta", tmp_path / "genome.fa", "--gtf", gtf]
    store, found = tmp_path / "store", {}
    assert run("embed", *genome, "--model", model, "--out", store) == 0
    for name, options in {"store": ["--embeddings", store], "genome": genome}.items():
        out = tmp_path / f"{name}.tsv"
        assert run("predict", *options, "--model", model, "--out", out) == 0
        found[name] = out.read_text()
    assert found["store"] == found["genome"]
    assert "\tcomputed\t" in found["store"]
    usual = load_model(model)
    frame = texcnn.predict(usual, embeddings=store, half_life=False)
    assert set(frame["features"]) == {"default"}


def test_predict_from_python(tmp_path: Path, model: Path, gtf: Path, reference: Reference) -> None:
    table = load_model(model).predict(tmp_path / "genome.fa", gtf=gtf, genes=["g1"], half_life=True)
    assert table[["gene_id", "gc"]].to_numpy().tolist() == [["g1", 3.0]]
    with pytest.raises(InputError, match="features given twice"):
        load_model(model).predict(
            tmp_path / "genome.fa", gtf=gtf, half_life=True, features=_table(tmp_path / "features.tsv")
        )
    (tmp_path / "genes.bed").write_text("chr1\t40\t60\tg1\t0\t+\n")
    with pytest.raises(InputError, match="allowed: a GTF"):
        load_model(model).predict(tmp_path / "genome.fa", bed=tmp_path / "genes.bed", half_life=True)


def _table(path: Path) -> Path:
    path.write_text("gene_id\tutr5_length_bp\ng1\t1\n")
    return path
