"""``nlptool shards run``: the outputs are those of one process, whatever becomes of processes, files and the manifest."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import fsspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from program import NLPTOOL, PATIENCE, Invoke, invoke, largest_file, parse_records, records
from shard_engine import Here, run_shards_here
from shard_outputs import one_process, together, workers_of

from nlptool.cli.main import COMMANDS, root
from nlptool.cli.shards import local, mappings, worker
from nlptool.storage import folder_files, locks, output
from nlptool.storage.stores import State
from nlptool.tasks.shards.manifest import Manifest
from nlptool.tasks.shards.plan import Shard

WAKATI = ("tokenize", "-f", "wakati")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Shards are run in this process; the numbers of those that are."""
    return run_shards_here(monkeypatch)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A folder with a text that begins without letters, JSONL with records that fail, CSV, and an empty file."""
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text(
        "\n…\n猫が鳴く。\n犬が走る。\r\n\nThe cat sleeps.\n今日は良い天気です。", encoding="utf-8"
    )
    (folder / "b.jsonl").write_text('\n{"text":"空が青い。"}\n\n{"text":"海","id":1}\n{"bad":1}\nx\n', encoding="utf-8")
    (folder / "c.txt").write_bytes(b"")
    (folder / "d.csv").write_text('﻿text,n\n"朝が\n来た。",1\n夜,2\n', encoding="utf-8")
    (folder / "e.txt").write_bytes("山\n".encode() + b"\xff\n\x1b$B\n" + "川\n".encode())
    return folder


def manifest(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("size", ["1", "40", "1M"])
@pytest.mark.parametrize(
    "command",
    [
        ("embed", "-m", "static-ja-en", "--deterministic"),
        ("generate", "-m", "hyakunin", "--sample", "--seed", "3", "--max-new-tokens", "4", "--deterministic"),
        ("mask", "--seed", "4"),
        ("tokenize", "-f", "conllu"),
        ("tokenize", "--on-error", "skip"),
    ],
    ids=" ".join,
)
def test_the_outputs_together_are_that_of_one_process(
    command: tuple[str, ...], size: str, texts: Path, here: list[int], invoke: Invoke, tmp_path: Path
) -> None:
    done = invoke("shards", "run", str(texts), "--output", str(tmp_path / "out"), "--shard-size", size, "--", *command)
    assert done.exit_code == 3, done.stderr
    assert together(tmp_path / "out") == one_process(*command, str(texts))
    assert len(here) == {"1": 22, "40": 7, "1M": 5}[size]


def test_processes_give_what_one_process_gives(texts: Path, invoke: Invoke, tmp_path: Path) -> None:
    command = ("score", "--deterministic") if "deterministic" in _parameters("score") else ("score",)
    run = (
        "shards",
        "run",
        str(texts),
        "--glob",
        "a.txt",
        "--output",
        str(tmp_path / "out"),
        "--shard-size",
        "40",
        "-j2",
    )
    done = invoke(*run, "--", *command)
    assert done.exit_code == 0, done.stderr
    assert together(tmp_path / "out") == one_process(*command, str(texts / "a.txt"))
    assert [list(entry["models"]) for entry in manifest(tmp_path / "out")] == [["bert-mini-ja"]] * 2


def _parameters(name: str) -> set[str | None]:
    with click.Context(root) as context:
        command = root.get_command(context, name)
        assert command is not None
        return {parameter.name for parameter in command.params}


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [b"", b" ", b"\r", b'{"text":"\xe7\x8c\xab"}', b"{}", b"[1]", b"\xff", b'"x"', b"\xef\xbb\xbf"]
        ),
        st.text(st.characters(blacklist_characters="\n\0", blacklist_categories=["Cs"]), max_size=30).map(str.encode),
    ),
    max_size=12,
)


@settings(max_examples=60)
@given(lines=LINES, ends=st.booleans(), size=st.integers(1, 60))
def test_any_lines_in_shards_of_any_size_give_what_one_process_gives(
    lines: list[bytes], ends: bool, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("lines")
    path = folder / "in"
    path.write_bytes(b"\n".join(lines) + (b"\n" if ends else b""))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "LocalEngine", Here)
        done = invoke(
            "shards", "run", str(path), "--output", str(folder / "out"), "--shard-size", str(size), "--", "hash",
            "-m", "static-ja-en", "--source",
        )  # fmt: skip
    alone = invoke("hash", "-m", "static-ja-en", "--source", str(path))
    assert done.exit_code == alone.exit_code, done.stderr
    if alone.exit_code != 1:
        assert together(folder / "out") == alone.stdout_bytes


def test_what_is_done_is_not_done_again_and_what_changed_is(
    texts: Path, here: list[int], invoke: Invoke, tmp_path: Path
) -> None:
    def run(*command: str) -> list[int]:
        here.clear()
        done = invoke("shards", "run", str(texts), "--output", str(out), "--", *command)
        assert done.exit_code == 3, done.stderr
        assert together(out) == one_process(*command, str(texts))
        return sorted(here)

    out = tmp_path / "out"
    assert run(*WAKATI) == [0, 1, 2, 3, 4]
    assert run(*WAKATI) == []
    (texts / "c.txt").write_text("月\n", encoding="utf-8")
    assert run(*WAKATI) == [2]
    (out / "shard-00001.txt").write_text("cut", encoding="utf-8")
    (out / "shard-00003.txt").unlink()
    assert run(*WAKATI) == [1, 3]
    text = (out / "manifest.jsonl").read_bytes()
    (out / "manifest.jsonl").write_bytes(text[: len(text) // 2])
    assert run(*WAKATI) == [2, 3, 4]
    assert run(*WAKATI, "--normalize", "nfkc") == [0, 1, 2, 3, 4]
    (texts / "aa.txt").write_text("新しい。\n", encoding="utf-8")  # whatever stands behind it has another number now
    assert run(*WAKATI, "--normalize", "nfkc") == [1]
    (texts / "aa.txt").unlink()
    (texts / "e.txt").unlink()
    assert run(*WAKATI, "--normalize", "nfkc") == []
    assert not (out / "shard-00004.txt").exists()
    assert [entry["records"] for entry in manifest(out)][1] == {"in": 4, "out": 4, "failed": 2}


def test_another_model_of_the_same_name_is_not_the_same(
    texts: Path, here: list[int], invoke: Invoke, tmp_path: Path
) -> None:
    vectors = tmp_path / "my.vec"
    run = ("shards", "run", str(texts / "a.txt"), "--output", str(tmp_path / "out"), "--", "embed", "-m", str(vectors))
    for number, line in enumerate(("猫 1 0", "猫 0 1"), 1):
        vectors.write_text(f"1 2\n{line}\n", encoding="utf-8")
        assert invoke(*run).exit_code == 0
        assert here == [0] * number
        assert invoke(*run).exit_code == 0
        assert here == [0] * number


def test_the_first_file_chooses_the_model_for_all(texts: Path, here: list[int], invoke: Invoke, tmp_path: Path) -> None:
    run = ("shards", "run", str(texts), "--glob", "a.txt", "--glob", "c.txt", "--output", str(tmp_path / "out"))
    (texts / "a.txt").write_text("猫[MASK]鳴く。\n", encoding="utf-8")
    (texts / "c.txt").write_text("A [MASK].\n")
    assert invoke(*run, "--", "fill-mask", "-k", "1").exit_code == 0
    assert [list(entry["models"]) for entry in manifest(tmp_path / "out")] == [["bert-mini-ja"], ["bert-mini-ja"]]
    (texts / "a.txt").write_text("The [MASK].\n")
    assert invoke(*run, "--", "fill-mask", "-k", "1").exit_code == 0
    assert [list(entry["models"]) for entry in manifest(tmp_path / "out")] == [["bert-mini-en"], ["bert-mini-en"]]
    assert here == [0, 1, 0, 1]
    (texts / "a.txt").write_text("…\n", encoding="utf-8")
    for text, model in (("A [MASK].\n", "bert-mini-en"), ("猫[MASK]鳴く。\n", "bert-mini-ja")):
        (texts / "c.txt").write_text(text, encoding="utf-8")
        assert invoke(*run, "--", "fill-mask", "-k", "1").exit_code == 3
        assert [list(entry["models"]) for entry in manifest(tmp_path / "out")] == [[model], [model]]


def test_a_bad_shard_does_not_stop_the_others(texts: Path, here: list[int], invoke: Invoke, tmp_path: Path) -> None:
    (texts / "b.jsonl").write_bytes(b"\x1f\x8b\x08no gzip")
    done = invoke("shards", "run", str(texts), "--output", str(tmp_path / "out"), "--retries", "2", "--", *WAKATI)
    assert done.exit_code == 3
    assert "shard 1 failed" in done.stderr
    assert "damaged gzip data" in done.stderr
    assert "4 of 5 shards are done" in done.stderr
    assert here.count(1) == 3
    done_or_not = {entry["output"][9:11]: entry.get("done", True) for entry in manifest(tmp_path / "out")}
    assert done_or_not == {"00": True, "01": False, "02": True, "03": True, "04": True}
    (texts / "b.jsonl").write_text("月\n", encoding="utf-8")
    here.clear()
    assert invoke("shards", "run", str(texts), "--output", str(tmp_path / "out"), "--", *WAKATI).exit_code == 3
    assert here == [1]


def test_a_file_that_cannot_be_read_is_exit_1_and_the_others_are_done(
    texts: Path, here: list[int], invoke: Invoke, tmp_path: Path
) -> None:
    names = [str(texts / "a.txt"), str(tmp_path / "none.txt"), str(texts / "c.txt")]
    done = invoke("shards", "run", *names, "--output", str(tmp_path / "out"), "--", "tokenize")
    assert done.exit_code == 1
    assert "none.txt: No such file or directory" in done.stderr
    alone = subprocess.run([NLPTOOL, "tokenize", *names], capture_output=True, check=False, timeout=PATIENCE)
    assert alone.returncode == 1
    assert together(tmp_path / "out") == alone.stdout
    assert here == [0, 1]


def test_a_file_that_becomes_shorter_or_other_is_a_shard_that_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("猫\n犬\n", encoding="utf-8")
    state = path.stat()
    setup = worker.Setup(WAKATI, (str(path),), False, str(tmp_path / "out"), "", str(tmp_path), False, 1, "left alone")
    planned = Shard(0, str(path), State(state.st_size, str(state.st_mtime_ns)), 0, state.st_size)
    (tmp_path / "out").mkdir()
    path.write_text("猫\n", encoding="utf-8")
    short = worker.run_shard(setup, planned, "shard")
    assert (short.code, "has become shorter" in short.stderr) == (1, True)
    path.write_text("猫\n犬\n鳥\n", encoding="utf-8")
    other = worker.run_shard(setup, planned, "shard")
    assert (other.code, "has changed since the run began" in other.stderr) == (1, True)
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt", "out"] or not (tmp_path / "out" / "shard").exists()
    assert not list((tmp_path / "out").iterdir())


def test_files_of_object_stores(here: list[int], invoke: Invoke, tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    store.pipe({"/shards-in/b/x.txt": "犬\n鳥".encode(), "/shards-in/a.txt": "猫\n".encode(), "/shards-in/.h": b"x"})
    run = ("shards", "run", "memory://shards-in", "--output", "memory://shards-out", "--shard-size", "1")
    for expected in ([0, 1, 2], []):
        here.clear()
        done = invoke(*run, "--", "tokenize", "-f", "wakati")
        assert done.exit_code == 0, done.stderr
        assert here == expected
    names = sorted(store.ls("/shards-out", detail=False))
    assert names[0].endswith("manifest.jsonl")
    assert b"".join(store.cat_file(name) for name in names[1:]).decode() == "猫\n犬\n鳥\n"
    store.pipe("/shards-in/a.txt", "空\n".encode())
    here.clear()
    assert invoke(*run, "--", "tokenize", "-f", "wakati").exit_code == 0
    assert here == [0]
    assert invoke("shards", "run", "memory://none", "--output", str(tmp_path / "o"), "--", "tokenize").exit_code == 1
    unknown = invoke("shards", "run", "nosuch://x", "--output", str(tmp_path / "o"), "--", "tokenize")
    assert unknown.exit_code == 1
    assert "nosuch" in unknown.stderr


def test_urls_of_this_machine_and_zstd(texts: Path, invoke: Invoke, tmp_path: Path) -> None:
    out = f"file://{tmp_path}/out"
    done = invoke("shards", "run", f"file://{texts}", "--output", out, "--compress", "zst", "-j", "2", "--", *WAKATI)
    assert done.exit_code == 3, done.stderr
    found = [path.read_bytes() for path in sorted((tmp_path / "out").glob("shard-*.txt.zst"))]
    plain = b"".join(zstandard.ZstdDecompressor().stream_reader(data).read() for data in found)
    assert plain == one_process(*WAKATI, str(texts))


def test_two_runs_into_one_folder_exclude_each_other(texts: Path, invoke: Invoke, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    held = locks.hold(out, lambda: os.open(out, os.O_RDONLY), out)
    done = invoke("shards", "run", str(texts), "--output", str(out), "--", *WAKATI)
    os.close(held)
    assert done.exit_code == 1
    assert "is writing" in done.stderr
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF])
@pytest.mark.parametrize("task", [(), ("--task", "0/1")])
def test_a_folder_on_storage_without_locks_is_written_and_that_is_said(
    task: tuple[str, ...], number: int, texts: Path, here: list[int], invoke: Invoke, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def flock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    out = tmp_path / "out"
    done = invoke("shards", "run", str(texts / "a.txt"), "--output", str(out), *task, "--", *WAKATI)
    assert done.exit_code == 0, done.stderr
    assert f"{out} is on storage without locks: no other process may write it now" in done.stderr
    assert together(out) == one_process(*WAKATI, str(texts / "a.txt"))


@pytest.fixture
def long_texts(tmp_path: Path) -> Path:
    path = tmp_path / "long.txt"
    path.write_text("".join(f"{n} 猫が魚を食べて、犬が水を飲む。\n" for n in range(4000)), encoding="utf-8")
    return path


def start(path: Path, out: Path) -> subprocess.Popen[bytes]:
    run = [NLPTOOL, "shards", "run", str(path), "--output", str(out), "--shard-size", "20K", "-j", "2", "--", *WAKATI]
    return subprocess.Popen(run, stderr=subprocess.PIPE)


def until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_worker_that_is_killed_is_replaced(long_texts: Path, tmp_path: Path) -> None:
    process = start(long_texts, tmp_path / "out")
    until((tmp_path / "out" / "shard-00001.txt").exists)
    os.kill(workers_of(process.pid)[0], signal.SIGKILL)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, stderr
    assert together(tmp_path / "out") == one_process(*WAKATI, str(long_texts))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_leaves_whole_outputs_and_is_gone_on_with(
    number: signal.Signals, long_texts: Path, tmp_path: Path
) -> None:
    whole = one_process(*WAKATI, str(long_texts))
    out = tmp_path / "out"
    moments = random.Random(f"moments {number}")
    for _ in range(3):
        before = len(list(out.glob("shard-*")))
        process = start(long_texts, out)
        # Ctrl-C before Python has started is Python's own affair.
        wanted = before + (number == signal.SIGINT) + moments.randrange(3)
        until(lambda: len(list(out.glob("shard-*"))) >= wanted or process.poll() is not None)  # noqa: B023
        workers = workers_of(process.pid)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=PATIENCE)
        assert process.returncode in (-number, 0), stderr
        until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))  # noqa: B023
        for path in out.glob("shard-*"):
            assert path.read_bytes() in whole
    process = start(long_texts, out)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, stderr
    assert together(out) == whole
    assert sorted(path.name for path in out.iterdir() if not path.name.startswith("shard-")) == ["manifest.jsonl"]


def commands() -> Iterator[tuple[str, set[str | None]]]:
    """Each command that reads records, with the names of its parameters."""
    with click.Context(root) as context:
        for name in COMMANDS:
            command = root.get_command(context, name)
            assert command is not None
            parameters = {parameter.name for parameter in command.params}
            if not isinstance(command, click.Group) and "on_error" in parameters:
                yield name, parameters


def test_it_is_said_of_each_command_whether_it_runs_over_shards() -> None:
    known = dict(commands())
    assert {*mappings.MAPPINGS, *mappings.COUNTS} | mappings.OTHERS == {*known}
    assert not {*mappings.MAPPINGS, *mappings.COUNTS} & mappings.OTHERS
    assert [name for name, refused in mappings.MAPPINGS.items() if not {*refused} <= known[name]] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "which command?"),
        (("--", "ebmed"), "Did you mean embed?"),
        (("--", "dedup"), "dedup does not run over shards"),
        (("--", "tokenize", "-f", "csv"), "files of shards would not be one file together"),
        (("--", "embed", "-f", "npy"), "jsonl, base64 would"),
        (("--", "embed", "x.txt"), "INPUT stands before --"),
        (("--", "embed", "-o", "x"), "--output DIR stands before --"),
        (("--", "embed", "-j", "2"), "--workers stands before --"),
        (("--", "embed", "--no-such"), "No such option"),
        (("-", "--", "embed"), "standard input is read once"),
        (("--", "analogy", "王", "男", "女"), "does not run over shards"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_done(
    words: tuple[str, ...], said: str, texts: Path, invoke: Invoke, tmp_path: Path
) -> None:
    done = invoke("shards", "run", str(texts), "--output", str(tmp_path / "out"), *words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_and_one_that_is_read_are_refused(
    texts: Path, invoke: Invoke, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("x")
    done = invoke("shards", "run", str(texts), "--output", str(other), "--", *WAKATI)
    assert (done.exit_code, "holds files (mine.txt) and no manifest.jsonl" in done.stderr) == (1, True)
    done = invoke("shards", "run", str(texts), "--output", str(texts / "out"), "--", *WAKATI)
    assert (done.exit_code, "which is read" in done.stderr) == (2, True)


def test_what_is_done_is_not_removed_by_a_slip(texts: Path, here: list[int], invoke: Invoke, tmp_path: Path) -> None:
    run = ("shards", "run", "--output", str(tmp_path / "out"))
    assert invoke(*run, str(texts), "--", *WAKATI).exit_code == 3
    before = together(tmp_path / "out")
    done = invoke(*run, str(texts), "--", "embed", "-m", "static-ja-en")
    assert (done.exit_code, "holds the outputs of tokenize" in done.stderr) == (1, True)
    done = invoke(*run, str(tmp_path / "none"), "--", *WAKATI)
    assert (done.exit_code, "there is nothing to read" in done.stderr) == (1, True)
    assert together(tmp_path / "out") == before


def test_records_are_counted_anew_where_they_are_read_in_another_way(
    texts: Path, here: list[int], invoke: Invoke, tmp_path: Path
) -> None:
    for form in ("auto", "text"):
        command = ("tokenize", "-f", "conllu", "-I", form)
        done = invoke("shards", "run", str(texts), "--output", str(tmp_path / "out"), "--", *command)
        assert done.exit_code == 3, done.stderr
        assert together(tmp_path / "out") == one_process(*command, str(texts))


def test_words_are_read_from_files(here: list[int], invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("猫\n犬\n魚", encoding="utf-8")
    run = ("shards", "run", str(path), "--output", str(tmp_path / "out"), "--shard-size", "1")
    assert invoke(*run, "--", "neighbors", "-k", "2").exit_code == 0
    found, alone = (
        parse_records(together(tmp_path / "out")),
        records(invoke("neighbors", "-k2", stdin=path.read_bytes())),
    )
    for record in (*found, *alone):
        for neighbor in record["neighbors"]:  # the batches are others
            neighbor["similarity"] = pytest.approx(neighbor["similarity"], abs=1e-5)
    assert found == alone
    assert here == [0, 1, 2]


def test_a_model_that_is_not_there_ends_the_run(texts: Path, here: list[int], invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("shards", "run", str(texts), "--output", str(tmp_path / "out"), "--", "embed", "-m", "no-such-model")
    assert done.exit_code == 4
    assert "no model no-such-model" in done.stderr
    assert here == [0]


def test_any_beginning_of_a_manifest_is_gone_on_with(here: list[int], invoke: Invoke, tmp_path: Path) -> None:
    """A manifest that is cut at any byte says what it said before, or nothing, of each shard."""
    for name, text in (("a", "猫が鳴く。\n犬が走る。\n"), ("b", "空が青い。\n"), ("c", "海\n")):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_text(text, encoding="utf-8")
    out = tmp_path / "out"
    run = ("shards", "run", str(tmp_path / "in"), "--output", str(out), "--", *WAKATI)
    assert invoke(*run).exit_code == 0
    data, whole, entries = (out / "manifest.jsonl").read_bytes(), together(out), manifest(out)
    ends = [at for at, byte in enumerate(data) if byte == ord("\n")]
    for n_bytes in range(len(data)):
        (out / "manifest.jsonl").write_bytes(data[:n_bytes])
        known = Manifest(folder_files.folder(str(out)), lambda message: None)
        assert known.done() == entries[: sum(n_bytes >= end for end in ends)]
    for n_bytes in [*range(0, len(data), 97), len(data) - 1]:
        (out / "manifest.jsonl").write_bytes(data[:n_bytes])
        here.clear()
        assert invoke(*run).exit_code == 0
        assert together(out) == whole
        assert [{**entry, "seconds": 0} for entry in manifest(out)] == [{**entry, "seconds": 0} for entry in entries]
        assert len(here) == 3 - sum(n_bytes >= end for end in ends)


def test_a_full_disk_ends_the_run_and_it_is_gone_on_with(
    texts: Path, here: list[int], invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    run = ("shards", "run", str(texts), "--output", str(out), "--retries", "5", "--", *WAKATI)

    def full(path: Path, *_: object) -> None:
        if "shard-00002" in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(
            folder_files._Local,
            "take",
            lambda self, path, name, take=folder_files._Local.take: (full(name), take(self, path, name)),
        )
        done = invoke(*run)
    assert done.exit_code == 1
    assert "No space left on device" in done.stderr
    assert here == [0, 1, 2]  # neither again nor further
    here.clear()
    assert invoke(*run).exit_code == 3
    assert here == [2, 3, 4]
    assert together(out) == one_process(*WAKATI, str(texts))


def full_write(self: output.Output, *_: bytes) -> None:
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    raise self._failure(error) from error


def test_a_disk_that_is_full_for_the_command_ends_the_run(
    texts: Path, here: list[int], invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(output.Output, "write", full_write)
        done = invoke("shards", "run", str(texts), "--output", str(tmp_path / "out"), "--", *WAKATI)
    assert (done.exit_code, here) == (1, [0])
    assert "No space left on device" in done.stderr


def test_a_file_that_may_not_become_larger_is_a_shard_that_fails(
    here: list[int], invoke: Invoke, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("猫が魚を食べる。\n" * 2000, encoding="utf-8")
    (tmp_path / "in" / "b.txt").write_text("犬\n", encoding="utf-8")
    run = ("shards", "run", str(tmp_path / "in"), "--output", str(tmp_path / "out"), "--retries", "0", "--", *WAKATI)
    with largest_file(20_000):
        done = invoke(*run)
    assert done.exit_code == 3
    assert "shard 0 failed" in done.stderr
    assert "File too large" in done.stderr
    assert [path.name for path in (tmp_path / "out").glob("shard-*")] == ["shard-00001.txt"]
    assert invoke(*run).exit_code == 0
    assert together(tmp_path / "out") == one_process(*WAKATI, *map(str, sorted((tmp_path / "in").iterdir())))


@pytest.mark.parametrize("what", ["a file", "below a file", "read-only"])
def test_a_folder_that_cannot_be_written_is_said(
    what: str, texts: Path, invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    out = {"a file": tmp_path / "file", "below a file": tmp_path / "file" / "out"}.get(what, tmp_path / "out")
    if what == "read-only":  # which it is not for root

        def mkdir(path: Path, *_: object, **__: object) -> None:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

        monkeypatch.setattr(Path, "mkdir", mkdir)
    done = invoke("shards", "run", str(texts), "--output", str(out), "--", *WAKATI)
    assert done.exit_code == 1
    assert f"cannot write {out}: " in done.stderr
