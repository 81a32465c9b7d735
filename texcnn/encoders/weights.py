"""Where an encoder's files lie, whether they are the right ones, and how they get into a module.

Nothing here downloads but :func:`fetch`. Weights are read from safetensors, or from a ``pytorch_model.bin`` with
``weights_only=True``, so that no code of a download ever runs.
"""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import safetensors.torch
import torch
from huggingface_hub import constants, hf_hub_download
from huggingface_hub.utils import (
    EntryNotFoundError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
)
from safetensors import SafetensorError
from torch import Tensor, nn

from texcnn.encoders.known import known_name
from texcnn.encoders.protocol import BUNDLE_SOURCE, EncoderSpec
from texcnn.errors import ModelError, RunError

CONFIG_FILE = "config.json"
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_logger = logging.getLogger("texcnn")


class EncoderFiles(Protocol):
    """What an encoder needs of a model bundle whose weights include its own."""

    def tensors(self, prefix: str) -> dict[str, Tensor]:
        """Returns the tensors whose names start so, the prefix taken off."""
        ...

    def path(self, name: str) -> Path:
        """Returns a file of the bundle."""
        ...


@dataclass(frozen=True)
class Checkpoint:
    """An encoder's configuration and weights as they were found.

    Attributes:
        config: The fields of ``config.json``.
        tensors: Key to tensor.
        where: The file or bundle they came from, for messages.
    """

    config: dict[str, Any]
    tensors: dict[str, Tensor]
    where: str


def read_checkpoint(spec: EncoderSpec, bundle: EncoderFiles | None) -> Checkpoint:
    """Reads an encoder's configuration and weights from wherever its spec says.

    Raises:
        ModelError: if a file or an option is missing, cannot be read or is not the one that was pinned.
    """
    if spec.source == BUNDLE_SOURCE:
        tensors = require_bundle(spec, bundle).tensors(require_option(spec, "prefix"))
        return Checkpoint(require_option(spec, "config"), tensors, f"the bundle's encoder '{spec.type}'")
    config = read_json(find_file(spec, CONFIG_FILE))
    path = find_file(spec, *WEIGHT_FILES)
    return Checkpoint(config, read_state_dict(path), str(path))


def require_bundle(spec: EncoderSpec, bundle: EncoderFiles | None) -> EncoderFiles:
    """Returns the bundle, or says that this spec cannot stand without one."""
    if bundle is None:
        raise ModelError(
            f"encoder '{spec.type}' has source '{BUNDLE_SOURCE}', but no bundle is open",
            remedy="load it through its model bundle, or name a Hub id or a folder as the source",
        )
    return bundle


def require_option(spec: EncoderSpec, name: str) -> Any:
    """Returns an option of the spec.

    Raises:
        ModelError: if the spec does not have it.
    """
    if name not in spec.options:
        raise ModelError(
            f"encoder '{spec.type}' lacks the option '{name}'",
            where=f"the options of source '{spec.source}'",
            allowed=f"{', '.join(sorted(spec.options)) or 'none'} are given",
        )
    return spec.options[name]


def find_file(spec: EncoderSpec, *names: str) -> Path:
    """Finds a file of the spec's folder or, in the local cache, of its Hub repository; never downloads.

    Args:
        spec: Names the source and the sums its files must have.
        *names: Alternatives; one whose sum is pinned is taken before the others, then in this order.

    Raises:
        ModelError: if none is there, or if the sha256 is not the pinned one.
    """
    for name in sorted(names, key=lambda name: name not in spec.sha256):
        path = _local_path(spec, name)
        if path is not None:
            _check_sum(spec, name, path)
            return path
    wanted = " or ".join(names)
    if Path(spec.source).is_dir():
        raise ModelError(f"no {wanted}", where=spec.source, remedy="name the folder that holds the encoder's files")
    if not _HUB_ID.fullmatch(spec.source):
        raise ModelError(
            f"no such encoder folder: '{spec.source}'", allowed=f"a folder, a Hub id (owner/name) or '{BUNDLE_SOURCE}'"
        )
    raise ModelError(
        f"no {wanted} of '{spec.source}' (revision {spec.revision or 'main'}) on this machine",
        where=f"no folder of that name, nor in the Hub cache {constants.HF_HUB_CACHE}",
        remedy=f"run: texcnn models fetch {known_name(spec)}",
    )


