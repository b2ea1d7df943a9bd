"""Files of pairs: what is a pair, and that everything else is counted and said."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nlptool.errors import RunError
from nlptool.records import pairs
from nlptool.records.pairs import Pair
from nlptool.records.pipe import Pipe
from nlptool.records.record import InputFormat


def read(path: Path, content: str | bytes, *, scored: bool = True, **more: object) -> tuple[list[Pair], Pipe]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    pipe = Pipe("train", **more)  # type: ignore[arg-type]
    return pairs.read(pipe, str(path), scored=scored), pipe


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a\tb\t0.5\n", [Pair("a", "b", 0.5)]),
        ("a\tb\t5", [Pair("a", "b", 5.0)]),
        ("a b \t　猫\t-1e-3\r\nc\td\t2\r\n", [Pair("a b ", "　猫", -0.001), Pair("c", "d", 2.0)]),
        ("\ufeffa\tb\t1\n", [Pair("a", "b", 1.0)]),
        ("\n \na\tb\t1\n\n", [Pair("a", "b", 1.0)]),
        ('{"first":"a","second":"b","score":0.5}\n', [Pair("a", "b", 0.5)]),
        ('\ufeff{"sentence1":"a","sentence2":"b","label":3}\n', [Pair("a", "b", 3.0)]),
        ('{"text1":"a","text2":"b","similarity":"4.5"}\r\n', [Pair("a", "b", 4.5)]),
        ('{"id":7,"sentence2":"\\u732b","sentence1":"a\\tb","score":1e3,"x":[]}\n', [Pair("a\tb", "猫", 1000.0)]),
        ('{"first":"a","second":"b","score":1}\nc\td\t2\n', [Pair("a", "b", 1.0), Pair("c", "d", 2.0)]),
        ("", []),
        ("a,b,0.5\n", [Pair("a", "b", 0.5)]),
        ('"a, ""b""",\"猫\",5\r\n', [Pair('a, "b"', "猫", 5.0)]),
        ("a,b\tc\t1\n", [Pair("a,b", "c", 1.0)]),
        ("sentence1,sentence2,score\na,b,1\n", [Pair("a", "b", 1.0)]),
        ("\ufeffone\ttwo\thow alike\na\tb\t1\n", [Pair("a", "b", 1.0)]),
        ("score,Sentence2, sentence1\n1,b,a\n", [Pair("a", "b", 1.0)]),
        ("id\tyear\tsentence1\tsentence2\tscore\n7\t2017\ta\tb\t1\n", [Pair("a", "b", 1.0)]),
        ('id,"first","second","label"\n7,"a,b",c,1\n', [Pair("a,b", "c", 1.0)]),
    ],
)  # fmt: skip
def test_pairs_with_a_score_are_read(tmp_path: Path, content: str, expected: list[Pair]) -> None:
    found, pipe = read(tmp_path / "pairs", content)
    assert found == expected
    assert (pipe.tally.n_failed, pipe.tally.exit_code) == (0, 0)


def test_translations_have_no_score_and_one_that_is_there_is_not_looked_at(tmp_path: Path) -> None:
    content = 'a\tb\n{"first":"c","second":"d"}\n{"first":"e","second":"f","score":"bad"}\n'
    found, pipe = read(tmp_path / "pairs", content, scored=False)
    assert found == [Pair("a", "b"), Pair("c", "d"), Pair("e", "f")]
    assert pipe.tally.n_failed == 0


@pytest.mark.parametrize(
    ("line", "scored", "message"),
    [
        ("a\tb", True, "a pair is two texts and a score with tabs or commas between them, this line has 2 columns"),
        ("a", True, "a pair is two texts and a score with tabs or commas between them, this line has 1 column"),
        ("a\tb\tc", False, "a pair is two texts with tabs between them, this line has 3 columns"),
        ("a,b", True, "a pair is two texts and a score with tabs or commas between them, this line has 2 columns"),
        ("a,b", False, "a pair is two texts with tabs between them, this line has 1 column"),
        ('"a,b,1', True, "this is no CSV"),
        ("a,b,high", True, "the pair has no score"),
        ("a\t\t1", True, "a pair is two texts"),
        ("　\tb\t1", True, "a pair is two texts"),
        ("a\tb\tnan", True, "the pair has no score"),
        ("a\tb\tinf", True, "the pair has no score"),
        ("a\tb\t1e999", True, "the pair has no score"),
        ("a\tb\t", True, "the pair has no score"),
        ("a\tb\thigh", True, "the pair has no score"),
        ('{"first":"a","second":"b"}', True, "the pair has no score"),
        ('{"first":"a","second":"b","score":null}', True, "the pair has no score"),
        ('{"first":"a","second":"b","score":true}', True, "the pair has no score"),
        ('{"first":"a","second":"b","score":[1]}', True, "the pair has no score"),
        ('{"first":"a","second":"b","score":NaN}', True, "this is no JSON"),
        ('{"first":"a","sentence2":"b","score":1}', True, "a pair is two texts"),
        ('{"first":"a","second":3,"score":1}', True, "a pair is two texts"),
        ('{"first":"a","second":"","score":1}', True, "a pair is two texts"),
        ('{"first":"\\ud800","second":"b","score":1}', True, "this is no JSON"),
        ('{"first":"a",', True, "this is no JSON"),
        ("{}", True, "a pair is two texts"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_pair_is_left_out_counted_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, scored: bool, message: str
) -> None:
    good = "x\ty\t1" if scored else "x\ty"
    found, pipe = read(tmp_path / "pairs", f"{good}\n{line}\n{good}\n", scored=scored)
    assert found == [Pair("x", "y", 1.0 if scored else None)] * 2
    assert (pipe.tally.n_failed, pipe.tally.exit_code) == (1, 3)
    said = capsys.readouterr().err
    assert f"{tmp_path / 'pairs'}:2: {message}" in said
    assert "1 of 3 records failed" in said


def test_a_head_with_more_columns_says_how_many_a_line_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = "id,sentence1,sentence2,score\n1,a,b,1\na,b,1\n2,c,d,2\n"
    found, pipe = read(tmp_path / "pairs", content)
    assert found == [Pair("a", "b", 1.0), Pair("c", "d", 2.0)]
    assert (pipe.tally.n_failed, pipe.tally.exit_code) == (1, 3)
    assert "this line has 3 columns, and the head has 4" in capsys.readouterr().err


@pytest.mark.parametrize("first", ["a\tb\t", "a\tb\tnan", ",,", "a\tb\tc\td"])
def test_a_first_line_that_is_neither_a_pair_nor_a_head_fails(tmp_path: Path, first: str) -> None:
    found, pipe = read(tmp_path / "pairs", f"{first}\na\tb\t1\nc\td\t2\n")
    assert found == [Pair("a", "b", 1.0), Pair("c", "d", 2.0)]
    assert pipe.tally.n_failed == 1


def test_translations_have_no_head(tmp_path: Path) -> None:
    assert read(tmp_path / "pairs", "first\tsecond\n", scored=False)[0] == [Pair("first", "second")]


@pytest.mark.parametrize("quiet", [False, True])
def test_a_file_that_is_not_there_is_said_and_the_run_will_have_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], quiet: bool
) -> None:
    pipe = Pipe("train", quiet=quiet)
    assert pairs.read(pipe, str(tmp_path / "none"), scored=True) == []
    assert pipe.tally.exit_code == 1
    assert f"{tmp_path / 'none'}: No such file or directory" in capsys.readouterr().err


