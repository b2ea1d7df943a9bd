"""Labelled data: what is an example in which format, under which names, and that everything else fails and is said."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nlptool.errors import RecordError, RunError, WrongUsage
from nlptool.records import labelled
from nlptool.records.known_columns import LABELS, PAIRS, PRESETS, TEXTS
from nlptool.records.labelled import Columns, Example, conflicting
from nlptool.records.pipe import Pipe
from nlptool.records.record import InputFormat, Record

GOOD, BAD = Example(("good",), "1"), Example(("bad",), "0")
PAIR = Example(("a", "b"), "x")


def read(
    path: Path,
    content: str | bytes,
    columns: Columns = Columns(),  # it is frozen
    form: InputFormat = InputFormat(),
) -> tuple[list[Example], Pipe]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    pipe = Pipe("train", (str(path),), form)
    return labelled.read(pipe, columns), pipe


@pytest.mark.parametrize(
    "content",
    [
        '{"text":"good","label":"1"}\n{"text":"bad","label":"0"}\n',
        '{"text":"good","label":1}\r\n\n{"text":"bad","label":0}',
        '{"id":7,"Sentence":"good","Label":" 1 "}\n{"id":8,"Sentence":"bad","Label":"0"}\n',
        '[{"body":"good","class":1},\n{"body":"bad","class":0}]',
        "text,label\ngood,1\nbad,0\n",
        "\ufeffid,Category,Review\r\n7,1,good\r\n8,0,bad\r\n",
        ',text,label\n0,"good",1\n1,"bad",0\n',
        "good,1\nbad,0\n",
        '"good","1"\n"bad","0"\n',
        "text\tlabel\ngood\t1\nbad\t0\n",
        "score\tid\tcontent\n1\t7\tgood\n0\t8\tbad\n",
        "good\t1\nbad\t 0 \n",
        "\n \ngood\t1\n\nbad\t0\n",
    ],
)
def test_texts_with_a_label_are_read(tmp_path: Path, content: str) -> None:
    found, pipe = read(tmp_path / "data", content)
    assert (found, pipe.tally.n_failed) == ([GOOD, BAD], 0)


@pytest.mark.parametrize("names", PAIRS)
def test_pairs_are_found_by_each_of_their_names_and_go_before_a_text(tmp_path: Path, names: tuple[str, str]) -> None:
    first, second = names
    contents = [
        json.dumps({first: "a", second: "b", "label": "x", "text": "a b"}),
        f"text\t{second.upper()}\tlabel\t{first.upper()}\na b\tb\tx\ta\n",
        f'{first},{second},label\n"a",b,x\n',
    ]
    for content in contents:
        assert read(tmp_path / "data", content)[0] == [PAIR]
    assert read(tmp_path / "data", contents[0], Columns(n_texts=1))[0] == [Example(("a b",), "x")]


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("text", TEXTS)
def test_every_usual_name_is_found_in_every_format(tmp_path: Path, text: str, label: str) -> None:
    rows = [{text: "good", label: "1"}, {text: "bad", label: "0"}]
    lines = [[text, label], ["good", "1"], ["bad", "0"]]
    for content in ("\n".join(map(json.dumps, rows)), *("\n".join(map(mark.join, lines)) for mark in "\t,")):
        assert read(tmp_path / "data", content)[0] == [GOOD, BAD]


@pytest.mark.parametrize(
    ("columns", "content"),
    [
        (Columns(text="utterance", label="intent"), "id\tutterance\tintent\n7\tgood\t1\n8\tbad\t0\n"),
        (Columns(text="Utterance", label="Intent"), "intent,utterance\n1,good\n0,bad\n"),
        (Columns(text="utterance"), "text,utterance,label\nno,good,1\nno,bad,0\n"),
        (Columns(label="stance"), "text,stance,label\ngood,1,no\nbad,0,no\n"),
        (Columns(text="2", label="1"), "1\tgood\tx\n0\tbad\ty\n"),
        (Columns(text="2", label="1"), "1,good\n0,bad\n"),
        (Columns(text="2"), "1\tgood\n0\tbad\n"),
        (Columns(label="1"), "1\tgood\n0\tbad\n"),
        (Columns(text="2", label="3"), "id\tsentence\tlabel\n7\tgood\t1\n8\tbad\t0\n"),
        (Columns(text="/x/t", label="/x/l/0"), '{"x":{"t":"good","l":[1]}}\n{"x":{"t":"bad","l":["0"]}}\n'),
        (Columns(label="score"), '{"text":"good","label":"x","score":"1"}\n{"text":"bad","label":"y","score":"0"}\n'),
    ],
)
def test_names_and_numbers_of_columns_can_be_given(tmp_path: Path, columns: Columns, content: str) -> None:
    found, pipe = read(tmp_path / "data", content, columns)
    assert (found, pipe.tally.n_failed) == ([GOOD, BAD], 0)


def test_pairs_of_a_table_without_a_header(tmp_path: Path) -> None:
    content = "a\tb\tx\n"
    assert read(tmp_path / "data", content, Columns(n_texts=2))[0] == [PAIR]
    assert read(tmp_path / "data", content, Columns(first="1", second="2"))[0] == [PAIR]
    assert read(tmp_path / "data", "x,a,b\n", Columns(first="2", second="3", label="1"))[0] == [PAIR]
    assert read(tmp_path / "data", "a\tb\n", Columns(labelled=False, n_texts=2))[0] == [Example(("a", "b"))]


def test_which_of_three_unnamed_columns_is_what_is_not_guessed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, pipe = read(tmp_path / "data", "7\tgood\t1\n8\tbad\t0\n")
    assert (found, pipe.tally.n_failed) == ([], 2)
    said = capsys.readouterr().err
    assert "data:1: the record has no text and no pair of texts with one of the usual names" in said
    assert "its columns: `1 (7)`, `2 (good)`, `3 (1)`" in said
    assert "--text NAME, or --first NAME --second NAME: a field, or a column's number" in said


@pytest.mark.parametrize(
    ("first_row", "is_header"),
    [
        ("won the race\tgold", False),
        ("a caption\ttext", False),
        ("id\tsaya", False),
        ("review\tnice", True),
        ("x\tlabel", True),
        ("index\tsentence", True),
        ("id\tutterance\tintent", True),
    ],
)
def test_a_first_row_with_a_usual_name_among_its_cells_may_be_an_example(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], first_row: str, is_header: bool
) -> None:
    found, pipe = read(tmp_path / "data", f"{first_row}\ngood\t1\n")
    assert len(found) == (0 if is_header else 2)
    assert pipe.tally.input_failed == is_header
    assert ("the first row has no " in capsys.readouterr().err) == is_header


def test_a_header_can_be_said_and_denied(tmp_path: Path) -> None:
    content = "text\tlabel\ngood\t1\n"
    assert read(tmp_path / "data", content, form=InputFormat(kind="tsv", header=False))[0] == [
        Example(("text",), "label"),
        GOOD,
    ]
    named = Columns(text="1", label="2")
    assert read(tmp_path / "data", "what\thow\ngood\t1\n", named, InputFormat(kind="tsv", header=True))[0] == [GOOD]
    assert len(read(tmp_path / "data", "what\thow\ngood\t1\n", named)[0]) == 2


def test_quotes_are_text_in_tsv_and_quote_in_csv(tmp_path: Path) -> None:
    assert read(tmp_path / "data", '"a\t1\nb "c"\t0\n')[0] == [Example(('"a',), "1"), Example(('b "c"',), "0")]
    assert read(tmp_path / "data", 'text,label\n"a\n""b"", c",1\n')[0] == [Example(('a\n"b", c',), "1")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,words,tag\n1,a,b\n", "the first row has no `utterance`\n  it has `id`, `words`, `tag`"),
        ("utterance,tag\na,b\n", "has no label with one of the usual names\n  it has `utterance`, `tag`; --label"),
        ("utterance\ttag\na\tb\n", "has no label with one of the usual names\n  it has `utterance`, `tag`; --label"),
        ("utterance,label,label\na,b,c\n", "the header names the column `label` twice"),
    ],
)  # fmt: skip
def test_a_missing_column_is_said_once_with_those_that_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    found, pipe = read(tmp_path / "data", content, Columns(text="utterance"))
    assert (found, pipe.tally.exit_code) == ([], 1)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text":"a"}', "the record has no label with one of the usual names; its fields: `text`"),
        ('{"label":"a","words":"b"}', "the record has no text and no pair of texts"),
        ('{"text":"a","label":null}', "the label is null"),
        ('{"text":"a","label":""}', "the label is empty"),
        ('{"text":"a","label":" \\u3000"}', "the label is empty"),
        ('{"text":"a","label":{"x":1}}', "the label is an object"),
        ('{"text":"a","label":["x",null]}', "the label is null"),
        ('{"text":"a","label":["x",["y"]]}', "the label is a list"),
        ('{"text":"a","label":1e999}', "the label is no finite number"),
        ('{"text":"a","label":"\\ud800"}', "half a character"),
        ('{"text":"","label":"x"}', "the text is empty"),
        ('{"text":"\\u3000","label":"x"}', "the text is empty"),
        ('{"text":null,"label":"x"}', "the field `text` holds null, not a string"),
        ('{"text":["a"],"label":"x"}', "the field `text` holds a list, not a string"),
        ('{"text":"a\\udfff","label":"x"}', "half a character"),
        ('{"text":"a","score":2.7}', "the examples before have --text text --label label, this one has --text"),
        ('{"sentence1":"a","sentence2":"b","label":"x"}', "the examples before have --text text --label"),
        ('{"text":"a","label":', "not JSON"),
        ("[1]", "a JSONL record is an object"),
        ("{}", "the record has no text and no pair"),
    ],
)  # fmt: skip
def test_an_object_that_is_no_example_fails_and_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    good = '{"text":"good","label":1}'
    found, pipe = read(tmp_path / "data", f"{good}\n{line}\n{good}\n")
    assert (found, pipe.tally.n_failed, pipe.tally.exit_code) == ([GOOD] * 2, 1, 3)
    assert f"{tmp_path / 'data'}:2: {message}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("sentence1,sentence2,label\na,b,x\na,,x\n", "a pair is two texts, and one of these is empty: `sentence2`"),
        ("sentence1\tsentence2\tlabel\na\tb\tx\n　\tb\tx\n", "a pair is two texts, and one of these is empty: `sentence1`"),
        ("sentence1\tsentence2\tlabel\na\tb\tx\na\tb\n", "2 columns, but the header has 3"),
        ("sentence1\tsentence2\tlabel\na\tb\tx\na\tb\t\n", "the label is empty"),
        ('sentence1,sentence2,label\na,b,x\n"a" b,c,1\n', "behind the closing quote of cell 1"),
    ],
)  # fmt: skip
def test_a_row_that_is_no_pair_fails_and_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    found, pipe = read(tmp_path / "data", content)
    assert (found, pipe.tally.n_failed) == ([PAIR], 1)
    assert f"data:3: {message}" in capsys.readouterr().err


def test_rows_of_other_widths_in_a_table_without_a_header_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tab in a text would make a word of it the label."""
    found, pipe = read(tmp_path / "data", "good\t1\na\ttab\t1\nbad\t0\nlone\n", Columns(text="1", label="2"))
    assert (found, pipe.tally.n_failed) == ([GOOD, BAD], 2)
    said = capsys.readouterr().err
    assert "data:2: 3 columns, but the examples before have 2" in said
    assert "data:4: " in said


