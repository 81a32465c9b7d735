"""Products and attention of language models on a CPU: the numbers of PyTorch's functions, and where they are used."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch file uses
from torch import Tensor

from texcnn import cpu_products
from texcnn.encoders import cpu_kernels
from texcnn.encoders.cpu_kernels import CpuKernels
from texcnn.encoders.dnabert import load_dnabert
from texcnn.encoders.dnabert2 import load_dnabert2
from texcnn.encoders.protocol import EncoderSpec
from texcnn.encoders.token_encoder import TokenEncoder

ROWS, HEADS, LENGTH, HEAD = 3, 4, 21, 8


@pytest.fixture(autouse=True)
def no_gradients() -> object:
    with torch.inference_mode():
        yield


def given(dtype: torch.dtype = torch.bfloat16) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values as a packed batch has them, not contiguous."""
    generator = torch.Generator().manual_seed(0)
    packed = torch.randn(ROWS, LENGTH, 3, HEADS, HEAD, generator=generator).to(dtype)
    query, key, value = packed.permute(2, 0, 3, 1, 4)
    return query, key, value


def bias() -> Tensor:
    distance = (torch.arange(LENGTH)[None] - torch.arange(LENGTH)[:, None]).abs()
    return -(0.5 ** torch.arange(HEADS))[None, :, None, None] * distance


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, dropout: float = 0.0) -> Tensor:
    with CpuKernels():
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[torch.Size]:
    """The shapes of what is computed as two products."""
    shapes: list[torch.Size] = []
    products = cpu_kernels._attend_by_products

    def counted(query: Tensor, *rest: Tensor) -> Tensor:
        shapes.append(query.shape)
        return products(query, *rest)

    monkeypatch.setattr(cpu_kernels, "_attend_by_products", counted)
    return shapes


@pytest.fixture
def always_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """oneDNN's operator is said to be the faster one for every product of float32 and bfloat16."""
    if not all(cpu_products._works(dtype) for dtype in (torch.float32, torch.bfloat16)):
        pytest.skip("oneDNN's operator is not here")
    types = (torch.float32, torch.bfloat16)
    for module in (cpu_products, cpu_kernels):
        monkeypatch.setattr(module, "one_dnn_is_faster", lambda dtype=torch.float32: dtype in types)
    monkeypatch.setattr(cpu_products, "_WORTH_IT", 0)


@pytest.mark.parametrize("with_bias", [False, True])
def test_long_rows_of_float32_are_computed_head_by_head(
    computed: list[torch.Size], monkeypatch: pytest.MonkeyPatch, always_faster: None, with_bias: bool
) -> None:
    monkeypatch.setitem(cpu_kernels._LONGEST, torch.float32, LENGTH - 1)
    heads: list[torch.Size] = []
    by_heads = cpu_kernels._attend_by_heads

    def counted(query: Tensor, *rest: Tensor) -> None:
        heads.append(query.shape)
        by_heads(query, *rest)

    monkeypatch.setattr(cpu_kernels, "_attend_by_heads", counted)
    added = bias() if with_bias else None
    expected = F.scaled_dot_product_attention(*given(torch.float32), attn_mask=added)
    found = attend(*given(torch.float32), added)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert heads == [(HEADS, LENGTH, HEAD)] * ROWS
    monkeypatch.setattr(cpu_kernels, "_LONGEST_OF_HEADS", LENGTH - 1)
    attend(*given(torch.float32))
    assert len(heads) == ROWS
    assert len(computed) == 1


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float32, 1e-6), (torch.bfloat16, 0.01)])
def test_gelu_is_computed_with_its_product(
    always_faster: None, dtype: torch.dtype, allowed: float, with_bias: bool
) -> None:
    values, layer = torch.randn(64, 128).to(dtype), torch.nn.Linear(128, 64, bias=with_bias).to(dtype)
    layer64 = torch.nn.Linear(128, 64, bias=with_bias).double()
    layer64.load_state_dict({name: weight.double() for name, weight in layer.state_dict().items()})
    expected = F.gelu(layer64(values.double()))
    found = cpu_products.linear_gelu(values, layer.weight, layer.bias)
    assert found.dtype == dtype
    assert (found - expected).norm() <= allowed * expected.norm()
    with torch.inference_mode(False), torch.enable_grad():
        ours = torch.nn.Linear(128, 64).to(dtype)
        given_values = torch.randn(3, 128).to(dtype)
        activated = cpu_products.linear_gelu(given_values, ours.weight, ours.bias)
        assert torch.equal(activated, F.gelu(ours(given_values)))
        activated.sum().backward()
        assert ours.weight.grad is not None


