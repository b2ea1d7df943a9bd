"""Encodings of inputs as they are read: found for ``--encoding auto``, recoded where bytes cannot be split at line ends.

Encodings of single bytes are decoded line by line in ``parse``, so that a damaged byte is the error of its line alone.
"""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Callable, Iterable, Iterator

from nlptool.errors import RecordError, RunError
from nlptool.storage import encodings
from nlptool.storage.wide_encodings import is_wide, looks_wide, wide

CUT_OFF = b"\xff"
"""Stands before part of a character at the end of UTF-16 or UTF-32 that has been recoded. UTF-8 has no such byte."""

_ENOUGH = 1 << 12  # bytes that decide without a line end among them
_MARKS_OF_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def wide_to_utf8(chunks: Iterable[bytes], encoding: str, source: str) -> Iterator[bytes]:
    """Recode UTF-16 and UTF-32 as UTF-8: in them a line end is more than one byte, so bytes cannot be split at it.

    A lone surrogate is kept, and found where the line is decoded; so is part of a character at the end, behind ``CUT_OFF``.
    """
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode(errors="surrogatepass")
    except UnicodeError as error:
        raise RunError(f"{source} is not valid {encoding}: {error}", hint="--encoding names another one") from error
    if rest := decoder.getstate()[0]:
        yield CUT_OFF + rest


class Source:
    """The bytes of an input, whose lines can be split.

    Args:
        encoding: as the options say, ``auto`` included.
        separator: what ends a line.
        note: called with the encoding that was found, if it is not UTF-8.
        is_middle: the chunks do not begin where the input does, so that nothing is decided by the first of them.

    Attributes:
        encoding: what ``auto`` has found; "": as the options say.
    """

    def __init__(
        self,
        chunks: Iterator[bytes],
        name: str,
        *,
        encoding: str,
        separator: bytes,
        note: Callable[[str], None],
        is_middle: bool = False,
    ) -> None:
        self.encoding = ""
        self._wide_instead = ""  # what an input is in that should not be
        self._name = name
        self._separator = separator
        self._note = note
        self._watches = not encoding.startswith(("iso2022", "utf-7", "hz", "utf-16", "utf-32"))
        if encoding == "auto":
            self._chunks = self._detected(chunks)
        elif is_wide(encoding):
            self._chunks = wide_to_utf8(chunks, encoding, name)
        else:
            self._chunks = chunks if is_middle else self._unless_wide(chunks)

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def is_suspicious(self, chunk: bytes) -> bool:
        """Return whether lines of this chunk, or of those after it, may be what ``refused`` is about."""
        return self._watches and bool(
            self._wide_instead or b"\x1b" in chunk or (b"\0" in chunk and self._separator != b"\0")
        )

    def refused(self, line: bytes) -> RecordError | None:
        """Return the error of a line whose bytes can be decoded although it is in another encoding, ISO-2022 or UTF-16."""
        if self._wide_instead:
            text, _, rest = line.partition(CUT_OFF)
            raw = text.decode(errors="surrogatepass").encode(self._wide_instead, "surrogatepass")
            return _in(self._wide_instead, raw + rest)
        if encodings.has_escapes(line) or looks_wide(line):
            return _in(encodings.likely(line) or "iso2022_jp", line)
        return None

    def _detected(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Hand on ASCII as it comes, and decide by the first chunk with something else in it.

        ASCII is the same in all encodings whose line ends are single bytes.
        """
        self.encoding = "utf-8"
        head = b""
        complete = True
        for chunk in chunks:
            head += chunk
            if head.isascii() and b"\x1b" not in head and b"\0" not in self._lines(head):
                if not chunk or head.endswith(self._separator) or len(head) >= _ENOUGH:
                    if head:
                        yield head
                        head = b""
                    if not chunk:
                        yield b""
            elif not chunk or self._separator in head or len(head) >= _ENOUGH:
                complete = False
                break
        if head:
            self.encoding = encodings.detect(self._lines(head), complete=complete)
            if self.encoding != "utf-8":
                self._note(f"{self._name} is read as {encodings.spelled(self.encoding)}")
            self._watches = not self.encoding.startswith("iso2022") and not is_wide(self.encoding)
        chunks = itertools.chain([head] if head else [], chunks)
        yield from wide_to_utf8(chunks, self.encoding, self._name) if is_wide(self.encoding) else chunks

    def _unless_wide(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Recode an input that is in UTF-16 or UTF-32 although it should not be, so that each of its lines is an error."""
        first = next((chunk for chunk in chunks if chunk), b"")
        if first.startswith(_MARKS_OF_UTF16) or b"\0" in self._lines(first[:_ENOUGH]):
            self._wide_instead = wide(self._lines(first))
        chunks = itertools.chain([first] if first else [], chunks)
        yield from wide_to_utf8(chunks, self._wide_instead, self._name) if self._wide_instead else chunks

    def _lines(self, data: bytes) -> bytes:
        """Return bytes as they are when records end with line ends; with -0, a NUL is no part of a character."""
        return data if self._separator != b"\0" else data.replace(b"\0", b"\n")


def _in(codec: str, line: bytes) -> RecordError:
    name = encodings.spelled(codec)
    return RecordError(
        "Undecodable", f"not UTF-8: the line is in {name.upper()}", hint=f"perhaps --encoding {name}", raw=line
    )
