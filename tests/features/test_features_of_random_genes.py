"""Half-life and codon features of random transcripts, against a label per base and a plain reading of the mRNA."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from texcnn.features.codons import CODON_COLUMNS, CODON_FEATURES, STOP_CODONS, codon_counts, codon_features
from texcnn.features.half_life import HALF_LIFE_FEATURES, half_life_features
from texcnn.features.table import FeatureTable
from texcnn.features.tf_table import read_tf_table
from texcnn.features.tf_targets import tf_target_features
from texcnn.genome.mrna import Mrna, n_bases
from texcnn.genome.reference import Reference

N_GENES, LENGTH = 60, 400
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


@dataclass(frozen=True)
class Transcript:
    """A random transcript: each base of its chromosome is coding, exonic or neither."""

    name: str
    chrom: str
    strand: str
    exons: list[tuple[int, int]]
    coding: set[int]

    @property
    def exonic(self) -> list[int]:
        return [place for start, end in self.exons for place in range(start, end)]

    def rows(self) -> list[str]:
        cds = [[place for place in range(start, end) if place in self.coding] for start, end in self.exons]
        blocks = [("exon", start, end) for start, end in self.exons]
        blocks += [("CDS", places[0], places[-1] + 1) for places in cds if places]
        ids = f'gene_id "{self.name}"; transcript_id "{self.name}.t";'
        return [
            f"{self.chrom}\tx\t{kind}\t{start + 1}\t{end}\t.\t{self.strand}\t.\t{ids}" for kind, start, end in blocks
        ]


def random_transcript(rng: random.Random, name: str, chrom: str) -> Transcript:
    edges = sorted(rng.sample(range(LENGTH), 2 * rng.randint(1, 5)))
    exons = [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    exonic = [place for start, end in exons for place in range(start, end)]
    first = rng.randrange(len(exonic))
    last = rng.randrange(first, len(exonic))
    return Transcript(name, chrom, rng.choice("+-"), exons, set(exonic[first : last + 1]))


@dataclass(frozen=True)
class Case:
    genome: dict[str, str]
    transcripts: list[Transcript]
    fasta: Path
    gtf: Path


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    rng, folder = random.Random(12), tmp_path_factory.mktemp("genes")
    genome = {f"chr{number}": "".join(rng.choices("ACGTN", [9, 9, 9, 9, 2], k=LENGTH)) for number in range(N_GENES)}
    transcripts = [random_transcript(rng, f"g{number}", f"chr{number}") for number in range(N_GENES)]
    fasta, gtf = folder / "g.fa", folder / "g.gtf"
    fasta.write_text("".join(f">{chrom}\n{bases}\n" for chrom, bases in genome.items()))
    lines = [line for transcript in transcripts for line in rng.sample(transcript.rows(), len(transcript.rows()))]
    gtf.write_text("\n".join(lines) + "\n")
    return Case(genome, transcripts, fasta, gtf)


def by_base(transcript: Transcript, bases: str) -> list[float]:
    """The features, read off a label per base."""
    exonic = transcript.exonic
    low, high = min(transcript.coding), max(transcript.coding)
    before = [place for place in exonic if place < low]
    after = [place for place in exonic if place > high]
    five, three = (before, after) if transcript.strand == "+" else (after, before)
    inside = [place for place in exonic if place in transcript.coding]

    def gc(places: list[int]) -> float:
        letters = Counter(bases[place] for place in places)
        known = sum(letters[base] for base in "ACGT")
        return 0.0 if not places else (letters["G"] + letters["C"]) / known if known else np.nan

    introns = transcript.exons[-1][1] - transcript.exons[0][0] - len(exonic)
    coding_exons = sum(any(start <= place < end for place in inside) for start, end in transcript.exons)
    lengths = [len(five), len(inside), introns, len(three)]
    return [*lengths, gc(five), gc(inside), gc(three), 1000 * coding_exons / len(inside)]


def test_half_life_features_are_those_of_the_labels(case: Case) -> None:
    with Reference(case.fasta) as reference:
        found = half_life_features(reference, case.gtf)
    assert found.skipped == []
    assert found.frame["gene_id"].tolist() == [transcript.name for transcript in case.transcripts]
    expected = [by_base(transcript, case.genome[transcript.chrom]) for transcript in case.transcripts]
    np.testing.assert_allclose(found.frame[list(HALF_LIFE_FEATURES)], expected, rtol=1e-9)
    assert len({transcript.strand for transcript in case.transcripts}) == 2


def test_the_same_with_logarithms_and_without_bases(case: Case) -> None:
    with Reference(case.fasta) as reference:
        plain = half_life_features(reference, case.gtf).frame
        logged = half_life_features(reference, case.gtf, log10=True).frame
        without = half_life_features(reference, case.gtf, gc=False).frame
    for name in HALF_LIFE_FEATURES:
        if name.endswith("_gc"):
            pd.testing.assert_series_equal(logged[name], plain[name])
            assert name not in without
        else:
            np.testing.assert_allclose(logged[f"log10_{name}"], np.log10(plain[name] + 0.1))
            pd.testing.assert_series_equal(without[name], plain[name])


def test_chosen_genes_have_the_rows_that_they_have_among_all(case: Case) -> None:
    wanted = [transcript.name for transcript in case.transcripts[5:40:7]]
    with Reference(case.fasta) as reference:
        whole = half_life_features(reference, case.gtf).frame.set_index("gene_id")
        some = half_life_features(reference, case.gtf, genes=reversed(wanted)).frame.set_index("gene_id")
    pd.testing.assert_frame_equal(some, whole.loc[wanted])


def mrna_of(transcript: Transcript, bases: str) -> str:
    coding = "".join(bases[place] for place in sorted(transcript.coding))
    return coding if transcript.strand == "+" else coding.translate(COMPLEMENT)[::-1]


def test_codons_are_those_of_the_mrna(case: Case) -> None:
    with Reference(case.fasta) as reference:
        found = codon_features(reference, case.gtf)
    table = found.frame.set_index("gene_id")
    skipped = {entry.gene_id for entry in found.skipped}
    for transcript in case.transcripts:
        mrna = mrna_of(transcript, case.genome[transcript.chrom])
        codons = Counter(mrna[start : start + 3] for start in range(0, len(mrna) // 3 * 3, 3))
        sense = {codon: count for codon, count in codons.items() if "N" not in codon and codon not in STOP_CODONS}
        if not sense:
            assert transcript.name in skipped
            continue
        row = table.loc[transcript.name]
        shares = row.filter(like="codon_")
        assert shares.sum() == pytest.approx(100)
        assert row["log10_codons"] == pytest.approx(np.log10(sum(sense.values())))
        for codon, count in sense.items():
            assert row[f"codon_{codon}"] == pytest.approx(100 * count / sum(sense.values()))
    assert len(table) + len(skipped) == N_GENES
    assert list(table) == list(CODON_COLUMNS)


@pytest.mark.parametrize(
    ("bases", "strand", "codons"),
    [
        ("ATGGCTTAA", "+", {"ATG": 1, "GCT": 1}),
        ("TTAAGCCAT", "-", {"ATG": 1, "GCT": 1}),
        ("ATGNCTGCTG", "+", {"ATG": 1, "GCT": 1}),
        ("AT", "+", {}),
        ("", "-", {}),
    ],
)
def test_codons_by_hand(bases: str, strand: str, codons: dict[str, int]) -> None:
    counts = dict(
        zip((name.removeprefix("codon_") for name in CODON_FEATURES), codon_counts(bases, strand), strict=True)
    )
    assert {codon: count for codon, count in counts.items() if count} == codons


def test_parts_of_an_mrna_are_its_exons(case: Case) -> None:
    for transcript in case.transcripts:
        exons = [number for exon in transcript.exons for number in exon]
        coding = [number for place in sorted(transcript.coding) for number in (place, place + 1)]
        mrna = Mrna.of(exons, coding, transcript.strand)
        assert n_bases(mrna.utr5) + n_bases(mrna.cds) + n_bases(mrna.utr3) == n_bases(mrna.exons)
        blocks = [place for start, end in mrna.cds for place in range(start, end)]
        assert set(blocks) == transcript.coding
        assert len(blocks) == len(transcript.coding)


class TestTables:
    """Matrices and lists of genes and TFs say the same, and so do their features."""

    @pytest.fixture
    def matrix(self) -> pd.DataFrame:
        rng = np.random.default_rng(3)
        values = (rng.random((8, 5)) < 0.5) * rng.integers(1, 9, (8, 5))
        return pd.DataFrame(values, [f"gene{row}" for row in range(8)], [f"TF{column}" for column in range(5)])

    @pytest.mark.parametrize("separator", ["\t", ","])
    def test_wide_and_long(self, tmp_path: Path, matrix: pd.DataFrame, separator: str) -> None:
        matrix.to_csv(tmp_path / "wide.txt", sep=separator, index_label="gene_id")
        pairs = matrix.stack()
        pairs = pairs[pairs != 0].rename_axis(["gene_id", "tf"]).rename("weight").reset_index()
        pairs.to_csv(tmp_path / "long.txt", sep=separator, index=False)
        wide, long = (read_tf_table(tmp_path / f"{name}.txt") for name in ("wide", "long"))
        assert (wide.gene_ids, wide.tfs) == (tuple(matrix.index), tuple(matrix.columns))
        np.testing.assert_array_equal(wide.values, matrix)
        listed = pd.DataFrame(long.values, list(long.gene_ids), list(long.tfs))
        pd.testing.assert_frame_equal(
            listed.reindex(matrix.index, columns=matrix.columns).fillna(0), matrix, check_dtype=False
        )

    def test_features_written_are_features_read(self, tmp_path: Path, matrix: pd.DataFrame) -> None:
        matrix.to_csv(tmp_path / "tf.tsv", sep="\t", index_label="gene_id")
        made = tf_target_features(tmp_path / "tf.tsv", exclude="TF2", genes=["gene3", "nobody"])
        made.write(tmp_path / "features.tsv")
        read = FeatureTable.read(tmp_path / "features.tsv")
        assert read.names == ("TF0", "TF1", "TF3", "TF4")
        np.testing.assert_array_equal(read.values, matrix.drop(columns="TF2"))
        assert [entry.gene_id for entry in made.skipped] == ["nobody"]
        assert read.source == "given"

    def test_a_table_written_and_read_is_the_same(self, tmp_path: Path) -> None:
        values = np.array([[0.1, np.nan], [1e-30, 3e30]], np.float32)
        table = FeatureTable(values, ("a", "b"), {"g1": 0, "g2": 1}, tmp_path / "f.tsv", "computed")
        table.write(tmp_path / "f.tsv")
        again = FeatureTable.read(tmp_path / "f.tsv", ["a", "b"])
        assert again.fingerprint() == table.fingerprint()
        assert (again.source, again.rows) == ("computed", table.rows)
        other = FeatureTable(values + 1, ("a", "b"), {"g1": 0, "g2": 1}, tmp_path / "f.tsv")
        assert other.fingerprint() != table.fingerprint()
