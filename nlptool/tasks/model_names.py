"""Names of models that mean the same."""

from __future__ import annotations

from pathlib import Path

from nlptool import catalog


def same_model(name: str, other: str) -> bool:
    """Return whether two names mean one model: some are short for one of the hub, and a path can be spelled in several ways."""
    return name == other or _canonical(name) == _canonical(other)


def _canonical(name: str) -> str:
    known = catalog.KNOWN.get(name)
    if known is not None and known.hub:
        return known.hub
    return str(Path(name)) if Path(name).exists() else name
