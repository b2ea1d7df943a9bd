"""``tokenize --count``: what a slow loop over the tokens counts, the most frequent first."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program import Invoke, Run

from nlptool import plots
from nlptool.errors import RunError
from nlptool.models.japanese import counts as japanese_counts
from nlptool.models.japanese.counts import CharacterCounter, WordCounter
from nlptool.models.japanese.tagger import Tagger

NOVEL = Path(__file__).parent.parent / "data" / "yume_juya.txt"
TAGGER = Tagger()


def rows(done: Any, code: int = 0) -> list[dict[str, Any]]:
    assert done.exit_code == code, done.stderr
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def tokens(invoke: Invoke, *arguments: str, stdin: bytes = b"") -> list[dict[str, Any]]:
    return [token for record in rows(invoke("tokenize", *arguments, stdin=stdin)) for token in record["tokens"]]


@pytest.mark.parametrize("by", ["surface", "lemma"])
@pytest.mark.parametrize(
    "chosen", [[], ["--pos", "名詞,動詞"], ["--stop-pos", "補助記号,助詞"], ["--normalize", "nfkc"]], ids=" ".join
)
def test_words_are_counted_as_a_slow_loop_counts_them(invoke: Invoke, by: str, chosen: list[str]) -> None:
    expected = Counter(token[by] for token in tokens(invoke, *chosen, str(NOVEL)))
    for blank in [word for word in expected if word.isspace()]:
        del expected[blank]
    found = rows(invoke("tokenize", "--count", "words", "--by", by, *chosen, str(NOVEL)))
    assert [(row["word"], row["count"]) for row in found] == ranked(expected)
    assert len(found) > 100
    total = expected.total()
    assert [row["share"] for row in found] == pytest.approx([row["count"] / total for row in found], rel=1e-5)
    assert list(found[0]) == ["word", "count", "share"]


def test_characters_are_counted_but_for_white_space(invoke: Invoke) -> None:
    text = NOVEL.read_text(encoding="utf-8")
    found = rows(invoke("tokenize", "--count", "chars", str(NOVEL)))
    assert [(row["char"], row["count"]) for row in found] == ranked(Counter("".join(text.split())))
    said = rows(invoke("tokenize", "--count", "chars", stdin="aあ　あ \ta\u00a0b\n\nあ\0".encode()))
    assert [(row["char"], row["count"], row["share"]) for row in said] == [
        ("あ", 3, 0.428571), ("a", 2, 0.285714), ("\0", 1, 0.142857), ("b", 1, 0.142857)
    ]  # fmt: skip


def test_k_leaves_out_records_and_moves_no_share(invoke: Invoke) -> None:
    whole = rows(invoke("tokenize", "--count", "words", str(NOVEL)))
    assert rows(invoke("tokenize", "--count", "words", "-k", "7", str(NOVEL))) == whole[:7]
    assert rows(invoke("tokenize", "--count", "words", "-k", "999999", str(NOVEL))) == whole
    assert sum(row["share"] for row in whole) == pytest.approx(1, abs=1e-4)


def test_rare_words_are_left_out_and_move_no_share(invoke: Invoke) -> None:
    whole = rows(invoke("tokenize", "--count", "words", str(NOVEL)))
    done = invoke("tokenize", "--count", "words", "--min-count", "5", str(NOVEL))
    frequent = [row for row in whole if row["count"] >= 5]
    assert rows(done) == frequent
    assert f"words that occur fewer than 5 times, left out (--min-count): {len(whole) - len(frequent):,}" in done.stderr


def test_every_format_has_the_same_rows(invoke: Invoke, tmp_path: Path) -> None:
    whole = rows(invoke("tokenize", "--count", "chars", str(NOVEL)))
    for format, separator in (("csv", ","), ("tsv", "\t")):
        path = tmp_path / f"counts.{format}"
        assert invoke("tokenize", "--count", "chars", str(NOVEL), "-o", str(path)).exit_code == 0
        head, *lines = path.read_text().splitlines()
        assert head == separator.join(["char", "count", "share"])
        assert lines == [separator.join(map(str, row.values())) for row in whole]
    table = invoke("tokenize", "--count", "chars", str(NOVEL), "-f", "table")
    head, *lines = table.stdout.splitlines()
    assert head.split() == ["char", "count", "share"]
    assert [line.split()[0] for line in lines] == [row["char"] for row in whole[:30]]
    assert f"the table shows 30 of {len(whole):,} characters" in table.stderr


def test_workers_count_the_same(run: Run) -> None:
    one, two = (run("tokenize", "--count", "words", "--by", "lemma", "-j", n, str(NOVEL)) for n in "12")
    assert one.returncode == two.returncode == 0
    assert one.stdout == two.stdout


def test_what_is_normalised_is_counted_as_it_reads_then(invoke: Invoke) -> None:
    text = "ﾈｺとネコ㌔Ａ"
    found = rows(invoke("tokenize", "--count", "chars", "--normalize", "nfkc", stdin=text.encode()))
    assert {row["char"]: row["count"] for row in found} == Counter(unicodedata.normalize("NFKC", text))
    found = rows(invoke("tokenize", "--count", "words", "--normalize", "nfkc", stdin="ﾈｺ\nネコ\n".encode()))
    assert [(row["word"], row["count"]) for row in found] == [("ネコ", 2)]


def test_all_files_and_records_are_one_text(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"t":"猫"}\n{"t":"犬と猫"}\n', encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"t":"猫"}\n', encoding="utf-8")
    found = invoke("tokenize", "--count", "words", "--field", "t", str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl"))
    assert [(row["word"], row["count"]) for row in rows(found)] == [("猫", 3), ("と", 1), ("犬", 1)]


def test_records_that_fail_are_left_out_and_said(invoke: Invoke) -> None:
    lines = '{"text":"猫"}\n{"txt":"犬"}\nno\n{"text":"猫","nlptool":{"error":{}}}\n'.encode()
    done = invoke("tokenize", "--count", "chars", stdin=lines)
    assert [(row["char"], row["count"]) for row in rows(done, code=3)] == [("猫", 1)]
    assert "2 of 4 records failed and were left out" in done.stderr
    assert "1 records arrived with an error" in done.stderr
    done = invoke("tokenize", "--count", "chars", "--on-error", "fail", stdin=lines)
    assert (done.exit_code, done.stdout) == (1, "")


def test_unknown_words_and_control_characters_are_said(invoke: Invoke) -> None:
    done = invoke("tokenize", "--count", "words", "--by", "lemma", stdin="ほげふが\0ほげふが".encode())
    assert "words that the dictionary lacks (their lemma is the word itself, without a reading): " in done.stderr
    assert "control characters shown as pictures (␀): 1" in done.stderr
    assert "␀" in {row["word"] for row in rows(done)}
    assert invoke("tokenize", "--count", "words", "-q", stdin="ほげふが".encode()).stderr == ""


def test_nothing_gives_nothing(invoke: Invoke) -> None:
    assert rows(invoke("tokenize", "--count", "words")) == []
    assert rows(invoke("tokenize", "--count", "chars", stdin=" \n\u3000\n".encode())) == []
    assert rows(invoke("tokenize", "--count", "words", stdin="\u3000　 \n".encode())) == []


def test_a_long_text_is_counted_whole(invoke: Invoke) -> None:
    done = invoke("tokenize", "--count", "words", stdin=("猫がいる。" * 15_000).encode())
    assert {row["word"]: row["count"] for row in rows(done)} == dict.fromkeys(["猫", "が", "いる", "。"], 15_000)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--count", "words", "-f", "wakati"], "--count writes table, jsonl, csv, tsv"),
        (["--count", "words", "-f", "mecab"], "--count writes table, jsonl, csv, tsv"),
        (["--min-count", "2"], "--min-count goes with --count alone"),
        (["--count", "words", "--min-count", "0"], "0 is not in the range"),
        (["--count", "words", "--n-best", "2"], "--count words makes no use of --n-best"),
        (["--count", "words", "--fields", "all"], "--count words makes no use of --fields"),
        (["--count", "words", "--resume", "-o", "x"], "--count words makes no use of --resume"),
        (["--count", "chars", "--pos", "名詞"], "--count chars makes no use of --pos"),
        (["--count", "chars", "--by", "lemma"], "--count chars makes no use of --by"),
        (["--count", "letters"], "'letters' is not one of 'chars', 'words'"),
        (["--count", "words", "-k", "0"], "0 is not in the range"),
        (["--count", "words", "--by", "form"], "words do not differ by 'form'; by surface, lemma, pos, pos_detail"),
        (["--count", "words", "--by", ""], "words do not differ by ''"),
        (["--count", "words", "--min-count", "0"], "0 is not in the range"),
        (["--count", "words", "--min-count", "-1"], "-1 is not in the range"),
        (["--count", "words", "--by-group", "x"], "--by-group x names a field, and <stdin> is text"),
        (["--count", "words", "--by-group", "file", "--plot", "a.png"], "leave out --by-group, or take --zipf"),
        (["--count", "words", "--plot", "a.png", "--zipf", "a.png"], "name two files"),
        (["--by-group", "file"], "--by-group goes with --count alone"),
        (["--parts", "file"], "--parts goes with --count alone"),
        (["--zipf", "a.png"], "--zipf goes with --count alone"),
        (["--by", "lemma"], "--by goes with --count alone"),
        (["-k", "3"], "--top-k goes with --count alone"),
        (["--plot", "a.png"], "--plot goes with --count alone"),
    ],
)
def test_what_does_not_go_together_is_refused(invoke: Invoke, arguments: list[str], said: str) -> None:
    done = invoke("tokenize", *arguments, stdin=b"a\n")
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def test_the_counts_go_into_a_file(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "counts.jsonl"
    done = invoke("tokenize", "--count", "chars", "-o", str(path), stdin="ああい".encode())
    assert (done.exit_code, done.stdout) == (0, "")
    assert path.read_text(encoding="utf-8").startswith('{"char":"あ","count":2,"share":0.666667}\n')


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(alphabet="猫がいる。走った ﾊﾟ\u3000\tab1\0", max_size=15), max_size=8), st.integers(0, 8))
def test_however_texts_are_divided_the_counts_are_the_same(texts: list[str], at: int) -> None:
    for counter in (
        CharacterCounter(),
        WordCounter(TAGGER, keeps=lambda _: True),
        WordCounter(TAGGER, by=("lemma",), keeps=lambda _: True),
    ):
        whole, halves = japanese_counts.Counts(), japanese_counts.Counts()
        whole.add(counter(texts)[0])
        for half in (texts[:at], texts[at:]):
            halves.add(counter(half)[0])
        assert whole == halves
        assert not any(each.isspace() for each in whole.of)


def test_equally_frequent_ones_are_ordered_by_code_point(invoke: Invoke) -> None:
    found = rows(invoke("tokenize", "--count", "chars", stdin="bあaＺ猫b".encode()))
    assert [(row["char"], row["count"]) for row in found] == [("b", 2), ("a", 1), ("あ", 1), ("猫", 1), ("Ｚ", 1)]
    assert rows(invoke("tokenize", "--count", "chars", "-k2", stdin="bあaＺ猫b".encode())) == found[:2]


def test_words_that_were_forgotten_are_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(japanese_counts, "_MOST_KEYS", 1)
    words = WordCounter(TAGGER, keeps=lambda morpheme: morpheme.columns[0] == "名詞")
    for _ in range(3):
        assert words(["猫と犬と猫"])[0].of == {"猫": 2, "犬": 1}


def written(svg: Path) -> list[str]:
    """What stands in an SVG: matplotlib writes each text as a comment beside its outlines."""
    return re.findall(r"<!-- (.*?) -->", svg.read_text(encoding="utf-8"))


def lengths(svg: Path) -> list[float]:
    """The lengths of the bars, from the top."""
    patches = (each for each in ElementTree.parse(svg).iter() if re.fullmatch(r"patch_\d+", each.get("id", "")))
    paths = [patch[0].get("d", "") for patch in patches if patch[0].get("clip-path")]
    boxes = [[float(number) for number in re.findall(r"-?[\d.]+", path)] for path in paths]
    return [max(box[0::2]) - min(box[0::2]) for box in sorted(boxes, key=lambda box: min(box[1::2]))]


def test_the_bars_are_as_long_as_the_counts_and_the_longest_is_at_the_top(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "bars.svg"
    done = invoke("tokenize", "--count", "chars", "--plot", str(path), stdin=b"abcabcabcabaaaa")
    assert [row["count"] for row in rows(done)] == [8, 4, 3]
    found = lengths(path)
    assert len(found) == 3
    assert found == pytest.approx([found[0], found[0] / 2, found[0] * 3 / 8], rel=1e-3)
    said = written(path)
    assert [text for text in said if text in "abc"] == ["a", "b", "c"]
    assert {"8", "4", "3", "characters: how often each comes"} <= set(said)


@pytest.mark.parametrize(("arguments", "n"), [([], 30), (["-k", "5"], 5), (["-k", "40"], 40)])
def test_the_picture_shows_the_most_frequent(invoke: Invoke, tmp_path: Path, arguments: list[str], n: int) -> None:
    path = tmp_path / "bars.svg"
    assert len(rows(invoke("tokenize", "--count", "chars", *arguments, "--plot", str(path), str(NOVEL)))) >= n
    assert len(lengths(path)) == n


def test_more_bars_than_can_be_read_are_not_drawn(tmp_path: Path) -> None:
    notes: list[str] = []
    plots.bars(range(200, 0, -1), str(tmp_path / "a.svg"), names=[f"n{n}" for n in range(200)], note=notes.append)
    assert len(lengths(tmp_path / "a.svg")) == 100
    assert notes == ["the picture shows the first 100 of 200"]


def test_the_same_bars_are_the_same_file(tmp_path: Path) -> None:
    for suffix in plots.FORMATS:
        for name in ("one", "two"):
            plots.bars([3, 0.5, 0], str(tmp_path / (name + suffix)), names=["a", "$x_1$", "a"], label="tons")
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
    assert {"$x_1$", "0.5", "tons"} <= set(written(tmp_path / "one.svg"))


def test_bars_without_a_name_or_of_nothing_are_refused(tmp_path: Path) -> None:
    for values, names in (([1.0], []), ([], [])):
        with pytest.raises(ValueError, match="values for"):
            plots.bars(values, str(tmp_path / "a.png"), names=names)
    plots.bars([0], str(tmp_path / "zero.svg"), names=["none"])
    assert lengths(tmp_path / "zero.svg") == [0]


@pytest.mark.parametrize(("name", "said"), [("a.jpg", "a picture is a .png"), ("no/a.png", "there is no such folder")])
def test_a_picture_that_cannot_be_written_is_refused_before_anything_is_read(
    invoke: Invoke, tmp_path: Path, name: str, said: str
) -> None:
    done = invoke("tokenize", "--count", "chars", "--plot", str(tmp_path / name), stdin=b"abc")
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr


def test_nothing_to_draw_is_said(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("tokenize", "--count", "words", "--plot", str(tmp_path / "a.png"))
    assert done.exit_code == 1
    assert "there are no words" in done.stderr
    assert not (tmp_path / "a.png").exists()
    with pytest.raises(RunError, match="No space left"):
        (tmp_path / "full.png").symlink_to("/dev/full")
        plots.bars([1], str(tmp_path / "full.png"), names=["a"])
