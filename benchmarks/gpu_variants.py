"""Ways to embed with DNABERT-2 on a GPU, timed against each other from token ids to vectors."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench_encoders import FLOP_SIZES, dnabert, dnabert2
from bench_gpu import GENES_PER_ROUND, WINDOW, segments_of_genes, use_tiny_sizes
from torch import Tensor, nn

from texcnn.bench.flops import batch_flops, gemm_flops_per_second, synchronize
from texcnn.bench.model import random_windows
from texcnn.bench.rounds import Row, median_ratio, time_rounds
from texcnn.encoders.compiled import compile_encoders
from texcnn.encoders.dnabert2_model import alibi_slopes, runs_of
from texcnn.encoders.token_encoder import TokenEncoder
from texcnn.model.load import load_model
from texcnn.segments.segment import SegmentSpec

Rows = Sequence[Sequence[int]]
ROUNDS = 3


def in_batches(embed: Callable[[Rows], Tensor], tokens: Rows, budget: int, pool: int) -> Tensor:
    """What the engine does: rows of a pool sorted by length, batches of so many tokens, one copy per pool."""
    found = []
    for start in range(0, len(tokens), pool):
        part = tokens[start : start + pool]
        order = sorted(range(len(part)), key=lambda row: -len(part[row]))
        batches: list[Tensor] = []
        batch: list[int] = []
        room = budget
        for row in order:
            if batch and len(part[row]) > room:
                batches.append(embed([part[each] for each in batch]))
                batch, room = [], budget
            batch.append(row)
            room -= len(part[row])
        batches.append(embed([part[each] for each in batch]))
        vectors = torch.cat(batches).float().cpu()
        in_order = torch.empty_like(vectors)
        in_order[order] = vectors
        found.append(in_order)
    return torch.cat(found)


def autocast_linears(encoder: TokenEncoder, dtype: torch.dtype) -> None:
    """16-bit weights of linear layers alone, and a float32 residual stream."""
    for module in encoder.model.modules():
        if isinstance(module, nn.Linear):
            module.to(dtype)


@torch.inference_mode()
def padded(encoder: TokenEncoder, tokens: Rows) -> Tensor:
    """Every row of a batch padded to the longest; one attention over all, its bias with the mask of padding."""
    model = encoder.model
    longest = -(-max(map(len, tokens)) // 16) * 16
    lengths = encoder._moved(np.array([len(row) for row in tokens]))
    ids = np.full((len(tokens), longest), encoder.tokenizer.pad_id, np.int64)
    for row, found in enumerate(tokens):
        ids[row, : len(found)] = found
    hidden = model.embeddings(encoder._moved(ids).flatten())
    real = torch.arange(longest, device=encoder.device) < lengths[:, None]
    bias = model.encoder._bias(longest, hidden.dtype, hidden.device)[..., :longest, :longest]
    bias = bias.masked_fill(~real[:, None, None, :], -torch.inf)
    runs = runs_of([longest] * len(tokens))
    for layer in model.encoder.layer:
        hidden = layer(hidden, runs, bias)
    states = hidden.view(len(tokens), longest, -1).float().masked_fill(~real[..., None], 0)
    return states.sum(1) / lengths[:, None]


def flex_encoder(encoder: TokenEncoder, size: int) -> Callable[[Rows], Tensor]:
    """Packed batches of one fixed number of tokens, FlexAttention with ALiBi, whole layers compiled."""
    from torch.nn.attention.flex_attention import BlockMask, flex_attention

    model, device, block = encoder.model, encoder.device, 128
    slopes = torch.tensor(alibi_slopes(model.config.num_attention_heads), device=device)

    def layer_forward(layer: Any, hidden: Tensor, mask: Any) -> Tensor:
        attention = layer.attention.self
        qkv = attention.Wqkv(hidden).view(1, -1, 3, attention.n_heads, hidden.shape[-1] // attention.n_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        if device.type == "cpu":  # where it refuses three views of one array
            query, key, value = query.clone(), key.clone(), value.clone()

        def alibi(score: Tensor, b: Tensor, head: Tensor, q: Tensor, k: Tensor) -> Tensor:
            return score - slopes[head] * (q - k).abs()

        mixed = flex_attention(query, key, value, score_mod=alibi, block_mask=mask)
        attended = mixed.transpose(1, 2).reshape(hidden.shape[0], -1)  # type: ignore[union-attr]
        return layer.mlp(layer.attention.output(attended, hidden))

    compiled = torch.compile(layer_forward, dynamic=False)

    @torch.inference_mode()
    def embed(tokens: Rows) -> Tensor:
        lengths = [len(row) for row in tokens]
        left = size - sum(lengths)
        ids = np.zeros(size, np.int64)
        ids[: sum(lengths)] = np.concatenate([np.asarray(row) for row in tokens])
        all_lengths = np.array([*lengths, left])
        ends = all_lengths.cumsum()
        starts = ends - all_lengths
        row_of = np.repeat(np.arange(len(all_lengths)), all_lengths)
        first = starts[row_of[::block]] // block
        last = (ends[row_of[block - 1 :: block]] - 1) // block
        blocks = size // block
        number = torch.from_numpy((last - first + 1).astype(np.int32))[None, None]
        places = np.minimum(first[:, None] + np.arange(blocks), blocks - 1).astype(np.int32)
        rows = encoder._moved(row_of)

        def same_row(b: Tensor, head: Tensor, q: Tensor, k: Tensor) -> Tensor:
            return rows[q] == rows[k]

        mask = BlockMask.from_kv_blocks(
            number.to(device),
            torch.from_numpy(places)[None, None].to(device),
            BLOCK_SIZE=block,
            mask_mod=same_row,
            seq_lengths=(size, size),
            compute_q_blocks=False,
        )
        hidden = model.embeddings(encoder._moved(ids))
        for layer in model.encoder.layer:
            hidden = compiled(layer, hidden, mask)
        sums = torch.zeros(len(all_lengths), hidden.shape[-1], device=device).index_add_(0, rows, hidden.float())
        return sums[:-1] / torch.tensor(lengths, device=device)[:, None]

    return embed


def measure(device: str, out: Path) -> list[Row]:
    """Times each way of DNABERT-2 and of DNABERT, and of texcnn-mini's language model with and without a CUDA graph."""
    torch.manual_seed(0)
    if device == "cpu":
        use_tiny_sizes()
    return [*_dnabert2_rows(device, out), *_dnabert_rows(device), *_mini_rows(device)]


