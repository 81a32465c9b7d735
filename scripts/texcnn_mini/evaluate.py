"""Stage 7: how good the bundle is on genes of chromosomes that no stage has seen, and its card.

Writes ``results.tsv`` and ``variants.tsv`` here: the figures of ``texcnn evaluate`` and ``texcnn evaluate variants``,
with 95 % intervals. Puts the model card with these figures into the bundle, and what predictions are compared with:
percentiles and intervals. ``evaluate.py --variants`` does the variants and the card alone.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from bundle import OUT
from data import DATA, FASTA, LENGTHS, WORK, cell_types, expression
from genome import LENGTH, UPSTREAM, cut, load_pack
from network import SEGMENT, kmer_shares
from sklearn.linear_model import Ridge
from train import MIN_NEAR

import texcnn
from texcnn.evaluation.metrics import ALL_CELL_TYPES, cell_type_metrics
from texcnn.model.bundle import CARD, extend_bundle
from texcnn.model.import_mpra_dragonn import import_mpra_dragonn
from texcnn.model.load import load_model
from texcnn.model.make_reference import add_reference
from texcnn.model.predict_windows import predict_windows
from texcnn.model.reference_genes import METRICS as METRICS_TABLE

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "variants")]
import measure
from card_figures import BOOTSTRAP, Measured, cell_types_text, figures_text, write_table

RESULTS = Path(__file__).parent / "results.tsv"
VARIANTS = Path(__file__).parent / "variants.tsv"
CARD_TEXT = Path(__file__).parent / "card.md"
NEAREST = slice(18, 28)
"""Segments within 1.6 kb of the TSS, which the ridge reads."""
ALPHA = 10_000.0
"""Strength of the ridge, chosen on the validation chromosomes."""
MEDIAN, WITHIN = "median", "within genes, across 57 cell types"
ALONE, GIVEN = "texcnn-mini, sequence alone", "texcnn-mini, with the mRNA's lengths"
N_REFERENCE = 1_500
"""Training genes among those that predictions are ranked with; all test genes are as well."""
REACHES = (3_500, 1_000, 500, 250)
"""Bases left on either side of the TSS where the rest is hidden."""
FEWEST_GENES = 10
"""Genes of a set that has figures."""
WELL_KNOWN = 6_500
"""Bases of a window."""


def predict(pack: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, pd.DataFrame]:
    """Returns predictions of the bundle without and with the mRNA's lengths, indexed by gene."""
    ids, folder = pack["gene_id"][rows], WORK / "evaluation"
    folder.mkdir(exist_ok=True)
    strands = np.where(pack["strand"][rows] > 0, "+", "-")
    tss = pack["tss"][rows]
    bed = pd.DataFrame({"chrom": pack["chrom"][rows], "start": tss - 10_000, "end": tss + 10_000})
    bed.assign(name=ids, score=0, strand=strands).to_csv(folder / "genes.bed", sep="\t", header=False, index=False)
    lengths = pd.DataFrame(pack["lengths"][rows], columns=list(LENGTHS)).assign(gene_id=ids)[["gene_id", *LENGTHS]]
    lengths.fillna(lengths.mean(numeric_only=True)).to_csv(folder / "lengths.tsv", sep="\t", index=False)
    tables = {
        name: texcnn.predict(
            OUT, FASTA, bed=folder / "genes.bed", bed_anchor="center", features=features, device="cpu"
        ).set_index("gene_id")[list(cell_types()["cell_type"])]
        for name, features in ((ALONE, None), (GIVEN, folder / "lengths.tsv"))
    }
    assert all((table.index == ids).all() for table in tables.values())
    return tables


