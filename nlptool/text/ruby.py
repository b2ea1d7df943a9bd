"""Texts with readings beside their kanji: HTML's ruby, the markup of Aozora Bunko, and brackets.

Of the first two the text and the readings can be had back: HTML's special characters are escaped, and the characters that Aozora
Bunko's markup is made of are written as its rules for transcribers say (``aozora_writer``).
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Literal

from nlptool.text.aozora_writer import Writer
from nlptool.text.furigana import Part

Style = Literal["html", "aozora", "brackets"]

STYLES: tuple[Style, ...] = ("html", "aozora", "brackets")


def marked(parts: Iterable[Part], style: Style) -> str:
    """Return the text of ``parts`` with their readings: ``<ruby>食<rp>(</rp><rt>た</rt><rp>)</rp></ruby>べる``,
    ``食《た》べる`` or ``食(た)べる``."""
    if style == "aozora":
        write = Writer()
        return "".join([write(text, reading) for text, reading in parts])
    return "".join([(_html if style == "html" else _brackets)(part) for part in parts])


def _html(part: Part) -> str:
    text, reading = (html.escape(each, quote=False) for each in part)
    return f"<ruby>{text}<rp>(</rp><rt>{reading}</rt><rp>)</rp></ruby>" if reading else text


def _brackets(part: Part) -> str:
    return f"{part.text}({part.reading})" if part.reading else part.text
