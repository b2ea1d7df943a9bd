"""``tag``: what each record gets, whatever its form, its neighbours in the batch and the model."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import labelled_examples as examples
import numpy as np
import pytest
import tagged_examples as tagged
import tagger_models
from hub_server import HubServer
from huggingface_hub import constants
from hypothesis import given, settings
from hypothesis import strategies as st
from interruptions import interrupted, resumed_after_every_list
from program import invoke, records, succeeded

from nlptool.models.taggers.words import words_of

BERT = ("tag", "-m", "./bert", "--threads", "1")
PARTS = ("tag", "-m", "./parts", "--threads", "1")
LINE = "The cat sings on stage."
WORDS = ["The", "cat", "sings", "on", "stage", "."]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tagger of entities and one of plain tags, as transformers writes them, and a linear classifier."""
    place = tmp_path_factory.mktemp("place")
    tagger_models.save("bert", place / "bert")
    tagger_models.save("bert", place / "parts", ("NOUN", "VERB", "X"))
    examples.write(place / "texts.jsonl", examples.TEXTS)
    examples.write(place / "tokens.jsonl", tagged.TOKENS)
    succeeded(
        invoke("train", "classifier", "--base", "static-ja-en", str(place / "texts.jsonl"), "-o", str(place / "linear"))
    )
    return place


