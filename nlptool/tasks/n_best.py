"""The N best analyses of a text, in the formats of ``token_formats``.

JSON has the tokens of the best one as ``tokens``, and all of them with their costs as ``n_best``. ``wakati`` and ``mecab`` are as
with the option -N of the mecab command: one analysis behind the other. Formats with a row for each token have the columns
``analysis``, from 1 for the best, and ``cost``. In CoNLL-U each analysis is a sentence, its number behind its record's: 3-2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from nlptool.errors import RecordError
from nlptool.models.japanese.tagger import LONGEST, UNKNOWN
from nlptool.tasks.token_formats import ROW, Analysed, Analyser, Result, csv_cells, tsv_row, wakati_line
from nlptool.tasks.tokens import Token


class _Analysis(NamedTuple):
    number: int  # from 1, the best
    cost: int  # MeCab's; lower is better
    tokens: list[Token]


class NBestAnalyser(Analyser):
    """Tokenizes texts and writes the best analyses of each in a format."""

    def begin(self, texts: Sequence[str]) -> list[Analysed]:
        """Leave all to ``finish``: MeCab gives several analyses for one text a call alone."""
        prepared = self._prepared(texts)
        return [
            Analysed(text, self._shown(text), b"", text != given) for text, given in zip(prepared, texts, strict=True)
        ]

    def _write_long(self, text: Analysed) -> RecordError:
        return RecordError(
            "TooLong", f"--n-best takes texts of up to {LONGEST:,} characters, this has {len(text.text):,}"
        )

    def _analyses(self, text: Analysed) -> tuple[list[_Analysis], dict[str, Any]]:
        """Return the analyses, with all tokens, and the entry."""
        paths = self.tagger.n_best(text.shown, self.wanted.n_best)
        analyses = [_Analysis(number, cost, self._tokens(text, path)) for number, (cost, path) in enumerate(paths, 1)]
        n_unknown = sum(key.split("\t")[1].endswith(UNKNOWN) for key in paths[0][1])
        return analyses, self._entry(text) | {"n_unknown": n_unknown}

    def _rows_of(self, analyses: Sequence[_Analysis]) -> Iterator[dict[str, Any]]:
        for number, cost, tokens in analyses:
            for token in self._kept(tokens):
                yield {"analysis": number, "cost": cost} | token.to_dict(self._plan)

    def _jsonl(self, text: Analysed) -> Result:
        analyses, entry = self._analyses(text)
        written = [
            {"cost": cost, "tokens": [token.to_dict(self._plan) for token in self._kept(tokens)]}
            for _, cost, tokens in analyses
        ]
        return {"tokens": orjson.dumps(written[0]["tokens"]), "n_best": orjson.dumps(written)}, entry

    def _rows(self, text: Analysed) -> Result:
        """Write JSON that has the rows of a table as its ``tokens``."""
        analyses, entry = self._analyses(text)
        return {"tokens": orjson.dumps(list(self._rows_of(analyses)))}, entry

    def _csv(self, text: Analysed) -> Result:
        analyses, entry = self._analyses(text)
        rows = [ROW + csv_cells(row.values()) + b"\n" for row in self._rows_of(analyses)]
        return {"": b"".join(rows)}, entry

    def _tsv(self, text: Analysed) -> Result:
        analyses, entry = self._analyses(text)
        return {"": "".join([*map(tsv_row, self._rows_of(analyses)), "\n"]).encode()}, entry

    def _wakati(self, text: Analysed) -> Result:
        lines = [
            wakati_line([token.normalized or token.surface for token in self._kept(tokens)])
            for _, _, tokens in self._analyses(text)[0]
        ]
        return {"": b"".join(lines)}, {}

    def _mecab(self, text: Analysed) -> Result:
        _, entry = super()._mecab(text)
        return {"": self.tagger.plain_n_best(text.shown, self.wanted.n_best).encode() + b"\n"}, entry

    def _conllu(self, text: Analysed) -> Result:
        analyses, entry = self._analyses(text)
        keeps = self._keeps if self._filters else None
        sentences = [
            self._sentence(text.text, tokens, keeps=keeps, name=f"-{number}", comments=[f"cost = {cost}"])
            for number, cost, tokens in analyses
        ]
        return {"": b"".join(sentences)}, {"n_unknown": entry["n_unknown"], "n_composed": int(text.is_composed)}
