"""The tokens of a text in a format: JSON, wakati, MeCab's own, CoNLL-U, TSV, CSV.

Except for its offsets, the JSON of a token is always the same, so it is made once for each distinct token and kept; a text
then costs one look-up a token and one join.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, compress
from typing import Any

import orjson

from nlptool.errors import RecordError
from nlptool.models.japanese.tagger import LONGEST, UNKNOWN, Tagger, for_mecab, spans, split_long
from nlptool.records.formats.cells import as_text
from nlptool.records.formats.csv import csv_line
from nlptool.tasks.tokens import Token, Wanted, is_kept, plan
from nlptool.tasks.universal_pos import upos
from nlptool.text.normalization import nfkc_origins

_MOST_PIECES = 400_000  # distinct tokens kept; about 80 MB
_MOST_OFFSETS = 20_000  # characters; the offsets of longer texts are formatted anew
_UNEVEN = re.compile(r"[\x00-\x20\x7f]")  # MeCab leaves blanks out, and is shown pictures of control characters
_TO_ESCAPE = re.compile(r"[\s\\\x00-\x1f\x7f]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TSV_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

ROW = b"\xff"
"""Stands before each row of CSV, where the cells of the record come; no byte of UTF-8."""

_BEHIND_OFFSETS = {"jsonl": (b'%d,"end":', b"%d},"), "csv": (b"%d,", b"%d,\n")}
"""Format -> what is written for the start and the end of a token; behind those of CSV is the cell of the error."""

Result = tuple[dict[str, bytes], dict[str, Any]]
"""JSON by field name (or the whole output under ``""``), and the record's entry."""


class _Pieces(dict[str, tuple[bytes, int]]):
    """Key of a token -> its JSON or CSV up to its start, and its length in characters."""

    def __init__(self, tagger: Tagger, wanted: Wanted) -> None:
        super().__init__()
        self.text = ""  # the text that the tokens are of
        self.kept: dict[str, bool] = {}
        self._tagger = tagger
        self._wanted = wanted
        self._filters = wanted.filters
        self._plan = plan((name for name in wanted.fields if name not in ("start", "end")), tagger.layout)

    def forget(self) -> None:
        self.clear()
        self.kept.clear()

    def __missing__(self, key: str) -> tuple[bytes, int]:
        morpheme = self._tagger.morpheme(key, self.text)
        if self._filters:
            self.kept[key] = is_kept(morpheme, self._wanted)
        values = Token(morpheme.surface, 0, 0, morpheme).to_dict(self._plan)
        is_csv = self._wanted.format == "csv"
        written = ROW + csv_cells(values.values()) if is_csv else orjson.dumps(values)[:-1] + b',"start":'
        piece = self[key] = written, len(morpheme.surface)
        return piece


