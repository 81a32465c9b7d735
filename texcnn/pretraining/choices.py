"""What can be chosen by name in a pre-training; imports nothing, so that a help page need not wait for torch."""

LANGUAGE_MODELS = ("dnabert2", "dnabert")
"""DNABERT-2 reads byte pairs of a vocabulary that is made from the genome, DNABERT overlapping k-mers."""
