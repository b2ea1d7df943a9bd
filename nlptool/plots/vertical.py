"""Japanese texts in vertical writing, for the labels of columns: upright letters from top to bottom, lines from right to left.

Punctuation, brackets and the long-vowel mark get their vertical forms, Latin letters and digits their full-width ones; two of
them stand side by side, as in 13時.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Sequence
from typing import Any

from nlptool.plots import labels

_FORMS = dict(zip(
    "、。：；！？（）｛｝〔〕【】《》〈〉「」『』［］()[]<>…‥ー—―-～〜",
    "︑︒︓︔︕︖︵︶︷︸︹︺︻︼︽︾︿﹀﹁﹂﹃﹄﹇﹈︵︶﹇﹈︿﹀︙︰︱︱︱︲︴︴",
    strict=True,
))  # fmt: skip
_FORMS |= {chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F) if chr(code) not in _FORMS}  # full-width
FORMS = "".join(sorted(set(_FORMS.values())))
"""The letters that stand in vertical writing alone; a font may lack them."""

_SHORT = 12  # letters of a word
_NARROW = 2  # terminal cells: one Japanese character, two Latin ones
_ROW = re.compile(
    r"(?<!\d)\d\d(?!\d)|(?<![A-Za-z])[A-Za-z]{2}(?![A-Za-z])|.", re.ASCII
)  # two side by side, or one letter


def name_columns(
    axis: Any, places: Sequence[float], names: Sequence[Sequence[str]], drawable: Collection[str], *, fontsize: float
) -> None:
    """Label an x axis: names with Japanese letters in vertical writing, others, unless they are narrow, on their side.

    Args:
        axis: matplotlib's.
        names: the lines of each.
        drawable: those of ``FORMS`` that the fonts have.
    """
    whole = ["".join(lines) for lines in names]
    texts = [
        stack(lines, drawable) if is_vertical(text) else "\n".join(lines)
        for text, lines in zip(whole, names, strict=True)
    ]
    axis.set_ticks(places, texts, fontsize=fontsize)
    for label, text in zip(axis.get_ticklabels(), whole, strict=True):
        upright = is_vertical(text) or labels.width(text) <= _NARROW
        label.set(rotation=0 if upright else 90, linespacing=1.05 if upright else 1.2)
        label.set_multialignment("center" if upright else "left" if axis.get_label_position() == "top" else "right")


def is_vertical(text: str) -> bool:
    """Return whether a text is written vertically: a word that has a wide letter, as Japanese ones are, or a sentence of which
    a third are wide."""
    n_wide = labels.width(text) - len(text)
    return n_wide > 0 and (len(text) <= _SHORT or 3 * n_wide >= len(text))


def stack(lines: Sequence[str], drawable: Collection[str]) -> str:
    """Return lines in vertical writing, a row of letters on each line.

    Args:
        drawable: those of ``FORMS`` that the fonts have.
    """
    columns = [[_form(row, drawable) for row in _ROW.findall(line)] for line in lines]
    rows = itertools.zip_longest(*reversed(columns), fillvalue="\N{IDEOGRAPHIC SPACE}")
    return "\n".join(" ".join(row) for row in rows)


def _form(row: str, drawable: Collection[str]) -> str:
    if row == " ":
        return "\N{IDEOGRAPHIC SPACE}"
    form = _FORMS.get(row, row)
    return form if form in drawable else row
