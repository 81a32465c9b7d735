"""One gene through encoders of full size, with random weights: ours, the published recipe's way, and others'."""

from __future__ import annotations

import copy
import functools
import importlib.util
import multiprocessing
import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from texcnn.bench.flops import batch_flops, gemm_flops_per_second
from texcnn.bench.model import random_windows
from texcnn.bench.rounds import Goal, Row, median_ratio, peak_memory_mib, skipped, time_rounds
from texcnn.embedding.engine import embed_segments
from texcnn.embedding.options import ComputeOptions
from texcnn.encoders.dnabert import DnabertEncoder
from texcnn.encoders.dnabert2 import Dnabert2Config, Dnabert2Encoder, Dnabert2Model
from texcnn.encoders.token_encoder import TokenEncoder
from texcnn.heads.textcnn import TextCNN
from texcnn.heap import set_up_heap
from texcnn.pretraining.vocabulary import train_bpe
from texcnn.segments.bpe import BpeTokenizer
from texcnn.segments.kmer import KmerTokenizer
from texcnn.segments.segment import SegmentSpec

THREADS = 2
ROUNDS = 5
BATCH_SIZE = 64  # the command line's default
WINDOW, SEGMENT = 10_500, 500
RECIPE_WINDOW, RECIPE_STRIDE = 2_000, 500
SHARE_OF_RECIPE = 6  # of its 18 windows, all of one length: the whole gene would take a third of the harness's time
SHARE_OF_DNABERT = 7  # of the 21 segments, of 497 tokens each, the same
SIZES: dict[str, Any] = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
}
FLOP_SIZES: dict[str, Any] = {"hidden": 768, "intermediate": 3072, "layers": 12}


@functools.cache
def byte_pairs() -> BpeTokenizer:
    """A vocabulary of 4,096 byte-pair tokens of random bases, in DNABERT-2's place, which is not bundled."""
    return BpeTokenizer(train_bpe(random_windows(40, WINDOW), 4096))


def dnabert2() -> Dnabert2Encoder:
    """DNABERT-2 117M with random weights."""
    return Dnabert2Encoder(Dnabert2Model(Dnabert2Config(vocab_size=4096, **SIZES)), byte_pairs())


def dnabert() -> DnabertEncoder:
    """DNABERT for k = 6 with random weights."""
    tokenizer = KmerTokenizer(6)
    return DnabertEncoder(bert(tokenizer.vocab_size, "sdpa"), tokenizer)


def random_gene() -> str:
    """The window of one gene, the same bases each time."""
    return random_windows(1, WINDOW)[0]


def segments_of(gene: str) -> list[str]:
    """The segments that texcnn embeds."""
    return list(SegmentSpec(length=SEGMENT).split(gene).bases)


def recipe_windows_of(gene: str) -> list[str]:
    """The overlapping windows that the published recipe embeds."""
    last = len(gene) - RECIPE_WINDOW
    return [gene[start : start + RECIPE_WINDOW] for start in range(0, last + 1, RECIPE_STRIDE)]


def batched(encoder: TokenEncoder, pieces: Sequence[str], dtype: str = "float32") -> Tensor:
    """What texcnn does."""
    return embed_segments([encoder], pieces, options=ComputeOptions(BATCH_SIZE, "cpu", dtype))


def one_by_one(encoder: TokenEncoder, pieces: Sequence[str]) -> Tensor:
    """What the published recipe does: each piece one float32 batch, with its attention mask."""
    encoder.compute_in(torch.float32)
    with torch.inference_mode():
        return torch.cat([encoder.vectors(*encoder.collate([row])) for row in encoder.tokenize(pieces)])


def with_threads(number: int, function: Callable[[], object]) -> None:
    """Runs a function on that many threads."""
    torch.set_num_threads(number)
    try:
        function()
    finally:
        torch.set_num_threads(THREADS)


def whole_model(model: nn.Module, encoder: TokenEncoder, pieces: Sequence[str]) -> Callable[[], object]:
    """A forward pass of another library's model over the tokens that ``encoder`` makes, as one padded batch."""
    ids, mask = encoder.collate(encoder.tokenize(pieces))
    model.eval()

    @torch.inference_mode()
    def forward() -> object:
        return model(input_ids=ids, attention_mask=mask.long())

    return forward


