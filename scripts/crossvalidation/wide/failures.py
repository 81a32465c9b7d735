"""What failed on a device: a line is tried again in the plainest way, then left out, and the others are not lost."""

from __future__ import annotations

from pathlib import Path

AGAIN = 17
"""Exit status that asks for a new process: an error on a GPU can spoil everything after it in the same process."""


class Failures:
    """Counts failures in files of a folder, so that the next process knows them.

    Args:
        folder: Where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def count(self, key: str) -> int:
        """How often this line failed."""
        path = self.folder / f"{key}.failed"
        return int(path.read_text()) if path.exists() else 0

    def add(self, key: str) -> None:
        """Counts one more."""
        number = self.count(key) + 1
        (self.folder / f"{key}.failed").write_text(str(number))
