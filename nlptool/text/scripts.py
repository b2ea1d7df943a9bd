"""Scripts and single characters of texts."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""A code unit of UTF-16 without its other half, which JSON can spell and UTF-8 cannot hold."""


@functools.cache
def japanese() -> re.Pattern[str]:
    """Return the pattern of one kana or kanji. It is compiled when it is needed: that takes two milliseconds."""
    return re.compile(
        r"[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
    )


def is_japanese(words: Iterable[str]) -> bool:
    """Return whether one of the words has kana or kanji."""
    return any(map(japanese().search, words))


def collapse_blanks(word: str) -> str:
    """Replace each run of white space by one blank, and remove it at the ends."""
    return " ".join(word.split())
