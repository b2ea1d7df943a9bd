"""What a line means, and how results are written beside it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nlptool.errors import RecordError
from nlptool.records.blocks import Block
from nlptool.records.json_bytes import members
from nlptool.records.parse import Parser
from nlptool.records.record import InputFormat, Record
from nlptool.records.render import render

Invoke = Callable[..., Result]


def parsed(*lines: bytes | RecordError, source: str = "x", **form: Any) -> list[Record]:
    return [
        record
        for records in Parser(InputFormat(**form)).parse(iter([Block(source, 1, list(lines))]))
        for record in records
    ]


def one(line: bytes, **form: Any) -> Record:
    (record,) = parsed(line, **form)
    return record


def failure(line: bytes, **form: Any) -> tuple[str, str]:
    """The error of a line that cannot be processed: its type and its message."""
    error = one(line, **form).error
    assert error is not None
    return error.type, error.message


def worked_on(record: Record) -> Record:
    """As a command leaves it."""
    if record.pending:
        record.results, record.entry = {"tokens": b"[1]"}, {"n": 1}
    return record


def through(line: bytes, **how: Any) -> bytes:
    """A JSONL line on its way through a command."""
    return render(worked_on(one(line, kind="jsonl")), "tokenize", **how)


def pairs(raw: bytes | str) -> Any:
    """JSON with nothing lost: objects as lists of pairs, so that doubled keys stay, and numbers as they are written."""
    return json.loads(raw, object_pairs_hook=list, parse_int=str, parse_float=str)


ADDED = b'"tokens":[1],"nlptool":{"tokenize":{"n":1}}}'


@pytest.mark.parametrize(
    "raw",
    [
        '{"text":"猫","id":1180591620717411303424}',  # 70 bits
        '{"id":-99999999999999999999999999999999999999999999999999,"text":"猫"}',
        '{"text":"猫","price":1.10,"small":1e5,"zero":-0.0,"exact":0.1000000000000000055511151231257827}',
        '{"text":"猫","a":1,"a":2,"a":{"a":3,"a":4}}',
        r'{"text":"caf\u00e9 \/ \ud83d\ude00","path":"a\/b\\","t":"\b\f\n\r\t\""}',
        '{"text":"a\u2028b\u2029c\x85d\x7fe","k\u2028":"\u2028"}',
        '{"z":1,"text":"猫","y":2,"a":3}',
        '{ "text" :\t"猫" ,  "list" : [ 1 , 2 ] , "o" : { }}',
        '{"text":"","":""}',
        '{"text":"猫","lone":"\\ud800","pair":"\\udc00\\ud800"}',
        '{"text":"猫","n":' + "1" * 5000 + "}",
        '{"text":"猫","x":1e999,"y":-1E+400}',
        '{"text":"猫","deep":' + "[" * 900 + "]" * 900 + "}",
        '{"text":"猫","deep":' + '{"a":' * 900 + "1" + "}" * 900 + "}",
        '{"text":"猫","brackets":"}]{[,:\\"}","more":["}","{\\\\"]}',
        '{"text":"猫","error":"mine","errors":[{"error":{}}]}',
        '{"text":"a nlptool \\"nlptool\\" tokens","x":"nlptool","y":["tokens"]}',
        '{"te\\u0078t":"猫"}',
    ],
    ids=lambda raw: raw[:24],
)
def test_everything_passes_through_as_it_came(raw: str) -> None:
    assert through(raw.encode()) == raw.encode()[:-1] + b"," + ADDED + b"\n"


def test_an_empty_object_and_white_space_at_the_ends() -> None:
    assert through(b'{"text":"a"  }  \r') == b'{"text":"a",' + ADDED + b"\n"
    record = one(b"{ }", kind="jsonl")
    assert render(record, "embed") == (
        b'{"nlptool":{"error":{"type":"MissingField","message":"the record has no field `text`; its fields: none",'
        b'"line":1,"command":"embed"}}}\n'
    )


def test_a_line_of_text_becomes_an_object() -> None:
    texts = ["  猫\u3000", "", "a\tb", '"{\\', "\u2028", "\x00\x01\x1f\x7f", "😀"]
    for text in texts:
        record = worked_on(one(text.encode(), kind="text"))
        assert record.text == text
        assert json.loads(render(record, "tokenize")) == {
            "text": text, "tokens": [1], "nlptool": {"tokenize": {"n": 1}},
        }  # fmt: skip
    assert render(one("猫\u2028".encode(), kind="text"), "x").startswith('{"text":"猫\u2028",'.encode())


# JSON as people and programs write it: blanks anywhere, escapes that need not be, numbers of any length, doubled keys.
_blank = st.sampled_from(["", "", "", " ", "\t", "  "])
_number = st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
_character = st.one_of(
    st.characters(exclude_categories=("Cs",), exclude_characters='"\\', min_codepoint=0x20),
    st.sampled_from(
        [r"\"", r"\\", r"\/", r"\n", r"\u0000", r"\u00e9", r"\u2028", r"\ud83d\ude00", r"\ud800", "\u2028"]
    ),
    st.sampled_from("{}[],:"),
)
_string = st.lists(_character, max_size=6).map(lambda parts: '"' + "".join(parts) + '"')
_key = st.one_of(
    _string,
    st.sampled_from(['"a"', '"error"', '"tokens"', '"nlptool"', r'"t\u006fkens"', r'"nlptoo\u006c"', '"text "']),
)


@st.composite
def _object(draw: st.DrawFn, value: st.SearchStrategy[str], first: str = "") -> str:
    written = [
        draw(_blank) + draw(_key) + draw(_blank) + ":" + draw(_blank) + draw(value) + draw(_blank)
        for _ in range(draw(st.integers(0, 4)))
    ]
    if first:
        written.insert(draw(st.integers(0, len(written))), first)
    return "{" + (",".join(written) or draw(_blank)) + "}"


_value = st.recursive(
    _number | _string | st.sampled_from(["true", "false", "null"]),
    lambda inner: st.lists(inner, max_size=3).map(lambda values: "[ " + ", ".join(values) + "]") | _object(inner),
    max_leaves=8,
)


@settings(max_examples=500, deadline=None)
@given(_object(_value, first='"text":"猫"'))
@example('{"text":"猫","tokens":[{"}":1}],"nlptool":{"a":{"tokens":"]"}, "tokenize":0}}')
@example(r'{"nlptoo\u006c":5,"text":"猫","nlptool":{},"nlptool":{"embed":{}}}')
def test_json_goes_in_and_comes_out_with_the_results_added(raw: str) -> None:
    before = pairs(raw)
    said = dict(before).get("nlptool")
    record = one(raw.encode(), kind="jsonl")
    said_is_object = isinstance(json.loads(raw).get("nlptool"), dict)
    if said_is_object and "error" in dict(said):  # type: ignore[arg-type]
        assert record.done
        assert render(record, "tokenize") == raw.strip().encode() + b"\n"
        return
    replaced: set[str] = set()
    out = render(worked_on(record), "tokenize", replaced=replaced)
    entries = [pair for pair in said if pair[0] != "tokenize"] if said_is_object else []  # type: ignore[union-attr]
    kept = [pair for pair in before if pair[0] not in ("tokens", "nlptool")]
    assert pairs(out) == [*kept, ("tokens", ["1"]), ("nlptool", [*entries, ("tokenize", [("n", "1")])])]
    position = 0
    for name, start, _, end in members(raw.encode()):
        if name not in ("tokens", "nlptool"):  # the bytes of every member are there, in order
            position = out.index(raw.encode()[start:end], position) + end - start
    expected = {"tokens"} & dict(before).keys() | (
        {"nlptool"} if "nlptool" in dict(before) and not said_is_object else set()
    )
    assert replaced == expected


@settings(max_examples=300, deadline=None)
@given(_object(_value))
def test_members_are_those_that_a_json_parser_finds(raw: str) -> None:
    found = [(name, raw.encode()[value:end].decode()) for name, _, value, end in members(raw.encode())]
    assert [(name, pairs(value)) for name, value in found] == pairs(raw)
    assert all(value == value.strip(" \t\r\n,") for _, value in found)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\utext01.eE- \x00é', max_size=40).map(str.encode))
def test_no_line_stops_the_run(line: bytes) -> None:
    for kind in ("auto", "text", "jsonl", "tsv"):
        for encoding in ("utf-8", "cp932", "euc_jp", "iso2022_jp", "utf-7", "utf-16"):
            for record in parsed(line, kind=kind, encoding=encoding):
                written = json.loads(render(worked_on(record), "tokenize"))
                assert isinstance(written, dict)
                json.dumps(record.text).encode()


def test_results_take_the_place_of_fields_of_that_name() -> None:
    replaced: set[str] = set()
    assert through(b'{"tokens":"old","text":"a","x":1}', replaced=replaced) == b'{"text":"a","x":1,' + ADDED + b"\n"
    assert replaced == {"tokens"}
    assert through(b'{"text":"a" , "tokens":1,  "x" : 2}') == b'{"text":"a",  "x" : 2,' + ADDED + b"\n"
    assert through(rb'{"text":"a","toke\u006es":1}') == b'{"text":"a",' + ADDED + b"\n"
    assert through(b'{"tokens":1,"text":"a","tokens":2}') == b'{"text":"a",' + ADDED + b"\n"


def test_the_entries_of_earlier_commands_are_kept() -> None:
    assert through(b'{"text":"a","nlptool":{"embed":{"model":"m", "x" :1.10}},"y":1}') == (
        b'{"text":"a","y":1,"tokens":[1],"nlptool":{"embed":{"model":"m", "x" :1.10},"tokenize":{"n":1}}}\n'
    )
    assert through(b'{"text":"a","nlptool":{"tokenize":{"n":9},"embed":{}}}') == (
        b'{"text":"a","tokens":[1],"nlptool":{"embed":{},"tokenize":{"n":1}}}\n'
    )
    assert through(b'{"text":"a","nlptool":{ }}') == b'{"text":"a",' + ADDED + b"\n"
    replaced: set[str] = set()
    assert through(b'{"nlptool":"mine","text":"a"}', replaced=replaced) == b'{"text":"a",' + ADDED + b"\n"
    assert replaced == {"nlptool"}


def test_an_error_stands_beside_the_entries_of_earlier_commands() -> None:
    record = one(b'{"text":5,"nlptool":{"embed":{"n":1}}}', kind="jsonl")
    assert json.loads(render(record, "tokenize"))["nlptool"] == {
        "embed": {"n": 1},
        "error": {
            "type": "NotText", "message": "the field `text` holds a number, not a string", "line": 1, "command": "tokenize",
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    "raw",
    [
        b'{"nlptool":{"error":{"type":"X"}},"text":5, "n":1.10,"n":2}',
        b'{"nlptool":{"error":null}}',
        b'{"nlptool":{"error":{}},"embedding":[1.0]}',
        rb'{"text":"\ud800","nlptool":{"error":1}}',
    ],
)
def test_a_record_that_failed_before_passes_byte_for_byte(raw: bytes) -> None:
    record = one(raw, kind="jsonl")
    assert record.done
    assert not record.pending
    assert render(record, "embed", drop_input=True, id_field="n") == raw + b"\n"


def test_a_users_own_error_is_data() -> None:
    for raw in (
        b'{"error":{"type":"X"},"text":"a"}',
        b'{"text":"a","error":"boom"}',
        b'{"text":"a","nlptool":"error"}',
    ):
        assert one(raw, kind="jsonl").pending
    assert through(b'{"error":"boom","text":"a"}') == b'{"error":"boom","text":"a",' + ADDED + b"\n"


def test_tokenize_and_embed_one_after_the_other_keep_both_entries(invoke: Invoke) -> None:
    first = invoke("tokenize", stdin=b'{"text":"A cat.","id":1180591620717411303424}\n{"text":5}\n')
    assert first.exit_code == 3
    second = invoke("embed", stdin=first.stdout_bytes)
    assert second.exit_code == 0
    good, bad = second.stdout_bytes.removesuffix(b"\n").split(b"\n")
    cat = json.loads(good)
    assert list(cat) == ["text", "id", "tokens", "embedding", "nlptool"]
    assert list(cat["nlptool"]) == ["tokenize", "embed"]
    assert [token["surface"] for token in cat["tokens"]] == ["A", "cat", "."]
    assert cat["id"] == 2**70
    assert bad == first.stdout_bytes.split(b"\n")[1]
    assert "1 records arrived with an error of an earlier command" in second.stderr
    third = invoke("tokenize", stdin=second.stdout_bytes)  # again: its entry and its field are made anew
    assert list(json.loads(third.stdout_bytes.split(b"\n")[0])["nlptool"]) == ["embed", "tokenize"]
    assert "the field `tokens` was there before and has been replaced" in third.stderr


def test_drop_input_leaves_the_results_the_id_and_the_entries() -> None:
    raw = b'{"text":"a","id": 1.10,"x":2,"nlptool":{"embed":{}}}'
    said = b'"nlptool":{"embed":{},"tokenize":{"n":1}}}\n'
    assert through(raw, drop_input=True, id_field="id") == b'{"id": 1.10,"tokens":[1],' + said
    assert through(raw, drop_input=True) == b'{"tokens":[1],' + said
    assert through(b'{"text":"a"}', drop_input=True, id_field="id") == b"{" + ADDED + b"\n"
    assert render(worked_on(one(b"a", kind="text")), "tokenize", drop_input=True) == b"{" + ADDED + b"\n"
    failed = json.loads(render(one(b'{"text":1,"id":2}', kind="jsonl"), "tokenize", drop_input=True))
    assert failed["text"] == 1  # what failed keeps its input


def test_the_text_is_named_by_a_field_or_a_json_pointer() -> None:
    raw = b'{"title":"t","meta":{"title":"mt","a/b":"slash","m~n":"tilde","":"empty"},"list":["zero",{"x":"one"}],"/x":"y"}'
    wanted = {
        "title": "t", "/title": "t", "/meta/title": "mt", "/meta/a~1b": "slash", "/meta/m~0n": "tilde", "/meta/": "empty",
        "/list/0": "zero", "/list/1/x": "one", "/~1x": "y",
    }  # fmt: skip
    for field, text in wanted.items():
        assert one(raw, kind="jsonl", field=field).text == text
    for field in (
        "nothing",
        "/meta/nothing",
        "/list/2",
        "/list/-1",
        "/list/１",
        "/list/x",
        "/title/0",
        "/",
        "meta/title",
    ):
        assert failure(raw, kind="jsonl", field=field)[0] == "MissingField"
    assert failure(raw, kind="jsonl", field="/meta") == ("NotText", "the field `/meta` holds an object, not a string")


@pytest.mark.parametrize(
    ("line", "type", "message"),
    [
        (b'{"title":"x","n":1}', "MissingField", "the record has no field `text`; its fields: `title`, `n`"),
        (b'{"text":5}', "NotText", "the field `text` holds a number, not a string"),
        (b'{"text":1.5}', "NotText", "the field `text` holds a number, not a string"),
        (b'{"text":null}', "NotText", "the field `text` holds null, not a string"),
        (b'{"text":true}', "NotText", "the field `text` holds true or false, not a string"),
        (b'{"text":["a"]}', "NotText", "the field `text` holds a list, not a string"),
        (rb'{"text":"ab\ud800"}', "LoneSurrogate", r"half a character (the lone surrogate \ud800) at character 2 of the text"),
        (rb'{"text":"\udc00"}', "LoneSurrogate", r"half a character (the lone surrogate \udc00) at character 0 of the text"),
        (b"[1,2]", "NotAnObject", "a JSONL record is an object, this is a list"),
        (b'"text"', "NotAnObject", "a JSONL record is an object, this is a string"),
        (b"12", "NotAnObject", "a JSONL record is an object, this is a number"),
        (b"null", "NotAnObject", "a JSONL record is an object, this is null"),
        (b'{"text":"a","x":NaN}', "InvalidJSON", "not JSON: NaN is not a JSON value"),
        (b'{"text":"a","x":[-Infinity]}', "InvalidJSON", "not JSON: -Infinity is not a JSON value"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_record_is_said(line: bytes, type: str, message: str) -> None:
    assert failure(line, kind="jsonl") == (type, message)


@pytest.mark.parametrize(
    "line",
    [
        b'{"text":"a"', b'{"text":"a"}}', b'{"text":"a"} {"text":"b"}', b"{'text':'a'}", b'{"text":"a",}', b'{"text":01}',
        b'{"text":"a\x01b"}', b'{"text":"\\x"}', b'{"text":"\\u12"}', b"// comment", b'{"a":' + b"[" * 100_000,
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)  # fmt: skip
def test_what_is_not_json_comes_out_as_text_with_an_error(line: bytes) -> None:
    record = one(line, kind="jsonl")
    written = json.loads(render(record, "tokenize"))
    assert written["text"] == line.decode()
    assert written["nlptool"]["error"]["type"] == "InvalidJSON"


def test_names_that_utf8_cannot_hold_are_shown_all_the_same() -> None:
    record = one(rb'{"\ud800":1}', kind="jsonl")
    written = render(record, "tokenize")
    assert written.startswith(rb'{"\ud800":1,"nlptool":')
    assert json.loads(written)["nlptool"]["error"]["message"].endswith(r"its fields: `\ud800`")
    assert failure(rb'{"\u001b[31mred":1,"\u9b5a":2}', kind="jsonl")[1].endswith(r"its fields: `\x1b[31mred`, `魚`")
    record = one(b'{"text":1}', kind="jsonl", field="\udcff")  # what Python makes of a byte 0xff in an argument
    assert json.loads(render(record, "tokenize"))["nlptool"]["error"]["type"] == "MissingField"


def test_the_first_line_of_each_input_decides_what_it_is() -> None:
    def kinds(*lines: bytes) -> list[str]:
        return ["text" if record.raw is None else "json" for record in parsed(*lines)]

    assert kinds(b'{"text":"a"}', b'{"text":"b"}') == ["json", "json"]
    assert kinds(b"a", b'{"text":"b"}') == ["text", "text"]
    assert kinds(b"[1]", b'{"text":"b"}') == ["text", "text"]
    assert kinds(b"{", b'{"text":"b"}') == ["text", "json"]  # the first is an error
    assert kinds(b"", b" ", b'{"text":"b"}', b"x") == ["json", "text"]
    assert kinds(b"{}", b"x") == ["json", "text"]
    assert kinds(b'\xef\xbb\xbf{"text":"a"}', b'{"text":"b"}') == ["json", "json"]
    assert kinds(b' \t{"text":"a\xff"}', b'{"text":"b"}') == ["text", "json"]  # the first is an error
    long = RecordError("LineTooLong", "long", raw=b'{"text":"aaaa')
    assert [(r.error.type if r.error else r.text) for r in parsed(long, b'{"text":"b"}')] == ["LineTooLong", "b"]
    blocks = [
        Block("a", 1, [b'{"text":"1"}']),
        Block("b", 1, [b"2"]),
        Block("c", 1, []),
        Block("c", 1, [b'{"text":"3"}']),
    ]
    lists = list(Parser(InputFormat()).parse(iter(blocks)))
    assert [[record.text for record in records] for records in lists] == [["1"], ["2"], [], ["3"]]
    assert [one(b'{"text":"a"}', kind="text").text] == ['{"text":"a"}']


def test_blank_lines_are_no_jsonl_records_but_are_texts() -> None:
    lines = (b'{"text":"a"}', b"", b" \t\r", b'{"text":"b"}')
    assert [(record.text, record.line) for record in parsed(*lines)] == [("a", 1), ("b", 4)]
    assert [record.text for record in parsed(b"a", b"", b" ")] == ["a", "", " "]


def test_a_record_over_several_lines_comes_out_on_one() -> None:
    assert through(b'{"text":"a",\r\n "n":\n1.10}') == b'{"text":"a",   "n": 1.10,' + ADDED + b"\n"


def test_a_byte_order_mark_is_dropped_at_the_start_alone() -> None:
    assert [record.text for record in parsed("\ufeffa".encode(), "\ufeffb".encode())] == ["a", "\ufeffb"]
    same = parsed("\ufeffa".encode(), "\ufeffb".encode(), encoding="utf-8-sig")
    assert [record.text for record in same] == ["a", "\ufeffb"]


def test_bytes_that_are_no_text_come_out_with_their_bytes() -> None:
    line = "猫が".encode("euc_jp")
    record = one(line)
    written = json.loads(render(record, "tokenize"))
    assert written["text"] == line.decode(errors="replace")
    assert base64.b64decode(written["nlptool"]["error"]["raw_base64"]) == line
    assert written["nlptool"]["error"]["message"] == "not UTF-8: byte 0xa4 at position 2"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("吾輩は猫である", "euc_jp"),
        ("ﾊﾝｶｸとカナ", "cp932"),
        ("café", "cp1252"),
        ("猫", "utf-16"),
        ("né", "utf-16-le"),
    ],
)
def test_the_likely_encoding_is_named(text: str, encoding: str) -> None:
    error = one(text.encode(encoding)).error
    assert error is not None
    assert error.hint == f"perhaps --encoding {encoding}"


def test_lines_in_other_encodings_and_half_characters_in_them() -> None:
    assert one("表示ソ".encode("cp932"), encoding="cp932").text == "表示ソ"
    assert one('{"text":"表"}'.encode("cp932"), encoding="cp932").raw == '{"text":"表"}'.encode()
    assert failure(b"\x81", encoding="cp932")[0] == "Undecodable"
    assert failure(b"+2AA-", encoding="utf-7")[0] == "LoneSurrogate"
    record = one(b"a\xed\xa0\x80b", encoding="utf-16-le")  # as the reader hands on half a character of UTF-16
    assert record.text == "a\ufffdb"
    assert record.error is not None
    assert record.error.type == "LoneSurrogate"


def test_columns_of_tsv() -> None:
    record = one("猫\t\t a".encode(), kind="tsv", field="3")
    assert record.text == " a"
    assert record.raw == '{"1":"猫","2":"","3":" a"}'.encode()
    assert one(b"a\tb", kind="tsv").text == "a"
    assert failure(b"a\tb", kind="tsv", field="3") == ("MissingField", "no column `3`; there are: `1`, `2`")
    assert failure(b"a\tb", kind="tsv", field="text")[0] == "MissingField"
    for field, hint in (("b", "--header takes the names from the first row"), ("c", "--field names one")):
        error = one(b"a\tb", kind="tsv", field=field).error
        assert error is not None
        assert error.hint == hint
    assert [record.text for record in parsed(b"a", b"", b"b\tc", kind="tsv")] == ["a", "", "b"]


def test_a_header_names_the_columns() -> None:
    header, *rows = b"id\ttext", b"1\ta", b"2\tb\tc", b"3", b"4\t"
    records = parsed(header, *rows, kind="tsv", header=True)
    assert [record.text for record in records if not record.error] == ["a", ""]
    assert records[0].raw == b'{"id":"1","text":"a"}'
    assert [record.error.message for record in records if record.error] == [
        "3 columns, but the header has 2", "1 columns, but the header has 2",
    ]  # fmt: skip
    assert [record.line for record in records] == [2, 3, 4, 5]
    assert [record.text for record in parsed(header, b"1\ta", kind="tsv", header=True, field="id")] == ["1"]
    assert parsed(b"a\tb", b"1\t2", kind="tsv", header=True)[0].text == "1"  # no column is called text: the first
    assert failure_of_second(header, b"1\ta", field="colour") == "no column `colour`; there are: `id`, `text`"
    assert parsed(header, kind="tsv", header=True) == []


def failure_of_second(*lines: bytes, field: str) -> str:
    (record,) = parsed(*lines, kind="tsv", header=True, field=field)
    assert record.error is not None
    return record.error.message


def test_each_tsv_file_has_its_own_header() -> None:
    blocks = [Block("a", 1, [b"x\ttext", b"1\t2"]), Block("b", 1, [b"text", b"3"])]
    lists = list(Parser(InputFormat(kind="tsv", header=True)).parse(iter(blocks)))
    assert [[record.text for record in records] for records in lists] == [["2"], ["3"]]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"a\tb\ta", "the header names the column `a` twice"),
        (b"\xff\tb", "the header cannot be read: not UTF-8: byte 0xff at position 0"),
        (RecordError("LineTooLong", "long", raw=b"x"), "the header cannot be read: long"),
    ],
)
def test_a_table_with_a_header_that_cannot_be_used_is_left_out(header: bytes | RecordError, said: str) -> None:
    blocks = [Block("a", 1, [header, b"1\t2\t3"]), Block("a", 3, [b"4\t5\t6"]), Block("b", 1, [b"text", b"1"])]
    reported: list[str] = []
    parser = Parser(InputFormat(kind="tsv", header=True), report=lambda message, hint: reported.append(message))
    assert [record.text for records in parser.parse(iter(blocks)) for record in records] == ["1"]
    assert reported == [f"a: {said}"]


def test_results_beside_tsv(invoke: Invoke) -> None:
    done = invoke(
        "tokenize", "-I", "tsv", "--header", "--drop-input", "--id-field", "id", stdin="id\ttext\n7\t猫\n".encode()
    )
    assert done.exit_code == 0
    record = json.loads(done.stdout)
    assert list(record) == ["id", "tokens", "nlptool"]
    assert record["id"] == "7"
    assert [token["surface"] for token in record["tokens"]] == ["猫"]


def test_an_id_field_that_no_record_has_is_said(invoke: Invoke) -> None:
    said = "nlptool tokenize: no record has an id in the field `/ticket/id` (--id-field)\n"
    lines = b'{"ticket":{"id":1},"text":"a"}\n' * 3
    for more in ([], ["-j", "2"], ["-f", "csv"]):
        assert said in invoke("tokenize", "--id-field", "/ticket/id", *more, stdin=lines).stderr
    assert (
        said
        not in invoke("tokenize", "--id-field", "/ticket/id", stdin=lines + b'{"/ticket/id":2,"text":"b"}\n').stderr
    )
    assert said not in invoke("tokenize", "--id-field", "/ticket/id", stdin=b"").stderr
    done = invoke("split", "-I", "csv", "--id-field", "no", stdin=b"number,text\n1,a\n")
    assert done.stderr == "nlptool split: no record has an id in the field `no` (--id-field)\n"