@pytest.fixture(autouse=True)
def there(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def one(*arguments: str, code: int = 0, **record: Any) -> dict[str, Any]:
    """What a record becomes."""
    (found,) = records(invoke(*arguments, stdin=json.dumps(record, ensure_ascii=False)), code)
    return found


def test_entities_are_those_of_the_tags_that_keep_to_their_scheme(place: Path) -> None:
    found = one(*BERT, "--tags", id=1, text=LINE, big=12345678901234567890)
    assert list(found) == ["id", "text", "big", "entities", "tokens", "tags", "scores", "nlptool"]
    assert found["big"] == 12345678901234567890
    assert found["tokens"] == WORDS
    entry = found["nlptool"]["tag"]
    assert entry == {"model": "./bert", "n_tokens": entry["n_tokens"], "n_unknown": 0}
    for entity in found["entities"]:
        assert list(entity) == ["start", "end", "text", "label", "score"]
        assert entity["text"] == LINE[entity["start"] : entity["end"]]
        inside = [n for n, (start, end) in enumerate(words_of(LINE)) if entity["start"] <= start < end <= entity["end"]]
        tags = [found["tags"][number] for number in inside]
        assert tags == [f"B-{entity['label']}", *[f"I-{entity['label']}"] * (len(tags) - 1)]
        assert entity["score"] == pytest.approx(np.mean([found["scores"][number] for number in inside]), abs=1e-6)
    assert sum(tag[0] == "B" for tag in found["tags"]) == len(found["entities"])
    least = max(entity["score"] for entity in found["entities"]) if found["entities"] else 1
    assert all(entity["score"] >= least for entity in one(*BERT, "--min-score", str(least), text=LINE)["entities"])


def test_words_may_be_given_with_a_text_or_without_one(place: Path) -> None:
    whole = one(*BERT, "--tags", text=LINE)
    answers = {name: whole[name] for name in ("entities", "tags", "scores")}
    for record in (
        {"text": LINE, "tokens": WORDS},
        {"sentence": LINE},
        {
            "text": LINE,
            "tokens": [{"start": start, "end": end, "surface": LINE[start:end]} for start, end in words_of(LINE)],
        },
        {"text": LINE, "tokens": 6},
    ):
        found = one(*BERT, "--tags", **record)
        assert {name: found[name] for name in answers} == answers
    found = one(*BERT, "--tags", tokens=WORDS, text=None)
    assert found["text"] == "The cat sings on stage ."
    assert found["tags"] == whole["tags"]
    assert found["tokens"] == WORDS
    found = one(*BERT, tokens=["猫", "が", {"surface": "鳴く"}, "。"])
    assert found["text"] == "猫が鳴く。"
    tokenized = invoke("tokenize", stdin="猫が鳴く。")
    (found,) = records(invoke(*BERT, stdin=tokenized.stdout_bytes))
    assert found["entities"] == one(*BERT, text="猫が鳴く。")["entities"]
    assert found["tokens"][0]["surface"] == "猫", "what tokenize has written stays"


def test_gold_annotations_are_kept(place: Path) -> None:
    gold = [{"start": 0, "end": 3, "label": "X"}]
    assert one(*BERT, text=LINE, entities=gold)["gold"] == gold
    tags = ["O"] * 6
    found = one(*BERT, tokens=WORDS, tags=tags)
    assert found["gold"] == tags
    assert "tags" not in found
    found = one(*PARTS, tokens=WORDS, tags=tags)
    assert (found["gold"], len(found["tags"])) == (tags, 6)
    assert one(*BERT, "--tags", text=LINE, tags=["N"])["gold"] == ["N"]
    found = one(*BERT, text=LINE, tags=["sport", "news"])
    assert found["tags"] == ["sport", "news"], "no tags of words"
    assert one(*BERT, text=LINE, entities=gold, gold="mine")["gold"] == "mine"


def test_records_without_words_and_records_that_fail(place: Path) -> None:
    lines = [
        {"text": ""}, {"text": "\u3000"}, {"tokens": []}, {"tokens": [1]}, {"tokens": "a b"}, {"text": "ab", "tokens": ["b"]},
        {"text": 7, "tokens": ["a"]}, {"text": None}, {"other": 1}, {"text": LINE},
    ]  # fmt: skip
    done = invoke(*BERT, stdin=examples.jsonl(lines))
    found = records(done, 3)
    assert [record.get("entities") is not None for record in found] == [True] * 3 + [False] * 6 + [True]
    assert [record["entities"] for record in found[:3]] == [[], [], []]
    errors = [record["nlptool"]["error"]["type"] for record in found[3:9]]
    assert errors == ["NotWords", "NotWords", "OtherWords", "NotText", "NotText", "MissingField"]
    assert "6 of 10 records failed" in done.stderr
    assert "the first: <stdin>:4: `tokens` is a list of words, and number 1 is a number" in done.stderr
    assert invoke(*BERT, "--on-error", "fail", stdin=examples.jsonl(lines)).exit_code == 1
    assert invoke(*BERT, stdin="").stdout == ""


def test_every_format(place: Path) -> None:
    lines = f"{LINE}\n東京の猫\n\n"
    found = records(invoke(*BERT, stdin=lines))
    entities = [entity for record in found for entity in record["entities"]]
    assert entities
    table = invoke(*BERT, "-f", "table", stdin=lines).stdout.splitlines()
    assert table[0].split() == ["label", "entity", "score", "start", "end", "text"]
    assert len(table) == 1 + len(entities)
    for form, delimiter in (("csv", ","), ("tsv", "\t")):
        rows = list(csv.DictReader(io.StringIO(invoke(*BERT, "-f", form, stdin=lines).stdout), delimiter=delimiter))
        assert [row["entity"] for row in rows if row["entity"]] == [entity["text"] for entity in entities]
        assert [int(row["start"]) for row in rows if row["start"]] == [entity["start"] for entity in entities]
    succeeded(invoke(*BERT, "-o", "out.parquet", stdin=lines))
    plain = records(invoke(*PARTS, stdin=lines))
    table = invoke(*PARTS, "-f", "table", stdin=lines).stdout.splitlines()
    assert table[0].split() == ["word", "tag", "score"]
    assert [row.split()[:2] for row in table[1:]] == [
        [word, tag] for record in plain for word, tag in zip(record["tokens"], record["tags"], strict=True)
    ]
    table = invoke(*PARTS, "-f", "table", stdin=json.dumps({"tokens": WORDS})).stdout.splitlines()
    assert [row.split()[0] for row in table[1:]] == WORDS
    rows = list(csv.DictReader(io.StringIO(invoke(*PARTS, "-f", "csv", stdin=lines).stdout)))
    assert [json.loads(row["tags"]) for row in rows] == [record["tags"] for record in plain]


def test_a_long_text_is_read_in_windows_which_is_said(place: Path) -> None:
    done = invoke(*BERT, "--tags", "--max-length", "32", stdin="The cat sleeps in the garden. " * 40)
    (record,) = records(done)
    assert len(record["tokens"]) == len(record["tags"]) == 7 * 40
    n_windows = record["nlptool"]["tag"]["n_windows"]
    assert n_windows > 10
    assert f"windows, which overlap, in which longer texts were read: {n_windows}" in done.stderr
    done = invoke(*BERT, stdin="a \U00013000 b\n")
    assert "pieces that the model's vocabulary lacks ([UNK]): 1" in done.stderr


@pytest.fixture(scope="module")
def opened(place: Path) -> Any:
    from nlptool.models.taggers import loading
    from nlptool.specs import TaggerSpec

    return loading.locate(TaggerSpec(str(place / "bert"), device="cpu", threads=1)).open()


@given(texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=60), min_size=1, max_size=12), order=st.randoms())
@settings(max_examples=25)
def test_neighbours_in_a_batch_change_nothing(texts: list[str], order: Any, opened: Any) -> None:
    (task,) = opened.tasks.values()
    whole = opened.tag(texts, task)
    shuffled = list(range(len(texts)))
    order.shuffle(shuffled)
    again = opened.tag([texts[index] for index in shuffled], task)
    for index, other in zip(shuffled, again, strict=True):
        np.testing.assert_allclose(other.scores, whole[index].scores, atol=1e-4)
        assert other.tags == whole[index].tags


