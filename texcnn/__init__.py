"""Gene expression predicted from DNA: from a FASTA and a GTF to a table of expression per gene and cell type."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("texcnn")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+source"
