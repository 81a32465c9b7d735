"""Bases in, tokens out."""
