"""How text becomes the words of a word-vector model: the same way when it is trained and when it is asked.

    unidic       MeCab with unidic-lite, the surfaces
    lemma        the same, the lemmas (as ``nlptool tokenize`` gives them)
    words        runs of letters and digits, and each mark of punctuation, for languages with blanks between words
    whitespace   what stands between white space, U+3000 and NBSP included, for text that is tokenised already

White space is no word, and inside a word a run of it counts as one blank.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nlptool.models.mecab import Tagger, for_mecab
from nlptool.scripts import JAPANESE

TOKENIZERS = ("unidic", "lemma", "words", "whitespace")
Cutter = Callable[[str], list[str]]

_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_KATAKANA = re.compile(r"[\u30a1-\u30ff]+")
_TO_KATAKANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}
_RUN = re.compile(r"\S+")
_ATTACHED = re.compile(r"\w[,.;:!?](?=\s|$)")
_APART = re.compile(r"(?<=\s)[,.;:!?](?=\s|$)")
_LONG_RUN = 5  # characters between blanks: Japanese that is tokenised has two on average
_MOST_KEPT = 1_000_000  # tokens whose word is remembered


class _Kept(dict[str, str]):
    """MeCab's key of a token -> the word it stands for; ``""`` for white space."""

    def __init__(self, tagger: Tagger, *, lemma: bool) -> None:
        super().__init__()
        self.text = ""
        self._tagger = tagger
        self._lemma = lemma

    def __missing__(self, key: str) -> str:
        surface = key.partition("\t")[0]
        word = (self._tagger.morpheme(key, self.text).feature("lemma") or surface) if self._lemma else surface
        found = self[key] = plain(word)
        return found


def cutter(tokenizer: str, *, lowercase: bool = False) -> Cutter:
    """What cuts a text into words. Those of MeCab load the dictionary with the first text.

    Raises:
        ModelError: the dictionary is not there.
    """
    if tokenizer in ("unidic", "lemma"):
        tagger = _tagger()
        kept = _Kept(tagger, lemma=tokenizer == "lemma")

        def by_mecab(text: str) -> list[str]:
            kept.text = shown = for_mecab(text)
            if len(kept) > _MOST_KEPT:
                kept.clear()
            return [word for key in tagger.parse(shown).split("\n") if key and (word := kept[key])]

        cut: Cutter = by_mecab
    elif tokenizer == "words":
        cut = _WORD.findall
    else:
        cut = str.split
    return (lambda text: cut(text.lower())) if lowercase else cut


def dictionary(tokenizer: str) -> str | None:
    """The name and version of the dictionary that a tokenizer cuts with."""
    return _tagger().name if tokenizer in ("unidic", "lemma") else None


@functools.cache
def _tagger() -> Tagger:
    return Tagger()


def reading(word: str) -> str:
    """How MeCab reads a word alone, in katakana; kana that it does not know are read as they stand, and so is ``word`` if
    nothing in it is known. ``""`` where a part has no reading."""
    tagger = _tagger()
    shown = for_mecab(word)
    readings = []
    for key in filter(None, tagger.parse(shown).split("\n")):
        morpheme = tagger.morpheme(key, shown)
        kana = morpheme.surface.translate(_TO_KATAKANA)
        found = morpheme.feature("reading") or (kana if _KATAKANA.fullmatch(kana) else "")
        if not found:
            return ""
        readings.append(found)
    return "".join(readings)


def plain(word: str) -> str:
    """``word`` with each run of white space in it as one blank, and none around it."""
    return " ".join(word.split())


def of_tokens(tokens: Any, tokenizer: str, *, lowercase: bool = False) -> list[str]:
    """The words of a record's ``tokens``: strings, or objects as ``nlptool tokenize`` writes them.

    Raises:
        ValueError: they are something else.
    """
    if not isinstance(tokens, list):
        raise ValueError("`tokens` is not a list")
    name = "lemma" if tokenizer == "lemma" else "surface"
    words = [token.get(name) if isinstance(token, Mapping) else token for token in tokens]
    strings = [word for word in words if isinstance(word, str)]
    if len(strings) < len(words):
        raise ValueError(f"`tokens` holds something else than strings or objects with `{name}`")
    return [word for each in strings if (word := plain(each.lower() if lowercase else each))]


def choose(texts: Iterable[str]) -> tuple[str, str]:
    """The tokenizer for a sample of a corpus, and why."""
    sample = "\n".join(texts)
    runs = _RUN.findall(sample)
    letters = sum(map(len, runs))
    if not runs:
        return "whitespace", "there is no text"
    if len(JAPANESE.findall(sample)) * 5 > letters:
        japanese = [len(run) for run in runs if JAPANESE.search(run)]
        if sum(japanese) > _LONG_RUN * len(japanese):
            return "unidic", "Japanese without blanks"
        return "whitespace", "Japanese with blanks between words"
    if len(_ATTACHED.findall(sample)) > len(_APART.findall(sample)):
        return "words", "punctuation stands at the words"
    return "whitespace", "words and punctuation stand apart"
