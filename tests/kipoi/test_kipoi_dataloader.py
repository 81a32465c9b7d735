"""The Kipoi model's two classes, used in this process, and where kipoiseq's dataloaders agree with them."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import pickle
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pysam
import pytest

import texcnn
from texcnn.errors import InputError
from texcnn.genome.interval import reverse_complement

pytest.importorskip("pkg_resources", reason="Kipoi needs setuptools < 82")
pytest.importorskip("kipoi_utils", reason="needs the kipoi extra")

pytestmark = pytest.mark.kipoi

UPSTREAM, DOWNSTREAM, LENGTH = 7000, 3500, 10500


@pytest.fixture(scope="module")
def kipoi_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Importing Kipoi writes into the home folder: give it another one."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        importlib.import_module("kipoi")
    return folder


@pytest.fixture(scope="module")
def loader(project: Path, kipoi_home: Path) -> ModuleType:
    return load(project / "kipoi_model" / "TExCNN" / "dataloader.py")


@pytest.fixture(scope="module")
def demo(project: Path) -> Path:
    return project / "assets" / "demo"


@pytest.fixture(scope="module")
def bases(demo: Path) -> dict[str, str]:
    with pysam.FastaFile(str(demo / "genome.fa.gz")) as genome:
        return {name: genome.fetch(name) for name in genome.references}


def load(path: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(f"kipoi_test_{path.stem}", path)
    assert specification is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    assert specification.loader is not None
    specification.loader.exec_module(module)
    return module


def write_bed(path: Path, *rows: str) -> str:
    path.write_text("".join(row.replace(" ", "\t") + "\n" for row in rows))
    return str(path)


def test_gtf_items_are_the_windows_of_its_genes(loader: ModuleType, demo: Path, bases: dict[str, str]) -> None:
    items = loader.TExCNNDl(str(demo / "genome.fa.gz"), gtf_file=str(demo / "genes.gtf"))
    assert len(items) == 50
    plus, minus = items[0], items[1]  # TSS 9501 "+" and 16900 "-" of demo1
    assert str(plus["inputs"]["window"]) == bases["demo1"][9500 - UPSTREAM : 9500 + DOWNSTREAM]
    assert dict(plus["metadata"]["ranges"]) == {
        "chr": "demo1", "start": 2500, "end": 13000, "id": "DEMOG00000001", "strand": "+",
    }  # fmt: skip
    assert str(minus["inputs"]["window"]) == reverse_complement(bases["demo1"][16900 - DOWNSTREAM : 16900 + UPSTREAM])
    assert dict(minus["metadata"]["ranges"]) == {
        "chr": "demo1", "start": 13400, "end": 23900, "id": "DEMOG00000002", "strand": "-",
    }  # fmt: skip


def test_features_are_computed_where_the_model_takes_them(loader: ModuleType, demo: Path) -> None:
    arguments = {"gtf_file": str(demo / "genes.gtf")}
    items = loader.TExCNNDl(str(demo / "genome.fa.gz"), **arguments)
    expected = texcnn.predict(None, demo / "genome.fa.gz", **{"gtf": demo / "genes.gtf"})
    coding = set(expected["gene_id"][expected["features"] == "computed"])
    names = [spec.name for spec in texcnn.load_model().config.features]
    assert items[0]["inputs"]["features"].shape == (len(names),)
    usual = loader.TExCNNDl(str(demo / "genome.fa.gz"), half_life=False, **arguments)
    means = [spec.mean for spec in texcnn.load_model().config.features]  # the defaults, which are 0 after scaling
    assert usual[0]["inputs"]["features"].tolist() == means
    for place, gene in enumerate(items.genes):
        default = np.array_equal(items[place]["inputs"]["features"], means)
        assert default == (gene.id not in coding) or gene.id not in set(expected["gene_id"])
    metadata = items[1]["metadata"]
    assert (str(metadata["gene_name"]), metadata["tss"]) == ("DEM2", 16900)


def test_window_over_the_chromosomes_end_is_padded_and_keeps_its_length(
    loader: ModuleType, demo: Path, bases: dict[str, str]
) -> None:
    items = loader.TExCNNDl(str(demo / "genome.fa.gz"), gtf_file=str(demo / "genes.gtf"))
    by_id = {items[i]["metadata"]["ranges"].id: items[i] for i in (42, 49)}
    first, last = by_id["DEMOG00000043"], by_id["DEMOG00000050"]
    assert (first["metadata"]["ranges"].start, first["metadata"]["ranges"].end) == (-5000, 5500)
    assert str(first["inputs"]["window"]) == "N" * 5000 + bases["demo3"][:5500]
    length = len(bases["demo3"])
    assert last["metadata"]["ranges"].end == 40600 + UPSTREAM > length
    padding = 40600 + UPSTREAM - length
    assert str(last["inputs"]["window"]) == "N" * padding + reverse_complement(bases["demo3"][40600 - DOWNSTREAM :])


def test_rows_without_a_place_are_left_out_and_listed(
    loader: ModuleType, demo: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bed = write_bed(tmp_path / "a.bed", "demo1 20000 20100 in 0 +", "demoX 5 9 lost 0 +", "demo3 50000 50009 far 0 +")
    with caplog.at_level(logging.WARNING, logger="texcnn"):
        items = loader.TExCNNDl(str(demo / "genome.fa.gz"), intervals_file=bed)
    assert [items[i]["metadata"]["ranges"].id for i in range(len(items))] == ["in"]
    assert [entry.gene_id for entry in items.skipped] == ["lost", "far"]
    assert "2 rows cannot be predicted" in caplog.text
    assert "lost: " in caplog.text
    assert "far: " in caplog.text


@pytest.mark.parametrize(
    ("anchor", "row", "start"),
    [
        ("five-prime", "demo1 20000 20100 g 0 +", 20000 - UPSTREAM),
        ("five-prime", "demo1 20000 20100 g 0 -", 20100 - DOWNSTREAM),
        ("center", "demo1 20000 20100 g 0 +", 20050 - UPSTREAM),
        ("window", "demo1 20000 30500 g 0 +", 20000),
    ],
)
def test_bed_anchor_decides_where_the_window_lies(
    loader: ModuleType, demo: Path, tmp_path: Path, anchor: str, row: str, start: int
) -> None:
    items = loader.TExCNNDl(
        str(demo / "genome.fa.gz"), intervals_file=write_bed(tmp_path / "a.bed", row), bed_anchor=anchor
    )
    assert items[0]["metadata"]["ranges"].start == start
    assert items[0]["metadata"]["ranges"].end == start + LENGTH


def test_genes_file_and_chromosome_names(loader: ModuleType, tmp_path: Path, demo: Path) -> None:
    (tmp_path / "names.txt").write_text("DEM3\nDEMOG00000001\n")
    (tmp_path / "g.fa").write_text(">1\n" + "ACGT" * 5000 + "\n")
    items = loader.TExCNNDl(
        str(demo / "genome.fa.gz"), gtf_file=str(demo / "genes.gtf"), genes_file=str(tmp_path / "names.txt")
    )
    assert [items[i]["metadata"]["ranges"].id for i in range(len(items))] == ["DEMOG00000001", "DEMOG00000003"]
    bed = write_bed(tmp_path / "a.bed", "chr1 9000 9100 g 0 +")
    with pytest.raises(InputError, match="name the chromosomes differently"):
        loader.TExCNNDl(str(tmp_path / "g.fa"), intervals_file=bed)
    items = loader.TExCNNDl(str(tmp_path / "g.fa"), intervals_file=bed, map_chrom_names=True)
    assert items[0]["metadata"]["ranges"].chr == "1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either gtf_file or intervals_file"),
        ({"gtf_file": "genes.gtf", "intervals_file": "a.bed"}, "either gtf_file or intervals_file"),
        ({"gtf_file": "missing.gtf"}, "does not exist"),
        ({"intervals_file": "a.bed", "bed_anchor": "middle"}, "unknown BED anchor 'middle'"),
        ({"intervals_file": "a.bed", "genes_file": "none.txt"}, "no gene can be predicted"),
        ({"intervals_file": "a.bed", "fasta_file": "missing.fa"}, "missing.fa"),
        ({"intervals_file": "a.bed", "map_chrom_names": "no"}, "'no' is not yes or no – in `map_chrom_names`"),
        ({"intervals_file": "a.bed", "half_life": "no"}, "'no' is not yes or no – in `half_life`"),
    ],
)
def test_unusable_arguments(
    loader: ModuleType,
    demo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: dict[str, str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_bed(tmp_path / "a.bed", "demo1 20000 20100 g 0 +")
    (tmp_path / "none.txt").write_text("other\n")
    with pytest.raises(InputError, match=message):
        loader.TExCNNDl(**{"fasta_file": str(demo / "genome.fa.gz"), **arguments})


def test_unknown_model_lists_the_known_ones(loader: ModuleType, demo: Path) -> None:
    with pytest.raises(texcnn.errors.ModelError, match="texcnn-mini"):
        loader.TExCNNDl(str(demo / "genome.fa.gz"), gtf_file=str(demo / "genes.gtf"), model="texcnn-mega")


def test_relative_genome_is_read_after_the_folder_changed(
    loader: ModuleType, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(demo)
    items = loader.TExCNNDl("genome.fa.gz", gtf_file="genes.gtf")
    monkeypatch.chdir(tmp_path)
    assert len(str(items[0]["inputs"]["window"])) == LENGTH


def test_copies_for_worker_processes_read_the_same(loader: ModuleType, demo: Path) -> None:
    items = loader.TExCNNDl(str(demo / "genome.fa.gz"), gtf_file=str(demo / "genes.gtf"))
    before = str(items[7]["inputs"]["window"])  # the file is open now
    assert str(pickle.loads(pickle.dumps(items))[7]["inputs"]["window"]) == before


def test_batches_of_any_number_of_workers_are_equal(loader: ModuleType, demo: Path) -> None:
    items = loader.TExCNNDl(str(demo / "genome.fa.gz"), gtf_file=str(demo / "genes.gtf"))
    alone = list(items.batch_iter(batch_size=16, num_workers=0))
    shared = list(items.batch_iter(batch_size=16, num_workers=2))
    assert [len(batch["inputs"]["window"]) for batch in alone] == [16, 16, 16, 2]
    for left, right in zip(alone, shared, strict=True):
        assert left["inputs"]["window"].tolist() == right["inputs"]["window"].tolist()
        np.testing.assert_array_equal(left["inputs"]["features"], right["inputs"]["features"])
        assert left["metadata"]["ranges"]["id"].tolist() == right["metadata"]["ranges"]["id"].tolist()


def test_model_answers_with_one_array_per_cell_type(project: Path, loader: ModuleType, demo: Path) -> None:
    module = load(project / "kipoi_model" / "TExCNN" / "model.py")
    model, direct = module.TExCNNKipoi("texcnn-mini"), texcnn.load_model()
    items = loader.TExCNNDl(str(demo / "genome.fa.gz"), gtf_file=str(demo / "genes.gtf"))
    windows = [str(items[0]["inputs"]["window"]), "N" * LENGTH]
    found = model.predict_on_batch({"window": np.array(windows)})
    assert tuple(found) == direct.cell_types
    expected = direct.predict_sequences(windows)
    np.testing.assert_array_equal(np.stack(list(found.values()), axis=1), expected)
    assert np.isnan(expected[1]).all()
    assert not np.isnan(expected[0]).any()


@pytest.mark.data
@pytest.mark.slow
def test_real_genes_are_predicted_as_texcnn_predicts_them(
    project: Path, loader: ModuleType, data: Path, tmp_path: Path
) -> None:
    real: dict[str, list[tuple[int, int]]] = {}
    for line in (data / "human" / "hg38_slice.bed").read_text().splitlines():
        chrom, start, end = line.split("\t")[:3]
        real.setdefault(chrom, []).append((int(start), int(end)))
    rows = []
    for line in (data / "human" / "xpresso_tss_20kb.bed").read_text().splitlines():
        chrom, start = line.split("\t")[:2]
        if any(left <= int(start) + 10_000 < right for left, right in real.get(chrom, [])):
            rows.append(line + "\n")
    bed, fasta = tmp_path / "genes.bed", data / "human" / "hg38_slice.fa.gz"
    bed.write_text("".join(rows[:200]))
    items = loader.TExCNNDl(str(fasta), intervals_file=str(bed), bed_anchor="center")
    model = load(project / "kipoi_model" / "TExCNN" / "model.py").TExCNNKipoi("texcnn-mini")
    batches = list(items.batch_iter(batch_size=32, num_workers=2))
    found = np.concatenate([np.stack(list(model.predict_on_batch(b["inputs"]).values()), 1) for b in batches])
    expected = texcnn.load_model().predict(fasta, bed=bed, bed_anchor="center")
    ids = [name for batch in batches for name in batch["metadata"]["ranges"]["id"].tolist()]
    assert ids == expected["gene_id"].tolist()
    assert len(ids) == 200
    assert (expected["n_fraction"] > 0).any()  # windows with gaps are among them
    assert np.abs(found - expected[list(model.model.cell_types)].to_numpy()).max() <= 1e-6


def test_shim_is_loaded_once_and_leaves_the_other_formats_alone(
    loader: ModuleType, project: Path, tmp_path: Path
) -> None:
    import kipoi.writers

    patched = kipoi.writers.get_writer
    load(project / "kipoi_model" / "TExCNN" / "_texcnn_kipoi_compat.py")
    assert kipoi.writers.get_writer is patched
    assert isinstance(patched(str(tmp_path / "x.tsv")), kipoi.writers.TsvBatchWriter)
    assert patched("x.txt") is None
    assert np.string_ is np.bytes_  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def plain_genome(bases: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    path.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in bases.items()))
    pysam.faidx(str(path))
    return str(path)


@pytest.mark.parametrize("strand", ["+", "-"])
def test_kipoiseq_gives_the_same_bases_inside_the_chromosome(
    loader: ModuleType, plain_genome: str, tmp_path: Path, strand: str
) -> None:
    from kipoiseq import Interval
    from kipoiseq.dataloaders import StringSeqIntervalDl
    from kipoiseq.extractors import FastaStringExtractor

    bed = write_bed(tmp_path / "a.bed", f"demo1 20000 30500 g 0 {strand}", f"demo2 1000 11500 h 0 {strand}")
    ours = loader.TExCNNDl(plain_genome, intervals_file=bed, bed_anchor="window")
    theirs = StringSeqIntervalDl(bed, plain_genome, num_chr_fasta=True, use_strand=True, ignore_targets=True)
    extract = FastaStringExtractor(plain_genome, use_strand=True)
    for index, (chrom, start) in enumerate([("demo1", 20000), ("demo2", 1000)]):
        window = str(ours[index]["inputs"]["window"])
        assert len(window) == LENGTH
        assert window == str(theirs[index]["inputs"])
        assert window == extract.extract(Interval(chrom, start, start + LENGTH, strand=strand))


def test_kipoiseq_shortens_or_fails_where_ours_pads(
    loader: ModuleType, plain_genome: str, bases: dict[str, str], tmp_path: Path
) -> None:
    from kipoiseq import Interval
    from kipoiseq.dataloaders import StringSeqIntervalDl
    from kipoiseq.extractors import FastaStringExtractor
    from pyfaidx import FetchError

    length = len(bases["demo3"])
    start = length - 4000
    bed = write_bed(tmp_path / "a.bed", f"demo3 {start} {start + LENGTH} g 0 -")
    theirs = StringSeqIntervalDl(bed, plain_genome, num_chr_fasta=True, use_strand=True, ignore_targets=True)
    inside = reverse_complement(bases["demo3"][start:])
    assert str(theirs[0]["inputs"]) == inside  # 4,000 of 10,500 bases, without a word
    ours = loader.TExCNNDl(plain_genome, intervals_file=bed, bed_anchor="window")
    assert str(ours[0]["inputs"]["window"]) == "N" * (LENGTH - 4000) + inside
    bed = write_bed(tmp_path / "b.bed", "demo3 2000 2100 g 0 +")
    ours = loader.TExCNNDl(plain_genome, intervals_file=bed)
    assert str(ours[0]["inputs"]["window"]) == "N" * 5000 + bases["demo3"][:5500]
    with pytest.raises(FetchError, match="greater than 1"):
        FastaStringExtractor(plain_genome).extract(Interval("demo3", -5000, 5500))


def write_sample_vcf(path: Path, bases: dict[str, str], genotypes: str) -> str:
    """A substitution 10 bases before the TSS of the first gene, and a deletion beyond its window's end."""
    first, second = 9490, 9600
    other = "A" if bases["demo1"][first] != "A" else "C"
    deleted = bases["demo1"][second : second + 3]
    header = '##fileformat=VCFv4.2\n##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    header += f"##contig=<ID=demo1,length={len(bases['demo1'])}>\n"
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tme\n"
    rows = [(first, bases["demo1"][first], other), (second, deleted, deleted[0])]
    body = "".join(f"demo1\t{place + 1}\t.\t{ref}\t{alt}\t.\t.\t.\tGT\t{genotypes}\n" for place, ref, alt in rows)
    path.write_text(header + columns + body)
    return str(path)


