"""``nlptool shards run --engine ray``: the outputs are those of one process, whatever becomes of workers, nodes, the driver."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from program import NLPTOOL, PATIENCE
from ray_cluster import RayCluster, a_cluster, actors
from shard_outputs import numbered_text, one_process, together

COMMAND = ("embed", "-m", "sbert-mini-ja-en", "--deterministic")
N_SHARDS = 30


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with a_cluster(2) as started:
        yield started


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text whose shards take some tenths of a second each."""
    return numbered_text(tmp_path_factory.mktemp("text") / "text.txt", 60 * N_SHARDS, repeats=2)


@pytest.fixture(scope="module")
def whole(text: Path) -> bytes:
    """What one process gives."""
    return one_process(*COMMAND, str(text), codes=(0,))


def arguments(text: Path, output: Path, cluster: RayCluster, *more: str) -> list[str]:
    size = -(-text.stat().st_size // N_SHARDS)
    of_run = [
        "--output",
        str(output),
        "--engine",
        "ray",
        "--address",
        cluster.address,
        "--shard-size",
        str(size),
        *more,
    ]
    return [NLPTOOL, "shards", "run", str(text), *of_run, "--", *COMMAND]


def outputs(folder: Path) -> list[Path]:
    return sorted(folder.glob("shard-*"))


def done_in(folder: Path) -> list[str]:
    """Return the outputs that are done. One whose worker was killed behind it is there, and not among them."""
    entries = map(json.loads, (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines())
    return [entry["output"] for entry in entries if entry.get("done") is not False]


def run_and(
    act: Callable[[subprocess.Popen[bytes]], None], command: list[str], output: Path, *, n_done: int = 3
) -> tuple[int, str]:
    """Run a command; do something when the first shards are done; return its exit code and what it said."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        end = time.monotonic() + PATIENCE
        while len(outputs(output)) < n_done:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end
            time.sleep(0.02)
        assert len(outputs(output)) < N_SHARDS - 1
        act(process)
        stdout, stderr = process.communicate(timeout=PATIENCE)
        assert stdout == b""
        return process.returncode, stderr.decode()


def test_a_cluster_gives_what_one_process_gives(text: Path, whole: bytes, cluster: RayCluster, tmp_path: Path) -> None:
    output = tmp_path / "out"
    done = subprocess.run(arguments(text, output, cluster), capture_output=True, check=False, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (0, b""), done.stderr.decode()
    assert done.stderr.decode().splitlines()[-1].startswith("nlptool shards: 30 of 30 shards are done; 1,800 records")
    assert together(output) == whole
    manifest = [json.loads(line) for line in (output / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sum(entry["records"]["in"] for entry in manifest) == 60 * N_SHARDS
    assert sorted(path.name for path in output.iterdir() if path.name.startswith(".")) == []


def test_a_worker_that_is_killed_is_replaced(text: Path, whole: bytes, cluster: RayCluster, tmp_path: Path) -> None:
    def kill_a_worker(process: subprocess.Popen[bytes]) -> None:
        while not (running := actors()):
            assert process.poll() is None
        os.kill(running[0], signal.SIGKILL)

    for attempt in range(3):  # a worker may be killed between two shards: then none fails
        output = tmp_path / str(attempt)
        code, said = run_and(kill_a_worker, arguments(text, output, cluster, "--retries", "0"), output)
        if code:
            break
    assert code == 3
    assert "the process died" in said
    assert f"{N_SHARDS - 1} of {N_SHARDS} shards are done" in said
    assert len(done_in(output)) == N_SHARDS - 1
    again = subprocess.run(arguments(text, output, cluster), capture_output=True, check=False, timeout=PATIENCE)
    assert (again.returncode, together(output) == whole) == (0, True), again.stderr.decode()


def test_a_node_that_is_killed_is_done_without(text: Path, whole: bytes, cluster: RayCluster, tmp_path: Path) -> None:
    code, said = run_and(lambda _: cluster.kill_node(), arguments(text, tmp_path / "out", cluster), tmp_path / "out")
    cluster.add_node()
    assert (code, together(tmp_path / "out") == whole) == (0, True), said


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_driver_that_is_killed_goes_on(
    number: signal.Signals, text: Path, whole: bytes, cluster: RayCluster, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    code, _ = run_and(lambda process: process.send_signal(number), arguments(text, output, cluster), output)
    assert code == -number
    n_before = len(done_in(output))
    done = subprocess.run(arguments(text, output, cluster), capture_output=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr.decode()
    assert f"{N_SHARDS} of {N_SHARDS} shards are done, {n_before} of them before" in done.stderr.decode()
    assert together(output) == whole


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--cpus-per-worker", "2"], "no machine of the cluster has 2 CPU; they have"),
        (["--gpus-per-worker", "0.5"], "no machine of the cluster has 1 CPU and 0.5 GPU; they have"),
        (["--address", "127.0.0.1:1"], "the Ray cluster 127.0.0.1:1 cannot be reached: [Errno 111] Connection refused"),
        (["--address", "some where"], "the Ray cluster some where cannot be reached: Invalid address format"),
    ],
)
def test_a_cluster_that_does_not_do_is_said(
    more: list[str], said: str, text: Path, cluster: RayCluster, tmp_path: Path
) -> None:
    command = arguments(text, tmp_path / "out", cluster, *more)
    done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"nlptool shards: {said}")


def test_another_version_on_the_cluster_is_refused(text: Path, cluster: RayCluster, tmp_path: Path) -> None:
    program = """
import sys, nlptool
nlptool.__version__ = "99"
from nlptool.cli.start import main
main()
"""
    command = [sys.executable, "-c", program, *arguments(text, tmp_path / "out", cluster)[1:]]
    done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE, text=True)
    assert done.returncode == 1
    assert "and this is 99" in done.stderr


def test_a_folder_that_is_gone_is_said(text: Path, cluster: RayCluster, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = ["sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", *arguments(text, tmp_path / "out", cluster)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE, text=True, cwd=gone)
    assert done.returncode == 1
    assert done.stderr.startswith("nlptool shards: the current folder is gone")
