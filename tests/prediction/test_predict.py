"""The verb predict: one path from files to rows, whether they are returned or written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tiny import write_genome, write_gtf

import texcnn
from texcnn.effects.options import EffectOptions
from texcnn.errors import InputError
from texcnn.genome.select import GeneSelection
from texcnn.genome.skipped import read_skipped
from texcnn.prediction.options import PredictOptions
from texcnn.prediction.predict import predict


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf")


def test_returned_and_written_rows_are_the_same(tmp_path: Path, tiny: Path, files: tuple[Path, Path]) -> None:
    fasta, gtf = files
    frame = predict(tiny, fasta, gtf=gtf)
    counts = predict(tiny, fasta, out=tmp_path / "out.tsv", gtf=gtf)
    assert (counts.rows, counts.skipped) == (2, 1)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out.tsv", sep="\t"), frame, check_dtype=False, atol=1e-6)
    (skipped,) = read_skipped(tmp_path / "out.tsv.skipped.tsv")
    assert frame.attrs == {
        "unit": "fraction",
        "model": "tiny",
        "genome": "genome.fa",
        "features": "none",
        "skipped": [{"gene_id": skipped.gene_id, "reason": skipped.reason}],
    }


def test_options_as_one_object(tiny: Path, files: tuple[Path, Path]) -> None:
    fasta, gtf = files
    options = PredictOptions(GeneSelection(gtf, genes="g2"), cell_types="a")
    by_object = predict(tiny, fasta, options=options)
    assert list(by_object.columns)[-2:] == ["n_fraction", "a"]
    pd.testing.assert_frame_equal(by_object, predict(tiny, fasta, gtf=gtf, genes="g2", cell_types="a"))


def test_the_package_offers_it_by_name(tiny: Path, files: tuple[Path, Path]) -> None:
    fasta, gtf = files
    expected = predict(tiny, fasta, gtf=gtf)
    pd.testing.assert_frame_equal(texcnn.predict(tiny, fasta, gtf=gtf), expected)
    pd.testing.assert_frame_equal(texcnn.load_model(tiny).predict(fasta, gtf=gtf), expected)
    with pytest.raises(InputError, match=r"unknown option 'gft' .* did you mean 'gtf'"):
        texcnn.load_model(tiny).predict(fasta, gft=gtf)


@pytest.mark.parametrize("many", [np.array, pd.Series, pd.Index, tuple, iter])
def test_cell_types_come_in_any_container(
    tiny: Path, files: tuple[Path, Path], many: Callable[[list[str]], Iterable[str]]
) -> None:
    fasta, gtf = files
    assert list(predict(tiny, fasta, gtf=gtf, cell_types=many(["a", "gc"])).columns)[-2:] == ["a", "gc"]
    assert texcnn.load_model(tiny).cell_type_columns(many(["a", "gc"])) == [1, 0]
    assert EffectOptions(cell_types=many(["a", "gc"])).cell_types == ("a", "gc")


@pytest.mark.parametrize("name", ["progress", "overwrite"])
def test_a_flag_is_yes_or_no(tiny: Path, files: tuple[Path, Path], name: str, tmp_path: Path) -> None:
    fasta, gtf = files
    flag: dict[str, Any] = {name: "no"}
    verbs: list[Callable[[], object]] = [
        lambda: texcnn.predict(tiny, fasta, gtf=gtf, **flag),
        lambda: texcnn.embed(fasta, tmp_path / "store", tiny, gtf=gtf, **flag),
        lambda: texcnn.variant_effects(tiny, fasta, variants="chr1:41:A>C", gtf=gtf, **flag),
        lambda: texcnn.attribute(tiny, fasta, gene="g1", cell_type="a", gtf=gtf, **flag),
    ]
    for verb in verbs:
        with pytest.raises(InputError, match=f"'no' is not yes or no – in `{name}`"):
            verb()


def test_a_mistyped_cell_type_is_found_before_a_file_is_opened(tiny: Path) -> None:
    with pytest.raises(InputError, match=r"unknown cell type 'aa' .* `cell_types`"):
        predict(tiny, "not-there.fa", gtf="not-there.gtf", cell_types=["aa"])


def test_a_store_instead_of_a_genome(tmp_path: Path, tiny_dnabert2: Path, files: tuple[Path, Path]) -> None:
    fasta, gtf = files
    texcnn.embed(fasta, tmp_path / "store", tiny_dnabert2, gtf=gtf)
    found = predict(tiny_dnabert2, embeddings=tmp_path / "store")
    pd.testing.assert_frame_equal(found, predict(tiny_dnabert2, fasta, gtf=gtf), rtol=0, atol=1e-6)
    with pytest.raises(InputError, match=r"`embeddings` already holds .* `gtf`, `half_life` cannot be given"):
        predict(tiny_dnabert2, embeddings=tmp_path / "store", gtf=gtf, half_life=True)
    with pytest.raises(InputError, match=r"`embeddings` already holds .* `fasta` cannot be given"):
        predict(tiny_dnabert2, fasta, embeddings=tmp_path / "store")
    with pytest.raises(InputError, match=r"no genome .* `fasta`"):
        predict(tiny_dnabert2, gtf=gtf)


def test_features_are_part_of_the_description(tmp_path: Path, composition: object, files: tuple[Path, Path]) -> None:
    from tiny import save_tiny

    from texcnn.features.spec import FeatureSpec

    fasta, gtf = files
    model = save_tiny(tmp_path / "m", features=[FeatureSpec("utr", 2.0, 0.5, 10.0)])
    output = {}
    for name, value in (("one", 3), ("same", 3), ("other", 4)):
        table = tmp_path / f"{name}.tsv"
        table.write_text(f"gene_id\tutr\ng1\t{value}\ng2\t{value}\n")
        predict(model, fasta, out=tmp_path / f"{name}-out.tsv", gtf=gtf, features=table)
        output[name] = json.loads((tmp_path / f"{name}-out.tsv.meta.json").read_text())
    assert output["one"]["features"] == "one.tsv"
    assert output["one"]["features_fingerprint"] == output["same"]["features_fingerprint"]
    assert output["one"]["features_fingerprint"] != output["other"]["features_fingerprint"]
    assert predict(model, fasta, gtf=gtf).attrs["features"] == "defaults"
    with pytest.raises(InputError, match=r"features given twice .* `features` and `half_life`"):
        predict(model, fasta, gtf=gtf, features=tmp_path / "one.tsv", half_life=True)


def test_a_run_without_a_prediction_fails_with_reasons(tmp_path: Path, tiny: Path, files: tuple[Path, Path]) -> None:
    fasta, gtf = files
    message = r"no gene can be predicted .* all 2 genes .* 1: no gene of this id or name .* 1: no segment"
    with pytest.raises(InputError, match=message):
        predict(tiny, fasta, gtf=gtf, genes=["g3", "nobody"])
    with pytest.raises(InputError, match=message):
        predict(tiny, fasta, out=tmp_path / "out.tsv", gtf=gtf, genes=["g3", "nobody"])
    assert not list(tmp_path.glob("out.tsv*"))
    counts = predict(tiny, fasta, out=tmp_path / "out.tsv", gtf=gtf, genes=["g3", "nobody"], allow_empty=True)
    assert (counts.rows, counts.skipped) == (0, 2)
