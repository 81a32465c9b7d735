"""``texcnn evaluate``."""

from __future__ import annotations

from pathlib import Path

import click

from texcnn.cli.options import (
    COMPILE_OPTION,
    COMPUTE_OPTIONS,
    DTYPE_OPTION,
    FILE,
    MAP_CHROM_NAMES_OPTION,
    OUT_OPTION,
    OVERWRITE_OPTION,
)


@click.command()
@click.option("--predictions", type=FILE, help="Table of texcnn predict, or any of gene_id and cell types.")
@click.option("--model", help="Predict with this model instead, from --fasta and --gtf: a name, folder or hf:...")
@click.option("--fasta", type=FILE, help="Genome, for --model and for the baselines that read the sequence.")
@click.option("--gtf", type=FILE, help="Genes of the genome, likewise.")
@MAP_CHROM_NAMES_OPTION
@click.option("--expression", type=FILE, required=True, help="Measured: .tsv, .tsv.gz, .parquet or .h5ad.")
@click.option("--gene-column", default="gene_id", show_default=True, help="Its column of gene ids.")
@click.option(
    "--unit-transform",
    "--transform",
    "transform",
    type=click.Choice(["log10p0.1", "none"]),
    default="log10p0.1",
    show_default=True,
    help="Brings measured values to the predictions' unit: log10(x + 0.1), or as they are.",
)
@click.option("--split", type=FILE, help="TSV with gene_id and split: test genes are evaluated, train fits baselines.")
@click.option("--features", type=FILE, help="TSV with gene_id and features, for baselines and models that take some.")
@click.option(
    "--peer",
    "peers",
    multiple=True,
    metavar="NAME=TABLE[:COLUMN]",
    help="A published model's predictions, one per gene_id, to show beside on the genes of both; repeatable.",
)
@click.option(
    "--peer-scale",
    "peer_scales",
    multiple=True,
    metavar="NAME=SLOPE,OFFSET",
    help="The peer's values in the measured unit are SLOPE x value + OFFSET (1,0: as they are); repeatable. "
    "Without it no 1 - SSE/SST and RMSE of the peer.",
)
@click.option("--cell-type", "cell_types", multiple=True, help="Only this one; repeatable. [default: all in both]")
@click.option(
    "--bootstrap",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    help="Draws of genes for the 95 % intervals; 0 for none.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of draws and baselines.")
@COMPUTE_OPTIONS
@DTYPE_OPTION
@COMPILE_OPTION
@OUT_OPTION
@OVERWRITE_OPTION
def evaluate(
    predictions: Path | None,
    model: str | None,
    fasta: Path | None,
    gtf: Path | None,
    map_chrom_names: bool,
    expression: Path,
    gene_column: str,
    transform: str,
    split: Path | None,
    features: Path | None,
    peers: tuple[str, ...],
    peer_scales: tuple[str, ...],
    cell_types: tuple[str, ...],
    bootstrap: int,
    seed: int,
    device: str,
    batch_size: int,
    quiet: bool,
    dtype: str,
    compile: bool,
    out: Path,
    overwrite: bool,
) -> None:
    r"""Compare predictions with measured expression, beside baselines.

    \b
    texcnn evaluate --predictions predictions.parquet --expression rpkm.tsv.gz --split split.tsv --out evaluation
    texcnn evaluate --model my-model --fasta genome.fa --gtf genes.gtf --expression tpm.tsv --split split.tsv --out ev

    --out is a folder: metrics.tsv per cell type over genes, per_gene.tsv across cell types, residuals.tsv.gz,
    missing.tsv, scatter.png, cell_types.png and summary.md. Baselines need --split: they are fitted on its training
    genes. With --fasta and --gtf they are GC/CpG boosting and k-mer ridge, with --features half-life and TF only; the
    mean of the training genes is always there. A --peer is fitted to nothing, and may stand there without a split.
    """
    from texcnn.errors import InputError
    from texcnn.evaluation.evaluate import METRICS_FILE, Question, sequence_inputs
    from texcnn.evaluation.evaluate import evaluate as write_evaluation
    from texcnn.evaluation.join import read_prediction_table, read_split
    from texcnn.evaluation.peers import read_peers
    from texcnn.files import check_output, scratch_folder
    from texcnn.genome.windows import WindowSpec
    from texcnn.model.load import load_model
    from texcnn.prediction.predict import predict
    from texcnn.tables.expression import read_expression, transform_expression
    from texcnn.tables.split import TEST, TRAIN

    check_output(out, overwrite=overwrite, marker=METRICS_FILE)
    if (predictions is None) == (model is None):
        raise InputError("give either predictions or a model", where="--predictions, --model", allowed="one of them")
    if (fasta is None) != (gtf is None) or (model is not None and fasta is None):
        raise InputError("a genome and its genes go together", where="--fasta, --gtf", allowed="both")
    if predictions is not None and split is None and (fasta or features):
        raise InputError(
            "--fasta, --gtf and --features are for baselines, which need --split",
            remedy="give the split, or leave them out",
        )
    beside = read_peers(peers, peer_scales)
    loaded = None if model is None else load_model(model)
    if compile and loaded is None:
        raise InputError("no model that could be compiled", where="`compile`", remedy="leave it out")
    question = Question(
        transform_expression(read_expression(expression, gene_column=gene_column), transform, where=expression),
        expression_name=expression.name,
        transform=transform,
        cell_types=cell_types,
        split=None if split is None else read_split(split),
        split_name=None if split is None else split.name,
        bootstrap=bootstrap,
        seed=seed,
    )
    with scratch_folder(out.absolute().parent) as folder:
        if predictions is None:
            assert loaded is not None
            assert fasta is not None
            predictions = folder / "predictions.parquet"
            predict(
                loaded,
                fasta,
                out=predictions,
                gtf=gtf,
                genes=question.genes(TEST),
                # A model that takes none refuses some; they may be meant for the baselines alone.
                features=features if loaded.config.features else None,
                map_chrom_names=map_chrom_names,
                batch_size=batch_size,
                device=device,
                dtype=dtype,
                compile=compile,
                progress=not quiet,
            )
        table = read_prediction_table(predictions)
    sequences = None
    if fasta is not None and gtf is not None and split is not None:
        window = WindowSpec() if loaded is None else loaded.window
        sequences = sequence_inputs(fasta, gtf, window, question.genes(TRAIN, TEST), map_chrom_names=map_chrom_names)
    name = predictions.name if loaded is None else f"by {loaded.name} from {fasta.name if fasta else ''}"
    metrics = write_evaluation(table, name, question, out, sequences=sequences, features=features, peers=beside)
    if not quiet:
        last = metrics[metrics["model"] == table.model].iloc[-1]
        note = "" if split else "; no split: nothing is known of which genes the model has seen"
        figure = f"squared Pearson {last['squared_pearson']:.3f} ({last['cell_type']})"
        click.echo(f"{last['n_genes']} genes, {figure}{note}: {out}", err=True)
