"""Users' own words: CSV of dictionary entries, checked, completed and compiled by MeCab.

A line is ``surface,left id,right id,cost,features...``, with the features in the order of the dictionary that it is added to.
Ids may be empty: they are then those that most entries of the same part of speech have. Missing features at the end are
filled from what is there, so that a reading is one.

Source of the format: https://taku910.github.io/mecab/dic.html.
"""

from __future__ import annotations

import csv
import re
import shlex
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from nlptool.errors import ModelError, RunError
from nlptool.models.japanese.dictionary_file import VERSION, Dictionary
from nlptool.storage.text_files import read_lines
from nlptool.text.numbers import whole_number

_COSTS = range(-(1 << 15), 1 << 15)  # int16
_WHOLE = re.compile("[+-]?[0-9]+", re.ASCII)
_DECIDING = ("pos1", "pos2", "pos3", "pos4", "conjugation_type", "conjugation_form")  # features that tell the ids
_SAME = {
    "reading": "lemma_reading", "reading_base": "lemma_reading", "form": "lemma_reading", "form_base": "lemma_reading",
}  # fmt: skip
"""Features that are mostly the same as another one."""

_OF_THE_SURFACE = ("lemma", "orthography", "orthography_base")

_EXAMPLE = {
    "pos1": "名詞", "conjugation_type": "*", "conjugation_form": "*", "lemma_reading": "ネコマタナベ", "lemma": "猫又鍋",
    "reading": "ネコマタナベ", "pronunciation": "ネコマタナベ",
}  # fmt: skip


