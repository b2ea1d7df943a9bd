"""The readings of a vocabulary's words: their hashes in the folder, and what an unknown word is suggested by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import word_models

from nlptool.errors import RecordError
from nlptool.models.japanese import words as japanese_words
from nlptool.models.words import readings
from nlptool.models.words.lookup import WordLookup
from nlptool.models.words.vectors import WordVectors

WORDS = ("林檎", "apple", "りんご", "猫", "東京", "橋", "箸", "端", "New York", "☃")


def lookup(folder: Path) -> WordLookup:
    return WordLookup(WordVectors(folder))


def test_a_hash_is_that_of_the_katakana_and_words_without_a_reading_have_none() -> None:
    found = readings.of_words(WORDS, None)
    assert found is not None and found.dtype == np.uint16
    assert found.tolist()[:4] == [readings.hash_of("リンゴ"), 0, readings.hash_of("リンゴ"), readings.hash_of("ネコ")]
    assert found.tolist()[8:] == [0, 0]
    assert readings.hash_of("ネコ") == 21068
    assert readings.hash_of("") == 0
    assert readings.of_words(["apple", "pear"], None) is None
    assert readings.of_words(["猫"], "/no/such/dictionary") is None


@pytest.mark.parametrize("precision", ["float32", "int4"])
def test_words_that_are_read_alike_are_found_by_one_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    folder = word_models.write(tmp_path / "v", np.eye(10), WORDS, precision=precision)
    reading, asked = japanese_words.reading, []

    def watched(word: str, dictionary: str | None = None) -> str:
        asked.append(word)
        return reading(word, dictionary)

    monkeypatch.setattr(japanese_words, "reading", watched)
    assert lookup(folder).same_reading("リンゴ") == ["林檎", "りんご"]
    assert asked == ["リンゴ", "林檎", "りんご"]
    assert lookup(folder).same_reading("ネコ") == ["猫"]
    assert lookup(folder).same_reading("鯨") == lookup(folder).same_reading("apple") == []


def test_a_folder_without_hashes_gives_the_same_suggestions(tmp_path: Path) -> None:
    with_hashes = lookup(word_models.write(tmp_path / "new", np.eye(10), WORDS))
    without = lookup(word_models.write_unit_vectors(tmp_path / "old", np.eye(10), WORDS))
    assert with_hashes.vectors.readings is not None and without.vectors.readings is None
    for word in ("リンゴ", "ねこ", "はし", "とうきょう", "鯨"):
        assert with_hashes.same_reading(word) == without.same_reading(word)


def test_a_word_with_the_hash_of_another_reading_is_not_suggested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "hash_of", lambda reading: int(bool(reading)))
    found = lookup(word_models.write(tmp_path / "v", np.eye(10), WORDS))
    assert found.same_reading("ネコ") == ["猫"]
    with pytest.raises(RecordError) as raised:
        found.find("ねこ")
    assert raised.value.details["read_alike"] == ["猫"]
