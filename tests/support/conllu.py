"""CoNLL-U read strictly: the rules of ``udvalidate --level 1`` (package udtools), and the text that a sentence is of."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_COLUMNS_WITH_BLANKS = (1, 2, 9)  # FORM, LEMMA and MISC can have single blanks within
_ESCAPES = {"s": " ", "t": "\t", "n": "\n", "r": "\r", "p": "|", "\\": "\\"}


@dataclass(frozen=True)
class Sentence:
    """A sentence: its comments by name, its words, and its tokens, of which some are several words."""

    comments: dict[str, str]
    words: list[list[str]]
    tokens: list[list[str]]

    @property
    def text(self) -> str:
        """The text by SpacesBefore, SpacesAfter and SpacesInToken, to the character."""
        parts = []
        for number, token in enumerate(self.tokens):
            misc = attributes(token)
            after = "" if misc.get("SpaceAfter") == "No" else unescaped(misc.get("SpacesAfter", "\\s"))
            assert number == 0 or "SpacesBefore" not in misc
            form = unescaped(misc["SpacesInToken"]) if "SpacesInToken" in misc else token[1]
            parts += [unescaped(misc.get("SpacesBefore", "")), form, after]
        return "".join(parts)

    @property
    def shown(self) -> str:
        """The text by forms and SpaceAfter=No, as ``# text`` has it."""
        ends = ["" if attributes(token).get("SpaceAfter") == "No" else " " for token in self.tokens]
        return "".join(token[1] + end for token, end in zip(self.tokens, ends, strict=True)).rstrip()


def attributes(token: list[str]) -> dict[str, str]:
    pairs = [] if token[9] == "_" else [pair.split("=", 1) for pair in token[9].split("|")]
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)  # type: ignore[arg-type]


def unescaped(value: str) -> str:
    return re.sub(r"\\(u[0-9a-f]{4}|.)", lambda m: _ESCAPES.get(m[1]) or chr(int(m[1][1:], 16)), value)


def read(written: str) -> list[Sentence]:
    """Return the sentences of a file, each of whose lines is as it must be."""
    assert not written or written.endswith("\n\n")
    assert unicodedata.is_normalized("NFC", written)
    assert "\r" not in written
    assert "\ufffd" not in written
    sentences = [_sentence(block.split("\n")) for block in written.split("\n\n")[:-1]]
    ids = [sentence.comments["sent_id"] for sentence in sentences]
    assert len(set(ids)) == len(ids)
    for sentence in sentences:
        assert sentence.comments["text"] == sentence.shown
    return sentences


def _sentence(lines: list[str]) -> Sentence:
    comments = [line for line in lines if line.startswith("#")]
    rows = [line.split("\t") for line in lines[len(comments) :]]
    assert rows
    words, tokens = [], []
    covered = 0
    for row in rows:
        assert len(row) == 10
        for place, column in enumerate(row):
            blanks = re.findall(r"\s+", column)
            assert column == column.strip() != ""
            assert not blanks or (place in _COLUMNS_WITH_BLANKS and max(map(len, blanks)) == 1)
        if "-" in row[0]:
            first, last = map(int, row[0].split("-"))
            assert first == len(words) + 1 < last
            assert not re.search(r"\s", row[1])
            covered = last
            tokens.append(row)
        else:
            assert row[0] == str(len(words) + 1)
            words.append(row)
            if len(words) > covered:
                tokens.append(row)
    assert covered <= len(words)
    pairs = [line.removeprefix("# ").split(" = ", 1) for line in comments]
    return Sentence(dict(pairs), words, tokens)  # type: ignore[arg-type]
