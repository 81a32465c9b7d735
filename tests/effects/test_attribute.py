"""Attributions from files to tables, tracks and pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pybigtools
import pytest
from click.testing import CliRunner
from effect_files import Case, random_case
from genome_files import write_fasta
from tiny import CHR1, write_genome, write_gtf

import texcnn
from texcnn.cli.main import cli
from texcnn.effects.attribute import file_stem
from texcnn.errors import InputError, ModelError
from texcnn.genome.interval import reverse_complement
from texcnn.segments.bases import BASES

DELTAS = [f"delta_{base}" for base in BASES]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return write_genome(tmp_path), write_gtf(tmp_path / "genes.gtf")


def test_saturation_of_a_model_that_can_be_worked_out(tiny: Path, files: tuple[Path, Path]) -> None:
    fasta, gtf = files
    frame = texcnn.attribute(tiny, fasta, gene="g1", cell_type=["gc", "E2"], gtf=gtf)
    assert frame["pos"].tolist() == [*range(21, 51)] * 2
    assert "".join(frame["ref"][:30]) == CHR1[20:50]
    assert frame["cell_type"].tolist() == ["gc"] * 30 + ["a"] * 30
    gc, a = frame[:30], frame[30:]
    # The prediction is the largest share of G and C, that of the first ten bases; A or T instead of a G is 0.1 less.
    np.testing.assert_allclose(gc[DELTAS][:10], [[-0.1, 0, 0, -0.1]] * 10, atol=1e-7)
    np.testing.assert_allclose(gc["attribution"], [0.2 / 3] * 10 + [0] * 20, atol=1e-7)
    # Twice the largest share of A, that of the last ten.
    np.testing.assert_allclose(a[DELTAS][20:], [[0, -0.2, -0.2, -0.2]] * 10, atol=1e-7)
    np.testing.assert_allclose(a["attribution"], [0] * 20 + [0.2] * 10, atol=1e-7)
    assert frame.attrs["unit"] == "fraction"
    assert frame.attrs["predictions"][0]["prediction"] == {"gc": 1.0, "a": 3.0}


def test_a_segment_is_worth_what_the_prediction_loses_without_it(tiny: Path, files: tuple[Path, Path]) -> None:
    fasta, gtf = files
    frame = texcnn.attribute(tiny, fasta, gene="g1", cell_type=["gc", "a"], gtf=gtf, method="ablation")
    np.testing.assert_allclose(frame["attribution"][:30], [0.5] * 10 + [0] * 20)
    np.testing.assert_allclose(frame["attribution"][30:], [0] * 20 + [2] * 10)
    assert DELTAS[0] not in frame.columns


def test_a_window_over_the_end_has_rows_for_real_bases_only(tiny: Path, files: tuple[Path, Path]) -> None:
    fasta, gtf = files
    frame = texcnn.attribute(tiny, fasta, gene="g2", cell_type="gc", gtf=gtf)
    assert frame["pos"].tolist() == list(range(61, 81))
    assert "".join(frame["ref"]) == "ACGT" * 5
    assert frame["strand"].unique().tolist() == ["-"]
    with pytest.raises(InputError, match=r"beyond the window of gene 'g2'.*chr2:61-80"):
        texcnn.attribute(tiny, fasta, gene="g2", cell_type="gc", gtf=gtf, region="chr2:60-70")
    part = texcnn.attribute(tiny, fasta, gene="g2", cell_type="gc", gtf=gtf, region="chr2:65-70")
    pd.testing.assert_frame_equal(part, frame[4:10].reset_index(drop=True), check_flags=False)


def test_the_reference_is_the_prediction_and_every_delta_that_of_the_variant(tiny_dnabert2: Path, case: Case) -> None:
    fasta, gtf, _ = case.write()
    for gene in ("g0", "g1", "g2"):
        frame = texcnn.attribute(tiny_dnabert2, fasta, gene=gene, cell_type="y", gtf=gtf)
        predicted = texcnn.predict(tiny_dnabert2, fasta, gtf=gtf, genes=gene)
        assert frame.attrs["predictions"][0]["prediction"]["y"] == pytest.approx(predicted["y"][0], abs=1e-6)
        variants = [
            f"chr1:{row.pos}:{row.ref}>{base}" for row in frame.itertuples() for base in BASES if base != row.ref
        ]
        scored = texcnn.variant_effects(tiny_dnabert2, fasta, variants=variants, gtf=gtf, genes=gene, cell_types="y")
        assert isinstance(scored, pd.DataFrame)
        table = scored.pivot(index="pos", columns="alt", values="delta")
        np.testing.assert_allclose(
            frame[DELTAS].where(frame[DELTAS] != 0), table[list(BASES)].where(table[list(BASES)] != 0), atol=1e-6
        )
        means = -table.mean(axis=1).to_numpy()
        np.testing.assert_allclose(frame["attribution"], means, atol=1e-6)


@pytest.mark.parametrize("method", ["ism", "gradient", "ablation"])
def test_the_mirror_image_has_the_same_attribution(tiny_dnabert2: Path, tmp_path: Path, method: str) -> None:
    case = random_case(tmp_path, n_variants=1)
    length = len(case.bases)
    fasta, gtf, _ = case.write()
    genes = [
        (gene, chrom, length + 1 - end, length + 1 - start, "+" if strand == "-" else "-")
        for gene, chrom, start, end, strand in case.genes
    ]
    mirrored = write_fasta(tmp_path / "mirrored.fa", {"chr1": reverse_complement(case.bases)})
    mirrored_gtf = write_gtf(tmp_path / "mirrored.gtf", genes)
    for gene in ("g0", "g3", "g5"):
        here = texcnn.attribute(tiny_dnabert2, fasta, gene=gene, cell_type="x", gtf=gtf, method=method)
        there = texcnn.attribute(tiny_dnabert2, mirrored, gene=gene, cell_type="x", gtf=mirrored_gtf, method=method)
        there = there[::-1].reset_index(drop=True)
        assert (length + 1 - there["pos"]).tolist() == here["pos"].tolist()
        assert "".join(here["ref"]) == reverse_complement("".join(there["ref"]))[::-1]
        assert np.abs(here["attribution"]).max() > 0
        np.testing.assert_allclose(here["attribution"], there["attribution"], atol=1e-6)
        if method == "ism":
            np.testing.assert_allclose(here[DELTAS], there[DELTAS[::-1]], atol=1e-6)


def test_gradients_add_up_where_the_model_is_linear(tmp_path: Path, files: tuple[Path, Path]) -> None:
    from texcnn.encoders.kmer_counts import KmerCountsEncoder
    from texcnn.heads.linear import LinearHead
    from texcnn.model.load import load_model
    from texcnn.model.model import Model
    from texcnn.model.network import SegmentNetwork

    fasta, gtf = files
    import torch
    from tiny import SEGMENTS, save_tiny_dnabert2

    loaded = load_model(save_tiny_dnabert2(tmp_path / "model"))
    torch.manual_seed(0)
    head = LinearHead(16, 3, n_segments=3)
    torch.nn.init.normal_(head.output.weight)
    network = SegmentNetwork([KmerCountsEncoder(2)], head, SEGMENTS)
    model = Model(loaded.config, network, loaded.cell_type_table, "linear")
    frame = texcnn.attribute(model, fasta, gene="g1", cell_type="z", gtf=gtf, method="gradient")
    prediction = frame.attrs["predictions"][0]
    bias = head.output.bias[2].item()
    assert frame["attribution"].sum() + bias == pytest.approx(prediction["prediction"]["z"], abs=1e-5)
    assert prediction["of_no_base"] == {"z": 0.0}


def test_files_agree_with_the_table(tiny_dnabert2: Path, files: tuple[Path, Path], tmp_path: Path) -> None:
    fasta, gtf = files
    out = tmp_path / "explained"
    arguments = ["attribute", "--model", tiny_dnabert2, "--fasta", fasta, "--gtf", gtf, "--gene", "g1", "--gene", "G2"]
    arguments += ["--cell-type", "x", "--cell-type", "z", "--out", out, "--device", "cpu"]
    result = CliRunner().invoke(cli, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    table = pd.read_csv(out / "attributions.tsv", sep="\t")
    message = json.loads((out / "attributions.tsv.meta.json").read_text())
    assert message["method"] == "ism"
    assert [gene["gene_id"] for gene in message["predictions"]] == ["g1", "g2"]
    lengths = {"g1": ("chr1", 200), "g2": ("chr2", 80)}
    for (gene, cell_type), rows in table.groupby(["gene_id", "cell_type"]):
        stem = out / f"{gene}.{cell_type}"
        chrom, length = lengths[str(gene)]
        with pybigtools.open(f"{stem}.bw") as track:
            assert track.chroms() == {chrom: length}
            starts, _, values = zip(*track.records(chrom), strict=True)
        assert np.array_equal(np.array(starts) + 1, rows["pos"])
        assert np.array_equal(np.float32(values), np.float32(rows["attribution"]))
        lines = Path(f"{stem}.bedgraph").read_text().splitlines()
        assert lines[0] == f'track type=bedGraph name="{str(gene).upper()} {cell_type} ism"'
        drawn = pd.DataFrame([line.split("\t") for line in lines[1:]])
        assert drawn[0].unique().tolist() == [chrom]
        assert (drawn[2].astype(int) == rows["pos"].to_numpy()).all()
        assert np.array_equal(np.float32(drawn[3].astype(float)), np.float32(rows["attribution"]))
        assert Path(f"{stem}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in Path(f"{stem}.svg").read_text()
    assert sorted(path.suffix for path in out.iterdir()) == sorted(
        [".bw", ".bedgraph", ".png", ".svg"] * 4 + [".tsv", ".json"]
    )
    again = CliRunner().invoke(cli, list(map(str, arguments)))
    assert isinstance(again.exception, InputError)
    assert "already exists" in str(again.exception)
    both = texcnn.attribute(tiny_dnabert2, fasta, gene=["g1", "g2"], cell_type=["x", "z"], gtf=gtf, batch_size=3)
    np.testing.assert_allclose(both["attribution"], table["attribution"], atol=1e-6)


def test_unknown_bases_have_no_value(tiny_dnabert2: Path, tmp_path: Path) -> None:
    bases = "ACGTTGCATGACCGTTAGCATCGANCTGACTTAGCATCAGCTACGATCAGCACTG"
    fasta = write_fasta(tmp_path / "n.fa", {"chr1": bases})
    gtf = write_gtf(tmp_path / "n.gtf", [("g", "chr1", 26, 40, "+")])
    for method in ("ism", "gradient", "ablation"):
        frame = texcnn.attribute(
            tiny_dnabert2, fasta, tmp_path / method, gene="g", cell_type="x", gtf=gtf, method=method
        )
        assert frame["attribution"].isna().tolist() == [base == "N" for base in frame["ref"]]
        with pybigtools.open(str(tmp_path / method / "g.x.bw")) as track:
            assert 24 not in [start for start, _, _ in track.records("chr1")]


def test_what_cannot_be_explained_is_reported(tiny: Path, files: tuple[Path, Path]) -> None:
    fasta, gtf = files
    ask = {"gene": "g1", "cell_type": "gc", "gtf": gtf}
    with pytest.raises(ModelError, match="'composition' has no gradients"):
        texcnn.attribute(tiny, fasta, **ask, method="gradient")
    with pytest.raises(InputError, match="'g9' cannot be explained: no gene of this id"):
        texcnn.attribute(tiny, fasta, **{**ask, "gene": ["g1", "g9"]})
    with pytest.raises(InputError, match="gene 'g3' has too few known bases"):
        texcnn.attribute(tiny, fasta, **{**ask, "gene": "g3"})
    with pytest.raises(InputError, match=r"unknown cell type 'gcc'.*gc, a"):
        texcnn.attribute(tiny, fasta, **{**ask, "cell_type": "gcc"})
    with pytest.raises(InputError, match=r"unknown method 'lime'.*ism, gradient, deeplift, ablation"):
        texcnn.attribute(tiny, fasta, **ask, method="lime")
    for region, problem in (("chr1", "not a region"), ("chr1:0-5", "no base"), ("chr1:9-8", "no base")):
        with pytest.raises(InputError, match=problem):
            texcnn.attribute(tiny, fasta, **ask, region=region)
    with pytest.raises(InputError, match="beyond the window"):
        texcnn.attribute(tiny, fasta, **ask, region="chr2:1-5")
    with pytest.raises(InputError, match="no gene is named"):
        texcnn.attribute(tiny, fasta, **{**ask, "gene": []})
    with pytest.raises(InputError, match="named twice"):
        texcnn.attribute(tiny, fasta, **ask, genes=["g2"])
    with pytest.raises(InputError, match="no cell type is named"):
        texcnn.attribute(tiny, fasta, **{**ask, "cell_type": ()})


def test_names_of_files_are_distinguished() -> None:
    assert file_stem("YAL001C", "metab16|HL") == "YAL001C.metab16%7CHL"
    assert file_stem("g", "a/b") != file_stem("g", "a b")
    first, second = file_stem("x" * 10_000, "a"), file_stem("x" * 10_001, "a")
    assert len(f"{first}.bedgraph") < 255, "a name that a file system takes"
    assert first != second
