"""nlptool evaluate answers, as a user calls it: the forms of questions and predictions, and what is left out and said."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program import Invoke, records

QUESTIONS = {
    "q1": ("Who won?", ["the Denver Broncos", "Denver Broncos"]),
    "q2": ("Where?", ["Santa Clara, California", "Santa Clara"]),
    "q3": ("When?", []),
    "q4": ("How many?", []),
}
CONTEXT = "The Denver Broncos won in Santa Clara, California."
PREDICTIONS = {"q1": "denver broncos!", "q2": "Clara", "q3": "", "q4": "ten"}
SCORES = {"exact": 0.5, "f1": round((1 + 2 / 3 + 1) / 4, 4)}


def squad(version: str = "v2.0", ids: Any = QUESTIONS) -> dict[str, Any]:
    questions = []
    for id in ids:
        text, answers = QUESTIONS[id]
        gold = [{"text": answer, "answer_start": max(0, CONTEXT.find(answer))} for answer in answers]
        said = {} if version == "1.1" else {"is_impossible": not answers}
        questions.append({"id": id, "question": text, "answers": gold, **said})
    return {
        "version": version,
        "data": [{"title": "Super Bowl", "paragraphs": [{"context": CONTEXT, "qas": questions}]}],
    }


def predicted(**changes: Any) -> list[dict[str, Any]]:
    """Records as a reader writes them, of questions that had gold answers."""
    return [
        {
            "id": id,
            "question": text,
            "gold": {"text": answers, "answer_start": [0] * len(answers)},
            "answers": [{"text": PREDICTIONS[id], "score": 0.5}, {"text": "x"}] if PREDICTIONS[id] else [],
            "nlptool": {"answer": {"model": "my-reader"}},
            **changes,
        }
        for id, (text, answers) in QUESTIONS.items()
    ]


def jsonl(each: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in each).encode()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    found = {"dev": tmp_path / "dev-v2.0.json", "predicted": tmp_path / "predictions.json", "na": tmp_path / "na.json"}
    found["dev"].write_text(json.dumps(squad()))
    found["predicted"].write_text(json.dumps(PREDICTIONS))
    found["na"].write_text(json.dumps({"q1": 0.1, "q2": 0.9, "q3": 0.8, "q4": 0.7}))
    return {name: str(path) for name, path in found.items()}


def evaluate(invoke: Invoke, *arguments: str, stdin: bytes = b"", code: int = 0) -> dict[str, Any]:
    more = () if "--bootstrap" in arguments else ("--bootstrap", "0")
    (found,) = records(invoke("evaluate", "answers", *more, *arguments, stdin=stdin), code)
    return found


def scores(record: dict[str, Any]) -> dict[str, float]:
    return {name: record[name] for name in ("exact", "f1")}


def test_a_file_of_squad_and_the_predictions_of_its_script(invoke: Invoke, files: dict[str, str]) -> None:
    done = invoke("evaluate", "answers", files["dev"], "--predicted", files["predicted"], "--bootstrap", "100")
    (found,) = records(done)
    intervals = {name: found.pop(name) for name in list(found) if name.endswith("_interval")}
    assert found == {
        "file": files["dev"], "records": 4, "questions": 4, "skipped": 0, "without_prediction": 0, "metric": "squad2", **SCORES,
        "has_answer": 2, "has_answer_exact": 0.5, "has_answer_f1": 0.8333,
        "no_answer": 2, "no_answer_exact": 0.5, "no_answer_f1": 0.5, "model": None, "bootstrap": 100, "seed": 1,
    }  # fmt: skip
    assert all(
        0 <= low <= found[name.removesuffix("_interval")] <= high <= 1 for name, (low, high) in intervals.items()
    )
    assert len(intervals) == 4  # too many resamples of four questions have none without an answer
    assert f"{files['dev']}: --metric squad2: some questions have no answer" in done.stderr


@pytest.mark.parametrize("indent", [None, 2])
def test_every_form_of_questions_and_of_predictions_gives_the_same(
    invoke: Invoke, files: dict[str, str], tmp_path: Path, indent: int | None
) -> None:
    flat = [{**record, "answers": record["gold"]} for record in predicted()]
    for record in flat:
        del record["gold"], record["nlptool"]
    for_record = [{"id": id, "answers": [{"text": answer}] if answer else []} for id, answer in PREDICTIONS.items()]
    n_best = {id: [{"text": answer, "probability": 1}, {"text": "x"}] for id, answer in PREDICTIONS.items()}
    questions = {
        "a": json.dumps(squad(), indent=indent),
        "b": jsonl(flat).decode(),
        "c": json.dumps(flat, indent=indent),
    }
    predictions = {
        "p": json.dumps(PREDICTIONS, indent=indent),
        "q": jsonl(for_record).decode(),
        "r": json.dumps(n_best),
    }
    for name, text in {**questions, **predictions}.items():
        (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name in "br" else text.encode())
    expected = evaluate(invoke, files["dev"], "--predicted", files["predicted"])
    for name in questions:
        for other in predictions:
            found = evaluate(invoke, str(tmp_path / name), "--predicted", str(tmp_path / other))
            assert found == {**expected, "file": str(tmp_path / name)}, (name, other)
    assert evaluate(invoke, "--predicted", files["predicted"], stdin=json.dumps(squad()).encode()) == {
        **expected, "file": "<stdin>",
    }  # fmt: skip


def test_records_may_hold_the_predictions(invoke: Invoke, files: dict[str, str]) -> None:
    expected = evaluate(invoke, files["dev"], "--predicted", files["predicted"])
    found = evaluate(invoke, stdin=jsonl(predicted()))
    assert found == {**expected, "file": "<stdin>", "model": "my-reader"}
    named = [
        {"gold": list(answers), "is_impossible": not answers, "prediction": PREDICTIONS[id]}
        for id, (_, answers) in QUESTIONS.items()
    ]
    assert scores(evaluate(invoke, stdin=jsonl(named))) == SCORES
    beside = [{"answers": record.pop("gold"), "predicted": record.pop("prediction"), **record} for record in named]
    assert scores(evaluate(invoke, stdin=jsonl(beside))) == SCORES
    table = "answers,prediction\nthe Denver Broncos,Denver Broncos\nSanta Clara,Clara\n"
    assert scores(evaluate(invoke, "-I", "csv", stdin=table.encode())) == {
        "exact": 0.5,
        "f1": round((1 + 2 / 3) / 2, 4),
    }
    assert scores(evaluate(invoke, stdin=table.encode())) == {"exact": 0.5, "f1": round((1 + 2 / 3) / 2, 4)}


def test_a_threshold_and_the_best_ones(invoke: Invoke, files: dict[str, str]) -> None:
    arguments = (files["dev"], "--predicted", files["predicted"], "--na-prob", files["na"])
    found = evaluate(invoke, *arguments)
    assert scores(found) == SCORES and found["threshold"] == 1.0
    best = {name: found[name] for name in found if name.startswith("best")}
    # In the order q1, q4, q3, q2: right and f1 1 and 1; from 2 answered questions on, q4 is wrong.
    assert best == {"best_exact": 0.75, "best_exact_threshold": 0.1, "best_f1": 0.75, "best_f1_threshold": 0.1}
    assert scores(evaluate(invoke, *arguments, "--na-threshold", "0.1")) == {"exact": 0.75, "f1": 0.75}
    held = [{**record, "no_answer": number} for record, number in zip(predicted(), (0.1, 0.9, 0.8, 0.7), strict=True)]
    of_records = evaluate(invoke, stdin=jsonl(held))
    assert {name: of_records[name] for name in best} == best
    del held[0]["no_answer"]
    done = invoke("evaluate", "answers", stdin=jsonl(held))
    assert "best_exact" not in records(done)[0]
    assert "questions without a probability that there is no answer: 1; no threshold is used" in done.stderr


def test_the_metric_is_that_of_the_data(invoke: Invoke, tmp_path: Path) -> None:
    predictions = tmp_path / "predictions.json"
    predictions.write_text(json.dumps({"q1": "x", "q2": "x"}))

    def metric(stdin: bytes, *arguments: str) -> tuple[str, str]:
        done = invoke("evaluate", "answers", *arguments, stdin=stdin)
        return records(done)[0]["metric"], done.stderr

    def of_version(version: str) -> tuple[str, str]:
        return metric(json.dumps(squad(version, ["q1", "q2"])).encode(), "--predicted", str(predictions))

    english = {"question": "Who?", "answers": ["Denver"], "prediction": "Denver"}
    japanese = {"question": "誰か。", "answers": ["織田信長。"], "prediction": "織田 信長"}
    assert metric(jsonl([english]))[0] == "squad"
    assert of_version("1.1")[0] == "squad"
    assert of_version("v2.0") == ("squad2", "nlptool evaluate: <stdin>: --metric squad2: the version is v2.0\n")
    found, said = metric(jsonl([japanese]))
    assert found == "jsquad" and "--metric jsquad: the script is Japanese" in said
    assert evaluate(invoke, stdin=jsonl([japanese]))["f1"] == round(8 / 9, 4)
    assert evaluate(invoke, "--metric", "squad", stdin=jsonl([japanese]))["f1"] == 0


def test_what_is_left_out_is_counted_and_what_has_no_prediction_is_wrong(
    invoke: Invoke, files: dict[str, str], tmp_path: Path
) -> None:
    some = tmp_path / "some.json"
    some.write_text(json.dumps({"q1": "Denver Broncos", "q9": "x", "q3": None}))
    done = invoke("evaluate", "answers", files["dev"], "--predicted", str(some))
    (found,) = records(done)
    assert (found["questions"], found["without_prediction"], found["exact"]) == (4, 3, 0.25)
    assert "questions without a prediction, which count as wrong: 3" in done.stderr
    assert "some.json: predictions for ids that no question has, which are left out: 1" in done.stderr
    rows = [*predicted()[:1], {"id": "q1", "gold": ["x"], "answers": []}, {"gold": 7, "answers": []}, {"text": "x"}, {}]
    passed = {"text": "x", "nlptool": {"error": {"type": "T", "message": "m", "line": 1, "command": "answer"}}}
    done = invoke("evaluate", "answers", stdin=jsonl([*rows, passed]) + b"text\n")
    (found,) = records(done, 3)
    assert (found["records"], found["questions"], found["skipped"], found["exact"]) == (7, 1, 6, 1.0)
    assert "5 of 7 records failed" in done.stderr and "1 records arrived with an error" in done.stderr


def test_tables_show_the_parts_and_the_best_thresholds(invoke: Invoke, files: dict[str, str]) -> None:
    arguments = (files["dev"], "--predicted", files["predicted"], "--na-prob", files["na"], "--bootstrap", "0")
    done = invoke("evaluate", "answers", *arguments, "-f", "table")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert done.stdout.startswith(f"{files['dev']}: squad2, 4 of 4 questions\n")
    for row in (
        ["all", "questions", "4", "0.5000", "0.6667"],
        ["with", "an", "answer", "2", "0.5000", "0.8333"],
        ["without", "an", "answer", "2", "0.5000", "0.5000"],
        ["F1", "0.7500", "0.1"],
    ):
        assert row in rows
    done = invoke("evaluate", "answers", *arguments, "-f", "csv")
    head, line = done.stdout.splitlines()
    assert dict(zip(head.split(","), line.split(","), strict=True))["best_f1"] == "0.75"


def test_the_details_have_a_record_for_each_question(invoke: Invoke, files: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "details.jsonl"
    arguments = (files["dev"], "--predicted", files["predicted"], "--na-prob", files["na"], "--na-threshold", "0.7")
    found = evaluate(invoke, *arguments, "--details", str(path))
    details = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [each["id"] for each in details] == list(QUESTIONS)
    assert details[1] == {
        "file": files["dev"], "id": "q2", "question": "Where?", "gold": ["Santa Clara, California", "Santa Clara"],
        "predicted": "Clara", "no_answer": 0.9, "exact": 0, "f1": 0.0,  # it is above the threshold
    }  # fmt: skip
    assert sum(each["exact"] for each in details) / 4 == found["exact"] == 0.5
    evaluate(
        invoke, "--details", str(path), stdin=b'{"question":"\\ud83d","gold":["ab c"],"answers":[{"text":"ab"}]}\n'
    )
    (one,) = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert one == {
        "file": "<stdin>", "question": "\ufffd", "gold": ["ab c"], "predicted": "ab", "exact": 0, "f1": 0.6667,
    }  # fmt: skip
    done = invoke("evaluate", "answers", *arguments, "--details", "-")
    assert done.exit_code == 2 and "name a file" in done.stderr


BAD = {
    "half a character": ("dev", '{"q1":"\\ud83d"}'),
    "no prediction has the id of a question: `x`": ("dev", '{"x":"y"}'),
    "there are no predictions": ("dev", ""),
    "this is no JSON object": ("dev", "text"),
    "not JSON": ("dev", '{"q1":"x"'),
    "a predicted answer is a number, not a text": ("dev", '{"q1":7}'),
    "a predicted answer has no `text`; its fields: `tex`": ("dev", '{"q1":[{"tex":"x"}]}'),
    "the probability that there is no answer is no number: 'x'": ("dev", '{"id":"q1","answers":["x"],"no_answer":"x"}'),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_predictions_say_what_is_wrong(message: str, invoke: Invoke, files: dict[str, str], tmp_path: Path) -> None:
    name, text = BAD[message]
    path = tmp_path / "bad.json"
    path.write_text(text)
    done = invoke("evaluate", "answers", files[name], "--predicted", str(path))
    assert (done.exit_code, done.stdout) == (1, "")
    assert message in done.stderr and "bad.json" in done.stderr


def test_what_does_not_fit_is_refused(invoke: Invoke, files: dict[str, str], tmp_path: Path) -> None:
    dev, by_id = files["dev"], ("--predicted", files["predicted"])
    na = tmp_path / "bad.json"

    def said(*arguments: str, code: int, stdin: bytes = b"") -> str:
        done = invoke("evaluate", "answers", *arguments, stdin=stdin)
        assert (done.exit_code, done.stdout) == (code, "")
        return done.stderr

    assert "SQuAD 1.1 knows no questions without an answer, and there are 2" in said(
        dev, *by_id, "--metric", "squad", code=1
    )
    assert "No such file" in said("nowhere", *by_id, code=1)
    assert "No such file" in said(dev, "--predicted", "nowhere", code=1)
    assert "stdin holds one of them" in said("--predicted", "-", code=2)
    assert "there are no questions to evaluate" in said(*by_id, code=1)
    assert "the record has no predicted answer; its fields: `id`" in said(dev, code=1)
    assert "the question has no id" in said(*by_id, stdin=b'{"answers":["x"]}\n', code=1)
    assert "makes no use of --unit" in said(dev, *by_id, "--unit", "sentence", code=2)
    assert "is no number" in said(dev, *by_id, "--na-threshold", "nan", code=2)
    na.write_text('{"q1":"much"}')
    message = "the probability that there is no answer of `q1` is no number: 'much'"
    assert message in said(dev, *by_id, "--na-prob", str(na), code=1)
    na.write_text('{"x":1}')
    assert "(--na-prob) has the id of a question" in said(dev, *by_id, "--na-prob", str(na), code=1)
    stop = said("--on-error", "fail", stdin=b'{"answers":["x"]}\n', code=1)
    assert "the record has no predicted answer" in stop


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "x", "[1]", '{"a":1}']),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["text", "answer_start", "paragraphs", "qas", "id", "answers"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
_FIELDS = (
    "id",
    "question",
    "answers",
    "gold",
    "prediction",
    "is_impossible",
    "no_answer",
    "data",
    "paragraphs",
    "qas",
    "nlptool",
)


@given(st.lists(st.dictionaries(st.sampled_from(_FIELDS), _VALUES, max_size=6), min_size=1, max_size=3), _VALUES)
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_in_a_record_or_in_a_file_of_predictions_is_an_internal_error(
    invoke: Invoke, files: dict[str, str], rows: list[dict[str, Any]], other: Any
) -> None:
    path = Path(files["predicted"])
    path.write_text(json.dumps(other))
    for arguments, stdin in (((), jsonl(rows)), (("--predicted", str(path)), jsonl(rows))):
        done = invoke("evaluate", "answers", "--bootstrap", "3", *arguments, stdin=stdin)
        assert done.exit_code in (0, 1, 3) and "internal error" not in done.stderr, done.stderr
    path.write_text(json.dumps(rows[0]))
    done = invoke("evaluate", "answers", files["dev"], "--predicted", str(path), "--bootstrap", "0")
    assert done.exit_code in (0, 1, 3) and "internal error" not in done.stderr, done.stderr
