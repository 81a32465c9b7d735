"""What starts the pipeline and its tasks names what is missing; schema and docs agree with the parameters."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import texcnn

JAVA = """#!/bin/bash
if [ "$1" = -version ]; then echo 'openjdk version "{release}.0.1"' >&2; else printf '%s\\n' "$@"; fi
"""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with nothing but what a shell script needs."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("bash", "dirname", "head", "mkdir", "mktemp", "mv", "rm", "sed", "touch"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return folder


def write_tool(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)


def launch(project: Path, tools: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "project" / "scripts" / "nextflow.sh"
    script.parent.mkdir(parents=True)
    shutil.copy2(project / "scripts" / "nextflow.sh", script)
    shutil.copy2(project / "pom.xml", tmp_path / "project")
    return subprocess.run(
        [tools / "bash", script, "run", "main.nf"],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_names_a_missing_java(project: Path, tools: Path, tmp_path: Path) -> None:
    done = launch(project, tools, tmp_path)
    assert done.returncode == 2
    assert "Java runtime was not found" in done.stderr
    assert "apt-get install openjdk-17-jdk-headless" in done.stderr


def test_names_an_old_java(project: Path, tools: Path, tmp_path: Path) -> None:
    write_tool(tools, "java", JAVA.format(release=11))
    done = launch(project, tools, tmp_path)
    assert done.returncode == 2
    assert "'java' is version 11" in done.stderr


def test_names_a_missing_maven(project: Path, tools: Path, tmp_path: Path) -> None:
    write_tool(tools, "java", JAVA.format(release=17))
    done = launch(project, tools, tmp_path)
    assert done.returncode == 2
    assert "Maven was not found" in done.stderr
    assert "where no nextflow is on PATH" in done.stderr
    assert "apt-get install maven" in done.stderr


def test_fetches_the_jars_once(project: Path, tools: Path, tmp_path: Path) -> None:
    write_tool(tools, "java", JAVA.format(release=21))
    write_tool(tools, "mvn", '#!/bin/bash\nfor last; do :; done\ntouch "${last#*=}/nextflow-24.10.0.jar"\n')
    done = launch(project, tools, tmp_path)
    assert done.returncode == 0, done.stderr
    jars = tmp_path / "project" / ".lib" / "nextflow"
    assert [path.name for path in jars.iterdir()] == ["nextflow-24.10.0.jar"]
    assert [path.name for path in jars.parent.iterdir()] == ["nextflow"], "nothing half-fetched stays behind"
    assert done.stdout.splitlines()[-5:] == ["-cp", f"{jars}/*", "nextflow.cli.Launcher", "run", "main.nf"]
    write_tool(tools, "mvn", "#!/bin/bash\nexit 1\n")
    again = [tools / "bash", tmp_path / "project" / "scripts" / "nextflow.sh"]
    environment = {"PATH": str(tools), "NXF_OPTS": "-Xms1g -Xmx4g"}
    once_more = subprocess.run(again, env=environment, check=True, capture_output=True, text=True)
    assert once_more.stdout.splitlines()[:3] == ["-XX:TieredStopAtLevel=1", "-Xms1g", "-Xmx4g"]


def test_a_failed_fetch_leaves_nothing(project: Path, tools: Path, tmp_path: Path) -> None:
    write_tool(tools, "java", JAVA.format(release=17))
    write_tool(tools, "mvn", "#!/bin/bash\nexit 1\n")
    assert launch(project, tools, tmp_path).returncode == 1
    assert list((tmp_path / "project" / ".lib").iterdir()) == []


def test_prefers_an_installed_nextflow(project: Path, tools: Path, tmp_path: Path) -> None:
    write_tool(tools, "java", JAVA.format(release=17))
    write_tool(tools, "nextflow", '#!/bin/bash\necho "installed $@, $LC_ALL"\n')
    assert launch(project, tools, tmp_path).stdout == "installed run main.nf, C.UTF-8\n"


def test_task_launcher_runs_the_package(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, project / "bin" / "texcnn", "--version"], capture_output=True, text=True, check=True
    )
    assert texcnn.__version__ in done.stdout


def test_task_launcher_names_missing_packages(project: Path) -> None:
    # -S: without the environment's packages, as under a system Python.
    done = subprocess.run(
        [sys.executable, "-I", "-S", project / "bin" / "texcnn", "--version"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "packages are missing: click, pandas, pysam, torch, transformers" in done.stderr
    assert "-profile docker or conda" in done.stderr


def schema_properties(project: Path) -> dict[str, dict[str, object]]:
    schema = json.loads((project / "nextflow_schema.json").read_text())
    return {name: rule for group in schema["$defs"].values() for name, rule in group["properties"].items()}


def test_schema_describes_every_parameter_and_its_default(project: Path) -> None:
    config = (project / "nextflow.config").read_text()
    block = config[config.index("params {") : config.index("\n}")]
    literals = {"null": None, "true": True, "false": False}
    params = {
        name: literals[value] if value in literals else int(value) if value.isdigit() else value.strip("'")
        for name, value in re.findall(r"^    (\w+) += (.+)$", block, re.MULTILINE)
        if name != "trace_report_suffix"  # the time
    }
    properties = schema_properties(project)
    visible = {name: rule.get("default") for name, rule in properties.items() if not rule.get("hidden")}
    assert params == visible


def test_usage_page_names_every_parameter(project: Path) -> None:
    page = (project / "docs" / "usage.md").read_text()
    missing = [name for name, rule in schema_properties(project).items() if not rule.get("hidden")]
    assert [name for name in missing if f"`--{name}" not in page] == []


def test_every_genome_has_secure_addresses(project: Path) -> None:
    table = (project / "conf" / "genomes.config").read_text()
    assert re.findall(r"^        '(\S+)' \{$", table, re.MULTILINE) == [
        "hg38", "hg19", "GRCh37", "mm10", "mm39", "R64-1-1",
    ]  # fmt: skip
    addresses = re.findall(r"(?:fasta|gtf) += '(\S+)'", table)
    assert len(addresses) == 12
    assert all(address.startswith("https://") and address.endswith(".gz") for address in addresses)


def test_launchers_can_be_run(project: Path) -> None:
    for name in ("bin/texcnn", "scripts/nextflow.sh"):
        assert os.access(project / name, os.X_OK), name
