"""The half-life features that a model needs, computed from the annotation that its genes come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from texcnn.errors import InputError
from texcnn.features.half_life import HALF_LIFE_FEATURES, LOG10_NAMES, half_life_features
from texcnn.features.table import COMPUTED, FeatureTable
from texcnn.genome.reference import Reference

_LOGGED = tuple(LOG10_NAMES.values())


def half_life_table(
    reference: Reference,
    gtf: Path | None,
    names: Sequence[str],
    *,
    genes: Sequence[str] | None = None,
    map_chrom_names: bool = False,
    needed: bool = True,
    progress: bool = False,
) -> FeatureTable:
    """Computes what ``texcnn features half-life`` would write, with or without logarithms, as the names say.

    Args:
        reference: The genome.
        gtf: Its annotation.
        names: The model's features, in its order.
        genes: Names of wanted genes; None for all.
        map_chrom_names: Whether to map chr1/1 styles to the genome's where they differ.
        needed: Whether annotations without a coding gene are refused.
        progress: Whether to show progress.

    Returns:
        The features of the coding genes; the others have no row.

    Raises:
        InputError: when there is no annotation, a name is not one of the half-life features, or what
            :func:`texcnn.features.half_life.half_life_features` raises.
    """
    if gtf is None:
        raise InputError(
            "half-life features are computed from an annotation", where="`half_life`", allowed="a GTF (`gtf`)"
        )
    if Path(gtf).exists() and not Path(gtf).is_file():
        raise InputError(
            "half-life features read the annotation a second time, which a pipe does not allow", where=gtf,
            allowed="a regular file", remedy="write the annotation to a file first",
        )  # fmt: skip
    unknown = [name for name in names if name not in HALF_LIFE_FEATURES + _LOGGED]
    if unknown or not names:
        raise InputError(
            f"the model's features are not half-life features: {', '.join(unknown) or 'it takes none'}",
            where="`half_life`",
            allowed=", ".join(HALF_LIFE_FEATURES + _LOGGED),
            remedy="give them as a table (`features`)" if names else "leave `half_life` out",
        )
    log10 = any(name in _LOGGED for name in names)
    frame = half_life_features(
        reference,
        gtf,
        genes=genes,
        log10=log10,
        gc=any(name.endswith("_gc") for name in names),
        map_chrom_names=map_chrom_names,
        needed=needed,
        progress=progress,
    ).frame
    if missing := [name for name in names if name not in frame]:
        raise InputError(
            f"the model takes lengths both as they are and as logarithms: {', '.join(missing)}",
            where="`half_life`",
            remedy="give the features as a table (`features`)",
        )
    rows = {gene_id: row for row, gene_id in enumerate(frame["gene_id"])}
    return FeatureTable(frame[list(names)].to_numpy(np.float32), tuple(names), rows, gtf, COMPUTED)


def are_half_life(names: Sequence[str]) -> bool:
    """Returns whether these features can all be computed from an annotation."""
    return bool(names) and all(name in HALF_LIFE_FEATURES + _LOGGED for name in names)
