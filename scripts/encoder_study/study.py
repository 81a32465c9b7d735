"""Does the language model earn its place? The same text CNN over different encoders, frozen and fine-tuned.

    python scripts/encoder_study/study.py --species human --work work --out out --plan frozen:kmers:0-9 tuned:language:0

Human genes (their median over 56 epigenomes, and 57 cell types) or yeast genes (52 conditions), one split by
chromosome: validation chromosomes stop each training, test chromosomes are judged. Encoders: a language model
pre-trained on the species' own training chromosomes, the same with random weights, k-mer counts, word2vec, one-hot
convolutions, and pairs. ``--work`` holds what scripts/crossvalidation/wide/genes.py wrote, and the language model of
pretrain.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

SCRIPTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(SCRIPTS / "crossvalidation" / "wide"), str(SCRIPTS / "texcnn_mini")]
from failures import AGAIN, Failures  # noqa: E402
from feeds import Convolutions, Features, LiveFeed, LiveNetwork, VectorFeed, Words, kmer_vectors, mean_and_deviation  # noqa: E402
from figures import Draws  # noqa: E402
from material import Material  # noqa: E402
from stack import Settings, Stack, as_products, clock_of, for_one_on_a_cpu  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from texcnn.heads.textcnn import TextCNN  # noqa: E402

COLUMNS = {"human": range(18, 28), "yeast": range(6)}
"""Segments of a window that are read: of human genes 1,600 bp before the TSS to 1,400 after it, all that most have."""
HEAD: dict[str, Any] = {
    "kernel_widths": (1, 3),
    "filters": 64,
    "dropout": 0.4,
    "input_dropout": 0.2,
    "dense_units": 128,
}
FROZEN = Settings(epochs=30, batch=64, rate=1e-3, patience=30, weight_decay=0.02, cosine=True, half=True)
TUNED = Settings(
    epochs=5, batch=64, rate=1e-3, patience=5, weight_decay=0.02, cosine=True, encoder_rate=5e-4, half=True
)
MOST_FAILURES = 2
LANGUAGE, RANDOM, COUNTS, WORDS, MOTIFS = "language", "random", "kmers", "words", "convolutions"
NAMES = {
    LANGUAGE: "language model, pre-trained", RANDOM: "language model, random weights", COUNTS: "4-mer counts",
    WORDS: "word2vec (3-mers)", MOTIFS: "one-hot convolutions",
}  # fmt: skip


def frozen_vectors(material: Material, name: str) -> Tensor:
    """Vectors of the usable segments by an encoder that does not learn."""
    if name == WORDS:
        return (kmer_vectors(material.segments, 3).float() @ material.words_table() / 64).half()
    return material.vectors("convolutions-random" if name == MOTIFS else name)[0]


def run_frozen(material: Material, parts: list[str], runs: list[int]) -> dict[int, np.ndarray]:
    """Runs of a line of frozen encoders at once; returns predictions of the test genes by place in ``runs``."""
    columns, genes = COLUMNS[material.species], material.genes
    split = [genes.study_parts()] * len(runs)
    vectors = torch.cat([frozen_vectors(material, name) for name in parts], 1)
    none = Features(None, split, material.device)
    inside = torch.zeros_like(material.mask)
    inside[:, columns.start : columns.stop] = True
    used = inside[material.mask]
    mask = material.mask[:, columns.start : columns.stop]
    feed = VectorFeed(vectors[used], mask, none, split)
    networks = [as_products(head_of(vectors.shape[1], len(columns), genes.labels.shape[1], run)) for run in runs]
    return Stack(networks, split, genes.labels, feed, FROZEN, runs[0]).fit()


def head_of(dim: int, segments: int, outputs: int, seed: int) -> TextCNN:
    """The text CNN of every line."""
    torch.manual_seed(seed)
    return TextCNN(dim, outputs, n_segments=segments, **HEAD)


def run_tuned(material: Material, parts: list[str], run: int, epochs: int) -> np.ndarray:
    """One run of encoders that learn with the head; 4-mer counts have nothing to learn and stay as they are."""
    columns, genes, split = COLUMNS[material.species], material.genes, material.genes.study_parts()
    torch.manual_seed(100 + run)
    encoders: list[nn.Module] = []
    scales: list[tuple[Tensor, Tensor] | None] = []
    for name in parts:
        if name == COUNTS:
            continue
        if name == MOTIFS:
            encoders.append(Convolutions(material.segments))
            scales.append(None)
            continue
        if name == WORDS:
            encoders.append(Words(kmer_vectors(material.segments, 3), material.words_table()))
        else:
            encoders.append(material.language(trained=name == LANGUAGE))
        scales.append(mean_and_deviation(frozen_vectors(material, name), material.mask, split[0]))
    frozen = frozen_vectors(material, COUNTS) if COUNTS in parts else None
    lengths = material.tokens.lengths
    none = Features(None, [split], material.device)
    feed = LiveFeed(material.mask, columns, encoders, lengths, frozen, none, split[0])
    head = partial(head_of, segments=len(columns), outputs=genes.labels.shape[1], seed=run)
    network = LiveNetwork(encoders, scales, head, 0 if frozen is None else frozen.shape[1])
    settings = replace(
        TUNED,
        epochs=epochs,
        patience=epochs,
        encoder_rate=1e-3 if not {LANGUAGE, RANDOM} & {*parts} else TUNED.encoder_rate,
    )
    networks = [for_one_on_a_cpu(network, material.device)]
    return Stack(networks, [split], genes.labels, feed, settings, run).fit()[0]


def parse_plan(plan: list[str]) -> list[tuple[str, list[str], list[int]]]:
    """Turns ``tuned:language+kmers:0-2`` into mode, encoders and runs."""
    made = []
    for text in plan:
        mode, encoders, runs = text.split(":")
        first, _, last = runs.partition("-")
        made.append((mode, encoders.split("+"), list(range(int(first), int(last or first) + 1))))
    return made


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--species", choices=["human", "yeast"], required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--plan", nargs="+", required=True, help="frozen|tuned:ENCODER+ENCODER:FIRST-LAST, in order.")
    parser.add_argument("--epochs", type=int, default=TUNED.epochs, help="Of a line that learns its encoders.")
    parser.add_argument("--genes", type=int, help="Number of genes, to try the script out.")
    parser.add_argument(
        "--until", type=float, default=float("inf"), help="Time of the clock after which no run begins."
    )
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    device = torch.device(given.device)
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cuda.enable_cudnn_sdp(False)  # it has no plan for some lengths of a row
    material = Material(given.species, given.work, device, given.genes)
    test = material.genes.study_parts()[2]
    true = material.genes.labels[torch.from_numpy(test).to(device)]
    draws, clock = Draws(len(test), device), clock_of(device)
    failures = Failures(given.out)
    for mode, parts, runs in parse_plan(given.plan):
        key = f"{given.species}.{mode}.{'+'.join(parts)}"
        paths = {run: given.out / f"study.{key}.{run}.npz" for run in runs}
        left = [run for run in runs if not paths[run].exists()]
        for some in [left] if mode == "frozen" else [[run] for run in left]:
            if not some or time.time() > given.until or failures.count(key) >= MOST_FAILURES:
                continue
            started = clock()
            try:
                if mode == "frozen":
                    found = run_frozen(material, parts, some)
                else:
                    found = {0: run_tuned(material, parts, some[0], given.epochs)}
            except Exception as error:  # a line that a device cannot compute must not cost the others
                print(f"{key} failed: {error}", file=sys.stderr, flush=True)
                failures.add(key)
                sys.exit(AGAIN)
            for place, run in enumerate(some):
                figures = draws.figures(torch.from_numpy(found[place]).to(device), true)
                seconds = (clock() - started) / len(some)
                with paths[run].with_suffix(".part").open("wb") as handle:
                    median = found[place][:, 0].astype(np.float16)
                    kept = {**figures, "median": median, "seconds": np.array(seconds)}
                    np.savez(handle, **kept)
                paths[run].with_suffix(".part").rename(paths[run])
                shown = {name: round(float(values[0]), 4) for name, values in figures.items()}
                line = {"species": given.species, "mode": mode, "encoders": "+".join(parts), "run": run}
                print(json.dumps({**line, "seconds": round(seconds, 1), **shown}), flush=True)


if __name__ == "__main__":
    main()
