"""``texcnn bench``."""

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
    OVERWRITE_OPTION,
)


@click.command(short_help="Measure how fast a model is on this machine.")
@MODEL_OPTION
@ENCODER_OPTION
@click.option("--out", type=FILE, help="A TSV of the table as well.")
@click.option("--quick", is_flag=True, help="Rounds of one second instead of five, for a first look.")
@COMPUTE_OPTIONS
@DTYPE_OPTION
@COMPILE_OPTION
@OVERWRITE_OPTION
def bench(
    model: str | None,
    encoders: tuple[str, ...],
    out: Path | None,
    quick: bool,
    quiet: bool,
    overwrite: bool,
    **compute: Any,
) -> None:
    r"""Measure how fast a model is on this machine, and how near to the machine's peak.

    \b
    texcnn bench --model texcnn-mini
    texcnn bench --encoder dnabert2 --device cuda --out speed.tsv

    Windows are made up, so no genome is needed. Half a minute, or longer where a gene takes seconds; --quick takes a
    fifth of it.
    """
    import os
    import time

    from texcnn.bench.model import bench_encoders, bench_model
    from texcnn.bench.rounds import as_text, describe_machine, write_tsv
    from texcnn.device import dtype_name
    from texcnn.embedding.options import ComputeOptions
    from texcnn.encoders.choose import check_one_source, encoder_spec
    from texcnn.encoders.registry import load_encoder
    from texcnn.files import check_output
    from texcnn.genome.windows import WindowSpec
    from texcnn.model.load import load_model
    from texcnn.segments.segment import SegmentSpec

    check_one_source(model, encoders)
    if out is not None:
        check_output(out, overwrite=overwrite)
    options = ComputeOptions(**compute)
    seconds = 1.0 if quick else None
    machine = describe_machine(time.gmtime(), os.getloadavg()[0])
    if encoders:
        loaded = [load_encoder(encoder_spec(name)) for name in encoders]
        rows = bench_encoders(loaded, WindowSpec(), SegmentSpec(), options=options, seconds=seconds)
    else:
        rows = bench_model(load_model(model), options=options, seconds=seconds)
    if out is not None:
        write_tsv(out, rows)
    if not quiet:
        compiled = ", compiled" if options.compile else ""
        click.echo(f"{machine}\n{options.device} in {dtype_name(options.dtype)}{compiled}\n", err=True)
    click.echo(as_text(rows))
