"""CSV: our rows are those of Python's csv module, whatever the cells hold; and the bad ones."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from program import Run, records

from nlptool.errors import RecordError
from nlptool.records.csv_rows import CsvRows

CELLS = st.text(st.sampled_from("a ,\"\n猫\t'") | st.characters(exclude_categories=["Cs"], exclude_characters="\r"))
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=6)


def rows_of(text: str, longest: int = 10_000) -> list[tuple[int, list[str] | RecordError]]:
    rows = CsvRows(longest)
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        found += rows.add(line, number)
    return [*found, *rows.end()]


@given(ROWS, st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_the_rows_are_those_that_were_written(rows: list[list[str]], quoting: int) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=quoting).writerows(rows)
    assert [row for _, row in rows_of(text.getvalue().removesuffix("\n"))] == (rows or [[""]])


@given(st.text(st.sampled_from('a,"\n'), max_size=30))
def test_any_text_gives_rows_or_errors_and_the_same_rows_as_the_csv_module(text: str) -> None:
    found = rows_of(text)
    if any(isinstance(row, RecordError) for _, row in found):
        with pytest.raises(csv.Error):
            list(csv.reader(io.StringIO(text), strict=True))
    else:
        expected = list(csv.reader(io.StringIO(text), strict=True))
        assert [row for _, row in found if row != [""]] == [row for row in expected if row not in ([], [""])]


def test_a_row_knows_the_line_of_its_beginning() -> None:
    assert rows_of('a,b\n"x\ny","z"\n1,2') == [(1, ["a", "b"]), (2, ["x\ny", "z"]), (4, ["1", "2"])]


def test_a_quote_that_is_never_closed_is_bounded() -> None:
    found = rows_of('1,"a\n' + "xxxxxxxxx\n" * 50 + "5,6", longest=100)
    assert [number for number, row in found if isinstance(row, RecordError)] == [1]
    assert found[-1] == (52, ["5", "6"])


CSV = '\ufeffid,body,tokens\r\n007,"猫、""三毛""\r\nと犬",x\r\n1.10,鳥,"y,z"\r\n'


def test_records_of_csv_keep_all_columns(run: Run) -> None:
    done = run("tokenize", "-I", "csv", "--field", "body", "--id-field", "id", stdin=CSV.encode())
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["id"], first["body"], second["id"], second["body"]) == ("007", '猫、"三毛"\nと犬', "1.10", "鳥")
    assert first["tokens"][0]["surface"] == "猫"
    assert b"the field `tokens` was there before and has been replaced" in done.stderr
    by_number = run("tokenize", "-I", "csv", "--field", "2", "--id-field", "id", stdin=CSV.encode())
    assert by_number.stdout == done.stdout


@pytest.mark.parametrize(
    ("lines", "texts", "said"),
    [
        ("a,b\n1,2\n3\n4,5,6\n7,8\n", ["1", "3", "4\t5\t6", "7"], "1 columns, but the header has 2"),
        ('a,b\n"1"x,2\n3,4\n', ["", "3"], "behind the closing quote of cell 1 stands `x,2`"),
        ('a,b\n1,"2\n', [""], "is not closed within"),
        ("a,b\n1,2\na,b\n3,4\n", ["1", "3"], "<stdin>:3: the header stands here again, and is no record"),
        ("a,b\n\n1,2\n", ["1"], ""),
    ],
)
def test_bad_rows(lines: str, texts: list[str], said: str, run: Run) -> None:
    done = run("tokenize", "-I", "csv", stdin=lines.encode())
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record.get("text", record.get("a")) for record in found] == texts
    assert said in done.stderr.decode()
    assert done.returncode == (3 if any("error" in record["nlptool"] for record in found) else 0)


def test_lines_that_end_with_a_carriage_return_alone_are_refused(run: Run) -> None:
    for header in (b"a,text\r1,x\r2,y\r", b'a,"te\rxt"\n1,x\n', b"a,text\r\r\n1,x\r\r\n"):
        done = run("split", "-I", "csv", stdin=header)
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"<stdin>: the header has a carriage return (CR) that ends no line" in done.stderr
    done = run("split", "-I", "csv", "--field", "a\nb", stdin=b'"a\r\nb",c\r\n1,x\r\n')  # as spreadsheets write it
    assert json.loads(done.stdout) | {"nlptool": 0} == {"c": "x", "text": "1", "start": 0, "end": 1, "nlptool": 0}


def test_a_field_of_text_is_wrong_usage(run: Run, tmp_path: object) -> None:
    for option in ("--field", "--id-field"):
        done = run("tokenize", option, "body", stdin="body\n猫\n".encode())
        assert (done.returncode, done.stdout) == (2, b"")
        assert f"{option} names a field, and <stdin> is text, which has none" in done.stderr.decode()


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt", "t.csv.gz"])
def test_the_name_of_a_file_makes_no_table_of_it(run: Run, tmp_path: Path, name: str) -> None:
    comma = "\t" if ".tsv" in name else ","
    data = f"n{comma}body\n1{comma}猫\n2{comma}犬\n".encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    done = run("embed", "--field", "body", name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"{name} is text, which has none; -I csv and -I tsv read tables" in done.stderr.decode()
    kind = ["-I", "tsv", "--header"] if ".tsv" in name else ["-I", "csv"]
    found = records(run("embed", "--field", "body", "-m", "static-ja-en", *kind, name, cwd=tmp_path))
    assert [(record["n"], record["body"], len(record["embedding"])) for record in found] == [
        ("1", "猫", 256),
        ("2", "犬", 256),
    ]


def test_a_column_without_a_name_is_called_by_its_number(run: Run) -> None:
    done = run(
        "tokenize", "-I", "csv", "--field", "text", "--id-field", "2", "--drop-input", stdin="text,,\n猫,7,8\n".encode()
    )
    assert done.returncode == 0
    whole = json.loads(run("tokenize", "-I", "csv", stdin="text,,\n猫,7,8\n".encode()).stdout)
    assert (whole["text"], whole["2"], whole["3"]) == ("猫", "7", "8")


def test_csv_has_no_rows_that_end_with_nul(run: Run) -> None:
    done = run("tokenize", "-0", "-I", "csv", stdin=b"a\n1\n")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"-0 is of text and JSONL" in done.stderr
