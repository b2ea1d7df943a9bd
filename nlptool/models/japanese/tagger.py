"""Morphological analysis of Japanese with MeCab, through fugashi, by UniDic or another MeCab dictionary.

MeCab formats each token as a short *key*, ``surface TAB left-id,right-id,cost`` (and ``?`` for an unknown word). Within
one dictionary the key decides the features: two entries that share it have the same costs everywhere, so MeCab always
takes the same one of them. A caller can keep what it makes of a token in a dict by key and ask for the features once
for each distinct token, which is several times faster than reading 26 features a token from the nodes.

MeCab is not told of line ends or NUL (it would stop there): control characters are shown to it as control pictures, one
character for one character, so offsets stay true.

Sources: T. Kudo, K. Yamamoto, Y. Matsumoto: Applying Conditional Random Fields to Japanese Morphological Analysis
(EMNLP 2004); the output format is described at https://taku910.github.io/mecab/format.html.
"""

from __future__ import annotations

import csv
import functools
import itertools
import mmap
import os
import re
import shlex
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import fugashi

from nlptool.errors import ModelError, RunError
from nlptool.models.japanese import dictionaries
from nlptool.models.japanese.dictionary_file import Dictionary

LONGEST = 30_000
"""Characters that MeCab is given at once. Beyond 2**31 it gives a sentence up, which fugashi does not survive, and a token
can cost as much as 2**16: a longer text is cut, after a sentence if there is one."""

UNKNOWN = "?"  # ends the key of a word that the dictionary lacks
_BLANKS = "\t\n\v"  # control characters that are blanks to MeCab
_ODD = re.compile(r"[\x00-\x1f\x7f]")
_PICTURES = {code: (" " if chr(code) in _BLANKS else chr(0x2400 + code)) for code in range(0x20)} | {0x7F: "\u2421"}
_KEY = r"%m\t%phl,%phr,%pw"


class Morpheme(NamedTuple):
    """A token's dictionary entry. ``columns`` are the features as the dictionary has them, ``*`` and blanks included."""

    surface: str
    columns: tuple[str, ...]
    is_unknown: bool
    layout: dict[str, int]  # the columns by name

    def feature(self, name: str) -> str | None:
        """A feature by name; None where the dictionary has none. An unknown word has parts of speech alone."""
        index = self.layout.get(name, len(self.columns))
        value = self.columns[index] if index < len(self.columns) else ""
        return None if value == "*" or not value else value


