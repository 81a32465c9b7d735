"""No verb replaces a file that it reads: the commands' test of the same name says so of the commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import texcnn
from texcnn.effects.merge import merge_effects
from texcnn.errors import InputError
from texcnn.features.gene_features import check_features_output
from texcnn.inputs_kept import keep_inputs
from texcnn.tables.merge import merge_tables

Verb = Callable[..., Any]


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A file that is read."""
    path = tmp_path / "in.tsv"
    path.write_text("mine\n")
    return path


@pytest.mark.parametrize(
    ("verb", "positional", "keywords", "where"),
    [
        (texcnn.predict, [None, "g.fa"], {"gtf": "{in}", "out": "{in}"}, "`out` and `gtf`"),
        (texcnn.predict, [None, "{in}"], {"gtf": "g", "out": "{link}"}, "`out` and `fasta`"),
        (texcnn.predict, [None, "g.fa"], {"gtf": "g", "genes_file": "{in}", "out": "{in}"}, "`out` and `genes_file`"),
        (texcnn.predict, [None, "g.fa"], {"gtf": "g", "features": "{in}", "out": "{in}"}, "`out` and `features`"),
        (texcnn.embed, ["{in}", "{in}"], {"gtf": "g"}, "`out` and `fasta`"),
        (texcnn.train, ["{in}", "{in}", "g.fa"], {"gtf": "g", "unit": "TPM"}, "`out` and `expression`"),
        (texcnn.train, ["e", "{in}"], {"embeddings": ["s", "{in}"], "unit": "TPM"}, "`out` and `embeddings`"),
        (texcnn.train, ["e", "{folder}", "f"], {"gtf": "{in}", "unit": "TPM"}, "`out` and `gtf`"),
        (texcnn.train, ["e", "{model}", "f"], {"gtf": "g", "model": "{model}", "unit": "TPM"}, "`out` and `model`"),
        (texcnn.evaluate, ["{in}", "{folder}", "p.tsv"], {}, "`out` and `expression`"),
        (texcnn.evaluate, ["e.tsv", "{folder}", "p.tsv"], {"peers": "a={in}:score"}, "`out` and `peers`"),
        (texcnn.evaluate_variants, ["t.tsv", "{folder}", "{in}"], {}, "`out` and `predictions`"),
        (texcnn.pretrain, ["g.fa", "{folder}"], {"bed": "{in}"}, "`out` and `bed`"),
        (texcnn.variant_effects, [None, "g.fa"], {"vcf": "{in}", "out": "{in}"}, "`out` and `vcf`"),
        (
            texcnn.variant_effects,
            [None, "g.fa"],
            {"vcf": "{in}", "out": "a.tsv", "annotate": "{in}"},
            "`annotate` and `vcf`",
        ),
        (
            texcnn.attribute,
            [None, "g.fa", "{folder}"],
            {"gene": "g", "cell_type": "median", "motifs": "{in}", "region": "chr1:1-9"},
            "`out` and `motifs`",
        ),
        (texcnn.write_report, ["{in}", "{in}"], {}, "`out` and `predictions`"),
        (texcnn.write_report, ["p.tsv", "{in}"], {"truth": "{in}"}, "`out` and `truth`"),
        (texcnn.write_report, ["p.tsv", "p.tsv.meta.json"], {}, "`out` and `predictions`"),
        (merge_tables, [["a.parquet", "{in}"], "{in}"], {}, "`out` and `parts`"),
        (merge_tables, ["a.parquet", "b.tsv"], {"also": "{in}", "more_skipped": "{in}"}, "`also` and `more_skipped`"),
        (merge_effects, ["a.parts", "{in}"], {"vcf": "{in}"}, "`out` and `vcf`"),
    ],
)
def test_an_input_is_no_output(
    given: Path, verb: Verb, positional: list[Any], keywords: dict[str, Any], where: str
) -> None:
    folder = given.parent
    (folder / "link").symlink_to(given)
    (folder / "model").mkdir()
    names = {"{in}": given, "{link}": folder / "link", "{folder}": folder, "{model}": folder / "model"}

    def named(value: Any) -> Any:
        if isinstance(value, list):
            return [named(one) for one in value]
        for name, path in names.items():
            value = value.replace(name, str(path)) if isinstance(value, str) else value
        return value

    overwrite = {} if verb is texcnn.write_report else {"overwrite": True}
    with pytest.raises(InputError) as refused:
        verb(*named(positional), **{name: named(value) for name, value in keywords.items()}, **overwrite)
    assert "is read and would be replaced" in refused.value.what
    assert refused.value.where == where
    assert given.read_text() == "mine\n"


def test_names_are_no_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell type, a gene or an encoder may have the name of the folder that is written."""
    monkeypatch.chdir(tmp_path)
    options = texcnn.GeneSelection(genes=["liver"])
    keep_inputs({"out": Path("liver"), "summary": None}, {"fasta": "g.fa", "options": options, "model": None})


def test_a_folder_next_to_the_input_is_not_around_it(tmp_path: Path) -> None:
    keep_inputs({"out": tmp_path / "eval"}, {"split": tmp_path / "evaluation" / "split.tsv"})
    with pytest.raises(InputError, match=r"'.*split.tsv' is read and would be replaced"):
        keep_inputs({"out": tmp_path / "eval"}, {"split": tmp_path / "eval" / ".." / "eval" / "split.tsv"})


def test_tables_of_features(given: Path) -> None:
    with pytest.raises(InputError, match="`out` and `gtf`"):
        check_features_output(given, {"fasta": "g.fa", "gtf": given}, overwrite=True)


def test_a_report_replaces_no_folder(tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    with pytest.raises(InputError, match=r"something else than what would replace it .*`out`"):
        texcnn.write_report(tmp_path / "p.tsv", tmp_path / "page")
