"""An index in parts, made by ``nlptool shards run ... -- index build``: what is found in it is what is found in one index."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program import NLPTOOL, PATIENCE, invoke, records
from shard_engine import Here, run_shards_here

from nlptool.cli.shards import local
from nlptool.geometry import index_parts
from nlptool.geometry.index import Index


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Shards are run in this process, in a new folder; the numbers of those that are."""
    monkeypatch.chdir(tmp_path)
    return run_shards_here(monkeypatch)


def in_parts(source: str, *command: str, output: str = "parts", options: Sequence[str] = (), code: int = 0) -> str:
    done = invoke("shards", "run", source, "--output", output, *options, "--", "index", "build", *command)
    assert done.exit_code == code, done.stderr
    return done.stderr


def as_one(source: str, *command: str, code: int = 0) -> None:
    done = invoke("index", "build", "-o", "one", source, *command)
    assert done.exit_code == code, done.stderr


def line(number: int, vector: Sequence[float] | None, model: str = "m") -> str:
    about = {"nlptool": {"embed": {"model": model}}}
    return json.dumps(
        {"id": f"id {number}", "text": f"text {number}", "embedding": vector and list(map(float, vector)), **about}
    )


def write(lines: Sequence[str], n_files: int, folder: str = "vectors") -> None:
    """Write lines into so many files of different lengths; the last is empty, if there are several."""
    shutil.rmtree(folder, ignore_errors=True)
    Path(folder).mkdir()
    n_full = max(1, n_files - 1)
    ends = [round(len(lines) * (number / n_full) ** 1.5) for number in range(n_full + 1)]
    for number, end in enumerate(ends):  # the first line decides the format of a file
        while end < len(lines) and not lines[end].startswith('{"id"'):
            end += 1
        ends[number] = end
    for number in range(n_files):
        some = lines[ends[number] : ends[number + 1]] if number < n_full else []
        Path(folder, f"{number}.jsonl").write_text("".join(f"{each}\n" for each in some), encoding="utf-8")


