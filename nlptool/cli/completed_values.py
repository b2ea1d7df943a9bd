"""What a TAB offers that is known only on this machine: names of models, fields of the file on the line, words of a vocabulary.

The completion scripts ask with ``nlptool --complete KIND COMMAND CURRENT WORD...``, the words of the line before the current one.
Nothing is imported but the standard library and the table of models, and no model is opened.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

KINDS = ("model", "field", "word")

_WORDS = "words.txt"  # in a folder of word vectors
_MOST = 200  # candidates of a vocabulary
_HEAD = 1 << 18  # bytes of a file in which its first record is looked for
_DEEPEST = 3  # levels of nested fields

_TASKS = {
    "analogy": ("words",), "attention": ("fill-mask", "embed"), "answer": (), "choose": (), "classify": ("classify",),
    "evaluate analogies": ("words",), "evaluate similarity": ("embed", "words"), "fill-mask": ("fill-mask",),
    "generate": ("generate",), "mask": ("fill-mask",), "neighbors": ("words",), "nsp": ("fill-mask",), "odd-one-out": ("words",),
    "probe": ("probe",), "score": ("fill-mask", "generate"), "tag": ("tag",), "vectors": ("words",), "change": ("words",),
    "models": None, "train": None, "evaluate": None,
}  # fmt: skip
"""Command -> the tasks of the models that it takes; None: all. Other commands take encoders and word vectors."""


def main(arguments: Sequence[str]) -> None:
    """Print the candidates for a word that is being typed, one a line."""
    if len(arguments) < 3 or arguments[0] not in KINDS:
        return
    kind, command, current, *before = arguments
    if current.startswith("--") and "=" in current:  # as fish gives --model=NAME
        current = current.partition("=")[2]
    with contextlib.suppress(OSError, ValueError):
        found = {"model": models, "field": fields, "word": words}[kind](command, current, before)
        sys.stdout.write("".join(f"{each}\n" for each in found))


def models(command: str, current: str, before: Sequence[str]) -> Iterator[str]:
    """Yield the names of the models that a command takes: those known by name, and those in the hub's cache."""
    from nlptool.catalog import KNOWN

    tasks = _tasks(command)
    for name, known in KNOWN.items():
        if name.startswith(current) and (known.task in tasks if tasks is not None else known.task != "tokenize"):
            yield name
    for folder in sorted(_hub_folder().glob("models--*--*")):
        name = folder.name.removeprefix("models--")
        name = name.replace("--", "/", 1)
        if name.startswith(current):
            yield name


def _tasks(command: str) -> tuple[str, ...] | None:
    """Return the tasks of the models that a command takes; None: all."""
    if command in _TASKS:
        return _TASKS[command]
    group = command.partition(" ")[0]
    return _TASKS.get(group, ("embed", "words"))


def _hub_folder() -> Path:
    """Return where the hub's library keeps what it fetched."""
    home = os.environ.get("HF_HOME") or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or f"{home}/hub"
    return Path(os.path.expandvars(named)).expanduser()


def fields(command: str, current: str, before: Sequence[str]) -> Iterator[str]:
    """Yield the fields of the first record of the first file on the line: names, JSON Pointers, or columns."""
    path = next((word for word in before if not word.startswith("-") and Path(word).is_file()), None)
    if path is None:
        return
    head = _head(path).decode("utf-8-sig", "replace")
    line = next((line for line in head.splitlines() if line.strip()), "")
    if line.lstrip().startswith("{"):
        record = json.loads(line)
        names = [*record, *_pointers(record)]
    else:
        is_tsv = ".tsv" in path or "tsv" in before
        if not is_tsv and ".csv" not in path and "csv" not in before:
            return
        names = next(csv.reader([line], delimiter="\t" if is_tsv else ","), [])
    yield from (name for name in names if name.startswith(current) and name != "nlptool" and "\n" not in name)


def _pointers(value: object, above: str = "", depth: int = 0) -> Iterator[str]:
    """Yield the JSON Pointers of what is nested in an object."""
    if not isinstance(value, dict) or depth == _DEEPEST:
        return
    for name, below in value.items():
        pointer = f"{above}/{name.replace('~', '~0').replace('/', '~1')}"
        if depth:
            yield pointer
        if name != "nlptool":
            yield from _pointers(below, pointer, depth + 1)


def _head(path: str) -> bytes:
    """Return the beginning of a file, decompressed."""
    with Path(path).open("rb") as file:
        magic = file.read(6)
        file.seek(0)
        if magic.startswith(b"\x1f\x8b"):
            import gzip

            return gzip.open(file).read(_HEAD)
        if magic.startswith(b"BZh"):
            import bz2

            return bz2.open(file).read(_HEAD)
        if magic.startswith(b"\xfd7zXZ"):
            import lzma

            return lzma.open(file).read(_HEAD)
        if magic.startswith(b"\x28\xb5\x2f\xfd"):
            import zstandard

            return zstandard.ZstdDecompressor().stream_reader(file).read(_HEAD)
        return file.read(_HEAD)


def words(command: str, current: str, before: Sequence[str]) -> Iterator[str]:
    """Yield the most frequent words of a vocabulary that begin as the current one: of the model on the line, else of the default
    for its script."""
    if not current:
        return
    path = _vocabulary(_value_of(("-m", "--model"), before) or _default_words(current))
    blob = b"\n" + path.read_bytes()
    wanted = b"\n" + current.encode(errors="surrogateescape")
    at, n_found = blob.find(wanted), 0
    while at >= 0 and n_found < _MOST:
        end = blob.find(b"\n", at + 1)
        yield blob[at + 1 : end if end >= 0 else len(blob)].decode(errors="replace")
        n_found += 1
        at = blob.find(wanted, end) if end >= 0 else -1


def _value_of(names: tuple[str, ...], before: Sequence[str]) -> str:
    """Return the value of an option on the line, or ""."""
    for index, word in enumerate(before):
        name, _, value = word.partition("=")
        if name in names:
            return value or (before[index + 1].removeprefix("=") if index + 1 < len(before) else "")
    return ""


def _default_words(current: str) -> str:
    from nlptool.catalog import ENGLISH_WORDS, JAPANESE_WORDS

    return ENGLISH_WORDS if current.isascii() else JAPANESE_WORDS


def _vocabulary(model: str) -> Path:
    """Return the path of the words of a model: of a folder, or of the copy that was made of a file or a package once.

    Raises:
        OSError: there is none.
    """
    from nlptool.catalog import KNOWN
    from nlptool.storage.packages import package_folder

    known = KNOWN.get(model)
    package = package_folder(known.package) if known is not None and known.package else None
    folder = Path(model) if known is None or package is None else package / known.weights
    if (folder / _WORDS).is_file():
        return folder / _WORDS
    sources = {model, str(Path(model).resolve())}
    for manifest in (_cache() / "vectors").glob("*/vectors.json"):
        with contextlib.suppress(OSError, ValueError, KeyError):
            if json.loads(manifest.read_bytes())["source"] in sources:
                return manifest.with_name(_WORDS)
    raise FileNotFoundError(model)


def _cache() -> Path:
    """Return nlptool's folder in the user's cache."""
    usual = (
        Path.home() / "Library/Caches"
        if sys.platform == "darwin"
        else _from("XDG_CACHE_HOME") or Path.home() / ".cache"
    )
    return _from("NLPTOOL_CACHE") or usual / "nlptool"


def _from(variable: str) -> Path | None:
    return Path(os.environ[variable]) if os.environ.get(variable) else None
