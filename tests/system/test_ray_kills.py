"""``nlptool shards run --engine ray``, killed at random moments: a worker, a node, the driver. What is there is whole at any
moment, and a run that is started again ends with the bytes of one process."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import NLPTOOL, PATIENCE
from ray_cluster import RayCluster, a_cluster, actors
from shard_outputs import numbered_text, one_process, together

N_ROUNDS = 20
COMMAND = ("embed", "-m", "static-ja-en", "--deterministic")


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with a_cluster(2) as started:
        yield started


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return numbered_text(tmp_path_factory.mktemp("text") / "text.txt", 20_000, repeats=3)


@pytest.fixture(scope="module")
def whole(text: Path) -> bytes:
    """What one process gives."""
    return one_process(*COMMAND, str(text), codes=(0,))


@pytest.mark.parametrize("seed", range(N_ROUNDS))
def test_a_run_that_is_killed_somewhere_ends_with_the_same_bytes(
    seed: int, text: Path, whole: bytes, cluster: RayCluster, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    output = tmp_path / "out"
    command = [
        NLPTOOL, "shards", "run", str(text), "--output", str(output), "--engine", "ray", "--address", cluster.address,
        "--shard-size", "100K", "--", *COMMAND,
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        time.sleep(chance.uniform(1.0, 7.0))
        for kind in chance.sample(("worker", "node", "driver"), chance.randint(1, 2)):
            if kind == "driver":
                process.kill()
            elif kind == "node":
                cluster.kill_node()
                cluster.add_node()
            else:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(actors() or [2**22 + 1]), signal.SIGKILL)
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (stdout, process.returncode in (0, 3, -signal.SIGKILL)) == (b"", True), stderr.decode()
    for path in output.glob("shard-*"):
        assert path.read_bytes() in whole, f"{path.name} is not whole"
    again = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE)
    assert again.returncode == 0, again.stderr.decode()
    assert together(output) == whole
