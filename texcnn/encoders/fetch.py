"""The only download of an encoder: its files, from the Hub into the Hub's cache on this machine."""

from __future__ import annotations

from pathlib import Path

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

from texcnn.encoders.protocol import BUNDLE_SOURCE, EncoderSpec
from texcnn.encoders.weights import HUB_ID, check_sum, local_file
from texcnn.errors import ModelError, RunError


def fetch(spec: EncoderSpec, *, progress: bool = False) -> Path:
    """Downloads a Hub encoder's files into the local cache and checks them; the only function that downloads.

    Which files: those with a sum in ``spec.sha256``, and those listed in ``spec.options["unverified"]``, whose sums
    are unknown. What is in the cache already is not downloaded again.

    Args:
        spec: The encoder; its source must be a Hub id.
        progress: Show the Hub library's progress bars.

    Returns:
        The folder of the cache that holds them.

    Raises:
        ModelError: if the source is no Hub id, no file is named, or one does not exist there or has another sha256.
        RunError: if the network cannot be reached or is switched off.
    """
    if spec.source == BUNDLE_SOURCE or not HUB_ID.fullmatch(spec.source) or Path(spec.source).is_dir():
        raise ModelError(f"nothing to fetch for '{spec.source}'", allowed="an encoder whose source is a Hub id")
    names = [*spec.sha256, *spec.options.get("unverified", [])]
    if not names:
        raise ModelError(f"'{spec.source}' names no file to fetch", allowed="sha256, or the option 'unverified'")
    bars_were_off = are_progress_bars_disabled()
    if not progress:
        disable_progress_bars()
    try:
        paths = {name: local_file(spec, name) or _download(spec, name) for name in names}
    finally:
        if not bars_were_off:
            enable_progress_bars()
    for name, path in paths.items():
        check_sum(spec, name, path)
    return paths[names[0]].parent


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
    except LocalEntryNotFoundError as error:  # the library's error for a Hub that it cannot reach
        raise RunError(f"{what}: {error}", remedy="check the network connection and fetch again") from error
    except (RepositoryNotFoundError, RevisionNotFoundError, EntryNotFoundError) as error:
        raise ModelError(f"{what}: {error}", remedy="check the Hub id, the revision and the file name") from error
    except Exception as error:  # the library does not catch what its transport raises
        raise RunError(f"{what}: {error}", remedy="check the network connection and fetch again") from error
