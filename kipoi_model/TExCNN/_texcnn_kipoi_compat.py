"""Repairs of kipoi 0.8.6, the last release: its HDF5 and BED writers on today's libraries.

Loading this module changes Kipoi for the whole process, once.
"""

from __future__ import annotations

from typing import Any

import kipoi.writers
import numpy as np

# HDF5BatchWriter compares dtypes with two names that numpy 2 dropped.
for _gone, _kept in (("string_", np.bytes_), ("unicode_", np.str_)):
    if _gone not in vars(np):
        setattr(np, _gone, _kept)

_get_writer = kipoi.writers.get_writer


def get_writer(output_file: str, metadata_schema: Any = None, **options: Any) -> Any:
    """Does what Kipoi's own does; for BED it names BedBatchWriter's argument as that class does."""
    if output_file.endswith(".bed"):
        return kipoi.writers.BedBatchWriter(output_file, metadata_schema=metadata_schema, header=True)
    return _get_writer(output_file, metadata_schema=metadata_schema, **options)


if not hasattr(_get_writer, "texcnn"):
    get_writer.texcnn = True  # type: ignore[attr-defined]
    kipoi.writers.get_writer = get_writer
