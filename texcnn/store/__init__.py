"""Segment vectors on disk: computed once, read by any number of predictions; knows no model."""
