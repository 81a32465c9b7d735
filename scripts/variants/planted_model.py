"""A small network trained on simulated genomes alone: motif convolutions and a text CNN, the parts of texcnn-mini."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from simulated import Simulated
from torch import Tensor

from texcnn.encoders.motif_cnn import MotifCNN, MotifCNNEncoder
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.genome.windows import WindowSpec, read_windows
from texcnn.heads.spec import HeadSpec
from texcnn.heads.textcnn import TextCNN
from texcnn.model.bundle import BundleConfig
from texcnn.model.model import Model
from texcnn.model.network import SegmentNetwork
from texcnn.segments.bases import one_hot, stack_codes
from texcnn.segments.segment import SegmentSpec

WINDOW, SEGMENT = WindowSpec(upstream=600, downstream=600), 200
SIZES = {
    "motifs": 64, "motif_width": 16, "pool": 10, "patterns": 32, "pattern_width": 3, "second_pool": 4, "places": 5,
}  # fmt: skip
NAME = "trained on simulated genes"
EPOCHS, BATCH, RATE = 40, 64, 2e-3


def train(genome: Simulated) -> Model:
    """Trains on all genes of the genomes; the number of epochs is fixed, so that nothing has to be held out."""
    torch.manual_seed(0)
    codes, labels = read_examples(genome)
    mean, scale = labels.mean(), labels.std()
    convolutions = MotifCNN(**SIZES)
    options: dict[str, Any] = {
        "dim": SIZES["patterns"] * SIZES["places"], "n_cell_types": 1, "n_segments": WINDOW.length // SEGMENT,
        "kernel_widths": [1], "filters": 64, "dense_units": 64, "dropout": 0.0,
    }  # fmt: skip
    head = TextCNN(**options)
    weights = [*convolutions.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights, RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, EPOCHS * -(-len(labels) // BATCH))
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(labels)).split(BATCH):
            loss = (_predict(convolutions, head, codes[rows]) - (labels[rows] - mean) / scale).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():  # back to the labels' unit
        head.output.weight *= scale
        head.output.bias.mul_(scale).add_(mean)
    config = BundleConfig(
        name=NAME, version="1", kind="segments", unit="log10(RPKM + 0.1)", window=WINDOW,
        head=HeadSpec("textcnn", options), segments=SegmentSpec(SEGMENT),
    )  # fmt: skip
    network = SegmentNetwork([MotifCNNEncoder(convolutions.eval(), SIZES)], head, SegmentSpec(SEGMENT))
    return Model(config, network, pd.DataFrame({"cell_type": ["simulated"]}), "trained in memory")


def read_examples(genome: Simulated) -> tuple[Tensor, Tensor]:
    """Codes of the windows, uint8 ``(n, length)``, and log10(RPKM + 0.1), float32 ``(n,)``."""
    rpkm = pd.read_csv(genome.expression, sep="\t", index_col="gene_id")["simulated"]
    with Reference(genome.fasta) as reference:
        genes = load_genes(reference, WINDOW, GeneSelection(bed=genome.bed)).genes
        windows = [window.sequence for window in read_windows(reference, genes, WINDOW)]
    labels = np.log10(rpkm.loc[[gene.id for gene in genes]].to_numpy(np.float32) + np.float32(0.1))
    return stack_codes(windows), torch.from_numpy(labels)


def _predict(convolutions: MotifCNN, head: TextCNN, codes: Tensor) -> Tensor:
    n = WINDOW.length // SEGMENT
    vectors = convolutions(one_hot(codes.reshape(-1, SEGMENT))).reshape(len(codes), n, -1)
    return head(vectors, torch.ones(len(codes), n, dtype=torch.bool))[:, 0]
