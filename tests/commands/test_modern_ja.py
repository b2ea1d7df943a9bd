"""The built-in vectors of modern Japanese: they know today's words, and answer what their card says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aozora
import pytest
from click.testing import CliRunner
from modern_ja_vectors import WORDS
from program import records

import nlptool
from nlptool import catalog
from nlptool.cli import main
from nlptool.models.words.vectors import WordVectors

NAME = catalog.JAPANESE_WORDS
FOLDER = Path(nlptool.__file__).parent / "builtin" / NAME


def answers(*arguments: str, text: str = "") -> list[dict[str, Any]]:
    return records(CliRunner().invoke(main.root, [*arguments, "-f", "jsonl"], input=text.encode()))


def words_of(record: dict[str, Any], field: str) -> list[str]:
    return [answer["word"] for answer in record[field]]


@pytest.mark.parametrize("word", ["ユニクロ", "スマホ", "パソコン", "コンビニ", "人工知能", "サッカー", "走る", "走っ"])
def test_words_of_today_are_known_as_they_stand(word: str) -> None:
    (record,) = answers("neighbors", "-k", "1", word)
    assert record["nlptool"]["neighbors"] == {"model": NAME}


def test_the_capital_of_france_is_paris() -> None:
    (record,) = answers("analogy", "東京", "日本", "フランス", "-k", "1")
    assert words_of(record, "answers") == ["パリ"]
    assert record["nlptool"]["analogy"]["model"] == NAME


def test_a_king_who_is_a_woman_is_a_queen() -> None:
    (record,) = answers("analogy", "王", "男", "女", "-k", "5")
    assert {"女王", "王妃"} & set(words_of(record, "answers"))


def test_a_word_that_is_not_there_is_the_sum_of_its_parts() -> None:
    (record,) = answers("neighbors", "-k", "1", "人工知能サッカー")
    assert record["nlptool"]["neighbors"]["words"]["人工知能サッカー"]["parts"] == ["人工", "知能", "サッカー"]


def test_the_vectors_are_small_enough_and_large_enough() -> None:
    vectors = WordVectors(FOLDER)
    assert vectors.n_words >= 100_000
    assert vectors.precision == "int4"
    assert vectors.dimension == catalog.KNOWN[NAME].dimension
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 15_000_000
    assert abs(sum(path.stat().st_size for path in FOLDER.iterdir()) - (catalog.KNOWN[NAME].size or 0)) < 100_000


def test_the_card_shows_what_the_vectors_answer() -> None:
    lines = (FOLDER / "README.md").read_text(encoding="utf-8").split("\n")
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    asked = [row for row in rows if " - " in row[0] and row[0] != "A - B + C"]
    assert [row[0].replace(" - ", " ").replace(" + ", " ") for row in asked] == list(aozora.QUESTIONS)
    found = answers("analogy", "-m", NAME, "-k", "5", text="".join(f"{question}\n" for question in aozora.QUESTIONS))
    assert [" ".join(words_of(record, "answers")) for record in found] == [row[1] for row in asked]
    shown = {row[0]: row[1] for row in rows if row[0] in WORDS}
    neighbors = answers("neighbors", "-m", NAME, *WORDS)
    assert {record["query"]: " ".join(words_of(record, "neighbors")) for record in neighbors} == shown
