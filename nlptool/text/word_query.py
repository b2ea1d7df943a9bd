"""Words that are looked for among the tokens of a text, as they are spelled or by their lemmas.

A word may be several tokens: 吾輩は is found where a token begins with it and another ends with it. Where it has blanks, a token
ends, and any white space may stand between that one and the next: ``the cat`` finds "the  cat", 白い 猫 finds 白い猫.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from nlptool.text.query_tree import Literal, Needs, Token

_BETWEEN = r"\s*"


class WordQuery:
    """Words that are looked for.

    Args:
        words: each with something else than blanks.
        by: surface | lemma. A lemma is that of one token; words with blanks are those of several.
        ignore_case: whether capital and small letters are the same.

    Attributes:
        needs: what every match must have, as of ``TokenQuery``.
        fields: the names of the fields that are compared.
    """

    def __init__(self, words: Sequence[str], *, by: str = "surface", ignore_case: bool = False) -> None:
        self.ignore_case = ignore_case
        self.fields = frozenset((by,))
        parts = [word.split() for word in words]
        longest: list[Literal] = [(by, max(each, key=len)) for each in parts]
        self.needs: Needs = (frozenset(longest),)
        self._lemmas = [list(map(self._folded, each)) for each in parts] if by == "lemma" else []
        flags = re.IGNORECASE if ignore_case else re.NOFLAG
        self._patterns: list[re.Pattern[str]] = []
        if by == "surface":  # in a lookahead, so that matches may overlap
            groups = [[f"({re.escape(part)})" for part in each] for each in parts]
            self._patterns = [re.compile(f"(?={_BETWEEN.join(each)})", flags) for each in groups]

    def matches(self, text: str, tokens: Sequence[Token]) -> list[tuple[int, int]]:
        """Return the matches in a text as pairs of the first token and the one behind the last.

        A match is the leftmost one, and of these the longest; matches do not overlap.
        """
        found = sorted(self._all(text, tokens), key=lambda place: (place[0], -place[1]))
        kept: list[tuple[int, int]] = []
        for first, last in found:
            if not kept or first >= kept[-1][1]:
                kept.append((first, last))
        return kept

    def _all(self, text: str, tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
        """Yield the matches of each word."""
        if self._patterns:
            places = [place for pattern in self._patterns for place in pattern.finditer(text)]
            if not places:
                return
            starts = {token["start"]: number for number, token in enumerate(tokens)}
            ends = {token["end"]: number for number, token in enumerate(tokens, 1)}
            for place in places:
                spans = place.regs[1:]
                if all(start in starts and end in ends for start, end in spans):
                    yield starts[spans[0][0]], ends[spans[-1][1]]
            return
        lemmas = [self._folded(token.get("lemma") or "") for token in tokens]
        for wanted in self._lemmas:
            for number, lemma in enumerate(lemmas):
                if lemma == wanted[0] and lemmas[number : number + len(wanted)] == wanted:
                    yield number, number + len(wanted)

    def _folded(self, word: str) -> str:
        return word.casefold() if self.ignore_case else word
