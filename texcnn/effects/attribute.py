"""The verb ``attribute``: from a genome and genes to what each base does to their predictions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from texcnn._version import __version__
from texcnn.arguments import names_of, to_path
from texcnn.device import dtype_name
from texcnn.effects.attribute_options import AttributeOptions
from texcnn.effects.attribution import Attribution, Explainer, region_of
from texcnn.effects.gene_inputs import load_gene_inputs
from texcnn.effects.logo import draw_logo
from texcnn.effects.motifs import HIT_COLUMNS, Motifs, read_motifs, scan_peaks
from texcnn.effects.options import EffectOptions
from texcnn.effects.score import open_engine
from texcnn.effects.tracks import write_bedgraph, write_bigwig
from texcnn.errors import InputError
from texcnn.files import atomic_folder, check_output, description_path
from texcnn.genome.interval import Interval
from texcnn.genome.reference import Reference
from texcnn.genome.windows import read_windows
from texcnn.inputs_kept import keep_inputs
from texcnn.keywords import check_flags, options_from
from texcnn.model.load import load_model
from texcnn.model.model import Model
from texcnn.plots.style import png, style, svg

_LONGEST_STEM = 200

TABLE_FILE = "attributions.tsv"
"""Marks a folder that this verb wrote."""

HITS_FILE = "motif_hits.tsv"


def attribute(
    model: Model | str | PathLike[str] | None,
    fasta: str | PathLike[str],
    out: str | PathLike[str] | None = None,
    *,
    gene: str | Iterable[str],
    cell_type: str | Iterable[str],
    overwrite: bool = False,
    options: AttributeOptions | None = None,
    progress: bool = False,
    **keywords: Any,
) -> pd.DataFrame:
    """Explains predictions base by base.

    ``texcnn.attribute(None, "genome.fa", "explained", gene="F9", cell_type="LIV.HEPG2.CNCR", gtf="genes.gtf")``

    Args:
        model: A model, or what :func:`texcnn.load_model` takes; None for the bundled default.
        fasta: Genome, plain or BGZF.
        out: Folder to write: ``attributions.tsv`` with its description, and for each gene and cell type a bigWig, a
            bedGraph, a PNG and an SVG; with motifs ``motif_hits.tsv``. None writes nothing.
        gene: Ids or names of genes; more of them may be in ``genes_file``.
        cell_type: Names of cell types.
        overwrite: Whether to replace a folder of an earlier call.
        options: How to explain, where, and how to compute.
        progress: Whether to show progress.
        keywords: Fields in place of ``options``: those of
            :class:`~texcnn.effects.attribute_options.AttributeOptions` and of the options in it.

    Returns:
        One row per gene, cell type and base: ``chrom pos ref gene_id gene_name transcript_id strand cell_type
        attribution``, and for ism ``delta_A`` to ``delta_T``, what the prediction gains with that base on the plus
        strand. ``attrs`` has ``unit``, ``method``, ``predictions`` and the rest of the description.

    Raises:
        InputError: when the input cannot be used.
        ModelError: when the model is missing or cannot be trusted, or the method needs gradients it lacks.
        RunError: when a package that the motifs need is missing, or a prediction is not finite.
    """
    chosen = options_from(AttributeOptions, options, keywords)
    check_flags(overwrite=overwrite, progress=progress)
    inputs_from = _inputs_from(chosen, names_of(gene, "gene"))
    loaded = model if isinstance(model, Model) else load_model(model)
    cell_types = _cell_types(loaded, names_of(cell_type, "cell_type"))
    folder = None if out is None else to_path(out, "out")
    if folder is not None:
        keep_inputs({"out": folder}, {"fasta": fasta, "options": chosen})
        check_output(folder, overwrite=overwrite, marker=TABLE_FILE)
    motifs = None if chosen.motifs is None else read_motifs(Path(chosen.motifs))
    columns = loaded.cell_type_columns(cell_types)
    with Reference(to_path(fasta, "fasta")) as reference, open_engine(loaded, chosen.compute) as engine:
        inputs = load_gene_inputs(loaded, reference, inputs_from)
        if inputs.skipped:
            first = inputs.skipped[0]
            raise InputError(f"gene '{first.gene_id}' cannot be explained: {first.reason}", where="`gene`")
        windows = list(read_windows(reference, inputs.genes, loaded.window))
        region = chosen.region if isinstance(chosen.region, Interval) else None
        regions = [region_of(window, region, reference.lengths[window.gene.chrom]) for window in windows]
        explainer = Explainer(loaded, engine, columns, method=chosen.method, compute=chosen.compute, progress=progress)
        found = [
            explainer.explain(window, None if inputs.features is None else inputs.features[row : row + 1], place)
            for row, (window, place) in enumerate(zip(windows, regions, strict=True))
        ]
        described = {
            "content": "attribution",
            "method": chosen.method,
            "unit": loaded.unit,
            "model": loaded.name,
            "model_fingerprint": loaded.fingerprint,
            "fasta": reference.path.name,
            "fasta_fingerprint": reference.fingerprint(),
            "texcnn_version": __version__,
            "dtype": dtype_name(chosen.compute.dtype),
            **inputs.described,
            "predictions": [_summary(one, cell_types) for one in found],
        }
        lengths = reference.lengths
    frame = pd.concat([one.frame(cell_types) for one in found], ignore_index=True)
    frame.attrs.update(described)
    if folder is not None:
        with atomic_folder(folder) as temporary:
            _write_table(temporary, frame, described)
            for one in found:
                _write_gene(temporary, one, cell_types, described, length=lengths[one.interval.chrom])
            if motifs is not None:
                hits = _hits(found, cell_types, motifs, chosen.motif_p)
                hits.to_csv(temporary / HITS_FILE, sep="\t", index=False, float_format="%.6g")
    return frame


def _inputs_from(options: AttributeOptions, genes: tuple[str, ...]) -> EffectOptions:
    selection = options.selection
    if selection.genes is not None and selection.genes_file is None:
        raise InputError("genes are named twice", where="`genes` and `gene`", allowed="`gene` alone")
    genes = (*(selection.genes or ()), *genes)
    if not genes:
        raise InputError("no gene is named", where="`gene`", allowed="at least one id or name")
    return EffectOptions(
        selection=replace(selection, genes=genes, genes_file=None),
        features=options.features,
        half_life=options.half_life,
    )


def _cell_types(model: Model, names: tuple[str, ...]) -> list[str]:
    """Their names as the model's columns have them."""
    if not names:
        raise InputError("no cell type is named", where="`cell_type`", allowed=", ".join(model.cell_types[:10]))
    return [model.cell_types[column] for column in model.cell_type_columns(names)]


