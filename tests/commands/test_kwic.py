"""``kwic``: what is found, in what order, in which format, and what is said where nothing can be found."""

from __future__ import annotations

import csv
import io
import json
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import random_queries
from hypothesis import given
from hypothesis import strategies as st
from program import NLPTOOL, invoke, records

from nlptool.records.record import Record
from nlptool.tasks import kwic_output
from nlptool.tasks.kwic import HitRecord
from nlptool.tasks.kwic_hits import Finder, Hit, KwicSettings
from nlptool.tasks.kwic_sieve import Sieve

NOVEL = Path(__file__).parent.parent / "data" / "yume_juya.txt"
CATS = "吾輩は猫である。\n子猫が猫を見た。\n猫\nA cat, the Cat.\n"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cats.txt").write_text(CATS, encoding="utf-8")
    return tmp_path


def lines(*arguments: str, stdin: str | bytes = b"", code: int = 0) -> list[str]:
    """The hits as line, left|hit|right."""
    found = records(invoke("kwic", *arguments, stdin=stdin), code)
    return [f"{each['line']} {each['left']}|{each['hit']}|{each['right']}" for each in found]


def said(*arguments: str, stdin: str | bytes = b"", code: int = 2) -> str:
    done = invoke("kwic", *arguments, stdin=stdin)
    assert done.exit_code == code, done.stderr
    assert "internal error" not in done.stderr
    assert not done.stdout_bytes
    return str(done.stderr)


def test_a_hit_says_where_it_stands_and_what_it_is() -> None:
    found = records(invoke("kwic", "吾輩は", "cats.txt"))
    entry = {"words": ["吾輩は"], "by": "surface", "model": "unidic-lite 1.0.8"}
    assert found == [
        {
            "file": "cats.txt", "line": 1, "start": 0, "end": 3, "left": "", "hit": "吾輩は", "right": "猫である。",
            "lemma": "我が輩 は", "pos": "代名詞 助詞-係助詞", "nlptool": {"kwic": entry},
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["猫"], ["1 吾輩は|猫|である。", "2 子猫が|猫|を見た。", "3 |猫|"]),
        (["猫", "--context", "1"], ["1 は|猫|で", "2 が|猫|を", "3 |猫|"]),
        (["猫", "--context", "0"], ["1 |猫|", "2 |猫|", "3 |猫|"]),
        (["猫", "--context", "2c"], ["1 輩は|猫|であ", "2 猫が|猫|を見", "3 |猫|"]),
        (["猫", "--context", "2w", "--max", "1"], ["1 吾輩は|猫|である"]),
        (["猫", "子猫"], ["1 吾輩は|猫|である。", "2 |子猫|が猫を見た。", "2 子猫が|猫|を見た。", "3 |猫|"]),
        (["見る", "--by", "lemma"], ["2 子猫が猫を|見|た。"]),
        (["見る た", "--by", "lemma"], ["2 子猫が猫を|見た|。"]),
        (["cat"], ["4 A |cat|, the Cat."]),
        (["CAT", "-i"], ["4 A |cat|, the Cat.", "4 A cat, the |Cat|."]),
        (["the Cat"], ["4 A cat, |the Cat|."]),
        (["。"], ["1 吾輩は猫である|。|", "2 子猫が猫を見た|。|"]),
        (["--query", "代名詞 は 猫"], ["1 |吾輩は猫|である。"]),
        (["--query", '[lemma="見る" & pos="動詞"] []'], ["2 子猫が猫を|見た|。"]),
        (["--query", '[conjugation_form="連用形.*"]'], ["1 吾輩は猫|で|ある。", "2 子猫が猫を|見|た。"]),
        (["--query", "見る", "--by", "lemma"], ["2 子猫が猫を|見|た。"]),
        (["--query", "cat", "-i", "--max", "1"], ["4 A |cat|, the Cat."]),
        (["猫", "--sort", "left"], ["3 |猫|", "2 子猫が|猫|を見た。", "1 吾輩は|猫|である。"]),
        (["猫", "--sort", "right"], ["3 |猫|", "1 吾輩は|猫|である。", "2 子猫が|猫|を見た。"]),
        (["猫", "--sort", "right", "--max", "2"], ["3 |猫|", "1 吾輩は|猫|である。"]),
    ],
)
def test_what_is_found(arguments: list[str], expected: list[str]) -> None:
    assert lines(*arguments, stdin=CATS) == expected
    done = subprocess.run([NLPTOOL, "tokenize"], input=CATS.encode(), capture_output=True, check=True)
    if "the Cat" not in arguments and "conjugation_form" not in arguments[-1]:
        japanese = [line for line in expected if line[0] != "4"]
        assert [line for line in lines(*arguments, stdin=done.stdout) if line[0] != "4"] == japanese


