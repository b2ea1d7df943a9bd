"""Tables on a terminal, and JSONL everywhere else."""

from __future__ import annotations

import json
import os
import pty
import select
import termios
import time
from collections.abc import Callable, Iterator

import pytest
from program import PATIENCE, Invoke, Run, Start

TEXT = "吾輩は猫である。\n名前はまだ無い。\n".encode()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """The two ends of a pseudo-terminal of 100 columns, without colours."""
    monkeypatch.setenv("NO_COLOR", "1")
    person, program = pty.openpty()
    termios.tcsetwinsize(program, (50, 100))
    settings = termios.tcgetattr(program)
    settings[1] &= ~termios.OPOST
    termios.tcsetattr(program, termios.TCSANOW, settings)
    yield person, program
    os.close(person)
    os.close(program)


def shown(person: int, enough: Callable[[str], bool] = lambda _: False, seconds: float = 0.5) -> str:
    """What comes to a terminal until it is enough, or until nothing more comes."""
    found = b""
    until = time.monotonic() + (PATIENCE if seconds > 1 else seconds)
    while not enough(found.decode(errors="ignore")) and time.monotonic() < until:
        if select.select([person], [], [], 0.1)[0]:
            found += os.read(person, 65536)
    return found.decode()


@pytest.mark.parametrize(
    ("arguments", "head", "row"),
    [
        (
            ["tokenize"],
            "surface  lemma   pos       reading   start  end",
            "猫       猫      名詞      ネコ          3    4",
        ),
        (["score"], "pseudo_log_likelihood  pseudo_perplexity  text", "名前はまだ無い。"),
        (["embed"], "  norm  dim  embedding ", "1.0000  256 "),
        (["map"], "text ", "吾輩は猫である。  "),
        (["similarity"], "                        0     1", "0  吾輩は猫である。  1.00  "),
        (
            ["similarity", "-k", "1"],
            "index  neighbor_index  text",
            "    0               1  吾輩は猫である。  名前はまだ無い。",
        ),
        (["similarity", "--threshold", "-1"], "first_index  second_index  first", "          0             1  吾輩"),
    ],
)
def test_a_table_on_a_terminal_and_jsonl_in_a_pipe(
    arguments: list[str], head: str, row: str, terminal: tuple[int, int], run: Run, invoke: Invoke
) -> None:
    done = run(*arguments, stdin=TEXT, stdout=terminal[1], env={"NO_COLOR": "1"})
    assert done.returncode == 0, done.stderr
    table = shown(terminal[0])
    assert table.split("\n")[0].startswith(head)
    assert any(line.startswith(row) or line.endswith(row) for line in table.split("\n")), table
    assert all(len(line) <= 100 for line in table.split("\n"))
    assert all(json.loads(line) for line in invoke(*arguments, stdin=TEXT).stdout.splitlines())
    forced = run(*arguments, "-f", "table", stdin=TEXT).stdout.decode()
    assert forced == table
    run(*arguments, "-f", "jsonl", stdin=TEXT, stdout=terminal[1])
    assert all(json.loads(line) for line in shown(terminal[0]).splitlines())


def test_a_typed_line_is_answered_at_once_and_columns_do_not_become_narrower(
    terminal: tuple[int, int], start: Start
) -> None:
    process = start("tokenize", stdout=terminal[1], env=os.environ | {"NO_COLOR": "1"})
    assert process.stdin is not None
    process.stdin.write("東京特許許可局\n".encode())
    first = shown(terminal[0], lambda text: text.endswith("\n\n"), seconds=2)
    assert first.startswith("surface  lemma ")
    process.stdin.write("猫\n".encode())
    second = shown(terminal[0], lambda text: text.endswith("\n\n"), seconds=2)
    assert "surface" not in second
    assert second.endswith("\n\n")
    width = first.split("\n")[0].index("pos")
    assert second.startswith("猫       猫")
    assert "名詞" in second
    assert width > 0
    process.stdin.write(b"\n")
    assert shown(terminal[0], bool, seconds=2) == "\n"


@pytest.mark.parametrize("command", ["embed", "score"])
def test_other_tables_come_window_by_window(command: str, terminal: tuple[int, int], start: Start) -> None:
    process = start(command, "-q", stdout=terminal[1], env=os.environ | {"NO_COLOR": "1"})
    assert process.stdin is not None
    for text in ("吾輩は猫である。", "犬"):
        process.stdin.write(f"{text}\n".encode())
        assert shown(terminal[0], lambda seen: seen.endswith("\n"), seconds=2).rstrip("\n").endswith(text)


def test_a_table_goes_to_a_terminal_alone(terminal: tuple[int, int], run: Run, tmp_path) -> None:
    run("tokenize", "-o", str(tmp_path / "tokens.jsonl"), stdin=TEXT, stdout=terminal[1])
    assert json.loads((tmp_path / "tokens.jsonl").read_text().split("\n")[0])["tokens"]
    run("tokenize", "--count", "words", stdin=TEXT, stdout=terminal[1])
    assert shown(terminal[0]).split("\n")[0].split()[:2] == ["word", "count"]
    run("tokenize", "--n-best", "2", stdin=TEXT, stdout=terminal[1])
    assert "analysis" in shown(terminal[0]).split("\n")[0]


def test_fields_of_a_table(invoke: Invoke) -> None:
    lines = invoke(
        "tokenize", "-f", "table", "--fields", "is_unknown", "--normalize", "nfkc", stdin="ﾈｺ鬯\n".encode()
    ).stdout
    assert lines.split("\n")[0].split() == [
        "surface", "lemma", "pos", "reading", "is_unknown", "start", "end", "normalized"
    ]  # fmt: skip
    assert "no" in lines.split("\n")[1]


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "said"),
    [
        (["tokenize", "-f", "wakati", "--count", "words"], b"a\n", 2, "--count writes table, jsonl, csv, tsv"),
        (["tokenize", "-f", "table", "-o", "x", "--resume"], b"a\n", 2, "--resume does not go with -f table"),
        (["tokenize", "-f", "table"], b"\xff\n", 3, "not UTF-8"),
        (["score", "-f", "table"], b'{"text":1}\n', 3, "1 of 1 records failed"),
        (["embed", "-f", "table", "--on-error", "fail"], b"ok\n\xff\nno\n", 1, "<stdin>:2"),
        (["similarity", "-f", "table"], b"".join(b"%d\n" % n for n in range(60)), 1, "-k 5 shows the nearest of each"),
        (["map", "-f", "tabel"], b"a\n", 2, "'tabel' is not one of"),
    ],
)
def test_what_a_table_cannot_hold(
    arguments: list[str], stdin: bytes, code: int, said: str, invoke: Invoke, tmp_path
) -> None:
    done = invoke(*(str(tmp_path / "x") if argument == "x" else argument for argument in arguments), stdin=stdin)
    assert done.exit_code == code, done.stderr
    assert said in done.stderr


def test_a_run_that_fails_shows_the_rows_before(invoke: Invoke) -> None:
    done = invoke("tokenize", "-f", "table", "--on-error", "fail", stdin="猫\n".encode() + b"\xff\n" + "犬\n".encode())
    assert done.exit_code == 1
    assert "猫" in done.stdout
    assert "犬" not in done.stdout


def test_control_characters_do_not_reach_the_terminal(invoke: Invoke) -> None:
    table = invoke("embed", "-f", "table", stdin=b"\x1b[31mred\tand\x07\n").stdout
    assert "\x1b" not in table
    assert "\x07" not in table
    assert "�[31mred and�" in table
