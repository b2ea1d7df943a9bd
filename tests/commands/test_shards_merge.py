"""``nlptool shards merge``: what is made of the sums of shards is what one process writes, whatever the shards are."""

from __future__ import annotations

import json
import os
import random
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any

import fsspec
import pytest
from click.testing import Result
from hypothesis import given, settings
from hypothesis import strategies as st
from program import NLPTOOL, PATIENCE, invoke
from shard_engine import Here, run_shards_here

from nlptool import plots
from nlptool.cli.main import root
from nlptool.cli.shards import local, mappings
from nlptool.geometry import stored_columns
from nlptool.storage import locks
from nlptool.tasks import sums

NOVEL = Path(__file__).parent.parent / "data" / "yume_juya.txt"

COMMANDS = (
    "ngrams --min-count 1",
    "ngrams -n 1-3 --min-count 2 -f csv --by file",
    "ngrams -n 2 --min-count 1 --by /g --lowercase -I jsonl",
    "ngrams --of chars -n 1-2 --min-count 1 --punctuation -k 5 -f tsv",
    "ngrams --of chars -n 3 --min-count 1 --by file -k 2",
    "ngrams --of lemmas -n 1 --min-count 1 -f table",
    "collocations --min-count 1",
    "collocations --min-count 1 --window 3 --measure pmi -k 4 -f csv --tokenizer whitespace",
    "collocations --min-count 2 --measure t-score --threshold 0.5",
    "collocations --min-count 1 --node b --node 猫 --node が --node none --window 2 -k 2",
    "tokenize --count chars",
    "tokenize --count chars --by-group file --parts record --min-count 2 -f csv",
    "tokenize --count words",
    "tokenize --count words --by lemma,pos -k 4 --min-count 2 -f tsv",
    "tokenize --count words --by lemma,pos_detail --parts file --stop-pos 補助記号",
    "tokenize --count words --by-group /g --parts /p -I jsonl",
    "tokenize --count words --parts record -f table",
)


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Shards are run in this process; the numbers of those that are."""
    return run_shards_here(monkeypatch)


def counted(out: Path | str, *inputs: Path | str, command: str, options: tuple[str, ...] = (), code: int = 0) -> Result:
    done = invoke("shards", "run", *map(str, inputs), "--output", str(out), *options, "--", *shlex.split(command))
    assert done.exit_code == code, done.stderr
    return done


def one(command: str, *inputs: Path | str) -> Result:
    name, *rest = shlex.split(command)
    return invoke(name, *rest, *map(str, inputs))


def merged_is_one(out: Path | str, *inputs: Path | str, command: str, code: int = 0) -> bytes:
    whole, merged = one(command, *inputs), invoke("shards", "merge", str(out))
    assert (whole.exit_code, merged.exit_code) == (code, code), (whole.stderr, merged.stderr)
    assert merged.stdout_bytes == whole.stdout_bytes
    return whole.stdout_bytes


def said(done: Result) -> list[str]:
    """What is said at the end, not of single records."""
    ends = ("failed", "left out", "lacks", "pictures", "none of the")
    return [line for line in done.stderr.splitlines() if any(end in line for end in ends)]


WORDS = st.sampled_from(
    ["a", "b", "B", "猫", "犬", "が", "鳴く", "。", "!", " ", "　", "\u2028", "𠮷", "é", "食べ", "食べた"]
)
TEXTS = st.lists(WORDS, max_size=8).map(" ".join)
LINES = st.one_of(
    TEXTS,
    st.builds(
        lambda text, g, p: json.dumps({"text": text, "g": g, "p": p}, ensure_ascii=False),
        TEXTS,
        st.sampled_from(["x", "y", 1, "ü"]),
        st.sampled_from(["1", "2", "z"]),
    ),
    st.builds(
        lambda words: json.dumps({"tokens": [{"surface": word, "lemma": word} for word in words]}, ensure_ascii=False),
        st.lists(st.sampled_from(["猫", "b", "が", "x y"]), max_size=4),
    ),
    st.sampled_from(["", "{}", "[1]", '{"text": 3}', "\ufeff", '{"text":"a","nlptool":{"error":{"type":"X"}}}']),
)
FILES = st.lists(st.lists(LINES, max_size=6), min_size=1, max_size=4)


@settings(max_examples=150)
@given(files=FILES, size=st.integers(1, 120), command=st.sampled_from(COMMANDS))
def test_any_corpus_in_any_shards_is_one(
    files: list[list[str]], size: int, command: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("texts")
    for number, lines in enumerate(files):
        (folder / f"{number}.txt").write_text("\n".join(lines), encoding="utf-8")
    whole = one(command, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "LocalEngine", Here)
        patch.setattr(stored_columns, "BLOCK", 3)
        patch.setattr(sums, "_AT_ONCE", 1)
        patch.setattr(sums, "_SIDE_BY_SIDE", 3)
        words = shlex.split(command)
        out = str(folder) + ".counts"
        done = invoke("shards", "run", str(folder), "--output", out, "--shard-size", str(size), "--", *words)
        merged = invoke("shards", "merge", out)
    if whole.exit_code in (0, 3):
        assert (done.exit_code, merged.exit_code) == (whole.exit_code, whole.exit_code), (done.stderr, merged.stderr)
        assert merged.stdout_bytes == whole.stdout_bytes
        assert said(merged) == said(whole)
    else:
        assert done.exit_code == whole.exit_code
        assert merged.exit_code == 1


def test_nodes_come_in_the_order_of_the_input_whatever_shard_they_are_in(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("z b\nq z\n" * 2, encoding="utf-8")
    (tmp_path / "b.txt").write_text("a z\nb a\n" * 2, encoding="utf-8")
    command = "collocations --node a --node b --node z --tokenizer whitespace --min-count 1"
    counted(tmp_path / "out", tmp_path / "a.txt", tmp_path / "b.txt", command=command)
    found = merged_is_one(tmp_path / "out", tmp_path / "a.txt", tmp_path / "b.txt", command=command).splitlines()
    assert list(dict.fromkeys(json.loads(line)["node"] for line in found)) == ["z", "b", "a"]


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A folder of four files, one of them empty, and one with records that fail."""
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("猫が鳴く。猫が走る。\n犬が走る。\n", encoding="utf-8")
    (folder / "b.txt").write_bytes(b"")
    (folder / "c.txt").write_bytes("猫が寝る。\n".encode() + b"\xff\n" + "犬が寝る。\n".encode())
    (folder / "d.txt").write_text("空が青い。\n猫が鳴く。\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_a_novel_in_many_shards_is_one(
    command: str, tmp_path: Path, here: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_columns, "BLOCK", 50)
    monkeypatch.setattr(sums, "_AT_ONCE", 1)
    if "/g" in command:
        command = command.replace("/g", "g").replace("/p", "p").replace("-I jsonl", "-I csv")
        source = tmp_path / "novel.csv"
        lines = NOVEL.read_text(encoding="utf-8").splitlines()
        rows = [f'"{line}",{len(line) % 4},{len(line) % 7}\n' for line in lines if line]
        source.write_text("text,g,p\n" + "".join(rows), encoding="utf-8")
    else:
        source = NOVEL
    counted(tmp_path / "out", source, command=command, options=("--shard-size", "2K"))
    assert len(here) > 10 or "csv" in source.suffix
    assert len(merged_is_one(tmp_path / "out", source, command=command)) > 50


