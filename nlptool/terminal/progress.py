"""A progress bar on stderr, drawn by rich and imported only when one is shown."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import rich.progress

_PATIENCE = 0.5  # seconds of work before a bar appears: short runs stay quiet


class Progress:
    """Bytes of input read and records done, or other work. ``mode`` is auto (stderr is a terminal), always or never."""

    def __init__(self, label: str, mode: str = "auto", *, quiet: bool = False) -> None:
        self.total: int | None = None  # bytes
        self._label = label
        self._shown = mode == "always" or (
            mode == "auto" and not quiet and sys.stderr is not None and sys.stderr.isatty()
        )
        self._always = mode == "always"
        self._since = time.monotonic() + (0 if mode == "always" else _PATIENCE)
        self._bytes = 0
        self._work_since = 0.0  # when counted work began, and with how much of it done
        self._work_began = 0
        self._bar: rich.progress.Progress | None = None
        self._task: rich.progress.TaskID | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def advance(self, n_bytes: int) -> None:
        """Count bytes that were read."""
        self._bytes += n_bytes

    def records(self, n_records: int) -> None:
        """Draw the state: ``n_records`` are done. Nothing where ``work`` is drawn."""
        if not self._work_since:
            self._draw(f"{n_records:,} records")

    def transfer(self, label: str, there: int, total: int) -> None:
        """Draw the state of a download: ``there`` of ``total`` bytes are there."""
        self._label, self._bytes, self.total = label, there, total
        self._draw("")

    def work(self, label: str, done: int, total: int, unit: str) -> None:
        """Draw the state of work that is counted in ``unit``: ``done`` of ``total``. A new label begins a new bar."""
        if not self._work_since or label != self._label:
            self.__exit__()  # what was drawn before counted something else
            self._work_since = time.monotonic()
            self._work_began = done
        self._label, self._bytes, self.total = label, done, total
        rate = (done - self._work_began) / max(1e-3, time.monotonic() - self._work_since)
        self._draw(f"{done:,} of {total:,} {unit}  {rate:,.0f} {unit}/s")

    def _draw(self, state: str) -> None:
        if not self._shown or time.monotonic() < self._since:
            return
        if self._bar is None:
            self._start()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=self._label, completed=self._bytes, total=self.total, state=state)

    def say(self, message: str) -> None:
        """Write a line to stderr without breaking the bar."""
        if self._bar is not None:
            self._bar.console.print(message, markup=False, highlight=False, soft_wrap=True)
        else:
            sys.stderr.write(f"{message}\n")

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            *(() if self._work_since else (DownloadColumn(),)),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
        )
        self._bar = Progress(
            *columns, console=Console(stderr=True, force_terminal=self._always or None), transient=True
        )
        self._task = self._bar.add_task(self._label, total=self.total, state="")
        self._bar.start()
