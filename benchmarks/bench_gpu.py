"""DNABERT-2 117M and DNABERT k=6 with random weights on a GPU, in float32 and in the type that is chosen there."""

from __future__ import annotations

import torch
from bench_encoders import BATCH_SIZE, bert, dnabert, dnabert2, random_gene, segments_of

from texcnn.bench.flops import encoder_flops, synchronize
from texcnn.bench.model import bench_encoders
from texcnn.bench.rounds import Goal, Row, median_ratio, time_rounds
from texcnn.device import dtype_name
from texcnn.embedding.options import ComputeOptions
from texcnn.genome.windows import WindowSpec
from texcnn.segments.segment import SegmentSpec

GENES_OF_PEER = 4
"""Genes in one padded batch of transformers' BERT: 84 segments."""


def measure() -> list[Row]:
    """Measures each encoder in each type; the share of the matrix product is the model FLOP utilisation."""
    torch.manual_seed(0)
    memory = torch.cuda.get_device_properties(0).total_memory / 2**30
    rows = [Row(f"{torch.cuda.get_device_name(0)}: memory", memory, "GiB")]
    for dtype in ("float32", "auto"):
        options = ComputeOptions(BATCH_SIZE * 8, "cuda", dtype)
        for name, encoder in (("DNABERT-2 117M", dnabert2()), ("DNABERT k=6", dnabert())):
            found = bench_encoders([encoder], WindowSpec(), SegmentSpec(), options=options)
            kind = dtype_name(options.dtype)
            rows += [Row(f"{name}, {kind}: {row.what}", row.value, row.unit, row.goal) for row in found]
        rows.append(_against_bert(options))
    return rows


def _against_bert(options: ComputeOptions) -> Row:
    """Our DNABERT-2's operations per second over those of transformers' BERT with fused attention."""
    ours = dnabert2().compute_in(options.dtype).to(options.device)
    theirs = bert(4096, "sdpa").eval().to(options.device, options.dtype)
    tokens = ours.tokenize(segments_of(random_gene()) * GENES_OF_PEER)
    lengths = [len(row) for row in tokens]
    ids, mask = ours.collate(tokens)

    @torch.inference_mode()
    def forward() -> None:
        theirs(input_ids=ids, attention_mask=mask.long())
        synchronize(options.device)

    def embed() -> None:
        ours.embed(tokens)
        synchronize(options.device)

    runs = {"ours": embed, "theirs": forward}
    time_rounds(runs, 2)
    seconds = time_rounds(runs, 7)
    # DNABERT is a BERT of the same sizes.
    share = (encoder_flops(ours, lengths) or 0) / (encoder_flops(dnabert(), lengths) or 1)
    what = f"{dtype_name(options.dtype)}: DNABERT-2's FLOP/s over BertModel SDPA's"
    return Row(what, share * median_ratio(seconds["theirs"], seconds["ours"]), "x", Goal(1))