def bert(vocab_size: int, attention: str) -> BertModel:
    """Transformers' BERT-base with random weights."""
    config = BertConfig.from_dict({"vocab_size": vocab_size, "attn_implementation": attention, **SIZES})
    return BertModel(config, add_pooling_layer=False)


def multimolecule_dnabert2() -> nn.Module | None:
    """Multimolecule's DNABERT-2 (AGPL-3.0; only called, and only here) with random weights, if it is installed."""
    if importlib.util.find_spec("multimolecule") is None:
        return None
    from multimolecule import DnaBert2Config, DnaBert2Model

    return DnaBert2Model(DnaBert2Config(attn_implementation="sdpa"), add_pooling_layer=False)


def _has_bfloat16() -> bool:
    """Whether this CPU has instructions for products of bfloat16; without them they are emulated, slowly."""
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


@dataclass(frozen=True)
class Scale:
    """How much of a gene is timed, and how often; seconds are then those of the whole gene.

    Attributes:
        rounds: Interleaved rounds.
        segments: Segments of DNABERT-2, of 21.
        recipe: Windows of the overlapping recipe, of 18.
        dnabert: Segments of DNABERT, of 21.
    """

    rounds: int = ROUNDS
    segments: int = 21
    recipe: int = SHARE_OF_RECIPE
    dnabert: int = SHARE_OF_DNABERT


def measure(peers: Sequence[str], *, quick: bool = False) -> list[Row]:
    """Times DNABERT-2 and DNABERT, one gene each.

    Args:
        peers: ``multimolecule``, or nothing.
        quick: Whether a part of a gene in three rounds is enough; peak memory is left out.
    """
    set_up_heap()  # as every command does
    torch.manual_seed(0)
    torch.set_num_threads(THREADS)
    scale = Scale(rounds=3, segments=6, recipe=1, dnabert=2) if quick else Scale()
    peaks: list[float] = []
    rows = _dnabert2_rows(peers, peaks, scale) + _dnabert_rows(peaks, scale)
    rows.append(Row("GEMM float32, best of each round", statistics.median(peaks) / 1e9, "GFLOP/s"))
    rows.append(Row("drift of the machine: fastest round's GEMM / slowest's", max(peaks) / min(peaks), "x"))
    return rows if quick else rows + [_peak_row(name) for name in _ALONE]


