"""Where an encoder's files are and whether they are the right ones; nothing here downloads."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from texcnn.encoders.checkpoint import CONFIG_FILE, WEIGHT_FILES, read_json, read_state_dict
from texcnn.encoders.known import known_name
from texcnn.encoders.protocol import BUNDLE_SOURCE, EncoderSpec
from texcnn.errors import ModelError
from texcnn.files import sha256_file

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_logger = logging.getLogger("texcnn")


class EncoderFiles(Protocol):
    """What an encoder needs of a model bundle whose weights include its own."""

    def tensors(self, prefix: str) -> dict[str, Tensor]:
        """Returns the tensors whose names start with a prefix, without that prefix."""
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
    """Reads an encoder's configuration and weights from the source of its spec.

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
    """Returns the bundle, or refuses a spec that needs one."""
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
        path = local_file(spec, name)
        if path is not None:
            check_sum(spec, name, path)
            return path
    wanted = " or ".join(names)
    if Path(spec.source).is_dir():
        raise ModelError(f"no {wanted}", where=spec.source, remedy="name the folder that holds the encoder's files")
    if not HUB_ID.fullmatch(spec.source):
        raise ModelError(
            f"no such encoder folder: '{spec.source}'", allowed=f"a folder, a Hub id (owner/name) or '{BUNDLE_SOURCE}'"
        )
    from texcnn.encoders import hub

    raise ModelError(
        f"no {wanted} of '{spec.source}' (revision {spec.revision or 'main'}) on this machine",
        where=f"no folder of that name, nor in the Hub cache {hub.cache()}",
        remedy=f"run: texcnn models fetch {known_name(spec)}",
    )


def local_file(spec: EncoderSpec, name: str) -> Path | None:
    """Returns where a file of the spec's folder or Hub repository is on this machine, None where it is not.

    Its sum is not checked; the files of a bundle are not looked for.
    """
    # Imported here: without it a bundle that holds its encoders starts a fifth of a second sooner.
    folder = Path(spec.source)
    if folder.is_dir():
        return folder / name if (folder / name).is_file() else None
    if spec.source == BUNDLE_SOURCE or not HUB_ID.fullmatch(spec.source):
        return None
    from texcnn.encoders import hub

    return hub.cached(spec, name)


def check_sum(spec: EncoderSpec, name: str, path: Path) -> None:
    """Compares a file's sha256 with the pinned one; warns where none is pinned for a download."""
    expected = spec.sha256.get(name)
    if expected is None:
        if not Path(spec.source).is_dir():
            _logger.warning("%s of %s is used as found: no checksum is known for it", name, spec.source)
        return
    found = sha256_file(path)
    if found != expected:
        raise ModelError(
            f"{name} has sha256 {found} instead of {expected}",
            where=path,
            remedy=f"delete the file and run: texcnn models fetch {known_name(spec)}",
        )