def test_a_run_that_is_interrupted_goes_on(tmp_path: Path) -> None:
    examples.write(tmp_path / "in.jsonl", examples.TEXTS[:8])
    out = tmp_path / "out.jsonl"

    def run(*options: str) -> Any:
        return invoke(*BERT, str(tmp_path / "in.jsonl"), "-o", str(out), *options)

    assert resumed_after_every_list(run, out) > 2
    interrupted(run, out)
    done = invoke(*BERT, "--min-score", "0.5", str(tmp_path / "in.jsonl"), "-o", str(out), "--resume")
    assert done.exit_code == 2
    assert "--min-score" in done.stderr


def test_an_evaluation_of_a_model_is_that_of_its_predictions(place: Path) -> None:
    entities = [
        {"text": each["text"], "entities": [{"start": 4, "end": 7, "label": "LOC"}]} for each in examples.TEXTS[:20]
    ]
    examples.write(place / "entities.jsonl", entities)
    for file, model, differing in (
        ("tokens.jsonl", BERT, {"accuracy", "scheme"}), ("entities.jsonl", BERT, {"scheme"}), ("tokens.jsonl", PARTS, set()),
    ):  # fmt: skip
        options = ("--scheme", "plain", "--bootstrap", "0") if model is PARTS else ("--bootstrap", "0")
        (by_model,) = records(invoke("evaluate", "tagging", *model[1:3], *options, file))
        (judged,) = records(invoke("evaluate", "tagging", *options, stdin=invoke(*model, file).stdout_bytes))
        ours, theirs = (
            {name: value for name, value in found.items() if name not in {"file", *differing}}
            for found in (by_model, judged)
        )
        assert ours == theirs
        assert ours["model"] == model[2]


def test_a_tagger_of_the_hub_is_fetched_once_and_is_listed(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("HF_") or name == "TRANSFORMERS_OFFLINE" or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    with HubServer() as server:
        server.add("org/ner", {path.name: path.read_bytes() for path in (place / "bert").iterdir()})
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setattr(constants, "ENDPOINT", server.url)  # the library reads the variable when it is imported
        found = one("tag", "-m", "org/ner", text=LINE)
        assert found["entities"] == one(*BERT, text=LINE)["entities"]
        assert found["nlptool"]["tag"]["model"] == "org/ner"
        server.forget()
        assert one("tag", "-m", "org/ner", "--offline", text=LINE)["entities"] == found["entities"]
        assert server.paths() == []
    assert invoke("models", "list", "--task", "tag", "-f", "names").stdout == "ner-mini-ja\norg/ner\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("-m", "./linear"), 4, "no tagger"),
        (("-m", "glue-mini-ja"), 4, "glue-mini-ja is no tagger: it was trained for classes\n  nlptool classify -m glue-mini-ja"),
        (("-m", "bert-mini-ja"), 4, "no tagger: it was trained for masked words\n  nlptool train tagger --base bert-mini-ja"),
        (("-m", "./bert", "--task", "a"), 1, "./bert has no task 'a': it has one task, without a name"),
        (("-m", "./nowhere"), 4, "nowhere"),
        (("-m", "nobody/none", "--offline"), 4, "nobody/none"),
        (("-m", "./bert", "--max-length", "8", "--min-score", "2"), 2, "--min-score"),
        (("-m", "./bert", "--field", "x"), 2, "--field names a field"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_a_reason(arguments: tuple[str, ...], code: int, message: str) -> None:
    done = invoke("tag", *arguments, stdin=LINE)
    assert (done.exit_code, message in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


NOUNS = "A NOUN\nbird NOUN\nsings NOUN\nby NOUN\nthe NOUN\nwindow NOUN\nof NOUN\na NOUN\nhouse NOUN\n"


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "message"),
    [
        (("-m", "./bert", "--predicted-column", "x"), "a O\n", 2, "-m MODEL makes no use of --predicted-column"),
        (("--task", "x"), "a O O\n", 2, "an evaluation of predictions without -m MODEL makes no use of --task"),
        (("-m", "./bert"), "", 1, "there are no tagged sentences to evaluate"),
        (("-m", "./bert"), NOUNS, 1, "the predicted annotations are entities, and the gold tags are none: `NOUN`"),
        (("-m", "./parts"), "a B-X\n", 1, "the gold annotations are entities, and the predicted tags are none"),
        (("-m", "glue-mini-ja"), "a O\n", 4, "no tagger"),
    ],
)  # fmt: skip
def test_evaluations_that_cannot_be_are_refused(
    arguments: tuple[str, ...], stdin: str, code: int, message: str
) -> None:
    done = invoke("evaluate", "tagging", *arguments, stdin=stdin)
    assert (done.exit_code, message in done.stderr) == (code, True), done.stderr


def test_a_classifier_is_told_what_runs_a_tagger() -> None:
    done = invoke("classify", "-m", "./bert", stdin=LINE)
    assert done.exit_code == 4
    assert "./bert is no classifier: it was trained for tags of words\n  nlptool tag -m ./bert runs it" in done.stderr
