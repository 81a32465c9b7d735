"""What the user typed, for files that say how they came about. Only the command line sets it."""

from __future__ import annotations

from contextvars import ContextVar

COMMAND: ContextVar[str] = ContextVar("texcnn_command", default="")
"""The command that runs, as a shell takes it; empty where the library is used from Python."""


def provenance(annotation: str) -> dict[str, str]:
    """Returns what a table says of its run besides its description, name to text.

    Args:
        annotation: Name of the file that the genes came from.
    """
    said = {"annotation": annotation, "command": COMMAND.get()}
    return {name: text for name, text in said.items() if text}
