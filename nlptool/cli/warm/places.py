"""Where the warm server is, which commands it runs, and whether it is wanted: nothing but the standard library, and little of
that, since every start of the program reads it.

The socket is in a folder of the user's alone. Its name holds what two servers may differ in: the version and the place of
nlptool, the interpreter, and the variables of the environment that libraries read once, when they are imported.
"""

from __future__ import annotations

import os
import stat
import sys
import zlib

from nlptool import __version__

COMMANDS = frozenset({
    "analogy", "answer", "attention", "choose", "classify", "cluster", "compare", "dedup", "embed", "fill-mask", "generate",
    "hash", "keywords", "map", "mask", "neighbors", "nsp", "odd-one-out", "probe", "score", "search", "similarity", "tag",
    "vectors",
})  # fmt: skip
"""Commands that open a model and answer: the warm server runs them."""

_NOT_WARM = ("-h", "--help", "-j", "--workers", "--debug")  # processes of their own; what libraries print
_OF_THIS_PROCESS = ("/dev/fd/", "/dev/std", "/dev/tty", "/proc/")

_READ_ONCE = (
    "CUDA", "CT2", "HF_", "HOME", "HUGGINGFACE", "KMP", "LANG", "LC_", "LD_", "MALLOC", "MKL", "NLPTOOL_CACHE", "OMP",
    "OPENBLAS", "ORT", "PYTHON", "RAYON", "TMPDIR", "TOKENIZERS", "TORCH", "TRANSFORMERS", "TZ", "XDG",
)  # fmt: skip
"""Beginnings of the names of variables that a process reads once."""

_TRUE = ("1", "on", "yes", "true")
_FALSE = ("0", "off", "no", "false")


def wanted(arguments: list[str]) -> bool:
    """Return whether a command line is one for a warm server, and one is wanted: by ``NLPTOOL_WARM`` or ``nlptool warm on``."""
    if not arguments or arguments[0] not in COMMANDS or "_NLPTOOL_COMPLETE" in os.environ:
        return False
    if any(word.startswith(_NOT_WARM) or any(path in word for path in _OF_THIS_PROCESS) for word in arguments):
        return False
    return is_on()


def is_on() -> bool:
    """Return whether a warm server is wanted. ``NLPTOOL_WARM`` wins over what ``nlptool warm on`` has written."""
    asked = os.environ.get("NLPTOOL_WARM", "").lower()
    return asked in _TRUE or (asked not in _FALSE and os.path.exists(switch()))  # noqa: PTH110  # pathlib loads for 8 ms


def switch() -> str:
    """Return the path of the file that is there while ``nlptool warm on`` holds; it holds the settings."""
    home = os.path.expanduser("~")  # noqa: PTH111
    if sys.platform == "darwin":
        configuration = f"{home}/Library/Application Support"
    else:
        configuration = os.environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
    return f"{configuration}/nlptool/warm.json"


def folder() -> str:
    """Return the folder of the sockets: in the user's runtime folder, else in the temporary one with the user's number."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return f"{runtime}/nlptool" if runtime else f"{os.environ.get('TMPDIR') or '/tmp'}/nlptool-{os.getuid()}"


def is_ours(path: str) -> bool:
    """Return whether a folder belongs to this user, is no link, and lets nobody else in."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def socket_path() -> str:
    """Return the path of the socket of the server that would run a command line of this process as this process would."""
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    read = sorted(item for item in os.environ.items() if item[0].startswith(_READ_ONCE))
    installed = os.stat(__file__).st_mtime_ns  # noqa: PTH116
    alike = repr((__version__, home, installed, sys.executable, sys.version, tuple(sys.flags), read))
    return f"{folder()}/{__version__}-{zlib.crc32(alike.encode('utf-8', 'surrogateescape')):08x}.sock"