def _dnabert2_rows(device: str, out: Path) -> list[Row]:
    low = torch.bfloat16
    full = dnabert2()
    tokens = full.tokenize(segments_of_genes(GENES_PER_ROUND[device]))
    expected = full.embed(tokens[:21])
    mixed, whole, compiled = (full.copy() for _ in range(3))
    autocast_linears(mixed, low)
    mixed.to(torch.device(device))
    whole.compute_in(low).to(torch.device(device))
    compiled.compute_in(low).to(torch.device(device))
    compile_encoders([compiled], torch.device(device))

    def with_autocast(rows: Rows) -> Tensor:
        with torch.autocast(device, low):
            return mixed.embed(rows)

    ways: dict[str, tuple[Callable[[Rows], Tensor], int, int]] = {
        "float32 residual, autocast, 8k tokens of 512": (with_autocast, 8192, 512),
        "float32 residual, autocast, 32k tokens of 4096": (with_autocast, 32768, 4096),
        "bfloat16, 8k tokens of 512": (whole.embed, 8192, 512),
        "bfloat16, 32k tokens of 1344": (whole.embed, 32768, 1344),
        "bfloat16, 32k tokens of 4096": (whole.embed, 32768, 4096),
        "bfloat16, 64k tokens of all": (whole.embed, 65536, 10**6),
        "bfloat16, padded, 32k tokens of 4096": (functools.partial(padded, whole), 32768, 4096),
        "compiled, 8k tokens of 4096": (compiled.embed, 8192, 4096),
        "compiled, 16k tokens of 4096": (compiled.embed, 16384, 4096),
        "compiled, 32k tokens of 1344": (compiled.embed, 32768, 1344),
        "compiled, 32k tokens of 4096": (compiled.embed, 32768, 4096),
    }
    rows = _timed("DNABERT-2", ways, tokens, expected, device, gated=True)
    batch = sorted(tokens, key=len)[-280:]
    profiled = [_profile(name, encoder, batch, device) for name, encoder in (("eager", whole), ("compiled", compiled))]
    (out / "profile.txt").write_text("\n\n".join(profiled), encoding="utf-8")
    return [*rows, *_layer_products(device)]


