"""``nlptool dedup``: which records stay, which go, and what is said of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program import Invoke, records

from nlptool.text.folding import folded

LINES = "猫がいる。\n犬がいる。\nＡＢＣ  d\n\n猫がいる。\nabc\td \n"


def texts(invoke: Invoke, *options: str, stdin: str | bytes = LINES) -> list[str]:
    return [record["text"] for record in records(invoke("dedup", *options, stdin=stdin))]


def test_the_first_of_texts_that_are_the_same_but_for_width_case_and_blanks_stays(invoke: Invoke) -> None:
    result = invoke("dedup", stdin=LINES)
    assert [record["text"] for record in records(result)] == ["猫がいる。", "犬がいる。", "ＡＢＣ  d", ""]
    assert result.stderr == "nlptool dedup: duplicates, which were left out: 2\n"
    assert texts(invoke, "--no-fold") == ["猫がいる。", "犬がいる。", "ＡＢＣ  d", "", "abc\td "]


def test_the_text_alone(invoke: Invoke) -> None:
    assert invoke("dedup", "-f", "text", stdin=LINES).stdout == "猫がいる。\n犬がいる。\nＡＢＣ  d\n\n"


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (["--keep", "first"], [1, 2, 5]),
        (["--keep", "last"], [2, 4, 5]),
        (["--keep", "longest"], [2, 3, 5]),
        (["--keep-highest", "n"], [2, 3, 5]),
        (["--keep-highest", "/about/votes"], [1, 2, 5]),
        (["--keep-highest", "nothing"], [1, 2, 5]),
    ],
)
def test_which_of_several_stays(options: list[str], lines: list[int], invoke: Invoke) -> None:
    rows: list[dict[str, Any]] = [
        {"text": "a b", "n": 2, "about": {"votes": 9}}, {"text": "other", "n": 0}, {"text": "A   b", "n": "7"},
        {"text": "a B", "n": None, "about": {"votes": "many"}}, {"text": "third", "n": 1},
    ]  # fmt: skip
    stdin = "".join(f"{json.dumps(row)}\n" for row in rows)
    found = records(invoke("dedup", *options, stdin=stdin))
    assert [rows.index({name: row[name] for name in row if name != "nlptool"}) + 1 for row in found] == lines


def test_groups_name_the_record_that_stays(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x\ny\n")
    (tmp_path / "b.txt").write_text("y\nz\nX\n")
    files = [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]
    found = records(invoke("dedup", "--groups", *files))
    assert [(record["text"], record["group"], record["similarity"]) for record in found] == [
        ("x", 0, None), ("y", 1, None), ("y", 1, 1), ("z", 3, None), ("X", 0, 1)
    ]  # fmt: skip
    assert [record["duplicate_of"] for record in found] == [
        None, None, {"index": 1, "file": files[0], "line": 2}, None, {"index": 0, "file": files[0], "line": 1}
    ]  # fmt: skip
    last = records(invoke("dedup", "--groups", "--keep", "last", *files))
    assert [record["group"] for record in last] == [4, 2, 2, 3, 4]
    assert last[0]["duplicate_of"] == {"index": 4, "file": files[1], "line": 3}


@pytest.mark.parametrize("method", ["exact", "minhash"])
@pytest.mark.parametrize("keep", ["first", "last"])
def test_what_goes_is_in_the_file_of_the_removed_ones(method: str, keep: str, invoke: Invoke, tmp_path: Path) -> None:
    removed = tmp_path / "removed.jsonl"
    lines = ['{"text":"one two three","id":1}', '{"text":"another","id":2}', '{"text":"One two  three","id":3}']
    result = invoke("dedup", "--method", method, "--keep", keep, "--removed", str(removed), stdin="\n".join(lines))
    stays, goes = (1, 3) if keep == "first" else (3, 1)
    assert [record["id"] for record in records(result)] == sorted([stays, 2])
    (gone,) = map(json.loads, removed.read_text().splitlines())
    assert gone["id"] == goes
    assert gone["duplicate_of"] == {"index": stays - 1, "line": stays}
    assert gone["similarity"] == 1


SENTENCES = [
    "The quick brown fox jumps over the lazy dog today.",
    "Something else is written here.",
    "The quick brown fox jumps over the lazy dog, today.",
    "The slow green fox walks under the busy cat now.",
]


def test_minhash_finds_copies_with_small_changes(invoke: Invoke) -> None:
    stdin = "\n".join(SENTENCES)
    assert texts(invoke, "--method", "minhash", stdin=stdin) == [SENTENCES[0], SENTENCES[1], SENTENCES[3]]
    found = records(invoke("dedup", "--method", "minhash", "--groups", stdin=stdin))

    def ngrams(text: str, n: int = 5) -> set[str]:
        return {folded(text)[start : start + n] for start in range(len(folded(text)) - n + 1)}

    first, second = ngrams(SENTENCES[0]), ngrams(SENTENCES[2])
    assert found[2]["similarity"] == pytest.approx(len(first & second) / len(first | second), rel=1e-5)
    assert len(texts(invoke, "--method", "minhash", "--threshold", "0.99", stdin=stdin)) == 4
    assert len(texts(invoke, "--method", "minhash", "--ngram", "1", "--threshold", "0.5", stdin=stdin)) < 3


def test_embeddings_that_records_bring_are_compared_all_with_all(invoke: Invoke) -> None:
    numbers = np.random.default_rng(4)
    vectors = numbers.normal(size=(8, 6))[numbers.integers(0, 8, 60)] + 0.2 * numbers.normal(size=(60, 6))
    stdin = "".join(
        json.dumps({"text": f"t{number}", "embedding": vector.tolist()}) + "\n" for number, vector in enumerate(vectors)
    )
    found = records(invoke("dedup", "--method", "embedding", "--threshold", "0.9", "--groups", stdin=stdin))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    kept: list[int] = []
    for number, record in enumerate(found):
        cosines = unit[kept] @ unit[number] if kept else np.empty(0)
        if len(cosines) and cosines.max() >= 0.9:
            assert record["group"] == kept[int(cosines.argmax())]
            assert record["similarity"] == pytest.approx(cosines.max(), abs=1e-5)
        else:
            kept.append(number)
            assert record["group"] == number
    assert 4 < len(kept) < 40


def test_texts_of_the_same_meaning_are_embedded(invoke: Invoke) -> None:
    stdin = "猫が寝ている。\n株価が下がった。\n\n猫が眠っている。\n"
    result = invoke("dedup", "--method", "embedding", "--threshold", "0.9", "-f", "text", stdin=stdin)
    assert result.stdout == "猫が寝ている。\n株価が下がった。\n\n"


@pytest.mark.parametrize("method", ["exact", "minhash", "embedding"])
@pytest.mark.parametrize("keep", ["first", "last"])
def test_records_that_fail_stay_in_their_places(method: str, keep: str, invoke: Invoke) -> None:
    stdin = b'{"text":"same text"}\n{"text":"\xff"}\n{"text":"same text"}\n{"no":1}\n{"text":""}\n'
    result = invoke("dedup", "--method", method, "--keep", keep, stdin=stdin)
    assert result.exit_code == 3
    found = [json.loads(line) for line in result.stdout.splitlines()]
    errors = [each["nlptool"].get("error", {}).get("type", "") for each in found]
    same = errors.index("")
    assert found[same]["text"] == "same text"
    assert same == (0 if keep == "first" else 1)
    assert [error for number, error in enumerate(errors) if number != same] == ["Undecodable", "MissingField", ""]


@pytest.mark.parametrize("method", ["exact", "minhash", "embedding"])
@pytest.mark.parametrize("text", ["", "\n", "one\n", "same\n" * 40])
def test_small_and_uniform_inputs(method: str, text: str, invoke: Invoke) -> None:
    found = texts(invoke, "--method", method, "--keep", "last", stdin=text)
    assert found == ([text.split("\n", maxsplit=1)[0]] if text else [])


def test_columns_of_a_table_and_of_groups(invoke: Invoke) -> None:
    stdin = "id,text\n1,a\n2,b\n3,A\n"
    result = invoke("dedup", "-I", "csv", "-f", "csv", "--groups", stdin=stdin)
    assert result.stdout.split("\n")[:4] == [
        "id,text,group,duplicate_of,similarity,error", "1,a,0,,,", "2,b,1,,,", '3,A,0,"{""index"":0,""line"":2}",1,'
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--threshold", "0.9"], "--method exact makes no use of --threshold"),
        (["--ngram", "3"], "--method exact makes no use of --ngram"),
        (["--method", "embedding", "--no-fold"], "--method embedding makes no use of --fold"),
        (["--method", "minhash", "-m", "static-ja-en"], "--method minhash makes no use of --model"),
        (["--method", "minhash", "--threshold", "0"], "is not in the range"),
        (["--method", "minhash", "--threshold", "1.5"], "is not in the range"),
        (["--keep", "last", "--keep-highest", "n"], "both say which record is kept"),
        (["--groups", "-f", "text"], "--groups goes into the record"),
        (["--ngram", "0", "--method", "minhash"], "is not in the range"),
    ],
)
def test_options_that_do_not_go_together(options: list[str], message: str, invoke: Invoke) -> None:
    result = invoke("dedup", *options, stdin=LINES)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_the_file_of_the_removed_ones_is_no_input(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\na\n")
    for among in ([str(tmp_path / "in.txt")], ["-o", f"{tmp_path}/./in.txt"]):
        result = invoke("dedup", "--removed", str(tmp_path / "in.txt"), *among, stdin="b\n")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "would replace what is read or written" in result.stderr
        assert (tmp_path / "in.txt").read_text() == "a\na\n"


def test_the_file_of_the_removed_ones_is_not_compressed(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("dedup", "--removed", str(tmp_path / "removed.jsonl.gz"), stdin="a\na\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "removed.jsonl.gz: the file is not compressed here: leave out the .gz" in result.stderr
    assert not list(tmp_path.iterdir())


@settings(max_examples=80)
@given(st.text(max_size=20))
def test_a_folded_text_is_folded(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert folded(f"  {text}\t\n ") == once
    assert "  " not in once