class Tagger:
    """Cuts text into tokens.

    Args:
        dictionary: name or folder of a compiled MeCab dictionary; unidic-lite unless given (``dictionaries.locate``).
        user_dictionary: a compiled ``.dic``, or a CSV of entries that is compiled on the way.

    Raises:
        ModelError: the dictionary is not there or cannot be used.
    """

    def __init__(self, dictionary: str | None = None, user_dictionary: str | None = None) -> None:
        located = dictionaries.locate(dictionary)
        self.folder, self.name = located.folder, located.label
        self._user_dictionary = user_dictionary
        self._compiled: tempfile.TemporaryDirectory[str] | None = None
        if user_dictionary:
            self._user_dictionary = self._compile(user_dictionary)
            self.name += f" + {user_dictionary}"
        self._known = [Dictionary(self.folder / "sys.dic")]
        if self._user_dictionary:
            self._known.append(Dictionary(Path(self._user_dictionary)))
        for each in self._known:
            if each.charset.replace("-", "") != "utf8":
                raise ModelError(f"the dictionary {self.name} is in {each.charset}, not in UTF-8")
        self.layout = dictionaries.layout(len(_split(self._known[0].first())))
        self._unknown = Dictionary(self.folder / "unk.dic")
        self._parse = self._open(f"{_KEY}\\n").parse

    @functools.cached_property
    def _long(self) -> Any:
        return self._open(f"{_KEY}\\t%H\\n")

    @functools.cached_property
    def _words(self) -> Any:
        return self._open(None, "-Owakati")

    @functools.cached_property
    def _plain(self) -> Any:
        return self._open(None)

    @functools.cached_property
    def _matrix(self) -> mmap.mmap:
        with (self.folder / "matrix.bin").open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def _open(self, node_format: str | None, flags: str = "") -> Any:
        arguments = f"-r {os.devnull} -d {shlex.quote(str(self.folder))} {flags}"
        if self._user_dictionary:
            arguments += f" -u {shlex.quote(self._user_dictionary)}"
        if node_format is not None:
            unknown = node_format.replace(_KEY, _KEY + UNKNOWN)
            arguments += f" -O '' -F{shlex.quote(node_format)} -U{shlex.quote(unknown)} -E ''"
        try:
            return fugashi.GenericTagger(arguments)
        except RuntimeError as error:
            reason = str(error).split("ERROR DETAILS", 1)[-1].strip("- \n").splitlines()[-1:]
            raise ModelError(f"MeCab cannot use the dictionary {self.folder}: {''.join(reason)}") from error

    def _compile(self, path: str) -> str:
        """A CSV of dictionary entries (surface, left id, right id, cost, features) to MeCab's binary form."""
        if not Path(path).is_file():
            raise ModelError(f"no user dictionary {path}")
        if not path.endswith(".csv"):
            return path
        self._compiled = tempfile.TemporaryDirectory(prefix="nlptool-")
        target = str(Path(self._compiled.name) / "user.dic")
        with Path(path).open(encoding="utf-8") as lines:
            for number, row in enumerate(csv.reader(lines), 1):
                if len(row) < 5 or not all(cell.lstrip("-").isdecimal() for cell in row[1:4]):
                    raise RunError(
                        f"{path}:{number}: a user dictionary line is: surface,left id,right id,cost,features...",
                        hint="猫又,5142,5142,5000,名詞,普通名詞,一般,*,*,*,ネコマタ,猫又",
                    )
        arguments = ["-d", str(self.folder), "-u", target, "-f", "utf8", "-t", "utf8", path]
        code = "import fugashi, sys; fugashi.build_dictionary(sys.argv[1])"
        # In a process of its own, since MeCab's compiler prints, and exits where it fails.
        compiler = [sys.executable, "-c", code, shlex.join(["mecab-dict-index", *arguments])]
        done = subprocess.run(compiler, capture_output=True, text=True, check=False)
        if not Path(target).is_file():
            reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise ModelError(f"MeCab cannot compile {path} for {self.folder}: {''.join(reason)}")
        return target

    def parse(self, text: str) -> str:
        """The keys of the tokens of ``text`` (``for_mecab``'s), in order, one a line; ``""`` where there are none."""
        if len(text) > LONGEST:
            return "\n".join(filter(None, map(self.parse, cut(text))))
        keys: str = self._parse(text)
        return keys

    def long_keys(self, text: str) -> list[str]:
        """The same as a list, with the columns of the dictionary behind each: ``surface TAB ids,cost TAB columns``."""
        return [key for piece in cut(text) for key in self._long.parse(piece).split("\n") if key]

    def wakati(self, text: str) -> str:
        """The surfaces with a blank between them."""
        return " ".join(filter(None, map(self._words.parse, cut(text))))

    def plain(self, text: str) -> str:
        """What the ``mecab`` command prints for ``text`` with this dictionary, ``EOS`` included."""
        # Each piece ends with what the dictionary prints at the end of a sentence, and so does the whole.
        end = self._plain.parse("")
        return "".join(self._plain.parse(piece).removesuffix(end) for piece in cut(text)) + f"{end}\n"

    def morpheme(self, key: str, text: str) -> Morpheme:
        """Look a key up. ``text`` is one that has the token: it decides where entries share a key."""
        surface, ids, *columns = key.split("\t", 2)
        is_unknown = ids.endswith(UNKNOWN)
        if columns:
            return Morpheme(surface, _split(columns[0]), is_unknown, self.layout)
        left, right, cost = map(int, ids.rstrip(UNKNOWN).split(","))
        found: list[str] = []
        for dictionary in (self._unknown,) if is_unknown else self._known:
            found += dictionary.look_up(None if is_unknown else surface, left, right, cost)
        if len(found) != 1 and len(set(found)) != 1:
            longer = next(long for long in self.long_keys(text) if long.startswith(f"{key}\t"))
            return self.morpheme(longer, text)
        return Morpheme(surface, _split(found[0]), is_unknown, self.layout)

    def n_best(self, text: str, n: int) -> list[tuple[int, list[str]]]:
        """The ``n`` best analyses: (cost, long keys), the cheapest first. The cost is MeCab's: word and connection
        costs added up; lower is better."""
        if not text.strip(" "):
            return [(0, [])]
        # With an empty EOS format nothing separates the paths, so each path ends where its surfaces make up the text.
        parsed = str(self._long.nbest(text, n)).rstrip("\n").split("\n")
        target = len(text.replace(" ", ""))
        paths: list[list[str]] = [[]]
        length = 0
        for key in parsed:
            if length == target:
                paths.append([])
                length = 0
            paths[-1].append(key)
            length += len(key.partition("\t")[0].replace(" ", ""))
        return [(self._cost(path), path) for path in paths]

    def _cost(self, path: Sequence[str]) -> int:
        """Word costs plus connection costs, from BOS to EOS. MeCab itself tells only the best path's."""
        ids = [tuple(map(int, key.split("\t")[1].rstrip(UNKNOWN).split(","))) for key in path]
        edges = itertools.pairwise([(0, 0, 0), *ids, (0, 0, 0)])
        return sum(word[2] for word in ids) + sum(self._connection(left[1], right[0]) for left, right in edges)

    def _connection(self, right_id: int, left_id: int) -> int:
        """From MeCab's matrix: two uint16 sizes, then an int16 for each pair of ids."""
        (size,) = struct.unpack_from("<H", self._matrix)
        (cost,) = struct.unpack_from("<h", self._matrix, 4 + 2 * (right_id + size * left_id))
        return int(cost)


def cut(text: str) -> list[str]:
    """``text`` in pieces of at most ``LONGEST`` characters: after 。！？ where possible, else after a comma, a bracket or a
    blank, else anywhere."""
    pieces = []
    while len(text) > LONGEST:
        ends = (
            max(text.rfind(mark, 0, LONGEST) for mark in marks) + 1 for marks in ("。！？!?.", "、，」』）, \u3000")
        )
        end = next(filter(None, ends), LONGEST)
        pieces.append(text[:end])
        text = text[end:]
    return [*pieces, text]


def for_mecab(text: str) -> str:
    """``text`` with control characters shown as pictures, character for character."""
    return text.translate(_PICTURES) if _ODD.search(text) else text


def spans(text: str, surfaces: Sequence[str]) -> list[tuple[int, int]]:
    """Where each surface stands in ``text`` (``for_mecab``'s), in characters. MeCab leaves blanks out between tokens."""
    found = []
    end = 0
    for surface in surfaces:
        start = text.find(surface, end)
        end = start + len(surface)
        found.append((start, end))
    return found


def _split(columns: str) -> tuple[str, ...]:
    """A line of CSV; a column with a comma in it is quoted."""
    return tuple(next(csv.reader([columns])) if '"' in columns else columns.split(","))
