"""``texcnn train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from texcnn.cli.options import (
    COMPILE_OPTION,
    COMPUTE_OPTIONS,
    DTYPE_OPTION,
    ENCODER_OPTION,
    FILE,
    MODEL_OPTION,
    OUT_OPTION,
    OVERWRITE_OPTION,
    gene_options,
)
from texcnn.cli.train_checks import check_sources, check_tuning
from texcnn.cli.train_options import (
    POSITIVE,
    RATE,
    SplitOptions,
    fit_options,
    head_options,
    split_choice,
    split_options,
)
from texcnn.errors import InputError

_COUNT = click.IntRange(min=0)
_MARKER = "unfinished-training.txt"
"""The file that shows that a folder is what an interrupted training left."""


@click.command()
@click.option("--fasta", type=FILE, help="Genome: FASTA, plain or bgzip.")
@gene_options
@click.option("--embeddings", type=FILE, help="Train on a store of texcnn embed instead of --fasta and genes.")
@click.option("--expression", type=FILE, required=True, help="Genes x cell types: .tsv, .tsv.gz, .parquet or .h5ad.")
@click.option("--gene-column", default="gene_id", show_default=True, help="Its column of gene ids.")
@click.option("--cell-type", "cell_types", multiple=True, help="Only this column; repeatable. [default: all]")
@click.option("--unit", required=True, help="Unit of the table, such as RPKM or TPM.")
@click.option(
    "--transform",
    type=click.Choice(["log10p0.1", "none"]),
    default="log10p0.1",
    show_default=True,
    help="Learn log10(x + 0.1), or the values as they are.",
)
@click.option("--architecture", default="textcnn", show_default=True, help="TExCNN or a peer: docs/usage.md has them.")
@MODEL_OPTION
@ENCODER_OPTION
@click.option(
    "--fine-tune",
    is_flag=False,
    flag_value="all",
    metavar="[all|N]",
    help="Let the encoder learn as well: all of it, or its last N layers. [default: none of it]",
)
@click.option("--encoder-learning-rate", type=RATE, help="Of a fine-tuned encoder. [default: 3e-05]")
@click.option("--upstream", type=_COUNT, help="Bases before the TSS. [default: 7000, or the model's]")
@click.option("--downstream", type=_COUNT, help="Bases from the TSS. [default: 3500, or the model's]")
@click.option("--features", type=FILE, help="Extra inputs: TSV with gene_id and one column per feature.")
@split_options
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the split and the first run."
)
@click.option("--runs", type=POSITIVE, default=1, show_default=True, help="Independent runs, each with its own seed.")
@fit_options
@head_options
@COMPUTE_OPTIONS
@DTYPE_OPTION
@COMPILE_OPTION
@OUT_OPTION
@OVERWRITE_OPTION
def train(
    fasta: Path | None,
    embeddings: Path | None,
    expression: Path,
    gene_column: str,
    cell_types: tuple[str, ...],
    unit: str,
    transform: str,
    architecture: str,
    model: str | None,
    encoders: tuple[str, ...],
    fine_tune: str | None,
    encoder_learning_rate: float | None,
    upstream: int | None,
    downstream: int | None,
    features: Path | None,
    split: SplitOptions,
    seed: int,
    runs: int,
    fit: dict[str, Any],
    head: dict[str, Any],
    device: str,
    batch_size: int,
    quiet: bool,
    dtype: str,
    compile: bool,
    out: Path,
    overwrite: bool,
    **selection: Any,
) -> None:
    r"""Train a model on your expression table: a folder that texcnn predict --model reads.

    \b
    texcnn train --fasta genome.fa --gtf genes.gtf --expression rpkm.tsv.gz --unit RPKM --out my-model
    texcnn train --embeddings store --expression tpm.h5ad --unit TPM --split file --split-file split.tsv --out my-model

    The encoders stay as they are, unless one learns as well (--fine-tune); a text CNN is fitted to their vectors, or a
    published peer is trained on the same genes (--architecture). An interrupted training goes on where it stopped when
    the same command is given again: what is unfinished lies in OUT.work until then.
    """
    import shutil

    from texcnn.embedding.options import ComputeOptions
    from texcnn.files import check_output
    from texcnn.genome.gene import Annotation
    from texcnn.genome.load import load_genes
    from texcnn.genome.reference import Reference
    from texcnn.genome.select import GeneSelection
    from texcnn.genome.windows import WindowSpec
    from texcnn.model.bundle import CONFIG
    from texcnn.model.held_encoders import encoders_by_name, encoders_of_model
    from texcnn.store.store import EmbeddingStore
    from texcnn.training.architectures import find_architecture
    from texcnn.training.architectures import fit_options as settings_of
    from texcnn.training.examples import label_genes, read_all_features
    from texcnn.training.finetune import Tuning
    from texcnn.training.prepare import fitted_encoders, prepare_bases, prepare_store, prepare_tokens, prepare_vectors
    from texcnn.training.targets import read_targets
    from texcnn.training.train import TrainOptions, train_model

    which = GeneSelection(**selection)
    compute = ComputeOptions(batch_size, device, dtype, compile)
    network = find_architecture(architecture)
    check_sources(
        architecture,
        network,
        fasta=fasta,
        embeddings=embeddings,
        model=model,
        encoders=encoders,
        sized=(upstream, downstream) != (None, None),
    )
    check_tuning(
        architecture,
        network,
        fine_tune=fine_tune,
        encoder_learning_rate=encoder_learning_rate,
        embeddings=embeddings,
        dtype=dtype,
        compiled=compile,
    )
    check_output(out, overwrite=overwrite, marker=CONFIG)
    work = out.with_name(f"{out.name}.work")
    check_output(work, overwrite=True, marker=_MARKER)
    targets = read_targets(expression, unit=unit, transform=transform, cell_types=cell_types, gene_column=gene_column)
    table = None if features is None else read_all_features(features)
    choice = split_choice(split, seed)
    options = TrainOptions(
        name=out.name,
        unit=targets.unit,
        cell_types=targets.cell_types,
        feature_names=() if table is None else table.names,
        architecture=architecture,
        head=head,
        fit=settings_of(network, seed, **fit, encoder_learning_rate=encoder_learning_rate),
        runs=runs,
    )
    chosen = None
    if network.reads == "encoders":
        chosen = encoders_by_name(encoders) if encoders else encoders_of_model(model)
    tuning = None
    if fine_tune is not None and chosen is not None:
        tuning = Tuning.of(chosen, fine_tune, segments_per_pass=batch_size)

    if embeddings is not None and chosen is not None:
        store = EmbeddingStore.open(embeddings)
        _refuse_transcripts(store.spec.transcripts)
        labelled = label_genes(Annotation(store.genes, store.skipped, embeddings), targets, choice, features=table)
        _open_work(work, anew=overwrite)
        prepared = prepare_store(labelled.genes, store, chosen)
    else:
        assert fasta is not None
        _refuse_transcripts(which.per_transcript)
        usual = WindowSpec() if chosen is None or chosen.window is None else chosen.window
        window = WindowSpec(
            usual.upstream if upstream is None else upstream, usual.downstream if downstream is None else downstream
        )
        with Reference(fasta) as reference:
            annotation = load_genes(reference, window, which)
            labelled = label_genes(annotation, targets, choice, features=table)
            _open_work(work, anew=overwrite)
            if network.reads == "bases":
                prepared = prepare_bases(labelled.genes, reference, window)
            elif tuning is not None:
                prepared = prepare_tokens(labelled.genes, reference, tuning, window)
            else:
                prepared = prepare_vectors(
                    labelled,
                    reference,
                    annotation,
                    chosen or fitted_encoders(network, reference, labelled, window, seed=seed),
                    work / "embeddings",
                    window=window,
                    options=compute,
                    progress=not quiet,
                )
    trained = train_model(
        labelled, prepared, out, options, device=device, checkpoints=work / "checkpoints", progress=not quiet
    )
    shutil.rmtree(work)
    if not quiet:
        click.echo(f"{len(trained.genes.genes)} genes used, {len(trained.genes.skipped)} skipped: {out}", err=True)
        for row in trained.summary.itertuples():
            click.echo(f"test {row.metric}: {row.avg:.4f} ({row.min:.4f} to {row.max:.4f})", err=True)


def _open_work(work: Path, *, anew: bool) -> None:
    import shutil

    if anew and work.exists():
        shutil.rmtree(work)
    (work / "checkpoints").mkdir(parents=True, exist_ok=True)
    (work / _MARKER).write_text("Given again, the same texcnn train command goes on from here.\n", encoding="utf-8")


def _refuse_transcripts(several: bool) -> None:
    if several:
        raise InputError("expression is per gene, so training takes one row per gene", where="--transcripts")
