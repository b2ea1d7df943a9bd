"""``nlptool shards run`` whose processes are killed a hundred times, and on a disk that is full."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

from program import NLPTOOL, PATIENCE
from shard_outputs import together, workers_of

WAKATI = ("tokenize", "-f", "wakati")
N_KILLS = 100
ROOT = () if os.geteuid() == 0 else ("sudo",)  # who mounts


def command(path: Path, out: Path, *more: str) -> list[str]:
    sizes = ("--shard-size", "20K", "-j", "2", "--retries", "100")
    return [NLPTOOL, "shards", "run", str(path), "--output", str(out), *sizes, *more, "--", *WAKATI]


def one_process(path: Path) -> bytes:
    return subprocess.run([NLPTOOL, *WAKATI, str(path)], capture_output=True, check=True, timeout=PATIENCE).stdout


def text(path: Path, n: int) -> Path:
    path.write_text("".join(f"{n} 猫が魚を食べて、犬が水を飲む。\n" for n in range(n)), encoding="utf-8")
    return path


def test_a_hundred_kills_leave_nothing_half(tmp_path: Path) -> None:
    path, out = text(tmp_path / "long.txt", 8000), tmp_path / "out"
    parts = one_process(path)
    chance = random.Random(11)
    n_kills = {"driver": 0, "worker": 0}
    while sum(n_kills.values()) < N_KILLS:
        process = subprocess.Popen(command(path, out), stderr=subprocess.PIPE)
        try:
            while process.poll() is None and sum(n_kills.values()) < N_KILLS:
                time.sleep(chance.choice((chance.uniform(0, 0.2), chance.uniform(0, 1.5))))
                if chance.random() < 0.5:
                    if not (running := workers_of(process.pid)):  # none has been started yet
                        continue
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(chance.choice(running), signal.SIGKILL)
                        n_kills["worker"] += 1
                elif process.poll() is None:
                    process.send_signal(signal.SIGKILL)
                    n_kills["driver"] += 1
                    break
        finally:
            process.kill()
            process.communicate(timeout=PATIENCE)
        for shard in out.glob("shard-*"):
            assert shard.read_bytes() in parts
        if chance.random() < 0.2:  # so that there is always something to do
            for shard in list(out.glob("shard-*"))[: chance.randrange(30)]:
                shard.unlink()
    done = subprocess.run(command(path, out), capture_output=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr.decode()
    assert together(out) == parts
    assert sorted(each.name for each in out.iterdir() if "shard" not in each.name) == ["manifest.jsonl"]
    assert min(n_kills.values()) > 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 400 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run([*ROOT, "mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)], check=True, timeout=PATIENCE)
    yield disk
    subprocess.run([*ROOT, "umount", str(disk)], check=True, timeout=PATIENCE)


def test_a_full_disk_ends_the_run_and_it_is_gone_on_with(small_disk: Path, tmp_path: Path) -> None:
    path = text(tmp_path / "long.txt", 16_000)
    parts = one_process(path)
    assert len(parts) > 800_000
    done = subprocess.run(command(path, small_disk / "out"), capture_output=True, check=False, timeout=PATIENCE)
    assert done.returncode == 1, done.stderr.decode()
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr
    left = sorted((small_disk / "out").glob("shard-*"))
    assert left
    assert all(shard.read_bytes() in parts for shard in left)
    subprocess.run([*ROOT, "mount", "-o", "remount,size=4M", str(small_disk)], check=True, timeout=PATIENCE)
    done = subprocess.run(command(path, small_disk / "out"), capture_output=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr.decode()
    assert b"of them before" in done.stderr
    assert b"".join(shard.read_bytes() for shard in sorted((small_disk / "out").glob("shard-*"))) == parts


def test_a_disk_that_is_read_only_is_said(small_disk: Path, tmp_path: Path) -> None:
    path = text(tmp_path / "short.txt", 10)
    assert subprocess.run(command(path, small_disk / "out"), check=False, timeout=PATIENCE).returncode == 0
    subprocess.run([*ROOT, "mount", "-o", "remount,ro", str(small_disk)], check=True, timeout=PATIENCE)
    text(tmp_path / "short.txt", 11)
    for out in (small_disk / "out", small_disk / "new"):
        done = subprocess.run(command(path, out), capture_output=True, check=False, timeout=PATIENCE)
        assert done.returncode == 1
        assert f"cannot write {out}: Read-only file system" in done.stderr.decode()
        assert b"Traceback" not in done.stderr
