"""A Ray cluster of several nodes on this machine, in a process of its own that ends it when the test does.

Run as a program it is that process: it starts so many nodes with one processor each beside a head without any, writes the
address, and obeys the words of its stdin until that ends.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_STORE = 80 << 20  # bytes: near the least that Ray takes


class RayCluster:
    """A cluster, as its user sees it.

    Attributes:
        address: where it is.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.address = self._answer()

    def add_node(self) -> None:
        self._tell("add")

    def kill_node(self) -> None:
        self._tell("kill")

    def _tell(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        assert self._answer() == word

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextlib.contextmanager
def a_cluster(n_nodes: int) -> Iterator[RayCluster]:
    """Give a cluster, which is ended at last."""
    command = [sys.executable, str(Path(__file__)), str(n_nodes)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield RayCluster(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(60)


def actors() -> list[int]:
    """Return the processes of Ray that run a shard."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (folder / "cmdline").read_bytes().startswith(b"ray::Actor.run"):
                found.append(int(folder.name))
    return found


def _serve(n_nodes: int) -> None:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": _STORE},
    )
    nodes = [cluster.add_node(num_cpus=1, object_store_memory=_STORE) for _ in range(n_nodes)]
    sys.stdout.write(f"{cluster.address}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        if line.strip() == "add":
            nodes.append(cluster.add_node(num_cpus=1, object_store_memory=_STORE))
        else:
            cluster.remove_node(nodes.pop(), allow_graceful=False)
        sys.stdout.write(line)
        sys.stdout.flush()
    cluster.shutdown()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