def test_records_that_fail_are_counted_as_one_process_counts_them(texts: Path, tmp_path: Path) -> None:
    for command in ("ngrams --min-count 1", "collocations --min-count 1", "tokenize --count words"):
        done = counted(tmp_path / command.split()[0], texts, command=command, code=3)
        assert "1 of 7 records failed and were left out; the first: " in done.stderr
        assert merged_is_one(tmp_path / command.split()[0], texts, command=command, code=3) != b""
        merged = invoke("shards", "merge", str(tmp_path / command.split()[0]))
        assert said(merged) == said(one(command, texts))
        assert len(said(merged)) == 1
        entry = json.loads((tmp_path / command.split()[0] / "manifest.jsonl").read_text().splitlines()[2])
        assert entry["records"] == {"in": 3, "out": 2, "failed": 1}


@pytest.mark.parametrize("form", ["jsonl", "csv", "table"])
@pytest.mark.parametrize("command", ["ngrams", "collocations", "tokenize --count words", "tokenize --count chars"])
def test_nothing_but_empty_shards(command: str, form: str, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_bytes(b"")
    counted(tmp_path / "out", tmp_path / "a.txt", tmp_path / "b.txt", command=f"{command} -f {form}")
    merged_is_one(tmp_path / "out", tmp_path / "a.txt", tmp_path / "b.txt", command=f"{command} -f {form}")


def test_what_is_made_of_the_sums_can_be_chosen_anew(texts: Path, here: list[int], tmp_path: Path) -> None:
    (texts / "c.txt").unlink()
    out = tmp_path / "out"
    for command in (
        "collocations --window 2 --min-count 1",
        "collocations --window 2 --min-count 2 -k 3 --measure dice -f csv",
        "collocations --window 2 --min-count 1 --threshold 2 --measure pmi -f tsv -v",
    ):
        counted(out, texts, command=command)
        merged_is_one(out, texts, command=command)
    assert here == [0, 1, 2]  # counted once
    finish = [json.loads(line)["finish"] for line in (out / "manifest.jsonl").read_text().splitlines()]
    assert finish == [shlex.split(command)] * 3
    for form in ("jsonl", "csv", "table"):
        merged = invoke("shards", "merge", str(out), "-f", form)
        assert merged.stdout_bytes == one(command.replace("-f tsv", f"-f {form}"), texts).stdout_bytes
    counted(out, texts, command="collocations --window 3")
    assert here == [0, 1, 2, 0, 1, 2]
    done = counted(out, texts, command="collocations --window 3 --min-count 1")
    assert "3 of 3 shards are done, 3 of them before" in done.stderr


def test_a_file_that_comes_before_the_others_moves_their_sums(texts: Path, here: list[int], tmp_path: Path) -> None:
    command = "ngrams --min-count 1 --by file --tokenizer unidic"
    counted(tmp_path / "out", texts, command=command, code=3)
    (texts / "0.txt").write_text("猫が鳴く。\n", encoding="utf-8")
    here.clear()
    counted(tmp_path / "out", texts, command=f"{command} -f csv", code=3)
    assert here == [0]
    merged_is_one(tmp_path / "out", texts, command=f"{command} -f csv", code=3)
    (texts / "d.txt").unlink()
    counted(tmp_path / "out", texts, command=command, code=3)
    merged_is_one(tmp_path / "out", texts, command=command, code=3)


def test_the_output_file_chooses_the_format_unless_the_words_do(texts: Path, tmp_path: Path) -> None:
    (texts / "c.txt").unlink()
    out, target = tmp_path / "out", tmp_path / "n.csv"
    for words, form in (("", "csv"), ("-f tsv", "tsv")):
        counted(out, texts, command=f"ngrams --min-count 1 {words}")
        assert invoke("shards", "merge", str(out), "-o", str(target)).exit_code == 0
        assert target.read_bytes() == one(f"ngrams --min-count 1 -f {form}", texts).stdout_bytes
    done = invoke("shards", "merge", str(out), "-f", "jsonl", "-o", str(target))
    assert (done.exit_code, done.stdout) == (0, "")
    assert target.read_bytes() == one("ngrams --min-count 1", texts).stdout_bytes
    before = (out / "shard-00001.sums").read_bytes()
    done = invoke("shards", "merge", str(out), "-o", str(out / "shard-00001.sums"))
    assert (done.exit_code, "is one of the files that are read" in done.stderr) == (2, True)
    assert (out / "shard-00001.sums").read_bytes() == before
    assert invoke("shards", "merge", str(out), "-o", str(tmp_path / "no" / "x")).exit_code == 1


def test_variables_of_the_environment_are_those_of_the_run(
    texts: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = "collocations --min-count 1"
    settings = {"MEASURE": "dice", "WINDOW": "2", "NODE": "猫 犬", "PUNCTUATION": "1"}
    with monkeypatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(f"NLPTOOL_COLLOCATIONS_{name}", value)
        counted(tmp_path / "out", texts, command=command, code=3)
        whole = one(command, texts)
    monkeypatch.setenv("NLPTOOL_COLLOCATIONS_WINDOW", "7")
    monkeypatch.setenv("NLPTOOL_COLLOCATIONS_TOP_K", "1")
    assert invoke("shards", "merge", str(tmp_path / "out")).stdout_bytes == whole.stdout_bytes
    assert whole.stdout.count("\n") > 4


def test_pictures_are_drawn_of_all(texts: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(plots, "bars", lambda counts, path, **more: drawn.append((list(counts), path, more["names"])))
    monkeypatch.setattr(plots, "zipf", lambda curves, path, **more: drawn.append((list(curves[0].counts), path)))
    bars, zipf = tmp_path / "b.svg", tmp_path / "z.svg"
    command = f"tokenize --count words --plot {bars} --zipf {zipf}"
    counted(tmp_path / "out", texts, command=command, code=3)
    assert drawn == []
    merged_is_one(tmp_path / "out", texts, command=command, code=3)
    assert len(drawn) == 4
    assert drawn[:2] == drawn[2:]


def test_files_of_object_stores(texts: Path, tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    files = {f"/merge-in/{path.name}": path.read_bytes() for path in texts.iterdir()}
    store.pipe(files)
    command = "ngrams --min-count 1 -n 1-2"
    counted("memory://merge-out", "memory://merge-in", command=command, code=3)
    done = invoke("shards", "merge", "memory://merge-out")
    assert done.stdout_bytes == one(command, texts).stdout_bytes
    store.rm("/merge-out/shard-00002.sums")
    done = invoke("shards", "merge", "memory://merge-out")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "memory://merge-out is not complete: shard-00002.sums is not there" in done.stderr
    assert invoke("shards", "merge", "memory://merge-none").exit_code == 1
    assert "nosuch" in invoke("shards", "merge", "nosuch://x").stderr


def _lose_lines(out: Path) -> None:
    lines = (out / "manifest.jsonl").read_bytes().splitlines(keepends=True)
    (out / "manifest.jsonl").write_bytes(b"".join(lines[:1] + lines[3:]))


def _cut_manifest(out: Path) -> None:
    (out / "manifest.jsonl").write_bytes((out / "manifest.jsonl").read_bytes()[:-20])


def _no_manifest(out: Path) -> None:
    (out / "manifest.jsonl").unlink()


def _empty_manifest(out: Path) -> None:
    (out / "manifest.jsonl").write_bytes(b"")


def _no_output(out: Path) -> None:
    (out / "shard-00001.sums").unlink()


def _cut_output(out: Path) -> None:
    path = out / "shard-00001.sums"
    path.write_bytes(path.read_bytes()[:-3])


def _other_output(out: Path) -> None:
    path = out / "shard-00001.sums"
    path.write_bytes(b"x" * path.stat().st_size)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_lose_lines, "out is not complete: manifest.jsonl lacks 2 of 4 shards: shard-00001, shard-00002"),
        (_cut_manifest, "manifest.jsonl is damaged"),
        (_no_manifest, "out has no manifest.jsonl"),
        (_empty_manifest, "out has no manifest.jsonl"),
        (_no_output, "out is not complete: shard-00001.sums is not there"),
        (_cut_output, "out is not complete: shard-00001.sums has "),
        (_other_output, "shard-00001.sums is damaged, or no file of counts"),
    ],
)
def test_what_is_missing_is_said(damage: Any, said: str, texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    counted(out, texts, command="ngrams --min-count 1", code=3)
    damage(out)
    done = invoke("shards", "merge", str(out), "-o", str(tmp_path / "target"))
    assert done.exit_code == 1
    assert said in done.stderr
    assert not (tmp_path / "target").exists()


def test_shards_that_failed_are_named(texts: Path, tmp_path: Path) -> None:
    (texts / "b.txt").write_bytes(b"\x1f\x8b\x08no gzip")
    done = counted(tmp_path / "out", texts, command="ngrams --min-count 1", options=("--retries", "0"), code=3)
    assert "shard 1 failed" in done.stderr
    done = invoke("shards", "merge", str(tmp_path / "out"))
    assert (done.exit_code, done.stdout) == (1, "")
    size = (texts / "b.txt").stat().st_size
    named = f"shard-00001.sums ({texts / 'b.txt'}, bytes 0 to {size})"
    assert f"is not complete: 1 of 4 shards are not done: {named}" in done.stderr
    (texts / "b.txt").write_bytes(b"")
    counted(tmp_path / "out", texts, command="ngrams --min-count 1", code=3)
    merged_is_one(tmp_path / "out", texts, command="ngrams --min-count 1", code=3)


def test_an_input_that_could_not_be_read_is_exit_1_as_of_one_process(texts: Path, tmp_path: Path) -> None:
    (texts / "c.txt").unlink()
    inputs, none = (texts / "a.txt", tmp_path / "none.txt", texts / "d.txt"), tmp_path / "none.txt"
    counted(tmp_path / "out", *inputs, command="ngrams --min-count 1", code=1)
    assert merged_is_one(tmp_path / "out", *inputs, command="ngrams --min-count 1", code=1) != b""
    assert f"{none} could not be read, and is not counted" in invoke("shards", "merge", str(tmp_path / "out")).stderr


def test_a_folder_of_something_else_is_refused(texts: Path, tmp_path: Path) -> None:
    counted(tmp_path / "words", texts, command="tokenize -f wakati", code=3)
    done = invoke("shards", "merge", str(tmp_path / "words"))
    assert (done.exit_code, "holds the outputs of tokenize, which are not counts" in done.stderr) == (1, True)
    done = invoke("shards", "merge", str(texts))
    assert (done.exit_code, "has no manifest.jsonl" in done.stderr) == (1, True)
    done = invoke("shards", "merge", str(tmp_path / "none"))
    assert (done.exit_code, "none: no such folder" in done.stderr) == (1, True)
    assert not (tmp_path / "none").exists()


def test_nothing_is_merged_while_a_run_writes(texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    counted(out, texts, command="ngrams", code=3)
    held = locks.hold(out, lambda: os.open(out, os.O_RDONLY), out)
    done = invoke("shards", "merge", str(out))
    os.close(held)
    assert done.exit_code == 1
    assert "is writing" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--", "collocations", "--phrases"), "collocations --phrases does not run over shards: it writes the records"),
        (("--compress", "zst", "--", "ngrams"), "--compress is not of counts"),
        (("--", "ngrams", "-o", "x.csv"), "--output DIR stands before --"),
        (("--", "tokenize", "--count", "words", "-f", "wakati"), "--count writes table"),
        (("--", "ngrams", "x.txt"), "INPUT stands before --"),
        (("--", "ngrams", "-n", "0"), "is no length of n-grams"),
    ],
)
def test_wrong_usage_is_exit_2(words: tuple[str, ...], said: str, texts: Path, tmp_path: Path) -> None:
    done = invoke("shards", "run", str(texts), "--output", str(tmp_path / "out"), *words)
    assert done.exit_code == 2
    assert said in done.stderr


def test_the_parameters_that_sums_do_not_depend_on_are_parameters() -> None:
    for name, counts in mappings.COUNTS.items():
        command = root.get_command(root.make_context("nlptool", ["--help"], resilient_parsing=True), name)
        assert command is not None
        names = {parameter.name for parameter in command.params}
        assert {*counts.of_sums, *counts.refused, *filter(None, [counts.when])} <= names


def test_a_run_that_is_killed_and_gone_on_with_gives_the_same(tmp_path: Path) -> None:
    text, out = tmp_path / "long.txt", tmp_path / "out"
    text.write_text("".join(f"{n % 97} 猫が魚を食べて、犬が水を飲む。\n" for n in range(3000)), encoding="utf-8")
    command = ("collocations", "--window", "4", "--min-count", "1")
    run = [NLPTOOL, "shards", "run", str(text), "--output", str(out), "--shard-size", "20K", "-j", "2", "--", *command]
    moments = random.Random("counts")
    for _ in range(2):
        process = subprocess.Popen(run, stderr=subprocess.PIPE)
        before = len(list(out.glob("shard-*")))
        wanted = before + 1 + moments.randrange(2)
        while len(list(out.glob("shard-*"))) < wanted and process.poll() is None:
            pass
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PATIENCE)
    refused = subprocess.run([NLPTOOL, "shards", "merge", str(out)], capture_output=True, check=False, timeout=PATIENCE)
    done = subprocess.run(run, capture_output=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr.decode()
    assert b" of them before" in done.stderr
    merged = subprocess.run([NLPTOOL, "shards", "merge", str(out)], capture_output=True, check=False, timeout=PATIENCE)
    assert (refused.returncode, refused.stdout) in ((1, b""), (0, merged.stdout))
    assert (merged.returncode, merged.stdout) == (0, one(" ".join(command), text).stdout_bytes)
    assert sorted(path.name for path in out.iterdir() if not path.name.startswith("shard-")) == ["manifest.jsonl"]


def test_a_closed_pipe_ends_it(tmp_path: Path) -> None:
    counted(tmp_path / "out", NOVEL, command="ngrams --min-count 1 -n 1-5")
    shell = f"{NLPTOOL} shards merge {tmp_path / 'out'} | head -1"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, check=False, timeout=PATIENCE)
    assert done.stderr == b""
    assert done.stdout == one("ngrams --min-count 1 -n 1-5 -k 1", NOVEL).stdout_bytes.split(b"\n")[0] + b"\n"


