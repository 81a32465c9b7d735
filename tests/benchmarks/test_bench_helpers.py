from __future__ import annotations

import sys
import time

import pytest

PEER_OF_TABLE = {"texcnn": [4.0, 10.0, 6.0], "recipe": [8.0, 90.0, 12.0]}


@pytest.fixture(autouse=True)
def benchmarks_on_path(monkeypatch, project):
    monkeypatch.syspath_prepend(str(project / "benchmarks"))
    yield
    for name in ("bench_table", "bench_flops"):
        sys.modules.pop(name, None)


def test_flops_of_a_token_by_hand():
    from bench_flops import flops_per_token

    # hidden 2, MLP 3, one layer, 5 tokens: 4 * 4 projections, 2 or 3 * 6 in the MLP, 2 * 5 * 2 attention, each x 2.
    assert flops_per_token(hidden=2, intermediate=3, layers=1, length=5, gated=False) == 2 * (16 + 12 + 20)
    assert flops_per_token(hidden=2, intermediate=3, layers=1, length=5, gated=True) == 2 * (16 + 18 + 20)
    assert flops_per_token(hidden=2, intermediate=3, layers=7, length=5, gated=True) == 7 * 2 * (16 + 18 + 20)


@pytest.mark.parametrize("gated", [True, False])
def test_flops_agree_with_what_torch_counts(gated):
    """PyTorch's own counter, on our DNABERT-2 (gated) and transformers' BERT."""
    import torch
    from bench_flops import batch_flops
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import BertConfig, BertModel

    from texcnn.encoders.dnabert2 import Dnabert2Config, Dnabert2Model

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    if gated:
        model = Dnabert2Model(Dnabert2Config(vocab_size=10, **sizes))
    else:
        config = BertConfig(vocab_size=10, attn_implementation="eager", **sizes)
        model = BertModel(config, add_pooling_layer=False)
    counter = FlopCounterMode(display=False)
    # The counter knows nothing of the CPU's fused attention, but sees the two products that it is made of.
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), counter:
        model.eval()(torch.ones(3, 7, dtype=torch.long))
    assert counter.get_total_flops() == batch_flops([7] * 3, hidden=16, intermediate=24, layers=2, gated=gated)


def test_padding_is_no_useful_work():
    from bench_flops import batch_flops, flops_per_token

    sizes = {"hidden": 2, "intermediate": 3, "layers": 1, "gated": True}
    assert batch_flops([5, 1], **sizes) == 5 * flops_per_token(length=5, **sizes) + flops_per_token(length=1, **sizes)
    assert batch_flops([], **sizes) == 0


def test_ratio_is_the_median_of_the_rounds_ratios():
    from bench_table import median_ratio

    # Ratios 2, 9 and 2: one busy round changes nothing. The ratio of the medians would be the same only by chance.
    assert median_ratio(PEER_OF_TABLE["recipe"], PEER_OF_TABLE["texcnn"]) == 2
    assert median_ratio([1, 2, 9], [1, 4, 3]) == 1
    with pytest.raises(ValueError, match="zip"):
        median_ratio([1.0], [1.0, 2.0])


def test_rounds_are_interleaved():
    from bench_table import time_rounds

    calls: list[str] = []
    seconds = time_rounds({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=3)
    assert calls == ["a", "b"] * 3
    assert {name: len(found) for name, found in seconds.items()} == {"a": 3, "b": 3}
    assert all(second >= 0 for found in seconds.values() for second in found)


def test_goals_count_their_bound_as_reached():
    from bench_table import Goal

    assert [Goal(2).reached(value) for value in (1.99, 2.0, 3.0)] == [False, True, True]
    assert [Goal(1.05, at_least=False).reached(value) for value in (1.0, 1.05, 1.06)] == [True, True, False]
    assert (str(Goal(1.15)), str(Goal(15, at_least=False))) == ("≥ 1.15", "≤ 15")


def test_table():
    from bench_table import Goal, Row, markdown, skipped

    rows = [
        Row("fast", 7.0, "x", Goal(7)),
        Row("slow", 1234567.8, "s", Goal(15, at_least=False)),
        Row("small", 0.01234, ""),
        Row("round", 99.96, ""),
    ]
    assert markdown({"encoders": rows, "windows": skipped("no kipoiseq", ["peer"])}).splitlines() == [
        "| measure | what | median | unit | wanted | reached |",
        "|---|---|---:|---|---|---|",
        "| encoders | fast | 7.00 | x | ≥ 7 | yes |",
        "| encoders | slow | 1,234,568 | s | ≤ 15 | **no** |",
        "| encoders | small | 0.0123 |  |  |  |",
        "| encoders | round | 100 |  |  |  |",
        "| windows | peer | not measured | no kipoiseq |  |  |",
    ]


def test_only_the_part_between_the_marks_is_replaced():
    from bench_table import END, START, replace_measured

    page = f"before\n{START}\nold\n{END}\nafter\n"
    once = replace_measured(page, "new")
    assert once == f"before\n{START}\n\nnew\n\n{END}\nafter\n"
    assert replace_measured(once, "newer") == once.replace("new", "newer")
    for broken in ("no marks", f"{START} only", f"{END} {START}", page + page):
        with pytest.raises(ValueError, match="marks"):
            replace_measured(broken, "new")


def test_the_committed_page_has_the_marks(project):
    from bench_table import replace_measured

    assert "new" in replace_measured((project / "benchmarks" / "README.md").read_text(encoding="utf-8"), "new")


def test_machine_is_described():
    from bench_table import describe_machine, peak_memory_mib

    said = describe_machine(time.gmtime(0), 1.26)
    assert said.startswith("1970-01-01 00:00 UTC; ")
    assert "load average when it began 1.3" in said
    assert "texcnn 0." in said
    assert 10 < peak_memory_mib() < 1e6
