"""The warm server and ``nlptool serve`` under load, with long bodies, and on a disk that is full."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

from program import PATIENCE
from warm_user import EMBED, TEXTS, Warm, a_user

ROOT = () if os.geteuid() == 0 else ("sudo",)  # who mounts
N_CLIENTS = 200
GIGABYTE = 1 << 30


@pytest.fixture
def warm(tmp_path: Path) -> Iterator[Warm]:
    with a_user(tmp_path) as user:
        yield user


def test_two_hundred_clients_at_once_lose_nothing(warm: Warm) -> None:
    warm.ready()
    inputs = ["".join(f"{client} {line}匹の猫\n" for line in range(20)) for client in range(N_CLIENTS)]
    clients = [warm.start(*EMBED, "--drop-input") for _ in inputs]
    answers = [client.communicate(text.encode(), timeout=600) for client, text in zip(clients, inputs, strict=True)]
    expected = warm.run(*EMBED, "--drop-input", stdin="".join(inputs), warm=False)[1]
    assert b"".join(stdout for stdout, _ in answers) == expected
    assert {client.returncode for client in clients} == {0}


def test_no_server_where_the_runtime_folder_is_full(warm: Warm) -> None:
    expected = warm.run(*EMBED, stdin=TEXTS, warm=False)
    options = [
        "-t",
        "tmpfs",
        "-o",
        f"nr_inodes=2,mode=700,uid={os.getuid()}",
        "tmpfs",
    ]  # the folder, and that of the sockets
    subprocess.run([*ROOT, "mount", *options, str(warm.runtime)], check=True, timeout=PATIENCE)
    try:
        for _ in range(2):
            assert warm.run(*EMBED, stdin=TEXTS) == expected
        assert warm.status() == []
    finally:
        subprocess.run([*ROOT, "umount", "-l", str(warm.runtime)], check=True, timeout=PATIENCE)


def resident(process: int) -> int:
    """The bytes of memory that a process holds."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def serving(*options: str) -> Iterator[tuple[int, int]]:
    """Give the process and the port of a server."""
    arguments = [sys.executable, "-m", "nlptool", "serve", "--http", "127.0.0.1:0", *options]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        try:
            yield process.pid, int(process.stderr.readline().decode().rpartition(":")[2])
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


def test_a_gigabyte_goes_through_or_is_refused_and_the_memory_stays() -> None:
    piece = b"x" * (1 << 20)
    for options, status in ((("--max-body", "2G", "--timeout", "20m"), 200), ((), 413)):
        with serving(*options) as (process, port):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
            connection.request("POST", "/v1/tokenize", b"warm\n")
            connection.getresponse().read()
            before, largest = resident(process), 0
            connection.putrequest("POST", "/v1/tokenize")
            connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders()
            with contextlib.suppress(OSError):  # refused in the middle
                for _ in range(GIGABYTE // len(piece)):
                    connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
                    largest = max(largest, resident(process))
                connection.send(b"0\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                answer = connection.getresponse()
                assert answer.status == status
                found = json.loads(answer.read())
                if status == 200:
                    assert found["nlptool"]["error"]["type"] == "LineTooLong"
            assert largest - before < 32 << 20
            connection.close()
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
