"""Gold data: what is a pair in which format, and that everything else is counted and said."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import math
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nlptool.errors import RecordError, RunError
from nlptool.records import gold, pairs
from nlptool.records.gold import Layout, Pair
from nlptool.records.pipe import Pipe
from nlptool.records.record import InputFormat, Record


def read(
    path: Path,
    content: str | bytes,
    layout: Layout = Layout(),  # it is frozen
    form: InputFormat | None = None,
    **more: object,
) -> tuple[list[Pair], Pipe]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    pipe = Pipe("train", **more)  # type: ignore[arg-type]
    return gold.read(pipe, str(path), layout, form), pipe


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a\tb\t0.5\n", [Pair("a", "b", 0.5)]),
        ("a\tb\t5", [Pair("a", "b", 5.0)]),
        ("a b \t　猫\t-1e-3\r\nc\td\t2\r\n", [Pair("a b ", "　猫", -0.001), Pair("c", "d", 2.0)]),
        ("\ufeffa\tb\t1\n", [Pair("a", "b", 1.0)]),
        ("\n \na\tb\t1\n\n", [Pair("a", "b", 1.0)]),
        ('"a"\tb\t1\n', [Pair('"a"', "b", 1.0)]),  # quotes mean nothing in TSV
        ('{"first":"a","second":"b","score":0.5}\n', [Pair("a", "b", 0.5)]),
        ('\ufeff{"sentence1":"a","sentence2":"b","label":3}\n', [Pair("a", "b", 3.0)]),
        ('{"text1":"a","text2":"b","similarity":"4.5"}\r\n', [Pair("a", "b", 4.5)]),
        ('{"id":7,"sentence2":"\\u732b","sentence1":"a\\tb","score":1e3,"x":[]}\n', [Pair("a\tb", "猫", 1000.0)]),
        ('[{"first":"a","second":"b","score":1},\n{"first":"c","second":"d","score":2}]',
         [Pair("a", "b", 1.0), Pair("c", "d", 2.0)]),
        ('{\n "first": "a",\n "second": "b",\n "score": 1\n}\n', [Pair("a", "b", 1.0)]),
        ("a,b,0.5\n", [Pair("a", "b", 0.5)]),
        ('"a, ""b""",\"猫\",5\r\n', [Pair('a, "b"', "猫", 5.0)]),
        ('"a\nb",c,5\nd,e,1\n', [Pair("a\nb", "c", 5.0), Pair("d", "e", 1.0)]),
        ("a,b\tc\t1\n", [Pair("a,b", "c", 1.0)]),
        ("sentence1,sentence2,score\na,b,1\n", [Pair("a", "b", 1.0)]),
        ("\ufeffone\ttwo\thow alike\na\tb\t1\n", [Pair("a", "b", 1.0)]),
        ("sentence1\tsentence2\tgold\na\tb\t1\n", [Pair("a", "b", 1.0)]),
        ("score,Sentence2, sentence1\n1,b,a\n", [Pair("a", "b", 1.0)]),
        ("id\tyear\tsentence1\tsentence2\tscore\n7\t2017\ta\tb\t1\n", [Pair("a", "b", 1.0)]),
        ('id,"first","second","label"\n7,"a,b",c,1\n', [Pair("a,b", "c", 1.0)]),
        ("first,second,score,,\na,b,1,,\n", [Pair("a", "b", 1.0)]),
        ("a title\na\tb\t1\nc\td\t2\n", [Pair("a", "b", 1.0), Pair("c", "d", 2.0)]),
    ],
)  # fmt: skip
def test_pairs_with_a_score_are_read(tmp_path: Path, content: str, expected: list[Pair]) -> None:
    found, pipe = read(tmp_path / "pairs", content)
    assert found == expected
    assert pipe.tally.n_failed == content.startswith("a title")


