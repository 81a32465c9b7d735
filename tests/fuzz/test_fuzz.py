"""A few hundred damaged inputs a parser; ``make fuzz`` runs many more."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from parsers import TARGETS, damaged, fuzz

from texcnn.errors import TexcnnError
from texcnn.genome import fasta_index

INPUTS = 300


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fasta_index, "htslib_reason", lambda arguments: "it cannot be indexed")


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_inputs(name: str, tmp_path: Path) -> None:
    accepted, refused = fuzz(name, INPUTS, 1, tmp_path)
    assert accepted + refused == INPUTS
    assert refused > 0, "the faults are faults"


@pytest.mark.parametrize("name", TARGETS)
def test_the_undamaged_input_is_accepted(name: str, tmp_path: Path) -> None:
    target, content = TARGETS[name]
    (tmp_path / "input.fa").write_text(content)
    target(tmp_path / "input.fa")


def test_faults_depend_on_the_seed_alone() -> None:
    content = TARGETS["gtf"][1].encode()
    first, again, other = (damaged(content, random.Random(seed)) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("fault", [ValueError("no"), AssertionError("another number")])
def test_a_fault_of_a_parser_is_found(fault: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path) -> None:
        raise TexcnnError("refused") if path.read_bytes().count(b"\n") % 2 else fault

    monkeypatch.setitem(TARGETS, "bed", (broken, TARGETS["bed"][1]))
    with pytest.raises(AssertionError, match=r"bed, seed 3, input \d+: .*(no|another number)"):
        fuzz("bed", 50, 3, tmp_path)
