"""The real annotation, read by pyranges and pandas and by us: the same genes, names and TSS."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from texcnn.genome.gtf import read_gtf

pyranges = pytest.importorskip("pyranges")


def chosen_by_pandas(table: pd.DataFrame) -> pd.DataFrame:
    """One row per gene of a single place: longest CDS, then most exon bases, then lowest id."""
    table = table.assign(bases=table["End"] - table["Start"])
    rows = table[table["Feature"] == "transcript"].set_index("transcript_id")
    bases = table.pivot_table(
        index="transcript_id", columns="Feature", values="bases", aggfunc="sum", fill_value=0, observed=False
    )
    rows = rows.join(bases[["CDS", "exon"]], rsuffix="_bases").reset_index()
    rows = rows.sort_values(["CDS", "exon", "transcript_id"], ascending=[False, False, True], kind="stable")
    best = rows.drop_duplicates("gene_id").set_index("gene_id")
    tss = best["Start"].where(best["Strand"] == "+", best["End"] - 1)
    return pd.DataFrame(
        {"name": best["gene_name"], "chrom": best["Chromosome"], "tss": tss, "strand": best["Strand"]}, dtype=object
    )


@pytest.mark.data
@pytest.mark.slow
def test_every_gene_of_refseq_with_one_place(data: Path) -> None:
    path = data / "human" / "hg38_refseq.gtf.gz"
    table = pyranges.read_gtf(str(path), as_df=True)
    genes = table.loc[table["Feature"] == "gene", "gene_id"]
    single = set(genes[~genes.duplicated(keep=False)])
    transcripts = table.loc[table["Feature"] == "transcript", ["gene_id", "transcript_id"]]
    several = transcripts.loc[transcripts["transcript_id"].duplicated(keep=False), "gene_id"]
    compared = single - set(several)
    expected = chosen_by_pandas(table[table["gene_id"].isin(compared)])
    found = {gene.id: gene for gene in read_gtf(path).genes}
    assert len(expected) > 25_000
    ours = pd.DataFrame(
        [(gene.name, gene.chrom, gene.tss, gene.strand) for gene in map(found.__getitem__, expected.index)],
        index=expected.index, columns=expected.columns, dtype=object,
    )  # fmt: skip
    different = (ours != expected.astype(object)).any(axis=1)
    assert ours[different].to_dict("index") == expected[different].to_dict("index")
    assert set(found) >= compared


@pytest.mark.data
def test_every_transcript_of_yeast(data: Path) -> None:
    path = data / "yeast" / "R64-1-1.81.gtf.gz"
    table = pyranges.read_gtf(str(path), as_df=True)
    rows = table[table["Feature"] == "transcript"]
    expected = {
        (row.gene_id, row.transcript_id, row.Chromosome, row.Start if row.Strand == "+" else row.End - 1, row.Strand)
        for row in rows.itertuples()
    }
    found = read_gtf(path, transcripts="all")
    assert found.skipped == []
    assert {(gene.id, gene.transcript_id, gene.chrom, gene.tss, gene.strand) for gene in found.genes} == expected