@pytest.mark.parametrize(
    ("layout", "content"),
    [
        (Layout(("6", "7"), "5"), "news\tMSRpar\t2012\t1\t4.5\ta\tb\n"),
        (Layout(("6", "7"), "5"), "genre\tfile\tyear\tid\tscore\tone\ttwo\nnews\tMSRpar\t2012\t1\t4.5\ta\tb\n"),
        (Layout(("2", "1")), "b,a,4.5\n"),
        (Layout(("3", "1")), "b\t4.5\ta\n"),
        (Layout(score="3"), "sentence1,sentence2,how alike,score\na,b,4.5,9\n"),
        (Layout(("2", "3"), "0"), '{"2":"a","3":"b","0":4.5}'),
        (Layout(("Q", "A")), "Q,A,how alike\na,b,4.5\n"),
        (Layout(("Q", "A"), "Gold"), "id,A,Gold,Q\n1,b,4.5,a\n"),
        (Layout(score="Relatedness"), "n\tsentence1\tsentence2\trelatedness\tscore\n1\ta\tb\t4.5\t9\n"),
        (Layout(score="/gold/0"), '{"first":"a","second":"b","gold":[4.5],"score":1}'),
        (Layout(("/x/q", "/x/0")), '{"x":{"q":"a","0":"b"},"score":"4.5"}'),
    ],
)
def test_columns_and_fields_can_be_named(tmp_path: Path, layout: Layout, content: str) -> None:
    found, pipe = read(tmp_path / "pairs", content + "\n" * (not content.endswith("\n")), layout)
    assert (found, pipe.tally.n_failed) == ([Pair("a", "b", 4.5)], 0)


def test_a_file_without_the_named_columns_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = "id,sentence1,sentence2,score\n1,a,b,1\n"
    found, pipe = read(tmp_path / "pairs", content, Layout(("q", "a")))
    assert (found, pipe.tally.exit_code) == ([], 1)
    said = capsys.readouterr().err
    assert "pairs: the first row has no columns q and a\n  it has id, sentence1, sentence2, score" in said


@pytest.mark.parametrize(
    ("kind", "content"),
    [("csv", 'a\tx,"b",1\n'), ("tsv", 'a,x\t"b"\t1\n'), ("jsonl", '{"first":"a","second":"b","score":1}\n')],
)
def test_the_format_can_be_said(tmp_path: Path, kind: str, content: str) -> None:
    ((pair,), _) = read(tmp_path / "pairs", content, form=InputFormat(kind=kind))
    assert pair.score == 1
    assert pair.first == {"csv": "a\tx", "tsv": "a,x", "jsonl": "a"}[kind]
    bare = read(tmp_path / "pairs", "x,y,5\na,b,1\n", form=InputFormat(kind="csv", header=True))[0]
    assert bare == [Pair("a", "b", 1)]
    assert read(tmp_path / "pairs", "a,b,c\nd,e,1\n", form=InputFormat(header=False))[1].tally.n_failed == 1


def test_translations_have_no_score_and_one_that_is_there_is_not_looked_at(tmp_path: Path) -> None:
    unscored = Layout(scored=False)
    content = '{"first":"c","second":"d"}\n{"first":"e","second":"f","score":"bad"}\n'
    assert read(tmp_path / "pairs", content, unscored)[0] == [Pair("c", "d"), Pair("e", "f")]
    assert read(tmp_path / "pairs", "a\tb\n", unscored)[0] == [Pair("a", "b")]
    assert read(tmp_path / "pairs", 'text1,text2,n\n"a, b",c,7\n', unscored)[0] == [Pair("a, b", "c")]
    with pytest.raises(RunError, match="most of its lines are no pairs"):  # a comma is no separator of translations
        read(tmp_path / "pairs", "Well, yes.\nOh, no.\n", unscored)


