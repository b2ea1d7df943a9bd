"""The words of ``modern_ja_vectors``: which units of the corpus become words, and what MeCab and chiVe say of each."""

from __future__ import annotations

import lzma
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ja_contexts import Floats
from ja_units import Token, Units
from numpy.typing import NDArray

OLD_WEIGHT = 0.4  # of a word's count in the old works

N_WORDS = 117_000
RARE = {
    "lexical": 1, "noun": 2, "known": 3, "key": 3, "name": 6, "inflected": 6, "compound": 6, "unknown": 12,
    "key of other letters": 12, "other letters": 60,
}  # fmt: skip
"""What a word's count is divided by, for each kind, before the most frequent ones are chosen."""
LEAST_SOURCES = 4  # of a compound that is no key of chiVe: sources, and up to three occurrences in old works
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff々〆ヶー]+")
LEXICAL = {"動詞", "形容詞", "副詞", "形状詞", "感動詞", "代名詞", "連体詞", "接続詞"}
NOUN_LIKE = {"名詞", "接尾辞", "形状詞", "接頭辞", "代名詞", "副詞", "記号", "感動詞"}
INFLECTING = {"動詞", "形容詞", "助動詞"}
BASE_FORMS = {"終止形-一般", "連体形-一般", ""}
SEED, N_DIRECTIONS = 20, 64


