"""Variant effects from files to tables."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pysam.bcftools
import pytest
from effect_files import Case, random_case
from genome_files import write_fasta
from variant_files import Row, mirrored, write_vcf

import texcnn
from texcnn.effects import pairs, score
from texcnn.effects.outputs import EffectCounts
from texcnn.errors import InputError
from texcnn.genome.interval import reverse_complement
from texcnn.tables.columns import METADATA_KEY

KEY = ["chrom", "pos", "ref", "alt", "gene_id", "cell_type"]


def effects(model: Path, case: Case, name: str = "", **options: object) -> pd.DataFrame:
    fasta, gtf, vcf = case.write(name)
    frame = texcnn.variant_effects(model, fasta, vcf=vcf, gtf=gtf, **options)
    assert isinstance(frame, pd.DataFrame)
    return frame


def test_every_allele_has_rows_or_a_reason(tiny_dnabert2: Path, case: Case) -> None:
    frame = effects(tiny_dnabert2, case)
    skipped = frame.attrs["skipped"]
    assert sum(frame.attrs["statuses"].values()) == len(case.rows)
    kept = Counter(zip(frame["pos"], frame["ref"], frame["alt"], strict=True))
    listed = Counter((row["pos"], row["ref"], row["alt"]) for row in skipped)
    assert set(kept) | set(listed) == {(row.start + 1, row.ref, row.alts[0]) for row in case.rows}
    assert not set(kept) & set(listed)
    assert frame.attrs["unit"] == "log10(RPKM + 0.1)"
    assert set(frame.attrs["statuses"]) == {"SCORED", "OUTSIDE_WINDOWS", "TSS_DELETED"}
    assert " ".join(frame.columns) == (
        "chrom pos id ref alt status gene_id gene_name transcript_id tss distance_to_tss strand cell_type "
        "ref_prediction alt_prediction delta quantile n_fraction"
    )
    assert frame["quantile"].isna().all()


def test_substitutions_equal_predictions_of_the_changed_genome(tiny_dnabert2: Path, case: Case) -> None:
    frame = effects(tiny_dnabert2, case)
    fasta, gtf, _ = case.write()
    before = texcnn.predict(tiny_dnabert2, fasta, gtf=gtf).set_index("gene_id")
    of_one_length = [row for row in case.rows if len(row.ref) == len(row.alts[0])][::9]
    assert len(of_one_length) > 10
    for row in of_one_length:
        bases = case.bases[: row.start] + row.alts[0] + case.bases[row.start + len(row.ref) :]
        changed = write_fasta(case.folder / "changed.fa", {"chr1": bases})
        changed.with_name("changed.fa.fai").unlink(missing_ok=True)
        after = texcnn.predict(tiny_dnabert2, changed, gtf=gtf).set_index("gene_id")
        rows = frame[(frame["pos"] == row.start + 1) & (frame["ref"] == row.ref) & (frame["alt"] == row.alts[0])]
        rows = rows.drop_duplicates(KEY)
        table = rows.pivot(index="gene_id", columns="cell_type", values="alt_prediction")
        np.testing.assert_allclose(table, after.loc[table.index, table.columns], atol=1e-6)
        same = rows.pivot(index="gene_id", columns="cell_type", values="ref_prediction")
        np.testing.assert_allclose(same, before.loc[same.index, same.columns], atol=1e-6)
        elsewhere = [gene for gene in after.index if gene not in table.index]
        np.testing.assert_allclose(
            after.loc[elsewhere, ["x", "y", "z"]], before.loc[elsewhere, ["x", "y", "z"]], atol=1e-6
        )


def test_the_mirror_image_has_the_same_effects(tiny_dnabert2: Path, case: Case) -> None:
    length = len(case.bases)
    rows = []
    for row in reversed(case.rows):
        start, ref, alt = mirrored(case.bases, row.start, row.ref, row.alts[0])
        rows.append(Row(start, ref, (alt,), id=row.id))
    genes = [
        (gene, chrom, length + 1 - end, length + 1 - start, "+" if strand == "-" else "-")
        for gene, chrom, start, end, strand in case.genes
    ]
    mirror = Case(case.folder, reverse_complement(case.bases), genes, rows)
    here = effects(tiny_dnabert2, case, allow_tss_deletion=True)
    there = effects(tiny_dnabert2, mirror, "mirror", allow_tss_deletion=True)
    key = ["id", "gene_id", "cell_type"]
    both = here.merge(there, on=key, suffixes=("", "_there"), validate="one_to_one")
    assert len(both) == len(here) == len(there) > 900
    assert here["status"].nunique() == 2
    assert (both["strand"] != both["strand_there"]).all()
    for name in ("distance_to_tss", "status"):
        assert (both[name] == both[f"{name}_there"]).all()
    for name in ("ref_prediction", "alt_prediction", "delta"):
        np.testing.assert_allclose(both[name], both[f"{name}_there"], atol=1e-6)


def test_incremental_equals_full_on_thousands_of_variants(
    tiny_dnabert2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On both strands, at segment borders and window ends, across N and over the TSS."""
    case = random_case(tmp_path, n_variants=4500, seed=4, n_share=0.1)
    fast = effects(tiny_dnabert2, case, allow_tss_deletion=True)
    monkeypatch.setattr(score.EffectEngine, "_fast_path_agrees", lambda *_: False)
    full = effects(tiny_dnabert2, case, allow_tss_deletion=True)
    n_pairs = len(fast) // 3
    assert n_pairs >= 2000
    assert set(fast["strand"]) == {"+", "-"}
    assert set(fast["status"]) == {"SCORED", "TSS_DELETED"}
    assert (fast["n_fraction"] > 0).mean() > 0.1
    pd.testing.assert_frame_equal(fast, full, rtol=0, atol=1e-6)
    kinds = np.sign(fast["alt"].str.len() - fast["ref"].str.len())
    assert all((kinds == kind).sum() > 500 for kind in (-1, 0, 1))


