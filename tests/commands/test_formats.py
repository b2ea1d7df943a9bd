"""Every command in every format, with every kind of record: good, empty, failed, passed on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import generation_models
import heads_models
import pyarrow.parquet
import pytest
import tagger_models
from program import Invoke, parse_records

from nlptool.cli.main import root

GOOD: dict[str, Any] = {
    "id": 1, "text": "猫が[MASK]を食べる。", "query": "猫", "first": "雨だ。", "second": "傘をさす。",
    "question": "何を食べるか。", "context": "猫が魚を食べる。", "choices": ["魚", "机"],
}  # fmt: skip
EMPTY = {name: 2 if name == "id" else "" for name in GOOD}
FAILED = {name: 3 if name == "id" else 7 for name in GOOD}
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
    "tokenize --n-best 2": [],
    "tokenize --ruby html": [],
    "tokenize --numbers": [],
    "embed": STATIC,
    "classify --labels 猫,犬": STATIC,
    "attention": ["--layer", "1", "--head", "1"],
    "fill-mask": ["-k", "2"],
    "nsp": [],
    "nsp --consecutive": [],
    "score": [],
    "mask": [],
    "split": [],
    "answer": ["-m", "READER"],
    "answer --question 何を食べるか": ["-m", "READER"],
    "answer --corpus": ["CORPUS", "-m", "READER", "--encoder", "static-ja-en"],
    "choose": ["-m", "CHOOSER"],
    "tag": ["-m", "TAGGER"],
    "tag --tags": ["-m", "TAGGER"],
    "probe": [],
    "embed --tokens": ["--layer", "0"],
    "generate": ["-m", "hyakunin", "--max-new-tokens", "3"],
    "analogy": ["-k", "2"],
    "neighbors": ["-k", "2"],
    "odd-one-out": [],
    "search": [*STATIC, "-k", "2", "--corpus", "CORPUS"],
    "kwic 猫": [],
    "kwic 猫 --sort left": [],
    "keywords": ["-k", "1"],
    "keywords --method embedding": STATIC,
    "cluster -k 1": STATIC,
    "dedup": [],
    "hash": STATIC,
    "dedup --groups": ["--method", "minhash", "--keep", "last"],
    "similarity": STATIC,
    "similarity -k 1": STATIC,
    "similarity --threshold -1": STATIC,
    "similarity --pairs": STATIC,
    "map": STATIC,
}
JUDGED: dict[str, list[str]] = {
    "compare": ["RECORDS"],
    "evaluate analogies": [],
    "evaluate answers": [],
    "evaluate classification": ["--label", "first", "--predicted", "second"],
    "evaluate generation": ["-m", "hyakunin", "--max-new-tokens", "3"],
    "evaluate lm": ["-m", "GPT"],
    "evaluate minimal-pairs": ["--good", "first", "--bad", "second"],
    "evaluate mlm": [],
    "evaluate nsp": [],
    "evaluate similarity": [],
    "evaluate sts": STATIC,
    "evaluate tagging": ["--column", "gold", "--predicted-column", "guess"],
    "collocations": ["--min-count", "1"],
    "keyness --by id": ["--min-count", "1"],
    "ngrams": ["--min-count", "1"],
    "sample -n 9 --by embedding": [],
    "tokenize --count words": [],
    "tokenize --count chars": [],
    "tokenize --count words --by-group first --parts record": [],
}  # what is written are figures: of each record it is counted what became of it
SEVERAL_ROWS = {
    "answer",
    "answer --question 何を食べるか",
    "answer --corpus",
    "tag",
    "tag --tags",
    "embed --tokens",
    "tokenize",
    "tokenize --n-best 2",
    "split",
    "analogy",
    "neighbors",
    "search",
    "similarity --threshold -1",
    "nsp --consecutive",
    "kwic 猫",
    "kwic 猫 --sort left",
    "keywords --method embedding",
}


@pytest.fixture(scope="module")
def named_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the names in capitals stand for: folders of models, and a corpus."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "corpus.txt").write_text("猫\n犬\n", encoding="utf-8")
    return {
        "TAGGER": str(tagger_models.save("bert", folder / "tagger")),
        "READER": str(heads_models.save("bert", folder / "reader", "ForQuestionAnswering")),
        "CHOOSER": str(heads_models.save("bert", folder / "chooser", "ForMultipleChoice")),
        "GPT": str(_gpt(folder / "gpt")),
        "CORPUS": str(folder / "corpus.txt"),
    }


def _gpt(folder: Path) -> Path:
    generation_models.save("gpt2", folder)
    return folder


def lines(command: str) -> bytes:
    kinds = [dict(kind) for kind in (*KINDS, {**GOOD, "id": 5, "text": "犬が[MASK]を食べる。"})]
    for kind in kinds:
        if "query" in kind and isinstance(kind["query"], str) and kind["query"] and command in WORDS:
            kind["query"] = WORDS[command]  # type: ignore[assignment]
    return b"".join(json.dumps(kind).encode() + b"\n" for kind in kinds)


def commands(group: click.Group, before: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Each command with its whole name."""
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if isinstance(command, click.Group):
                yield from commands(command, (*before, name))
            elif command is not None:
                yield " ".join((*before, name)), command


