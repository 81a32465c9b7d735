"""How good predicted effects of variants are: measured effects and labels, figures with intervals, baselines."""