class UserDictionaries:
    """Reads users' CSV for one dictionary.

    Args:
        folder: of the compiled dictionary.
        system: its ``sys.dic``.
        layout: feature -> its column in an entry.
    """

    def __init__(self, folder: Path, system: Dictionary, layout: Mapping[str, int]) -> None:
        self._folder = folder
        self._system = system
        self._layout = layout
        self._classes: list[tuple[int, int, list[str]]] | None = None
        with (folder / "matrix.bin").open("rb") as file:
            self._n_right, self._n_left = struct.unpack("<2H", file.read(4))

    def compile(self, paths: Sequence[str], work: Path) -> list[str]:
        """Return compiled dictionaries of these files: a ``.dic`` is one already, a CSV is compiled into the folder ``work``.

        Raises:
            ModelError: a file is not there, holds no entry, or MeCab cannot compile it.
            RunError: a line is no entry; the message names it.
        """
        compiled = []
        for number, path in enumerate(paths):
            if not Path(path).is_file():
                raise ModelError(f"no user dictionary {path}")
            if path.endswith(".dic") or _is_compiled(Path(path)):
                compiled.append(path)
                continue
            entries = list(self.entries(path))
            if not entries:
                raise ModelError(f"{path} holds no entry", hint=self._format_hint())
            source = work / f"{number}.csv"
            with source.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(entries)
            compiled.append(self._compiled(source, path))
        return compiled

    def entries(self, path: str) -> Iterator[list[str]]:
        """Yield the complete entries of a CSV.

        Raises:
            RunError: a line is no entry.
        """
        for number, line in read_lines(path):
            if line.strip():
                try:
                    yield self._entry(_cells(line))
                except ValueError as error:
                    raise RunError(f"{path}:{number}: {error}", hint=self._format_hint()) from error

    def _entry(self, cells: list[str]) -> list[str]:
        """Check and complete an entry.

        Raises:
            ValueError: it is none.
        """
        if len(cells) < 5:
            raise ValueError("a user dictionary line is: surface,left id,right id,cost,features...")
        surface, left, right, cost, *features = cells
        if not surface:
            raise ValueError("the surface is empty")
        features = self._completed(surface, features)
        if not (left and right):
            found = self._ids(features)
            left, right = left or str(found[0]), right or str(found[1])
        _check(left, "left id", range(self._n_left))
        _check(right, "right id", range(self._n_right))
        _check(cost, "cost", _COSTS)
        return [surface, left, right, cost, *features]

    def _completed(self, surface: str, features: list[str]) -> list[str]:
        """Return all features of an entry whose last ones are missing."""
        given = dict(zip(self._layout, features, strict=False))
        names = list(self._layout)[len(features) :]
        values = {name: given.get(_SAME[name], "*") for name in names if name in _SAME}
        values |= {name: surface for name in names if name in _OF_THE_SURFACE}
        return [*features, *(values.get(name, "*") or "*" for name in names)]

    def _ids(self, features: list[str]) -> tuple[int, int]:
        """Return the ids that most entries with this part of speech have, of the same origin (和, 漢, ...) if there are any.

        Raises:
            ValueError: the dictionary has no such part of speech.
        """
        if self._classes is None:
            found = sorted(self._system.classes(), key=lambda found: -found[2])
            self._classes = [(left, right, next(csv.reader([columns]))) for left, right, _, columns in found]
        columns = [self._layout[name] for name in _DECIDING if name in self._layout]
        while columns and features[columns[-1]] == "*":  # not given, or none: 名詞 alone is any noun
            columns.pop()
        wanted = [features[column] for column in columns]
        same = [each for each in self._classes if [each[2][column] for column in columns] == wanted]
        if not wanted or not same:
            raise ValueError(
                f"the dictionary has no word that is {'-'.join(wanted) or '*'}, so its ids have to be given too"
            )
        origin = self._layout.get("origin")
        of_origin = [each for each in same if origin is not None and each[2][origin] == features[origin] != "*"]
        left, right, _ = (of_origin or same)[0]
        return left, right

    def _format_hint(self) -> str:
        """Return what says how a line that this dictionary takes looks."""
        is_unidic = "pos4" in self._layout and "lemma_reading" in self._layout
        values = _EXAMPLE | {"pos2": "普通名詞" if is_unidic or "meaning" in self._layout else "一般"}
        values |= {"pos3": "一般"} if is_unidic else {}
        names = list(self._layout)
        last = max(
            names.index(name) for name in ("lemma", "reading") if name in names and (name == "lemma" or not is_unidic)
        )
        return "such as: " + ",".join(
            ["猫又鍋", "", "", "-5000", *(values.get(name, "*") for name in names[: last + 1])]
        )

    def _compiled(self, source: Path, path: str) -> str:
        target = str(source.with_suffix(".dic"))
        arguments = ["-d", str(self._folder), "-u", target, "-f", "utf8", "-t", "utf8", str(source)]
        code = "import fugashi, sys; fugashi.build_dictionary(sys.argv[1])"
        # In a separate process, because MeCab's compiler prints, and exits on errors.
        compiler = [sys.executable, "-c", code, shlex.join(["mecab-dict-index", *arguments])]
        done = subprocess.run(compiler, capture_output=True, text=True, check=False)
        if not Path(target).is_file():
            reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise ModelError(f"MeCab cannot compile {path} for {self._folder}: {''.join(reason)}")
        return target


def _cells(line: str) -> list[str]:
    """Split a line of CSV.

    Raises:
        ValueError: it is none.
    """
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error as error:
        raise ValueError(f"this is no CSV: {error}") from error


def _check(value: str, what: str, allowed: range) -> None:
    """Check a number of an entry.

    Raises:
        ValueError: it is none, or out of its range.
    """
    if not _WHOLE.fullmatch(value):
        raise ValueError(f"the {what} {value!r} is no whole number")
    sign = -1 if value.startswith("-") else 1
    if sign * whole_number(value.lstrip("+-")) not in allowed:
        raise ValueError(f"the {what} {value} is not in the range from {allowed[0]} to {allowed[-1]}")


def _is_compiled(path: Path) -> bool:
    """Return whether a file has the header of a compiled dictionary."""
    with path.open("rb") as file:
        return file.read(8)[4:] == VERSION.to_bytes(4, "little")
