"""``tokenize --count`` by parts of speech, in groups, with dispersion, and Zipf's law."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from program import Invoke, Run

from nlptool import plots
from nlptool.geometry import association

NOVEL = Path(__file__).parent.parent / "data" / "yume_juya.txt"
TEXTS = {"a": ["猫と犬", "猫が猫を見た"], "b": ["犬が犬と", "鳥"], "c": ["　"]}


def rows(done: Any, code: int = 0) -> list[dict[str, Any]]:
    assert done.exit_code == code, done.stderr
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def labelled() -> bytes:
    return "".join(
        json.dumps({"l": label, "text": text}) + "\n" for label, texts in TEXTS.items() for text in texts
    ).encode()


def test_words_are_told_apart_by_the_fields_that_are_named(invoke: Invoke) -> None:
    tokens = [
        token for record in rows(invoke("tokenize", "--fields", "pos_detail", str(NOVEL))) for token in record["tokens"]
    ]
    for by, names in (
        ("lemma,pos", ["word", "pos"]),
        ("pos,surface,lemma", ["word", "lemma", "pos"]),
        ("pos,pos_detail", ["pos", "pos_detail"]),
        ("pos", ["pos"]),
    ):
        fields = [name for name in ("surface", "lemma", "pos", "pos_detail") if name in by.split(",")]
        expected = Counter(
            tuple(token[name] or "" for name in fields) for token in tokens if not token["surface"].isspace()
        )
        found = rows(invoke("tokenize", "--count", "words", "--by", by, str(NOVEL)))
        assert list(found[0]) == [*names, "count", "share"]
        counts = [(tuple(row[name] for name in names), row["count"]) for row in found]
        assert counts == sorted(expected.items(), key=lambda item: (-item[1], item[0]))


@pytest.mark.parametrize("what", ["words", "chars"])
def test_each_group_is_counted_as_if_it_were_alone(invoke: Invoke, what: str) -> None:
    found = rows(invoke("tokenize", "--count", what, "--by-group", "l", stdin=labelled()))
    assert list(dict.fromkeys(row["group"] for row in found)) == ["a", "b"]
    for label, texts in TEXTS.items():
        alone = rows(invoke("tokenize", "--count", what, stdin="\n".join(texts).encode()))
        assert [{"group": label, **row} for row in alone] == [row for row in found if row["group"] == label]


def test_files_are_groups_and_each_is_limited_for_itself(invoke: Invoke, tmp_path: Path) -> None:
    for label, texts in TEXTS.items():
        (tmp_path / f"{label}.txt").write_text("\n".join(texts), encoding="utf-8")
    files = [str(tmp_path / f"{label}.txt") for label in TEXTS]
    arguments = ["tokenize", "--count", "words", "--by-group", "file"]
    found = rows(invoke(*arguments, "-k", "1", *files))
    assert [(Path(row["group"]).name, row["word"], row["count"]) for row in found] == [
        ("a.txt", "猫", 3),
        ("b.txt", "犬", 2),
    ]
    done = invoke(*arguments, "--min-count", "2", *files)
    assert [(row["word"], row["count"]) for row in rows(done)] == [("猫", 3), ("犬", 2)]
    assert "words that occur fewer than 2 times, left out (--min-count): 9" in done.stderr
    table = invoke(*arguments, "-f", "table", *files).stdout.splitlines()
    assert table[0].split() == ["group", "word", "count", "share"]
    assert len(table) == 12


@pytest.mark.parametrize("parts", ["file", "record", "l"])
def test_dispersion_is_that_of_dense_arrays(invoke: Invoke, parts: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(labelled())
    other = tmp_path / "b.jsonl"
    other.write_text('{"text":"猫","l":"a"}\n', encoding="utf-8")
    names = {"file": [0, 0, 0, 0, 0, 1], "record": range(6), "l": [0, 0, 1, 1, 2, 0]}[parts]
    texts = [text for each in TEXTS.values() for text in each] + ["猫"]
    words = [[token["surface"] for token in json.loads(line)["tokens"]]
             for line in invoke("tokenize", stdin="\n".join(texts).encode()).stdout.splitlines()]  # fmt: skip
    counts = [Counter[str]() for _ in range(max(names) + 1)]
    for name, each in zip(names, words, strict=True):
        counts[name].update(word for word in each if not word.isspace())
    sizes = np.array([each.total() for each in counts])
    found = rows(invoke("tokenize", "--count", "words", "--parts", parts, str(path), str(other)))
    assert len(found) == 8
    for row in found:
        mine = np.array([each[row["word"]] for each in counts])
        kept = sizes > 0
        assert (row["count"], row["parts"]) == (mine.sum(), (mine > 0).sum())
        assert row["dp"] == pytest.approx(np.abs(mine / mine.sum() - sizes / sizes.sum()).sum() / 2, abs=1e-6)
        assert row["dispersion"] == pytest.approx(association.dispersion(mine[kept][None], sizes[kept])[0], abs=1e-6)


def test_dispersion_agrees_with_keyness(invoke: Invoke) -> None:
    counted = rows(invoke("tokenize", "--count", "words", "--parts", "record", str(NOVEL)))
    dispersions = {row["word"]: row["dispersion"] for row in counted}
    reference = "猫がいる。\n" * 3
    keys = invoke("keyness", str(NOVEL), "--against", "-", "--parts", "record", "-k", "20", "--punctuation",
                  stdin=reference.encode())  # fmt: skip
    for row in rows(keys):
        assert row["dispersion"] == pytest.approx(dispersions[row["word"]], abs=1e-6)


def test_groups_have_their_own_parts_and_one_part_has_no_dispersion(invoke: Invoke) -> None:
    found = rows(invoke("tokenize", "--count", "words", "--by-group", "l", "--parts", "record", stdin=labelled()))
    cat = next(row for row in found if row["word"] == "猫")
    assert (cat["group"], cat["parts"]) == ("a", 2)
    assert cat["dp"] == pytest.approx(abs(1 / 3 - 3 / 9))
    found = rows(invoke("tokenize", "--count", "words", "--by-group", "l", "--parts", "l", stdin=labelled()))
    assert {(row["parts"], row["dp"], row["dispersion"]) for row in found} == {(1, 0, None)}


def test_many_groups_are_counted(invoke: Invoke) -> None:
    lines = "".join(f'{{"id":{number},"text":"猫と{number}"}}\n' for number in range(5000)).encode()
    found = rows(invoke("tokenize", "--count", "words", "--by-group", "id", "-k", "1", stdin=lines))
    assert [row["group"] for row in found] == [str(number) for number in range(5000)]
    assert {row["count"] for row in found} == {1}


def test_records_without_the_group_are_left_out_and_said(invoke: Invoke) -> None:
    lines = '{"l":"a","text":"猫"}\n{"text":"犬"}\nno\n'.encode()
    done = invoke("tokenize", "--count", "words", "--by-group", "l", stdin=lines)
    assert rows(done, code=3) == [{"group": "a", "word": "猫", "count": 1, "share": 1.0}]
    assert "the record has no field `l` to be grouped by" in done.stderr
    assert "2 of 3 records failed and were left out" in done.stderr
    assert rows(invoke("tokenize", "--count", "words", "--by-group", "file", stdin=b"")) == []


def test_workers_count_the_same_in_groups(run: Run) -> None:
    arguments = ["tokenize", "--count", "words", "--by", "lemma,pos", "--parts", "record", str(NOVEL)]
    one, two = (run(*arguments, "-j", n) for n in "12")
    assert one.returncode == two.returncode == 0
    assert one.stdout == two.stdout


def test_csv_has_all_columns(invoke: Invoke) -> None:
    done = invoke(
        "tokenize", "--count", "chars", "--by-group", "l", "--parts", "l", "-k", "1", "-f", "csv", stdin=labelled()
    )
    assert done.stdout == "group,char,count,share,parts,dp,dispersion\na,猫,3,0.333333,1,0.0,\nb,犬,2,0.4,1,0.0,\n"


def written(svg: Path) -> str:
    """What stands in an SVG: matplotlib writes each text as a comment beside its outlines."""
    return "\n".join(re.findall(r"<!-- (.*?) -->", svg.read_text(encoding="utf-8")))


def test_zipfs_law_is_drawn_and_said(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "zipf.svg"
    done = invoke("tokenize", "--count", "words", "--zipf", str(path), str(NOVEL))
    assert done.exit_code == 0
    (law,) = re.findall(
        r"the frequency of words falls as (1 / \(rank \+ \S+\)\^\S+) \(Zipf and Mandelbrot\)", done.stderr
    )
    assert law == "1 / (rank + 2.19)^1.16"
    text = written(path)
    assert law in text
    assert {"rank", "words: how often each comes", "1", "10", "100", "1,000"} <= set(text.split("\n"))
    done = invoke("tokenize", "--count", "chars", "--by-group", "l", "--zipf", str(path), stdin=labelled())
    assert "a: 6 different" not in done.stderr
    assert (
        "b: the frequency of characters falls as" in done.stderr
        or "b: 4 different characters are too few" in done.stderr
    )
    assert {"a", "b"} <= set(written(path).split("\n"))


def test_words_without_a_law_are_drawn_and_none_are_not(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "zipf.svg"
    done = invoke("tokenize", "--count", "words", "--zipf", str(path), stdin="猫".encode())
    assert done.exit_code == 0
    assert "1 different words are too few for Zipf's law: 5 are needed" in done.stderr
    assert path.exists()
    done = invoke("tokenize", "--count", "words", "--zipf", str(tmp_path / "no.png"), stdin=b"\n")
    assert done.exit_code == 1
    assert "there are no words" in done.stderr
    assert not (tmp_path / "no.png").exists()
    done = invoke("tokenize", "--count", "words", "--zipf", str(tmp_path / "a.gif"), stdin=b"a\n")
    assert done.exit_code == 1
    assert "a picture is a .png" in done.stderr


def test_curves_beyond_the_colours_are_said(tmp_path: Path) -> None:
    notes: list[str] = []
    curves = [plots.ZipfCurve(f"n{number}", range(1000, 0, -1)) for number in range(9)]
    plots.zipf(curves, str(tmp_path / "a.svg"), note=notes.append)
    assert notes == ["the picture shows the first 7 of 9 groups"]
    names = set(written(tmp_path / "a.svg").split("\n"))
    assert "n6" in names
    assert "n7" not in names
    with pytest.raises(ValueError, match="no curve"):
        plots.zipf([], str(tmp_path / "b.svg"))
