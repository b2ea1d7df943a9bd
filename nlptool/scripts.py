"""Which script a word is written in."""

from __future__ import annotations

import re
from collections.abc import Iterable

JAPANESE = re.compile(r"[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff66-\uff9f]")
"""Kana or kanji."""


def is_japanese(words: Iterable[str]) -> bool:
    """Whether kana or kanji are among them."""
    return any(map(JAPANESE.search, words))
