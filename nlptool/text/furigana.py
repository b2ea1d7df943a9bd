"""Which part of a word's reading belongs to which of its kanji: 取り引き, とりひき: 取 と, 引 ひ.

The kana of a word stand in its reading too; what is between them is the reading of the kanji. Kana may be spelled in the
reading in another way: as today (思ひ出, おもいで), with a long vowel, or a small letter (引つ越し, ひっこし). Where the kana
fit in several ways, as the い of 相合い傘 (あいあいがさ), the kanji are given readings of lengths as equal as may be.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from nlptool.text.kana import to_hiragana

_HAN = re.compile(r"[\u3005-\u3007\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_RUNS = re.compile(
    r"[\u3041-\u3096\u309d-\u309f\u30a1-\u30f4\u30f7-\u30fa\u30fd-\u30ffー]+|[^\u3041-\u30ffー]+|.", re.DOTALL
)
"""Runs of kana and of other characters; ヵ and ヶ are read as the kanji 箇, か or が, and are no kana here."""

_SPELLINGS = {
    said[0]: said
    for said in (
        "はわ", "ひい", "ふうお", "へえ", "ほお", "ゐい", "ゑえ", "をお", "おを", "づず", "ずづ", "ぢじ", "じぢ", "つっ",
        "やゃ", "ゆゅ", "よょ", "けがかこ", "うー", "あー", "いー", "えー", "ーあいうえお", "むん", "のんが",
    )
}  # fmt: skip
"""A kana of a word -> the kana that it may be in the reading, itself among them."""

_MOST_RUNS = 40  # of a word whose reading is taken apart

_MARKS = frozenset("ゝゞ")  # repeat the kana before


class Part(NamedTuple):
    """A part of a text and its reading in hiragana, "" where it needs none."""

    text: str
    reading: str = ""


def has_kanji(text: str) -> bool:
    """Return whether ``text`` has a character that ruby may explain: a kanji, or 々."""
    return _HAN.search(text) is not None


def aligned(word: str, reading: str) -> list[Part]:
    """Return the parts of a word, those with kanji with their readings. Joined they are the word.

    Args:
        reading: in kana. If the kana of the word do not fit into it, or change with kanji more than 40 times, the whole word
            is one part.
    """
    reading = to_hiragana(reading)
    if not reading or not has_kanji(word) or to_hiragana(word) == reading:
        return [Part(word)]
    runs = _joined(_RUNS.findall(word))
    spelled = [(run, to_hiragana(run) if is_kana else None) for run, is_kana in runs]
    lengths = _lengths(spelled, reading) if len(runs) <= _MOST_RUNS else None
    if lengths is None:
        return [Part(word, reading)]
    parts = []
    position = 0
    for (run, _), length in zip(runs, lengths, strict=True):
        parts.append(Part(run, reading[position : position + length] if has_kanji(run) else ""))
        position += length
    return parts


def _joined(found: list[str]) -> list[tuple[str, bool]]:
    """Return the runs of a word, and whether each is of kana; ヶ between kanji belongs to these."""
    runs: list[tuple[str, bool]] = []
    for run in found:
        is_kana = run not in ("ヵ", "ヶ") and _RUNS.match(run) is not None and "\u3041" <= run[0] <= "\u30ff"
        if runs and runs[-1][1] == is_kana:
            runs[-1] = runs[-1][0] + run, is_kana
        else:
            runs.append((run, is_kana))
    return runs


def _lengths(runs: list[tuple[str, str | None]], reading: str) -> list[int] | None:
    """Return how much of the reading belongs to each run, None if the runs do not fit.

    Args:
        runs: each with its kana in hiragana, or None for kanji and what is no kana.
    """
    n_characters = sum(len(run) for run, kana in runs if kana is None)
    mean = (len(reading) - sum(len(kana or "") for _, kana in runs)) / n_characters
    # End in the reading -> the least cost of the runs before it, and their lengths.
    best: dict[int, tuple[float, list[int]]] = {0: (0.0, [])}
    for number, (run, kana) in enumerate(runs):
        following: dict[int, tuple[float, list[int]]] = {}
        for start, (cost, lengths) in best.items():
            if kana is not None:
                ends = range(start + len(kana), start + len(kana) + 1) if _fits(kana, reading, start) else range(0)
            elif number == len(runs) - 1:
                ends = range(len(reading), len(reading) + 1) if start < len(reading) else range(0)
            else:
                ends = range(start + 1, len(reading) + 1)
            for end in ends:
                total = cost if kana is not None else cost + len(run) * ((end - start) / len(run) - mean) ** 2
                if end not in following or total < following[end][0]:
                    following[end] = total, [*lengths, end - start]
        best = following
    found = best.get(len(reading))
    return None if found is None else found[1]


def _fits(kana: str, reading: str, start: int) -> bool:
    piece = reading[start : start + len(kana)]
    return len(piece) == len(kana) and all(
        own in _MARKS or said in _SPELLINGS.get(own, own) for own, said in zip(kana, piece, strict=True)
    )
