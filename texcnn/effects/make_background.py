"""The background of a model: effects of random substitutions in the windows of real genes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from texcnn.arguments import to_path
from texcnn.effects.background import DISTANCE_BINS, Background
from texcnn.effects.chunks import score_pairs
from texcnn.effects.options import EffectOptions
from texcnn.effects.pairs import ALLELES_PER_CHUNK, AlleleChunk, PairMaker
from texcnn.effects.run import EffectRun, VariantSource, open_run
from texcnn.errors import InputError
from texcnn.genome.normalize import Edit
from texcnn.genome.variant import Variant
from texcnn.keywords import options_from
from texcnn.model.bundle import CARD, VARIANT_BACKGROUND, extend_bundle
from texcnn.model.load import load_model
from texcnn.progress import progress_bar

DEFAULT_VARIANTS = 30_000
_MOST_TRIES = 200
_VARIANTS_PER_GENE = 15
_HEADING = "## Random variants that effects are compared with"


def make_background(
    model: str | PathLike[str],
    fasta: str | PathLike[str],
    *,
    n_variants: int = DEFAULT_VARIANTS,
    seed: int = 0,
    options: EffectOptions | None = None,
    progress: bool = False,
    **keywords: Any,
) -> Background:
    """Scores random substitutions and writes how large their effects are into a model's bundle and its card.

    As many substitutions are drawn for each bin of the distance from the TSS, from genes drawn at random, one for about
    15 substitutions; a place with an unknown base is drawn again.

    Args:
        model: The bundle's folder.
        fasta: Genome, plain or BGZF.
        n_variants: How many substitutions, over all bins.
        seed: Seed of the drawing.
        options: Which genes, and how to compute.
        progress: Whether to show progress.
        keywords: Fields in place of ``options``.

    Returns:
        The background.

    Raises:
        InputError: when the input cannot be used, or hardly any gene has known bases.
        ModelError: when the bundle cannot be trusted.
    """
    chosen = options_from(EffectOptions, options, keywords)
    folder = Path(model)
    if n_variants < 1:
        raise InputError(f"unusable number of variants {n_variants}", where="`n_variants`", allowed="from 1")
    loaded = load_model(folder)
    with open_run(loaded, to_path(fasta, "fasta"), VariantSource(), chosen, progress=progress) as run:
        rng = np.random.default_rng(seed)
        n_genes = min(len(run.maker.genes), -(-n_variants // _VARIANTS_PER_GENE))
        genes = np.sort(rng.choice(len(run.maker.genes), n_genes, replace=False))
        variants = list(_draw(run.maker, genes, n_variants, rng))
        background = _score(run, variants)
        note = (
            f"{background.n_variants} substitutions (seed {seed}) in the windows of {n_genes} genes of "
            f"{Path(fasta).name}, as many for each distance from the TSS ({', '.join(map(str, DISTANCE_BINS))} bp and "
            "more). `quantile` in tables of variant effects is the share of them, of the same bin and REF>ALT class, "
            "with a smaller effect, with the sign of the effect."
        )
    card = _with_section((folder / CARD).read_text(encoding="utf-8"), note)
    extend_bundle(folder, {VARIANT_BACKGROUND: background.to_bytes(), CARD: card.encode()})
    return background


def _draw(
    maker: PairMaker, genes: npt.NDArray[np.int64], n_variants: int, rng: np.random.Generator
) -> Iterator[tuple[int, Variant]]:
    """Yields genes and substitutions in their windows, as many for each bin of the distance."""
    spec = maker.window(0)
    reach = max(spec.gene.tss - spec.interval.start, spec.interval.end - spec.gene.tss)
    bounds = [*(bound for bound in DISTANCE_BINS if bound < reach), reach]
    for low, high in pairwise(bounds):
        wanted = n_variants // (len(bounds) - 1)
        for _ in range(_MOST_TRIES * wanted):
            if not wanted:
                break
            row = int(rng.choice(genes))
            window = maker.window(row)
            place = window.gene.tss + int(rng.integers(low, high)) * int(rng.choice([-1, 1]))
            if not window.interval.start <= place < window.interval.end:
                continue
            ref = maker.bases.fetch(window.gene.chrom, place, place + 1)
            if ref == "N":
                continue
            wanted -= 1
            yield row, Variant(window.gene.chrom, place, ref, rng.choice(list("ACGT".replace(ref, ""))))
        if wanted:
            raise InputError(
                f"too few known bases at {low} to {high} bp from a TSS", where="`fasta`",
                allowed="a genome of which most windows are known",
            )  # fmt: skip


def _score(run: EffectRun, drawn: Sequence[tuple[int, Variant]]) -> Background:
    ordered = sorted(drawn, key=lambda entry: entry[0])  # a gene's window is read and embedded once
    columns = range(len(run.model.cell_types))
    deltas: list[npt.NDArray[np.float32]] = []
    variants: list[Variant] = []
    distances: list[int] = []
    with progress_bar(run.progress, total=len(ordered), what="scoring", unit="variants") as bar:
        for start in range(0, len(ordered), ALLELES_PER_CHUNK):
            some = ordered[start : start + ALLELES_PER_CHUNK]
            pairs = [run.maker.pair(number, row, _edit(variant)) for number, (row, variant) in enumerate(some)]
            chunk = AlleleChunk([variant for _, variant in some], [None] * len(some), pairs)
            values = score_pairs(run.engine, run.maker, chunk, run.inputs.features, columns)
            delta = values.alternative - values.reference
            good = np.flatnonzero(~np.isnan(delta).any(axis=1)).tolist()
            deltas.append(delta[good])
            variants += [some[row][1] for row in good]
            distances += [pairs[row].distance for row in good]
            bar.update(len(some))
    return Background.of(np.concatenate(deltas), variants, distances)


def _edit(variant: Variant) -> Edit:
    return Edit(variant.chrom, variant.start, variant.end, variant.alt)


def _with_section(card: str, text: str) -> str:
    """The card with a section on the background, in place of an earlier one."""
    section = f"{_HEADING}\n\n{text}\n"
    earlier = re.compile(rf"{re.escape(_HEADING)}\n.*?(?=\n## |\Z)", re.DOTALL)
    if earlier.search(card):
        return earlier.sub(lambda _: section.rstrip("\n"), card)
    return f"{card.rstrip()}\n\n{section}"
