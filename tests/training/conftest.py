"""A genome whose expression can be learned, and the command line."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny import write_gtf
from train_files import N_GENES

from texcnn.cli.main import main


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    """60 genes on 5 chromosomes, one with unknown bases alone; expression is how many G a window has."""
    chance = random.Random(0)
    fasta, genes, rows = [], [], []
    for number in range(N_GENES):
        chrom, place = f"chr{number % 5}", number // 5
        window = "".join(chance.choices("ACGT", [3, 1, 1 + number % 7, 2], k=30)) if number else "N" * 30
        genes.append((f"g{number:02d}", chrom, 40 * place + 21, 40 * place + 30, "+"))
        fasta.append((chrom, window + "A" * 10))
        rows.append(f"g{number:02d}\t{window.count('G') ** 2}\t{'' if number % 3 else window.count('G') ** 3}")
    chroms = {chrom: "".join(bases for name, bases in fasta if name == chrom) for chrom, _ in fasta[:5]}
    (tmp_path / "genome.fa").write_text("".join(f">{name}\n{bases}\n" for name, bases in chroms.items()))
    (tmp_path / "rpkm.tsv").write_text("gene_id\tliver\tbrain\n" + "\n".join([*rows, "elsewhere\t30\t30"]) + "\n")
    return {
        "fasta": tmp_path / "genome.fa",
        "gtf": write_gtf(tmp_path / "genes.gtf", genes),
        "expression": tmp_path / "rpkm.tsv",
    }


@pytest.fixture
def texcnn(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def run(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as leaving:
            main([str(argument) for argument in arguments])
        return int(leaving.value.code or 0), capsys.readouterr().err

    return run


@pytest.fixture
def run_texcnn(texcnn: Callable[..., tuple[int, str]]) -> Callable[..., tuple[int, str]]:
    """The fixture ``texcnn`` for files that import the package."""
    return texcnn
