"""texcnn-mini on yeast windows: tokens per second, and what 57 outputs cost."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from memory import FASTA, GTF

from texcnn.bench.rounds import Goal, Row, median_ratio, time_rounds
from texcnn.embedding.engine import embed_segments
from texcnn.embedding.options import ComputeOptions
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.genome.windows import read_windows
from texcnn.heads.textcnn import TextCNN
from texcnn.model.load import load_model
from texcnn.model.network import SegmentNetwork

MODEL = "texcnn-mini"
THREADS = 2
ROUNDS = 15
WINDOWS = 64  # a chunk of `texcnn predict`


def _predict(network: SegmentNetwork, windows: list[str]) -> None:
    with network.session(ComputeOptions(64, "cpu")) as session:
        network.predict(windows, None, session)


def measure() -> list[Row]:
    """Times the tokenizer, and the same windows through heads of 1 and of 57 outputs."""
    torch.manual_seed(0)
    torch.set_num_threads(THREADS)
    model = load_model(MODEL)
    network = model.segment_network()
    encoder = network.encoders[0]
    with Reference(FASTA) as reference:
        genes = load_genes(reference, model.window, GeneSelection(GTF)).genes
        sequences = [window.sequence for window in read_windows(reference, genes[:WINDOWS], model.window)]
    segments = [bases for sequence in sequences for bases in network.segments.split(sequence).bases]
    n_segments = network.segments.n_segments(model.window.length)
    n_tokens = sum(len(row) for row in encoder.tokenize(segments))
    runs: dict[str, Callable[[], object]] = {
        "tokens": lambda: encoder.tokenize(segments),
        "vectors": lambda: embed_segments([encoder], segments, options=ComputeOptions(64, "cpu", "float32")),
    }
    dim = sum(each.dim for each in network.encoders)
    for outputs in (1, 57):
        head = TextCNN(dim, outputs, n_segments=n_segments, segment_positions=True)
        with_head = SegmentNetwork(network.encoders, head, network.segments)
        runs[f"{outputs}"] = functools.partial(_predict, with_head, sequences)
    seconds = time_rounds(runs, ROUNDS)
    return [
        Row(f"tokenizer of {MODEL}", median_ratio([n_tokens] * ROUNDS, seconds["tokens"]), "tokens/s"),
        Row("tokens made / tokens embedded", median_ratio(seconds["vectors"], seconds["tokens"]), "x", Goal(10)),
        Row("57 outputs / 1 output", median_ratio(seconds["57"], seconds["1"]), "x", Goal(1.05, at_least=False)),
    ]
