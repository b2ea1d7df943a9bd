"""The encoding of text: found in the first bytes of an input, or named for a line that cannot be decoded.

Decided in this order: a byte order mark; UTF-32 and UTF-16 by the characters that they give; ISO-2022 by its escape
sequences; UTF-8 by its validity; CP932 and EUC-JP by kana, which the one read as the other hardly ever gives; what is left
(other languages, texts without kana) by chardet. Names are those of Python's codecs.

Not told apart: encodings that give the same text, and pieces too short to show anything (two bytes are a kanji of EUC-JP or
two half-width katakana of CP932).
"""

from __future__ import annotations

import codecs
import functools
import re

from nlptool.storage.japanese_encodings import euc_jp, is_latin, japanese, n_beyond_ascii

_SAMPLE = 1 << 16  # bytes that are looked at closely
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

ESCAPES = re.compile(rb"\x1b(?:\$[@AB]|\$\([A-DOPQ]|\$\)C|\(I)")
"""Where ISO-2022 switches to a set of Asian characters. ``ESC ( B``, back to ASCII, is sent to terminals too."""

_ISO_2022 = ("iso2022_jp", "iso2022_jp_2", "iso2022_jp_ext", "iso2022_jp_2004", "iso2022_kr")

_OF_UTF8 = re.compile(
    rb"(?:[\xe1-\xec\xee\xef][\x80-\xbf]|\xe0[\xa0-\xbf]|\xed[\x80-\x9f]|\xf0[\x9f-\xaf][\x80-\xbf])[\x80-\xbf]"
    rb"|(?<![\x80-\xff])(?:[\xc2-\xdf][\x80-\xbf])(?![\x80-\xff])"  # alone between ASCII: a letter with an accent
    rb"|(?:[\xce-\xd3][\x80-\xbf]){3,}"  # Greek and Cyrillic
)
"""Characters of UTF-8 that other encodings hardly ever spell by chance."""

_MOSTLY = 0.6  # share of the bytes beyond ASCII that such characters make up in damaged UTF-8
_PARTLY = 0.1  # share of the bytes beyond ASCII that stand in lines of UTF-8, where other lines are in another encoding

_KANA = r"\u3000-\u30ff\uff01-\uffef"  # and the punctuation among them
_COMMON = re.compile(rf"[\t\n\r -~\xa0-\u024f\u0386-\u045f\u2010-\u203b{_KANA}]")
_IDEOGRAPHS = re.compile(
    r"[\u4e00-\u9fff\uac00-\ud7a3\U0001f300-\U0001faff\U00020000-\U0003ffff]"
)  # half of all pairs of bytes are one
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_FULL_WIDTH = re.compile(f"[{_KANA}]")

_OF_LATIN = (
    "cp1250", "cp1252", "cp1254", "cp1257", "cp1258", "iso8859-1", "iso8859-2", "iso8859-9", "iso8859-15",
)  # fmt: skip
_OTHERS = (
    "cp932", "euc_jis_2004", "gb18030", "big5hkscs", "cp949", "euc_kr", "cp874", "cp1251", "cp1253", "cp1255", "cp1256",
    "koi8-r", "koi8-u", "iso8859-5", "iso8859-7", *_OF_LATIN,
)  # fmt: skip
"""What texts of people are in, beside Unicode and ISO-2022."""

_FEW_ACCENTS = 40  # letters beyond ASCII that do not tell one language in Latin letters from the other


@functools.cache
def is_wide(codec: str) -> bool:
    """Return whether a line end is more than one byte in this encoding."""
    return codecs.lookup(codec).name.startswith(("utf-16", "utf-32"))


def detect(head: bytes, *, complete: bool = True) -> str:
    """Return the name of the codec that reads a text.

    Args:
        head: the first bytes of the text; a byte order mark is still in what the codec gives.
        complete: whether they are all of it; else they may end in the middle of a character.
    """
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), "")
    return marked or wide(head) or _iso_2022(head) or _utf8(head, complete=complete) or _legacy(head[:_SAMPLE])


def wide(head: bytes) -> str:
    """Return which UTF-16 or UTF-32 the first bytes of a text are in, with or without a byte order mark, "" for neither."""
    marked = next((name for mark, name in _MARKS[1:] if head.startswith(mark)), "")
    if marked:
        return marked
    sample = head[: 1 << 12]
    if b"\0" not in sample and decodes(sample, "utf-8", complete=False) and not _CONTROLS.search(sample):
        return ""
    return _utf32(sample) or _utf16(sample)


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


def decodes(data: bytes, codec: str, *, complete: bool = True) -> bool:
    """Return whether bytes are valid in an encoding.

    Args:
        complete: whether they may not end in the middle of a character.
    """
    try:
        codecs.getincrementaldecoder(codec)().decode(data, final=complete)
    except UnicodeError:
        return False
    return True


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


