"""The files of one model: a folder with a config, tensors, cell types and a model card, all with checksums."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import pandas as pd
from safetensors import SafetensorError

from texcnn.encoders.lfs_pointer import refuse_lfs_pointer
from texcnn.encoders.protocol import EncoderSpec
from texcnn.errors import ModelError, TexcnnError
from texcnn.features.spec import FeatureSpec
from texcnn.files import atomic_folder, sha256_file
from texcnn.genome.assembly import Assembly
from texcnn.genome.windows import WindowSpec
from texcnn.heads.spec import HeadSpec
from texcnn.segments.segment import SegmentSpec
from texcnn.text.lines import CONTROL
from texcnn.typed_json import check_types, read_object

if TYPE_CHECKING:  # a bundle is described without torch, which takes seconds to load
    from torch import Tensor

FORMAT_VERSION = 1
"""Version of the folder's layout; the package's version is another."""

CONFIG, WEIGHTS, CELL_TYPES, CARD = "config.json", "model.safetensors", "cell_types.tsv", "README.md"
VARIANT_BACKGROUND = "variant_background.safetensors"
"""Sizes of effects of random variants, where the model has them (:mod:`texcnn.effects.background`)."""


@dataclass(frozen=True)
class BundleConfig:
    """The content of ``config.json``.

    Attributes:
        name: The model's name.
        version: The model's version.
        kind: ``"segments"`` for encoder + head, ``"one-hot"`` for a head that reads bases.
        unit: Unit of every prediction, such as ``"log10(RPKM + 0.1)"``.
        window: The window around the TSS the model was trained with.
        head: Which head.
        segments: How the window is cut; None for one-hot models.
        encoders: The encoders whose vectors are joined per segment; empty for one-hot models.
        features: Extra inputs, in the head's order.
        assembly: The genome it was trained on; None where the bundle does not say.
        max_n_fraction: Largest share of N in a window that it predicts by default; None for any.
        sha256: Expected sum of each file of the bundle but ``config.json``.
        format_version: Version of the folder's layout.
    """

    name: str
    version: str
    kind: Literal["segments", "one-hot"]
    unit: str
    window: WindowSpec
    head: HeadSpec
    segments: SegmentSpec | None = None
    encoders: tuple[EncoderSpec, ...] = ()
    features: tuple[FeatureSpec, ...] = ()
    assembly: Assembly | None = None
    max_n_fraction: float | None = None
    sha256: dict[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def to_json(self) -> dict[str, Any]:
        """Returns JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any], *, where: Path) -> Self:
        """Reads what :meth:`to_json` wrote.

        Raises:
            ModelError: on another format version, or a missing, unknown or unusable entry.
        """
        found = values.get("format_version")
        if found != FORMAT_VERSION:
            newer = isinstance(found, int) and found > FORMAT_VERSION
            raise ModelError(
                f"model format version {found!r}",
                where=where,
                allowed=str(FORMAT_VERSION),
                remedy="update texcnn" if newer else "export the model again with this version of texcnn",
            )
        unknown = sorted(set(values) - {entry.name for entry in fields(cls)})
        if unknown:
            raise ModelError(f"unknown entries {', '.join(unknown)}", where=where)
        try:
            check_types(cls, values, where=where, error=ModelError)
            segments, assembly = values.get("segments"), values.get("assembly")
            config = cls(
                **{
                    **values,
                    "window": WindowSpec(**values["window"]),
                    "head": HeadSpec(**values["head"]),
                    "segments": None if segments is None else SegmentSpec(**segments),
                    "encoders": tuple(EncoderSpec.from_json(encoder) for encoder in values.get("encoders", ())),
                    "features": tuple(FeatureSpec(**feature) for feature in values.get("features", ())),
                    "assembly": None if assembly is None else Assembly(**assembly),
                }
            )
        except TexcnnError as error:
            what = f"unusable model description: {error.what}"
            raise ModelError(what, where=where, allowed=error.allowed) from error
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"unusable model description: {error}", where=where) from error
        if (config.kind == "segments") != bool(config.encoders and config.segments):
            raise ModelError(
                f"a model of kind '{config.kind}' with {len(config.encoders)} encoders",
                where=where,
                allowed="'segments' with segments and at least one encoder, 'one-hot' with none",
            )
        return config


