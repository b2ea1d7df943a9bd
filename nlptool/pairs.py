"""Files of pairs: two texts a line, and a score where people gave one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson

from nlptool.errors import RecordError
from nlptool.pipe import Pipe
from nlptool.records import InputFormat, Record

TEXTS = (("first", "second"), ("sentence1", "sentence2"), ("text1", "text2"))
"""Names of the two texts in JSONL."""
SCORES = ("score", "label", "similarity")
"""Names of the score."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts, and how alike they are, if that is known; higher is more alike."""

    first: str
    second: str
    score: float | None = None


def read(pipe: Pipe, path: str, *, scored: bool) -> list[Pair]:
    """The pairs of a file: `first<TAB>second[<TAB>score]`, or JSONL. What is no pair fails, and counts in ``pipe``.

    Args:
        scored: a pair without a score is none.

    Raises:
        RunError: most lines are no pairs.
    """
    form = InputFormat(kind="text", encoding=pipe.form.encoding)
    own = replace(pipe, files=(path,), form=form, separator=b"\n", progress="never")
    found: list[Pair] = []

    def parsed() -> Iterator[list[Record]]:
        for records in own.read():
            for record in records:
                if record.pending and record.text.strip():
                    try:
                        found.append(_pair(record.text, scored=scored))
                    except RecordError as error:
                        record.fail(error)
            yield records

    own.consume(parsed())
    pipe.n_failed += own.n_failed
    pipe.input_failed |= own.input_failed
    own.refuse_failed(f"{path}: most of its lines are no pairs, and nothing is trained")
    return found


def _pair(line: str, *, scored: bool) -> Pair:
    if line.startswith("{"):
        first, second, score = _of_object(line)
    else:
        cells = line.split("\t")
        if len(cells) != 2 + scored:
            columns = "two texts and a score" if scored else "two texts"
            here = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
            raise RecordError("NotAPair", f"a pair is {columns} with tabs between them, this line has {here}")
        first, second, score = cells[0], cells[1], cells[2] if scored else None
    if not (isinstance(first, str) and isinstance(second, str) and first.strip() and second.strip()):
        raise RecordError(
            "NotAPair", "a pair is two texts", hint=f"JSONL calls them {' or '.join(map('/'.join, TEXTS))}"
        )
    return Pair(first, second, _number(score) if scored else None)


def _of_object(line: str) -> tuple[Any, Any, Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise RecordError("BadJson", f"this is no JSON: {error}") from error
    first, second = next((names for names in TEXTS if names[0] in value), TEXTS[0])
    return value.get(first), value.get(second), next((value[name] for name in SCORES if name in value), None)


def _number(score: Any) -> float:
    try:
        number = float(score)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or isinstance(score, bool):
        raise RecordError("NoScore", "the pair has no score", hint=f"JSONL calls it {', '.join(SCORES)}")
    return number
