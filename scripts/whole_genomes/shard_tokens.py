"""How many tokens each shard of hg38_wide bears, cut by known bases and cut by genes.

    scripts/whole_genomes/shard_tokens.py [--size 1000]

Data is read from $TEXCNN_DATA. Byte pairs are of a vocabulary of 4,096 that is trained on the same genes' windows, as
DNABERT-2's is on genomes.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.genome.shards import cut_into_shards, window_work
from texcnn.genome.windows import WindowSpec, read_windows
from texcnn.pretraining.vocabulary import train_bpe
from texcnn.segments.segment import SegmentSpec

DATA = Path(os.environ.get("TEXCNN_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
K = 6


def vocabulary(windows: Sequence[list[str]], segments: int) -> Tokenizer:
    """Byte pairs of some of the segments, without N."""
    known = [segment for window in windows for segment in window if "N" not in segment]
    chosen = random.Random(0).sample(known, segments)
    return Tokenizer.from_str(train_bpe(chosen, 4096).decode())


def said(tokens: NDArray[np.int64], shards: Sequence[Sequence[object]]) -> str:
    """The largest and the smallest shard next to the mean."""
    ends = np.cumsum([len(shard) for shard in shards])
    borne = np.diff(np.concatenate([[0], np.cumsum(tokens)[ends - 1]]))
    return f"{borne.min() / borne.mean():.2f} to {borne.max() / borne.mean():.2f}"


def main() -> None:
    """Cuts both ways and counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1000)
    size = parser.parse_args().size
    spec, segments, folder = WindowSpec(), SegmentSpec(), DATA / "human"
    with Reference(folder / "hg38_wide.fa.gz") as reference:
        genes = load_genes(reference, spec, GeneSelection(gtf=folder / "hg38_refseq.gtf.gz")).genes
        work = window_work(genes, spec, reference)
        windows = [segments.split(window.sequence).usable for window in read_windows(reference, genes, spec)]
    tokenizer = vocabulary(windows, 6000)
    counts = {
        f"{K}-mers": [sum(len(segment) - K + 1 for segment in window) for window in windows],
        "byte pairs": [sum(len(found.ids) for found in tokenizer.encode_batch(window)) for window in windows],
    }
    for how, shards in (("genes", cut_into_shards(genes, size)), ("known bases", cut_into_shards(genes, size, work))):
        for name, tokens in counts.items():
            print(f"{len(shards)} shards by {how}: {name} of a shard {said(np.array(tokens), shards)} of the mean")


if __name__ == "__main__":
    main()
