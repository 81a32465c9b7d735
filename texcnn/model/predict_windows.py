"""Windows in, expression and a status per window out: the core of every prediction."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from texcnn.embedding.cache import SegmentCache
from texcnn.embedding.options import ComputeOptions
from texcnn.errors import InputError, RunError
from texcnn.heap import trim_heap
from texcnn.model.network import HeadOutputs, open_session
from texcnn.progress import progress_bar

if TYPE_CHECKING:
    from texcnn.model.model import Model
    from texcnn.model.network import Chunk

WINDOWS_PER_CHUNK = 64
"""Enough segments to fill batches of similar lengths (64 x 21), few enough to keep memory flat."""


_CHUNKS_PER_TRIM = 4
"""Every how many chunks free memory is given back: it takes some 20 ms, of the seconds that they take."""


class WindowStatus(StrEnum):
    """Whether a window has a prediction, or why not."""

    OK = "OK"
    NO_KNOWN_BASES = "NO_KNOWN_BASES"
    """No segment of the window has enough known bases."""
    TOO_MANY_N = "TOO_MANY_N"
    """A larger share of the window is N than was allowed."""
    NO_FEATURES = "NO_FEATURES"
    """An extra input that the model needs is unknown."""


@dataclass(frozen=True)
class PredictedWindows:
    """Some windows, in the order they were given.

    Attributes:
        values: float32 ``(n, n_cell_types)`` in the model's unit; NaN where the status is not OK.
        status: One per window.
        members: What each member of an ensemble predicts, float32 ``(n_members, n, n_cell_types)``, NaN where it has
            nothing to read; None where it was not asked for, or the model is no ensemble.
    """

    values: npt.NDArray[np.float32]
    status: list[WindowStatus]
    members: npt.NDArray[np.float32] | None = None


def predict_windows(
    model: Model,
    windows: Iterable[str],
    features: npt.ArrayLike | None = None,
    *,
    options: ComputeOptions | None = None,
    max_n_fraction: float = 1.0,
    cache: SegmentCache | None = None,
    members: bool = False,
    progress: bool = False,
) -> Iterator[PredictedWindows]:
    """Predicts expression of windows given as bases, chunk by chunk: memory does not grow with their number.

    Args:
        model: The model.
        windows: Bases of the model's window length on the gene's strand, upper-case ``ACGTN``.
        features: ``(n, n_features)`` in the units of the model's features, NaN where unknown; None uses the model's
            defaults.
        options: How to compute; the batch size never changes the result.
        max_n_fraction: Windows with a larger share of N are not predicted; :meth:`texcnn.model.model.Model.n_limit` has
            the model's own.
        cache: Vectors of segments that were computed before, by this model in this number type; None for a new one.
        members: Whether to keep what each member of an ensemble predicts.
        progress: Whether to show progress.

    Yields:
        :data:`WINDOWS_PER_CHUNK` windows at a time, the last chunk fewer.

    Raises:
        InputError: when a window has another length or other letters, or features are needed or have another shape.
        RunError: when the model gives a number that is not finite for a window that has known bases and features.
    """
    given = None if features is None else _numbers(features)
    total = len(windows) if isinstance(windows, Sized) else None
    done = 0
    with (
        open_session(model.network, options, cache) as session,
        progress_bar(progress, total=total, what="predicting", unit="windows") as bar,
    ):
        checked = _checked(model, windows, given, max_n_fraction)
        for number, (chunk, predicted) in enumerate(_predicted(model, checked, session, members=members), 1):
            if number % _CHUNKS_PER_TRIM == 0:
                trim_heap()
            yield with_status(_of_all(chunk, predicted, len(model.cell_types)), chunk.scaled, done, chunk.too_many_n)
            done += len(chunk.windows)
            bar.update(len(chunk.windows))
    if given is not None and len(given) != done:
        raise InputError(f"{len(given)} rows of features", where="`features`", allowed=f"{done}, one per window")


def _numbers(features: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Features as an array; what is masked or NA is NaN."""
    try:
        if hasattr(features, "to_numpy"):  # pandas' own missing values
            features = features.to_numpy(np.float64, na_value=np.nan)
        if np.iscomplexobj(features):
            raise TypeError("complex numbers")
        filled: npt.NDArray[np.float64] = np.ma.filled(np.ma.asarray(features, np.float64), np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(f"features that are no numbers ({error})", where="`features`", allowed="numbers") from error
    return filled


@dataclass(frozen=True)
class _Checked:
    """A chunk that was checked.

    Attributes:
        windows: All of its windows.
        scaled: Their features as the head takes them; None where it takes none.
        too_many_n: bool ``(n,)``, True where a window has more N than allowed.
        rest: Numbers of the others.
    """

    windows: Sequence[str]
    scaled: Tensor | None
    too_many_n: Tensor
    rest: Tensor


def _checked(
    model: Model, windows: Iterable[str], given: npt.NDArray[np.float64] | None, max_n_fraction: float
) -> Iterator[_Checked]:
    source = iter(windows)
    done = 0
    while chunk := list(islice(source, WINDOWS_PER_CHUNK)):
        _check(chunk, model.window.length, done)
        rows = None if given is None else given[done : done + len(chunk)]
        too_many = exceeds([window.count("N") / len(window) for window in chunk], max_n_fraction)
        yield _Checked(chunk, model.features.scaled(rows, len(chunk)), too_many, (~too_many).nonzero().flatten())
        done += len(chunk)


def _of_all(chunk: _Checked, predicted: HeadOutputs | None, n_cell_types: int) -> HeadOutputs:
    """The head's outputs for a chunk's rest, as rows of all its windows."""
    n = len(chunk.windows)
    values = torch.full((n, n_cell_types), torch.nan)
    known = torch.zeros(n, dtype=torch.bool)
    members = None
    if predicted is not None:
        values[chunk.rest], known[chunk.rest] = predicted.values, predicted.known
        if predicted.members is not None:
            members = torch.full((len(predicted.members), n, n_cell_types), torch.nan)
            members[:, chunk.rest] = predicted.members
    return HeadOutputs(values, known, members)


def _predicted(
    model: Model, chunks: Iterable[_Checked], session: Any, *, members: bool
) -> Iterator[tuple[_Checked, HeadOutputs | None]]:
    """Every chunk with the head's outputs for its rest; None where there is no rest."""
    waiting: deque[_Checked] = deque()

    def usable() -> Iterator[Chunk]:
        for chunk in chunks:
            waiting.append(chunk)
            if len(chunk.rest):
                scaled = None if chunk.scaled is None else chunk.scaled[chunk.rest]
                yield [chunk.windows[row] for row in chunk.rest], scaled

    def left_out() -> Iterator[tuple[_Checked, None]]:
        while waiting and not len(waiting[0].rest):
            yield waiting.popleft(), None

    for predicted in model.network.predict_chunks(usable(), session, members=members):
        yield from left_out()
        yield waiting.popleft(), predicted
    yield from left_out()


def exceeds(n_fraction: Sequence[float], limit: float) -> Tensor:
    """Returns bool ``(n,)``, True where the share of N is above the limit."""
    return torch.tensor([share > limit for share in n_fraction], dtype=torch.bool)


def with_status(
    outputs: HeadOutputs, features: Tensor | None, first: int = 0, too_many_n: Tensor | None = None
) -> PredictedWindows:
    """Gives each row of a network's output its status.

    Args:
        outputs: The head's outputs for the windows.
        features: ``(n, n_features)`` as the head took them; None where it takes none.
        first: Number of the first window, for messages.
        too_many_n: bool ``(n,)``, True where the window has more N than allowed; None for nowhere.

    Raises:
        RunError: when a row that should have a prediction is not finite.
    """
    values, known = outputs.values, outputs.known
    lacking = torch.zeros_like(known) if features is None else features.isnan().any(dim=1)
    left_out = torch.zeros_like(known) if too_many_n is None else too_many_n
    wrong = known & ~lacking & ~left_out & ~values.isfinite().all(dim=1)
    if wrong.any():
        raise RunError(
            "the model gave a number that is not finite",
            where=f"window {first + int(wrong.nonzero()[0]) + 1}",
            remedy="compute in float32 (`dtype`); if that does not help, the model's weights are unusable",
        )
    status = [
        WindowStatus.TOO_MANY_N
        if crowded
        else WindowStatus.NO_FEATURES
        if lacks
        else WindowStatus.OK
        if known_bases
        else WindowStatus.NO_KNOWN_BASES
        for crowded, lacks, known_bases in zip(left_out.tolist(), lacking.tolist(), known.tolist(), strict=True)
    ]
    unknown = left_out | lacking | ~known
    members = None if outputs.members is None else outputs.members.numpy()
    return PredictedWindows(values.masked_fill(unknown[:, None], torch.nan).numpy(), status, members)


def _check(windows: Sequence[str], length: int, first: int) -> None:
    for row, window in enumerate(windows):
        if not isinstance(window, str):
            raise InputError(
                f"a window is of type {type(window).__name__}", where=f"window {first + row + 1}",
                allowed="text of bases, such as the `sequence` of a Window",
            )  # fmt: skip
    letters = set().union(*windows) - set("ACGTN")
    if letters:
        raise InputError(
            f"windows with the letters {', '.join(map(repr, sorted(letters)))}",
            allowed="upper-case A, C, G, T and N",
            remedy="upper-case soft-masked bases, and write N for every other code",
        )
    for row, window in enumerate(windows):
        if len(window) != length:
            raise InputError(f"a window of {len(window)} bp", where=f"window {first + row + 1}", allowed=f"{length} bp")
