"""texcnn features: options, files, messages and exit status."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from texcnn.cli.main import main
from texcnn.features.codons import CODON_COLUMNS
from texcnn.features.half_life import HALF_LIFE_FEATURES

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def texcnn(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line; gives its status and stderr, and holds that stdout is empty."""

    def run(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as leaving:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert out == ""
        return int(leaving.value.code or 0), err

    return run


@pytest.fixture
def genome(tmp_path: Path) -> list[object]:
    """g1: CDS of 9 in two exons, GC of 5/9, 5'UTR CC, 3'UTR all N; g2 has no CDS."""
    (tmp_path / "genome.fa").write_text(">chr1\nCCATGGCTTTTGCTGNNN\n")
    parts = [("g1", "exon", 1, 8), ("g1", "exon", 12, 18), ("g1", "CDS", 3, 8), ("g1", "CDS", 12, 14)]
    (tmp_path / "genes.gtf").write_text(
        "".join(
            f'chr1\tx\t{feature}\t{start}\t{end}\t.\t+\t.\tgene_id "{gene}"; transcript_id "{gene}.t";\n'
            for gene, feature, start, end in [*parts, ("g2", "exon", 1, 9)]
        )
    )
    return ["--fasta", tmp_path / "genome.fa", "--gtf", tmp_path / "genes.gtf"]


def test_half_life(texcnn: Run, genome: list[object], tmp_path: Path) -> None:
    out = tmp_path / "out.tsv"
    status, err = texcnn("features", "half-life", *genome, "--quiet", "--out", out)
    assert (status, err) == (0, "")
    table = pd.read_csv(out, sep="\t")
    assert table.columns.tolist() == ["gene_id", *HALF_LIFE_FEATURES, "source"]
    assert set(table["source"]) == {"computed"}
    # CDS: ATGGCT and GCT; 3'UTR: GNNN, of which one base is known.
    assert table.iloc[0, :-1].tolist() == ["g1", 2, 9, 3, 4, 1, pytest.approx(5 / 9), 1, pytest.approx(2000 / 9)]
    assert Path(f"{out}.skipped.tsv").read_text().splitlines()[1].startswith("g2\tno transcript has a CDS")


def test_codons(texcnn: Run, genome: list[object], tmp_path: Path) -> None:
    out = tmp_path / "codons.tsv"
    status, err = texcnn("features", "codons", *genome, "--out", out)
    assert status == 0
    assert f"1 genes, 1 skipped: {out}" in err
    table = pd.read_csv(out, sep="\t", index_col="gene_id")
    assert table.columns.tolist() == [*CODON_COLUMNS, "source"]
    assert table.drop(columns="source").loc["g1"][lambda row: row > 0].round(3).to_dict() == {
        "codon_ATG": 33.333,
        "codon_GCT": 66.667,
        "log10_codons": 0.477,
    }
    assert Path(f"{out}.skipped.tsv").read_text().splitlines()[1].startswith("g2\tno transcript has a CDS")


def test_half_life_says_what_it_did(texcnn: Run, genome: list[object], tmp_path: Path) -> None:
    out = tmp_path / "out.tsv.gz"
    (tmp_path / "wanted.txt").write_text("g1\ng9\n")
    status, err = texcnn("features", "half-life", *genome, "--genes", tmp_path / "wanted.txt", "--log10", "--out", out)
    assert status == 0
    assert f"1 genes, 0 of them with an empty GC, 1 skipped: {out}" in err
    assert pd.read_csv(out, sep="\t").columns[1] == "log10_utr5_length_bp"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "tf.csv").write_text("gene,T1,POLR2A\ng1,1,0\ng3,0,1\n")
    return tmp_path / "tf.csv"


def test_tf_targets(texcnn: Run, genome: list[object], table: Path, tmp_path: Path) -> None:
    out = tmp_path / "tf.tsv"
    status, err = texcnn("features", "tf-targets", "--table", table, "--exclude", "POLR2A", *genome[2:], "--out", out)
    assert (status, err) == (0, f"2 genes x 1 TFs, 1 missing: {out}\n")
    assert out.read_text() == "gene_id\tT1\ng1\t1\ng3\t0\n"
    assert Path(f"{out}.skipped.tsv").read_text() == "gene_id\treason\ng2\tthe gene is not in tf.csv\n"


def test_tf_targets_of_pairs_and_a_list_of_genes(texcnn: Run, tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("a\tb\nT1\tg1\nT2\tg2\n")
    (tmp_path / "wanted.txt").write_text("g2\n")
    out = tmp_path / "tf.tsv"
    options = ("--table", tmp_path / "pairs.tsv", "--gene-column", "b", "--tf-column", "a", "--layout", "long")
    status, err = texcnn(
        "features", "tf-targets", *options, "--genes", tmp_path / "wanted.txt", "--quiet", "--out", out
    )
    assert (status, err) == (0, "")
    assert out.read_text() == "gene_id\tT1\tT2\ng1\t1\t0\ng2\t0\t1\n"
    assert Path(f"{out}.skipped.tsv").read_text() == "gene_id\treason\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--out", "out.parquet"], "unknown format of a feature table 'out.parquet'"),
        (["--exclude", "T9"], "unknown transcription factor 'T9'"),
        (["--gtf", "a.gtf", "--genes", "b.txt"], "give one list of genes"),
        (["--table", "none.tsv"], "the file does not exist"),
        (["--layout", "tall"], "Invalid value for '--layout'"),
    ],
)
def test_unusable_arguments_leave_nothing(
    texcnn: Run, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    status, err = texcnn("features", "tf-targets", "--table", table, "--out", "tf.tsv", *change)
    assert status == 2
    assert message in err
    assert "Traceback" not in err
    assert sorted(tmp_path.iterdir()) == before


def test_half_life_without_coding_genes_leaves_nothing(texcnn: Run, genome: list[object], tmp_path: Path) -> None:
    gtf = tmp_path / "genes.gtf"
    gtf.write_text("".join(line for line in gtf.open() if "CDS" not in line))
    status, err = texcnn("features", "half-life", *genome, "--quiet", "--out", tmp_path / "out.tsv")
    assert (status, "no gene has a CDS" in err) == (2, True)
    assert not list(tmp_path.glob("out*"))


def test_help_keeps_examples_on_their_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["features", "half-life", "--help"])
    shown = capsys.readouterr().out
    assert "\n  texcnn features half-life --fasta genome.fa --gtf genes.gtf --out half_life.tsv\n" in shown
    assert "\\b" not in shown
