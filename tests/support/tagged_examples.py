"""Small sets of tagged sentences: animals and places, which a network learns by their words."""

from __future__ import annotations

from typing import Any

from labelled_examples import ANIMALS, PLACES, VERBS

TOKENS: list[dict[str, Any]] = [
    {
        "tokens": ["The", animal, verb, *place.split(), "."],
        "tags": ["O", "B-ANIMAL", "O", *(["B-PLACE"] + ["I-PLACE"] * place.count(" ")), "O"],
    }
    for animal in ANIMALS
    for verb in VERBS
    for place in PLACES
]
"""48 sentences of words, with an entity of one word and one of several."""

SPANS: list[dict[str, Any]] = [
    {"text": f"{name}が{number}の庭で鳴く。", "entities": [{"start": 0, "end": len(name), "label": "ANIMAL"}]}
    for name in ANIMALS.values()
    for number in range(16)
]
"""48 texts with a span of characters each."""

PARTS: list[dict[str, Any]] = [
    {"tokens": each["tokens"], "tags": ["DET", "NOUN", "VERB", *["X"] * (len(each["tokens"]) - 4), "PUNCT"]}
    for each in TOKENS
]
"""48 sentences whose words have tags that mark no entities."""


def conll(records: list[dict[str, Any]]) -> str:
    """The sentences in columns."""
    return "".join(
        "".join(f"{word}\t{tag}\n" for word, tag in zip(each["tokens"], each["tags"], strict=True)) + "\n"
        for each in records
    )
