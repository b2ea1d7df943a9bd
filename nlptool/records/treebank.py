"""Dependency trees of CoNLL-U (https://universaldependencies.org/format.html): words, where they stand, and their heads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nlptool.errors import RecordError
from nlptool.records.record import Record
from nlptool.records.tagged_conllu import COLUMNS, cells_of, is_glued, text_of_comment
from nlptool.records.token_text import joined, places_in
from nlptool.text.numbers import whole_number
from nlptool.text.spans import Place

_FORM, _UPOS, _HEAD, _MISC = (COLUMNS.index(name) for name in ("form", "upos", "head", "misc"))
_PUNCTUATION = "PUNCT"

_MOST_WORDS = 2_000  # of a sentence: the memory for its distances grows with the square

SAID = {
    "multiword": "multiword tokens whose words do not make up their form, each of which stands where the whole token does",
    "empty": "empty nodes, which are no words of the text and were left out",
    "other_text": "sentences whose words are not those of `# text`, which was made anew of them",
}
"""What is peculiar about a treebank, for a person."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A sentence with its tree.

    Attributes:
        text: of the sentence.
        words: where each word stands; the words of a multiword token may stand at one place.
        heads: the number of the head of each word, from 0, and -1 of the root.
        is_punctuation: of each word.
    """

    text: str
    words: tuple[Place, ...]
    heads: tuple[int, ...]
    is_punctuation: tuple[bool, ...]


def tree_of(record: Record, peculiar: Counter[str]) -> Tree | None:
    """Return the tree of a block of lines; None if it has comments alone.

    Args:
        peculiar: counts what is named in ``SAID``.

    Raises:
        RecordError: it is no CoNLL-U, or its heads make no tree; ``record.line`` is then the line, if it is one line's fault.
    """
    first, text = record.line, ""
    tokens: list[list[str]] = []  # the form of what stands in the text, and those of its words
    glued: list[bool] = []
    rows: list[list[str]] = []
    last = 0  # word of the multiword token that is being read
    for number, line in enumerate(record.text.split("\n"), first):
        record.line = number
        if line.startswith("#"):
            text = text_of_comment(line) or text
            continue
        cells = cells_of(line)
        if "." in cells[0]:
            peculiar["empty"] += 1
            continue
        start, _, end = cells[0].partition("-")
        if whole_number(start) != len(rows) + 1:
            raise RecordError(
                "WrongNumber", f"the word is numbered {cells[0]:.20}, and the one before {len(rows)}",
                hint="an empty line ends a sentence",
            )  # fmt: skip
        if end:
            tokens.append([cells[_FORM]])
            glued.append(is_glued(cells[_MISC]))
            last = whole_number(end)
            continue
        rows.append(cells)
        if len(rows) <= last:
            tokens[-1].append(cells[_FORM])
        else:
            tokens.append([cells[_FORM], cells[_FORM]])
            glued.append(is_glued(cells[_MISC]))
    record.line = first
    if not rows:
        return None
    check_length(len(rows))
    text, places = _placed(text, tokens, glued, peculiar)
    return Tree(text, tuple(places), heads_of(rows), tuple(row[_UPOS] == _PUNCTUATION for row in rows))


def check_length(n_words: int) -> None:
    """Check that a sentence is none of many thousand words, as a whole book in one line is.

    Raises:
        RecordError: it is.
    """
    if n_words > _MOST_WORDS:
        raise RecordError(
            "TooManyWords", f"a sentence has {_MOST_WORDS:,} words at most, and this one has {n_words:,}",
            hint="nlptool split makes a record of each sentence of a text",
        )  # fmt: skip


def _placed(
    text: str, tokens: Sequence[Sequence[str]], glued: Sequence[bool], peculiar: Counter[str]
) -> tuple[str, list[Place]]:
    """Return the text and where each word stands.

    Args:
        tokens: the form of each token, and those of its words.
    """
    forms = [form for form, *_ in tokens]
    places: list[Place] | None = None
    if text:
        try:
            places = places_in(text, forms)
        except RecordError:
            peculiar["other_text"] += 1
    if places is None:
        text, places = joined(forms, list(glued))
    found: list[Place] = []
    for (form, *words), (start, end) in zip(tokens, places, strict=True):
        if "".join(words) != form:
            peculiar["multiword"] += 1
            found += [(start, end)] * len(words)
            continue
        for word in words:
            found.append((start, start + len(word)))
            start += len(word)
    return text, found


def heads_of(rows: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """Return the heads of the words of a sentence, from 0, -1 of its root.

    Raises:
        RecordError: they make no tree: a head is missing or none of the words, there is no root or several, or a cycle.
    """
    n_words = len(rows)
    heads = []
    for number, row in enumerate(rows, 1):
        head = row[_HEAD]
        place = whole_number(head) if head.isascii() and head.isdecimal() else -1
        if not 0 <= place <= n_words or place == number:
            if head == "_":
                reason = "has no head"
            elif place < 0:
                reason = f"has the head {head!r:.20}, which is no number"
            elif place == number:
                reason = "is its own head"
            else:
                reason = f"has the head {head:.20}, and the sentence has {n_words} words"
            raise RecordError("NoTree", f"word {number}, {row[_FORM]!r:.40}, {reason}", hint="the 7th column is HEAD")
        heads.append(place - 1)
    roots = [number for number, head in enumerate(heads, 1) if head < 0]
    if len(roots) != 1:
        said = f"{len(roots)} roots, words {', '.join(map(str, roots))}" if roots else "no root"
        raise RecordError("NoTree", f"the sentence has {said}; a tree has one, whose HEAD is 0")
    for number in range(n_words):
        seen, word = set(), number
        while word >= 0:
            if word in seen:
                raise RecordError("NoTree", f"the heads make a cycle: word {word + 1} is among its own heads")
            seen.add(word)
            word = heads[word]
    return tuple(heads)
