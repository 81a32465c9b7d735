"""Every architecture on the same chromosome-grouped folds: docs/cross-validation.md and its raw results.

    python scripts/crossvalidate.py run --data ../shared/data --dataset human --work cv --minutes 40
    python scripts/crossvalidate.py table --work cv

Genes are grouped by chromosome into ten groups of like size. A fold tests two of them, stops the training by a third
and fits to the other seven; a run is one pass over all five folds, and its figures are those of its pooled
predictions. What a fold predicted is kept in a file of its own, so that an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from texcnn.embedding.engine import embed_windows
from texcnn.encoders.dnabert2 import Dnabert2Encoder
from texcnn.encoders.dnabert2_model import Dnabert2Model
from texcnn.encoders.kmer_counts import KmerCountsEncoder
from texcnn.encoders.protocol import Encoder
from texcnn.encoders.word2vec import Word2VecEncoder
from texcnn.evaluation.baselines import GC_CPG, MEAN, predict_baselines, sequence_inputs
from texcnn.evaluation.metrics import one_minus_sse_sst, squared_pearson
from texcnn.features.half_life import half_life_features
from texcnn.features.tf_targets import tf_target_features
from texcnn.files import atomic_file
from texcnn.genome.annotation import without_version
from texcnn.genome.gene import Gene
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.windows import Window, WindowSpec, read_windows
from texcnn.model.model import load_model
from texcnn.segments.bases import stack_codes
from texcnn.segments.segment import SegmentSpec
from texcnn.training.architectures import Architecture, find_architecture
from texcnn.training.fit import Examples, predict_rows
from texcnn.training.inputs import Inputs, SegmentVectors, WindowBases
from texcnn.training.scaling import fit_features, scale_features
from texcnn.training.targets import read_targets
from texcnn.training.word2vec import fit_word2vec

MEDIAN = "median"
GROUPS, FOLDS = 10, 5
MIN_KNOWN = 6_500
MINI_SEGMENT = 250
"""Bases of a segment for texcnn-mini's language model, as it was distilled."""


@dataclass(frozen=True)
class Entry:
    """One line of the table: an architecture, what it is fed, and how often and how long it is trained."""

    name: str
    architecture: str
    encoder: str = ""
    features: tuple[str, ...] = ()
    runs: int = 10
    epochs: int | None = None


# A solution without chance in it needs one run. Two networks that read every base get fewer epochs than their authors'.
MODELS = (
    Entry(MEAN, "", runs=1),
    Entry(GC_CPG, "", runs=1),
    Entry("k-mer ridge", "kmer-ridge", runs=1),
    Entry("TExCNN, texcnn-mini's encoder", "textcnn", "mini"),
    Entry("TExCNN, random encoder (control)", "textcnn", "random"),
    Entry("TExCNN + half-life", "textcnn", "mini", ("half-life",)),
    Entry("TExCNN + half-life + TF without POLR2A", "textcnn", "mini", ("half-life", "tf-no-polr2a")),
    Entry("TExCNN + half-life + TF", "textcnn", "mini", ("half-life", "tf")),
    Entry("DeepLncLoc", "deeplncloc"),
    Entry("Pipoli transformer", "pipoli", epochs=60),
    Entry("Xpresso, trained here", "xpresso"),
    Entry("DNAPerceiver", "perceiver", epochs=8),
    Entry("TExCNN on k-mer counts (as texcnn-yeast)", "kmer-textcnn"),
)