def named(command: str) -> click.Command:
    """The command of a line with options."""
    known = dict(commands(root))
    words = command.split()
    return known[next(" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in known)]


def test_all_commands_that_read_records_are_here() -> None:
    reading = {name for name, command in commands(root) if "on_error" in {option.name for option in command.params}}
    writes_a_model = {name for name in reading if name.startswith("train ")} | {"index build"}
    tested = {name for name, command in commands(root) for line in (*COMMANDS, *JUDGED) if named(line) is command}
    assert tested == reading - writes_a_model


def formats(command: str) -> list[str]:
    if command == "attention":  # without a choice
        return ["jsonl"]
    if "--count" in command:
        return ["table", "jsonl", "csv", "tsv"]
    if "--ruby" in command or "--numbers" in command:
        return ["jsonl", "text"] if "--ruby" in command else ["jsonl"]
    (option,) = [option for option in named(command).params if option.name == "format"]
    choices: list[str] = list(option.type.choices)  # type: ignore[attr-defined]
    if command.startswith("similarity ") and command != "similarity":
        choices.remove("npy")
    if command in (
        "collocations",
        "dedup --groups",
        "tokenize",
        "tokenize --n-best 2",
    ):  # it is the format of other options
        choices.remove("text")
    if command == "embed --tokens":  # rows of a file without names, and vectors alone
        return [choice for choice in choices if choice not in ("npy", "base64")]
    return choices


def chosen(format: str, command: str) -> list[str]:
    return [] if command == "attention" else ["-f", format]


def cells(format: str, data: bytes) -> list[dict[str, Any]]:
    if format == "parquet":
        return list(pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist())
    text = io.StringIO(data.decode(), newline="")
    return list(csv.DictReader(text, dialect="excel-tab" if format == "tsv" else "excel", strict=format == "csv"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_format_writes_lines_of_text_that_are_empty_or_fail(
    command: str, invoke: Invoke, named_files: dict[str, str]
) -> None:
    more = [named_files.get(option, option) for option in COMMANDS[command]]
    for format in formats(command):
        done = invoke(*command.split(), *more, *chosen(format, command), stdin="猫\t犬\n\n".encode() + b"\xff\n")
        assert done.exit_code == 3, (format, done.stderr)
        assert "internal error" not in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_format_writes_every_kind_of_record(command: str, invoke: Invoke, named_files: dict[str, str]) -> None:
    more = [named_files.get(option, option) for option in COMMANDS[command]]
    for format in formats(command):
        done = invoke(*command.split(), *more, *chosen(format, command), stdin=lines(command))
        assert done.exit_code == 3, (format, done.stderr)
        assert "internal error" not in done.stderr
        assert "arrived with an error of an earlier command" in done.stderr
        tables = {"csv", "tsv", "parquet"} - ({"tsv"} if command.startswith("tokenize") else set())
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


GOLD = [
    {**GOOD, "target": "夢", "score": 1, "embedding": [1, 2, 3]},
    {**EMPTY, "target": "", "score": 2},
    {**FAILED, "target": 7, "score": "x"},
    {**PASSED, "score": 3},
    {**GOOD, "id": 5, "text": "犬が魚を食べる。", "target": "秋", "score": 3, "embedding": [3, 2, 1]},
    {**GOOD, "id": 6, "text": "鳥が鳴く。", "target": "春", "score": 4, "embedding": [3, 0, 1]},
    {**GOOD, "id": 7, "text": "馬が走る。", "target": "夏", "score": 5, "embedding": [3, 0, 4]},
]


@pytest.mark.parametrize("command", JUDGED)
def test_every_format_has_the_figures_of_every_kind_of_record(
    command: str, invoke: Invoke, tmp_path: Path, named_files: dict[str, str]
) -> None:
    path = tmp_path / "gold.jsonl"
    records = GOLD
    if command == "evaluate similarity":
        records = [
            {**record, "first": "猫", "second": "犬"} if record in GOLD[:1] + GOLD[4:] else record for record in GOLD
        ]
    elif command == "evaluate analogies":
        records = [{"text": text} for text in ("王 男 女 女王", "", 7, "兄 男 女 姉")] + [dict(PASSED)]
    elif command == "evaluate answers":
        records = [{**record, "gold": ["x"], "answers": record.get("first", [])} for record in GOLD]
    elif command == "evaluate tagging":
        records = [{**record, "gold": [], "guess": [[0, 1, "猫"]] if record.get("text") else []} for record in GOLD]
    elif command == "evaluate classification":
        records = [{**record, "first": {}} if record.get("first") == 7 else record for record in GOLD]
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    more = [{"RECORDS": str(path), **named_files}.get(argument, argument) for argument in JUDGED[command]]
    found: dict[str, int] = {}
    for format in formats(command):
        done = invoke(*command.split(), *more, str(path), "-f", format)
        assert done.exit_code == 3, (format, done.stderr)
        assert "internal error" not in done.stderr
        assert "arrived with an error of an earlier command" in done.stderr
        if format in ("csv", "tsv", "parquet"):
            found[format] = len(cells(format, done.stdout_bytes))
        elif format == "jsonl":
            found[format] = len(parse_records(done.stdout_bytes))
    assert len(set(found.values())) == 1, found
