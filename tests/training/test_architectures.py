"""Every peer by the same command: trained, loaded, and predicting."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from texcnn.errors import InputError
from texcnn.genome.windows import WindowSpec
from texcnn.model.load import load_model
from texcnn.training.architectures import ARCHITECTURES, find_architecture, fit_options

PEERS = [name for name in ARCHITECTURES if name != "textcnn"]
N_GENES = 40


@pytest.fixture
def files(tmp_path: Path) -> list[object]:
    """40 genes of 600 random bases each, 8 of them lost to N; expression is the share of C in the window."""
    chance = np.random.default_rng(0)
    shares = chance.uniform(0.1, 0.7, N_GENES)
    windows = ["".join(chance.choice(list("ACGT"), 600, p=[(1 - share) / 3, share, (1 - share) / 3, (1 - share) / 3]))
               for share in shares]  # fmt: skip
    windows[0] = "N" * 600
    (tmp_path / "genome.fa").write_text("".join(f">c{i}\n{window}\n" for i, window in enumerate(windows)))
    (tmp_path / "genes.bed").write_text("".join(f"c{i}\t0\t600\tg{i:02d}\t0\t+\n" for i in range(N_GENES)))
    frame = pd.DataFrame({"a": 10 * shares, "b": 3 - shares}, index=[f"g{i:02d}" for i in range(N_GENES)])
    frame.loc["g05", "b"] = np.nan
    frame.to_csv(tmp_path / "rpkm.tsv", sep="\t", index_label="gene_id")
    return [
        "--fasta", tmp_path / "genome.fa", "--bed", tmp_path / "genes.bed", "--bed-anchor", "center",
        "--upstream", 300, "--downstream", 300, "--expression", tmp_path / "rpkm.tsv", "--unit", "RPKM",
        "--transform", "none", "--split", "random", "--valid-fraction", "0.2", "--test-fraction", "0.2", "--quiet",
        "--device", "cpu",
    ]  # fmt: skip


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_is_trained_kept_and_predicts(
    texcnn: Callable[..., tuple[int, str]], files: list[object], tmp_path: Path, name: str
) -> None:
    if name in ("deeplncloc", "pipoli"):
        pytest.importorskip("gensim")
    (tmp_path / "f.tsv").write_text("gene_id\tu\n" + "".join(f"g{i:02d}\t{i % 7}\n" for i in range(N_GENES)))
    given = [*files, "--features", tmp_path / "f.tsv", "--architecture", name, "--epochs", 3, "--runs", 2]
    assert texcnn("train", *given, "--out", tmp_path / "one") == (0, "")
    assert texcnn("train", *given, "--out", tmp_path / "two") == (0, "")
    model = load_model(tmp_path / "one")
    assert model.config.head.type == ARCHITECTURES[name].head
    assert (model.window, model.cell_types) == (WindowSpec(300, 300), ("a", "b"))
    assert "\ng00\t" in (tmp_path / "one" / "skipped.tsv").read_text()
    assert ARCHITECTURES[name].title in (tmp_path / "one" / "README.md").read_text()
    # The same bits each time.
    for file in ("runs.tsv", "history.tsv", "model.safetensors"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    # What predict says is what training judged.
    predicted = model.predict(files[1], bed=files[3], bed_anchor="center", features=tmp_path / "f.tsv", device="cpu")
    predicted = predicted.set_index("gene_id")
    split = pd.read_csv(tmp_path / "one" / "split.tsv", sep="\t").set_index("gene_id")["split"]
    true = pd.read_csv(tmp_path / "rpkm.tsv", sep="\t").set_index("gene_id")["a"]
    test = split.index[split == "test"]
    written = pd.read_csv(tmp_path / "one" / "metrics.tsv", sep="\t").query("cell_type == 'a' and split == 'test'")
    assert np.sqrt(((predicted.loc[test, "a"] - true[test]) ** 2).mean()) == pytest.approx(
        written["rmse"].item(), rel=1e-3
    )


def test_the_ridge_finds_what_is_linear(
    texcnn: Callable[..., tuple[int, str]], files: list[object], tmp_path: Path
) -> None:
    assert texcnn("train", *files, "--architecture", "kmer-ridge", "--out", tmp_path / "ridge") == (0, "")
    metrics = pd.read_csv(tmp_path / "ridge" / "metrics.tsv", sep="\t").query("split == 'test'")
    assert (metrics["one_minus_sse_sst"] > 0.8).all()
    assert pd.read_csv(tmp_path / "ridge" / "history.tsv", sep="\t")["epoch"].tolist() == [1]


def test_what_belongs_to_another_architecture_is_refused(
    texcnn: Callable[..., tuple[int, str]], files: list[object], tmp_path: Path
) -> None:
    for extra, words in (
        (["--architecture", "lstm"], "xpresso"),
        (["--architecture", "xpresso", "--filters", 8], "--filters can be given to a text CNN only"),
        (["--architecture", "xpresso", "--model", "texcnn-mini"], "reads bases"),
    ):
        status, message = texcnn("train", *files, *extra, "--out", tmp_path / "none")
        assert status == 2
        assert words in message
    assert not (tmp_path / "none").exists()


def test_settings_are_the_authors_until_the_user_says_otherwise() -> None:
    xpresso = find_architecture("xpresso")
    assert fit_options(xpresso, 3, epochs=None, batch_size=7) == type(xpresso.fit)(
        epochs=100, batch_size=7, learning_rate=5e-4, patience=7, seed=3, optimizer="sgd"
    )
    with pytest.raises(InputError, match="deeplncloc"):
        find_architecture("lstm")


@pytest.mark.parametrize("name", PEERS)
def test_masked_segments_and_unknown_bases_change_nothing(name: str) -> None:
    architecture = ARCHITECTURES[name]
    torch.manual_seed(0)
    if architecture.reads == "bases":
        head = architecture.make_head({"length": 600, "n_cell_types": 3}, {}).eval()
        bases = torch.nn.functional.one_hot(torch.randint(4, (2, 600)), 4).float().transpose(1, 2)
        bases[1, :, 100:] = 0
        first = head(bases)
        assert first.shape == (2, 3)
        assert head(bases[1:]).allclose(first[1:], atol=1e-5)  # alone as among others
        return
    head = architecture.make_head({"dim": 8, "n_segments": 6, "n_cell_types": 3}, {}).eval()
    values, mask = torch.randn(3, 6, 8), torch.ones(3, 6, dtype=torch.bool)
    mask[1, 4:], mask[2] = False, False
    values = values * mask.unsqueeze(-1)
    first = head(values, mask)
    assert first.isnan().tolist() == [[False] * 3, [False] * 3, [True] * 3]
    assert head(values[1:2], mask[1:2]).allclose(first[1:2], atol=1e-5)
    head.train()
    head(values[:2], mask[:2]).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in head.parameters())
