"""What is held out of a corpus of documents."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nlptool.tasks.train.language_corpus import divided

TEXTS = st.text(st.sampled_from("ab\n "), max_size=30).map(lambda text: f"x{text}y")


@given(st.lists(TEXTS, min_size=1, max_size=8), st.floats(0.01, 0.9))
def test_no_text_is_lost_and_none_is_in_both_parts(texts: list[str], share: float) -> None:
    train, dev = divided(texts, share)
    if sorted([*train, *dev]) == sorted(texts):
        assert train
        assert sum(map(len, dev)) <= share * sum(map(len, texts)) + 1e-9
        return
    (cut,) = (index for index, text in enumerate(texts) if train[index] != text)
    assert len(texts[cut]) == max(map(len, texts))
    (rest,) = dev or [texts[cut][len(train[cut]) + 1 :]]
    assert texts[cut] in (train[cut] + rest, f"{train[cut]}\n{rest}")


def test_the_end_of_one_document() -> None:
    assert divided(["one\ntwo\nthree"], 0.4) == (["one\ntwo"], ["three"])
    assert divided(["abcdefghij"], 0.2) == (["abcdefgh"], ["ij"])
    assert divided(["a"], 0.5) == (["a"], [])
