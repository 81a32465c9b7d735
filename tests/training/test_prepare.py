"""From genes to what a network is fed, and what of it the bundle holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import GENES, SEGMENTS, WINDOW, CompositionEncoder, save_tiny_dnabert2, write_genome, write_gtf

from texcnn.embedding.options import ComputeOptions
from texcnn.encoders.protocol import EncoderSpec
from texcnn.errors import StoreError
from texcnn.genome.gene import Annotation
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.heads.textcnn import TextCNN
from texcnn.model.held_encoders import ChosenEncoders, encoders_of_model
from texcnn.segments.bases import one_hot, stack_codes
from texcnn.store.store import EmbeddingStore
from texcnn.training.architectures import find_architecture
from texcnn.training.finetune import FineTunedNetwork, Tuning
from texcnn.training.prepare import fitted_encoders, prepare_bases, prepare_store, prepare_tokens, prepare_vectors
from texcnn.training.splits import Split
from texcnn.training.targets import LabelledGenes

ROWS = torch.arange(2)
CPU = torch.device("cpu")


@pytest.fixture
def reference(tmp_path: Path) -> Iterator[Reference]:
    with Reference(write_genome(tmp_path)) as opened:
        yield opened


@pytest.fixture
def annotation(tmp_path: Path, reference: Reference) -> Annotation:
    """g1 and g2; g3's window is N alone."""
    return load_genes(reference, WINDOW, GeneSelection(write_gtf(tmp_path / "genes.gtf")))


def labelled(annotation: Annotation, parts: dict[str, str] | None = None) -> LabelledGenes:
    split = object.__new__(Split)  # of fewer genes than a training needs
    object.__setattr__(split, "parts", parts or {gene.id: "train" for gene in annotation.genes})
    labels = np.zeros((len(annotation.genes), 1), np.float32)
    return LabelledGenes(annotation.genes, labels, None, split, annotation.skipped)


def chosen(encoder: CompositionEncoder) -> ChosenEncoders:
    return ChosenEncoders([encoder], (EncoderSpec("composition", "bundle"),), {}, {}, WINDOW, SEGMENTS)  # type: ignore[list-item]


def test_bases_of_the_usable_windows(reference: Reference, annotation: Annotation) -> None:
    prepared = prepare_bases(annotation.genes, reference, WINDOW)
    assert [gene.id for gene in annotation.genes] == [gene[0] for gene in GENES]
    assert prepared.usable == [True, True, False]
    assert (prepared.sizes, prepared.fasta, prepared.window) == ({"length": 30}, "genome.fa", WINDOW)
    assert (prepared.segments, prepared.chosen, prepared.tuning) == (None, None, None)
    (found,) = prepared.inputs.take(ROWS, CPU)
    assert found[0].equal(one_hot(stack_codes(["GGGGGGGGGGCCCCCTTTTTAAAAAAAAAA"]))[0])
    head = torch.nn.Linear(2, 1)
    assert prepared.network(head) is head
    assert prepared.tensors(head).keys() == {"head.weight", "head.bias"}


def test_vectors_come_from_a_store_that_is_continued(
    reference: Reference, annotation: Annotation, composition: CompositionEncoder, tmp_path: Path
) -> None:
    given = (labelled(annotation), reference, annotation, chosen(composition), tmp_path / "store")
    prepared = prepare_vectors(*given, window=WINDOW, options=ComputeOptions(device="cpu"))
    assert prepared.usable == [True, True, False]
    assert prepared.sizes == {"dim": 4, "n_segments": 3}
    values, mask = prepared.inputs.take(ROWS, CPU)
    # Segments GGGGGGGGGG CCCCCTTTTT AAAAAAAAAA as shares of A, C, G and T.
    assert values[0].tolist() == [[0, 0, 1, 0], [0, 0.5, 0, 0.5], [1, 0, 0, 0]]
    assert mask[0].all()
    embedded = len(composition.batches)
    again = prepare_vectors(*given, window=WINDOW, options=ComputeOptions(device="cpu"))
    assert len(composition.batches) == embedded
    assert again.inputs.fingerprint() == prepared.inputs.fingerprint()


def test_a_store_of_other_encoders_is_refused(
    reference: Reference, annotation: Annotation, composition: CompositionEncoder, tmp_path: Path
) -> None:
    prepare_vectors(labelled(annotation), reference, annotation, chosen(composition), tmp_path / "store",
                    window=WINDOW, options=ComputeOptions(device="cpu"))  # fmt: skip
    store = EmbeddingStore.open(tmp_path / "store")
    some = prepare_store(annotation.genes[1:], store, chosen(composition))
    assert some.usable == [True, False]
    other = CompositionEncoder()
    other.name = "other"
    with pytest.raises(StoreError, match="made by other encoders"):
        prepare_store(annotation.genes, store, chosen(other))


def test_tokens_go_through_a_copy_of_the_encoder_and_into_the_bundle(
    reference: Reference, annotation: Annotation, tmp_path: Path
) -> None:
    held = encoders_of_model(save_tiny_dnabert2(tmp_path / "m"))
    tuning = Tuning.of(held, "1", segments_per_pass=2)
    prepared = prepare_tokens(annotation.genes, reference, tuning, WINDOW)
    assert prepared.usable == [True, True, False]
    assert prepared.sizes == {"dim": 16, "n_segments": 3}
    network = prepared.network(TextCNN(16, 2, kernel_widths=(1,), filters=4))
    assert isinstance(network, FineTunedNetwork)
    assert network(*prepared.inputs.take(ROWS, CPU)).shape == (2, 2)
    tensors = prepared.tensors(network)
    assert {name.split(".")[0] for name in tensors} == {"encoders", "head"}
    assert {name for name in tensors if name.startswith("encoders.")} == set(held.tensors)
    with torch.no_grad():
        next(network.pretrained.parameters()).add_(1)
    moved = prepared.tensors(network)
    first = f"encoders.0.{next(iter(dict(network.pretrained.named_parameters())))}"
    assert [name for name in held.tensors if not moved[name].equal(held.tensors[name])] == [first]


def test_a_table_is_fitted_to_training_genes_alone(reference: Reference, annotation: Annotation) -> None:
    pytest.importorskip("gensim")
    architecture = find_architecture("pipoli")
    parts = {"g1": "train", "g2": "test", "g3": "valid"}
    made = fitted_encoders(architecture, reference, labelled(annotation, parts), WINDOW, seed=0)
    table = made.tensors["encoders.0.table"]
    # g1's window has 2 + 2 + 2 words of one base, and those across its borders.
    words = {"GGG", "GGC", "GCC", "CCC", "CCT", "CTT", "TTT", "TTA", "TAA", "AAA"}
    rows = {sum("ACGT".index(base) * 4 ** (2 - place) for place, base in enumerate(word)) for word in words}
    assert {int(row) for row in torch.nonzero(table.any(dim=1))} == rows
    assert made.specs == (EncoderSpec("word2vec", "bundle", options={"k": 3, "prefix": "encoders.0."}),)
    assert (made.window, made.segments) == (WINDOW, architecture.segments(WINDOW))


def test_counts_need_no_fit(reference: Reference, annotation: Annotation) -> None:
    made = fitted_encoders(find_architecture("kmer-ridge"), reference, labelled(annotation), WINDOW, seed=0)
    assert made.specs == (EncoderSpec("kmer-counts", "bundle", options={"k": 5}),)
    assert made.tensors == {}
    assert made.segments is not None
    assert made.segments.length == 30
