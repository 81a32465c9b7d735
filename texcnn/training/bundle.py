"""Results of a training: the model's folder, and the card on how it was made and how good it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError

from texcnn.errors import RunError
from texcnn.features.spec import FeatureSpec
from texcnn.genome.skipped import skipped_frame
from texcnn.heads.spec import HeadSpec
from texcnn.model.bundle import BundleConfig, save_bundle
from texcnn.model.make_reference import FEWEST_GENES, make_reference
from texcnn.model.reference_genes import REFERENCE
from texcnn.plots.loss_curve import loss_curve
from texcnn.tables.split import PARTS, TEST
from texcnn.tables.units import above_floor
from texcnn.training.options import TrainOptions
from texcnn.training.prepare import Prepared
from texcnn.training.runs import Run, best_run, runs_table, summarize_runs
from texcnn.training.targets import LabelledGenes

_CARD = """# {name}

Predicts {unit} of {outputs} from the {upstream:,} bp before and the {downstream:,} bp after a transcription start site.

- **Genome**: {fasta}
- **Genes**: {sizes}, split {how} (`split.tsv`). {skipped:,} genes could not be used (`skipped.tsv`).
- **Network**: {title}. It reads {reads}.
- **Features**: {features}
- **Training**: {fitted}; seeds {first} to {last}.

## How good it is

{tests} test genes; minimum, average and maximum over {runs} runs, each the mean over cell types:

{figures}

The kept run (seed {seed}) was chosen by its validation loss; `metrics.tsv` has its figures per cell type, `runs.tsv`
those of all runs. The squared Pearson correlation forgives a wrong scale, 1 - SSE/SST does not.
{warning}
## What it is for, and not for

For genes of the genome, the cell types and the conditions it was trained on. **Not** for clinical decisions. How well
it predicts differences between cell types, effects of variants or another species was not measured.
"""

_FITTED = (
    "{fit.optimizer} on the mean squared error, learning rate {fit.learning_rate:g}, {fit.batch_size} genes per step, "
    "stopped after {fit.patience} epochs without a smaller loss on the validation genes or after {fit.epochs} epochs"
)

_RANDOM = """
**Read these figures with care**: genes were split one by one, so that relatives of test genes, and genes whose windows
overlap theirs, may have been trained on. A split by chromosomes or by families is stricter.
"""


@dataclass(frozen=True, eq=False)
class Trained:
    """The result of a training.

    Attributes:
        folder: The model.
        unit: Unit of its predictions.
        cell_types: Its outputs.
        features: Its extra inputs.
        genes: The genes learned from and judged with.
        prepared: What its network was fed.
        runs: All runs, in the order of their seeds.
    """

    folder: Path
    unit: str
    cell_types: tuple[str, ...]
    features: tuple[FeatureSpec, ...]
    genes: LabelledGenes
    prepared: Prepared
    runs: Sequence[Run]

    @property
    def summary(self) -> pd.DataFrame:
        """``metric min avg max`` of the test genes over the runs."""
        return summarize_runs(self.runs)


def save_trained(trained: Trained, head: HeadSpec, options: TrainOptions) -> None:
    """Writes the model, whole or not at all; one that is already there is replaced.

    In addition to what every bundle holds there are ``split.tsv`` (``gene_id split``), ``history.tsv`` (``seed epoch
    train_loss valid_loss``), ``metrics.tsv`` (the kept run per cell type), ``runs.tsv``, ``skipped.tsv``,
    ``loss.png``, and ``reference.safetensors`` for percentiles and intervals, from genes that were not trained on.

    Args:
        trained: The result of the training.
        head: The head's description.
        options: What the user decided.

    Raises:
        RunError: when it cannot be written, as on a full disk.
    """
    prepared, chosen, best = trained.prepared, trained.prepared.chosen, best_run(trained.runs)
    config = BundleConfig(
        name=trained.folder.name,
        version="1",
        kind="one-hot" if chosen is None else "segments",
        unit=trained.unit,
        window=prepared.window,
        head=head,
        segments=prepared.segments,
        encoders=() if chosen is None else chosen.specs,
        features=trained.features,
    )
    histories = [run.fit.history for run in trained.runs]
    tables = {
        "history.tsv": pd.concat(
            pd.DataFrame([vars(epoch) for epoch in history]).assign(seed=run.seed)[
                ["seed", "epoch", "train_loss", "valid_loss"]
            ]
            for run, history in zip(trained.runs, histories, strict=True)
        ),
        "metrics.tsv": best.metrics,
        "runs.tsv": runs_table(trained.runs),
        "skipped.tsv": skipped_frame(trained.genes.skipped),
    }
    files = {
        **({} if chosen is None else chosen.files),
        **{name: table.to_csv(sep="\t", index=False).encode() for name, table in tables.items()},
        "split.tsv": trained.genes.split.to_tsv().encode(),
        "loss.png": loss_curve(histories, trained.runs.index(best)),
        REFERENCE: _reference(best, trained.unit),
    }
    cell_types = pd.DataFrame({"cell_type": trained.cell_types})
    try:
        save_bundle(
            trained.folder,
            config,
            prepared.tensors(best.fit.head),
            cell_types,
            model_card(config, trained, options),
            files=files,
        )
    except (OSError, SafetensorError) as error:
        raise RunError(
            f"cannot write the model: {error}",
            where=trained.folder,
            remedy="make room, then give the same command again",
        ) from error


def _reference(run: Run, unit: str) -> bytes:
    """The kept run's predictions of validation and test genes, and its errors on test genes where these are enough."""
    held_out = [above_floor(values.numpy(), unit) for values in run.predicted.values()]
    test, true = above_floor(run.predicted[TEST].numpy(), unit), run.true.numpy()
    enough = (~np.isnan(true)).sum(axis=0).min(initial=len(true)) >= FEWEST_GENES
    return make_reference(np.concatenate(held_out), np.stack([test, true]) if enough else None)


