"""Which options of ``texcnn train`` go together; said before any file is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from texcnn.errors import InputError

if TYPE_CHECKING:
    from texcnn.training.architectures import Architecture


def check_sources(
    architecture: str,
    network: Architecture,
    *,
    fasta: Path | None,
    embeddings: Path | None,
    model: str | None,
    encoders: tuple[str, ...],
    sized: bool,
) -> None:
    """Checks that what is read is said once, and can be read by the architecture.

    Args:
        architecture: Its name.
        network: The same.
        fasta: The genome.
        embeddings: The store in its place.
        model: The model whose encoders are taken.
        encoders: The encoders in its place.
        sized: Whether the window's size is given.

    Raises:
        InputError: when they contradict each other.
    """
    from texcnn.encoders.choose import check_one_source

    if network.reads != "encoders" and (model is not None or encoders or embeddings is not None):
        raise InputError(
            f"{architecture} reads {network.reads}, not other encoders' vectors",
            where="--model, --encoder, --embeddings",
            remedy="give --fasta and genes alone, or --architecture textcnn",
        )
    if embeddings is not None and sized:
        raise InputError("a store has its window already", where="--upstream, --downstream")
    check_one_source(model, encoders)
    if (fasta is None) == (embeddings is None):
        raise InputError(
            "give either a genome or a store", where="--fasta, --embeddings", allowed="exactly one of them"
        )


def check_tuning(
    architecture: str,
    network: Architecture,
    *,
    fine_tune: str | None,
    encoder_learning_rate: float | None,
    embeddings: Path | None,
    dtype: str,
    compiled: bool,
) -> None:
    """Checks that an encoder that shall learn, or be compiled, is there and can.

    Args:
        architecture: Its name.
        network: The same.
        fine_tune: How much of the encoder shall learn; None for nothing.
        encoder_learning_rate: Its rate; None where it is not given.
        embeddings: The store that is read in place of a genome.
        dtype: Type of numbers that is asked for.
        compiled: Whether encoders shall be compiled.

    Raises:
        InputError: when they contradict each other.
    """
    if compiled and (fine_tune is not None or embeddings is not None or network.reads != "encoders"):
        raise InputError("there is no frozen encoder to compile", where="--compile", remedy="leave it out")
    if fine_tune is None:
        if encoder_learning_rate is not None:
            raise InputError("no encoder learns", where="--encoder-learning-rate", remedy="add --fine-tune")
        return
    remedy = "give --fasta and genes, and --architecture textcnn"
    if embeddings is not None:
        raise InputError("a store's vectors are of an encoder that stays as it is", where="--fine-tune", remedy=remedy)
    if network.reads != "encoders":
        raise InputError(
            f"{architecture} reads {network.reads}, there is no pre-trained encoder to tune",
            where="--fine-tune",
            remedy=remedy,
        )
    if dtype not in ("auto", "float32"):
        raise InputError(f"an encoder does not learn in {dtype}", where="--dtype", allowed="float32 with --fine-tune")