def _dnabert_rows(device: str) -> list[Row]:
    full = dnabert()
    tokens = full.tokenize(segments_of_genes(GENES_PER_ROUND[device] // 2 or 1))
    expected = full.embed(tokens[:3])
    whole, compiled = (full.copy().compute_in(torch.bfloat16).to(torch.device(device)) for _ in range(2))
    compile_encoders([compiled], torch.device(device))
    ways: dict[str, tuple[Callable[[Rows], Tensor], int, int]] = {
        "bfloat16, 8k tokens": (whole.embed, 8192, 10**6),
        "bfloat16, 32k tokens": (whole.embed, 32768, 10**6),
        "compiled, 32k tokens": (compiled.embed, 32768, 10**6),
    }
    return _timed("DNABERT", ways, tokens, expected, device, gated=False)


def measure_flex(device: str) -> list[Row]:
    """Times DNABERT-2 with FlexAttention."""
    torch.manual_seed(0)
    if device == "cpu":
        use_tiny_sizes()
    full = dnabert2()
    tokens = full.tokenize(segments_of_genes(GENES_PER_ROUND[device]))
    expected = full.embed(tokens[:21])
    whole = full.copy().compute_in(torch.bfloat16).to(torch.device(device))
    size = 32768 if device == "cuda" else 4096
    ways = {f"FlexAttention, whole layers compiled, {size} tokens": (flex_encoder(whole, size), size, 4096)}
    return _timed("DNABERT-2", ways, tokens, expected, device, gated=True)


def _timed(
    name: str,
    ways: dict[str, tuple[Callable[[Rows], Tensor], int, int]],
    tokens: Rows,
    expected: Tensor,
    device: str,
    *,
    gated: bool,
) -> list[Row]:
    """Each way's TFLOP/s, its share of the matrix product, and its smallest correlation with float32."""
    where = torch.device(device)
    useful = batch_flops(map(len, tokens), gated=gated, **FLOP_SIZES)
    rows: list[Row] = []
    peaks: list[float] = []
    runs: dict[str, Callable[[], object]] = {"peak": lambda: peaks.append(gemm_flops_per_second(where, torch.bfloat16))}
    for what, (embed, budget, pool) in ways.items():
        try:
            found = in_batches(embed, tokens, budget, pool)
        except Exception as error:  # the other ways must still be timed
            rows.append(Row(f"{name}, {what}", None, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"))
            continue
        pairs = zip(found[: len(expected)].numpy(), expected.numpy(), strict=True)
        smallest = min(float(np.corrcoef(*pair)[0, 1]) for pair in pairs)
        rows.append(Row(f"{name}, {what}: 1 - r with float32", 1 - smallest, ""))
        runs[what] = functools.partial(in_batches, embed, tokens, budget, pool)
    seconds = time_rounds(runs, ROUNDS)
    for what in [run for run in runs if run != "peak"]:
        achieved = [useful / each for each in seconds[what]]
        rows.append(Row(f"{name}, {what}", statistics.median(achieved) / 1e12, "TFLOP/s"))
        rows.append(Row(f"{name}, {what}: share", median_ratio(achieved, peaks), "of the matrix product"))
    return [*rows, Row(f"{name}: matrix product", statistics.median(peaks) / 1e12, "TFLOP/s")]


def _layer_products(device: str) -> list[Row]:
    """The matrix products of a layer alone, of the layers' shapes: the most that an encoder could reach."""
    where, hidden, inner = torch.device(device), FLOP_SIZES["hidden"], FLOP_SIZES["intermediate"]
    rows = []
    shapes = ((hidden, 3 * hidden), (hidden, hidden), (hidden, 2 * inner), (inner, hidden))
    for size in (8192, 16384, 32768) if device == "cuda" else (512,):
        pairs = [
            (torch.randn(size, a, device=where).bfloat16(), torch.randn(b, a, device=where).bfloat16())
            for a, b in shapes
        ]

        def products(pairs: list[tuple[Tensor, Tensor]] = pairs) -> None:
            for _ in range(12):
                for left, right in pairs:
                    nn.functional.linear(left, right)
            synchronize(where)

        products()
        seconds = min(time_rounds({"products": products}, 5)["products"])
        flops = 12 * 2 * size * sum(a * b for a, b in shapes)
        rows.append(
            Row(f"matrix products of the layers' shapes alone, {size:,} tokens", flops / seconds / 1e12, "TFLOP/s")
        )
    return rows


def _profile(name: str, encoder: TokenEncoder, batch: Rows, device: str) -> str:
    """Where the time of one batch goes."""
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
    encoder.embed(batch)
    synchronize(torch.device(device))
    with profile(activities=activities) as found:
        encoder.embed(batch)
        synchronize(torch.device(device))
    key = "self_cuda_time_total" if device == "cuda" else "self_cpu_time_total"
    tokens = sum(map(len, batch))
    table = found.key_averages().table(sort_by=key, row_limit=30, max_name_column_width=90)
    return f"{name}: {len(batch)} rows, {tokens} tokens\n{table}"


def _mini_rows(device: str) -> list[Row]:
    """texcnn-mini: tokenizer, language model by batch size, motif convolutions, and what a CUDA graph would gain."""
    where = torch.device(device)
    network = load_model("texcnn-mini").segment_network()
    language, motifs = network.encoders
    n_genes = 256 if device == "cuda" else 2
    spec: SegmentSpec = network.segments
    pieces = [piece for window in random_windows(n_genes, WINDOW) for piece in spec.split(window).bases]
    language.to(where)
    motifs.to(where)
    tokens, bases = language.tokenize(pieces), motifs.tokenize(pieces)
    runs: dict[str, Callable[[], object]] = {
        "tokenizer": lambda: language.tokenize(pieces),
        "base codes": lambda: motifs.tokenize(pieces),
    }
    for budget in (8192, 32768, 131072):
        runs[f"language model, {budget // 1024}k tokens"] = functools.partial(
            in_batches, language.embed, tokens, budget, 4096
        )
    for budget in (8192, 131072):
        runs[f"motif convolutions, {budget // 1024}k bases"] = functools.partial(
            in_batches, motifs.embed, bases, budget, 4096
        )
    for run in runs.values():
        run()
    seconds = time_rounds(runs, ROUNDS)
    rows = [
        Row(f"texcnn-mini, {what}", statistics.median(times) / n_genes * 20_000, "s per 20,000 genes")
        for what, times in seconds.items()
    ]
    return rows if device == "cpu" else [*rows, *_graph_rows(language, sorted(tokens, key=len)[:64])]


@torch.inference_mode()
def _graph_rows(encoder: Any, batch: Rows) -> list[Row]:
    """One batch of 8k tokens again and again, launched kernel by kernel and as a CUDA graph."""
    lengths = [len(row) for row in batch]
    ids = encoder._moved(np.concatenate([np.asarray(row) for row in batch]))
    encoder.model.packed(ids, lengths)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            encoder.model.packed(ids, lengths)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        encoder.model.packed(ids, lengths)

    def eager() -> None:
        for _ in range(20):
            encoder.model.packed(ids, lengths)
        torch.cuda.synchronize()

    def replayed() -> None:
        for _ in range(20):
            graph.replay()
        torch.cuda.synchronize()

    seconds = time_rounds({"eager": eager, "graph": replayed}, 5)
    what = f"texcnn-mini's language model, {sum(lengths):,} tokens, {len(runs_of(lengths))} lengths"
    return [
        Row(f"{what}: one batch", statistics.median(seconds["eager"]) / 20 * 1e3, "ms"),
        Row(f"{what}: one batch, CUDA graph", statistics.median(seconds["graph"]) / 20 * 1e3, "ms"),
    ]
