"""Stage 7: how good the bundle is on genes of chromosomes that neither trained nor chose it, and its card.

Writes ``results.tsv`` and ``variants.tsv`` here: the figures of ``texcnn evaluate`` and ``texcnn evaluate variants``,
with 95 % intervals over genes. Puts the model card with these figures into the bundle, and what predictions are
compared with: percentiles and intervals.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from bundle import OUT
from pack import DATA, WORK
from yeast_genome import load_yeast_pack

import texcnn
from texcnn.evaluation.baselines import MEAN
from texcnn.evaluation.metrics import cell_type_metrics
from texcnn.features.codons import codon_features
from texcnn.genome.reference import Reference
from texcnn.model.bundle import CARD, extend_bundle
from texcnn.model.load import load_model
from texcnn.model.make_reference import add_reference
from texcnn.model.reference_genes import METRICS as METRICS_TABLE

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "variants")]
import measure
from card_figures import BOOTSTRAP, Measured, cell_types_text, figures_text, write_table

RESULTS, VARIANTS = Path(__file__).with_name("results.tsv"), Path(__file__).with_name("variants.tsv")
CARD_TEXT = Path(__file__).with_name("card.md")
FASTA, GTF = DATA / "R64-1-1.fa.gz", DATA / "R64-1-1.81.gtf.gz"
ALONE, GIVEN = "texcnn-yeast, sequence alone", "texcnn-yeast, with codons"
MEDIAN, WITHIN = "median over conditions", "within genes, across 52 conditions"
TEST = 2
N_REFERENCE = 1_500
"""Training genes among those that predictions are ranked with; all others with a CDS are as well."""


def with_median(table: pd.DataFrame) -> pd.DataFrame:
    """Adds each gene's median over the conditions as an output."""
    return table.assign(**{MEDIAN: table.median(axis=1)})


def measure_variants() -> None:
    """Writes how well the local effects of the difference between two strains are predicted, next to baselines."""
    with tempfile.TemporaryDirectory() as name:
        lines = [asdict(line) for line in measure.yeast(load_model(OUT), Path(name), BOOTSTRAP)]
    pd.DataFrame(lines).to_csv(VARIANTS, sep="\t", index=False, float_format="%.3f")


def variants_text() -> str:
    """Lays them out as a Markdown table."""
    lines = ["| scorer | figure | value | genes |", "|---|---|---|---|"]
    for row in pd.read_csv(VARIANTS, sep="\t").itertuples():
        scorer = str(row.model).replace("|", "\\|")
        lines.append(f"| {scorer} | {row.figure} | {row.value:.2f} ({row.low:.2f} to {row.high:.2f}) | {row.n:,} |")
    return "\n".join(lines)


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
    folder = WORK / "evaluation"
    folder.mkdir(exist_ok=True)
    measured = Measured(
        write_table(with_median(true), folder / "measured.parquet"),
        MEDIAN,
        conditions,
        within=WITHIN,
        order=("output", "metric"),
    )
    # A table like the models', since the median is taken of what each of them says of a gene's conditions.
    profile = pd.DataFrame(np.tile(true[split < TEST].mean(), (len(ids), 1)), index=ids, columns=conditions)
    tables = {ALONE: alone, GIVEN: given, MEAN: profile}
    parts = []
    for what, only, names in (
        ("test chromosomes, genes with a CDS", coding, (ALONE, GIVEN, MEAN)),
        ("test chromosomes, all genes", np.ones(len(ids), bool), (ALONE, MEAN)),
    ):
        chosen = ids[(split == TEST) & only]
        models = {
            name: write_table(with_median(tables[name].loc[chosen]), folder / f"predicted.{number}.parquet")
            for number, name in enumerate(names)
        }
        parts.append(measured.figures(models, what))
    results = pd.concat(parts)
    results.to_csv(RESULTS, sep="\t", index=False, float_format="%.3f")
    results = pd.read_csv(RESULTS, sep="\t")
    measure_variants()
    tested = ids[(split == TEST) & coding]
    metrics = cell_type_metrics(given.loc[tested], true.loc[tested], bootstrap=BOOTSTRAP)
    metrics = metrics.query("cell_type in @conditions")
    metrics.insert(1, "split", "test")
    card = CARD_TEXT.read_text(encoding="utf-8").replace("{figures}", figures_text(results))
    card = card.replace("{conditions}", cell_types_text(metrics, "52 conditions")).replace(
        "{variants}", variants_text()
    )
    extend_bundle(OUT, {CARD: card.encode(), METRICS_TABLE: metrics.to_csv(sep="\t", index=False).encode()})
    add_reference(OUT, given, true.loc[tested])
    print(results.to_string(index=False))


if __name__ == "__main__":
    main()