def test_a_samples_variants_are_in_the_windows(
    loader: ModuleType, demo: Path, bases: dict[str, str], tmp_path: Path
) -> None:
    files = {"fasta_file": str(demo / "genome.fa.gz"), "gtf_file": str(demo / "genes.gtf")}
    vcf = write_sample_vcf(tmp_path / "me.vcf", bases, "0|1")
    plain = loader.TExCNNDl(**files)
    one = loader.TExCNNDl(**files, vcf_file=vcf, sample="me", haplotype=1)
    two = loader.TExCNNDl(**files, vcf_file=vcf, haplotype=2)
    assert all(str(one[index]["inputs"]["window"]) == str(plain[index]["inputs"]["window"]) for index in range(5))
    found, before = str(two[0]["inputs"]["window"]), bases["demo1"]
    expected = before[2500:9490] + ("A" if before[9490] != "A" else "C") + before[9491:9601] + before[9603:13002]
    assert found == expected
    assert str(two[40]["inputs"]["window"]) == str(plain[40]["inputs"]["window"])

    haploid = write_sample_vcf(tmp_path / "haploid.vcf", bases, "1")
    assert str(loader.TExCNNDl(**files, vcf_file=haploid, haplotype=1)[0]["inputs"]["window"]) == expected
    assert str(loader.TExCNNDl(**files, vcf_file=haploid, haplotype=2)[0]["inputs"]["window"]) == "N" * LENGTH


