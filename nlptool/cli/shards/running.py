"""A run over shards, from the inputs to the exit code: what there is, what is to be done, an engine that does it, and what is
said of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from nlptool import __version__, machine
from nlptool.errors import RunError
from nlptool.storage import folder_files, folder_holds, store_requests
from nlptool.terminal import library_warnings
from nlptool.terminal.progress import Progress

if TYPE_CHECKING:
    from nlptool.cli.shards.cluster import Wanted
    from nlptool.cli.shards.mappings import CommandLine
    from nlptool.storage.stores import State
    from nlptool.tasks.shards.manifest import Manifest
    from nlptool.tasks.shards.run import Engine, Order, Result
    from nlptool.tasks.shards.share import Share


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is to be done.

    Attributes:
        inputs: files and folders, paths and URLs.
        globs: which files of a folder are read.
        output: the folder of the outputs: a path or a URL.
        line: the command that runs over the shards.
        retries: how often a shard that fails is tried again.
        share: the shards of one task alone; None: all.
        compress: how outputs are compressed; None: they are not.
        workers: processes of the local engine; None: one for each processor.
        wanted: what a cluster is asked for; None: the engine is the local one.
    """

    inputs: tuple[str, ...]
    globs: tuple[str, ...]
    output: str
    line: CommandLine
    retries: int
    share: Share | None
    compress: str | None
    workers: int | None
    wanted: Wanted | None


def run(work: Work, *, progress: str, quiet: bool) -> int:
    """Do what is not done; return the exit code.

    Args:
        progress: as of ``Progress``.
        quiet: errors alone are said.

    Raises:
        RunError: there is nothing to read, another run is at work, or the outputs cannot be written.
    """
    from nlptool.tasks.shards import run as shard_run
    from nlptool.tasks.shards.manifest import Manifest
    from nlptool.tasks.shards.plan import inputs_of, shards_of

    bar = Progress("shards", progress, quiet=quiet)
    failed: list[str] = []

    def report(message: str, hint: str) -> None:
        failed.append(message)
        bar.say(f"nlptool shards: {message}" + (f"\n  {hint}" if hint else ""))

    def note(message: str) -> None:
        if not quiet:
            bar.say(f"nlptool shards: {message}")

    line, share = work.line, work.share
    try:
        with (
            _held(work, note) as lease,
            closing(folder_files.folder(work.output, share.work if share else "", lease)) as folder,
            bar,
        ):
            is_parquet = line.reading.form.kind == "parquet"
            found = inputs_of(work.inputs, work.globs, parquet=is_parquet, note=note, report=report)
            manifest = Manifest(folder, note, share)
            manifest.refuse_other(line.made_by["command"])
            there = [(name, state) for name, state in found if state is not None]
            unread = [name for name, state in found if state is None]
            several = len(found) > 1
            made_by = {**line.made_by, "nlptool": __version__, "compress": work.compress, "several": several}
            known = partial(manifest.n_records, made_by=made_by)
            shards = shards_of(there, line.reading, known=known, note=note, report=report)
            if not shards:
                raise RunError("there is nothing to read", hint="what is done stays as it is")
            order = _order(work, made_by, there, unread, len(shards))
            files = tuple(name for name, _ in there)
            engine = partial(_engine, work=work, folder=folder, lease=lease, files=files, several=several, note=note)
            result = shard_run.Run(shards, order, folder, manifest, bar=bar, say=bar.say, share=share)(engine)
    except OSError as error:
        raise RunError(f"cannot write {work.output}: {error.strerror or error}") from error
    _tell(work, result, bar, note, quiet=quiet)
    _refuse_different(work, manifest)
    return shard_run.exit_code(result, input_failed=bool(failed))


def _held(work: Work, note: Callable[[str], None]) -> AbstractContextManager[str]:
    """Return what holds the folder of the outputs while the run goes on, alone or with other tasks; it yields a store's lease."""
    if work.share:
        return folder_holds.shared(work.output, work.share.work, f"task {work.share}", note)
    return folder_holds.locked(work.output, note)


def _order(
    work: Work, made_by: dict[str, Any], files: Sequence[tuple[str, State]], unread: list[str], n_shards: int
) -> Order:
    """Return what is to be done with each shard.

    Args:
        files: those of the input that can be read.
        unread: the others.
    """
    from nlptool.models.store.locate import version_of
    from nlptool.tasks.shards.run import Order

    line = work.line
    every = {"finish": line.finish, "shards": n_shards, "unread": unread} if line.finish else {}
    ending = line.ending + (".zst" if work.compress else "")
    return Order(made_by, ending, line.skips, work.retries, cache(version_of), every, files)


def _engine(
    n_shards: int, *, work: Work, folder: folder_files.Folder, lease: str, files: tuple[str, ...], several: bool,
    note: Callable[[str], None],
) -> Engine:  # fmt: skip
    """Return what runs the command over so many shards."""
    from nlptool.cli.shards.local import LocalEngine
    from nlptool.cli.shards.ray_engine import RayEngine
    from nlptool.cli.shards.worker import Setup

    is_elsewhere = bool(work.wanted) and store_requests.is_remote(work.output)
    setup = Setup(
        arguments=work.line.arguments,
        files=files,
        several=several,
        folder=work.output,
        lease=lease,
        work="" if is_elsewhere else folder.work_folder(),
        compress=work.compress is not None,
        n_processes=1 if work.wanted else min(work.workers or machine.processors(), n_shards),
        mode=library_warnings.mode(),
    )
    return RayEngine(setup, work.wanted, n_shards, note) if work.wanted else LocalEngine(setup)


def _tell(work: Work, result: Result, bar: Progress, note: Callable[[str], None], *, quiet: bool) -> None:
    """Say what there is to say of the records and the shards, and what comes after a task."""
    from nlptool.tasks.shards.run import tell_failed

    def say(message: str) -> None:
        bar.say(f"nlptool {work.line.made_by['command']}: {message}")

    result.account.tell(
        say,
        (lambda message: None) if quiet or work.line.quiet else say,
        skipped=work.line.skips,
        passed="left out" if work.line.finish else "passed on",
    )
    tell_failed(result, lambda message: bar.say(f"nlptool shards: {message}"))
    task, then = (f"task {work.share}: ", "; the same run without --task finishes it") if work.share else ("", "")
    before = f", {result.n_before:,} of them before" if result.n_before else ""
    done = f"{result.n_done:,} of {result.n_shards:,} shards are done{before}"
    note(f"{task}{done}; {result.account.n_read:,} records in {work.output}{then}")


def _refuse_different(work: Work, manifest: Manifest) -> None:
    """Refuse parts of an index that do not go together.

    Raises:
        RunError: there are such parts.
    """
    if not work.line.is_index:
        return
    from nlptool.geometry.index_parts import refuse_different
    from nlptool.tasks.model_names import same_model

    refuse_different(work.output, {shard["output"]: shard["index"] for shard in manifest.done()}, same_model)
