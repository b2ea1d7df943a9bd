"""`nlptool index`: an index that follows the files that it was made of."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from program import Invoke, Run, parse_records

from nlptool.geometry.index_builder import Builder

MODEL = ("-m", "static-ja-en")


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of texts, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "a.md": "猫が鳴く。\n\n犬が走る。\n",
        "b.md": "雨が降る。\n",
        "sub/c.md": "船が沈む。\n",
    }.items():
        (tmp_path / "notes" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "notes" / name).write_text(text, encoding="utf-8")
    return tmp_path / "notes"


def built(invoke: Invoke, *options: str) -> None:
    assert invoke("index", "build", *MODEL, "-o", "i", "notes", *options).exit_code == 0


def items(invoke: Invoke) -> list[tuple[str, int, str]]:
    """All items of the index, sorted by place: file, line, text."""
    (found,) = parse_records(invoke("search", "猫", "--corpus", "i", "-k", "99").stdout_bytes)
    return sorted((each["file"], each["line"], each["text"]) for each in found["neighbors"])


BUILT = [
    ("notes/a.md", 1, "猫が鳴く。"), ("notes/a.md", 3, "犬が走る。"), ("notes/b.md", 1, "雨が降る。"),
    ("notes/sub/c.md", 1, "船が沈む。"),
]  # fmt: skip


def test_update_embeds_what_changed_and_gives_what_a_new_index_would(invoke: Invoke, notes: Path) -> None:
    built(invoke)
    assert items(invoke) == BUILT
    (notes / "a.md").write_text("鳥が飛ぶ。\n猫が鳴く。\n", encoding="utf-8")
    (notes / "b.md").unlink()
    (notes / "sub" / "d.md").write_text("魚が泳ぐ。\n", encoding="utf-8")
    done = invoke("index", "update", "i")
    assert done.exit_code == 0
    assert "1 new files, 1 changed, 1 removed; 4 vectors are in i" in done.stderr
    updated = items(invoke)
    vectors = {tuple(row) for row in np.load("i/vectors.npy").round(5).tolist()}
    built(invoke)
    assert updated == items(invoke)
    assert vectors == {tuple(row) for row in np.load("i/vectors.npy").round(5).tolist()}


def test_nothing_is_written_when_nothing_changed_but_times(invoke: Invoke, notes: Path) -> None:
    built(invoke)
    before = Path("i").stat().st_ino
    os.utime(notes / "a.md", (1, 1))
    done = invoke("index", "update", "i")
    assert done.stderr == "nlptool index: i is up to date: 3 files\n"
    assert Path("i").stat().st_ino == before


def test_only_changed_files_are_embedded(invoke: Invoke, notes: Path) -> None:
    built(invoke)
    before = {line["text"]: line["index"] for line in map(json.loads, Path("i/records.jsonl").read_text().splitlines())}
    (notes / "b.md").write_text("雪が降る。\n", encoding="utf-8")
    assert invoke("index", "update", "i").exit_code == 0
    after = {line["text"]: line["index"] for line in map(json.loads, Path("i/records.jsonl").read_text().splitlines())}
    assert {text: after[text] for text in before if text in after} == {
        text: before[text] for text in before if text != "雨が降る。"
    }
    assert after["雪が降る。"] > max(before.values())  # numbers are never used again


def test_add_and_remove(invoke: Invoke, notes: Path) -> None:
    built(invoke, "--glob", "*.md")
    (notes / "sub" / "e.txt").write_text("x\n", encoding="utf-8")
    Path("more.md").write_text("山に登る。\n", encoding="utf-8")
    assert "i is up to date" in invoke("index", "add", "i", "notes").stderr  # the index remembers --glob
    assert "1 new files, 0 changed, 0 removed; 5 vectors" in invoke("index", "add", "i", "more.md").stderr
    assert items(invoke) == [("more.md", 1, "山に登る。"), *BUILT]
    assert (
        "0 new files, 0 changed, 2 removed; 3 vectors"
        in invoke("index", "remove", "i", "notes/sub/", "notes/b.md").stderr
    )
    assert items(invoke) == [("more.md", 1, "山に登る。"), *BUILT[:2]]
    listed = parse_records(invoke("index", "info", "--files", "i", "-f", "jsonl").stdout_bytes)
    assert [(each["file"], each["n_items"]) for each in listed] == [("notes/a.md", 2), ("more.md", 1)]


def test_the_way_of_reading_is_remembered(invoke: Invoke, notes: Path) -> None:
    (notes / "t.csv").write_text("id,body\n7,猫が鳴く。\n", encoding="utf-8")
    options = ("-I", "csv", "--field", "body", "--id-field", "id", "--glob", "*.csv")
    built(invoke, *options)
    (notes / "u.csv").write_text("body,id\n犬が走る。,8\n", encoding="utf-8")
    assert invoke("index", "update", "i").exit_code == 0
    (found,) = parse_records(invoke("search", "犬が走る。", "--corpus", "i", "-k", "1").stdout_bytes)
    assert {name: found["neighbors"][0][name] for name in ("file", "line", "id", "text")} == {
        "file": "notes/u.csv", "line": 2, "id": "8", "text": "犬が走る。",
    }  # fmt: skip


def test_an_index_is_followed_from_another_folder(invoke: Invoke, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built(invoke)
    (notes / "b.md").write_text("雪が降る。\n", encoding="utf-8")
    monkeypatch.chdir(notes)
    assert "0 new files, 1 changed, 0 removed" in invoke("index", "update", "../i").stderr
    assert "0 new files, 0 changed, 1 removed" in invoke("index", "remove", "../i", "sub/c.md").stderr
    monkeypatch.chdir("..")
    assert items(invoke) == [*BUILT[:2], ("notes/b.md", 1, "雪が降る。")]


def test_refusals_leave_the_index_as_it_was(invoke: Invoke, notes: Path) -> None:
    built(invoke)
    before = {path.name: path.read_bytes() for path in Path("i").iterdir()}
    for arguments, said in (
        (["remove", "i", "notes/none.md"], "i holds nothing of notes/none.md"),
        (["remove", "i", "notes"], "nothing would be left in i"),
        (["update", "notes"], "notes is no index"),
        (["add", "none", "notes"], "none is no index"),
    ):
        done = invoke("index", *arguments)
        assert done.exit_code == 1
        assert said in done.stderr
    assert invoke("index", "add", "i").exit_code == 2
    notes.rename("moved")
    done = invoke("index", "update", "i")
    assert done.exit_code == 1
    assert "none of the 3 files of i is there, the first: notes/a.md" in done.stderr
    assert {path.name: path.read_bytes() for path in Path("i").iterdir()} == before
    assert not Path("i.part").exists()


def test_a_file_that_cannot_be_read_any_more_keeps_its_place_for_the_next_time(run: Run, notes: Path) -> None:
    assert run("index", "build", *MODEL, "-o", "i", "notes", cwd=notes.parent).returncode == 0
    (notes / "b.md").write_bytes(b"\x1f\x8bdamaged")
    done = run("index", "update", "i", cwd=notes.parent)
    assert done.returncode == 1
    assert b"notes/b.md: damaged gzip data" in done.stderr
    (notes / "b.md").write_text("雨が降る。\n", encoding="utf-8")
    done = run("index", "update", "i", cwd=notes.parent)
    assert b"0 new files, 1 changed, 0 removed; 4 vectors are in i" in done.stderr


def test_an_index_of_stdin_or_of_vectors_has_no_files(invoke: Invoke, notes: Path) -> None:
    assert invoke("index", "build", *MODEL, "-o", "i", stdin="猫\n".encode()).exit_code == 0
    assert "i is up to date: 0 files" in invoke("index", "update", "i").stderr
    assert "1 new files" in invoke("index", "add", "i", "notes/b.md").stderr
    np.save("v.npy", np.eye(2))
    assert invoke("index", "build", "-m", "x", "-o", "j", "v.npy").exit_code == 0
    done = invoke("index", "add", "j", "notes/b.md")
    assert done.exit_code == 1
    assert "was made of no text files that could be read again" in done.stderr


def test_a_file_is_the_same_however_its_path_is_spelled(invoke: Invoke, notes: Path) -> None:
    built(invoke)
    done = invoke("index", "add", "i", "./notes/b.md", str(notes / "b.md"), "notes/sub/../b.md", "notes", "./notes/")
    assert done.stderr == "nlptool index: i is up to date: 3 files\n"
    assert invoke("index", "add", "i", "./notes/../new.md").exit_code == 1  # there is none
    (notes / "d.md").write_text("鳥が飛ぶ。\n", encoding="utf-8")
    assert invoke("index", "add", "i", "notes", "./notes/d.md", "notes/sub").exit_code == 0
    (notes / "sub" / "e.md").write_text("雪。\n", encoding="utf-8")  # below two roots
    assert invoke("index", "update", "i").exit_code == 0
    assert items(invoke) == sorted([*BUILT, ("notes/d.md", 1, "鳥が飛ぶ。"), ("notes/sub/e.md", 1, "雪。")])


def test_what_was_removed_with_its_folder_does_not_come_back(invoke: Invoke, notes: Path) -> None:
    Path("other.md").write_text("海。\n", encoding="utf-8")
    built(invoke, "notes/", "./notes/sub/", "other.md")
    assert invoke("index", "remove", "i", "./notes").exit_code == 0
    assert invoke("index", "update", "i").stderr == "nlptool index: i is up to date: 1 files\n"
    assert items(invoke) == [("other.md", 1, "海。")]


def test_what_cannot_be_read_stays_as_it_was(invoke: Invoke, notes: Path) -> None:
    built(invoke)
    (notes / "b.md").unlink()
    (notes / "b.md").symlink_to("/proc/self/mem")  # of which the first byte cannot be read, even by root
    Path("empty").mkdir()
    for command in (("update", "i"), ("add", "i", "notes/b.md", "missing.md", "empty")):
        done = invoke("index", *command)
        assert done.exit_code == 1
        assert "notes/b.md: Input/output error\n" in done.stderr
        assert items(invoke) == BUILT
    assert "missing.md: No such file or directory\nnlptool index: empty: a folder without text files\n" in done.stderr
    assert (
        parse_records(invoke("index", "info", "--files", "i", "-f", "jsonl").stdout_bytes)[-1]["file"]
        == "notes/sub/c.md"
    )


def test_what_came_through_a_pipe_stays(invoke: Invoke, notes: Path) -> None:
    built(invoke)
    os.mkfifo("fifo")
    writer = threading.Thread(target=Path("fifo").write_text, args=("鳥が飛ぶ。\n", "utf-8"))
    writer.start()
    assert invoke("index", "add", "i", "fifo").exit_code == 0
    writer.join()
    Path("fifo").unlink()
    assert invoke("index", "update", "i").stderr == "nlptool index: i is up to date: 3 files\n"
    assert items(invoke) == [("fifo", 1, "鳥が飛ぶ。"), *BUILT]


def test_parquet_files_of_a_folder_are_followed(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tables").mkdir()
    pyarrow.parquet.write_table(pyarrow.table({"text": ["猫が鳴く。"]}), "tables/a.parquet")
    assert invoke("index", "build", *MODEL, "-I", "parquet", "-o", "i", "tables").exit_code == 0
    pyarrow.parquet.write_table(pyarrow.table({"text": ["犬。", "鳥。"]}), "tables/b.parquet")
    Path("tables/notes.txt").write_text("no table\n", encoding="utf-8")
    assert invoke("index", "update", "i").exit_code == 0
    assert items(invoke) == [
        ("tables/a.parquet", 1, "猫が鳴く。"),
        ("tables/b.parquet", 1, "犬。"),
        ("tables/b.parquet", 2, "鳥。"),
    ]


def test_a_change_of_another_process_is_not_lost(invoke: Invoke, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index is replaced after it was opened and before it is locked."""
    built(invoke)
    (notes / "b.md").write_text("雪が降る。\n", encoding="utf-8")
    opened = Builder.__enter__

    def replaced_before(self: Builder) -> Builder:
        monkeypatch.setattr(Builder, "__enter__", opened)
        Path("i").rename("aside")
        shutil.copytree("aside", "i")
        return opened(self)

    monkeypatch.setattr(Builder, "__enter__", replaced_before)
    done = invoke("index", "update", "i")
    assert done.exit_code == 1
    assert "another process has changed i" in done.stderr
    assert "0 new files, 1 changed" in invoke("index", "update", "i").stderr


def test_an_update_that_would_leave_nothing_is_refused(invoke: Invoke, notes: Path) -> None:
    built(invoke)
    for name in ("a.md", "b.md", "sub/c.md"):
        (notes / name).write_text("\n", encoding="utf-8")
    done = invoke("index", "update", "i")
    assert done.exit_code == 1
    assert "nothing would be left in i" in done.stderr
    assert items(invoke) == BUILT
    assert not Path("i.part").exists()


def test_a_folder_whose_name_is_not_utf8_is_followed(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path(os.fsdecode(b"notes\xff"))
    folder.mkdir()
    (folder / "a.txt").write_text("猫が鳴く。\n", encoding="utf-8")
    assert invoke("index", "build", *MODEL, "-o", "i", str(folder)).exit_code == 0
    (folder / "b.txt").write_text("犬が走る。\n", encoding="utf-8")
    assert "1 new files, 0 changed, 0 removed; 2 vectors" in invoke("index", "update", "i").stderr
    assert [text for _, _, text in items(invoke)] == ["猫が鳴く。", "犬が走る。"]
