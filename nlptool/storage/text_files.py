"""Side files of text: user dictionaries, lists of words. Compressed or not, in any encoding, with any line ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from nlptool.errors import RunError
from nlptool.storage import encodings
from nlptool.storage.compression import CHUNK, decompressed
from nlptool.storage.output import standard_stream
from nlptool.storage.wide_encodings import decodes, is_wide

_BOM = "\ufeff"


def read_lines(path: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file with their numbers, from 1, without line ends and byte order mark. The encoding is found out.

    Args:
        path: ``-`` is stdin.

    Raises:
        RunError: the file cannot be read, or a line is in another encoding; the message names it.
    """
    name = "<stdin>" if path == "-" else path
    try:
        if path == "-":
            file = standard_stream(sys.stdin)
            data = b"".join(decompressed(iter(lambda: file.read(CHUNK), b""), name, piped=False))
        else:
            with Path(path).open("rb") as file:
                data = b"".join(decompressed(iter(lambda: file.read(CHUNK), b""), name, piped=False))
    except OSError as error:
        raise RunError(f"{name}: {error.strerror or error}") from error
    codec = encodings.detect(data)
    # Only in UTF-16 and UTF-32 bytes cannot be split at line ends; there, a damaged line is not told from the others.
    if is_wide(codec):
        lines = _decoded(data, codec, name).split("\n")
    else:
        lines = [_decoded(line, codec, f"{name}:{number}") for number, line in enumerate(data.split(b"\n"), 1)]
    lines[0] = lines[0].removeprefix(_BOM)
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        yield number, line.removesuffix("\r")


def _decoded(data: bytes, codec: str, place: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        likely = encodings.likely(data)
        is_other = likely not in ("", codec) and decodes(data, likely)
        raise RunError(
            f"{place}: not {encodings.spelled(codec).upper()}: byte 0x{data[error.start]:02x} at position {error.start}",
            hint=f"this is rather {encodings.spelled(likely).upper()}" if is_other else "the file is damaged there",
        ) from error
