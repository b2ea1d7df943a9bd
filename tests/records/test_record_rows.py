"""Records as CSV, TSV and Parquet: which columns there are, and what stands in the cells."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from program import Invoke, parse_records

from nlptool.errors import RecordError
from nlptool.records.csv_rows import CsvRows
from nlptool.records.formats import row_writer
from nlptool.records.formats.record_rows import Layout
from nlptool.records.record import Record
from nlptool.storage.output import Output

SCORE = Layout({"score": float})
ANSWERS = Layout({"query": str}, answers="found", answer_columns={"word": ("word", str), "score": ("score", float)})


def record(raw: dict[str, Any] | bytes, line: int = 1, **results: Any) -> Record:
    spelled = raw if isinstance(raw, bytes) else orjson.dumps(raw)
    made = Record("", "in.jsonl", line, spelled)
    made.results = {name: orjson.dumps(value) for name, value in results.items()}
    return made


def failed(text: str = "", line: int = 1) -> Record:
    return Record(text, "in.jsonl", line).fail(RecordError("Bad", "it is bad"))


def written(
    tmp_path: Path, format: str, windows: Sequence[Sequence[Record]], layout: Layout = SCORE, **options: Any
) -> bytes:
    """Return the file that a writer makes of windows of records."""
    return written_and_said(tmp_path, format, windows, layout, **options)[0]


def written_and_said(
    tmp_path: Path, format: str, windows: Sequence[Sequence[Record]], layout: Layout = SCORE, **options: Any
) -> tuple[bytes, list[str]]:
    writer = row_writer(format, "records", layout, **options)
    assert writer is not None
    with Output(str(tmp_path / "out")) as output:
        output.write(writer.start(output))
        for window in windows:
            output.write(*map(writer.row, window), writer.flush())
        writer.finish(output)
    return (tmp_path / "out").read_bytes(), list(writer.notes())


def rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def table(data: bytes) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = pyarrow.parquet.read_table(io.BytesIO(data)).to_pydict()
    return found


def test_fields_come_first_then_results_then_the_error(tmp_path: Path) -> None:
    windows = [
        [record({"id": 7, "t": "a"}, score=0.5), failed("x"), record({"t": "b", "u": None, "id": 8}, score=None)]
    ]
    assert rows(written(tmp_path, "csv", windows)) == [
        ["id", "t", "text", "u", "score", "error"],
        ["7", "a", "", "", "0.5", ""],
        ["", "", "x", "", "", "Bad: it is bad"],
        ["8", "b", "", "", "", ""],
    ]


def test_a_value_is_what_came_to_the_digit(tmp_path: Path) -> None:
    raw = rb'{"price": 1.10, "big": 123456789012345678901234567890, "on": true, "tags": ["\u732b", 1.0], "e": "\u732b", "z": 1e5}'
    _, cells = rows(written(tmp_path, "csv", [[record(raw, score=1)]]))
    assert cells == ["1.10", "123456789012345678901234567890", "true", r'["\u732b", 1.0]', "猫", "1e5", "1", ""]


def test_half_a_character_is_replaced(tmp_path: Path) -> None:
    assert rows(written(tmp_path, "csv", [[record(rb'{"t":"a\ud800"}', score=1)]]))[1] == ["a\ufffd", "1", ""]
    assert table(written(tmp_path, "parquet", [[record(rb'{"t":"a\ud800"}', score=1)]]))["t"] == ["a\ufffd"]


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(cells=st.lists(CELLS, min_size=1, max_size=5))
def test_csv_is_read_back_by_pythons_reader_and_by_ours(
    cells: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    data = written(folder, "csv", [[record({str(n): cell for n, cell in enumerate(cells)}, score=1)]])
    assert rows(data)[1] == [*cells, "1", ""]
    reader = CsvRows(1_000_000)
    found = [row for number, line in enumerate(data.decode().split("\n")[:-1]) for _, row in reader.add(line, number)]
    assert found[1] == [*cells, "1", ""]


@given(cells=st.lists(CELLS, min_size=1, max_size=5))
def test_tsv_has_a_line_for_a_record_and_is_unescaped(
    cells: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("tsv")
    data = written(folder, "tsv", [[record({str(n): cell for n, cell in enumerate(cells)}, score=1)]])
    head, line, end = data.decode().split("\n")
    assert (head.count("\t"), line.count("\t"), end) == (len(cells) + 1, len(cells) + 1, "")
    plain = [cell.replace("\\\\", "\0").replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r").replace("\0", "\\")
             for cell in line.split("\t")]  # fmt: skip
    assert plain == [*[cell.replace("\0", "\\") for cell in cells], "1", ""]


def test_a_field_that_comes_later_is_said(tmp_path: Path) -> None:
    for format in ("csv", "tsv"):
        windows = [
            [record({"t": "a"}, score=1)],
            [record({"t": "b", "late": 1, "more": 2}, score=1), record({"late": 3}, score=2)],
        ]
        data, said = written_and_said(tmp_path, format, windows)
        assert data.split(b"\n")[0] in (b"t,score,error", b"t\tscore\terror")
        assert said == [
            "fields that are not in the output, since the columns were decided by the first 1 records: `late` (2), `more` (1)"
        ]


def test_records_that_failed_wait_for_the_first_that_says_what_columns_there_are(tmp_path: Path) -> None:
    windows = [[failed("x")], [], [failed("y")], [record({"id": 1}, score=1)]]
    assert rows(written(tmp_path, "csv", windows)) == [
        ["text", "id", "score", "error"],
        ["x", "", "", "Bad: it is bad"],
        ["y", "", "", "Bad: it is bad"],
        ["", "1", "1", ""],
    ]
    assert rows(written(tmp_path, "csv", [[failed("x")]] * 2))[1:] == [["x", "", "Bad: it is bad"]] * 2


@pytest.mark.parametrize("format", ["csv", "tsv", "parquet"])
def test_no_record_gives_the_columns_of_text(tmp_path: Path, format: str) -> None:
    data = written(tmp_path, format, [])
    names = list(table(data)) if format == "parquet" else data.decode().strip().replace("\t", ",").split(",")
    assert names == ["text", "score", "error"]


def test_columns_of_ours_have_another_name_where_the_input_has_theirs(tmp_path: Path) -> None:
    first = record({"error": "mine", "line": "9", "nlptool_error": "too"}, line=3, score=1)
    assert rows(written(tmp_path, "csv", [[first]], with_place=True)) == [
        ["file", "nlptool_line", "error", "line", "nlptool_error", "score", "nlptool_nlptool_error"],
        ["in.jsonl", "3", "mine", "9", "too", "1", ""],
    ]


def test_a_result_replaces_a_field_of_its_name_and_that_is_known(tmp_path: Path) -> None:
    replaced: set[str] = set()
    windows = [[record({"score": "old", "t": "a"}, score=1), failed("x"), record({"score": "old"})]]
    assert rows(written(tmp_path, "csv", windows, replaced=replaced)) == [
        ["t", "text", "score", "error"],
        ["a", "", "1", ""],
        ["", "x", "", "Bad: it is bad"],
        ["", "", "old", ""],
    ]
    assert replaced == {"score"}


def test_without_the_input_the_id_is_kept(tmp_path: Path) -> None:
    windows = [[record({"id": 7, "t": "a"}, score=1), record({"t": "b", "late": 1}, score=2)]]
    data, said = written_and_said(tmp_path, "csv", windows, drop_input=True, id_field="id")
    assert rows(data) == [["id", "score", "error"], ["7", "1", ""], ["", "2", ""]]
    assert said == []


def test_the_origin_of_a_record_is_a_column(tmp_path: Path) -> None:
    piped = record({"t": "a", "nlptool": {"source": {"file": "b.txt", "line": 4}}}, score=1)
    piped.origin = ("b.txt", 4)
    assert rows(written(tmp_path, "csv", [[piped]])) == [
        ["file", "line", "t", "score", "error"],
        ["b.txt", "4", "a", "1", ""],
    ]


def test_an_error_of_an_earlier_command_is_in_its_column(tmp_path: Path) -> None:
    passed = record({"t": "a", "nlptool": {"error": {"type": "TooLong", "message": "no end"}}})
    odd = record({"t": "b", "nlptool": {"error": 7}})
    passed.done = odd.done = True
    assert rows(written(tmp_path, "csv", [[passed, odd]]))[1:] == [
        ["a", "", "TooLong: no end"],
        ["b", "", "unknown: an earlier command failed"],
    ]


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_each_answer_is_a_row(tmp_path: Path, format: str) -> None:
    windows = [
        [
            record(
                {"id": 1}, query="a", found=[{"word": "x", "score": 0.5}, {"word": "y", "score": 0.25, "extra": [1]}]
            ),
            record({"id": 2}, query="b", found=[]),
            record({"id": 3}, query="c", found=None),
            failed(),
        ]
    ]
    data = written(tmp_path, format, windows, ANSWERS)
    if format == "csv":
        found = rows(data)
    else:
        columns = table(data)
        spelled = [
            ["" if cell is None else str(cell).replace(" ", "") for cell in row]
            for row in zip(*columns.values(), strict=True)
        ]
        spelled[-1][-1] = "Bad: it is bad"
        found = [list(columns), *spelled]
    assert found == [
        ["id", "text", "query", "word", "score", "extra", "error"],
        ["1", "", "a", "x", "0.5", "", ""],
        ["1", "", "a", "y", "0.25", "[1]", ""],
        ["2", "", "b", "", "", "", ""],
        ["3", "", "c", "", "", "", ""],
        ["", "", "", "", "", "", "Bad: it is bad"],
    ]


def test_parquet_types_are_those_of_the_first_values(tmp_path: Path) -> None:
    first = {
        "i": 1,
        "f": 1,
        "b": True,
        "s": "x",
        "v": [1, 2],
        "w": [0.5],
        "m": 1,
        "n": None,
        "o": {"a": [1]},
        "big": 2**63,
    }
    second = {"i": -5, "f": 0.5, "b": None, "s": None, "v": [], "w": [1], "m": "x", "n": None, "o": None, "big": 1}
    data = written(tmp_path, "parquet", [[record(first, score=0.1), record(second, score=None)]])
    types = {field.name: str(field.type) for field in pyarrow.parquet.read_schema(io.BytesIO(data))}
    assert types == {
        "i": "int64", "f": "double", "b": "bool", "s": "string", "v": "list<element: double>", "w": "list<element: double>",
        "m": "string", "n": "string", "o": "string", "big": "string", "score": "float", "error": "string",
    }  # fmt: skip
    found = table(data)
    assert found["m"] == ["1", "x"]
    assert found["o"] == ['{"a": [1]}', None]
    assert found["big"] == ["9223372036854775808", "1"]
    assert found["v"] == [[1, 2], []]


def test_an_integer_beyond_64_bits_keeps_its_digits(tmp_path: Path) -> None:
    data = written(
        tmp_path, "parquet", [[record(b'{"n": 123456789012345678901234567890}', score=1), record({"n": 1}, score=1)]]
    )
    assert table(data)["n"] == ["123456789012345678901234567890", "1"]


def test_what_does_not_fit_a_column_of_parquet_is_said(tmp_path: Path) -> None:
    first = [record({"n": 1}, score=1)] * 4096
    data, said = written_and_said(
        tmp_path, "parquet", [first, [record({"n": "x"}, score=1), record({"n": 2, "late": 1}, score=1)]]
    )
    assert table(data)["n"][4095:] == [1, None, 2]
    assert said == [
        "fields that are not in the output, since the columns were decided by the first 4,096 records: `late` (1)",
        "values of `n` that are no int64, as those of the first rows are, and were left out: 1",
    ]


def test_records_of_several_have_no_fields_of_their_own(tmp_path: Path) -> None:
    layout = Layout({"first": str, "second": str}, with_input=False)
    windows = [[failed("x", line=2), record({}, first="a", second="b")]]
    assert rows(written(tmp_path, "csv", windows, layout, with_place=True)) == [
        ["first", "second", "error"],
        ["", "", "in.jsonl:2: Bad: it is bad"],
        ["a", "b", ""],
    ]


@pytest.mark.parametrize(
    ("name", "head"),
    [("v.npy", b"\x93NUMPY"), ("v.npz", b"PK"), ("v.parquet", b"PAR1"), ("v.CSV", b"text,embedding,error\n"),
     ("v.tsv", b"text\tembedding\terror\n"), ("v.jsonl", b'{"text":'), ("v.xlsx", b'{"text":'), ("v", b'{"text":')],
)  # fmt: skip
def test_the_format_follows_the_ending_of_the_output(invoke: Invoke, tmp_path: Path, name: str, head: bytes) -> None:
    done = invoke("embed", "-m", "static-ja-en", "-o", str(tmp_path / name), stdin="猫\n".encode())
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / name).read_bytes().startswith(head)
    done = invoke("embed", "-m", "static-ja-en", "-f", "jsonl", "-o", str(tmp_path / name), stdin="猫\n".encode())
    assert json.loads((tmp_path / name).read_bytes())["text"] == "猫"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nsp", "-o", "v.npy"], "v.npy: npy is none of the formats of this command: table, jsonl, csv, tsv, parquet;"),
        (["embed", "-o", "v.conllu"], "v.conllu: conllu is none of the formats"),
        (["attention", "-o", "a.csv"], "a.csv: csv is none of the formats of this command: jsonl;"),
        (["tokenize", "--count", "words", "-o", "a.parquet"], "--count writes table, jsonl, csv, tsv"),
        (["generate", "-m", "hyakunin", "--stream", "-o", "a.csv"], "--stream writes bare text"),
        (["similarity", "-k", "1", "-o", "a.npy"], "-f npy is of the matrix"),
        (["mask", "-o", "a.csv.gz"], "a.csv.gz: the output is not compressed here: leave -o out and add | gzip > a.csv.gz"),
        (["mask", "-f", "csv", "-o", "a.gz"], "leave -o out and add | gzip > a.gz"),
        (["attention", "-o", "a.jsonl.zst"], "| zstd > a.jsonl.zst"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_an_ending_that_the_command_cannot_write_is_wrong_usage(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = invoke(*arguments, stdin=b"a\n")
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
    assert not list(tmp_path.iterdir())


def test_tokens_as_csv(invoke: Invoke) -> None:
    given = '{"id":1.10,"text":"「猫,\\"が","tags":["a"]}\n{"id":2,"text":""}\n{"id":3}\n{"id":4,"text":"a\\u0001ｂ"}\n'
    done = invoke("tokenize", "-f", "csv", "--fields", "is_unknown", stdin=given.encode())
    head, *found = rows(done.stdout_bytes)
    assert head == ["id", "tags", "index", "surface", "lemma", "pos", "reading", "is_unknown", "start", "end", "error"]
    assert [[row[0], *row[1:4], *row[-4:]] for row in found] == [
        ["1.10", '["a"]', "0", "「", "false", "0", "1", ""],
        ["1.10", '["a"]', "0", "猫", "false", "1", "2", ""],
        ["1.10", '["a"]', "0", ',"', "true", "2", "4", ""],
        ["1.10", '["a"]', "0", "が", "false", "4", "5", ""],
        ["2", "", "1", "", "", "", "", ""],
        ["3", "", "2", "", "", "", "", "<stdin>:3: MissingField: the record has no field `text`; its fields: `id`"],
        ["4", "", "3", "a", "true", "0", "1", ""],
        ["4", "", "3", "\x01", "true", "1", "2", ""],
        ["4", "", "3", "ｂ", "true", "2", "3", ""],
    ]
    parallel = invoke("tokenize", "-f", "csv", "--fields", "is_unknown", "-j", "2", stdin=given.encode())
    assert parallel.stdout_bytes == done.stdout_bytes
    filtered = rows(invoke("tokenize", "-f", "csv", "--pos", "名詞", stdin=given.encode()).stdout_bytes)
    assert [row[3] for row in filtered[1:]] == ["猫", "", "", "a", "ｂ"]


def test_tokens_are_the_same_in_every_table(invoke: Invoke) -> None:
    given = "吾輩は猫である。\n\n名前　は 無い\n".encode()
    as_csv = rows(invoke("tokenize", "-f", "csv", stdin=given).stdout_bytes)
    columns = table(invoke("tokenize", "-f", "parquet", stdin=given).stdout_bytes)
    spelled = [["" if cell is None else str(cell) for cell in row] for row in zip(*columns.values(), strict=True)]
    assert [list(columns), *spelled] == as_csv
    as_tsv = invoke("tokenize", "-f", "tsv", stdin=given).stdout.split("\n")
    assert [line.split("\t") for line in as_tsv if line] == [row[1:-1] for row in as_csv[1:] if row[1]]


def test_the_text_of_a_table_is_not_repeated_with_each_token(invoke: Invoke) -> None:
    for stdin, arguments, head in (
        ("no,body\n1,猫が\n", ["-I", "csv", "--field", "body"], ["no", "index"]),
        ("no,body\n1,猫が\n", ["-I", "csv", "--field", "2"], ["no", "index"]),
        ("猫が\tx\n", ["-I", "tsv"], ["2", "index"]),
    ):
        found = rows(invoke("tokenize", *arguments, "-f", "csv", stdin=stdin.encode()).stdout_bytes)
        assert found[0][:2] == head
        assert [row[2] for row in found[1:]] == ["猫", "が"]


def test_results_that_come_all_at_once_are_csv_too(invoke: Invoke) -> None:
    found = rows(invoke("models", "list", "-f", "csv").stdout_bytes)
    assert "name" in found[0]
    assert ["sbert-mini-ja-en"] in [row[:1] for row in found]
    assert invoke("models", "list", "-f", "tsv").stdout.split("\n")[0].split("\t") == found[0]


def test_a_column_that_gives_way_to_one_of_ours_is_said(invoke: Invoke) -> None:
    rows = "id,text,n,index,surface,neighbor\n1,猫だ。,a,b,c,d\n2,犬。,a,b,c,d\n"
    replaced = "nlptool {}: the field `{}` was there before and has been replaced\n"
    for command, names in (
        ("split", "index n"),
        ("tokenize", "index surface"),
        ("similarity -k 1 -m static-ja-en", "index neighbor"),
    ):
        for format in ("csv", "parquet"):
            done = invoke(*command.split(), "-I", "csv", "-f", format, stdin=rows.encode())
            assert done.stderr == "".join(replaced.format(command.split()[0], name) for name in names.split())
        done = invoke(*command.split(), "-I", "csv", "-f", "csv", "--drop-input", stdin=rows.encode())
        assert done.stderr == ""


@pytest.mark.parametrize("format", ["csv", "tsv", "parquet"])
def test_vectors_in_a_table_are_used_again(invoke: Invoke, tmp_path: Path, format: str) -> None:
    table = ("-I", format) + (("--header",) if format == "tsv" else ())
    vectors = str(tmp_path / f"v.{format}")
    assert invoke("embed", "-m", "static-ja-en", "-o", vectors, stdin="猫\n\n犬\n".encode()).exit_code == 0
    plain = invoke("similarity", "-k", "1", "--drop-input", "-m", "static-ja-en", stdin="猫\n\n犬\n".encode())
    again = invoke("similarity", "-k", "1", "--drop-input", *table, vectors)
    assert again.exit_code == 0
    assert again.stderr == plain.stderr
    found, expected = (
        [
            [(near["index"], round(near["similarity"], 5)) for near in record["neighbors"]]
            for record in parse_records(done.stdout_bytes)
        ]
        for done in (again, plain)
    )
    assert found == expected == [[(2, expected[0][0][1])], [(0, expected[0][0][1])]]
    bad = b'text,embedding\ncat,"[1,2"\ndog,"[1,""a""]"\n'
    done = invoke("similarity", "-k", "1", "-I", "csv", stdin=bad)
    assert done.exit_code == 3
    assert [record["nlptool"]["error"]["type"] for record in parse_records(done.stdout_bytes)] == ["NotAVector"] * 2
