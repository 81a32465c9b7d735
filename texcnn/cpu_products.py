"""Matrix products on CPUs for which PyTorch's usual way is a slow one.

PyTorch multiplies float32 with Intel's MKL, which on processors of other vendors takes no AVX-512. oneDNN, which
PyTorch has too, does: on an AMD EPYC (Zen 5) it reached 220 GFLOP/s a core where MKL reached 100. Both add up in
float32.

Products of bfloat16 are oneDNN's in any case, but PyTorch writes the bias into the result first, for the product to be
added to it; oneDNN's operator adds it on the way out (3 to 11 % less time for the shapes of DNABERT's layers). So it
does with GELU, which then sees numbers that are not rounded yet.

The operator is the one that ``torch.compile`` calls; it is used once it has shown here that it does what is expected.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch file uses
from torch import Tensor

_LOG = logging.getLogger("texcnn")
_WORTH_IT = 2**18
"""Multiplications of a product from which on it is worth the other call."""


def linear(values: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Does what :func:`torch.nn.functional.linear` does, faster where that is slow and no gradient is needed.

    Args:
        values: ``(..., n_inputs)``.
        weight: ``(n_outputs, n_inputs)``.
        bias: ``(n_outputs,)``, or None.
    """
    if has_faster_linear(values, weight):
        return one_dnn_linear(values, weight, bias)
    return F.linear(values, weight, bias)


def linear_gelu(
    values: Tensor, weight: Tensor, bias: Tensor | None = None, *, gelu: Callable[[Tensor], Tensor] = F.gelu
) -> Tensor:
    """Returns the exact (erf) GELU of what :func:`linear` returns, in one step where that is faster.

    Args:
        values: As of :func:`linear`.
        weight: As of :func:`linear`.
        bias: As of :func:`linear`.
        gelu: The model's own module, which computes it elsewhere and whenever a gradient is needed.
    """
    if has_faster_linear(values, weight):
        return one_dnn_linear(values, weight, bias, gelu=True)
    return gelu(F.linear(values, weight, bias))


def has_faster_linear(values: Tensor, weight: Tensor) -> bool:
    """Whether :func:`one_dnn_linear` can compute a product, and would be faster."""
    return (
        type(weight)
        in (Tensor, torch.nn.Parameter)  # others, such as quantised weights, know how to multiply themselves
        and values.dtype == weight.dtype
        and values.device.type == weight.device.type == "cpu"
        and values.numel() * len(weight) >= _WORTH_IT
        and weight.is_contiguous()  # of any other oneDNN has no fast code
        and not torch.is_grad_enabled()
        and one_dnn_is_faster(values.dtype)
    )


def one_dnn_linear(values: Tensor, weight: Tensor, bias: Tensor | None, *, gelu: bool = False) -> Tensor:
    """Multiplies with oneDNN; arguments and result are those of :func:`linear`, or of :func:`linear_gelu`."""
    # torch.compile has code of its own for oneDNN's operator, which takes weights that it has packed before.
    multiply = torch.ops.texcnn.linear if torch.compiler.is_compiling() else _multiply
    product: Tensor = multiply(values, weight, bias, gelu)
    return product


def _multiply(values: Tensor, weight: Tensor, bias: Tensor | None, gelu: bool) -> Tensor:
    after, how = ("gelu", "none") if gelu else ("none", "")
    product: Tensor = torch.ops.mkldnn._linear_pointwise(values, weight, bias, after, [], how)
    return product


def _shape_of_product(values: Tensor, weight: Tensor, bias: Tensor | None, gelu: bool) -> Tensor:
    return values.new_empty(*values.shape[:-1], len(weight))


torch.library.define("texcnn::linear", "(Tensor values, Tensor weight, Tensor? bias, bool gelu) -> Tensor")
torch.library.impl("texcnn::linear", "CPU", _multiply)
torch.library.register_fake("texcnn::linear", _shape_of_product)


def one_dnn_is_faster(dtype: torch.dtype = torch.float32) -> bool:
    """Whether the operator is faster for a type on this CPU, and gives what the public functions give.

    It is for float32 where there is AVX-512 and the processor is not Intel's, and for bfloat16 where the processor
    multiplies it; for no other type.
    """
    if dtype not in _FASTER:
        _FASTER[dtype] = _is_faster(dtype)
    return _FASTER[dtype]


_FASTER: dict[torch.dtype, bool] = {}
"""What was found; a dictionary, as torch.compile calls a function behind ``functools.cache`` again."""


def _is_faster(dtype: torch.dtype) -> bool:
    if dtype == torch.float32:
        expected_faster = torch.backends.cpu.get_cpu_capability() == "AVX512" and _vendor() not in ("", "GenuineIntel")
    else:
        expected_faster = dtype == torch.bfloat16 and _multiplies_bfloat16()
    return expected_faster and _works(dtype)


def _works(dtype: torch.dtype) -> bool:
    """Whether the operator gives what the public functions give, for whole numbers that have no rounding."""
    given = torch.arange(24.0).view(2, 3, 4), torch.arange(20.0).view(5, 4) - 9, torch.arange(5.0)
    values, weight, bias = (each.to(dtype) for each in given)
    try:
        with torch.inference_mode():
            found = [one_dnn_linear(values, weight, each) for each in (bias, None)]
            expected = [F.linear(values, weight, each) for each in (bias, None)]
            activated = one_dnn_linear(values / 16, weight / 16, bias / 16, gelu=True)
            expected_activated = F.gelu(F.linear(values / 16, weight / 16, bias / 16))
    except (AttributeError, NotImplementedError, RuntimeError, TypeError) as error:
        _LOG.debug("oneDNN's product is not used: %s", error)
        return False
    same = all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
    return same and torch.allclose(activated.float(), expected_activated.float(), rtol=0, atol=0.02)


def _multiplies_bfloat16() -> bool:
    """Whether the processor has instructions for products of bfloat16, as in Linux's ``/proc/cpuinfo``."""
    flags = _of_cpuinfo("flags").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _vendor() -> str:
    """The processor's vendor as in Linux's ``/proc/cpuinfo``, such as ``AuthenticAMD``; empty where unknown."""
    return _of_cpuinfo("vendor_id")


def _of_cpuinfo(name: str) -> str:
    """What ``/proc/cpuinfo`` has of the first processor under a name; empty where it has nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name), "")
