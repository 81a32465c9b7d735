"""Gene expression predicted from DNA: from a FASTA and a GTF to a table of expression per gene and cell type."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from texcnn._version import __version__

if TYPE_CHECKING:
    from texcnn.effects.attribute import attribute
    from texcnn.effects.variants import variant_effects
    from texcnn.embedding.options import ComputeOptions
    from texcnn.evaluation.evaluate import evaluate
    from texcnn.evaluation.variants.evaluate import evaluate_variants
    from texcnn.genome.select import GeneSelection
    from texcnn.model.catalog import list_models
    from texcnn.model.load import load_model
    from texcnn.model.model import Model
    from texcnn.prediction.embed import embed
    from texcnn.prediction.predict import predict
    from texcnn.pretraining.pretrain import pretrain
    from texcnn.report.report import write_report
    from texcnn.tables.predictions import read_predictions
    from texcnn.training.train import train

_HOMES = {
    "ComputeOptions": "texcnn.embedding.options",
    "GeneSelection": "texcnn.genome.select",
    "Model": "texcnn.model.model",
    "attribute": "texcnn.effects.attribute",
    "embed": "texcnn.prediction.embed",
    "evaluate": "texcnn.evaluation.evaluate",
    "evaluate_variants": "texcnn.evaluation.variants.evaluate",
    "list_models": "texcnn.model.catalog",
    "load_model": "texcnn.model.load",
    "predict": "texcnn.prediction.predict",
    "pretrain": "texcnn.pretraining.pretrain",
    "read_predictions": "texcnn.tables.predictions",
    "train": "texcnn.training.train",
    "variant_effects": "texcnn.effects.variants",
    "write_report": "texcnn.report.report",
}
"""Where each public name is defined. Loading torch takes seconds, which ``import texcnn`` must not wait for."""

__all__ = [
    "ComputeOptions",
    "GeneSelection",
    "Model",
    "__version__",
    "attribute",
    "embed",
    "evaluate",
    "evaluate_variants",
    "list_models",
    "load_model",
    "predict",
    "pretrain",
    "read_predictions",
    "train",
    "variant_effects",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'texcnn' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
