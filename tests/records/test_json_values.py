"""JSON over any lines: arrays, pretty-printed records, and what is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from program import Invoke, Run, records

from nlptool.records.json_values import JsonValues, kind_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)
RECORDS = st.lists(st.dictionaries(st.text(), VALUES, max_size=3), max_size=4)


def joined(text: str, longest: int = 100_000) -> list[tuple[int, str]]:
    values = JsonValues(longest)
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        found += values.add(line, number)
    return [*found, *values.end()]


@given(RECORDS, st.sampled_from([None, 0, 2]), st.booleans(), st.booleans())
def test_the_values_are_those_that_were_written(
    records: list[dict[str, Any]], indent: int | None, array: bool, ascii_only: bool
) -> None:
    dump = [json.dumps(record, indent=indent, ensure_ascii=ascii_only) for record in records]
    text = json.dumps(records, indent=indent, ensure_ascii=ascii_only) if array else "\n".join(dump)
    assert [json.loads(value) for _, value in joined(text)] == records


@given(st.text(st.sampled_from('{}[]",:\\ \na1')))
def test_any_text_ends_and_nothing_is_lost(text: str) -> None:
    kept = "".join(value for _, value in joined(text))
    left_out = set("[], \n")
    assert [letter for letter in kept if letter not in left_out] == [
        letter for letter in text if letter not in left_out
    ]


def test_a_record_that_was_cut_off_does_not_take_the_next_one() -> None:
    assert [value for _, value in joined('{"a": "x\n{"b":2}\n')] == ['{"a": "x', '{"b":2}']
    assert [value for _, value in joined('{"a": 1\n{"b":2}\n')] == ['{"a": 1', '{"b":2}']


@given(RECORDS, st.sampled_from([None, 2]), st.lists(st.integers(0, 200), max_size=6))
def test_pieces_of_a_line_give_what_the_line_gives(
    records: list[dict[str, Any]], indent: int | None, cuts: list[int]
) -> None:
    line = json.dumps(records, indent=indent).replace("\n", " ")
    values = JsonValues(100_000)
    found = []
    begin = 0
    for cut in sorted(cuts):
        end = line.find(",", cut) + 1
        if end > begin:
            found += values.add(line[begin:end], 1, goes_on=True)
            begin = end
    found += [*values.add(line[begin:], 1), *values.end()]
    assert found == joined(line)


def test_an_array_on_one_line_is_read_in_pieces(run: Run, tmp_path: Path) -> None:
    records = [{"text": "猫, }, { " * (number % 50), "n": number} for number in range(8000)]
    (tmp_path / "a.json").write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    assert (tmp_path / "a.json").stat().st_size > 2_000_000
    done = run("embed", "-m", "static-ja-en", "--max-line", "600000", "--source", "-q", str(tmp_path / "a.json"))
    assert done.returncode == 0
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [{"text": record["text"], "n": record["n"]} for record in found] == records
    assert {record["nlptool"]["source"]["line"] for record in found} == {1}


def test_a_value_is_bounded() -> None:
    found = joined("[\n{\n" + '"a": 1,\n' * 100 + "\n", longest=50)
    assert max(len(value) for _, value in found) < 70


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ('{"a":1}', "jsonl"), ("{}", "jsonl"), ("{", "json"), ('{"a":', "json"), ('{ "a": [', "json"),
        ('{"a":1} {"b":2}', "json"),
        ("[", "json"), ('[{"a":1},', "json"), ("[{", "json"), ("[]", "json"), ('["猫"]', "json"), ('[{"a":1}]', "json"),
        ("[1]", "text"), ("[1] a footnote", "text"), ("[MASK]が鳴く。", "text"), ("{笑}", "text"), ("{a: 1}", "text"),
        ("猫", "text"),
    ],
)  # fmt: skip
def test_the_first_line_says_what_an_input_is(line: str, kind: str) -> None:
    assert kind_of(line, whole=True) == kind


def test_an_array_is_read_as_its_records_and_keeps_their_bytes(run: Run) -> None:
    array = '\n[\n  {"content": "猫", "n": 1.10, "big": 123456789012345678901234567890},\n  {"content":"犬"}\n]\n'
    done = run("tokenize", "--field", "content", "--source", stdin=array.encode())
    first, second = done.stdout.decode().splitlines()
    assert first.startswith('{"content": "猫", "n": 1.10, "big": 123456789012345678901234567890,"tokens":')
    assert [json.loads(line)["nlptool"]["source"]["line"] for line in (first, second)] == [3, 4]
    assert done.returncode == 0


LAYOUTS = {
    "a record a line": '{"content":"猫","n":[1]}\n{"content":"犬"}\n',
    "an array of lines": '[\n{"content":"猫","n":[1]},\n{"content":"犬"}\n]\n',
    "an array on one line": '[{"content":"猫","n":[1]},{"content":"犬"}]',
    "as jq writes": '{\n  "content": "猫",\n  "n": [\n    1\n  ]\n}\n{\n  "content": "犬"\n}\n',
    "with tabs and CRLF": '{\r\n\t"content": "猫",\r\n\t"n": [1]\r\n}\r\n{\r\n\t"content": "犬"\r\n}\r\n',
    "behind blank lines": '\n\n{\n"content":\n"猫", "n": [1]}\n\n\n{"content":"犬"}',
    "side by side": '{"content":"猫","n":[1]} {"content":"犬"}\n',
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("command", [["embed", "-m", "static-ja-en"], ["tokenize"], ["search", "--corpus"]])
def test_json_is_read_record_by_record_however_it_is_laid_out(
    invoke: Invoke, tmp_path: Path, command: list[str], layout: str
) -> None:
    (tmp_path / "c.jsonl").write_text('{"content":"鳥"}\n', encoding="utf-8")
    run = [*command, *([str(tmp_path / "c.jsonl")] if "--corpus" in command else []), "--field", "content"]
    expected = records(invoke(*run, stdin=LAYOUTS["a record a line"]))
    assert [(record["content"], record.get("n")) for record in expected] == [("猫", [1]), ("犬", None)]
    assert records(invoke(*run, stdin=LAYOUTS[layout])) == expected
    dropped = invoke(*run, "--drop-input", stdin=LAYOUTS[layout]).stdout
    assert (dropped.count("\n"), "content" in dropped) == (2, False)


def test_elements_that_are_no_records_are_errors_in_their_places(run: Run) -> None:
    done = run("tokenize", stdin='[{"text":"猫"}, 5, "犬", {"text":"鳥"}]'.encode())
    errors = [json.loads(line)["nlptool"].get("error", {}).get("message", "") for line in done.stdout.splitlines()]
    assert errors == [
        "", "a JSONL record is an object, this is a number", "a JSONL record is an object, this is a string", "",
    ]  # fmt: skip
    assert done.returncode == 3
