"""Genes of a GTF or BED as windows of bases, the same windows as ``texcnn predict`` makes.

kipoiseq's dataloaders are not used here: on 0.7.1 an interval that reaches beyond its chromosome comes back
shorter or empty without a warning (StringSeqIntervalDl) or ends the whole run (FastaStringExtractor, AnchoredGTFDl),
and BED headers, BED6 names and unknown chromosomes end it too. Inside chromosomes both give the same bases.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
from kipoi.data import Dataset
from kipoi.metadata import GenomicRanges

from texcnn.arguments import names_of, path_of, to_path
from texcnn.errors import InputError, unknown_name
from texcnn.genome import UNPHASED_CHOICES
from texcnn.genome.cached_bases import CachedBases
from texcnn.genome.check_variant import VariantCheck
from texcnn.genome.haplotype_windows import HaplotypeWindows
from texcnn.genome.load import load_genes
from texcnn.genome.reference import Reference
from texcnn.genome.select import GeneSelection
from texcnn.genome.vcf import VcfReader
from texcnn.genome.windows import read_windows
from texcnn.keywords import check_flags
from texcnn.model.bundle import BundleFiles
from texcnn.model.catalog import resolve_model
from texcnn.model.features import HeadFeatures

# `kipoi preproc` loads this file alone, so the repairs of Kipoi itself are switched on from here.
sys.path.insert(0, str(Path(__file__).resolve().parent))
try:
    import _texcnn_kipoi_compat  # noqa: F401
finally:
    sys.path.pop(0)

_LOG = logging.getLogger("texcnn")
_SHOWN_SKIPPED = 100


class TExCNNDl(Dataset):  # type: ignore[misc]  # kipoi has no types
    """One item per gene, in the file's order.

    An item's ``inputs.window`` is the window on the gene's strand, padded with N beyond the chromosome's ends, and
    ``inputs.features`` the model's extra inputs, if it takes any; ``metadata.ranges`` is the window's position,
    0-based half-open, with the gene's id. A padded window keeps its full length there too, so its start may be negative
    and its end may be beyond the chromosome. ``metadata.gene_name`` and ``metadata.tss`` (1-based) describe the gene.

    Rows without a place on the genome are left out: a warning lists them, and so does ``skipped``. A window that
    holds only N is an item; its predictions are NaN.

    Args:
        fasta_file: Genome, plain or bgzip.
        gtf_file: Annotation; exactly one of this and ``intervals_file``.
        intervals_file: BED3 to BED6, one interval per gene.
        bed_anchor: What an interval means: ``five-prime``, ``center`` or ``window``.
        genes_file: Only the genes it names, one per line.
        map_chrom_names: Map chr1/1 chromosome names to the FASTA's where the files differ.
        half_life: Compute the model's half-life features from the GTF; None does where the model takes them.
        model: The model whose window is cut; the same as in model.yaml.
        vcf_file: Variants of a sample that are applied to the windows, a sorted VCF or BCF.
        sample: Its name in the VCF; may be left out where the VCF has one sample.
        haplotype: 1 or 2. A window of which the sample has one chromosome only is all N as haplotype 2, so that its
            predictions are NaN.
        unphased: What to do with heterozygous calls without phase: ``error``, ``skip``, ``as-is`` or ``merge``.

    Raises:
        InputError: The files cannot be used, or no gene is left.
    """

    def __init__(
        self,
        fasta_file: str,
        gtf_file: str | None = None,
        intervals_file: str | None = None,
        bed_anchor: str = "five-prime",
        genes_file: str | None = None,
        map_chrom_names: bool = False,
        half_life: bool | None = None,
        model: str = "texcnn-mini",
        vcf_file: str | None = None,
        sample: str | None = None,
        haplotype: int = 1,
        unphased: str = "error",
    ) -> None:
        """Reads the genes; the bases are read item by item."""
        if (gtf_file is None) == (intervals_file is None):
            raise InputError("give either gtf_file or intervals_file", where="dataloader_args", allowed="one of them")
        check_flags(half_life=False if half_life is None else half_life)
        vcf = path_of(vcf_file, "vcf_file")
        # Kipoi changes the folder while it makes this object, and back before the first item is read.
        self.reference = Reference(to_path(fasta_file, "fasta_file").absolute())
        config = BundleFiles(resolve_model(model)).config
        self.window = config.window
        selection = GeneSelection(
            gtf=path_of(gtf_file, "gtf_file"),
            bed=path_of(intervals_file, "intervals_file"),
            bed_anchor=bed_anchor,
            genes_file=genes_file,
            map_chrom_names=map_chrom_names,
        )
        specs = HeadFeatures(config.name, config.features)
        table = specs.choose(self.reference, selection, half_life=half_life)
        annotation = load_genes(self.reference, self.window, selection)
        self.genes, self.skipped = annotation.genes, annotation.skipped
        if self.skipped:
            listed = [f"{entry.gene_id}: {entry.reason}" for entry in self.skipped[:_SHOWN_SKIPPED]]
            if len(self.skipped) > _SHOWN_SKIPPED:
                listed.append("... (texcnn predict lists every one in a file)")
            _LOG.warning("%d rows cannot be predicted:\n  %s", len(self.skipped), "\n  ".join(listed))
        if not self.genes:
            # Kipoi would end without an output file and without an error.
            raise InputError("no gene can be predicted", where=annotation.path)
        found = specs.look_up(table, [gene.id for gene in self.genes])
        # One row per gene; the model's defaults in each where there is no table. None for a model without features.
        self.features = None
        if found is not None:
            self.features = np.tile(specs.defaults, (len(self.genes), 1)) if found.values is None else found.values
        self._changed: dict[int, str] = {}
        if vcf is not None:
            self._apply(vcf, sample, haplotype, unphased, map_chrom_names)
        elif sample is not None or haplotype != 1 or unphased != "error":
            raise InputError(
                "a sample's haplotype without a VCF", where="dataloader_args",
                allowed="sample, haplotype and unphased with vcf_file",
            )  # fmt: skip

    def __len__(self) -> int:
        """Number of genes."""
        return len(self.genes)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Reads one window."""
        (window,) = read_windows(self.reference, [self.genes[index]], self.window)
        place = window.interval
        extra = {} if self.features is None else {"features": self.features[index]}
        return {
            "inputs": {"window": np.array(self._changed.get(index, window.sequence)), **extra},
            "metadata": {
                "ranges": GenomicRanges(place.chrom, place.start, place.end, window.gene.id, place.strand),
                "gene_name": np.array(window.gene.name),
                "tss": window.gene.tss + 1,
            },
        }

    def _apply(self, vcf: Path, sample: str | None, haplotype: int, unphased: str, map_chrom_names: bool) -> None:
        """Keeps the windows that the sample's variants change, from one pass through the VCF."""
        if isinstance(haplotype, bool) or not isinstance(haplotype, int) or haplotype not in (1, 2):
            raise InputError(f"unusable haplotype {haplotype!r}", where="dataloader_args", allowed="1 or 2")
        if unphased not in UNPHASED_CHOICES:
            raise unknown_name("choice for unphased genotypes", unphased, UNPHASED_CHOICES, where="dataloader_args")
        bases = CachedBases(self.reference)
        with VcfReader(vcf, samples=names_of(sample, "sample")) as reader:
            if len(reader.samples) > 1:
                raise InputError(
                    f"the VCF has {len(reader.samples)} samples", where=vcf, allowed="one of them as sample",
                    remedy=f"choose one, such as '{reader.samples[0]}'",
                )  # fmt: skip
            check = VariantCheck(
                bases, vcf, longest=self.window.length, map_chrom_names=map_chrom_names, declared=reader.contigs
            )
            for group in HaplotypeWindows(reader, bases, check, self.genes, self.window, unphased=unphased):
                number = group.of_sample[0][haplotype - 1]
                # What texcnn variants leaves empty has no prediction here either.
                if number is None or group.windows[number].tss_deleted:
                    self._changed[group.gene] = "N" * self.window.length
                elif group.windows[number].touched:
                    self._changed[group.gene] = group.windows[number].sequence
