"""Gene expression predicted from DNA: from a FASTA and a GTF to a table of expression per gene and cell type."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from texcnn._version import __version__

if TYPE_CHECKING:
    from texcnn.effects.variants import variant_effects
    from texcnn.embedding.options import ComputeOptions
    from texcnn.evaluation.evaluate import evaluate
    from texcnn.genome.select import GeneSelection
    from texcnn.model.load import load_model
    from texcnn.model.model import Model
    from texcnn.prediction.embed import embed
    from texcnn.prediction.predict import predict
    from texcnn.pretraining.pretrain import pretrain
    from texcnn.training.train import train

_HOMES = {
    "ComputeOptions": "texcnn.embedding.options",
    "GeneSelection": "texcnn.genome.select",
    "Model": "texcnn.model.model",
    "embed": "texcnn.prediction.embed",
    "evaluate": "texcnn.evaluation.evaluate",
    "load_model": "texcnn.model.load",
    "predict": "texcnn.prediction.predict",
    "pretrain": "texcnn.pretraining.pretrain",
    "train": "texcnn.training.train",
    "variant_effects": "texcnn.effects.variants",
}
"""Where each public name is defined. Loading torch takes seconds, which ``import texcnn`` must not wait for."""

__all__ = [
    "ComputeOptions",
    "GeneSelection",
    "Model",
    "__version__",
    "embed",
    "evaluate",
    "load_model",
    "predict",
    "pretrain",
    "train",
    "variant_effects",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'texcnn' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
