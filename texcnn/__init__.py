"""Gene expression predicted from DNA: from a FASTA and a GTF to a table of expression per gene and cell type."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from texcnn.model.load import load_model
    from texcnn.model.model import Model

__all__ = ["Model", "__version__", "load_model"]

try:
    __version__ = version("texcnn")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+source"


def __getattr__(name: str) -> Any:
    # Loading torch takes seconds, which `texcnn --help` and `import texcnn.genome` need not wait for.
    if name in ("Model", "load_model"):
        from texcnn.model import load

        return getattr(load, name)
    raise AttributeError(f"module 'texcnn' has no attribute '{name}'")
