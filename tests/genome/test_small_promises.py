"""Small parts of the genome room against plain code: positions, blocks of bases, builds, reasons, indexes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from texcnn.errors import InputError
from texcnn.files import skipped_path
from texcnn.genome import cached_bases as cached_bases_module
from texcnn.genome.assembly import HUMAN, Assembly
from texcnn.genome.builds import find_build
from texcnn.genome.cached_bases import CachedBases
from texcnn.genome.fai import FastaRecord, read_fai
from texcnn.genome.interval import Interval, reverse_complement
from texcnn.genome.naming import in_any_style, other_style, style_free
from texcnn.genome.position import LARGEST_POSITION, to_position
from texcnn.genome.reference import Reference
from texcnn.genome.skipped import Skipped, count_reasons, read_skipped, write_skipped

BASES = "".join(random.Random(9).choices("ACGTN", k=233))


class TestPositions:
    @given(number=st.integers(-LARGEST_POSITION, LARGEST_POSITION), blanks=st.sampled_from(["", " ", "\t", "\xa0"]))
    def test_any_integer_of_ascii_digits(self, number: int, blanks: str) -> None:
        assert to_position(f"{blanks}{number}{blanks}", "start", "x.bed, line 1") == number

    @pytest.mark.parametrize("text", ["", "-", "--1", "+1", "1.0", "1e3", "1_000", "1,000", "٣", "²", "0x1", "1 2"])
    def test_what_is_no_integer(self, text: str) -> None:
        with pytest.raises(InputError) as refused:
            to_position(text, "start", "x.bed, line 7")
        assert str(refused.value) == f"start '{text}' is not an integer – in x.bed, line 7 – allowed: ASCII digits"

    def test_beyond_any_chromosome(self) -> None:
        assert to_position(str(LARGEST_POSITION), "end", "here") == 10**12
        for text, shown in ((str(LARGEST_POSITION + 1), "1000000000001"), ("9" * 5000, "9" * 30 + "...")):
            with pytest.raises(InputError) as refused:
                to_position(text, "end", "here")
            assert str(refused.value) == f"end {shown} is beyond any chromosome – in here – allowed: up to {10**12}"


class TestCachedBases:
    @pytest.fixture
    def reference(self, tmp_path: Path) -> Iterator[Reference]:
        lines = "\n".join(BASES[start : start + 60] for start in range(0, len(BASES), 60))
        (tmp_path / "g.fa").write_text(f">c\n{lines}\n>short\nACG\n")
        with Reference(tmp_path / "g.fa") as opened:
            yield opened

    @pytest.mark.parametrize("block", [1, 7, 64, 233, 1 << 16])
    def test_any_stretch_as_from_the_whole_text(
        self, reference: Reference, monkeypatch: pytest.MonkeyPatch, block: int
    ) -> None:
        monkeypatch.setattr(cached_bases_module, "_BLOCK", block)
        padded = "N" * 40 + BASES + "N" * 40
        chance = random.Random(block)
        cached = CachedBases(reference)
        for _ in range(200):
            start, end = sorted(chance.choices(range(-40, len(BASES) + 40), k=2))
            assert cached.fetch("c", start, end) == padded[start + 40 : end + 40]
            assert cached.fetch("c", end, start) == ""

    def test_far_beyond_both_ends_and_other_chromosomes(self, reference: Reference) -> None:
        cached = CachedBases(reference)
        assert cached.fetch("c", -10, -5) == cached.fetch("c", 1000, 1005) == "NNNNN"
        assert cached.fetch("short", -1, 5) == "NACGNN"
        assert cached.fetch("c", 0, 3) == BASES[:3] != cached.fetch("short", 0, 3)

    def test_on_the_strand(self, reference: Reference) -> None:
        cached = CachedBases(reference)
        assert cached.fetch_stranded(Interval("short", -1, 2, "-")) == "GTN"
        found = cached.fetch_stranded(Interval("c", 3, 90, "-"))
        assert found == reverse_complement(BASES[3:90]) == reference.fetch(Interval("c", 3, 90, "-"))

    def test_a_block_is_read_once(self, reference: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cached_bases_module, "_BLOCK", 50)
        asked: list[tuple[int, int]] = []
        fetch = reference.fetch

        def counted(interval: Interval) -> str:
            asked.append((interval.start, interval.end))
            return fetch(interval)

        monkeypatch.setattr(reference, "fetch", counted)
        cached = CachedBases(reference)
        for start, end in ((10, 20), (40, 60), (0, 100), (220, 240)):
            cached.fetch("c", start, end)
        assert asked == [(0, 50), (50, 100), (200, 233)]


class TestBuilds:
    @pytest.mark.parametrize("style", ["chr{}", "{}"])
    def test_human_in_either_style(self, style: str) -> None:
        lengths = {style.format(name.removeprefix("chr")): length for name, length in HUMAN.chromosomes.items()}
        assert find_build(lengths) == "GRCh38/hg38"
        assert HUMAN.fits(lengths)
        # A slice of one chromosome suffices, and a chromosome of another length is another genome's.
        (first, length), *_ = lengths.items()
        assert find_build({first: length}) == "GRCh38/hg38"
        assert find_build({**lengths, first: length - 1}) is None

    @pytest.mark.parametrize(
        ("lengths", "build"),
        [
            ({"chr1": 249250621, "chrM": 16571}, "GRCh37/hg19"),
            ({"1": 248387328}, "T2T-CHM13v2.0"),
            ({"chr1": 195471971, "chrX": 171031299}, "GRCm38/mm10"),
            ({"chr1": 195154279}, "GRCm39/mm39"),
            ({"chrIV": 1531933, "chrI": 230218}, "R64-1-1/sacCer3"),
            ({"chr1": 1000}, None),
            ({"scaffold_1": 249250621}, None),
            ({}, None),
        ],
    )
    def test_others(self, lengths: dict[str, int], build: str | None) -> None:
        assert find_build(lengths) == build

    def test_an_assembly_of_the_same_species_fits_and_another_species_does_not(self) -> None:
        assert HUMAN.fits({"1": 249250621, "2": 243199373, "X": 155270560})  # GRCh37
        assert not HUMAN.fits({"chr1": 195471971, "chr2": 182113224, "chr3": 160039680, "chrX": 171031299})  # mouse
        assert not HUMAN.fits({"scaffold_1": 248956422})
        # Half of the shared chromosomes are enough.
        assert HUMAN.fits({"chr1": 248956422, "chr2": 5})
        assert not HUMAN.fits({"chr1": 248956422, "chr2": 5, "chr3": 5})
        assert Assembly("Any", "a").fits({"x": 1})
        assert str(HUMAN) == "Homo sapiens (GRCh38)"

    def test_five_percent_are_the_limit(self) -> None:
        assembly = Assembly("S", "a", {"chr1": 1000})
        assert [assembly.fits({"1": length}) for length in (949, 950, 1000, 1050, 1051)] == [
            False, True, True, True, False,
        ]  # fmt: skip


class TestNames:
    @pytest.mark.parametrize(
        ("name", "plain"),
        [
            ("chr1", "1"), ("1", "1"), ("chrX", "X"), ("chrM", "MT"), ("M", "MT"), ("mitochondrion", "MT"),
            ("chrUn_GL000220v1", "GL000220.1"), ("chr1_KI270706v1_random", "KI270706.1"),
            ("chr19_KI270938v1_alt", "KI270938.1"), ("KI270706.1", "KI270706.1"), ("chrUn_x", "Un_x"), ("2L", "2L"),
        ],
    )  # fmt: skip
    def test_without_what_styles_add(self, name: str, plain: str) -> None:
        assert style_free(name) == plain
        assert style_free(plain) == plain

    def test_both_styles_are_known(self) -> None:
        known = in_any_style(["chr1", "MT"])
        assert [known(name) for name in ("1", "chr1", "chrM", "2")] == [True, True, True, False]
        assert other_style(["1", "3", "chrM"], ["chr1", "chr2", "M", "MT"]) == {"1": "chr1"}


class TestReasons:
    def test_kinds_are_blended_and_the_most_frequent_comes_first(self) -> None:
        reasons = [
            "no value in rpkm.tsv",
            "chromosome 'chr9' is not in the FASTA",
            "chromosome 'chrUn' is not in the FASTA",
            "TSS 51 lies beyond the end of chromosome 'chr2' (50 bp)",
            "TSS 1,060 lies beyond the end of chromosome 'chr2' (50 bp)",
            "chromosome 'chr9' is not in the FASTA",
        ]
        assert count_reasons([Skipped("g", reason) for reason in reasons]) == [
            ("chromosome … is not in the FASTA (first: 'chr9')", 3),
            ("TSS … lies beyond the end of chromosome 'chr2' (50 bp) (first: 51)", 2),
            ("no value in rpkm.tsv", 1),
        ]
        assert count_reasons([]) == []
        assert count_reasons([Skipped("g", "75% of the window are N"), Skipped("h", "75% of the window are N")]) == [
            ("75% of the window are N", 2)
        ]

    @given(
        rows=st.lists(
            st.tuples(
                st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1),
                st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1),
            )
        )
    )
    def test_a_list_comes_back(self, tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
        path = skipped_path(tmp_path_factory.mktemp("s") / "out.tsv")
        skipped = [Skipped(*row) for row in rows]
        write_skipped(path, skipped)
        assert path.name == "out.tsv.skipped.tsv"
        assert read_skipped(path) == skipped

    def test_another_table_is_no_list(self, tmp_path: Path) -> None:
        (tmp_path / "t.tsv").write_text("gene_id\twhy\na\tb\n")
        with pytest.raises(
            InputError, match=r"not a list of skipped genes – in .*t\.tsv – allowed: the columns gene_id"
        ):
            read_skipped(tmp_path / "t.tsv")


class TestIndexes:
    @given(
        length=st.integers(1, 200), line_bases=st.integers(1, 70), ending=st.sampled_from(["\n", "\r\n"]),
        header=st.integers(1, 20),
    )  # fmt: skip
    def test_the_end_is_where_the_last_base_ends(self, length: int, line_bases: int, ending: str, header: int) -> None:
        lines = [("A" * length)[start : start + line_bases] for start in range(0, length, line_bases)]
        text = ">" + "x" * header + ending + ending.join(lines)
        record = FastaRecord("x", length, header + 1 + len(ending), line_bases, line_bases + len(ending))
        assert record.end == len(text)

    def test_lines_are_read_and_further_columns_ignored(self, tmp_path: Path) -> None:
        (tmp_path / "g.fai").write_text("c\t10\t3\t5\t6\n\nd\t0\t20\t0\t0\tmore\r\n")
        assert read_fai(tmp_path / "g.fai") == [FastaRecord("c", 10, 3, 5, 6), FastaRecord("d", 0, 20, 0, 0)]

    @pytest.mark.parametrize(
        "line",
        ["c\t10\t3\t5", "\t10\t3\t5\t6", "c\t10\t3\t0\t6", "c\t10\t3\t7\t6", "c\t-1\t3\t5\t6", "c\t10\t3\t5\tx",
         "c\t" + "9" * 19 + "\t3\t5\t6", "c\t1٣\t3\t5\t6"],
    )  # fmt: skip
    def test_what_is_no_line_of_an_index(self, tmp_path: Path, line: str) -> None:
        (tmp_path / "g.fai").write_text(f"ok\t10\t3\t5\t6\n{line}\n", encoding="utf-8")
        with pytest.raises(ValueError, match=r"its line 2 is not a line of a \.fai"):
            read_fai(tmp_path / "g.fai")

    @pytest.mark.parametrize(
        ("content", "message"), [(b"", "it lists no sequence"), (b"c\xff", "the index is not text")]
    )
    def test_what_is_no_index(self, tmp_path: Path, content: bytes, message: str) -> None:
        (tmp_path / "g.fai").write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_fai(tmp_path / "g.fai")

    def test_a_missing_index_is_the_users_error(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"the index of the FASTA cannot be read \(No such file"):
            read_fai(tmp_path / "g.fai")
