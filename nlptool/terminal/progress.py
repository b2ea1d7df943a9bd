"""A progress bar on stderr, drawn by rich, which is imported only when a bar is shown."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import rich.live
    import rich.progress

_PATIENCE = 0.5  # seconds of work before a bar appears: short runs stay quiet


class Progress:
    """The state of a run: bytes read and records done, a download, or other counted work.

    A bar stays on the terminal between two states, drawn again ten times a second. Where records go to the same terminal,
    ``clear`` takes it away before they are written; the next state brings it back.

    Args:
        label: the word before the bar.
        mode: auto (if stderr is a terminal) | always | never.
        quiet: no bar in mode auto.
    """

    def __init__(self, label: str, mode: str = "auto", *, quiet: bool = False) -> None:
        self.total: int | None = None  # bytes
        self._label = label
        self._shown = mode == "always" or (
            mode == "auto" and not quiet and sys.stderr is not None and sys.stderr.isatty()
        )
        self._always = mode == "always"
        self._since = time.monotonic() + (0 if mode == "always" else _PATIENCE)
        self._bytes = 0
        self._n_records = 0
        self._work_since = 0.0  # when counted work began, and how much of it was done then
        self._work_began = 0
        self._bar: rich.progress.Progress | None = None
        self._task: rich.progress.TaskID | None = None
        self._live: rich.live.Live | None = None  # draws the bar; None while it is cleared

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
        self._bar = None

    def advance(self, n_bytes: int) -> None:
        """Count bytes that were read."""
        self._bytes += n_bytes

    def records(self, n_records: int) -> None:
        """Draw the number of records done; draw nothing where ``work`` is counted."""
        self._n_records = n_records
        if not self._work_since:
            self._draw(f"{n_records:,} records")

    def within(self, done: int, total: int, unit: str) -> None:
        """Draw how far the next records are, where one can take long: ``done`` of ``total``."""
        if not self._work_since:
            self._draw(f"{self._n_records:,} records; of the next {done:,} of {total:,} {unit}")

    def transfer(self, label: str, received: int, total: int) -> None:
        """Draw a download: ``received`` of ``total`` bytes."""
        self._label, self._bytes, self.total = label, received, total
        self._draw("")

    def work(self, label: str, done: int, total: int, unit: str) -> None:
        """Draw work that is counted in ``unit``: ``done`` of ``total``. A new label begins a new bar."""
        if not self._work_since or label != self._label:
            self.__exit__()  # what was drawn before counted something else
            self._work_since = time.monotonic()
            self._work_began = done
        self._label, self._bytes, self.total = label, done, total
        rate = (done - self._work_began) / max(1e-3, time.monotonic() - self._work_since)
        self._draw(f"{done:,} of {total:,} {unit}  {rate:,.0f} {unit}/s")

    def say(self, message: str) -> None:
        """Write a line to stderr without breaking the bar."""
        if self._live is not None:
            self._live.console.print(message, markup=False, highlight=False, soft_wrap=True)
        elif sys.stderr is not None:  # it was not closed when the program started
            sys.stderr.write(f"{message}\n")

    def clear(self) -> None:
        """Take the bar off the terminal until the next state is drawn."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _draw(self, state: str) -> None:
        if not self._shown or time.monotonic() < self._since:
            return
        if self._bar is None:
            self._make_bar()
        if self._bar is None or self._task is None:
            return
        self._bar.update(self._task, description=self._label, completed=self._bytes, total=self.total, state=state)
        if self._live is None:
            from rich.live import Live

            # rich would send to stderr what is written to stdout: records stay where they belong.
            self._live = Live(
                self._bar, console=self._bar.console, transient=True, refresh_per_second=10, redirect_stdout=False
            )
            self._live.start(refresh=True)

    def _make_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            *(() if self._work_since else (DownloadColumn(),)),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=Console(stderr=True, force_terminal=self._always or None))
        self._task = self._bar.add_task(self._label, total=self.total, state="")
