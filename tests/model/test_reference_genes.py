"""Percentiles, intervals and parts of the split: what a bundle says of its own genes, and what becomes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny import write_genome, write_gtf

import texcnn
from texcnn.errors import InputError
from texcnn.genome.gene import Gene
from texcnn.model.bundle import BundleFiles, extend_bundle
from texcnn.model.make_reference import add_reference, make_reference
from texcnn.model.reference_genes import ReferenceGenes, read_reference


def uniform(n: int, n_cell_types: int = 2) -> np.ndarray:
    """Gene k is predicted to be k in every cell type."""
    return np.repeat(np.arange(n, dtype=np.float64)[:, None], n_cell_types, axis=1)


def reference_of(tmp_path: Path, content: bytes, n_cell_types: int = 2) -> ReferenceGenes:
    from safetensors.numpy import load

    arrays = load(content)
    empty = np.zeros((0, n_cell_types))
    names = ("predictions", "interval_at", "interval_lower", "interval_upper")
    return ReferenceGenes(*(arrays.get(name, empty) for name in names))


def test_percentile_is_the_share_of_reference_genes_below(tmp_path: Path) -> None:
    reference = reference_of(tmp_path, make_reference(uniform(100)))
    values = np.array([[-5, -5], [50, 50], [49, 52], [200, 200]], np.float32)
    # 50 is above genes 0..49 and equal to one; 50.5 is above 51 genes
    assert reference.percentiles(values, [0, 1]).tolist() == [0.0, 50.5, 51.0, 100.0]
    assert reference.percentiles(values[:, :1], [1]).tolist() == [0.0, 50.5, 49.5, 100.0]


def test_a_large_reference_is_thinned_by_rank(tmp_path: Path) -> None:
    reference = reference_of(tmp_path, make_reference(uniform(30_000)[::-1] / 10_000))
    assert len(reference.predictions) == 2000
    np.testing.assert_allclose(reference.percentiles(np.array([[0.3, 0.3]]), [0, 1]), 10, atol=0.1)


def test_intervals_hold_their_share_of_new_genes_and_follow_the_value(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        predicted = generator.uniform(0, 4, (n, 2))
        return predicted, predicted + generator.normal(0.2, 0.1 + 0.2 * predicted)

    predicted, measured = draw(1000)
    reference = reference_of(tmp_path, make_reference(predicted, np.stack([predicted, measured])))
    new, truth = draw(20_000)
    lower, upper = reference.interval(new, [0, 1])
    assert ((truth >= lower) & (truth <= upper)).mean() == pytest.approx(0.9, abs=0.02)
    widths = (upper - lower)[:, 0]
    assert widths[new[:, 0] > 3.5].mean() > 3 * widths[new[:, 0] < 0.5].mean()


def test_few_held_out_genes_give_one_width_and_fewer_none(tmp_path: Path) -> None:
    predicted = uniform(40)
    measured = predicted + np.tile([-1.0, 1.0], 20)[:, None]
    measured[0, 0] = np.nan
    reference = reference_of(tmp_path, make_reference(predicted, np.stack([predicted, measured])))
    lower, upper = reference.interval(np.array([[0.0, 7.0]], np.float32), [1, 0])
    np.testing.assert_allclose(lower, [[-1, 6]])
    np.testing.assert_allclose(upper, [[1, 8]])
    with pytest.raises(InputError, match=r"18 held-out genes .* 20 or more"):
        make_reference(predicted, np.stack([predicted[:19], measured[:19] * 0]))
    with pytest.raises(InputError, match=r"no usable predictions"):
        make_reference(predicted * np.nan)


class TestBundle:
    @pytest.fixture
    def files(self, tmp_path: Path, tiny: Path) -> dict[str, Path]:
        return {"model": tiny, "fasta": write_genome(tmp_path), "gtf": write_gtf(tmp_path / "genes.gtf")}

    def test_without_any_of_it_a_model_says_nothing(self, tiny: Path) -> None:
        assert read_reference(BundleFiles(tiny)) is None
        assert texcnn.load_model(tiny).reference is None

    def test_the_split_has_who_trained_by_id_or_name(self, tiny: Path) -> None:
        split = "gene_id\tsplit\tgene_name\nENSG00000000001\ttrain\tA1\nENSG00000000002\ttest\tB2\n"
        extend_bundle(tiny, {"split.tsv": split.encode()})
        reference = texcnn.load_model(tiny).reference
        assert reference is not None
        parts = [
            reference.part(Gene(*names, "chr1", 0, "+"))
            for names in (("ENSG00000000001.7", "other"), ("B2", "B2"), ("gene-B2", "B2"), ("C3", "C3"))
        ]
        assert parts == ["train", "test", "test", "unknown"]

    def test_a_table_has_the_columns_that_the_bundle_can_fill(self, files: dict[str, Path], tmp_path: Path) -> None:
        genome = {"fasta": files["fasta"], "gtf": files["gtf"]}
        plain = texcnn.predict(files["model"], **genome)
        with pytest.raises(InputError, match=r"has no errors on held-out genes, .* `spread`"):
            texcnn.predict(files["model"], **genome, spread=True)
        extend_bundle(files["model"], {"split.tsv": b"gene_id\tsplit\ng1\ttrain\ng2\ttest\n"})
        genes = [f"t{place}" for place in range(100)]
        # The tiny model's outputs of g1 are gc = 1 and a = 3, of g2 0.5 and 1.6: means 2 and 1.05.
        reference = pd.DataFrame(uniform(100) / 50, columns=["gc", "a"]).assign(gene_id=genes)
        add_reference(files["model"], reference)
        table = texcnn.predict(files["model"], **genome)
        assert list(table)[6:] == ["in_training", "percentile", "gc", "a"]
        assert table["in_training"].tolist() == ["train", "test"]
        means = plain[["gc", "a"]].mean(axis=1)
        expected = [(np.arange(100) / 50 < mean).mean() * 100 for mean in means]
        np.testing.assert_allclose(table["percentile"], expected, atol=0.6)
        pd.testing.assert_frame_equal(table[["gc", "a"]], plain[["gc", "a"]])

    def test_intervals_are_those_of_test_genes(self, files: dict[str, Path]) -> None:
        genes = [f"t{place}" for place in range(60)]
        split = "".join(f"{gene}\t{'test' if place < 30 else 'train'}\n" for place, gene in enumerate(genes))
        extend_bundle(files["model"], {"split.tsv": f"gene_id\tsplit\n{split}".encode()})
        predicted = pd.DataFrame(uniform(60), columns=["gc", "a"], index=genes)
        measured = predicted + 1.0
        measured.iloc[30:] += 100  # training genes do not count
        add_reference(files["model"], predicted, measured)
        table = texcnn.predict(files["model"], files["fasta"], gtf=files["gtf"], spread=True, cell_types="a")
        assert list(table)[-3:] == ["a", "a.lower", "a.upper"]
        np.testing.assert_allclose(table["a.lower"], table["a"] + 1)
        np.testing.assert_allclose(table["a.upper"], table["a"] + 1)
        with pytest.raises(InputError, match=r"no values of gc"):
            add_reference(files["model"], predicted[["a"]])

    def test_a_file_of_other_cell_types_is_refused(self, tiny: Path) -> None:
        extend_bundle(tiny, {"reference.safetensors": make_reference(uniform(30, 3))})
        with pytest.raises(texcnn.errors.ModelError, match=r"reference genes of other cell types"):
            texcnn.load_model(tiny)