def model_card(config: BundleConfig, trained: Trained, options: TrainOptions) -> str:
    """Writes as Markdown what was done with which data, and how well it works."""
    network, fit, prepared, genes = options.network, options.fit, trained.prepared, trained.genes
    reads = "the window's bases, one-hot"
    if config.segments is not None:
        frozen = ", ".join(f"{spec.type} ({spec.source})" for spec in config.encoders)
        encoders = f"frozen encoders: {frozen}" if prepared.tuning is None else f"an encoder: {prepared.tuning}"
        n_segments = config.segments.n_segments(config.window.length)
        reads = f"{n_segments} segments of {config.segments.length} bp through {encoders}"
    fitted = _FITTED.format(fit=fit) if network.solve is None else "solved, its penalty chosen by validation genes"
    if prepared.tuning is not None:
        fitted += f"; the encoder's learning rate {fit.encoder_learning_rate:g}"
    sizes = Counter(genes.split.parts.values())
    rows = ["| metric | min | avg | max |", "|---|---|---|---|"]
    rows += [
        f"| {row.metric} | {row.min:.4f} | {row.avg:.4f} | {row.max:.4f} |" for row in trained.summary.itertuples()
    ]
    return _CARD.format(
        name=config.name,
        unit=config.unit,
        outputs=trained.cell_types[0] if len(trained.cell_types) == 1 else f"{len(trained.cell_types)} cell types",
        upstream=config.window.upstream,
        downstream=config.window.downstream,
        fasta=prepared.fasta,
        sizes=", ".join(f"{sizes[part]:,} {part}" for part in PARTS),
        how=genes.split.how,
        skipped=len(genes.skipped),
        title=network.title,
        reads=reads,
        fitted=fitted,
        features=", ".join(spec.name for spec in config.features) or "none",
        first=trained.runs[0].seed,
        last=trained.runs[-1].seed,
        tests=f"{sizes['test']:,}",
        runs=len(trained.runs),
        figures="\n".join(rows),
        seed=best_run(trained.runs).seed,
        warning=_RANDOM if genes.split.how.startswith("at random") else "",
    )
