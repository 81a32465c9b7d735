"""Training finds the demo genome's grammar again, on promoters it has not seen."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Self

import numpy as np
import pytest
import torch
from torch import Tensor

from texcnn.embedding.engine import embed_windows
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.genome.windows import WindowSpec, read_windows
from texcnn.heads.textcnn import TextCNN
from texcnn.segments.segment import SegmentSpec
from texcnn.tables.split import PARTS
from texcnn.training.examples import Examples, SegmentVectors
from texcnn.training.fit import FitOptions
from texcnn.training.runs import fit_runs
from texcnn.training.splits import chromosome_split

WINDOW = WindowSpec(upstream=1000, downstream=500)  # segments -1000..-500, -500..0 and 0..500 of the TSS


@pytest.fixture(scope="module")
def simulation(project: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location("demo_grammar", project / "scripts" / "make_demo_genome.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["demo_grammar"] = module  # its dataclasses look for their module by name
    specification.loader.exec_module(module)
    return module


class MotifCounts:
    """A segment's vector says how often each word of the grammar occurs in it, on either strand."""

    name = "motifs"

    def __init__(self, words: Sequence[str], flipped: Sequence[str]) -> None:
        self.words, self.dim = list(zip(words, flipped, strict=True)), len(words)

    def tokenize(self, segments: Sequence[str]) -> list[list[int]]:
        return [[sum(map(segment.count, {*pair})) for pair in self.words] for segment in segments]

    def embed(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        return torch.tensor(tokens, dtype=torch.float32) * torch.tensor([0.05, 1, 1, 1])

    def to(self, device: torch.device) -> Self:
        return self

    def fingerprint(self) -> str:
        return self.name


@pytest.mark.slow
def test_expression_of_unseen_chromosomes(
    simulation: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "CHROMOSOMES", {f"demo{number}": (60, 2000) for number in range(1, 7)})
    chromosomes, genes = simulation.simulate(7)
    (tmp_path / "genome.fa").write_text("".join(f">{name}\n{bases}\n" for name, bases in chromosomes.items()))
    (tmp_path / "genes.gtf").write_text(simulation.gtf_text(genes, 7))
    truth = {
        row.split("\t")[0]: float(row.split("\t")[1])
        for row in simulation.truth_text(chromosomes, genes).splitlines()[1:]
    }
    words = ["CG", simulation.TATA, simulation.ACTIVATOR, simulation.REPRESSOR]
    encoder = MotifCounts(words, [simulation.reverse_complement(word) for word in words])
    with Reference(tmp_path / "genome.fa") as reference:
        placed = load_genes(reference, WINDOW, GeneSelection(gtf=tmp_path / "genes.gtf")).genes
        windows = [window for window in read_windows(reference, placed, WINDOW) if window.gene.id in truth]
    vectors = embed_windows([encoder], [window.sequence for window in windows], SegmentSpec())
    labels = torch.tensor([[truth[window.gene.id]] for window in windows], dtype=torch.float32)
    known = [window.gene for window in windows]
    split = chromosome_split(known, valid_chroms=["demo5"], test_chroms=["demo6"], seed=0)
    (run,) = fit_runs(
        lambda: TextCNN(4, 1, n_segments=3, filters=32, dropout=0.0, segment_positions=True),
        Examples(SegmentVectors(vectors), None, labels, ("any",)),
        {part: split.rows([gene.id for gene in known], part) for part in PARTS},
        FitOptions(epochs=100, learning_rate=3e-3, patience=20),
        runs=1,
    )
    # The truth has no noise: the ceiling is 1, and what a model reaches that sees CpG islands alone is about 0.5.
    assert np.all(run.metrics["n_genes"] == 60)
    assert run.mean("squared_pearson") > 0.95
    assert run.mean("one_minus_sse_sst") > 0.95
