"""Multiple choice, in the forms of SWAG, JCommonsenseQA, COPA, ARC and others; what is none fails and says why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nlptool.errors import RecordError
from nlptool.records import choices
from nlptool.records.choices import Choices, choices_of
from nlptool.records.pipe import Pipe

SWAG = (
    ",video-id,fold-ind,startphrase,sent1,sent2,gold-source,ending0,ending1,ending2,ending3,label\n"
    '0,v_1,7,"He opens it. He","He opens it.",He,gold,"walks off, slowly.",sings.,sleeps.,flies.,2\n'
)


def read(path: Path, content: str, **options: bool) -> tuple[list[Choices], Pipe]:
    path.write_text(content, encoding="utf-8")
    pipe = Pipe("train", (str(path),))
    return choices.read(pipe, **options), pipe


def test_swags_csv_has_a_beginning_for_each_ending(tmp_path: Path, capsys: Any) -> None:
    (found,), _ = read(tmp_path / "train.csv", SWAG)
    endings = ("walks off, slowly.", "sings.", "sleeps.", "flies.")
    assert found == Choices("", "He opens it.", endings, 2, "He")
    assert found.pairs[1] == ("He opens it.", "He sings.")
    assert "train.csv: read as multiple choice: 1 with 4 choices" in capsys.readouterr().err


QUESTION = {"id": 7, "question": "空は？", "label": 1}
FORMS: dict[str, dict[str, Any]] = {
    "flat": {**QUESTION, "choices": ["赤い", "青い", "白い"]},
    "jcommonsenseqa": {**QUESTION, "choice0": "赤い", "choice1": "青い", "choice2": "白い"},
    "from 1": {**QUESTION, "choice1": "赤い", "choice2": "青い", "choice3": "白い", "label": "1"},
    "letters": {**QUESTION, "choices": ["赤い", "青い", "白い"], "label": "B"},
    "datasets": {
        "id": "7", "question": "空は？", "answerKey": "2",
        "choices": {"text": ["赤い", "青い", "白い"], "label": ["1", "2", "3"]},
    },
    "objects": {
        "id": "7", "question": "空は？", "answerKey": "B",
        "choices": [{"text": "赤い", "label": "A"}, {"text": "青い", "label": "B"}, {"text": "白い", "label": "C"}],
    },
    "padded": {**QUESTION, "choices": ["赤い", "青い", "白い", "", " "]},
    "by text": {**QUESTION, "options": ["赤い", "青い", "白い"], "label": "青い"},
    "in a cell": {**QUESTION, "choices": '["赤い", "青い", "白い"]'},
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same(name: str) -> None:
    expected = Choices("7", "空は？", ("赤い", "青い", "白い"), 1)
    assert choices_of(FORMS[name]) == expected
    assert expected.pairs == (("空は？", "赤い"), ("空は？", "青い"), ("空は？", "白い"))


def test_a_cause_comes_before_its_effect() -> None:
    record = {"premise": "影ができた。", "asks_for": "cause", "choices": ["日が昇った。", "草が刈られた。"], "label": 0}
    cause = choices_of(record)
    assert cause == Choices("", "影ができた。", ("日が昇った。", "草が刈られた。"), 0, "", asks_for_cause=True)
    assert cause.pairs[0] == ("日が昇った。", "影ができた。")
    of_glue = {"premise": "p", "question": "effect", "choice1": "a", "choice2": "b", "label": 1, "idx": 3}
    effect = choices_of(of_glue)
    assert effect == Choices("", "p", ("a", "b"), 1)
    assert effect.pairs == (("p", "a"), ("p", "b"))


def test_a_question_about_a_context_is_the_prompt() -> None:
    found = choices_of({"context": "Rain falls.", "question": "Why?", "options": ["a", "b"], "answer": "A"})
    assert (found.prompt, found.label) == ("Why?", 0)
    assert found.pairs == (("Rain falls.", "Why? a"), ("Rain falls.", "Why? b"))


def test_a_field_for_each_of_many_choices_is_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    values = {"question": "q", **{f"choice{number}": f"c{number}" for number in (10, 9, 0, 2, 1, 3, 4, 5, 6, 7, 8, 11)}}
    (found,), _ = read(tmp_path / "data", json.dumps({**values, "label": 11}) + "\n")
    assert (found.endings, found.label) == (tuple(f"c{number}" for number in range(12)), 11)


def test_without_labels_none_is_needed(tmp_path: Path) -> None:
    found, pipe = read(tmp_path / "data", '{"question":"q","choices":["a","b"],"label":-1}\n', labelled=False)
    assert (found, pipe.tally.n_failed) == ([Choices("", "q", ("a", "b"))], 0)


GOOD = {"question": "q", "choices": ["a", "b"], "label": 0}
BAD: dict[str, dict[str, Any]] = {
    "the record has no context and no question; its fields: `choices`, `label`": {"question": "absent"},
    "the record has no choices; its fields: `question`, `label`": {"choices": "absent"},
    "the record has no label; its fields: `question`, `choices`": {"label": "absent"},
    "a choice is one of two or more, and `choices` has 0": {"choices": []},
    "`choices` holds a string, not a list of choices": {"choices": "a, b"},
    "`label` is 2, and there are 2 choices, 0 to 1": {"label": 2},
    "`label` names no choice: -1": {"label": -1},
    "`label` names no choice: 1.5": {"label": 1.5},
    "`label` names no choice: None": {"label": None},
    "`label` names no choice: True": {"label": True},
    "`label` names no choice: 'C'": {"label": "C"},
    "a choice is one of two or more, and `choices` has 1": {"choices": ["a", " "]},
    "`choices, choice 0` is empty": {"choices": ["", "a", "b"]},
    "the field `choices, choice 1` holds a number, not a string": {"choices": ["a", 7]},
    "`label` is 2, and there are 2 choices": {"choices": ["a", "b", ""], "label": 2},
    "the field `question` holds null, not a string": {"question": None},
    "`question` is empty": {"question": ""},
}


@pytest.mark.parametrize("message", BAD)
def test_what_is_no_multiple_choice_says_why(tmp_path: Path, message: str, capsys: Any) -> None:
    record = {name: value for name, value in {**GOOD, **BAD[message]}.items() if value != "absent"}
    found, pipe = read(tmp_path / "data", f"{json.dumps(record)}\n{json.dumps(GOOD)}\n")
    assert (found, pipe.tally.exit_code) == ([Choices("", "q", ("a", "b"), 0)], 3)
    assert f"data:1: {message}" in capsys.readouterr().err


def test_numbers_of_choices_may_differ_and_ids_stand_once(tmp_path: Path, capsys: Any) -> None:
    records = [{**GOOD, "id": 1}, {**GOOD, "id": 2, "choices": ["a", "b", "c"]}, {**GOOD, "id": 1}]
    found, pipe = read(tmp_path / "data", "".join(json.dumps(record) + "\n" for record in records))
    assert (len(found), pipe.tally.n_failed) == (2, 1)
    said = capsys.readouterr().err
    assert "read as multiple choice: 1 with 2 choices, 1 with 3 choices" in said
    assert "data:3: the id `1` stands at " in said


TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(str.strip)


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_choices_survive(tmp_path: Path, data: st.DataObject) -> None:
    endings = data.draw(st.lists(TEXT, min_size=2, max_size=6))
    expected = Choices("x", data.draw(TEXT), tuple(endings), data.draw(st.integers(0, len(endings) - 1)))
    flat = {"id": "x", "question": expected.context, "choices": endings, "label": expected.label}
    fields = {f"choice{number}": ending for number, ending in enumerate(endings)}
    series = {"label": str(expected.label), **fields, "sent1": expected.context, "id": "x"}
    for record in (flat, series):
        found, pipe = read(tmp_path / "data", json.dumps(record) + "\n")
        assert (found, pipe.tally.n_failed) == ([expected], 0)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "x", "A", "[1]", '["x"]']),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["text", "label"]), inner, max_size=3),
    max_leaves=8,
)
NAMES = (
    "id",
    "sent1",
    "sent2",
    "question",
    "premise",
    "asks_for",
    "choices",
    "choice0",
    "choice1",
    "label",
    "answerKey",
)


@given(st.dictionaries(st.sampled_from(NAMES), JSON))
@settings(max_examples=400, deadline=None)
def test_any_other_json_is_a_multiple_choice_or_an_error_of_its_record(values: dict[str, Any]) -> None:
    try:
        found = choices_of(values)
    except RecordError:
        return
    assert found.label is not None and 0 <= found.label < len(found.endings) == len(found.pairs)
    assert all(text.strip() for pair in found.pairs for text in pair)
