"""Installed packages: where they are, and their versions."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from nlptool.storage import packages


@pytest.mark.parametrize("name", ["unidic-lite", "ipadic", "orjson", "sentence-transformers"])
def test_the_version_is_that_of_the_metadata(name: str) -> None:
    assert packages.version(name) == importlib.metadata.version(name)


def test_a_version_is_found_where_the_folder_does_not_say_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for other in ("1.0", "2.0"):  # left behind by a broken installation
        (tmp_path / f"unidic_lite-{other}.dist-info").mkdir()
    monkeypatch.setattr(packages, "package_folder", lambda package: tmp_path / package)
    assert packages.version("unidic-lite") == importlib.metadata.version("unidic-lite")


def test_a_package_that_is_not_installed_has_no_version() -> None:
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        packages.version("no-such-package")
