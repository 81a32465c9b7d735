"""Positions on a chromosome, as text files write them."""

from __future__ import annotations

from texcnn.errors import InputError
from texcnn.text.lines import BLANKS

LARGEST_POSITION = 10**12
"""No chromosome is nearly as long; numbers beyond 64 bits could not be stored."""


def to_position(text: str, name: str, where: str) -> int:
    """Reads a position: ASCII digits, perhaps after a minus, since a window may begin before its chromosome.

    Python's own reading is too generous for data: it takes ``1_000`` and digits of other scripts.

    Args:
        text: The text.
        name: What it is, for the message.
        where: The file and line, for the message.

    Raises:
        InputError: The text is not an integer, or one beyond any chromosome.
    """
    text = text.strip(BLANKS)
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise InputError(f"{name} '{text}' is not an integer", where=where, allowed="ASCII digits")
    if len(digits) > len(str(LARGEST_POSITION)) or int(digits) > LARGEST_POSITION:
        shown = text if len(text) < 30 else f"{text[:30]}..."
        raise InputError(f"{name} {shown} is beyond any chromosome", where=where, allowed=f"up to {LARGEST_POSITION}")
    return int(text)
