"""What ``nlptool shards run`` leaves, what one process gives for the same input, and the processes of a run."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

from program import NLPTOOL, PATIENCE


def one_process(*arguments: str) -> bytes:
    """Return what one process writes, of whose records some may fail."""
    done = subprocess.run([NLPTOOL, *arguments], capture_output=True, check=False, timeout=PATIENCE)
    assert done.returncode in (0, 3), done.stderr.decode()
    return done.stdout


def together(folder: Path) -> bytes:
    """Return the outputs of a folder, one behind the other."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("shard-*")))


def workers_of(pid: int) -> list[int]:
    """Return the workers of a run of the local engine."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"spawn_main" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found
