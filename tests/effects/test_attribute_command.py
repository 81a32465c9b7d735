"""``texcnn attribute``: each option changes what it says, and nothing else."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny import write_genome, write_gtf

from texcnn.cli.main import main


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as leaving:
        main([str(argument) for argument in arguments])
    return int(leaving.value.code or 0)


class TestAttribute:
    @pytest.fixture
    def explain(self, tmp_path: Path, tiny_dnabert2: Path) -> Callable[..., pd.DataFrame]:
        fasta, gtf = write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf")

        def build(*options: object) -> pd.DataFrame:
            given = ["attribute", "--fasta", fasta, "--gtf", gtf, "--model", tiny_dnabert2, "--device", "cpu"]
            assert run(*given, "--overwrite", "--out", tmp_path / "out", "--quiet", *options) == 0
            return pd.read_csv(tmp_path / "out" / "attributions.tsv", sep="\t")

        return build

    def test_the_region_and_the_method(self, explain: Callable[..., pd.DataFrame], tmp_path: Path) -> None:
        wanted = ["--gene", "g1", "--cell-type", "y"]
        whole = explain(*wanted)
        part = explain(*wanted, "--region", "chr1:25-30")
        assert part["pos"].tolist() == [25, 26, 27, 28, 29, 30]
        np.testing.assert_allclose(part["attribution"], whole["attribution"][4:10], atol=2e-6)
        for method in ("gradient", "ablation"):
            other = explain(*wanted, "--region", "chr1:25-30", "--method", method, "--batch-size", 2)
            assert "delta_A" not in other
            assert not np.allclose(other["attribution"], part["attribution"])
            assert json.loads((tmp_path / "out" / "attributions.tsv.meta.json").read_text())["method"] == method

    def test_genes_of_a_list(self, explain: Callable[..., pd.DataFrame], tmp_path: Path) -> None:
        (tmp_path / "list.txt").write_text("g2\n")
        found = explain("--genes", tmp_path / "list.txt", "--gene", "g1", "--cell-type", "x", "--method", "ablation")
        assert found["gene_id"].unique().tolist() == ["g1", "g2"]

    def test_motifs_and_their_p_value(self, explain: Callable[..., pd.DataFrame], tmp_path: Path) -> None:
        pytest.importorskip("memelite")
        rows = "\n".join(["0.01 0.01 0.97 0.01"] * 6)
        (tmp_path / "m.meme").write_text(
            "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\nMOTIF M1 guanines\n"
            f"letter-probability matrix: alength= 4 w= 6 nsites= 20 E= 0\n{rows}\n"
        )
        # Fewer bases than a peak has: all of them are one.
        wanted = ["--gene", "g1", "--cell-type", "x", "--region", "chr1:21-35", "--motifs", tmp_path / "m.meme"]
        explain(*wanted, "--motif-p", 0.0005)
        many = pd.read_csv(tmp_path / "out" / "motif_hits.tsv", sep="\t")
        explain(*wanted, "--motif-p", 1e-9)
        none = pd.read_csv(tmp_path / "out" / "motif_hits.tsv", sep="\t")
        assert list(many) == list(none)
        assert len(none) == 0
        assert set(many["sequence"][many["strand"] == "+"]) == {"GGGGGG"}
        assert many["start"].between(20, 24).all()

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--cell-type", "x"], "name the genes: --gene or --genes"),
            (["--gene", "g1"], "name the cell types: --cell-type, see texcnn models show"),
            (["--gene", "g1", "--cell-type", "x", "--region", "chr1"], "'chr1' is not a region – in --region"),
            (["--gene", "g1", "--cell-type", "x", "--motif-p", 2], "unusable p-value 2.0 – in --motif-p"),
        ],
    )
    def test_what_is_missing_is_reported_by_the_flags_name(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[object], message: str
    ) -> None:
        assert run("attribute", "--fasta", "g.fa", "--out", tmp_path / "o", *options) == 2
        assert message in capsys.readouterr().err
        assert not (tmp_path / "o").exists()

    def test_what_was_done_is_reported_unless_quiet(
        self, tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.ERROR)
        fasta, gtf = write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf")
        given = ["attribute", "--fasta", fasta, "--gtf", gtf, "--model", tiny, "--gene", "g1", "--cell-type", "gc"]
        out = tmp_path / "o"
        assert run(*given, "--out", out) == 0
        assert f"ism of g1 chr1:21-50: {out}" in capsys.readouterr().err
        assert run(*given, "--out", out, "--overwrite", "--quiet") == 0
        assert capsys.readouterr().err == ""
