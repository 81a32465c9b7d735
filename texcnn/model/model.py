"""The model a user holds: its description, its network, and the names of its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

import texcnn
from texcnn.embedding.options import ComputeOptions
from texcnn.keywords import options_from
from texcnn.model.bundle import BundleConfig
from texcnn.model.described import DescribedModel, without_encoder
from texcnn.model.features import HeadFeatures
from texcnn.model.network import Network, SegmentNetwork
from texcnn.model.predict_windows import predict_windows
from texcnn.model.reference_genes import ReferenceGenes
from texcnn.tables.units import above_floor

if TYPE_CHECKING:
    from os import PathLike


class Model(DescribedModel):
    """A trained model.

    Args:
        config: Its description.
        network: What computes.
        cell_types: One row per output, with the column ``cell_type``.
        fingerprint: Digest of everything but the input that the predictions depend on.
        reference: The bundle's training and test genes.
        folder: The bundle it was loaded from; None where it was not, or was changed since.
    """

    def __init__(
        self,
        config: BundleConfig,
        network: Network[Any],
        cell_types: pd.DataFrame,
        fingerprint: str,
        reference: ReferenceGenes | None = None,
        folder: Path | None = None,
    ) -> None:
        super().__init__(config, cell_types, fingerprint, reference, folder)
        self.network = network

    @property
    def features(self) -> HeadFeatures:
        """The head's extra inputs."""
        return HeadFeatures(self.name, self.config.features)

    def segment_network(self) -> SegmentNetwork:
        """Returns the network of an encoder + head model.

        Raises:
            ModelError: when the model reads bases itself and so has no embeddings.
        """
        if not isinstance(self.network, SegmentNetwork):
            raise without_encoder(self.name)
        return self.network

    def predict_sequences(
        self,
        sequences: Sequence[str],
        features: npt.ArrayLike | None = None,
        *,
        options: ComputeOptions | None = None,
        **keywords: Any,
    ) -> npt.NDArray[np.float32]:
        """Predicts expression of windows given as bases.

        Args:
            sequences: Windows of the model's length on the gene's strand, upper-case ``ACGTN``.
            features: ``(n, n_features)`` in the units of the model's features; None uses the model's defaults.
            options: How to compute.
            keywords: Fields of the options instead of ``options``, such as ``device="cpu"``.

        Returns:
            float32 ``(n, n_cell_types)`` in the model's unit, nothing below its floor; NaN for a window without a
            usable segment or with more N than the model's limit, or with an unknown feature.

        Raises:
            InputError: when a window has another length or other letters, or features are needed or of another shape.
            RunError: when the model gives a number that is not finite for a usable window.
        """
        compute = options_from(ComputeOptions, options, keywords)
        limit = self.n_limit(None)
        parts = [
            above_floor(part.values, self.unit)
            for part in predict_windows(self, sequences, features, options=compute, max_n_fraction=limit)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.cell_type_table)), np.float32)

    def predict(self, fasta: str | PathLike[str], **keywords: Any) -> pd.DataFrame:
        """Predicts expression of genes: :func:`texcnn.predict` with this model, and its keywords.

        ``model.predict("genome.fa", gtf="genes.gtf", cell_types=["K562"])`` returns the table of predictions.
        """
        frame: pd.DataFrame = texcnn.predict(self, fasta, **keywords)
        return frame
