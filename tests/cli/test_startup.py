"""What a command loads before it can begin: torch alone takes longer than all the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """import json, sys
from texcnn.cli.main import main
try: main(json.loads(sys.argv[1]))
except SystemExit as left: status = left.code
print(json.dumps([status, [name for name in json.loads(sys.argv[2]) if name in sys.modules]]))"""


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options that name a genome with one gene of three exons."""
    folder = tmp_path_factory.mktemp("startup")
    fasta, gtf = folder / "genome.fa", folder / "genes.gtf"
    fasta.write_text(f">chr1\n{'ACGTTGCAAC' * 3000}\n")
    row = 'chr1\tx\t{}\t{}\t{}\t.\t+\t.\tgene_id "G1"; transcript_id "T1";\n'
    rows = [("transcript", 15001, 16000), ("exon", 15001, 16000), ("CDS", 15101, 15400)]
    gtf.write_text("".join(row.format(*each) for each in rows))
    return ["--fasta", str(fasta), "--gtf", str(gtf)]


def loaded(arguments: list[str], names: list[str]) -> list[str]:
    """Which of some modules a command has loaded when it is done."""
    command = [sys.executable, "-c", CODE, json.dumps(arguments), json.dumps(names)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    status, found = json.loads(done.stdout.splitlines()[-1])
    assert status in (0, None), done.stderr
    return list(found)


@pytest.mark.parametrize(
    "command",
    [["windows"], ["features", "half-life"], ["features", "codons"], ["models", "list"]],
    ids=" ".join,
)
def test_commands_without_a_model_never_load_torch(command: list[str], genome: list[str], tmp_path: Path) -> None:
    options = [] if command == ["models", "list"] else [*genome, "--out", str(tmp_path / "out.tsv")]
    assert loaded([*command, *options], ["torch", "transformers"]) == []


def test_a_bundled_model_predicts_without_what_others_need(genome: list[str], tmp_path: Path) -> None:
    needless = ["pydantic", "transformers", "torch._dynamo", "huggingface_hub.file_download", "matplotlib"]
    options = [*genome, "--out", str(tmp_path / "out.tsv"), "--device", "cpu"]
    assert loaded(["predict", *options], ["torch", *needless]) == ["torch"]


def test_a_command_bounds_memory_that_threads_and_shapes_would_take() -> None:
    code = (
        "import os, sys\nfrom texcnn.cli.main import main\n"
        "try: main(['models', 'list'])\nexcept SystemExit: pass\n"
        "print(os.environ['ONEDNN_PRIMITIVE_CACHE_CAPACITY'])"
    )
    for given, expected in (({}, "32"), ({"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "7"}, "7")):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ONEDNN")}
        done = subprocess.run(
            [sys.executable, "-c", code], env={**environment, **given}, capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == expected
