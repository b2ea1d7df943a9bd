"""``answer``: what each record gets, by readers of several architectures, in its context or in a corpus."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import heads_models
import labelled_examples as examples
import numpy as np
import pytest
import reading_examples as reading
from click.testing import Result
from interruptions import resumed_after_every_list
from program import invoke, records, succeeded

from nlptool.models.readers import loading
from nlptool.models.readers.reader import ReadContext
from nlptool.models.readers.spans import FoundSpan, FoundSpans
from nlptool.records.record import Record
from nlptool.specs import ReaderSpec
from nlptool.tasks.answer import Choice, answer, own_question, with_question

KINDS = ("bert", "roberta", "distilbert", "albert", "modernbert", "xlm-roberta", "bert-japanese", "electra", "deberta")
IN_ONNX = ("bert", "distilbert", "modernbert", "roberta")
"""Of which a reader is converted here: with and without types, and with more before the head. As classifiers all kinds are."""
CONTEXT = "The cat sleeps in the garden. 犬が窓の前で鳴く。 The bird sings on stage."


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small reader with random weights."""
    return heads_models.save("bert", tmp_path_factory.mktemp("reader"), "ForQuestionAnswering")


@pytest.mark.parametrize("kind", KINDS)
def test_logits_and_answers_are_those_of_transformers(tmp_path: Path, kind: str) -> None:
    folder = heads_models.save(kind, tmp_path / kind, "ForQuestionAnswering")
    question = "Who sings?"
    answers = []
    for engine in ("onnx", "torch") if kind in IN_ONNX else ("torch",):
        found = loading.locate(ReaderSpec(str(folder), engine=engine, device="cpu", max_length=40)).open()
        assert found.engine == engine
        windows = found._windows.of(question, CONTEXT)
        assert len(windows.windows) > 1
        expected = heads_models.span_logits(folder, [(window.ids, window.types) for window in windows.windows])
        for ours, theirs in zip(found._logits(windows.windows), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-4)
        record = json.dumps({"question": question, "context": CONTEXT})
        done = invoke("answer", "-m", str(folder), "--engine", engine, "--max-length", "40", stdin=record)
        (said,) = records(done)
        answers.append([(each["text"], each["start"], each["end"]) for each in said["answers"]])
        for each in said["answers"]:
            assert CONTEXT[each["start"] : each["end"]] == each["text"]
            assert 0 < each["score"] < 1
    assert answers[0] == answers[-1]
    assert len(answers[0]) == 3


class Fake:
    """A reader small enough to check by hand: the answers are the runs of the letter a, longer ones are more probable."""

    name, engine, device = "fake", "onnx", "cpu"

    def __init__(self, threshold: float | None = None) -> None:
        self.threshold = threshold

    def read(self, items: Any, *, k: int, most_tokens: int) -> list[ReadContext]:
        if any("boom" in context for _, context in items):
            raise ValueError("no booms")
        found = []
        for _, context in items:
            runs = [(context.index(run), len(run)) for run in {"a" * n for n in range(1, 9)} if f" {run} " in context]
            runs = sorted(runs, key=lambda run: -run[1])[:k]
            spans = [FoundSpan(start, start + length, float(length)) for start, length in runs]
            null = 1.0
            total = math.log(sum(math.exp(span.score) for span in spans) + math.exp(null))
            best = None if "nan" in context else FoundSpans(spans, null, total)
            found.append(ReadContext(best, len(context), 1 + ("long" in context), "?" not in items[0][0]))
        return found


def said(texts: list[str], choice: Choice | None = None, threshold: float | None = None) -> list[Record]:
    given = [Record(text, "x", line) for line, text in enumerate(texts, 1)]
    (done,) = answer([given], Fake(threshold), with_question("Which?"), choice or Choice())  # type: ignore[arg-type]
    return done


def test_each_record_gets_its_answers_and_failures_stay_in_their_place() -> None:
    done = said([" aa b a ", "nan", "b", "", "a boom", "long a a ", "\u3000"])
    errors = [record.error.type if record.error else None for record in done]
    assert errors == [None, "NotFinite", None, "EmptyText", "ModelFailed", None, "EmptyText"]
    first = json.loads(done[0].results["answers"])
    assert [(each["text"], each["start"], each["end"]) for each in first] == [("aa", 1, 3), ("a", 1, 2)]
    total = math.exp(2) + 2 * math.exp(1)
    assert [each["score"] for each in first] == pytest.approx([math.exp(2) / total, math.exp(1) / total], abs=1e-6)
    assert done[2].results["answers"] == b"[]"
    assert done[0].entry == {"model": "fake", "n_tokens": 8}
    assert done[5].entry["n_windows"] == 2
    assert "no_answer" not in done[0].results