@pytest.mark.parametrize(
    ("content", "layout", "message"),
    [
        ("x\ty\t1\na\tb\n", Layout(), "two texts and a score with tabs or commas between them, this line has 2 columns"),
        ("x\ty\t1\na\n", Layout(), "a pair is two texts and a score with tabs or commas between them, this line has 1 column"),
        ("x\ty\t1\na\tb\t1\tc\n", Layout(), "this line has 4 columns"),
        ("x\ty\na\tb\tc\n", Layout(scored=False), "a pair is two texts with tabs between them, this line has 3 columns"),
        ("x\ty\na,b\n", Layout(scored=False), "a pair is two texts with tabs between them, this line has 1 column"),
        ("x,y,1\na,b\n", Layout(), "a pair is two texts and a score with tabs or commas between them, this line has 2 columns"),
        ('x,y,1\n"a" b,c,1\n', Layout(), "behind the closing quote of cell 1 stands ` b,c,1`"),
        ("x,y,1\na,b,high\n", Layout(), "the pair has no score: 'high' is no number"),
        ("x\ty\t1\na\t\t1\n", Layout(), "a pair is two texts, and one of these is empty"),
        ("x\ty\t1\n　\tb\t1\n", Layout(), "a pair is two texts, and one of these is empty"),
        ("x\ty\t1\na\tb\tnan\n", Layout(), "the pair has no score: 'nan' is no number"),
        ("x\ty\t1\na\tb\t1e999\n", Layout(), "the pair has no score"),
        ("x\ty\t1\na\tb\t\n", Layout(), "the pair has no score"),
        ("id,first,second,score\n1,x,y,1\n", Layout(score="gold"), "the pair has no score"),
        ("id,sentence1,sentence2,score\n0,x,y,1\n1,a,b\n", Layout(), "3 columns, but the header has 4"),
    ],
)  # fmt: skip
def test_a_row_that_is_no_pair_is_left_out_counted_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, layout: Layout, message: str
) -> None:
    if layout.score:
        with pytest.raises(RunError, match="most of its lines are no pairs"):
            read(tmp_path / "pairs", content, layout)
    else:
        found, pipe = read(tmp_path / "pairs", content, layout)
        assert found == [Pair("x", "y", 1.0 if layout.scored else None)]
        assert (pipe.tally.n_failed, pipe.tally.exit_code) == (1, 3)
    said = capsys.readouterr().err
    line = content.count("\n")
    assert f"{tmp_path / 'pairs'}:{line}: " in said
    assert message in said
    assert "records failed" in said


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"first":"a","second":"b"}', "the pair has no score"),
        ('{"first":"a","second":"b","score":null}', "the pair has no score"),
        ('{"first":"a","second":"b","score":true}', "the pair has no score"),
        ('{"first":"a","second":"b","score":[1]}', "the pair has no score"),
        ('{"first":"a","second":"b","score":NaN}', "not JSON"),
        ('{"first":"a","sentence2":"b","score":1}', "a pair is two texts"),
        ('{"first":"a","second":3,"score":1}', "a pair is two texts"),
        ('{"first":"a","second":"","score":1}', "a pair is two texts"),
        ('{"first":"a",', "not JSON"),
        ("[1]", "a JSONL record is an object, this is a list"),
        ("{}", "a pair is two texts"),
    ],
)
def test_an_object_that_is_no_pair_is_left_out_counted_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    good = '{"first":"x","second":"y","score":1}'
    found, pipe = read(tmp_path / "pairs", f"{good}\n{line}\n{good}\n")
    assert (found, pipe.tally.n_failed, pipe.tally.exit_code) == ([Pair("x", "y", 1.0)] * 2, 1, 3)
    assert f"{tmp_path / 'pairs'}:2: {message}" in capsys.readouterr().err


@pytest.mark.parametrize("first", ["a\tb\t", "a\tb\tnan", "\t\t", "a\tb\tc\td"])
def test_a_first_line_that_is_neither_a_pair_nor_a_header_fails(tmp_path: Path, first: str) -> None:
    found, pipe = read(tmp_path / "pairs", f"{first}\na\tb\t1\nc\td\t2\n")
    assert found == [Pair("a", "b", 1.0), Pair("c", "d", 2.0)]
    assert pipe.tally.n_failed == 1


@pytest.mark.parametrize("quiet", [False, True])
def test_a_file_that_is_not_there_is_said_and_the_run_will_have_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], quiet: bool
) -> None:
    pipe = Pipe("train", quiet=quiet)
    assert gold.read(pipe, str(tmp_path / "none"), Layout()) == []
    assert pipe.tally.exit_code == 1
    assert f"{tmp_path / 'none'}: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "\n\n", "sentence1,sentence2,score\n", "[]"])
