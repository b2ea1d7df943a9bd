"""Gold answers of a question about a text, and where they stand in it.

The forms that answers are distributed in: objects with ``text`` and ``answer_start`` (SQuAD: P. Rajpurkar et al. 2016, 2018),
one object with a list of texts and a list of starts (the datasets library), and texts alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlptool.errors import RecordError
from nlptool.records.json_bytes import listed, type_of
from nlptool.records.named_columns import unpacked
from nlptool.records.record import lone_surrogate
from nlptool.text.scripts import LONE_SURROGATE

NEAR = 100
"""Characters from its offset within which an answer that is not there is looked for."""

_START = "answer_start"


@dataclass(frozen=True, slots=True)
class Answer:
    """A text, and the characters of the context at which it begins and ends, ``context[start:end]``; None: not known."""

    text: str
    start: int | None = None

    @property
    def end(self) -> int | None:
        return None if self.start is None else self.start + len(self.text)


@dataclass(slots=True)
class Placings:
    """How many answers were found where, of those that do not stand at their offsets.

    Attributes:
        n_moved: found near the offset.
        n_searched: found, without an offset: at their first occurrence.
        n_lost: not found.
    """

    n_moved: int = 0
    n_searched: int = 0
    n_lost: int = 0

    def place(self, answer: Answer, context: str) -> Answer:
        """Return the answer with the offset at which it stands, None if it does not; count it if that is another one."""
        if answer.start is None:
            start = context.find(answer.text)
            self.n_searched += start >= 0
        elif context.startswith(answer.text, answer.start):
            return answer
        else:
            start = _nearest(answer.text, context, answer.start)
            self.n_moved += start >= 0
        self.n_lost += start < 0
        return Answer(answer.text, start if start >= 0 else None)

    def sentences(self) -> list[str]:
        """Return what a person should know of them."""
        counts = {
            f"answers that are not at their offset and were found within {NEAR} characters of it": self.n_moved,
            "answers without an offset, found at their first occurrence": self.n_searched,
            "answers that are not in their context": self.n_lost,
        }
        return [f"{what}: {n:,}" for what, n in counts.items() if n]


def answers_of(value: Any, name: str) -> tuple[Answer, ...]:
    """Return the answers that the field ``name`` holds, without those that are empty.

    Args:
        value: a list of objects, of texts; an object of lists, or of one text; a text; JSON of these, in a cell of a table.

    Raises:
        RecordError: it is something else.
    """
    parsed = unpacked(value)
    if isinstance(parsed, dict) or (isinstance(parsed, list) and not any(isinstance(each, int) for each in parsed)):
        value = parsed  # else it is an answer that begins with a bracket, such as [1]
    if isinstance(value, dict):
        value = _as_list(value, name)
    items = value if isinstance(value, list) else [value]
    answers = [_answer(item, name) for item in items]
    return tuple(answer for answer in answers if answer.text.strip())


def _as_list(value: Mapping[str, Any], name: str) -> list[Any]:
    """Return an object of lists, or of one text, as a list of objects."""
    if "text" not in value:
        raise RecordError("MissingField", f"`{name}` has no `text`; its fields: {listed(value)}")
    texts, starts = value["text"], value.get(_START)
    if isinstance(texts, str):
        return [value]
    if not isinstance(texts, list):
        raise RecordError("NotText", f"`{name}.text` holds {type_of(texts)}, not a list of strings")
    if starts is None:
        return texts
    if not isinstance(starts, list) or len(starts) != len(texts):
        found = f"{len(starts)} starts" if isinstance(starts, list) else type_of(starts)
        raise RecordError("WrongOffsets", f"`{name}` has {len(texts)} texts, and `{_START}` holds {found}")
    return [{"text": text, _START: start} for text, start in zip(texts, starts, strict=True)]


def _answer(item: Any, name: str) -> Answer:
    text, start = item, None
    if isinstance(item, dict):
        if "text" not in item:
            raise RecordError("MissingField", f"an answer has no `text`; its fields: {listed(item)}")
        text, start = item["text"], item.get(_START)
    if not isinstance(text, str):
        raise RecordError("NotText", f"an answer in `{name}` is {type_of(text)}, not a string")
    if lone := LONE_SURROGATE.search(text):
        raise lone_surrogate(lone)
    if start is not None and type(start) is not int:
        raise RecordError("WrongOffsets", f"`{_START}` is no whole number: {start!r:.40}")
    return Answer(text, start if start is not None and start >= 0 else None)  # -1 stands for an unknown one


def _nearest(text: str, context: str, start: int) -> int:
    """Return the occurrence of a text whose beginning is nearest to ``start`` and at most ``NEAR`` away, -1 without one."""
    first = max(0, start - NEAR)
    before = context.rfind(text, first, start + len(text))
    behind = context.find(text, start, start + NEAR + len(text))
    found: Sequence[int] = [place for place in (before, behind) if place >= 0]
    return min(found, key=lambda place: abs(place - start), default=-1)
