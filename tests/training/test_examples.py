import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from texcnn.embedding.embeddings import Embeddings
from texcnn.errors import InputError
from texcnn.features.spec import scale_features
from texcnn.features.table import FeatureTable
from texcnn.genome.gene import Annotation, Gene
from texcnn.genome.skipped import Skipped
from texcnn.genome.windows import WindowSpec
from texcnn.model.held_encoders import ChosenEncoders
from texcnn.segments.segment import SegmentSpec
from texcnn.store.spec import StoreSpec
from texcnn.store.store import EmbeddingStore
from texcnn.training.examples import fit_features, make_examples
from texcnn.training.prepare import prepare_store
from texcnn.training.splits import Split
from texcnn.training.targets import LabelledGenes, Targets, label_genes

NO_ENCODERS = ChosenEncoders([], (), {}, {})
IDS = [f"g{place:02d}" for place in range(20)]


def annotation(ids: Sequence[str] = IDS, skipped: Sequence[Skipped] = ()) -> Annotation:
    genes = [Gene(gene_id, gene_id, "chr1", 10 * place, "+") for place, gene_id in enumerate(ids)]
    return Annotation(genes, list(skipped), Path("genes.gtf"))


def targets(ids: Sequence[str] = IDS) -> Targets:
    values = np.arange(2 * len(ids), dtype=np.float32).reshape(-1, 2)
    return Targets(values, {gene_id: row for row, gene_id in enumerate(ids)}, ("x", "y"), "RPKM", Path("rpkm.tsv"))


def split(genes: Sequence[Gene]) -> Split:
    ends = {place: ("train" if place < len(genes) - 6 else "valid" if place < len(genes) - 3 else "test")
            for place in range(len(genes))}  # fmt: skip
    return Split({gene.id: ends[place] for place, gene in enumerate(genes)}, "by order")


def reasons(labelled: LabelledGenes) -> dict[str, str]:
    return {entry.gene_id: entry.reason for entry in labelled.skipped}


def test_rows_are_joined_by_id_whatever_their_order() -> None:
    labelled = label_genes(annotation(), targets(IDS[::-1]), split)
    assert [gene.id for gene in labelled.genes] == IDS
    assert labelled.labels[:, 0].tolist() == list(range(38, -2, -2))
    assert (labelled.skipped, labelled.features) == ([], None)


def test_genes_missing_in_either_table_are_listed() -> None:
    known = targets([*IDS[:17], "ENSG00000000003.1", "other", "placeless"])
    known.values[0] = np.nan
    genes = annotation(
        [*IDS, "ENSG00000000003.4", "ENSG00000000003.5"],
        [Skipped("placeless", "chromosome 'chr9' is not in the FASTA")],
    )
    labelled = label_genes(genes, known, split)
    assert [gene.id for gene in labelled.genes] == [*IDS[1:17], "ENSG00000000003.4"]
    assert labelled.labels[-1].tolist() == [34, 35]
    assert reasons(labelled) == {
        "placeless": "chromosome 'chr9' is not in the FASTA",
        "g00": "no value in rpkm.tsv",
        **dict.fromkeys(IDS[17:], "not in rpkm.tsv"),
        "ENSG00000000003.5": "its expression is that of 'ENSG00000000003.4' already",
        "other": "in the expression table, but not among the genes",
    }


def test_no_gene_in_both_shows_both_kinds_of_names() -> None:
    with pytest.raises(InputError, match=r"named like 'g00', the table's like 'ENSG1' .*use the same ids"):
        label_genes(annotation(), targets(["ENSG1", "ENSG2"]), split)


def test_features_are_never_filled_in() -> None:
    values = np.arange(19, dtype=np.float32)[:, None].repeat(2, axis=1)
    values[3, 1] = np.nan
    table = FeatureTable(values, ("u", "v"), {gene_id: row for row, gene_id in enumerate(IDS[:19])}, Path("f.tsv"))
    labelled = label_genes(annotation(), targets(), split, features=table)
    assert [gene.id for gene in labelled.genes] == [*IDS[:3], *IDS[4:19]]
    assert labelled.features is not None
    assert labelled.features[:, 0].tolist() == [0, 1, 2, *range(4, 19)]
    assert reasons(labelled) == dict.fromkeys(["g03", "g19"], "no complete features in f.tsv")


def test_features_of_other_genes_are_refused() -> None:
    table = FeatureTable(np.ones((1, 1), np.float32), ("u",), {"other": 0}, Path("f.tsv"))
    with pytest.raises(InputError, match=r"no gene has all features.*'g00'.*'other'"):
        label_genes(annotation(), targets(), split, features=table)


