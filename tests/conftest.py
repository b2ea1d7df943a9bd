"""What all tests share: the program as a process of its own, and in this process."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import program
import pytest
import square_font
from hypothesis import HealthCheck, settings
from kept_graphs import KeptGraphs
from program import NLPTOOL, PATIENCE, Invoke, Run, Start
from xdist.scheduler import WorkStealingScheduling

# The same examples in every run, however slow the machine is; --hypothesis-profile explore looks for new ones.
settings.register_profile("repeatable", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile("repeatable")

if (WORKER := os.environ.get("PYTEST_XDIST_WORKER", "")[2:]).isdecimal() and hasattr(os, "sched_setaffinity"):
    # A processor for each worker, and threads as many as processors: libraries whose threads wait for each other by spinning
    # become many times slower where two workers share two processors.
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[int(WORKER) % len(processors)]})


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> WorkStealingScheduling:
    """Return the scheduler that leaves the tests of a file, which share fixtures, to one worker as long as it can."""
    return WorkStealingScheduling(config, log)


def pytest_collection_finish() -> None:
    """Leave what all tests have imported, millions of objects that stay, out of the garbage collector's rounds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of a run share, for what takes long to make. Whoever makes something locks it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def graphs(shared_folder: Path) -> Iterator[None]:
    """Let torch export one network of each structure, and parse its five hundred ONNX operators once."""
    if "torch" not in sys.modules:
        yield
        return
    import torch
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(functools.cache(ONNXRegistry.from_torchlib)))
        patch.setattr(torch.onnx, "export", KeptGraphs(shared_folder / "graphs", torch.onnx.export))
        yield


@pytest.fixture(scope="session", autouse=True)
def environment(shared_folder: Path) -> Iterator[None]:
    """No settings of the user's, a cache of our own, and nothing that would hide a missing flush or fold a table (xdist sets
    COLUMNS). A model is converted once for all tests: they find its copy by the bytes of its files. Where the system has no
    Japanese font, pictures are lettered with squares."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("NLPTOOL_") or name in ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "COLUMNS"):
                patch.delenv(name)
        patch.setenv("NLPTOOL_CACHE", str(shared_folder / "cache"))
        if home := square_font.data_home(shared_folder / "data"):
            patch.setenv("XDG_DATA_HOME", str(home))
        yield


@pytest.fixture(scope="session")
def run() -> Run:
    """``run(*arguments, stdin=..., env={...})``: the real program to its end; stdin is bytes or a file."""

    def run(*arguments: str, stdin: Any = b"", env: dict[str, str] | None = None, **more: Any) -> Any:
        source = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": PATIENCE} | source | more
        return subprocess.run([NLPTOOL, *arguments], check=False, env=os.environ | (env or {}), **how)

    return run


@pytest.fixture
def start() -> Iterator[Start]:
    """``start(*arguments)``: the real program, running, with pipes at its three ends; killed when the test ends."""
    running: list[subprocess.Popen[bytes]] = []
    guards: list[threading.Timer] = []

    def start(*arguments: str, **more: Any) -> subprocess.Popen[bytes]:
        how = {"bufsize": 0, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
        running.append(subprocess.Popen([NLPTOOL, *arguments], **how))
        guards.append(threading.Timer(PATIENCE, running[-1].kill))
        guards[-1].start()
        return running[-1]

    yield start
    for process, guard in zip(running, guards, strict=True):
        guard.cancel()
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


@pytest.fixture(scope="session")
def invoke() -> Invoke:
    """``invoke(*arguments, stdin=bytes)``: the command line in this process, for what needs no process of its own."""
    return program.invoke


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Name the order of the tests, which a quiet run's header does not show."""
    if config.pluginmanager.hasplugin("randomly"):
        terminalreporter.write_line(f"the order of the tests: --randomly-seed={config.getoption('randomly_seed')}")
