"""A pre-trained encoder on disk: the original checkpoint's layout, a model card and how it was made."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors import SafetensorError
from safetensors.torch import save_file

from texcnn.encoders.checkpoint import CONFIG_FILE, WEIGHT_FILES
from texcnn.errors import RunError
from texcnn.files import atomic_folder, sha256_file
from texcnn.plots.loss_curve import loss_curve
from texcnn.pretraining.corpus import Corpus
from texcnn.pretraining.fit import StepOptions, StepReport
from texcnn.pretraining.language_model import LanguageModel

RECORD = "pretraining.json"
"""The file that shows that a folder is one of ours."""

_CARD = """# {name}

A DNA language model of the {architecture} architecture, pre-trained from random weights by guessing hidden tokens.

- **Genome**: {data.fasta} (sha256 `{data.sha256}`), {where}{without}
- **Bases**: {n_train:,} learned from, {n_valid:,} held out; {n_unknown:,} unknown ones skipped, and {n_short:,} in runs
  shorter than a segment. Segments of {length} bases at random positions, either strand equally often.
- **Model**: {parameters:,} weights: {layers} layers of {hidden} with {heads} heads; {vocabulary:,} tokens.
- **Training**: {fit.steps:,} steps of {fit.segments_per_step} segments, float32, learning rate up to
  {fit.learning_rate:g}, seed {fit.seed}.
- **Loss on held-out segments**: {last.valid_loss:.4f} nats per hidden token at the end, {first.valid_loss:.4f} after
  {first.step:,} steps (`history.tsv`, `loss.png`). Guessing among all tokens with equal chance gives {chance:.4f}.

It turns DNA of this genome into vectors. It knows nothing of expression, and nothing of other species; what it is worth
shows in a model trained on it. `texcnn train --encoder {name}` and `texcnn embed --encoder {name}` read this folder.

| file | sha256 |
|---|---|
{sums}
"""


@dataclass(frozen=True)
class GenomeRecord:
    """What was learned from.

    Attributes:
        fasta: Name of the genome's file.
        sha256: Its digest.
        regions: Name of the file of regions; None for the whole genome.
        exclude_chroms: Chromosomes left out.
    """

    fasta: str
    sha256: str
    regions: str | None
    exclude_chroms: tuple[str, ...]


def save_pretrained(
    out: Path,
    language: LanguageModel,
    genome: GenomeRecord,
    corpus: Corpus,
    options: StepOptions,
    history: Sequence[StepReport],
) -> None:
    """Writes a checkpoint that :func:`texcnn.encoders.choose.encoder_spec` and transformers read, whole or not at all.

    Args:
        out: The folder; one already there is replaced.
        language: The trained model.
        genome: What it learned from.
        corpus: Which bases of it.
        options: How.
        history: The losses.

    Raises:
        RunError: when it cannot be written, as on a full disk.
    """
    weights = {name: weight.detach().cpu().contiguous() for name, weight in language.model.named_parameters()}
    config = json.dumps(language.config, indent=2) + "\n"
    try:
        with atomic_folder(out) as folder:
            save_file(weights, folder / WEIGHT_FILES[0], metadata={"format": "pt"})
            (folder / CONFIG_FILE).write_text(config, encoding="utf-8")
            for name, content in language.files.items():
                (folder / name).write_bytes(content)
            sums = {path.name: sha256_file(path) for path in sorted(folder.iterdir())}
            pd.DataFrame([asdict(report) for report in history]).to_csv(folder / "history.tsv", sep="\t", index=False)
            (folder / "loss.png").write_bytes(loss_curve([history], 0, x="step", loss="nats per hidden token"))
            record: dict[str, Any] = {
                "architecture": language.name,
                "genome": asdict(genome),
                "n_train": corpus.n_train,
                "n_valid": corpus.n_valid,
                "n_unknown": corpus.n_unknown,
                "n_short": corpus.n_short,
                "segment_length": corpus.length,
                "options": asdict(options),
                "valid_loss": history[-1].valid_loss,
                "sha256": sums,
            }
            (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
            card = _card(out.name, language, genome, corpus, options, history, sums)
            (folder / "README.md").write_text(card, encoding="utf-8")
    except (OSError, SafetensorError) as error:
        raise RunError(
            f"cannot write the encoder: {error}", where=out, remedy="make room, then give the same command again"
        ) from error


def _card(
    name: str,
    language: LanguageModel,
    genome: GenomeRecord,
    corpus: Corpus,
    options: StepOptions,
    history: Sequence[StepReport],
    sums: dict[str, str],
) -> str:
    config = language.config
    return _CARD.format(
        name=name,
        architecture={"dnabert": "DNABERT", "dnabert2": "DNABERT-2"}[language.name],
        data=genome,
        where=f"the regions of {genome.regions}" if genome.regions else "all of it",
        without=f", without {', '.join(genome.exclude_chroms)}" if genome.exclude_chroms else "",
        n_train=corpus.n_train,
        n_valid=corpus.n_valid,
        n_unknown=corpus.n_unknown,
        n_short=corpus.n_short,
        length=corpus.length,
        parameters=sum(weight.numel() for weight in language.model.parameters()),
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        heads=config["num_attention_heads"],
        vocabulary=config["vocab_size"],
        fit=options,
        first=history[0],
        last=history[-1],
        chance=math.log(config["vocab_size"]),
        sums="\n".join(f"| {file} | {digest} |" for file, digest in sums.items()),
    )
