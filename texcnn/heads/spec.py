"""Which head a model has, as written in its bundle."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class HeadSpec:
    """Which head and its constructor's arguments.

    Attributes:
        type: A name of :data:`texcnn.heads.registry.HEADS`.
        options: Arguments of its constructor.
    """

    type: str
    options: dict[str, Any] = field(default_factory=dict)
