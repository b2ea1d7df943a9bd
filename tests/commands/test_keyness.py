"""nlptool keyness, as a user calls it, against scipy and dense counts."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from program import Invoke, records
from scipy import stats

from nlptool.commands.keyness import MEASURES
from nlptool.geometry import association
from nlptool.tasks import keyness_rows, token_arrays

NOVEL = Path(__file__).parent.parent / "data" / "yume_juya.txt"
SPLIT = ("--tokenizer", "whitespace")


@pytest.fixture(scope="module")
def texts(invoke: Invoke) -> list[list[str]]:
    """The words of each paragraph of the novel."""
    lines = invoke("tokenize", "-f", "wakati", str(NOVEL)).stdout.splitlines()
    return [[word for word in line.split() if word != "\\u3000"] for line in lines]


def write(path: Path, texts: list[list[str]]) -> str:
    path.write_text("".join(" ".join(text) + "\n" for text in texts))
    return str(path)


def occurrences(texts: list[list[str]], n: int = 1) -> Counter[str]:
    """The n-grams without punctuation in them."""
    runs = [text[start : start + n] for text in texts for start in range(len(text) - n + 1)]
    return Counter(" ".join(run) for run in runs if all(any(map(str.isalnum, word)) for word in run))


def test_the_measures_are_those_of_the_rows() -> None:
    assert keyness_rows.MEASURES == MEASURES


@pytest.mark.parametrize("n", [1, 2])
def test_figures_are_those_of_scipy(
    invoke: Invoke, texts: list[list[str]], n: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_arrays, "PORTION", 700)
    sides = texts[:60], texts[60:]
    paths = [write(tmp_path / f"{side}.txt", of_side) for side, of_side in enumerate(sides)]
    found = records(invoke("keyness", paths[0], "--against", paths[1], "-n", str(n), "--min-count", "2", *SPLIT))
    mine, others = (occurrences(side, n) for side in sides)
    sizes = mine.total(), others.total()
    expected = {word for word in mine if mine[word] >= 2 and mine[word] / sizes[0] > others[word] / sizes[1]}
    name = "word" if n == 1 else "ngram"
    assert {row[name] for row in found} == expected
    assert len(found) == len(expected) > 50
    parts = [[occurrences([text], n) for text in side] for side in sides]
    part_sizes = [np.array([part.total() for part in side]) for side in parts]
    for row in found:
        word = row[name]
        counts = mine[word], others[word]
        assert (row["count"], row["reference_count"]) == counts
        table = [[counts[0], sizes[0] - counts[0]], [counts[1], sizes[1] - counts[1]]]
        for field, kind in (("log_likelihood", "log-likelihood"), ("chi2", "pearson")):
            statistic = stats.chi2_contingency(table, correction=False, lambda_=kind).statistic
            assert row[field] == pytest.approx(statistic, rel=2e-5, abs=1e-6)
        rates = counts[0] / sizes[0], counts[1] / sizes[1]
        assert row["per_million"] == pytest.approx(1e6 * rates[0], rel=1e-5)
        assert row["reference_per_million"] == pytest.approx(1e6 * rates[1], rel=1e-5)
        assert row["log_ratio"] == pytest.approx(
            math.log2(rates[0] / ((counts[1] or 0.5) / sizes[1])), rel=1e-5, abs=1e-5
        )
        percent = None if not counts[1] else pytest.approx(100 * (rates[0] / rates[1] - 1), rel=1e-5)
        assert row["percent_diff"] == percent
        for side, field in enumerate(("dispersion", "reference_dispersion")):
            of_parts = np.array([[part[word] for part in parts[side]]])
            filled = part_sizes[side] > 0
            value = association.dispersion(of_parts[:, filled], part_sizes[side][filled])[0] if counts[side] else None
            assert row[field] == (None if value is None else pytest.approx(value, rel=1e-5, abs=1e-5))


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_sorts(invoke: Invoke, texts: list[list[str]], measure: str, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{side}.txt", of_side) for side, of_side in enumerate((texts[:60], texts[60:]))]
    found = records(invoke("keyness", paths[0], "--against", paths[1], "--measure", measure, *SPLIT))
    values = [math.inf if (value := row[measure.replace("-", "_")]) is None else value for row in found]
    assert values == sorted(values, reverse=True)
    assert len(values) > 50
    best = invoke("keyness", paths[0], "--against", paths[1], "--measure", measure, "-k", "7", *SPLIT)
    assert records(best) == found[:7]


def test_each_group_is_compared_with_all_others(invoke: Invoke, texts: list[list[str]], tmp_path: Path) -> None:
    thirds = [texts[number::3] for number in range(3)]
    paths = [write(tmp_path / f"{number}.txt", third) for number, third in enumerate(thirds)]
    found = records(invoke("keyness", "--by", "file", *paths, *SPLIT))
    for number, path in enumerate(paths):
        others = [other for other in paths if other != path]
        expected = records(
            invoke("keyness", path, "--against", others[0], "--against", others[1], "--parts", "record", *SPLIT)
        )
        mine = [
            {name: value for name, value in row.items() if name != "group"} for row in found if row["group"] == path
        ]
        assert mine == expected
        assert len(mine) > 20, number
    lines = [{"text": " ".join(text), "third": index % 3} for index, text in enumerate(texts)]
    stdin = "".join(json.dumps(line) + "\n" for line in lines)
    by_field = records(invoke("keyness", "--by", "third", *SPLIT, stdin=stdin))
    plain = [{name: value for name, value in row.items() if name != "group"} for row in found]
    assert sorted(map(str, plain)) == sorted(
        str({name: row[name] for name in row if name != "group"}) for row in by_field
    )
    assert {row["group"] for row in by_field} == {"0", "1", "2"}


def test_parts_are_files_if_there_are_several(invoke: Invoke, texts: list[list[str]], tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    files = [write(tmp_path / "target" / f"{number}.txt", texts[number::4]) for number in range(3)]
    reference = write(tmp_path / "reference.txt", texts[3::4])
    found = records(invoke("keyness", str(tmp_path / "target"), "--against", reference, *SPLIT))
    parts = [occurrences(texts[number::4]) for number in range(3)]
    for row in found:
        counts = np.array([[part[row["word"]] for part in parts]])
        value = association.dispersion(counts, np.array([part.total() for part in parts]))[0]
        assert row["dispersion"] == pytest.approx(value, rel=1e-5, abs=1e-5)
    assert (
        records(invoke("keyness", *files, "--against", reference, "--parts", "file", *SPLIT))[0]["reference_dispersion"]
        is None
    )
    with_records = records(invoke("keyness", *files, "--against", reference, "--parts", "record", *SPLIT))
    assert [row["log_likelihood"] for row in with_records] == [row["log_likelihood"] for row in found]
    assert [row["dispersion"] for row in with_records] != [row["dispersion"] for row in found]


def test_a_reference_that_contains_the_target_is_said(invoke: Invoke, texts: list[list[str]], tmp_path: Path) -> None:
    target, rest = write(tmp_path / "target.txt", texts[:40]), write(tmp_path / "rest.txt", texts[40:])
    whole = write(tmp_path / "whole.txt", texts)
    said = invoke("keyness", target, "--against", whole, *SPLIT).stderr
    n_long = sum(len(text) >= 5 for text in texts[:40])
    assert f"the reference contains the target: {n_long:,} of {n_long:,} of its longer records" in said
    assert "contains the target" in invoke("keyness", target, "--against", target, *SPLIT).stderr
    assert "contains the target" not in invoke("keyness", target, "--against", rest, *SPLIT).stderr


def test_a_corpus_against_itself_has_no_keywords(invoke: Invoke) -> None:
    assert records(invoke("keyness", str(NOVEL), "--against", str(NOVEL), "--min-count", "1")) == []


def test_the_tokenizer_of_the_target_is_that_of_the_reference(invoke: Invoke, tmp_path: Path) -> None:
    reference = tmp_path / "reference.txt"
    reference.write_text("猫 と 犬\n")
    done = invoke("keyness", str(NOVEL), "--against", str(reference), "-k", "1")
    assert done.stderr.count("--tokenizer") == 1
    tokenized = invoke("tokenize", str(NOVEL)).stdout
    assert records(invoke("keyness", "--against", str(reference), stdin=tokenized)) == records(
        invoke("keyness", "--against", str(reference), stdin=NOVEL.read_bytes())
    )


def test_lemmas_and_characters(invoke: Invoke, tmp_path: Path) -> None:
    reference = tmp_path / "reference.txt"
    reference.write_text("犬は歩いた。\n")
    arguments = ("--against", str(reference), "--min-count", "1", "--measure", "percent-diff")
    lemmas = records(invoke("keyness", *arguments, "--of", "lemmas", stdin="猫は走った。"))
    assert {row["lemma"] for row in lemmas} == {"猫", "走る"}
    characters = records(invoke("keyness", *arguments, "--of", "chars", stdin="猫は走った。"))
    assert {row["char"] for row in characters} == {"猫", "走", "っ"}
    pairs = records(invoke("keyness", *arguments, "--of", "chars", "-n", "1-2", stdin="猫は走った。"))
    assert {(row["ngram"], row["n"]) for row in pairs} == {
        ("猫", 1), ("走", 1), ("っ", 1), ("猫は", 2), ("は走", 2), ("走っ", 2), ("った", 2),
    }  # fmt: skip


def test_formats(invoke: Invoke, tmp_path: Path) -> None:
    reference = tmp_path / "reference.txt"
    reference.write_text("猫 と 犬\n")
    table = invoke("keyness", str(NOVEL), "--against", str(reference), "-f", "table")
    head, *rows = table.stdout.splitlines()
    assert head.split() == [
        "word", "count", "reference_count", "log_likelihood", "log_ratio", "dispersion",
    ]  # fmt: skip
    assert len(rows) == 20
    assert "the table shows 20 of " in table.stderr
    empty = invoke("keyness", "--against", str(reference), "-f", "csv", stdin="")
    assert empty.stdout.startswith("word,count,")
    assert "the target has no words: nothing is compared" in empty.stderr


def test_what_there_is_nothing_to_compare_with(invoke: Invoke, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.txt"
    nothing.write_text("。\n\n")
    done = invoke("keyness", str(NOVEL), "--against", str(nothing))
    assert records(done) == []
    assert "the reference has no words: nothing is compared" in done.stderr
    done = invoke("keyness", "--by", "file", str(NOVEL))
    assert records(done) == []
    assert "there is one group alone, and no other to compare it with" in done.stderr
    assert records(invoke("keyness", "--by", "file", stdin="")) == []
    assert invoke("keyness", str(NOVEL), "--against", str(tmp_path / "missing.txt")).exit_code == 1


def test_groups_of_one_record_have_no_dispersion(invoke: Invoke) -> None:
    lines = [
        {"text": "a a a b", "id": 1},
        {"text": "b b b c", "id": 2},
        {"text": "c c", "id": 3},
        {"text": "", "id": 4},
    ]
    stdin = "".join(json.dumps(line) + "\n" for line in lines)
    found = records(invoke("keyness", "--by", "id", "--min-count", "1", *SPLIT, stdin=stdin))
    assert [(row["group"], row["word"], row["count"], row["reference_count"]) for row in found] == [
        ("1", "a", 3, 0), ("2", "b", 3, 1), ("3", "c", 2, 1),
    ]  # fmt: skip
    assert [row["dispersion"] for row in found] == [None, None, None]
    assert [row["reference_dispersion"] for row in found] == [None, 0.5, 1.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give one of the two: --against REFERENCE, or --by FIELD"),
        (["--against", "x", "--by", "file"], "give one of the two"),
        (["--against", "-"], "stdin cannot be the target and the reference"),
        (["-", "--against", "-"], "stdin cannot be the target and the reference"),
        (["--by", "author"], "--by author names a field, and <stdin> is text"),
        (["--against", "x", "--measure", "pmi"], "'pmi' is not one of"),
        (["--against", "x", "-n", "0"], "is no length"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(invoke: Invoke, arguments: list[str], message: str) -> None:
    done = invoke("keyness", *arguments, stdin="猫である。")
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_field_that_text_lacks_is_named_by_the_option_that_asks_for_it(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a b\n")
    for options, named in (
        (["--parts", "year", "--against", str(tmp_path / "a.txt")], "--parts"),
        (["--by", "year"], "--by"),
    ):
        done = invoke("keyness", str(tmp_path / "a.txt"), *options)
        assert done.exit_code == 2
        assert f"Error: {named} year names a field, and " in done.stderr
