"""Encoder types by name: the built-in ones and those that other packages add.

A package adds a type with an entry point in the group ``texcnn.encoders`` that names a function
``(spec, bundle) -> Encoder``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from texcnn.encoders.protocol import Encoder, EncoderSpec
from texcnn.encoders.weights import EncoderFiles
from texcnn.errors import ModelError, TexcnnError, unknown_name

GROUP = "texcnn.encoders"

EncoderFactory = Callable[[EncoderSpec, EncoderFiles | None], Encoder]


@dataclass(frozen=True)
class _Factory:
    """Imports its function when it is called, so that a broken plugin fails alone and by its own name."""

    entry_point: EntryPoint

    def __call__(self, spec: EncoderSpec, bundle: EncoderFiles | None) -> Encoder:
        """Loads the encoder."""
        try:
            return self.entry_point.load()(spec, bundle)
        except TexcnnError:
            raise
        except Exception as error:  # a plugin can fail in any way
            raise ModelError(
                f"encoder type '{spec.type}' failed to load: {type(error).__name__}: {error}",
                where=f"{self.entry_point.value}{_distribution(self.entry_point)}",
                remedy="update or remove the package that provides it",
            ) from error


# Named here as well as in pyproject.toml, so that a source tree works that was never installed.
_BUILT_IN: dict[str, EncoderFactory] = {
    point.name: _Factory(point)
    for point in (
        EntryPoint("dnabert", "texcnn.encoders.dnabert:load_dnabert", GROUP),
        EntryPoint("dnabert2", "texcnn.encoders.dnabert2:load_dnabert2", GROUP),
        EntryPoint(
            "nucleotide-transformer", "texcnn.encoders.nucleotide_transformer:load_nucleotide_transformer", GROUP
        ),
        EntryPoint("enformer", "texcnn.encoders.enformer:load_enformer", GROUP),
        EntryPoint("word2vec", "texcnn.encoders.word2vec:load_word2vec", GROUP),
        EntryPoint("kmer-counts", "texcnn.encoders.kmer_counts:load_kmer_counts", GROUP),
        EntryPoint("motif-cnn", "texcnn.encoders.motif_cnn:load_motif_cnn", GROUP),
        EntryPoint("mpra-dragonn", "texcnn.encoders.mpra_dragonn:load_mpra_dragonn", GROUP),
        EntryPoint("segment-cnn", "texcnn.encoders.segment_cnn:load_segment_cnn", GROUP),
    )
}


def encoder_types() -> dict[str, EncoderFactory]:
    """Returns every encoder type: built-in ones first, then those of other packages.

    A type is imported only when it is used. A built-in name cannot be taken over.
    """
    types = dict(_BUILT_IN)
    for entry_point in sorted(entry_points(group=GROUP), key=lambda entry_point: entry_point.name):
        types.setdefault(entry_point.name, _Factory(entry_point))
    return types


def load_encoder(spec: EncoderSpec, *, bundle: EncoderFiles | None = None) -> Encoder:
    """Loads the encoder that a spec describes, on the CPU.

    Args:
        spec: Type, source and pooling.
        bundle: The open model bundle, for a spec whose weights are in it.

    Raises:
        ModelError: for an unknown type, a pooling that the type does not have, or if the encoder cannot be loaded.
    """
    factory: EncoderFactory | None = _BUILT_IN.get(spec.type)
    if factory is None:  # only then: finding what is installed reads the names of all packages
        types = encoder_types()
        if spec.type not in types:
            raise unknown_name("encoder type", spec.type, types, error=ModelError)
        factory = types[spec.type]
    encoder = factory(spec, bundle)
    # Each pooling gives other vectors: an encoder must not ignore a name that it does not know.
    had = getattr(encoder, "pooling", "mean")
    if spec.pooling != had:
        raise ModelError(f"encoder type '{spec.type}' has no pooling '{spec.pooling}'", where=spec.source, allowed=had)
    return encoder


def _distribution(entry_point: EntryPoint) -> str:
    """Names the package an entry point came from, where it is known."""
    return f" of {entry_point.dist.name} {entry_point.dist.version}" if entry_point.dist else ""