_TEXT = """# Cross-validation

Made by `scripts/crossvalidate.py`; the figures of each run are in `cross-validation.tsv`. Whole chromosomes are held
out: ten groups of chromosomes of like size, of which a fold tests two, stops by a third and fits to seven. A run is one
pass over the five folds; its figures are those of the pooled predictions of all its genes. Several runs differ by their
seeds and are shown as minimum / **average** / maximum. `r2` is the squared Pearson correlation over genes. `median` is
the label of Xpresso, the median over the 56 epigenomes (of yeast: over the conditions); `cell types` is the mean of the
figures of the single cell types (57 of human, 52 conditions of yeast), learned together with the median by one network.

Read it with these in mind:

- **Runs**: ten are asked of every line with chance in it; the table has as many as the time allowed, on one core for
  each data set. A ridge, a mean and boosting have no chance in them. The same command goes on where this one stopped.
- **Epochs**: the script stops the Pipoli transformer after at most 60 epochs and DNAPerceiver after 8, where their
  authors have 300 and 550: with so few genes and epochs their lines would be no verdict on them.
- **Few genes**: the human lines are fitted to some 460 genes, where the papers had more than 15,000.
- **Human genes**: those of the slice with at least 6,500 known bases in the window of 7,000 + 3,500. A line with
  features has the genes that have all of them, so its number of genes is smaller and its figures are of those.
- **texcnn-mini's encoder** is the language model alone, without the motif convolutions and the head of the bundled
  model, frozen, before a text CNN with the maximum over segments of 250 bp. It is not blind: it was distilled from
  Xpresso's weights on chromosomes that are test folds here. Xpresso had seen the labels of most genes of the slice, and
  something of them may have come down to the encoder. The control, one encoder of the same form with random weights,
  has seen nothing. For yeast both are as foreign.
- **k-mer counts** (4-mers of 250 bp) have a dense layer in place of the maximum; nothing of it was learned elsewhere.
- **Xpresso's published predictions** are of a network that was trained on 599 of the 657 genes of the slice: they are
  not a held-out figure. "Xpresso, trained here" is the same network on the folds of the others.
- **TF features** come from ChIP experiments. POLR2A, the polymerase, measures expression itself, and so the line with
  it is not a prediction from sequence. (Yeast's table has no such factor.)
- **GC and CpG boosting** is fitted to the median alone, on training and validation genes, since it does not stop early.
- Seconds are of one run on one thread of a machine shared with other work: an order of magnitude.
"""

_BUNDLED = """
The bundled `texcnn-yeast` was trained on one split of chromosomes, not on these folds: on the 1,695 genes of IV, IX and
XVI it has 0.421 (mean over the conditions; 95 % interval 0.387 to 0.454), a 5-mer ridge 0.199 and GC and CpG boosting
0.112 on the same genes. `texcnn-mini` and its figures are in [texcnn-mini.md](texcnn-mini.md).
"""


class Dataset:
    """Genes with windows, labels, features and folds.

    Args:
        name: ``human`` or ``yeast``.
        data: Folder of the project's real data.
    """

    def __init__(self, name: str, data: Path) -> None:
        self.name = name
        folder = data / name
        if name == "human":
            fasta, self.window = folder / "hg38_slice.fa.gz", WindowSpec(7_000, 3_500)
            which = {"bed": folder / "xpresso_tss_20kb.bed", "bed_anchor": "center"}
            table, unit, self.gtf = folder / "expression_roadmap57_rpkm.tsv.gz", "RPKM", folder / "hg38_refseq.gtf.gz"
            self.tf = folder / "tf_targets_encode181.tsv.gz"
        else:
            fasta, self.window = folder / "R64-1-1.fa.gz", WindowSpec(1_000, 500)
            which = {"gtf": folder / "R64-1-1.81.gtf.gz"}
            table, unit, self.gtf = folder / "expression_tpm_conditions.tsv.gz", "TPM", folder / "R64-1-1.81.gtf.gz"
            self.tf = folder / "tf_targets_yeastract220.tsv.gz"
        self.fasta = fasta
        targets = read_targets(table, unit=unit, transform="log10p0.1")
        rows = {without_version(gene_id): row for gene_id, row in targets.rows.items()}
        with Reference(fasta) as reference:
            genes = [
                gene for gene in load_genes(reference, self.window, **which).genes if without_version(gene.id) in rows
            ]
            least = MIN_KNOWN if name == "human" else 1
            windows = (read for read in read_windows(reference, genes, self.window))
            self.windows: list[Window] = [read for read in windows if known_bases(read) >= least]
        self.genes: list[Gene] = [read.gene for read in self.windows]
        self.ids = [gene.id for gene in self.genes]
        values = targets.values[[rows[without_version(gene_id)] for gene_id in self.ids]]
        self.cell_types = [*targets.cell_types]
        if name == "human":
            # Xpresso's label: the median over the 56 epigenomes, without the universal reference, of RPKM itself.
            raw = 10.0 ** values[:, [place for place, cell in enumerate(self.cell_types) if cell != "E000"]] - 0.1
            values = np.column_stack([values, np.log10(np.median(raw, axis=1) + 0.1).astype(np.float32)])
        else:
            values = np.column_stack([values, np.nanmedian(values, axis=1)])
        known = ~np.isnan(values).all(axis=1)
        if not known.all():
            kept = np.flatnonzero(known).tolist()
            self.windows, self.genes = [self.windows[i] for i in kept], [self.genes[i] for i in kept]
            self.ids, values = [self.ids[i] for i in kept], values[kept]
        self.cell_types.append(MEDIAN)
        self.labels = torch.from_numpy(values)
        self.group = chromosome_groups([gene.chrom for gene in self.genes])

    def folds(self) -> list[tuple[list[int], list[int], list[int]]]:
        """Returns rows to fit to, to stop by and to test, of each fold."""
        made = []
        for fold in range(FOLDS):
            tested, stopping = {2 * fold, 2 * fold + 1}, (2 * fold + 2) % GROUPS
            parts = np.where(np.isin(self.group, list(tested)), 2, np.where(self.group == stopping, 1, 0))
            made.append(tuple(np.flatnonzero(parts == part).tolist() for part in range(3)))
        return made

    def features(self, names: tuple[str, ...]) -> tuple[np.ndarray, list[str]]:
        """Returns features of the genes, NaN where unknown."""
        frames = []
        for name in names:
            if name == "half-life":
                with Reference(self.fasta) as reference:
                    frame = half_life_features(reference, self.gtf, genes=self.ids, log10=True).frame
            else:
                exclude = ("POLR2A",) if name == "tf-no-polr2a" and self.name == "human" else ()
                frame = tf_target_features(self.tf, exclude=exclude).frame
            frame = frame.set_index(frame["gene_id"].map(without_version)).drop(columns="gene_id")
            frames.append(frame.reindex([without_version(gene_id) for gene_id in self.ids]))
        joined = pd.concat(frames, axis=1)
        return joined.to_numpy(np.float32), [str(name) for name in joined.columns]


