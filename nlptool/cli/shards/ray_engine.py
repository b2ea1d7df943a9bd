"""The Ray engine: actors on the machines of a cluster, one shard each at a time, with models that stay open.

Ray places the actors and says when one has died, with its process or with its machine. An actor that died is replaced by a new
one, wherever there is room, and its shard has failed as it does with a process of the local engine. Each actor has one shard at a
time: nothing queues up in the cluster, and when the program ends, however it ends, Ray ends the actors, since it owns them.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nlptool.cli.shards.actor import Actor, Home
from nlptool.cli.shards.cluster import Wanted, connected, room
from nlptool.cli.shards.worker import Setup
from nlptool.errors import RunError, first_line
from nlptool.storage import store_requests

if TYPE_CHECKING:
    from nlptool.tasks.shards.plan import Shard
    from nlptool.tasks.shards.run import Outcome

_SHORT_WAIT = 10.0  # seconds without news until it is said what is waited for
_LONG_WAIT = 300.0  # seconds without a single actor until the run ends
_MOST_FAILURES = 3  # actors that fail to start, one after the other, for each that is wanted


class RayEngine:
    """Actors that run a command over shards.

    Args:
        setup: what each is told.
        wanted: what the cluster is asked for.
        n_shards: more actors are not started.
        say: called with what a person should know.

    Raises:
        RunError: the current folder is gone.
    """

    def __init__(self, setup: Setup, wanted: Wanted, n_shards: int, say: Callable[[str], None]) -> None:
        self._setup = setup
        self._wanted = wanted
        self._n_shards = n_shards
        self._say = say
        self._home = Home.here(wanted.cpus)
        self._waiting: deque[tuple[Shard, str]] = deque()
        self._idle: list[Any] = []
        self._starting: dict[Any, Any] = {}  # what an actor's begin returns -> the actor
        self._busy: dict[Any, tuple[Any, Shard, str]] = {}  # what its run returns -> the actor, the shard, the output
        self._n_failures = 0
        self._without_since = time.monotonic()
        self._has_complained = False
        self._contexts = contextlib.ExitStack()
        self.capacity = 1

    def __enter__(self) -> Self:
        """Connect to the cluster, or start one, and start the actors.

        Raises:
            RunError: Ray is not installed, the cluster is not reached, or no machine of it has room for an actor.
        """
        with self._contexts:
            # Ray prints what became of processes to stdout, from a thread of its own; what matters is said here.
            self._contexts.enter_context(
                contextlib.redirect_stdout(self._contexts.enter_context(Path(os.devnull).open("w")))
            )
            self._ray = connected(self._wanted)
            self._contexts.callback(self._ray.shutdown)
            self.capacity = min(self._wanted.workers or room(self._ray, self._wanted), self._n_shards)
            for _ in range(self.capacity):
                self._start()
            self._contexts = self._contexts.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all actors: what they had begun is not kept."""
        with self._contexts:
            for actor in (*self._idle, *self._starting.values(), *(actor for actor, _, _ in self._busy.values())):
                with contextlib.suppress(Exception):
                    self._ray.kill(actor)

    def submit(self, shard: Shard, output: str) -> None:
        """Give a shard to the next actor that is idle."""
        self._waiting.append((shard, output))

    def wait(self) -> Outcome:
        """Return how a shard has ended.

        Raises:
            RunError: no actor can be started.
        """
        while True:
            while self._waiting and self._idle:
                actor, (shard, output) = self._idle.pop(), self._waiting.popleft()
                self._busy[actor.run.remote(shard, output)] = actor, shard, output
            done, _ = self._ray.wait([*self._busy, *self._starting], num_returns=1, timeout=_SHORT_WAIT)
            if not done:
                self._look_for_room()
            elif done[0] in self._starting:
                self._begin(self._starting.pop(done[0]), done[0])
            else:
                return self._ended(*self._busy.pop(done[0]), done[0])

    def _start(self) -> None:
        """Start an actor, which begins as soon as there is room for it."""
        kind = self._ray.remote(num_cpus=self._wanted.cpus, num_gpus=self._wanted.gpus, max_restarts=0)(Actor)
        actor = kind.remote()
        self._starting[actor.begin.remote(self._setup, self._home)] = actor

    def _begin(self, actor: Any, begun: Any) -> None:
        """Take an actor that has begun, or start another one.

        Raises:
            RunError: something is in the way on a machine, or one actor after the other fails.
        """
        try:
            problem: str = self._ray.get(begun)
        except self._ray.exceptions.RayError as error:
            self._n_failures += 1
            if self._n_failures >= _MOST_FAILURES * self.capacity:
                raise RunError(f"no worker can be started on the cluster: {first_line(error)}") from error
            self._start()
            return
        if problem:
            raise RunError(problem, hint="all machines of a cluster need the same nlptool and the same folders")
        self._n_failures = 0
        self._idle.append(actor)

    def _ended(self, actor: Any, shard: Shard, output: str, run: Any) -> Outcome:
        """Return how a shard has ended, and replace its actor if that has died."""
        from nlptool.tasks.shards.run import Outcome

        try:
            outcome: Outcome = self._ray.get(run)
        except self._ray.exceptions.RayTaskError as error:
            outcome = Outcome(shard, 1, f"{first_line(error.cause or error)}\n")
        except self._ray.exceptions.RayError:
            if not self._busy and not self._idle:
                self._without_since, self._has_complained = time.monotonic(), False
            self._start()
            return Outcome(shard, -1)
        self._idle.append(actor)
        if outcome.code in (0, 3) and not store_requests.is_remote(self._setup.folder):
            self._refuse_elsewhere(output)
        return outcome

    def _refuse_elsewhere(self, output: str) -> None:
        """Refuse a folder that is not the same one on the machine of an actor.

        Raises:
            RunError: an output is not in the folder of this machine.
        """
        try:
            (Path(self._setup.folder) / output).open(
                "rb"
            ).close()  # shared storage looks again for a file that is opened
        except FileNotFoundError as error:
            raise RunError(
                f"{self._setup.folder} is another folder on the machines of the cluster: {output} is not here",
                hint="--output is a folder that all machines share, or a URL (s3://...)",
            ) from error

    def _look_for_room(self) -> None:
        """Say that there is no room for actors, if there is none at all; end the run if that lasts.

        Raises:
            RunError: it has lasted.
        """
        if self._busy or self._idle:
            return
        waited = time.monotonic() - self._without_since
        free = self._ray.available_resources()
        message = (
            f"no worker is running: each takes {self._wanted}, and the cluster has {free.get('CPU', 0):g} CPU free"
        )
        if waited >= _LONG_WAIT:
            raise RunError(message, hint="what is done stays: run the same command again when there is room")
        if not self._has_complained:
            self._has_complained = True
            self._say(f"{message}; it waits for room, {_LONG_WAIT / 60:g} minutes at most")
