"""The package's version, in a file that imports nothing else of it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("texcnn")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+source"
