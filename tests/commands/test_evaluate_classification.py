"""nlptool evaluate classification, as a user calls it, against scikit-learn and scipy."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program import Invoke, records
from scipy import stats
from sklearn import metrics as sklearn_metrics

LABELS = ("スポーツ", "政治", "経済")


def jsonl(*each: dict[str, Any]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in each).encode()


def evaluate(invoke: Invoke, stdin: bytes, *arguments: str, code: int = 0) -> dict[str, Any]:
    """The record of one file, without intervals unless they are asked for."""
    more = () if "--bootstrap" in arguments else ("--bootstrap", "0")
    (found,) = records(invoke("evaluate", "classification", *more, *arguments, stdin=stdin), code)
    return found


def classified(n: int, seed: int = 0) -> list[dict[str, Any]]:
    """Records as ``nlptool classify`` writes them, of texts that had a label."""
    random = np.random.default_rng(seed)
    result = []
    for shares in random.dirichlet(np.full(3, 0.5), n).astype(np.float32):
        order = np.argsort(-shares)
        gold = LABELS[order[0]] if random.random() < 0.6 else LABELS[random.integers(3)]
        probabilities = {LABELS[place]: float(shares[place]) for place in order}
        entry = {"classify": {"model": "topics", "task": "topic"}}
        result.append(
            {"text": "文", "gold": gold, "label": LABELS[order[0]], "probabilities": probabilities, "nlptool": entry}
        )
    return result


def test_the_scores_of_classified_records_are_scikit_learns(invoke: Invoke) -> None:
    items = classified(80)
    found = evaluate(invoke, jsonl(*items), "--bootstrap", "500", "--seed", "3")
    gold, predicted = ([item[name] for item in items] for name in ("gold", "label"))
    matrix = np.array([[item["probabilities"][label] for label in LABELS] for item in items], np.float64)
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(gold, predicted),
        "macro_f1": sklearn_metrics.f1_score(gold, predicted, average="macro"),
        "matthews": sklearn_metrics.matthews_corrcoef(gold, predicted),
        "log_loss": sklearn_metrics.log_loss(gold, matrix / matrix.sum(axis=1, keepdims=True), labels=LABELS),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=6e-5)
    assert found["majority"] == round(max(map(gold.count, LABELS)) / 80, 4)
    report = sklearn_metrics.classification_report(gold, predicted, output_dict=True)
    for label in LABELS:
        names = {"precision": "precision", "recall": "recall", "f1": "f1-score", "n": "support"}
        theirs = {ours: report[label][name] for ours, name in names.items()}
        assert found["per_class"][label] == pytest.approx({**theirs, "predicted": predicted.count(label)}, abs=6e-5)
    counts = sklearn_metrics.confusion_matrix(gold, predicted, labels=LABELS).tolist()
    assert found["confusion"] == {"labels": list(LABELS), "counts": counts}
    random = np.random.default_rng(3)
    draws = [random.integers(0, 80, 80) for _ in range(500)]
    each = [np.mean([gold[i] == predicted[i] for i in drawn]) for drawn in draws]
    assert found["accuracy_interval"] == pytest.approx(np.quantile(each, [0.025, 0.975]), abs=6e-5)
    head = {
        name: found[name]
        for name in ("file", "records", "used", "skipped", "kind", "classes", "model", "task", "bootstrap")
    }
    assert head == {
        "file": "<stdin>", "records": 80, "used": 80, "skipped": 0, "kind": "classification", "classes": 3,
        "model": "topics", "task": "topic", "bootstrap": 500,
    }  # fmt: skip
    assert "f1" not in found  # there are three classes


def test_the_confusions_are_listed_by_their_number(invoke: Invoke) -> None:
    found = evaluate(invoke, b"a\tb\n" * 3 + b"b\ta\n" * 5 + b"a\ta\n" * 3 + b"b\tc\n")
    assert found["confusions"] == [
        {"gold": "b", "predicted": "a", "n": 5, "share": 0.8333},
        {"gold": "a", "predicted": "b", "n": 3, "share": 0.5},
        {"gold": "b", "predicted": "c", "n": 1, "share": 0.1667},
    ]
    assert found["never_gold"] == 1 and found["never_predicted"] == 0


def test_lines_csv_tsv_json_and_other_names_give_the_same(invoke: Invoke, tmp_path: Path) -> None:
    pairs = [(item["gold"], item["label"]) for item in classified(30)]
    lines = "".join(f"{gold}\t{predicted}\n" for gold, predicted in pairs)
    expected = evaluate(invoke, lines.encode())
    named = [{"id": number, "gold": gold, "prediction": predicted} for number, (gold, predicted) in enumerate(pairs)]
    table = io.StringIO()
    csv.writer(table).writerows([("id", "class", "Predicted"), *[tuple(item.values()) for item in named]])
    inputs = {
        "a.tsv": "label\tpredicted_label\n" + lines,
        "b.csv": table.getvalue(),
        "c.json": json.dumps(named, indent=1),
        "d.jsonl": jsonl(*named).decode(),
    }
    for name, text in inputs.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        found = evaluate(invoke, b"", str(tmp_path / name))
        assert found == {**expected, "file": str(tmp_path / name)}, name
    nested = jsonl(*({"meta": {"topic": gold}, "out": [{"guess": predicted}]} for gold, predicted in pairs))
    assert evaluate(invoke, nested, "--label", "/meta/topic", "--predicted", "/out/0/guess") == expected
    numbered = "".join(f"{number}\t{predicted}\t{gold}\n" for number, (gold, predicted) in enumerate(pairs))
    assert evaluate(invoke, numbered.encode(), "--label", "3", "--predicted", "2") == expected
    swapped = "".join(f"{predicted}\t{gold}\n" for gold, predicted in pairs)
    for arguments in (["--label", "2"], ["--predicted", "1"]):
        assert evaluate(invoke, swapped.encode(), *arguments) == expected


def test_names_that_were_found_are_said_unless_they_are_those_of_classify(invoke: Invoke) -> None:
    done = invoke(
        "evaluate", "classification", stdin=jsonl({"category": "a", "label": "a", "probabilities": {"a": 1.0}})
    )
    assert "<stdin> is read with --label category --predicted label" in done.stderr
    done = invoke("evaluate", "classification", stdin=jsonl(*classified(5)))
    assert "is read with" not in done.stderr


def test_the_output_of_classify_as_csv_is_read(invoke: Invoke) -> None:
    items = classified(20)
    table = io.StringIO()
    rows = [(item["gold"], item["label"], json.dumps(item["probabilities"])) for item in items]
    csv.writer(table).writerows([("gold", "label", "probabilities"), *rows])
    found = evaluate(invoke, table.getvalue().encode())
    assert found == {**evaluate(invoke, jsonl(*items)), "model": None, "task": None}


def test_a_label_of_the_data_is_no_prediction_of_a_regression(invoke: Invoke) -> None:
    items = [{"label": gold, "value": value} for gold, value in [(1.0, 1.4), (4.5, 3.0), (2.0, 2.25), (3.0, 3.5)]]
    found = evaluate(invoke, jsonl(*items))
    gold, predicted = ([item[name] for item in items] for name in ("label", "value"))
    assert found["kind"] == "regression"
    assert found["pearson"] == pytest.approx(stats.pearsonr(gold, predicted).statistic, abs=6e-5)
    assert found["spearman"] == pytest.approx(stats.spearmanr(gold, predicted).statistic, abs=6e-5)
    assert found["mae"] == pytest.approx(sklearn_metrics.mean_absolute_error(gold, predicted), abs=6e-5)
    assert found["rmse"] == pytest.approx(sklearn_metrics.root_mean_squared_error(gold, predicted), abs=6e-5)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"label": "a", "labels": ["a", "b"]}, "multilabel"),
        ({"labels": ["a"], "gold": "a", "label": "a"}, "classification"),
        ({"value": 7, "label": "3", "labels": [], "gold": 2, "value2": 1}, "multilabel"),
        ({"category": "3", "value": 4}, "regression"),
    ],
)
def test_of_what_classify_may_have_written_the_last_field_is_the_prediction(
    invoke: Invoke, fields: dict[str, Any], kind: str
) -> None:
    item = {**fields, "nlptool": {"classify": {"model": "m"}}}
    assert evaluate(invoke, jsonl(item))["kind"] == kind


def test_several_labels_are_judged_as_sets(invoke: Invoke) -> None:
    pairs = [(["a", "b"], ["b", "a"]), ([], ["a"]), (["c"], []), (["a"], ["a", "c"]), ([], [])]
    found = evaluate(invoke, jsonl(*({"gold": gold, "labels": predicted} for gold, predicted in pairs)))
    gold, predicted = (np.array([[label in item[side] for label in "abc"] for item in pairs]) for side in (0, 1))
    assert (found["kind"], found["classes"], found["accuracy"]) == ("multilabel", 3, 0.4)
    assert found["micro_f1"] == round(sklearn_metrics.f1_score(gold, predicted, average="micro"), 4)
    assert found["macro_f1"] == round(sklearn_metrics.f1_score(gold, predicted, average="macro"), 4)
    assert "confusion" not in found


def test_numbers_and_texts_that_spell_the_same_class_are_the_same(invoke: Invoke) -> None:
    items = [
        {"gold": gold, "label": label} for gold, label in [(1, "1"), ("0", 0), (1.0, "1.0"), ("0.0", 0.0), ("1", "0")]
    ]
    found = evaluate(invoke, jsonl(*items))
    assert found["confusion"] == {"labels": ["0", "1"], "counts": [[2, 0], [1, 2]]}
    assert (found["kind"], found["positive"]) == ("classification", "1")
    words = evaluate(invoke, jsonl({"gold": True, "label": "true"}, {"gold": "2.0", "label": "2"}))
    assert words["confusion"]["labels"] == ["2", "2.0", "true"]


@pytest.mark.parametrize(
    ("arguments", "positive"),
    [([], "政治"), (["--positive", "スポーツ"], "スポーツ")],
)
def test_f1_is_that_of_the_positive_class(invoke: Invoke, arguments: list[str], positive: str) -> None:
    lines = "スポーツ\tスポーツ\n政治\tスポーツ\n政治\t政治\n"
    found = evaluate(invoke, lines.encode(), *arguments)
    gold, predicted = zip(*(line.split("\t") for line in lines.splitlines()), strict=True)
    assert found["positive"] == positive
    assert found["f1"] == round(sklearn_metrics.f1_score(gold, predicted, pos_label=positive), 4)


def test_a_class_that_the_model_knows_counts_for_the_positive_one(invoke: Invoke) -> None:
    item = {"gold": "0", "label": "0", "probabilities": {"0": 0.75, "1": 0.25}}
    found = evaluate(invoke, jsonl(item))
    assert (found["positive"], found["f1"], found["classes"]) == ("1", 0, 1)
    three = {"gold": "z", "label": "0", "probabilities": {"0": 0.75, "1": 0.25}}
    assert "f1" not in evaluate(invoke, jsonl(item, three))


def test_without_all_probabilities_there_is_no_log_loss_and_it_is_said(invoke: Invoke) -> None:
    items = [
        {"gold": "a", "label": "b", "probabilities": {"b": 0.6}},  # as with -k 1
        {"gold": "b", "label": "b", "probabilities": {"b": 0.9}},
    ]
    done = invoke("evaluate", "classification", "--bootstrap", "0", stdin=jsonl(*items))
    (found,) = records(done)
    assert "log_loss" not in found
    assert found["ece"] == 0.35  # |0 - 0.6| / 2 + |1 - 0.9| / 2
    assert "there is no log loss: records without the probability of the gold class: 1 of 2" in done.stderr
    more = [*items, {"gold": "b", "label": "b"}]
    done = invoke("evaluate", "classification", "--bootstrap", "0", stdin=jsonl(*more))
    assert "ece" not in records(done)[0]
    assert (
        "there is no calibration error: records without the probability of the predicted class: 1 of 3" in done.stderr
    )


def test_a_gold_label_that_the_model_does_not_know_is_said(invoke: Invoke) -> None:
    items = [{"gold": gold, "label": "a", "probabilities": {"a": 0.75, "b": 0.25}} for gold in ("a", "z")]
    done = invoke("evaluate", "classification", "--bootstrap", "0", stdin=jsonl(*items))
    (found,) = records(done)
    assert found["log_loss"] == pytest.approx((-np.log(0.75) - np.log(2**-23)) / 2, abs=6e-5)
    assert "gold labels without a probability, which counts as 1.2e-7 in log loss: 1" in done.stderr
    assert "gold labels that are never predicted: 1: `z`" in done.stderr


def test_records_without_a_label_or_with_an_error_are_left_out_and_counted(invoke: Invoke) -> None:
    failed = {"text": "", "nlptool": {"error": {"type": "x", "message": "y", "line": 1, "command": "classify"}}}
    items = [
        {"gold": "a"}, {"gold": "a", "label": "a"}, {"label": "a"}, {"gold": "b", "label": None},
        {"gold": " ", "label": "a"}, failed, {"gold": "b", "label": "b"}, {"gold": "b", "label": ""},
    ]  # fmt: skip
    done = invoke("evaluate", "classification", "--bootstrap", "0", stdin=jsonl(*items))
    (found,) = records(done)
    counts = {name: found[name] for name in ("records", "used", "skipped", "without_gold", "without_prediction")}
    assert counts == {"records": 8, "used": 2, "skipped": 6, "without_gold": 2, "without_prediction": 3}
    assert found["accuracy"] == 1
    assert "records without a gold label, which are left out: 2 of 8" in done.stderr
    assert "records without a prediction, which are left out: 3 of 8" in done.stderr
    assert "1 records arrived with an error of an earlier command" in done.stderr


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"gold": {"a": 1}, "label": "a"}, "the label is an object"),
        ({"gold": [["a"]], "label": "a"}, "the label is a list"),
        ({"gold": "a", "label": "a", "probabilities": {"a": "high"}}, "is no object of labels and their probabilities"),
        ({"gold": "a", "label": "a", "probabilities": {"a": 7}}, "is no object of labels and their probabilities"),
    ],
)
def test_a_label_that_is_none_fails_and_the_others_are_judged(
    invoke: Invoke, bad: dict[str, Any], message: str
) -> None:
    done = invoke("evaluate", "classification", "--bootstrap", "0", stdin=jsonl(bad, {"gold": "b", "label": "b"}))
    (found,) = records(done, 3)
    assert (found["used"], found["skipped"]) == (1, 1)
    assert f"<stdin>:1: {message}" in done.stderr.replace("`probabilities` ", "")


def test_a_gold_label_that_is_no_number_fails_in_a_regression(invoke: Invoke) -> None:
    items = [{"gold": gold, "value": 1.5 * number} for number, gold in enumerate([0.5, "n/a", 2, "3.5", "?"])]
    done = invoke("evaluate", "classification", stdin=jsonl(*items))
    (found,) = records(done, 3)
    assert (found["kind"], found["used"], found["skipped"]) == ("regression", 3, 2)
    assert "<stdin>:2: the gold label `n/a` is no number; records left out because of that: 2" in done.stderr
    none = invoke("evaluate", "classification", stdin=jsonl({"gold": "a", "value": 1.5}))
    assert none.exit_code == 1
    assert "a regression needs numbers: the gold label `a` is no number" in none.stderr


def test_numbers_against_words_are_judged_and_said(invoke: Invoke) -> None:
    done = invoke("evaluate", "classification", "--bootstrap", "0", stdin=b"1\tone\n2\ttwo\n")
    (found,) = records(done)
    assert (found["accuracy"], found["never_predicted"], found["never_gold"]) == (0, 2, 2)
    assert "no prediction is one of the gold labels: --label and --predicted name the fields" in done.stderr


def test_one_class_alone_is_said(invoke: Invoke) -> None:
    done = invoke("evaluate", "classification", stdin=b"a\ta\na\ta\n")
    (found,) = records(done)
    assert (found["accuracy"], found["matthews"], found["accuracy_interval"]) == (1, 0, [1, 1])
    assert "all gold labels are `a`, so that Matthews' correlation is 0" in done.stderr


@pytest.mark.parametrize(
    ("stdin", "arguments", "message"),
    [
        (b"", [], "there are no predictions to evaluate"),
        (b"a\nb\n", [], "there are no predictions to evaluate"),
        (jsonl({"text": "x", "label": "a"}), [], "no prediction with one of the usual names; its fields: `text`, `label`"),
        (jsonl({"text": "x", "label": "a"}), ["--predicted", "guess"], "no prediction called `guess`; its fields: `text`"),
        (jsonl({"prediction": "a", "q": 1}), [], "no gold label with one of the usual names; its fields: `prediction`, `q`"),
        (b"text,predicted\nx,a\n", [], "the first row has no gold label with one of the usual names; it has: `text`"),
        (b"some text\ta\ta\n", [], "no prediction with one of the usual names; its fields: `1`, `2`, `3`"),
        (b"a\ta\nb\ta\n", ["--positive", "q"], "there is no class `q`"),
        (jsonl({"gold": ["a"], "labels": ["b"]}), ["--kind", "classification"], "2 labels are lists"),
        (jsonl({"gold": [], "labels": []}), [], "no record has a label: all lists are empty"),
        (b"a\tb\n", ["--kind", "regression"], "a regression needs numbers"),
        (b"1.5\t1.25\n", ["--plot", "a.png"], "there is no confusion matrix of numbers: a.png is not written"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_refused(
    invoke: Invoke, stdin: bytes, arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = invoke("evaluate", "classification", *arguments, stdin=stdin)
    assert done.exit_code == 1
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--plot", "a.png", "x", "y"], ["--field", "text"], ["--kind", "ranking"],
                                       ["--label", "a", "--predicted", "a"]])  # fmt: skip
def test_options_that_make_no_sense_are_wrong_usage(invoke: Invoke, arguments: list[str]) -> None:
    assert invoke("evaluate", "classification", *arguments).exit_code == 2


def test_a_record_for_each_file(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("x\tx\n")
    (tmp_path / "b.tsv").write_text("x\ty\n")
    names = [str(tmp_path / name) for name in ("a.tsv", "b.tsv")]
    found = records(invoke("evaluate", "classification", *names))
    assert [(each["file"], each["accuracy"]) for each in found] == [(names[0], 1), (names[1], 0)]
    missing = invoke("evaluate", "classification", str(tmp_path / "c.tsv"), names[0])
    assert [each["accuracy"] for each in records(missing, 1)] == [1]
    assert "c.tsv" in missing.stderr


def test_a_thousand_classes_stay_readable(invoke: Invoke, tmp_path: Path) -> None:
    lines = "".join(f"c{number}\tc{number if number % 3 else (number + 1) % 1000}\n" for number in range(1000))
    lines += "c1\tc0\n" * 7
    table = invoke("evaluate", "classification", "-f", "table", "--plot", str(tmp_path / "a.svg"), stdin=lines)
    assert table.exit_code == 0, table.stderr
    assert len(table.stdout.splitlines()) < 50
    assert "and 980 more classes" in table.stdout
    assert table.stdout.split("share of the class\n")[1].split()[:4] == ["c1", "c0", "7", "0.8750"]
    assert "961 others" in (tmp_path / "a.svg").read_text()
    found = evaluate(invoke, lines.encode())
    assert found["confusion"] is None
    assert (len(found["per_class"]), len(found["confusions"])) == (1000, 20)


def test_labels_with_tabs_and_line_breaks_stand_on_one_line_of_the_table(invoke: Invoke) -> None:
    items = [{"gold": "a\tb", "label": "c\nd"}, {"gold": "a\tb", "label": "a\tb"}]
    done = invoke("evaluate", "classification", "-f", "table", "--bootstrap", "0", stdin=jsonl(*items))
    assert done.stdout.split("predicted  a\\tb  c\\nd\n")[1].splitlines()[0].split() == ["a\\tb", "1", "1"]


def test_columns_of_a_wide_matrix_are_numbered(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = "".join(f"a long name of class {number}\ta long name of class 0\n" for number in range(6))
    done = invoke("evaluate", "classification", "-f", "table", stdin=lines)
    matrix = done.stdout.split("gold \\ predicted")[1].splitlines()
    assert matrix[0].split() == list("123456")
    assert matrix[2].startswith("2 a long name of class 1")


def test_the_plot_is_that_of_the_confusion_matrix(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    evaluate(invoke, "スポーツ\t政治\n".encode() * 11 + b"x\tx\n", "--plot", str(path))
    written = path.read_text(encoding="utf-8")
    assert "<!-- 11 -->" in written and "<!-- 政治 -->" in written


TEXTS = st.one_of(
    st.text(max_size=5), st.integers(-3, 3), st.floats(allow_nan=False, allow_infinity=False, width=16), st.none(), st.booleans(),
    st.lists(st.text(max_size=3), max_size=3), st.dictionaries(st.text(max_size=2), st.floats(0, 1), max_size=2),
)  # fmt: skip


@given(st.lists(st.fixed_dictionaries({}, optional={"gold": TEXTS, "label": TEXTS, "labels": TEXTS, "value": TEXTS,
                                                    "probabilities": TEXTS}), max_size=8))  # fmt: skip
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_fields_hold_the_counts_add_up_and_nothing_crashes(
    invoke: Invoke, items: list[dict[str, Any]]
) -> None:
    done = invoke("evaluate", "classification", "--bootstrap", "2", stdin=jsonl(*items).replace(b"\\ud", b"d"))
    assert done.exit_code in (0, 1, 3), done.stderr
    assert "internal" not in done.stderr
    for line in done.stdout_bytes.split(b"\n")[:-1]:
        found = json.loads(line)
        assert found["used"] + found["skipped"] == found["records"] == len(items)
        assert found["used"] > 0
