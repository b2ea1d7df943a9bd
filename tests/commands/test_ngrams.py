"""nlptool ngrams, as a user calls it, against scikit-learn and a loop."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path

import pytest
from program import Invoke, records
from sklearn.feature_extraction.text import CountVectorizer

from nlptool.geometry import ngram_runs
from nlptool.tasks import token_arrays

NOVEL = Path(__file__).parent.parent / "data" / "yume_juya.txt"
SENTENCES = Path(__file__).parent.parent / "data" / "sentences.txt"


def counts(found: list[dict[str, object]]) -> dict[object, object]:
    assert len({row["ngram"] for row in found}) == len(found)
    return {row["ngram"]: row["count"] for row in found}


def sklearns(texts: list[str], analyzer: str, lengths: tuple[int, int]) -> dict[str, int]:
    pattern = {"token_pattern": r"\S+"} if analyzer == "word" else {}
    vectorizer = CountVectorizer(analyzer=analyzer, ngram_range=lengths, lowercase=False, **pattern)
    totals = vectorizer.fit_transform(texts).sum(0).tolist()[0]
    return dict(zip(vectorizer.get_feature_names_out(), totals, strict=True))


@pytest.mark.parametrize("lengths", ["1", "2", "2-4"])
def test_word_ngrams_are_those_of_scikit_learn(invoke: Invoke, lengths: str) -> None:
    tokenized = invoke("tokenize", "-f", "wakati", str(NOVEL)).stdout
    done = invoke(
        "ngrams", "-n", lengths, "--tokenizer", "whitespace", "--punctuation", "--min-count", "1", stdin=tokenized
    )
    first, _, last = lengths.partition("-")
    expected = sklearns(tokenized.splitlines(), "word", (int(first), int(last or first)))
    assert counts(records(done)) == expected


def test_character_ngrams_are_those_of_scikit_learn(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_arrays, "PORTION", 500)
    monkeypatch.setattr(ngram_runs, "MOST_HELD", 300)  # so that runs go to the disk
    text = NOVEL.read_text(encoding="utf-8").replace("\u3000", "")
    done = invoke("ngrams", "--of", "chars", "-n", "1-3", "--punctuation", "--min-count", "1", stdin=text)
    assert counts(records(done)) == sklearns(text.splitlines(), "char", (1, 3))


def test_what_comes_most_is_first_and_ties_are_by_code_point(invoke: Invoke) -> None:
    done = invoke("ngrams", "--of", "chars", "-n", "1-2", "--min-count", "1", stdin="banana\ncab\n")
    assert [(row["n"], row["ngram"], row["count"]) for row in records(done)] == [
        (1, "a", 4), (1, "b", 2), (1, "n", 2), (1, "c", 1), (2, "an", 2), (2, "na", 2), (2, "ab", 1), (2, "ba", 1), (2, "ca", 1),
    ]  # fmt: skip
    assert [row["per_million"] for row in records(done)][:5] == [444444.0, 222222.0, 222222.0, 111111.0, 285714.0]
    done = invoke("ngrams", "--of", "chars", "-n", "1-2", "-k", "1", stdin="banana\ncab\n")
    assert [(row["ngram"], row["count"], row["per_million"]) for row in records(done)] == [
        ("a", 4, 444444.0),
        ("an", 2, 285714.0),
    ]


def test_no_ngram_goes_over_punctuation_white_space_or_the_end_of_a_record(invoke: Invoke) -> None:
    text = "a b . c d\ne f\n"
    found = records(invoke("ngrams", "--tokenizer", "words", "--min-count", "1", stdin=text))
    assert [row["ngram"] for row in found] == ["a b", "c d", "e f"]
    with_punctuation = records(
        invoke("ngrams", "--tokenizer", "words", "--min-count", "1", "--punctuation", stdin=text)
    )
    assert [row["ngram"] for row in with_punctuation] == [". c", "a b", "b .", "c d", "e f"]
    characters = records(invoke("ngrams", "--of", "chars", "--min-count", "1", "--punctuation", stdin=text))
    assert characters == []
    assert [
        row["ngram"] for row in records(invoke("ngrams", "--of", "chars", "--min-count", "1", stdin="か゛e\u0301!x"))
    ] == [
        "e\u0301",
    ]


def test_tokens_are_used_and_not_made_again(invoke: Invoke) -> None:
    tokens = [{"surface": "走っ", "lemma": "走る"}, {"surface": "た", "lemma": None}]
    lines = "".join(json.dumps(record) + "\n" for record in ({"tokens": ["x y", "\u3000", "z"]}, {"tokens": tokens}))
    words = records(invoke("ngrams", "-n", "1-2", "--min-count", "1", stdin=lines))
    assert [row["ngram"] for row in words] == ["x y", "z", "た", "走っ", "x y z", "走っ た"]
    lemmas = records(invoke("ngrams", "-n", "1", "--of", "lemmas", "--min-count", "1", stdin=lines))
    assert [row["ngram"] for row in lemmas] == ["x y", "z", "た", "走る"]


def test_tokenized_records_give_what_their_text_gives(invoke: Invoke) -> None:
    tokenized = invoke("tokenize", str(NOVEL)).stdout
    for of in ("words", "lemmas", "chars"):
        assert records(invoke("ngrams", "--of", of, stdin=tokenized)) == records(
            invoke("ngrams", "--of", of, str(NOVEL))
        )


def test_groups_by_a_field_and_by_file(invoke: Invoke, tmp_path: Path) -> None:
    lines = [
        {"text": "a b a b", "by": "x"}, {"text": "b c", "by": 1905}, {"text": "a b", "by": "x"}, {"text": "a", "by": True},
    ]  # fmt: skip
    path = tmp_path / "some.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    more = ("--tokenizer", "whitespace", "--min-count", "1")
    found = records(invoke("ngrams", "--by", "by", *more, str(path)))
    assert [(row["group"], row["ngram"], row["count"], row["per_million"]) for row in found] == [
        ("x", "a b", 3, 750000.0), ("x", "b a", 1, 250000.0), ("1905", "b c", 1, 1000000.0),
    ]  # fmt: skip
    other = tmp_path / "other.txt"
    other.write_text("b c\nb c\n")
    found = records(invoke("ngrams", "--by", "file", *more, "-k", "1", str(path), str(other)))
    assert [(row["group"], row["ngram"], row["count"]) for row in found] == [
        (str(path), "a b", 3),
        (str(other), "b c", 2),
    ]


def test_groups_add_up_to_the_whole(invoke: Invoke) -> None:
    lines = [{"text": text, "part": number % 3} for number, text in enumerate(NOVEL.read_text().splitlines())]
    stdin = "".join(json.dumps(line) + "\n" for line in lines)
    whole = counts(records(invoke("ngrams", "-n", "1-2", "--min-count", "1", stdin=stdin)))
    total = Counter[object]()
    for row in records(invoke("ngrams", "-n", "1-2", "--min-count", "1", "--by", "part", stdin=stdin)):
        total[row["ngram"]] += row["count"]
    assert total == whole


def test_formats(invoke: Invoke, tmp_path: Path) -> None:
    rows = records(invoke("ngrams", str(NOVEL)))
    as_csv = list(csv.DictReader(io.StringIO(invoke("ngrams", str(NOVEL), "-f", "csv").stdout)))
    assert [(row["ngram"], int(row["count"]), float(row["per_million"])) for row in as_csv] == [
        (row["ngram"], row["count"], row["per_million"]) for row in rows
    ]
    path = tmp_path / "ngrams.tsv"
    assert invoke("ngrams", str(NOVEL), "-o", str(path)).exit_code == 0
    assert path.read_text().split("\n")[:2] == ["ngram\tn\tcount\tper_million", "し て\t2\t82\t9612.0"]
    table = invoke("ngrams", str(NOVEL), "-f", "table")
    assert len(table.stdout.splitlines()) == 21
    assert "the table shows 20 of 1," in table.stderr
    assert "n-grams that occur fewer than 2 times, left out (--min-count): " in table.stderr


@pytest.mark.parametrize("format", ["jsonl", "csv", "tsv", "table"])
@pytest.mark.parametrize("stdin", ["", "\n\n", "。\n", "猫\n"])
def test_an_input_without_ngrams_gives_none(invoke: Invoke, format: str, stdin: str) -> None:
    done = invoke("ngrams", "--min-count", "1", "-f", format, stdin=stdin)
    assert done.exit_code == 0
    assert done.stdout == {"csv": "ngram,n,count,per_million\n", "tsv": "ngram\tn\tcount\tper_million\n"}.get(
        format, ""
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-n", "0"], 2, "'0' is no length of n-grams: 2, or 2-4, from 1 to 100"),
        (["-n", "4-2"], 2, "4-2 begins with the longer one: 2-4"),
        (["-n", "-2"], 2, "'-2' is no length"),
        (["-n", "2-"], 2, "'2-' is no length"),
        (["-n", "101"], 2, "'101' is no length"),
        (["-n", "99999999999999999999"], 2, "is no length"),
        (["-n", "２"], 2, "'２' is no length"),
        (["--min-count", "0"], 2, "0 is not in the range"),
        (["-k", "0"], 2, "0 is not in the range"),
        (["--of", "chars", "--tokenizer", "words"], 2, "--of chars makes no use of --tokenizer"),
        (["--of", "lemmas", "--tokenizer", "words"], 2, "--tokenizer words gives no lemmas"),
        (["--tokenizer", "words", "--dictionary", "unidic"], 2, "--tokenizer words makes no use of --dictionary"),
        (["--dictionary", "no-such"], 4, "no-such"),
        (["--by", "author"], 2, "--by author names a field, and <stdin> is text, which has none; --by file is its file"),
        (["no-such-file"], 1, "no-such-file"),
        (["-o", "x.parquet"], 2, "x.parquet: parquet is none of the formats of this command"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_a_reason(
    invoke: Invoke, arguments: list[str], code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = invoke("ngrams", *arguments, stdin="吾輩は猫である。名前はまだ無い。")
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_records_that_lack_something_fail_alone(invoke: Invoke) -> None:
    lines = [
        {"text": "a b", "by": "x"}, {"text": "a b"}, {"text": "a b", "by": None}, {"tokens": 5, "by": "x"},
        {"text": 7, "by": "x"}, {"tokens": ["a", ""], "by": "x"}, {"text": "b c", "by": "x"},
    ]  # fmt: skip
    stdin = "".join(json.dumps(line) + "\n" for line in lines)
    done = invoke("ngrams", "--by", "by", "--min-count", "1", "--tokenizer", "words", stdin=stdin)
    assert [(row["group"], row["ngram"]) for row in records(done, code=3)] == [("x", "a b"), ("x", "b c")]
    assert "5 of 7 records failed and were left out" in done.stderr
    assert "<stdin>:2: the record has no field `by` to be grouped by; its fields: `text`" in done.stderr
    done = invoke("ngrams", "--by", "by", "--on-error", "fail", "--tokenizer", "words", stdin=stdin)
    assert (done.exit_code, done.stdout) == (1, "")


def test_lemmas_of_a_text_without_any_fail_and_of_tokens_do_not(invoke: Invoke) -> None:
    lines = [{"text": "The cats sat."}, {"tokens": [{"surface": "cats", "lemma": "cat"}]}]
    done = invoke(
        "ngrams",
        "-n",
        "1",
        "--of",
        "lemmas",
        "--min-count",
        "1",
        stdin="".join(map("{}\n".format, map(json.dumps, lines))),
    )
    assert [row["ngram"] for row in records(done, code=3)] == ["cat"]
    assert "lemmas are known of Japanese text, and of records whose tokens have them" in done.stderr


def test_many_different_ngrams_and_words(invoke: Invoke) -> None:
    text = " ".join(map(str, range(100_000))) + "\n"
    found = records(invoke("ngrams", "--tokenizer", "whitespace", "--min-count", "1", stdin=text))
    assert len(found) == 99_999
    assert [row["ngram"] for row in found[:2]] == ["0 1", "1 2"]
    assert found[-1]["ngram"] == "99998 99999"


def test_a_long_ngram_and_equal_records(invoke: Invoke) -> None:
    found = records(invoke("ngrams", "-n", "99-100", "--tokenizer", "whitespace", stdin=("a " * 100 + "\n") * 3))
    assert [(row["n"], row["count"]) for row in found] == [(99, 6), (100, 3)]
    assert found[1]["ngram"] == " ".join(["a"] * 100)


@pytest.mark.parametrize(
    ("text", "tokenizer"),
    [
        ("猫が鳴く。 犬も", "unidic"),  # punctuation stands at the words: the blanks are between sentences
        ("猫が鳴く。\u3000犬も鳴く。", "unidic"),
        ("猫 が 鳴く 。 犬 も 鳴く 。", "whitespace"),
        ("猫 が 鳴く 犬 も 鳴く", "whitespace"),
        ("モーニング娘。 が 、 歌う 。", "whitespace"),
        ("猫が鳴く", "unidic"),
    ],
)
def test_the_tokenizer_of_japanese_with_blanks(text: str, tokenizer: str, invoke: Invoke) -> None:
    done = invoke("ngrams", "-n", "1", "--min-count", "1", stdin=text + "\n")
    assert f"--tokenizer {tokenizer}: " in done.stderr
    assert all(("。" in row["ngram"]) == (row["ngram"] == "モーニング娘。") for row in records(done))
