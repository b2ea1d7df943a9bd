"""Installed Python packages: their folders, their versions, and how those of an extra are installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def package_folder(package: str) -> Path | None:
    """Return where a Python package is installed, found without importing it; None if it is not."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def version(name: str) -> str:
    """Return the version of an installed distribution.

    It is read from the name of the folder that pip leaves beside the package: importlib.metadata takes 12 ms to import.

    Raises:
        PackageNotFoundError: it is not installed.
    """
    folder = package_folder(name.replace("-", "_"))
    if folder is not None:
        left = [path.name for path in folder.parent.glob(f"{folder.name}-*.dist-info")]
        if len(left) == 1:
            return left[0].removeprefix(f"{folder.name}-").removesuffix(".dist-info")
    from importlib.metadata import version as installed_version

    return installed_version(name)


def install_extra(name: str) -> str:
    """Return how the packages of an extra are installed; nlptool itself is on no package index."""
    return f"pip install '.[{name}]' where the project's pyproject.toml is"
