"""The sentences on stderr about the entries of records, each about the values of one field of the entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Note = str | Callable[[Counter[str]], str]
"""A sentence about the sum of a field's numbers; or what makes one of how often each of its names occurs."""

_SENTENCES = {
    "cut": "texts that were cut off before their end (--max-new-tokens)",
    "cut_question": "questions that are too long, whose beginning was read",
    "n_byte_fallback": "characters that the model's vocabulary lacks, which it read as bytes",
    "n_chunks": "chunks in which longer texts were taken",
    "n_composed": "texts that were not in Unicode's form NFC, which CoNLL-U asks for, and were brought into it",
    "n_cut": "words longer than the model takes, of which it read the beginning",
    "n_control": "control characters shown as pictures (␀)",
    "n_gaiji": "characters that Shift JIS lacks and their notes do not name, left as ※",
    "n_line_breaks": "line breaks that were written as blanks",
    "n_pieces": "pieces in which texts of more than 30,000 characters were analysed",
    "n_subwords": "words that the model knows by their subwords alone",
    "n_unknown of a classifier": "pieces that the model's vocabulary lacks ([UNK])",
    "n_unknown of a dictionary": "words that the dictionary lacks (their lemma is the word itself, without a reading)",
    "n_unknown of an encoder": "pieces that the model's vocabulary lacks, which all have one vector ([UNK])",
    "n_unknown of a generator": "characters or words that the model has never seen",
    "n_unknown of a masked model": "pieces that the model's vocabulary lacks ([UNK])",
    "n_unknown of a tokenizer": "pieces that the vocabulary lacks, which are never hidden",
    "n_unknown of a tagger": "pieces that the model's vocabulary lacks ([UNK])",
    "n_unknown of word vectors": "words that the model does not know, left out of the mean",
    "n_windows": "windows, which overlap, in which longer texts were read",
    "n_without_vector": "words that have no piece in the model's tokenizer, and so no vector",
    "rebuilt": "texts that were put together of their pieces, which could not be found in them",
    "truncated": "texts longer than the model takes, of which it read a part",
    "truncated around masks": "texts longer than the model takes, of which it saw windows around the masks",
    "truncated pairs": "pairs that were longer than the model takes, of which it read what is nearest to their border",
    "n_unscored": "tokens that the model gives no probability: the first of a text, or unknown ones",
    "windowed a language model": "texts longer than the model reads at once, which it read in windows that overlap",
    "windowed": "texts longer than the model takes, each piece of which was scored in the window around it",
}
"""Field of an entry, perhaps with a word on what it counts -> what is said of the sum of its values."""


def notes(*names: str) -> dict[str, Note]:
    """Return a command's sentences by the fields of its entries, in this order.

    Args:
        names: keys of the table above, each of another field.
    """
    return {name.split()[0]: _SENTENCES[name] for name in names}


class NotedValues:
    """The values of the fields of entries that there are notes about."""

    def __init__(self) -> None:
        self._values: dict[str, Counter[str]] = {}  # of names how often each occurs, of numbers their sum as that of ""

    def add(self, entry: Mapping[str, Any], notes: Iterable[str]) -> None:
        """Add an entry's values of the fields that are called in ``notes``."""
        for name in notes:
            if value := entry.get(name):
                counts = self._values.setdefault(name, Counter())
                if isinstance(value, str):
                    counts[value] += 1
                else:
                    counts[""] += value

    def state(self) -> dict[str, dict[str, Any]]:
        """Return the values as JSON."""
        return {name: dict(counts) for name, counts in self._values.items()}

    def restore(self, state: Mapping[str, Mapping[str, Any]]) -> None:
        """Add the values of a ``state``."""
        for name, counts in state.items():
            self._values.setdefault(name, Counter()).update(counts)

    def said(self, notes: Mapping[str, Note]) -> Iterator[str]:
        """Yield the sentences of ``notes`` whose fields had values."""
        for sentence, number in self.sums(notes):
            yield sentence if number is None else f"{sentence}: {number:,}"

    def sums(self, notes: Mapping[str, Note]) -> Iterator[tuple[str, int | None]]:
        """Yield the sentences of ``notes`` whose fields had values, each with the sum behind it; None: it has none."""
        for name, note in notes.items():
            if counts := self._values.get(name):
                yield (note(counts), None) if callable(note) else (note, counts.total())
