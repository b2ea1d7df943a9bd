"""Texts with readings in the markup of Aozora Bunko, so that ``aozora.plain`` has both back.

A bar stands before the characters that a reading belongs to where these are not the whole run of characters of one kind before
it. Characters of the text that the markup is made of are written with their names, as the rules for transcribers tell:
※［＃始め二重山括弧、1-1-52］. The format: https://www.aozora.gr.jp/annotation/
"""

from __future__ import annotations

import re

from nlptool.text.aozora import kind_of

_LONGEST = 60  # characters of a reading, and of what it belongs to, that ``aozora.plain`` takes for ruby
_NAMES = {
    "《": "※［＃始め二重山括弧、1-1-52］",
    "》": "※［＃終わり二重山括弧、1-1-53］",
    "｜": "※［＃縦線、1-1-35］",
    "|": "※［＃縦線、U+007C］",
    "［": "※［＃始め角括弧、1-1-46］",
}
_NOT_IN_READING = re.compile("[《》［\n]")
_TO_NAME = re.compile("[《》｜|]|［(?=＃)")
_TO_NAME_IN_BASE = re.compile("[《》｜|［]")  # in what a reading belongs to


class Writer:
    """Writes the parts of a text one after the other; make a new one for each text."""

    def __init__(self) -> None:
        self._before = ""  # the last character since the last reading
        self._is_opened = False  # it is ［: a ＃ behind it would make it a note

    def __call__(self, text: str, reading: str = "") -> str:
        """Return the next part of the text.

        Args:
            reading: in hiragana; "": it has none. One that the markup has no room for is left out: of more than 60 characters,
                with a bracket, or of a text with a line end.
        """
        has_room = len(text) <= _LONGEST and len(reading) <= _LONGEST and "\n" not in text
        has_ruby = reading and has_room and not _NOT_IN_READING.search(reading)
        written = (_TO_NAME_IN_BASE if has_ruby else _TO_NAME).sub(lambda found: _NAMES[found[0]], text)
        if text and self._is_opened and text[0] == "＃":
            written = f"※［＃井げた、1-1-84］{written[1:]}"
        self._is_opened = text[-1:] == "［"
        if has_ruby:
            needs_bar = self._needs_bar(text)
            self._before = ""
            return f"{'｜' if needs_bar else ''}{written}《{reading}》"
        self._before = text[-1:] or self._before
        return written

    def _needs_bar(self, text: str) -> bool:
        kind = kind_of(text[0])
        if kind is None or not all(map(kind.match, text)):
            return True
        return self._before != "" and kind.match(self._before) is not None
