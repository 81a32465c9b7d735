"""Stage 1: every known base, gene, label and teacher in one file that a machine without the data can train from.

Bases are packed four to a byte, labels and the teachers' weights have 16 bits. Runs of N longer than a window are
shortened to a window, so that the whole genome fits into memory and every window of it is what it
was. Coordinates in the file are those of this shortened genome.
"""

from __future__ import annotations

import zlib

import h5py
import numpy as np
import pandas as pd
from data import (
    DATA,
    DOWNSTREAM,
    FASTA,
    GTF,
    LENGTH,
    LENGTHS,
    NEAR,
    TEACHERS,
    UPSTREAM,
    WORK,
    bed_genes,
    cell_types,
    expression,
    split_of,
    tissue_expression,
    transcription_factors,
)

from texcnn.features.half_life import half_life_features
from texcnn.genome.interval import Interval
from texcnn.genome.reference import Reference
from texcnn.model.import_xpresso import read_keras_weights
from texcnn.segments.bases import base_codes

SPLITS = ("train", "validation", "test")
N_DISTILLED = {"grid": 70_000, "tss": 70_000}
"""Windows that the teachers label: at random places, and round annotated TSSs."""
MAX_JITTER = 2_000
EPD_UPSTREAM = 249


def known_runs(codes: np.ndarray) -> np.ndarray:
    """Returns the half-open runs of known bases, int64 ``(n, 2)``."""
    known = np.concatenate([[False], codes < 4, [False]])
    return np.flatnonzero(known[1:] != known[:-1]).reshape(-1, 2)


class Shortened:
    """The genome with long runs of N shortened, built piece by piece."""

    def __init__(self) -> None:
        self.runs: list[tuple[int, int]] = []  # start in the shortened genome, length
        self.bases: list[np.ndarray] = []
        self.splits: list[int] = []
        self.places: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.end = LENGTH

    def add(self, chrom: str, codes: np.ndarray, split: str) -> None:
        """Adds a chromosome's known bases."""
        runs = known_runs(codes)
        starts, previous = [], None
        for start, end in runs:
            gap = LENGTH if previous is None else min(start - previous, LENGTH)
            self.end += gap
            starts.append(self.end)
            self.runs.append((self.end, end - start))
            self.bases.append(codes[start:end])
            self.splits.append(SPLITS.index(split))
            self.end += end - start
            previous = end
        self.places[chrom] = (runs, np.array(starts))
        self.end += LENGTH

    def place(self, chrom: str, position: int) -> int | None:
        """Returns where a position lies in the shortened genome; None further than a window from any known base."""
        runs, starts = self.places[chrom]
        if not len(runs):
            return None
        index = int(np.searchsorted(runs[:, 0], position, side="right")) - 1
        if index >= 0 and position < runs[index, 1] + LENGTH // 2:
            return int(starts[index] + position - runs[index, 0])
        if index + 1 < len(runs) and runs[index + 1, 0] - position < LENGTH // 2:
            return int(starts[index + 1] - (runs[index + 1, 0] - position))
        return None

    def codes(self) -> np.ndarray:
        """Returns the shortened genome, 0 to 3 and 4 for N, uint8."""
        whole = np.full(self.end, 4, np.uint8)
        for (start, length), bases in zip(self.runs, self.bases, strict=True):
            whole[start : start + length] = bases
        return whole


def pack_bases(codes: np.ndarray) -> np.ndarray:
    """Packs 0 to 3 four to a byte."""
    padded = np.pad(codes, (0, -len(codes) % 4)).reshape(-1, 4)
    return (padded[:, 0] | padded[:, 1] << 2 | padded[:, 2] << 4 | padded[:, 3] << 6).astype(np.uint8)


def window_codes(genome: np.ndarray, place: int, strand: int) -> np.ndarray:
    """Returns a window of codes on the gene's strand, the TSS's own base as Xpresso has it."""
    if strand > 0:
        return genome[place - UPSTREAM : place + DOWNSTREAM]
    window = genome[place - DOWNSTREAM : place + UPSTREAM][::-1]
    return np.where(window < 4, 3 - window, 4).astype(np.uint8)


