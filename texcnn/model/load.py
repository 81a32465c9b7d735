"""A model from this machine: built from its bundle, with a digest of all its files."""

from __future__ import annotations

from os import PathLike

from texcnn.encoders.protocol import BUNDLE_SOURCE
from texcnn.encoders.registry import load_encoder
from texcnn.errors import ModelError
from texcnn.heads.registry import load_head
from texcnn.model.bundle import BundleFiles
from texcnn.model.catalog import resolve_model
from texcnn.model.described import model_fingerprint
from texcnn.model.model import Model
from texcnn.model.network import OneHotNetwork, SegmentNetwork
from texcnn.model.reference_genes import read_reference


def load_model(name: str | PathLike[str] | None = None) -> Model:
    """Loads a model from this machine.

    Args:
        name: A bundled model's name, a bundle's folder, or ``hf:owner/name@revision`` fetched before; None is the
            bundled default.

    Returns:
        The model, on the CPU.

    Raises:
        ModelError: when there is no such model here, or it cannot be trusted.
    """
    files = BundleFiles(resolve_model(name))
    config = files.config
    head = load_head(config.head, files.tensors("head."), where=files.folder)
    if head.n_cell_types != len(files.cell_types):
        raise ModelError(
            f"the head has {head.n_cell_types} outputs, the table of cell types {len(files.cell_types)} rows",
            where=files.folder,
            allowed="one row per output",
        )
    reference = read_reference(files)
    if config.kind == "one-hot":
        one_hot = OneHotNetwork(head, len(files.cell_types))
        return Model(config, one_hot, files.cell_types, model_fingerprint(files), reference, files.folder)
    if config.segments is None:
        raise ModelError("a model of kind 'segments' without segments", where=files.folder)
    encoders = [load_encoder(spec, bundle=files) for spec in config.encoders]
    elsewhere = [
        encoder.fingerprint()
        for encoder, spec in zip(encoders, config.encoders, strict=True)
        if spec.source != BUNDLE_SOURCE
    ]
    network = SegmentNetwork(encoders, head, config.segments)
    return Model(config, network, files.cell_types, model_fingerprint(files, elsewhere), reference, files.folder)
