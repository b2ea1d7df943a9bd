"""The markup of Aozora Bunko's text files, taken out of a text with what it says and where it stood.

Read are ruby (漢字《かんじ》, ｜範囲《ルビ》), notes of the transcribers (［＃…］, with others inside), and characters
that Shift JIS lacks (※［＃「てへん＋劣」、第3水準1-84-77］, ※［＃…、U+5DD9、…］): they become the character that the note
names; a note that names none leaves ※. What notes say of emphasis, headings or indents is not interpreted, and accents spelled
in 〔e'〕 stay. The format: https://www.aozora.gr.jp/annotation/
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_QUOTE = "「[^「」\n]{0,200}+」"
_QUOTES = (
    f"「(?:[^「」\n]|{_QUOTE}){{0,200}}+」"  # a quotation may hold brackets that are not pairs: ［＃「［」は太字］
)
_NOTE = f"［＃(?:[^［］「」\n]|{_QUOTES}|［＃[^［］\n]{{0,100}}+］|［[^［］＃\n]{{0,50}}+］){{0,300}}+］"
_MARKUP = re.compile(
    f"(?P<gaiji>※(?={_NOTE}))?(?P<note>{_NOTE}|［＃[^［］\n]{{0,200}}］)"
    f"|《(?P<reading>(?:[^《》\n［]|{_NOTE}){{1,60}})》"
    f"|(?P<bar>[｜|](?=(?:[^《》｜|［\n]|{_NOTE}){{1,60}}《))"
)

_KUTEN = re.compile(r"(?<![\d-])([12])-(\d{1,2})-(\d{1,2})(?![\d-])")  # plane, row and cell of JIS X 0213
_UNICODE = re.compile(r"U\+([0-9A-Fa-f]{4,6})")

_CLASSES = (
    re.compile(r"[\u3005-\u3007\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff々〆ヶ仝※]"),
    re.compile(r"[\u30a1-\u30ff]"),
    re.compile(r"[\u3041-\u309f]"),
    re.compile(r"[A-Za-z0-9\u00c0-\u024fＡ-Ｚａ-ｚ０-９'’.\-]"),
)
"""Kinds of characters: ruby without a bar belongs to the longest run of one of them before it."""

_RULE = re.compile(r"[-－─]{20,}\s*\Z")
_COLOPHON = re.compile(r"\u3000*底本[：:]")
_COLOPHON_END = "ボランティアの皆さん"
_HEAD = re.compile("【テキスト中に現れる")
_LONGEST_HEAD = 100  # lines


@dataclass(frozen=True, slots=True)
class Ruby:
    """The reading of ``text[start:end]``."""

    start: int
    end: int
    reading: str


@dataclass(frozen=True, slots=True)
class Note:
    """A note that stood before ``text[position]``."""

    position: int
    note: str


@dataclass(slots=True)
class _Origin:
    """Where a piece stood in the original."""

    begin: int  # with the bar before it
    start: int
    end: int
    after: int  # behind the markup that belongs to it


@dataclass
class Plain:
    """A text without its markup.

    Attributes:
        text: what is left.
        ruby: readings, in order.
        notes: notes that were taken out, in order.
        unnamed: where a ※ stands for a character that its note does not name.
    """

    text: str = ""
    ruby: list[Ruby] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    unnamed: list[int] = field(default_factory=list)
    _starts: list[int] = field(default_factory=list)  # of each piece that was copied, in the plain text
    _origins: list[_Origin] = field(default_factory=list)  # of the same pieces

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where ``text[start:end]``, which is not empty, stands in the original, with the markup that belongs to it."""
        if not self._origins:  # nothing was taken out
            return start, end
        first, last = (bisect_right(self._starts, position) - 1 for position in (start, end - 1))
        origin = self._origins[first]
        within = start - self._starts[first]
        original_start = origin.start + within if within and self._is_copy(first) else origin.begin
        origin = self._origins[last]
        within = end - self._starts[last]
        original_end = origin.start + within if within < self._length(last) and self._is_copy(last) else origin.after
        return original_start, original_end

    def _length(self, piece: int) -> int:
        following = self._starts[piece + 1] if piece + 1 < len(self._starts) else len(self.text)
        return following - self._starts[piece]

    def _is_copy(self, piece: int) -> bool:
        """Whether a piece is as it was, and no character that a note has named."""
        origin = self._origins[piece]
        return origin.end - origin.start == self._length(piece)


