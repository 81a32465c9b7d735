"""The word2vec table of 3-mers of a species, fitted to windows of the encoder study's training genes.

python scripts/encoder_study/words.py --species human --work work

``--work`` holds genes.<species>.npz of scripts/crossvalidation/wide/genes.py. An even part of the genes is enough for
64 words: of human genes every twelfth, 1 kb to either side of the TSS; of yeast genes every eighth.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from texcnn.encoders.word2vec import fit_word2vec

EVERY = {"human": 12, "yeast": 8}
COLUMNS = {"human": slice(6_000, 8_000), "yeast": slice(None)}
EPOCHS = 3
BASES = np.frombuffer(b"ACGTN", np.uint8)


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--species", choices=sorted(EVERY), required=True)
    parser.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    with np.load(given.work / f"genes.{given.species}.npz") as file:
        rows = np.flatnonzero(file["split"] == 0)[:: EVERY[given.species]]
        windows = file["codes"][rows][:, COLUMNS[given.species]]
    made = fit_word2vec([BASES[row].tobytes().decode() for row in windows], epochs=EPOCHS)
    np.save(given.work / f"word2vec.{given.species}.npy", made.table.numpy())


if __name__ == "__main__":
    main()
