"""A user of the warm server, with servers of their own that end with the test."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from program import PATIENCE

TEXTS = "猫が鳴く。\n犬が走る。\n\nThe cat sleeps.\n今日は良い天気です。\n"
EMBED = ("embed", "-m", "static-ja-en")


class Warm:
    """A user with a runtime folder and a configuration of their own.

    Every command runs in a folder of theirs: where nlptool is installed, it is that one everywhere. In its checkout it would be
    the checkout's, and a server answers its own nlptool alone.
    """

    def __init__(self, runtime: Path, home: Path) -> None:
        self.runtime = runtime
        self.home = home
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("NLPTOOL_") or name == "NLPTOOL_CACHE"
        }
        own = {"XDG_RUNTIME_DIR": runtime, "XDG_CONFIG_HOME": home / "configuration", "NLPTOOL_WARM": 1}
        self.environment = kept | {name: str(value) for name, value in own.items()}
        self.environment.pop("PYTHONUNBUFFERED", None)

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[bytes]:
        environment = self.environment | more.pop("environment", {})
        others = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "cwd": self.home,
        } | more
        return subprocess.Popen([sys.executable, "-m", "nlptool", *arguments], env=environment, **others)

    def run(self, *arguments: str, stdin: str = "", warm: bool = True, **more: Any) -> tuple[int, bytes, bytes]:
        """Run a command line; return its exit code, its stdout and its stderr."""
        environment = more.pop("environment", {}) | {"NLPTOOL_WARM": "1" if warm else "0"}
        with self.start(*arguments, environment=environment, **more) as process:
            stdout, stderr = process.communicate(stdin.encode(), timeout=PATIENCE)
            return process.returncode, stdout, stderr

    def shell(self, command: str, *, warm: bool = True, cwd: Path | None = None) -> tuple[int, bytes, bytes]:
        environment = self.environment | {"NLPTOOL_WARM": "1" if warm else "0", "NT": f"{sys.executable} -m nlptool"}
        done = subprocess.run(["bash", "-c", command], env=environment, cwd=cwd or self.home, capture_output=True,
                              timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False)  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    def status(self) -> list[dict[str, Any]]:
        code, stdout, _ = self.run("warm", "status", "-f", "jsonl")
        assert code == 0
        return [json.loads(line) for line in stdout.splitlines()]

    def ready(self, *arguments: str, stdin: str = TEXTS) -> dict[str, Any]:
        """Run a command that leaves a server behind, wait until that is idle, and return its state."""
        self.run(*(arguments or EMBED), stdin=stdin)
        return until(lambda: next((state for state in self.status() if state["workers"] and not state["busy"]), None))

    def processes(self, module: str) -> list[int]:
        """Return the processes of the servers of this user: ``front`` or ``worker``."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (f"nlptool.cli.warm.{module}".encode() in (folder / "cmdline").read_bytes()
                        and str(self.runtime).encode() in (folder / "environ").read_bytes()):  # fmt: skip
                    found.append(int(folder.name))
        return found


def until(condition: Callable[[], Any]) -> Any:
    """Wait until a condition holds; return its value."""
    for _ in range(PATIENCE * 20):
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError("it does not come")


@contextlib.contextmanager
def a_user(home: Path) -> Iterator[Warm]:
    """Give a user, whose servers are ended at last."""
    runtime = Path(tempfile.mkdtemp(prefix="nw"))  # the path of a socket has a hundred bytes
    user = Warm(runtime, home)
    try:
        yield user
    finally:
        user.run("warm", "off")
        for process in (*user.processes("front"), *user.processes("worker")):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        shutil.rmtree(runtime)
