"""Coordinates in, bases out: intervals, the reference genome, annotations and windows around the TSS.

Here are the names to choose from: they import nothing, so that a help page does not wait for the library.
"""

BED_ANCHORS = ("five-prime", "center", "window")
"""What a BED interval can mean: it starts at the TSS, is centred on it, or is the window."""

TRANSCRIPT_CHOICES = ("gene", "all")
"""What becomes a row: each gene, or each of its transcripts."""

UNPHASED_CHOICES = ("error", "skip", "as-is", "merge")
"""What to do with a heterozygous call without a phase: it stops the run, is left out, is taken in the order in which it
is written, or its alternative allele is put on both haplotypes."""
