"""Stage 4: how good the bundle is on genes of chromosomes that neither trained nor chose it, and its card.

Writes ``results.tsv`` here (the figures of ``texcnn evaluate``, with 95 % intervals over genes) and puts the model card
with these figures into the bundle, and what predictions are compared with: percentiles and intervals.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from bundle import OUT
from pack import DATA, WORK
from yeast_genome import load_yeast_pack

import texcnn
from texcnn.evaluation.metrics import ALL_CELL_TYPES, cell_type_metrics
from texcnn.features.codons import codon_features
from texcnn.genome.reference import Reference
from texcnn.model.bundle import CARD, extend_bundle
from texcnn.model.reference_genes import METRICS as METRICS_TABLE
from texcnn.model.reference_genes import add_reference

RESULTS, CARD_TEXT = Path(__file__).with_name("results.tsv"), Path(__file__).with_name("card.md")
FASTA, GTF = DATA / "R64-1-1.fa.gz", DATA / "R64-1-1.81.gtf.gz"
ALONE, GIVEN = "texcnn-yeast, sequence alone", "texcnn-yeast, with codons"
MEDIAN = "median over conditions"
METRICS = {"squared_pearson": "squared Pearson", "one_minus_sse_sst": "1 - SSE/SST"}
BOOTSTRAP = 500
TEST = 2
N_REFERENCE = 1_500
"""Training genes among those that predictions are ranked with; all others with a CDS are as well."""


def scores(name: str, genes: str, found: pd.DataFrame, true: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Yields the rows of the results table of one model on one set of genes."""
    medians = [table.median(axis=1).to_frame(MEDIAN) for table in (found, true)]
    for output, pair in ((MEDIAN, medians), (ALL_CELL_TYPES, [found, true])):
        table = cell_type_metrics(*pair, bootstrap=BOOTSTRAP)
        row = table[table["cell_type"] == output].iloc[0]
        for metric, text in METRICS.items():
            interval = {"value": row[metric], "low": row[f"{metric}_low"], "high": row[f"{metric}_high"]}
            yield {"model": name, "genes": genes, "n_genes": len(true), "output": output, "metric": text, **interval}


def figures(results: pd.DataFrame) -> str:
    """Lays the results out as Markdown tables, one per set of genes."""
    parts = []
    for (name, n_genes), rows in results.groupby(["genes", "n_genes"], sort=False):
        parts += [f"**{name}: {n_genes:,} genes**\n", "| model | output | figure | value |", "|---|---|---|---|"]
        parts += [
            f"| {row.model} | {row.output} | {row.metric} | {row.value:.2f} ({row.low:.2f} to {row.high:.2f}) |"
            for row in rows.itertuples()
        ]
        parts.append("")
    return "\n".join(parts)


def main() -> None:
    """Scores, then completes the bundle."""
    pack = load_yeast_pack(WORK / "yeast.npz")
    ids, split = pack["gene_id"], pack["split"]
    conditions = [str(name) for name in pack["conditions"]]
    true = pd.DataFrame(pack["labels"].astype(np.float64), index=ids, columns=conditions)
    with Reference(FASTA) as reference:
        codons = codon_features(reference, GTF)
    codons.write(WORK / "codons.tsv")
    coding = np.isin(ids, codons.frame["gene_id"])
    trained = np.random.default_rng(0).permutation(np.flatnonzero(coding & (split < TEST)))[:N_REFERENCE]
    compared = (coding & (split == TEST)) | np.isin(np.arange(len(ids)), trained)
    given, alone = (
        texcnn.predict(OUT, FASTA, gtf=GTF, genes=ids[chosen].tolist(), features=features, device="cpu")
        .set_index("gene_id")
        .loc[ids[chosen], conditions]
        for features, chosen in ((WORK / "codons.tsv", compared), (None, split == TEST))
    )
    profile = true[split < TEST].mean()
    rows: list[dict[str, object]] = []
    for only, what in (
        (coding, "test chromosomes, genes with a CDS"),
        (np.ones(len(ids), bool), "test chromosomes, all genes"),
    ):
        chosen = ids[(split == TEST) & only]
        models = {ALONE: alone.loc[chosen]}
        if only is coding:
            models[GIVEN] = given.loc[chosen]
        models["mean of training genes"] = pd.DataFrame(
            np.tile(profile, (len(chosen), 1)), index=chosen, columns=conditions
        )
        for model, table in models.items():
            rows += scores(model, what, table, true.loc[chosen])
    results = pd.DataFrame(rows).dropna(subset="value")
    results.to_csv(RESULTS, sep="\t", index=False, float_format="%.3f")
    results = pd.read_csv(RESULTS, sep="\t")
    card = CARD_TEXT.read_text(encoding="utf-8").replace("{figures}", figures(results))
    tested = ids[(split == TEST) & coding]
    metrics = cell_type_metrics(given.loc[tested], true.loc[tested]).query("cell_type in @conditions")
    metrics.insert(1, "split", "test")
    extend_bundle(OUT, {CARD: card.encode(), METRICS_TABLE: metrics.to_csv(sep="\t", index=False).encode()})
    add_reference(OUT, given, true.loc[tested])
    print(results.to_string(index=False))


if __name__ == "__main__":
    main()