def looks_wide(line: bytes) -> bool:
    """Return whether a line that may be valid UTF-8 has the NUL bytes of UTF-16."""
    return b"\0" in line and bool(_ALTERNATING.fullmatch(line))


_CONTROLS = re.compile(rb"[\x01\x02]")  # half of 、 and 。 in UTF-16
_ALTERNATING = re.compile(rb"\0?(?:[\t\r -~]\0){3,}[\t\r -~]?")


def spelled(codec: str) -> str:
    """Return the name by which people know a codec."""
    return codec.replace("iso2022_", "iso-2022-").replace("_", "-") if codec.startswith("iso2022") else codec


def _utf32(sample: bytes) -> str:
    """Tell UTF-32 by the bytes that are zero in every character."""
    sample = sample[: len(sample) // 4 * 4]
    if len(sample) < 8:
        return ""
    for name, highest, next_one in (("utf-32-le", 3, 2), ("utf-32-be", 0, 1)):
        if not any(sample[highest::4]) and max(sample[next_one::4]) <= 0x10:
            text = sample.decode(name, "replace")
            n_known = len(_COMMON.findall(text)) + len(_IDEOGRAPHS.findall(text))
            return name if n_known >= 0.8 * len(text) and not _CONTROL.search(text) else ""  # else an array of numbers
    return ""


def _utf16(sample: bytes) -> str:
    """Tell UTF-16 by how common the characters are that the two byte orders give."""
    sample = sample[: len(sample) // 2 * 2]
    if not sample:
        return ""
    texts = {name: sample.decode(name, "replace") for name in ("utf-16-le", "utf-16-be")}
    common = {name: len(_COMMON.findall(text)) for name, text in texts.items()}
    ideographs = {name: len(_IDEOGRAPHS.findall(text)) for name, text in texts.items()}
    scores = {name: (common[name] + 0.3 * ideographs[name]) / len(text) for name, text in texts.items()}
    best, other = sorted(scores, key=lambda name: -scores[name])
    n = len(texts[best])
    is_narrow = decodes(sample.replace(b"\0", b""), "utf-8", complete=False)
    if n < 2 or len(_CONTROL.findall(texts[best])) > 0.01 * n:
        found = False
    elif b"\0" in sample:
        found = scores[best] > (0.5 if is_narrow else 0.34) and scores[best] > 1.4 * scores[other]
    else:  # no ASCII in it, not even a line end
        n_full_width = len(_FULL_WIDTH.findall(texts[best]))
        found = n_full_width >= max(2, (0.5 if is_narrow else 0.1) * n) and common[best] + ideographs[best] >= 0.97 * n
    return best if found else ""


def _iso_2022(head: bytes) -> str:
    if not (head.isascii() and ESCAPES.search(head)):
        return ""
    return next((name for name in _ISO_2022 if decodes(head, name, complete=False)), "iso2022_jp")


def _utf8(head: bytes, *, complete: bool) -> str:
    """Return ``utf-8`` if it is that, cut off in the last character, damaged, or mixed with lines in another encoding."""
    valid = head.isascii() or decodes(head, "utf-8", complete=complete) or cut_off(head)
    return "utf-8" if valid or _is_mostly_utf8(head[:_SAMPLE]) or _is_partly_utf8(head[:_SAMPLE]) else ""


def _is_mostly_utf8(data: bytes) -> bool:
    found = _OF_UTF8.findall(data)
    return len(found) > 1 and sum(map(len, found)) >= _MOSTLY * n_beyond_ascii(data)


def _is_partly_utf8(data: bytes) -> bool:
    """Return whether some of the lines are UTF-8: read as anything else they would be nonsense without an error."""
    n_utf8 = sum(n_beyond_ascii(line) for line in data.split(b"\n") if is_utf8_beyond_chance(line))
    return n_utf8 >= _PARTLY * n_beyond_ascii(data)


def _legacy(sample: bytes) -> str:
    """Return the 8-bit encoding that a text is likely in, of those that can decode it."""
    found = japanese(sample)
    if found.is_sure:
        return found.codec
    western = "cp1252" if decodes(sample, "cp1252") else "latin-1"
    latin = is_latin(sample)
    if not sample or (latin and n_beyond_ascii(sample) < _FEW_ACCENTS):
        return western
    import chardet

    among = _OF_LATIN if latin else _OTHERS
    name = chardet.detect(sample, prefer_superset=True, compat_names=False, include_encodings=among)["encoding"] or ""
    if name == "euc_jis_2004":
        name = euc_jp(sample)
    if not (name and decodes(sample, name, complete=False)):
        name = found.codec or western
    # Many codecs give the same text: the best known one is named.
    return western if sample.decode(western) == sample.decode(name, "replace") else codecs.lookup(name).name