def _dnabert2_rows(peers: Sequence[str], peaks: list[float], scale: Scale) -> list[Row]:
    gene = random_gene()
    segments, recipe = segments_of(gene)[: scale.segments], recipe_windows_of(gene)
    share_of_recipe = len(recipe) / scale.recipe
    share_of_gene = len(segments_of(gene)) / len(segments)
    encoder = dnabert2()
    lengths = [len(row) for row in encoder.tokenize(segments)]
    low_peaks: list[float] = []
    runs: dict[str, Callable[[], object]] = {
        "GEMM": lambda: peaks.append(gemm_flops_per_second()),
        "texcnn": lambda: batched(encoder, segments),
        "texcnn, batch 1 with mask": lambda: one_by_one(encoder, segments),
        "BertModel eager": whole_model(bert(4096, "eager"), encoder, segments),
        "BertModel SDPA": whole_model(bert(4096, "sdpa"), encoder, segments),
        "texcnn, 1 thread": lambda: with_threads(1, lambda: batched(encoder, segments)),
        "recipe": lambda: one_by_one(encoder, recipe[: scale.recipe]),
        "tokens": lambda: encoder.tokenize(segments),
    }
    has_bfloat16 = _has_bfloat16()
    if has_bfloat16:
        # Weights are rounded once in a run of many genes, so not in each round.
        low_encoder = encoder.copy().compute_in(torch.bfloat16)
        runs["texcnn, bfloat16"] = lambda: batched(low_encoder, segments, "bfloat16")
        runs["GEMM, bfloat16"] = lambda: low_peaks.append(gemm_flops_per_second(torch.device("cpu"), torch.bfloat16))
    other = multimolecule_dnabert2() if "multimolecule" in peers else None
    if other is not None:
        runs["multimolecule SDPA"] = whole_model(other, encoder, segments)
        if has_bfloat16:
            low_other = copy.deepcopy(other).to(torch.bfloat16)
            runs["multimolecule SDPA, bfloat16"] = whole_model(low_other, encoder, segments)
            each = [whole_model(low_other, encoder, [segment]) for segment in segments]
            runs["multimolecule SDPA, bfloat16, batch 1"] = lambda: [forward() for forward in each]
    batched(encoder, segments[:2])  # the first pass of a process also sets up threads and buffers
    measured = time_rounds(runs, scale.rounds)
    seconds = {what: [share_of_gene * time for time in times] for what, times in measured.items()}
    seconds["recipe"] = [share_of_recipe * time for time in measured["recipe"]]
    ours = seconds["texcnn"]

    useful = share_of_gene * batch_flops(lengths, gated=True, **FLOP_SIZES)
    bert_useful = share_of_gene * batch_flops(lengths, gated=False, **FLOP_SIZES)
    achieved = [useful / time / peak for time, peak in zip(ours, peaks, strict=True)]
    more_flops = useful / bert_useful * median_ratio(seconds["BertModel SDPA"], ours)
    names = {
        "texcnn": f"DNABERT-2 117M, texcnn: {len(segments)} of 21 segments timed, {sum(lengths)} tokens",
        "texcnn, batch 1 with mask": "DNABERT-2 117M, texcnn's encoder, batch 1 with mask",
        "recipe": f"DNABERT-2 117M, overlapping recipe: {scale.recipe} of 18 windows of 2,000 bp timed, batch 1",
        "texcnn, bfloat16": "DNABERT-2 117M, texcnn, bfloat16",
        "texcnn, 1 thread": "DNABERT-2 117M, texcnn, 1 thread",
        "BertModel eager": "transformers BertModel eager, the same tokens in one padded batch",
        "BertModel SDPA": "transformers BertModel SDPA, the same tokens in one padded batch",
        "multimolecule SDPA": "multimolecule DNABERT-2 SDPA, the same tokens in one padded batch",
    }
    rows = [Row(names[run], statistics.median(seconds[run]), "s/gene") for run in names if run in seconds]
    rows += [
        Row("batch 1 with mask / texcnn", median_ratio(seconds["texcnn, batch 1 with mask"], ours), "x", Goal(1.15)),
        Row("overlapping recipe / texcnn", median_ratio(seconds["recipe"], ours), "x", Goal(7)),
        Row("texcnn's FLOP/s over the GEMM peak", statistics.median(achieved), "", Goal(0.75)),
        Row("texcnn's FLOP/s over BertModel SDPA's", more_flops, "x", Goal(1)),
        Row("1 thread / 2 threads", median_ratio(seconds["texcnn, 1 thread"], ours), "x"),
        Row("tokens made / tokens embedded", median_ratio(ours, seconds["tokens"]), "x", Goal(10)),
    ]
    low = {
        "texcnn's FLOP/s over the GEMM peak, bfloat16": Goal(0.75),
        "batch 1 with mask, float32 / texcnn, bfloat16": Goal(2.6),
        "overlapping recipe, float32 / texcnn, bfloat16": Goal(7.5),
    }
    if has_bfloat16:
        ours_low = seconds["texcnn, bfloat16"]
        figures = (
            statistics.median(useful / time / peak for time, peak in zip(ours_low, low_peaks, strict=True)),
            median_ratio(seconds["texcnn, batch 1 with mask"], ours_low),
            median_ratio(seconds["recipe"], ours_low),
        )
        rows += [Row(what, value, "x", goal) for (what, goal), value in zip(low.items(), figures, strict=True)]
        rows += _agreement_rows(encoder, segments)
    else:
        rows += skipped("this CPU has no bfloat16 instructions", low)
    against = "multimolecule / texcnn"
    if other is None:
        return rows + skipped("multimolecule is not installed, or not asked for with --peers", [against])
    rows.append(Row(against, median_ratio(seconds["multimolecule SDPA"], ours), "x", Goal(1)))
    if has_bfloat16:
        for way, name in (("", "one padded batch"), (", batch 1", "batch 1 with mask")):
            ratio = median_ratio(seconds[f"multimolecule SDPA, bfloat16{way}"], seconds["texcnn, bfloat16"])
            rows.append(Row(f"{against}, both bfloat16, {name}", ratio, "x", Goal(1.4)))
    return rows


