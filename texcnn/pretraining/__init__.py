"""Encoders pre-trained on a genome's bases alone."""
