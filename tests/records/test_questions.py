"""Questions about texts: SQuAD's JSON and a question a record give the same, and what is none fails and says why."""

from __future__ import annotations

import csv
import gc
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nlptool.errors import RecordError, RunError
from nlptool.records import questions, squad
from nlptool.records.answers import NEAR, Answer, Placings, answers_of
from nlptool.records.json_bytes import fields
from nlptool.records.pipe import Pipe
from nlptool.records.questions import Question, gold_of, question_of
from nlptool.records.record import Record

CONTEXT = "梅雨は5月から7月にかけて来る雨季である。🌧 梅雨は北海道にない。"
FIRST = Question("q1", "いつ来るか。", CONTEXT, (Answer("5月から7月", 3), Answer("7月", 7)), title="梅雨")
SECOND = Question("q2", "どこにもないか。", CONTEXT, (), is_impossible=True, title="梅雨")
FILE: dict[str, Any] = {
    "version": "v2.0",
    "data": [
        {
            "title": "梅雨",
            "paragraphs": [
                {
                    "context": CONTEXT,
                    "qas": [
                        {
                            "id": "q1",
                            "question": "いつ来るか。",
                            "answers": [{"text": "5月から7月", "answer_start": 3}, {"text": "7月", "answer_start": 7}],
                            "is_impossible": False,
                        },
                        {
                            "id": "q2",
                            "question": "どこにもないか。",
                            "answers": [],
                            "is_impossible": True,
                            "plausible_answers": [{"text": "北海道", "answer_start": 27}],
                        },
                    ],
                }
            ],
        }
    ],
}
WITH_PLAUSIBLE = [FIRST, Question("q2", SECOND.question, CONTEXT, (), True, "梅雨", (Answer("北海道", 27),))]


def read(path: Path, content: str | bytes, capsys: Any = None, **options: bool) -> tuple[list[Question], Pipe]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    pipe = Pipe("train", (str(path),))
    return questions.read(pipe, **options), pipe


def flat(question: Question, answers: Any) -> dict[str, Any]:
    head = {"id": question.id, "title": question.title, "context": question.context, "question": question.question}
    return {**head, "answers": answers, "is_impossible": question.is_impossible}


@pytest.mark.parametrize("indent", [None, 1])
def test_squads_json_is_read_as_it_is_distributed(tmp_path: Path, indent: int | None, capsys: Any) -> None:
    found, pipe = read(tmp_path / "train-v2.0.json", json.dumps(FILE, indent=indent))
    assert found == WITH_PLAUSIBLE
    assert (pipe.tally.n_read, pipe.tally.n_failed) == (2, 0)
    said = capsys.readouterr().err
    assert "read as SQuAD's JSON v2.0: 2 questions about 1 contexts, 1 of them without an answer" in said
    assert found[0].context is found[1].context
    assert gc.isenabled()


@pytest.mark.parametrize("part", ["article", "paragraph"])
def test_articles_and_paragraphs_may_be_lines_of_their_own(tmp_path: Path, part: str) -> None:
    article = FILE["data"][0]
    value = article if part == "article" else {"title": "梅雨", **article["paragraphs"][0]}
    found, _ = read(tmp_path / "data.jsonl", json.dumps(value) + "\n")
    assert found == WITH_PLAUSIBLE


FORMS = {
    "lists": {"text": ["5月から7月", "7月"], "answer_start": [3, 7]},
    "objects": [{"text": "5月から7月", "answer_start": 3}, {"text": "7月", "answer_start": 7}],
}


