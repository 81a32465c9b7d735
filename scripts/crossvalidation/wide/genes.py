"""Genes of hg38_wide and of yeast as numbers, made once from the packed files of texcnn-mini and texcnn-yeast.

    python scripts/crossvalidation/wide/genes.py --pack pack.npz --yeast yeast.npz --tokenizer tokenizer.json --out work

Tokens are those of a language model; everything that reads the genes afterwards needs these files alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

SCRIPTS = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(SCRIPTS / name) for name in ("crossvalidation", "texcnn_mini", "texcnn_yeast")]
from folds import chromosome_groups, fold_rows  # noqa: E402
from genome import cut, load_pack  # noqa: E402
from yeast_genome import cut_yeast, load_yeast_pack  # noqa: E402

NEAR, MIN_KNOWN_NEAR = 1_000, 1_500
"""A distance from the TSS, and the least number of known bases within it."""
SEGMENT = {"human": 300, "yeast": 250}
POLR2A = 4
"""Column of the polymerase, which measures expression itself, among the transcription factors."""
BASES = np.frombuffer(b"ACGTN", np.uint8)


@dataclass
class Genes:
    """Genes with windows, labels and features.

    Attributes:
        codes: uint8 ``(n, length)``, 4 where unknown.
        labels: ``(n, outputs)``, the median first; NaN where not measured.
        lengths: Half-life features ``(n, 5)`` that an annotation alone gives; NaN where unknown.
        factors: Which transcription factors bind ``(n, 181)``; NaN where unknown.
        chrom: Chromosomes.
        split: 0 train, 1 validation, 2 test, of the encoder study.
        extra: Whatever else is known of them.
    """

    codes: Tensor
    labels: Tensor
    lengths: np.ndarray
    factors: np.ndarray
    chrom: np.ndarray
    split: np.ndarray
    extra: dict[str, np.ndarray]

    def folds(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Rows to fit to, to stop by and to test, of each fold."""
        return fold_rows(chromosome_groups(self.chrom.tolist()))

    def study_parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The same of the encoder study's one split."""
        train, validation, test = (np.flatnonzero(self.split == part) for part in range(3))
        return train, validation, test


def load_genes(species: str, work: Path, device: torch.device, most: int | None = None) -> Genes:
    """Reads what :func:`main` wrote; ``most`` genes of all chromosomes, to try something out."""
    with np.load(work / f"genes.{species}.npz") as file:
        found = {name: file[name] for name in file.files}
    if most:
        rows = np.linspace(0, len(found["codes"]) - 1, most).astype(int)
        found = {name: values[rows] for name, values in found.items()}
    codes, labels = (torch.from_numpy(found.pop(name)).to(device) for name in ("codes", "labels"))
    lengths, factors, chrom, split = (found.pop(name) for name in ("lengths", "factors", "chrom", "split"))
    return Genes(codes, labels.float(), lengths, factors, chrom, split, extra=found)


def cut_segments(codes: Tensor, length: int, max_n_fraction: float) -> tuple[Tensor, Tensor]:
    """Cuts windows, the last segment filled up with N.

    Returns:
        Usable segments ``(m, length)``, gene by gene, and the mask ``(n, segments)``.
    """
    short = -codes.shape[1] % length
    pieces = torch.nn.functional.pad(codes, (0, short), value=4).view(len(codes), -1, length)
    mask = (pieces > 3).float().mean(2) <= max_n_fraction
    return pieces[mask], mask


def human(path: Path) -> dict[str, np.ndarray]:
    """Cuts the windows of the human genes with known promoters."""
    pack = load_pack(path)
    rows = np.flatnonzero(pack["near"] >= MIN_KNOWN_NEAR)
    genome = torch.from_numpy(pack["genome"])
    place, strand = (torch.from_numpy(pack[name][rows].astype(np.int64)) for name in ("place", "strand"))
    codes = [cut(genome, *some) for some in zip(place.split(500), strand.split(500), strict=True)]
    factors = pack["factors"][rows].astype(np.float32)
    factors[factors < 0] = np.nan
    kept = ("gene_id", "known", "near", "score", "new")
    return {
        "codes": torch.cat(codes).numpy(), "labels": pack["labels"][rows], "lengths": pack["lengths"][rows],
        "factors": factors, "chrom": pack["chrom"][rows], "split": pack["gene_split"][rows],
        **{name: pack[name][rows] for name in kept},
    }  # fmt: skip


def yeast(path: Path) -> dict[str, np.ndarray]:
    """Cuts the windows of the yeast genes, 1,000 bp and 500; their features are not used."""
    pack = load_yeast_pack(path)
    place, strand = (torch.from_numpy(pack[name].astype(np.int64)) for name in ("place", "strand"))
    labels = torch.from_numpy(pack["labels"].astype(np.float32))
    none = np.zeros((len(place), 0), np.float32)
    return {
        "codes": cut_yeast(torch.from_numpy(pack["genome"]), place, strand, 1_000, 500).numpy(),
        "labels": torch.cat([labels.nanmedian(1, keepdim=True).values, labels], 1).numpy(),
        "lengths": none, "factors": none, "chrom": pack["chrom"], "split": pack["split"], "gene_id": pack["gene_id"],
    }  # fmt: skip


def tokens_of(codes: np.ndarray, species: str, tokenizer: Path, workers: int) -> dict[str, np.ndarray]:
    """Returns the tokens of all usable segments, one after the other, and how many each has."""
    from tokenizers import Tokenizer

    made = Tokenizer.from_file(str(tokenizer))
    made.no_padding()
    made.no_truncation()
    segments, _ = cut_segments(torch.from_numpy(codes), SEGMENT[species], 0.5)
    texts = [BASES[row].tobytes().decode() for row in segments.numpy()]
    with ThreadPoolExecutor(workers) as pool:
        parts = pool.map(
            lambda at: [one.ids for one in made.encode_batch(texts[at : at + 1024])], range(0, len(texts), 1024)
        )
        found = [np.array(ids, np.int16) for part in parts for ids in part]
    return {"ids": np.concatenate(found), "lengths": np.array([len(ids) for ids in found], np.int32)}


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, required=True, help="Packed file of texcnn-mini.")
    parser.add_argument("--yeast", type=Path, required=True, help="Packed file of texcnn-yeast.")
    parser.add_argument("--tokenizer", type=Path, help="Also tokenizes the segments with this file.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=4)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    started = time.time()
    with ThreadPoolExecutor(2) as pool:
        both = pool.submit(yeast, given.yeast), pool.submit(human, given.pack)
    made = {"yeast": both[0].result(), "human": both[1].result()}
    for species, arrays in made.items():
        write(given.out / f"genes.{species}.npz", arrays)
    print(f"genes after {time.time() - started:.0f} s", flush=True)
    for species, arrays in made.items():
        if given.tokenizer:
            write(
                given.out / f"tokens.{species}.npz", tokens_of(arrays["codes"], species, given.tokenizer, given.workers)
            )
    print(f"tokens after {time.time() - started:.0f} s", flush=True)


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes a file that others may wait for."""
    with path.with_suffix(".part").open("wb") as handle:
        np.savez(handle, **arrays)  # type: ignore[arg-type]
    path.with_suffix(".part").rename(path)


if __name__ == "__main__":
    main()
