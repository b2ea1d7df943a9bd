"""Sentences in columns, a word a line and an empty line behind each sentence, as CoNLL-2003 has them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from nlptool.errors import RecordError, RunError, WrongUsage
from nlptool.records.record import Record
from nlptool.records.tagged_names import Layout, Names, number_of
from nlptool.records.tagged_sentence import Annotation, Sentence
from nlptool.records.token_text import joined

DOCUMENT = "-DOCSTART-"
"""The word that stands for the beginning of a document."""

_BLANKS = " \t"
_COMMENT = re.compile(r"# ?(?:id\s|[\w:.-]+(?: \w+)? = )")


class ColumnReader:
    """Reads the sentences of an input; its first sentence says how many columns there are, and what separates them.

    Attributes:
        names: of the columns, when a word has been read.
    """

    def __init__(self, layout: Layout, peculiar: Counter[str]) -> None:
        self.names: Names | None = None
        self._layout = layout
        self._has_tabs = False
        self._n_columns = 0
        self._places: tuple[int, ...] = ()  # of the words and of the tags
        self._begins_document = False

    def sentence(self, lines: list[str], record: Record) -> Sentence | None:
        """Return the sentence of the lines of a record; None if they have no words.

        Raises:
            RecordError: a line lacks a column, or has too many; ``record.line`` is then its line.
            RunError: there are too few columns.
            WrongUsage: there is no such column.
        """
        first = record.line
        rows: list[tuple[str, ...]] = []
        for number, line in enumerate(lines, first):
            if line.lstrip(_BLANKS).startswith(DOCUMENT):
                self._begins_document = True
            elif rows or not _COMMENT.match(line):
                record.line = number
                if not self._n_columns:
                    self._begin(lines[number - first :], f"{record.source}:{number}")
                rows.append(self._cells(line))
        record.line = first
        if not rows:
            return None
        words, *tags = zip(*rows, strict=True)
        text, places = joined(words)
        begins, self._begins_document = self._begins_document, False
        return Sentence(text, tuple(places), tuple(map(Annotation, tags)), first, begins)

    def _cells(self, line: str) -> tuple[str, ...]:
        """Return the word of a line and its tags."""
        cells = self._split(line)
        if len(cells) != self._n_columns:
            separator = "tabs" if self._has_tabs else "blanks"
            found = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
            message = f"the line has {found}, and the others have {self._n_columns}, with {separator} between them"
            raise RecordError("WrongColumns", message, hint="the sentence is left out; an empty line ends a sentence")
        wanted = tuple(cells[place] for place in self._places)
        for cell, place in zip(wanted, self._places, strict=True):
            if not cell:
                raise RecordError("EmptyColumn", f"column {place + 1} is empty")
        return wanted

    def _begin(self, lines: Sequence[str], source: str) -> None:
        """Decide by the lines of a sentence where the columns are: there are as many as most of these have."""
        self._has_tabs = any("\t" in line.strip(_BLANKS) for line in lines)
        n_columns = Counter(len(self._split(line)) for line in lines).most_common(1)[0][0]
        if n_columns < 2 + self._layout.paired:
            what = "a word, its gold tag and its predicted tag" if self._layout.paired else "a word and its tag"
            found = "1 column" if n_columns == 1 else f"{n_columns} columns"
            hint = (
                "--predicted FILE names a file of predictions"
                if self._layout.paired
                else "blanks or a tab separate them"
            )
            raise RunError(f"{source}: a line is {what}, and this one has {found}", hint=hint)
        last = n_columns - 1
        words = number_of(self._layout.words, 0, n_columns, "--words")
        defaults = (last - 1, last) if self._layout.paired else (last,)
        options = self._layout.options
        tags = [
            number_of(name, place, n_columns, option)
            for name, place, option in zip(self._layout.given, defaults, options, strict=False)
        ]
        self._places = (words, *tags)
        if len(set(self._places)) < len(self._places):
            numbers = ", ".join(str(place + 1) for place in self._places)
            message = f"words and tags stand in columns of their own, not in {numbers}"
            raise WrongUsage(message, hint=f"the columns are named by --words, {', '.join(options[: len(tags)])}")
        self._n_columns = n_columns
        self.names = Names(tuple(str(place + 1) for place in tags), str(words + 1))

    def _split(self, line: str) -> list[str]:
        if self._has_tabs:
            return [cell.strip(" ") for cell in line.strip("\r").split("\t")]
        return re.split("[ \t]+", line.strip(_BLANKS))
