"""``nlptool shards run --task``: runs that do not know of each other do a share each, and together what one process does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program import NLPTOOL, PATIENCE, Invoke, invoke
from shard_engine import Here, run_shards_here
from shard_outputs import one_process, together

from nlptool.cli.shards import local
from nlptool.storage import locks

WAKATI = ("tokenize", "-f", "wakati")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Shards are run in this process; the numbers of those that are."""
    return run_shards_here(monkeypatch)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Seven files, one of which does not end with a line end, one is empty, and one has a record that fails."""
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(5):
        lines = [f"{number} 猫が鳴く。\n", "犬が走る。\n"] * (number + 1)
        (folder / f"{number}.txt").write_text("".join(lines), encoding="utf-8")
    (folder / "5.txt").write_bytes(b"")
    (folder / "6.txt").write_bytes("山\n".encode() + b"\xff\n" + "川".encode())
    return folder


@pytest.mark.parametrize("n_tasks", [1, 3, 20])
@pytest.mark.parametrize(
    "command",
    [
        ("embed", "-m", "static-ja-en", "--deterministic"),
        ("generate", "-m", "hyakunin", "--sample", "--seed", "3", "--max-new-tokens", "4", "--deterministic"),
        ("tokenize", "-f", "conllu"),
    ],
    ids=" ".join,
)
def test_all_tasks_together_give_what_one_process_gives(
    command: tuple[str, ...], n_tasks: int, texts: Path, here: list[int], invoke: Invoke, tmp_path: Path
) -> None:
    run = ("shards", "run", str(texts), "--output", str(tmp_path / "out"), "--shard-size", "60")
    for task in reversed(range(n_tasks)):
        done = invoke(*run, "--task", f"{task}/{n_tasks}", "--", *command)
        assert done.exit_code == (3 if 10 % n_tasks == task else 0), done.stderr  # the last shard has the bad record
    assert sorted(here) == list(range(11))
    unfinished = invoke("tokenize", str(tmp_path / "out"))
    assert (unfinished.exit_code, "11 of 11 shards are not done" in unfinished.stderr) == (1, True)

    done = invoke(*run, "--", *command)
    assert (done.exit_code, len(here)) == (3, 11)
    assert "11 of 11 shards are done, 11 of them before; 33 records" in done.stderr
    assert together(tmp_path / "out") == one_process(*command, str(texts))
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith("shard-")) == [
        "manifest.jsonl"
    ]


def test_tasks_run_at_the_same_time(texts: Path, invoke: Invoke, tmp_path: Path) -> None:
    run = ("shards", "run", str(texts), "--output", str(tmp_path / "out"), "-j", "1")
    words = [[NLPTOOL, *run, "--task", f"{task}/3", "--", *WAKATI] for task in range(3)]
    tasks = [subprocess.Popen(each, stderr=subprocess.PIPE) for each in words]
    said = [task.communicate(timeout=PATIENCE)[1].decode() for task in tasks]
    assert [task.returncode for task in tasks] == [3, 0, 0]
    assert [f"task {n}/3: {k} of {k} shards are done;" in said[n] for n, k in enumerate((3, 2, 2))] == [True] * 3, said
    assert "7 of 7 shards are done, 7 of them before" in invoke(*run, "--", *WAKATI).stderr
    assert together(tmp_path / "out") == one_process(*WAKATI, str(texts))


def test_a_task_goes_on_where_it_was_and_does_what_has_changed(
    texts: Path, here: list[int], invoke: Invoke, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run = ("shards", "run", str(texts), "--output", str(out))
    for task in ("0/2", "1/2", "0/2"):
        invoke(*run, "--task", task, "--", *WAKATI)
    assert here == [0, 2, 4, 6, 1, 3, 5]
    (out / "shard-00004.txt").unlink()
    (texts / "3.txt").write_text("月\n", encoding="utf-8")
    done = invoke(*run, "--task", "0/2", "--", *WAKATI)
    assert (here[7:], "4 of 4 shards are done, 3 of them before" in done.stderr) == ([4], True)
    done = invoke(*run, "--task", "1/2", "--", *WAKATI)
    assert (here[8:], "3 of 3 shards are done, 2 of them before" in done.stderr) == ([3], True)
    invoke(*run, "--", *WAKATI)
    assert len(here) == 9

    # What a run without tasks has done is kept, and what becomes another is taken out of its manifest before.
    (texts / "0.txt").write_text("星\n", encoding="utf-8")
    invoke(*run, "--task", "1/2", "--", *WAKATI)
    listed = [json.loads(line) for line in (out / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [entry.get("done", True) for entry in listed] == [False, *[True] * 6]
    assert len(here) == 9
    invoke(*run, "--", *WAKATI)
    assert (here[9:], together(out)) == ([0], one_process(*WAKATI, str(texts)))


def test_tasks_that_are_killed_leave_what_was_done(tmp_path: Path) -> None:
    text, out = tmp_path / "long.txt", tmp_path / "out"
    text.write_text("".join(f"{n} 猫が魚を食べて、犬が水を飲む。\n" for n in range(3000)), encoding="utf-8")
    run = [NLPTOOL, "shards", "run", str(text), "--output", str(out), "--shard-size", "8K", "-j", "1"]
    for task in (0, 1, 0):
        before = len(list(out.glob("shard-*")))
        process = subprocess.Popen([*run, "--task", f"{task}/2", "--", *WAKATI], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while len(list(out.glob("shard-*"))) < before + 2 and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
        process.wait()
        unfinished = subprocess.run([NLPTOOL, "tokenize", str(out)], capture_output=True, check=False, timeout=PATIENCE)
        assert (unfinished.returncode, unfinished.stdout) == (1, b"")
    done = subprocess.run([*run, "--", *WAKATI], capture_output=True, check=True, timeout=PATIENCE)
    assert re.search(rb"([1-9]\d*) of \1 shards are done, [1-9]\d* of them before", done.stderr)
    assert together(out) == one_process(*WAKATI, str(text))
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("task"), st.integers(0, 2)),
        st.tuples(st.just("text"), st.integers(0, 3)),
        st.tuples(st.just("new"), st.integers(0, 3)),
        st.tuples(st.just("remove"), st.integers(0, 3)),
        st.tuples(st.just("damage"), st.integers(0, 2)),
        st.tuples(st.just("finish"), st.just(0)),
    ),
    max_size=12,
)


@settings(max_examples=25)
@given(changes=CHANGES)
def test_whatever_happens_between_tasks_the_end_is_that_of_one_process(
    changes: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("tasks")
    texts, out = folder / "texts", folder / "out"
    texts.mkdir()
    for name in "0123":
        (texts / f"{name}.txt").write_text(f"猫{name}\n", encoding="utf-8")
    run = ("shards", "run", str(texts), "--output", str(out))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "LocalEngine", Here)
        for number, (what, which) in enumerate(changes):
            if what == "task":
                assert invoke(*run, "--task", f"{which}/3", "--", *WAKATI).exit_code == 0
            elif what == "finish":
                assert invoke(*run, "--", *WAKATI).exit_code == 0
            elif what == "text":
                (texts / f"{which}.txt").write_text(f"犬{'！' * number}\n", encoding="utf-8")
            elif what == "new":
                (texts / f"{which}{number:02}.txt").write_text("鳥\n", encoding="utf-8")
            elif what == "remove":
                (out / f"shard-0000{which}.txt").unlink(missing_ok=True)
            elif (journal := out / f".manifest-{which}-of-3.jsonl").exists():
                journal.write_bytes(journal.read_bytes()[: -1 - number])
        assert invoke(*run, "--", *WAKATI).exit_code == 0
    inputs = [path.read_text(encoding="utf-8").strip() for path in sorted(texts.iterdir())]
    assert together(out).decode().replace(" ", "").split() == inputs


def test_an_index_in_parts_is_made_by_tasks(here: list[int], invoke: Invoke, texts: Path, tmp_path: Path) -> None:
    build = ("--", "index", "build", "-m", "static-ja-en")
    run = ("shards", "run", str(texts), "--output", str(tmp_path / "index"))
    for task in ("0/2", "1/2"):
        assert invoke(*run, "--task", task, *build).exit_code in (0, 3)
    refused = invoke("search", "猫", "--corpus", str(tmp_path / "index"))
    assert (refused.exit_code, "not done" in refused.stderr) == (1, True)
    assert invoke(*run, *build).exit_code == 3
    assert sorted(here) == list(range(7))
    found = json.loads(invoke("search", "川", "--corpus", str(tmp_path / "index"), "-k", "1").stdout)
    assert found["neighbors"][0]["text"] == "川"


def test_what_tasks_have_counted_is_added_up(here: list[int], invoke: Invoke, texts: Path, tmp_path: Path) -> None:
    run = ("shards", "run", str(texts), "--output", str(tmp_path / "counts"))
    count = ("ngrams", "-n", "2", "--on-error", "skip")
    for task in ("1/2", "0/2"):
        assert invoke(*run, "--task", task, "--", *count).exit_code in (0, 3)
    refused = invoke("shards", "merge", str(tmp_path / "counts"))
    assert (refused.exit_code, "7 of 7 shards are not done" in refused.stderr) == (1, True)
    assert invoke(*run, "--", *count).exit_code == 3
    assert sorted(here) == list(range(7))
    assert invoke("shards", "merge", str(tmp_path / "counts")).stdout.encode() == one_process(*count, str(texts))


def test_tasks_write_into_an_object_store(here: list[int], invoke: Invoke, texts: Path) -> None:
    run = ("shards", "run", str(texts), "--output", "memory://tasks/out")
    for task in ("1/2", "0/2"):
        assert invoke(*run, "--task", task, "--", *WAKATI).exit_code in (0, 3)
    assert invoke(*run, "--", *WAKATI).exit_code == 3
    store = fsspec.filesystem("memory")
    names = sorted(path.rpartition("/")[2] for path in store.ls("/tasks/out", detail=False))
    assert (names, len(here)) == (["manifest.jsonl", *[f"shard-0000{n}.txt" for n in range(7)]], 7)
    assert b"".join(store.cat(f"/tasks/out/{name}") for name in names[1:]) == one_process(*WAKATI, str(texts))


def test_a_task_excludes_itself_and_runs_without_tasks(
    here: list[int], invoke: Invoke, texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run = ("shards", "run", str(texts), "--output", str(out))
    (out / ".unfinished-0-of-2").mkdir(parents=True)
    held = [
        locks.hold(path, lambda path=path: os.open(path, os.O_RDONLY), path, shared=shared)  # type: ignore[misc]
        for path, shared in ((out, True), (out / ".unfinished-0-of-2", False))
    ]
    try:
        same = invoke(*run, "--task", "0/2", "--", *WAKATI)
        other = invoke(*run, "--task", "1/2", "--", *WAKATI)
        whole = invoke(*run, "--", *WAKATI)
    finally:
        for descriptor in held:
            os.close(descriptor)
    assert (same.exit_code, "task 0/2" in same.stderr, "is writing" in same.stderr) == (1, True, True)
    assert (other.exit_code, here) == (0, [1, 3, 5])
    assert (whole.exit_code, "is writing" in whole.stderr) == (1, True)

    (out / ".unfinished-0-of-2" / "rest").mkdir()  # of a task that was killed
    assert invoke(*run, "--task", "0/2", "--", *WAKATI).exit_code == 3
    assert not list(out.glob(".unfinished*"))


def test_another_command_or_number_of_tasks_is_refused(
    here: list[int], invoke: Invoke, texts: Path, tmp_path: Path
) -> None:
    run = ("shards", "run", str(texts), "--output", str(tmp_path / "out"))
    assert invoke(*run, "--task", "1/2", "--", *WAKATI).exit_code == 0
    before = together(tmp_path / "out")
    done = invoke(*run, "--task", "0/2", "--", "embed", "-m", "static-ja-en")
    assert (done.exit_code, "holds the outputs of tokenize" in done.stderr) == (1, True)
    done = invoke(*run, "--task", "0/3", "--", *WAKATI)
    assert (done.exit_code, "some of 2 tasks" in done.stderr, "without --task" in done.stderr) == (1, True, True)
    assert (together(tmp_path / "out"), here) == (before, [1, 3, 5])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--task", "3/3"), "the last of 3 is 2/3"),
        (("--task", "0/0"), "is not I/N"),
        (("--task", "-1/2"), "is not I/N"),
        (("--task", "1"), "is not I/N"),
        (("--task", "/16"), "is not I/N"),  # a variable that is not set
        (("--task", "1/2/3"), "is not I/N"),
        (("--task", "٣/٤"), "is not I/N"),
        (("--task", "0/2", "--engine", "ray"), "--task is of runs that do not know of each other"),
    ],
)
def test_wrong_tasks_are_refused(
    words: tuple[str, ...], said: str, invoke: Invoke, texts: Path, tmp_path: Path
) -> None:
    done = invoke("shards", "run", str(texts), "--output", str(tmp_path / "out"), *words, "--", *WAKATI)
    assert done.exit_code == 2
    assert said in done.stderr
    assert not (tmp_path / "out").exists()
