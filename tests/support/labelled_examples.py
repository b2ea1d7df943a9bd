"""Small sets of labelled examples: sentences about animals, whose label follows from a word in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ANIMALS = {"cat": "猫", "dog": "犬", "bird": "鳥"}
VERBS = ("sleeps", "sings", "eats", "sits")
PLACES = ("on the runway", "on stage", "by the window", "in the garden")

_ALL = [
    (animal, f"The {animal} {verb} {place}.", f"{name}が{VERBS.index(verb)}の{PLACES.index(place)}で鳴く。")
    for animal, name in ANIMALS.items()
    for verb in VERBS
    for place in PLACES
]

TEXTS: list[dict[str, Any]] = [{"text": text, "label": animal} for animal, text, _ in _ALL]
"""48 texts of three classes."""

PAIRS: list[dict[str, Any]] = [
    {"first": text, "second": _ALL[(number + 16 * (number % 2)) % 48][2], "label": ("same", "other")[number % 2]}
    for number, (_, text, _) in enumerate(_ALL)
]
"""48 pairs, no two of which share a text: whether both are about the same animal."""

SCORES: list[dict[str, Any]] = [
    {"text": text, "score": 100.5 + 40 * list(ANIMALS).index(animal) + len(text) / 8} for animal, text, _ in _ALL
]
"""48 texts with numbers from 100 to 190."""

SEVERAL: list[dict[str, Any]] = [
    {"text": text, "labels": [animal, *(["stage"] if "stage" in text else [])]} for animal, text, _ in _ALL
]
"""48 texts with one label or two."""


def write(path: Path, records: Iterable[Mapping[str, Any]]) -> Path:
    """Write records as JSONL."""
    path.write_bytes(jsonl(records))
    return path


def jsonl(records: Iterable[Mapping[str, Any]]) -> bytes:
    """Return records as JSONL."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
