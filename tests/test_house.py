"""The house: imports run only downwards, verbs are where the package says, and no signature is a list of everything."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path

import pytest
from torch import nn

import texcnn

MOST_PARAMETERS = 9
LONGEST_COMMAND = 120


def modules() -> Iterator[str]:
    for found in pkgutil.walk_packages(texcnn.__path__, "texcnn."):
        if not found.ispkg and not found.name.startswith("texcnn.cli") and found.name != "texcnn.__main__":
            yield found.name


def public_functions() -> Iterator[tuple[str, inspect.Signature]]:
    for name in modules():
        module = importlib.import_module(name)
        for attribute, value in vars(module).items():
            if attribute.startswith("_") or getattr(value, "__module__", None) != name:
                continue
            if inspect.isfunction(value):
                yield f"{name}.{attribute}", inspect.signature(value)
            elif inspect.isclass(value):
                # Of option objects and networks each setting is an argument, and most have a default.
                has_settings = is_dataclass(value) or issubclass(value, nn.Module)
                for method, function in vars(value).items():
                    is_constructor = method == "__init__" and not has_settings
                    if inspect.isfunction(function) and (is_constructor or not method.startswith("_")):
                        yield f"{name}.{attribute}.{method}", inspect.signature(function)


def test_imports_run_only_downwards(project: Path) -> None:
    found = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"], cwd=project, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout


def test_no_public_function_has_more_than_nine_parameters() -> None:
    found = {name: len(signature.parameters) for name, signature in public_functions()}
    assert len(found) > 300
    assert {name: number for name, number in found.items() if number > MOST_PARAMETERS} == {}


def test_a_command_parses_calls_and_says_nothing_else(project: Path) -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in (project / "texcnn" / "cli").glob("*.py")}
    # Shared by the commands, or no command: options, the way in, and what one command calls.
    shared = {"options.py", "main.py", "kipoi_register.py"}
    assert {name: number for name, number in lengths.items() if number > LONGEST_COMMAND and name not in shared} == {}


@pytest.mark.parametrize("name", [name for name in texcnn.__all__ if name != "__version__"])
def test_public_names_are_where_the_package_says(name: str) -> None:
    assert name in dir(texcnn)
    found = getattr(texcnn, name)
    assert found.__name__ == name
    assert found.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'texcnn' has no attribute 'predikt'"):
        texcnn.predikt  # noqa: B018


def test_the_package_is_imported_without_torch() -> None:
    code = "import sys, texcnn, texcnn.cli.main; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_no_class_name_is_used_twice() -> None:
    homes: dict[str, set[str]] = {}
    for name in modules():
        for attribute, value in vars(importlib.import_module(name)).items():
            if inspect.isclass(value) and value.__module__ == name and not attribute.startswith("_"):
                homes.setdefault(attribute, set()).add(name)
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}