def dragonn_weights() -> dict[str, np.ndarray]:
    """Returns the arrays of MPRA-DragoNN's ConvModel, by layer."""
    with h5py.File(DATA / "mpra" / "dragonn_ConvModel_pretrained.hdf5") as file:
        arrays = {}
        for layer in file:
            for name, array in file[layer].get(layer, {}).items():
                arrays[f"dragonn.{layer}.{name.split(':')[0]}"] = np.asarray(array, np.float16)
    return arrays


def held_out(element: str) -> bool:
    """Chooses a tenth of the elements, both orientations together."""
    return zlib.crc32(element.encode()) % 10 == 0


def first_epd_promoters() -> pd.DataFrame:
    """Returns the first promoter of each gene of EPDnew, indexed by gene id."""
    table = pd.read_csv(DATA / "human" / "promoters_epd_300bp.tsv.gz", sep="\t")
    return table.dropna(subset="gene_id").drop_duplicates("gene_id").set_index("gene_id")


def main() -> None:
    """Writes ``pack.npz``."""
    WORK.mkdir(parents=True, exist_ok=True)
    shortened = Shortened()
    with Reference(FASTA) as reference:
        for chrom, length in reference.lengths.items():
            shortened.add(chrom, base_codes(reference.fetch(Interval(chrom, 0, length))), split_of(chrom))
        lengths = half_life_features(reference, GTF, log10=True).frame.set_index("gene_id")[list(LENGTHS)]
    print(f"{sum(map(len, shortened.bases)):,} known bases in {len(shortened.runs):,} runs", flush=True)

    labels, tissues, factors = expression(), tissue_expression(), transcription_factors()
    bed = bed_genes()
    bed = bed[bed["gene_id"].isin(labels.index)]
    genome = shortened.codes()
    epd, rows = first_epd_promoters(), []
    for index, chrom, tss, sign in zip(bed.index, bed["chrom"], bed["tss"], bed["strand"], strict=True):
        strand = 1 if sign == "+" else -1
        place = shortened.place(chrom, tss)
        window = None if place is None else window_codes(genome, place, strand)
        near = 0 if window is None else int((window[UPSTREAM - NEAR : UPSTREAM + NEAR] < 4).sum())
        known = 0 if window is None else int((window < 4).sum())
        rows.append((index, place if near >= 300 else None, strand, known, near, False))
    table = pd.DataFrame(rows, columns=["index", "place", "strand", "known", "near", "epd"]).set_index("index")
    table = bed.drop(columns="strand").join(table)
    # A gene whose promoter alone is known, from EPDnew: its 300 bases between unknown ones.
    missing = table["place"].isna() & table["gene_id"].isin(epd.index)
    for index in table.index[missing]:
        codes = base_codes(str(epd.at[table.at[index, "gene_id"], "sequence"]))
        if (codes > 3).any():
            continue
        shortened.end += LENGTH
        shortened.runs.append((shortened.end, len(codes)))
        shortened.bases.append(codes)
        shortened.splits.append(SPLITS.index(split_of(str(table.at[index, "chrom"]))))
        table.loc[index, ["place", "strand", "known", "near", "epd"]] = (
            shortened.end + EPD_UPSTREAM,
            1,
            len(codes),
            len(codes),
            True,
        )
        shortened.end += len(codes) + LENGTH
    table = table[table["place"].notna()].reset_index(drop=True)
    ids = table["gene_id"]

    genome = shortened.codes()
    rng = np.random.default_rng(0)
    distilled = distilled_windows(shortened, genome, rng)
    mpra = pd.read_csv(DATA / "mpra" / "lentimpra_hepg2.tsv.gz", sep="\t")
    mpra = mpra[(mpra["sequence"].str.len() == 200) & ~mpra["sequence"].str.contains("N")]
    arrays = {
        "length": np.array(shortened.end),
        "runs": np.array(shortened.runs, np.int64),
        "run_splits": np.array(shortened.splits, np.uint8),
        "bases": pack_bases(np.concatenate(shortened.bases)),
        "gene_id": ids.to_numpy(str),
        "chrom": table["chrom"].to_numpy(str),
        "gene_split": np.array([SPLITS.index(split_of(chrom)) for chrom in table["chrom"]], np.uint8),
        "tss": table["tss"].to_numpy(np.int64),
        "place": table["place"].to_numpy(np.int64),
        "strand": table["strand"].to_numpy(np.int8),
        "known": table["known"].to_numpy(np.int16),
        "near": table["near"].to_numpy(np.int16),
        "epd": table["epd"].to_numpy(bool),
        "new": table["new"].to_numpy(bool),
        "score": table["score"].to_numpy(np.float32),
        "outputs": cell_types()["eid"].to_numpy(str),
        "labels": labels.loc[ids].to_numpy(np.float16),
        "tissues": tissues.reindex(ids).to_numpy(np.float16),
        "factors": factors.reindex(ids).fillna(-1).to_numpy(np.int8),
        "lengths": lengths.reindex(ids).to_numpy(np.float32),
        "mpra_codes": np.stack([base_codes(sequence) for sequence in mpra["sequence"]]),
        "mpra_activity": mpra["log2_activity"].to_numpy(np.float32),
        "mpra_held": mpra["element"].str.removesuffix("_Reversed").map(held_out).to_numpy(bool),
        **distilled,
        **dragonn_weights(),
    }
    for name, path in TEACHERS.items():
        for key, tensor in read_keras_weights(DATA / "xpresso" / path).items():
            arrays[f"xpresso.{name}.{key}"] = tensor.numpy().astype(np.float16)
    np.savez_compressed(WORK / "pack.npz", **arrays)  # type: ignore[arg-type]
    near_bases = table.assign(well_known=table["near"] >= 1500).groupby([table["chrom"].map(split_of), "epd"])
    print(near_bases["well_known"].agg(["size", "sum"]))
    print(f"{(WORK / 'pack.npz').stat().st_size / 1e6:.1f} MB")


