"""The commands of the tutorials run as they are written, and give what the text says."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pandas as pd
import pysam.bcftools
import pytest

from texcnn.cli.main import main


def commands(page: Path) -> list[list[str]]:
    """The lines of a page's bash blocks."""
    blocks = re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines() if line]


@pytest.mark.slow
def test_variants_from_a_vcf_to_a_picture(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (project / "assets" / "demo").iterdir():
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    listed = commands(project / "docs" / "tutorial-variants.md")
    assert [line[:2] for line in listed] == [["texcnn", "variants"], ["texcnn", "variants"], ["texcnn", "attribute"]]
    for line in listed:
        with pytest.raises(SystemExit) as leaving:
            main(line[1:])
        assert leaving.value.code == 0, capsys.readouterr().err
    assert "20 alleles (15 SCORED, 5 OUTSIDE_WINDOWS)" in capsys.readouterr().err

    summary = pd.read_csv("summary.tsv", sep="\t")
    truth = [dict(field.split("=") for field in info.split(";")) for info in _info("variants.vcf")]
    near = [entry["KIND"] != "neutral" for entry in truth]
    assert (summary["status"] == "SCORED").tolist() == near
    genes = [entry["GENE"] if scored else "." for entry, scored in zip(truth, near, strict=True)]
    assert summary["gene_id"].fillna(".").tolist() == genes
    assert summary["quantile"].dropna().abs().lt(1).all()
    fields = pysam.bcftools.query("-f", "%TEXCNN_STATUS %TEXCNN_GENE\n", "annotated.vcf.gz").splitlines()
    assert [field.split()[1] for field in fields] == genes

    one = pd.read_csv("one.tsv", sep="\t")
    assert one["gene_id"].unique().tolist() == ["DEMOG00000017"]
    assert one["cell_type"].is_unique
    assert -40 <= one["distance_to_tss"].iloc[0] <= -20
    assert {".tsv", ".bw", ".bedgraph", ".png"} <= {path.suffix for path in Path("explained").iterdir()}


def _info(path: str) -> list[str]:
    return [line.split("\t")[7] for line in Path(path).read_text().splitlines() if not line.startswith("#")]