def test_lines_without_a_label_are_no_examples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, pipe = read(tmp_path / "data", "just a line\nand another\n")
    assert (found, pipe.tally.n_failed) == ([], 2)
    assert (
        "an example is one text and a label with tabs between them, this line has 1 column" in capsys.readouterr().err
    )
    with pytest.raises(RunError, match="no examples"):
        pipe.refuse_failed("no examples")


def test_the_names_that_were_found_are_said_and_given_ones_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = '{"sentence1":"a","sentence2":"b","label":"x","score":2}\n'
    read(tmp_path / "data", content)
    assert capsys.readouterr().err == (
        f"nlptool train: {tmp_path / 'data'} is read with --first sentence1 --second sentence2 --label label; "
        "it also has `score` (--label)\n"
    )
    read(tmp_path / "data", content, Columns(first="sentence1", second="sentence2", label="label"))
    assert capsys.readouterr().err == ""


def test_each_file_has_its_names_and_all_have_as_many_texts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contents = ["text,label\ngood,1\n", '{"sentence":"bad","class":0}\n', "sentence1,sentence2,label\na,b,x\n"]
    for number, content in enumerate(contents):
        (tmp_path / str(number)).write_text(content)
    pipe = Pipe("train", tuple(str(tmp_path / str(number)) for number in range(3)))
    assert labelled.read(pipe, Columns()) == [GOOD, BAD]
    assert pipe.tally.n_failed == 1
    assert "two texts, and the examples before have 1" in capsys.readouterr().err


