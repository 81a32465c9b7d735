"""DNABERT-2 117M and DNABERT k=6 with random weights on a GPU: time of all genes, share of the matrix product."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import torch
from bench_encoders import FLOP_SIZES, SEGMENT, SIZES, WINDOW, bert, dnabert, dnabert2, segments_of

from texcnn.bench.flops import batch_flops, encoder_flops, gemm_flops_per_second, synchronize
from texcnn.bench.model import PROJECTED_GENES, random_windows
from texcnn.bench.rounds import Goal, Row, median_ratio, time_rounds
from texcnn.device import dtype_name
from texcnn.embedding.cache import SegmentCache
from texcnn.embedding.engine import embedding_session
from texcnn.embedding.options import ComputeOptions
from texcnn.embedding.stream import embed_windows_in_chunks
from texcnn.encoders.token_encoder import TokenEncoder
from texcnn.segments.segment import SegmentSpec

GENES = {"cuda": 2000, "cpu": 2}
GENES_PER_ROUND = {"cuda": 128, "cpu": 1}


def use_tiny_sizes() -> None:
    """Encoders that a CPU embeds in no time, to try the kit out."""
    SIZES.update(hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=256)
    FLOP_SIZES.update(hidden=128, intermediate=256, layers=2)


def segments_of_genes(number: int) -> list[str]:
    """Segments of made-up genes."""
    return [piece for window in random_windows(number, WINDOW) for piece in segments_of(window)]


def device_row(device: str) -> Row:
    """The card, its memory and its driver's CUDA."""
    if device == "cpu":
        return Row("no GPU: the kit was tried out on a CPU with tiny encoders", 0, "")
    found = torch.cuda.get_device_properties(0)
    return Row(f"{found.name}, CUDA {torch.version.cuda}: memory", found.total_memory / 2**30, "GiB")


def measure_genes(device: str = "cuda") -> Iterator[Row]:
    """Times 2,000 genes through DNABERT-2, compiled or not, in bfloat16: as a whole, and what of it is host work."""
    if device == "cpu":
        use_tiny_sizes()
    yield device_row(device)
    number = GENES[device]
    pieces = segments_of_genes(number)
    encoder = dnabert2()
    yield from _genes_rows("DNABERT-2 117M", encoder, pieces, number, ComputeOptions(64, device, "bfloat16"))
    compiled = ComputeOptions(64, device, "bfloat16", compile=True)
    yield from _genes_rows("DNABERT-2 117M, compiled", encoder, pieces, number, compiled)
    yield from _chunk_rows("DNABERT-2 117M, from windows, 64 at a time", encoder, number, compiled)


def measure_kmer_genes(device: str = "cuda") -> Iterator[Row]:
    """Times 1,000 genes through DNABERT k=6 in bfloat16, as :func:`measure_genes` does."""
    if device == "cpu":
        use_tiny_sizes()
    number = GENES[device] // 2
    pieces = segments_of_genes(number)
    yield from _genes_rows("DNABERT k=6", dnabert(), pieces, number, ComputeOptions(64, device, "bfloat16"))


def _genes_rows(
    name: str, encoder: TokenEncoder, pieces: list[str], number: int, options: ComputeOptions
) -> Iterator[Row]:
    """The whole of the genes; the tokenizer alone; the encoder alone, whose tokens are there."""
    with embedding_session([encoder], options, SegmentCache(0)) as session:
        start = time.perf_counter()
        session.embed(pieces[:4200])
        yield Row(f"{name}: first batches", time.perf_counter() - start, "s")
        start = time.perf_counter()
        session.embed(pieces)
        whole = time.perf_counter() - start
        start = time.perf_counter()
        tokens = encoder.tokenize(pieces)
        host = time.perf_counter() - start
        start = time.perf_counter()
        session.embed_tokens(0, tokens)
        alone = time.perf_counter() - start
        peak = gemm_flops_per_second(options.device, options.dtype)
    yield from projected(name, number, whole)
    yield Row(f"{name}: tokenizer alone", host, "s")
    yield from projected(f"{name}, encoder alone, tokens given", number, alone)
    flops = encoder_flops(encoder, [len(row) for row in tokens]) or 0
    yield Row(f"{name}: share of the matrix product, tokenising included", flops / whole / peak, "", Goal(0.45))
    yield Row(f"{name}: share of the matrix product, encoder alone", flops / alone / peak, "", Goal(0.45))
    yield Row(f"{name}: matrix product", peak / 1e12, "TFLOP/s")


