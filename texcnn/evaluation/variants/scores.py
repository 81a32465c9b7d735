"""Predicted effects brought to the rows of measured ones: which prediction is of which measurement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from texcnn.errors import InputError, unknown_name
from texcnn.evaluation.variants.truth import Truth, TruthKind, read_frame, read_numbers
from texcnn.genome.annotation import without_version
from texcnn.text.table import TextTable

Values = npt.NDArray[np.float64]
ALLELE = ["chrom", "pos", "ref", "alt"]
_NEEDED = {
    False: [*ALLELE, "gene_id", "distance_to_tss", "cell_type", "delta"],
    True: ["gene_id", "cell_type", "mean", "reference"],
}


@dataclass(frozen=True, eq=False)
class Scored:
    """Measured effects that have a prediction.

    Attributes:
        truth: Rows of :attr:`texcnn.evaluation.variants.truth.Truth.table`; ``gene`` is the gene that was scored,
            ``distance`` the variant's from its TSS (NaN where it is not known), ``n_variants`` how many variants its
            group has.
        deltas: The predicted effects, a column per cell type.
        missing: What has no prediction: ``name reason``.
    """

    truth: pd.DataFrame
    deltas: pd.DataFrame
    missing: pd.DataFrame


def read_effects(path: Path, *, of_genes: bool, cell_types: Sequence[str]) -> pd.DataFrame:
    """Reads a table of ``texcnn variants``.

    Args:
        path: .parquet or text.
        of_genes: Whether it is one of haplotypes.
        cell_types: Only these; empty for all.

    Raises:
        InputError: It cannot be read, lacks a column or a cell type.
    """
    needed = _NEEDED[of_genes]
    if path.suffix == ".parquet":
        try:
            frame: pd.DataFrame = pq.read_table(path).to_pandas()
        except (OSError, ValueError) as error:
            raise InputError(f"the predictions cannot be read: {error}", where=path) from error
    else:
        table = TextTable(path)
        frame = pd.DataFrame([fields for _, fields in table.rows()], columns=list(table.names))
    missing = [name for name in needed if name not in frame]
    if missing:
        raise InputError(f"the table lacks {', '.join(missing)}", where=path, allowed="a table of texcnn variants")
    numbers = [name for name in ("pos", "distance_to_tss", "delta", "mean", "reference") if name in frame]
    try:
        frame[numbers] = frame[numbers].replace("", np.nan).astype(float)
    except ValueError as error:
        raise InputError(f"not a number: {error}", where=path) from error
    absent = [name for name in cell_types if name not in set(frame["cell_type"])]
    if absent:
        raise InputError(f"no rows of the cell types {', '.join(absent)}", where=path)
    return frame[frame["cell_type"].isin(cell_types)] if cell_types else frame


def join_variants(truth: Truth, effects: pd.DataFrame, *, by_id: bool) -> Scored:
    """Finds the prediction of each measured variant.

    It is that for the gene which the truth names; of an element, for the gene of this name where it has one; else for
    the gene with the nearest TSS.

    Args:
        truth: Measured effects of variants.
        effects: Rows of ``texcnn variants``.
        by_id: Whether ``effects`` were computed from the truth's variants, and have their ids; else alleles are
            compared.
    """
    table = truth.table
    keys = ["id"] if by_id else ALLELE
    stated = pd.DataFrame({name: [getattr(variant, name) for variant in table["variant"]] for name in keys})
    # An allele may have several measurements, as elements overlap and experiments are repeated.
    found = effects.merge(stated.assign(row=stated.index), on=keys).dropna(subset=["delta"])
    cell_types = list(dict.fromkeys(effects["cell_type"]))
    name = found["gene_name"] if "gene_name" in found else found["gene_id"]
    gene, hint = (table[column].to_numpy()[found["row"]] for column in ("gene", "hint"))
    bare = [without_version(str(gene_id)) for gene_id in found["gene_id"]]
    named = [
        wanted in (gene_id, called) or (bool(wanted) and without_version(wanted) == without)
        for wanted, gene_id, called, without in zip(gene, found["gene_id"], name, bare, strict=True)
    ]
    found = found.assign(
        named=(gene == "") | np.array(named, bool), hinted=(name == hint) & (hint != ""),
        away=found["distance_to_tss"].abs(), bare=bare,
    )  # fmt: skip
    found = found[found["named"]].sort_values(["row", "hinted", "away"], ascending=[True, False, True], kind="stable")
    best = found.drop_duplicates("row").set_index("row")
    chosen = found[found["gene_id"].to_numpy() == best["gene_id"].reindex(found["row"]).to_numpy()]
    # Several transcripts of a gene: the nearest TSS counts, as the rows are sorted by distance.
    chosen = chosen.drop_duplicates(["row", "cell_type"])
    deltas = chosen.pivot(index="row", columns="cell_type", values="delta").reindex(columns=cell_types).astype(float)
    kept = table.loc[deltas.index].assign(
        gene=best["gene_id"].reindex(deltas.index), distance=best["distance_to_tss"].reindex(deltas.index)
    )
    kept["group"] = kept["group"].where(kept["group"] != "", kept["gene"])
    kept["n_variants"] = kept.groupby("group")["group"].transform("size")
    return Scored(kept, deltas, _missing(table, deltas.index, lambda row: str(row["variant"]), effects.attrs, by_id))


def join_genes(truth: Truth, effects: pd.DataFrame) -> Scored:
    """Finds the prediction of each gene's measured effect: the mean of a sample's haplotypes minus the reference.

    Args:
        truth: Measured effects of genes.
        effects: Rows of ``texcnn variants --phased`` of one sample.
    """
    table = truth.table
    stated = pd.DataFrame({"bare": table["gene"].map(without_version), "row": table.index})
    predicted = effects.assign(
        bare=effects["gene_id"].astype(str).map(without_version), delta=effects["mean"] - effects["reference"]
    )
    found = predicted.merge(stated, on="bare").dropna(subset=["delta"]).drop_duplicates(["row", "cell_type"])
    cell_types = list(dict.fromkeys(effects["cell_type"]))
    deltas = found.pivot(index="row", columns="cell_type", values="delta").reindex(columns=cell_types).astype(float)
    of_row = found.drop_duplicates("row").set_index("row").reindex(deltas.index)
    kept = table.loc[deltas.index]
    for name, source in (("distance", "distance_to_tss"), ("n_variants", "n_variants")):
        kept = kept.assign(**{name: of_row[source].astype(float) if source in of_row else np.nan})
    return Scored(kept, deltas, _missing(table, deltas.index, lambda row: row["gene"], {}, False))


def read_peer(text: str, truth: pd.DataFrame, kind: TruthKind) -> Values:
    """Reads a peer's scores of the rows of the truth; NaN where it has none.

    Args:
        text: ``TABLE`` or ``TABLE:COLUMN``; the last column counts where none is named.
        truth: :attr:`Scored.truth`.
        kind: What the truth is, which decides the columns that the table needs.

    Raises:
        InputError: The table cannot be read, or has no score of any row.
    """
    path, column = (Path(text), "") if Path(text).exists() else (Path(text.partition(":")[0]), text.partition(":")[2])
    table = read_frame(path)
    keys = ["gene_id"] if kind is TruthKind.GENE_EFFECTS else ALLELE
    column = column.lower() or str(table.columns[-1])
    for name in (*keys, column):
        if name not in table:
            raise unknown_name("column", name, map(str, table.columns), where=path)
    numbers = read_numbers(table[column], path)
    texts = [table[name].str.replace("-", "") if len(keys) > 1 else table[name].map(without_version) for name in keys]
    scores = dict(zip(zip(*texts, strict=True), numbers, strict=True))
    if kind is TruthKind.GENE_EFFECTS:
        wanted = [(without_version(gene),) for gene in truth["gene"]]
    else:
        wanted = [(one.chrom, str(one.pos), one.ref, one.alt) for one in truth["variant"]]  # type: ignore[misc]
    values = np.array([scores.get(key, np.nan) for key in wanted])
    if np.isnan(values).all():
        raise InputError("the peer has no score of what is evaluated", where=path, allowed=f"such as {wanted[0]}")
    return values


def _missing(
    table: pd.DataFrame, found: pd.Index, name: Callable[[pd.Series], str], attrs: dict[object, object], by_id: bool
) -> pd.DataFrame:
    """Rows of the truth without a prediction, and why."""
    listed = attrs.get("skipped", []) if by_id else []
    reasons = {row["id"]: f"{row['status']}: {row['reason']}" for row in listed}  # type: ignore[attr-defined]
    rows = []
    for row, entry in table.drop(index=found).iterrows():
        variant = entry["variant"]
        reason = reasons.get(variant.id) if variant is not None else None
        rows.append((row, name(entry), reason or "no prediction for its gene"))
    return pd.DataFrame([row[1:] for row in rows], columns=["name", "reason"], dtype=str)
