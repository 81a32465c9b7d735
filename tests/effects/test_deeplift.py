"""DeepLIFT's rescale rule: numbers worked out by hand, sums that are exact, and heads that it refuses."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from genome_files import write_fasta
from tiny import save_tiny_dnabert2, write_gtf
from torch import Tensor, nn

import texcnn
from texcnn.effects.deeplift import multipliers
from texcnn.encoders.kmer_counts import KmerCountsEncoder
from texcnn.errors import ModelError
from texcnn.genome.windows import WindowSpec
from texcnn.heads.mpra_dragonn import MpraDragoNN
from texcnn.heads.spec import HeadSpec
from texcnn.heads.textcnn import TextCNN
from texcnn.heads.xpresso import XpressoCNN
from texcnn.model.bundle import BundleConfig
from texcnn.model.load import load_model
from texcnn.model.model import Model
from texcnn.model.network import HeadInputs, OneHotNetwork, SegmentNetwork
from texcnn.segments.bases import one_hot, stack_codes
from texcnn.segments.segment import SegmentSpec


class Small(nn.Module):
    """``2 * relu(a - 1) + max(a, c)`` of the first two channels' sums ``a`` and ``c``, after a ReLU and a pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.relu, self.pool = nn.ReLU(), nn.MaxPool1d(2)

    def forward(self, values: Tensor, features: Tensor | None = None) -> Tensor:
        sums = values.sum(dim=2)
        largest = self.pool(sums[:, None, :2])[:, 0]
        return 2 * self.relu(sums[:, :1] - 1) + largest


def inputs_of(text: str) -> HeadInputs:
    return HeadInputs(one_hot(stack_codes([text])), torch.ones(1, 1, dtype=torch.bool), None)


def test_numbers_worked_out_by_hand() -> None:
    # a = 3, c = 1; the reference has a = c = 1, so ReLU goes from 0 to 2 and the maximum from 1 to 3.
    found = multipliers(OneHotNetwork(Small(), 1), inputs_of("AAAC"), [0])
    assert (found.prediction.item(), found.of_reference.item()) == (7, 1)
    np.testing.assert_allclose(found.values[0, 0], [2 + 1] * 4)  # 2 * 2/2 by the ReLU, 2/2 by the maximum
    np.testing.assert_allclose(found.values[0, 1:], 0)
    # a = 1, c = 3: nothing passes the ReLU; the maximum moves from one of the two to c.
    found = multipliers(OneHotNetwork(Small(), 1), inputs_of("ACCC"), [0])
    np.testing.assert_allclose(found.values[0, 1], [1] * 4)
    assert found.prediction.item() == 3


@pytest.mark.parametrize("head", ["xpresso", "mpra-dragonn"])
def test_bases_add_up_to_the_prediction(head: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    length = 624
    module = XpressoCNN(length, 0, 2) if head == "xpresso" else MpraDragoNN(length)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.1)
    n = module.n_cell_types
    config = BundleConfig(head, "1", "one-hot", "u", WindowSpec(300, length - 300), HeadSpec(head, {}))
    model = Model(config, OneHotNetwork(module, n), pd.DataFrame({"cell_type": [str(row) for row in range(n)]}), "")
    bases = "".join(random.Random(1).choices("ACGT", k=1000))
    bases = bases[:400] + "NNN" + bases[403:]
    fasta = write_fasta(tmp_path / "genome.fa", {"chr1": bases})
    gtf = write_gtf(tmp_path / "genes.gtf", [("g", "chr1", 401, 900, "+")])
    frame = texcnn.attribute(model, fasta, gene="g", cell_type=["0", "1"], gtf=gtf, method="deeplift")
    output = frame.attrs["predictions"][0]
    predicted = texcnn.predict(model, fasta, gtf=gtf)
    for cell_type, rows in frame.groupby("cell_type"):
        total = rows["attribution"].sum() + output["of_no_base"][cell_type]
        assert total == pytest.approx(output["prediction"][cell_type], rel=1e-4, abs=1e-5)
        assert output["prediction"][cell_type] == pytest.approx(predicted[cell_type][0], rel=1e-4, abs=1e-5)
        assert rows["attribution"].abs().max() > 0
    # What replaces the layers' way back is gone again.
    gradient = texcnn.attribute(model, fasta, gene="g", cell_type="0", gtf=gtf, method="gradient")
    assert not np.allclose(gradient["attribution"].dropna(), frame["attribution"][: len(gradient)].dropna())
    assert all("forward" not in vars(part) for part in module.modules())


def kmer_model(tmp_path: Path, head: nn.Module) -> Model:
    loaded = load_model(save_tiny_dnabert2(tmp_path / "model"))
    return Model(
        loaded.config, SegmentNetwork([KmerCountsEncoder(2)], head, SegmentSpec(10)), loaded.cell_type_table, ""
    )


def test_segments_of_a_linear_encoder_add_up_too(tmp_path: Path) -> None:
    torch.manual_seed(0)
    head = TextCNN(16, 3, n_segments=3, filters=4, dense_units=5, fusion_units=4).eval()
    model = kmer_model(tmp_path, head)
    fasta = write_fasta(tmp_path / "genome.fa", {"chr1": "".join(random.Random(2).choices("ACGT", k=60))})
    gtf = write_gtf(tmp_path / "genes.gtf", [("g", "chr1", 31, 50, "+")])
    frame = texcnn.attribute(model, fasta, gene="g", cell_type="z", gtf=gtf, method="deeplift")
    output = frame.attrs["predictions"][0]
    assert frame["attribution"].sum() + output["of_no_base"]["z"] == pytest.approx(output["prediction"]["z"], abs=1e-5)


def test_a_head_that_the_rule_does_not_cover_is_refused(tmp_path: Path) -> None:
    torch.manual_seed(0)

    class Squares(nn.Module):
        def forward(self, values: Tensor, mask: Tensor, features: Tensor | None = None) -> Tensor:
            return values.square().sum(dim=(1, 2))[:, None].expand(-1, 3)

    model = kmer_model(tmp_path, Squares())
    fasta = write_fasta(tmp_path / "genome.fa", {"chr1": "".join(random.Random(2).choices("ACGT", k=60))})
    gtf = write_gtf(tmp_path / "genes.gtf", [("g", "chr1", 31, 50, "+")])
    with pytest.raises(ModelError, match=r"DeepLIFT does not hold for the head Squares.*ism, gradient, ablation"):
        texcnn.attribute(model, fasta, gene="g", cell_type="z", gtf=gtf, method="deeplift")


def test_texcnn_mini_allows_it(project: Path) -> None:
    demo = project / "assets" / "demo"
    frame = texcnn.attribute(
        "texcnn-mini", demo / "genome.fa.gz", gene="DEMOG00000017", cell_type="median", gtf=demo / "genes.gtf",
        method="deeplift", region="demo1:92550-92850",
    )  # fmt: skip
    assert frame["attribution"].notna().all()
    assert frame["attribution"].abs().max() > 0
