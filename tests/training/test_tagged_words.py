"""Tagged sentences as words with a tag each: tags converted, spans widened to words, overlaps settled."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.errors import RunError
from nlptool.models.taggers.schemes import spans_of
from nlptool.records.tagged_sentence import Annotation, Sentence
from nlptool.tasks.train.tagged_words import tagged_words
from nlptool.text.spans import Place, Span, in_characters


def words_of(text: str) -> list[Place]:
    return [match.span() for match in re.finditer(r"\S+", text)]


def of_spans(text: str, *spans: tuple[int, int, str], words: bool = True) -> Sentence:
    places = tuple(words_of(text)) if words else ()
    return Sentence(text, places, (Annotation(spans=tuple(Span(*span) for span in spans)),))


def of_tags(tags: str, *, begins: bool = False) -> Sentence:
    text = " ".join("w" for _ in tags.split())
    return Sentence(text, tuple(words_of(text)), (Annotation(tuple(tags.split())),), begins_document=begins)


def test_tags_are_converted_and_the_scheme_is_said() -> None:
    said: list[str] = []
    found = tagged_words(
        [of_tags("I-A I-A O", begins=True), of_tags("B-B I-B")], words_of, scheme="bioes", note=said.append
    )
    assert [each.tags for each in found.examples] == [("B-A", "E-A", "O"), ("B-B", "E-B")]
    assert [each.begins_document for each in found.examples] == [True, False]
    assert (found.scheme, found.labels) == ("bioes", ("A", "B"))
    assert said == [
        "the tags are iob2",
        "tags that begin with I- and begin an entity, which iob2 does not allow: 1; taken so",
    ]


def test_plain_tags_stay_as_they_are() -> None:
    found = tagged_words([of_tags("NOUN VERB")], words_of)
    assert (found.scheme, found.labels, found.examples[0].tags) == ("plain", ("NOUN", "VERB"), ("NOUN", "VERB"))
    assert tagged_words([of_tags("O B")], words_of, source_scheme="plain").labels == ("B", "O")


def test_spans_that_cut_a_word_are_widened_and_of_overlapping_ones_the_longer_is_kept() -> None:
    said: list[str] = []
    sentences = [
        of_spans("New York City", (0, 6, "LOC"), (9, 13, "ORG")),
        of_spans("the New York Times", (4, 12, "LOC"), (4, 18, "ORG"), (3, 4, "X")),
        of_spans("  ", words=False),
        of_spans("Abe came", (0, 3, "PER"), words=False),
    ]
    found = tagged_words(sentences, words_of, note=said.append)
    assert [each.tags for each in found.examples] == [
        ("B-LOC", "I-LOC", "B-ORG"),
        ("O", "B-ORG", "I-ORG", "I-ORG"),
        ("B-PER", "O"),
    ]
    assert found.examples[2].words == ((0, 3), (4, 8))
    assert said == [
        "spans that begin or end within a word, which were widened to whole words: 1",
        "spans that overlap a longer one, which were left out: 1",
        "spans without a word, which were left out: 1",
        "sentences without words, which were left out: 1",
    ]


def test_what_cannot_be_learned_is_refused() -> None:
    with pytest.raises(RunError, match="there are no words to learn from"):
        tagged_words([of_spans("")], words_of)
    with pytest.raises(RunError, match="the tags of others mark none: `NOUN`"):
        tagged_words([of_tags("NOUN"), of_spans("a")], words_of)


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from(("", "A", "B"))), min_size=1, max_size=8))
def test_spans_of_whole_words_come_back(pieces: list[tuple[int, str]]) -> None:
    words: list[str] = []
    spans: list[Span] = []
    for n_words, label in pieces:
        if label:
            spans.append(Span(len(words), len(words) + n_words, label))
        words += ["猫"] * n_words
    text = "  ".join(words)
    sentence = Sentence(text, tuple(words_of(text)), (Annotation(spans=tuple(in_characters(spans, words_of(text)))),))
    (example,) = tagged_words([sentence], words_of).examples
    assert spans_of(example.tags, "iob2") == spans
