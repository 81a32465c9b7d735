"""The refusal to replace an input, in the words of commands; and an empty path is not the working folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import Commands


@pytest.mark.parametrize(
    ("words", "where"),
    [
        ("predict --fasta {g}.fa --gtf {g} --out {g} --overwrite", "--out and --gtf"),
        ("predict --fasta {g} --gtf {g}.gtf --out {other} --overwrite", "--out and --fasta"),
        ("windows --fasta {g} --gtf {g}.gtf --out {g}.fai --overwrite", "--out and --fasta"),
        ("predict --fasta {g}.fa --gtf {g}.gtf --genes {listed} --out {g} --overwrite", "--out and --genes"),
        ("predict --fasta {g}.fa --gtf {link} --out {g} --overwrite", "--out and --gtf"),
        ("windows --fasta {g}.fa --bed {g} --out {g} --overwrite", "--out and --bed"),
        ("variants --vcf {g} --fasta {g}.fa --gtf {g}.gtf --out {g}.2.tsv --annotate {g}", "--annotate and --vcf"),
        ("merge {g} {g}.2 --out {g} --overwrite", "--out and PARTS"),
        ("merge {g}.1 {g}.2 --out {g}.3 --also {g} --also {g}.2 --overwrite", "--also and PARTS"),
        ("report --predictions {g} --out {g} --overwrite", "--out and --predictions"),
        ("features half-life --fasta {g}.fa --gtf {g} --out {g} --overwrite", "--out and --gtf"),
        ("evaluate --predictions {g}.p --expression {g} --out {g} --overwrite", "--out and --expression"),
    ],
)
def test_an_input_is_no_output(tmp_path: Path, commands: Commands, words: str, where: str) -> None:
    given = tmp_path / "in.tsv"
    given.write_text("mine\n")
    (tmp_path / "link").symlink_to(given)
    listed = tmp_path / "in.tsv.skipped.tsv"
    listed.write_text("mine\n")
    names = {"g": given, "listed": listed, "link": tmp_path / "link", "other": tmp_path / "folder" / ".." / "in.tsv"}
    message = commands.refuse(*(word.format(**names) for word in words.split()))
    assert "is read and would be replaced" in message
    assert where in message
    assert given.read_text() == listed.read_text() == "mine\n"


@pytest.mark.parametrize("option", ["--fasta", "--gtf", "--out", "--features", "--embeddings"])
def test_an_empty_path_is_refused(commands: Commands, option: str) -> None:
    message = commands.refuse("predict", option, "")
    assert f"Invalid value for '{option}': the path is empty" in message
