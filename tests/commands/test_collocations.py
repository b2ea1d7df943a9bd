"""nlptool collocations, as a user calls it, against NLTK's finders, gensim's Phrases and a loop."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from gensim.models.phrases import Phrases
from nltk.collocations import BigramCollocationFinder
from nltk.metrics.association import BigramAssocMeasures
from program import Invoke, records

from nlptool.commands.collocations import MEASURES
from nlptool.geometry import ngram_runs
from nlptool.tasks import token_arrays, word_pairs

NOVEL = Path(__file__).parent.parent / "data" / "yume_juya.txt"
SPLIT = ("--tokenizer", "whitespace")
ALL = (*SPLIT, "--punctuation", "--min-count", "1")


@pytest.fixture(scope="module")
def words(invoke: Invoke) -> list[str]:
    """The words of the novel."""
    return invoke("tokenize", "-f", "wakati", str(NOVEL)).stdout.split()


def test_the_measures_are_those_of_the_association_module() -> None:
    assert word_pairs.MEASURES == MEASURES


@pytest.mark.parametrize("window", [1, 2, 5])
def test_counts_and_measures_are_those_of_nltk(
    invoke: Invoke, words: list[str], window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ngram_runs, "MOST_HELD", 500)  # so that runs go to the disk
    found = records(invoke("collocations", "--window", str(window), *ALL, stdin=" ".join(words)))
    finder = BigramCollocationFinder.from_words(words, window_size=window + 1)
    pairs = {(row["first"], row["second"]): row for row in found}
    assert {pair: row["count"] for pair, row in pairs.items()} == dict(finder.ngram_fd)
    for row in found:
        assert (row["first_count"], row["second_count"]) == (
            finder.word_fd[row["first"]],
            finder.word_fd[row["second"]],
        )
    nltk = {"pmi": (BigramAssocMeasures.pmi, 1), "dice": (BigramAssocMeasures.dice, 1)}
    nltk |= {
        "log_likelihood": (BigramAssocMeasures.likelihood_ratio, window),
        "chi2": (BigramAssocMeasures.chi_sq, window),
    }
    nltk |= {"t_score": (BigramAssocMeasures.student_t, math.sqrt(window))}
    for name, (measure, times) in nltk.items():  # NLTK divides what is counted by the window
        for pair, score in finder.score_ngrams(measure):
            assert pairs[pair][name] == pytest.approx(score * times, rel=2e-5, abs=2e-6), (name, pair)


def test_the_order_is_that_of_nltk(invoke: Invoke, words: list[str]) -> None:
    found = records(invoke("collocations", *SPLIT, "--punctuation", "-k", "50", stdin=" ".join(words)))
    finder = BigramCollocationFinder.from_words(words)
    finder.apply_freq_filter(3)
    expected = finder.nbest(BigramAssocMeasures.likelihood_ratio, 400)
    n_words = len(words)
    attracted = [
        pair for pair in expected if finder.ngram_fd[pair] * n_words > finder.word_fd[pair[0]] * finder.word_fd[pair[1]]
    ]
    assert [(row["first"], row["second"]) for row in found] == attracted[:50]


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_sorts(invoke: Invoke, words: list[str], measure: str) -> None:
    found = records(invoke("collocations", "--measure", measure, *SPLIT, stdin=" ".join(words)))
    values = [row[measure.replace("-", "_")] for row in found]
    if measure in ("log-likelihood", "chi2"):
        values = [value if row["pmi"] >= 0 else -value for value, row in zip(values, found, strict=True)]
        assert values[0] > 0 > values[-1]  # pairs that avoid each other come last
    assert values == sorted(values, reverse=True)
    least = values[20]
    above = records(
        invoke("collocations", "--measure", measure, "--threshold", str(least - 1e-4), *SPLIT, stdin=" ".join(words))
    )
    assert above[:21] == found[:21]
    assert min(row[measure.replace("-", "_")] for row in above) >= least - 1e-4


def company(texts: list[list[str]], node: str, window: int) -> dict[str, tuple[int, int]]:
    """How often each word stands at most ``window`` places before and behind a word."""
    left, right = Counter[str](), Counter[str]()
    for text in texts:
        for at, word in enumerate(text):
            if word == node:
                left.update(each for each in text[max(0, at - window) : at] if each.isalnum())
                right.update(each for each in text[at + 1 : at + 1 + window] if each.isalnum())
    return {word: (left[word], right[word]) for word in left | right}


@pytest.mark.parametrize(("node", "window"), [("女", 1), ("女", 4), ("自分", 3), ("の", 10)])
def test_the_company_of_a_word_is_that_of_a_loop(
    invoke: Invoke, node: str, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_arrays, "PORTION", 300)
    tokenized = invoke("tokenize", "-f", "wakati", str(NOVEL)).stdout
    texts = [[word for word in line.split(" ") if word.strip()] for line in tokenized.splitlines()]
    more = ("--node", node, "--window", str(window), "--min-count", "1", *SPLIT)
    found = records(invoke("collocations", *more, stdin="".join(" ".join(text) + "\n" for text in texts)))
    expected = company(texts, node, window)
    assert {row["word"]: (row["left"], row["right"]) for row in found} == expected
    frequencies = Counter(word for text in texts for word in text if word.isalnum())
    n = frequencies.total()
    for row in found:
        assert row["count"] == row["left"] + row["right"]
        assert (row["node"], row["node_count"]) == (node, frequencies[node])
        expected_count = 2 * window * frequencies[node] * frequencies[row["word"]] / n
        assert row["pmi"] == pytest.approx(math.log2(row["count"] / expected_count), rel=1e-5, abs=1e-5)


def test_several_nodes_and_one_that_never_comes(invoke: Invoke) -> None:
    text = "猫 と 犬\n犬 と 猫\n鳥 と 犬\n"
    done = invoke(
        "collocations",
        "--node",
        "犬",
        "--node",
        "鳥",
        "--node",
        "馬",
        "-k",
        "1",
        "--min-count",
        "1",
        *SPLIT,
        stdin=text,
    )
    assert [(row["node"], row["word"], row["left"], row["right"]) for row in records(done)] == [
        ("犬", "と", 2, 1), ("鳥", "と", 0, 1),
    ]  # fmt: skip
    assert "馬 is none of the words of the input" in done.stderr


def test_a_node_beside_itself_is_its_own_company_on_both_sides(invoke: Invoke) -> None:
    (row,) = records(invoke("collocations", "--node", "a", "--min-count", "1", *SPLIT, stdin="a a\n"))
    assert (row["word"], row["count"], row["left"], row["right"]) == ("a", 2, 1, 1)


def test_no_pair_goes_over_the_end_of_a_record_and_punctuation_keeps_its_place(invoke: Invoke) -> None:
    found = records(invoke("collocations", "--min-count", "1", *SPLIT, stdin="a b . c\nd e\n"))
    assert [(row["first"], row["second"]) for row in found] == [("a", "b"), ("d", "e")]
    found = records(invoke("collocations", "--window", "2", "--min-count", "1", *SPLIT, stdin="a b . c\nd e\n"))
    assert sorted((row["first"], row["second"]) for row in found) == [("a", "b"), ("b", "c"), ("d", "e")]


def test_tokens_are_used(invoke: Invoke) -> None:
    tokenized = invoke("tokenize", str(NOVEL)).stdout
    for of in ("words", "lemmas"):
        assert records(invoke("collocations", "--of", of, stdin=tokenized)) == records(
            invoke("collocations", "--of", of, str(NOVEL))
        )


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_the_phrases_are_those_of_gensim(invoke: Invoke, threshold: float) -> None:
    tokenized = invoke("tokenize", "-f", "wakati", str(NOVEL)).stdout
    texts = [line.split() for line in tokenized.splitlines()]
    phrases = Phrases(texts, min_count=3, threshold=threshold, scoring="npmi")
    more = ("--phrases", "--threshold", str(threshold), "--punctuation", *SPLIT)
    done = invoke("collocations", *more, stdin=tokenized)
    assert [record["tokens"] for record in records(done)] == [phrases[text] for text in texts]
    text = invoke("collocations", *more, "-f", "text", stdin=tokenized).stdout
    assert text.splitlines() == [" ".join(phrases[text]) for text in texts]
    assert f"at {sum(word.count('_') for text in texts for word in phrases[text]):,} places" in done.stderr


def test_phrases_keep_the_records(invoke: Invoke, tmp_path: Path) -> None:
    lines = [{"id": number, "text": "夏目 漱石 の 猫"} for number in range(3)] + [{"id": 3}, {"id": 4, "text": "猫"}]
    path = tmp_path / "out.jsonl"
    stdin = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    done = invoke("collocations", "--phrases", *SPLIT, "-o", str(path), stdin=stdin)
    assert (done.exit_code, done.stdout) == (3, "")
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(record["id"], record["tokens"]) for record in found] == [
        (0, ["夏目_漱石", "の_猫"]), (1, ["夏目_漱石", "の_猫"]), (2, ["夏目_漱石", "の_猫"]), (4, ["猫"]),
    ]  # fmt: skip
    assert found[0]["nlptool"]["collocations"] == {"n_joined": 2}
    assert records(invoke("ngrams", "-n", "1", "--min-count", "1", str(path)))[0]["ngram"] == "の_猫"


def test_formats(invoke: Invoke, tmp_path: Path) -> None:
    rows = records(invoke("collocations", str(NOVEL)))
    as_csv = list(csv.DictReader(io.StringIO(invoke("collocations", str(NOVEL), "-f", "csv").stdout)))
    assert [
        {name: cell if name in ("first", "second") else float(cell) for name, cell in row.items()} for row in as_csv
    ] == rows
    table = invoke("collocations", str(NOVEL), "-f", "table").stdout.splitlines()
    assert table[0].split() == [
        "first",
        "second",
        "count",
        "first_count",
        "second_count",
        "log_likelihood",
        "log_dice",
    ]
    assert len(table) == 31


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--window", "-3"], "-3 is not in the range"),
        (["--window", "0"], "0 is not in the range"),
        (["--window", "1001"], "1001 is not in the range"),
        (["--measure", "mi"], "'mi' is not one of"),
        (["--threshold", "nan"], "nan is no number"),
        (["--of", "chars"], "'chars' is not one of"),
        (["--node", "猫", "--node", " "], "--node takes a word, and this one is empty"),
        (["--phrases", "--node", "猫"], "--phrases makes no use of --node"),
        (["--phrases", "--window", "2"], "--phrases makes no use of --window"),
        (["--phrases", "-f", "csv"], "--phrases writes jsonl, text, not csv"),
        (["--phrases", "-f", "table"], "--phrases writes jsonl, text, not table"),
        (["-f", "text"], "without --phrases collocations writes table, jsonl, csv, tsv, not text"),
        (["--phrases", "-o", "x.csv"], "--phrases writes jsonl, text, not csv"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(
    invoke: Invoke, arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = invoke("collocations", *arguments, stdin="吾輩は猫である。名前はまだ無い。")
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("more", [[], ["--window", "1000"], ["--node", "猫"], ["--phrases"]])
@pytest.mark.parametrize("stdin", ["", "\n", "猫\n", "。。。\n", '{"tokens": []}\n'])
def test_an_input_without_pairs_gives_none(invoke: Invoke, more: list[str], stdin: str) -> None:
    done = invoke("collocations", "--min-count", "1", *more, stdin=stdin)
    found: list[dict[str, Any]] = records(done)
    assert all(record["nlptool"]["collocations"] == {"n_joined": 0} for record in found)
    assert len(found) == (len(stdin.splitlines()) if more == ["--phrases"] else 0)


def test_records_that_are_all_equal(invoke: Invoke) -> None:
    (row,) = records(invoke("collocations", *SPLIT, stdin="a b\n" * 50))
    assert (row["count"], row["pmi"], row["npmi"], row["dice"], row["log_dice"]) == (50, 1.0, 1.0, 1.0, 14.0)
