"""The encoders a new model is trained on, and what of them its bundle must hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from torch import Tensor

from texcnn.encoders.checkpoint import CONFIG_FILE, read_json
from texcnn.encoders.choose import encoder_spec
from texcnn.encoders.protocol import BUNDLE_SOURCE, Bundled, Encoder, EncoderSpec
from texcnn.encoders.registry import load_encoder
from texcnn.encoders.weights import find_file
from texcnn.errors import ModelError
from texcnn.genome.windows import WindowSpec
from texcnn.model.bundle import BundleFiles
from texcnn.model.catalog import resolve_model
from texcnn.model.load import load_model
from texcnn.segments.segment import SegmentSpec


@dataclass(frozen=True)
class ChosenEncoders:
    """Frozen encoders and how the new bundle will find them again.

    Attributes:
        encoders: Loaded; their vectors are joined per segment, in this order.
        specs: Their descriptions in the new bundle.
        tensors: ``encoders.N.*`` of those whose weights the new bundle holds.
        files: Further files of it, such as tokenizers.
        window: The window they read; None where the user chooses.
        segments: How it is cut; None where there is no window.
    """

    encoders: list[Encoder]
    specs: tuple[EncoderSpec, ...]
    tensors: dict[str, Tensor]
    files: dict[str, bytes]
    window: WindowSpec | None = None
    segments: SegmentSpec | None = None


def encoders_of_model(name: str | PathLike[str] | None) -> ChosenEncoders:
    """Takes the encoders of a trained model, and copies what its bundle holds of them.

    Args:
        name: As :func:`texcnn.model.load.load_model` takes it.

    Raises:
        ModelError: when there is no such model, or it has no encoder.
    """
    network = load_model(name).segment_network()
    bundle = BundleFiles(resolve_model(name))
    prefix = "encoders."
    values = [value for spec in bundle.config.encoders for value in spec.options.values() if isinstance(value, str)]
    return ChosenEncoders(
        network.encoders,
        bundle.config.encoders,
        {f"{prefix}{key}": value for key, value in bundle.tensors(prefix).items()},
        {value: bundle.path(value).read_bytes() for value in values if value in bundle.config.sha256},
        bundle.config.window,
        network.segments,
    )


def encoders_by_name(names: Sequence[str]) -> ChosenEncoders:
    """Loads encoders by short name or folder.

    A published one stays a pinned reference to the Hub; one from a folder is copied, since a folder's path means
    nothing on another machine.

    Raises:
        ModelError: when one cannot be found or trusted, or is of a type that a bundle cannot hold.
    """
    encoders, specs = [], []
    tensors: dict[str, Tensor] = {}
    files: dict[str, bytes] = {}
    for index, name in enumerate(names):
        spec = encoder_spec(name)
        encoder = load_encoder(spec)
        if Path(spec.source).is_dir():
            spec, held, needed = hold_encoder(spec, encoder, index)
            tensors |= held
            files |= needed
        encoders.append(encoder)
        specs.append(spec)
    return ChosenEncoders(encoders, tuple(specs), tensors, files)


def hold_encoder(
    spec: EncoderSpec, encoder: Encoder, index: int = 0
) -> tuple[EncoderSpec, dict[str, Tensor], dict[str, bytes]]:
    """Describes an encoder of a folder or of the Hub cache as one that the bundle holds.

    Returns:
        Its description in the bundle, its weights ``encoders.<index>.*``, and the further files that it needs.

    Raises:
        ModelError: when its files are no longer there, or its type does not say which they are.
    """
    if not isinstance(encoder, Bundled) or encoder.bundle_files is None:
        raise ModelError(
            f"an encoder of the type '{spec.type}' cannot be copied into a model", where=spec.source,
            allowed="a type whose class has the attribute 'bundle_files'",
            remedy="name a Hub id, which models refer to, or ask the authors of the type's package to add it",
        )  # fmt: skip
    prefix = f"encoders.{index}."
    options = {name: value for name, value in spec.options.items() if name != "unverified"}
    options |= {"config": read_json(find_file(spec, CONFIG_FILE)), "prefix": prefix}
    files: dict[str, bytes] = {}
    for option, name in encoder.bundle_files.items():
        options[option] = f"{option}-{index}{Path(name).suffix}"
        files[options[option]] = find_file(spec, name).read_bytes()
    tensors = {f"{prefix}{key}": value for key, value in encoder.model.state_dict().items()}
    return replace(spec, source=BUNDLE_SOURCE, revision=None, sha256={}, options=options), tensors, files