def vectors(n: int, dimension: int, *, seed: int = 1) -> np.ndarray[Any, Any]:
    """Vectors of which many are equal, and some are zeros."""
    generator = np.random.default_rng(seed)
    different = generator.normal(size=(max(2, n // 3), dimension)).round(2)
    found = different[generator.integers(len(different), size=n)]
    found[generator.integers(n, size=max(1, n // 20))] = 0
    return found


def lines_of(matrix: np.ndarray[Any, Any]) -> list[str]:
    """Records of vectors; among them are records without one, records that fail and blank lines."""
    lines: list[str] = []
    for number, vector in enumerate(matrix):
        lines.append(line(number, vector.tolist()))
        if number % 9 == 4:
            lines += [line(-number, None), "", '{"text":"x","embedding":[1,"a"]}', "{bad"]
    return lines


QUESTIONS = "".join(f"{line(number, vector)}\n" for number, vector in enumerate(vectors(5, 6, seed=2)[:4].tolist()))

ASKED: tuple[tuple[str, ...], ...] = (
    ("search", "--corpus", "{}", "-k", "3"),
    ("search", "--corpus", "{}", "-k", "100000", "--threshold", "-0.3"),
    ("search", "--corpus", "{}", "-k", "25", "-f", "csv"),
    ("similarity", "-k", "4", "{}"),
    ("similarity", "-k", "100", "--threshold", "0.2", "{}", "-f", "csv"),
    ("similarity", "--threshold", "0.8", "{}"),
    ("similarity", "{}"),
    ("similarity", "{}", "-f", "npy"),
    ("similarity", "-k", "30", "--against", "{}"),
    ("similarity", "-k", "5", "{}", "--against", "{}"),
    ("similarity", "-k", "5", "{}", "--memory", "40K"),
)


def same_answers(*more: str, asked: Sequence[tuple[str, ...]] = ASKED) -> list[bytes]:
    """The answers of both indexes, which are the same to the last byte."""
    answers = []
    for words in asked:
        asks = words[0] == "search" or ("--against" in words and words.count("{}") == 1)
        stdin = QUESTIONS if asks else ""
        one, parts = (invoke(*(word.format(name) for word in words), *more, stdin=stdin) for name in ("one", "parts"))
        assert one.exit_code == 0, (words, one.stderr)
        assert (parts.exit_code, parts.stdout_bytes) == (0, one.stdout_bytes), (words, parts.stderr)
        assert parts.stderr.replace("parts", "one") == one.stderr
        answers.append(one.stdout_bytes)
    return answers


@pytest.mark.parametrize("n_files", [1, 2, 7])
@pytest.mark.parametrize(
    "measure", [(), ("--measure", "dot"), ("--measure", "euclidean"), ("--measure", "pearson")], ids=str
)
def test_the_answers_are_those_of_one_index(measure: tuple[str, ...], n_files: int, here: list[int]) -> None:
    write(lines_of(vectors(80, 6)), n_files)
    as_one("vectors", "--id-field", "id", *measure, code=3)
    said = in_parts("vectors", "--id-field", "id", *measure, code=3)
    assert "which have no vector and were left out: 9" in said
    assert "18 of 107 records failed and were left out" in said
    answers = same_answers()
    first = json.loads(answers[0].splitlines()[0])
    assert len(first["neighbors"]) == 3
    assert {"index", "file", "line", "id", "text", "similarity"} == first["neighbors"][0].keys()
    everything = json.loads(answers[1].splitlines()[0])["neighbors"]
    assert measure or len(everything) > 25
    assert len({each["index"] for each in everything}) == len(everything)
    assert len(here) == n_files


def test_another_measure_than_that_of_the_index(here: list[int]) -> None:
    write(lines_of(vectors(40, 6)), 3)
    as_one("vectors", "--measure", "dot", code=3)
    in_parts("vectors", "--measure", "dot", code=3)
    for measure in ("cosine", "manhattan", "pearson"):
        same_answers("--measure", measure, asked=ASKED[:4])
    as_one("vectors", code=3)
    in_parts("vectors", code=3)
    for name in ("one", "parts"):
        done = invoke("search", "--corpus", name, "--measure", "dot", stdin=QUESTIONS)
        assert (done.exit_code, "have lost their lengths" in done.stderr) == (1, True)


def test_what_is_found_is_what_the_records_themselves_give(here: list[int]) -> None:
    write(lines_of(vectors(60, 6)), 7)
    in_parts("vectors", "--id-field", "id", code=3)
    for words in (("search", "-k", "9", "--corpus"), ("similarity", "-k", "9", "--against")):
        found = [record["neighbors"] for record in records(invoke(*words, "parts", stdin=QUESTIONS))]
        expected = [
            record["neighbors"] for record in records(invoke(*words, "vectors", "--id-field", "id", stdin=QUESTIONS), 3)
        ]
        assert found == expected
    found = records(invoke("similarity", "-k", "9", "parts"))
    expected = [
        record
        for record in records(invoke("similarity", "-k", "9", "vectors", "--id-field", "id"), 3)
        if "index" in record
    ]
    for name in ("index", "id", "text", "neighbors"):
        assert [record[name] for record in found] == [record[name] for record in expected]
    assert [record["nlptool"]["source"] for record in found] == [record["nlptool"]["source"] for record in expected]


@pytest.mark.parametrize("n_files", [2, 7])
def test_parts_end_within_blocks(n_files: int, here: list[int]) -> None:
    write([line(number, vector) for number, vector in enumerate(vectors(5000, 6).tolist())], n_files)
    as_one("vectors")
    in_parts("vectors")
    same_answers(asked=[ASKED[0], ASKED[2], ASKED[3], ASKED[8]])
    same_answers("--memory", "2M", asked=[ASKED[3]])


def test_parts_of_a_file_that_is_split(here: list[int]) -> None:
    Path("all.jsonl").write_text("".join(f"{each}\n" for each in lines_of(vectors(80, 6))), encoding="utf-8")
    as_one("all.jsonl", code=3)
    in_parts("all.jsonl", options=("--shard-size", "1K"), code=3)
    assert len(here) > 9
    same_answers()
    (listed,) = records(invoke("index", "info", "--files", "parts", "-f", "jsonl"))
    assert listed == {"file": "all.jsonl", "n_items": 80, "bytes": Path("all.jsonl").stat().st_size}


ROWS = st.lists(st.sampled_from([(1, 0), (0, 1), (1, 1), (-1, 2), (0, 0), None]), min_size=1, max_size=14)


@settings(max_examples=40)
@given(rows=ROWS, cuts=st.lists(st.integers(0, 14), max_size=4), k=st.integers(1, 20))
def test_any_vectors_in_any_parts(
    rows: list[tuple[int, int] | None], cuts: list[int], k: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "LocalEngine", Here)
        patch.chdir(tmp_path_factory.mktemp("any"))
        Path("v").mkdir()
        ends = [0, *sorted(cuts), len(rows)]
        for number, (first, end) in enumerate(pairwise(ends)):
            some = [line(index, rows[index]) for index in range(first, min(end, len(rows)))]
            Path("v", f"{number}.jsonl").write_text("".join(f"{each}\n" for each in some))
        in_parts("v")
        question = line(0, (1, 1))
        if not any(rows):
            done = invoke("search", "--corpus", "parts", stdin=question)
            assert (done.exit_code, "there is nothing to search in" in done.stderr) == (1, True)
            return
        as_one("v")
        for words in (("search", "--corpus", "{}"), ("similarity", "{}")):
            one, parts = (
                invoke(*(word.format(name) for word in words), "-k", str(k), stdin=question)
                for name in ("one", "parts")
            )
            assert one.exit_code == 0
            assert parts.stdout_bytes == one.stdout_bytes


def test_texts_are_embedded_and_what_is_done_is_not_done_again(here: list[int], tmp_path: Path) -> None:
    texts = {"a.txt": "猫が鳴く。\n\n犬が走る。\n", "b.txt": "雨が降る。\n", "c.txt": "船が沈む。\n猫が鳴く。\n"}
    Path("texts").mkdir()
    for name, text in texts.items():
        Path("texts", name).write_text(text, encoding="utf-8")

    def again(expected: list[int]) -> None:
        here.clear()
        in_parts("texts", "-m", "static-ja-en")
        assert sorted(here) == expected
        as_one("texts", "-m", "static-ja-en")
        one, parts = (invoke("search", "子猫", "--corpus", name, "-k", "9") for name in ("one", "parts"))
        assert one.exit_code == 0
        assert parts.stdout == one.stdout

    again([0, 1, 2])
    again([])
    entry = json.loads(Path("parts/manifest.jsonl").read_text().splitlines()[0])
    assert list(entry["models"]) == ["static-ja-en"]
    assert (entry["records"], entry["index"]["n_items"]) == ({"in": 3, "out": 3, "failed": 0}, 2)
    Path("texts/a.txt").write_text("猫が鳴く。\n鳥が飛ぶ。\n魚が泳ぐ。\n山に登る。\n", encoding="utf-8")
    again([0])  # the numbers of the records behind it are others now
    Path("texts/0.txt").write_text("朝が来た。\n", encoding="utf-8")
    again([0])
    shutil.rmtree("parts/shard-00002.index")
    again([2])
    Path("parts/shard-00001.index/vectors.npy").write_bytes(b"cut")
    again([1])
    shutil.copytree("parts/shard-00001.index", "aside")
    shutil.rmtree("parts/shard-00002.index")
    shutil.move("aside", "parts/shard-00002.index")
    again([2])
    Path("texts/0.txt").unlink()
    Path("texts/c.txt").unlink()
    again([])
    assert sorted(path.name for path in Path("parts").iterdir()) == [
        "manifest.jsonl",
        "shard-00000.index",
        "shard-00001.index",
    ]


def test_two_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(lines_of(vectors(60, 6)), 4)
    as_one("vectors", code=3)
    in_parts("vectors", options=("-j", "2"), code=3)
    assert sorted(path.name for path in Path("parts").iterdir())[0] == "manifest.jsonl"
    assert len(list(Path("parts").iterdir())) == 5
    same_answers(asked=ASKED[:4])


def test_rows_of_npy(here: list[int]) -> None:
    matrix = vectors(30, 6).astype(np.float32)
    np.save("all.npy", matrix)
    np.save("a.npy", matrix[:11])
    np.save("b.npy", matrix[11:])
    as_one("all.npy", "-m", "m")
    done = invoke("shards", "run", "a.npy", "b.npy", "--output", "parts", "--", "index", "build", "-m", "m")
    assert done.exit_code == 0, done.stderr
    assert "30 records in parts" in done.stderr
    same_answers(asked=ASKED[:2])


def _missing(parts: Path) -> None:
    shutil.rmtree(parts / "shard-00001.index")


def _cut(parts: Path) -> None:
    path = parts / "shard-00001.index" / "vectors.npy"
    path.write_bytes(path.read_bytes()[:-4])


def _without_texts(parts: Path) -> None:
    (parts / "shard-00001.index" / "records.jsonl").unlink()


def _without_manifest_of_its_own(parts: Path) -> None:
    (parts / "shard-00001.index" / "index.json").unlink()


def _changed(parts: Path) -> None:
    path = parts / "shard-00001.index" / "vectors.npy"
    data = bytearray(path.read_bytes())
    data[-2] ^= 64
    path.write_bytes(data)


def _changed_texts(parts: Path) -> None:
    path = parts / "shard-00001.index" / "records.jsonl"
    path.write_bytes(path.read_bytes().replace(b"text", b"TEXT"))


def _swapped(parts: Path) -> None:
    (parts / "shard-00001.index").rename(parts / "x")
    (parts / "shard-00002.index").rename(parts / "shard-00001.index")
    (parts / "x").rename(parts / "shard-00002.index")


def _not_done(parts: Path) -> None:
    lines = (parts / "manifest.jsonl").read_text().splitlines()
    entry = json.loads(lines[1])
    lines[1] = json.dumps(
        {"output": entry["output"], "done": False, "command": entry["command"], "input": entry["input"]}
    )
    (parts / "manifest.jsonl").write_text("\n".join(lines))


def _half_a_manifest(parts: Path) -> None:
    data = (parts / "manifest.jsonl").read_bytes()
    (parts / "manifest.jsonl").write_bytes(data[: len(data) - 30])


def _no_manifest(parts: Path) -> None:
    (parts / "manifest.jsonl").unlink()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_missing, "shard-00001.index is not there"),
        (_cut, "shard-00001.index is damaged: files are missing or cut off"),
        (_without_texts, "shard-00001.index is damaged: files are missing or cut off"),
        (_without_manifest_of_its_own, "shard-00001.index is damaged: index.json is missing"),
        (_changed, "shard-00001.index/vectors.npy is damaged: it has changed since it was written"),
        (_changed_texts, "shard-00001.index/records.jsonl is damaged: it has changed since it was written"),
        (_swapped, "shard-00001.index is another one than manifest.jsonl says"),
        (_not_done, "1 of 3 shards are not done, the first: shard-00001.index"),
        (_half_a_manifest, "parts/manifest.jsonl is damaged"),
        (_no_manifest, "parts is damaged: it holds parts of an index, and no manifest.jsonl"),
    ],
)
def test_a_part_that_is_missing_or_changed_is_named(damage: Any, said: str, here: list[int]) -> None:
    write([line(number, vector) for number, vector in enumerate(vectors(30, 6).tolist())], 3)
    Path("vectors/2.jsonl").write_text(Path("vectors/0.jsonl").read_text())
    in_parts("vectors")
    damage(Path("parts"))
    for words in (
        ("search", "--corpus", "parts", "-k", "40"),
        ("similarity", "-k", "30", "parts"),
        ("index", "info", "parts"),
    ):
        if words[0] == "index" and damage in (_changed, _changed_texts):
            continue
        done = invoke(*words, stdin=QUESTIONS)
        assert (done.exit_code, said in done.stderr) == (1, True), (words, done.stderr)
        assert "nlptool shards run" in done.stderr
        assert "Traceback" not in done.stderr
    if damage in (_changed, _changed_texts):  # as the message says
        shutil.rmtree("parts/shard-00001.index")
    if damage is not _no_manifest:
        in_parts("vectors")
        assert records(invoke("search", "--corpus", "parts", "-k", "40", stdin=QUESTIONS))


def test_parts_that_do_not_go_together_are_refused(here: list[int]) -> None:
    write([], 2)
    Path("vectors/0.jsonl").write_text(line(0, (1, 2)))
    for second, said in (
        (line(1, (1, 2), model="other"), "the model of shard-00000.index is 'm', that of shard-00001.index is 'other'"),
        (line(1, (1, 2, 3)), "the number of dimensions of shard-00000.index is 2, that of shard-00001.index is 3"),
    ):
        Path("vectors/1.jsonl").write_text(second)
        assert said in in_parts("vectors", code=1)
        for words in (("search", "--corpus", "parts"), ("similarity", "-k", "1", "parts"), ("index", "info", "parts")):
            done = invoke(*words, stdin=line(0, (1, 2)))
            assert (done.exit_code, said in done.stderr) == (1, True)
    Path("vectors/1.jsonl").write_text(line(1, (2, 1), model=""))  # which does not say
    in_parts("vectors")
    (found,) = records(invoke("search", "--corpus", "parts", stdin=line(0, (1, 2))))
    assert (len(found["neighbors"]), found["nlptool"]["search"]["model"]) == (2, "m")


def test_one_index_is_changed_and_parts_are_made_again(here: list[int]) -> None:
    write(lines_of(vectors(20, 6)), 2)
    in_parts("vectors", code=3)
    for words in (("add", "parts", "x"), ("remove", "parts", "x"), ("update", "parts")):
        done = invoke("index", *words)
        assert (done.exit_code, "parts is an index in parts" in done.stderr) == (1, True), done.stderr
    for words in (("add", "parts/shard-00000.index", "x"), ("update", "parts/shard-00000.index")):
        done = invoke("index", *words)
        assert (done.exit_code, "is a part of an index" in done.stderr) == (1, True), done.stderr
    done = invoke("index", "build", "-o", "parts", "vectors")
    assert (done.exit_code, "holds something else" in done.stderr) == (1, True)
    as_one("vectors", code=3)
    done = invoke("shards", "run", "vectors", "--output", "one", "--", "index", "build")
    assert (done.exit_code, "no manifest.jsonl" in done.stderr) == (1, True)
    assert len(records(invoke("search", "--corpus", "parts/shard-00000.index", stdin=QUESTIONS))) == 4


def test_what_reads_no_index_says_so(here: list[int]) -> None:
    write(lines_of(vectors(20, 6)), 2)
    in_parts("vectors", code=3)
    for words, code, said in (
        (("search", "x", "--hamming", "3", "--corpus", "parts"), 1, "is an index of vectors, and has no codes"),
        (("search", "[[x]]", "--tokens", "--corpus", "parts"), 1, "is an index of texts"),
        (("search", "x", "--corpus", "parts", "--corpus", "vectors"), 2, "an index is searched alone"),
        (("map", "parts"), 1, "is an index, and is searched alone"),
        (("cluster", "parts", "-k", "2"), 1, "is an index, and is searched alone"),
        (("similarity", "parts", "vectors", "-k", "1"), 1, "is read alone"),
        (("similarity", "parts", "-k", "1", "-m", "static-ja-en"), 1, "are of m, and not of static-ja-en"),
        (("similarity", "parts", "--pairs"), 2, "and parts is an index"),
        (("tokenize", "parts"), 1, "a folder without text files"),
        (("search", "x", "--corpus", "parts", "-m", "static-ja-en"), 1, "the vectors are of m"),
    ):
        done = invoke(*words)
        assert (done.exit_code, said in done.stderr) == (code, True), (words, done.stderr)
    Path("all").mkdir()
    shutil.move("parts", "all/parts")
    Path("all/a.txt").write_text("猫\n", encoding="utf-8")
    assert [record["text"] for record in records(invoke("tokenize", "all"))] == ["猫"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--", "index", "add"), "index add does not run over shards"),
        (("--", "index"), "index does not run over shards"),
        (("--", "index", "build", "-o", "x"), "--output DIR stands before --"),
        (("--", "index", "build", "--resume"), "what is done is not done again"),
        (("--", "index", "build", "vectors"), "INPUT stands before --"),
        (("--compress", "zst", "--", "index", "build"), "an index is a folder that is mapped into memory"),
    ],
)
def test_wrong_usage(words: tuple[str, ...], said: str, here: list[int]) -> None:
    write([line(0, (1, 2))], 1)
    done = invoke("shards", "run", "vectors", "--output", "parts", *words)
    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr
    assert not Path("parts").exists()
    done = invoke("shards", "run", "vectors", "--output", "memory://parts", "--", "index", "build")
    assert (done.exit_code, "mapped into memory" in done.stderr) == (2, True)


def test_more_parts_than_may_be_open(here: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    write([line(number, vector) for number, vector in enumerate(vectors(90, 6).tolist())], 31)
    as_one("vectors")
    in_parts("vectors")
    opened: list[str] = []

    class Counted(Index):
        def __init__(self, folder: Path) -> None:
            opened.append(folder.name)
            super().__init__(folder)

    monkeypatch.setattr(index_parts, "Index", Counted)
    monkeypatch.setattr(index_parts, "_most_open", lambda: 3)
    same_answers(asked=[*ASKED[:4], ASKED[9]])
    assert len(opened) > 31 * 5
    opened.clear()
    monkeypatch.setattr(index_parts, "_most_open", lambda: 31)
    same_answers(asked=ASKED[:1])
    assert sorted(opened) == ["one", *(f"shard-{number:05}.index" for number in range(31))]


def test_tasks_do_a_share_of_the_parts_each(here: list[int]) -> None:
    write(lines_of(vectors(60, 6)), 5)
    as_one("vectors", code=3)
    for task in ("1/2", "0/2"):
        in_parts("vectors", options=("--task", task), code=3)
        done = invoke("search", "--corpus", "parts", stdin=QUESTIONS)
        assert (done.exit_code, "are not done" in done.stderr) == (1, True)
    assert sorted(here) == [0, 1, 2, 3, 4]
    here.clear()
    in_parts("vectors", code=3)
    assert here == []
    same_answers(asked=ASKED[:4])


def test_a_run_that_is_killed_leaves_whole_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("all.jsonl").write_text("".join(f"{each}\n" for each in lines_of(vectors(3000, 6))), encoding="utf-8")
    run = [
        NLPTOOL,
        "shards",
        "run",
        "all.jsonl",
        "--output",
        "parts",
        "--shard-size",
        "20K",
        "-j",
        "2",
        "--",
        "index",
        "build",
    ]
    for n_parts in (1, 4):
        process = subprocess.Popen(run, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while len(list(Path("parts").glob("shard-*"))) < n_parts and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
        process.wait(PATIENCE)
        for part in Path("parts").glob("shard-*"):
            assert not Index(part).damaged_items().any()
        done = invoke("search", "--corpus", "parts", stdin=QUESTIONS)
        assert (done.exit_code, "are not done" in done.stderr) == (1, True)
    assert subprocess.run(run, stderr=subprocess.DEVNULL, timeout=PATIENCE, check=False).returncode == 3
    as_one("all.jsonl", code=3)
    same_answers(asked=ASKED[:4])
