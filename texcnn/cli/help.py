"""Help pages: options in groups, examples left as they are written."""

from __future__ import annotations

import click

GROUPS: dict[str, tuple[str, ...]] = {
    "Genome and genes": (
        "fasta", "gtf", "bed", "bed_anchor", "genes_file", "gene_names", "transcripts", "map_chrom_names", "embeddings",
    ),
    "Variants": (
        "vcf", "variants", "sample", "max_distance", "allow_tss_deletion", "quantile", "samples", "phased",
        "unphased",
    ),
    "Model and its inputs": (
        "model", "encoders", "cell_types", "features", "half_life", "upstream", "downstream", "segment_length",
        "grid_segments", "max_n_fraction",
    ),
    "Computing": ("device", "dtype", "compile", "batch_size", "threads", "store_dtype", "seed"),
    "Output": (
        "out", "overwrite", "linear", "spread", "allow_empty", "shards", "shard_size", "summary", "annotate", "tabix",
        "quiet", "debug", "help",
    ),
}  # fmt: skip
"""Names of parameters by the heading that they come under; all others come first, under ``Options``."""


def group_options(command: click.Command) -> None:
    """Makes a command's help page show its options in groups, where it has many."""

    def format_options(context: click.Context, formatter: click.HelpFormatter) -> None:
        headings = {name: heading for heading, names in GROUPS.items() for name in names}
        sections: dict[str, list[tuple[str, str]]] = {"Options": [], **{heading: [] for heading in GROUPS}}
        for parameter in command.get_params(context):
            record = parameter.get_help_record(context)
            if record is not None:
                # Click takes the help option's name from a set, so that it is "h" in some runs and "help" in others.
                name = "help" if "--help" in parameter.opts else parameter.name or ""
                sections[headings.get(name, "Options")].append(record)
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)
        if isinstance(command, click.Group):
            command.format_commands(context, formatter)

    if isinstance(command, click.Group):
        for subcommand in command.commands.values():
            group_options(subcommand)
    if len(command.params) > _FEW:
        setattr(command, "format_options", format_options)  # noqa: B010 - mypy refuses the assignment


_FEW = 8
"""Options that need no groups."""


def mark_examples(command: click.Command) -> None:
    r"""Turns the written ``\b`` (docstrings here are raw) into click's mark for a paragraph that is not wrapped."""
    command.help = (command.help or "").replace("\\b\n", "\b\n")
    if isinstance(command, click.Group):
        for subcommand in command.commands.values():
            mark_examples(subcommand)