def test_a_word_of_the_arguments_ends_where_a_file_begins(place: Path) -> None:
    (place / "犬").write_text("犬と猫", encoding="utf-8")
    assert lines("猫", "犬") == ["1 犬と|猫|"]
    assert lines("犬", "犬") == ["1 |犬|と猫"]
    assert lines("犬", stdin="犬") == ["1 |犬|"]
    assert "犬 is taken as a WORD" in invoke("kwic", "犬", stdin="犬").stderr
    assert lines("--query", "猫", "犬") == ["1 犬と|猫|"]
    assert lines("猫", "-", stdin="猫") == ["1 |猫|"]
    assert "missing.txt: No such file" in said("猫", "missing.txt", code=1)


def test_several_files_are_named_in_each_hit(place: Path) -> None:
    (place / "more.txt").write_text("猫", encoding="utf-8")
    found = records(invoke("kwic", "猫", "cats.txt", "more.txt"))
    assert [(each["file"], each["line"]) for each in found] == [
        ("cats.txt", 1), ("cats.txt", 2), ("cats.txt", 3), ("more.txt", 1)
    ]  # fmt: skip


def test_fields_of_a_record_are_kept_but_for_its_text_and_tokens() -> None:
    record = {"id": 7, "text": "白い猫", "tokens": ["白い", "猫"], "year": 1.10, "hit": "old"}
    done = invoke("kwic", "猫", stdin=json.dumps(record, ensure_ascii=False))
    (found,) = records(done)
    assert list(found) == ["id", "year", "line", "start", "end", "left", "hit", "right", "lemma", "pos", "nlptool"]
    assert (found["hit"], found["lemma"], found["pos"], found["nlptool"]["kwic"]) == (
        "猫", None, None, {"words": ["猫"], "by": "surface"}
    )  # fmt: skip
    assert "replaced" in done.stderr or "`hit`" in done.stderr
    (found,) = records(invoke("kwic", "猫", "--drop-input", "--id-field", "id", stdin=json.dumps(record)))
    assert list(found) == ["id", "line", "start", "end", "left", "hit", "right", "lemma", "pos", "nlptool"]


def test_tokens_of_a_record_are_used_and_not_made_again() -> None:
    record = {"text": "吾輩は猫", "tokens": [{"surface": "吾輩は猫", "lemma": "x", "pos": "y", "start": 0, "end": 4}]}
    given = json.dumps(record, ensure_ascii=False)
    assert lines("猫", stdin=given) == []
    assert lines("x", "--by", "lemma", stdin=given) == ["1 |吾輩は猫|"]
    assert lines("--query", "[pos=y]", stdin=given) == ["1 |吾輩は猫|"]
    assert lines("cat", stdin='{"tokens":["the","cat"]}') == ["1 the |cat|"]
    assert "does not say where its words stand" in invoke("kwic", "猫", stdin=given.replace(": 4", ": 9")).stdout


def test_columns_of_csv_say_the_place_and_the_fields() -> None:
    done = invoke("kwic", "猫", "-I", "csv", "--field", "body", "-f", "csv", stdin='id,body\n7,"白い,猫"\n8,犬\n')
    rows = list(csv.reader(io.StringIO(done.stdout)))
    assert rows == [
        ["file", "line", "id", "start", "end", "left", "hit", "right", "lemma", "pos", "error"],
        ["", "2", "7", "3", "4", "白い,", "猫", "", "猫", "名詞-普通名詞-一般", ""],
    ]


def test_a_concordance_is_aligned_by_the_width_of_characters() -> None:
    done = invoke("kwic", "猫", "cat", "-f", "table", stdin=CATS, env={"COLUMNS": "40", "NO_COLOR": "1"})
    assert done.stdout == (
        "1  吾輩は  猫   である。\n"
        "2  子猫が  猫   を見た。\n"
        "3          猫\n"
        "4       A  cat  , the Cat.\n"
    )  # fmt: skip
    narrow = invoke(
        "kwic", "猫", "-f", "table", stdin="あ" * 30 + "猫" + "い" * 30, env={"COLUMNS": "31", "NO_COLOR": "1"}
    )
    assert narrow.stdout == "1   あああああ  猫  いいいいい\n"


def test_a_concordance_is_never_wider_than_the_terminal() -> None:
    (line,) = invoke("kwic", "猫", "-f", "table", "-q", stdin="a\tb 猫\tc").stdout.splitlines()
    assert line == "1  a b  猫  c"
    for columns in (15, 20, 30):
        text = "長い長い文の中の猫はとても小さいものである。"
        shown = invoke("kwic", "猫", "-f", "table", stdin=text, env={"COLUMNS": str(columns), "NO_COLOR": "1"}).stdout
        assert shown.count("\n") == 1 and "猫" in shown
        assert len(shown.encode("cp932")) - 1 <= columns


