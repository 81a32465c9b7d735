"""Outputs appear whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from texcnn.errors import InputError
from texcnn.files import atomic_file, atomic_folder, check_output, open_text, sha256_file


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_sum(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    assert sha256_file(tmp_path / "a") == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_a_file_appears_at_the_end(tmp_path: Path) -> None:
    out = tmp_path / "out.tsv.gz"
    with atomic_file(out) as temporary:
        temporary.write_text("new")
        assert not out.exists()
        assert temporary.name.endswith(".tsv.gz")
    assert out.read_text() == "new"
    assert names(tmp_path) == ["out.tsv.gz"]
    umask = os.umask(0)
    os.umask(umask)
    assert out.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_failed_file_leaves_the_old(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("old")

    def fail() -> None:
        with atomic_file(out) as temporary:
            temporary.write_text("half")
            raise ValueError("no")

    with pytest.raises(ValueError, match=r"no"):
        fail()
    assert out.read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for content in ("first", "second"):
        with atomic_folder(out) as temporary:
            (temporary / content).write_text(content)
            (temporary / content).chmod(0o600)
        assert names(out) == [content]
        assert (out / content).stat().st_mode & 0o044 == 0o044, "readable by others, as new files are"
    assert names(tmp_path) == ["out"]


def test_a_failed_folder_leaves_the_old(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with atomic_folder(out) as temporary:
        (temporary / "old").touch()

    def fail() -> None:
        with atomic_folder(out) as temporary:
            (temporary / "half").touch()
            raise ValueError("no")

    with pytest.raises(ValueError, match=r"no"):
        fail()
    assert names(out) == ["old"]
    assert names(tmp_path) == ["out"]


def test_outputs_are_checked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_output(tmp_path / "new", overwrite=False)
    (tmp_path / "old").touch()
    with pytest.raises(InputError, match=r"'.*old' already exists.*--overwrite"):
        check_output(tmp_path / "old", overwrite=False)
    check_output(tmp_path / "old", overwrite=True)
    with pytest.raises(InputError, match=r"does not exist.*create it first"):
        check_output(tmp_path / "nowhere" / "out", overwrite=False)
    with pytest.raises(InputError, match=r"something else.*a new name, or a file"):
        check_output(tmp_path, overwrite=True)
    # Root may write anywhere, so that permissions alone cannot show this.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match=r"is not writable"):
        check_output(tmp_path / "new", overwrite=False)


def test_only_folders_of_ours_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").touch()
    with pytest.raises(InputError, match=r"something else.*a folder with config\.json"):
        check_output(tmp_path / "home", overwrite=True, marker="config.json")
    (tmp_path / "home" / "config.json").touch()
    check_output(tmp_path / "home", overwrite=True, marker="config.json")


@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz"])
def test_text_comes_back_and_equal_texts_are_equal_files(tmp_path: Path, name: str) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        with open_text(tmp_path / folder / f"{folder}-{name}") as handle:
            handle.write("gène\t1\n")
    one, two = (tmp_path / folder / f"{folder}-{name}" for folder in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    content = gzip.decompress(one.read_bytes()) if name.endswith(".gz") else one.read_bytes()
    assert content.decode() == "gène\t1\n"