def test_chunks_do_not_change_rows(tiny_dnabert2: Path, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = effects(tiny_dnabert2, case)
    monkeypatch.setattr(pairs, "ALLELES_PER_CHUNK", 97)
    parts = effects(tiny_dnabert2, case)
    pd.testing.assert_frame_equal(whole, parts, atol=1e-6)


def write_all(model: Path, case: Case, vcf: Path | None = None, **options: object) -> EffectCounts:
    fasta, gtf, usual = case.write()
    folder = case.folder
    counts = texcnn.variant_effects(
        model, fasta, vcf=vcf or usual, gtf=gtf, out=folder / "out.tsv", summary=folder / "summary.tsv",
        annotate=folder / "out.vcf.gz", tabix=folder / "tabix.tsv.gz", **options,
    )  # fmt: skip
    assert isinstance(counts, EffectCounts)
    return counts


def test_all_files_say_the_same(tiny_dnabert2: Path, case: Case) -> None:
    frame = effects(tiny_dnabert2, case)
    counts = write_all(tiny_dnabert2, case)
    assert counts == EffectCounts(len(case.rows), len(frame), frame.attrs["statuses"])
    written = pd.read_csv(case.folder / "out.tsv", sep="\t", keep_default_na=False)
    assert list(written.columns) == list(frame.columns)
    for name in ("ref_prediction", "alt_prediction", "delta"):
        np.testing.assert_array_equal(pd.to_numeric(written[name]).astype(np.float32), frame[name])
    skipped = pd.read_csv(case.folder / "out.tsv.skipped.tsv", sep="\t")
    assert list(skipped.columns) == ["chrom", "pos", "id", "ref", "alt", "status", "reason"]
    assert len(skipped) == len(frame.attrs["skipped"])
    output = json.loads((case.folder / "out.tsv.meta.json").read_text())
    assert (output["alleles"], output["statuses"], output["incremental"]) == (counts.alleles, counts.statuses, True)

    summary = pd.read_csv(case.folder / "summary.tsv", sep="\t", keep_default_na=False, dtype={"delta": str})
    assert len(summary) == counts.alleles
    assert Counter(summary["status"]) == counts.statuses
    scored = summary[summary["status"] == "SCORED"]
    largest = frame.groupby(["pos", "ref", "alt"])["delta"].apply(lambda delta: delta.abs().max())
    found = [largest[row.pos, row.ref, row.alt] for row in scored.itertuples()]
    np.testing.assert_allclose(scored["delta"].astype(float).abs(), found, rtol=1e-6)
    genes = frame.groupby(["pos", "ref", "alt"])["gene_id"].nunique()
    assert (scored["n_genes"] <= [genes[row.pos, row.ref, row.alt] for row in scored.itertuples()]).all()
    assert not (case.folder / "out.tsv.parts").exists()


@pytest.mark.parametrize("ending", [".bcf", ".vcf.gz", ".indexed.vcf.gz", ".gzip.vcf.gz"])
def test_every_format_of_variants_gives_the_same(tiny_dnabert2: Path, tmp_path: Path, ending: str) -> None:
    case = random_case(tmp_path, n_variants=60)
    expected = effects(tiny_dnabert2, case)
    fasta, gtf, plain = case.write()
    vcf = tmp_path / f"in{ending}"
    if ending == ".gzip.vcf.gz":
        vcf.write_bytes(gzip.compress(plain.read_bytes()))
    else:
        pysam.bcftools.view(f"-O{'b' if ending == '.bcf' else 'z'}", "-o", str(vcf), str(plain), catch_stdout=False)
        if ending == ".indexed.vcf.gz":
            pysam.bcftools.index(str(vcf))
    out = tmp_path / f"out{'.parquet' if ending == '.bcf' else '.tsv.gz'}"
    texcnn.variant_effects(tiny_dnabert2, fasta, vcf=vcf, gtf=gtf, out=out, annotate=tmp_path / "annotated.vcf.gz")
    if out.suffix == ".parquet":
        written = pd.read_parquet(out)
        output = json.loads(pq.read_schema(out).metadata[METADATA_KEY])
    else:
        written = pd.read_csv(out, sep="\t", keep_default_na=False, na_values={"delta": "", "quantile": ""})
        output = json.loads((tmp_path / "out.tsv.gz.meta.json").read_text())
    assert output["statuses"] == expected.attrs["statuses"]
    assert written[KEY].astype(str).equals(expected[KEY].astype(str))
    np.testing.assert_allclose(written["delta"], expected["delta"], rtol=1e-6)
    names = pysam.bcftools.query("-f", "%ID\n", str(tmp_path / "annotated.vcf.gz")).split()
    assert names == [row.id for row in case.rows]


def test_inputs_of_the_head_are_those_of_predict(project: Path) -> None:
    """texcnn-mini takes the lengths of the mRNA, which both verbs compute from the GTF by default."""
    demo = project / "assets" / "demo"
    for half_life in (None, False):
        effects = texcnn.variant_effects(
            "texcnn-mini", demo / "genome.fa.gz", vcf=demo / "variants.vcf", gtf=demo / "genes.gtf",
            cell_types=["median"], half_life=half_life,
        )  # fmt: skip
        genes = effects["gene_id"].unique().tolist()
        predicted = texcnn.predict(
            "texcnn-mini", demo / "genome.fa.gz", gtf=demo / "genes.gtf", genes=genes, cell_types=["median"],
            half_life=half_life,
        ).set_index("gene_id")["median"]  # fmt: skip
        np.testing.assert_allclose(effects["ref_prediction"], predicted.loc[effects["gene_id"]], atol=1e-6)
        source = effects.attrs["features"]
        assert source == ("half-life of genes.gtf" if half_life is None else "defaults")


def test_annotated_vcf_round_trips(tiny_dnabert2: Path, case: Case) -> None:
    write_all(tiny_dnabert2, case)
    out, before = case.folder / "out.vcf.gz", case.folder / "in.vcf"
    removed = pysam.bcftools.annotate(
        "-x", ",".join(f"INFO/TEXCNN_{name}" for name in ("STATUS", "DELTA", "GENE", "CELL", "QUANTILE")), str(out)
    )
    body = [line for line in removed.splitlines() if not line.startswith("#")]
    assert body == [line for line in before.read_text().splitlines() if not line.startswith("#")]
    summary = pd.read_csv(case.folder / "summary.tsv", sep="\t", keep_default_na=False)
    text = pysam.bcftools.query("-f", "%POS %TEXCNN_STATUS %TEXCNN_DELTA %TEXCNN_GENE %TEXCNN_CELL\n", str(out))
    for line, row in zip(text.splitlines(), summary.itertuples(), strict=True):
        pos, status, delta, gene, cell = line.split()
        assert (int(pos), status, gene) == (row.pos, row.status, row.gene_id or ".")
        assert cell == (row.cell_type or ".")
        assert delta == "." if row.delta == "" else abs(float(delta) - float(row.delta)) < 1e-5
    near = pysam.bcftools.view("-H", "-r", "chr1:500-600", str(out))  # by the index
    assert 0 < len(near.splitlines()) < len(case.rows)


def test_tabix_file_serves_bcftools_annotate(tiny_dnabert2: Path, case: Case) -> None:
    write_all(tiny_dnabert2, case, cell_types=["y"])
    detail = pd.read_csv(case.folder / "out.tsv", sep="\t", keep_default_na=False)
    table = case.folder / "tabix.tsv.gz"
    with pysam.TabixFile(str(table)) as tabix:
        names = "#chrom pos ref alt gene gene_id transcript_id strand tss_pos delta quantile cell_type"
        assert tabix.header == ["\t".join(names.split())]
        rows = [row.split("\t") for row in tabix.fetch("chr1")]
    assert len(rows) == (detail["delta"] != "").sum()
    assert {row[7] for row in rows} == {"1"}  # alleles are on the plus strand
    header = case.folder / "header.txt"
    header.write_text('##INFO=<ID=EFFECT,Number=.,Type=Float,Description="delta">\n')
    packed = write_vcf(case.folder / "packed.vcf.gz", case.rows, length=len(case.bases))
    annotated = pysam.bcftools.annotate(
        "-a",
        str(table),
        "-h",
        str(header),
        "-c",
        "CHROM,POS,REF,ALT,-,-,-,-,-,EFFECT,-,-",
        "-l",
        "EFFECT:append",
        str(packed),
    )
    found = [
        line.split("EFFECT=")[1].split("\t")[0]
        for line in annotated.splitlines()
        if "EFFECT=" in line and line[0] != "#"
    ]
    deltas = np.sort(pd.to_numeric(detail["delta"]).dropna())
    assert len(found) > 100
    for value in (float(value) for text in found for value in text.split(",")):
        assert np.abs(deltas - value).min() < 1e-6


def test_a_killed_run_continues(tiny_dnabert2: Path, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "ALLELES_PER_CHUNK", 150)
    write_all(tiny_dnabert2, case)
    whole = (case.folder / "out.tsv").read_bytes()
    from texcnn.effects import run

    original, calls = run.score_pairs, []

    def killed(*arguments: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "score_pairs", killed)
    with pytest.raises(KeyboardInterrupt):
        write_all(tiny_dnabert2, case, overwrite=True)
    assert (case.folder / "out.tsv").read_bytes() == whole  # the finished one is still there
    assert len(list((case.folder / "out.tsv.parts").glob("detail-*"))) == 2
    fasta, gtf, vcf = case.write()
    for path in case.folder.glob("out.tsv*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(InputError, match="parts of another run"):
        texcnn.variant_effects(tiny_dnabert2, fasta, vcf=vcf, gtf=gtf, out=case.folder / "out.tsv", max_distance=3)
    calls.clear()
    calls += [1] * 10
    counts = write_all(tiny_dnabert2, case, overwrite=True)
    assert len(calls) == 10 + 2  # two of four chunks were there already
    assert counts.alleles == len(case.rows)
    assert (case.folder / "out.tsv").read_bytes() == whole
    assert not (case.folder / "out.tsv.parts").exists()
