"""Texts to tokens with their fields and offsets, as `nlptool tokenize` gives them, and for languages with blanks between words.

A token is a dict of ``surface``, ``lemma``, ``pos``, ``start`` and ``end``, as of ``records.tokenized``, and of other fields of
the dictionary that are wanted. White space of its own (U+3000) is a token of MeCab's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from nlptool.models.japanese import words as japanese_words
from nlptool.models.japanese.tagger import Morpheme, Tagger, for_mecab, spans
from nlptool.models.words.tokenizers import word_pattern
from nlptool.text.scripts import japanese

Token = dict[str, Any]

TOKENIZERS = ("auto", "unidic", "words", "whitespace")
"""auto: unidic for a text with kana or kanji, else words."""

NOT_OF_MECAB = ("words", "whitespace")
"""Names of what splits a text without MeCab, so that surfaces are all that is known."""

_MOST_KEYS = 400_000  # distinct tokens whose fields are kept
_MOST_NEEDS = 30
_PARTS_OF_SPEECH = 4  # columns of the dictionary


class Begun(NamedTuple):
    """A text, and what MeCab said of it: the text as it was given, and the keys of its tokens; None: it was not asked."""

    text: str
    shown: str
    keys: bytes | None


class TokenMaker:
    """A function from texts to their tokens, in two steps for threads (``records.workers``).

    Args:
        tokenizer: one of ``TOKENIZERS``.
        dictionary: name or folder of the MeCab dictionary; unidic-lite unless given. It is opened when it is needed.
        fields: features of the dictionary that the tokens have too; those that it lacks are left out.
        needs: of each of these sets of (field, value) a token of a text must have one, else the tokens of the text are not
            wanted, and it may have none. A part of speech needs to begin with the value.
    """

    def __init__(
        self,
        tokenizer: str = "auto",
        dictionary: str | None = None,
        fields: Iterable[str] = (),
        needs: Sequence[Collection[tuple[str, str]]] = (),
    ) -> None:
        self._tokenizer = tokenizer
        self._dictionary = dictionary
        self._extra = sorted(set(fields) - {"surface", "lemma", "pos", "start", "end"})
        self._needs = needs[:_MOST_NEEDS]
        self._fields: dict[bytes, Token] = {}  # key of a token -> its fields, without offsets
        self._had: dict[bytes, int] = {}  # key of a token -> what is needed and it has, a bit each
        self._places: Callable[[str], Iterator[Any]] | None = None

    def __call__(self, texts: Sequence[str]) -> list[list[Token]]:
        return list(self.finish(self.begin(texts)))

    def name(self, begun: Begun) -> str:
        """Return what splits a text: the name of the dictionary, words or whitespace."""
        if begun.keys is not None:
            return self._tagger.name
        return "words" if self._tokenizer == "auto" else self._tokenizer

    def uses_mecab(self, text: str) -> bool:
        """Return whether MeCab splits a text."""
        return self._tokenizer == "unidic" or (self._tokenizer == "auto" and bool(japanese().search(text)))

    @property
    def _tagger(self) -> Tagger:
        return japanese_words.tagger(self._dictionary)

    def begin(self, texts: Sequence[str]) -> list[Begun]:
        """Let MeCab analyse the texts; during most of it other threads go on."""
        shown = {number: for_mecab(text) for number, text in enumerate(texts) if self.uses_mecab(text)}
        parsed = dict(zip(shown, self._tagger.parse_all(list(shown.values())), strict=True)) if shown else {}
        return [Begun(text, shown.get(number, text), parsed.get(number)) for number, text in enumerate(texts)]

    def finish(self, begun: Iterable[Begun]) -> Iterator[list[Token]]:
        """Yield the tokens of the texts that ``begin`` has analysed."""
        if len(self._fields) > _MOST_KEYS:
            self._fields.clear()
            self._had.clear()
        for each in begun:
            yield self._split(each.text) if each.keys is None else self._analysed(each, each.keys)

    def _split(self, text: str) -> list[Token]:
        """Return the tokens of a text that MeCab was not given; their lemmas and parts of speech are not known."""
        if self._places is None:
            self._places = word_pattern(self._tokenizer).finditer
        return [
            {"surface": place[0], "lemma": None, "pos": None, "start": place.start(), "end": place.end()}
            for place in self._places(text)
        ]

    def _analysed(self, begun: Begun, printed: bytes) -> list[Token]:
        keys = printed.split(b"\n") if printed else []
        if self._needs and begun.shown is begun.text and not self._are_wanted(keys, begun.shown):
            return []
        tokens = [self._known(key, begun.shown).copy() for key in keys]
        places = spans(begun.shown, [token["surface"] for token in tokens])
        for token, (start, end) in zip(tokens, places, strict=True):
            token["start"], token["end"] = start, end
        if begun.shown != begun.text:
            for token in tokens:
                surface = begun.text[token["start"] : token["end"]]
                lemma = surface if token["lemma"] == token["surface"] else token["lemma"]
                token["surface"], token["lemma"] = surface, lemma
        return tokens

    def _are_wanted(self, keys: Sequence[bytes], text: str) -> bool:
        """Return whether the tokens have together what is needed."""
        had, found = self._had, 0
        for key in keys:
            bits = had.get(key)
            if bits is None:
                token = self._known(key, text)
                has = [any((token.get(name) or "").startswith(value) for name, value in each) for each in self._needs]
                bits = had[key] = sum(1 << number for number, is_there in enumerate(has) if is_there)
            found |= bits
        return found == (1 << len(self._needs)) - 1

    def _known(self, key: bytes, text: str) -> Token:
        """Return the fields of a token by its key."""
        fields = self._fields.get(key)
        if fields is None:
            fields = self._fields[key] = self._fields_of(self._tagger.morpheme(key.decode(), text))
        return fields

    def _fields_of(self, morpheme: Morpheme) -> Token:
        pos = "-".join(part for part in morpheme.columns[:_PARTS_OF_SPEECH] if part not in ("", "*"))
        token: Token = {
            "surface": morpheme.surface,
            "lemma": morpheme.feature("lemma") or morpheme.surface,
            "pos": pos or None,
        }
        return token | {
            name: morpheme.feature(name) for name in self._extra if name in morpheme.layout or name == "lemma_sense"
        }
