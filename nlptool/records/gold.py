"""Gold data: two texts and the score that people gave them, a row each, in any format that records have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from nlptool.errors import RecordError, RunError
from nlptool.records.cells import columns, is_name, is_number, without_quotes
from nlptool.records.json_bytes import find, path_of
from nlptool.records.pairs import PAIR_FIELDS, taken, texts_of
from nlptool.records.pipe import Pipe
from nlptool.records.record import STDIN, InputFormat, Record, Table
from nlptool.text.numbers import whole_number

SCORES = ("score", "label", "similarity")
"""Names of the score."""

MARKS = (":", "//", "#")
"""What begins the name of a section or a comment in gold data of words."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts and their similarity, if it is known; higher is more alike."""

    first: str
    second: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a row holds its two texts and its score.

    Args:
        names: of the fields or columns of the texts; else one of ``PAIR_TEXTS``, or the first two columns.
        score: the field or column of the score; else one of ``SCORES``, or the last of three columns.
        scored: a pair without a score is none.
        words: the texts are words: blanks may separate columns, and the score may be the first number behind the words.
    """

    names: tuple[str, str] | None = None
    score: str | None = None
    scored: bool = True
    words: bool = False

    def form(self, form: InputFormat) -> InputFormat:
        """Return ``form`` for rows of this layout, in tables that are found by their first line."""
        table = Table(self._kind_of, self._header, MARKS if self.words else ())
        return replace(form, table=table, paired=True)

    def pair(self, record: Record) -> Pair:
        """Return the pair of a record.

        Raises:
            RecordError: there are no two texts, or no score.
        """
        values = columns(record, blanks=self.words)
        names = next((names for names in self._texts if texts_of(values, [names])), None)
        if names is None and (self.names or "1" not in values):
            called = " or ".join(map("/".join, [self.names] if self.names else self._texts[:-1]))
            raise RecordError("NotAPair", "a pair is two texts", hint=f"fields and columns are called {called}")
        n_columns = 2 + self.scored
        is_guessed = names == PAIR_FIELDS[-1] and not (self.names or self.words)
        if names is None or (is_guessed and len(values) != n_columns):
            between = "tabs, commas or blanks" if self.words else "tabs or commas" if self.scored else "tabs"
            what = f"two {'words' if self.words else 'texts'}{' and a score' if self.scored else ''}"
            count = "1 column" if len(values) == 1 else f"{len(values)} columns"
            hint = "--first, --second and --score name their columns" if self.scored and len(values) > n_columns else ""
            raise RecordError(
                "NotAPair", f"a pair is {what} with {between} between them, this line has {count}", hint=hint
            )
        first, second = texts_of(values, [names]) or ("", "")
        if self.words:
            first, second = without_quotes(first), without_quotes(second)
        if not (first.strip() and second.strip()):
            raise RecordError("NotAPair", "a pair is two texts, and one of these is empty")
        return Pair(first, second, _number(self._score_in(values, names)) if self.scored else None)

    @property
    def _texts(self) -> Sequence[tuple[str, str]]:
        """Names that the texts may have: those of JSON as they are, those of columns in small letters."""
        if self.names:
            return (self.names, (self.names[0].lower(), self.names[1].lower()))
        return (("word1", "word2"), *PAIR_FIELDS) if self.words else PAIR_FIELDS

    def _score_in(self, values: dict[str, Any], names: tuple[str, str]) -> Any:
        """Return the score among the values of a row whose texts are called ``names``, or None."""
        if self.score is not None:
            for name in (self.score, self.score.lower()):
                try:
                    return find(values, path_of(name))
                except KeyError:
                    continue
            return None
        known = next((values[name] for name in SCORES if name in values), None)
        if known is not None:
            return known
        if self.words:
            keys = list(values)
            start = 1 + max(keys.index(name) if name in keys else -1 for name in names)
            behind = [values[key] for key in keys[start:]]
            return next(filter(is_number, behind), behind[0] if behind else None)
        others = [values[name] for name in values if name not in names and name.isdecimal()]
        return others[0] if len(others) == 1 else None

    def _kind_of(self, line: str) -> str:
        """Return the format of an input by its first line."""
        if "\t" in line:
            return "tsv"
        # What has no scores may be any text, with commas in it.
        cells = [without_quotes(cell).lower() for cell in line.split(",")]
        if self.scored:
            is_csv = len(cells) > 1 or (line.startswith('"') and not self.words)  # of a cell with line breaks, say
        else:
            is_csv = any({*names} <= {*cells} for names in self._texts)
        return "csv" if is_csv else "text"

    def _header(self, cells: list[str]) -> list[str] | None:
        """Return names of columns if the first row of a table is a header; those that it does not know are numbered.

        Raises:
            RunError: there are no columns that are called ``names``.
        """
        names = [cell.strip().lower() or str(number) for number, cell in enumerate(cells, 1)]
        if self.words and not self.names:
            names = [re.sub(r"^word[ _]([12])$", r"word\1", name) for name in names]
        texts = next((pair for pair in self._texts if {*pair} <= {*names} and not pair[0].isdecimal()), None)
        if texts is None and self.names and not self.names[0].isdecimal():
            is_table = len(cells) > 1
            raise RunError(
                f"the first row has no columns {' and '.join(self.names)}",
                hint=f"it has {', '.join(cells)[:200]}" if is_table else "-I tsv or -I csv says how it is to be read",
            )
        columns = names if texts else [str(number) for number in range(1, len(cells) + 1)]
        of_score = self._column_of_score(names, texts)
        if texts is None and not (self.scored and self._has_names(cells, of_score)):
            return None
        if of_score is not None:
            columns[of_score] = self.score.lower() if self.score else "score"
        return columns

    def _column_of_score(self, names: list[str], texts: tuple[str, str] | None) -> int | None:
        """Return which column of a header is that of the score, from 0: the one with its name, or the third of three."""
        wanted = self.score.lower() if self.score else next((name for name in SCORES if name in names), "")
        if wanted in names:
            return names.index(wanted)
        if wanted.isdecimal() and 0 < whole_number(wanted) <= len(names):
            return whole_number(wanted) - 1
        if self.score or len(names) != 3:
            return None
        columns, others = (names, texts) if texts else (["1", "2", "3"], self.names or ("1", "2"))
        return next(index for index in (2, 1, 0) if columns[index] not in others)

    def _has_names(self, cells: list[str], of_score: int | None) -> bool:
        """Return whether a first row holds names, though none that is known."""
        if self.words:
            return len(cells) > 2 and all(map(is_name, filter(str.strip, cells)))
        return of_score is not None and is_name(cells[of_score])


def read(pipe: Pipe, path: str, layout: Layout, form: InputFormat | None = None) -> list[Pair]:
    """Read the pairs of a file. A row that is no pair fails, and counts in ``pipe``.

    Args:
        form: how it is to be read; else its first line says so, JSON, or a table with tabs or commas.

    Raises:
        RunError: there are no pairs, or most rows are none.
    """
    pairs: list[Pair] = []
    name = STDIN if path == "-" else path
    with pipe.beside(path) as beside:
        beside.form = layout.form(form or InputFormat(encoding=pipe.form.encoding))
        beside.separator = b"\n"
        beside.hide_bar()
        beside.consume(taken(beside.read(), lambda record: pairs.append(layout.pair(record))))
        beside.refuse_failed(f"{name}: most of its lines are no pairs")
        if not (pairs or beside.tally.input_failed):
            what = "two texts and a score" if layout.scored else "two texts"
            raise RunError(f"{name}: there are no pairs", hint=f"{what} a line, with tabs between them")
    return pairs


def _number(score: Any) -> float:
    if not is_number(score):
        is_absent = score is None or (isinstance(score, str) and not score.strip())
        raise RecordError(
            "NoScore",
            "the pair has no score" if is_absent else f"the pair has no score: {score!r:.40} is no number",
            hint=f"it is called {', '.join(SCORES)}, or what --score says",
        )
    return float(score)