def test_no_answer_k_and_min_score() -> None:
    (record,) = said([" aa b a "], Choice(k=1))
    assert len(json.loads(record.results["answers"])) == 1
    (record,) = said([" aa b a "], Choice(min_score=0.5))
    assert [each["text"] for each in json.loads(record.results["answers"])] == ["aa"]
    likely = round(1 / (1 + math.exp(2 - 1)), 6)  # that there is none, rather than the best
    for threshold, chosen, n_answers in ((None, 0.2, 0), (None, 0.3, 2), (0.2, None, 0), (0.2, 0.3, 2)):
        (record,) = said([" aa b a "], Choice(threshold=chosen), threshold)
        assert json.loads(record.results["no_answer"]) == likely
        assert len(json.loads(record.results["answers"])) == n_answers


def test_gold_answers_are_kept_and_can_be_judged(reader: Path, tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    examples.write(path, reading.QUESTIONS[:8])
    done = invoke("answer", "-m", str(reader), str(path))
    found = records(done)
    assert [each["gold"] for each in found] == [each["answers"] for each in reading.QUESTIONS[:8]]
    judged = records(invoke("evaluate", "answers", "-f", "jsonl", stdin=done.stdout))
    by_model = records(invoke("evaluate", "answers", "-f", "jsonl", "-m", str(reader), str(path)))
    for name in ("exact", "f1", "questions", "metric"):
        assert judged[0][name] == by_model[0][name]
    assert by_model[0]["questions"] == 8
    assert by_model[0]["model"] == str(reader)


def test_squad_is_a_record_for_each_question(reader: Path) -> None:
    done = invoke("answer", "-m", str(reader), stdin=reading.squad(reading.QUESTIONS[:5] + reading.IMPOSSIBLE[:1]))
    found = records(done)
    assert [each["question"] for each in found] == ["Who?", "What?", "Who?", "What?", "Who?", "Why?"]
    assert [each["id"] for each in found[:2]] == [each["id"] for each in reading.QUESTIONS[:2]]
    assert found[5]["gold"] == []
    assert found[5]["is_impossible"] is True


def test_one_question_is_asked_every_text(reader: Path) -> None:
    lines = "The cat sleeps.\n\nThe dog eats.\n"
    done = invoke("answer", "-m", str(reader), "--question", "Who?", "-k", "1", stdin=lines)
    found = records(done, 3)
    assert [each.get("question") for each in found] == ["Who?", None, "Who?"]
    assert "the context is empty" in done.stderr
    (answer,) = found[0]["answers"]
    assert "The cat sleeps."[answer["start"] : answer["end"]] == answer["text"]
    rows = csv.DictReader(
        io.StringIO(invoke("answer", "-m", str(reader), "--question", "Who?", "-f", "csv", stdin=lines).stdout)
    )
    assert rows.fieldnames is not None
    assert [*rows.fieldnames] == ["text", "question", "answer", "start", "end", "score", "error"]
    other = {"question": "What?", "context": "The cat sleeps."}
    (of_context,) = records(
        invoke("answer", "-m", str(reader), "--question", "Who?", "-k", "1", stdin=json.dumps(other))
    )
    assert (of_context["question"], of_context["answers"]) == ("Who?", found[0]["answers"])
    table = invoke("answer", "-m", str(reader), "--question", "Who?", "-f", "table", stdin="The cat sleeps.\n")
    assert "cat" in table.stdout
    assert "answer" in table.stdout


def test_answers_from_a_corpus_say_where_they_stand(reader: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    lines = ["The cat sleeps in the garden.", "The dog eats by the window.", "Prices rose again this year."]
    corpus.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    options = ("-m", str(reader), "--passages", "2", "-k", "2")
    by_file = records(invoke("answer", *options, "--corpus", str(corpus), "--question", "Where does the cat sleep?"))
    succeeded(invoke("index", "build", "-q", "-o", str(tmp_path / "index"), str(corpus)))
    by_index = records(
        invoke("answer", *options, "--corpus", str(tmp_path / "index"), stdin="Where does the cat sleep?\n")
    )
    assert by_file[0]["answers"] == by_index[0]["answers"]
    (found,) = by_index
    assert found["question"] == "Where does the cat sleep?"
    assert len(found["answers"]) == 2
    for each in found["answers"]:
        assert each["context"] == lines[each["line"] - 1]
        assert each["context"][each["start"] : each["end"]] == each["text"]
        assert each["file"] == str(corpus)
        assert each["line"] in (1, 2)
    assert sum(each["score"] for each in found["answers"]) < 1
    table = invoke("answer", *options, "--corpus", str(corpus), "--question", "Who?", "-f", "table")
    assert "Who?" in table.stdout


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "message"),
    [
        ((), "The cat sleeps.\n", 3, "a line of text has no question"),
        ((), '{"question":"Who?"}\n', 3, "the record has no `context`"),
        ((), '{"context":"x"}\n', 3, "the record has no `question`"),
        ((), '{"question":"Who?","context":""}\n', 3, "`context` is empty"),
        ((), '{"question":"","context":"x"}\n', 3, "`question` is empty"),
        ((), '{"question":7,"context":"x"}\n', 3, "`question` holds a number"),
        ((), '{"question":"Who?","context":"\\ud800"}\n', 3, "half a character"),
        ((), '{"data":[{"title":"x"}]}\n', 3, ""),
        (("--question", " "), "x", 2, "--question is empty"),
        (("--passages", "3"), "x", 2, "makes no use of --passages"),
        (("--question", "Who?", "--corpus", "c.txt", "x.txt"), "", 2, "FILE would hold questions"),
        (("--corpus", "-"), "", 2, "stdin cannot be the corpus and the questions at once"),
        (("--corpus", "none.txt"), "Who?\n", 1, "none.txt"),
        (
            ("--max-length", "8"),
            '{"question":"Who?","context":"x"}\n',
            1,
            "leaves no room for a question and a context",
        ),
        (("-m", "glue-mini-ja"), "x", 4, "glue-mini-ja is no reader: it was trained for classes"),
        (("-m", "./none"), "x", 4, "./none"),
        (("--no-answer", "2"), "x", 2, "--no-answer"),
    ],
)
def test_bad_input_is_refused_with_a_reason(
    reader: Path, arguments: tuple[str, ...], stdin: str, code: int, message: str
) -> None:
    done = invoke("answer", "-m", str(reader), *arguments, stdin=stdin)
    assert "Traceback" not in done.stderr
    assert (done.exit_code, message in done.stderr) == (code, True), done.stderr


