"""The inputs as shards: a file, or a part of a large one that ends with a line.

A file is split if a record is a line of it: text and JSONL that are not compressed, in an encoding whose line ends are single
bytes. The format is that of the file, decided by its first line, and each shard is told the numbers of its first line and of its
first record, so that it gives what one process would give.
"""

from __future__ import annotations

import codecs
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import IO, Any

from nlptool.errors import RunError
from nlptool.records.blocks import read_blocks
from nlptool.records.inputs import PARQUET, files_of, matches
from nlptool.records.parse import Parser
from nlptool.records.part import Part
from nlptool.records.record import InputFormat
from nlptool.storage import places, shard_folder, store_requests, stores
from nlptool.storage.compression import CHUNK, decompressed, is_compressed
from nlptool.storage.stores import State
from nlptool.storage.wide_encodings import is_wide

_HEAD = 1 << 12  # bytes that say whether a file is read as UTF-16
_OF_LINES = ("text", "jsonl")
_LEFT_OUT = "hidden and binary files are left out, and those that --glob does not choose"

Report = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a command reads its input.

    Attributes:
        form: as the options of the command say.
        separator: what ends a line.
        max_line: bytes of the longest line.
        shard_size: bytes; a larger file is split.
        splits: the command takes a line of text or JSONL for a record, and needs no header.
        numbers: its answers depend on the numbers of the records.
    """

    form: InputFormat
    separator: bytes
    max_line: int
    shard_size: int
    splits: bool = True
    numbers: bool = False


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of the input, whose results are one file.

    Attributes:
        number: from 0.
        file: a path or a URL.
        state: of the file.
        start: the first byte.
        end: the byte behind the last.
        first_line: the number of the first line in the file, from 1.
        first_record: the number of the first record in the whole input, from 0; 0 where no answer depends on it.
        kind: the format of a file that is split; "": it is decided when it is read.
    """

    number: int
    file: str
    state: State
    start: int
    end: int
    first_line: int = 1
    first_record: int = 0
    kind: str = ""

    def about(self) -> dict[str, Any]:
        """Return, as JSON, what its results depend on."""
        about = asdict(self)
        del about["number"]
        return {**about.pop("state"), **about} | {"file": self.file}

    def part(self, files: tuple[str, ...], *, several: bool = False) -> Part:
        """Return what a run is told that reads it.

        Args:
            files: the whole input.
            several: records name their files.
        """
        return Part(self.file, files, several, self.start, self.end, self.first_line, self.first_record, self.kind)


def inputs_of(
    paths: Sequence[str], globs: Sequence[str], *, parquet: bool, note: Callable[[str], None], report: Report
) -> list[tuple[str, State | None]]:
    """Return the files of the input in order, each with its state; None: it cannot be read.

    A file that cannot be read counts among several files, which are named in the records.

    Args:
        paths: files and folders of this machine and of object stores.
        globs: which files of a folder are read.
        parquet: the files of a folder that are read are those of Parquet.
        note: called with what was left out.
        report: called with a message and a hint for what cannot be read.
    """
    found: list[tuple[str, State | None]] = []

    def add(name: str, what: Callable[[], State]) -> None:
        try:
            found.append((name, what()))
            return
        except RunError as error:
            report(error.message, error.hint)
        except IsADirectoryError:
            report(f"{name}: a folder without text files", _LEFT_OUT)
        except OSError as error:
            report(f"{name}: {error.strerror or error}", "")
        found.append((name, None))

    def refuse(error: Exception) -> State:
        raise error

    for path in paths:
        try:
            if store_requests.is_remote(path):
                found += _remote(path, globs)
            else:
                for name in files_of([path], globs=globs, parquet=parquet, note=note):
                    add(name, partial(places.state_of, name))
        except (RunError, OSError) as error:
            add(path, partial(refuse, error))
    return found


def _remote(url: str, globs: Sequence[str]) -> list[tuple[str, State]]:
    """Return the URLs of the files that a URL stands for, each with its state: one request says it of many.

    Raises:
        OSError: there is none.
        RunError: the store cannot be reached, no file is chosen, or a folder of shards in it is not complete.
    """
    listed = stores.below(url)
    if listed is None:
        return [(url, stores.state_of(url))]
    home = url.rstrip("/") + "/"
    names = _without_manifests(listed, lambda name: matches(name.removeprefix(home), globs))
    if chosen := [(name, listed[name]) for name in names if matches(name.removeprefix(home), globs)]:
        return chosen
    raise RunError(f"{url}: a folder without files", hint=_LEFT_OUT)