def _chunk_rows(name: str, encoder: TokenEncoder, number: int, options: ComputeOptions) -> Iterator[Row]:
    """What predictions and stores do: windows are cut and tokenised chunk by chunk."""
    windows = random_windows(number, WINDOW)
    chunks = [windows[start : start + 64] for start in range(0, number, 64)]
    with embedding_session([encoder], options) as session:
        start = time.perf_counter()
        for _ in embed_windows_in_chunks(session, chunks, SegmentSpec(SEGMENT)):
            pass
        seconds = time.perf_counter() - start
    yield from projected(name, number, seconds)


def projected(name: str, number: int, seconds: float) -> list[Row]:
    """What a number of genes took, and what 20,000 would take."""
    goal = Goal(60, at_least=False) if name.startswith("DNABERT-2") else None
    return [
        Row(f"{name}: {number:,} genes", seconds, "s"),
        Row(f"{name}: {PROJECTED_GENES:,} genes at this rate", seconds * PROJECTED_GENES / number, "s", goal),
    ]


def measure(device: str = "cuda") -> Iterator[Row]:
    """Measures each encoder in each type in paired rounds; the share of the product is the model FLOP utilisation."""
    torch.manual_seed(0)
    if device == "cpu":
        use_tiny_sizes()
    yield device_row(device)
    pieces = segments_of_genes(GENES_PER_ROUND[device])
    encoders: dict[str, TokenEncoder] = {"DNABERT-2 117M": dnabert2(), "DNABERT k=6": dnabert()}
    for dtype in ("bfloat16", "float32"):
        options = ComputeOptions(64, device, dtype)
        few = pieces[: max(1, len(pieces) // (8 if dtype == "float32" else 1))]
        yield _against_bert(encoders["DNABERT-2 117M"], options)
        for name, encoder in encoders.items():
            yield from _encoder_rows(f"{name}, {dtype}", encoder, few, options)


def _encoder_rows(name: str, encoder: TokenEncoder, pieces: list[str], options: ComputeOptions) -> Iterator[Row]:
    lengths = [len(row) for row in encoder.tokenize(pieces)]
    peaks: list[float] = []

    def tokenize() -> None:
        encoder.tokenize(pieces)

    def peak() -> None:
        peaks.append(gemm_flops_per_second(options.device, options.dtype))

    with embedding_session([encoder], options, SegmentCache(0)) as session:  # as in a run: weights are moved once

        def embed() -> None:
            session.embed(pieces)

        embed()
        seconds = time_rounds({"embed": embed, "tokens": tokenize, "peak": peak}, 3)
    achieved = [(encoder_flops(encoder, lengths) or 0) / each for each in seconds["embed"]]
    yield Row(f"{name}: arithmetic, tokenising included", statistics.median(achieved) / 1e12, "TFLOP/s")
    yield Row(f"{name}: share of the matrix product", median_ratio(achieved, peaks), "", Goal(0.45))
    yield Row(f"{name}: matrix product", statistics.median(peaks) / 1e12, "TFLOP/s")
    share = median_ratio(seconds["tokens"], seconds["embed"])
    yield Row(f"{name}: time of the tokenizer alone", share, "of the whole")


def _against_bert(ours: TokenEncoder, options: ComputeOptions) -> Row:
    """Our DNABERT-2's operations per second over those of transformers' BERT with fused attention."""
    theirs = bert(4096, "sdpa").train(False).to(options.device, options.dtype)
    tokens = ours.tokenize(segments_of_genes(12 if options.device.type == "cuda" else 1))
    lengths = [len(row) for row in tokens]
    ids, mask = ours.to(options.device).collate(tokens)

    @torch.inference_mode()
    def forward() -> None:
        theirs(input_ids=ids, attention_mask=mask.long())
        synchronize(options.device)

    with embedding_session([ours], options):

        def embed() -> None:
            ours.embed(tokens)
            synchronize(options.device)

        runs = {"ours": embed, "theirs": forward}
        time_rounds(runs, 2)
        seconds = time_rounds(runs, 7)
    share = batch_flops(lengths, gated=True, **FLOP_SIZES) / batch_flops(lengths, gated=False, **FLOP_SIZES)
    what = f"{dtype_name(options.dtype)}: DNABERT-2's FLOP/s over BertModel SDPA's"
    return Row(what, share * median_ratio(seconds["theirs"], seconds["ours"]), "x", Goal(1))
