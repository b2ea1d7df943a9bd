"""nlptool evaluate tagging, as a user calls it, against seqeval and scikit-learn."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program import Invoke, records
from seqeval.metrics import accuracy_score, classification_report
from seqeval.scheme import IOB2
from sklearn import metrics as sklearn_metrics

from nlptool.models.taggers.schemes import converted, spans_of

LABELS = ("PER", "LOC", "ORG")
WORDS = ("東京", "へ", "New", "York", "😀", "、", "\u3000")


def evaluate(invoke: Invoke, stdin: str, *arguments: str, code: int = 0) -> dict[str, Any]:
    """The record of one file, without intervals unless they are asked for."""
    more = () if "--bootstrap" in arguments else ("--bootstrap", "0")
    (found,) = records(invoke("evaluate", "tagging", *more, *arguments, stdin=stdin.encode()), code)
    return found


def tagged(n: int, seed: int = 0) -> tuple[list[list[str]], list[list[str]], list[list[str]]]:
    """Words, gold tags and predicted tags of sentences; some predicted tags begin with I- where they should not."""
    random = np.random.default_rng(seed)
    words, gold, predicted = [], [], []
    for _ in range(n):
        tags: list[str] = []
        while len(tags) < 3 or random.random() < 0.8:
            label = str(random.choice(LABELS))
            tags += ["O"] if random.random() < 0.6 else [f"B-{label}", *[f"I-{label}"] * int(random.integers(3))]
        other = [
            f"{random.choice(['B', 'I'])}-{random.choice(LABELS)}" if random.random() < 0.15 else tag for tag in tags
        ]
        words.append([str(random.choice(WORDS)) for _ in tags])
        gold.append(tags)
        predicted.append(other)
    return words, gold, predicted


def conll(*columns: list[list[str]]) -> str:
    return "".join(
        "".join("\t".join(cells) + "\n" for cells in zip(*sentence, strict=True)) + "\n"
        for sentence in zip(*columns, strict=True)
    )


def jsonl(*items: dict[str, Any]) -> str:
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)


def as_spans(words: list[str], tags: list[str]) -> dict[str, Any]:
    """A text without blanks, and entities in it."""
    ends = np.cumsum([0, *map(len, words)]).tolist()
    spans = [{"start": ends[start], "end": ends[end], "label": label} for start, end, label in spans_of(tags)]
    return {"text": "".join(words), "entities": spans}


@pytest.mark.parametrize("strict", [False, True])
def test_the_scores_are_those_of_seqeval(invoke: Invoke, strict: bool) -> None:
    words, gold, predicted = tagged(60)
    found = evaluate(invoke, conll(words, gold, predicted), *(["--strict"] if strict else []))
    more = {"mode": "strict", "scheme": IOB2} if strict else {}
    report = classification_report(gold, predicted, output_dict=True, zero_division=0, **more)
    names = {"precision": "precision", "recall": "recall", "f1": "f1-score"}
    for ours, theirs in names.items():
        assert found[ours] == pytest.approx(report["micro avg"][theirs], abs=6e-5)
        assert found[f"macro_{ours}"] == pytest.approx(report["macro avg"][theirs], abs=6e-5)
        for label in LABELS:
            assert found["per_class"][label][ours] == pytest.approx(report[label][theirs], abs=6e-5)
    assert {label: found["per_class"][label]["n"] for label in LABELS} == {
        label: report[label]["support"] for label in LABELS
    }
    assert found["accuracy"] == pytest.approx(accuracy_score(gold, predicted), abs=6e-5)
    head = {name: found[name] for name in ("file", "records", "used", "skipped", "kind", "scheme", "strict", "classes")}
    assert head == {
        "file": "<stdin>", "records": 60, "used": 60, "skipped": 0, "kind": "entities", "scheme": "iob2", "strict": strict,
        "classes": 3,
    }  # fmt: skip
    assert sum(found["errors"]["gold"].values()) == found["entities"] == report["micro avg"]["support"]
    assert sum(found["errors"]["predicted"].values()) == found["predicted_entities"]
    counts = np.array(found["confusion"]["counts"])
    assert found["confusion"]["labels"] == ["LOC", "ORG", "PER", "(none)"]
    assert counts[:3].sum() == found["entities"] and counts[:, :3].sum() == found["predicted_entities"]
    assert counts[:3, :3].trace() == found["errors"]["gold"]["right"]
    assert counts[:3, :3].sum() - counts[:3, :3].trace() == found["errors"]["gold"]["label"]
    assert sum(each["n"] for each in found["confusions"]) == found["errors"]["gold"]["label"]


def test_intervals_are_of_sentences(invoke: Invoke) -> None:
    words, gold, predicted = tagged(30)
    found = evaluate(invoke, conll(words, gold, predicted), "--bootstrap", "200", "--seed", "3")
    random = np.random.default_rng(3)
    each = []
    for _ in range(200):
        drawn = random.integers(0, 30, 30)
        report = classification_report(
            [gold[i] for i in drawn], [predicted[i] for i in drawn], output_dict=True, zero_division=0
        )
        each.append(report["micro avg"]["f1-score"])
    assert found["f1_interval"] == pytest.approx(np.quantile(each, [0.025, 0.975]), abs=6e-5)
    assert found["accuracy_interval"][0] < found["accuracy"] < found["accuracy_interval"][1]


def test_columns_json_and_spans_beside_each_other_or_in_two_files_give_the_same(invoke: Invoke, tmp_path: Path) -> None:
    words, gold, predicted = tagged(25)
    columns = ("scheme", "accuracy")  # of spans there are none
    expected = evaluate(invoke, conll(words, gold, predicted))
    of_spans = {name: value for name, value in expected.items() if name not in columns}
    items = [
        {"tokens": each, "gold": ours, "tags": theirs}
        for each, ours, theirs in zip(words, gold, predicted, strict=True)
    ]
    assert evaluate(invoke, jsonl(*items)) == expected
    mixed = [
        {**item, **as_spans(item["tokens"], item["tags"]), "tags": None, "nlptool": {"tag": {"model": "m"}}}
        for item in items
    ]
    found = evaluate(invoke, jsonl(*mixed))
    assert found.pop("model") == "m"
    assert {name: value for name, value in found.items() if name not in columns} == {
        name: value for name, value in of_spans.items() if name != "model"
    }
    files = {
        "gold.conll": conll(words, gold),
        "predicted.conll": conll(words, [converted(tags, "bioes") for tags in predicted]),
        "gold.jsonl": jsonl(*(as_spans(each, tags) for each, tags in zip(words, gold, strict=True))),
        "predicted.jsonl": jsonl(*(as_spans(each, tags) for each, tags in zip(words, predicted, strict=True))),
        "gold.conllu": "".join(
            "".join(
                f"{number}\t{word}\t_\tX\t_\t_\t_\t_\t_\tNE={tag}\n"
                for number, (word, tag) in enumerate(zip(each, tags, strict=True), 1)
            )
            + "\n"
            for each, tags in zip(words, gold, strict=True)
        ),
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    for of_gold, column in (("gold.conll", "2"), ("gold.jsonl", "entities"), ("gold.conllu", "NE")):
        for of_predicted in ("predicted.conll", "predicted.jsonl"):
            path = str(tmp_path / of_gold)
            found = evaluate(invoke, "", path, "--column", column, "--predicted", str(tmp_path / of_predicted))
            assert found.pop("file") == path
            found = {name: value for name, value in found.items() if name not in columns}
            assert found == {name: value for name, value in of_spans.items() if name != "file"}, (of_gold, of_predicted)


def test_plain_tags_have_an_accuracy(invoke: Invoke) -> None:
    gold, predicted = [["NOUN", "ADP"], ["VERB", "NOUN", "ADP"]], [["NOUN", "ADP"], ["VERB", "VERB", "X"]]
    words = [["a"] * len(tags) for tags in gold]
    found = evaluate(invoke, conll(words, gold, predicted))
    flat = [[tag for tags in side for tag in tags] for side in (gold, predicted)]
    assert (found["kind"], found["words"], found["accuracy"]) == ("tags", 5, 0.6)
    assert found["macro_f1"] == pytest.approx(
        sklearn_metrics.f1_score(*flat, average="macro", zero_division=0), abs=6e-5
    )
    assert found["confusion"] == {
        "labels": ["ADP", "NOUN", "VERB", "X"],
        "counts": [[1, 0, 0, 1], [0, 1, 1, 0], [0, 0, 1, 0], [0] * 4],
    }
    assert evaluate(invoke, conll(words, gold, predicted), "--scheme", "io")["kind"] == "entities"


def test_the_names_of_what_is_read_are_said(invoke: Invoke) -> None:
    words, gold, predicted = tagged(3)
    done = invoke("evaluate", "tagging", stdin=conll(words, gold, predicted))
    assert "<stdin> is read as a word a line, in columns, with --column 2 --predicted-column 3" in done.stderr
    swapped = evaluate(invoke, conll(words, predicted, gold), "--column", "3", "--predicted-column", "2")
    assert swapped == evaluate(invoke, conll(words, gold, predicted))


def test_tags_that_begin_with_i_are_counted_and_taken_as_conlleval_does(invoke: Invoke) -> None:
    content = conll([["a", "b", "c"]], [["B-PER", "O", "B-LOC"]], [["I-PER", "O", "B-LOC"]])
    done = invoke("evaluate", "tagging", "--bootstrap", "0", stdin=content)
    assert records(done)[0]["f1"] == 1
    assert (
        "predicted tags that begin with I- and begin an entity, which iob2 does not allow: 1; they are taken so"
        in done.stderr
    )
    done = invoke("evaluate", "tagging", "--bootstrap", "0", "--strict", stdin=content)
    assert records(done)[0]["recall"] == 0.5
    assert "they begin none with --strict" in done.stderr


def test_a_bad_sentence_in_one_of_two_files_leaves_the_others_in_place(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "gold.conll").write_text("a\tB-X\n\nb\n\nc\tB-X\n\nd\tO\n")
    (tmp_path / "predicted.conll").write_text("a\tB-X\n\nb\tO\n\nc\tB-X\n\nD\tO\n")
    arguments = (str(tmp_path / "gold.conll"), "--predicted", str(tmp_path / "predicted.conll"))
    done = invoke("evaluate", "tagging", "--bootstrap", "0", *arguments)
    (found,) = records(done, 3)
    assert (found["used"], found["without_gold"], found["other_text"], found["f1"]) == (2, 1, 1, 1)
    assert "gold.conll:3: the line has 1 column, and the others have 2" in done.stderr
    assert "sentences that differ: 1 of 4; the first: lines 7 and 7: `d`, `D`; they are left out" in done.stderr


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ("a O\n\nb O\n", "a O\n", "have not as many sentences: 2 and 1"),
        ("a O\n\nb O\n", "b O\n", "2 and 1; the first that differ: lines 1 and 1: `a`, `b`"),
        ("a O\n", "b O\n", "sentences that differ: 1 of 1"),
        ("a B-X\n", "a NOUN\n", "the gold annotations are entities, and the predicted tags are none: `NOUN`"),
        ("", "", "there are no tagged sentences with predictions to evaluate"),
        ("a\n", "a O\n", "a line is a word and its tag, and this one has 1 column"),
    ],
)
def test_two_files_that_do_not_go_together_are_refused(
    invoke: Invoke, tmp_path: Path, gold: str, predicted: str, message: str
) -> None:
    (tmp_path / "gold").write_text(gold)
    (tmp_path / "predicted").write_text(predicted)
    done = invoke("evaluate", "tagging", str(tmp_path / "gold"), "--predicted", str(tmp_path / "predicted"))
    assert (done.exit_code, done.stdout) == (1, "")
    assert message in done.stderr


@pytest.mark.parametrize(
    ("content", "arguments", "code", "message"),
    [
        ("a B-X E-X\n", ["--strict"], 1, "the tag E-X is none of iob2"),
        ("a O\n", [], 1, "--predicted FILE names a file of predictions"),
        ('{"text":"a","entities":[]}\n', [], 1, "the record has no prediction beside its tags"),
        ("a B-X O\n", ["--column", "3"], 2, "stand in columns of their own, not in 1, 3, 3"),
        ("a B-X O\n", ["--strict", "--scheme", "plain"], 2, "--strict is about entities"),
        ("a B-X O\n", ["--predicted", "-"], 2, "--predicted - reads stdin"),
        ("a B-X O\n", ["--unit", "sentence"], 2, "evaluate tagging reads tagged sentences, and"),
        ("a B-X O\n", ["--plot", "x.txt"], 1, "a picture is a .png, .svg, .pdf file"),
        ("a B-X O\n", ["a", "b", "--predicted", "c"], 2, "holds the predictions of one file"),
        ("a B-X O\n", ["a", "b", "--plot", "x.png"], 2, "draws the confusion matrix of one file"),
        ("a B-X O\n", ["-I", "csv"], 2, "-I csv reads a record a row"),
    ],
)
def test_wrong_input_and_usage_are_refused(
    invoke: Invoke, content: str, arguments: list[str], code: int, message: str
) -> None:
    done = invoke("evaluate", "tagging", *arguments, stdin=content)
    assert (done.exit_code, done.stdout) == (code, ""), done.stderr
    assert message in done.stderr


def test_overlapping_spans_all_count_and_are_said(invoke: Invoke) -> None:
    item = {"text": "東京タワー", "gold": [[0, 5, "FAC"], [0, 2, "LOC"]], "entities": [[0, 5, "FAC"], [0, 2, "LOC"]]}
    done = invoke("evaluate", "tagging", "--bootstrap", "0", stdin=jsonl(item))
    (found,) = records(done)
    assert (found["entities"], found["f1"]) == (2, 1)
    assert "gold spans that overlap others, each of which counts: 1" in done.stderr


def test_labels_that_the_two_sides_do_not_share_are_said(invoke: Invoke) -> None:
    for content, what in (("a B-NP B-X\n", "label"), ("a NOUN NN\n", "tag")):
        done = invoke("evaluate", "tagging", "--bootstrap", "0", stdin=content)
        assert (
            f"no predicted {what} is one of the gold ones: --column and --predicted-column name the columns"
            in done.stderr
        )


def test_without_entities_it_is_said(invoke: Invoke) -> None:
    done = invoke("evaluate", "tagging", "--plot", "none.png", stdin="a O O\n")
    assert done.exit_code == 1
    assert "there are no gold entities, so that all scores are 0" in done.stderr
    assert "there are no entities, gold or predicted: none.png is not written" in done.stderr


def test_several_files_have_a_record_each(invoke: Invoke, tmp_path: Path) -> None:
    words, gold, predicted = tagged(4)
    for name in "ab":
        (tmp_path / name).write_text(conll(words, gold, predicted), encoding="utf-8")
    found = records(invoke("evaluate", "tagging", "--bootstrap", "0", str(tmp_path / "a"), str(tmp_path / "b")))
    assert [record["file"] for record in found] == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert found[0]["f1"] == found[1]["f1"]


def test_the_confusions_of_labels_are_drawn(invoke: Invoke, tmp_path: Path) -> None:
    words, gold, predicted = tagged(20)
    path = tmp_path / "confusion.svg"
    done = invoke("evaluate", "tagging", "--bootstrap", "0", "--plot", str(path), stdin=conll(words, gold, predicted))
    assert done.exit_code == 0, done.stderr
    assert path.read_text(encoding="utf-8").count("<svg") == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(data=st.data())
def test_any_tags_have_the_scores_of_seqeval(invoke: Invoke, data: st.DataObject) -> None:
    tag = st.sampled_from(("O", *(f"{prefix}-{label}" for prefix in "BI" for label in ("PER", "A-B"))))
    lengths = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    gold, predicted = ([data.draw(st.lists(tag, min_size=n, max_size=n)) for n in lengths] for _ in range(2))
    words = [["w"] * n for n in lengths]
    found = evaluate(invoke, conll(words, gold, predicted), "--scheme", "iob2", "-q")
    if not found["classes"]:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = classification_report(gold, predicted, output_dict=True, zero_division=0)
    assert found["f1"] == pytest.approx(report["micro avg"]["f1-score"], abs=6e-5)
    assert found["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"], abs=6e-5)
