"""The published Xpresso model as a bundle like any other."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from texcnn.features.spec import FeatureSpec
from texcnn.files import sha256_file
from texcnn.genome.windows import WindowSpec
from texcnn.heads.spec import HeadSpec
from texcnn.heads.xpresso import N_FEATURES
from texcnn.model.bundle import BundleConfig, save_bundle
from texcnn.model.import_xpresso import read_keras_weights

_CARD = """# Xpresso, imported

The published network of Agarwal & Shendure 2020 (Cell Reports 31:107663, MIT), read from its Keras file
`{name}` (sha256 {sum}).

- **Input**: 7,000 bp upstream and 3,500 bp downstream of the TSS, on the gene's strand; unknown bases are zero.
- **Output**: one value per gene, the z-score of log10(median RPKM of 56 epigenomes + 0.1) over the genes of its
  authors' table. It is not an expression level of one cell type.
- **Features**: six half-life inputs, already scaled by its authors' pipeline; which of their eight they are is not
  recorded in the file. As in its Kipoi model they are zero unless a feature table with the columns
  `halflife_1` to `halflife_6` is given.
- **Seen genes**: the weights were fitted on most human protein-coding genes, so figures on them are optimistic.
"""


def import_xpresso(path: Path, folder: Path) -> None:
    """Turns the Keras file of Xpresso into a model bundle.

    Args:
        path: The ``.h5`` file.
        folder: The bundle to write.

    Raises:
        ModelError: when the file is not the published Xpresso network.
    """
    tensors = {f"head.{name}": value for name, value in read_keras_weights(path).items()}
    config = BundleConfig(
        name="xpresso",
        version="1",
        kind="one-hot",
        unit="z-score of log10(median RPKM + 0.1)",
        window=WindowSpec(upstream=7000, downstream=3500),
        head=HeadSpec("xpresso"),
        features=tuple(FeatureSpec(f"halflife_{place}", default=0.0) for place in range(1, N_FEATURES + 1)),
    )
    cell_types = pd.DataFrame({"cell_type": ["median"], "name": ["median of 56 Roadmap epigenomes"]})
    save_bundle(folder, config, tensors, cell_types, _CARD.format(name=path.name, sum=sha256_file(path)))