@dataclass(frozen=True, slots=True)
class Chive:
    """chiVe as ja-ginza has it: 480,443 words on 20,000 vectors."""

    rows: dict[str, int]
    owners: dict[int, str]  # the word whose vector a row is; the others are near it
    vectors: Floats  # (20000, 300), unit

    @classmethod
    def read(cls, folder: Path) -> Chive:
        rows: dict[str, int] = {}
        owners: dict[int, str] = {}
        with lzma.open(folder / "keys.tsv.xz", "rt", encoding="utf-8") as file:
            for line in file:
                row, word = line.rstrip("\n").split("\t")
                owners.setdefault(int(row), word)
                rows.setdefault(word, int(row))
        return cls(rows, owners, np.load(folder / "vectors.f16.npy").astype(np.float32))

    def is_owner(self, word: str) -> bool:
        return word in self.rows and self.owners[self.rows[word]] == word


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The units of the corpus as words: what is known of each."""

    units: Units
    tokens: list[Token | None]  # the most frequent analysis; None of a compound
    counts: NDArray[np.float64]

    @classmethod
    def of(cls, units: Units) -> Lexicon:
        counts = units.counts("modern") + OLD_WEIGHT * units.counts("old")
        tokens = [None] * len(units.surfaces)
        known = {number: analyses.most_common(1)[0][0] for number, analyses in units.features.items()}
        return cls(units, [known.get(number) for number, _ in enumerate(tokens)], counts)

    def chosen(self, chive: Chive) -> NDArray[np.int64]:
        """Return the units that become words, the most frequent first. A word that owns its row of chiVe becomes one."""
        sources = self._sources()
        surfaces = self.units.surfaces
        divisors = np.array(
            [self._rareness(word, number, int(sources[number]), chive) for number, word in enumerate(surfaces)]
        )
        frequencies = np.where(divisors > 0, self.counts / np.where(divisors > 0, divisors, np.inf), np.inf)
        order = np.argsort(-frequencies, kind="stable")
        return self.by_frequency(order[:N_WORDS])

    def by_frequency(self, units: NDArray[np.int64]) -> NDArray[np.int64]:
        return units[np.argsort(-self.counts[units], kind="stable")]

    def _rareness(self, word: str, number: int, n_sources: int, chive: Chive) -> float:
        """Return what the word's count is divided by; 0 if it is chosen in any case, infinity if in none."""
        is_key, token = word in chive.rows, self.tokens[number]
        if not JAPANESE.fullmatch(word):
            return RARE["key of other letters" if is_key else "other letters"]
        if chive.is_owner(word):
            return 0
        if token is None:
            return RARE["key"] if is_key else RARE["compound"] if n_sources >= LEAST_SOURCES else np.inf
        is_base = token.conjugation_form in BASE_FORMS
        if is_key and is_base and token.base and (token.pos1 in LEXICAL or token.pos2 == "普通名詞"):
            return RARE["lexical"]
        if not token.base:
            return RARE["key" if is_key else "unknown"]
        if is_key and token.pos2 == "固有名詞":
            return RARE["key"]
        kinds = {"普通名詞": "noun", "固有名詞": "name"}
        return RARE[kinds.get(token.pos2, "known" if is_base else "inflected")]

    def _sources(self) -> NDArray[np.int64]:
        """Return in how many sources of the modern text each compound occurs; up to three occurrences in old works count too."""
        part = self.units.parts["modern"]
        names = {source: number for number, source in enumerate(dict.fromkeys(part.sources))}
        source_of = np.array([names[source] for source in part.sources])
        document = np.searchsorted(part.line_ends[part.document_ends - 1], part.compounds[0], side="right")
        pairs = np.unique(part.compounds[2] * len(names) + source_of[document])
        n_sources = np.bincount(pairs // len(names), minlength=len(self.units.surfaces))
        return n_sources + np.minimum(self.units.counts("old"), 3)

    def rows(self, units: NDArray[np.int64], chive: Chive) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return each word's row of chiVe, -1 without one, and whether the row's vector is its own.

        chiVe has dictionary forms: an inflected form has the row of its dictionary form.
        """
        rows, is_own = np.full(len(units), -1), np.zeros(len(units), bool)
        for index, number in enumerate(units.tolist()):
            word, token = self.units.surfaces[number], self.tokens[number]
            for spelling in (word, token.base, token.lemma) if token else (word,):
                if spelling and spelling in chive.rows:
                    rows[index] = chive.rows[spelling]
                    is_own[index] = spelling == word and chive.is_owner(word)
                    break
        return rows, is_own

    def forms(self, units: NDArray[np.int64]) -> dict[str, Floats]:
        """Return directions (V, N_DIRECTIONS) for what each word is: its inflected form (one for dictionary forms and what has
        none), its part of speech (one for nouns and the like), whether a compound, and whether a rarer spelling of another word.
        """
        rng = np.random.default_rng(SEED)
        directions = np.linalg.qr(rng.standard_normal((N_DIRECTIONS, N_DIRECTIONS)))[0].astype(np.float32)
        numbers: dict[str, dict[str, int]] = {"form": {"": 0}, "kind": {"noun": 0}}
        usual = self._usual_spellings(units)
        rows = []
        for number in units.tolist():
            kind, form = self._kind(number)
            token = self.tokens[number]
            other = (
                usual.get((token.lemma, token.pos1), number)
                if token and token.conjugation_form in BASE_FORMS
                else number
            )
            is_variant = other != number and self.counts[other] > 2 * self.counts[number]
            form_number = numbers["form"].setdefault(form, len(numbers["form"]))
            rows.append(
                (form_number, numbers["kind"].setdefault(kind, len(numbers["kind"])), token is None, is_variant)
            )
        chosen = np.array(rows, np.int64) % N_DIRECTIONS
        return {
            name: directions[chosen[:, index]] for index, name in enumerate(("form", "kind", "compound", "variant"))
        }

    def _usual_spellings(self, units: NDArray[np.int64]) -> dict[tuple[str, str], int]:
        """Return the most frequent spelling of each lemma's dictionary form."""
        usual: dict[tuple[str, str], int] = {}
        for number in units.tolist():
            token = self.tokens[number]
            if token and token.lemma and token.conjugation_form in BASE_FORMS:
                usual.setdefault((token.lemma, token.pos1), number)
        return usual

    def _kind(self, number: int) -> tuple[str, str]:
        """Return a word's part of speech and its inflected form, "" for a dictionary form; the forms of old grammar are one."""
        token, analyses = self.tokens[number], self.units.features.get(number)
        if token is None or analyses is None:
            return "noun", ""
        n_like = sum(count for analysis, count in analyses.items() if analysis.pos1 in NOUN_LIKE)
        if n_like >= 0.25 * analyses.total():
            return "noun", ""
        if token.pos1 not in INFLECTING:
            return token.pos1, ""
        if token.conjugation_type.startswith("文語"):
            return token.pos1, "文語"
        form = token.conjugation_form
        return token.pos1, "" if form in BASE_FORMS else form.split("-")[0]