@pytest.mark.parametrize("name", FORMS)
def test_a_question_a_record_gives_the_same(tmp_path: Path, name: str, capsys: Any) -> None:
    nothing = {"text": [], "answer_start": []} if name == "lists" else []
    lines = [flat(FIRST, FORMS[name]), flat(SECOND, nothing)]
    content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    found, pipe = read(tmp_path / "data", content)
    assert (found, pipe.tally.n_failed) == ([FIRST, SECOND], 0)
    assert "read as a question a record: 2 questions about 1 contexts, 1 of them" in capsys.readouterr().err
    assert read(tmp_path / "data", json.dumps(lines, indent=2))[0] == [FIRST, SECOND]
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(lines[0])
    writer.writerows(
        [json.dumps(cell) if isinstance(cell, dict | list) else cell for cell in row.values()] for row in lines
    )
    assert read(tmp_path / "data.csv", table.getvalue())[0] == [FIRST, SECOND]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"text": "7月", "answer_start": 6}, (Answer("7月", 6),)),
        ({"text": ["7月"]}, (Answer("7月"),)),
        (["7月", "8月"], (Answer("7月"), Answer("8月"))),
        ("7月", (Answer("7月"),)),
        ("[1]", (Answer("[1]"),)),
        ('{"text": ["7月"], "answer_start": [6]}', (Answer("7月", 6),)),
        ([{"text": "7月", "answer_start": -1}], (Answer("7月"),)),
        ({"text": ["", " "], "answer_start": [-1, 0]}, ()),
        ([], ()),
    ],
)
def test_answers_have_several_forms(value: Any, expected: tuple[Answer, ...]) -> None:
    assert answers_of(value, "answers") == expected


def test_an_object_of_empty_lists_says_that_a_question_is_impossible_and_an_empty_list_does_not() -> None:
    assert gold_of({"answers": {"text": [], "answer_start": []}}) == ((), True)
    assert gold_of({"answers": [], "is_impossible": "True"}) == ((), True)
    assert gold_of({"is_impossible": 1}) == ((), True)
    with pytest.raises(RecordError, match="there is no answer, and `is_impossible` is not true"):
        gold_of({"answers": []})


def test_jsquads_separator_becomes_a_line_break_and_offsets_stay(tmp_path: Path, capsys: Any) -> None:
    context = f"梅雨 [SEP] {CONTEXT}"
    answers = [{"text": "7月", "answer_start": context.index("7月")}, {"text": "梅雨", "answer_start": 0}]
    record = {**flat(FIRST, answers), "context": context}
    (found,), _ = read(tmp_path / "data", json.dumps(record))
    assert found.context == f"梅雨\n      {CONTEXT}"
    assert [found.context[answer.start : answer.end] for answer in found.answers] == ["7月", "梅雨"]
    assert "questions with `[SEP]` behind the title, which is read as a line break: 1" in capsys.readouterr().err
    other = question_of({**record, "title": "雨"})
    assert other.context == context


def test_answers_that_are_not_at_their_offset_are_looked_for_near_it_and_counted(tmp_path: Path, capsys: Any) -> None:
    far = "x" * (NEAR + 1) + "far"
    records = [
        {"id": 1, "question": "q", "context": CONTEXT, "answers": [{"text": "梅雨", "answer_start": 20}]},
        {"id": 2, "question": "q", "context": CONTEXT, "answers": [{"text": "梅雨", "answer_start": 2}]},
        {"id": 3, "question": "q", "context": CONTEXT, "answers": [{"text": "5月", "answer_start": 3}, "9月"]},
        {"id": 4, "question": "q", "context": CONTEXT, "answers": ["梅雨"]},
        {"id": 5, "question": "q", "context": far, "answers": [{"text": "far", "answer_start": 0}]},
    ]
    content = "".join(json.dumps(record) + "\n" for record in records)
    found, pipe = read(tmp_path / "data", content)
    second = CONTEXT.rindex("梅雨")
    expected = [("梅雨", second), ("梅雨", 0), ("5月", 3), ("梅雨", 0)]
    assert [[(answer.text, answer.start) for answer in each.answers] for each in found] == [[each] for each in expected]
    assert pipe.tally.n_failed == 1
    said = capsys.readouterr().err
    assert "answers that are not at their offset and were found within 100 characters of it: 2" in said
    assert "answers without an offset, found at their first occurrence: 1" in said
    assert "answers that are not in their context: 2" in said
    assert "data:5: the answer `far` is not in the context at its offset, nor near it" in said
    kept, _ = read(tmp_path / "data", content, placed=False)
    assert kept[-1].answers == (Answer("far", 0),)


def test_questions_alone_need_no_answers(tmp_path: Path) -> None:
    content = '{"question":"q?","context":"c","answers":7}\n{"question":"q?","context":"c"}\n'
    found, pipe = read(tmp_path / "data", content, gold=False)
    assert (found, pipe.tally.n_failed) == ([Question("", "q?", "c")] * 2, 0)