class Analyser:
    """Tokenizes texts and writes the tokens in a format."""

    def __init__(self, tagger: Tagger, wanted: Wanted) -> None:
        self.tagger = tagger
        self.wanted = wanted
        self._pieces = _Pieces(tagger, wanted)
        self._starts: list[bytes] = []
        self._ends: list[bytes] = []
        self._filters = wanted.filters
        self._plan = plan((*wanted.fields, *(("normalized",) if wanted.normalize else ())), tagger.layout)
        self._conllu_plan = plan(("lemma", "pos", "pos_detail", "conjugation_type", "reading"), tagger.layout)
        self._behind_start, self._behind_end = _BEHIND_OFFSETS.get(wanted.format, (b"", b""))
        self._even = not wanted.normalize and wanted.n_best == 1
        self._write: Callable[[str], Result] = getattr(self, f"_{wanted.format}")

    def __call__(self, texts: Sequence[str]) -> list[Result | RecordError]:
        return [self._write(text) if len(text) <= LONGEST else self._write_long(text) for text in texts]

    def _write_long(self, text: str) -> Result | RecordError:
        if self.wanted.n_best > 1:
            return RecordError(
                "TooLong", f"--n-best takes texts of up to {LONGEST:,} characters, this has {len(text):,}"
            )
        fields, entry = self._write(text)
        return fields, entry | {"n_pieces": len(split_long(self._shown(text)))}

    def _jsonl(self, text: str) -> Result:
        pieces = self._even_pieces(text)
        if pieces is None:
            return self._jsonl_with_offsets(text)
        joined, entry = pieces
        if not joined:
            return {"tokens": b"[]"}, entry
        joined[0] = b"[" + joined[0]
        joined[-1] = joined[-1][:-1] + b"]"
        return {"tokens": b"".join(joined)}, entry

    def _csv(self, text: str) -> Result:
        """Write a row for each token, ``ROW`` before it and an empty cell behind it."""
        pieces = self._even_pieces(text)
        if pieces is not None:
            return {"": b"".join(pieces[0])}, pieces[1]
        tokens = self._tokens(text)
        rows = [ROW + csv_cells(token.to_dict(self._plan).values()) + b"\n" for token in self._kept(tokens)]
        return {"": b"".join(rows)}, {"n_unknown": _n_unknown(tokens)}

    def _even_pieces(self, text: str) -> tuple[list[bytes], dict[str, Any]] | None:
        """Return the pieces of the tokens with their offsets, to be joined, and the entry.

        None if the offsets are not the sums of the tokens' lengths.
        """
        uneven = _UNEVEN.search(text) is not None
        if not self._even or (uneven and _CONTROL.search(text)):
            return None
        parsed = self.tagger.parse(text)
        entry = {"model": self.tagger.name, "n_unknown": parsed.count(f"{UNKNOWN}\n") + parsed.endswith(UNKNOWN)}
        if not parsed:
            return [], entry
        keys = parsed.split("\n")
        pieces = self._pieces
        if len(pieces) > _MOST_PIECES:
            pieces.forget()
        pieces.text = text
        tokens, lengths = zip(*[pieces[key] for key in keys], strict=True)
        ends = list(accumulate(lengths))
        starts = [0, *ends[:-1]]
        if uneven or ends[-1] != len(text):
            offsets = spans(text, [key.partition("\t")[0] for key in keys])
            starts, ends = [start for start, _ in offsets], [end for _, end in offsets]
        if self._filters:
            kept = list(map(pieces.kept.__getitem__, keys))
            tokens, starts, ends = (list(compress(column, kept)) for column in (tokens, starts, ends))  # type: ignore[assignment]
        return self._with_offsets(tokens, starts, ends), entry

    def _with_offsets(self, pieces: Sequence[bytes], starts: list[int], ends: list[int]) -> list[bytes]:
        """Return piece, start, end, piece ... with what stands behind a start and an end."""
        if not pieces:
            return []
        joined: list[bytes] = [b""] * (3 * len(pieces))
        joined[0::3] = pieces
        if ends[-1] < _MOST_OFFSETS:
            while len(self._starts) <= ends[-1]:
                number = len(self._starts)
                self._starts.append(self._behind_start % number)
                self._ends.append(self._behind_end % number)
            joined[1::3] = map(self._starts.__getitem__, starts)
            joined[2::3] = map(self._ends.__getitem__, ends)
        else:
            joined[1::3] = map(self._behind_start.__mod__, starts)
            joined[2::3] = map(self._behind_end.__mod__, ends)
        return joined

    def _jsonl_with_offsets(self, text: str) -> Result:
        """Write offsets that are not the sums of the tokens' lengths, or several analyses."""
        entry: dict[str, Any] = {"model": self.tagger.name}
        if self.wanted.normalize:
            entry["normalize"] = "nfkc"
        if self.wanted.n_best > 1:
            paths = self.tagger.n_best(self._shown(text), self.wanted.n_best)
            written = [
                {"cost": cost, "tokens": [token.to_dict(self._plan) for token in self._kept(self._tokens(text, path))]}
                for cost, path in paths
            ]
            entry["n_unknown"] = sum(key.split("\t")[1].endswith(UNKNOWN) for key in paths[0][1])
            return {"tokens": orjson.dumps(written[0]["tokens"]), "n_best": orjson.dumps(written)}, entry
        tokens = self._tokens(text)
        entry["n_unknown"] = _n_unknown(tokens)
        return {"tokens": orjson.dumps([token.to_dict(self._plan) for token in self._kept(tokens)])}, entry

    def _shown(self, text: str) -> str:
        """Return the text as MeCab gets it."""
        return for_mecab(unicodedata.normalize("NFKC", text) if self.wanted.normalize else text)

    def _tokens(self, text: str, keys: Sequence[str] | None = None) -> list[Token]:
        """Return the tokens of ``text``, with offsets into it whatever was normalised or replaced for MeCab."""
        normalized = unicodedata.normalize("NFKC", text) if self.wanted.normalize else text
        shown = for_mecab(normalized)
        origins = nfkc_origins(text) if normalized != text else None
        if keys is None:
            parsed = self.tagger.parse(shown)
            keys = parsed.split("\n") if parsed else []
        morphemes = [self.tagger.morpheme(key, shown) for key in keys]
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
        return [token for token in tokens if is_kept(token.morpheme, self.wanted)] if self._filters else tokens

    def _wakati(self, text: str) -> Result:
        if self._even and not self._filters and not _TO_ESCAPE.search(text):
            return {"": f"{self.tagger.wakati(text)}\n".encode()}, {}
        if self._even and not self._filters and not _CONTROL.search(text):
            words = [key.partition("\t")[0] for key in self.tagger.parse(text).split("\n")]
        else:
            words = [token.normalized or token.surface for token in self._kept(self._tokens(text))]
        return {"": " ".join(map(_escaped, words)).encode() + b"\n"}, {}

    def _mecab(self, text: str) -> Result:
        return {"": self.tagger.plain(self._shown(text)).encode()}, {
            "n_control": len(_CONTROL.findall(text)),
        }

    def _tsv(self, text: str) -> Result:
        rows = []
        tokens = self._tokens(text)
        for token in self._kept(tokens):
            cells = token.to_dict(self._plan).values()
            rows.append("\t".join("" if cell is None else str(cell).translate(_TSV_ESCAPES) for cell in cells) + "\n")
        return {"": ("".join(rows) + "\n").encode()}, {"n_unknown": _n_unknown(tokens)}

    def _conllu(self, text: str) -> Result:
        """https://universaldependencies.org/format.html, with UPOS by ``upos`` and no heads."""
        lines = [f"# text = {_CONTROL.sub(' ', text)}"]
        all_tokens = self._tokens(text)
        tokens = self._kept(all_tokens)
        for number, token in enumerate(tokens, 1):
            named = token.to_dict(self._conllu_plan)
            xpos = "-".join(filter(None, (named["pos"], named["pos_detail"], named["conjugation_type"])))
            after = tokens[number].start if number < len(tokens) else len(text)
            misc = [] if after > token.end else ["SpaceAfter=No"]
            if named["reading"]:
                misc.append(f"Reading={named['reading']}")
            columns = (
                str(number),
                _CONTROL.sub(" ", token.surface),
                _CONTROL.sub(" ", named["lemma"]),
                upos(xpos),
                xpos,
                "_", "_", "_", "_",
                "|".join(misc) or "_",
            )  # fmt: skip
            lines.append("\t".join(columns))
        return {"": ("\n".join(lines) + "\n\n").encode()}, {"n_unknown": _n_unknown(all_tokens)}


def csv_cells(values: Iterable[Any]) -> bytes:
    """Return the cells of a row of CSV, each with a comma behind it."""
    return csv_line([as_text(value).encode() for value in values] + [b""])[:-1]


def _n_unknown(tokens: list[Token]) -> int:
    return sum(token.morpheme.is_unknown for token in tokens)


def _escaped(word: str) -> str:
    """Escape white space and backslashes as JSON would, so that splitting at blanks gives the tokens back."""
    return "".join(
        "\\\\" if char == "\\" else f"\\u{ord(char):04x}" if char.isspace() or char == "\0" else char for char in word
    )