def test_the_number_of_hits_is_said_below_a_concordance() -> None:
    assert invoke("kwic", "猫", "-f", "table", "cats.txt").stderr == "nlptool kwic: 3 hits in 3 of 4 records\n"
    assert invoke("kwic", "Cat", "-f", "table", "cats.txt").stderr == "nlptool kwic: 1 hit in 1 of 4 records\n"
    assert invoke("kwic", "猫", "-f", "table", "--max", "2", "cats.txt").stderr == ""
    assert invoke("kwic", "猫", "--sample", "2", "cats.txt").stderr == "nlptool kwic: 2 of 3 hits in 3 of 4 records\n"
    assert invoke("kwic", "猫", "cats.txt").stderr == ""


def test_a_sample_is_drawn_by_its_seed_in_the_order_of_the_input() -> None:
    text = "".join(f"{number} 猫\n" for number in range(200))
    drawn = [lines("猫", "--sample", "20", "--seed", seed, stdin=text) for seed in ("1", "1", "2")]
    assert drawn[0] == drawn[1] != drawn[2] and len(drawn[0]) == 20
    numbers = [int(line.split()[0]) for line in drawn[0]]
    assert numbers == sorted(set(numbers)) and numbers[-1] > 100
    assert len(lines("猫", "--sample", "500", stdin=text)) == 200
    assert len(lines("猫", "--sample", "5", "--sort", "left", stdin=text)) == 5


def test_the_first_hits_are_written_without_reading_on() -> None:
    endless = f"yes 猫 | {NLPTOOL} kwic 猫 --max 3 | wc -l"
    assert subprocess.run(["bash", "-c", endless], capture_output=True, check=True, timeout=60).stdout.strip() == b"3"
    closed = f"yes 猫 | {NLPTOOL} kwic 猫 | head -1 >/dev/null; echo ${{PIPESTATUS[1]}}"
    done = subprocess.run(["bash", "-c", closed], capture_output=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == (b"141\n", b"")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a WORD, or a pattern with --query"),
        ([""], "a WORD is empty"),
        (["猫", "\u3000 "], "a WORD is empty"),
        (["--query", ""], "a token is missing, at column 1"),
        (["--query", "名詞 (猫"], "')' is missing, at column 6"),
        (["--query", '"[a"'], "is no regular expression"),
        (["--query", "(" * 2000], "100 deep"),
        (["猫", "--context", "-1"], "neither a number of words"),
        (["猫", "--context", "10x"], "neither a number of words"),
        (["猫", "--max", "0"], "0 is not in the range"),
        (["猫", "--sample", "3", "--max", "2"], "both limit the hits"),
        (["猫", "--seed", "3"], "--seed goes with --sample alone"),
        (["猫", "--dictionary", "ipadic", "--tokenizer", "words"], "--tokenizer words makes no use of --dictionary"),
    ],
)
def test_what_cannot_be_looked_for_is_refused(arguments: list[str], message: str) -> None:
    assert message in said(*arguments, stdin="猫")


def test_the_column_of_an_error_is_marked_below_it() -> None:
    assert "\n  名詞 (猫\n          ^\n" in said("--query", "名詞 (猫")


def test_words_that_never_come_are_no_error() -> None:
    assert said("犬", stdin=f"{CATS}\n\n", code=0) == "nlptool kwic: no hits in 6 records\n"
    assert "no hits in 1 record\n" in said("犬", stdin="猫", code=0)
    assert said("犬", stdin="", code=0) == ""
    message = said("輩", stdin=CATS, code=0)
    assert "inside of longer words: 1" in message and """--query '".*輩.*"'""" in message
    assert lines("--query", '".*輩.*"', stdin=CATS) == ["1 |吾輩|は猫である。"]
    assert "a pattern is given with --query" in said('[lemma="猫"]', stdin=CATS, code=0)
    assert lines("猫", "--context", "9" * 5000, "--max", "1", stdin=CATS) == ["1 吾輩は|猫|である。"]
    assert "fields that the query names and no word has: `lema`" in said("--query", "[lema=x]", stdin=CATS, code=0)
    given = '{"text":"a","tokens":["a"]}'
    assert "no word has: `lema`" in said("--query", "[lema=x]", stdin=given, code=0)
    assert "no word has: `pos`" in said("--query", "名詞", stdin="a cat", code=0)
    done = invoke("kwic", "cat", "--by", "lemma", stdin="a cat")
    assert len(records(done)) == 1 and "have no lemmas" in done.stderr


