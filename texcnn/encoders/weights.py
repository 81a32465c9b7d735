"""Where an encoder's files lie, whether they are the right ones, and how they get into a module."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from texcnn.errors import ModelError


def load_weights(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    *,
    where: object,
    prefix: str = "bert.",
    ignored: tuple[str, ...] = ("cls.", "pooler.", "embeddings.position_ids"),
) -> None:
    """Copies tensors into a module, every key accounted for.

    A checkpoint that does not fit is refused, since the alternative, random weights in its place, computes without a
    complaint.

    Args:
        module: Receives the tensors, converted to its own type.
        tensors: Key to tensor, as read from a checkpoint.
        where: The checkpoint, for messages.
        prefix: Taken off every key that starts with it.
        ignored: Keys that start so (after the prefix is taken off) belong to parts this module does not have.

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
    with torch.no_grad():
        for key, parameter in expected.items():
            parameter.copy_(given[key])
