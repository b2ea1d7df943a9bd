"""The warm server that belongs to an HTTP server: its processes run the commands, with models that stay open."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from typing import Any

from nlptool.cli.warm import messages
from nlptool.cli.warm.messages import Channel
from nlptool.cli.warm.starting import start

_PATIENCE = 10.0  # seconds
_ANSWER = 2.0  # seconds that an answer may take


class WarmFront:
    """Starts a warm server with a socket in a folder of its own, and ends it.

    Args:
        memory: bytes that its processes may hold; 0: a quarter of the machine's.
        environment: of its processes.
    """

    def __init__(self, memory: int, environment: dict[str, str]) -> None:
        self._folder = tempfile.mkdtemp(prefix="nlptool-")  # for this user alone
        self.path = f"{self._folder}/serve.sock"
        self._memory = memory
        self._environment = environment
        self._process = 0

    def start(self) -> None:
        """Start it, or start it again where it has died.

        Raises:
            OSError: no process can be started.
        """
        if not self._lives():
            self._process = start("embed", "/", self._environment, b"", private=(self.path, str(self._memory)))

    def connect(self) -> Channel:
        """Return a connection to it; it is started again where it has died.

        Raises:
            OSError: it does not answer.
        """
        ends = time.monotonic() + _PATIENCE
        while True:
            try:
                return messages.connect(self.path, _PATIENCE)
            except OSError:
                if time.monotonic() > ends:
                    raise
            self.start()
            time.sleep(0.05)

    def ask(self, question: str) -> dict[str, Any]:
        """Ask it ``status`` or ``stop``; return its answer, {} where it gives none."""
        with contextlib.suppress(OSError):
            return messages.ask(self.path, question, _ANSWER) or {}
        return {}

    def stop(self) -> None:
        """End it, and its processes."""
        self.ask("stop")
        ends = time.monotonic() + _PATIENCE
        while self._lives() and time.monotonic() < ends:
            time.sleep(0.05)
        if self._lives():
            os.kill(self._process, signal.SIGKILL)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _lives(self) -> bool:
        if self._process:
            with contextlib.suppress(ChildProcessError):
                if not os.waitpid(self._process, os.WNOHANG)[0]:
                    return True
            self._process = 0
        return False
