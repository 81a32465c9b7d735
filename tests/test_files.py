"""Outputs appear whole or not at all."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from texcnn.errors import InputError
from texcnn.files import atomic_file, atomic_folder, check_output, locked, open_text, sha256_file


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
    with pytest.raises(InputError, match=r"'.*old' already exists.*`overwrite`"):
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


def die_while_writing(path: Path, *, swap: bool = False) -> None:
    """A process of its own that is killed inside ``atomic_file`` or ``atomic_folder``."""
    killed = f"""
        import os, signal
        from pathlib import Path
        from texcnn.files import atomic_file, atomic_folder
        die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        path = Path({str(path)!r})
        if {swap}:
            with atomic_folder(path) as temporary:
                (temporary / "new").touch()
                os.chmod = lambda *_: None
                Path.chmod = lambda *_: None
                real = Path.replace
                Path.replace = lambda source, to: real(source, to) if Path(to).name == "old" else die()
        else:
            with atomic_file(path) as temporary:
                temporary.write_text("half")
                die()
        """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(killed)], check=False).returncode == -signal.SIGKILL


def test_what_a_killed_process_left_is_removed_by_the_next_write(tmp_path: Path) -> None:
    die_while_writing(tmp_path / "out")
    assert [name.startswith(".texcnn-") for name in names(tmp_path)] == [True]
    with atomic_file(tmp_path / "other") as temporary:
        temporary.write_text("whole")
    assert names(tmp_path) == ["other"]


def test_what_a_living_process_writes_is_left_alone(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "slow") as slow:
        slow.write_text("slow")
        with atomic_file(tmp_path / "quick") as quick:
            quick.write_text("quick")
        assert slow.read_text() == "slow"
    assert names(tmp_path) == ["quick", "slow"]
    assert (tmp_path / "slow").read_text() == "slow"


def test_a_folder_in_the_midst_of_being_replaced_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").touch()
    die_while_writing(tmp_path / "out", swap=True)
    with atomic_file(tmp_path / "other") as temporary:
        temporary.write_text("")
    assert {path.name for path in tmp_path.rglob("*")} >= {"precious", "new", "other"}


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".texcnn-mine").mkdir()
    with atomic_file(tmp_path / "out"):
        pass
    assert names(tmp_path) == [".texcnn-mine", "out"]


def test_a_folder_that_shall_not_be_replaced(tmp_path: Path) -> None:
    def write(content: str) -> None:
        with atomic_folder(tmp_path / "out", replace=False) as temporary:
            (temporary / content).touch()

    write("first")
    with pytest.raises(FileExistsError, match=r"'.*out' already exists"):
        write("second")
    assert names(tmp_path / "out") == ["first"]
    assert names(tmp_path) == ["out"]


def test_a_lock_dies_with_its_holder(tmp_path: Path) -> None:
    with locked(tmp_path / "lock") as first, locked(tmp_path / "lock") as second:
        assert (first, second) == (True, False)
    with locked(tmp_path / "lock") as third:
        assert third


def test_without_locks_nothing_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    die_while_writing(tmp_path / "out")

    def unsupported(*_: object) -> None:
        raise OSError("no locks on this file system")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with atomic_file(tmp_path / "other") as temporary:
        temporary.write_text("")
    assert len(names(tmp_path)) == 2
