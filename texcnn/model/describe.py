"""What a model is, read from its files in a moment: no network is built, torch is not loaded."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import asdict
from os import PathLike
from typing import Any

from texcnn.encoders.protocol import BUNDLE_SOURCE, EncoderSpec
from texcnn.errors import ModelError
from texcnn.features.half_life import HALF_LIFE_FEATURES, LOG10_NAMES
from texcnn.model.bundle import CARD, WEIGHTS, BundleConfig, BundleFiles
from texcnn.model.catalog import resolve_model

_WITHOUT_TOKENS = ("kmer-counts", "segment-cnn", "motif-cnn", "mpra-dragonn")
"""Encoders that slide over bases: what they cost grows with their weights and with the window."""

_CHEAP_WORK = 1e10
"""Bytes of weights x bases of a window, up to which a gene's vectors are made in some ten milliseconds of a core:
texcnn-mini's for 27,642 loci would be 13 GB on the disk, and take as long to write and read as to make again."""


def describe_model(name: str | PathLike[str] | None = None) -> dict[str, Any]:
    """Describes a model for a program that decides what to compute with it.

    Args:
        name: As :func:`texcnn.load_model` takes it.

    Returns:
        JSON-ready values: ``name``, ``version``, ``kind``, ``unit``; ``window`` and ``segments``; ``features``, and
        ``needed`` for those without a default; ``half_life``: how half-life features are scaled that fit this model
        (``plain`` or ``log10``), None where none do; ``cell_types``; ``assembly``: the genome it was trained on,
        with the fields of :class:`texcnn.genome.assembly.Assembly`, None where the bundle does not say;
        ``encoders``: a digest of what segments' vectors depend on, None for a model that reads bases;
        ``encoder_bytes``: the size of the encoders' weights, None where these are outside the bundle; ``cheap``:
        whether vectors take about as long to keep on a disk as to make; ``content``: a digest of everything but the
        model card.

    Raises:
        ModelError: when there is no such model, or it cannot be trusted.
    """
    files = BundleFiles(resolve_model(name))
    config = files.config
    names = [feature.name for feature in config.features]
    sums = {file: value for file, value in config.sha256.items() if file != CARD}
    tensors = _tensor_digests(files) if config.encoders else {}
    return {
        "name": config.name,
        "version": config.version,
        "kind": config.kind,
        "unit": config.unit,
        "window": asdict(config.window),
        "segments": None if config.segments is None else asdict(config.segments),
        "features": names,
        "needed": [feature.name for feature in config.features if feature.default is None],
        "half_life": _half_life_scale(names),
        "cell_types": list(files.cell_types["cell_type"]),
        "assembly": None if config.assembly is None else asdict(config.assembly),
        "encoders": _digest([_encoder(spec, files, tensors) for spec in config.encoders]) if config.encoders else None,
        "encoder_bytes": _encoder_bytes(config.encoders, tensors),
        "cheap": _is_cheap(config, tensors),
        "content": _digest({**config.to_json(), "sha256": sums}),
    }


def _half_life_scale(names: list[str]) -> str | None:
    logged = [LOG10_NAMES.get(name, name) for name in HALF_LIFE_FEATURES]
    if not names:
        return None
    if set(names) <= set(HALF_LIFE_FEATURES):
        return "plain"
    return "log10" if set(names) <= set(logged) else None


def _encoder(spec: EncoderSpec, files: BundleFiles, tensors: dict[str, tuple[int, str]]) -> dict[str, Any]:
    """Everything an encoder's vectors depend on, wherever the bundle keeps its weights."""
    if spec.source != BUNDLE_SOURCE:
        return spec.to_json()
    prefix = spec.options.get("prefix")
    options = {
        name: files.config.sha256.get(value, value) if isinstance(value, str) else value
        for name, value in spec.options.items()
        if name != "prefix"
    }
    held = {} if prefix is None else {
        name.removeprefix(prefix): digest for name, (_, digest) in tensors.items() if name.startswith(prefix)
    }  # fmt: skip
    return {"type": spec.type, "pooling": spec.pooling, "options": options, "tensors": held}


def _encoder_bytes(specs: Sequence[EncoderSpec], tensors: dict[str, tuple[int, str]]) -> int | None:
    if any(spec.source != BUNDLE_SOURCE for spec in specs):
        return None
    prefixes = tuple(spec.options["prefix"] for spec in specs if "prefix" in spec.options)
    return sum(size for name, (size, _) in tensors.items() if name.startswith(prefixes))


def _is_cheap(config: BundleConfig, tensors: dict[str, tuple[int, str]]) -> bool:
    held = _encoder_bytes(config.encoders, tensors)
    without_tokens = all(spec.type in _WITHOUT_TOKENS for spec in config.encoders)
    return without_tokens and held is not None and held * config.window.length < _CHEAP_WORK


def _tensor_digests(files: BundleFiles) -> dict[str, tuple[int, str]]:
    """Returns the bytes and a digest of each tensor, read from the file itself.

    A safetensors file is the length of its header (8 bytes, little-endian), the header as JSON, and the tensors' bytes.
    """
    digests = {}
    with (files.folder / WEIGHTS).open("rb") as handle:
        try:
            (length,) = struct.unpack("<Q", handle.read(8))
            header = json.loads(handle.read(length))
        except (ValueError, struct.error) as error:
            raise ModelError(f"unreadable weights: {error}", where=files.folder / WEIGHTS) from error
        for name, entry in sorted(header.items()):
            if name == "__metadata__":
                continue
            start, end = entry["data_offsets"]
            handle.seek(8 + length + start)
            described = f"{entry['dtype']} {entry['shape']}".encode()
            digests[name] = (end - start, hashlib.sha256(described + handle.read(end - start)).hexdigest())
    return digests


def _digest(values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
