"""Everything that stored vectors depend on: two stores of equal specs and genes hold the same numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from texcnn.encoders.protocol import Encoder, EncoderSpec
from texcnn.errors import StoreError, unknown_name
from texcnn.genome.windows import WindowSpec
from texcnn.segments.segment import SegmentSpec
from texcnn.store import STORE_DTYPES
from texcnn.typed_json import check_types

_SHOWN_DIGITS = 12


@dataclass(frozen=True)
class EncoderOrigin:
    """Where an encoder came from: what its fingerprint stands for, in words.

    Attributes:
        name: What messages call it.
        pooling: How token vectors become one.
        tokenizer: Digest of its tokenizer; empty where an encoder does not say.
        type: A name of the encoder registry.
        source: A Hub id, a folder or ``bundle``. A folder may have moved: no part of the comparison.
        revision: The pinned commit of a Hub id.
        sha256: File name to sha256, where the spec pins them.
    """

    name: str
    pooling: str = ""
    tokenizer: str = ""
    type: str = ""
    source: str = field(default="", compare=False)
    revision: str | None = None
    sha256: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, encoder: Encoder, spec: EncoderSpec | None) -> EncoderOrigin:
        """Describes a loaded encoder, and the spec it was loaded from where that is known."""
        tokenizer = getattr(getattr(encoder, "tokenizer", None), "fingerprint", "")
        if spec is None:
            return cls(encoder.name, getattr(encoder, "pooling", ""), tokenizer)
        return cls(encoder.name, spec.pooling, tokenizer, spec.type, spec.source, spec.revision, dict(spec.sha256))


@dataclass(frozen=True)
class StoreSpec:
    """Everything the vectors depend on.

    Attributes:
        encoders: Fingerprint of each encoder, in the order they are joined.
        dim: Length of a segment's joined vector.
        window: The window around the TSS.
        segments: How it is cut.
        fasta: Name of the genome's file.
        fasta_fingerprint: Digest of the genome's file.
        transcripts: Whether there is one row per transcript.
        genes_per_chunk: Genes written and read at a time.
        origins: Where each encoder came from.
        compute_dtype: Type of the encoders' matrix products.
        store_dtype: Type of the stored vectors, one of :data:`STORE_DTYPES`.

    Raises:
        InputError: when the store's type is not one of these.
    """

    encoders: tuple[str, ...]
    dim: int
    window: WindowSpec
    segments: SegmentSpec
    fasta: str
    fasta_fingerprint: str
    transcripts: bool = False
    genes_per_chunk: int = 64
    origins: tuple[EncoderOrigin, ...] = ()
    compute_dtype: str = "float32"
    store_dtype: str = "float32"

    def __post_init__(self) -> None:
        """Checks the type of the stored vectors."""
        if self.store_dtype not in STORE_DTYPES:
            raise unknown_name("type of stored vectors", self.store_dtype, STORE_DTYPES, where="`store_dtype`")

    @classmethod
    def from_json(cls, values: dict[str, Any], *, where: object = "the store's description") -> StoreSpec:
        """Reads the entries of ``store.json``.

        Raises:
            StoreError: when one is missing, unknown or of another type.
        """
        check_types(cls, values, where=where, error=StoreError)
        try:
            return cls._made_of(values)
        except TypeError as error:
            raise StoreError(f"unusable entries: {error}", where=where) from error

    @classmethod
    def _made_of(cls, values: dict[str, Any]) -> StoreSpec:
        made = {
            "encoders": tuple(values["encoders"]),
            "origins": tuple(EncoderOrigin(**origin) for origin in values.get("origins", ())),
            "window": WindowSpec(**values["window"]),
            "segments": SegmentSpec(**values["segments"]),
        }
        return cls(**{**values, **made})

    def bytes(self, n_genes: int) -> int:
        """Returns the bytes on disk of that many genes."""
        return store_bytes(n_genes, self.segments.n_segments(self.window.length), self.dim, self.store_dtype)

    def rows_per_chunk(self, n_genes: int) -> int:
        """Returns the genes of a full chunk."""
        return max(1, min(self.genes_per_chunk, n_genes))

    def n_chunks(self, n_genes: int) -> int:
        """Returns the number of chunks of a store of that many genes."""
        return -(-n_genes // self.genes_per_chunk)

    def differences(self, other: StoreSpec, names: Sequence[str] = ()) -> list[str]:
        """Lists where another spec differs, each as ``what: this one's value in the store, the other's now``.

        Args:
            other: What is wanted.
            names: Only these attributes; all when empty.
        """
        ours, theirs = (dict(_flat(asdict(spec))) for spec in (self, other))
        return [
            f"{name}: {_short(ours.get(name))} in the store, {_short(theirs.get(name))} now"
            for name in dict.fromkeys([*ours, *theirs])
            if ours.get(name) != theirs.get(name)
            and not name.endswith(".source")
            and (not names or name.split(".")[0] in names)
        ]


def store_bytes(n_genes: int, n_segments: int, dim: int, store_dtype: str) -> int:
    """Returns the bytes on disk of a store's vectors, masks and fractions of N, which are not compressed.

    Args:
        n_genes: Rows.
        n_segments: Per gene.
        dim: Length of a segment's joined vector.
        store_dtype: One of :data:`STORE_DTYPES`.
    """
    return n_genes * (n_segments * (dim * STORE_DTYPES[store_dtype] + 1) + 8)


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        entries = [(str(key), inner) for key, inner in value.items()]
    elif isinstance(value, tuple | list):
        entries = [(str(place), inner) for place, inner in enumerate(value, 1)]
    else:
        yield name, value
        return
    for key, inner in entries:
        yield from _flat(inner, f"{name}.{key}" if name else key)


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    # Digests: the first digits suffice.
    return text if len(text) < 40 else f"{text[:_SHOWN_DIGITS]}..."