def test_without_labels_a_line_is_a_text_whatever_is_in_it(tmp_path: Path) -> None:
    unlabelled = Columns(labelled=False)
    found, _ = read(tmp_path / "data", "Well, yes.\na\tb\n", unlabelled)
    assert found == [Example(("Well, yes.",)), Example(("a\tb",))]
    found, _ = read(tmp_path / "data", "index\tsentence\n0\tgood, not bad\n", unlabelled)
    assert found == [Example(("good, not bad",))]
    found, _ = read(tmp_path / "data", 'sentence1,sentence2\n"a, b",c\n', unlabelled)
    assert found == [Example(("a, b", "c"))]
    found, _ = read(tmp_path / "data", '{"text":"a","label":null}\n', unlabelled)
    assert found == [Example(("a",))]
    with pytest.raises(RecordError, match="two texts with tabs between them, this line has 1 column"):
        Columns(labelled=False, n_texts=2).example(Record("one side", "<stdin>", 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first": "a"}, "--first and --second go together"),
        ({"text": "a", "first": "b", "second": "c"}, "--text names the text of an example that has one"),
        ({"text": "a", "label": "a"}, "`a` cannot be both a text and the label"),
        ({"text": "a", "n_texts": 2}, "two texts for each example, and one text named"),
        ({"n_texts": 1, "preset": PRESETS["glue:rte"]}, "one text for each example, and two texts in the preset"),
    ],
)
def test_names_that_contradict_each_other_are_wrong_usage(options: dict[str, object], message: str) -> None:
    with pytest.raises(WrongUsage, match=message):
        Columns(**options)  # type: ignore[arg-type]


