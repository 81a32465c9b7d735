"""Matrix products of float32 on CPUs for which PyTorch's usual library has slow code.

PyTorch multiplies float32 with Intel's MKL, which on processors of other vendors takes no AVX-512. oneDNN, which
PyTorch has too, does: on an AMD EPYC (Zen 5) it reached 220 GFLOP/s a core where MKL reached 100. Both add up in
float32. The operator is the one that ``torch.compile`` calls; it is used once it has shown here that it does what is
expected.
"""

from __future__ import annotations

import functools
import logging
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


def has_faster_linear(values: Tensor, weight: Tensor) -> bool:
    """Whether :func:`one_dnn_linear` can compute a product, and would be faster."""
    return (
        values.dtype == weight.dtype == torch.float32
        and values.device.type == weight.device.type == "cpu"
        and values.numel() * len(weight) >= _WORTH_IT
        and weight.is_contiguous()  # of any other oneDNN has no fast code
        and not torch.is_grad_enabled()
        and one_dnn_is_faster()
    )


def one_dnn_linear(values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Multiplies with oneDNN; arguments and result are those of :func:`linear`."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(values, weight, bias, "none", [], "")
    return product


@functools.cache
def one_dnn_is_faster() -> bool:
    """Whether this is a CPU with AVX-512 that is not Intel's, and the operator gives what the public function gives."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or _vendor() in ("", "GenuineIntel"):
        return False
    values, weight, bias = torch.arange(24.0).view(2, 3, 4), torch.arange(20.0).view(5, 4) - 9, torch.arange(5.0)
    try:
        with torch.inference_mode():
            found = [one_dnn_linear(values, weight, each) for each in (bias, None)]
            expected = [F.linear(values, weight, each) for each in (bias, None)]
    except (AttributeError, NotImplementedError, RuntimeError, TypeError) as error:
        _LOG.debug("oneDNN's product is not used: %s", error)
        return False
    return all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def _vendor() -> str:
    """The processor's vendor as in Linux's ``/proc/cpuinfo``, such as ``AuthenticAMD``; empty where unknown."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("vendor_id")), "")
