"""Tagged sentences as words with a tag each, in one scheme: what a tagger learns from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nlptool.errors import RunError
from nlptool.models.taggers.detection import PLAIN, detect
from nlptool.models.taggers.schemes import spans_of, tags_of
from nlptool.records.labels import shortened
from nlptool.records.tagged_sentence import Sentence
from nlptool.text.spans import Place, Span, in_words, without_overlaps

_SAID = {
    "cut": "spans that begin or end within a word, which were widened to whole words",
    "overlapping": "spans that overlap a longer one, which were left out",
    "no_words": "spans without a word, which were left out",
    "empty": "sentences without words, which were left out",
}


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence.

    Attributes:
        text: as it was written.
        words: where each word stands: ``text[start:end]``.
        tags: of the words.
        begins_document: it is the first one of a document.
    """

    text: str
    words: tuple[Place, ...]
    tags: tuple[str, ...]
    begins_document: bool = False


@dataclass(frozen=True, slots=True)
class TaggedWords:
    """Sentences whose tags are of one scheme.

    Attributes:
        scheme: one of ``schemes.SCHEMES``, or ``PLAIN``: a tag of each word, no entities.
        labels: of entities, or the tags themselves, in order.
    """

    examples: list[Example]
    scheme: str
    labels: tuple[str, ...]


def tagged_words(
    sentences: Sequence[Sentence],
    words_of: Callable[[str], Sequence[Place]],
    *,
    scheme: str = "iob2",
    source_scheme: str | None = None,
    note: Callable[[str], None] = lambda message: None,
) -> TaggedWords:
    """Return the first annotation of sentences as tags of words.

    A span that cuts a word is widened to the whole word. Of spans that overlap, the longer one is kept, of equally long ones the
    first. Both are counted and said.

    Args:
        words_of: returns the places of the words of a text, for sentences of which only spans are known.
        scheme: of the result, one of ``schemes.SCHEMES``, if the tags mark entities.
        source_scheme: what the tags are, one of these or ``PLAIN``; None: it is found out and said.
        note: is called with what there is to say.

    Raises:
        RunError: there are no words; or some sentences have spans, and the tags of others mark no entities.
    """
    found = detect([sentence.tags for sentence in sentences if sentence.tags is not None], source_scheme)
    has_spans = any(sentence.spans is not None for sentence in sentences)
    if found.scheme == PLAIN and has_spans:
        some = ", ".join(f"`{shortened(tag)}`" for tag, _ in found.without_prefix[:3])
        raise RunError(
            f"some sentences have entities, and the tags of others mark none: {some}", hint="give them one by one"
        )
    if found.scheme and source_scheme is None:
        note(f"the tags are {'of words, no entities' if found.scheme == PLAIN else found.scheme}")
    if found.n_inside:
        note(
            f"tags that begin with I- and begin an entity, which {found.scheme} does not allow: {found.n_inside:,}; taken so"
        )
    peculiar: Counter[str] = Counter()
    examples: list[Example] = []
    for sentence in sentences:
        words = sentence.words or tuple(words_of(sentence.text))
        if not words:
            peculiar["empty"] += 1
            continue
        if found.scheme == PLAIN:
            tags = sentence.tags or ()
        else:
            tags = tuple(tags_of(_spans(sentence, words, peculiar), len(words), scheme))
        examples.append(Example(sentence.text, words, tags, sentence.begins_document))
    for name, said in _SAID.items():
        if peculiar[name]:
            note(f"{said}: {peculiar[name]:,}")
    if not examples:
        raise RunError("there are no words to learn from")
    if found.scheme == PLAIN:
        return TaggedWords(examples, PLAIN, tuple(sorted({tag for each in examples for tag in each.tags})))
    labels = {span.label for each in examples for span in spans_of(each.tags)}
    return TaggedWords(examples, scheme, tuple(sorted(labels)))


def _spans(sentence: Sentence, words: Sequence[Place], peculiar: Counter[str]) -> list[Span]:
    """Return the entities of a sentence as spans of its words, none of which overlap."""
    if sentence.tags is not None:
        return spans_of(sentence.tags)
    spans = {*(sentence.spans or ())}
    found, n_cut = in_words(sorted(spans), words)
    kept = without_overlaps(found)
    peculiar += Counter(cut=n_cut, no_words=len(spans) - len(found), overlapping=len(found) - len(kept))
    return kept