def test_without_a_model_it_says_what_is_needed() -> None:
    done = invoke("answer", "--question", "Who?", stdin="x")
    assert done.exit_code == 2
    assert "-m FOLDER of `nlptool train reader`" in done.stderr


def test_a_question_longer_than_the_window_is_cut_and_said(reader: Path) -> None:
    long = json.dumps({"question": "who " * 500, "context": "The cat sleeps."})
    done = invoke("answer", "-m", str(reader), stdin=long)
    (found,) = records(done)
    assert found["nlptool"]["answer"]["cut_question"] is True
    assert "questions that are too long, whose beginning was read: 1" in done.stderr


def test_results_do_not_depend_on_the_neighbours(reader: Path) -> None:
    lines = [
        json.dumps({"question": each["question"], "context": each["context"] * n})
        for n, each in enumerate(reading.QUESTIONS[:6], 1)
    ]
    together = records(invoke("answer", "-m", str(reader), "--deterministic", stdin="\n".join(lines)))
    alone = [records(invoke("answer", "-m", str(reader), "--deterministic", stdin=line))[0] for line in lines]
    assert together == alone


def test_a_run_that_is_interrupted_after_any_question_of_a_file_goes_on(reader: Path, tmp_path: Path) -> None:
    path = tmp_path / "squad.json"
    path.write_text(reading.squad(reading.QUESTIONS[:12]), encoding="utf-8")
    lines = examples.write(tmp_path / "lines.jsonl", reading.QUESTIONS[12:18])
    out = tmp_path / "out.jsonl"

    def run(*options: str) -> Result:
        return invoke("answer", "-m", str(reader), "--deterministic", "-o", str(out), str(path), str(lines), *options)

    assert resumed_after_every_list(run, out) > 1


def test_a_question_of_a_record_needs_an_object() -> None:
    from nlptool.errors import RecordError

    with pytest.raises(RecordError, match="a line of text has no question"):
        own_question(Record("text", "x", 1))
