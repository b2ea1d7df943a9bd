"""Every command in every format, with every kind of record: good, empty, failed, passed on."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from program import Invoke, parse_records

from nlptool.cli.main import root

GOOD = {"id": 1, "text": "猫が[MASK]を食べる。", "query": "猫", "first": "雨だ。", "second": "傘をさす。"}
EMPTY = {"id": 2, "text": "", "query": "", "first": "", "second": ""}
FAILED = {"id": 3, "text": 7, "query": 7, "first": 7, "second": 7}
PASSED = {
    "id": 4,
    "text": "犬",
    "nlptool": {"error": {"type": "TooLong", "message": "no end", "line": 1, "command": "embed"}},
}
KINDS = (GOOD, EMPTY, FAILED, PASSED)

WORDS = {"analogy": ["王", "男", "女"], "odd-one-out": ["猫", "犬", "東京"]}
STATIC = ["-m", "static-ja-en"]
COMMANDS: dict[str, list[str]] = {
    "tokenize": [],
    "embed": STATIC,
    "fill-mask": ["-k", "2"],
    "nsp": [],
    "nsp --consecutive": [],
    "score": [],
    "mask": [],
    "split": [],
    "generate": ["-m", "hyakunin", "--max-new-tokens", "3"],
    "analogy": ["-k", "2"],
    "neighbors": ["-k", "2"],
    "odd-one-out": [],
    "search": [*STATIC, "-k", "2", "--corpus"],
    "similarity": STATIC,
    "similarity -k 1": STATIC,
    "similarity --threshold -1": STATIC,
    "similarity --pairs": STATIC,
    "map": STATIC,
}
LEAVES_OUT = {
    "similarity",
    "similarity -k 1",
    "similarity --threshold -1",
    "map",
    "split",
}  # records without a vector or a sentence
SEVERAL_ROWS = {"tokenize", "split", "analogy", "neighbors", "search", "similarity --threshold -1", "nsp --consecutive"}


def lines(command: str) -> bytes:
    kinds = [dict(kind) for kind in (*KINDS, {**GOOD, "id": 5, "text": "犬が[MASK]を食べる。"})]
    for kind in kinds:
        if "query" in kind and isinstance(kind["query"], str) and kind["query"] and command in WORDS:
            kind["query"] = WORDS[command]  # type: ignore[assignment]
    return b"".join(json.dumps(kind).encode() + b"\n" for kind in kinds)


def formats(command: str) -> list[str]:
    name = command.split(maxsplit=1)[0]
    (option,) = [option for option in root.get_command(None, name).params if option.name == "format"]  # type: ignore[arg-type,union-attr]
    choices: list[str] = list(option.type.choices)  # type: ignore[attr-defined]
    if name == "similarity" and command != "similarity":
        choices.remove("npy")
    return choices


def cells(format: str, data: bytes) -> list[dict[str, Any]]:
    if format == "parquet":
        return list(pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist())
    text = io.StringIO(data.decode(), newline="")
    return list(csv.DictReader(text, dialect="excel-tab" if format == "tsv" else "excel", strict=format == "csv"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_format_writes_lines_of_text_that_are_empty_or_fail(command: str, invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text("猫\n犬\n")
    more = [*COMMANDS[command], *([str(tmp_path / "corpus.txt")] if command == "search" else [])]
    for format in formats(command):
        done = invoke(*command.split(), *more, "-f", format, stdin="猫\t犬\n\n".encode() + b"\xff\n")
        assert done.exit_code == 3, (format, done.stderr)
        assert "internal error" not in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_format_writes_every_kind_of_record(command: str, invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text("猫\n犬\n")
    more = [*COMMANDS[command], *([str(tmp_path / "corpus.txt")] if command == "search" else [])]
    for format in formats(command):
        done = invoke(*command.split(), *more, "-f", format, stdin=lines(command))
        assert done.exit_code == 3, (format, done.stderr)
        assert "internal error" not in done.stderr
        assert "arrived with an error of an earlier command" in done.stderr
        tables = {"csv", "tsv", "parquet"} - ({"tsv"} if command == "tokenize" else set())
        if format == "jsonl":
            found = parse_records(done.stdout_bytes)
            errors = [record["nlptool"]["error"]["type"] for record in found if "error" in record.get("nlptool", {})]
            n_records = len(found)
        elif format in tables and (command != "similarity" or format == "parquet"):
            rows = cells(format, done.stdout_bytes)
            assert sorted(kind for row in rows if row["error"] for kind in [row["error"]] if kind) != []
            spelled = [row["error"].split(": ") for row in rows if row["error"]]
            assert sorted(part for parts in spelled for part in parts if part in errors) == sorted(errors), format
            assert "TooLong: no end" in [
                row["error"].rpartition("4: ")[2] or row["error"] for row in rows if row["error"]
            ]
            if command not in SEVERAL_ROWS:
                assert len(rows) == n_records
            if command not in ("similarity --threshold -1", "nsp --consecutive"):
                ids = [str(row["id"]) for row in rows]
                assert list(dict.fromkeys(ids)) == [str(record["id"]) for record in found if "id" in record]
            assert done.stderr.count("nlptool") <= 8
