"""What the user typed, for files that say how they came about. Only the command line sets it."""

from __future__ import annotations

from contextvars import ContextVar

COMMAND: ContextVar[str] = ContextVar("texcnn_command", default="")
"""The command that runs, as a shell takes it; empty where the library is used from Python."""


def provenance(annotation: str) -> dict[str, str]:
    """Returns how a table came about, name to text; its description has what the rows depend on.

    Args:
        annotation: Name of the file that the genes came from.
    """
    entries = {"annotation": annotation, "command": COMMAND.get()}
    return {name: text for name, text in entries.items() if text}
