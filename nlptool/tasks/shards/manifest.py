"""The manifest of a folder of shards: a line of JSON for each shard, that is done or is to be done.

It is replaced as a whole, so that there is a whole one at any moment, and a shard that is to be done again is taken out of it
before its output changes: what it says is true whenever a run is killed. A line that cannot be read is a shard that is not done.

A shard that is to be done has its output, ``"done": false``, the command and the input: who reads the folder knows that something
is missing. Tasks that do a share each write what is done into journals with the same lines: see ``share``. One that is done has

    output        the file, in this folder
    bytes         its size
    command, options, files, nlptool    what made it: see ``storage.unfinished``
    compress, several                   whether it is compressed, and whether records name their files
    input         file, size and version (ETag, checksum or time of change), first and last byte, first line, first record, format
    beginning     how many first files of the input have chosen the model or the tokenizer, and a digest of their names and states
    models        name -> version
    records       in, out, failed
    index         of a part of an index: its vectors, model, measure, and the digest of its own manifest
    seconds       that it took
    account       what was said of the records

Of a command that counts it says besides

    finish        the words of the command, of which ``shards merge`` makes its output
    shards        how many shards there are
    unread        files of the input that cannot be read
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from nlptool.errors import RunError
from nlptool.records.account import Account
from nlptool.storage.folder_files import Folder
from nlptool.storage.shard_folder import NAME, Entry, is_done, parsed
from nlptool.tasks.shards.plan import Shard
from nlptool.tasks.shards.share import Share, journals_in

_PATIENCE = 20  # times as long as writing takes, work goes on before it is written again


class Manifest:
    """The manifest of a folder.

    Args:
        folder: where it is.
        note: called with what a person should know.
        share: that of a task: what is done is written into its journal; see ``share``. None: what tasks have done is taken over.

    Raises:
        RunError: the folder holds something else, or what another number of tasks has done.
        OSError: it cannot be read.
    """

    def __init__(self, folder: Folder, note: Callable[[str], None], share: Share | None = None) -> None:
        self._folder = folder
        self._share = share
        self._entries: dict[str, Entry] = {}  # by their outputs
        self._waiting: dict[str, Entry] = {}  # those of shards that are to be done
        self._written_at, self._took = 0.0, 0.0
        self._is_written = True
        names = folder.sizes()  # before it is read: with another task's outputs stands its manifest
        data = folder.read(NAME)
        if data is None and (others := [name for name in names if not name.startswith(".")]):
            raise RunError(
                f"{folder.name} holds files ({sorted(others)[0]}) and no {NAME}", hint="choose another --output"
            )
        self._journals = journals_in(names, share, folder.name)
        self._to_do: set[str] = set()  # commands of shards that are to be done
        self._data = data or b""
        self._listed: dict[str, Entry] = {}  # what the manifest says is done, where the rest stands in a journal
        n_damaged = self._read(self._data)
        if share is not None:
            self._listed = dict(self._entries)
        n_damaged += sum(self._read(folder.read(name) or b"") for name in self._journals)
        self._outputs: dict[tuple[Any, ...], list[str]] = {}
        for name, entry in self._entries.items():
            self._outputs.setdefault(_about(entry["input"]), []).append(name)
        if n_damaged:
            note(
                f"{folder.name}/{NAME} is damaged: lines that cannot be read, whose shards are done again: {n_damaged:,}"
            )

    def _read(self, data: bytes) -> int:
        """Add what is done; return how many lines cannot be read."""
        n_damaged = 0
        for line in data.splitlines():
            try:
                entry = parsed(line)
                if not is_done(entry):
                    self._to_do.add(str(entry.get("command")))
                    continue
                _about(entry["input"]), int(entry["records"]["in"])
                self._entries[str(entry["output"])] = entry
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                n_damaged += 1
        return n_damaged

    def entries_of(self, shard: Shard) -> list[Entry]:
        """Return what is done of the same part of a file, whatever the number of the shard was."""
        about = _about(shard.about())
        return [self._entries[name] for name in self._outputs.get(about, ()) if name in self._entries]

    def n_records(self, shard: Shard, made_by: Mapping[str, Any]) -> int | None:
        """Return how many records a shard has, if it has been done in the same way; None: that is not known."""
        found = (entry["records"]["in"] for entry in self.entries_of(shard) if _is_made_by(entry, made_by))
        return next(found, None)

    def refuse_other(self, command: str) -> None:
        """Refuse a folder with the outputs of another command, which would be removed.

        Raises:
            RunError: it is one.
        """
        of_others = self._to_do if self._share else set()  # whose outputs other tasks may have made by now
        for other in of_others | {str(entry.get("command")) for entry in self._entries.values()}:
            if other != command:
                raise RunError(f"{self._folder.name} holds the outputs of {other}", hint="choose another --output")

    def done(self) -> list[Entry]:
        """Return the entries of all shards that are done, in order."""
        return [self._entries[name] for name in sorted(self._entries)]

    def get(self, output: str) -> Entry | None:
        """Return the entry of an output."""
        return self._entries.get(output)

    def keep(
        self, outputs: set[str], waiting: Mapping[str, Mapping[str, Any]], every: Mapping[str, Any] | None = None
    ) -> None:
        """Take out all entries but those of ``outputs``, and write it.

        Args:
            every: what is said anew of each that is kept.
            waiting: the output of a shard that is to be done -> what makes it.
        """
        self._entries = {name: {**entry, **(every or {})} for name, entry in self._entries.items() if name in outputs}
        self._waiting = {name: _waiting(name, about) for name, about in waiting.items()}
        self._write()
        while self._journals:
            self._folder.remove(self._journals.pop())

    def divide(self, outputs: set[str], shards: Mapping[str, Mapping[str, Any]]) -> None:
        """Write a list of all shards, if it is not there, and the journal of a task without what is to be done.

        All tasks write the same list, so that it does not matter which one is the last; what a task does stands in its journal.

        Args:
            outputs: those that are done.
            shards: the output of each shard -> what makes it.
        """
        self._entries = {name: entry for name, entry in self._entries.items() if name in outputs}
        self._listed = {name: entry for name, entry in self._listed.items() if name in outputs}
        data = _lines({name: _waiting(name, about) for name, about in shards.items()} | self._listed)
        if data != self._data:
            self._folder.write(NAME, data)
        self._write()

    def add(self, entry: Entry) -> None:
        """Add the entry of a shard that is done, and write it, unless writing it would take up the time."""
        self._entries[entry["output"]] = entry
        self._waiting.pop(entry["output"], None)
        self._is_written = False
        if time.monotonic() - self._written_at > _PATIENCE * self._took:
            self._write()

    def close(self) -> None:
        """Write what is not written."""
        if not self._is_written:
            self._write()

    def _write(self) -> None:
        began = time.monotonic()
        entries = {name: entry for name, entry in self._entries.items() if name not in self._listed}
        self._folder.write(self._share.journal if self._share else NAME, _lines(self._waiting | entries))
        self._is_written, self._written_at = True, time.monotonic()
        self._took = self._written_at - began


def _waiting(output: str, about: Mapping[str, Any]) -> Entry:
    return {"output": output, "done": False, **about}


def _lines(entries: Mapping[str, Entry]) -> bytes:
    lines = (json.dumps(entries[name], ensure_ascii=False) for name in sorted(entries))
    return "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape")


def _is_made_by(entry: Mapping[str, Any], made_by: Mapping[str, Any]) -> bool:
    return all(entry.get(name) == value for name, value in made_by.items())


def _about(part: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what tells a part of a file from all others, whatever stands before it."""
    return tuple(str(part[name]) for name in ("file", "size", "version", "start", "end", "kind"))


def fits(
    entry: Mapping[str, Any],
    made_by: Mapping[str, Any],
    shard: Shard,
    beginning: Callable[[int], Mapping[str, Any]],
    version_of: Callable[[str], str],
) -> bool:
    """Return whether what an entry says would be done again in the same way.

    Args:
        made_by: what makes the outputs now.
        beginning: returns what tells so many first files of the input from others.
        version_of: returns the version of a model.
    """
    try:
        return (
            _is_made_by(entry, made_by)
            and entry["input"] == shard.about()
            and (entry["beginning"] is None or entry["beginning"] == beginning(int(entry["beginning"]["files"])))
            and all(version_of(name) == version for name, version in entry["models"].items())
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


def written(account: Account) -> dict[str, Any]:
    """Return an account as JSON."""
    return {**asdict(account), "replaced": sorted(account.replaced)}


def account_of(entry: Mapping[str, Any]) -> Account:
    """Return the account of a shard that is done; an empty one where the entry has none that can be read."""
    try:
        return Account(**{**entry["account"], "replaced": set(entry["account"]["replaced"])})
    except (KeyError, TypeError):
        return Account()
