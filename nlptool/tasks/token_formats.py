"""The tokens of a text in a format: JSON, wakati, MeCab's own, CoNLL-U, TSV, CSV.

Except for its offsets, the JSON of a token is always the same, so it is made once for each distinct token and kept; a text
then costs one look-up a token and one join.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, compress
from operator import ne
from typing import Any, NamedTuple

import orjson

from nlptool.errors import RecordError
from nlptool.models.japanese.tagger import LONGEST, UNKNOWN, Morpheme, Tagger, for_mecab, spans, split_long
from nlptool.records.formats.cells import as_text
from nlptool.records.formats.csv import csv_line
from nlptool.tasks.conllu import SentenceWriter
from nlptool.tasks.tokens import Token, Wanted, is_kept, plan
from nlptool.text.normalization import nfkc_origins

_MOST_PIECES = 400_000  # distinct tokens kept; about 80 MB
_MOST_OFFSETS = 100_000  # pairs of start and end kept; about 10 MB
_STEP = 20  # bits of a length: a token is never longer than a piece of a text that MeCab is given
_TO_ESCAPE = re.compile(r"[^\S ]|[\\\x00-\x1f\x7f]")  # in wakati, besides the blanks within words
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNKNOWN_ENDS = f"{UNKNOWN}\n".encode()  # the last of the key of a token that the dictionary lacks
_TSV_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

ROW = b"\xff"
"""Stands before each row of CSV, where the cells of the record come; no byte of UTF-8."""

_OFFSETS = {"jsonl": b'%d,"end":%d},', "csv": b"%d,%d,\n"}
"""Format -> what is written for the start and the end of a token; behind those of CSV is the cell of the error."""

Result = tuple[dict[str, bytes], dict[str, Any]]
"""JSON by field name (or the whole output under ``""``), and the record's entry."""


class Analysed(NamedTuple):
    """A text, the text as MeCab was given it (the same object if nothing was changed), and what it printed for it: the keys of
    the tokens, their surfaces or its own format, without the last line end."""

    text: str
    shown: str
    printed: bytes
    is_composed: bool = False  # the text was brought into NFC

    @property
    def n_unknown(self) -> int:
        """The number of tokens that the dictionary lacks, of a text with its keys."""
        return self.printed.count(_UNKNOWN_ENDS) + self.printed.endswith(_UNKNOWN_ENDS[:-1])


class _Pieces(dict[bytes, tuple[bytes, int, int]]):
    """Key of a token -> its JSON or CSV up to its start, its length in characters, and that as a step in ``_Offsets``."""

    def __init__(self, tagger: Tagger, wanted: Wanted) -> None:
        super().__init__()
        self.text = ""  # the text that the tokens are of
        self.kept: dict[bytes, bool] = {}
        self._tagger = tagger
        self._wanted = wanted
        self._filters = wanted.filters
        self._plan = plan((name for name in wanted.fields if name not in ("start", "end")), tagger.layout)

    def forget(self) -> None:
        self.clear()
        self.kept.clear()

    def __missing__(self, key: bytes) -> tuple[bytes, int, int]:
        morpheme = self._tagger.morpheme(key.decode(), self.text)
        if self._filters:
            self.kept[key] = is_kept(morpheme, self._wanted)
        values = Token(morpheme.surface, 0, 0, morpheme).to_dict(self._plan)
        is_csv = self._wanted.format == "csv"
        written = ROW + csv_cells(values.values()) if is_csv else orjson.dumps(values)[:-1] + b',"start":'
        length = len(morpheme.surface)
        piece = self[key] = written, length, length << _STEP
        return piece


class _Offsets(dict[int, bytes]):
    """``start << _STEP | length`` -> the start and the end of a token as they are written."""

    def __init__(self, template: bytes) -> None:
        super().__init__()
        self._template = template

    def __missing__(self, code: int) -> bytes:
        start = code >> _STEP
        written = self._template % (start, start + (code & (1 << _STEP) - 1))
        if len(self) < _MOST_OFFSETS:
            self[code] = written
        return written