def test_a_file_without_a_pair_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(RunError, match="pairs: there are no pairs"):
        read(tmp_path / "pairs", content)


def test_on_error_fail_stops_at_the_first_line_that_is_no_pair(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="pairs:2: a pair is two texts"):
        read(tmp_path / "pairs", "a\tb\t1\nbad\nc\td\t1\n", on_error="fail")


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="most of its lines are no pairs"):
        read(tmp_path / "pairs", "a\tb\t1\nno\nnot\nnever\n")


@pytest.mark.parametrize("encoding", ["cp932", "auto"])
def test_other_encodings_and_the_options_of_the_corpus(tmp_path: Path, encoding: str) -> None:
    """A file of pairs has lines and its own format, whatever those of the corpus are."""
    form = InputFormat(kind="jsonl", field="x", encoding=encoding)
    content = "猫が鳴く。,犬が吠える。,1\n山に登る。,川を渡る。,2\n".encode("cp932")
    for bytes_ in (content, gzip.compress(content)):
        pipe = Pipe("train", form=form, separator=b"\0")
        (tmp_path / "pairs").write_bytes(bytes_)
        found = gold.read(pipe, str(tmp_path / "pairs"), Layout())
        assert found == [Pair("猫が鳴く。", "犬が吠える。", 1.0), Pair("山に登る。", "川を渡る。", 2.0)]
        assert pipe.tally.n_failed == 0


def test_bytes_that_are_no_text_are_left_out(tmp_path: Path) -> None:
    found, pipe = read(tmp_path / "pairs", b"a\tb\t1\n\xff\xfe\tb\t1\nc\0\td\t1\n")
    assert found == [Pair("a", "b", 1.0), Pair("c\0", "d", 1.0)]
    assert pipe.tally.n_failed == 1


WORDS = [Pair("tiger", "cat", 7.35), Pair("New York", "city", 5.0)]


@pytest.mark.parametrize(
    "content",
    [
        'tiger,cat,7.35\n"New York",city,5\n',
        '"tiger","cat",7.35\r\n"New York","city",5\r\n',
        '"tiger", "cat", 7.35\n"New York", "city", 5\n',
        "Word 1,Word 2,Human (mean)\ntiger,cat,7.35\nNew York,city,5\n",
        '\ufeff# ratings, from 0 to 10\n"Word 1","Word 2","Human (mean)"\ntiger,cat,7.35\nNew York,city,5\n',
        '"tiger"\t"cat"\t7.35\n"New York"\t"city"\t5\n',
        "word1\tword2\tPOS\tSimLex999\tconc(w1)\ntiger\tcat\tN\t7.35\t1\nNew York\tcity\tN\t5\t1\n",
        "Word 1\tWord 2\tHuman (mean)\t1\t2\ntiger\tcat\t7.35\t9\t9\nNew York\tcity\t5\t8\t8\n",
        "n,word2,word1,similarity,association\n1,cat,tiger,7.35,0\n2,city,New York,5,0\n",
        '{"word1":"tiger","word2":"cat","score":7.35}\n{"word1":"New York","word2":"city","score":5}\n',
        '[{"id":3,"first":"tiger","second":"cat","rating":7.35},{"id":4,"first":"New York","second":"city","rating":5}]',
        '{"text":"tiger\\tcat\\t7.35"}\n{"text":"New York\\tcity\\t5"}\n',
        "erste\tzweite\twie\ntiger\tcat\t7.35\nNew York\tcity\t5\n",
    ],
)
def test_pairs_of_words_are_read(tmp_path: Path, content: str) -> None:
    layout = Layout(words=True)
    pipe = Pipe("evaluate", (str(tmp_path / "words"),))
    (tmp_path / "words").write_text(content, encoding="utf-8")
    pipe.form = layout.form(pipe.form)
    found: list[Pair] = []
    rows = (record for records in pipe.read() for record in records if record.pending and record.text[:1] != "#")
    found.extend(map(layout.pair, rows))
    assert found == WORDS


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\t"), min_size=1, max_size=8).filter(
    lambda text: bool(text.strip()) and not text.startswith(("{", "[", "\ufeff")) and text == text.replace("\n", "")
)
SPREAD = st.text(st.sampled_from('a猫, "\n'), min_size=1, max_size=8).filter(lambda text: bool(text.strip()))
SCORE = st.floats(allow_nan=False, allow_infinity=False)
LINE = st.one_of(st.binary(max_size=30), st.text(st.sampled_from('{}[]",:\t 0a猫'), max_size=20).map(str.encode))
FORM = st.sampled_from([None, *(InputFormat(kind=kind) for kind in ("text", "csv", "tsv", "jsonl", "json"))])