def _agreement_rows(encoder: TokenEncoder, segments: Sequence[str]) -> list[Row]:
    """How far bfloat16 moves pooled vectors, and what an untrained text CNN makes of them.

    Its windows are segments of the gene in random orders, so that a few vectors make many predictions.
    """
    full, low = (batched(encoder, segments, dtype) for dtype in ("float32", "bfloat16"))
    smallest = min(float(np.corrcoef(*pair)[0, 1]) for pair in zip(full.numpy(), low.numpy(), strict=True))
    orders = torch.randint(len(segments), (256, 21), generator=torch.Generator().manual_seed(0))
    head = TextCNN(encoder.dim, 57).eval()
    with torch.inference_mode():
        expected, found = (head(vectors[orders], torch.ones(orders.shape).bool()) for vectors in (full, low))
    shift = ((found - expected).square().mean(dim=0).sqrt() / expected.std(dim=0)).max()
    return [
        Row("pooled vectors, bfloat16 with float32: smallest correlation", smallest, "", Goal(0.9999)),
        Row("predictions of a text CNN, bfloat16: largest shift of an output / its spread", float(shift), "",
            Goal(0.01, at_least=False)),
    ]  # fmt: skip


def _dnabert_rows(peaks: list[float], scale: Scale) -> list[Row]:
    segments = segments_of(random_gene())
    some = segments[: scale.dnabert]
    encoder = dnabert()
    lengths = [len(row) for row in encoder.tokenize(some)]
    own_peaks: list[float] = []
    low_peaks: list[float] = []
    runs: dict[str, Callable[[], object]] = {
        "GEMM": lambda: own_peaks.append(gemm_flops_per_second()),
        "texcnn": lambda: batched(encoder, some),
        "BertModel eager": whole_model(bert(encoder.tokenizer.vocab_size, "eager"), encoder, some),
    }
    has_bfloat16 = _has_bfloat16()
    if has_bfloat16:
        runs["GEMM, bfloat16"] = lambda: low_peaks.append(gemm_flops_per_second(torch.device("cpu"), torch.bfloat16))
        low_encoder = encoder.copy().compute_in(torch.bfloat16)
        runs["texcnn, bfloat16"] = lambda: batched(low_encoder, some, "bfloat16")
    seconds = time_rounds(runs, scale.rounds)
    peaks += own_peaks
    useful = batch_flops(lengths, gated=False, **FLOP_SIZES)
    achieved = [useful / time / peak for time, peak in zip(seconds["texcnn"], own_peaks, strict=True)]
    whole = len(segments) / len(some)
    what = f"{len(some)} of 21 segments timed, {lengths[0]} tokens each"
    rows = [
        Row(f"DNABERT k=6, texcnn (BertModel SDPA): {what}", statistics.median(seconds["texcnn"]) * whole, "s/gene"),
        Row("transformers BertModel eager, the same", statistics.median(seconds["BertModel eager"]) * whole, "s/gene"),
        Row("BertModel eager / texcnn", median_ratio(seconds["BertModel eager"], seconds["texcnn"]), "x"),
        Row("DNABERT k=6: texcnn's FLOP/s over the GEMM peak", statistics.median(achieved), "", Goal(0.75)),
    ]
    low = ["DNABERT k=6, texcnn, bfloat16", "DNABERT k=6: texcnn's FLOP/s over the GEMM peak, bfloat16"]
    if not has_bfloat16:
        return rows + skipped("this CPU has no bfloat16 instructions", low)
    ours = seconds["texcnn, bfloat16"]
    share = statistics.median(useful / time / peak for time, peak in zip(ours, low_peaks, strict=True))
    return [*rows, Row(low[0], statistics.median(ours) * whole, "s/gene"), Row(low[1], share, "", Goal(0.75))]


_ALONE: dict[str, Callable[[], object]] = {
    "DNABERT-2 117M, texcnn": lambda: batched(dnabert2(), segments_of(random_gene())),
    "DNABERT-2 117M, overlapping recipe (3 windows)": lambda: one_by_one(
        dnabert2(), recipe_windows_of(random_gene())[:3]
    ),
    "DNABERT k=6, texcnn": lambda: batched(dnabert(), segments_of(random_gene())[:SHARE_OF_DNABERT]),
}
"""What is run in another process for its peak memory."""


def _peak_row(name: str) -> Row:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return Row(f"{name}: peak memory of the process", pool.submit(_peak_of, name).result(), "MiB")


def _peak_of(name: str) -> float:
    set_up_heap()
    torch.set_num_threads(THREADS)
    _ALONE[name]()
    return peak_memory_mib()
