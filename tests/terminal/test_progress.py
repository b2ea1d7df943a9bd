"""The progress bar and records on one terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import threading
from pathlib import Path

import orjson
import pytest
from program import NLPTOOL, PATIENCE

N_LINES = 60


def on_a_terminal(*arguments: str, stdin: bytes | None = None) -> bytes:
    """What a person sees of a run whose stdout and stderr are one terminal, with the control sequences in it."""
    person, program = pty.openpty()
    parts: list[bytes] = []

    def read() -> None:
        while True:
            try:
                part = os.read(person, 65536)
            except OSError:  # the program's end is closed
                return
            parts.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
    try:
        done = subprocess.run(
            [NLPTOOL, *arguments],
            input=stdin,
            stdout=program,
            stderr=program,
            env=environment,
            timeout=PATIENCE,
            check=False,
        )
    finally:
        os.close(program)
        reader.join()
        os.close(person)
    assert done.returncode == 0
    return b"".join(parts)


@pytest.fixture
def texts(tmp_path: Path) -> str:
    file = tmp_path / "texts"
    file.write_text("".join(f"猫が{number}匹いる。\n" for number in range(N_LINES)), encoding="utf-8")
    return str(file)


@pytest.mark.parametrize(
    "command",
    [
        "similarity -m static-ja-en",
        "similarity -m static-ja-en -k 3",
        "embed -m static-ja-en",
        "tokenize",
        "map -m static-ja-en",
    ],
)
def test_no_line_of_a_terminal_holds_both_a_bar_and_a_record(command: str, texts: str) -> None:
    shown = on_a_terminal(*command.split(), "-f", "jsonl", "--progress", "always", "--max-latency", "0", texts).decode()
    lines = shown.replace("\r\n", "\n").split("\n")
    with_bar = [line for line in lines if "━" in line]
    with_record = [line for line in lines if '"nlptool"' in line]
    assert with_bar
    assert not set(with_bar) & set(with_record)
    records = [orjson.loads(re.sub(r"^(\r|\x1b\[[0-9;?]*[A-Za-z])+", "", line)) for line in with_record]
    assert [record["text"] for record in records] == [f"猫が{number}匹いる。" for number in range(N_LINES)]


def test_no_line_of_a_terminal_holds_both_a_bar_and_a_row_of_a_table(texts: str) -> None:
    shown = on_a_terminal("embed", "-m", "static-ja-en", "--progress", "always", texts).decode()
    lines = shown.replace("\r\n", "\n").split("\n")
    assert any("━" in line for line in lines)
    rows = [line for line in lines if "匹いる。" in line]
    assert len(rows) == N_LINES
    assert not any("━" in row for row in rows)
