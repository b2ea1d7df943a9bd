"""Texts with the readings of their kanji beside them, and readings of numbers: `tokenize --ruby` and `--numbers`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import orjson

from nlptool.models.japanese.tagger import Tagger
from nlptool.tasks.amounts import ReadAmount, read_amounts
from nlptool.tasks.token_formats import Analysed, Analyser, Result
from nlptool.tasks.tokens import Token, Wanted
from nlptool.text.furigana import Part, aligned, has_kanji
from nlptool.text.kana import is_kana, to_hiragana
from nlptool.text.ruby import marked

_MOST_WORDS = 200_000  # parts of words that are kept; about 60 MB
_LINE_END = re.compile(r"\r?\n|\r")

_FAMILY = {"母": "カア", "父": "トウ", "兄": "ニイ", "姉": "ネエ", "祖父": "ジイ", "祖母": "バア"}
"""Readings of relatives before さん, 様 and ちゃん, where MeCab has ハハ, チチ."""

_POLITE = frozenset(("さん", "さま", "様", "ちゃん"))


class RubyAnalyser(Analyser):
    """Tokenizes texts, and writes them with the readings of their kanji, or the readings of their numbers beside the tokens."""

    def __init__(self, tagger: Tagger, wanted: Wanted) -> None:
        super().__init__(tagger, wanted)
        self._parts: dict[tuple[str, str], list[Part]] = {}  # surface and reading -> its parts

    def _jsonl(self, text: Analysed) -> Result:
        fields, entry = super()._jsonl(text)
        tokens = self._tokens(text)
        amounts = read_amounts(text.text, tokens)
        if self.wanted.numbers:
            fields["numbers"] = orjson.dumps([_as_json(text.text, tokens, amount) for amount in amounts])
        if self.wanted.ruby is not None:
            fields["ruby"] = orjson.dumps(self._marked(text.text, tokens, amounts))
        return fields, entry

    def _text(self, text: Analysed) -> Result:
        tokens = self._tokens(text)
        written = self._marked(text.text, tokens, read_amounts(text.text, tokens))
        return {"": _LINE_END.sub(" ", written).encode() + b"\n"}, {"n_unknown": text.n_unknown}

    def _marked(self, text: str, tokens: Sequence[Token], amounts: Sequence[ReadAmount]) -> str:
        return marked(self._all_parts(text, tokens, amounts), self.wanted.ruby or "html")

    def _all_parts(self, text: str, tokens: Sequence[Token], amounts: Sequence[ReadAmount]) -> Iterator[Part]:
        """Yield the parts of a text, which make it up."""
        end = 0
        firsts = {amount.first: amount for amount in amounts}
        index = 0
        while index < len(tokens):
            amount = firsts.get(index)
            after = index + 1 if amount is None else amount.last
            start, stop = tokens[index].start, tokens[after - 1].end
            if start > end:
                yield Part(text[end:start])
            if start < end:  # --normalize made several tokens of one character
                if stop > end:
                    yield Part(text[end:stop])
            elif self._filters and not any(map(self._keeps, tokens[index:after])):
                yield Part(text[start:stop])
            else:
                yield from self._amount(text[start:stop], amount) if amount else self._word(tokens, index)
            end = max(end, stop)
            index = after
        if end < len(text):
            yield Part(text[end:])

    def _amount(self, surface: str, amount: ReadAmount) -> list[Part]:
        if not (self.wanted.numbers or has_kanji(surface)):
            return [Part(surface)]
        reading = to_hiragana(amount.reading)
        end = len(surface)  # of what needs a reading: the kana of 三つ and 10キロ need none
        while end > 1 and is_kana(surface[end - 1]) and reading.endswith(to_hiragana(surface[end - 1 :])):
            end -= 1
        said = reading[: len(reading) - (len(surface) - end)]
        return [Part(surface[:end], said), *([Part(surface[end:])] if end < len(surface) else [])]

    def _word(self, tokens: Sequence[Token], index: int) -> list[Part]:
        token = tokens[index]
        reading = token.morpheme.feature("reading") or ""
        if token.surface in _FAMILY and index + 1 < len(tokens) and tokens[index + 1].surface in _POLITE:
            reading = _FAMILY[token.surface]
        key = token.surface, reading
        found = self._parts.get(key)
        if found is None:
            if len(self._parts) > _MOST_WORDS:
                self._parts.clear()
            found = self._parts[key] = aligned(*key)
        return found


def _as_json(text: str, tokens: Sequence[Token], amount: ReadAmount) -> dict[str, object]:
    start, end = tokens[amount.first].start, tokens[amount.last - 1].end
    return {"surface": text[start:end], "reading": amount.reading, "start": start, "end": end}
