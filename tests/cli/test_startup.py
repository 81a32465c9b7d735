"""What a command loads before it can begin: torch alone takes longer than all the rest."""

from __future__ import annotations

import json
import os
import platform
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


def _pages_of_arrays(environment: dict[str, str]) -> int:
    """Pages that the system hands out for two arrays of an MLP, made and freed 20 times by a command's heap."""
    code = (
        "import resource\nimport numpy as np\nfrom texcnn.heap import set_up_heap\nset_up_heap()\n"
        "def once():\n    arrays = [np.ones(3 * 2**20), np.ones(3 * 2**20)]\n"
        "once()\nbefore = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "for _ in range(20): once()\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env={**kept, **environment}, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_arrays_stay_in_the_heap_unless_the_user_says_otherwise() -> None:
    assert _pages_of_arrays({}) < 1000
    assert _pages_of_arrays({"MALLOC_TRIM_THRESHOLD_": "131072"}) > 20_000
