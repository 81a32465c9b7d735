"""Scratch folders: gone at the end, whatever moment a process is killed at, and never another process's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from texcnn import scratch
from texcnn.scratch import scratch_folder


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("files", [(), ("lock",), ("lock", "content/half.tsv")])
def test_what_a_killed_process_left_is_removed(tmp_path: Path, files: tuple[str, ...]) -> None:
    """A folder without a lock stayed for ever: its process was killed before it made one, or after it removed it."""
    dead = tmp_path / ".texcnn-dead"
    dead.mkdir()
    for name in files:
        (dead / name).parent.mkdir(exist_ok=True)
        (dead / name).touch()
    with scratch_folder(tmp_path) as mine:
        assert left(tmp_path) == [mine.parent.name]
    assert left(tmp_path) == []


def test_what_is_in_use_or_has_no_lock_and_something_in_it_stays(tmp_path: Path) -> None:
    (tmp_path / ".texcnn-other" / "kept").mkdir(parents=True)
    with scratch_folder(tmp_path) as first, scratch_folder(tmp_path) as second:
        (first / "a").touch()
        assert left(second.parent.parent) == sorted([".texcnn-other", first.parent.name, second.parent.name])
        assert (first / "a").exists()
    assert left(tmp_path) == [".texcnn-other"]


def test_the_lock_goes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    removed: list[str] = []
    whole = scratch.shutil.rmtree

    def remove(path: Path, **options: bool) -> None:
        removed.append(path.name)
        assert (folder / "lock").exists()
        whole(path, **options)

    monkeypatch.setattr(scratch.shutil, "rmtree", remove)
    with scratch_folder(tmp_path) as content:
        folder = content.parent
    assert removed == ["content", folder.name]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_folder_that_another_process_takes_for_unused_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Before it is locked, or between that and the look whether it is still there."""
    lock, lost = scratch.locked, []

    @contextmanager
    def lock_late(path: Path) -> Iterator[bool | None]:
        if not lost and when == "before":
            path.parent.rmdir()
        with lock(path) as held:
            if not lost and when == "after":
                path.unlink()
            lost.append(path)
            yield held

    monkeypatch.setattr(scratch, "locked", lock_late)
    with scratch_folder(tmp_path) as content:
        assert (content.parent == lost[0].parent) is (when == "before")
        assert left(tmp_path) == [content.parent.name]
        with lock(content.parent / "lock") as free:
            assert free is False
    assert left(tmp_path) == []
