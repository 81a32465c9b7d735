"""Inputs per gene in addition to the sequence."""
