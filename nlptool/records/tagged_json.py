"""Tagged sentences that are JSON objects: words and their tags, or a text and spans of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from nlptool.errors import RecordError
from nlptool.records.json_bytes import listed, type_of
from nlptool.records.record import lone_surrogate
from nlptool.records.tagged_names import TEXTS, Names, is_spans, value_of, words_in
from nlptool.records.tagged_sentence import Annotation, Sentence
from nlptool.records.token_text import joined, places_in
from nlptool.text.scripts import LONE_SURROGATE
from nlptool.text.spans import Place, Span, in_characters

_STARTS = ("start", "start_offset", "start_char", "startOffset", "begin", "offset")
_ENDS = ("end", "end_offset", "end_char", "endOffset", "stop")
_BOTH = ("span", "offsets")
_LABELS = ("label", "type", "entity_group", "entity_type", "tag", "category", "class", "ner", "entity")
_SURFACES = ("text", "surface", "mention")  # of a span
_FORMS = ("surface", "form", "text", "word", "token")  # of a word that is an object


def sentence(values: Mapping[str, Any], names: Names, line: int, peculiar: Counter[str]) -> Sentence:
    """Return the sentence that an object is.

    Spans are of characters; without a text they are of words.

    Args:
        names: of its words and tags.
        line: where it stands.
        peculiar: counts the objects whose spans are of words.

    Raises:
        RecordError: something is missing or contradicts something else. NoGold and NoPrediction: one of two annotations is
            missing or null.
    """
    text = next((values[name] for name in TEXTS if isinstance(values.get(name), str)), None)
    if text is not None and (lone := LONE_SURROGATE.search(text)):
        raise lone_surrogate(lone)
    words: list[Place] | None = None
    is_made = text is None
    if (words_name := words_in(values, names.words)) is not None:
        text, words = read_words(value_of(values, words_name), words_name, text)
    if text is None:
        raise RecordError("MissingField", f"the record has neither words nor a text; its fields: {listed(values)}")
    annotations: list[Annotation] = []
    for name, lacking in zip(names.columns, ("NoGold", "NoPrediction"), strict=False):
        value = value_of(values, name)
        if value is None:
            type = lacking if len(names.columns) > 1 else "MissingField"
            raise RecordError(type, f"the record has no `{name}`; its fields: {listed(values)}")
        annotations.append(_annotation(value, name, text, words, is_made=is_made))
    peculiar["spans_of_words"] += is_made and any(each.spans for each in annotations)
    return Sentence(text, tuple(words or ()), tuple(annotations), line)


def read_words(value: Any, name: str, text: str | None) -> tuple[str, list[Place]]:
    """Return the text and where its words stand: strings, or objects that may say where, as ``nlptool tokenize`` writes them.

    Args:
        value: of the field ``name``.
        text: that of the record; None: it is made of the words.

    Raises:
        RecordError: these are no words, or not those of the text.
    """
    if not isinstance(value, list):
        raise RecordError("NotWords", f"`{name}` holds {type_of(value)}, not a list of words")
    forms: list[str] = []
    for number, item in enumerate(value, 1):
        form = next((item[key] for key in _FORMS if key in item), None) if isinstance(item, dict) else item
        if not (isinstance(form, str) and form):
            what = "an empty string" if form == "" else type_of(item)
            raise RecordError("NotWords", f"`{name}` is a list of words, and number {number} is {what}")
        if lone := LONE_SURROGATE.search(form):
            raise lone_surrogate(lone)
        forms.append(form)
    if text is None:
        return joined(forms)
    if all(
        isinstance(item, dict) and type(item.get("start")) is int and type(item.get("end")) is int for item in value
    ):
        places: list[Place] = [(item["start"], item["end"]) for item in value]
        ends = [0, *(end for place in places for end in place)]
        if ends == sorted(ends) and ends[-1] <= len(text) and forms == [text[start:end] for start, end in places]:
            return text, places
        message = f"`{name}` does not say where its words stand in the text: text[start:end] is another"
        raise RecordError("OtherWords", message)
    return text, places_in(text, forms)


def _annotation(value: Any, name: str, text: str, words: Sequence[Place] | None, *, is_made: bool) -> Annotation:
    """Return tags, if the value is a list of strings, or spans."""
    if not isinstance(value, list):
        raise RecordError("NotTags", f"`{name}` holds {type_of(value)}, not a list of tags or of spans")
    if is_spans(value) and (value or words is None):
        spans = [_span(item, name, number) for number, item in enumerate(value, 1)]
        if is_made and words is not None:
            _check(spans, len(words), "words")
            return Annotation(spans=tuple(in_characters(spans, words)))
        _check(spans, len(text), "characters")
        for span, item in zip(spans, value, strict=True):
            _check_surface(span, item, text)
        return Annotation(spans=tuple(spans))
    if words is None:
        raise RecordError(
            "NotTags", f"`{name}` has tags, and the record no words", hint="--words NAME says what they are called"
        )
    if not value and words:  # an object without entities
        return Annotation(spans=())
    for number, tag in enumerate(value, 1):
        if not (isinstance(tag, str) and tag.strip()):
            what = "an empty string" if isinstance(tag, str) else type_of(tag)
            hint = "write the names of the tags, which the data set's features hold" if isinstance(tag, int) else ""
            raise RecordError("NotTags", f"`{name}` is a list of tags, and number {number} is {what}", hint=hint)
        if lone := LONE_SURROGATE.search(tag):
            raise lone_surrogate(lone)
    if len(value) != len(words):
        raise RecordError("OtherLength", f"`{name}` has {len(value):,} tags, and there are {len(words):,} words")
    return Annotation(tuple(tag.strip() for tag in value))


def _span(item: Any, name: str, number: int) -> Span:
    """Return a span: [start, end, label], or an object."""
    start: Any
    end: Any
    label: Any
    if isinstance(item, list):
        start, end, label = item if len(item) == 3 else (None, None, None)
    else:
        both = next((item[key] for key in _BOTH if isinstance(item.get(key), list) and len(item[key]) == 2), None)
        start = both[0] if both else next((item[key] for key in _STARTS if key in item), None)
        end = both[1] if both else next((item[key] for key in _ENDS if key in item), None)
        if end is None and type(start) is int and type(item.get("length")) is int:
            end = start + item["length"]
        label = next((item[key] for key in _LABELS if isinstance(item.get(key), str)), None)
    if type(start) is not int or type(end) is not int or not isinstance(label, str) or not label.strip():
        message = f"span {number} of `{name}` lacks a start, an end or a label"
        raise RecordError("NotASpan", message, hint='a span is {"start": 0, "end": 2, "label": "PER"} or [0, 2, "PER"]')
    if lone := LONE_SURROGATE.search(label):
        raise lone_surrogate(lone)
    return Span(start, end, label.strip())


def _check(spans: Sequence[Span], length: int, what: str) -> None:
    for start, end, label in spans:
        if not 0 <= start < end <= length:
            reason = "is empty" if 0 <= start == end <= length else f"is not within {length:,} {what}"
            message = f"the span {start}–{end} of `{label:.20}` {reason}"
            raise RecordError(
                "WrongSpan", message, hint=f"start and end count {what} from 0; the end is behind the last one"
            )


def _check_surface(span: Span, item: Any, text: str) -> None:
    """Refuse a span that is another text than it says."""
    said = (
        next((item[key] for key in _SURFACES if isinstance(item.get(key), str)), None)
        if isinstance(item, dict)
        else None
    )
    there = text[span.start : span.end]
    if said is not None and said.split() != there.split():
        message = f"the span {span.start}–{span.end} is `{there:.20}` in the text, and `{said:.20}` by itself"
        raise RecordError(
            "WrongSpan", message, hint="offsets count characters (Unicode code points), not bytes or UTF-16 units"
        )
