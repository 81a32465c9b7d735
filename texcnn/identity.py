"""Which code and packages a stage of the work runs: two equal digests give equal results.

By these digests the pipeline knows what it may reuse. A digest is of the parsed code, so that comments,
docstrings and layout do not count, and of the modules that a stage imports, so that an edit elsewhere does not count
either.
"""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, entry_points, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "texcnn"

STAGES: Mapping[str, Sequence[str]] = {
    "check": ("texcnn.cli.check",),
    "prepare": ("texcnn.cli.prepare",),
    "windows": ("texcnn.cli.windows",),
    "features": ("texcnn.cli.features",),
    "embed": ("texcnn.cli.embed", "texcnn.prediction.embed"),
    "predict": ("texcnn.cli.predict", "texcnn.prediction.predict"),
    "split": ("texcnn.cli.variants_split",),
    "variants": ("texcnn.cli.variants", "texcnn.effects.variants"),
    "evaluate": ("texcnn.cli.evaluate", "texcnn.evaluation.evaluate"),
    "train": ("texcnn.cli.train", "texcnn.training.train"),
    "merge": ("texcnn.cli.merge",),
    "report": ("texcnn.cli.report",),
}
"""The pipeline's stages: each with the modules where its code starts."""

_NOT_FOLLOWED = (f"{PACKAGE}.cli.", f"{PACKAGE}._version")
"""Shared parts of the command line parse and print; the version is a name of the code, which is read itself."""

_MODULE_NAME = re.compile(rf"{PACKAGE}(\.[a-z_0-9]+)+(?=:|$)")
"""A string that names a module, as in a registry of classes that are imported at first use."""


def stage_digests(root: Path | None = None) -> dict[str, str]:
    """Computes the digest of each stage of :data:`STAGES`.

    Args:
        root: The package's folder; None for the one that runs.

    Returns:
        Stage to hex digest.
    """
    root = Path(__file__).parent if root is None else root
    return {stage: _digest(_closure(modules, root), root) for stage, modules in STAGES.items()}


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Returns the installed versions of distributions; those that are not installed are left out."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def cuda_version() -> str:
    """Returns the version of CUDA that PyTorch was built for, read from its files; ``none`` for a CPU build."""
    found = find_spec("torch")
    file = None if found is None or found.origin is None else Path(found.origin).with_name("version.py")
    text = file.read_text(encoding="utf-8") if file is not None and file.is_file() else ""
    found_version = re.search(r"^cuda\b[^=]*= *'([^']+)'", text, re.MULTILINE)
    return found_version[1] if found_version else "none"


def _digest(modules: Sequence[str], root: Path) -> str:
    digest = hashlib.sha256()
    outside: set[str] = set()
    folders: set[Path] = set()
    for module in modules:
        path = _path(module, root)
        folders.add(path.parent)
        digest.update(f"{module}\n{_parsed(path)[0]}\n".encode())
        outside |= _parsed(path)[2]
    for path in _data_files(folders):
        digest.update(path.name.encode() + path.read_bytes())
    homes = _homes()
    packages = {home for name in outside for home in homes.get(name, ())}
    packages |= {point.dist.name for point in entry_points(group="texcnn.encoders") if point.dist} - {PACKAGE}
    for name, found in sorted(package_versions(packages).items()):
        digest.update(f"{name} {found}\n".encode())
    return digest.hexdigest()


def _closure(starts: Sequence[str], root: Path) -> list[str]:
    """Returns the modules that a stage imports, itself included, anywhere in the code."""
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        for name in _parsed(_path(module, root))[1]:
            followed = name != PACKAGE and not name.startswith(_NOT_FOLLOWED)
            if followed and name not in found and _path(name, root).is_file():
                waiting.append(name)
    return sorted(found)


def _path(module: str, root: Path) -> Path:
    below = root.joinpath(*module.split(".")[1:])
    return below / "__init__.py" if below.is_dir() else below.with_suffix(".py")


def _data_files(folders: Iterable[Path]) -> Iterator[Path]:
    """Files other than code that the package reads, such as the template of the report."""
    for folder in sorted(folders):
        # Folders that are not packages belong to the package that contains them.
        inner = [path for path in folder.iterdir() if path.is_dir() and not (path / "__init__.py").is_file()]
        for path in sorted(file for place in (folder, *inner) for file in place.iterdir()):
            if path.suffix in (".html", ".css", ".js", ".json", ".tsv", ".toml"):
                yield path


@cache
def _homes() -> Mapping[str, Sequence[str]]:
    return packages_distributions()


@cache
def _parsed(path: Path) -> tuple[str, frozenset[str], frozenset[str]]:
    """Returns a module's bare code, the package's modules that it names, and the other packages."""
    reader = _Reader()
    tree = reader.visit(ast.parse(path.read_bytes()))
    inside = {name for name in reader.names if name.split(".")[0] == PACKAGE}
    outside = {name.split(".")[0] for name in reader.names - inside}
    return ast.dump(tree), frozenset(inside), frozenset(outside - set(sys.stdlib_module_names))


class _Reader(ast.NodeTransformer):
    """Removes docstrings, and imports that only a type checker reads; notes the modules that the rest names."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_Import(self, node: ast.Import) -> ast.AST:
        """Notes the modules."""
        self.names.update(alias.name for alias in node.names)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        """Notes the module, and what may be modules in it."""
        if node.module:
            self.names.add(node.module)
            if node.module.startswith(PACKAGE):
                self.names.update(f"{node.module}.{alias.name}" for alias in node.names)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Notes a module that a string names."""
        if isinstance(node.value, str) and (named := _MODULE_NAME.match(node.value)):
            self.names.add(named[0])
        return node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        """Leaves ``if TYPE_CHECKING:`` out."""
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return None
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Leaves strings out that are alone: docstrings of any place."""
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return self.generic_visit(node)
