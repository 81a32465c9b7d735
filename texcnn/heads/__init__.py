"""Segment vectors (or bases) in, expression out."""
