"""``texcnn bench``."""

from __future__ import annotations

from pathlib import Path

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


@click.command()
@MODEL_OPTION
@ENCODER_OPTION
@click.option("--out", type=FILE, help="A TSV of the table as well.")
@COMPUTE_OPTIONS
@DTYPE_OPTION
@COMPILE_OPTION
@OVERWRITE_OPTION
def bench(
    model: str | None,
    encoders: tuple[str, ...],
    out: Path | None,
    device: str,
    batch_size: int,
    quiet: bool,
    dtype: str,
    compiled: bool,
    overwrite: bool,
) -> None:
    r"""Measure how fast a model is on this machine, and how near to what the machine has to give.

    \b
    texcnn bench --model texcnn-mini
    texcnn bench --encoder dnabert2 --device cuda --out speed.tsv

    Windows are made up, so no genome is needed. Half a minute, or longer where a gene takes seconds.
    """
    import os
    import time

    from texcnn.bench.model import Setting, bench_encoders, bench_model
    from texcnn.bench.rounds import as_text, describe_machine, write_tsv
    from texcnn.device import dtype_name
    from texcnn.encoders.choose import check_one_source, encoder_spec
    from texcnn.encoders.compiled import compile_encoders
    from texcnn.encoders.registry import load_encoder
    from texcnn.files import check_output
    from texcnn.genome.windows import WindowSpec
    from texcnn.model.load import load_model
    from texcnn.segments.segment import SegmentSpec

    check_one_source(model, encoders)
    if out is not None:
        check_output(out, overwrite=overwrite)
    setting = Setting.of(device, dtype, batch_size)
    machine = describe_machine(time.gmtime(), os.getloadavg()[0])
    if encoders:
        loaded = [load_encoder(encoder_spec(name)) for name in encoders]
        if compiled:
            compile_encoders(loaded, setting.device)
        rows = bench_encoders(loaded, WindowSpec(), SegmentSpec(), setting)
    else:
        measured = load_model(model)
        if compiled:
            measured.compile(setting.device)
        rows = bench_model(measured, setting)
    if out is not None:
        write_tsv(out, rows)
    if not quiet:
        click.echo(
            f"{machine}\n{setting.device} in {dtype_name(setting.dtype)}{', compiled' if compiled else ''}\n", err=True
        )
    click.echo(as_text(rows))
