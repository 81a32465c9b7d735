"""The verb ``pretrain``: from a genome to an encoder."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from texcnn.arguments import to_path
from texcnn.checkpoints import WorkFolder
from texcnn.files import check_output
from texcnn.genome.bed import read_regions
from texcnn.genome.reference import Reference
from texcnn.inputs_kept import keep_inputs
from texcnn.keywords import check_flags, options_from
from texcnn.pretraining.corpus import Corpus, SegmentSampler
from texcnn.pretraining.fit import StepReport, fit_language_model
from texcnn.pretraining.language_model import LanguageModel, dnabert2_model, dnabert_model
from texcnn.pretraining.options import PretrainOptions
from texcnn.pretraining.save import RECORD, GenomeRecord, save_pretrained
from texcnn.pretraining.vocabulary import train_bpe, vocabulary_sample

_LOG = logging.getLogger("texcnn")


@dataclass(frozen=True, eq=False)
class Pretrained:
    """The result of a pre-training.

    Attributes:
        folder: The encoder.
        corpus: The bases that were learned from and held out.
        history: The losses, from first to last.
    """

    folder: Path
    corpus: Corpus
    history: Sequence[StepReport]


def pretrain(
    fasta: str | PathLike[str],
    out: str | PathLike[str],
    *,
    overwrite: bool = False,
    options: PretrainOptions | None = None,
    progress: bool = False,
    **keywords: Any,
) -> Pretrained:
    """Pre-trains a small DNA language model on a genome, and writes a folder that ``train`` and ``embed`` read.

    ``texcnn.pretrain("genome.fa", "my-encoder", exclude_chroms=["chr8", "chr9"])``

    It learns to guess hidden tokens of random segments, on both strands; runs of N are skipped. A pre-training that was
    interrupted continues where it stopped when it is called again in the same way: what is unfinished is in
    ``<out>.work`` until then.

    Args:
        fasta: Genome, plain or BGZF.
        out: The encoder's folder, and its name.
        overwrite: Whether to replace an encoder that is already there, and to start an unfinished one again.
        options: What to learn from, how large a model, and how to train it.
        progress: Whether to show progress.
        keywords: Fields in place of ``options``: those of :class:`~texcnn.pretraining.options.PretrainOptions` and
            :class:`~texcnn.embedding.options.ComputeOptions`.

    Returns:
        The losses, and the bases behind them.

    Raises:
        InputError: when the input cannot be used, or something else is at ``out``.
        RunError: when the loss is no longer finite, or a file cannot be written.
    """
    chosen = options_from(PretrainOptions, options, keywords)
    check_flags(overwrite=overwrite, progress=progress)
    folder, genome = to_path(out, "out"), to_path(fasta, "fasta")
    keep_inputs({"out": folder}, {"fasta": genome, "options": chosen})
    check_output(folder, overwrite=overwrite, marker=RECORD)
    work = WorkFolder.of(folder, "pretrain")
    with Reference(genome) as reference:
        corpus = Corpus.scan(
            reference,
            length=chosen.segment_length,
            valid_fraction=chosen.valid_fraction,
            seed=chosen.seed,
            regions=None if chosen.bed is None else read_regions(chosen.bed),
            exclude_chroms=chosen.exclude_chroms,
        )
        _LOG.info(
            "%s bases to learn from, %s held out; skipped: %s unknown, %s in runs shorter than a segment",
            *(f"{number:,}" for number in (corpus.n_train, corpus.n_valid, corpus.n_unknown, corpus.n_short)),
        )
        train = SegmentSampler(reference, corpus.train, corpus.length)
        valid = SegmentSampler(reference, corpus.valid, corpus.length)
        language = _language_model(chosen, corpus, train)
        regions = None if chosen.bed is None else chosen.bed.name
        record = GenomeRecord(genome.name, reference.fingerprint(), regions, chosen.exclude_chroms)
        work.open(fresh=overwrite)
        history = fit_language_model(
            language,
            train.draw,
            valid.draw,
            chosen.fit,
            data=hashlib.sha256(repr((record.sha256, corpus)).encode()).hexdigest(),
            device=chosen.compute.device,
            checkpoint=work.path / "checkpoint.safetensors",
            progress=progress,
        )
    save_pretrained(folder, language, record, corpus, chosen.fit, history)
    work.remove()
    return Pretrained(folder, corpus, history)


def _language_model(options: PretrainOptions, corpus: Corpus, train: SegmentSampler) -> LanguageModel:
    """Makes the model with random weights, and a vocabulary where it needs one."""
    if options.architecture == "dnabert":
        return dnabert_model(options.sizes, options.k or 6, seed=options.seed)
    rng = np.random.default_rng(options.seed)
    words = train.draw(vocabulary_sample(corpus.n_train, corpus.length), rng)
    return dnabert2_model(options.sizes, train_bpe(words, options.vocab_size or 4096), seed=options.seed)
