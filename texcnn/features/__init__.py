"""Inputs per gene besides the sequence."""
