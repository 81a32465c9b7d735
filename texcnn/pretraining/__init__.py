"""Encoders pre-trained on a genome's bases alone.

Here are the names to choose from: they import nothing, so that a help page does not wait for torch.
"""

LANGUAGE_MODELS = ("dnabert2", "dnabert")
"""DNABERT-2 reads byte pairs of a vocabulary that is made from the genome, DNABERT overlapping k-mers."""
