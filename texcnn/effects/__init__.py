"""Two windows of one gene in, a difference of expression out: variants, haplotypes and what explains a prediction."""
