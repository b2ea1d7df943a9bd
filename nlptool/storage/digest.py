"""Digests of files and of values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's contents in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def short_digest(parts: Iterable[Any]) -> str:
    """Return 16 hexadecimal digits that differ when one of ``parts`` does: JSON values, or tuples of them."""
    digest = hashlib.sha256()
    for part in parts:  # one at a time: a corpus is not copied as a whole
        digest.update(json.dumps(part, ensure_ascii=True, sort_keys=True).encode() + b"\0")
    return digest.hexdigest()[:16]
