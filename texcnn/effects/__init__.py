"""Two windows of one gene in, a difference of expression out: variants, haplotypes and what explains a prediction.

Here are the names to choose from: they import nothing, so that a help page does not wait for the library.
"""

METHODS = ("ism", "gradient", "deeplift", "ablation")
"""In-silico saturation mutagenesis, gradient x input, DeepLIFT, and segments left out one by one."""