def near_kmers(pack: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Returns 4-mer counts of the segments within 1.6 kb of the TSS, ``(n, 2560)``."""
    genome, place, strand = (torch.from_numpy(pack[name]) for name in ("genome", "place", "strand"))
    found = []
    for part in torch.from_numpy(rows).split(256):
        segments = cut(genome, place[part].long(), strand[part].long()).view(len(part), -1, SEGMENT)[:, NEAREST]
        found.append(kmer_shares(segments.flatten(0, 1), 4).view(len(part), -1).numpy())
    return np.concatenate(found)


def ridge(pack: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Returns what a ridge regression on 4-mer counts near the TSS predicts, fitted to the training genes."""
    known = np.flatnonzero((pack["near"] >= MIN_NEAR) & (pack["gene_split"] < 2))
    fitted = Ridge(ALPHA).fit(near_kmers(pack, known), pack["labels"][known])
    predicted: np.ndarray = fitted.predict(near_kmers(pack, rows))
    return predicted


def sets_of_genes(pack: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the sets that figures are given for, by what they are called."""
    unknown = 1 - pack["known"][rows] / LENGTH
    return {
        "test chromosomes": np.ones(len(rows), bool),
        "of these, new to Xpresso": pack["new"][rows],
        "of these, 62 % or more of the window known": pack["known"][rows] >= WELL_KNOWN,
        "of these, at most 0.2 of the window N": unknown <= 0.2,
        "of these, 0.2 to 0.5 of the window N": (unknown > 0.2) & (unknown <= 0.5),
        "of these, 0.5 to 0.85 of the window N": (unknown > 0.5) & (unknown <= 0.85),
        "of these, 0.85 to 0.86 of the window N": unknown > 0.85,
    }


def shortened(pack: dict[str, np.ndarray], test: np.ndarray) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yields windows with more and more N: names, genes as rows of the pack, and codes ``(n, 10500)``.

    The test chromosomes' well-known windows with what lies further from the TSS hidden; then promoters of which
    EPDnew's 300 bp alone are known.
    """
    genome, place, strand = (torch.from_numpy(pack[name]) for name in ("genome", "place", "strand"))
    known = test[pack["known"][test] >= WELL_KNOWN]
    position = np.arange(LENGTH) - UPSTREAM
    for reach in REACHES:
        chosen = torch.from_numpy(known)
        codes = cut(genome, place[chosen].long(), strand[chosen].long()).numpy().copy()
        codes[:, (position < -reach) | (position >= reach)] = 4
        yield (
            f"the well-known ones, hidden beyond {reach:,} bp of the TSS ({1 - 2 * reach / LENGTH:.2f} N)",
            known,
            codes,
        )
    rows = np.flatnonzero((pack["gene_split"] == 2) & pack["epd"])
    chosen = torch.from_numpy(rows)
    codes = cut(genome, place[chosen].long(), strand[chosen].long()).numpy()
    yield "further genes of the test chromosomes, EPDnew's 300 bp known alone (0.97 N)", rows, codes


def beyond(pack: dict[str, np.ndarray], test: np.ndarray, measured: Measured) -> Iterator[pd.DataFrame]:
    """Yields figures of windows with so many unknown bases that the model warns of them or skips them."""
    model, letters = load_model(OUT), np.array(list("ACGTN"))
    for name, rows, codes in shortened(pack, test):
        windows = ["".join(letters[row]) for row in codes]
        lengths = pack["lengths"][rows]
        features = np.where(np.isnan(lengths), np.nanmean(lengths, axis=0), lengths)
        found = {
            what: np.concatenate([part.values for part in predict_windows(model, windows, given)])
            for what, given in ((ALONE, None), (GIVEN, features))
        }
        models = write_models(
            {
                what: pd.DataFrame(values, index=pack["gene_id"][rows], columns=list(cell_types()["cell_type"]))
                for what, values in found.items()
            }
        )
        yield measured.figures(models, name)


def write_models(tables: dict[str, pd.DataFrame]) -> dict[str, Path]:
    """Writes predictions as ``texcnn evaluate`` reads them."""
    return {
        name: write_table(table, WORK / "evaluation" / f"predicted.{number}.parquet")
        for number, (name, table) in enumerate(tables.items())
    }


def measure_variants() -> None:
    """Writes how well changes of single bases are predicted, next to MPRA-DragoNN alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        import_mpra_dragonn(DATA / "mpra" / "dragonn_ConvModel_pretrained.hdf5", folder / "dragonn")
        models = {"texcnn-mini": load_model(OUT), "MPRA-DragoNN": load_model(folder / "dragonn")}
        lines = [asdict(line) for line in measure.saturation(models, folder, BOOTSTRAP)]
    frame = pd.DataFrame(lines)
    wanted = frame["model"].isin(models) & (frame["figure"] == "spearman") & frame["truth"].str.contains("promoter")
    frame[wanted].to_csv(VARIANTS, sep="\t", index=False, float_format="%.3f")


def variants_text() -> str:
    """Lays them out as a Markdown table."""
    table = pd.read_csv(VARIANTS, sep="\t")
    lines = ["| element | variants | texcnn-mini | MPRA-DragoNN alone |", "|---|---|---|---|"]
    for truth, rows in table.groupby("truth", sort=False):
        of = rows.set_index("model")
        shown = [f"{of.value[name]:.2f} ({of.low[name]:.2f} to {of.high[name]:.2f})" for name in of.index]
        lines.append(f"| {str(truth).removeprefix('MPRA promoter ')} | {of.n.iloc[0]:,} | {' | '.join(shown)} |")
    return "\n".join(lines)


def card_text(metrics: pd.DataFrame) -> str:
    """Returns the card with the figures of both tables and of each cell type."""
    text = CARD_TEXT.read_text(encoding="utf-8")
    each = cell_types_text(metrics[metrics["cell_type"] != MEDIAN], "57 cell types")
    for name, shown in (
        ("figures", figures_text(pd.read_csv(RESULTS, sep="\t"))), ("cell_types", each), ("variants", variants_text())
    ):  # fmt: skip
        text = text.replace(f"{{{name}}}", shown)
    return text


def main() -> None:
    """Scores, then completes the bundle."""
    measure_variants()
    if sys.argv[1:] == ["--variants"]:
        extend_bundle(OUT, {CARD: card_text(pd.read_csv(OUT / METRICS_TABLE, sep="\t")).encode()})
        return
    pack = load_pack(WORK / "pack.npz")
    names, everything = list(cell_types()["cell_type"]), expression()
    known = (pack["near"] >= MIN_NEAR) & ~pack["epd"]
    test = np.flatnonzero(known & (pack["gene_split"] == 2))
    trained = np.random.default_rng(0).permutation(np.flatnonzero(known & (pack["gene_split"] < 2)))[:N_REFERENCE]
    ids = pack["gene_id"][test]
    predicted = predict(pack, np.concatenate([test, trained]))
    slope, offset = np.polyfit(pack["score"][trained], everything.loc[pack["gene_id"][trained], MEDIAN], 1)
    folder = WORK / "evaluation"
    measured = Measured(
        write_table(everything.loc[pack["gene_id"], names], folder / "measured.parquet"),
        MEDIAN,
        [name for name in names if name != MEDIAN],
        within=WITHIN,
    )
    models = write_models(
        {
            **{name: table.iloc[: len(test)] for name, table in predicted.items()},
            "ridge on 4-mer counts near the TSS": pd.DataFrame(ridge(pack, test), index=ids, columns=names),
        }
    )
    published = pd.DataFrame({MEDIAN: pack["score"][test]}, index=ids)
    peers = {"Xpresso, published (complete windows)": write_table(published, folder / "published.parquet")}
    fitted = pd.Series("train", index=pack["gene_id"][known & (pack["gene_split"] < 2)], name="split")
    parts = []
    for genes, chosen in sets_of_genes(pack, test).items():
        if chosen.sum() >= FEWEST_GENES:
            split = pd.concat([fitted, pd.Series("test", index=ids[chosen], name="split")])
            split.rename_axis("gene_id").to_csv(folder / "split.tsv", sep="\t")
            parts.append(
                measured.figures(
                    models, genes, split=folder / "split.tsv", peers=peers, scale=f"{float(slope)!r},{float(offset)!r}"
                )
            )
    results = pd.concat([*parts, *beyond(pack, test, measured)])
    results.to_csv(RESULTS, sep="\t", index=False, float_format="%.3f")
    results = pd.read_csv(RESULTS, sep="\t")
    true = everything.loc[ids, names]
    metrics = cell_type_metrics(predicted[GIVEN].loc[ids], true, bootstrap=BOOTSTRAP).query("cell_type in @names")
    metrics.insert(1, "split", "test")
    files = {CARD: card_text(metrics).encode(), METRICS_TABLE: metrics.to_csv(sep="\t", index=False).encode()}
    extend_bundle(OUT, files)
    add_reference(OUT, predicted[GIVEN], true)
    print(results[results["output"] != ALL_CELL_TYPES].to_string(index=False))


if __name__ == "__main__":
    main()
