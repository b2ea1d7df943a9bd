"""Hits of a query among the tokens of a text, with what stands around them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from nlptool.models.words.token_maker import Token, TokenMaker
from nlptool.tasks.token_finder import TokenFinder
from nlptool.text.token_query import TokenQuery
from nlptool.text.word_query import WordQuery

_MOST_IN_KEY = 20  # words by which hits are sorted


@dataclass(frozen=True, slots=True)
class KwicSettings:
    """What is looked for, and what is said of it.

    Attributes:
        words: that are looked for, or ``query`` in their place.
        by: surface | lemma: what a word is compared with.
        context: how many words, or characters, are shown on each side.
        sort: left | right | file.
        tokenizer, dictionary: as of ``TokenMaker``.
    """

    words: tuple[str, ...] = ()
    query: str | None = None
    by: str = "surface"
    ignore_case: bool = False
    context: int = 10
    in_characters: bool = False
    sort: str = "file"
    tokenizer: str = "auto"
    dictionary: str | None = None

    def pattern(self) -> WordQuery | TokenQuery:
        """Return what finds the hits.

        Raises:
            QueryError: the query cannot be read.
        """
        if self.query is not None:
            return TokenQuery(self.query, by=self.by, ignore_case=self.ignore_case)
        return WordQuery(self.words, by=self.by, ignore_case=self.ignore_case)


class Hit(NamedTuple):
    """A hit: ``text[start:end]``, and the text around it, from ``left`` to ``right``.

    Attributes:
        lemma, pos: of its tokens, with blanks between; None: not known.
        key: by which it is sorted.
    """

    start: int
    end: int
    left: int
    right: int
    lemma: str | None
    pos: str | None
    key: str


class Found(NamedTuple):
    """The hits in a text.

    Attributes:
        tokenizer: as of ``TokenFinder.find``.
        lacks_lemmas: lemmas are looked for and its tokens have none, so that their surfaces were compared.
    """

    hits: list[Hit]
    tokenizer: str
    lacks_lemmas: bool


class Finder(TokenFinder[Found]):
    """Finds the hits in texts.

    Attributes:
        pattern: what finds them.
        unseen: fields of the pattern that no token of a record had so far.
    """

    def __init__(self, settings: KwicSettings) -> None:
        self.pattern = settings.pattern()
        self.unseen = set(self.pattern.fields)
        self._settings = settings
        self._by_lemma = settings.by == "lemma" and "lemma" in self.pattern.fields

    def _open_maker(self) -> TokenMaker:
        settings, pattern = self._settings, self.pattern
        of_tokens = not settings.ignore_case and (settings.query is not None or settings.by == "lemma")
        needs = pattern.needs if of_tokens else ()  # a word may be several tokens
        return TokenMaker(settings.tokenizer, settings.dictionary, pattern.fields, needs)

    def find(self, text: str, tokens: list[Token], tokenizer: str = "") -> Found:
        """See ``TokenFinder``."""
        if not tokenizer and self.unseen:
            self.unseen -= {name for token in tokens for name in self.unseen if token.get(name) is not None}
        lacks_lemmas = self._by_lemma and bool(tokens) and all(token["lemma"] is None for token in tokens)
        if self._by_lemma:
            for token in tokens:
                token["lemma"] = token["lemma"] or token["surface"]
        pattern = self.pattern
        matches: Iterable[tuple[int, int]]
        matches = pattern.matches(text, tokens) if isinstance(pattern, WordQuery) else pattern.matches(tokens)
        hits = [self._hit(text, tokens, first, last) for first, last in matches]
        return Found(hits, tokenizer, lacks_lemmas)

    def _hit(self, text: str, tokens: list[Token], first: int, last: int) -> Hit:
        settings = self._settings
        start, end = tokens[first]["start"], tokens[last - 1]["end"]
        if settings.in_characters:
            left, right = max(0, start - settings.context), min(len(text), end + settings.context)
        else:
            left, right = start, end
            before = _words(tokens, range(first - 1, -1, -1), settings.context)
            behind = _words(tokens, range(last, len(tokens)), settings.context)
            left = before[-1]["start"] if before else start
            right = behind[-1]["end"] if behind else end
        key = ""
        if settings.sort == "left":
            words = _words(tokens, range(first - 1, -1, -1), _MOST_IN_KEY)
            key = "\n".join(word["surface"] for word in words if word["end"] > left).casefold()
        elif settings.sort == "right":
            words = _words(tokens, range(last, len(tokens)), _MOST_IN_KEY)
            key = "\n".join(word["surface"] for word in words if word["start"] < right).casefold()
        run = tokens[first:last]
        return Hit(start, end, left, right, _joined(run, "lemma"), _joined(run, "pos"), key)


def _words(tokens: list[Token], numbers: range, most: int) -> list[Token]:
    """Return the first ``most`` tokens at these numbers that are no white space."""
    found: list[Token] = []
    for number in numbers if most else ():
        token = tokens[number]
        if not token["surface"].isspace():
            found.append(token)
            if len(found) == most:
                break
    return found


def _joined(tokens: list[Token], field: str) -> str | None:
    """Return a field of tokens that are no white space, with blanks between; None if one has none."""
    values: list[Any] = [token[field] for token in tokens if not token["surface"].isspace() or len(tokens) == 1]
    return None if None in values else " ".join(values)