class _Builder:
    """Puts the pieces of a plain text together, with what they were in the original."""

    def __init__(self) -> None:
        self.plain = Plain()
        self.pieces: list[str] = []
        self.length = 0

    def copy(self, piece: str, begin: int, start: int, end: int) -> None:
        """Add what stands for (``start``, ``end``) of the original; ``begin``: where the bar before it stands."""
        if piece:
            self.plain._starts.append(self.length)
            self.plain._origins.append(_Origin(begin, start, end, end))
            self.pieces.append(piece)
            self.length += len(piece)

    def attach(self, end: int) -> None:
        """Say that the markup up to ``end`` belongs to the last piece."""
        if self.plain._origins:
            self.plain._origins[-1].after = end

    def run_before(self) -> int:
        """Return where the run of characters of one kind begins that ends the text so far, behind the last ruby."""
        floor = max(self.length - 60, self.plain.ruby[-1].end if self.plain.ruby else 0)
        kind: re.Pattern[str] | None = None
        position = self.length
        for piece in reversed(self.pieces):
            for character in reversed(piece):
                if kind is None:
                    kind = kind_of(character)
                if kind is None or not kind.match(character) or position == floor:
                    return position
                position -= 1
        return position


def kind_of(character: str) -> re.Pattern[str] | None:
    """Return the pattern of the kind of characters that a character is of: kanji, katakana, hiragana, Latin; None if of none."""
    return next((known for known in _CLASSES if known.match(character)), None)


def plain(text: str) -> Plain:
    """Take the markup out of ``text``.

    Ruby without anything before it that it could belong to, and brackets that do not close in their line, stay as they are.
    """
    if "［＃" not in text and "《" not in text:
        return Plain(text)
    built = _Builder()
    position = 0  # of what is not yet copied
    begin = 0  # the same, with the bar before it
    base: int | None = None  # where the text behind the last bar begins
    for found in _MARKUP.finditer(text):
        if found.start() > position:
            built.copy(text[position : found.start()], begin, position, found.start())
            begin = found.start()
        position = found.end()
        if found["bar"]:
            base = built.length
            continue  # the next piece begins with it
        if found["reading"]:
            start = built.run_before() if base is None else base
            base = None
            if start < built.length:
                built.plain.ruby.append(Ruby(start, built.length, plain(found["reading"]).text))
                built.attach(found.end())
            else:
                built.copy(found[0], found.start(), found.start(), found.end())
        elif found["gaiji"]:
            character = _character(found["note"])
            if not character:
                built.plain.unnamed.append(built.length)
                built.plain.notes.append(Note(built.length + 1, found["note"][2:-1]))
            built.copy(character or "※", begin, found.start(), found.end())
        else:
            built.plain.notes.append(Note(built.length, found["note"][2:-1]))
            built.attach(found.end())
        begin = position
    built.copy(text[position:], begin, position, len(text))
    built.plain.text = "".join(built.pieces)
    return built.plain


def _character(note: str) -> str:
    """Return the character that the note on a ※ names by its number in Unicode or JIS X 0213, "" if it names none."""
    if named := _UNICODE.search(note):
        code = int(named[1], 16)
        return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else ""
    if not (kuten := _KUTEN.search(note)):
        return ""
    plane, row, cell = (int(number) for number in kuten.groups())
    if not (1 <= row <= 94 and 1 <= cell <= 94):
        return ""
    shift = b"\x8f" if plane == 2 else b""
    try:
        return (shift + bytes((0xA0 + row, 0xA0 + cell))).decode("euc_jis_2004")
    except UnicodeDecodeError:
        return ""


def markup_of_parts(text: Plain, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[list[Ruby], list[Note]]]:
    """Yield for each of ``spans``, parts of ``text.text`` in order, its ruby and its notes, with positions within the part.

    A note between two parts belongs to the part behind it, or to the last one.
    """
    n_ruby = n_notes = 0
    for number, (start, end) in enumerate(spans):
        ruby: list[Ruby] = []
        notes: list[Note] = []
        while n_ruby < len(text.ruby) and text.ruby[n_ruby].start < end:
            item = text.ruby[n_ruby]
            ruby.append(Ruby(max(0, item.start - start), min(item.end, end) - start, item.reading))
            n_ruby += 1
        is_last = number == len(spans) - 1
        while n_notes < len(text.notes) and (is_last or text.notes[n_notes].position <= end):
            note = text.notes[n_notes]
            notes.append(Note(min(max(0, note.position - start), end - start), note.note))
            n_notes += 1
        yield ruby, notes


class Body:
    """Tells the lines of a work from its head (the explanation of the symbols between two rules), its colophon and rules.

    Add the lines of a file one after the other; make a new one for the next file.
    """

    def __init__(self) -> None:
        self._n_lines = 0
        self._after_rule = False
        self._head_ends = 0  # the line at which a head without a second rule is given up; 0: this is no head
        self._in_colophon = False

    def holds(self, line: str) -> bool:
        """Return whether the next line belongs to the work itself."""
        self._n_lines += 1
        is_rule = _RULE.match(line) is not None
        if self._in_colophon:
            self._in_colophon = _COLOPHON_END not in line
            return False
        if self._head_ends:
            if is_rule or self._n_lines >= self._head_ends:
                self._head_ends = 0
            return False
        if self._after_rule and _HEAD.match(line):
            self._head_ends = self._n_lines + _LONGEST_HEAD
            return False
        self._after_rule = is_rule
        self._in_colophon = _COLOPHON.match(line) is not None
        return not self._in_colophon and not is_rule
