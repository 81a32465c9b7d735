"""Reads an encoder's files, and loads their weights into a module.

Weights are read from safetensors, or from a ``pytorch_model.bin`` with ``weights_only=True``, so that no code of a
download ever runs.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from texcnn.encoders.lfs_pointer import refuse_lfs_pointer
from texcnn.errors import ModelError
from texcnn.typed_json import read_object

CONFIG_FILE = "config.json"
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")

_SHOWN_NAMES = 5

DROPOUT_FIELDS = ("hidden_dropout_prob", "attention_probs_dropout_prob")
"""The fields of a BERT's config that only fine-tuning depends on."""


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
        ModelError: if the file is not one.
    """
    refuse_lfs_pointer(path)
    return read_object(path, error=ModelError)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Reads key and tensor pairs from ``*.safetensors``, or from a PyTorch file without running code in it.

    Raises:
        ModelError: if the file is damaged, holds anything but tensors, or would need code to run.
    """
    refuse_lfs_pointer(path)
    try:
        if path.suffix == ".safetensors":
            tensors = safetensors.torch.load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes make both libraries raise almost anything, some without a message
        # PyTorch's own words advise to let the file run code.
        unsafe = isinstance(error, pickle.UnpicklingError)
        reason = "they are damaged, or more than tensors" if unsafe else _first_line(error)
        raise ModelError(
            f"cannot read the weights: {reason}",
            where=path,
            allowed="safetensors, or a PyTorch state dict of tensors alone",
            remedy="fetch the file again",
        ) from error
    if not isinstance(tensors, Mapping) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise ModelError("the weights are not a state dict of tensors alone", where=path)
    return dict(tensors)


def check_finite(tensors: Mapping[str, Tensor], *, where: object) -> None:
    """Refuses weights with NaN or infinite numbers, which would make every prediction NaN.

    Raises:
        ModelError: if a tensor has one, naming the first few.
    """
    wrong = [name for name, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if wrong:
        raise ModelError(
            f"the weights hold numbers that are not finite, in {', '.join(wrong[:_SHOWN_NAMES])}", where=where,
            remedy="train the model again, or fetch the file again",
        )  # fmt: skip


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def load_weights(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    *,
    where: object,
    prefix: str = "bert.",
    ignored: tuple[str, ...] = ("cls.", "pooler.", "embeddings.position_ids"),
) -> None:
    """Copies tensors into a module, every key accounted for.

    A checkpoint that does not fit is refused, since the alternative, random weights, computes without a
    complaint.

    Args:
        module: Receives the tensors, converted to its own type.
        tensors: Key to tensor, as read from a checkpoint.
        where: The checkpoint, for messages.
        prefix: Taken off every key that starts with it.
        ignored: Keys that start so (after the prefix is removed) belong to parts an encoder does not need.

    Raises:
        ModelError: if a key is missing or unexpected or a shape differs, naming each.
    """
    named = {key.removeprefix(prefix): tensor for key, tensor in tensors.items()}
    expected = module.state_dict()
    # A module that has one of the otherwise ignored parts, such as a masked-language-model head, does want its keys.
    given = {key: tensor for key, tensor in named.items() if key in expected or not key.startswith(ignored)}
    problems = []
    for title, keys in (("missing", expected.keys() - given.keys()), ("unexpected", given.keys() - expected.keys())):
        if keys:
            problems.append(f"{title} {', '.join(sorted(keys))}")
    for key in sorted(expected.keys() & given.keys()):
        if expected[key].shape != given[key].shape:
            problems.append(f"{key} has shape {tuple(given[key].shape)} instead of {tuple(expected[key].shape)}")
    if problems:
        raise ModelError(
            f"the weights do not fit: {'; '.join(problems)}",
            where=where,
            allowed=f"exactly the tensors of {type(module).__name__} with the sizes of its config",
            remedy="check that config.json and the weights belong to the same model of this encoder type",
        )
    check_finite({key: given[key] for key in expected}, where=where)
    with torch.no_grad():
        for key, parameter in expected.items():
            parameter.copy_(given[key])
