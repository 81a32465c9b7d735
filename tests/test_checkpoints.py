"""The state of a training on disk: what goes in comes out, and anything else is refused with a remedy."""

import errno
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from texcnn import checkpoints
from texcnn.checkpoints import WorkFolder, load_state, optimizer_tensors, restore_optimizer, save_state
from texcnn.errors import InputError, RunError

PARTS = {
    "head": {"a.weight": torch.arange(6.0).reshape(2, 3), "count": torch.tensor(3)},
    "optimizer": {},
    "best": {"a.weight": torch.full((2,), 1 / 3, dtype=torch.bfloat16)},
}
HISTORY = [{"epoch": 1, "loss": 0.1 + 0.2}, {"epoch": 2, "loss": 1e-17}]  # no short decimal fractions


def test_what_was_saved_is_read_without_the_empty_parts(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    assert load_state(path, "x") is None
    save_state(path, PARTS, HISTORY, "x")
    found = load_state(path, "x")
    assert found is not None
    parts, history = found
    assert history == HISTORY
    assert parts.keys() == {"head", "best"}
    for part, tensors in parts.items():
        assert tensors.keys() == PARTS[part].keys()
        for name, tensor in tensors.items():
            assert tensor.dtype == PARTS[part][name].dtype
            assert tensor.equal(PARTS[part][name])


def test_the_state_of_another_training_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    save_state(path, PARTS, [], "x")
    with pytest.raises(InputError, match=r"other data or other options.*`overwrite` to start again"):
        load_state(path, "y")


@pytest.mark.parametrize("header", [None, "", "[]", "{}", '{"fingerprint": "x"}', "null", "\x00"])
def test_a_file_without_our_header_is_refused(tmp_path: Path, header: str | None) -> None:
    path = tmp_path / "state.safetensors"
    save_file({"a": torch.ones(1)}, path, metadata=None if header is None else {"texcnn": header})
    with pytest.raises(InputError, match=r"unreadable checkpoint.*delete it to start again"):
        load_state(path, "x")


@pytest.mark.parametrize("content", [b"", b"\x00" * 4, b"no safetensors at all, but long enough to try"])
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match="unreadable checkpoint"):
        load_state(path, "x")


def test_a_full_disk_keeps_the_state_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "state.safetensors"
    save_state(path, PARTS, [1], "x")
    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(RunError, match=r"cannot write the checkpoint.*No space left.*make room"):
        save_state(path, PARTS, [1, 2], "x")
    found = load_state(path, "x")
    assert found is not None
    assert found[1] == [1]


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.Adam, torch.optim.SGD])
def test_an_optimiser_that_is_put_back_takes_the_same_steps(kind: type[torch.optim.Optimizer]) -> None:
    def steps(weights: torch.nn.Parameter, optimizer: torch.optim.Optimizer, n: int) -> None:
        for _ in range(n):
            optimizer.zero_grad()
            (weights**2).sum().backward()
            optimizer.step()

    more = {"momentum": 0.9} if kind is torch.optim.SGD else {}
    first = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = kind([first], lr=0.1, **more)
    steps(first, optimizer, 2)
    second = torch.nn.Parameter(first.detach().clone())
    other = kind([second], lr=0.1, **more)
    restore_optimizer(other, {name: value.clone() for name, value in optimizer_tensors(optimizer).items()})
    steps(first, optimizer, 3)
    steps(second, other, 3)
    assert second.equal(first)


def test_the_work_folder_stays_until_its_output_is_written(tmp_path: Path) -> None:
    work = WorkFolder.of(tmp_path / "mine", "train")
    assert work.path == tmp_path / "mine.work"
    assert not work.path.exists()
    work.open(fresh=False)
    assert [path.name for path in work.path.iterdir()] == ["unfinished-training.txt"]
    (work.path / "state").write_text("1")
    WorkFolder.of(tmp_path / "mine", "train").open(fresh=False)
    assert (work.path / "state").exists()
    work.open(fresh=True)
    assert not (work.path / "state").exists()
    work.remove()
    assert not work.path.exists()


def test_a_work_folder_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    WorkFolder.of(tmp_path / "mine", "pretrain").open(fresh=False)
    with pytest.raises(InputError, match="something else"):
        WorkFolder.of(tmp_path / "mine", "train")
    assert (tmp_path / "mine.work" / "unfinished-pretraining.txt").exists()
