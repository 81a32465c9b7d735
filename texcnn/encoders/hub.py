"""The Hub's cache on this machine; nothing here downloads."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import constants, hf_hub_download
from huggingface_hub.utils import LocalEntryNotFoundError

from texcnn.encoders.protocol import EncoderSpec


def cache() -> str:
    """Returns the cache's folder."""
    return str(constants.HF_HUB_CACHE)


def cached(spec: EncoderSpec, name: str) -> Path | None:
    """Returns where the cache has a file of the spec's Hub repository, None where it does not."""
    try:
        return Path(hf_hub_download(spec.source, name, revision=spec.revision, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
