"""Small sets of questions and of choices, which a network learns by the words in them."""

from __future__ import annotations

import itertools
import json
from typing import Any

from labelled_examples import ANIMALS, PLACES, VERBS

QUESTIONS: list[dict[str, Any]] = [
    {
        "id": f"{animal}-{verb}-{place}-{what}",
        "title": animal,
        "question": f"{what}?",
        "context": f"The {animal} {verb} {place}.",
        "answers": [{"text": answer, "answer_start": f"The {animal} {verb} {place}.".index(answer)}],
    }
    for animal in ANIMALS
    for verb in VERBS
    for place in PLACES
    for what, answer in (("Who", animal), ("What", verb))
]
"""96 questions, two about each context."""

IMPOSSIBLE: list[dict[str, Any]] = [
    {**each, "id": f"{each['id']}-none", "question": "Why?", "answers": [], "is_impossible": True}
    for each in QUESTIONS[::2]
]
"""48 questions that their contexts do not answer."""

_TURNS = [[*ANIMALS][place:] + [*ANIMALS][:place] for place in range(len(ANIMALS))]

CHOICES: list[dict[str, Any]] = [
    {
        "question": f"The {animal} {verb} {place}.",
        "choices": _TURNS[number % len(_TURNS)],
        "label": _TURNS[number % len(_TURNS)].index("cat"),
    }
    for number, (animal, verb, place) in enumerate(itertools.product(ANIMALS, VERBS, PLACES))
]
"""48 sentences with three choices, in turn: the cat is the right one."""


def squad(records: list[dict[str, Any]], version: str = "1.1") -> str:
    """Questions in SQuAD's JSON, an article each."""
    articles = [
        {
            "title": each["title"],
            "paragraphs": [
                {"context": each["context"], "qas": [{k: each[k] for k in each if k not in ("title", "context")}]}
            ],
        }
        for each in records
    ]
    return json.dumps({"version": version, "data": articles})
