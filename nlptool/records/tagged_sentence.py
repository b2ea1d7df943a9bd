"""A tagged sentence."""

from __future__ import annotations

from dataclasses import dataclass

from nlptool.text.spans import Place, Span


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is said of a sentence: a tag of each word, or spans of its characters; the other one is None."""

    tags: tuple[str, ...] | None = None
    spans: tuple[Span, ...] | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text, its words, and what is said of it.

    Attributes:
        text: as it was written, or made of the words.
        words: where each word stands, in order: ``text[start:end]``; () if only spans of the text are known.
        annotations: one, or the gold one and the predicted one.
        line: where it begins in its input.
        begins_document: it is the first one of a document.
    """

    text: str
    words: tuple[Place, ...]
    annotations: tuple[Annotation, ...]
    line: int = 0
    begins_document: bool = False

    @property
    def tags(self) -> tuple[str, ...] | None:
        """The tags of the words, of the first annotation."""
        return self.annotations[0].tags

    @property
    def spans(self) -> tuple[Span, ...] | None:
        """The spans of characters of the first annotation."""
        return self.annotations[0].spans

    @property
    def forms(self) -> list[str]:
        """The words as text."""
        return [self.text[start:end] for start, end in self.words]