def one(**changes: Any) -> dict[str, Any]:
    record = {"id": "a", "question": "q?", "context": "some context", "answers": ["some"], **changes}
    return {name: value for name, value in record.items() if value != "absent"}


BAD = {
    "the record has no `context`; its fields: `id`, `question`, `answers`": one(context="absent"),
    "the record has no `question`; its fields: `id`, `context`, `answers`": one(question="absent"),
    "the record has neither `answers` nor `is_impossible`; its fields: `id`, `question`, `context`": one(answers="absent"),
    "`context` is empty": one(context=" \u3000"),
    "`question` is empty": one(question=""),
    "the field `question` holds a list, not a string": one(question=["q"]),
    "there is no answer, and `is_impossible` is false": one(answers=[], is_impossible=False),
    "`is_impossible` is true, but there is an answer: `some`": one(is_impossible=True),
    "`is_impossible` is neither true nor false: 'maybe'": one(is_impossible="maybe"),
    "an answer has no `text`; its fields: `start`": one(answers=[{"start": 3}]),
    "`answers` has no `text`; its fields: `start`": one(answers={"start": [3]}),
    "`answers` has 2 texts, and `answer_start` holds 1 starts": one(answers={"text": ["a", "b"], "answer_start": [0]}),
    "`answer_start` is no whole number: 1.5": one(answers=[{"text": "some", "answer_start": 1.5}]),
    "`answer_start` is no whole number: True": one(answers=[{"text": "some", "answer_start": True}]),
    "an answer in `answers` is a number, not a string": one(answers=[{"text": 7}]),
    "the answer `none` is not in the context": one(answers=["none"]),
    "half a character": one(question="\ud83d"),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD)
def test_what_is_no_question_says_why(tmp_path: Path, message: str, capsys: Any) -> None:
    found, pipe = read(tmp_path / "data", json.dumps(BAD[message]) + "\n" + json.dumps(one(id="b")) + "\n")
    assert [question.id for question in found] == ["b"]
    assert pipe.tally.exit_code == 3
    assert f"data:1: {message}" in capsys.readouterr().err


def test_ids_stand_once_and_a_question_of_a_file_is_named_by_its_id(tmp_path: Path, capsys: Any) -> None:
    twice = {"version": "1.1", "data": [*FILE["data"], *FILE["data"]]}
    found, pipe = read(tmp_path / "data", json.dumps(twice))
    assert (len(found), pipe.tally.n_read, pipe.tally.n_failed) == (2, 4, 2)
    assert "data:1: question `q1`: its id stands at " in capsys.readouterr().err


def test_parts_of_a_file_that_are_broken_are_left_out(tmp_path: Path, capsys: Any) -> None:
    paragraphs = [7, {"context": "c"}, {"context": "c", "qas": 7}, {"context": "c", "qas": [7]}, {"qas": [{"id": "x"}]}]
    value = {"data": [*FILE["data"], {"title": "t"}, 7, {"title": "t", "paragraphs": paragraphs}]}
    found, pipe = read(tmp_path / "data", json.dumps(value))
    assert found == WITH_PLAUSIBLE
    assert (pipe.tally.n_read, pipe.tally.n_failed) == (9, 7)
    said = capsys.readouterr().err
    for message in (
        "article 2 has no `paragraphs`; its fields: `title`",
        "article 3 is a number, not an object",
        "paragraph 1 of article 4, `t`, is a number, not an object",
        "paragraph 2 of article 4, `t`, has no `qas`; its fields: `context`",
        "`qas` of paragraph 3 of article 4, `t`, holds a number, not a list",
        "question 1 of paragraph 4 of article 4, `t`, is a number, not an object",
        "question `x`: the record has no `question`; its fields: `id`, `title`",
    ):
        assert message in said


@pytest.mark.parametrize("content", ["just text\n", "a\tb\n", '{"version":"1.1","data":[]}\n', "{}\n"])
def test_what_holds_no_questions_says_what_they_are(tmp_path: Path, content: str, capsys: Any) -> None:
    found, pipe = read(tmp_path / "data", content)
    assert (found, pipe.tally.n_failed) == ([], 1)
    assert (
        "a question is an object, or a row of a table, with the fields `question` and `context`"
        in capsys.readouterr().err
    )


