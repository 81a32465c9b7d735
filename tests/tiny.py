"""A genome of a few hundred bases and models whose predictions can be worked out by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import pandas as pd
import torch
from tokenizers import Tokenizer
from tokenizers.models import BPE
from torch import Tensor

from texcnn.embedding.options import ComputeOptions
from texcnn.encoders.dnabert2_config import Dnabert2Config
from texcnn.encoders.dnabert2_model import Dnabert2Model
from texcnn.encoders.protocol import BUNDLE_SOURCE, Encoder, EncoderSpec
from texcnn.features.spec import FeatureSpec
from texcnn.genome.gene import Annotation
from texcnn.genome.reference import Reference
from texcnn.genome.windows import WindowSpec
from texcnn.heads.spec import HeadSpec
from texcnn.heads.textcnn import TextCNN
from texcnn.model.bundle import BundleConfig, save_bundle
from texcnn.segments.segment import SegmentSpec
from texcnn.store.fill import describe_store, embed_genes
from texcnn.store.store import EmbeddingStore

WINDOW = WindowSpec(upstream=20, downstream=10)
SEGMENTS = SegmentSpec(length=10, max_n_fraction=0.5)

# One gene: the window of g1 is the whole of chr1's bases 20..50, on "+".
CHR1 = "A" * 20 + "G" * 10 + "C" * 5 + "T" * 5 + "A" * 10 + "T" * 50 + "N" * 100
CHR2 = "ACGT" * 20


def write_genome(folder: Path, *, name: str = "genome.fa") -> Path:
    """chr1: 200 bases, the second half N; chr2: 80 bases."""
    path = folder / name
    path.write_text(f">chr1\n{CHR1}\n>chr2\n{CHR2}\n")
    return path


GENES = (
    # id, chromosome, start (1-based), end, strand
    ("g1", "chr1", 41, 60, "+"),  # window chr1:20-50, segments GGGGGGGGGG CCCCCTTTTT AAAAAAAAAA
    ("g2", "chr2", 1, 70, "-"),  # TSS 70: window chr2:60-90, padded beyond the end
    ("g3", "chr1", 160, 180, "+"),  # window all N
)


def write_gtf(path: Path, genes: Sequence[tuple[str, str, int, int, str]] = GENES) -> Path:
    lines = []
    for gene_id, chrom, start, end, strand in genes:
        attributes = f'gene_id "{gene_id}"; gene_name "{gene_id.upper()}"; transcript_id "{gene_id}.t";'
        lines += [
            f"{chrom}\ttest\t{feature}\t{start}\t{end}\t.\t{strand}\t.\t{attributes}"
            for feature in ("transcript", "exon")
        ]
    path.write_text("\n".join(lines) + "\n")
    return path


class CompositionEncoder:
    """A segment's vector is its fractions of A, C, G and T."""

    name = "composition"
    dim = 4

    def __init__(self) -> None:
        self.batches: list[int] = []

    def tokenize(self, segments: Sequence[str]) -> list[list[int]]:
        return [["ACGTN".index(base) for base in segment] for segment in segments]

    def embed(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        self.batches.append(len(tokens))
        return torch.tensor([[row.count(base) / len(row) for base in range(4)] for row in tokens])

    def to(self, device: torch.device) -> Self:
        return self

    def fingerprint(self) -> str:
        return hashlib.sha256(self.name.encode()).hexdigest()


def max_fraction_head(n_features: int = 0) -> TextCNN:
    """Two outputs: the largest G+C fraction of a segment, and 1 + twice the largest A fraction (+ features)."""
    head = TextCNN(4, 2, kernel_widths=(1,), filters=2, n_features=n_features)
    with torch.no_grad():
        head.convolutions[0].weight.copy_(torch.tensor([[0.0, 1, 1, 0], [1, 0, 0, 0]]).unsqueeze(-1))
        head.convolutions[0].bias.zero_()
        weight = torch.zeros(2, 2 + n_features)
        weight[0, 0], weight[1, 1] = 1, 2
        weight[:, 2:] = 1
        head.output.weight.copy_(weight)
        head.output.bias.copy_(torch.tensor([0.0, 1.0]))
    return head.eval()


CELL_TYPES = pd.DataFrame({"cell_type": ["gc", "a"], "eid": ["E1", "E2"], "name": ["G plus C", "adenine"]})


def save_tiny(folder: Path, *, features: Sequence[FeatureSpec] = ()) -> Path:
    """A bundle of the composition encoder; its type must be registered by the fixture ``composition``."""
    head = max_fraction_head(len(features))
    config = BundleConfig(
        name="tiny",
        version="1",
        kind="segments",
        unit="fraction",
        window=WINDOW,
        head=HeadSpec(
            "textcnn",
            {"dim": 4, "n_cell_types": 2, "kernel_widths": [1], "filters": 2, "n_features": len(features)},
        ),
        segments=SEGMENTS,
        encoders=(EncoderSpec(type="composition", source=BUNDLE_SOURCE),),
        features=tuple(features),
    )
    tensors = {f"head.{name}": value for name, value in head.state_dict().items()}
    save_bundle(folder, config, tensors, CELL_TYPES, "# tiny\n")
    return folder


def save_tiny_ensemble(folder: Path, *, unit: str = "fraction") -> Path:
    """A bundle of two text CNNs over the composition encoder, whose weights are 3/4 and 1/4.

    The first predicts the largest A fraction of a segment, and 1 + twice that; the second the T fraction of the middle
    segment, and 1.
    """
    plain = {"kernel_widths": [1], "filters": 1}
    members = [
        {"reads": [[0, 1]], "weight": 0.75, "options": plain},
        {"reads": [[3, 4]], "weight": 0.25, "options": plain, "segments": [1, 2]},
    ]
    options = {"dim": 4, "n_cell_types": 2, "members": members, "n_segments": 3}
    tensors = {}
    for number, slopes in enumerate(([[1.0], [2.0]], [[1.0], [0.0]])):
        tensors |= {
            f"head.members.{number}.convolutions.0.weight": torch.ones(1, 1, 1),
            f"head.members.{number}.convolutions.0.bias": torch.zeros(1),
            f"head.members.{number}.output.weight": torch.tensor(slopes),
            f"head.members.{number}.output.bias": torch.tensor([0.0, 1.0]),
        }
    config = BundleConfig(
        name="tiny-ensemble",
        version="1",
        kind="segments",
        unit=unit,
        window=WINDOW,
        head=HeadSpec("ensemble", options),
        segments=SEGMENTS,
        encoders=(EncoderSpec(type="composition", source=BUNDLE_SOURCE),),
    )
    save_bundle(folder, config, tensors, CELL_TYPES, "# tiny\n")
    return folder


def tiny_tokenizer() -> bytes:
    """A byte-pair tokenizer with a few merges, in the layout of DNABERT-2's."""
    words = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "A", "C", "G", "T", "AC", "GT", "ACGT", "GG", "TT", "AA"]
    merges = [("A", "C"), ("G", "T"), ("AC", "GT"), ("G", "G"), ("T", "T"), ("A", "A")]
    tokenizer = Tokenizer(BPE({word: place for place, word in enumerate(words)}, merges, unk_token="[UNK]"))
    tokenizer.add_special_tokens(words[:5])
    return tokenizer.to_str().encode()


