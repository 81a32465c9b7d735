#!/usr/bin/env python
"""Checks what the built archives hold, as in python scripts/check_dist.py dist.

The wheel has every module, bundle and page of the package and nothing else; the sdist has what builds it again.
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
BUILDS_IT = ("pyproject.toml", "README.md", "LICENSE", "PKG-INFO")


def wanted_files() -> set[str]:
    """Returns the files of the package as they are in the source, without Python's byte code."""
    found = (path for path in (PROJECT / "texcnn").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(PROJECT).as_posix() for path in found}


def problems(dist: Path) -> list[str]:
    """Returns what is wrong with the archives of a folder, one text each."""
    wheels, sdists = sorted(dist.glob("*.whl")), sorted(dist.glob("*.tar.gz"))
    if len(wheels) != 1 or len(sdists) != 1:
        return [f"{dist}: {len(wheels)} wheels and {len(sdists)} sdists, one of each is wanted"]
    wanted = wanted_files()
    with zipfile.ZipFile(wheels[0]) as wheel:
        names = set(wheel.namelist())
    package = {name for name in names if name.startswith("texcnn/")}
    others = {name for name in names - package if ".dist-info/" not in name and ".data/data/share/texcnn/" not in name}
    with tarfile.open(sdists[0]) as sdist:
        inside = {name.partition("/")[2] for name in sdist.getnames()}
    return [
        *(f"the wheel lacks {name}" for name in sorted(wanted - package)),
        *(f"the wheel has {name}, which the source has not" for name in sorted(package - wanted)),
        *(f"the wheel has {name}, which is no part of the package" for name in sorted(others)),
        *(f"the sdist lacks {name}" for name in sorted((wanted | set(BUILDS_IT)) - inside)),
    ]


if __name__ == "__main__":
    wrong = problems(Path(sys.argv[1] if len(sys.argv) > 1 else "dist"))
    sys.exit("\n".join(wrong) or 0)
