"""Which records can have a hit: a quick test, before their tokens are made, and before their JSON is parsed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from nlptool.records.record import Record
from nlptool.records.tokenized import has_tokens
from nlptool.text.token_query import TokenQuery
from nlptool.text.word_query import WordQuery

_SPELLED_OTHERWISE = re.compile(r'["\\/\x00-\x1f\x7f]')  # in JSON, which may spell any other character as \u
_ESCAPE = b"\\u"
_TO_TEXT = re.compile(
    rb'\{(?:(?!"text")"\w+":(?:"[^"\\]*+"|[-+.\w]+),)*+"text":"'
)  # the beginning of an object, to its text
_TOKENS, _ENTRIES, _ERROR = b'"tokens":[', b'"nlptool":', b'"error"'


class Sieve:
    """Tells which records can have a match of a pattern, by what every match needs (``needs``).

    The spelling of a token stands in the text; any other field of a token that a record brings along stands in its JSON.
    """

    def __init__(self, pattern: WordQuery | TokenQuery) -> None:
        self._in_text: list[Callable[[str], bool]] = []
        self._in_text_raw: list[list[bytes]] = []  # the same of the bytes of JSON: of each list one
        self._in_raw: list[list[bytes]] = []  # what stands in a token
        for clause in pattern.needs:
            values = [value for _, value in clause]
            is_plain = not pattern.ignore_case and not any(map(_SPELLED_OTHERWISE.search, values))
            of_spelling = all(field == "surface" for field, _ in clause)
            if of_spelling:
                self._in_text.append(_holder(values, ignore_case=pattern.ignore_case))
            if is_plain:
                (self._in_text_raw if of_spelling else self._in_raw).append([value.encode() for value in values])

    def __call__(self, record: Record) -> bool:
        """Return whether a record can have a hit; false is certain."""
        text, raw = record.text, record.raw
        if text or raw is None:
            if not all(holds(text) for holds in self._in_text):
                return False
        elif self.passes_over(raw):  # as it was read
            return False
        if raw is None or not self._in_raw or not has_tokens(record) or _ESCAPE in raw:
            return True
        return _has_all(raw, self._in_raw)

    def passes_over(self, line: bytes) -> bool:
        """Return whether a line of JSONL needs not be parsed: it is a record with a text and tokens, no error of an earlier
        command, and it cannot have a hit. What else may be wrong with it is not found out."""
        head = _TO_TEXT.match(line)
        if head is None or not line.endswith(b"}"):
            return False
        start = head.end()
        end = line.find(b'"', start)
        text = line[start:end]
        if b"\\" in text or line.find(_TOKENS, end) < 0:
            return False
        entries = line.rfind(_ENTRIES)
        if entries >= 0 and line.find(_ERROR, entries) >= 0:
            return False
        if not _has_all(text, self._in_text_raw):
            return True
        return bool(self._in_raw) and _ESCAPE not in line and not _has_all(line, self._in_raw)


def _has_all(raw: bytes, needs: Sequence[Sequence[bytes]]) -> bool:
    """Return whether of each list of values one is there."""
    return all(any(value in raw for value in values) for values in needs)


def _holder(values: Sequence[str], *, ignore_case: bool) -> Callable[[str], bool]:
    """Return the function that says whether a text has one of the values."""
    if ignore_case:
        search = re.compile("|".join(map(re.escape, values)), re.IGNORECASE).search
        return lambda text: search(text) is not None
    if len(values) == 1:
        (value,) = values
        return lambda text: value in text
    return lambda text: any(value in text for value in values)
