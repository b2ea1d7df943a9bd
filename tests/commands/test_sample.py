"""``sample``: what is shipped comes out as it is, and is what its card says."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from program import Invoke

import nlptool
from nlptool.samples import SAMPLES

FILE = Path(nlptool.__file__).parent / "samples" / "hyakunin_isshu.tsv"
POEMS = SAMPLES["hyakunin-isshu"].rows()


def test_a_sample_is_printed_byte_for_byte(invoke: Invoke) -> None:
    done = invoke("sample", "hyakunin-isshu")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout_bytes == FILE.read_bytes()
    assert done.stdout.startswith("number\tkami\tshimo\tkimariji\n1\tあきのたの")


def test_without_a_name_they_are_listed(invoke: Invoke) -> None:
    (listed,) = map(json.loads, invoke("sample").stdout.splitlines())
    assert listed["name"] == "hyakunin-isshu"
    assert listed["records"] == 100
    assert listed["licence"] == "public domain"
    assert listed["columns"] == ["number", "kami", "shimo", "kimariji"]
    head, row = invoke("sample", "-f", "table").stdout.splitlines()
    assert head.split() == ["name", "records", "licence", "columns", "about"]
    assert "number, kami, shimo, kimariji" in row


def test_columns_come_in_the_order_that_is_asked_without_a_head(invoke: Invoke) -> None:
    lines = invoke("sample", "hyakunin-isshu", "--columns", "kimariji, shimo").stdout.split("\n")
    assert len(lines) == 101
    assert lines[86] == "む\tきりたちのぼるあきのゆふぐれ"
    assert invoke("sample", "hyakunin-isshu", "--columns", "number").stdout == "".join(f"{n}\n" for n in range(1, 101))


def test_as_jsonl_the_columns_have_names(invoke: Invoke) -> None:
    whole = list(map(json.loads, invoke("sample", "hyakunin-isshu", "-f", "jsonl").stdout.splitlines()))
    assert whole == POEMS
    some = invoke("sample", "hyakunin-isshu", "-f", "jsonl", "--columns", "shimo,number").stdout.split("\n")
    assert some[0] == '{"shimo":"わがころもではつゆにぬれつつ","number":"1"}'


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["hyakunin"], "'hyakunin' is no data set of nlptool. Did you mean hyakunin-isshu?"),
        (["text.txt"], "There is hyakunin-isshu. -n N draws N records from a FILE: nlptool sample -n 10 text.txt"),
        (["hyakunin-isshu", "--by", "file"], "--by goes with -n N or --each N alone"),
        (["hyakunin-isshu", "--source"], "--source goes with -n N or --each N alone"),
        (["hyakunin-isshu", "-f", "csv"], "written as tsv, jsonl or table, not as csv"),
        (["hyakunin-isshu", "--columns", "kam"], "no column 'kam'; there are number, kami, shimo, kimariji."),
        (["hyakunin-isshu", "--columns", "kam"], "Did you mean kami?"),
        (["hyakunin-isshu", "--columns", ""], "no column ''"),
        (["--columns", "kami"], "which sample? hyakunin-isshu"),
        (["-f", "tsv"], "which sample? hyakunin-isshu"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(invoke: Invoke, arguments: list[str], said: str) -> None:
    done = invoke("sample", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def test_the_columns_feed_other_commands(invoke: Invoke) -> None:
    verses = invoke("sample", "hyakunin-isshu", "--columns", "shimo").stdout_bytes
    counted = invoke("tokenize", "--count", "chars", stdin=verses).stdout.splitlines()
    letters = Counter("".join(poem["shimo"] for poem in POEMS))
    assert {row["char"]: row["count"] for row in map(json.loads, counted)} == letters


def test_the_poems_are_what_their_card_says() -> None:
    card = FILE.with_suffix(".md").read_text(encoding="utf-8")
    assert "public domain" in card.lower()
    assert [poem["number"] for poem in POEMS] == [str(number) for number in range(1, 101)]
    assert sorted({len(poem["kami"]) for poem in POEMS}) == [17, 18, 19]
    assert sorted({len(poem["shimo"]) for poem in POEMS}) == [14, 15, 16]
    assert len({poem["shimo"] for poem in POEMS}) == 100
    assert all("\u3041" <= letter <= "\u3096" for poem in POEMS for letter in poem["kami"] + poem["shimo"])


def test_the_deciding_syllables_are_the_shortest_beginnings_that_decide() -> None:
    verses = [poem["kami"] for poem in POEMS]
    for poem in POEMS:
        beginnings = (poem["kami"][:length] for length in range(1, 18))
        shortest = next(each for each in beginnings if sum(verse.startswith(each) for verse in verses) == 1)
        assert poem["kimariji"] == shortest
    assert Counter(len(poem["kimariji"]) for poem in POEMS) == {1: 8, 2: 42, 3: 36, 4: 6, 5: 2, 6: 6}
