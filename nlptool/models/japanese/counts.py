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


Item = str | tuple[str, ...]
"""What is counted: a character, a word, or several fields of a word."""

FIELDS = ("surface", "lemma", "pos", "pos_detail")
"""Fields by which words are told apart."""


@dataclass(slots=True)
class Counts:
    """Frequencies. White space is not counted."""

    of: Counter[Item] = field(default_factory=Counter)
    n_unknown: int = 0  # occurrences of words that the dictionary lacks
    n_control: int = 0  # control characters among words, which become control pictures (␀)

    def add(self, other: Counts) -> None:
        """Add the counts of other texts."""
        self.of.update(other.of)
        self.n_unknown += other.n_unknown
        self.n_control += other.n_control


class CharacterCounter:
    """Counts the characters (Unicode code points) of texts.

    Args:
        normalize: apply NFKC first.
        each: count those of each text, not of all together.
    """

    def __init__(self, *, normalize: bool = False, each: bool = False) -> None:
        self._normalize = normalize
        self._each = each

    def __call__(self, texts: Sequence[str]) -> list[Counts]:
        found = []
        for some in ([text] for text in texts) if self._each else [texts]:
            counts = Counts()
            for text in some:
                counts.of.update(unicodedata.normalize("NFKC", text) if self._normalize else text)
            for blank in [item for item in counts.of if str(item).isspace()]:
                del counts.of[blank]
            found.append(counts)
        return found


class WordCounter:
    """Counts the words of texts.

    Args:
        by: names of ``FIELDS`` in which different words differ; the lemma of a word that the dictionary lacks is its surface.
        keeps: whether a word is counted.
        normalize: apply NFKC first.
        each: count those of each text, not of all together.
    """

    def __init__(
        self,
        tagger: Tagger,
        *,
        by: Sequence[str] = ("surface",),
        keeps: Callable[[Morpheme], bool],
        normalize: bool = False,
        each: bool = False,
    ) -> None:
        self._tagger = tagger
        self._by = by
        self._keeps = keeps
        self._normalize = normalize
        self._each = each
        self._words: dict[bytes, Item | None] = {}  # key of a token -> its word; None if it is not counted

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
        if len(self._words) > _MOST_KEYS:
            self._words.clear()
        return [self._counted(some) for some in ([text] for text in begun)] if self._each else [self._counted(begun)]

    def _counted(self, begun: Sequence[tuple[str, str, bytes]]) -> Counts:
        counts, keys = Counts(), Counter[bytes]()
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
        return counts

    def _word(self, morpheme: Morpheme) -> Item | None:
        if morpheme.surface.isspace() or not self._keeps(morpheme):
            return None
        fields = tuple(self._field(morpheme, name) for name in self._by)
        return fields[0] if len(fields) == 1 else fields

    def _field(self, morpheme: Morpheme, name: str) -> str:
        match name:
            case "lemma":
                return morpheme.feature("lemma") or morpheme.surface
            case "pos":
                return morpheme.columns[0]
            case "pos_detail":
                return "-".join(filter(None, map(morpheme.feature, ("pos2", "pos3", "pos4"))))
        return morpheme.surface