class BundleFiles:
    """A bundle on disk, its checksums verified.

    Args:
        folder: The bundle's folder.

    Raises:
        ModelError: when a file is missing, its sum is wrong, or ``config.json`` cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / CONFIG
        if not path.is_file():
            raise ModelError(f"'{folder}' is not a model bundle", where=path, allowed=f"a folder with {CONFIG}")
        self.config = BundleConfig.from_json(read_object(path, error=ModelError), where=path)
        for name in sorted({WEIGHTS, CELL_TYPES, CARD} | set(self.config.sha256)):
            self._verify(name)
        try:
            self.cell_types = pd.read_csv(folder / CELL_TYPES, sep="\t", dtype=str, keep_default_na=False)
        except (OSError, ValueError) as error:
            raise ModelError(f"unreadable table of cell types: {error}", where=folder / CELL_TYPES) from error
        _check_cell_types(self.cell_types, where=folder / CELL_TYPES)

    def _verify(self, name: str) -> None:
        path, expected = self.folder / name, self.config.sha256.get(name)
        if expected is None or Path(name).name != name:
            raise ModelError(f"no checksum for '{name}'", where=self.folder / CONFIG, remedy="export the model again")
        if not path.is_file():
            raise ModelError(f"'{name}' is missing", where=self.folder, remedy="fetch or export the model again")
        refuse_lfs_pointer(path)
        found = sha256_file(path)
        if found != expected:
            raise ModelError(
                f"wrong checksum: sha256 {found}",
                where=path,
                allowed=expected,
                remedy="the file was changed or cut short: fetch or export the model again",
            )

    @cached_property
    def _tensors(self) -> dict[str, Tensor]:
        from safetensors.torch import load_file

        from texcnn.encoders.checkpoint import check_finite

        try:
            tensors = load_file(self.folder / WEIGHTS)
        except SafetensorError as error:
            raise ModelError(f"unreadable weights: {error}", where=self.folder / WEIGHTS) from error
        check_finite(tensors, where=self.folder / WEIGHTS)
        return tensors

    def path(self, name: str) -> Path:
        """Returns a verified file of the bundle.

        Raises:
            ModelError: when the bundle has no such file.
        """
        if name not in self.config.sha256:
            raise ModelError(f"the bundle has no file '{name}'", where=self.folder)
        return self.folder / name

    def tensors(self, prefix: str) -> dict[str, Tensor]:
        """Returns the tensors whose names start with ``prefix``, the prefix removed."""
        return {name.removeprefix(prefix): value for name, value in self._tensors.items() if name.startswith(prefix)}


def save_bundle(
    folder: Path,
    config: BundleConfig,
    tensors: dict[str, Tensor],
    cell_types: pd.DataFrame,
    card: str,
    *,
    files: dict[str, bytes] | None = None,
) -> None:
    """Writes a model bundle, whole or not at all.

    Args:
        folder: The folder to write; one already there is replaced.
        config: The description; its ``sha256`` is filled in here.
        tensors: ``head.*`` and, for encoders whose source is the bundle, ``encoders.N.*``.
        cell_types: One row per output; the column ``cell_type`` names the columns of prediction tables.
        card: The model card, Markdown.
        files: Further files, such as ``tokenizer.json``.

    Raises:
        ModelError: when ``cell_types`` has no column of unique names.
    """
    _check_cell_types(cell_types)
    from safetensors.torch import save_file

    with atomic_folder(folder) as temporary:
        save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, temporary / WEIGHTS)
        cell_types.to_csv(temporary / CELL_TYPES, sep="\t", index=False)
        (temporary / CARD).write_text(card, encoding="utf-8")
        for name, content in (files or {}).items():
            (temporary / name).write_bytes(content)
        _write_config(temporary, config)


def _write_config(folder: Path, config: BundleConfig) -> None:
    sums = {path.name: sha256_file(path) for path in sorted(folder.iterdir()) if path.name != CONFIG}
    described = {**config.to_json(), "sha256": sums}
    (folder / CONFIG).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def extend_bundle(folder: Path, files: dict[str, bytes], **changes: Any) -> None:
    """Adds files to a bundle, or changes entries of its ``config.json``; whole or not at all.

    Args:
        folder: The bundle.
        files: Name to content; a file of that name is replaced.
        changes: Fields of :class:`BundleConfig`, such as ``max_n_fraction=0.5``.

    Raises:
        ModelError: when the bundle cannot be trusted.
    """
    config = replace(BundleFiles(folder).config, **changes)
    with atomic_folder(folder) as temporary:
        for name in config.sha256:
            shutil.copyfile(folder / name, temporary / name)
        for name, content in files.items():
            (temporary / name).write_bytes(content)
        _write_config(temporary, config)


def _check_cell_types(table: pd.DataFrame, where: Path | None = None) -> None:
    names = table.get("cell_type", pd.Series([""]))
    if names.duplicated().any() or not all(names) or any(map(CONTROL.search, names)):
        raise ModelError(
            "unusable table of cell types", where=where,
            allowed="a column cell_type of unique names without tabs, line ends or other control characters",
        )  # fmt: skip


def copy_bundle(source: Path, folder: Path) -> None:
    """Copies a bundle, its checksums verified, whole or not at all.

    Raises:
        ModelError: when ``source`` cannot be trusted.
    """
    files = BundleFiles(source)
    with atomic_folder(folder) as temporary:
        for name in (CONFIG, *files.config.sha256):
            shutil.copyfile(source / name, temporary / name)
