"""Morphological analysis of Japanese with MeCab, through fugashi, by UniDic or another MeCab dictionary.

MeCab formats each token as a short *key*, ``surface TAB left-id,right-id,cost`` (and ``?`` for an unknown word). Within
one dictionary the key determines the features: two entries that share it have the same costs everywhere, so MeCab always
takes the same one. A caller can cache what it makes of a token by key and look up the features once for each distinct token,
which is several times faster than reading 26 features a token from the nodes.

MeCab would stop at line ends and NUL: control characters are replaced by control pictures, character by character, so offsets
stay the same.

Sources: T. Kudo, K. Yamamoto, Y. Matsumoto: Applying Conditional Random Fields to Japanese Morphological Analysis
(EMNLP 2004); the output format is described at https://taku910.github.io/mecab/format.html.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import itertools
import mmap
import os
import re
import shlex
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nlptool.errors import ModelError
from nlptool.models.japanese import dictionaries, mecab_program
from nlptool.models.japanese.dictionary_file import Dictionary, mapped
from nlptool.models.japanese.lemmas import split_lemma
from nlptool.models.japanese.open_taggers import open_tagger
from nlptool.storage import temp_files

LONGEST = 30_000
"""Characters that MeCab parses at a time. fugashi crashes if the cost of a sentence exceeds 2**31, and a token can cost up to
2**16: a longer text is split, if possible after a sentence."""

UNKNOWN = "?"  # the end of the key of a word that the dictionary lacks
_BLANKS = "\t\n\v"  # control characters that are blanks to MeCab
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PICTURES = {code: (" " if chr(code) in _BLANKS else chr(0x2400 + code)) for code in range(0x20)} | {0x7F: "\u2421"}
_SPELLINGS = ("orthography", "orthography_base")
_KEY = r"%m\t%phl,%phr,%pw"
_ANALYSED_AT_ONCE = 10_000  # characters; fewer are analysed before MeCab's program has begun


class Morpheme(NamedTuple):
    """The dictionary entry of a token. ``columns`` are the features as in the dictionary, ``*`` and blanks included."""

    surface: str
    columns: tuple[str, ...]
    is_unknown: bool
    layout: dict[str, int]  # feature -> index in ``columns``

    def feature(self, name: str) -> str | None:
        """Return a feature by name; None if it is missing. An unknown word has parts of speech only.

        The lemma of UniDic is the word alone; what stands behind it is the feature ``lemma_sense`` (``lemmas``).
        """
        if name not in ("lemma", "lemma_sense"):
            return self._column(name)
        lemma, sense = self._column("lemma"), None
        if lemma is not None and "orthography" in self.layout:  # UniDic
            lemma, sense = split_lemma(lemma, filter(None, (self.surface, *map(self._column, _SPELLINGS))))
        return lemma if name == "lemma" else sense

    def _column(self, name: str) -> str | None:
        index = self.layout.get(name, len(self.columns))
        value = self.columns[index] if index < len(self.columns) else ""
        return None if value == "*" or not value else value


class Tagger:
    """Splits text into tokens with MeCab.

    Args:
        dictionary: name or folder of a compiled MeCab dictionary; unidic-lite unless given (``dictionaries.locate``).
        user_dictionaries: compiled ``.dic`` files, or CSV of entries, which are compiled first.

    Raises:
        ModelError: the dictionary is missing, or cannot be used.
        RunError: a line of a user dictionary is no entry.
    """

    def __init__(self, dictionary: str | None = None, user_dictionaries: Sequence[str] = ()) -> None:
        self._located = dictionaries.locate(dictionary)
        self.folder = self._located.folder
        self._names = user_dictionaries
        self._dictionaries = [Dictionary(self.folder / "sys.dic")]
        self.layout = dictionaries.layout(len(_split(self._dictionaries[0].first())))
        self._user_dictionaries: Sequence[str] = ()
        if user_dictionaries:
            from nlptool.models.japanese.user_dictionary import UserDictionaries

            compiled = temp_files.temporary_folder(self)
            own = UserDictionaries(self.folder, self._dictionaries[0], self.layout)
            self._user_dictionaries = own.compile(user_dictionaries, compiled)
            self._dictionaries += [Dictionary(Path(path)) for path in self._user_dictionaries]
        for known in self._dictionaries:
            if known.charset.replace("-", "") != "utf8":
                raise ModelError(f"the dictionary {self.name} is in {known.charset}, not in UTF-8")
        self._unknown = Dictionary(self.folder / "unk.dic")
        self._parse = self._open(f"{_KEY}\\n").parse

    @functools.cached_property
    def name(self) -> str:
        """Return what results call the dictionary: "unidic-lite 1.0.8", or a folder; and the user dictionaries behind it."""
        return " + ".join([self._located.label, *self._names])

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
        return mapped(self.folder / "matrix.bin")

    def _open(self, node_format: str | None, flags: str = "") -> Any:
        arguments = [*self._arguments(node_format, None if node_format is None else ""), *([flags] if flags else [])]
        try:
            return open_tagger(shlex.join(arguments), self.folder, is_kept=not self._user_dictionaries)
        except RuntimeError as error:
            self._check_room()
            reason = str(error).split("ERROR DETAILS", 1)[-1].strip("- \n").splitlines()[-1:]
            raise ModelError(f"MeCab cannot use the dictionary {self.folder}: {''.join(reason)}") from error

    def _check_room(self) -> None:
        """Raise OutOfMemory if there is no room for the dictionary: MeCab says then that a file cannot be opened."""
        files = [self.folder / name for name in ("sys.dic", "unk.dic", "matrix.bin", "char.bin")]
        with contextlib.ExitStack() as maps:
            for path in files:
                if path.is_file():
                    maps.enter_context(mapped(path))

    def _arguments(self, node_format: str | None, end: str | None = None) -> list[str]:
        """Return the arguments of the mecab command that open the dictionaries.

        Args:
            node_format: what is printed for a token; None: as the dictionary says.
            end: what is printed behind a text; None: as the dictionary says.
        """
        arguments = ["-r", os.devnull, "-d", str(self.folder)]
        if self._user_dictionaries:
            arguments += ["-u", ",".join(f'"{path}"' if "," in path else path for path in self._user_dictionaries)]
        if node_format is not None:
            arguments += ["-O", "", f"-F{node_format}", f"-U{node_format.replace(_KEY, _KEY + UNKNOWN)}"]
        return arguments if end is None else [*arguments, "-E", end]

    def parse(self, text: str) -> str:
        """Return the keys of the tokens of ``text`` (a result of ``for_mecab``), one a line; ``""`` if there are none."""
        if len(text) > LONGEST:
            return "\n".join(filter(None, map(self.parse, split_long(text))))
        keys: str = self._parse(text)
        return keys

    def parse_all(self, texts: Sequence[str]) -> list[bytes]:
        """Return what ``parse`` returns for each text, in UTF-8; for many texts in one call, during which other threads go on."""
        return self._all(texts, f"{_KEY}\\n", self.parse)

    def surfaces_all(self, texts: Sequence[str]) -> list[bytes]:
        """Return the surfaces of each text, one a line, in UTF-8."""
        return self._all(texts, r"%m\n", self._surfaces)

    def plain_all(self, texts: Sequence[str]) -> list[bytes]:
        """Return what ``plain`` returns for each text, in UTF-8."""
        return self._all(texts, None, self.plain, end="EOS\\n")

    def _surfaces(self, text: str) -> str:
        return "\n".join(key.partition("\t")[0] for key in self.parse(text).split("\n"))

    def _all(
        self, texts: Sequence[str], node_format: str | None, analyse: Callable[[str], str], *, end: str = ""
    ) -> list[bytes]:
        """Return what MeCab prints for each text, without the last line end.

        Args:
            analyse: gives the same for one text: for one that is too long for MeCab, and where its program cannot be called.
        """
        if sum(map(len, texts)) >= _ANALYSED_AT_ONCE:
            lines = "".join([f"{text}\n" if len(text) <= LONGEST else "\n" for text in texts]).encode()
            arguments = self._arguments(node_format, end + r"\a")
            printed = mecab_program.run(arguments, lines, maps=self.folder / "sys.dic")
            found = [each[:-1] for each in printed.split(b"\a")[:-1]]
            if len(found) == len(texts):
                for number, text in enumerate(texts):
                    if len(text) > LONGEST:
                        found[number] = analyse(text).encode()
                return found
        return [analyse(text).encode() for text in texts]

    def long_keys(self, text: str) -> list[str]:
        """Return the keys as a list, each followed by the columns of its entry: ``surface TAB ids,cost TAB columns``."""
        return [key for piece in split_long(text) for key in self._long.parse(piece).split("\n") if key]

    def wakati(self, text: str) -> str:
        """Return the surfaces separated by blanks."""
        return " ".join(filter(None, map(self._words.parse, split_long(text))))

    def plain(self, text: str) -> str:
        """Return what the ``mecab`` command prints for ``text`` with this dictionary, ``EOS`` included, without the last line
        end."""
        # MeCab prints an end of sentence after each piece: only the last one stays.
        end: str = self._plain.parse("")
        return "".join(self._plain.parse(piece).removesuffix(end) for piece in split_long(text)) + end

    def morpheme(self, key: str, text: str) -> Morpheme:
        """Look up the entry of a key. ``text`` contains the token: it decides if several entries share the key."""
        surface, ids, *columns = key.split("\t", 2)
        is_unknown = ids.endswith(UNKNOWN)
        if columns:
            return Morpheme(surface, _split(columns[0]), is_unknown, self.layout)
        left, right, cost = map(int, ids.rstrip(UNKNOWN).split(","))
        if is_unknown:
            features = self._unknown.look_up(None, left, right, cost)
            if len(set(features)) != 1:  # of several classes of characters
                longer = next(long for long in self.long_keys(text) if long.startswith(f"{key}\t"))
                return self.morpheme(longer, text)
        else:
            # Among paths of equal cost MeCab takes that with the entry that stands first, in the system's dictionary
            # before those of the user: it compares them in this order and replaces the best one by cheaper ones alone.
            features = self._dictionaries[0].look_up(surface, left, right, cost)
            if not features:
                others = (dictionary.look_up(surface, left, right, cost) for dictionary in self._dictionaries[1:])
                features = next(filter(None, others))
        return Morpheme(surface, _split(features[0]), is_unknown, self.layout)

    def n_best(self, text: str, n: int) -> list[tuple[int, list[str]]]:
        """Return the ``n`` best analyses as (cost, long keys), the cheapest first. The cost is the sum of MeCab's word and
        connection costs; lower is better."""
        if not text.strip(" "):
            return [(0, [])]
        # With an empty EOS format nothing separates the paths: a path ends when its surfaces make up the text.
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

    def plain_n_best(self, text: str, n: int) -> str:
        """Return what ``mecab -N n`` prints for ``text`` with this dictionary, without the last line end."""
        printed: str = self._plain.nbest(text, n)
        return printed

    def _cost(self, path: Sequence[str]) -> int:
        """Return word costs plus connection costs, from BOS to EOS. MeCab itself returns only the cost of the best path."""
        ids = [tuple(map(int, key.split("\t")[1].rstrip(UNKNOWN).split(","))) for key in path]
        edges = itertools.pairwise([(0, 0, 0), *ids, (0, 0, 0)])
        return sum(word[2] for word in ids) + sum(self._connection(left[1], right[0]) for left, right in edges)

    def _connection(self, right_id: int, left_id: int) -> int:
        """Return a cost from MeCab's matrix: two uint16 sizes, then an int16 for each pair of ids."""
        (size,) = struct.unpack_from("<H", self._matrix)
        (cost,) = struct.unpack_from("<h", self._matrix, 4 + 2 * (right_id + size * left_id))
        return int(cost)


def split_long(text: str) -> list[str]:
    """Split ``text`` into pieces of at most ``LONGEST`` characters: after 。！？ if possible, else after a comma, a bracket or
    a blank, else anywhere."""
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
    """Return ``text`` with control characters replaced by control pictures, character by character."""
    return text.translate(_PICTURES) if _CONTROL.search(text) else text


def spans(text: str, surfaces: Sequence[str]) -> list[tuple[int, int]]:
    """Return the start and end of each surface in ``text`` (a result of ``for_mecab``), in characters. MeCab drops blanks between
    tokens."""
    result = []
    end = 0
    for surface in surfaces:
        start = text.find(surface, end)
        end = start + len(surface)
        result.append((start, end))
    return result


def _split(columns: str) -> tuple[str, ...]:
    """Split a line of CSV; a column that contains a comma is quoted."""
    return tuple(next(csv.reader([columns])) if '"' in columns else columns.split(","))
