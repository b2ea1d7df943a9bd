"""The encoding of text: found in the first bytes of an input, or named for a line that cannot be decoded.

Decided in this order: a byte order mark; UTF-32 and UTF-16 by the characters that they give; ISO-2022 by its escape
sequences; UTF-8 by its validity; CP932 and EUC-JP by kana, which the one read as the other hardly ever gives; what is left
(other languages, texts without kana) by chardet. Names are those of Python's codecs.

Not told apart: encodings that give the same text, and pieces too short to show anything (two bytes are a kanji of EUC-JP or
two half-width katakana of CP932).
"""

from __future__ import annotations

import codecs
import re

from nlptool.storage.wide_encodings import decodes, wide

_SAMPLE = 1 << 16  # bytes that are looked at closely

_ESCAPES = rb"\x1b(?:\$[@AB]|\$\([A-DOPQ]|\$\)C|\(I)"
"""Where ISO-2022 switches to a set of Asian characters. ``ESC ( B``, back to ASCII, is sent to terminals too."""

_ISO_2022 = ("iso2022_jp", "iso2022_jp_2", "iso2022_jp_ext", "iso2022_jp_2004", "iso2022_kr")

_OF_UTF8 = (
    rb"(?:[\xe1-\xec\xee\xef][\x80-\xbf]|\xe0[\xa0-\xbf]|\xed[\x80-\x9f]|\xf0[\x9f-\xaf][\x80-\xbf])[\x80-\xbf]"
    rb"|(?<![\x80-\xff])(?:[\xc2-\xdf][\x80-\xbf])(?![\x80-\xff])"  # alone between ASCII: a letter with an accent
    rb"|(?:[\xce-\xd3][\x80-\xbf]){3,}"  # Greek and Cyrillic
)
"""Characters of UTF-8 that other encodings seldom spell by chance."""

_MOSTLY = 0.6  # share of the bytes beyond ASCII that such characters make up in damaged UTF-8
_PARTLY = 0.1  # share of the bytes beyond ASCII that stand in lines of UTF-8, where other lines are in another encoding

_LETTER = (
    rb"(?<![\x80-\xff])[\xa0-\xff](?![\x80-\xff])|(?<=[A-Za-z])\x92(?=[a-z ])"
    rb"|(?<![A-Za-z0-9\x80-\xff])[\x91\x93](?=[A-Za-z])|(?<=[A-Za-z0-9.,!?])\x94(?![A-Za-z\x80-\xff])|(?<= )[\x96\x97](?= )"
)
"""A letter with an accent, a quotation mark or a dash of a language in Latin letters, whose bytes stand one by one."""

_OF_LATIN = (
    "cp1250", "cp1252", "cp1254", "cp1257", "cp1258", "iso8859-1", "iso8859-2", "iso8859-9", "iso8859-15",
)  # fmt: skip
_OTHERS = (
    "cp932", "euc_jis_2004", "gb18030", "big5hkscs", "cp949", "euc_kr", "cp874", "cp1251", "cp1253", "cp1255", "cp1256",
    "koi8-r", "koi8-u", "iso8859-5", "iso8859-7", *_OF_LATIN,
)  # fmt: skip
"""What texts of people are in, beside Unicode and ISO-2022."""

_FEW_ACCENTS = 40  # letters beyond ASCII that do not tell one language in Latin letters from the other


def detect(head: bytes, *, complete: bool = True) -> str:
    """Return the name of the codec that reads a text.

    Args:
        head: the first bytes of the text; a byte order mark is still in what the codec gives.
        complete: whether they are all of it; else they may end in the middle of a character.
    """
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8"
    return wide(head) or _iso_2022(head) or _utf8(head, complete=complete) or _legacy(head[:_SAMPLE])


def likely(line: bytes) -> str:
    """Return the codec that a line that is no UTF-8 is likely in; "" if it is UTF-8 with damage."""
    line = line[:_SAMPLE]
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if found := wide(line) or wide(line.removeprefix(b"\0")):  # the line before took one half of a line end
        return found
    if _is_mostly_utf8(line):
        return ""
    return _iso_2022(line) or _legacy(line)


def cut_off(line: bytes) -> bool:
    """Return whether a line is UTF-8 whose last character is not complete."""
    try:
        line.decode()
    except UnicodeDecodeError as error:
        # A single byte behind ASCII is rather a letter of Latin-1: caf\xe9.
        return error.reason == "unexpected end of data" and (
            error.end - error.start > 1 or not line[: error.start].isascii()
        )
    return False


def is_utf8_beyond_chance(line: bytes) -> bool:
    """Return whether a line is UTF-8, and not by chance the bytes of another encoding."""
    return not line.isascii() and decodes(line, "utf-8") and _is_mostly_utf8(line[:_SAMPLE])


def has_escapes(line: bytes) -> bool:
    """Return whether a line switches to a set of Asian characters, as ISO-2022 does."""
    return b"\x1b" in line and bool(re.search(_ESCAPES, line))


def spelled(codec: str) -> str:
    """Return the name by which people know a codec."""
    return codec.replace("iso2022_", "iso-2022-").replace("_", "-") if codec.startswith("iso2022") else codec


def _iso_2022(head: bytes) -> str:
    if not (head.isascii() and has_escapes(head)):
        return ""
    return next((name for name in _ISO_2022 if decodes(head, name, complete=False)), "iso2022_jp")


def _utf8(head: bytes, *, complete: bool) -> str:
    """Return ``utf-8`` if it is that, cut off in the last character, damaged, or mixed with lines in another encoding."""
    valid = head.isascii() or decodes(head, "utf-8", complete=complete) or cut_off(head)
    return "utf-8" if valid or _is_mostly_utf8(head[:_SAMPLE]) or _is_partly_utf8(head[:_SAMPLE]) else ""


def _is_mostly_utf8(data: bytes) -> bool:
    found = re.findall(_OF_UTF8, data)
    return len(found) > 1 and sum(map(len, found)) >= _MOSTLY * _n_beyond_ascii(data)


def _is_partly_utf8(data: bytes) -> bool:
    """Return whether some of the lines are UTF-8: read as anything else they would be nonsense without an error."""
    n_utf8 = sum(_n_beyond_ascii(line) for line in data.split(b"\n") if is_utf8_beyond_chance(line))
    return n_utf8 >= _PARTLY * _n_beyond_ascii(data)


def _legacy(sample: bytes) -> str:
    """Return the 8-bit encoding that a text is likely in, of those that can decode it."""
    from nlptool.storage.japanese_encodings import euc_jp, japanese

    n_beyond = _n_beyond_ascii(sample)
    is_latin = len(re.findall(_LETTER, sample)) > 0.6 * n_beyond
    found = japanese(sample, is_latin=is_latin)
    if found.is_sure:
        return found.codec
    western = "cp1252" if decodes(sample, "cp1252") else "latin-1"
    if not sample or (is_latin and n_beyond < _FEW_ACCENTS):
        return western
    import chardet

    among = _OF_LATIN if is_latin else _OTHERS
    name = chardet.detect(sample, prefer_superset=True, compat_names=False, include_encodings=among)["encoding"] or ""
    if name == "euc_jis_2004":
        name = euc_jp(sample)
    if not (name and decodes(sample, name, complete=False)):
        name = found.codec or western
    # Many codecs give the same text: the best known one is named.
    return western if sample.decode(western) == sample.decode(name, "replace") else codecs.lookup(name).name


def _n_beyond_ascii(data: bytes) -> int:
    return len(data) - len(data.translate(None, bytes(range(0x80, 0x100))))
