"""Which genes of an annotation code for a protein, and the mRNA that represents each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from texcnn.errors import InputError
from texcnn.genome.annotation import select_genes
from texcnn.genome.gene import Annotation, Gene
from texcnn.genome.gtf import read_chosen_transcripts
from texcnn.genome.mrna import Mrna
from texcnn.genome.naming import in_any_style
from texcnn.genome.reference import Reference
from texcnn.genome.skipped import Skipped
from texcnn.genome.windows import place_genes
from texcnn.progress import progress_bar
from texcnn.text.lines import PathLike


@dataclass
class CodingGenes:
    """The genes of an annotation that are on a genome, as :meth:`mrnas` walks through them.

    A gene counts with its transcript of the longest CDS, the one whose TSS the GTF reader takes (ties: most exon
    bases, then lowest id).

    Args:
        reference: The genome.
        gtf: Its annotation.
        genes: Names of wanted genes, a string is one; None for all.
        map_chrom_names: Whether to map chr1/1 styles to the genome's where they differ.

    Attributes:
        skipped: Genes without an mRNA, and why; complete once :meth:`mrnas` has ended.
    """

    reference: Reference
    gtf: PathLike
    genes: str | Iterable[str] | None = None
    map_chrom_names: bool = False
    skipped: list[Skipped] = field(default_factory=list, init=False)

    def mrnas(self, *, what: str, needed: bool = True, progress: bool = False) -> Iterator[tuple[Gene, Mrna]]:
        """Yields each coding gene with its mRNA, in the annotation's order.

        Skipped are genes without CDS, beyond the end of their chromosome, or on a chromosome that the FASTA lacks.

        Args:
            what: What is computed, for the progress bar.
            needed: Whether an annotation without any CDS is refused.
            progress: Whether to show progress.

        Raises:
            InputError: when a file cannot be used, the two do not fit, or no gene has a CDS and ``needed``.
        """
        lengths = self.reference.lengths
        chosen, skipped = read_chosen_transcripts(self.gtf, on_genome=in_any_style(list(lengths)))
        transcripts = {gene.id: transcript for gene, transcript in chosen}
        annotation = Annotation([gene for gene, _ in chosen], skipped, Path(self.gtf))
        if self.genes is not None:
            annotation = select_genes(annotation, self.genes)
        annotation = place_genes(self.reference, annotation, map_chrom_names=self.map_chrom_names)
        self.skipped = list(annotation.skipped)
        n_coding = 0
        with progress_bar(progress, total=len(annotation.genes), what=what, unit="genes") as bar:
            for gene in annotation.genes:
                bar.update()
                transcript = transcripts[gene.id]
                if not transcript.cds_bases:
                    self.skipped.append(Skipped(gene.id, "no transcript has a CDS: the gene is not protein coding"))
                    continue
                n_coding += 1
                mrna = Mrna.of(transcript.exons, transcript.coding, gene.strand)
                end, length = mrna.exons[-1][1], lengths[gene.chrom]
                if end > length:
                    reason = f"transcript {transcript.id} reaches base {end} of chromosome '{gene.chrom}' ({length} bp)"
                    self.skipped.append(Skipped(gene.id, reason))
                    continue
                yield gene, mrna
        if needed and annotation.genes and not n_coding:
            raise InputError(
                "no gene has a CDS",
                where=self.gtf,
                allowed="an annotation of protein-coding genes with CDS rows in column 3",
            )
