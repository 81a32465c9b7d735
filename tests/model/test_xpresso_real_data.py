"""The peer with a known answer: the published Xpresso network on real hg38 bases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from texcnn.cli.main import main

pytestmark = [pytest.mark.data, pytest.mark.slow]


@pytest.fixture(scope="module")
def predictions(data: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Every gene of the Xpresso table, predicted by the command line, next to what its authors published."""
    folder = tmp_path_factory.mktemp("xpresso")

    def texcnn(*arguments: object) -> None:
        with pytest.raises(SystemExit) as leaving:
            main([str(argument) for argument in arguments])
        assert leaving.value.code == 0

    bed = data / "human" / "xpresso_tss_20kb.bed"
    texcnn("models", "import", "xpresso", data / "xpresso" / "human_trainepoch.11-0.426.h5", "--out", folder / "model")
    # fmt: off
    texcnn("predict", "--fasta", data / "human" / "hg38_slice.fa.gz", "--bed", bed, "--bed-anchor", "center",
           "--model", folder / "model", "--out", folder / "out.tsv", "--quiet")
    # fmt: on
    found = pd.read_csv(folder / "out.tsv", sep="\t")
    skipped = pd.read_csv(folder / "out.tsv.skipped.tsv", sep="\t")
    genes = pd.read_csv(bed, sep="\t", header=None)[3]
    assert len(found) + len(skipped) == len(genes) == 18_413
    assert set(found["gene_id"]) | set(skipped["gene_id"]) == set(genes)
    published = pd.read_csv(data / "xpresso" / "kipoi_predictions.tsv", sep="\t")
    return found.merge(pd.DataFrame({"gene_id": genes, "published": published["preds/expression_pred"]}), on="gene_id")


def test_complete_windows_reproduce_the_published_predictions(predictions: pd.DataFrame) -> None:
    complete = predictions[predictions["n_fraction"] == 0]
    r = np.corrcoef(complete["median"], complete["published"])[0, 1]
    largest = (complete["median"] - complete["published"]).abs().max()
    print(f"{len(complete)} complete windows, Pearson {r:.8f}, largest difference {largest:.4f}")
    assert len(complete) >= 200
    assert r >= 0.99999
    # The slice carries another allele than the reference at a few places.
    assert largest <= 0.05
    assert (complete["median"] - complete["published"]).abs().median() <= 1e-5


def test_genes_stand_where_the_authors_put_them(predictions: pd.DataFrame, data: Path) -> None:
    bed = pd.read_csv(data / "human" / "xpresso_tss_20kb.bed", sep="\t", header=None)
    bed["tss"] = bed[1] + 10_000 + (bed[5] == "+")
    joined = predictions.merge(bed, left_on="gene_id", right_on=3, suffixes=("", "_bed"))
    assert (joined["tss"] == joined["tss_bed"]).all()
    assert (joined["strand"] == joined[5]).all()
