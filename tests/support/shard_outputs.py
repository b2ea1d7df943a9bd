"""What ``nlptool shards run`` leaves, what one process gives for the same input, and the processes of a run."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

from program import NLPTOOL, PATIENCE


def one_process(*arguments: str, codes: tuple[int, ...] = (0, 3)) -> bytes:
    """Return what one process writes, of whose records some may fail.

    Args:
        codes: the exit codes that are right.
    """
    done = subprocess.run([NLPTOOL, *arguments], capture_output=True, check=False, timeout=PATIENCE)
    assert done.returncode in codes, done.stderr.decode()
    return done.stdout


def numbered_text(path: Path, n_lines: int, *, repeats: int) -> Path:
    """Write a text whose lines begin with their numbers.

    Args:
        repeats: of the sentence of a line.
    """
    lines = (f"{n}番目の文は、猫と犬と鳥が出てくる長い話のはじまりである。" * repeats for n in range(n_lines))
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


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
