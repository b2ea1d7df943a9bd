"""The subwords of a language model give the text back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.errors import RunError
from nlptool.models.seq2seq.config import SPECIALS, UNK
from nlptool.training.language import subwords

JAPANESE = ["春はあけぼの。やうやう白くなりゆく山ぎは。\n夏は夜。月のころはさらなり。"] * 4
ENGLISH = ["The cat sat on the mat.\nThe dog sat by the cat.", "A Cat is a Cat, said the dog."] * 4
VOCABULARIES = {name: subwords.learn(texts, 340) for name, texts in (("ja", JAPANESE), ("en", ENGLISH))}


@given(st.sampled_from(sorted(VOCABULARIES)), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="▁")))
def test_a_decoded_text_is_the_text(name: str, text: str) -> None:
    (line,) = VOCABULARIES[name].tokenize([text])
    assert UNK not in line.ids
    assert min(line.ids, default=4) >= len(SPECIALS)
    assert VOCABULARIES[name].decode(line.ids) == text


def test_pieces_are_learned_and_do_not_cross_blanks_or_line_ends() -> None:
    pieces = VOCABULARIES["en"].pieces
    assert tuple(pieces[:4]) == SPECIALS
    assert "\n" in pieces
    assert not [piece for piece in pieces if ("\n" in piece and piece != "\n") or "▁" in piece[1:]]
    (line,) = VOCABULARIES["en"].tokenize(["the cat"])
    assert len(line.ids) < len("the cat")


def test_there_is_no_room_or_no_text() -> None:
    with pytest.raises(RunError, match="no room"):
        subwords.learn(JAPANESE, 262)
    with pytest.raises(RunError, match="no text"):
        subwords.learn(["\n"], 300)
