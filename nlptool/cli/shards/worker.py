"""A process of an engine: it runs one command over one shard after the other, with models that stay open."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptool import machine
from nlptool.errors import RunError, is_disk_full
from nlptool.records.part import PartRun
from nlptool.storage import folder_files, places, store_requests
from nlptool.storage.shard_folder import INDEX_ENDING
from nlptool.terminal import library_warnings

if TYPE_CHECKING:
    from nlptool.tasks.shards.plan import Shard
    from nlptool.tasks.shards.run import Outcome


@dataclass(frozen=True)
class Setup:
    """What a process is told once.

    Attributes:
        arguments: the command line.
        files: the whole input, as far as it can be read.
        several: records name their files.
        folder: where outputs go: a path or a URL.
        lease: with which a folder of an object store is held.
        work: a folder for what is unfinished; "": each process makes one on its machine.
        compress: outputs are compressed with zstd.
        n_processes: how many share the processors and the memory of a machine.
        mode: what is done with warnings of libraries.
    """

    arguments: tuple[str, ...]
    files: tuple[str, ...]
    several: bool
    folder: str
    lease: str
    work: str
    compress: bool
    n_processes: int
    mode: library_warnings.Mode


def serve(connection: Connection, setup: Setup) -> None:
    """Run shards until the pipe is closed: when the parent ends, however it ends."""
    _end_with_parent()
    with contextlib.suppress(EOFError, OSError), ready(setup) as worker:
        while True:
            shard, output = connection.recv()
            connection.send(worker.run(shard, output))
    os._exit(0)


def _end_with_parent() -> None:
    """End this process when its parent ends, also in the middle of a shard: another run may begin."""
    from multiprocessing import connection, parent_process

    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            connection.wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def ready(setup: Setup) -> Iterator[Worker]:
    """Make a process one that runs shards, for as long as it lives."""
    for path in (setup.folder, *setup.files):
        store_requests.has_answered(path)
    machine.share_processors(setup.n_processes)
    os.environ.setdefault("OMP_NUM_THREADS", str(machine.processors()))
    with open(os.devnull, encoding="utf-8") as nothing, library_warnings.in_mode(setup.mode):  # noqa: PTH123
        sys.stdin = nothing
        yield Worker(setup)


class Worker:
    """Runs the command over shards; the model stays open between them."""

    def __init__(self, setup: Setup) -> None:
        from nlptool.tasks import open_models

        self._setup = setup
        self._models = open_models.OpenModels(lambda: machine.memory() // (2 * setup.n_processes))
        open_models.keep(self._models)

    def run(self, shard: Shard, output: str) -> Outcome:
        """Run the command over a shard, and leave its output in its place if it is whole."""
        outcome = run_shard(self._setup, shard, output)
        self._models.close_some(keep=1)
        return outcome


def run_shard(setup: Setup, shard: Shard, output: str) -> Outcome:
    """Run the command over a shard, and leave its output in its place if it is whole."""
    from nlptool.cli.main import Killed, root
    from nlptool.models.runtime import runs
    from nlptool.tasks.shards.run import Outcome

    runs.begin()
    began = time.monotonic()
    run = PartRun(shard.part(setup.files, several=setup.several))
    folder = folder_files.folder(setup.folder, lease=setup.lease)
    unfinished = Path(setup.work or folder.work_folder()) / f"{shard.number}.{uuid.uuid4().hex}"
    said = io.StringIO()
    outcome = Outcome(shard, 1)
    with contextlib.redirect_stderr(said):
        try:
            outcome.code = root.run([*setup.arguments, "--output", str(unfinished)], run)
            if outcome.code in (0, 3):
                if places.state_of(shard.file) != shard.state:
                    raise RunError(f"{shard.file} has changed since the run began")
                outcome.index = _about_index(unfinished, output)
                outcome.n_bytes = _finish(folder, unfinished, output, compress=setup.compress)
        except Killed as killed:
            if killed.number == signal.SIGINT:
                os._exit(1)
            sys.stderr.write(f"it was ended by {killed.number.name}\n")
            outcome.code = 1
        except (RunError, OSError) as error:
            sys.stderr.write(f"{error}\n")
            outcome.code = 1
            run.disk_is_full = run.disk_is_full or is_disk_full(error)
    for path in unfinished.parent.glob(f"{unfinished.name}*"):
        places.remove(path)
    if not setup.work:
        folder.close()
    outcome.stderr = said.getvalue()
    outcome.account, outcome.models = run.account or outcome.account, run.models or {}
    outcome.disk_is_full = run.disk_is_full
    outcome.n_beginning, outcome.seconds = run.n_beginning, time.monotonic() - began
    return outcome


def _about_index(unfinished: Path, output: str) -> dict[str, Any] | None:
    """Return what the manifest says of an output that is a part of an index; None: it is none."""
    if not output.endswith(INDEX_ENDING):
        return None
    from nlptool.geometry.index_parts import about_part

    return about_part(unfinished)


def _finish(folder: folder_files.Folder, unfinished: Path, output: str, *, compress: bool) -> int:
    """Compress an output that is whole, if it is to be, and put it in its place; return its size."""
    if compress:
        import zstandard

        compressed = unfinished.with_name(f"{unfinished.name}.zst")
        with unfinished.open("rb") as source, compressed.open("wb") as target:
            zstandard.ZstdCompressor().copy_stream(source, target)
            target.flush()
            os.fsync(target.fileno())
        unfinished = compressed
    size = places.size_of(unfinished)
    folder.take(str(unfinished), output)
    return size
