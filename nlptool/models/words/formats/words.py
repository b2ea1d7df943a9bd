"""The words of a file of word vectors: decoded, and those that cannot be used left out."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.words.formats.common import short
from nlptool.storage import encodings

STRICT = "strict"
UNICODE_ERRORS = (STRICT, "ignore", "replace")
"""What is done with a word that is not UTF-8: the file is refused, the bytes are left out, or they become U+FFFD."""

_REPAIRED = {
    "ignore": (
        "is not UTF-8 and is read without the wrong bytes",
        "are not UTF-8 and are read without the wrong bytes",
    ),
    "replace": ("is not UTF-8 and is read with U+FFFD", "are not UTF-8 and are read with U+FFFD"),
}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_HAS_CONTROLS = ("holds control characters", "hold control characters")
_N_EXAMPLES = 3
_LONGEST_SHOWN = 80  # characters of a word that is not UTF-8, with its bytes as \\xe7


class WordFilter:
    """Decodes words, selects the usable ones, and counts the others by reason.

    Args:
        path: the file, for messages.
        unicode_errors: one of ``UNICODE_ERRORS``; "", for a file that is written: words that are not UTF-8 are left out.
        is_text: the file is text, which can be converted to UTF-8 as a whole.

    Attributes:
        words: the usable ones so far.
    """

    def __init__(self, path: Path, unicode_errors: str = "", *, is_text: bool = False) -> None:
        self.words: list[str] = []
        self._path, self._unicode_errors, self._is_text = path, unicode_errors, is_text
        self._seen: set[str] = set()
        self._n = 0
        self._counts: Counter[tuple[str, str]] = Counter()  # by what is said of one word, and of several
        self._examples: dict[tuple[str, str], list[str]] = {}

    def filter(self, words: list[bytes], vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return for each of ``words`` whether it is usable, (n,) bool.

        Args:
            vectors: (n, D), the vectors of the words.

        Raises:
            ModelError: a word is not UTF-8, and ``unicode_errors`` is strict.
        """
        finite = np.asarray(np.isfinite(vectors).all(axis=1))
        first = self._n + 1
        self._n += len(words)
        with contextlib.suppress(UnicodeDecodeError):  # usually all words are usable: check them together
            joined = b"\n".join(words).decode()
            decoded = joined.split("\n")
            distinct = set(decoded)
            usable = len(decoded) == len(words) == len(distinct) and finite.all() and "" not in distinct
            if usable and self._seen.isdisjoint(distinct) and not _CONTROL.search(joined.replace("\n", "")):
                self._seen |= distinct
                self.words += decoded
                return finite
        keep = np.zeros(len(words), bool)
        for index, raw in enumerate(words):
            number = first + index
            word, is_utf8 = self._decoded(raw, number, words)
            if why := self._why_not(word, is_utf8=is_utf8, is_finite=bool(finite[index])):
                self._count((f"was left out because {why}", f"were left out because {why}"), word, number)
                continue
            if not is_utf8:
                self._count(_REPAIRED[self._unicode_errors], word, number)
            if self._unicode_errors and _CONTROL.search(word):
                self._count(_HAS_CONTROLS, word, number)
            self._seen.add(word)
            self.words.append(word)
            keep[index] = True
        return keep

    def _decoded(self, raw: bytes, number: int, words: list[bytes]) -> tuple[str, bool]:
        """Return a word, and whether it is UTF-8."""
        try:
            return raw.decode(), True
        except UnicodeDecodeError:
            if self._unicode_errors == STRICT:
                raise self._not_utf8(raw, number, words) from None
            return raw.decode(errors="ignore" if self._unicode_errors == "ignore" else "replace"), False

    def _not_utf8(self, raw: bytes, number: int, words: list[bytes]) -> ModelError:
        shown = raw.decode(errors="backslashreplace")
        shown = f"'{shown}'" if shown.isprintable() and len(shown) <= _LONGEST_SHOWN else short(shown)
        hint = "--unicode-errors replace reads it with U+FFFD, --unicode-errors ignore without the wrong bytes"
        if encodings.cut_off(raw):
            hint = f"word2vec cuts long words inside a character; {hint}"
        elif self._is_text and (codec := encodings.likely(b" ".join(words))):
            hint = f"perhaps the file is in {encodings.spelled(codec)}, and iconv makes it UTF-8; {hint}"
        return ModelError(f"{self._path}: word {number:,}, {shown}, is not UTF-8", hint=hint)

    def _why_not(self, word: str, *, is_utf8: bool, is_finite: bool) -> str:
        """Return why a word cannot be used; "" if it can."""
        if not is_utf8 and not self._unicode_errors:
            return "their bytes are not UTF-8"
        if not word:
            return "they are empty"
        if "\n" in word:
            return "there is a line end in them"
        if not is_finite:
            return "their vectors hold NaN or infinity"
        return "they came before, and the first vector of a word counts" if word in self._seen else ""

    def _count(self, said: tuple[str, str], word: str, number: int) -> None:
        self._counts[said] += 1
        examples = self._examples.setdefault(said, [])
        if len(examples) < _N_EXAMPLES:
            examples.append(f"{short(word)} (word {number:,})")

    def notes(self) -> list[str]:
        """Return a sentence for each reason for which words were left out, and for each way in which others are unusual."""
        return [
            f"{count:,} {f'word {one}' if count == 1 else f'words {several}'}: {', '.join(self._examples[one, several])}"
            + (", ..." if count > _N_EXAMPLES else "")
            for (one, several), count in self._counts.items()
        ]
