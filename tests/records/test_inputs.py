"""FILE arguments that are folders, through the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from program import Run

TEXT = {"b.md": "一\n\n二\n", "a.txt": "三\n", "deep/er/c.md": "四", ".hidden/d.md": "x\n", "deep/.e.md": "x\n"}


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    for name, text in TEXT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "deep" / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    (folder / "paper.pdf").write_bytes(b"%PDF-1.4\n%text\n")
    (folder / "up").symlink_to("..", target_is_directory=True)
    (folder / "itself").symlink_to("itself")
    (folder / "nowhere").symlink_to("missing")
    (folder / "wide.txt").write_bytes("五".encode("utf-16"))
    os.mkfifo(folder / "pipe")
    return folder


def texts_and_places(stdout: bytes) -> list[tuple[str, str, int]]:
    found = map(json.loads, stdout.splitlines())
    return [(record["text"], *record["nlptool"]["source"].values()) for record in found]


def test_a_folder_is_its_text_files_in_sorted_order(notes: Path, run: Run) -> None:
    done = run("tokenize", "notes", "--glob", "!wide*", cwd=notes.parent)
    assert texts_and_places(done.stdout) == [
        ("三", "notes/a.txt", 1), ("一", "notes/b.md", 1), ("", "notes/b.md", 2), ("二", "notes/b.md", 3),
        ("四", "notes/deep/er/c.md", 1),
    ]  # fmt: skip
    assert done.returncode == 0
    assert done.stderr.decode().splitlines()[0] == (
        "nlptool tokenize: notes: 2 binary files were left out, the first: notes/deep/picture.png"
    )


@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        (["*.md"], ["一", "", "二", "四"]),
        (["*.md", "*.txt", "!wide.*"], ["三", "一", "", "二", "四"]),
        (["deep/*"], ["四"]),
        (["**/*.md"], ["一", "", "二", "四"]),
        (["**/deep/*"], ["四"]),
        (["**/er/*"], ["四"]),
        (["*.md", "!**/b.md"], ["四"]),
        (["*.md", "!deep/*"], ["一", "", "二"]),
    ],
)
def test_globs_choose_the_files(globs: list[str], expected: list[str], notes: Path, run: Run) -> None:
    options = [option for pattern in globs for option in ("--glob", pattern)]
    done = run("tokenize", *options, "notes", cwd=notes.parent)
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == expected


def test_a_file_with_a_byte_order_mark_of_utf_16_is_text(notes: Path, run: Run) -> None:
    done = run("tokenize", "--encoding", "utf-16", "notes", "--glob", "wide*", cwd=notes.parent)
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["五"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [(b"line\nend.txt", "line\nend.txt"), (b"\xe7\x8c.txt", "\ufffd\ufffd.txt"), ("猫 の.txt".encode(), "猫 の.txt")],
)
def test_any_file_name_is_read_and_written(name: bytes, shown: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / os.fsdecode(name)).write_text("猫\n")
    done = run("tokenize", "folder", "--source", cwd=tmp_path)
    assert done.returncode == 0
    assert texts_and_places(done.stdout) == [("猫", "folder/" + shown, 1)]


@pytest.mark.parametrize("files", [[], ["x.bin"]])
def test_a_folder_without_texts_is_an_error_and_the_others_are_read(files: list[str], run: Run, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in files:
        (tmp_path / "folder" / name).write_bytes(b"\0\1")
    (tmp_path / "a").write_text("猫\n")
    done = run("tokenize", "-q", "folder", "a", cwd=tmp_path)
    assert done.returncode == 1
    assert texts_and_places(done.stdout) == [("猫", "a", 1)]
    assert done.stderr.decode().startswith("nlptool tokenize: folder: a folder without text files\n")


def test_sources_go_along_a_pipe(notes: Path, run: Run) -> None:
    first = run("tokenize", "notes/b.md", "notes/a.txt", cwd=notes.parent)
    second = run("embed", "-m", "static-ja-en", "--drop-input", stdin=first.stdout)
    places = [tuple(json.loads(line)["nlptool"]["source"].values()) for line in second.stdout.splitlines()]
    assert places == [("notes/b.md", 1), ("notes/b.md", 2), ("notes/b.md", 3), ("notes/a.txt", 1)]
    alone = run("tokenize", "notes/b.md", cwd=notes.parent)
    assert "source" not in json.loads(alone.stdout.splitlines()[0])["nlptool"]


@pytest.mark.parametrize(
    "source", ['{"file":"x"}', '{"file":1,"line":2}', '"x"', "[]", '{"line":true}', '{"file":"x","line":"7"}']
)
def test_a_source_that_is_none_does_no_harm(source: str, run: Run) -> None:
    line = f'{{"text":"猫","nlptool":{{"source":{source}}}}}'
    done = run("tokenize", "--source", stdin=line.encode())
    assert done.returncode == 0
    assert json.loads(done.stdout)["text"] == "猫"


def test_units_of_text_know_the_line_of_their_beginning(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# 題\n一。二\nつづき。\n\n\n```\nx = 1\n\ny = 2\n```\n三。\n")
    (tmp_path / "b.md").write_text("四")

    def units(unit: str) -> list[tuple[str, str, int]]:
        return texts_and_places(run("tokenize", "--unit", unit, "a.md", "b.md", cwd=tmp_path).stdout)

    assert units("paragraph") == [
        ("# 題", "a.md", 1), ("一。二\nつづき。", "a.md", 2), ("```\nx = 1\n\ny = 2\n```", "a.md", 6), ("三。", "a.md", 11),
        ("四", "b.md", 1),
    ]  # fmt: skip
    assert units("document") == [((tmp_path / "a.md").read_text()[:-1], "a.md", 1), ("四", "b.md", 1)]
    sentences = units("sentence")
    assert sentences[1:3] == [("一。", "a.md", 2), ("二\nつづき。", "a.md", 2)]
    assert sentences[-2:] == [("三。", "a.md", 11), ("四", "b.md", 1)]


def test_a_unit_is_of_text_alone(run: Run) -> None:
    done = run("tokenize", "--unit", "paragraph", stdin=b'{"text":"a"}\n')
    assert done.returncode == 2
    assert b"--unit paragraph is of text, and <stdin> is JSONL" in done.stderr


def test_a_link_that_cannot_be_followed_is_named_and_the_others_are_read(tmp_path: Path, run: Run) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("一\n")
    (tmp_path / "notes" / "b.txt").symlink_to("b" * 300)
    done = run("tokenize", "-f", "wakati", "notes", cwd=tmp_path)
    assert (done.returncode, done.stdout.decode()) == (1, "一\n")
    assert b"nlptool tokenize: notes/b.txt: File name too long\n" in done.stderr
    assert b"internal error" not in done.stderr
