"""TExCNN as a Kipoi model: windows of bases in, expression per cell type out. All work is done by texcnn."""

from __future__ import annotations

from typing import Any

import numpy as np
from kipoi.model import BaseModel

import texcnn


class TExCNNKipoi(BaseModel):  # type: ignore[misc]  # kipoi has no types
    """Expression of genes from the bases around their TSS.

    Args:
        model: What ``texcnn.load_model`` takes: a bundled model's name, a bundle's folder, or a fetched
            ``hf:owner/name@revision``.
    """

    def __init__(self, model: str) -> None:
        """Loads the model from this machine; nothing is downloaded."""
        self.model = texcnn.load_model(model)

    def predict_on_batch(self, x: Any) -> dict[str, np.ndarray]:
        """Predicts one batch.

        Args:
            x: As the dataloader makes it: ``window``, an array of n strings of the model's window length, and
                ``features``, ``(n, n_features)`` in the features' units, if the model takes any.

        Returns:
            Cell type to float32 ``(n,)`` in the model's unit (a dict, so that Kipoi's tables name the cell types);
            NaN where a window has no usable base, or more N than the model's limit.
        """
        predicted = self.model.predict_sequences([str(window) for window in np.ravel(x["window"])], x.get("features"))
        return dict(zip(self.model.cell_types, predicted.T, strict=True))
