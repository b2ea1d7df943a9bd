"""``keywords``: which words each record gets, and their scores."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from program import Invoke, Run, records
from sklearn.feature_extraction.text import TfidfVectorizer

NOVEL = Path(__file__).parent.parent / "data" / "yume_juya.txt"

ENGLISH = [
    "The cat sat on the mat, and the cat slept.",
    "A dog chased the cat.",
    "Dogs and cats are animals.",
    "",
    "Nothing of it is here",
]


def words(record: dict[str, Any]) -> list[str]:
    return [keyword["word"] for keyword in record["keywords"]]


def found(invoke: Invoke, *options: str, stdin: str | bytes) -> list[dict[str, Any]]:
    return records(invoke("keywords", *options, stdin=stdin))


def test_scores_are_those_of_scikit_learn(invoke: Invoke) -> None:
    stop_words = ["the", "on", "and", "a", "are", "nothing", "of", "it", "is", "here"]
    model = TfidfVectorizer(stop_words=stop_words, token_pattern=r"(?u)\b\w+\b")
    expected = model.fit_transform(ENGLISH).toarray()
    names = model.get_feature_names_out()
    for record, row in zip(found(invoke, stdin="\n".join(ENGLISH)), expected, strict=True):
        scores = {keyword["word"].lower(): keyword["score"] for keyword in record["keywords"]}
        assert scores == pytest.approx({names[index]: row[index] for index in np.flatnonzero(row)}, rel=1e-5)
        assert list(scores.values()) == sorted(scores.values(), reverse=True)


def test_compounds_have_the_scores_of_scikit_learn(invoke: Invoke) -> None:
    texts = ["deep learning beats shallow learning", "deep sea", "learning", "shallow learning and deep water"]
    stop_words = ["and"]
    model = TfidfVectorizer(analyzer=lambda text: runs(text, stop_words))
    expected = model.fit_transform(texts).toarray()
    names = model.get_feature_names_out()
    for record, row in zip(found(invoke, "--ngrams", "1-2", "-k", "99", stdin="\n".join(texts)), expected, strict=True):
        scores = {keyword["word"]: keyword["score"] for keyword in record["keywords"]}
        assert scores == pytest.approx({names[index]: row[index] for index in np.flatnonzero(row)}, rel=1e-5)


def runs(text: str, stop_words: list[str]) -> list[str]:
    """The pairs of a text and its words, but for those that stand nowhere but in one pair."""
    parts = text.split()
    pairs = [
        f"{first} {second}"
        for first, second in itertools.pairwise(parts)
        if first not in stop_words and second not in stop_words
    ]
    single = [part for part in parts if part not in stop_words]
    left_out = {part for pair in pairs for part in pair.split() if single.count(part) == pairs.count(pair)}
    return [*pairs, *(part for part in single if part not in left_out)]


def test_forms_of_a_word_are_one_and_shown_as_the_text_spells_them(invoke: Invoke) -> None:
    text = "吾輩は走った。走れば猫も走る。ネコは眠っていた。猫だ。"
    (record,) = found(invoke, stdin=text)
    assert {keyword["word"]: keyword["count"] for keyword in record["keywords"]} == {"走る": 3, "猫": 3, "眠る": 1}
    (record,) = found(invoke, "--by", "surface", stdin=text)
    counts = {keyword["word"]: keyword["count"] for keyword in record["keywords"]}
    assert counts == {"走っ": 1, "走れ": 1, "猫": 2, "走る": 1, "ネコ": 1, "眠っ": 1}


def test_words_of_grammar_are_never_keywords(invoke: Invoke) -> None:
    grammar = {"は", "が", "て", "た", "いる", "ある", "する", "こと", "もの", "それ", "この", "です", "ます", "ない"}
    for method in ("tf-idf", "embedding"):
        options = ["--method", method, *(["-m", "static-ja-en"] if method == "embedding" else [])]
        every = [word for record in records(invoke("keywords", *options, str(NOVEL))) for word in words(record)]
        assert len(every) > 500
        assert not grammar & set(every)


def test_compounds_of_nouns_stand_for_their_parts(invoke: Invoke) -> None:
    text = "自然言語処理の研究。自然言語は言語だ。東京大学の言語学者は三年前に来た。"
    (record,) = found(invoke, "--ngrams", "1-3", stdin=text)
    counts = {keyword["word"]: keyword["count"] for keyword in record["keywords"]}
    assert counts == {"言語": 4, "自然言語": 2, "自然言語処理": 1, "研究": 1, "東京大学": 1, "言語学者": 1, "前": 1}
    (record,) = found(invoke, "--ngrams", "2", stdin=text)
    assert "研究" not in words(record)


def test_tokens_that_a_record_brings_are_used(invoke: Invoke) -> None:
    tokens = [{"surface": "foo", "lemma": "bar", "pos": "VERB"}, {"surface": "of", "pos": "ADP"}, "猫"]
    (record,) = found(invoke, stdin=json.dumps({"tokens": tokens}))
    assert words(record) == ["bar", "猫"]
    odd = {"surface": "猫", "lemma": ["x"], "pos": 3, "orthography_base": {"a": 1}}
    assert words(found(invoke, stdin=json.dumps({"tokens": [odd]}))[0]) == ["猫"]
    made = invoke("tokenize", "--fields", "pos_detail,orthography_base", str(NOVEL)).stdout_bytes
    ours = [each["keywords"] for each in found(invoke, stdin=made)]
    assert ours == [each["keywords"] for each in records(invoke("keywords", str(NOVEL)))]


def test_a_reference_says_how_rare_words_are(invoke: Invoke, tmp_path: Path) -> None:
    reference = tmp_path / "reference.txt"
    reference.write_text("猫\n猫と犬\n猫\n", encoding="utf-8")
    (record,) = found(invoke, "--reference", str(reference), stdin="猫と犬と鳥")
    idf = {word: np.log(4 / (1 + df)) + 1 for word, df in {"猫": 3, "犬": 1, "鳥": 0}.items()}
    norm = np.sqrt(sum(value**2 for value in idf.values()))
    assert words(record) == ["鳥", "犬", "猫"]
    for keyword in record["keywords"]:
        assert keyword["score"] == pytest.approx(idf[keyword["word"]] / norm, rel=1e-5)
    assert record["nlptool"]["keywords"] == {"method": "tf-idf", "n_texts": 3}
    reference.write_text("", encoding="utf-8")
    done = invoke("keywords", "--reference", str(reference), stdin="猫\n")
    assert done.exit_code == 1
    assert "there are no texts to count the document frequencies in" in done.stderr


def test_vectors_choose_the_words_nearest_to_the_text(invoke: Invoke) -> None:
    text = "猫と子猫が静かに眠る。株価は下がった。"
    options = ["--method", "embedding", "-m", "static-ja-en", "--ngrams", "1"]
    (record,) = found(invoke, *options, "--diversity", "0", stdin=text)
    texts = [text, *words(record)]
    vectors = np.array(
        [each["embedding"] for each in records(invoke("embed", "-m", "static-ja-en", stdin="\n".join(texts)))]
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert [keyword["score"] for keyword in record["keywords"]] == pytest.approx(vectors[1:] @ vectors[0], abs=1e-5)
    assert len(texts) == 7
    (two,) = found(invoke, *options, "--diversity", "0", "-k", "2", stdin=text)
    assert two["keywords"] == record["keywords"][:2]
    (diverse,) = found(invoke, *options, "--diversity", "1", "-k", "2", stdin=text)
    nearest = vectors[1:] @ vectors[1]
    assert set(words(diverse)) == {texts[1], texts[1 + int(np.argmin(nearest))]}
    assert record["nlptool"]["keywords"]["model"] == "static-ja-en"


def test_vectors_that_records_bring_are_used(invoke: Invoke) -> None:
    embedded = invoke("embed", "-m", "static-ja-en", stdin="猫が眠る。\n").stdout_bytes
    text = json.loads(embedded)
    other = json.loads(invoke("embed", "-m", "static-ja-en", stdin="株価").stdout)
    text["embedding"] = other["embedding"]
    text["text"] = "猫と株価"
    (record,) = found(invoke, "--method", "embedding", stdin=json.dumps(text))
    assert words(record)[0] == "株価"
    assert record["keywords"][0]["score"] == pytest.approx(1, abs=1e-4)
    bare = json.dumps({"text": "猫", "embedding": [1, 2, 3]})
    done = invoke("keywords", "--method", "embedding", stdin=bare)
    assert done.exit_code == 1
    assert "do not say which model made them" in done.stderr


def test_a_record_for_each_in_order_with_its_fields(invoke: Invoke) -> None:
    lines = [
        '{"id":1.10,"text":"猫"}',
        "no",
        '{"id":2,"text":""}',
        '{"id":3,"text":"犬","nlptool":{"error":{}}}',
        '{"text":"鳥が"}',
    ]
    done = invoke("keywords", stdin="\n".join(lines))
    assert done.exit_code == 3
    rows = done.stdout.splitlines()
    assert rows[0].startswith('{"id":1.10,"text":"猫","keywords":[{"word":"猫","score":1.0,"count":1}]')
    assert [json.loads(row)["nlptool"].get("error", {}).get("type") for row in rows] == [
        None,
        "InvalidJSON",
        None,
        None,
        None,
    ]
    assert rows[3] == lines[3]
    assert json.loads(rows[2])["nlptool"]["keywords"]["reason"] == "no word of content"
    assert "texts without a keyword: 1" in done.stderr


def test_bad_input(invoke: Invoke, tmp_path: Path) -> None:
    assert invoke("keywords", stdin=b"").stdout == ""
    done = invoke("keywords", stdin="猫と犬\n")
    assert words(json.loads(done.stdout)) == ["猫", "犬"]
    assert "there is one text alone, whose words are ranked by their counts" in done.stderr
    same = found(invoke, stdin="猫と犬\n" * 3)
    assert [keyword["score"] for record in same for keyword in record["keywords"]] == [0.707107] * 6
    assert found(invoke, "-k", "1", stdin="猫と犬\n鳥\n")[0]["keywords"][0]["word"] == "猫"
    stop_words = tmp_path / "stop.txt"
    stop_words.write_text("猫\nDOG\n", encoding="utf-8")
    assert words(found(invoke, "--stop-words", str(stop_words), stdin="猫と dog と鳥\n")[0]) == ["鳥"]
    assert words(found(invoke, "--pos", "名詞-固有名詞", stdin="東京の猫\n")[0]) == ["東京"]
    assert words(found(invoke, "--tokenizer", "words", stdin="猫と犬 cats\n")[0]) == ["猫と犬", "cats"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-k", "0"], "0 is not in the range"),
        (["--ngrams", "0"], "is no length of n-grams"),
        (["--ngrams", "3-1"], "begins with the longer one"),
        (["--diversity", "2"], "2.0 is not in the range"),
        (["--diversity", "0.5"], "--method tf-idf makes no use of --diversity"),
        (["-m", "static-ja-en"], "--method tf-idf makes no use of --model"),
        (["--method", "embedding", "--reference", "a"], "--method embedding makes no use of --reference"),
        (["--tokenizer", "words", "--dictionary", "ipadic"], "--tokenizer words makes no use of --dictionary"),
        (["--reference", "-"], "stdin cannot be the input and the reference"),
        (["--resume", "-o", "a.jsonl"], "--resume is for what answers each record for itself"),
    ],
)
def test_wrong_usage(invoke: Invoke, arguments: list[str], said: str) -> None:
    done = invoke("keywords", *arguments, stdin="猫\n")
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def test_workers_find_the_same(run: Run) -> None:
    one, two = (run("keywords", "--ngrams", "1-3", "-j", n, str(NOVEL)) for n in "12")
    assert one.returncode == two.returncode == 0
    assert one.stdout == two.stdout


def test_without_a_text_there_is_no_model(invoke: Invoke) -> None:
    (row,) = records(invoke("keywords", "--method", "embedding", "-m", "static-ja-en", stdin="\n"))
    assert row["nlptool"]["keywords"] == {"method": "embedding", "model": None, "reason": "no word of content"}
