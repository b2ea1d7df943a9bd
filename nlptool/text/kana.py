"""Hiragana and katakana: told apart from other characters, and each written as the other."""

from __future__ import annotations

import re

_HIRAGANA = "\u3041-\u3096\u309d-\u309f"
_KATAKANA = "\u30a1-\u30fa\u30fd-\u30ff"

KANA = re.compile(f"[{_HIRAGANA}{_KATAKANA}ー]+")
"""A run of kana; the sound marks of half width and the middle dot are none."""

_TO_KATAKANA = {code: code + 0x60 for code in (*range(0x3041, 0x3097), 0x309D, 0x309E)}
_TO_HIRAGANA = {katakana: hiragana for hiragana, katakana in _TO_KATAKANA.items()}


def to_katakana(text: str) -> str:
    """Return ``text`` with its hiragana as katakana, character by character."""
    return text.translate(_TO_KATAKANA)


def to_hiragana(text: str) -> str:
    """Return ``text`` with its katakana as hiragana, character by character. ー stays, as do ヷ ヸ ヹ ヺ, which have no
    hiragana."""
    return text.translate(_TO_HIRAGANA)


def is_kana(text: str) -> bool:
    """Return whether ``text`` is of kana alone, with at least one."""
    return KANA.fullmatch(text) is not None
