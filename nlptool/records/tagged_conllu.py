"""Sentences of CoNLL-U (https://universaldependencies.org/format.html): words, and the tags in a column or an attribute."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from nlptool.errors import RecordError, WrongUsage
from nlptool.records.record import Record
from nlptool.records.tagged_names import Layout, Names
from nlptool.records.tagged_sentence import Annotation, Sentence
from nlptool.records.token_text import joined, places_in
from nlptool.text.numbers import whole_number

COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
"""The names of the columns."""

_USUAL = "upos"
_ID = re.compile(r"[0-9]+(?:-[0-9]+|\.[0-9]+)?")
_TEXT = re.compile(r"#\s*text\s*=\s?(.*)", re.DOTALL)
_NEW_DOCUMENT = re.compile(r"#\s*newdoc\b")
_FORM, _MISC = COLUMNS.index("form"), COLUMNS.index("misc")


def is_conllu(lines: Sequence[str], source: str) -> bool:
    """Return whether the first lines of an input are CoNLL-U: ten columns with tabs, the first of which numbers the words.

    Args:
        source: its name, which may end with ``.conllu``.
    """
    first = next((line for line in lines if not line.startswith("#")), "")
    cells = first.split("\t")
    if len(cells) != len(COLUMNS):
        return ".conllu" in source.lower()
    return _ID.fullmatch(cells[0]) is not None


@dataclass(slots=True)
class _Token:
    """What stands in a text: a word, or several that are written as one."""

    form: str
    tags: list[list[str]] = field(default_factory=list)  # of each column those of its words
    glued: bool = False  # no blank follows


class ConlluReader:
    """Reads the sentences of an input.

    A multiword token is its words, if these make up its form (don't: do, n't). Else it becomes one word, whose tag joins those of
    its words with a plus sign (ADP+DET), or, of an attribute, is the first that is not O.

    Args:
        peculiar: counts the multiword tokens that became one word, the empty nodes, and the texts that were made anew.
    """

    def __init__(self, layout: Layout, peculiar: Counter[str]) -> None:
        if layout.paired and layout.predicted is None:
            message = "CoNLL-U has no column for predictions: --predicted-column names the one in which they are"
            raise WrongUsage(message, hint="--predicted FILE names a file of predictions")
        columns = tuple(_known(name or _USUAL) for name in layout.given)
        self.names: Names | None = Names(columns, _known(layout.words or "form"))
        if len({*columns, self.names.words}) < len(columns) + 1:
            raise WrongUsage(f"words and tags stand in columns of their own, and these are {', '.join(columns)}")
        self._columns = columns
        self._form = COLUMNS.index(self.names.words) if self.names.words in COLUMNS else _FORM
        self._peculiar = peculiar
        self._begins_document = False

    def sentence(self, lines: list[str], record: Record) -> Sentence | None:
        """Return the sentence of the lines of a record; None if they are comments alone.

        Raises:
            RecordError: a line lacks a column, or the numbers of words are not in order; ``record.line`` is then its line.
        """
        first = record.line
        text = ""
        tokens: list[_Token] = []
        group: _Token | None = None  # a multiword token, some of whose words are still to come
        forms: list[str] = []  # of its words
        last, n_words, n_empty = 0, 0, 0
        for number, line in enumerate(lines, first):
            record.line = number
            if line.startswith("#"):
                self._begins_document |= _NEW_DOCUMENT.match(line) is not None
                text = text_of_comment(line) or text
                continue
            cells = cells_of(line)
            if "." in cells[0]:
                n_empty += 1
                continue
            start, _, end = cells[0].partition("-")
            if whole_number(start) != n_words + 1 or (end and (group is not None or whole_number(end) <= n_words)):
                message = f"the word is numbered {cells[0]:.20}, and the one before {n_words}"
                raise RecordError("WrongNumber", message, hint="an empty line ends a sentence")
            token = _Token(cells[self._form], glued=is_glued(cells[_MISC]))
            if end:
                group, forms, last = token, [], whole_number(end)
                group.tags = [[] for _ in self._columns]
                continue
            n_words += 1
            token.tags = [[self._tag(cells, name)] for name in self._columns]
            if group is None:
                tokens.append(token)
                continue
            forms.append(token.form)
            for tags, more in zip(group.tags, token.tags, strict=True):
                tags += more
            if n_words == last:
                tokens += self._divided(group, forms)
                group = None
        if group is not None:
            raise RecordError("WrongNumber", f"the multiword token {group.form} ends behind the last word")
        record.line = first
        if not tokens:
            return None
        self._peculiar += Counter(empty=n_empty)
        text, places = self._placed(text, tokens)
        annotations = tuple(
            Annotation(tuple(self._joined(token.tags[place], name) for token in tokens))
            for place, name in enumerate(self._columns)
        )
        begins, self._begins_document = self._begins_document, False
        return Sentence(text, tuple(places), annotations, first, begins)

    def _divided(self, group: _Token, forms: Sequence[str]) -> list[_Token]:
        """Return a multiword token as its words, if these make up its form, else as one word."""
        if "".join(forms) != group.form:
            self._peculiar["multiword"] += 1
            return [group]
        words = [_Token(form, [[tags[place]] for tags in group.tags], glued=True) for place, form in enumerate(forms)]
        words[-1].glued = group.glued
        return words

    def _placed(self, text: str, tokens: Sequence[_Token]) -> tuple[str, list[tuple[int, int]]]:
        """Return the text and where its words are: that of the comment, if they are the words of it."""
        forms = [token.form for token in tokens]
        if text:
            try:
                return text, places_in(text, forms)
            except RecordError:
                self._peculiar["other_text"] += 1
        return joined(forms, [token.glued for token in tokens])

    def _tag(self, cells: Sequence[str], name: str) -> str:
        if name in COLUMNS:
            return cells[COLUMNS.index(name)]
        return next((value for key, value in map(_attribute, cells[_MISC].split("|")) if key == name), "O")

    def _joined(self, tags: Sequence[str], name: str) -> str:
        """Return the tag of a word that stands for several."""
        if name in COLUMNS:
            return "+".join(tags)
        return next((tag for tag in tags if tag != "O"), "O")


def text_of_comment(line: str) -> str:
    """Return the text of a sentence that a comment names; "" if it names none."""
    found = _TEXT.fullmatch(line)
    return found[1] if found else ""


def cells_of(line: str) -> list[str]:
    """Return the ten columns of a line.

    Raises:
        RecordError: it has others, begins with no number, or has an empty column.
    """
    cells = line.split("\t")
    if len(cells) != len(COLUMNS):
        found = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
        raise RecordError(
            "WrongColumns", f"a line of CoNLL-U has ten columns with tabs between them, this one has {found}"
        )
    if not _ID.fullmatch(cells[0]):
        raise RecordError(
            "WrongNumber", f"a line of CoNLL-U begins with the number of a word, this one with `{cells[0]:.20}`"
        )
    if "" in cells:
        name = COLUMNS[cells.index("")].upper()
        raise RecordError("EmptyColumn", f"the column {name} is empty; an underscore stands for nothing")
    return cells


def _known(name: str) -> str:
    """Return the name of a column of CoNLL-U, which may be given by its number or in capitals, or that of an attribute."""
    if name.isascii() and name.isdecimal() and 0 < int(name[:9]) <= len(COLUMNS):
        return COLUMNS[int(name) - 1]
    return name.lower() if name.lower() in COLUMNS else name


def _attribute(pair: str) -> tuple[str, str]:
    key, _, value = pair.partition("=")
    return key, value


def is_glued(misc: str) -> bool:
    """Return whether no blank stands behind a token, as the column MISC says."""
    return "SpaceAfter=No" in misc.split("|")
