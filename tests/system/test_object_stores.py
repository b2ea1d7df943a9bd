"""``nlptool shards run`` over S3 (moto's), through a proxy that throttles, cuts, loses and shortens.

What has been said to be done is whole and right, whatever happened on the way.
"""

from __future__ import annotations

import json
import logging
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

from faulty_proxy import FaultyProxy, at_random
from program import NLPTOOL, PATIENCE

WAKATI = ("tokenize", "-f", "wakati")
KEYS = (
    "a.txt", "猫の本.txt", "with blank.txt", "a#b.txt", "q?x=1&y.txt", "100%25.txt", "p%.txt", "[x]*{y}.txt", "+plus.txt",
    "sub/é.txt", "sub//double.txt", "sub/~'\"\\.txt",
)  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, int]]:
    logging.getLogger("werkzeug").disabled = True
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    yield moto.get_host_and_port()
    moto.stop()


@pytest.fixture
def store(server: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of an empty bucket ``bucket``."""
    for name, value in (("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*server))
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    for key in names(client, ""):
        client.delete_object(Bucket="bucket", Key=key)
    return client


@pytest.fixture
def proxy(store: Any, server: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    """A proxy between the program and the store."""
    with FaultyProxy(server) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


def names(store: Any, prefix: str) -> list[str]:
    found = store.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix=prefix)
    return [each["Key"] for page in found for each in page.get("Contents", [])]


def holds(store: Any, key: str) -> bytes:
    return bytes(store.get_object(Bucket="bucket", Key=key)["Body"].read())


def put(store: Any, key: str, data: bytes) -> None:
    store.put_object(Bucket="bucket", Key=key, Body=data)


def together(store: Any, prefix: str = "out/") -> bytes:
    return b"".join(holds(store, key) for key in sorted(names(store, f"{prefix}shard-")))


def manifest(store: Any) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in holds(store, "out/manifest.jsonl").splitlines() if b'"done": false' not in line
    ]


def command(*more: str) -> list[str]:
    return [NLPTOOL, "shards", "run", "s3://bucket/in", "--output", "s3://bucket/out", "-j", "2", *more, "--", *WAKATI]


def run(*more: str, code: int = 0) -> str:
    done = subprocess.run(command(*more), capture_output=True, check=False, timeout=PATIENCE)
    assert done.returncode == code, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    return done.stderr.decode()


def one_process(*texts: bytes) -> bytes:
    return subprocess.run(
        [NLPTOOL, *WAKATI], input=b"".join(texts), capture_output=True, check=True, timeout=PATIENCE
    ).stdout


def lines(n: int, what: str = "猫が魚を食べて、犬が水を飲む。") -> bytes:
    return "".join(f"{number} {what}\n" for number in range(n)).encode()


def test_any_key_is_read_and_what_is_done_is_not_done_again(store: Any) -> None:
    for number, key in enumerate(KEYS):
        put(store, f"in/{key}", f"{number} 猫が鳴く。\n".encode())
    put(store, "in/empty/", b"")
    put(store, "in/.hidden", b"x\n")
    run()
    read = {entry["input"]["file"].removeprefix("s3://bucket/in/"): entry for entry in manifest(store)}
    assert sorted(read) == sorted(KEYS)
    for number, key in enumerate(KEYS):
        assert read[key]["input"]["version"] == store.head_object(Bucket="bucket", Key=f"in/{key}")["ETag"].strip('"')
        assert holds(store, f"out/{read[key]['output']}") == one_process(f"{number} 猫が鳴く。\n".encode())
    assert f"{len(KEYS)} of them before" in run()
    put(store, f"in/{KEYS[1]}", "空が青い。\n".encode())
    assert f"{len(KEYS) - 1} of them before" in run()
    assert "空 が 青い 。\n".encode() in together(store)
    store.delete_object(Bucket="bucket", Key=f"in/{KEYS[0]}")
    assert f"{len(KEYS) - 1} of {len(KEYS) - 1} shards are done, {len(KEYS) - 1} of them before" in run()
    assert sorted(names(store, "out/"))[0] == "out/manifest.jsonl"  # and no lease, nothing hidden
    assert len(names(store, "out/")) == len(KEYS)


def test_names_of_outputs_move_in_a_folder_with_any_name(store: Any) -> None:
    put(store, "in/b.txt", "犬\n".encode())
    put(store, "in/c.txt", "鳥\n".encode())
    line = command()
    line[line.index("s3://bucket/out")] = "s3://bucket/[o]*ut"
    for expected in ("犬\n鳥\n", "猫\n犬\n鳥\n"):
        done = subprocess.run(line, capture_output=True, check=False, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr.decode()
        assert together(store, "[o]*ut/").decode() == expected
        put(store, "in/a.txt", "猫\n".encode())
    assert "2 of them before" in done.stderr.decode()


def test_parts_of_a_large_object_are_those_of_one_process(store: Any) -> None:
    text = lines(30_000)
    put(store, "in/large.txt", text)
    run("--shard-size", "300K", "--compress", "zst")
    run("--shard-size", "300K")
    assert together(store) == one_process(text)
    assert len(manifest(store)) == 6


@pytest.mark.parametrize(
    ("environment", "arguments", "said"),
    [
        ({}, ("s3://no-such-bucket-1/in", "s3://bucket/out"), "The specified bucket does not exist"),
        ({}, ("s3://bucket/in", "s3://no-such-bucket-1/out"), "cannot write s3://no-such-bucket-1/out"),
        ({}, ("s3://bucket/none", "s3://bucket/out"), "s3://bucket/none: No such file or directory"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, ("s3://bucket/in", "s3://bucket/out"), "Credential"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, ("s3://bucket/in", "s3://bucket/out"), "Could not connect"),
        ({"AWS_ENDPOINT_URL": "http://no-such-host.invalid"}, ("s3://bucket/in", "s3://bucket/out"), "Could not connect"),
        ({"AWS_ENDPOINT_URL": "no URL"}, ("s3://bucket/in", "s3://bucket/out"), "Invalid endpoint"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_store_is_said(
    environment: dict[str, str], arguments: tuple[str, str], said: str, store: Any, tmp_path: Path
) -> None:
    put(store, "in/a.txt", b"x\n")
    line = [NLPTOOL, "shards", "run", arguments[0], "--output", arguments[1], "--", *WAKATI]
    given = {**os.environ, "HOME": str(tmp_path), **environment}
    done = subprocess.run(
        line,
        capture_output=True,
        check=False,
        timeout=PATIENCE,
        env={name: value for name, value in given.items() if value},
    )
    assert done.returncode == 1
    assert said in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert names(store, "out/") == []
    assert [each["Name"] for each in store.list_buckets()["Buckets"]] == ["bucket"]  # a slip makes none


@pytest.mark.parametrize("seed", range(3))
def test_faults_on_the_way_change_nothing(seed: int, store: Any, proxy: FaultyProxy) -> None:
    texts = [lines(400 + number, f"{number} 番目の文。") for number in range(12)]
    for number, text in enumerate(texts):
        put(store, f"in/{number:02}.txt", text)
    proxy.choose = at_random(seed, dict.fromkeys(("throttle", "cut", "reset", "slow", "lose", "shorten"), 0.05))
    done = subprocess.run(command("--shard-size", "8K"), capture_output=True, check=False, timeout=PATIENCE)
    assert done.returncode in (0, 1, 3), done.stderr.decode()
    assert sum(proxy.n_faults.values()) > 0
    whole = one_process(*texts)
    if done.returncode == 0:
        assert together(store) == whole
    elif done.returncode == 3:
        assert re.search(r"shard \d+ failed \(s3://bucket/in/\d+\.txt", done.stderr.decode())
    for key in names(store, "out/shard-"):
        assert holds(store, key) in whole
    proxy.choose = lambda method, path: ""
    run("--shard-size", "8K")
    assert together(store) == whole


def test_a_store_that_throttles_for_a_while_is_waited_for(store: Any, proxy: FaultyProxy) -> None:
    put(store, "in/a.txt", lines(100))
    began: list[float] = []  # the throttling: when the work begins, and when it is read

    def choose(method: str, path: str) -> str:
        if path == "/bucket/in/a.txt" and method == "GET" and len(began) == 1:
            began.append(time.monotonic())
        began[:] = began or [time.monotonic()]
        return "throttle" if time.monotonic() - began[-1] < 3 else ""

    proxy.choose = choose
    run()
    assert together(store) == one_process(lines(100))
    assert len(began) == 2
    assert proxy.n_faults["throttle"] > 5


@pytest.mark.parametrize(("fault", "n_times"), [("cut", 3), ("shorten", 3), ("reset", 3)])
def test_a_body_that_is_cut_is_asked_for_again(fault: str, n_times: int, store: Any, proxy: FaultyProxy) -> None:
    put(store, "in/a.txt", lines(2000))

    def choose(method: str, path: str) -> str:
        return fault if method == "GET" and path == "/bucket/in/a.txt" and proxy.n_faults[fault] < n_times else ""

    proxy.choose = choose
    run()
    assert proxy.n_faults[fault] == n_times
    assert together(store) == one_process(lines(2000))


@pytest.mark.parametrize("fault", ["cut", "shorten"])
@pytest.mark.parametrize("size", ["8K", "256M"])
def test_an_object_that_never_comes_whole_is_not_taken_for_a_whole_one(
    fault: str, size: str, store: Any, proxy: FaultyProxy
) -> None:
    put(store, "in/a.txt", lines(2000))
    put(store, "in/b.txt", lines(20))
    proxy.choose = lambda method, path: fault if method == "GET" and path == "/bucket/in/a.txt" else ""
    said = run("--shard-size", size, "--retries", "0", code=3 if size == "256M" else 1)
    assert "s3://bucket/in/a.txt" in said
    assert [entry["input"]["file"] for entry in manifest(store)] == ["s3://bucket/in/b.txt"]
    assert together(store) == one_process(lines(20))


def test_an_upload_that_does_not_come_through_is_a_shard_that_fails(store: Any, proxy: FaultyProxy) -> None:
    put(store, "in/a.txt", lines(200))
    put(store, "in/b.txt", lines(20))
    proxy.choose = lambda method, path: "reset" if method == "PUT" and path.endswith("shard-00000.txt") else ""
    said = run("--retries", "0", code=3)
    assert "shard 0 failed (s3://bucket/in/a.txt" in said
    assert names(store, "out/") == ["out/manifest.jsonl", "out/shard-00001.txt"]


@pytest.mark.parametrize("change", ["put", "delete"])
def test_an_object_that_changes_or_disappears_while_it_is_read(change: str, store: Any, proxy: FaultyProxy) -> None:
    put(store, "in/a.txt", lines(200))
    put(store, "in/b.txt", lines(20))

    def choose(method: str, path: str) -> str:
        if method == "GET" and path == "/bucket/in/a.txt":
            if change == "put":
                put(store, "in/a.txt", lines(200, "鳥が魚を食べて、犬が水を飲む。"))
            else:
                store.delete_object(Bucket="bucket", Key="in/a.txt")
        return ""

    proxy.choose = choose
    said = run(code=3)
    assert "shard 0 failed (s3://bucket/in/a.txt" in said
    assert ("has changed since the run began" if change == "put" else "No such file") in said
    assert names(store, "out/") == ["out/manifest.jsonl", "out/shard-00001.txt"]
    proxy.choose = lambda method, path: ""
    run()
    rest = [lines(20)] if change == "delete" else [lines(200, "鳥が魚を食べて、犬が水を飲む。"), lines(20)]
    assert together(store) == one_process(*rest)


def test_a_run_that_is_killed_is_gone_on_with_at_once(store: Any) -> None:
    text = lines(6000)
    put(store, "in/a.txt", text)
    whole, chance = one_process(text), random.Random(5)
    for _ in range(5):
        process = subprocess.Popen(command("--shard-size", "20K"), stderr=subprocess.PIPE)
        before = len(names(store, "out/shard-"))
        while process.poll() is None and len(names(store, "out/shard-")) < before + chance.randrange(4):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PATIENCE)
        for key in names(store, "out/shard-"):
            assert holds(store, key) in whole
    run("--shard-size", "20K")
    assert together(store) == whole
    assert len([name for name in names(store, "out/") if "lease" in name]) == 0


def test_two_runs_into_one_folder_exclude_each_other(store: Any) -> None:
    put(store, "in/a.txt", lines(20_000))
    first = subprocess.Popen(command("--shard-size", "50K"), stderr=subprocess.PIPE)
    while not names(store, "out/shard-"):
        assert first.poll() is None
        time.sleep(0.02)
    first.send_signal(signal.SIGSTOP)
    said = run("--shard-size", "50K", code=1)
    assert f"another run (process {first.pid} on " in said
    assert re.search(r"if it was killed, the folder is free at \d\d:\d\d:\d\d, in \d+ seconds", said)
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=PATIENCE)
    run("--shard-size", "50K")
    assert together(store) == one_process(lines(20_000))


def test_of_many_that_start_at_once_no_two_write(store: Any) -> None:
    put(store, "in/a.txt", lines(300))
    started = [subprocess.Popen(command(), stderr=subprocess.PIPE) for _ in range(6)]
    ended = [(process.communicate(timeout=PATIENCE)[1].decode(), process.returncode) for process in started]
    assert {code for _, code in ended} <= {0, 1}
    assert all("another run" in said for said, code in ended if code)
    run()
    assert together(store) == one_process(lines(300))
    assert names(store, "out/") == ["out/manifest.jsonl", "out/shard-00000.txt"]
