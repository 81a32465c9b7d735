from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pysam
import pytest
from click.testing import CliRunner

import texcnn
from texcnn.cli.models import models
from texcnn.errors import ModelError
from texcnn.genome.interval import reverse_complement
from texcnn.heads.mpra_dragonn import MpraDragoNN
from texcnn.model.import_mpra_dragonn import import_mpra_dragonn, read_weights
from texcnn.segments.bases import one_hot, stack_codes

KERAS_FILE = Path("mpra", "dragonn_ConvModel_pretrained.hdf5")


def write_keras(path: Path, *, dense: int = 133 * 120) -> Path:
    """A file of weights alone, with the published layers; each array counts up, so that a wrong order of axes shows."""
    shapes = {f"conv1d_{number}/kernel": (5, 4 if number == 1 else 120, 120) for number in (1, 2, 3)}
    shapes |= {f"conv1d_{number}/bias": (120,) for number in (1, 2, 3)}
    for number in (1, 2, 3):
        for name in ("gamma", "beta", "moving_mean", "moving_variance"):
            shapes[f"batch_normalization_{number}/{name}"] = (120,)
    shapes |= {"dense_1/kernel": (dense, 12), "dense_1/bias": (12,)}
    with h5py.File(path, "w") as file:
        for place, (name, shape) in enumerate(shapes.items()):
            layer, array = name.split("/")
            values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
            file[f"{layer}/{layer}/{array}:0"] = values + place
        file.create_group("flatten_1")
    return path


def test_reads_every_weight_into_pytorch_order(tmp_path: Path) -> None:
    state = read_weights(write_keras(tmp_path / "x.hdf5"))
    MpraDragoNN().load_state_dict(state, strict=True)
    # Keras kernel[width, in, out] lies at (width * n_in + in) * 120 + out; each array starts at its place in the file.
    assert state["convolutions.0.weight"][7, 3, 2] == (2 * 4 + 3) * 120 + 7
    assert state["convolutions.2.weight"][119, 5, 4] == (4 * 120 + 5) * 120 + 119 + 2
    assert state["output.weight"][11, 15_959] == 15_959 * 12 + 11 + 18
    first = {name: state[f"norms.0.{name}"][0].item() for name in ("weight", "bias", "running_mean", "running_var")}
    assert first == {"weight": 6, "bias": 7, "running_mean": 8, "running_var": 9}


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"'dense_1/dense_1/kernel:0' has shape \(120, 12\).*\(15960, 12\)"):
        read_weights(write_keras(tmp_path / "x.hdf5", dense=120))
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["dense_7/dense_7/kernel:0"] = [1.0]
    with pytest.raises(ModelError, match="not the ConvModel of MPRA-DragoNN: its layers with weights are dense_7"):
        read_weights(tmp_path / "other.hdf5")


@pytest.mark.data
def test_the_command_makes_a_bundle_with_the_published_numbers(data: Path, tmp_path: Path) -> None:
    file, folder = data / KERAS_FILE, tmp_path / "mpra-dragonn"
    done = CliRunner().invoke(models, ["import", "mpra-dragonn", str(file), "--out", str(folder)])
    assert done.exit_code == 0, done.output
    model = texcnn.load_model(folder)
    assert tuple(model.cell_types[:3]) == ("mean", "K562.minP.rep1", "K562.minP.rep2")
    assert model.cell_types[-1] == "HepG2.SV40P.pooled"
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "MIT" in card
    assert "PLoS ONE 14:e0218073" in card
    rng = np.random.default_rng(0)
    windows = ["".join(rng.choice(list("ACGT"), 145)) for _ in range(5)]
    bases = one_hot(stack_codes(windows))
    found = model.network.head.activities(bases)[:, :, 0].detach()
    np.testing.assert_allclose(found, plain_keras(file, bases.transpose(1, 2).numpy()), rtol=1e-4, atol=1e-5)


def plain_keras(file: Path, hidden: np.ndarray) -> np.ndarray:
    """The layers of the published JSON file in NumPy alone: three times conv, ReLU, batch norm; flatten; dense."""
    with h5py.File(file) as weights:
        for number in (1, 2, 3):
            layer = weights[f"conv1d_{number}/conv1d_{number}"]
            kernel, bias = layer["kernel:0"][()], layer["bias:0"][()]
            patches = np.stack([hidden[:, tap : hidden.shape[1] - 4 + tap] for tap in range(5)], axis=2)
            hidden = np.maximum(np.einsum("nptc,tcf->npf", patches, kernel) + bias, 0)
            norm = weights[f"batch_normalization_{number}/batch_normalization_{number}"]
            gamma, beta, mean, variance = (
                norm[f"{name}:0"][()] for name in ("gamma", "beta", "moving_mean", "moving_variance")
            )
            hidden = gamma * (hidden - mean) / np.sqrt(variance + 1e-3) + beta
        dense = weights["dense_1/dense_1"]
        return np.asarray(hidden.reshape(len(hidden), -1) @ dense["kernel:0"][()] + dense["bias:0"][()])


@pytest.mark.data
def test_an_effect_is_the_mean_over_the_fragments_that_hold_the_variant(data: Path, tmp_path: Path) -> None:
    file, fasta = data / KERAS_FILE, data / "human" / "hg38_wide.fa.gz"
    import_mpra_dragonn(file, tmp_path / "model")
    (tmp_path / "f9.bed").write_text("chrX\t139530735\t139530736\tF9\t0\t+\n")
    found = texcnn.variant_effects(
        tmp_path / "model", fasta, variants=["chrX:139530500:C>A", "chrX:139530700:A>T"], bed=tmp_path / "f9.bed",
        device="cpu",
    )  # fmt: skip
    assert len(found) == 2 * 13
    with pysam.FastaFile(str(fasta)) as genome:
        for (pos, alt), rows in found.groupby(["pos", "alt"], sort=False):
            around = genome.fetch("chrX", pos - 145, pos + 144).upper()
            changed = around[:144] + alt + around[145:]
            strands = [[text, reverse_complement(text)] for text in (around, changed)]
            # The reverse strand's fragments come in the other order, which a mean does not see.
            before, after = (
                np.mean([plain_keras(file, fragments(text)).mean(axis=0) for text in both], axis=0) for both in strands
            )
            expected = after - before
            np.testing.assert_allclose(rows["delta"], [expected.mean(), *expected], atol=2e-5)
            assert np.abs(expected).max() > 1e-3


def fragments(text: str) -> np.ndarray:
    """One-hot fragments ``(145, 145, 4)`` of 289 bases."""
    bases = one_hot(stack_codes([text[start : start + 145] for start in range(145)]))
    return np.asarray(bases.transpose(1, 2).numpy())
