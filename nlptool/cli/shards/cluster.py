"""A Ray cluster: what is asked of it, the way to it, and how many actors it has room for."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlptool import machine
from nlptool.errors import RunError, first_line
from nlptool.storage import packages

# Bytes of a cluster of our own, near the least that Ray takes: only what is said of shards goes through it.
_OBJECT_STORE = 80 << 20
_KNOCK = 5.0  # seconds until a machine has answered
_HOW = "on a machine of the cluster --address auto finds it; from elsewhere it is ray://HOST:10001"


@dataclass(frozen=True)
class Wanted:
    """What a cluster is asked for.

    Attributes:
        address: of a cluster that is there; None: one is started on this machine, and ended with the run.
        workers: number of actors; None: as many as the cluster has room for.
        cpus: processors of each.
        gpus: GPUs of each; parts of one are possible.
    """

    address: str | None = None
    workers: int | None = None
    cpus: int = 1
    gpus: float = 0.0

    @property
    def resources(self) -> dict[str, float]:
        """What an actor takes, by the names that Ray has for it."""
        return {"CPU": self.cpus} | ({"GPU": self.gpus} if self.gpus else {})

    def __str__(self) -> str:
        return f"{self.cpus} CPU" + (f" and {self.gpus:g} GPU" if self.gpus else "")


def connected(wanted: Wanted) -> Any:
    """Return the module of Ray, connected to the cluster, or to one that is started.

    Raises:
        RunError: it is not installed, or the cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read at the import
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns
    try:
        import ray
    except ImportError as error:
        raise RunError("--engine ray needs the package ray", hint=packages.install_extra("ray")) from error
    address = wanted.address
    own: dict[str, Any] = {}
    if address is None:
        n = (wanted.workers or 0) * wanted.cpus
        own = {
            "num_cpus": n or machine.processors(),
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE,
        }
    handler = signal.getsignal(signal.SIGTERM)
    try:
        _knock(address)
        ray.init(address=address or "local", log_to_driver=False, configure_logging=False, **own)
    except (ConnectionError, OSError, RuntimeError, ValueError, AssertionError, ray.exceptions.RayError) as error:
        where = f"the Ray cluster {address} cannot be reached" if address else "Ray cannot be started"
        raise RunError(f"{where}: {first_line(error)}", hint=_HOW if address else "") from error
    finally:
        signal.signal(signal.SIGTERM, handler)  # Ray takes it
    return ray


def room(ray: Any, wanted: Wanted) -> int:
    """Return how many actors the machines of the cluster have room for.

    Raises:
        RunError: for none.
    """
    machines = [each["Resources"] for each in ray.nodes() if each["Alive"]]
    n = sum(min(int(has.get(name, 0) / amount) for name, amount in wanted.resources.items()) for has in machines)
    if n < 1:
        has = ", ".join(f"{each.get('CPU', 0):g} CPU and {each.get('GPU', 0):g} GPU" for each in machines)
        raise RunError(
            f"no machine of the cluster has {wanted}; they have {has or 'nothing'}",
            hint="--cpus-per-worker and --gpus-per-worker say what a worker takes",
        )
    return n


def _knock(address: str | None) -> None:
    """Connect to an address and leave: Ray waits for minutes for a cluster that is not there, and cannot be interrupted.

    Raises:
        OSError: there is nothing.
    """
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS")
        # Where Ray writes down the last cluster of this machine; if there is none, Ray says so.
        noted = Path(os.environ.get("RAY_TMPDIR", "/tmp")) / "ray/ray_current_cluster"
        with contextlib.suppress(FileNotFoundError):
            address = address or noted.read_text("utf-8")
    host, _, port = (address or "").strip().removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_KNOCK).close()
