"""DNABERT-2 117M and DNABERT k=6 with random weights on a GPU: share of the matrix product, and time for all genes."""

from __future__ import annotations

import statistics
import time

import torch
from bench_encoders import FLOP_SIZES, SIZES, bert, dnabert, dnabert2, segments_of

from texcnn.bench.flops import batch_flops, encoder_flops, gemm_flops_per_second, synchronize
from texcnn.bench.model import PROJECTED_GENES, random_windows
from texcnn.bench.rounds import Goal, Row, median_ratio, time_rounds
from texcnn.device import dtype_name
from texcnn.embedding.engine import embed_segments
from texcnn.embedding.options import ComputeOptions
from texcnn.encoders.token_encoder import TokenEncoder
from texcnn.model.load import load_model
from texcnn.model.predict_windows import predict_windows

BATCH_SIZE = 256
GENES = {"cuda": 2000, "cpu": 2}
GENES_PER_ROUND = {"cuda": 128, "cpu": 1}
WINDOW = 10_500


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


def measure(device: str = "cuda") -> list[Row]:
    """Measures each encoder in each type; the share of the matrix product is the model FLOP utilisation."""
    torch.manual_seed(0)
    if device == "cpu":
        use_tiny_sizes()
    rows = [device_row(device)]
    pieces = segments_of_genes(GENES_PER_ROUND[device])
    for dtype in ("float32", "bfloat16"):
        options = ComputeOptions(BATCH_SIZE, device, dtype)
        encoders: dict[str, TokenEncoder] = {"DNABERT-2 117M": dnabert2(), "DNABERT k=6": dnabert()}
        for name, encoder in encoders.items():
            few = pieces[: max(1, len(pieces) // (8 if dtype == "float32" else 1))]
            rows += _encoder_rows(f"{name}, {dtype}", encoder, few, options)
        rows.append(_against_bert(options))
    return rows


def _encoder_rows(name: str, encoder: TokenEncoder, pieces: list[str], options: ComputeOptions) -> list[Row]:
    lengths = [len(row) for row in encoder.tokenize(pieces)]
    peaks: list[float] = []

    def embed() -> None:
        embed_segments([encoder], pieces, options=options)

    def tokenize() -> None:
        encoder.tokenize(pieces)

    def peak() -> None:
        peaks.append(gemm_flops_per_second(options.device, options.dtype))

    embed()
    seconds = time_rounds({"embed": embed, "tokens": tokenize, "peak": peak}, 3)
    achieved = [(encoder_flops(encoder, lengths) or 0) / each for each in seconds["embed"]]
    return [
        Row(f"{name}: arithmetic, tokenising included", statistics.median(achieved) / 1e12, "TFLOP/s"),
        Row(f"{name}: share of the matrix product", median_ratio(achieved, peaks), "", Goal(0.45)),
        Row(f"{name}: matrix product", statistics.median(peaks) / 1e12, "TFLOP/s"),
        Row(f"{name}: time of the tokenizer alone", median_ratio(seconds["tokens"], seconds["embed"]), "of the whole"),
    ]


def _against_bert(options: ComputeOptions) -> Row:
    """Our DNABERT-2's operations per second over those of transformers' BERT with fused attention."""
    ours = dnabert2().compute_in(options.dtype).to(options.device)
    theirs = bert(4096, "sdpa").eval().to(options.device, options.dtype)
    tokens = ours.tokenize(segments_of_genes(12 if options.device.type == "cuda" else 1))
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
    share = batch_flops(lengths, gated=True, **FLOP_SIZES) / batch_flops(lengths, gated=False, **FLOP_SIZES)
    what = f"{dtype_name(options.dtype)}: DNABERT-2's FLOP/s over BertModel SDPA's"
    return Row(what, share * median_ratio(seconds["theirs"], seconds["ours"]), "x", Goal(1))


def measure_genes(device: str = "cuda") -> list[Row]:
    """Times 2,000 genes, tokenising included, in bfloat16, through each encoder, and through texcnn-mini whole."""
    if device == "cpu":
        use_tiny_sizes()
    number = GENES[device]
    pieces = segments_of_genes(number)
    rows: list[Row] = []
    encoders: dict[str, TokenEncoder] = {"DNABERT-2 117M": dnabert2(), "DNABERT k=6": dnabert()}
    for name, encoder in encoders.items():
        options = ComputeOptions(BATCH_SIZE, device, "bfloat16")
        embed_segments([encoder], pieces[:200], options=options)
        start = time.perf_counter()
        embed_segments([encoder], pieces, options=options)
        rows += _projected(name, number, time.perf_counter() - start)
    model = load_model("texcnn-mini")
    windows = random_windows(number, model.window.length)
    options = ComputeOptions(BATCH_SIZE, device)
    for _ in predict_windows(model, windows[:64], options=options):
        pass
    start = time.perf_counter()
    for _ in predict_windows(model, windows, options=options):
        pass
    return [*rows, *_projected("texcnn-mini, predict_windows", number, time.perf_counter() - start)]


def _projected(name: str, number: int, seconds: float) -> list[Row]:
    goal = Goal(60, at_least=False) if name.startswith("DNABERT-2") else None
    return [
        Row(f"{name}: {number:,} genes", seconds, "s"),
        Row(f"{name}: {PROJECTED_GENES:,} genes at this rate", seconds * PROJECTED_GENES / number, "s", goal),
    ]
