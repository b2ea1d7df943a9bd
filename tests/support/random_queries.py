"""Random queries for `nlptool kwic`, and whether what it finds stands in the text where it says."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

from nlptool.models.words.token_maker import TokenMaker
from nlptool.tasks.kwic_hits import Finder, KwicSettings

Token = dict[str, Any]


def settings(tokens: Sequence[Token], text: str, numbers: random.Random) -> KwicSettings:
    """Return what is looked for: words, pieces of the text, lemmas, or patterns made of the tokens, with some context."""
    words: tuple[str, ...] = ()
    query, by = None, numbers.choice(("surface", "lemma"))
    kind = numbers.randrange(4)
    first = numbers.randrange(len(tokens))
    run = tokens[first : first + numbers.randint(1, 3)]
    if kind == 0:
        words, by = tuple(token["surface"] for token in run if token["surface"].strip()) or ("の",), "surface"
    elif kind == 1:
        start = numbers.randrange(len(text))
        words, by = (text[start : start + numbers.randint(1, 4)].strip() or "猫",), "surface"
    elif kind == 2:
        words, by = (" ".join(token["lemma"] for token in run if token["lemma"].strip()) or "猫",), "lemma"
    else:
        query = " ".join(_part(token, numbers) for token in run) + numbers.choice(("", " []?", " []{0,2} 助詞"))
    return KwicSettings(
        words, query, by=by, context=numbers.choice((0, 1, 3, 10, 1000)), in_characters=numbers.random() < 0.5,
        sort=numbers.choice(("file", "left", "right")), ignore_case=numbers.random() < 0.2,
    )  # fmt: skip


def _part(token: Token, numbers: random.Random) -> str:
    if '"' in token["surface"] or not token["surface"].strip():
        return "[]"
    spelled, lemma = re.escape(token["surface"]), re.escape(token["lemma"])
    return numbers.choice(
        (f'"{spelled}"', f'[lemma="{lemma}"]', f'[pos="{token["pos"]}"]', "[]", f'[surface!="{spelled}"]', f'"{spelled}"+',
         f'("{spelled}" | [lemma="{lemma}"])', f'[pos="{token["pos"][:2]}.*" & lemma="{lemma}"]')
    )  # fmt: skip


def check(texts: Sequence[str], n: int, seed: int) -> int:
    """Check the hits of ``n`` random queries, each in one of the texts; return how many there were.

    Raises:
        AssertionError: a hit is not what the query asks for, or its context is not the text around it.
    """
    numbers = random.Random(seed)
    tokenized = list(zip(texts, TokenMaker()(texts), strict=True))
    tokenized = [(text, tokens) for text, tokens in tokenized if tokens]
    for token in (token for _, tokens in tokenized for token in tokens):
        token["lemma"] = token["lemma"] or token["surface"]
        token["pos"] = token["pos"] or "名詞"
    n_hits = 0
    for _ in range(n):
        text, tokens = numbers.choice(tokenized)
        wanted = settings(tokens, text, numbers)
        found = Finder(wanted)([text])[0]
        starts, ends = {token["start"] for token in tokens}, {token["end"] for token in tokens}
        for hit in found.hits:
            n_hits += 1
            assert 0 <= hit.left <= hit.start < hit.end <= hit.right <= len(text), (wanted, text, hit)
            assert hit.start in starts and hit.end in ends, (wanted, text, hit)
            said = text[hit.start : hit.end]
            if wanted.words and wanted.by == "surface":
                folded = str.casefold if wanted.ignore_case else str
                asked = {"".join(map(folded, word.split())) for word in wanted.words}
                assert "".join(folded(said).split()) in asked, (wanted, text, hit)
            inside = [token for token in tokens if hit.start <= token["start"] and token["end"] <= hit.end]
            assert "".join(said.split()) == "".join("".join(token["surface"].split()) for token in inside)
            lemmas = [token["lemma"] for token in inside if not token["surface"].isspace()]
            assert hit.lemma in (None, " ".join(lemmas)) or len(inside) == 1, (wanted, text, hit)
            if wanted.words and wanted.by == "lemma" and not wanted.ignore_case:
                assert hit.lemma in {" ".join(word.split()) for word in wanted.words}, (wanted, text, hit)
            if wanted.in_characters:
                assert hit.start - hit.left == min(hit.start, wanted.context), (wanted, text, hit)
                assert hit.right - hit.end == min(len(text) - hit.end, wanted.context), (wanted, text, hit)
            else:
                before = [token for token in tokens if hit.left <= token["start"] and token["end"] <= hit.start]
                behind = [token for token in tokens if hit.end <= token["start"] and token["end"] <= hit.right]
                for side, most in (
                    (before, _n_words(tokens, 0, hit.start)),
                    (behind, _n_words(tokens, hit.end, len(text))),
                ):
                    n_words = sum(not token["surface"].isspace() for token in side)
                    assert n_words == min(most, wanted.context), (wanted, text, hit)
        if wanted.words and wanted.by == "surface" and len(wanted.words) == 1 and not wanted.ignore_case:
            expected = _all_of(wanted.words[0], text, starts, ends)
            assert [(hit.start, hit.end) for hit in found.hits] == expected, (wanted, text)
    return n_hits


def _n_words(tokens: Sequence[Token], start: int, end: int) -> int:
    return sum(start <= token["start"] and token["end"] <= end and not token["surface"].isspace() for token in tokens)


def _all_of(word: str, text: str, starts: set[int], ends: set[int]) -> list[tuple[int, int]]:
    """Return where a word stands from the beginning of a token to the end of one, by trying all beginnings."""
    kept: list[tuple[int, int]] = []
    for start in sorted(starts):
        end = _end_of(word.split(), text, start, starts, ends)
        if end and (not kept or start >= kept[-1][1]):
            kept.append((start, end))
    return kept


def _end_of(parts: Sequence[str], text: str, start: int, starts: set[int], ends: set[int]) -> int:
    """Return where words end that begin at ``start`` and have blanks between them at most; 0: they do not stand there."""
    end = start
    for number, part in enumerate(parts):
        while number and end < len(text) and text[end].isspace():
            end += 1
        if end not in starts or not text.startswith(part, end) or end + len(part) not in ends:
            return 0
        end += len(part)
    return end
