"""A text's tokens as a sentence of CoNLL-U (https://universaldependencies.org/format.html), without heads.

What ``udvalidate --level 1`` asks of a file holds for any text:

- Text is in NFC; the caller has brought it there before the analysis.
- White space is no word. ``# text`` has one blank for each run of it between words; attributes of MISC, named and escaped as by
  UDPipe, say which it was: SpacesAfter (and SpacesBefore, of the first word) if it is not one blank, and SpacesInToken for the
  exact form of a word that has some within. A blank, tab, line feed and carriage return are ``\\s \\t \\n \\r`` there, ``|`` and
  the backslash ``\\p`` and ``\\\\``, other white space is ``\\u3000``.
- U+FFFD, which stands for an encoding error, is written 〓, and SpacesInToken has it as ``\\ufffd``.
- Words that NFKC makes of one character (㍿: 株式 会社) are a multiword token.
- A text without words is no sentence: nothing is written for it.

So SpacesBefore, forms and SpacesAfter make up the text, to the character.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nlptool.models.japanese.tagger import Morpheme
from nlptool.tasks.tokens import Token
from nlptool.tasks.universal_pos import Word, universal_pos, word_of

NUMBER = b"\xff"
"""Stands where the number of the sentence comes; no byte of UTF-8."""

_MOST_ENTRIES = 200_000  # distinct words whose columns are kept
_ESCAPES = {" ": "\\s", "\t": "\\t", "\n": "\\n", "\r": "\\r", "|": "\\p", "\\": "\\\\"}
_TO_ESCAPE = re.compile(r"[\s|\\\ufffd]")
_DAMAGED = "\ufffd"
_GETA = "\u3013"  # 〓, the printers' mark for a character that is not at hand


class _Entry(NamedTuple):
    """What of a word is the same wherever it stands."""

    word: Word
    lemma: str  # "": the word itself
    xpos: str
    misc: tuple[str, ...]


@dataclass(slots=True)
class _Word:
    """A token without the white space at its ends."""

    token: Token
    entry: _Entry
    start: int
    end: int
    upos: str = "X"


class SentenceWriter:
    """Writes sentences."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, tuple[str, ...]], _Entry] = {}

    def __call__(
        self,
        text: str,
        tokens: Sequence[Token],
        *,
        keeps: Callable[[Token], bool] | None = None,
        name: str = "",
        comments: Iterable[str] = (),
    ) -> bytes:
        """Return the lines of a sentence and the empty line behind it; nothing if it has no words.

        Args:
            text: in NFC.
            tokens: of the whole text, since a part of speech depends on its neighbours.
            keeps: whether a token is written; None: all are. In ``# text`` a blank stands for what is left out.
            name: what stands behind the number in ``sent_id``.
            comments: lines before ``# text``, without the ``#``.
        """
        words = list(filter(None, map(self._word, tokens)))
        for word, upos in zip(words, universal_pos([word.entry.word for word in words]), strict=True):
            word.upos = upos
        if keeps is not None:
            words = [word for word in words if keeps(word.token)]
        groups = _overlapping(words)
        lines: list[str] = []
        shown: list[str] = []
        number = 0
        for group, following in itertools.zip_longest(groups, groups[1:]):
            start, end = group[0].start, max(word.end for word in group)
            exact, after = text[start:end], text[end : following[0].start if following else len(text)]
            form = _form(exact, " " if len(group) == 1 else "")
            misc = _spaces("" if shown else text[:start], after)
            if form != exact:
                misc.append(_attribute("SpacesInToken", exact))
            if len(group) == 1:
                number += 1
                lines.append(_word_line(number, form, group[0], misc))
            else:
                lines.append(_line(f"{number + 1}-{number + len(group)}", form, "_\t_\t_", misc))
                for word in group:
                    number += 1
                    lines.append(_word_line(number, _form(word.token.normalized or word.token.surface), word, []))
            shown.append(f"{form} " if after else form)
        if not lines:
            return b""
        head = "".join(f"# {line}\n" for line in (*comments, f"text = {''.join(shown).rstrip()}"))
        return b"# sent_id = %b%b\n%b\n" % (NUMBER, name.encode(), "".join([head, *lines]).encode())

    def _word(self, token: Token) -> _Word | None:
        """Return the token without white space at its ends; None if there is nothing else."""
        surface, morpheme = token.surface, token.morpheme
        core = surface.strip()
        if not core or (token.normalized is not None and not token.normalized.strip()):
            return None
        start = token.start + (len(surface) - len(surface.lstrip()) if core != surface else 0)
        key = morpheme.surface, morpheme.columns
        entry = self._entries.get(key)
        if entry is None:
            if len(self._entries) >= _MOST_ENTRIES:
                self._entries.clear()
            entry = self._entries[key] = _entry(morpheme)
        return _Word(token, entry, start, start + len(core))


def _entry(morpheme: Morpheme) -> _Entry:
    feature = morpheme.feature
    word = word_of(morpheme)
    misc = [("Reading", feature("reading")), ("LemmaSense", feature("lemma_sense"))]
    return _Entry(
        word,
        _form(feature("lemma") or ""),
        "_".join(_nfc(word.pos).split()) or "_",
        tuple(_attribute(name, value) for name, value in misc if value),
    )


def _overlapping(words: Sequence[_Word]) -> list[list[_Word]]:
    """Return the words in groups that share characters: mostly one word each."""
    groups: list[list[_Word]] = []
    end = 0
    for word in words:
        if groups and word.start < end:
            groups[-1].append(word)
        else:
            groups.append([word])
        end = max(end, word.end)
    return groups


def _word_line(number: int, form: str, word: _Word, misc: list[str]) -> str:
    entry, token = word.entry, word.token
    lemma = entry.lemma or _form(token.surface if token.normalized is None else token.normalized)
    return _line(str(number), form, f"{lemma}\t{word.upos}\t{entry.xpos}", [*misc, *entry.misc])


def _line(number: str, form: str, analysis: str, misc: list[str]) -> str:
    return f"{number}\t{form}\t{analysis}\t_\t_\t_\t_\t{'|'.join(misc) or '_'}\n"


def _spaces(before: str, after: str) -> list[str]:
    """Return the attributes that say what white space stands before a word and after it. Anything else there is words that are
    left out."""
    found = [_attribute("SpacesBefore", before)] if before.isspace() else []
    if not after:
        found.append("SpaceAfter=No")
    elif after != " " and after.isspace():
        found.append(_attribute("SpacesAfter", after))
    return found


def _form(exact: str, blank: str = " ") -> str:
    """Return a word as it can be written in a column."""
    return _nfc(blank.join(exact.split()).replace(_DAMAGED, _GETA))


def _attribute(name: str, value: str) -> str:
    """Return an attribute of MISC. Its escapes and the = must not compose with a mark behind them (\\r and an acute accent)."""
    attribute = f"{name}={_TO_ESCAPE.sub(lambda match: _ESCAPES.get(match[0]) or _code(match[0]), _nfc(value))}"
    if unicodedata.is_normalized("NFC", attribute):
        return attribute
    return "".join(_code(char) if unicodedata.combining(char) and char < "\U00010000" else char for char in attribute)


def _code(char: str) -> str:
    return f"\\u{ord(char):04x}"


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)
