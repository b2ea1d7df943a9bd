"""The run over all shards: what is not done is given to an engine, and each that is done is written into the manifest.

An engine runs a command over shards in processes of its own, wherever these are. It says of each shard how that went; whether it
is tried again, and what becomes of the others, is decided here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

from nlptool.errors import EXIT_FAILED, EXIT_NO_MODEL, EXIT_RECORDS_FAILED, EXIT_USAGE
from nlptool.records.account import Account
from nlptool.storage.folder_files import Folder
from nlptool.storage.shard_folder import Entry
from nlptool.storage.stores import State
from nlptool.tasks.shards.manifest import Manifest, account_of, fits, written
from nlptool.tasks.shards.plan import Shard
from nlptool.tasks.shards.share import Share
from nlptool.terminal.progress import Progress

_DONE = (0, EXIT_RECORDS_FAILED)  # exit codes
_HOPELESS = (EXIT_USAGE, EXIT_NO_MODEL)  # of the command line, whatever the shard
_OUTPUT = re.compile(r"\.?shard-\d+\.\w+(\.zst)?(\.part)?")
_INDEX_MANIFEST = "index.json"
_MOST_SHOWN = 10  # failed shards that are named
_MOST_SAID = 100  # lines of what the processes said


@dataclass
class Outcome:
    """How the run over a shard has ended.

    Attributes:
        code: the exit code; -1: the process died.
        stderr: what it said.
        account: what there is to say of its records.
        models: name -> version of the models that it opened.
        n_beginning: as of ``PartRun``.
        disk_is_full: it failed since nothing could be written, as all others would.
        n_bytes: of the output.
        index: what it is as a part of an index; None: it is none.
        seconds: that it took.
    """

    shard: Shard
    code: int
    stderr: str = ""
    account: Account = field(default_factory=Account)
    models: dict[str, str] = field(default_factory=dict)
    n_beginning: int = 0
    disk_is_full: bool = False
    n_bytes: int = 0
    index: dict[str, Any] | None = None
    seconds: float = 0.0


class Engine(Protocol):
    """Processes that run a command over shards and leave each output, whole, in its place.

    A context manager, whose end stops all that runs.
    """

    @property
    def capacity(self) -> int:
        """How many shards it works on at once."""
        ...

    def submit(self, shard: Shard, output: str) -> None:
        """Begin with a shard.

        Args:
            output: the name of its output.
        """
        ...

    def wait(self) -> Outcome:
        """Return how one has ended of those that have been submitted."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True)
class Order:
    """What is to be done.

    Attributes:
        made_by: what makes the outputs, as JSON.
        ending: of the names of the outputs.
        skips: records that fail are left out.
        retries: how often a shard that fails is tried again.
        version_of: returns the version of a model.
        every: what else the manifest says of each shard.
        files: of the input, with their states.
    """

    made_by: Mapping[str, Any]
    ending: str
    skips: bool
    retries: int
    version_of: Callable[[str], str]
    every: Mapping[str, Any] = field(default_factory=dict)
    files: Sequence[tuple[str, State]] = ()

    def beginning(self, n_files: int) -> dict[str, Any]:
        """Return, as JSON, what tells the first files of the input from others; see ``PartRun.n_beginning``."""
        states = [(name, state.size, state.version) for name, state in self.files[:n_files]]
        ended = n_files > len(self.files)
        digest = hashlib.sha256(json.dumps([states, ended]).encode()).hexdigest()
        return {"files": n_files, "digest": digest}

    def output_of(self, shard: Shard, n_shards: int) -> str:
        """Return the name of a shard's output: in the order of names they are in the order of the input."""
        return f"shard-{shard.number:0{max(5, len(str(n_shards - 1)))}}{self.ending}"


@dataclass
class Result:
    """What has become of the shards.

    Attributes:
        code: the exit code.
        n_shards: that were to be done, by this run or before.
        n_done: those that are done.
        n_before: by runs before.
        failed: those that have failed.
        account: what there is to say of the records of all that are done.
    """

    code: int = 0
    n_shards: int = 0
    n_done: int = 0
    n_before: int = 0
    failed: list[Outcome] = field(default_factory=list)
    account: Account = field(default_factory=Account)


