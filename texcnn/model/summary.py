"""A model in a dozen lines, for people: of a notebook, of a terminal."""

from __future__ import annotations

import html
import statistics
from collections.abc import Sequence

from texcnn.encoders.known import known_name
from texcnn.model.bundle import BundleConfig
from texcnn.model.reference_genes import ReferenceGenes
from texcnn.tables.columns import without_summaries

_SHOWN = 5
_SHOWN_INPUTS = 9


def _shortened(names: Sequence[str], *, most: int) -> str:
    return ", ".join(names[:most]) + (f", ... {len(names)} in all" if len(names) > most else "")


def summary_rows(
    config: BundleConfig, cell_types: Sequence[str], reference: ReferenceGenes | None, fingerprint: str | None = None
) -> list[tuple[str, str]]:
    """Returns what a model is, as pairs of a term and its text.

    Args:
        config: The model's description.
        cell_types: Names of its outputs.
        reference: The bundle's training and test genes.
        fingerprint: Digest of the model; None leaves it out.
    """
    window, segments = config.window, config.segments
    real = without_summaries(cell_types)
    names = [cell_types[place] for place in real]
    others = [name for place, name in enumerate(cell_types) if place not in real]
    encoders = [spec.type if spec.source == "bundle" else known_name(spec) for spec in config.encoders]
    rows = [
        ("Model", f"{config.name}, version {config.version}"),
        ("Genome", "unknown" if config.assembly is None else str(config.assembly)),
        ("Unit", config.unit),
        ("Window", f"{window.upstream:,} bp upstream and {window.downstream:,} bp downstream of the TSS"),
        ("Segments", "none: reads bases" if segments is None else f"{segments.length} bp"),
        ("Encoders", ", ".join(encoders) or "none"),
        ("Head", config.head.type),
        ("Inputs", _shortened(["sequence", *(spec.name for spec in config.features)], most=_SHOWN_INPUTS)),
        ("Outputs", _shortened(names, most=_SHOWN) + (f"; and {', '.join(others)}" if others else "")),
        ("Held-out genes", _held_out(reference, names)),
        ("Limit on N", "none" if config.max_n_fraction is None else f"{config.max_n_fraction:.0%} of the window"),
    ]
    return rows if fingerprint is None else [*rows, ("Fingerprint", fingerprint)]


def as_text(rows: Sequence[tuple[str, str]]) -> str:
    """Lays out rows as text, a line each."""
    width = max(len(term) for term, _ in rows)
    return "\n".join(f"{term:<{width}}  {text}" for term, text in rows)


def as_html(rows: Sequence[tuple[str, str]]) -> str:
    """Lays out rows as a table of HTML."""
    left = 'style="text-align:left"'
    lines = (f"<tr><th {left}>{html.escape(term)}</th><td {left}>{html.escape(text)}</td></tr>" for term, text in rows)
    return f"<table>{''.join(lines)}</table>"


def _held_out(reference: ReferenceGenes | None, names: Sequence[str]) -> str:
    known = [] if reference is None else [reference.held_out[name] for name in names if name in reference.held_out]
    known = [value for value in known if value == value]
    if not known:
        return "no figures in the bundle: see the card"
    median = statistics.median(known)
    return f"squared Pearson {median:.2f} (median of cell types, {min(known):.2f} to {max(known):.2f})"
