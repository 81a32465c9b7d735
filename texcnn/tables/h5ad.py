"""Predictions as AnnData."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd

from texcnn.tables.columns import TableDescription, spread_columns
from texcnn.tables.plain_strings import plain_strings


class H5adWriter:
    """AnnData of cell types x genes, as its users expect; matrices grow on disk, only the genes' names wait."""

    def __init__(
        self, path: Path, description: TableDescription, provenance: Mapping[str, str], stack: ExitStack
    ) -> None:
        self._description = description
        self._provenance = dict(provenance)
        self._file = stack.enter_context(h5py.File(path, "w"))
        self._genes: list[pd.DataFrame] = []
        anndata.io.write_elem(self._file, "layers", {})
        names = list(description.cell_types)
        self._matrices = [(self._matrix("X"), names)]
        for ending in description.spread_endings:
            self._matrices.append((self._matrix(f"layers/{ending}"), list(spread_columns(names, [ending]))))
        stack.callback(self._finish)

    def _matrix(self, name: str) -> h5py.Dataset:
        height = len(self._description.cell_types)
        matrix = self._file.create_dataset(
            name, shape=(height, 0), maxshape=(height, None), chunks=(max(height, 1), 256), dtype="float32"
        )
        matrix.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        return matrix

    def write(self, frame: pd.DataFrame) -> None:
        """Adds genes."""
        for matrix, names in self._matrices:
            start = matrix.shape[1]
            matrix.resize(start + len(frame), axis=1)
            matrix[:, start:] = frame[names].to_numpy(np.float32).T
        self._genes.append(frame[list(self._description.gene_columns)])

    def _finish(self) -> None:
        columns = list(self._description.gene_columns)
        genes = pd.concat(self._genes) if self._genes else pd.DataFrame(columns=columns)
        index = "transcript_id" if self._description.transcripts else "gene_id"
        genes = genes.astype({index: str}).set_index(index, drop=False)  # one type: anndata compares the two
        cell_types = pd.DataFrame(index=pd.Index(self._description.cell_types, dtype=str))
        self._file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        anndata.io.write_elem(self._file, "obs", plain_strings(cell_types))
        anndata.io.write_elem(self._file, "var", plain_strings(genes))
        for name in ("obsm", "obsp", "varm", "varp"):
            anndata.io.write_elem(self._file, name, {})
        entries = {
            "texcnn": self._description.to_json(),
            "unit": self._description.unit,
            "texcnn_run": self._provenance,
        }
        anndata.io.write_elem(self._file, "uns", entries)
