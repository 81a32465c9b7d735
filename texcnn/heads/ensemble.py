"""An ensemble: several text CNNs that each read some of the encoders, and the weighted mean of what they predict.

Source: averages of networks as in Hansen & Salamon 1990 (doi:10.1109/34.58871). Members that read other encoders err
in different ways, so their mean errs less than any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from texcnn.errors import ModelError
from texcnn.heads.textcnn import TextCNN

_ENTRIES = {"reads", "weight", "options"}
_OPTIONAL = {"segments", "common"}


class Ensemble(nn.Module):
    """Text CNNs over parts of each segment's vector, averaged.

    Attributes:
        reach: Segments on either side that what a filter finds at a segment depends on.

    Args:
        dim: Length of one segment's vector (of all encoders together).
        n_cell_types: Number of outputs.
        members: One entry per text CNN: ``reads``, the parts of the vector that it reads, as half-open ``[start,
            stop]`` in ascending order; ``weight``, its share of the mean; ``options``, the further arguments of
            :class:`~texcnn.heads.textcnn.TextCNN`; ``segments``, those that it reads, half-open ``[first, stop]``, all
            of them if not given; and ``common``, true for one that is a part of what each of the others predicts, so
            that it is no opinion on its own: a term that is added to their mean.
        n_segments: Segments per window; needed where a member needs it.
        n_features: Extra features per gene; every member reads all of them.

    Raises:
        ModelError: on a member with other entries, parts outside the vector, segments outside the window, a weight
            that is not positive, or weights whose sum is not 1.
    """

    def __init__(
        self,
        dim: int,
        n_cell_types: int,
        members: Sequence[Mapping[str, Any]],
        *,
        n_segments: int | None = None,
        n_features: int = 0,
    ) -> None:
        super().__init__()
        for number, member in enumerate(members):
            _check(member, dim, n_segments, where=f"member {number}")
        self.weights = [float(member["weight"]) for member in members]
        if abs(sum(self.weights) - 1) > 1e-6:
            raise ModelError(f"weights of members that sum to {sum(self.weights):g}", allowed="a sum of 1")
        self.n_cell_types, self.n_segments, self.n_features = n_cell_types, n_segments, n_features
        self.reads = [[(start, stop) for start, stop in member["reads"]] for member in members]
        self.common = [bool(member.get("common")) for member in members]
        self.segments = [slice(*member["segments"]) if "segments" in member else None for member in members]
        self.members = nn.ModuleList(
            TextCNN(
                sum(stop - start for start, stop in reads),
                n_cell_types,
                n_segments=segments.stop - segments.start if segments else n_segments,
                n_features=n_features,
                **member["options"],
            )
            for member, reads, segments in zip(members, self.reads, self.segments, strict=True)
        )
        self.reach = max((member.reach for member in self._text_cnns()), default=0)

    def forward(self, values: Tensor, mask: Tensor, features: Tensor | None = None) -> Tensor:
        """Predicts expression.

        Args:
            values: Segment vectors ``(n, n_segments, dim)``; masked segments are zero.
            mask: ``(n, n_segments)``, True where the segment is usable.
            features: ``(n, n_features)``, or None when the head has none.

        Returns:
            Expression ``(n, n_cell_types)`` in the model's unit, the mean over the members that have a usable segment
            to read; NaN for a row where none has.

        Raises:
            ModelError: when the number of segments or features is not what the head was built for.
        """
        return self.read(self.responses(values, mask), mask, features)

    def with_members(self, values: Tensor, mask: Tensor, features: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Predicts expression, and what each member predicts alone; arguments are those of :meth:`forward`.

        Returns:
            What :meth:`forward` returns, and ``(n_members, n, n_cell_types)`` in the same unit, without common members,
            which are a part of each other one's; NaN where a member has no usable segment to read.
        """
        found = list(self._found(self.responses(values, mask), mask, features))
        shared, share = torch.zeros(()), torch.zeros(())
        for common, weight, (predicted, usable) in zip(self.common, self.weights, found, strict=True):
            if common:
                shared, share = shared + weight * predicted.masked_fill(~usable, 0.0), share + weight * usable
        alone = [
            (shared + (1 - share) * predicted).masked_fill(~usable, torch.nan)
            for common, (predicted, usable) in zip(self.common, found, strict=True)
            if not common
        ]
        return self._mean(found), torch.stack(alone)

    def responses(self, values: Tensor, mask: Tensor, at: Tensor | None = None) -> Tensor:
        """Runs the convolutions of all members; arguments and result are those of :meth:`TextCNN.responses`."""
        found = []
        for reads, segments, member in zip(self.reads, self.segments, self._text_cnns(), strict=True):
            parts = [values[..., start:stop] for start, stop in reads]
            read = parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)
            found.append(
                _responses_of_some(member, read, mask, at, segments) if segments else member.responses(read, mask, at)
            )
        return torch.cat(found, dim=1)

    def read(self, responses: Tensor, mask: Tensor, features: Tensor | None = None) -> Tensor:
        """Turns what the members' filters find in whole windows into expression, as :meth:`forward` does."""
        return self._mean(self._found(responses, mask, features))

    def _found(self, responses: Tensor, mask: Tensor, features: Tensor | None) -> Iterator[tuple[Tensor, Tensor]]:
        """What each member predicts, and bool ``(n, 1)``, True where it has a usable segment to read."""
        members = self._text_cnns()
        parts = responses.split([sum(one.out_channels for one in member.convolutions) for member in members], dim=1)
        for part, segments, member in zip(parts, self.segments, members, strict=True):
            chosen = segments or slice(None)
            usable = mask[:, chosen].any(dim=1, keepdim=True)
            yield member.read(part[..., chosen], mask[:, chosen], features), usable

    def _mean(self, found: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
        total, shares = torch.zeros(()), torch.zeros(())
        for weight, (predicted, usable) in zip(self.weights, found, strict=True):
            total = total + weight * predicted.masked_fill(~usable, 0.0)
            shares = shares + weight * usable
        # Where all members count, the weights' sum is 1 already; dividing by it would move last digits.
        return torch.where(shares > 1 - 1e-6, total, total / shares)

    def _text_cnns(self) -> list[TextCNN]:
        return [cast(TextCNN, member) for member in self.members]


def _responses_of_some(member: TextCNN, values: Tensor, mask: Tensor, at: Tensor | None, segments: slice) -> Tensor:
    """Runs a member's convolutions as if the segments that it does not read were masked."""
    if at is None:
        inner = member.responses(values[:, segments], mask[:, segments])
        return pad(inner, (segments.start, values.shape[1] - segments.stop))
    inside = (at >= segments.start) & (at < segments.stop)
    place = (at - segments.start).clamp(0, segments.stop - segments.start - 1)
    return member.responses(values * inside[..., None], mask & inside, place)


def _check_segments(segments: Sequence[int], n_segments: int | None, *, where: str) -> None:
    if n_segments is None or len(segments) != 2 or not 0 <= segments[0] < segments[1] <= n_segments:
        raise ModelError(
            f"unusable segments {list(segments)} of a window", where=where, allowed=f"ascending, of 0 to {n_segments}"
        )


def _check(member: Mapping[str, Any], dim: int, n_segments: int | None, *, where: str) -> None:
    if set(member) - _OPTIONAL != _ENTRIES:
        raise ModelError(f"entries {sorted(member)}", where=where, allowed=", ".join(sorted(_ENTRIES | _OPTIONAL)))
    if "segments" in member:
        _check_segments(member["segments"], n_segments, where=where)
    ends = [end for part in member["reads"] for end in part]
    if not ends or ends[0] < 0 or ends[-1] > dim or any(first > second for first, second in pairwise(ends)):
        raise ModelError(
            f"unusable parts {member['reads']} of a vector", where=where, allowed=f"ascending parts of 0 to {dim}"
        )
    if not member["weight"] > 0:
        raise ModelError(f"weight {member['weight']}", where=where, allowed="a number above 0")
