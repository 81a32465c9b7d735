"""Measures how good predicted effects of variants are, and writes the table of docs/variants.md.

    python scripts/variants/measure.py [--only texcnn-mini texcnn-yeast] [--write]

Truths and the published networks are read where the tests find them ($TEXCNN_DATA): saturation mutagenesis (Kircher et
al. 2019), the local effect of the difference between two yeast strains on each gene (Smith & Kruglyak 2008), and
simulated genomes, on which a small network is trained first. Nothing is fitted to the truths themselves. With --only
the lines of other models stay as they are in the table.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import planted_model
from simulated import Simulated, simulate
from sklearn.metrics import roc_auc_score

import texcnn
from texcnn.evaluation.variants.judge import COMMON_SIGN
from texcnn.model.import_mpra_dragonn import import_mpra_dragonn
from texcnn.model.load import load_model
from texcnn.model.model import Model
from texcnn.model.xpresso_bundle import import_xpresso

PROJECT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TEXCNN_DATA", PROJECT.parent / "shared" / "data"))
PAGE = PROJECT / "docs" / "variants.md"
HEADING = ("| truth | scorer | figure | value | n |", "|---|---|---|---:|---:|")
START, END = "<!-- measured: start -->", "<!-- measured: end -->"

PROMOTERS = ("F9", "LDLR", "LDLR.2", "PKLR-24h", "PKLR-48h")
"""Elements whose bases are known and that are in the window of the gene they are named after."""

ENHANCERS = {"RET": ("chr10", 43_087_078), "SORT1": ("chr1", 109_275_251), "SORT1.2": ("chr1", 109_275_251)}
"""Elements whose bases are known and that no window of their gene reaches, and where they end: there, as in the
reporter plasmid, a TSS is taken to follow them on the plus strand."""

SATURATION_FIGURES = {"sign_accuracy", "spearman", "spearman_size"}

GENES = ("F9", "LDLR", "PKLR")

YEAST_FIGURES = {"sign_accuracy", "sign_accuracy_top_tenth", "spearman", "auroc_significant"}

YEAST_HELD_OUT = ("IV", "IX", "XVI")
"""Chromosomes whose genes texcnn-yeast was not trained on, and whose measured effects it was not taught."""

TRAINED_ON, JUDGED_ON = range(101, 141), range(201, 204)
"""Seeds of the simulated genomes."""

AROUND = (-260, 60)
"""Bases around the TSS whose attribution is compared with the planted motifs."""

GENES_EXPLAINED = 10


@dataclass(frozen=True)
class Measured:
    """One line of the table."""

    truth: str
    model: str
    figure: str
    value: float
    low: float = np.nan
    high: float = np.nan
    n: int = 0

    def line(self) -> str:
        """The line in Markdown."""
        interval = "" if np.isnan(self.low) else f" [{self.low:.2f}, {self.high:.2f}]"
        model = self.model.replace("|", "\\|")
        return f"| {self.truth} | {model} | {self.figure} | {self.value:.3f}{interval} | {self.n:,} |"


def saturation(models: dict[str, Model], folder: Path, draws: int) -> Iterator[Measured]:
    """Spearman's correlation within each element, human models."""
    rows = pd.read_csv(DATA / "variants" / "mpra_saturation_kircher2019.tsv.gz", sep="\t", dtype=str)
    ends = folder / "enhancers.bed"
    sites = {name.split(".")[0]: place for name, place in ENHANCERS.items()}
    ends.write_text("".join(f"{chrom}\t{end}\t{end + 1}\t{name}\t0\t+\n" for name, (chrom, end) in sites.items()))
    promoters = {"gtf": DATA / "human" / "hg38_refseq.gtf.gz", "genes": GENES}
    for kind, elements, where in (("promoter", PROMOTERS, promoters), ("enhancer", tuple(ENHANCERS), {"bed": ends})):
        truth = folder / f"{kind}s.tsv"
        rows[rows["Element"].isin(elements)].to_csv(truth, sep="\t", index=False)
        for name, model in models.items():
            found = texcnn.evaluate_variants(
                truth, folder / f"{kind}s-{name}", model=model, fasta=DATA / "human" / "hg38_wide.fa.gz",
                map_chrom_names=True, bootstrap=draws, device="cpu", cell_types=model.cell_types[0], **where,
            )  # fmt: skip
            yield from _lines(found.metrics, f"MPRA {kind} {{group}}", name, SATURATION_FIGURES, "spearman_size")


def yeast(model: Model, folder: Path, draws: int) -> Iterator[Measured]:
    """Sign and rank of what the RM strain's variants do to each gene of the test chromosomes, against BY."""
    measured = pd.read_csv(DATA / "variants" / "yeast_by_rm_local_effects.tsv", sep="\t")
    measured = measured[measured["chrom"].isin(YEAST_HELD_OUT)]
    # The table has BY - RM; the prediction is RM's, minus the reference, which is BY's.
    measured = measured.assign(effect=-measured["effect_mean"])[["gene_id", "effect", "significant"]]
    truth = folder / "yeast.tsv"
    measured.to_csv(truth, sep="\t", index=False)
    found = texcnn.evaluate_variants(
        truth, folder / "yeast", model=model, fasta=DATA / "yeast" / "R64-1-1.fa.gz",
        gtf=DATA / "yeast" / "R64-1-1.81.gtf.gz", vcf=DATA / "variants" / "yeast_by_rm.vcf.gz", sample="RM",
        bootstrap=draws, device="cpu",
    )  # fmt: skip
    metrics = found.metrics[found.metrics["cell_type"].isin(["", "mean over cell types"])]
    yield from _lines(metrics, "yeast BY x RM, test chromosomes", model.name, YEAST_FIGURES, "auroc_significant")


