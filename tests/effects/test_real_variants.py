"""Both bundled models on real variants: the fast path, the counts, and numbers that do not move."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import texcnn
from texcnn.effects import score

pytestmark = pytest.mark.data


def both_ways(monkeypatch: pytest.MonkeyPatch, *arguments: object, **options: object) -> pd.DataFrame:
    """Scores by the fast path, and checks that the whole computation gives the same."""
    fast = texcnn.variant_effects(*arguments, **options)  # type: ignore[arg-type]
    assert isinstance(fast, pd.DataFrame)
    monkeypatch.setattr(score.EffectEngine, "_fast_path_agrees", lambda *_: False)
    full = texcnn.variant_effects(*arguments, **options)  # type: ignore[arg-type]
    assert isinstance(full, pd.DataFrame)
    np.testing.assert_allclose(fast["alt_prediction"], full["alt_prediction"], rtol=0, atol=1e-6 * scale(full))
    np.testing.assert_allclose(fast["delta"], full["delta"], rtol=0, atol=1e-6 * scale(full))
    return fast


def scale(frame: pd.DataFrame) -> float:
    return max(1.0, float(frame["ref_prediction"].abs().max()))


def test_texcnn_yeast_on_the_variants_of_two_strains(
    data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    vcf = tmp_path / "some.vcf"
    with gzip.open(data / "variants" / "yeast_by_rm.vcf.gz", "rt") as source:
        lines = source.readlines()
    header = [line for line in lines if line.startswith("#")]
    records = lines[len(header) :]
    indels = [line for line in records if len(line.split("\t")[3]) != len(line.split("\t")[4])]
    chosen = sorted({*records[::400], *indels[::40]}, key=records.index)
    vcf.write_text("".join(header + chosen))
    frame = both_ways(
        monkeypatch, "texcnn-yeast", data / "yeast" / "R64-1-1.fa.gz", vcf=vcf,
        gtf=data / "yeast" / "R64-1-1.81.gtf.gz", cell_types=["metab16|H", "metab16|L"],
    )  # fmt: skip
    statuses = frame.attrs["statuses"]
    assert sum(statuses.values()) == len(chosen)
    assert set(statuses) <= {"SCORED", "OUTSIDE_WINDOWS"}  # every REF equals the genome
    assert frame["quantile"].abs().max() < 1
    assert frame["n_fraction"].max() < 1
    assert (frame["alt"].str.len() != frame["ref"].str.len()).sum() > 50


def test_texcnn_mini_on_the_promoter_of_f9(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pd.read_csv(data / "variants" / "mpra_saturation_kircher2019.tsv.gz", sep="\t", dtype=str)
    f9 = table[table["Element"] == "F9"]
    f9 = f9[f9["Alt"].isin(list("ACGT"))].iloc[::25]
    chrom = "chr" + f9["Chrom"].str.removeprefix("chr")
    named = (chrom + ":" + f9["Pos"] + ":" + f9["Ref"] + ">" + f9["Alt"]).tolist()
    position = int(f9["Pos"].iloc[0])
    deletion = f"chrX:{position}:{f9['Ref'].iloc[0]}>{f9['Ref'].iloc[0]}TTTTT"
    frame = both_ways(
        monkeypatch, "texcnn-mini", data / "human" / "hg38_slice.fa.gz", variants=[*named, deletion],
        bed=data / "human" / "xpresso_tss_20kb.bed", bed_anchor="center", cell_types=["E118"],
    )  # fmt: skip
    assert frame.attrs["statuses"] == {"SCORED": len(named) + 1}
    assert frame["gene_id"].nunique() == 1
    assert frame["distance_to_tss"].abs().max() < 400
    assert (frame["delta"] != 0).mean() > 0.95
