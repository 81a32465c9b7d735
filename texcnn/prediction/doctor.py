"""Whether everything that a prediction needs is there and fits together."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Literal

import torch

from texcnn._version import __version__
from texcnn.encoders.checkpoint import CONFIG_FILE
from texcnn.encoders.known import KNOWN_ENCODERS
from texcnn.encoders.protocol import EncoderSpec
from texcnn.encoders.weights import find_file
from texcnn.errors import TexcnnError
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.model.bundle import BundleFiles
from texcnn.model.catalog import bundled_models
from texcnn.model.load import load_model

Verdict = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Finding:
    """What was found about one subject."""

    verdict: Verdict
    subject: str
    text: str


def diagnose(
    model: str | PathLike[str] | None = None,
    fasta: Path | None = None,
    gtf: Path | None = None,
    *,
    map_chrom_names: bool = False,
) -> list[Finding]:
    """Checks the installation, the models, and files that are given; no check ends the others.

    Args:
        model: What :func:`texcnn.load_model` takes.
        fasta: A genome.
        gtf: Its annotation.
        map_chrom_names: Whether to map chr1/1 styles to the genome's where they differ.
    """
    findings = [*_machine(), *_models(), _guarded("model", lambda: load_model(model).name)]
    if fasta is not None:
        findings += _genome(fasta, gtf, model, map_chrom_names=map_chrom_names)
    return findings


def _machine() -> Iterator[Finding]:
    yield Finding("ok", "texcnn", f"{__version__} on Python {platform.python_version()}, {platform.system()}")
    yield Finding("ok", "torch", f"{torch.__version__}, {torch.get_num_threads()} threads of {os.cpu_count()} cores")
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        yield Finding("ok", "GPU", ", ".join(names))
    else:
        built = "torch was built without CUDA" if torch.version.cuda is None else "none that torch can use"
        yield Finding("note", "GPU", f"{built}: everything runs on the CPU")
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    yield Finding("note" if free < _LITTLE_GB else "ok", "disk", f"{free:.1f} GB free in this folder")
    here = [name for name, spec in KNOWN_ENCODERS.items() if _is_here(spec)]
    yield Finding(
        "ok" if here else "note", "encoders", f"fetched: {', '.join(here) or 'none (texcnn models fetch NAME)'}"
    )


def _models() -> Iterator[Finding]:
    for name, folder in bundled_models().items():
        yield _guarded(name, partial(_bundle, folder))


def _genome(
    fasta: Path, gtf: Path | None, model: str | PathLike[str] | None, *, map_chrom_names: bool
) -> Iterator[Finding]:
    try:
        reference = Reference(fasta)
    except TexcnnError as error:
        yield Finding("wrong", "genome", str(error))
        return
    with reference:
        yield Finding(
            "ok", "genome", f"{fasta.name}: {len(reference.lengths)} sequences, {sum(reference.lengths.values()):,} bp"
        )
        try:
            loaded = load_model(model)
        except TexcnnError:  # another finding has the reason
            if gtf is not None:
                yield Finding(
                    "note", "annotation", f"{gtf.name} was not looked at, as there is no model to place it for"
                )
            return
        assembly = loaded.config.assembly
        if assembly is not None:
            fits = assembly.fits(reference.lengths)
            yield Finding(
                "ok" if fits else "note",
                "species",
                f"the genome {'looks' if fits else 'does not look'} like {assembly}",
            )
        if gtf is not None:
            selection = GeneSelection(gtf=gtf, map_chrom_names=map_chrom_names)

            def check() -> str:
                annotation = load_genes(reference, loaded.window, selection)
                return f"{gtf.name}: {len(annotation.genes)} genes have a place, {len(annotation.skipped)} have none"

            yield _guarded("annotation", check)


_LITTLE_GB = 5.0


def _bundle(folder: Path) -> str:
    return f"version {BundleFiles(folder).config.version}, sums as recorded"


def _is_here(spec: EncoderSpec) -> bool:
    try:
        find_file(spec, CONFIG_FILE)
    except TexcnnError:
        return False
    return True


def _guarded(subject: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding("ok", subject, look())
    except TexcnnError as error:
        return Finding("wrong", subject, str(error))
