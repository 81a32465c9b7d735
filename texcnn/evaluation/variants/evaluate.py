"""The verb ``evaluate_variants``: from measured effects and predictions, or a model, to a folder of figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from texcnn.arguments import to_path
from texcnn.effects.variants import variant_effects
from texcnn.errors import InputError
from texcnn.evaluation.peers import peer_tables
from texcnn.evaluation.variants.judge import MEAN_OF_CELL_TYPES, METRIC_COLUMNS, judge_effects, scorers_of
from texcnn.evaluation.variants.nearest import nearest_variants
from texcnn.evaluation.variants.options import EvaluateVariantsOptions
from texcnn.evaluation.variants.scores import Scored, join_genes, join_variants, read_effects, read_peer
from texcnn.evaluation.variants.truth import Truth, TruthKind, read_truth
from texcnn.files import atomic_folder, check_output
from texcnn.inputs_kept import keep_inputs
from texcnn.keywords import check_flags, options_from
from texcnn.model.load import load_model
from texcnn.model.model import Model

METRICS_FILE = "variant_metrics.tsv"
"""Shows that a folder is an evaluation of variants."""


@dataclass(frozen=True, eq=False)
class EvaluatedVariants:
    """The result of an evaluation of variants.

    Attributes:
        folder: Its tables and texts.
        metrics: A row per scorer, cell type, group and figure:
            :data:`texcnn.evaluation.variants.judge.METRIC_COLUMNS`.
        scored: Measured effects that have a prediction.
        left_out: Rows of the truth that do not count, with ``reason``.
    """

    folder: Path
    metrics: pd.DataFrame
    scored: Scored
    left_out: pd.DataFrame


def evaluate_variants(
    truth: str | PathLike[str],
    out: str | PathLike[str],
    predictions: str | PathLike[str] | None = None,
    *,
    model: Model | str | PathLike[str] | None = None,
    fasta: str | PathLike[str] | None = None,
    overwrite: bool = False,
    options: EvaluateVariantsOptions | None = None,
    progress: bool = False,
    **keywords: Any,
) -> EvaluatedVariants:
    """Compares predicted effects of variants with measured ones, next to baselines and published peers.

    ``texcnn.evaluate_variants("mpra.tsv.gz", "evaluation", model="texcnn-mini", fasta="genome.fa", gtf="genes.gtf")``

    Args:
        truth: Measured effects; its columns say which kind: :class:`texcnn.evaluation.variants.truth.TruthKind`.
        out: The folder to write: ``variant_metrics.tsv``, ``variants.tsv.gz`` with the scores of each row,
            ``missing.tsv`` and ``summary.md``.
        predictions: Table of ``variant_effects``.
        model: In place of ``predictions``, a model to predict the effects with: it needs ``fasta`` and ``gtf`` or
            ``bed``.
        fasta: Genome, for ``model``.
        overwrite: Whether to replace an evaluation that is already there.
        options: What to compare with, and how to predict.
        progress: Whether to show progress.
        keywords: Fields in place of ``options``: those of
            :class:`~texcnn.evaluation.variants.options.EvaluateVariantsOptions` and of the options in it.

    Returns:
        The figures, and where they were written.

    Raises:
        InputError: when the input cannot be used, nothing of the truth has a prediction, or something else is at
            ``out``.
        ModelError: when there is no such model, or it cannot be trusted.
    """
    chosen = options_from(EvaluateVariantsOptions, options, keywords)
    check_flags(overwrite=overwrite, progress=progress)
    folder = to_path(out, "out")
    read = {"truth": truth, "predictions": predictions, "fasta": fasta, "options": chosen}
    keep_inputs({"out": folder}, {**read, "peers": [*peer_tables(chosen.peers).values()]})
    check_output(folder, overwrite=overwrite, marker=METRICS_FILE)
    if (predictions is None) == (model is None):
        raise InputError("give either predictions or a model", where="`predictions` and `model`", allowed="one of them")
    if model is not None and fasta is None:
        raise InputError("a model needs a genome", where="`fasta`")
    measured = read_truth(to_path(truth, "truth"), min_barcodes=chosen.min_barcodes)
    of_genes = measured.kind is TruthKind.GENE_EFFECTS
    if of_genes and model is not None and chosen.vcf is None:
        raise InputError("effects of whole genes need the sample's variants", where="`vcf` and `sample`")
    if not of_genes and chosen.vcf is not None:
        raise InputError("the truth states its variants itself", where="`vcf`", allowed="a truth of gene_id and effect")
    if model is None:
        table = to_path(cast(str, predictions), "predictions")
        effects = read_effects(table, of_genes=of_genes, cell_types=chosen.cell_types)
        name = table.name
    else:
        loaded = model if isinstance(model, Model) else load_model(model)
        effects = _predict(loaded, cast(str, fasta), measured, chosen, progress)
        name = loaded.name
    scored = join_genes(measured, effects) if of_genes else join_variants(measured, effects, by_id=model is not None)
    if scored.deltas.empty:
        first = scored.missing.iloc[0]
        raise InputError(f"nothing of the truth has a prediction; {first['name']}: {first['reason']}", where=truth)
    named = peer_tables(chosen.peers)
    peers = {peer: read_peer(table, scored.truth, measured.kind) for peer, table in named.items()}
    scorers = scorers_of(scored, name, peers)
    metrics = judge_effects(scored, measured.kind, scorers, bootstrap=chosen.bootstrap, seed=chosen.seed)
    result = EvaluatedVariants(folder, metrics, scored, measured.left_out)
    with atomic_folder(folder) as temporary:
        _write(temporary, result, measured, name, peers)
    return result


def _predict(
    model: Model, fasta: str | PathLike[str], truth: Truth, options: EvaluateVariantsOptions, progress: bool
) -> pd.DataFrame:
    if truth.kind is TruthKind.GENE_EFFECTS:
        effects = options.effects()
        if effects.selection.genes is None:  # others would be predicted for nothing
            effects = replace(effects, selection=replace(effects.selection, genes=tuple(truth.table["gene"])))
        frame = variant_effects(model, fasta, vcf=options.vcf, options=effects, progress=progress)
        assert isinstance(frame, pd.DataFrame)
        genes = frame.drop_duplicates("gene_id")
        places = list(zip(genes["chrom"], genes["tss"] - 1, strict=True))
        away = nearest_variants(cast(Path, options.vcf), cast(str, options.sample), places)
        frame["distance_to_tss"] = frame["gene_id"].map(dict(zip(genes["gene_id"], away, strict=True)))
    else:
        variants = list(truth.table["variant"])
        frame = variant_effects(model, fasta, variants=variants, options=options.effects(), progress=progress)
    assert isinstance(frame, pd.DataFrame)
    return frame


def _write(folder: Path, result: EvaluatedVariants, truth: Truth, name: str, peers: dict[str, np.ndarray]) -> None:
    result.metrics.to_csv(folder / METRICS_FILE, sep="\t", index=False, float_format="%.9g")
    rows = result.scored.truth.drop(columns=["hint", "label" if truth.kind is not TruthKind.LABELS else "effect"])
    rows = rows.assign(variant=rows["variant"].map(lambda one: "" if one is None else str(one)))
    table = pd.concat([rows, result.scored.deltas.add_prefix("delta: ")], axis=1).assign(**peers)
    table.to_csv(
        folder / "variants.tsv.gz", sep="\t", index=False, float_format="%.9g",
        compression={"method": "gzip", "mtime": 0},
    )  # fmt: skip
    left_out = pd.DataFrame({"name": _names_of(result.left_out), "reason": result.left_out["reason"]})
    pd.concat([result.scored.missing, left_out]).to_csv(folder / "missing.tsv", sep="\t", index=False)
    (folder / "summary.md").write_text(_summary(result, truth, name), encoding="utf-8")


def _names_of(left_out: pd.DataFrame) -> list[str]:
    if "chrom" not in left_out:
        return list(left_out["gene_id"])
    rows: Iterable[Any] = left_out.itertuples()
    return [f"{row.chrom}:{row.pos}:{row.ref}>{row.alt}" for row in rows]


def _summary(result: EvaluatedVariants, truth: Truth, name: str) -> str:
    n = len(result.scored.truth)
    lines = [
        f"# {truth.path.name}: {truth.kind}",
        "",
        f"{n} rows are evaluated, {len(result.scored.missing)} have no prediction, {len(result.left_out)} do not count "
        "(missing.tsv). Brackets: 95 % interval over resampled "
        f"{'positions, or elements for their mean' if truth.kind is TruthKind.SATURATION else 'genes'}.",
        "",
        "| scorer | cell type | of | figure | value | n |",
        "|---|---|---|---|---|---|",
    ]
    cell_types = result.scored.deltas.columns
    shown = {MEAN_OF_CELL_TYPES, ""} if len(cell_types) > 1 else {*map(str, cell_types), ""}
    rows: Iterable[Any] = result.metrics[list(METRIC_COLUMNS)].itertuples()
    for row in rows:
        if row.cell_type in shown:
            value = f"{row.value:.3f}" + ("" if row.low != row.low else f" [{row.low:.3f}, {row.high:.3f}]")
            scorer = row.scorer.replace("|", "\\|")
            lines.append(f"| {scorer} | {row.cell_type} | {row.group} | {row.metric} | {value} | {row.n} |")
    if len(cell_types) > 1:
        lines += ["", f"{name}: figures of each of the {len(cell_types)} cell types are in {METRICS_FILE}."]
    return "\n".join(lines) + "\n"
