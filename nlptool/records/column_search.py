"""The search for the texts and the label among the names of a record's fields, or in the first row of a table."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from nlptool.errors import RunError
from nlptool.records.cells import without_quotes
from nlptool.records.json_bytes import listed
from nlptool.records.known_columns import LABELS, NUMBERS, OF_LABELS_ALONE, PAIRS, TEXTS, Preset
from nlptool.records.record import InputFormat, Table

_USUAL_LABELS = [(name,) for name in LABELS]
_MISSING = {
    None: ("text and no pair of texts", "--text NAME, or --first NAME --second NAME"),
    1: ("text", "--text NAME"),
    2: ("two texts", "--first NAME --second NAME"),
}


@dataclass(frozen=True, slots=True)
class Names:
    """What the texts and the label of a record are called; no label where it was not asked for."""

    texts: tuple[str, ...]
    label: str | None = None

    @property
    def options(self) -> str:
        """The options of the command line that say the same."""
        flags = ("--text",) if len(self.texts) == 1 else ("--first", "--second")
        named = [*zip(flags, self.texts, strict=True), *((("--label", self.label),) if self.label else ())]
        return " ".join(f"{flag} {shlex.quote(name)}" for flag, name in named)


class NotThereError(Exception):
    """Nothing has one of the names that are looked for.

    Args:
        what: what is missing.
        hint: the options that name it.
    """

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


@dataclass(frozen=True, slots=True)
class ColumnSearch:
    """What is known of the names that are looked for.

    Args:
        texts: names that were given: of one text, of two, or ().
        label: the name of the label, if it was given.
        labelled: a label is looked for.
        preset: a data set whose names are known.
        n_texts: 1 or 2 where that is known; None: two if two have the usual names of a pair.
    """

    texts: tuple[str, ...]
    label: str | None
    labelled: bool
    preset: Preset | None
    n_texts: int | None

    def form(self, form: InputFormat) -> InputFormat:
        """Return ``form`` for these names, in tables that are found by their first line."""
        return replace(form, table=Table(self._kind_of, functools.partial(self._header, form.header)), paired=True)

    def names(self, known: Collection[str]) -> Names:
        """Return the names of the texts and the label among those of fields, of columns, or the numbers of columns.

        Raises:
            NotThereError: they are not there.
        """
        texts = self._texts_among(known)
        return Names(texts, self._label_among(known, texts) if self.labelled else None)

    def _texts_among(self, known: Collection[str]) -> tuple[str, ...]:
        if self.texts:
            return tuple(_called(name, known) for name in self.texts)
        usual: list[tuple[str, ...]] = []
        if self.preset is not None:
            usual += [self.preset.texts, *filter(None, [self.preset.numbers[:-1]])]
        usual += PAIRS if self.n_texts != 1 else ()
        usual += [(name,) for name in TEXTS] if self.n_texts != 2 else ()
        if (found := _first(usual, [name for name in known if name != self.label])) is not None:
            return found
        if all(map(str.isdecimal, known)):
            others = [name for name in known if name != self.label]
            others = others[:-1] if self.labelled and self.label is None else others
            if len(others) == (self.n_texts or 1):
                return tuple(others)
        what, options = _MISSING[self.n_texts]
        raise NotThereError(f"{what} with one of the usual names", f"{options}: a field, or a column's number")

    def _label_among(self, known: Collection[str], texts: tuple[str, ...]) -> str:
        if self.label is not None:
            return _called(self.label, known)
        others = [name for name in known if name not in texts]
        of_preset = [(self.preset.label,), *((name,) for name in self.preset.numbers[-1:])] if self.preset else []
        if (found := _first([*of_preset, *_USUAL_LABELS], others)) is not None:
            return found[0]
        if len(others) == 1 and all(map(str.isdecimal, known)):
            return others[0]
        raise NotThereError("label with one of the usual names", "--label NAME: a field, or a column's number")

    def _kind_of(self, line: str) -> str:
        """Return the format of an input by its first line."""
        if self.preset is not None and self.preset.is_table:
            return "tsv"
        if "\t" in line:
            has_columns = self.labelled or bool(self.texts) or self.n_texts == 2
            return "tsv" if has_columns or self._is_header(line.split("\t")) else "text"
        cells = [without_quotes(cell) for cell in line.split(",")]
        # Without labels each line may be a text, with commas in it.
        is_table = self.labelled or any(map(str.isdecimal, self.texts))
        is_csv = len(cells) > 1 and (is_table or self._is_header(cells))
        return "csv" if is_csv or (self.labelled and line.startswith('"')) else "text"

    def _header(self, said: bool | None, cells: list[str]) -> list[str] | None:
        """Return names of columns if the first row of a table is a header; those that were given by number are numbered.

        Args:
            said: whether there is a header, if that was said.

        Raises:
            RunError: it is a header without the columns that are needed.
        """
        if not (said or self._is_header(cells)):
            return None
        names = [cell.strip() or str(number) for number, cell in enumerate(cells, 1)]
        numbers = {name for name in (*self.texts, self.label) if name and name.isdecimal() and name not in names}
        names = [str(number) if str(number) in numbers else name for number, name in enumerate(names, 1)]
        try:
            self.names(names)
        except NotThereError as error:
            hint = "; ".join(filter(None, [f"it has {listed(names)}", error.hint]))
            raise RunError(f"the first row has no {error.what}", hint=hint) from None
        return names

    def _is_header(self, cells: Sequence[str]) -> bool:
        """Return whether a first row holds names of columns, those that were given or usual ones, and is no example."""
        names = [cell.strip().casefold() for cell in cells]
        if self.preset is not None and not self.texts:
            return not self.preset.numbers or any(name.casefold() in names for name in self.preset.texts)
        given = [name.casefold() for name in (*self.texts, self.label) if name and not name.isdecimal()]
        if given:
            return self.labelled or any(name in names for name in given)
        if _first(PAIRS, names) or any(name in names for name in OF_LABELS_ALONE):
            return True
        has_text = any(name in names for name in TEXTS)
        if names[0] in NUMBERS and (has_text or len(names) > 2):
            return True
        has_label = not self.labelled or any(name.casefold() in names for name in LABELS)
        return has_text and (has_label or (len(names) == 2 and names[0] in TEXTS))


def _first(choices: Sequence[tuple[str, ...]], known: Collection[str]) -> tuple[str, ...] | None:
    """Return the first of ``choices`` whose names are all known, as they are spelled there: in the same case if there are."""
    spelled = {name.casefold(): name for name in reversed(list(known))}
    for choice in choices:
        if all(name in known or name.casefold() in spelled for name in choice):
            return tuple(name if name in known else spelled[name.casefold()] for name in choice)
    return None


def _called(name: str, known: Collection[str]) -> str:
    """Return a name that was given as it is spelled among those ``known``; a JSON Pointer as it is.

    Raises:
        NotThereError: it is not there.
    """
    found = _first([(name,)], known)
    if found is None and not name.startswith("/"):
        raise NotThereError(f"`{name}`")
    return found[0] if found else name
