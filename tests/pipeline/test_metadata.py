"""What other tools read about the pipeline fits what it is: modules, reports, the crate; its syntax."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml


def test_every_module_is_described_as_it_is(project: Path) -> None:
    modules = sorted((project / "modules" / "local").glob("*/main.nf"))
    assert len(modules) == 15
    for script in modules:
        output = yaml.safe_load(script.with_name("meta.yml").read_text())
        text = script.read_text()
        assert output["name"] == script.parent.name
        assert f"process {output['name'].upper()} {{" in text
        emitted = re.findall(r"emit: (\w+)", text)
        assert [entry.split(":")[0] for entry in output["output"]] == emitted, script
        read = re.findall(r"(?:val|path)[( ](\w+)", text[text.index("    input:") : text.index("    output:")])
        assert ", ".join(entry.split(":")[0] for entry in output["input"]).split(", ") == read, script


def test_the_crate_names_files_that_are_there(project: Path) -> None:
    graph = {entry["@id"]: entry for entry in json.loads((project / "ro-crate-metadata.json").read_text())["@graph"]}
    for part in graph["./"]["hasPart"]:
        assert (project / part["@id"]).is_file()
        assert part["@id"] in graph
    config = (project / "nextflow.config").read_text()
    assert f"version         = '{graph['main.nf']['version']}'" in config
    assert f"name            = '{graph['./']['name']}'" in config


def test_reports_for_seqera_are_published(project: Path) -> None:
    docs = (project / "docs" / "output.md").read_text()
    for pattern in yaml.safe_load((project / "tower.yml").read_text())["reports"]:
        name = pattern.split("/")[-1].replace("*", "")
        assert name.split(".")[0] in docs, pattern


@pytest.mark.slow
@pytest.mark.pipeline
def test_strict_syntax(project: Path, tmp_path: Path) -> None:
    """Nextflow 25 and later read all scripts; a script that only 24 reads is found."""
    check = project / "scripts" / "strict_syntax" / "check.sh"
    done = subprocess.run([check], capture_output=True, text=True, check=False)
    if not done.stdout.strip().endswith(("errors and warnings",)):
        pytest.skip(f"the parser cannot be had: {done.stderr.strip()[-300:]}")
    assert done.returncode == 0, done.stdout
    assert done.stdout.strip().endswith("0 errors and warnings")
    loose = tmp_path / "loose.nf"
    loose.write_text("for (i in [1, 2]) {\n    println(i)\n}\nworkflow {\n    x = [1].each { println it }\n}\n")
    jars = os.environ.get("TEXCNN_STRICT_JARS", str(project / ".lib" / "strict-syntax"))
    found = subprocess.run(
        [str(shutil.which("java")), "-cp", f"{jars}/*", check.with_name("StrictSyntax.java"), loose],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 1
    assert "loose.nf:1:" in found.stdout
