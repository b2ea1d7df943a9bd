"""A process of the local engine: it runs one command over one shard after the other, with models that stay open."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptool import machine
from nlptool.errors import RunError
from nlptool.records.part import PartRun
from nlptool.storage import places
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
        work: a folder of this machine for what is unfinished.
        compress: outputs are compressed with zstd.
        n_processes: how many share the processors and the memory.
        mode: what is done with warnings of libraries.
    """

    arguments: tuple[str, ...]
    files: tuple[str, ...]
    several: bool
    folder: str
    work: str
    compress: bool
    n_processes: int
    mode: library_warnings.Mode


def serve(connection: Connection, setup: Setup) -> None:
    """Run shards until the pipe is closed: when the parent ends, however it ends."""
    _end_with_parent()
    machine.share_processors(setup.n_processes)
    os.environ.setdefault("OMP_NUM_THREADS", str(machine.processors()))
    with open(os.devnull, encoding="utf-8") as nothing:  # noqa: PTH123
        sys.stdin = nothing
        from nlptool.tasks import open_models

        models = open_models.OpenModels(lambda: machine.memory() // (2 * setup.n_processes))
        open_models.keep(models)
        with contextlib.suppress(EOFError, OSError), library_warnings.in_mode(setup.mode):
            while True:
                shard, output = connection.recv()
                connection.send(run_shard(setup, shard, output))
                models.close_some(keep=1)
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


def run_shard(setup: Setup, shard: Shard, output: str) -> Outcome:
    """Run the command over a shard, and leave its output in its place if it is whole."""
    from nlptool.cli.main import Killed, root
    from nlptool.models.runtime import runs
    from nlptool.tasks.shards.run import Outcome

    runs.begin()
    began = time.monotonic()
    run = PartRun(shard.part(setup.files, several=setup.several))
    unfinished = str(Path(setup.work) / f"{shard.number}.{os.getpid()}")
    said = io.StringIO()
    outcome = Outcome(shard, 1)
    with contextlib.redirect_stderr(said):
        try:
            outcome.code = root.run([*setup.arguments, "--output", unfinished], run)
            if outcome.code in (0, 3):
                if places.state_of(shard.file) != shard.state:
                    raise RunError(f"{shard.file} has changed since the run began")
                outcome.index = _about_index(unfinished, output)
                outcome.n_bytes = _finish(setup, unfinished, output)
        except Killed as killed:
            if killed.number == signal.SIGINT:
                os._exit(1)
            sys.stderr.write(f"it was ended by {killed.number.name}\n")
            outcome.code = 1
        except (RunError, OSError) as error:
            sys.stderr.write(f"{error}\n")
            outcome.code = 1
    for path in Path(setup.work).glob(f"{shard.number}.{os.getpid()}*"):
        places.remove(path)
    outcome.stderr = said.getvalue()
    outcome.account, outcome.models = run.account or outcome.account, run.models or {}
    outcome.saw_beginning, outcome.seconds = run.saw_beginning, time.monotonic() - began
    return outcome


def _about_index(unfinished: str, output: str) -> dict[str, Any] | None:
    """Return what the manifest says of an output that is a part of an index; None: it is none."""
    if not output.endswith(INDEX_ENDING):
        return None
    from nlptool.geometry.index_parts import about_part

    return about_part(Path(unfinished))


def _finish(setup: Setup, unfinished: str, output: str) -> int:
    """Compress an output that is whole, if it is to be, and put it in its place; return its size."""
    if setup.compress:
        import zstandard

        compressed = f"{unfinished}.zst"
        with Path(unfinished).open("rb") as source, Path(compressed).open("wb") as target:
            zstandard.ZstdCompressor().copy_stream(source, target)
            target.flush()
            os.fsync(target.fileno())
        unfinished = compressed
    size = places.size_of(Path(unfinished))
    places.folder(setup.folder).take(unfinished, output)
    return size