def test_texts_with_two_labels_are_counted_once_each() -> None:
    same = [Example(("a",), "x"), Example(("a",), "x"), Example(("b",), 1.0), Example(("b",), "1")]
    sets = [Example(("c",), ("x", "y")), Example(("c",), ("y", "x")), Example(("a", "c"), "x")]
    assert conflicting([*same, *sets, Example(("d",)), Example(("d",))]) == 0
    others = [Example(("a",), "y"), Example(("a",), "z"), Example(("c",), ()), Example(("b",), 1.5)]
    assert conflicting([*same, *sets, *others]) == 3
    assert conflicting([Example(("a", "b"), "x"), Example(("b", "a"), "y")]) == 0


LINE = st.one_of(
    st.binary(max_size=30),
    st.text(st.sampled_from('{}[]",:\t 0a猫'), max_size=20).map(str.encode),
    st.dictionaries(
        st.sampled_from(["text", "Label", "sentence1", "sentence2", "score", "1", "2", "nlptool"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
            lambda value: st.lists(value, max_size=2) | st.dictionaries(st.text(max_size=2), value, max_size=2),
            max_leaves=4,
        ),
        max_size=5,
    ).map(lambda value: json.dumps(value).encode()),
)
FORM = st.builds(
    InputFormat,
    kind=st.sampled_from(["auto", "text", "csv", "tsv", "jsonl", "json"]),
    header=st.sampled_from([None, True, False]),
)
NAME = st.sampled_from(["text", "Label", "1", "2", "/0", "/score/a", "/score/0", ""])
COLUMNS = st.one_of(
    st.builds(Columns, labelled=st.booleans(), n_texts=st.sampled_from([None, 1, 2])),
    st.builds(Columns, text=NAME, labelled=st.booleans()),
    st.builds(Columns, label=NAME),
    st.builds(Columns, first=st.just("1"), second=NAME, label=st.just("3")),
    st.builds(Columns, preset=st.sampled_from(list(PRESETS.values())), labelled=st.booleans()),
)


@given(
    st.sampled_from([b"", b"text\tlabel\n", b"sentence1,sentence2,label\n"]), st.lists(LINE, max_size=12), COLUMNS, FORM
)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_lines_are_each_is_an_example_or_a_failure(
    tmp_path: Path, head: bytes, lines: list[bytes], columns: Columns, form: InputFormat
) -> None:
    found, pipe = read(tmp_path / "data", b"\n" + head + b"\n".join(lines), columns, form)
    assert len(found) + pipe.tally.n_failed <= pipe.tally.n_read
    assert len({len(example.texts) for example in found}) <= 1
    assert all(text.strip() for example in found for text in example.texts)
    assert all((example.label is None) != columns.labelled for example in found)
    assert all(label == label.strip() != "" for example in found if isinstance(label := example.label, str))


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\t\x00"), min_size=1, max_size=6).filter(
    lambda text: bool(text.strip()) and not text.startswith(("{", "[", "\ufeff"))
)  # fmt: skip
NAMES = st.sampled_from([("text",), ("review",), *PAIRS])


@given(NAMES, st.sampled_from(LABELS), st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_examples_come_back_in_order_from_every_format(
    tmp_path: Path, names: tuple[str, ...], label: str, written: list[tuple[str, str, str]]
) -> None:
    expected = [Example(tuple(row[: len(names)]), row[2].strip()) for row in written]
    header = [*names, label]
    rows = [[*example.texts, row[2]] for example, row in zip(expected, written, strict=True)]
    file = io.StringIO(newline="")
    csv.writer(file).writerows([header, *rows])
    tabs = "\n".join("\t".join(row) for row in [header, *rows])
    objects = [dict(zip(header, row, strict=True)) for row in rows]
    for content in (file.getvalue(), tabs, "\n".join(map(json.dumps, objects)), json.dumps(objects, indent=1)):
        if header not in rows:
            assert read(tmp_path / "data", content)[0] == expected
