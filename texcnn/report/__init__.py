"""A page about one run: one self-contained HTML file from a table of predictions."""
