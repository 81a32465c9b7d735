import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from texcnn.errors import InputError
from texcnn.training.label_scale import LabelScale
from texcnn.training.targets import Targets, read_targets

TABLE = "gene_id\tliver\tbrain\nENSG00000000003.15\t9.9\t0\ng2\t0\tNA\ng3\t99.9\t999.9\n"


def read(folder: Path, text: str = TABLE, *, transform: str = "log10p0.1", **options: object) -> Targets:
    path = folder / "rpkm.tsv"
    path.write_text(text)
    return read_targets(path, unit="RPKM", transform=transform, **options)  # type: ignore[arg-type]


def test_logarithms_of_the_table(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "texcnn"):
        targets = read(tmp_path)
    np.testing.assert_allclose(targets.values, [[1, -1], [-1, np.nan], [2, 3]], atol=1e-6)
    assert targets.values.dtype == np.float32
    assert targets.rows == {"ENSG00000000003.15": 0, "g2": 1, "g3": 2}
    assert (targets.cell_types, targets.unit) == (("liver", "brain"), "log10(RPKM + 0.1)")
    assert not caplog.records


def test_values_as_they_are_of_chosen_columns(tmp_path: Path) -> None:
    targets = read(tmp_path, TABLE.replace("9.9\t0\n", "9.5\t-1\n"), transform="none", cell_types=["brain", "brain"])
    np.testing.assert_allclose(targets.values, np.array([[-1], [np.nan], [999.9]], np.float32))
    assert (targets.cell_types, targets.unit) == (("brain",), "RPKM")


def test_labels_that_look_logged_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "texcnn"):
        read(tmp_path, "gene_id\tx\na\t0.5\nb\t6.5\n")
    assert "6.5" in caplog.text
    assert "logarithms already" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gene_id\tx\ty\na\t1\t\nb\t2\tNA\n", "no value at all for the cell types y"),
        ("gene_id\tx\ty\na\t1\t5\nb\t2\t5\nc\t2\t\n", "the same value for every gene in the cell types y"),
        ("gene_id\tx\na\t1\nb\t-2\n", "1 negative values, such as -2 of gene b"),
        ("gene_id\tx\na\t1\na\t2\n", "duplicate names of a gene, such as 'a'"),
        (
            "gene_id\tx\nENSG00000000003.1\t1\nENSG00000000003.2\t2\n",
            "several versions of a gene, such as 'ENSG00000000003'",
        ),
    ],
)
def test_what_cannot_be_learned_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_an_unknown_cell_type_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown column 'livr' .*liver, brain .*did you mean 'liver'"):
        read(tmp_path, cell_types=["livr"])


LABELS = torch.tensor([[1.0, 10.0], [3.0, torch.nan], [5.0, 30.0], [torch.nan, 50.0]])


def test_labels_are_scaled_by_their_known_values() -> None:
    scale = LabelScale.fit(LABELS, ["a", "b"])
    assert scale.mean.tolist() == [3, 30]
    np.testing.assert_allclose(scale.scale, [np.sqrt(8 / 3), np.sqrt(800 / 3)], rtol=1e-6)
    scaled = scale.apply(LABELS)
    np.testing.assert_allclose(np.nanmean(scaled, axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(np.nanstd(scaled, axis=0), 1, rtol=1e-6)
    assert scaled.isnan().equal(LABELS.isnan())


def test_the_folded_layer_gives_labels_back() -> None:
    scale = LabelScale(torch.tensor([3.0, 30.0]), torch.tensor([2.0, 0.5]))
    layer = nn.Linear(3, 2)
    inputs = torch.randn(5, 3)
    before = layer(inputs).detach()
    scale.fold_into(layer)
    torch.testing.assert_close(layer(inputs), before * scale.scale + scale.mean)


@pytest.mark.parametrize("column", [[2.0, 2.0, torch.nan], [torch.nan] * 3, [1.0, torch.nan, torch.nan]])
def test_a_cell_type_without_difference_among_training_genes(column: list[float]) -> None:
    labels = torch.stack([torch.tensor([1.0, 2.0, 3.0]), torch.tensor(column)], dim=1)
    with pytest.raises(InputError, match="no two training genes differ in the cell types b"):
        LabelScale.fit(labels, ["a", "b"])