def _without_manifests(listed: Mapping[str, State], is_chosen: Callable[[str], bool]) -> list[str]:
    """Return the files of an object store but for the manifests of folders of shards.

    Raises:
        RunError: an output that is chosen is not there as a whole.
    """
    left_out: set[str] = set()
    for manifest in [url for url in listed if url.rpartition("/")[2] == shard_folder.NAME]:
        folder = manifest.rpartition("/")[0]
        sizes = {
            url.rpartition("/")[2]: state.size for url, state in listed.items() if url.rpartition("/")[0] == folder
        }
        if (shards := shard_folder.entries_of(folder, sizes)) is not None:
            left_out.add(manifest)
            wanted = [shard for shard in shards if is_chosen(f"{folder}/{shard['output']}")]
            shard_folder.refuse_incomplete(folder, wanted, defaultdict(lambda: -1, sizes).__getitem__)
    return [url for url in listed if url not in left_out]


def shards_of(
    inputs: Sequence[tuple[str, State]],
    reading: Reading,
    *,
    known: Callable[[Shard], int | None] = lambda shard: None,
    note: Callable[[str], None] = lambda message: None,
    report: Report,
) -> list[Shard]:
    """Return the shards of the input.

    Args:
        known: returns how many records a shard has, where that is known.
        note: called with what a person should know of an input.
        report: called with a message and a hint for a file that cannot be read.

    Raises:
        WrongUsage: an option does not go with a file.
    """
    shards: list[Shard] = []
    for file, state in inputs:
        try:
            kind = _kind(file, state, reading, note)
            if not kind:
                shards.append(Shard(len(shards), file, state, 0, state.size))
                continue
            with places.opened(file) as opened:
                parts = list(pieces(opened, reading.shard_size, reading.separator))
            if (parts[-1][1] if parts else 0) != state.size:
                raise RunError(f"{file} has changed since the run began", hint="run it again")
            for start, end, first_line in parts:
                shards.append(Shard(len(shards), file, state, start, end, first_line, kind=kind))
        except RunError as error:
            report(error.message, error.hint)
        except OSError as error:
            report(f"{file}: {error.strerror or error}", "")
    return _numbered(shards, reading, known) if reading.numbers else shards


def pieces(file: IO[bytes], size: int, separator: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the first byte, the byte behind the last and the number of the first line of the pieces of a file, each of which ends
    with the first line that ends at ``size`` bytes or behind."""
    start = position = 0
    first_line = line = 1
    for chunk in iter(lambda: file.read(CHUNK), b""):
        done = 0  # bytes of the chunk that are in pieces
        while (at := chunk.find(separator, max(done, start + size - 1 - position))) >= 0:
            line += chunk.count(separator, done, at + 1)
            done = at + 1
            yield start, position + done, first_line
            start, first_line = position + done, line
        line += chunk.count(separator, done)
        position += len(chunk)
    if start < position:
        yield start, position, first_line


def _kind(file: str, state: State, reading: Reading, note: Callable[[str], None]) -> str:
    """Return the format of a file that is to be split; "" for one that is not.

    Raises:
        OSError: it cannot be read.
        WrongUsage: an option does not go with the format.
    """
    form = reading.form
    if (
        not reading.splits
        or state.size <= reading.shard_size
        or form.unit != "line"
        or form.kind not in ("auto", *_OF_LINES)
    ):
        return ""
    if form.encoding == "auto" or is_wide(form.encoding):
        return ""
    with places.opened(file) as opened:
        head = opened.read(_HEAD)
    if is_compressed(head) or head.startswith((PARQUET, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ""
    if b"\0" in head and reading.separator != b"\0":
        return ""
    try:
        next(decompressed(iter([head]), file), b"")
    except RunError:  # it says so when it is read
        return ""
    parser = Parser(form, note=note)
    blocks = read_blocks(
        (file,),
        report=lambda message, hint: None,
        hint=lambda message: None,
        separator=reading.separator,
        encoding=form.encoding,
        kind=form.kind,
        max_line=reading.max_line,
        part=Part(file, (file,)),
    )
    for _ in parser.parse(blocks):
        if parser.kind:
            break
    return parser.kind if parser.kind in _OF_LINES else ""


def _numbered(shards: list[Shard], reading: Reading, known: Callable[[Shard], int | None]) -> list[Shard]:
    """Return the shards with the numbers of their first records; the records of all but the last are counted."""
    numbered: list[Shard] = []
    n = 0
    for shard in shards:
        numbered.append(replace(shard, first_record=n))
        if shard is not shards[-1]:
            before = known(numbered[-1])
            n += count(shard, reading) if before is None else before
    return numbered


def count(shard: Shard, reading: Reading) -> int:
    """Return the number of the records of a shard."""
    part = shard.part((shard.file,))
    form = replace(reading.form, kind=shard.kind or reading.form.kind)
    blocks = read_blocks(
        (shard.file,),
        report=lambda message, hint: None,
        hint=lambda message: None,
        separator=reading.separator,
        encoding=form.encoding,
        kind=form.kind,
        max_line=reading.max_line,
        part=part,
    )
    return sum(map(len, Parser(form, longest=reading.max_line).parse(blocks)))
