"""The figures of a model card: those that ``texcnn evaluate`` writes, a row each, and as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import texcnn
from texcnn.evaluation.baselines import MEAN
from texcnn.evaluation.folder import METRICS_FILE, WITHIN_GENES_FILE
from texcnn.evaluation.metrics import ALL_CELL_TYPES
from texcnn.evaluation.summary import TITLES

BOOTSTRAP = 500
SHOWN = {name: TITLES[name] for name in ("squared_pearson", "one_minus_sse_sst")}


def write_table(table: pd.DataFrame, path: Path) -> Path:
    """Writes genes x outputs as ``texcnn evaluate`` reads them, and returns the path."""
    table.rename_axis("gene_id").reset_index().to_parquet(path, index=False)
    return path


@dataclass(frozen=True)
class Measured:
    """What predictions are compared with.

    Attributes:
        table: File of genes x outputs, in the predictions' unit.
        median: The output that has figures alone.
        others: Those that share their figures.
        within: What the correlation across ``others`` is called; empty for none.
        order: What the rows of one model are sorted by.
    """

    table: Path
    median: str
    others: Sequence[str]
    within: str = ""
    order: tuple[str, str] = ("metric", "output")

    def figures(
        self,
        models: Mapping[str, Path],
        genes: str,
        *,
        split: Path | None = None,
        peers: Mapping[str, Path] | None = None,
        scale: str = "1,0",
    ) -> pd.DataFrame:
        """Evaluates models on one set of genes.

        Args:
            models: Name to table of predictions.
            genes: What the set is called.
            split: The set's genes are ``test``; None for all genes of the predictions.
            peers: Name to table of a value per gene, like the median.
            scale: ``SLOPE,OFFSET`` of the peers.

        Returns:
            ``model genes n_genes output metric value low high``, without what is not defined.
        """
        peers = peers or {}
        parts: list[pd.DataFrame] = []
        for name, table in models.items():
            for outputs in ([self.median], self.others):
                alone = len(outputs) == 1
                done = texcnn.evaluate(
                    self.table, self.table.with_name("evaluation"), table, overwrite=True, transform="none",
                    cell_types=outputs, split=split, bootstrap=BOOTSTRAP,
                    peers=[f"{peer}={path}" for peer, path in peers.items() if alone],
                    peer_scales=[f"{peer}={scale}" for peer in peers if alone],
                )  # fmt: skip
                output, known = self.median if alone else ALL_CELL_TYPES, {done.judgement.model: name}
                metrics = pd.read_csv(done.folder / METRICS_FILE, sep="\t").replace({"model": known})
                parts += _rows(metrics[metrics["cell_type"] == output], output, SHOWN)
                if self.within and not alone:
                    within = pd.read_csv(done.folder / WITHIN_GENES_FILE, sep="\t").replace({"model": known})
                    parts += _rows(within, self.within, {"pearson": "Pearson"})
        # Each evaluation has the baseline and, as another model, the one evaluated on a peer's genes.
        results = pd.concat(parts).drop_duplicates(["model", "output", "metric"]).dropna(subset="value")
        orders = {
            "model": [*models, MEAN, *peers],
            "metric": [*SHOWN.values(), "Pearson"],
            "output": [self.median, ALL_CELL_TYPES, self.within],
        }
        results = results[results["model"].isin(orders["model"])].assign(genes=genes)
        results = results.sort_values(
            ["model", *self.order], key=lambda column: column.map(orders[str(column.name)].index)
        )
        return results[["model", "genes", "n_genes", "output", "metric", "value", "low", "high"]]


def _rows(table: pd.DataFrame, output: str, shown: Mapping[str, str]) -> Iterator[pd.DataFrame]:
    for column, title in shown.items():
        part = table[["model", "n_genes", column, f"{column}_low", f"{column}_high"]]
        yield part.set_axis(["model", "n_genes", "value", "low", "high"], axis=1).assign(output=output, metric=title)


def cell_types_text(metrics: pd.DataFrame, what: str) -> str:
    """Lays out the worst, the middle and the best of the outputs that share a name.

    Args:
        metrics: A row per output, of :func:`texcnn.evaluation.metrics.cell_type_metrics` with intervals.
        what: What they are, as ``57 cell types``.
    """
    ordered = metrics.sort_values("squared_pearson")
    lines = [f"| {what} | output | squared Pearson |", "|---|---|---|"]
    for place, row in zip(("lowest", "middle", "highest"), (0, len(ordered) // 2, -1), strict=True):
        one = ordered.iloc[row]
        value, low, high = (one[f"squared_pearson{end}"] for end in ("", "_low", "_high"))
        output = str(one["cell_type"]).replace("|", "\\|")
        lines.append(f"| {place} | {output} | {value:.2f} ({low:.2f} to {high:.2f}) |")
    return "\n".join(lines)


def figures_text(results: pd.DataFrame) -> str:
    """Lays the results out as Markdown tables, one per set of genes."""
    parts = []
    for name, rows in results.groupby("genes", sort=False):
        parts += [f"**{name}: {rows['n_genes'].max():,} genes**\n", "| model | output | figure | value |"]
        parts.append("|---|---|---|---|")
        parts += [
            f"| {row.model} | {row.output} | {row.metric} | {row.value:.2f} ({row.low:.2f} to {row.high:.2f}) |"
            for row in rows.itertuples()
        ]
        parts.append("")
    return "\n".join(parts)