def known_bases(window: Window) -> int:
    """Counts the bases of a window that are no N."""
    return len(window.sequence) - window.sequence.count("N")


def chromosome_groups(chroms: list[str]) -> np.ndarray:
    """Deals chromosomes out, the largest first, each to the group with the fewest genes."""
    sizes = [0] * GROUPS
    group = {}
    for chrom, size in sorted(Counter(chroms).items(), key=lambda item: (-item[1], item[0])):
        group[chrom] = min(range(GROUPS), key=lambda place: sizes[place])
        sizes[group[chrom]] += size
    return np.array([group[chrom] for chrom in chroms])


class Feeder:
    """What each entry's network is fed, made once per dataset, or per fold where it depends on the training genes.

    Args:
        dataset: The genes.
        folder: Keeps the word2vec tables, which take minutes.
    """

    def __init__(self, dataset: Dataset, folder: Path) -> None:
        self.dataset, self.folder = dataset, folder
        self.sequences = [window.sequence for window in dataset.windows]
        self.kept: dict[object, Inputs] = {}

    def inputs(self, entry: Entry, fold: int, train: list[int]) -> Inputs:
        """Returns the inputs of all genes."""
        architecture = find_architecture(entry.architecture)
        length = architecture.segments(self.dataset.window).length
        if architecture.reads == "encoders":
            length = MINI_SEGMENT
        key = (architecture.reads, entry.encoder, length, fold if architecture.reads == "word2vec" else None)
        if key not in self.kept:
            if architecture.reads == "bases":
                self.kept[key] = WindowBases(stack_codes(self.sequences))
            else:
                encoder = self._encoder(architecture, entry.encoder, fold, train)
                # A window with little known sequence keeps its segments: which genes are used is decided above.
                spec = SegmentSpec(length, 0.5 if architecture.reads == "encoders" else 0.95)
                self.kept[key] = SegmentVectors(embed_windows([encoder], self.sequences, spec, batch_size=256))
        return self.kept[key]

    def _encoder(self, architecture: Architecture, name: str, fold: int, train: list[int]) -> Encoder:
        if architecture.reads == "kmer-counts":
            return KmerCountsEncoder(architecture.k)
        if architecture.reads == "word2vec":
            path = self.folder / f"word2vec-{fold}.safetensors"
            if not path.exists():
                made = fit_word2vec((self.sequences[row] for row in train), seed=fold)
                with atomic_file(path) as temporary:
                    save_file({"table": made.table}, temporary, metadata={"k": str(made.k)})
            with safe_open(path, framework="pt") as file:
                return Word2VecEncoder(file.get_tensor("table"), int(file.metadata()["k"]))
        encoder = load_model("texcnn-mini").segment_network().encoders[0]
        if name == "random":
            torch.manual_seed(0)
            return Dnabert2Encoder(Dnabert2Model(encoder.model.config), encoder.tokenizer)
        return encoder


