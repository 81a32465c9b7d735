"""Finished chunks on disk: kept by a run that is stopped, taken up by the same run, and by no other."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from texcnn.effects.parts import Parts, PartsInMemory, open_parts
from texcnn.errors import InputError, RunError
from texcnn.scratch import locked

KINDS = ("detail", "summary")
RUN = {"model": "m", "genes": [["a", 1]]}


def chunk(number: int) -> dict[str, pa.Table]:
    return {kind: pa.table({"number": [number], "kind": [kind]}) for kind in KINDS}


def numbers(parts: Parts | PartsInMemory, kind: str = "detail") -> list[int]:
    return [row["number"] for table in parts.read(kind) for row in table.to_pylist()]


def stopped(out: Path, chunks: int, error: BaseException, run: dict[str, object] = RUN) -> None:
    """A run that is stopped after some chunks."""

    def work() -> None:
        with open_parts(out, KINDS, run, overwrite=False) as parts:
            for number in range(parts.done, chunks):
                parts.add(chunk(number))
            raise error

    with pytest.raises(type(error)):
        work()


@pytest.mark.parametrize("memory", [False, True])
def test_chunks_come_back_in_order_by_kind(tmp_path: Path, memory: bool) -> None:
    parts = PartsInMemory() if memory else Parts(tmp_path, KINDS)
    assert (parts.done, numbers(parts)) == (0, [])
    for number in range(12):
        parts.add(chunk(number))
    assert parts.done == 12
    for kind in KINDS:
        assert numbers(parts, kind) == list(range(12))
        assert {row["kind"] for table in parts.read(kind) for row in table.to_pylist()} == {kind}


def test_a_finished_run_leaves_nothing(tmp_path: Path) -> None:
    with open_parts(tmp_path / "o.tsv", KINDS, RUN, overwrite=False) as parts:
        parts.add(chunk(0))
        assert [path.name for path in tmp_path.iterdir()] == ["o.tsv.parts"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RunError("no memory"), OSError("disk")])
def test_a_stopped_run_continues_at_the_chunk_it_had_reached(tmp_path: Path, error: BaseException) -> None:
    out = tmp_path / "o.tsv"
    stopped(out, 3, error)
    with open_parts(out, KINDS, RUN, overwrite=False) as parts:
        assert parts.done == 3
        parts.add(chunk(3))
        assert numbers(parts) == [0, 1, 2, 3]
    assert not list(tmp_path.iterdir())


def test_a_chunk_that_was_half_written_is_written_again(tmp_path: Path) -> None:
    """Kinds of a chunk are written one after the other: the last of them makes it a finished one."""
    out = tmp_path / "o.tsv"
    stopped(out, 3, KeyboardInterrupt())
    (tmp_path / "o.tsv.parts" / "summary-000002.parquet").unlink()
    with open_parts(out, KINDS, RUN, overwrite=False) as parts:
        assert parts.done == 2
        parts.add(chunk(20))
        assert numbers(parts) == [0, 1, 20]


@pytest.mark.parametrize(("chunks", "error"), [(2, InputError("line 9")), (0, KeyboardInterrupt())])
def test_what_would_fail_again_or_has_nothing_keeps_nothing(tmp_path: Path, chunks: int, error: BaseException) -> None:
    stopped(tmp_path / "o.tsv", chunks, error)
    assert not list(tmp_path.iterdir())


def test_chunks_of_another_run_are_neither_used_nor_lost_unasked(tmp_path: Path) -> None:
    out = tmp_path / "o.tsv"
    stopped(out, 2, KeyboardInterrupt())
    other = {**RUN, "genes": [["a", 2]]}
    with (
        pytest.raises(InputError, match=r"parts of another run are left here .* repeat that run .* set `overwrite`"),
        open_parts(out, KINDS, other, overwrite=False),
    ):
        pass
    with open_parts(out, KINDS, RUN, overwrite=False) as parts:
        assert parts.done == 2
        stopped_again = parts.done
    assert stopped_again == 2
    stopped(out, 2, KeyboardInterrupt())
    with open_parts(out, KINDS, other, overwrite=True) as parts:
        assert parts.done == 0
    assert not list(tmp_path.iterdir())


def test_the_order_of_what_a_run_depends_on_does_not_matter(tmp_path: Path) -> None:
    stopped(tmp_path / "o.tsv", 1, KeyboardInterrupt())
    with open_parts(tmp_path / "o.tsv", KINDS, dict(reversed(RUN.items())), overwrite=False) as parts:
        assert parts.done == 1


def test_two_processes_do_not_write_one_table(tmp_path: Path) -> None:
    folder = tmp_path / "o.tsv.parts"
    folder.mkdir()
    with (
        locked(folder / "lock") as held,
        pytest.raises(RunError, match=r"another process is writing the same table .* wait until it has ended"),
        open_parts(tmp_path / "o.tsv", KINDS, RUN, overwrite=True),
    ):
        assert held
    assert folder.is_dir(), "the other one's folder is left alone"