@given(st.lists(LINE, max_size=12), st.builds(Layout, scored=st.booleans(), words=st.booleans()), FORM)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_lines_are_each_is_a_pair_or_a_failure(
    tmp_path: Path, lines: list[bytes], layout: Layout, form: InputFormat | None
) -> None:
    pipe = Pipe("evaluate")
    (tmp_path / "pairs").write_bytes(b"\n".join([b"x", *lines]))  # the first byte announces no compression
    try:
        found = gold.read(pipe, str(tmp_path / "pairs"), layout, form)
    except RunError as refused:
        assert "no pairs" in refused.message
        return
    marked = sum(line.decode("utf-8", "replace").strip().startswith(gold.MARKS) for line in lines) * layout.words
    assert len(found) + pipe.tally.n_failed <= pipe.tally.n_read
    assert len(found) + pipe.tally.n_failed + marked + len(lines) >= pipe.tally.n_read
    assert all(pair.first.strip() and pair.second.strip() for pair in found)
    assert all(math.isfinite(pair.score) if layout.scored else pair.score is None for pair in found)  # type: ignore[arg-type]


@given(st.lists(st.tuples(TEXT, TEXT, SCORE), min_size=1, max_size=8))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pairs_come_back_as_they_were_written(tmp_path: Path, written: list[tuple[str, str, float]]) -> None:
    expected = [Pair(*pair) for pair in written]
    tabs = "".join(f"{first}\t{second}\t{score!r}\n" for first, second, score in written)
    assert read(tmp_path / "pairs", tabs)[0] == expected
    for texts, score in itertools.product(pairs.PAIR_TEXTS, gold.SCORES):
        objects = [dict(zip((*texts, score), pair, strict=True)) for pair in written]
        assert read(tmp_path / "pairs", "\n".join(map(json.dumps, objects)))[0] == expected
        assert read(tmp_path / "pairs", json.dumps(objects, indent=1))[0] == expected


@given(st.lists(st.tuples(SPREAD, SPREAD, SCORE), min_size=1, max_size=8), st.booleans(), st.booleans())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_csv_wrote_comes_back_quotes_and_line_breaks_included(
    tmp_path: Path, written: list[tuple[str, str, float]], quoted: bool, header: bool
) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    writer.writerows([("first", "second", "score")] * header + written)
    found, pipe = read(tmp_path / "pairs", file.getvalue())
    assert (found, pipe.tally.n_failed) == ([Pair(*pair) for pair in written], 0)


@given(st.lists(TEXT, min_size=1, max_size=5), st.booleans())
def test_the_columns_of_a_line_are_kept_whatever_they_are(cells: list[str], named: bool) -> None:
    record = Record("\t".join(cells), "x", 1)
    names = ("2", "1") if named else None
    if len(cells) == 1:
        with pytest.raises(RecordError, match="this line has none"):
            pairs.two_texts(record, names)
        assert record.raw is None
        return
    first, second = pairs.two_texts(record, names)
    assert [first, second] == (cells[1::-1] if named else cells[:2])
    assert list(orjson.loads(record.raw or b"").values()) == cells
    assert list(orjson.loads(record.raw or b""))[:2] == (["1", "2"] if named else ["first", "second"])