def test_a_table_without_these_columns_is_refused(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,b\n1,2\n")
    pipe = Pipe("train", (str(path),))
    pipe.form = questions.form(pipe.form)
    with pytest.raises(RunError, match="does not name `question` and `context`; it has `a`, `b`"):
        assert pipe.form.table is not None
        pipe.form.table.header(["a", "b"])


def test_the_records_of_a_file_are_those_of_its_questions(tmp_path: Path) -> None:
    path = tmp_path / "data"
    half = {"title": "t", "context": "c", "qas": [{"id": "q3", "question": "\ud83d"}]}
    path.write_text(json.dumps(FILE) + f'\n{{"question":"q","context":"c"}}\n{json.dumps(half)}\n')
    pipe = Pipe("answer", (str(path),))
    pipe.form = questions.form(pipe.form)
    records = [record for each in squad.unfolded(pipe.read()) for record in each]
    assert [question_of(fields(record.raw), gold=False).id for record in records[:3]] == ["q1", "q2", ""]
    assert fields(records[3].raw) == {"id": "q3", "title": "t", "context": "c", "question": "\ud83d"}
    assert fields(records[0].raw) == {
        "id": "q1", "title": "梅雨", "context": CONTEXT, **FILE["data"][0]["paragraphs"][0]["qas"][0],
    }  # fmt: skip


TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(str.strip)


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_questions_survive_every_form(tmp_path: Path, data: st.DataObject) -> None:
    expected = []
    for number in range(data.draw(st.integers(1, 4))):
        context = data.draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(str.strip))
        spans = data.draw(st.lists(st.tuples(st.integers(0, 39), st.integers(1, 40)), max_size=3))
        answers = [Answer(context[start:end], start) for start, end in spans if context[start:end].strip()]
        expected.append(Question(f"{number}", data.draw(TEXT), context, tuple(answers), not answers))
    plain = [
        {"id": each.id, "context": each.context, "question": each.question, "is_impossible": each.is_impossible,
         "answers": [{"text": answer.text, "answer_start": answer.start} for answer in each.answers]}
        for each in expected
    ]  # fmt: skip
    paragraphs = [
        {"context": each["context"], "qas": [{name: each[name] for name in each if name != "context"}]}
        for each in plain
    ]
    nested = {"data": [{"title": None, "paragraphs": paragraphs}]}
    indent = data.draw(st.sampled_from([None, 1]))
    for content in ("".join(json.dumps(each) + "\n" for each in plain), json.dumps(nested, indent=indent)):
        found, pipe = read(tmp_path / "data", content)
        assert (found, pipe.tally.n_failed) == (expected, 0)


@given(st.text("ab", max_size=300), st.text("ab", min_size=1, max_size=3), st.integers(0, 320))
@settings(max_examples=300, deadline=None)
def test_an_answer_is_found_at_the_nearest_place(context: str, text: str, start: int) -> None:
    found = Placings().place(Answer(text, start), context).start
    places = [place for place in range(len(context)) if context.startswith(text, place) and abs(place - start) <= NEAR]
    if not places:
        assert found is None
    else:
        assert found is not None and abs(found - start) == min(abs(place - start) for place in places)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "x", "[1]", "{}", '["x"]']),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["text", "answer_start", "context", "qas", "question", "id"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
NAMES = (
    "id",
    "title",
    "context",
    "question",
    "answers",
    "is_impossible",
    "plausible_answers",
    "data",
    "paragraphs",
    "qas",
)


@given(st.dictionaries(st.sampled_from(NAMES), JSON))
@settings(max_examples=400, deadline=None)
def test_any_other_json_is_a_question_or_an_error_of_its_record(values: dict[str, Any]) -> None:
    record = Record("", "data", 1, json.dumps(values).encode())
    pairs = [pair for each in squad.questions([[record]]) for pair in each]
    for of_record, found in pairs:
        if of_record.pending:
            try:
                question = question_of(found)
            except RecordError:
                continue
            assert question.question.strip() and question.context.strip()
            assert bool(question.answers) != question.is_impossible