def run_fold(
    dataset: Dataset, feeder: Feeder, entry: Entry, run: int, fold: int, features: tuple[np.ndarray, list[str]] | None
) -> dict[str, np.ndarray]:
    """Fits one network and predicts the genes of one fold: ``rows`` and ``predicted (n, n_cell_types)``."""
    parts = [np.array(rows) for rows in dataset.folds()[fold]]
    if features is not None:
        complete = ~np.isnan(features[0]).any(axis=1)
        parts = [rows[complete[rows]] for rows in parts]
    train, valid, test = (rows.tolist() for rows in parts)
    if not entry.architecture:
        frame = pd.DataFrame(dataset.labels.numpy(), index=dataset.ids, columns=dataset.cell_types)
        inputs = sequence_inputs(iter(dataset.windows)) if entry.name == GC_CPG else {}
        if entry.name == GC_CPG:
            # One output: boosting is fitted to each alone, and 58 of them would take an hour.
            frame, inputs = frame[[MEDIAN]], {GC_CPG: inputs[GC_CPG]}
        made = predict_baselines(frame.iloc[train + valid], [dataset.ids[row] for row in test], inputs)
        predicted = made[entry.name].reindex(columns=dataset.cell_types).to_numpy()
        return {"rows": np.array(test), "predicted": predicted}
    architecture = find_architecture(entry.architecture)
    inputs = feeder.inputs(entry, fold, dataset.folds()[fold][0])
    scaled, n_features = None, 0
    if features is not None:
        values = np.nan_to_num(features[0])
        scaled = scale_features(values, fit_features(values[train], features[1]))
        n_features = len(features[1])
    examples = Examples(inputs, scaled, dataset.labels)
    if isinstance(inputs, SegmentVectors):
        _, n_segments, dim = inputs.embeddings.values.shape
        sizes = {"dim": dim, "n_segments": n_segments}
    else:
        sizes = {"length": dataset.window.length}
    seed = 1_000 * run + fold
    torch.manual_seed(seed)
    head = architecture.make_head({**sizes, "n_cell_types": len(dataset.cell_types), "n_features": n_features}, {})
    options = replace(architecture.fit, seed=seed, epochs=entry.epochs or architecture.fit.epochs)
    fit = architecture.solve(head, examples, train, valid, options, cell_types=dataset.cell_types, device="cpu")
    predicted = torch.cat(
        [predict_rows(fit.head, examples, part) for part in np.array_split(test, -(-len(test) // 64))]
    )
    return {"rows": np.array(test), "predicted": predicted.numpy(), "epochs": np.array(len(fit.history))}


def run_all(dataset: Dataset, work: Path, minutes: float, names: list[str]) -> None:
    """Runs what is not done yet, the first run of every entry before the second, until the time is over."""
    end = time.monotonic() + 60 * minutes
    folder = work / dataset.name
    folder.mkdir(parents=True, exist_ok=True)
    feeder = Feeder(dataset, folder)
    np.savez(folder / "truth.npz", labels=dataset.labels.numpy(), ids=dataset.ids, cell_types=dataset.cell_types)
    features = {entry.name: dataset.features(entry.features) for entry in MODELS if entry.features}
    for run in range(10):
        for place, entry in enumerate(MODELS):
            if run >= entry.runs or (names and entry.name not in names):
                continue
            for fold in range(FOLDS):
                path = folder / f"{place:02d}-{run}-{fold}.npz"
                if path.exists():
                    continue
                if time.monotonic() > end:
                    print("time is over")
                    return
                start = time.monotonic()
                made = run_fold(dataset, feeder, entry, run, fold, features.get(entry.name))
                with atomic_file(path) as temporary, temporary.open("wb") as handle:
                    np.savez(handle, **made, seconds=np.array(time.monotonic() - start))
                print(dataset.name, entry.name, run, fold, f"{time.monotonic() - start:.1f} s", flush=True)


def results(work: Path) -> pd.DataFrame:
    """Returns the figures of each complete run."""
    rows = []
    for folder in sorted(path for path in work.iterdir() if path.is_dir()):
        truth = np.load(folder / "truth.npz")
        labels, cell_types = truth["labels"].astype(np.float64), truth["cell_types"].tolist()
        for place, entry in enumerate(MODELS):
            for run in range(entry.runs):
                paths = [folder / f"{place:02d}-{run}-{fold}.npz" for fold in range(FOLDS)]
                if not all(path.exists() for path in paths):
                    continue
                folds = [np.load(path) for path in paths]
                tested = np.concatenate([fold["rows"] for fold in folds])
                predicted = np.concatenate([fold["predicted"] for fold in folds]).astype(np.float64)
                rows.append(figures(predicted, labels[tested], cell_types) | {
                    "dataset": folder.name, "model": entry.name, "run": run, "n_genes": len(tested),
                    "seconds": round(sum(float(fold["seconds"]) for fold in folds), 1),
                })  # fmt: skip
    return pd.DataFrame(rows)


def figures(predicted: np.ndarray, true: np.ndarray, cell_types: list[str]) -> dict[str, float]:
    """Returns both metrics of the median label and their means over cell types."""
    made = {}
    for name, metric in (("squared_pearson", squared_pearson), ("one_minus_sse_sst", one_minus_sse_sst)):
        values = [metric(predicted[:, column], true[:, column]) for column in range(len(cell_types))]
        made[f"median_{name}"] = values[cell_types.index(MEDIAN)]
        single = [value for value, cell in zip(values, cell_types, strict=True) if cell != MEDIAN]
        made[f"cell_types_{name}"] = float(np.nanmean(single)) if not np.isnan(single).all() else float("nan")
    return made


def published_xpresso(dataset: Dataset, data: Path) -> dict[str, object]:
    """Returns the figures of Xpresso's published predictions on the very genes."""
    bed = pd.read_csv(data / "human" / "xpresso_tss_20kb.bed", sep="\t", header=None)
    published = pd.read_csv(data / "xpresso" / "kipoi_predictions.tsv", sep="\t")["preds/expression_pred"]
    predicted = pd.Series(published.to_numpy(), index=bed[3])[dataset.ids].to_numpy(np.float64)
    labels = pd.read_csv(data / "human" / "xpresso_labels_split.tsv", sep="\t")
    slope, offset = np.polyfit(labels["label_z"], labels["label_log10"], 1)
    true = dataset.labels[:, -1].numpy().astype(np.float64)
    return {
        "dataset": "human", "model": "Xpresso, published predictions", "run": 0, "n_genes": len(true), "seconds": 0.0,
        "median_squared_pearson": squared_pearson(predicted, true),
        "median_one_minus_sse_sst": one_minus_sse_sst(predicted * slope + offset, true),
        "cell_types_squared_pearson": float("nan"), "cell_types_one_minus_sse_sst": float("nan"),
    }  # fmt: skip


def markdown(raw: pd.DataFrame) -> str:
    """Writes the tables of both data sets."""
    columns = [
        f"{label}_{metric}" for label in ("median", "cell_types") for metric in ("squared_pearson", "one_minus_sse_sst")
    ]
    text = ""
    for dataset, part in raw.groupby("dataset"):
        text += f"\n## {dataset}\n\n| model | runs | genes | median: r2 | median: 1-SSE/SST | cell types: r2 |"
        text += " cell types: 1-SSE/SST | seconds a run |\n|---|---|---|---|---|---|---|---|\n"
        for model, runs in part.groupby("model", sort=False):
            cells = [spread(runs[column]) for column in columns]
            text += f"| {model} | {len(runs)} | {runs['n_genes'].iloc[0]:,} | {' | '.join(cells)} |"
            text += f" {runs['seconds'].mean():,.0f} |\n"
        asked = [entry for entry in MODELS if dataset == "human" or "tf-no-polr2a" not in entry.features]
        missing = [entry.name for entry in asked if entry.name not in set(part["model"])]
        if missing:
            text += f"\nNot finished in the time there was: {'; '.join(missing)}.\n"
    return text + _BUNDLED


def spread(values: pd.Series) -> str:
    """Minimum / average / maximum."""
    if values.isna().any():
        return "-"
    if len(values) == 1:
        return f"{values.iloc[0]:.3f}"
    return f"{values.min():.3f} / **{values.mean():.3f}** / {values.max():.3f}"


def main() -> None:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["run", "table"])
    parser.add_argument("--data", type=Path, required=True, help="Folder of the real data.")
    parser.add_argument("--work", type=Path, required=True, help="Folder of finished folds.")
    parser.add_argument("--dataset", choices=["human", "yeast"], default="human")
    parser.add_argument("--minutes", type=float, default=60, help="No new fold is started after these.")
    parser.add_argument("--model", action="append", default=[], help="Only this line of the table; repeatable.")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="Folder of the table.")
    given = parser.parse_args()
    if given.action == "run":
        torch.set_num_threads(1)
        run_all(Dataset(given.dataset, given.data), given.work, given.minutes, given.model)
        return
    raw = pd.concat(
        [results(given.work), pd.DataFrame([published_xpresso(Dataset("human", given.data), given.data)])],
        ignore_index=True,
    )
    first = ["dataset", "model", "run", "n_genes", "seconds"]
    raw = raw[first + sorted(set(raw.columns) - set(first))]
    raw.to_csv(given.out / "cross-validation.tsv", sep="\t", index=False, float_format="%.6g")
    with atomic_file(given.out / "cross-validation.md") as temporary:
        temporary.write_text(_TEXT + markdown(raw), encoding="utf-8")


if __name__ == "__main__":
    main()
