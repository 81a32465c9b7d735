"""Peaks of an attribution, and the motifs in them."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from texcnn.effects.attribution import Attribution
from texcnn.effects.logo import draw_logo, strongest_stretch
from texcnn.effects.motifs import HIT_COLUMNS, PEAK_WIDTH, find_peaks, read_motifs, scan_peaks
from texcnn.errors import InputError
from texcnn.genome.gene import Gene
from texcnn.genome.interval import Interval, reverse_complement
from texcnn.plots.style import png, style

pytest.importorskip("memelite")

MOTIF = "TGACGTCAGG"


def meme(folder: Path, words: dict[str, str]) -> Path:
    lines = ["MEME version 4", "", "ALPHABET= ACGT", "", "strands: + -", ""]
    for name, word in words.items():
        lines += [f"MOTIF {name}", f"letter-probability matrix: alength= 4 w= {len(word)} nsites= 20 E= 0"]
        lines += [" ".join("0.97" if base == letter else "0.01" for letter in "ACGT") for base in word]
        lines.append("")
    path = folder / "motifs.meme"
    path.write_text("\n".join(lines))
    return path


def planted(place: int, word: str, *, strength: float = 1.0) -> Attribution:
    rng = random.Random(3)
    bases = "".join(rng.choice("ACGT") for _ in range(400))
    bases = bases[:place] + word + bases[place + len(word) :]
    values = np.array([[rng.gauss(0, 0.02) for _ in bases]], np.float32)
    values[0, place : place + len(word)] += strength
    gene = Gene("g", "G", "chr1", 1200, "-")
    return Attribution(gene, Interval("chr1", 1000, 1400), bases, values, None, np.zeros(1, np.float32), None)


def test_peaks_are_the_strongest_stretches_of_either_sign() -> None:
    values = np.full(200, 0.01, np.float32)
    values[50:60], values[120:130] = -1, 0.5
    peaks = find_peaks(values)
    assert [start <= 50 and end >= 60 for start, end in peaks] == [True, False]
    assert peaks[1][0] <= 120
    assert peaks[1][1] >= 130
    assert all(end - start == PEAK_WIDTH for start, end in peaks)
    assert find_peaks(np.zeros(100, np.float32)) == []
    assert find_peaks(np.full(100, np.nan, np.float32)) == []
    assert find_peaks(np.ones(100, np.float32)) == []  # nothing rises above the rest
    assert find_peaks(np.ones(5, np.float32)) == [(0, 5)]


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_planted_motif_is_found_where_it_lies(tmp_path: Path, strand: str) -> None:
    word = MOTIF if strand == "+" else reverse_complement(MOTIF)
    motifs = read_motifs(meme(tmp_path, {"M1 made-up": MOTIF, "M2": "AAAAAAAAAA"}))
    hits = scan_peaks(planted(250, word), 0, "x", motifs, 1e-4)
    assert tuple(hits.columns) == HIT_COLUMNS
    first = hits.iloc[0]
    assert (first["motif_id"], first["motif_name"], first["strand"]) == ("M1", "made-up", strand)
    assert (first["chrom"], first["start"], first["end"]) == ("chr1", 1250, 1260)
    assert first["sequence"] == MOTIF
    assert first["peak"] == 1
    assert first["attribution"] == pytest.approx(10, abs=0.5)
    assert first["p_value"] == pytest.approx(4.0**-10, rel=0.1)  # one word of all reaches the best score
    assert "M2" not in set(hits["motif_id"])


def test_a_motif_without_attribution_is_no_hit(tmp_path: Path) -> None:
    flat = planted(250, MOTIF, strength=0.0)
    flat.values[0, 100:110] = 1
    hits = scan_peaks(flat, 0, "x", read_motifs(meme(tmp_path, {"M1": MOTIF})), 1e-4)
    assert not ((hits["start"] == 1250) & (hits["motif_id"] == "M1")).any()


def test_unusable_motifs_are_reported(tmp_path: Path) -> None:
    empty = tmp_path / "empty.meme"
    empty.write_text("MEME version 4\n")
    with pytest.raises(InputError, match="no motif"):
        read_motifs(empty)
    broken = tmp_path / "broken.meme"
    broken.write_text("MOTIF x\nletter-probability matrix: alength= 4 w= 2\n0.5 0.5 nonsense 0\n")
    with pytest.raises(InputError, match="cannot be read"):
        read_motifs(broken)


def test_the_picture_shows_the_strongest_stretch_and_is_the_same_each_time() -> None:
    values = np.zeros(300)
    values[205] = -3
    assert strongest_stretch(values, 120) == (86, 206)
    assert strongest_stretch(values[:100], 120) == (0, 100)
    pictures = []
    for _ in range(2):
        with style():
            figure = draw_logo(planted(250, MOTIF), 0, cell_type="x", unit="u", method="ism")
            pictures.append(png(figure))
    assert pictures[0] == pictures[1]
    whole, letters = figure.axes
    assert whole.get_title() == "G (-), x: predicted 0 u"
    low, high = letters.get_xlim()
    assert low < 1251
    assert high > 1260
    assert any(text.get_text() == "← TSS" for text in whole.texts)


def test_saturation_finds_the_motif_that_a_model_reads(tmp_path: Path) -> None:
    """Planted truth: a network that reads one motif; its bases rank above all others."""
    import torch
    from genome_files import write_fasta
    from tiny import write_gtf

    import texcnn
    from texcnn.genome.windows import WindowSpec
    from texcnn.heads.spec import HeadSpec
    from texcnn.heads.xpresso import XpressoCNN
    from texcnn.model.bundle import BundleConfig
    from texcnn.model.model import Model
    from texcnn.model.network import OneHotNetwork

    head = XpressoCNN(300, 0, 1)
    with torch.no_grad():
        for weight in head.parameters():
            weight.zero_()
        for place, base in enumerate("GACGTC"):
            head.conv1.weight[0, "ACGT".index(base), place] = 1
        head.conv2.weight[0, 0, 4] = 1
        head.dense1.weight[0, 0] = head.dense2.weight[0, 0] = head.dense3.weight[0, 0] = 1
    spec = HeadSpec("xpresso", {"length": 300, "n_features": 0, "n_cell_types": 1})
    config = BundleConfig(
        name="reads-one-motif", version="1", kind="one-hot", unit="hits", window=WindowSpec(200, 100), head=spec
    )
    model = Model(config, OneHotNetwork(head, 1), pd.DataFrame({"cell_type": ["x"]}), "made up")
    rng = random.Random(5)
    bases = list("".join(rng.choice("AT") for _ in range(1000)))
    bases[450:456] = "GACGTC"
    fasta = write_fasta(tmp_path / "g.fa", {"chr1": "".join(bases)})
    for strand, gene in (("+", (501, 900)), ("-", (100, 401))):
        gtf = write_gtf(tmp_path / f"{len(strand)}{gene[0]}.gtf", [("g", "chr1", *gene, strand)])
        for method in ("ism", "gradient"):
            frame = texcnn.attribute(model, fasta, gene="g", cell_type="x", gtf=gtf, method=method)
            truth = frame["pos"].between(451, 456)
            assert truth.sum() == 6
            assert roc_auc_score(truth, frame["attribution"]) == 1.0
            assert (frame["attribution"][truth] >= (1 if method == "gradient" else 2 / 3)).all()
