from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from texcnn.errors import ModelError
from texcnn.genome.interval import Interval
from texcnn.genome.reference import Reference
from texcnn.heads.xpresso import XpressoCNN
from texcnn.model.import_xpresso import read_keras_weights
from texcnn.segments.bases import one_hot, stack_codes

SHAPES = {
    "conv1d_1": (6, 4, 128),
    "conv1d_2": (9, 128, 32),
    "dense_1": (1126, 64),
    "dense_2": (64, 2),
    "dense_3": (2, 1),
}


def write_keras(path: Path, change: Callable[[h5py.Group], None] = lambda weights: None) -> Path:
    """A Keras file of Xpresso's layers; each array counts up, so that a wrong order of axes shows."""
    with h5py.File(path, "w") as file:
        weights = file.create_group("model_weights")
        for layer, shape in SHAPES.items():
            weights[f"{layer}/{layer}/kernel:0"] = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
            weights[f"{layer}/{layer}/bias:0"] = np.arange(shape[-1], dtype=np.float32)
        weights.create_group("flatten_1")
        change(weights)
    return path


def test_reads_every_weight_into_pytorch_order(tmp_path):
    state = read_keras_weights(write_keras(tmp_path / "x.h5"))
    XpressoCNN().load_state_dict(state, strict=True)
    # Keras kernel[width, in, out] lies at (width * 4 + in) * 128 + out.
    assert state["conv1.weight"][7, 3, 5] == (5 * 4 + 3) * 128 + 7
    assert state["conv2.weight"][31, 127, 8] == (8 * 128 + 127) * 32 + 31
    assert state["dense1.weight"][63, 1125] == 1125 * 64 + 63
    assert state["dense3.weight"].tolist() == [[0.0, 1.0]]
    assert state["dense2.bias"].tolist() == [0.0, 1.0]
    assert {value.dtype for value in state.values()} == {torch.float32}


def rename_layer(weights):
    weights.move("dense_3", "dense_4")


def add_layer(weights):
    weights["dense_4/dense_4/kernel:0"] = np.zeros((1, 1))


def drop_bias(weights):
    del weights["dense_2/dense_2/bias:0"]


def eight_features(weights):
    del weights["dense_1/dense_1/kernel:0"]
    weights["dense_1/dense_1/kernel:0"] = np.zeros((1128, 64))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rename_layer, "not the Xpresso network.*dense_4.*allowed: conv1d_1, conv1d_2, dense_1, dense_2, dense_3"),
        (add_layer, "not the Xpresso network.*dense_4"),
        (drop_bias, "no array 'dense_2/dense_2/bias:0'"),
        (eight_features, r"'dense_1/dense_1/kernel:0' has shape \(1128, 64\).*\(1126, 64\)"),
    ],
)
def test_a_file_of_another_network_is_refused(tmp_path, change, message):
    path = write_keras(tmp_path / "x.h5", change)
    with pytest.raises(ModelError, match=message) as caught:
        read_keras_weights(path)
    assert caught.value.where == str(path)


def test_a_file_without_a_keras_model_is_refused(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["other"] = [1.0]
    with pytest.raises(ModelError, match="no 'model_weights' group"):
        read_keras_weights(tmp_path / "x.h5")


def test_a_file_that_is_not_hdf5_is_refused(tmp_path):
    (tmp_path / "x.h5").write_text("<html>not found</html>")
    with pytest.raises(ModelError, match="not HDF5"):
        read_keras_weights(tmp_path / "x.h5")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"file not found: .*gone\.h5"):
        read_keras_weights(tmp_path / "gone.h5")


def complete_windows(data: Path) -> pd.DataFrame:
    """The genes whose whole window lies in one interval of real bases, with the published prediction."""
    genes = pd.read_csv(
        data / "human" / "xpresso_tss_20kb.bed",
        sep="\t",
        names=["chrom", "start", "end", "gene_id", "score", "strand"],
    )
    genes["published"] = pd.read_csv(data / "xpresso" / "kipoi_predictions.tsv", sep="\t")["preds/expression_pred"]
    tss, plus = genes["start"] + 10_000, genes["strand"] == "+"
    genes["start"] = np.where(plus, tss - 7_000, tss - 3_500)
    genes["end"] = genes["start"] + 10_500
    known = pd.read_csv(data / "human" / "hg38_slice.bed", sep="\t", names=["chrom", "from", "to"])
    inside = genes.reset_index().merge(known, on="chrom").query("`from` <= start and end <= to")
    return genes.loc[inside["index"]]


@pytest.mark.data
def test_the_published_weights_give_the_published_predictions(data):
    genes = complete_windows(data)
    assert len(genes) == 221
    with Reference(data / "human" / "hg38_slice.fa.gz") as reference:
        sequences = [
            reference.fetch(Interval(gene.chrom, gene.start, gene.end, gene.strand)) for gene in genes.itertuples()
        ]
    network = XpressoCNN().eval()
    network.load_state_dict(read_keras_weights(data / "xpresso" / "human_trainepoch.11-0.426.h5"))
    with torch.inference_mode():
        parts = [network(one_hot(codes)) for codes in stack_codes(sequences).split(32)]
    found = torch.cat(parts)[:, 0].numpy()
    difference = np.abs(found - genes["published"].to_numpy())
    assert np.corrcoef(found, genes["published"])[0, 1] >= 0.99999
    # Three windows carry another allele than the reference the published predictions were made on.
    assert difference.max() < 0.05
    assert np.sum(difference > 1e-5) == 3
