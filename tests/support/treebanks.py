"""A treebank of simple sentences, made of a few words."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

NOUNS = ("猫", "犬", "鳥", "魚", "子供", "先生")
VERBS = ("見る", "追う", "食べる", "呼ぶ")


def sentence(words: Sequence[str], heads: Sequence[int], parts: Sequence[str], *, comment: str = "") -> str:
    """A sentence of CoNLL-U without blanks between its words."""
    rows = [
        "\t".join([str(number), word, "_", part, "_", "_", str(head), "_", "_", "SpaceAfter=No"])
        for number, (word, head, part) in enumerate(zip(words, heads, parts, strict=True), 1)
    ]
    return "\n".join([*([comment] if comment else []), *rows, "", ""])


def sentences() -> Iterator[str]:
    """猫が魚を食べる。 and longer ones, whose trees are known."""
    for subject, thing, verb in itertools.product(NOUNS, NOUNS, VERBS):
        if subject != thing:
            yield sentence(
                (subject, "が", thing, "を", verb, "。"),
                (5, 1, 5, 3, 0, 5),
                ("NOUN", "ADP", "NOUN", "ADP", "VERB", "PUNCT"),
            )
            yield sentence(
                (subject, "の", thing, "が", "庭", "で", verb, "。"), (3, 1, 7, 3, 7, 5, 0, 7),
                ("NOUN", "ADP", "NOUN", "ADP", "NOUN", "ADP", "VERB", "PUNCT"),
            )  # fmt: skip


def write(path: Path, n_sentences: int) -> Path:
    """Write every third, ... sentence, so that all words come."""
    every = list(sentences())
    path.write_text("".join(every[:: max(1, len(every) // n_sentences)]), encoding="utf-8")
    return path
