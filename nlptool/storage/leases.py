"""Leases of folders in object stores, which have no locks: two runs do not write one folder at the same time.

Who wants the folder puts an object of its own into it, and then lists the folder. If it sees that of somebody else, it takes its
own away: of two that come at the same time at least one sees the other. This needs no conditional writes, only a store in
whose lists an object is once it has been put (S3, GCS, Azure, HDFS and what imitates them); restic locks its repositories so.

The object is written again every ``RENEWED`` seconds, and counts for ``LENGTH`` seconds by the clock of the store: the age of
another one is the difference of two times that the store has given. That of a process of this machine that has ended counts
for nothing. Before each write its holder looks whether the object is still there: who has been stopped for so long that
another has taken the folder writes nothing more.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nlptool.errors import RunError
from nlptool.storage import store_requests, stores

LENGTH = 60.0  # seconds
RENEWED = 15.0  # seconds

_PREFIX = ".nlptool-lease-"
_ATTEMPTS = 3  # to be alone, where others want the folder at the same time
_TIMES = ("LastModified", "last_modified", "mtime", "modified", "updated", "modificationTime", "created")


@contextlib.contextmanager
def held(url: str, share: str = "") -> Iterator[str]:
    """Hold a folder of an object store; yields the URL of the lease.

    Args:
        share: what is held of it, which others may hold other shares of: ``-0-of-4``. "": all of it.

    Raises:
        RunError: another run holds it, or the store cannot be reached.
        OSError: the lease cannot be written.
    """
    own = _taken(url.rstrip("/"), share)
    ended = threading.Event()
    renewing = threading.Thread(target=_renew, args=(own, ended), daemon=True)
    renewing.start()
    try:
        yield own
    finally:
        ended.set()
        renewing.join()
        with contextlib.suppress(OSError, RunError):  # then it ends by itself
            stores.remove(own)


def check(lease: str) -> None:
    """Check, before something is written, that the folder is still held; "" is no lease.

    Raises:
        RunError: another run has taken it.
        OSError: the store does not say.
    """
    if not lease:
        return
    try:
        stores.state_of(lease)
    except FileNotFoundError as error:
        folder = lease.rpartition("/")[0]
        raise RunError(
            f"another run has taken {folder}: this one had been stopped for more than {LENGTH:.0f} seconds, or its lease removed",
            hint="what is done stays; run it again when the other one has ended",
        ) from error


def _taken(url: str, share: str) -> str:
    """Return the URL of a lease with which this process is alone in the folder, or in its share of it."""
    for attempt in range(_ATTEMPTS):
        own = f"{_PREFIX}{uuid.uuid4().hex}{share}"
        stores.make_folder(url)
        _write(f"{url}/{own}")
        try:
            there = {name: about for name, about in stores.listed(url).items() if name.startswith(_PREFIX)}
            now = _time_of(there[own]) if own in there else None
            # In the name stands what is held: shares of others do not stand in the way of a share.
            in_the_way = [name for name in there if name != own and (not share or _share_of(name) in ("", share))]
            others = [_Other(f"{url}/{name}", there[name], now) for name in in_the_way]
            counting = [other for other in others if other.counts]
            if not counting:
                for other in others:
                    stores.remove(other.url)
                return f"{url}/{own}"
        except BaseException:
            with contextlib.suppress(OSError, RunError):
                stores.remove(f"{url}/{own}")
            raise
        stores.remove(f"{url}/{own}")
        if attempt < _ATTEMPTS - 1:
            time.sleep(random.uniform(0.1, 0.6))
    last = max(counting, key=lambda other: other.left)
    ends = datetime.fromtimestamp(time.time() + last.left).strftime("%H:%M:%S")
    raise RunError(
        f"another run ({last.who}) is writing {url}",
        hint="wait for it, or choose another --output; "
        f"if it was killed, the folder is free at {ends}, in {last.left:.0f} seconds",
    )


def _share_of(name: str) -> str:
    return name.removeprefix(_PREFIX)[len(uuid.UUID(int=0).hex) :]


class _Other:
    """The lease of somebody else.

    Attributes:
        counts: it is in force.
        left: the seconds that it is in force unless it is renewed.
        who: its holder, in words.
    """

    def __init__(self, url: str, about: Mapping[str, Any], now: float | None) -> None:
        self.url = url
        holder: Mapping[str, Any] = {}
        with contextlib.suppress(ValueError, OSError):  # it is gone, or only half there
            found = json.loads(stores.read(url))
            holder = found if isinstance(found, dict) else {}
        written = _time_of(about)
        if written is None or now is None:  # the store does not say: by the clocks of the machines
            written, now = float(holder.get("at", 0.0)), time.time()
        self.left = LENGTH - (now - written)
        self.counts = self.left > 0 and not _has_ended(holder)
        self.who = f"process {holder.get('process', '?')} on {holder.get('host', '?')}"


def _renew(own: str, ended: threading.Event) -> None:
    while not ended.wait(RENEWED):
        with contextlib.suppress(OSError, RunError):  # it is tried again; ``check`` says it if it comes to that
            check(own)  # one that another run has removed does not come back
            _write(own)


def _write(url: str) -> None:
    data = json.dumps({"at": time.time(), **_this_process()}).encode()
    store_requests.request(url.rpartition("/")[0], lambda system: system.pipe_file(url, data))


def _this_process() -> dict[str, Any]:
    return {"host": socket.gethostname(), "process": os.getpid(), "machine": _machine(), "begun": _begun(os.getpid())}


def _machine() -> str:
    """Return what tells this machine since it was started, and the numbers of its processes, from all others; "": unknown."""
    with contextlib.suppress(OSError):
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"
    return ""


def _begun(process: int) -> str:
    """Return what tells a process from a later one of the same number; "": there is none."""
    with contextlib.suppress(OSError, IndexError):
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    return ""


def _has_ended(holder: Mapping[str, Any]) -> bool:
    """Return whether it is known that the process that holds a lease has ended: it was of this machine."""
    process, machine = holder.get("process"), _machine()
    if not machine or holder.get("machine") != machine or not isinstance(process, int):
        return False
    return _begun(process) != holder.get("begun")


def _time_of(about: Mapping[str, Any]) -> float | None:
    """Return when a store says that an object was written, in seconds; None: it does not say."""
    found = next((about[name] for name in _TIMES if about.get(name) is not None), None)
    if isinstance(found, str):
        with contextlib.suppress(ValueError):
            found = datetime.fromisoformat(found)
    if isinstance(found, datetime):
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return float(found) if isinstance(found, int | float) else None
