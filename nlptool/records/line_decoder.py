"""Lines to text: each in the encoding of its input, with an error that names the likely one if it is in another."""

from __future__ import annotations

import codecs

from nlptool.errors import RecordError
from nlptool.records.decoding import CUT_OFF
from nlptool.records.record import lone_surrogate, readable
from nlptool.storage import encodings
from nlptool.storage.wide_encodings import decodes, is_wide
from nlptool.text.scripts import LONE_SURROGATE

_NO_TEXT = {0x00: "\ufffd", 0x1B: "\ufffd"}  # control characters of UTF-16 and ISO-2022 that are taken for UTF-8

_NO_TEXT_AT_ALL = (
    b"\x93NUMPY",
    b"\x89PNG",
    b"\xff\xd8\xff",
)  # .npy, PNG and JPEG: lines of others mostly have a NUL byte

_EXPLAINED = 10  # undecodable lines that get a hint: one is shown at the end, and finding it takes longer than decoding
_MIXED = "this line is in {}, others are not: give each part its own --encoding"


class LineDecoder:
    """Decodes lines.

    Args:
        encoding: as the options say, ``auto`` included.
    """

    def __init__(self, encoding: str) -> None:
        self._is_auto = encoding == "auto"
        self._n_undecodable = 0
        self.use(encoding)

    def use(self, encoding: str) -> None:
        """Take the encoding of the lines that follow."""
        self._is_wide = encoding != "auto" and is_wide(encoding)
        self._encoding = "utf-8" if self._is_wide or encoding in ("auto", "utf-8-sig") else encoding

    @property
    def is_utf8(self) -> bool:
        """Whether lines are decoded as UTF-8, so that their bytes are those of their text."""
        return self._encoding == "utf-8" and not self._is_wide

    def decode(self, line: bytes | RecordError) -> tuple[str, RecordError | None]:
        """Decode a line; return its text, or as much as can be shown of it and the error."""
        if isinstance(line, RecordError):
            text = codecs.getincrementaldecoder(self._encoding)("replace").decode(line.raw)
            return readable(text.translate(_NO_TEXT) if line.type == "Undecodable" else text), line
        try:
            text = line.decode(self._encoding, "surrogatepass" if self._is_wide else "strict")
        except UnicodeDecodeError as error:
            text = line.partition(CUT_OFF)[0].decode(errors="replace") + "\ufffd" if self._is_wide else ""
            return readable(text or line.decode(self._encoding, "replace")), self._undecodable(line, error)
        if (self._is_wide or self._encoding != "utf-8") and (lone := LONE_SURROGATE.search(text)):
            return readable(text), lone_surrogate(lone)
        if self._is_auto and self._encoding != "utf-8" and encodings.is_utf8_beyond_chance(line):
            failure = RecordError(
                "Undecodable",
                f"not {self._encoding.upper()}: the line is in UTF-8",
                hint=_MIXED.format("UTF-8"),
                raw=line,
            )
            return readable(text), failure
        return text, None

    def _undecodable(self, line: bytes, error: UnicodeDecodeError) -> RecordError:
        """Make an error that holds the bytes and names the likely encoding."""
        if self._is_wide:
            return RecordError("Undecodable", "the last character is cut off", raw=line)
        what = f"not {self._encoding.upper()}: "
        if self._encoding == "utf-8" and encodings.cut_off(line):
            return RecordError(
                "Undecodable", what + "the last character is cut off", hint="its bytes are in `raw_base64`", raw=line
            )
        where = f"byte 0x{line[error.start]:02x} at position {error.start}"
        self._n_undecodable += 1
        hint = self._hint(line) if self._n_undecodable <= _EXPLAINED else ""
        return RecordError("Undecodable", what + where, hint=hint, raw=line)

    def _hint(self, line: bytes) -> str:
        likely = encodings.likely(line)
        if line.startswith(_NO_TEXT_AT_ALL) or (b"\0" in line and not (likely and is_wide(likely))):
            return "perhaps the file holds no text"
        if self._encoding == "utf-8" and not likely:
            return "the rest of the line is UTF-8: it is damaged there"
        likely = encodings.spelled(likely or "utf-8")
        if likely == self._encoding or not decodes(line, likely):
            return "" if self._is_auto else "--encoding names another one"
        return _MIXED.format(likely.upper()) if self._is_auto else f"perhaps --encoding {likely}"
