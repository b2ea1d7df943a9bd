"""An actor of a Ray cluster: it runs one command over one shard after the other, with models that stay open."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nlptool import __version__, machine
from nlptool.cli.shards.worker import Setup, Worker, ready
from nlptool.errors import RunError

if TYPE_CHECKING:
    from nlptool.tasks.shards.plan import Shard
    from nlptool.tasks.shards.run import Outcome

_ENVIRONMENT = ("NLPTOOL_", "HF_", "AWS_", "FSSPEC_", "GOOGLE_", "PYTHONHASHSEED")
"""Beginnings of the names of variables that actors get: what changes results, and what stores are opened with."""


@dataclass(frozen=True)
class Home:
    """What an actor takes over from the process that started the run.

    Attributes:
        version: of nlptool.
        folder: the current one, which relative paths begin at.
        environment: variables.
        cpus: processors of the actor.
    """

    version: str
    folder: str
    environment: Mapping[str, str] = field(default_factory=dict)
    cpus: int = 1

    @classmethod
    def here(cls, cpus: int) -> Home:
        """Return what actors take over from this process.

        Raises:
            RunError: the current folder has been removed.
        """
        try:
            folder = str(Path.cwd())
        except FileNotFoundError as error:
            raise RunError("the current folder is gone", hint="cd into one that is there") from error
        environment = {name: value for name, value in os.environ.items() if name.startswith(_ENVIRONMENT)}
        return cls(__version__, folder, environment, cpus)


class Actor:
    """Runs shards on a machine of the cluster."""

    def begin(self, setup: Setup, home: Home) -> str:
        """Make the process ready; return what is in the way, or ""."""
        if home.version != __version__:
            return f"{socket.gethostname()} has nlptool {__version__}, and this is {home.version}"
        try:
            os.chdir(home.folder)
        except OSError as error:
            return f"{socket.gethostname()}: the folder {home.folder} cannot be entered: {error.strerror or error}"
        os.environ.update(home.environment)
        setup = replace(setup, n_processes=max(1, machine.processors() // home.cpus))
        self._worker: Worker = contextlib.ExitStack().enter_context(ready(setup))
        return ""

    def run(self, shard: Shard, output: str) -> Outcome:
        """Run the command over a shard."""
        return self._worker.run(shard, output)