def save_tiny_dnabert2(folder: Path, *, seed: int = 0, features: Sequence[FeatureSpec] = ()) -> Path:
    """A bundle with a random two-layer DNABERT-2 and a random head that tells positions apart."""
    torch.manual_seed(seed)
    fields = {
        "vocab_size": 15,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 24,
        # Wider than the usual 0.02, so that different segments get clearly different vectors.
        "initializer_range": 0.3,
    }
    encoder = Dnabert2Model(Dnabert2Config.from_json(fields))
    sizes = {"dim": 16, "n_cell_types": 3, "n_segments": 3, "n_features": len(features)}
    options = {**sizes, "filters": 8, "segment_positions": True}
    head = TextCNN(**options)  # type: ignore[arg-type]
    config = BundleConfig(
        name="tiny-dnabert2",
        version="1",
        kind="segments",
        unit="log10(RPKM + 0.1)",
        window=WINDOW,
        head=HeadSpec("textcnn", options),
        segments=SEGMENTS,
        encoders=(
            EncoderSpec(
                type="dnabert2",
                source=BUNDLE_SOURCE,
                options={"prefix": "encoders.0.", "config": fields, "tokenizer": "tokenizer.json"},
            ),
        ),
        features=tuple(features),
    )
    tensors = {f"encoders.0.{name}": value for name, value in encoder.state_dict().items()}
    tensors |= {f"head.{name}": value for name, value in head.state_dict().items()}
    cell_types = pd.DataFrame({"cell_type": ["x", "y", "z"]})
    save_bundle(folder, config, tensors, cell_types, "# tiny\n", files={"tokenizer.json": tiny_tokenizer()})
    return folder


def fill_store(
    encoders: Sequence[Encoder],
    reference: Reference,
    annotation: Annotation,
    folder: Path,
    *,
    window: WindowSpec = WINDOW,
    segments: SegmentSpec = SEGMENTS,
    options: ComputeOptions | None = None,
    **described: Any,
) -> EmbeddingStore:
    """Embeds genes into a store, whose spec is made of the same arguments."""
    spec = describe_store(encoders, reference, window, segments, options=options, **described)
    return embed_genes(encoders, reference, annotation, folder, spec, options=options)
