"""Document frequencies against a dictionary."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlptool.geometry import document_frequencies
from nlptool.geometry.document_frequencies import DocumentFrequencies


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sets(st.sampled_from("abcdefgh")), max_size=30), st.integers(0, 30))
def test_each_word_has_the_number_of_its_texts(texts: list[set[str]], at: int) -> None:
    frequencies, expected = DocumentFrequencies(), Counter[str]()
    for number, words in enumerate(texts):
        if number == at:
            assert frequencies.of("abc").tolist() == [expected[word] for word in "abc"]
        frequencies.add(words)
        expected.update(words)
    assert frequencies.of("abcdefghz").tolist() == [expected[word] for word in "abcdefghz"]
    assert frequencies.of([]).tolist() == []
    assert frequencies.n_texts == len(texts)


def test_many_words_are_counted_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_frequencies, "_WAITING", 1000)
    numbers = random.Random(1)
    frequencies, expected = DocumentFrequencies(), Counter[str]()
    for _ in range(3000):
        words = {f"word {numbers.randrange(5000)}" for _ in range(10)}
        frequencies.add(words)
        expected.update(words)
    words = [f"word {number}" for number in range(5001)]
    assert frequencies.of(words).tolist() == [expected[word] for word in words]
