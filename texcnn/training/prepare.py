"""From labelled genes to a network's inputs, and what its bundle must record about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from texcnn.embedding.options import ComputeOptions
from texcnn.encoders.kmer_counts import KmerCountsEncoder
from texcnn.encoders.protocol import BUNDLE_SOURCE, EncoderSpec
from texcnn.encoders.word2vec import fit_word2vec
from texcnn.errors import StoreError
from texcnn.genome.gene import Annotation, Gene
from texcnn.genome.reference import Reference
from texcnn.genome.windows import WindowSpec, read_windows
from texcnn.model.held_encoders import ChosenEncoders
from texcnn.segments.bases import UNKNOWN, stack_codes
from texcnn.segments.segment import SegmentSpec
from texcnn.store.fill import describe_store, embed_genes
from texcnn.store.joined import JoinedStores
from texcnn.tables.split import TRAIN
from texcnn.training.architectures import Architecture
from texcnn.training.examples import Inputs, LabelledGenes, StoredVectors, WindowBases
from texcnn.training.finetune import FineTunedNetwork, SegmentTokens, Tuning


@dataclass(frozen=True)
class Prepared:
    """A network's inputs.

    Attributes:
        inputs: Of the usable genes.
        usable: One per labelled gene: whether enough of its window is known.
        sizes: The head's arguments that follow from the inputs.
        window: The window around the TSS.
        fasta: Name of the genome's file.
        segments: How the window is cut; None where the network reads bases.
        chosen: The encoders; None where the network reads bases.
        tuning: How one of them learns with the head; None where they stay as they are.
    """

    inputs: Inputs
    usable: list[bool]
    sizes: dict[str, int]
    window: WindowSpec
    fasta: str
    segments: SegmentSpec | None = None
    chosen: ChosenEncoders | None = None
    tuning: Tuning | None = None

    def network(self, head: nn.Module) -> nn.Module:
        """Makes what is fitted: the head, behind a copy of the encoder if that learns too."""
        return head if self.tuning is None else self.tuning.network(head)

    def tensors(self, network: nn.Module) -> dict[str, Tensor]:
        """Returns the bundle's tensors of a fitted network: its head, and encoders that no other place has."""
        tensors = {} if self.chosen is None else self.chosen.tensors
        if self.tuning is not None and isinstance(network, FineTunedNetwork):
            tensors, network = self.tuning.tensors(network), network.head
        return tensors | {f"head.{name}": value for name, value in network.state_dict().items()}


def fitted_encoders(
    architecture: Architecture, reference: Reference, labelled: LabelledGenes, window: WindowSpec, *, seed: int
) -> ChosenEncoders:
    """Makes the encoders that an architecture includes; a table sees only the windows of training genes."""
    segments = architecture.segments(window)
    if architecture.reads == "kmer-counts":
        spec = EncoderSpec("kmer-counts", BUNDLE_SOURCE, options={"k": architecture.k})
        return ChosenEncoders([KmerCountsEncoder(architecture.k)], (spec,), {}, {}, window, segments)
    genes = [gene for gene in labelled.genes if labelled.split.parts[gene.id] == TRAIN]
    encoder = fit_word2vec((read.sequence for read in read_windows(reference, genes, window)), seed=seed)
    spec = EncoderSpec("word2vec", BUNDLE_SOURCE, options={"k": encoder.k, "prefix": "encoders.0."})
    return ChosenEncoders([encoder], (spec,), {"encoders.0.table": encoder.table}, {}, window, segments)


def prepare_bases(genes: Sequence[Gene], reference: Reference, window: WindowSpec) -> Prepared:
    """Reads the genes' windows, a byte per base."""
    codes = stack_codes([read.sequence for read in read_windows(reference, genes, window)])
    usable = (codes != UNKNOWN).any(dim=1)
    return Prepared(WindowBases(codes[usable]), usable.tolist(), {"length": window.length}, window, reference.path.name)


def prepare_tokens(genes: Sequence[Gene], reference: Reference, tuning: Tuning, window: WindowSpec) -> Prepared:
    """Reads the genes' windows as tokens of an encoder that learns.

    Raises:
        InputError: when a segment is too long for the encoder.
    """
    segments = tuning.chosen.segments or SegmentSpec()
    windows = (read.sequence for read in read_windows(reference, genes, window))
    tokens = SegmentTokens.of(tuning.encoder, windows, segments)
    usable = (tokens.lengths > 0).any(dim=1)
    return Prepared(
        SegmentTokens(tokens.ids[usable], tokens.lengths[usable]),
        usable.tolist(),
        {"dim": tuning.encoder.dim, "n_segments": segments.n_segments(window.length)},
        window,
        reference.path.name,
        segments,
        tuning.chosen,
        tuning,
    )


def prepare_vectors(
    labelled: LabelledGenes,
    reference: Reference,
    annotation: Annotation,
    chosen: ChosenEncoders,
    folder: Path,
    *,
    window: WindowSpec,
    options: ComputeOptions | None = None,
    progress: bool = False,
) -> Prepared:
    """Embeds the genes' windows into a store, or continues an unfinished one, and reads it; see
    :func:`texcnn.store.fill.embed_genes`.
    """  # noqa: D205
    genes = Annotation(labelled.genes, annotation.skipped, annotation.path)
    spec = describe_store(chosen.encoders, reference, window, chosen.segments or SegmentSpec(), options=options)
    store = embed_genes(chosen.encoders, reference, genes, folder, spec, options=options, progress=progress)
    return prepare_store(labelled.genes, JoinedStores([store]), chosen)


def prepare_store(genes: Sequence[Gene], store: JoinedStores, chosen: ChosenEncoders) -> Prepared:
    """Looks up the genes' vectors, which stay in the store.

    Raises:
        StoreError: when the store is of other encoders.
    """
    if store.spec.encoders != tuple(encoder.fingerprint() for encoder in chosen.encoders):
        raise StoreError(
            "the store was made by other encoders",
            where=store.folder,
            remedy="name the model or the encoders that texcnn embed was given",
        )
    place_of: dict[str, int] = {}
    for chunk in range(store.n_chunks):
        stored = store.read_chunk(chunk)  # here, once, the chunks' sums are checked
        usable = stored.embeddings.mask.any(dim=1).tolist()
        start = store.rows(chunk).start
        place_of |= {gene.id: start + row for row, gene in enumerate(stored.genes) if usable[row]}
    return Prepared(
        StoredVectors(store, [place_of[gene.id] for gene in genes if gene.id in place_of]),
        [gene.id in place_of for gene in genes],
        {"dim": store.spec.dim, "n_segments": store.n_segments},
        store.spec.window,
        store.spec.fasta,
        store.spec.segments,
        chosen,
    )
