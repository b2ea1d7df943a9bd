"""Count characters or words of texts."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nlptool.models.japanese.tagger import UNKNOWN, Morpheme, Tagger, for_mecab

_MOST_KEYS = 400_000  # distinct tokens whose words are cached; about 60 MB
_CONTROL = re.compile(r"[\x00-\x08\x0c-\x1f\x7f]")  # except those that are blanks to MeCab


@dataclass(slots=True)
class Counts:
    """Frequencies. White space is not counted."""

    of: Counter[str] = field(default_factory=Counter)
    n_unknown: int = 0  # occurrences of words that the dictionary lacks
    n_control: int = 0  # control characters among words, which become control pictures (␀)

    def add(self, other: Counts) -> None:
        """Add the counts of other texts."""
        self.of.update(other.of)
        self.n_unknown += other.n_unknown
        self.n_control += other.n_control

    def most_frequent(self, most: int | None = None) -> list[tuple[str, int]]:
        """Return (item, count) pairs, the most frequent first, equally frequent ones in the order of their code points."""
        return sorted(self.of.items(), key=lambda item: (-item[1], item[0]))[:most]


class CharacterCounter:
    """Counts the characters (Unicode code points) of texts.

    Args:
        normalize: apply NFKC first.
    """

    def __init__(self, *, normalize: bool = False) -> None:
        self._normalize = normalize

    def __call__(self, texts: Sequence[str]) -> list[Counts]:
        counts = Counts()
        for text in texts:
            counts.of.update(unicodedata.normalize("NFKC", text) if self._normalize else text)
        _drop_blanks(counts)
        return [counts]


class WordCounter:
    """Counts the words of texts.

    Args:
        by: surface | lemma; the lemma of a word that the dictionary lacks is its surface.
        keeps: whether a word is counted.
        normalize: apply NFKC first.
    """

    def __init__(
        self, tagger: Tagger, *, by: str = "surface", keeps: Callable[[Morpheme], bool], normalize: bool = False
    ) -> None:
        self._tagger = tagger
        self._by = by
        self._keeps = keeps
        self._normalize = normalize
        self._words: dict[bytes, str | None] = {}  # key of a token -> its word; None if it is not counted

    def __call__(self, texts: Sequence[str]) -> list[Counts]:
        return self.finish(self.begin(texts))

    def begin(self, texts: Sequence[str]) -> list[tuple[str, str, bytes]]:
        """Let MeCab analyse the texts; during most of it other threads go on.

        Returns:
            Each text, the text as MeCab was given it, and the keys of its tokens.
        """
        shown = [for_mecab(unicodedata.normalize("NFKC", text) if self._normalize else text) for text in texts]
        return list(zip(texts, shown, self._tagger.parse_all(shown), strict=True))

    def finish(self, begun: Sequence[tuple[str, str, bytes]]) -> list[Counts]:
        """Count the words of the texts that ``begin`` has analysed."""
        counts, keys = Counts(), Counter[bytes]()
        if len(self._words) > _MOST_KEYS:
            self._words.clear()
        for text, shown, parsed in begun:
            if not parsed:
                continue
            text_keys = parsed.split(b"\n")
            for key in text_keys:
                if key not in self._words:
                    self._words[key] = self._word(self._tagger.morpheme(key.decode(), shown))
            keys.update(text_keys)
            counts.n_control += len(_CONTROL.findall(text)) if shown != text else 0
        for key, n in keys.items():
            counts.n_unknown += n * key.endswith(UNKNOWN.encode())
            word = self._words[key]
            if word is not None:
                counts.of[word] += n
        _drop_blanks(counts)
        return [counts]

    def _word(self, morpheme: Morpheme) -> str | None:
        if not self._keeps(morpheme):
            return None
        return (morpheme.feature("lemma") if self._by == "lemma" else None) or morpheme.surface


def _drop_blanks(counts: Counts) -> None:
    for blank in [item for item in counts.of if item.isspace()]:
        del counts.of[blank]