def test_the_tokenizer_is_that_of_the_first_records_wherever_they_are(here: list[int], tmp_path: Path) -> None:
    texts, command = tmp_path / "texts", "ngrams --min-count 1 -n 1"
    texts.mkdir()
    (texts / "a.txt").write_text("…\n" * 700, encoding="utf-8")
    for language in ("the cats run\n", "猫が走る。\n"):
        (texts / "b.txt").write_text(language * 400, encoding="utf-8")
        (texts / "c.txt").write_text("空が 青い。a b\n" * 900, encoding="utf-8")
        here.clear()
        counted(tmp_path / "out", texts, command=command)
        assert here == [0, 1, 2]
        merged_is_one(tmp_path / "out", texts, command=command)
    (texts / "c.txt").write_text("空が 青い。a b\n" * 9, encoding="utf-8")
    here.clear()
    counted(tmp_path / "out", texts, command=command)
    assert here == [2]  # the first thousand records are the same


def test_the_shares_of_tasks_are_merged_when_all_are_done(texts: Path, here: list[int], tmp_path: Path) -> None:
    command, out = "ngrams --min-count 1 --by file", tmp_path / "out"
    for task in ("1/2", "0/2"):
        counted(out, texts, command=command, options=("--task", task), code=3 if task == "0/2" else 0)
        done = invoke("shards", "merge", str(out))
        assert (done.exit_code, "shards are not done" in done.stderr) == (1, True)
    counted(out, texts, command=command, code=3)
    assert sorted(here) == [0, 1, 2, 3]
    merged_is_one(out, texts, command=command, code=3)
