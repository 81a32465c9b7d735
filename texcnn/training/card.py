"""The model card of a trained model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from texcnn.model.bundle import BundleConfig
from texcnn.tables.split import PARTS
from texcnn.training.architectures import find_architecture
from texcnn.training.examples import LabelledGenes
from texcnn.training.fit import FitOptions, fit_head
from texcnn.training.prepare import Prepared
from texcnn.training.runs import Run, best_run

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


def model_card(
    config: BundleConfig,
    architecture: str,
    fit: FitOptions,
    cell_types: Sequence[str],
    prepared: Prepared,
    genes: LabelledGenes,
    runs: Sequence[Run],
    summary: pd.DataFrame,
) -> str:
    """Writes what was done with which data, and how well it works.

    Args:
        config: The new model's description.
        architecture: A name of :data:`texcnn.training.architectures.ARCHITECTURES`.
        fit: How its head was fitted.
        cell_types: Its outputs.
        prepared: What its network was fed.
        genes: The genes it was fitted to and judged with.
        runs: All runs.
        summary: ``metric min avg max`` over the runs.

    Returns:
        Markdown.
    """
    network = find_architecture(architecture)
    reads = "the window's bases, one-hot"
    if config.segments is not None:
        frozen = ", ".join(f"{spec.type} ({spec.source})" for spec in config.encoders)
        encoders = f"frozen encoders: {frozen}" if prepared.tuning is None else f"an encoder: {prepared.tuning}"
        n_segments = config.segments.n_segments(config.window.length)
        reads = f"{n_segments} segments of {config.segments.length} bp through {encoders}"
    fitted = _FITTED.format(fit=fit) if network.solve is fit_head else "solved, its penalty chosen by validation genes"
    if prepared.tuning is not None:
        fitted += f"; the encoder's learning rate {fit.encoder_learning_rate:g}"
    sizes = Counter(genes.split.parts.values())
    rows = ["| metric | min | avg | max |", "|---|---|---|---|"]
    rows += [f"| {row.metric} | {row.min:.4f} | {row.avg:.4f} | {row.max:.4f} |" for row in summary.itertuples()]
    return _CARD.format(
        name=config.name,
        unit=config.unit,
        outputs=cell_types[0] if len(cell_types) == 1 else f"{len(cell_types)} cell types",
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
        first=runs[0].seed,
        last=runs[-1].seed,
        tests=f"{sizes['test']:,}",
        runs=len(runs),
        figures="\n".join(rows),
        seed=best_run(runs).seed,
        warning=_RANDOM if genes.split.how.startswith("at random") else "",
    )
