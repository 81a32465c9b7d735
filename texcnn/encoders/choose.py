"""Finds an encoder by the name that a user gives."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from texcnn.encoders.checkpoint import CONFIG_FILE, read_json
from texcnn.encoders.known import KNOWN_ENCODERS
from texcnn.encoders.protocol import EncoderSpec
from texcnn.encoders.registry import encoder_types
from texcnn.errors import InputError, ModelError, unknown_name
from texcnn.segments.kmer import KmerTokenizer


def check_one_source(model: object, encoders: Iterable[str]) -> None:
    """Refuses a model together with encoders that would replace it.

    Raises:
        InputError: when both are given.
    """
    if model is not None and list(encoders):
        raise InputError("both a model and encoders are given", where="`model` and `encoders`", allowed="one of them")


def encoder_spec(name: str) -> EncoderSpec:
    """Finds the encoder with a name.

    Args:
        name: A published encoder's short name, the folder of a checkpoint in the original DNABERT or DNABERT-2
            layout, or ``TYPE=FOLDER`` for any other registered type, such as ``nucleotide-transformer``.

    Returns:
        What :func:`texcnn.encoders.registry.load_encoder` takes.

    Raises:
        ModelError: when it is neither, or the folder's config belongs to no encoder known here.
    """
    if name in KNOWN_ENCODERS:
        return KNOWN_ENCODERS[name]
    kind, _, given = name.partition("=")
    if given and not Path(name).is_dir():
        types = encoder_types()
        if kind not in types:
            raise unknown_name("encoder type", kind, types, error=ModelError, where="`encoders`")
        return EncoderSpec(type=kind, source=given)
    folder = Path(name)
    if not folder.is_dir():
        raise unknown_name("encoder", name, [*KNOWN_ENCODERS, "a folder"], error=ModelError, where="`encoders`")
    path = folder / CONFIG_FILE
    config = read_json(path)
    if "alibi_starting_size" in config:
        return EncoderSpec(type="dnabert2", source=name)
    vocab_size = config.get("vocab_size", 0)
    sizes = {KmerTokenizer(k).vocab_size: k for k in (3, 4, 5, 6)}
    if vocab_size in sizes:
        return EncoderSpec(type="dnabert", source=name, options={"k": sizes[vocab_size]})
    raise ModelError(
        f"an encoder with {vocab_size} tokens and no ALiBi is neither DNABERT nor DNABERT-2",
        where=path,
        allowed=f"alibi_starting_size (DNABERT-2), or a vocabulary of {', '.join(map(str, sizes))} (DNABERT)",
    )