def _summary(attribution: Attribution, cell_types: Sequence[str]) -> dict[str, Any]:
    """Returns a gene's entry in the table's description, to check sums against."""
    interval = attribution.interval
    entry: dict[str, Any] = {
        "gene_id": attribution.gene.id,
        "transcript_id": attribution.gene.transcript_id,
        "region": f"{interval.chrom}:{interval.start + 1}-{interval.end}",
        "prediction": dict(zip(cell_types, map(float, attribution.prediction), strict=True)),
    }
    if attribution.elsewhere is not None:
        entry["of_no_base"] = dict(zip(cell_types, map(float, attribution.elsewhere), strict=True))
    return entry


def _write_table(folder: Path, frame: pd.DataFrame, described: dict[str, Any]) -> None:
    # Nine significant digits restore a float32 exactly.
    frame.to_csv(folder / TABLE_FILE, sep="\t", index=False, float_format="%.9g")
    text = json.dumps(described, indent=1) + "\n"
    description_path(folder / TABLE_FILE).write_text(text, encoding="utf-8")


def _write_gene(
    folder: Path, attribution: Attribution, cell_types: Sequence[str], described: dict[str, Any], *, length: int
) -> None:
    """Writes tracks and pictures of one gene."""
    for row, cell_type in enumerate(cell_types):
        stem = file_stem(attribution.gene.transcript_id or attribution.gene.id, cell_type)
        values = attribution.values[row]
        write_bigwig(folder / f"{stem}.bw", attribution.interval, values, length=length)
        name = f"{attribution.gene.name} {cell_type} {described['method']}"
        write_bedgraph(folder / f"{stem}.bedgraph", attribution.interval, values, name=name)
        with style():
            figure = draw_logo(
                attribution, row, cell_type=cell_type, unit=described["unit"], method=described["method"]
            )
            (folder / f"{stem}.png").write_bytes(png(figure))
            (folder / f"{stem}.svg").write_bytes(svg(figure))


def file_stem(gene: str, cell_type: str) -> str:
    """Returns the name of a gene's and cell type's files without ending, percent-encoded; a long one is cut."""
    stem = quote(f"{gene}.{cell_type}", safe="+")
    if len(stem) <= _LONGEST_STEM:
        return stem
    return f"{stem[:_LONGEST_STEM]}-{hashlib.sha256(stem.encode()).hexdigest()[:16]}"


def _hits(found: Sequence[Attribution], cell_types: Sequence[str], motifs: Motifs, p_value: float) -> pd.DataFrame:
    tables = [
        scan_peaks(one, row, cell_type, motifs, p_value) for one in found for row, cell_type in enumerate(cell_types)
    ]
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(HIT_COLUMNS))