def distilled_windows(shortened: Shortened, genome: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Returns windows with few unknown bases outside the test chromosomes: TSS place, strand and split of each."""
    known = np.concatenate([[0], np.cumsum(genome < 4, dtype=np.int32)])
    runs, splits = np.array(shortened.runs), np.array(shortened.splits)
    usable = (runs[:, 1] >= LENGTH) & (splits < 2)
    weights = np.where(usable, runs[:, 1] - LENGTH + 1, 0).astype(float)
    chosen = rng.choice(len(runs), size=N_DISTILLED["grid"], p=weights / weights.sum())
    starts = runs[chosen, 0] + (rng.random(len(chosen)) * (runs[chosen, 1] - LENGTH + 1)).astype(np.int64)
    strands = rng.choice([-1, 1], size=len(starts))
    places = [np.where(strands > 0, starts + UPSTREAM, starts + DOWNSTREAM)]
    signs, parts = [strands], [splits[chosen]]

    gtf = pd.read_csv(GTF, sep="\t", comment="#", header=None, usecols=[0, 2, 3, 4, 6])
    gtf.columns = pd.Index(["chrom", "feature", "start", "end", "strand"])
    gtf = gtf[
        (gtf["feature"] == "transcript") & gtf["chrom"].isin(shortened.places) & (gtf["chrom"].map(split_of) != "test")
    ]
    tss = np.where(gtf["strand"] == "+", gtf["start"] - 1, gtf["end"] - 1)
    found = []
    for chrom, position, strand in sorted(set(zip(gtf["chrom"], tss, gtf["strand"], strict=True))):
        place = shortened.place(chrom, int(position))
        if place is not None:
            found.append((place, 1 if strand == "+" else -1, SPLITS.index(split_of(chrom))))
    pool = np.array(found)[rng.integers(len(found), size=8 * N_DISTILLED["tss"])]
    pool[:, 0] += np.rint(rng.normal(0, 300, len(pool)).clip(-MAX_JITTER, MAX_JITTER)).astype(np.int64)
    starts = np.where(pool[:, 1] > 0, pool[:, 0] - UPSTREAM, pool[:, 0] - DOWNSTREAM)
    enough = known[starts + LENGTH] - known[starts] >= 0.97 * LENGTH
    pool = np.unique(pool[enough], axis=0)
    pool = pool[rng.permutation(len(pool))[: N_DISTILLED["tss"]]]
    print(f"{len(pool)} windows around TSSs", flush=True)
    return {
        "distilled_place": np.concatenate([places[0], pool[:, 0]]),
        "distilled_strand": np.concatenate([signs[0], pool[:, 1]]).astype(np.int8),
        "distilled_split": np.concatenate([parts[0], pool[:, 2]]).astype(np.uint8),
    }


if __name__ == "__main__":
    main()
