"""What a report shows in addition to the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from texcnn.arguments import path_of


@dataclass(frozen=True)
class ReportOptions:
    """What is known of a table, and what it is compared with.

    Attributes:
        skipped: The rows that could not be predicted, TSV with ``gene_id reason``; None for the list next to the
            table, if there.
        truth: Known values to compare with, TSV with ``gene_id true_expression`` in the table's unit.
        metrics: ``metrics.tsv`` of ``texcnn evaluate``: the model's figures and those of baselines.
        variants: Table of ``texcnn variants``.
        expected: An earlier table of the same genes; the page begins with a comparison.
        run: More of what was run, name to text.
        comment: The page's first text; blank lines separate paragraphs.
    """

    skipped: Path | None = None
    truth: Path | None = None
    metrics: Path | None = None
    variants: Path | None = None
    expected: Path | None = None
    run: Mapping[str, str] = field(default_factory=dict)
    comment: str = ""

    def __post_init__(self) -> None:
        """Brings arguments to one form."""
        for name in ("skipped", "truth", "metrics", "variants", "expected"):
            object.__setattr__(self, name, path_of(getattr(self, name)))

    @property
    def paragraphs(self) -> list[str]:
        """The comment's paragraphs."""
        return [part.strip() for part in self.comment.split("\n\n") if part.strip()]