def test_a_text_that_cannot_be_read_is_one_record() -> None:
    text = "猫\n".encode() + b"\xff\n" + b'{"text": 7}\n' + "猫".encode()
    found = records(invoke("kwic", "猫", "-I", "text", stdin=text), 3)
    assert [each.get("hit") or each["nlptool"]["error"]["type"] for each in found] == ["猫", "Undecodable", "猫"]
    assert len(records(invoke("kwic", "猫", "--sort", "left", "--on-error", "skip", stdin=text), 3)) == 2
    assert invoke("kwic", "猫", "--on-error", "fail", stdin=text).exit_code == 1
    assert lines("猫", stdin="\ufeff猫\r\n猫\r\n") == ["1 |猫|", "2 |猫|"]
    assert lines("猫", "--unit", "document", stdin="猫\n子\n猫") == ["1 |猫|\n子\n猫", "1 猫\n子\n|猫|"]
    assert lines("猫", "--encoding", "cp932", stdin="白い猫".encode("cp932")) == ["1 白い|猫|"]
    assert lines("猫", "-0", stdin="猫\n\0子の猫") == ["1 |猫|", "2 子の|猫|"]


def test_records_that_cannot_have_a_hit_are_passed_over_unless_they_say_an_error() -> None:
    good = '{"text":"犬","tokens":["犬"]}\n'
    failed = '{"text":"犬","tokens":["犬"],"nlptool":{"error":{"type":"T","message":"m"}}}\n'
    found = records(invoke("kwic", "猫", stdin=good + failed + '{"text":"犬","tokens":["犬"]\n{"text":3}\n'), 3)
    assert [each["nlptool"]["error"]["type"] for each in found] == ["T", "InvalidJSON", "NotText"]
    assert lines("猫", stdin='{"text":"\\u732b","tokens":["\\u732b"]}') == ["1 |猫|"]
    assert lines("a/b", stdin='{"text":"a\\/b","tokens":["a\\/b"]}') == ["1 |a/b|"]
    assert lines("吾輩は", stdin='{"tokens":["吾輩","は"]}') == ["1 |吾輩は|"]
    assert lines("z", "--by", "lemma", stdin='{"text":"a","tokens":[{"surface":"a","lemma":"\\u007a"}]}') == ["1 |a|"]


SURFACES = st.sampled_from(["猫", "犬", "a/b", '"', "\\", "吾輩"])


@given(
    st.lists(st.tuples(SURFACES, SURFACES), min_size=1, max_size=4),
    st.sampled_from([*(("words", (word,)) for word in ("猫", "a/b", '"', "吾輩 は")), ("query", "[lemma=猫]"),
                     ("query", "犬 | [lemma='a/b']"), ("query", "[] 猫*"), ("query", "[lemma=犬] 猫")]),
    st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip
def test_what_is_passed_over_has_no_hit(
    pairs: list[tuple[str, str]], wanted: tuple[str, Any], ascii: bool, has_text: bool, compact: bool
) -> None:
    name, value = wanted
    settings = KwicSettings(**{name: value})
    tokens = [{"surface": surface, "lemma": lemma, "pos": None} for surface, lemma in pairs]
    text = "".join(surface for surface, _ in pairs)
    values: dict[str, Any] = {"id": 1, **({"text": text} if has_text else {}), "tokens": [dict(t) for t in tokens]}
    line = json.dumps(values, ensure_ascii=ascii, separators=(",", ":") if compact else None).encode()
    place = 0
    for token in tokens:
        token["start"], token["end"] = place, (place := place + len(str(token["surface"])))  # type: ignore[assignment]
    finder = Finder(settings)
    if finder.find(text, tokens).hits:  # type: ignore[arg-type]
        sieve = Sieve(finder.pattern)
        assert not sieve.passes_over(line)
        assert sieve(Record(text if has_text else "", "a", 1, line))


@given(st.lists(st.text("ab", max_size=2), max_size=30), st.integers(1, 12), st.integers(1, 7))
def test_hits_are_sorted_in_parts_as_at_once(keys: list[str], most: int, size: int) -> None:
    hits: list[Record] = []
    for number, key in enumerate(keys):
        hit = HitRecord(key, "a", number)
        hit.hit = Hit(0, 1, 0, 1, None, None, key)
        hits.append(hit)
    failed = Record("", "a", -1)
    chunks = [[*hits[start : start + size], failed] for start in range(0, len(hits), size)]
    found = [each for chunk in kwic_output.by_key(chunks, most_in_memory=most) for each in chunk]
    expected = sorted(enumerate(keys), key=lambda pair: (pair[1], pair[0]))
    assert [(each.line, each.text) for each in found if each.line >= 0] == expected
    assert found[: len(chunks)] == [failed] * len(chunks)


def test_random_queries_find_what_stands_in_the_text() -> None:
    texts: Sequence[str] = [line for line in NOVEL.read_text(encoding="utf-8").split("\n") if line.strip()]
    more = ["A cat.  The cat sat on the mat; CATS!", "猫　猫\t猫。\0", "「猫」"]
    assert random_queries.check([*texts, *more], 400, random.randrange(10**6)) > 200