@pytest.mark.parametrize("scores", [LENGTH**2, 3 * LENGTH**2, 10**6], ids=["a head", "three heads", "all"])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float32, 1e-6), (torch.bfloat16, 0.01)])
def test_attention_is_pytorchs(
    computed: list[torch.Size],
    monkeypatch: pytest.MonkeyPatch,
    with_bias: bool,
    scores: int,
    dtype: torch.dtype,
    allowed: float,
) -> None:
    monkeypatch.setattr(cpu_kernels, "_SCORES", scores)
    added = bias() if with_bias else None
    expected = F.scaled_dot_product_attention(*(each.float() for each in given(dtype)), attn_mask=added)
    added = added if added is None else added.to(dtype)
    found = attend(*given(dtype), added)
    assert computed == [(ROWS, HEADS, LENGTH, HEAD)]
    assert (found.shape, found.dtype) == (expected.shape, dtype)
    assert (found.float() - expected).norm() <= allowed * expected.norm()
    alone = attend(*(each[1:2] for each in given(dtype)), added)
    assert torch.equal(alone, found[1:2]), "a row does not depend on the others"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_pytorchs_kernel_is_used_elsewhere(
    computed: list[torch.Size], monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    attend(*given(dtype), dropout=0.5)
    attend(*given(torch.float64))
    with torch.inference_mode(False), torch.enable_grad():
        query, key, value = (torch.zeros(1, 1, 3, 2, dtype=dtype, requires_grad=True) for _ in range(3))
        attend(query, key, value).sum().backward()
        assert value.grad is not None
    monkeypatch.setitem(cpu_kernels._LONGEST, dtype, LENGTH - 1)
    monkeypatch.setattr(cpu_kernels, "_LONGEST_OF_HEADS", LENGTH - 1)
    attend(*given(dtype))
    assert not computed


KNOWN = (torch.arange(LENGTH) < 13).expand(1, 1, LENGTH, LENGTH)


@pytest.mark.parametrize("mask", [None, KNOWN], ids=["no mask", "mask"])
def test_another_librarys_call_is_answered(computed: list[torch.Size], mask: Tensor | None) -> None:
    expected = F.scaled_dot_product_attention(*(each.float() for each in given()), attn_mask=mask)
    with CpuKernels():
        found = F.scaled_dot_product_attention(*given(), attn_mask=mask, dropout_p=0.0, scale=HEAD**-0.5)
        assert len(computed) == 1
        assert (found.float() - expected).norm() <= 0.01 * expected.norm()
        F.scaled_dot_product_attention(*given(), is_causal=True)
        F.scaled_dot_product_attention(*given(), scale=1.0)
    F.scaled_dot_product_attention(*given(), attn_mask=mask)
    assert len(computed) == 1


@pytest.mark.parametrize("name", ["dnabert", "dnabert2"])
def test_encoders_use_it_in_both_types(
    computed: list[torch.Size], name: str, dnabert_folder: Path, dnabert2_folder: Path
) -> None:
    encoder: TokenEncoder
    if name == "dnabert":
        encoder = load_dnabert(EncoderSpec("dnabert", str(dnabert_folder), options={"k": 3}))
    else:
        encoder = load_dnabert2(EncoderSpec("dnabert2", str(dnabert2_folder)))
    tokens = encoder.tokenize(["ACGTACGTACGT", "GGGTTTAAACCC", "ACG"])
    full = encoder.embed(tokens)
    calls = len(computed)
    assert calls
    encoder.compute_in(torch.bfloat16)
    low = encoder.embed(tokens)
    assert len(computed) == 2 * calls
    assert (low - full).abs().max() < 0.05 * full.abs().max()
    # Padding is masked: a row alone has the vector that it has among longer ones.
    torch.testing.assert_close(encoder.embed(tokens[2:]), low[2:], rtol=0, atol=float(0.02 * full.abs().max()))


@pytest.fixture
def products(monkeypatch: pytest.MonkeyPatch) -> list[torch.Size]:
    """Shapes of the weights that are given to oneDNN, which counts as faster here; its answers are 1 too large."""
    shapes: list[torch.Size] = []

    def counted(values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        shapes.append(weight.shape)
        return F.linear(values, weight, bias) + 1

    monkeypatch.setattr(cpu_products, "one_dnn_is_faster", lambda dtype: dtype != torch.float64)
    for module in (cpu_products, cpu_kernels):
        monkeypatch.setattr(module, "one_dnn_linear", counted)
    return shapes


def within(layer: torch.nn.Linear, values: Tensor) -> Tensor:
    with CpuKernels():
        found: Tensor = layer(values)
    return found


class Quantised(Tensor):
    """Another library's weights, which have their own way to multiply."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_products_of_some_size_are_onednns(products: list[torch.Size], dtype: torch.dtype) -> None:
    values, layer = torch.randn(64, 128).to(dtype), torch.nn.Linear(128, 64).to(dtype)
    expected = layer(values)
    for found in (cpu_products.linear(values, layer.weight, layer.bias), within(layer, values)):
        torch.testing.assert_close(found, expected + 1)
    assert products == [(64, 128)] * 2

    def check(values: Tensor, layer: torch.nn.Linear) -> None:
        expected = layer(values)
        assert torch.equal(within(layer, values), expected)
        assert torch.equal(cpu_products.linear(values, layer.weight, layer.bias), expected)

    check(values[:2], layer)  # too small
    check(values.double(), torch.nn.Linear(128, 64).double())
    with torch.inference_mode(False), torch.enable_grad():
        check(values.clone(), torch.nn.Linear(128, 64).to(dtype))
    layer.weight = torch.nn.Parameter(torch.randn(128, 64).to(dtype).t(), requires_grad=False)  # oneDNN is slow so
    check(values, layer)
    weight = torch.nn.Parameter(torch.randn(64, 128).to(dtype).as_subclass(Quantised), requires_grad=False)
    assert not cpu_products.has_faster_linear(values, weight)
    assert len(products) == 2


@pytest.mark.parametrize(
    ("dtype", "capability", "processor", "shift", "expected"),
    [
        (torch.float32, "AVX512", "AuthenticAMD", 0.0, True),
        (torch.float32, "AVX512", "GenuineIntel", 0.0, False),
        (torch.float32, "AVX512", "", 0.0, False),
        (torch.float32, "AVX2", "AuthenticAMD", 0.0, False),
        (torch.float32, "AVX512", "AuthenticAMD", 1e-3, False),
        (torch.bfloat16, "AVX512", "fpu avx512f avx512_bf16", 0.0, True),
        (torch.bfloat16, "AVX512", "fpu amx_bf16", 0.0, True),
        (torch.bfloat16, "AVX512", "fpu avx512f", 0.0, False),
        (torch.bfloat16, "AVX512", "avx512_bf16", 1.0, False),
        (torch.float64, "AVX512", "AuthenticAMD avx512_bf16", 0.0, False),
    ],
)
def test_onednn_is_tried_where_the_other_way_is_slow(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, capability: str, processor: str, shift: float, expected: bool
) -> None:
    def answer(values: Tensor, weight: Tensor, bias: Tensor | None, *, gelu: bool = False) -> Tensor:
        product = F.linear(values, weight, bias)
        return (F.gelu(product) if gelu else product) + shift

    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(cpu_products, "_of_cpuinfo", lambda name: processor)
    monkeypatch.setattr(cpu_products, "one_dnn_linear", answer)
    assert cpu_products._is_faster(dtype) == expected

    def without_gelu(*given: Tensor, gelu: bool = False) -> Tensor:
        return answer(*given)

    monkeypatch.setattr(cpu_products, "one_dnn_linear", without_gelu)
    assert not cpu_products._is_faster(dtype)

    def gone(*given: object, gelu: bool = False) -> Tensor:
        raise AttributeError("no such operator")

    monkeypatch.setattr(cpu_products, "one_dnn_linear", gone)
    assert not cpu_products._is_faster(dtype)


@pytest.mark.skipif(not Path("/proc/cpuinfo").is_file(), reason="not Linux")
def test_the_processor_is_read_from_what_linux_says() -> None:
    assert cpu_products._of_cpuinfo("processor") == "0"
    assert cpu_products._of_cpuinfo("no such line") == ""


def test_onednns_product_is_pytorchs(always_faster: None) -> None:
    values, weight, bias = torch.randn(3, 50, 96), torch.randn(40, 96), torch.randn(40)
    found = cpu_products.one_dnn_linear(values, weight, bias)
    torch.testing.assert_close(found, F.linear(values, weight, bias), rtol=0, atol=1e-4)


def test_torch_compile_meets_an_operator_of_our_own(always_faster: None) -> None:
    """PyTorch's compiler fails on oneDNN's operator, whose weights it wants to have packed itself."""
    met: list[str] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> torch.fx.GraphModule:
        met.extend(str(node.target) for node in graph.graph.nodes if node.op == "call_function")
        return graph

    values, weight, bias = torch.randn(3, 50, 96), torch.randn(40, 96), torch.randn(40)
    found = torch.compile(cpu_products.linear_gelu, backend=backend, dynamic=True)(values, weight, bias)
    torch.testing.assert_close(found, F.gelu(F.linear(values, weight, bias)), rtol=0, atol=1e-4)
    assert [name for name in met if "linear" in name] == ["texcnn.linear"]
