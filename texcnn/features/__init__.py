"""Inputs per gene in addition to the sequence.

Here are the names to choose from: they import nothing, so that a help page does not wait for the library.
"""

TF_LAYOUTS = ("auto", "wide", "long")