def fetch(spec: EncoderSpec, *, progress: bool = False) -> dict[str, Path]:
    """Downloads a Hub encoder's files into the local cache and checks them; the only function that downloads.

    Which files: those with a sum in ``spec.sha256``, and those listed in ``spec.options["unverified"]``, whose sums
    nobody has vouched for. What is in the cache already is not downloaded again.

    Args:
        spec: The encoder; its source must be a Hub id.
        progress: Show the Hub library's progress bars.

    Returns:
        File name to its place in the cache.

    Raises:
        ModelError: if the source is no Hub id, a file does not exist there or has another sha256.
        RunError: if the network cannot be reached or is switched off.
    """
    if spec.source == BUNDLE_SOURCE or not _HUB_ID.fullmatch(spec.source) or Path(spec.source).is_dir():
        raise ModelError(f"nothing to fetch for '{spec.source}'", allowed="an encoder whose source is a Hub id")
    names = [*spec.sha256, *spec.options.get("unverified", [])]
    bars_were_off = are_progress_bars_disabled()
    if not progress:
        disable_progress_bars()
    try:
        paths = {name: _local_path(spec, name) or _download(spec, name) for name in names}
    finally:
        if not bars_were_off:
            enable_progress_bars()
    for name, path in paths.items():
        _check_sum(spec, name, path)
    return paths


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
        ModelError: if the file is not one.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read the configuration: {error}", where=path) from error
    if not isinstance(values, dict):
        raise ModelError("the configuration is not a JSON object", where=path)
    return values


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Reads key and tensor pairs from ``*.safetensors``, or from a PyTorch file without running code in it.

    Raises:
        ModelError: if the file is damaged, holds anything but tensors, or would need code to run.
    """
    try:
        if path.suffix == ".safetensors":
            tensors = safetensors.torch.load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, SafetensorError, pickle.UnpicklingError) as error:
        raise ModelError(
            f"cannot read the weights: {str(error).splitlines()[0]}",
            where=path,
            allowed="safetensors, or a PyTorch state dict of tensors alone",
            remedy="fetch the file again",
        ) from error
    if not isinstance(tensors, Mapping) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise ModelError("the weights are no state dict of tensors alone", where=path)
    return dict(tensors)


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
        ignored: Keys that start so (after the prefix is taken off) belong to parts an encoder does not need.

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


def _local_path(spec: EncoderSpec, name: str) -> Path | None:
    """Where a file lies on this machine, if it does."""
    folder = Path(spec.source)
    if folder.is_dir():
        return folder / name if (folder / name).is_file() else None
    if not _HUB_ID.fullmatch(spec.source):
        return None
    try:
        return Path(hf_hub_download(spec.source, name, revision=spec.revision, local_files_only=True))
    except LocalEntryNotFoundError:
        return None


def _download(spec: EncoderSpec, name: str) -> Path:
    """Downloads one file into the Hub cache."""
    what = f"cannot download {name} of '{spec.source}' (revision {spec.revision or 'main'})"
    if constants.HF_HUB_OFFLINE:
        raise RunError(
            f"{what}: the Hub is switched off",
            where="the environment variable HF_HUB_OFFLINE",
            remedy="unset it and fetch again, or copy the files into a folder and name that as the source",
        )
    try:
        return Path(hf_hub_download(spec.source, name, revision=spec.revision))
    except LocalEntryNotFoundError as error:  # how the library says that it could not reach the Hub
        raise RunError(f"{what}: {error}", remedy="check the network connection and fetch again") from error
    except (RepositoryNotFoundError, RevisionNotFoundError, EntryNotFoundError) as error:
        raise ModelError(f"{what}: {error}", remedy="check the Hub id, the revision and the file name") from error
    except Exception as error:  # the library lets through whatever its transport raises
        raise RunError(f"{what}: {error}", remedy="check the network connection and fetch again") from error


def _check_sum(spec: EncoderSpec, name: str, path: Path) -> None:
    """Compares a file's sha256 with the pinned one; says so where none is pinned for a download."""
    expected = spec.sha256.get(name)
    if expected is None:
        if not Path(spec.source).is_dir():
            _logger.warning("%s of %s is used as found: no checksum is known for it", name, spec.source)
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise ModelError(
            f"{name} has sha256 {found} instead of {expected}",
            where=path,
            remedy=f"delete the file and run: texcnn models fetch {known_name(spec)}",
        )
