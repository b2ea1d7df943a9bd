"""MeCab's own program, called as a function of the library that fugashi brings.

fugashi analyses one text a call and holds the interpreter's lock meanwhile. ``mecab_do``, the main function of the ``mecab``
command, is part of the same library: it analyses a file of lines in one call, during which other threads of Python go on working.

What it reads and writes are files in memory, where the system has them (Linux), else temporary ones.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import mmap
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import fugashi

_LARGEST_BUFFER = 5_000_000  # bytes of a line that MeCab reads; it allows a little more


@functools.cache
def _main() -> Callable[[int, ctypes.Array[ctypes.c_char_p]], int] | None:
    """Return ``mecab_do``; None where it cannot be called."""
    if not Path("/dev/fd").is_dir():  # by whose names the program is given its files
        return None
    try:
        # fugashi's extension module is linked with the library, so that a name of it is found through the module.
        function = ctypes.CDLL(fugashi.fugashi.__file__).mecab_do
    except (OSError, AttributeError):
        return None
    function.restype = ctypes.c_int
    return function


def run(arguments: Sequence[str], lines: bytes, *, maps: Path) -> bytes:
    """Return what ``mecab`` with these arguments prints for ``lines``, which end with a newline.

    The interpreter's lock is released meanwhile, and several threads may call this at once.

    Args:
        arguments: with which MeCab has been opened before: of wrong ones it complains on stdout.
        maps: the largest file that it maps into memory.

    Returns:
        Less than one line for each of ``lines`` if the program cannot be called, or has failed.
    """
    main = _main()
    if main is None or not _has_room(maps):
        return b""
    try:
        with _file() as given, _file() as printed:
            _write(given, lines)
            words = ["mecab", *arguments, "-b", str(_LARGEST_BUFFER), "-o", f"/dev/fd/{printed}", f"/dev/fd/{given}"]
            main(len(words), (ctypes.c_char_p * len(words))(*map(os.fsencode, words)))
            return _read(printed)
    except OSError:  # no room for the files
        return b""


def _has_room(path: Path) -> bool:
    """Return whether a file can be mapped into memory by each of two threads: MeCab would complain on stdout."""
    try:
        with path.open("rb") as file, contextlib.ExitStack() as maps:
            for _ in range(2):
                maps.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _file() -> Iterator[int]:
    """Give a new file in memory, or a temporary one without a name."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("nlptool")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    try:
        yield fd
    finally:
        os.close(fd)


def _write(fd: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(fd, rest) :]
    os.lseek(fd, 0, os.SEEK_SET)  # /dev/fd gives the same open file on some systems, its position included


def _read(fd: int) -> bytes:
    os.lseek(fd, 0, os.SEEK_SET)
    pieces = []
    while piece := os.read(fd, 1 << 30):
        pieces.append(piece)
    return b"".join(pieces)
