"""The files that the pages of the documentation name, made from the demo genome: a reader's own files, in small."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pysam

CHROMS = {"demo1": "chr17", "demo2": "chr8", "demo3": "chr9"}
GENES = {"DEM17": "F9", "DEM18": "LDLR", "DEM19": "TP53", "DEM20": "ALB"}
CELL_TYPES = ("median", "LIV.ADLT", "BLD.K562.CNCR")
XPRESSO = {
    "conv1d_1": (6, 4, 128),
    "conv1d_2": (9, 128, 32),
    "dense_1": (1126, 64),
    "dense_2": (64, 2),
    "dense_3": (2, 1),
}
DRAGONN = {"conv1d_1": (5, 4, 120), "conv1d_2": (5, 120, 120), "conv1d_3": (5, 120, 120), "dense_1": (133 * 120, 12)}
"""Shapes of the kernels of two published networks, as Keras stores them."""
MOTIFS = """MEME version 4

ALPHABET= ACGT

MOTIF TATA TATA-box
letter-probability matrix: alength= 4 w= 4
0.01 0.01 0.01 0.97
0.97 0.01 0.01 0.01
0.01 0.01 0.01 0.97
0.97 0.01 0.01 0.01
"""


def write_files(folder: Path, project: Path) -> None:
    """Writes every file that the pages take for granted.

    Args:
        folder: Where the commands run.
        project: The repository, whose demo genome they are made from.
    """
    demo = project / "assets" / "demo"
    (folder / "assets").symlink_to(project / "assets")
    _write_genome(folder, demo)
    truth = pd.read_csv(demo / "truth.tsv", sep="\t", index_col="gene_id")["true_expression"]
    _write_expression(folder, truth)
    _write_variants(folder, demo)
    _write_networks(folder)


def _renamed(text: str) -> str:
    for old, new in CHROMS.items():
        text = text.replace(old, new)
    for old, new in GENES.items():
        text = text.replace(f'"{old}"', f'"{new}"')
    return text


def _write_genome(folder: Path, demo: Path) -> None:
    fasta = _renamed(gzip.decompress((demo / "genome.fa.gz").read_bytes()).decode())
    (folder / "genome.fa").write_text(fasta)
    pysam.tabix_compress(str(folder / "genome.fa"), str(folder / "genome.fa.gz"))
    shutil.copy(folder / "genome.fa.gz", folder / "hg38.fa.gz")
    gtf = _renamed((demo / "genes.gtf").read_text())
    (folder / "genes.gtf").write_text(gtf)
    for name in ("genes.gtf.gz", "gencode.gtf.gz"):
        (folder / name).write_bytes(gzip.compress(gtf.encode()))
    (folder / "tss.bed").write_text("chr17\t9500\t9501\tg1\t0\t+\nchr8\t16899\t16900\tg2\t0\t-\n")
    for part, ids in (("1", range(1, 10)), ("2", range(10, 20))):
        (folder / f"part-{part}.txt").write_text("".join(f"DEMOG{number:08}\n" for number in ids))
    (folder / "jaspar.meme").write_text(MOTIFS)


def _write_expression(folder: Path, truth: pd.Series) -> None:
    linear = 10 ** truth.to_numpy()[:, None] - 0.1 + np.random.default_rng(0).uniform(0, 0.1, (len(truth), 3))
    table = pd.DataFrame(linear.clip(0), truth.index, list(CELL_TYPES))
    for name in ("tpm.tsv.gz", "rpkm.tsv.gz"):
        table.to_csv(folder / name, sep="\t")
    truth.to_csv(folder / "measured.tsv", sep="\t")
    parts = ["train" if place % 5 else "test" if place % 2 else "valid" for place in range(len(truth))]
    pd.Series(parts, truth.index, name="split").to_csv(folder / "split.tsv", sep="\t")
    truth.rename("z").to_csv(folder / "xpresso.tsv.gz", sep="\t")
    effects = pd.DataFrame({"gene_id": truth.index, "effect": np.sin(np.arange(len(truth)))})
    effects.to_csv(folder / "genes.tsv", sep="\t", index=False)


def _write_variants(folder: Path, demo: Path) -> None:
    lines = [line.split("\t") for line in _renamed((demo / "variants.vcf").read_text()).splitlines() if line[0] != "#"]
    head = "##fileformat=VCFv4.2\n" + "".join(f"##contig=<ID={name}>\n" for name in CHROMS.values())
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    rows = ["\t".join([*line[:7], "."]) for line in lines]
    _write_vcf(folder / "calls.vcf", [head + columns, *rows])
    formats = '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    called = [f"{row}\tGT\t{'0|1' if place % 2 else '1|1'}\t1|0\t1|1" for place, row in enumerate(rows)]
    for name in ("phased.vcf", "strains.vcf"):
        _write_vcf(folder / name, [f"{head}{formats}{columns}\tFORMAT\tHG1\tHG2\tRM", *called])
    info = [dict(pair.split("=") for pair in line[7].split(";")) for line in lines]
    table = pd.DataFrame(
        [[line[0], line[1], line[3], line[4]] for line in lines], columns=["chrom", "pos", "ref", "alt"]
    )
    effect = [float(entry["TRUE_DELTA"]) for entry in info]
    table.assign(effect=effect).to_csv(folder / "mpra.tsv.gz", sep="\t", index=False)
    label = ["under" if each < 0 else "over" if each > 0 else "none" for each in effect]
    table.assign(label=label).to_csv(folder / "labels.tsv", sep="\t", index=False)
    table.assign(score=effect).to_csv(folder / "scores.tsv", sep="\t", index=False)


def _write_vcf(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n")
    pysam.tabix_index(str(path), preset="vcf", force=True)


def _write_networks(folder: Path) -> None:
    """Writes Keras files of the published networks' layers, with zeros as weights."""
    with h5py.File(folder / "human_trainepoch.11-0.426.h5", "w") as file:
        _write_layers(file.create_group("model_weights"), XPRESSO)
    with h5py.File(folder / "pretrained.hdf5", "w") as file:
        _write_layers(file, DRAGONN)
        for number in (1, 2, 3):
            layer = f"batch_normalization_{number}"
            for name in ("gamma", "beta", "moving_mean", "moving_variance"):
                file[f"{layer}/{layer}/{name}:0"] = np.ones(120, np.float32)


def _write_layers(group: h5py.Group, shapes: dict[str, tuple[int, ...]]) -> None:
    for layer, shape in shapes.items():
        group[f"{layer}/{layer}/kernel:0"] = np.zeros(shape, np.float32)
        group[f"{layer}/{layer}/bias:0"] = np.zeros(shape[-1], np.float32)
