"""Warnings of one line each, where a result is most likely wrong although every input is valid."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Sequence

from texcnn.encoders.known import HUMAN_ENCODERS, known_name
from texcnn.encoders.protocol import EncoderSpec
from texcnn.genome.assembly import HUMAN, Assembly
from texcnn.genome.reference import Reference
from texcnn.model.described import DescribedModel

_LOG = logging.getLogger("texcnn")

_WEAK_SHARE, _WEAK = 0.5, 0.1
"""A cell type is weak below half of the median squared Pearson correlation of the model's cell types, or below 0.1."""


def foreign_genome(model: str, trained_on: Assembly | None, reference: Reference) -> str | None:
    """Returns a warning where the FASTA does not look like the genome that a model was trained on."""
    if trained_on is None or trained_on.fits(reference.lengths):
        return None
    return (
        f"{reference.path.name} does not look like {trained_on}, which {model} was trained on: the chromosomes have "
        "other names or lengths. Predictions for another species mean little."
    )


def warn_of_genome(model: DescribedModel, reference: Reference) -> None:
    """Warns where the FASTA does not look like the genome that the model was trained on."""
    caution = foreign_genome(model.name, model.config.assembly, reference)
    if caution is not None:
        _LOG.warning("%s", caution)


def warn_of_encoders(specs: Sequence[EncoderSpec], reference: Reference) -> None:
    """Warns where an encoder of human DNA reads another genome."""
    human = [name for name in map(known_name, specs) if name in HUMAN_ENCODERS]
    if human and not HUMAN.fits(reference.lengths):
        _LOG.warning(
            "%s does not look like a human genome, and %s was pre-trained on human DNA alone: compare with dnabert2, "
            "or with an encoder of your genome (texcnn pretrain).",
            reference.path.name, " and ".join(human),
        )  # fmt: skip


def weak_cell_types(model: DescribedModel) -> dict[str, float]:
    """Returns the cell types that are badly predicted for held-out genes, with their squared Pearson correlation."""
    held_out = {} if model.reference is None else model.reference.held_out
    known = [value for value in held_out.values() if value == value]
    limit = max(_WEAK_SHARE * statistics.median(known), _WEAK) if known else 0.0
    return {name: value for name, value in held_out.items() if value < limit}


def warn_of_cell_types(model: DescribedModel, names: Sequence[str]) -> None:
    """Warns where one of these cell types is a weak one."""
    weak = weak_cell_types(model)
    for column in model.cell_type_columns(names) if names and weak else []:
        name = model.cell_types[column]
        if name in weak and model.reference is not None:
            _LOG.warning(
                "%s predicts %s badly: squared Pearson %.2f on held-out genes, where the median of its cell types has "
                "%.2f.",
                model.name, name, weak[name], statistics.median(model.reference.held_out.values()),
            )  # fmt: skip
