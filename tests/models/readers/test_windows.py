"""Questions with contexts as windows: what they hold, and where the units of a context stand in it."""

from __future__ import annotations

import random
from typing import Any

import masked_models
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlptool.errors import RunError
from nlptool.models.readers.windows import OF_WORDS, QuestionWindows, Windows
from nlptool.models.runtime import transformers_loading
from nlptool.models.taggers.words import words_of

KINDS = ("bert", "xlm-roberta", "roberta", "bert-japanese")
ODD = "aZ 1.,。、猫犬の\u3000\t\nｶﾞ①㍿ﬁé e\u0301か\u3099👩\u200d🔬🇯🇵𠮷\u00a0\u200b「」"


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any, dict[str, Any]]]:
    """Of each kind the tokenizer of ``tokenizers``, that of transformers, and a manifest."""
    found = {}
    for kind in KINDS:
        folder = masked_models.save(kind, tmp_path_factory.mktemp(kind))
        tokenizer, own = transformers_loading.tokenizers(folder)
        from nlptool.models.japanese import bert_words

        about = {"max_length": 40, "unknown_id": own.unk_token_id, "words": bert_words.settings(folder)}
        found[kind] = tokenizer, own, about
    return found


def made(found: tuple[Any, Any, dict[str, Any]], **more: Any) -> QuestionWindows:
    tokenizer, _, about = found
    return QuestionWindows(tokenizer, about | more)


@pytest.mark.parametrize("kind", ["bert", "xlm-roberta", "roberta", "bert-japanese"])
def test_a_short_pair_is_read_as_by_transformers(tokenizers: dict[str, Any], kind: str) -> None:
    question, context = "猫は何をする？", "猫が眠る。犬が鳴く。"
    (window,) = made(tokenizers[kind]).of(question, context).windows
    expected = tokenizers[kind][1](question, context)
    assert window.ids == expected["input_ids"]
    if "token_type_ids" in expected and any(expected["token_type_ids"]):
        assert window.types == expected["token_type_ids"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pieces", [OF_WORDS, ""])
def test_windows_hold_every_unit_of_ten_thousand_random_contexts(
    tokenizers: dict[str, Any], kind: str, pieces: str
) -> None:
    windows = made(tokenizers[kind], pieces=pieces)
    rng = random.Random(1)
    for _ in range(1250):
        context = "".join(rng.choices(ODD, k=rng.randrange(60)))
        found = windows.of("".join(rng.choices(ODD, k=rng.randrange(1, 12))), context)
        check(found, context, windows.max_length)


def check(found: Windows, context: str, longest: int) -> None:
    """Check that windows hold all units, that these are in order, and that an answer's units cover it."""
    held = [
        unit for window in found.windows for unit in range(window.first_unit, window.first_unit + len(window.starts))
    ]
    assert {*held} == {*range(len(found.places))}
    assert all(len(window.ids) == len(window.types) <= longest for window in found.windows)
    ends = [0, *(end for _, end in found.places)]
    assert all(0 <= start <= end <= len(context) for start, end in found.places)
    assert ends == sorted(ends)
    for start, end in found.places:
        units = found.units_of(start, end)
        if start < end:
            assert units is not None
            first, last = units
            assert found.places[first][0] <= start < end <= found.places[last][1]


def test_answers_are_found_in_the_windows_that_hold_them_whole(tokenizers: dict[str, Any]) -> None:
    windows = made(tokenizers["bert"], pieces=OF_WORDS, max_length=20)
    context = "The cat sleeps in the garden, and the dog sits by the window of the old house."
    found = windows.of("Who sits?", context)
    assert len(found.windows) > 1
    start = context.index("dog")
    units = found.units_of(start, start + 3)
    assert units is not None
    assert [context[a:b] for a, b in found.places[units[0] : units[1] + 1]] == ["dog"]
    places = [window.tokens_of(*units) for window in found.windows]
    assert any(places)
    tokenizer = tokenizers["bert"][0]
    for window, place in zip(found.windows, places, strict=True):
        if place is not None:
            assert tokenizer.decode(window.ids[place[0] : place[1] + 1]) == "dog"
    assert found.units_of(start + 1, start + 2) == units  # a part of a word
    assert found.units_of(3, 4) is None  # a blank
    assert found.windows[0].tokens_of(*units) is None


def test_a_window_begins_a_stride_behind_the_one_before(tokenizers: dict[str, Any]) -> None:
    tokenizer, _, about = tokenizers["bert"]
    context = " ".join("a" for _ in range(50))
    for stride, step in ((5, 5), (1000, 15), (None, 11)):  # 15 pieces of a context go into a window
        found = QuestionWindows(tokenizer, about, max_length=20, stride=stride).of("a a", context).windows
        firsts = [window.first_unit for window in found]
        assert firsts == [*range(0, len(firsts) * step, step)]
        assert firsts[-1] + len(found[-1].starts) == 50


def test_of_a_long_question_the_beginning_is_read(tokenizers: dict[str, Any]) -> None:
    windows = made(tokenizers["bert"])
    found = windows.of("a " * 100, "b c")
    assert found.is_cut
    assert len(found.windows) == 1
    assert not windows.of("a", "b c").is_cut


def test_an_empty_context_is_one_window_without_units(tokenizers: dict[str, Any]) -> None:
    found = made(tokenizers["bert"]).of("Who?", "")
    assert [window.starts for window in found.windows] == [[]]


def test_without_room_it_says_so(tokenizers: dict[str, Any]) -> None:
    with pytest.raises(RunError, match="--max-length 8 leaves no room"):
        made(tokenizers["bert"], max_length=8)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80), st.integers(0, 79), st.integers(1, 20))
def test_the_units_of_any_part_of_any_text_cover_its_words(context: str, start: int, length: int) -> None:
    places = words_of(context)
    found = Windows([], places, is_cut=False)
    end = min(len(context), start + length)
    units = found.units_of(start, end)
    touched = [number for number, (first, last) in enumerate(places) if first < end and last > start]
    assert units == ((touched[0], touched[-1]) if touched else None)