class Run:
    """The run over the shards of an input.

    Args:
        shards: all of them.
        folder: where the outputs go.
        manifest: that of the folder.
        bar: shows how far it is.
        say: called with each line that the processes wrote to stderr, once.
        share: which shards are done; None: all.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        order: Order,
        folder: Folder,
        manifest: Manifest,
        *,
        bar: Progress,
        say: Callable[[str], None],
        share: Share | None = None,
    ) -> None:
        self._shards = shards
        self._share = share
        self._own = [shard for shard in shards if share is None or share.has(shard.number)]
        self._order = order
        self._folder = folder
        self._manifest = manifest
        self._bar = bar
        self._say = say
        self._said: set[str] = set()
        self._names = {shard.number: order.output_of(shard, len(shards)) for shard in shards}

    def __call__(self, engine: Callable[[int], Engine]) -> Result:
        """Do the shards that are not done.

        Args:
            engine: opens an engine for so many shards.

        Raises:
            OSError: the manifest cannot be written.
        """
        kept = self._kept()
        todo = [shard for shard in self._own if shard.number not in kept]
        self._clear(kept)
        result = Result(n_shards=len(self._own), n_before=len(self._own) - len(todo))
        self._bar.total = sum(shard.end - shard.start for shard in self._own)
        self._bar.advance(self._bar.total - sum(shard.end - shard.start for shard in todo))
        try:
            if todo:
                with engine(len(todo)) as opened:
                    self._work(todo, opened, result)
        finally:
            self._manifest.close()
        for name in sorted(self._names[shard.number] for shard in self._own):
            if (entry := self._manifest.get(name)) is not None:
                result.n_done += 1
                result.account.add(account_of(entry))
        if result.failed or result.account.n_failed:
            result.code = result.code or EXIT_RECORDS_FAILED
        result.failed.sort(key=lambda outcome: outcome.shard.number)
        return result

    def _kept(self) -> dict[int, Entry]:
        """Return what is done: the number of a shard -> the entry of its output, which may have had another number."""
        kept: dict[int, Entry] = {}
        sizes = self._folder.sizes()
        for own in (True, False) if self._share is None else (True,):
            taken = {entry["output"] for entry in kept.values()}
            for shard in self._shards:
                for entry in self._manifest.entries_of(shard) if shard.number not in kept else ():
                    name = entry["output"]
                    if (
                        name not in taken
                        and (name == self._names[shard.number]) is own
                        and self._is_done(shard, entry, sizes)
                    ):
                        kept[shard.number] = entry
                        taken.add(name)
                        break
        return kept

    def _is_done(self, shard: Shard, entry: Entry, sizes: Mapping[str, int]) -> bool:
        fitting = fits(entry, self._order.made_by, shard, self._order.beginning, self._order.version_of)
        if not fitting or entry.get("bytes") != sizes.get(entry["output"]):
            return False
        return entry.get("index") is None or self._is_that_index(entry)

    def _is_that_index(self, entry: Entry) -> bool:
        """Return whether a part of an index is the one that its entry means; its manifest has the digests of its files."""
        manifest = self._folder.read(f"{entry['output']}/{_INDEX_MANIFEST}")
        return manifest is not None and hashlib.sha256(manifest).hexdigest() == entry["index"].get("sha256")

    def _clear(self, kept: Mapping[int, Entry]) -> None:
        """Take out of the manifest what is to be done, give outputs the numbers that their shards have now, and remove those of
        other runs: nobody shall take them for these."""
        if self._share is not None:
            self._divide(kept)
            return
        moved = {number: entry for number, entry in kept.items() if entry["output"] != self._names[number]}
        command = self._order.made_by["command"]
        waiting_shards = {
            self._names[shard.number]: {"command": command, "input": shard.about()}
            for shard in self._shards
            if shard.number not in kept or shard.number in moved
        }
        in_place = {entry["output"] for number, entry in kept.items() if number not in moved}
        self._manifest.keep(in_place, waiting_shards, self._order.every)
        for number, entry in moved.items():
            self._folder.rename(entry["output"], f".{self._names[number]}")
        waiting = {f".{self._names[number]}" for number in moved}
        for name in self._folder.sizes():
            if _OUTPUT.fullmatch(name) and name not in waiting and self._manifest.get(name) is None:
                self._folder.remove(name)
        for number, entry in moved.items():
            self._folder.rename(f".{self._names[number]}", self._names[number])
            self._manifest.add({**entry, **self._order.every, "output": self._names[number]})

    def _divide(self, kept: Mapping[int, Entry]) -> None:
        """List all shards, of which other tasks do theirs at the same time: nothing is renamed or removed."""
        command = self._order.made_by["command"]
        every = {self._names[shard.number]: {"command": command, "input": shard.about()} for shard in self._shards}
        self._manifest.divide({entry["output"] for entry in kept.values()}, every)

    def _work(self, todo: Sequence[Shard], engine: Engine, result: Result) -> None:
        """Give the shards to the engine, and write down what is done."""
        waiting = deque(todo)
        n_running = n_records = 0
        n_tries: dict[int, int] = {}
        while n_running or (waiting and not result.code):
            while waiting and n_running < engine.capacity and not result.code:
                shard = waiting.popleft()
                n_tries[shard.number] = n_tries.get(shard.number, 0) + 1
                engine.submit(shard, self._names[shard.number])
                n_running += 1
            outcome = engine.wait()
            n_running -= 1
            if outcome.code in _DONE:
                self._manifest.add(self._entry(outcome))
                self._bar.advance(outcome.shard.end - outcome.shard.start)
                n_records += outcome.account.n_read
                self._bar.records(n_records)
            elif outcome.code in _HOPELESS:
                result.code = outcome.code
            elif outcome.disk_is_full:
                result.code = EXIT_FAILED
                result.failed.append(outcome)
                continue
            elif n_tries[outcome.shard.number] <= self._order.retries:
                waiting.append(outcome.shard)
                continue
            else:
                result.failed.append(outcome)
                continue
            self._tell(outcome.stderr)

    def _tell(self, stderr: str) -> None:
        """Say the lines that have not been said, the first ones."""
        for line in stderr.splitlines():
            if line not in self._said and len(self._said) <= _MOST_SAID:
                self._said.add(line)
                self._say(line if len(self._said) <= _MOST_SAID else "...")

    def _entry(self, outcome: Outcome) -> dict[str, Any]:
        """Return what the manifest says of a shard that is done."""
        account = outcome.account
        n_out = account.n_read - (account.n_failed if self._order.skips else 0)
        return {
            "output": self._names[outcome.shard.number],
            "bytes": outcome.n_bytes,
            **self._order.made_by,
            "input": outcome.shard.about(),
            "beginning": self._order.beginning(outcome.n_beginning) if outcome.n_beginning else None,
            "models": outcome.models,
            "records": {"in": account.n_read, "out": n_out, "failed": account.n_failed},
            **({"index": outcome.index} if outcome.index else {}),
            "seconds": round(outcome.seconds, 3),
            "account": written(account),
            **self._order.every,
        }


def tell_failed(result: Result, say: Callable[[str], None]) -> None:
    """Say which shards have failed, and why."""
    for outcome in result.failed[:_MOST_SHOWN]:
        shard = outcome.shard
        where = f"{shard.file}, bytes {shard.start:,} to {shard.end:,}"
        last = [line for line in outcome.stderr.splitlines() if line.strip()][-2:]
        why = "the process died; if the memory was short, fewer --workers need less" if outcome.code < 0 else ""
        say(
            f"shard {shard.number:,} failed ({where}): {why or ' '.join(map(str.strip, last)) or f'exit {outcome.code}'}"
        )
    if len(result.failed) > _MOST_SHOWN:
        say(f"and {len(result.failed) - _MOST_SHOWN:,} more")


def exit_code(result: Result, *, input_failed: bool) -> int:
    """Return the exit code: 2 and 4 as of the command, 1 if an input cannot be read, 3 if a record or a shard failed."""
    if result.code in _HOPELESS:
        return result.code
    return EXIT_FAILED if input_failed else result.code
