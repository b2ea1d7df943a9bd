"""What letters a text is made of."""

from __future__ import annotations

import re
from collections.abc import Iterable

JAPANESE = re.compile(
    r"[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
"""Kana or kanji."""

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half a character, which JSON can spell and UTF-8 cannot hold."""


def is_japanese(words: Iterable[str]) -> bool:
    """Whether kana or kanji are among them."""
    return any(map(JAPANESE.search, words))


def collapse_blanks(word: str) -> str:
    """``word`` with each run of white space in it as one blank, and none around it."""
    return " ".join(word.split())