def test_a_samples_predictions_are_those_of_texcnn_variants(
    project: Path, loader: ModuleType, demo: Path, bases: dict[str, str], tmp_path: Path
) -> None:
    files = {"fasta_file": str(demo / "genome.fa.gz"), "gtf_file": str(demo / "genes.gtf")}
    vcf = write_sample_vcf(tmp_path / "me.vcf", bases, "0|1")
    model = load(project / "kipoi_model" / "TExCNN" / "model.py").TExCNNKipoi("texcnn-mini")
    expected = texcnn.variant_effects(
        "texcnn-mini", files["fasta_file"], vcf=vcf, gtf=files["gtf_file"], phased=True, cell_types=["median"]
    ).set_index("gene_id")
    for haplotype in (1, 2):
        items = loader.TExCNNDl(**files, vcf_file=vcf, sample="me", haplotype=haplotype)
        batch = next(items.batch_iter(batch_size=8))
        found = model.predict_on_batch(batch["inputs"])["median"]
        genes = expected.loc[batch["metadata"]["ranges"]["id"].tolist()]
        np.testing.assert_allclose(found, genes[f"haplotype{haplotype}"], atol=1e-6)
    first = expected.iloc[0]
    assert first["haplotype1"] == first["reference"] != first["haplotype2"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"haplotype": 3}, "unusable haplotype 3"),
        ({"sample": "you"}, "unknown sample 'you'"),
        ({"unphased": "maybe"}, "unknown choice for unphased"),
        ({"vcf_file": None, "sample": "me"}, "a sample's haplotype without a VCF"),
        ({"vcf_file": None, "haplotype": 2}, "a sample's haplotype without a VCF"),
        ({"vcf_file": None, "unphased": "merge"}, "a sample's haplotype without a VCF"),
        ({"haplotype": True}, "unusable haplotype True"),
    ],
)
def test_arguments_of_a_sample_that_cannot_be_used(
    loader: ModuleType, demo: Path, bases: dict[str, str], tmp_path: Path, options: dict[str, object], message: str
) -> None:
    files = {"fasta_file": str(demo / "genome.fa.gz"), "gtf_file": str(demo / "genes.gtf")}
    vcf = write_sample_vcf(tmp_path / "me.vcf", bases, "0|1")
    with pytest.raises(InputError, match=message):
        loader.TExCNNDl(**{**files, "vcf_file": vcf, **options})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"fasta_file": 1}, r"1 is not a path .*`fasta_file`"),
        ({"fasta_file": ""}, r"'' is not a path .*`fasta_file`"),
        ({"fasta_file": ["a.fa"]}, r"is not a path .*`fasta_file`"),
        ({"fasta_file": "a\0"}, r"NUL .*`fasta_file`"),
        ({"gtf_file": True}, r"True is not a path .*`gtf_file`"),
        ({"gtf_file": None, "intervals_file": 0}, r"0 is not a path .*`intervals_file`"),
        ({"genes_file": {}}, r"is not a path .*`genes_file`"),
        ({"vcf_file": False}, r"False is not a path .*`vcf_file`"),
        ({"vcf_file": "{vcf}", "sample": 1}, r"1 is not a name .*`sample`"),
        ({"vcf_file": "{vcf}", "sample": ["S2"]}, r"unknown sample 'S2'"),
        ({"vcf_file": "{vcf}", "haplotype": 1.0}, r"unusable haplotype 1.0"),
        ({"vcf_file": "{vcf}", "haplotype": "1"}, r"unusable haplotype '1'"),
    ],
)
def test_arguments_of_another_kind_are_refused_by_name(
    loader: ModuleType, demo: Path, tmp_path: Path, changed: dict[str, object], message: str
) -> None:
    """As JSON on Kipoi's command line brings them."""
    header = "##fileformat=VCFv4.2\n##contig=<ID=demo1>\n##FORMAT=<ID=GT,Number=1,Type=String,Description=g>\n"
    columns = "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", "S1"])
    (tmp_path / "s.vcf").write_text(f"{header}{columns}\n")
    arguments = {"fasta_file": str(demo / "genome.fa.gz"), "gtf_file": str(demo / "genes.gtf"), **changed}
    arguments = {name: str(tmp_path / "s.vcf") if value == "{vcf}" else value for name, value in arguments.items()}
    with pytest.raises(InputError, match=message):
        loader.TExCNNDl(**arguments)
