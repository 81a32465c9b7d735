"""How to describe a run in a paper: a paragraph of methods, and what it cites."""

from __future__ import annotations

from dataclasses import dataclass

from texcnn.model.described import DescribedModel
from texcnn.tables.columns import TableDescription

CITATIONS = {
    "texcnn": "Dong et al. TExCNN: leveraging pre-trained models to predict gene expression from genomic sequences. "
    "Genes 15:1593 (2024). doi:10.3390/genes15121593",
    "dnabert": "Ji et al. DNABERT: pre-trained Bidirectional Encoder Representations from Transformers model for "
    "DNA-language in genome. Bioinformatics 37:2112 (2021). doi:10.1093/bioinformatics/btab083",
    "dnabert2": "Zhou et al. DNABERT-2: efficient foundation model and benchmark for multi-species genomes. "
    "ICLR (2024). arXiv:2306.15006",
    "nucleotide-transformer": "Dalla-Torre et al. Nucleotide Transformer: building and evaluating robust foundation "
    "models for human genomics. Nature Methods 22:287 (2025). doi:10.1038/s41592-024-02523-z",
    "xpresso": "Agarwal & Shendure. Predicting mRNA abundance directly from genomic sequence using deep convolutional "
    "neural networks. Cell Reports 31:107663 (2020). doi:10.1016/j.celrep.2020.107663",
}
"""Citations by encoder type, head type or use."""


@dataclass(frozen=True)
class Methods:
    """A paragraph and its references."""

    paragraph: str
    citations: list[str]


def methods(
    description: TableDescription, model: DescribedModel | None, *, genes: bool = True, variants: bool = False
) -> Methods:
    """Describes how a table was made.

    Args:
        description: The table's description.
        model: The model that made it; None where it is not on this machine.
        genes: Whether it holds genes.
        variants: Whether effects of variants are shown.
    """
    name = f"{description.model} version {model.config.version}" if model else description.model
    sentences = [
        f"Gene expression was predicted from DNA with TExCNN {description.texcnn_version} (model {name}, sha256 "
        f"{description.model_fingerprint[:12]}; Dong et al. 2024)."
    ]
    cited = ["texcnn"]
    if model is not None:
        window, config = model.window, model.config
        cut = ""
        if config.segments is not None:
            kinds = ", ".join(dict.fromkeys(spec.type for spec in config.encoders))
            cut = f", cut into segments of {config.segments.length} bp that the encoder ({kinds}) turned into vectors"
        sentences.append(
            f"The model read {window.upstream:,} bp upstream and {window.downstream:,} bp downstream of each "
            f"transcription start site on the gene's strand{cut}."
        )
        cited += [spec.type for spec in config.encoders] + [config.head.type]
    sentences.append(f"The genome was {description.fasta} (sha256 {description.fasta_fingerprint[:12]}).")
    if description.features == "defaults":
        sentences.append("Extra inputs had the model's defaults for every gene.")
    elif description.features != "none":
        sentences.append(f"Extra inputs of each gene came from {description.features}.")
        if "half-life" in description.features or "half_life" in description.features:
            cited.append("xpresso")
    if variants:
        sentences.append(
            "The effect of a variant is the prediction of a gene's window with the alternative allele minus that with "
            "the reference allele."
        )
    if genes and description.max_n_fraction is not None:
        sentences.append(
            f"Genes with more than {description.max_n_fraction:.0%} unknown bases in this window were left out."
        )
    unit = f"Values are {description.unit}; encoders computed in {description.dtype}."
    return Methods(" ".join([*sentences, unit]), [CITATIONS[key] for key in dict.fromkeys(cited) if key in CITATIONS])
