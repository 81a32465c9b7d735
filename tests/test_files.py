"""Outputs appear whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import gzip
import hashlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from texcnn.errors import InputError, RunError
from texcnn.evaluation.join import read_prediction_table
from texcnn.files import atomic_file, atomic_files, atomic_folder, check_output, open_text, sha256_file
from texcnn.report.source import open_source
from texcnn.report.variants import read_variants
from texcnn.scratch import locked
from texcnn.tables.expression import read_expression
from texcnn.tables.merge import merge_tables
from texcnn.tables.predictions import open_predictions


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
    (tmp_path / ".texcnn-mine" / "kept").mkdir(parents=True)
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


def test_of_two_writers_the_second_to_end_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def write(content: str) -> None:
        with atomic_file(out) as temporary:
            temporary.write_text(content)
            out.write_text("the other's")

    with pytest.raises(RunError, match=r"another process has written 'out' meanwhile.*kept"):
        write("new")
    assert out.read_text() == "the other's"
    # The same where the file was there before, and is to be replaced.
    os.utime(out, ns=(0, 0))
    with pytest.raises(RunError, match=r"another process has written 'out' meanwhile"):
        write("newer")
    assert out.read_text() == "the other's"
    assert names(tmp_path) == ["out"]


def test_of_two_writers_of_a_folder_the_second_to_end_is_refused(tmp_path: Path) -> None:
    def write() -> None:
        with atomic_folder(tmp_path / "out") as ours:
            (ours / "ours").touch()
            with atomic_folder(tmp_path / "out") as theirs:
                (theirs / "theirs").touch()

    for _ in range(2):
        with pytest.raises(RunError, match=r"another process has written 'out' meanwhile"):
            write()
        assert names(tmp_path / "out") == ["theirs"]
    assert names(tmp_path) == ["out"]


def test_a_file_that_a_living_process_writes_is_refused_at_once(tmp_path: Path) -> None:
    code = f"""
        import sys
        from pathlib import Path
        from texcnn.files import atomic_file
        with atomic_file(Path({str(tmp_path / "out")!r})) as temporary:
            temporary.write_text("theirs")
            print("writing", flush=True)
            sys.stdin.read()
        """
    other = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "writing\n"
    with pytest.raises(RunError, match=r"another process is writing 'out'.*wait"), atomic_file(tmp_path / "out"):
        pytest.fail("the block must not run")
    with atomic_file(tmp_path / "another") as temporary:
        temporary.write_text("")
    other.communicate("")
    assert (other.returncode, (tmp_path / "out").read_text()) == (0, "theirs")
    assert names(tmp_path) == ["another", "out"]


def test_without_links_a_file_still_appears_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", unsupported)
    with atomic_file(tmp_path / "out") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "out").read_text() == "new"

    def write() -> None:
        with atomic_file(tmp_path / "more"):
            (tmp_path / "more").touch()

    with pytest.raises(RunError, match="meanwhile"):
        write()


def test_files_appear_together_or_not_at_all(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("first", "second", "third")]

    def write(*, clash: bool) -> None:
        with atomic_files(paths) as (one, two, three):
            one.write_text("1")
            two.unlink()
            three.write_text("3")
            if clash:
                paths[2].touch()

    with pytest.raises(RunError, match="meanwhile"):
        write(clash=True)
    assert names(tmp_path) == ["third"]
    paths[2].unlink()
    write(clash=False)
    assert names(tmp_path) == ["first", "third"]


@pytest.mark.parametrize("writer", [atomic_file, atomic_folder])
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "x"), OSError(errno.EDQUOT, "x"), RuntimeError("write: No space left on device")]
)
def test_a_full_disk_is_named(tmp_path: Path, writer: Callable[[Path], Any], error: Exception) -> None:
    out = tmp_path / "out"
    with pytest.raises(RunError, match=rf"the disk is full.*'{tmp_path}', on the disk '/.*make room"), writer(out):
        raise error
    assert names(tmp_path) == []
    with pytest.raises(OSError, match="other"), writer(out):
        raise OSError(errno.EIO, "other")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_device_that_is_full(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="the disk is full"), atomic_file(tmp_path / "out"):
        Path("/dev/full").write_text("x")


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


@pytest.mark.parametrize("kind", ["pipe", "folder"])
@pytest.mark.parametrize("ending", [".parquet", ".h5ad"])
def test_tables_that_are_read_at_several_places_are_files(tmp_path: Path, ending: str, kind: str) -> None:
    """A pipe that was there was said not to exist, or h5py's and Arrow's words were shown."""
    path = tmp_path / f"t{ending}"
    (os.mkfifo if kind == "pipe" else os.mkdir)(path)
    readers: dict[str, Callable[[Path], object]] = {
        "predictions": open_predictions,
        "merge": lambda part: merge_tables(part, tmp_path / "out.parquet"),
        "expression": read_expression,
        "evaluation": read_prediction_table,
    }
    if ending == ".parquet":
        readers |= {"variants": read_variants, "report": lambda table: open_source(None, table)}
    for name, read in readers.items():
        with pytest.raises(InputError, match=f"the path is a {kind}.*allowed: a regular file"):
            raise AssertionError((name, read(path)))


def test_outputs_that_no_name_can_have(tmp_path: Path) -> None:
    """The first was another process's file after all work was done, the second an OSError of Python's."""
    (tmp_path / "link.tsv").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"link\.tsv' is a link to 'nowhere', which does not exist"):
        check_output(tmp_path / "link.tsv", overwrite=True)
    with pytest.raises(InputError, match=r"cannot be written \(File name too long\).*choose another `out`"):
        check_output(tmp_path / ("x" * 300), overwrite=False)