class Analyser:
    """Tokenizes texts and writes the tokens in a format."""

    def __init__(self, tagger: Tagger, wanted: Wanted) -> None:
        self.tagger = tagger
        self.wanted = wanted
        self._pieces = _Pieces(tagger, wanted)
        self._offsets = _Offsets(_OFFSETS.get(wanted.format, b""))
        self._filters = wanted.filters
        self._plan = plan((*wanted.fields, *(("normalized",) if wanted.normalize else ())), tagger.layout)
        self._sentence = SentenceWriter()
        self._morphemes: dict[str, Morpheme] = {}  # key of a token -> its entry
        self._write: Callable[[Analysed], Result] = getattr(self, f"_{wanted.format}")

    def __call__(self, texts: Sequence[str]) -> list[Result | RecordError]:
        return self.finish(self.begin(texts))

    def begin(self, texts: Sequence[str]) -> list[Analysed]:
        """Let MeCab analyse the texts; during most of it other threads go on."""
        wanted = self.wanted
        given, texts = texts, self._prepared(texts)
        shown = texts if self._are_plain(texts) else list(map(self._shown, texts))
        if wanted.format == "mecab":
            printed = self.tagger.plain_all(shown)
        elif wanted.format == "wakati" and not self._filters:
            printed = self.tagger.surfaces_all(shown)
        else:
            printed = self.tagger.parse_all(shown)
        return list(map(Analysed, texts, shown, printed, map(ne, texts, given)))

    def _prepared(self, texts: Sequence[str]) -> Sequence[str]:
        """Return the texts as offsets count them: CoNLL-U is in NFC."""
        return [unicodedata.normalize("NFC", text) for text in texts] if self.wanted.format == "conllu" else texts

    def finish(self, texts: Sequence[Analysed]) -> list[Result | RecordError]:
        """Write the tokens of the texts that ``begin`` has analysed."""
        return [self._write(text) if len(text.text) <= LONGEST else self._write_long(text) for text in texts]

    def _write_long(self, text: Analysed) -> Result | RecordError:
        fields, entry = self._write(text)
        return fields, entry | {"n_pieces": len(split_long(text.shown))}

    def _are_plain(self, texts: Sequence[str]) -> bool:
        """Return whether MeCab is given the texts as they are."""
        return not self.wanted.normalize and not any(map(_CONTROL.search, texts))

    def _jsonl(self, text: Analysed) -> Result:
        joined = self._pieces_of(text)
        if joined is None:
            return self._jsonl_with_offsets(text)
        if not joined:
            return {"tokens": b"[]"}, self._entry(text)
        joined[0] = b"[" + joined[0]
        joined[-1] = joined[-1][:-1] + b"]"
        return {"tokens": b"".join(joined)}, self._entry(text)

    def _csv(self, text: Analysed) -> Result:
        """Write a row for each token, ``ROW`` before it and an empty cell behind it."""
        joined = self._pieces_of(text)
        if joined is None:
            tokens = self._kept(self._tokens(text))
            joined = [ROW + csv_cells(token.to_dict(self._plan).values()) + b"\n" for token in tokens]
        return {"": b"".join(joined)}, {"n_unknown": text.n_unknown}

    def _entry(self, text: Analysed) -> dict[str, Any]:
        entry: dict[str, Any] = {"model": self.tagger.name}
        if self.wanted.normalize:
            entry["normalize"] = "nfkc"
        return entry | {"n_unknown": text.n_unknown}

    def _pieces_of(self, text: Analysed) -> list[bytes] | None:
        """Return the pieces and the offsets of the tokens in turn, to be joined; None if MeCab was given another text."""
        if text.shown is not text.text or self.wanted.normalize:
            return None
        if not text.printed:
            return []
        pieces, offsets = self._pieces, self._offsets
        if len(pieces) > _MOST_PIECES:
            pieces.forget()
        pieces.text = text.shown
        keys = text.printed.split(b"\n")
        joined: list[bytes] = []
        append = joined.append
        start = 0
        for key in keys:
            written, length, step = pieces[key]
            append(written)
            append(offsets[start | length])
            start += step
        if start >> _STEP != len(text.text):  # MeCab leaves blanks out
            surfaces = [key.decode().partition("\t")[0] for key in keys]
            joined[1::2] = [offsets[start << _STEP | end - start] for start, end in spans(text.text, surfaces)]
        if self._filters:
            kept = [pieces.kept[key] for key in keys]
            joined = list(compress(joined, chain.from_iterable(zip(kept, kept, strict=True))))
        return joined

    def _jsonl_with_offsets(self, text: Analysed) -> Result:
        """Write tokens of a text that was changed for MeCab."""
        tokens = self._kept(self._tokens(text))
        return {"tokens": orjson.dumps([token.to_dict(self._plan) for token in tokens])}, self._entry(text)

    def _shown(self, text: str) -> str:
        """Return the text as MeCab gets it."""
        return for_mecab(self._normalized(text))

    def _normalized(self, text: str) -> str:
        return unicodedata.normalize("NFKC", text) if self.wanted.normalize else text

    def _tokens(self, analysed: Analysed, keys: Sequence[str] | None = None) -> list[Token]:
        """Return the tokens of a text, with offsets into it whatever was normalised or replaced for MeCab."""
        text, shown = analysed.text, analysed.shown
        normalized = self._normalized(text)
        origins = nfkc_origins(text) if normalized != text else None
        if keys is None:
            keys = analysed.printed.decode().split("\n") if analysed.printed else []
        if len(self._morphemes) > _MOST_PIECES:
            self._morphemes.clear()
        for key in set(keys).difference(self._morphemes):
            self._morphemes[key] = self.tagger.morpheme(key, shown)
        morphemes = [self._morphemes[key] for key in keys]
        tokens = []
        for (start, end), morpheme in zip(
            spans(shown, [morpheme.surface for morpheme in morphemes]), morphemes, strict=True
        ):
            word = normalized[start:end] if self.wanted.normalize else None
            if origins is not None:
                start, end = origins[start][0], origins[end - 1][1]
            tokens.append(Token(text[start:end], start, end, morpheme, word))
        return tokens

    def _kept(self, tokens: list[Token]) -> list[Token]:
        return list(filter(self._keeps, tokens)) if self._filters else tokens

    def _keeps(self, token: Token) -> bool:
        return is_kept(token.morpheme, self.wanted)

    def _wakati(self, text: Analysed) -> Result:
        normalized = self._normalized(text.text)
        if self._filters:
            words = [token.normalized or token.surface for token in self._kept(self._tokens(text))]
        elif text.shown == normalized and not _TO_ESCAPE.search(normalized) and b" " not in text.printed:
            return {"": text.printed.replace(b"\n", b" ") + b"\n"}, {}
        else:
            surfaces = text.printed.decode().split("\n") if text.printed else []
            words = [normalized[start:end] for start, end in spans(text.shown, surfaces)]
        return {"": wakati_line(words)}, {}

    def _mecab(self, text: Analysed) -> Result:
        return {"": text.printed + b"\n"}, {"n_control": len(_CONTROL.findall(text.text))}

    def _tsv(self, text: Analysed) -> Result:
        rows = [tsv_row(token.to_dict(self._plan)) for token in self._kept(self._tokens(text))]
        return {"": "".join([*rows, "\n"]).encode()}, {"n_unknown": text.n_unknown}

    def _conllu(self, text: Analysed) -> Result:
        keeps = self._keeps if self._filters else None
        written = self._sentence(text.text, self._tokens(text), keeps=keeps)
        return {"": written}, {"n_unknown": text.n_unknown, "n_composed": int(text.is_composed)}


def csv_cells(values: Iterable[Any]) -> bytes:
    """Return the cells of a row of CSV, each with a comma behind it."""
    return csv_line([as_text(value).encode() for value in values] + [b""])[:-1]


def tsv_row(fields: Mapping[str, Any]) -> str:
    """Return the line of a token."""
    cells = ["" if cell is None else str(cell).translate(_TSV_ESCAPES) for cell in fields.values()]
    return "\t".join(cells) + "\n"


def wakati_line(words: Iterable[str]) -> bytes:
    """Return words with blanks between them, from which they can be had back."""
    return " ".join(map(_escaped, words)).encode() + b"\n"


def _escaped(word: str) -> str:
    """Escape white space and backslashes as JSON would, so that splitting at blanks gives the tokens back."""
    return "".join(
        "\\\\" if char == "\\" else f"\\u{ord(char):04x}" if char.isspace() or char == "\0" else char for char in word
    )
