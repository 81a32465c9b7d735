"""Enformer's trunk: convolutions and a transformer over one-hot bases; a segment's vector is the mean over its bins.

Source: Avsec et al. 2021 (doi:10.1038/s41592-021-01252-x), as the package enformer-pytorch ports it. The heads for
tracks and the crop to the middle are left out. The published network reads 196,608 bases, and was never shown a short
segment in surroundings of N: ask for long segments. Its distances between bins are computed by formula at every length;
TensorFlow's table of them, which the package has for 1,536 bins alone, is not used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from texcnn.encoders.base_encoder import BaseEncoder
from texcnn.encoders.checkpoint import load_weights
from texcnn.encoders.protocol import EncoderSpec
from texcnn.encoders.weights import EncoderFiles, read_checkpoint
from texcnn.errors import ModelError, RunError

_FIELDS = ("dim", "depth", "heads", "attn_dim_key", "num_downsamples", "dim_divisible_by")
"""The fields of ``config.json`` that the result depends on."""

_PARTS = {"stem": "_trunk.1.", "conv_tower": "_trunk.2.", "transformer": "_trunk.4.", "final_pointwise": "_trunk.6."}
"""The trunk's parts, and the second name that a checkpoint has for each."""


class EnformerEncoder(BaseEncoder):
    """Enformer without its heads, in float32.

    Attributes:
        model: The trunk, in evaluation mode.
        dim: Twice the width of its transformer: 3,072 for the published one.

    Args:
        model: A dictionary of the trunk's parts.
        config: Their sizes.
    """

    name = "enformer"
    token_cost = 1.0
    bundle_files: ClassVar[Mapping[str, str] | None] = {}

    def __init__(self, model: nn.ModuleDict, config: dict[str, Any]) -> None:
        super().__init__(model)
        self._parts = model
        self.dim = 2 * config["dim"]
        self._bin: int = 2 ** config["num_downsamples"]
        self._architecture = repr([config[field] for field in _FIELDS])

    def padded_length(self, length: int) -> int:
        """Whole bins: so each bin has bases of the row. What a bin sees of another depends on the number of bins."""
        return -(-length // self._bin) * self._bin

    def embed_bases(self, bases: Tensor) -> Tensor:
        """Averages the bins of one-hot rows ``(n, 4, length)``, float32 ``(n, dim)``."""
        hidden = self._parts["conv_tower"](self._parts["stem"](bases))
        return self._parts["final_pointwise"](self._parts["transformer"](hidden.transpose(1, 2))).mean(dim=1)

    def fingerprint_parts(self) -> Sequence[str]:
        """Name, pooling and sizes."""
        return self.name, "mean", self._architecture


def load_enformer(spec: EncoderSpec, bundle: EncoderFiles | None = None) -> EnformerEncoder:
    """Loads Enformer from the Hub cache, a folder or a model bundle.

    A folder holds ``config.json`` and ``model.safetensors`` or ``pytorch_model.bin``; a bundle's spec has the options
    ``config`` and ``prefix``.

    Raises:
        RunError: if the package enformer-pytorch is missing.
        ModelError: if anything is missing, left over, damaged or does not fit together.
    """
    try:
        from enformer_pytorch import Enformer, EnformerConfig
    except ImportError as error:
        raise RunError(
            f"Enformer needs the package enformer-pytorch: {error}", where=f"the encoder {spec.source}",
            remedy="pip install 'texcnn[enformer]', in a separate environment since it fixes transformers' version",
        ) from error  # fmt: skip
    checkpoint = read_checkpoint(spec, bundle)
    missing = [field for field in _FIELDS if field not in checkpoint.config]
    if missing:
        raise ModelError(f"the config lacks {', '.join(missing)}", where=checkpoint.where)
    config = {field: checkpoint.config[field] for field in _FIELDS}
    whole = Enformer(EnformerConfig(**config, output_heads={}))
    model = nn.ModuleDict({part: getattr(whole, part) for part in _PARTS})
    given = {_first_name(key): tensor for key, tensor in checkpoint.tensors.items()}
    load_weights(model, given, where=checkpoint.where, prefix="enformer.", ignored=("_heads.",))
    return EnformerEncoder(model, config)


def _first_name(key: str) -> str:
    for part, second in _PARTS.items():
        if key.startswith(second):
            return f"{part}.{key.removeprefix(second)}"
    return key
