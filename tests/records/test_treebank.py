"""Trees of CoNLL-U: multiword tokens, empty nodes, and what is no tree."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from treebanks import sentence

from nlptool.errors import RecordError
from nlptool.records.record import Record
from nlptool.records.treebank import Tree, tree_of


def read(text: str, peculiar: Counter[str] | None = None) -> Tree | None:
    return tree_of(Record(text.strip("\n"), "x", 1), Counter() if peculiar is None else peculiar)


def row(number: str, form: str, head: str, part: str = "NOUN", misc: str = "_") -> str:
    return "\t".join([number, form, "_", part, "_", "_", head, "_", "_", misc])


def test_words_stand_in_the_text() -> None:
    tree = read(sentence(("猫", "が", "鳴く", "。"), (3, 1, 0, 3), ("NOUN", "ADP", "VERB", "PUNCT")))
    assert tree == Tree("猫が鳴く。", ((0, 1), (1, 2), (2, 4), (4, 5)), (2, 0, -1, 2), (False, False, False, True))


def test_multiword_tokens_and_empty_nodes() -> None:
    lines = [
        "# text = I don't del it",
        row("1", "I", "3"),
        row("2-3", "don't", "_", "_"),
        row("2", "do", "0"),
        row("3", "n't", "2"),
        row("3.1", "ghost", "_"),
        row("4-5", "del", "_", "_"),
        row("4", "de", "2"),
        row("5", "el", "4"),
        row("6", "it", "2"),
    ]
    peculiar: Counter[str] = Counter()
    tree = read("\n".join(lines), peculiar)
    assert tree is not None
    assert [tree.text[start:end] for start, end in tree.words] == ["I", "do", "n't", "del", "del", "it"]
    assert tree.heads == (2, -1, 1, 1, 3, 1)
    assert peculiar == {"empty": 1, "multiword": 1}


def test_a_text_that_is_another_one_is_made_anew() -> None:
    peculiar: Counter[str] = Counter()
    tree = read("# text = other\n" + "\n".join([row("1", "a", "0"), row("2", "b", "1")]), peculiar)
    assert tree is not None
    assert tree.text == "a b"
    assert peculiar == {"other_text": 1}


def test_comments_alone_are_no_sentence() -> None:
    assert read("# newdoc\n# text = nothing") is None


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("1", "a", "_"), ("2", "b", "1")], "word 1, 'a', has no head"),
        ([("1", "a", "0"), ("2", "b", "0")], "2 roots, words 1, 2"),
        ([("1", "a", "2"), ("2", "b", "1")], "no root"),
        ([("1", "a", "0"), ("2", "b", "3"), ("3", "c", "2")], "make a cycle"),
        ([("1", "a", "0"), ("2", "b", "9")], "has the head 9, and the sentence has 2 words"),
        ([("1", "a", "0"), ("2", "b", "2")], "word 2, 'b', is its own head"),
        ([("1", "a", "0"), ("2", "b", "-1")], "has the head '-1', which is no number"),
        ([("1", "a", "0"), ("2", "b", "9" * 5_000)], "and the sentence has 2 words"),
        ([("9" * 5_000, "a", "0")], "the word is numbered 99999999999999999999, and the one before 0"),
        ([("1", "a", "0"), ("3", "b", "1")], "the word is numbered 3, and the one before 1"),
    ],
)
def test_what_is_no_tree(rows: list[tuple[str, str, str]], message: str) -> None:
    with pytest.raises(RecordError, match=message):
        read("\n".join(row(*each) for each in rows))


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read(text)
    except RecordError as error:
        assert error.message


@given(st.lists(st.integers(0, 6), min_size=1, max_size=6))
def test_heads_that_are_read_make_a_tree(heads: list[int]) -> None:
    try:
        tree = read("\n".join(row(str(number), "a", str(head)) for number, head in enumerate(heads, 1)))
    except RecordError:
        return
    assert tree is not None
    for word in range(len(heads)):
        seen = 0
        while word >= 0:
            word, seen = tree.heads[word], seen + 1
        assert seen <= len(heads)
