"""How good predictions are: figures with intervals, baselines fitted on the same training genes, pictures."""
