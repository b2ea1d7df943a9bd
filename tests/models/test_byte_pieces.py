"""The places of pieces that are bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers

from nlptool.models.runtime.byte_pieces import PlacesOfPieces
from nlptool.text.spans import Place

LETTERS = "ab猫 "
PIECES = [("<unk>", 0.0), *((f"<0x{byte:02X}>", 0.0) for byte in range(256)), *((letter, -1.0) for letter in LETTERS)]


def placed(text: str, *, nfkc: bool = False) -> tuple[list[int], list[Place]]:
    tokenizer = Tokenizer(models.Unigram(PIECES, unk_id=0, byte_fallback=True))
    if nfkc:
        tokenizer.normalizer = normalizers.NFKC()
    encoding = tokenizer.encode(text)
    return encoding.ids, PlacesOfPieces(tokenizer)(text, encoding)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("", []),
        ("a猫", [(0, 1), (1, 2)]),
        ("aéb", [(0, 1), (1, 2), (1, 2), (2, 3)]),
        ("éé", [(0, 1), (0, 1), (1, 2), (1, 2)]),
        ("犬x😀a", [(0, 1)] * 3 + [(1, 2)] + [(2, 3)] * 4 + [(3, 4)]),
        ("e\u0301", [(0, 1)] + [(1, 2)] * 2),
    ],
)
def test_each_byte_has_the_place_of_its_character(text: str, places: list[Place]) -> None:
    assert placed(text)[1] == places


def test_a_text_that_was_normalised_keeps_the_places_of_the_library() -> None:
    ids, places = placed("Ａx", nfkc=True)
    assert ids == [1 + ord("A"), 1 + ord("x")]
    assert places == [(0, 2), (0, 2)]


@given(st.text(alphabet=st.sampled_from("ab猫 é犬😀\u0301\u200d\u3000\n"), max_size=12))
def test_the_pieces_cover_the_text_in_order(text: str) -> None:
    ids, places = placed(text)
    assert len(ids) == len(places) == sum(1 if character in LETTERS else len(character.encode()) for character in text)
    assert [text[start:end] for start, end in dict.fromkeys(places)] == list(text)
