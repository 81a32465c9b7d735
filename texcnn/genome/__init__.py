"""Coordinates in, bases out: intervals, the reference genome, annotations and windows around the TSS."""
