"""UTF-16 and UTF-32, with and without a byte order mark, told by the characters that the bytes give.

Patterns are strings, which ``re`` compiles when they are used, and keeps: few inputs need them.
"""

from __future__ import annotations

import codecs
import functools
import re

_SAMPLE = 1 << 12  # bytes

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_KANA = r"\u3000-\u30ff\uff01-\uffef"  # and the punctuation among them
_COMMON = rf"[\t\n\r -~\xa0-\u024f\u0386-\u045f\u2010-\u203b{_KANA}]"
_FULL_WIDTH = f"[{_KANA}]"
_CONTROL = r"[\x00-\x08\x0e-\x1a\x1c-\x1f]"

# Half of all pairs of bytes are one of these.
_IDEOGRAPHS = r"[\u4e00-\u9fff\uac00-\ud7a3\U0001f300-\U0001faff\U00020000-\U0003ffff]"

_HALVES = rb"[\x01\x02]"  # of 、 and 。 in UTF-16: control characters that no text in another encoding has
_ALTERNATING = rb"\0?(?:[\t\r -~]\0){3,}[\t\r -~]?"


@functools.cache
def is_wide(codec: str) -> bool:
    """Return whether a line end is more than one byte in this encoding."""
    return codecs.lookup(codec).name.startswith(("utf-16", "utf-32"))


def wide(head: bytes) -> str:
    """Return which UTF-16 or UTF-32 the first bytes of a text are in, with or without a byte order mark, "" for neither."""
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), "")
    if marked:
        return marked
    sample = head[:_SAMPLE]
    if b"\0" not in sample and decodes(sample, "utf-8", complete=False) and not re.search(_HALVES, sample):
        return ""
    return _utf32(sample) or _utf16(sample)


def looks_wide(line: bytes) -> bool:
    """Return whether a line that may be valid UTF-8 has the NUL bytes of UTF-16."""
    return b"\0" in line and bool(re.fullmatch(_ALTERNATING, line))


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


def _utf32(sample: bytes) -> str:
    """Tell UTF-32 by the bytes that are zero in every character."""
    sample = sample[: len(sample) // 4 * 4]
    if len(sample) < 8:
        return ""
    for name, highest, next_one in (("utf-32-le", 3, 2), ("utf-32-be", 0, 1)):
        if not any(sample[highest::4]) and max(sample[next_one::4]) <= 0x10:
            text = sample.decode(name, "replace")
            n_known = len(re.findall(_COMMON, text)) + len(re.findall(_IDEOGRAPHS, text))
            is_text = n_known >= 0.8 * len(text) and not re.search(_CONTROL, text)
            return name if is_text else ""  # else it is an array of numbers
    return ""


def _utf16(sample: bytes) -> str:
    """Tell UTF-16 by how common the characters are that the two byte orders give."""
    sample = sample[: len(sample) // 2 * 2]
    texts = {name: sample.decode(name, "replace") for name in ("utf-16-le", "utf-16-be")}
    common = {name: len(re.findall(_COMMON, text)) for name, text in texts.items()}
    ideographs = {name: len(re.findall(_IDEOGRAPHS, text)) for name, text in texts.items()}
    scores = {name: common[name] + 0.3 * ideographs[name] for name in texts}
    best, other = sorted(texts, key=lambda name: -scores[name])
    n = len(texts[best])
    is_utf8_too = decodes(sample.replace(b"\0", b""), "utf-8", complete=False)
    if n < 2 or len(re.findall(_CONTROL, texts[best])) > 0.01 * n:
        found = False
    elif b"\0" in sample:
        found = scores[best] > (0.5 if is_utf8_too else 0.34) * n and scores[best] > 1.4 * scores[other]
    else:  # no ASCII in it, not even a line end
        n_full_width = len(re.findall(_FULL_WIDTH, texts[best]))
        found = (
            n_full_width >= max(2, (0.5 if is_utf8_too else 0.1) * n) and common[best] + ideographs[best] >= 0.97 * n
        )
    return best if found else ""