def planted(models: dict[str, Model], genome: Simulated, folder: Path, draws: int) -> Iterator[Measured]:
    """Sign and rank of broken motifs, and whether attributions find the motifs' bases."""
    motifs = pd.read_csv(genome.motifs, sep="\t")
    genes = list(dict.fromkeys(motifs["gene_id"]))[:GENES_EXPLAINED]
    for name, model in models.items():
        cell_type = model.cell_types[0]
        found = texcnn.evaluate_variants(
            genome.effects, folder / f"planted-{name}", model=model, fasta=genome.fasta, bed=genome.bed,
            cell_types=cell_type, bootstrap=draws, device="cpu",
        )  # fmt: skip
        yield from _lines(found.metrics, "simulated, motifs broken", name, {"sign_accuracy", "spearman"})
        for method in ("ism", "gradient"):
            scores = [base_auroc(model, genome, gene, motifs, cell_type, method) for gene in genes]
            known = [score for score in scores if not np.isnan(score)]
            if known:
                figure = f"AUROC of planted bases, {method}"
                yield Measured("simulated, attribution", name, figure, float(np.mean(known)), n=len(known))


def base_auroc(model: Model, genome: Simulated, gene: str, motifs: pd.DataFrame, cell_type: str, method: str) -> float:
    """AUROC of the sizes of attributions around one TSS: planted bases against the others."""
    place = pd.read_csv(genome.bed, sep="\t", header=None).set_index(3).loc[gene].to_dict()
    tss, forward = int(place[1]), place[5] == "+"
    start, end = (tss + AROUND[0], tss + AROUND[1]) if forward else (tss - AROUND[1] + 1, tss - AROUND[0] + 1)
    frame = texcnn.attribute(
        model, genome.fasta, gene=gene, cell_type=cell_type, bed=genome.bed, method=method, device="cpu",
        region=f"{place[0]}:{start + 1}-{end}",
    )  # fmt: skip
    sites = motifs[motifs["gene_id"] == gene]
    inside = np.zeros(len(frame), bool)
    for first, last in zip(sites["start"], sites["end"], strict=True):
        inside |= frame["pos"].between(first + 1, last).to_numpy()
    return float(roc_auc_score(inside, frame["attribution"].abs())) if 0 < inside.sum() < len(inside) else np.nan


def _lines(metrics: pd.DataFrame, truth: str, model: str, ours: set[str], of_size: str = "") -> Iterator[Measured]:
    """The model's figures, the signs that the most frequent one gets right, and one figure of the other baselines."""
    for row in metrics.to_dict("records"):
        of_baseline = row["cell_type"] == ""
        wanted = ours if not of_baseline else {"sign_accuracy"} if row["scorer"] == COMMON_SIGN else {of_size}
        if row["metric"] in wanted:
            yield Measured(
                truth.format(group=row["group"]), row["scorer"] if of_baseline else model, row["metric"], row["value"],
                row["low"], row["high"], row["n"],
            )  # fmt: skip


def table_of(lines: Iterable[str], page: str, *, keep: bool) -> str:
    """The table; with ``keep`` the page's lines of other models stay where they are."""
    rows = {}
    if keep:
        before = page.partition(START)[2].partition(END)[0].splitlines()
        rows = {_key(line): line for line in before if line.startswith("|")}
    rows |= {_key(line): line for line in (*HEADING, *lines)}  # baselines are the same next to every model
    return "\n".join(rows.values())


def _key(line: str) -> tuple[str, ...]:
    return tuple(line.replace("\\|", " ").split("|")[1:4])


def main() -> None:
    """Measures what is asked for and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ("texcnn-mini", "texcnn-yeast", "Xpresso", "MPRA-DragoNN", planted_model.NAME)
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="models to measure (default: all)")
    parser.add_argument("--bootstrap", type=int, default=300)
    parser.add_argument("--write", action="store_true", help="replace the table in docs/variants.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = dict(_models(options.only, folder))
        human = {name: model for name, model in models.items() if name not in ("texcnn-yeast", planted_model.NAME)}
        rows = list(saturation(human, folder, options.bootstrap))
        if "texcnn-yeast" in models:
            rows += yeast(models["texcnn-yeast"], folder, options.bootstrap)
        rows += planted(models, simulate(folder / "judged-on", JUDGED_ON), folder, options.bootstrap)
    page = PAGE.read_text(encoding="utf-8")
    table = table_of((row.line() for row in rows), page, keep=set(options.only) != set(names))
    print(table)
    if options.write:
        before, _, rest = page.partition(START)
        after = rest.partition(END)[2]
        PAGE.write_text(f"{before}{START}\n\n{table}\n\n{END}{after}", encoding="utf-8")


def _models(names: Iterable[str], folder: Path) -> Iterator[tuple[str, Model]]:
    for name in names:
        if name == "Xpresso":
            import_xpresso(DATA / "xpresso" / "human_trainepoch.11-0.426.h5", folder / name)
        elif name == "MPRA-DragoNN":
            import_mpra_dragonn(DATA / "mpra" / "dragonn_ConvModel_pretrained.hdf5", folder / name)
        elif name == planted_model.NAME:
            yield name, planted_model.train(simulate(folder / "trained-on", TRAINED_ON))
            continue
        yield name, load_model(name if name.startswith("texcnn") else folder / name)


if __name__ == "__main__":
    main()