def test_on_error_fail_stops_at_the_first_line_that_is_no_pair(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="pairs:2: a pair is two texts"):
        read(tmp_path / "pairs", "a\tb\t1\nbad\nc\td\t1\n", on_error="fail")


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="most of its lines are no pairs"):
        read(tmp_path / "pairs", "a\tb\t1\nno\nnot\nnever\n")


def test_other_encodings_and_the_separator_of_the_corpus(tmp_path: Path) -> None:
    """A file of pairs has lines, whatever stands between the records of the corpus."""
    form = InputFormat(kind="jsonl", field="x", encoding="cp932")
    found, pipe = read(tmp_path / "pairs", "猫\t犬\t1\n山\t川\t2\n".encode("cp932"), form=form, separator=b"\0")
    assert found == [Pair("猫", "犬", 1.0), Pair("山", "川", 2.0)]
    assert pipe.tally.n_failed == 0


def test_bytes_that_are_no_text_are_left_out(tmp_path: Path) -> None:
    found, pipe = read(tmp_path / "pairs", b"a\tb\t1\n\xff\xfe\tb\t1\nc\0\td\t1\n")
    assert found == [Pair("a", "b", 1.0), Pair("c\0", "d", 1.0)]
    assert pipe.tally.n_failed == 1


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\t"), min_size=1, max_size=8).filter(
    lambda text: bool(text.strip()) and not text.startswith(("{", "\ufeff"))
)
PAIR = st.tuples(TEXT, TEXT, st.floats(allow_nan=False, allow_infinity=False))
LINE = st.one_of(st.binary(max_size=30), st.text(st.sampled_from('{}[]",:\t 0a猫'), max_size=20).map(str.encode))


@given(st.lists(LINE, max_size=12), st.booleans())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_lines_are_each_is_a_pair_a_failure_or_blank(
    tmp_path: Path, lines: list[bytes], scored: bool
) -> None:
    lines = [line.replace(b"\n", b"").replace(b"\r", b"") for line in lines]
    good = b"x\ty\t1" if scored else b"x\ty"
    lines = [good, *lines, *[good] * len(lines)]  # most are pairs, and the first bytes announce no compression
    found, pipe = read(tmp_path / "pairs", b"\n".join(lines) + b"\n", scored=scored)
    blank = sum(not line.decode("utf-8", "replace").strip() for line in lines)
    assert len(found) + pipe.tally.n_failed + blank == len(lines)
    assert all(pair.first.strip() and pair.second.strip() for pair in found)
    assert all(math.isfinite(pair.score) if scored else pair.score is None for pair in found)  # type: ignore[arg-type]


@given(st.lists(PAIR, min_size=1, max_size=8))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pairs_come_back_as_they_were_written(tmp_path: Path, written: list[tuple[str, str, float]]) -> None:
    expected = [Pair(*pair) for pair in written]
    tabs = "".join(f"{first}\t{second}\t{score!r}\n" for first, second, score in written)
    assert read(tmp_path / "pairs", tabs)[0] == expected
    with (tmp_path / "pairs.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_NONNUMERIC).writerows(written)
    assert read(tmp_path / "pairs", (tmp_path / "pairs.csv").read_bytes())[0] == expected
    for texts in pairs.PAIR_TEXTS:
        for score in pairs.SCORES:
            objects = [json.dumps(dict(zip((*texts, score), pair, strict=True))) for pair in written]
            assert read(tmp_path / "pairs", "\n".join(objects))[0] == expected
