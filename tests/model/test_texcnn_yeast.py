"""The second bundled model, on the whole yeast genome's held-out chromosomes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch

import texcnn
from texcnn.encoders.kmer_counts import KmerCountsEncoder
from texcnn.features.codons import CODON_COLUMNS, codon_features
from texcnn.genome.reference import Reference
from texcnn.model.bundle import BundleFiles
from texcnn.model.catalog import bundled_models
from texcnn.model.load import load_model
from texcnn.model.reference_genes import read_reference

MEDIAN = "median over conditions"


@pytest.fixture(scope="module")
def results(project) -> pd.DataFrame:
    return pd.read_csv(project / "scripts" / "texcnn_yeast" / "results.tsv", sep="\t")


def test_it_is_bundled_and_says_what_it_is() -> None:
    model = load_model("texcnn-yeast")
    assert len(model.cell_types) == 52
    assert [spec.name for spec in model.config.features] == list(CODON_COLUMNS)
    reference = read_reference(BundleFiles(bundled_models()["texcnn-yeast"]))
    assert reference is not None
    assert reference.has_intervals
    assert pd.Series(reference.parts).value_counts().to_dict() == {"train": 5431, "test": 1695}


def test_one_member_is_a_line_through_the_promoter() -> None:
    """Taught by the variants between two strains: linear in 4-mers before the TSS, the same for every condition."""
    model = load_model("texcnn-yeast")
    taught = model.config.head.options["members"][2]
    assert (taught["segments"], taught["common"]) == ([1, 2], True)
    member = model.network.head.members[2]
    segments = [base * 125 for base in ("AC", "GT", "AT")]  # the second is the first on the other strand
    values = torch.from_numpy(np.stack([_shares(one) for one in segments] + [sum(map(_shares, segments[::2])) / 2]))
    mask, features = torch.ones(4, 1, dtype=torch.bool), torch.arange(4.0)[:, None].expand(4, len(CODON_COLUMNS))
    with torch.inference_mode():
        added = (member(values[:, None], mask, features) - member.output.bias).numpy()
    np.testing.assert_allclose(added, np.broadcast_to(added[:, :1], added.shape), atol=1e-4)
    first, mirrored, other, between = added[:, 0].tolist()
    assert mirrored == pytest.approx(first, rel=1e-2)
    assert between == pytest.approx((first + other) / 2, rel=1e-3)
    assert abs(first - other) > 1


def _shares(sequence: str) -> npt.NDArray[np.float32]:
    encoder = KmerCountsEncoder(4)
    found: npt.NDArray[np.float32] = encoder.embed(encoder.tokenize([sequence])).numpy()[0]
    return found


def test_its_card_has_the_measured_figures(results) -> None:
    card = (bundled_models()["texcnn-yeast"] / "README.md").read_text()
    for row in results.itertuples():
        figure = f"{row.value:.2f} ({row.low:.2f} to {row.high:.2f})"
        assert f"| {row.model} | {row.output} | {row.metric} | {figure} |" in card


@pytest.mark.data
@pytest.mark.slow
def test_it_predicts_genes_of_chromosomes_it_has_not_seen(data: Path, results, tmp_path) -> None:
    yeast = data / "yeast"
    fasta, gtf = yeast / "R64-1-1.fa.gz", yeast / "R64-1-1.81.gtf.gz"
    split = read_reference(BundleFiles(bundled_models()["texcnn-yeast"])).parts
    measured = pd.read_csv(yeast / "expression_tpm_conditions.tsv.gz", sep="\t", index_col=0)
    with Reference(fasta) as reference:
        codons = codon_features(reference, gtf)
    codons.write(tmp_path / "codons.tsv")
    tested = [gene for gene in codons.frame["gene_id"] if split.get(gene) == "test"]
    true = np.log10(measured.loc[tested] + 0.1).median(axis=1)
    for given, features in (("sequence alone", None), ("with codons", tmp_path / "codons.tsv")):
        table = texcnn.predict("texcnn-yeast", fasta, gtf=gtf, genes=tested, features=features).set_index("gene_id")
        found = np.corrcoef(table.loc[tested, list(measured.columns)].median(axis=1), true)[0, 1] ** 2
        figure = results.query(
            "model == @model and genes == 'test chromosomes, genes with a CDS' and output == @MEDIAN and "
            "metric == 'squared Pearson'",
            local_dict={"model": f"texcnn-yeast, {given}", "MEDIAN": MEDIAN},
        )
        assert found == pytest.approx(figure["value"].item(), abs=2e-3)