def test_genes_in_no_part_are_listed() -> None:
    labelled = label_genes(annotation(), targets(), lambda genes: split(genes[1:]))
    assert [gene.id for gene in labelled.genes] == IDS[1:]
    assert labelled.labels[0].tolist() == [2, 3]
    assert reasons(labelled) == {"g00": "in no part of the split by order"}


def test_vectors_come_from_the_store_by_gene(tmp_path: Path) -> None:
    genes = annotation([*IDS, "further"]).genes[::-1]
    spec = StoreSpec((), 2, WindowSpec(10, 10), SegmentSpec(10), "g.fa", "f", genes_per_chunk=8)
    store = EmbeddingStore.create(tmp_path / "store", spec, genes)
    mask = torch.ones(21, 2, dtype=torch.bool)
    mask[20] = False  # g00
    values = torch.arange(21.0)[:, None, None].expand(21, 2, 2) * mask[:, :, None]
    for chunk in range(store.n_chunks):
        rows = store.rows(chunk)
        store.write_chunk(chunk, Embeddings(values[rows], mask[rows]), [0.0] * len(genes[rows]))
    rows = {gene_id: row for row, gene_id in enumerate(IDS)}
    table = FeatureTable(np.arange(20, dtype=np.float32)[:, None], ("u",), rows, tmp_path)
    labelled = label_genes(annotation(), targets(), split, features=table)

    prepared = prepare_store(labelled.genes, store, NO_ENCODERS)
    examples, specs, left = make_examples(
        labelled, prepared.inputs, prepared.usable, cell_types=["x", "y"], feature_names=["u"]
    )
    assert [gene.id for gene in left.genes] == IDS[1:]
    assert reasons(left) == {"g00": "no segment of the window has enough known bases"}
    (found, usable) = examples.inputs.take(torch.tensor([0, 18, 3]), torch.device("cpu"))
    assert found[:, 0, 0].tolist() == [19, 1, 16]
    assert usable.all()
    assert len(examples.inputs) == 19
    assert examples.labels[:, 0].tolist() == list(range(2, 40, 2))
    # Scaled by the training genes g01 .. g13 alone.
    assert (specs[0].name, specs[0].mean) == ("u", 7.0)
    assert specs[0].scale == pytest.approx(np.std(np.arange(1, 14)))
    assert examples.features is not None
    np.testing.assert_allclose(examples.features[:, 0], (np.arange(1, 20) - 7) / specs[0].scale, rtol=1e-6)


def test_unknown_bases_may_leave_too_few(tmp_path: Path) -> None:
    spec = StoreSpec((), 2, WindowSpec(10, 10), SegmentSpec(10), "g.fa", "f")
    store = EmbeddingStore.create(tmp_path / "store", spec, annotation().genes)
    mask = torch.ones(20, 2, dtype=torch.bool)
    mask[-1] = False
    store.write_chunk(0, Embeddings(torch.zeros(20, 2, 2), mask), [0.0] * 20)
    labelled = label_genes(annotation(), targets(), split)
    prepared = prepare_store(labelled.genes, store, NO_ENCODERS)
    with pytest.raises(InputError, match="too few genes: 2 test"):
        make_examples(labelled, prepared.inputs, prepared.usable, cell_types=["x", "y"])


def test_every_column_of_a_feature_table(tmp_path: Path) -> None:
    path = tmp_path / "f.tsv"
    path.write_text("u\tgene_id\tsymbol\tv\n1\tg00\tA\t2\n")
    table = FeatureTable.read(path)
    assert (table.names, table.values.tolist()) == (("u", "v"), [[1, 2]])
    path.write_text("gene_id\ng00\n")
    with pytest.raises(InputError, match="no feature"):
        FeatureTable.read(path)
    with pytest.raises(InputError, match="does not exist"):
        FeatureTable.read(tmp_path / "none.tsv")


def test_features(caplog: pytest.LogCaptureFixture) -> None:
    values = np.array([[1, 7], [3, 7]], np.float32)
    with caplog.at_level(logging.WARNING, "texcnn"):
        specs = fit_features(values, ["length", "flat"])
    assert [(spec.name, spec.mean, spec.scale, spec.default) for spec in specs] == [
        ("length", 2.0, 1.0, None),
        ("flat", 7.0, 1.0, None),
    ]
    assert "same value in every training gene: flat" in caplog.text
    assert scale_features(np.array([[5, 8]], np.float32), specs).tolist() == [[3.0, 1.0]]
