"""The sums of all shards of a folder, which one process makes the output of."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nlptool.errors import RunError
from nlptool.records.account import Account
from nlptool.records.part import MergeRun
from nlptool.storage import shard_folder
from nlptool.storage.folder_files import Folder
from nlptool.storage.shard_folder import NAME, Entry, is_done
from nlptool.tasks.shards.manifest import account_of

_MOST_NAMED = 10  # shards that are missing

_NUMBER = re.compile(r"shard-(\d+)\.")


def sums_in(folder: Folder) -> tuple[tuple[str, ...], MergeRun, list[str]]:
    """Return the words of the command whose sums a folder holds, its run that makes its output, and the files of the input that
    could not be read.

    Raises:
        RunError: it holds something else, or is not complete.
        OSError: it cannot be read.
    """
    name = folder.name
    sizes, manifest = folder.sizes(), folder.read(NAME)
    entries = shard_folder.entries_in(manifest, name) if manifest is not None else None
    if entries is None:
        raise RunError(
            f"{name} has no {NAME}", hint="nlptool shards run INPUT --output DIR -- ngrams makes such a folder"
        )
    done = [entry for entry in entries if is_done(entry)]
    if any(not entry.get("finish") for entry in done):
        raise RunError(
            f"{name} holds the outputs of {done[0]['command']}, which are not counts",
            hint="one behind the other, in the order of their names, they are one file",
        )
    n_shards = max((int(entry["shards"]) for entry in done), default=0)
    _refuse_missing(name, entries, n_shards)
    if not done:
        raise shard_folder.incomplete(name, "no shard is done")
    shard_folder.refuse_incomplete(name, done, lambda output: sizes.get(output, -1), hint=shard_folder.HINT)
    account = Account()
    for entry in done:
        account.add(account_of(entry))
    outputs = [str(entry["output"]) for entry in done]
    unread = [str(file) for file in done[0]["unread"]]
    names = tuple(f"{name}/{output}" for output in outputs)
    run = MergeRun(tuple(map(folder.fetch, outputs)), names, account, input_failed=bool(unread))
    if folder.read(NAME) != manifest:
        raise RunError(f"{name} has changed while it was read", hint="another run is writing it: wait for it")
    return tuple(map(str, done[0]["finish"])), run, unread


def _refuse_missing(name: str, entries: Sequence[Entry], n_shards: int) -> None:
    """Refuse a folder of which shards are not done, or are not in its manifest.

    Raises:
        RunError: it is one.
    """
    there = {int(match[1]) for entry in entries if (match := _NUMBER.match(str(entry["output"])))}
    if lost := [number for number in range(n_shards) if number not in there]:
        named = _named([f"shard-{number:05}" for number in lost])
        raise shard_folder.incomplete(name, f"{NAME} lacks {len(lost):,} of {n_shards:,} shards: {named}")
    if waiting := [entry for entry in entries if not is_done(entry)]:
        named = _named([f"{entry['output']} ({_input_of(entry)})" for entry in waiting])
        raise shard_folder.incomplete(name, f"{len(waiting):,} of {len(entries):,} shards are not done: {named}")


def _input_of(entry: Entry) -> str:
    part = entry["input"]
    return f"{part['file']}, bytes {part['start']:,} to {part['end']:,}" if isinstance(part, dict) else str(part)


def _named(names: Sequence[str]) -> str:
    more = [f"and {len(names) - _MOST_NAMED:,} more"] if len(names) > _MOST_NAMED else []
    return ", ".join([*names[:_MOST_NAMED], *more])
