"""The units of Japanese text for word vectors: MeCab's words, and compounds of them such as 人工知能 or 源氏物語.

``tokenize`` analyses the corpora once; ``find_units`` decides what a compound is and finds them; ``Part.view`` gives the text
with all, some or none of the compounds joined. Results are files in a work folder: what is there already is not made again.

A compound is a run of MeCab's words that is a key of chiVe, or that is frequent itself: two or three words that are nouns,
prefixes, suffixes, stems of adjectives or verbs before nouns. The longest one is taken, from left to right.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from corpora import Document
from numpy.typing import NDArray

from nlptool.models.japanese.tagger import for_mecab
from nlptool.models.japanese.words import tagger

FEATURES = ("pos1", "pos2", "conjugation_type", "conjugation_form", "lemma", "orthography_base")
LONGEST = 8  # words of a compound of chiVe's
OWN_LONGEST = 12  # characters of a compound that is none of chiVe's keys
OWN_COUNT = 5.0
NUMERAL_COUNT = 12.0  # of compounds with a numeral
TEXTS = {"modern": 1.0, "old": 0.5}
"""The parts of the corpus, and the weight of a compound's count in them."""


@dataclass(frozen=True, slots=True)
class Token:
    """What MeCab says of a word."""

    surface: str
    pos1: str
    pos2: str
    conjugation_type: str
    conjugation_form: str
    lemma: str
    base: str  # the spelling of its dictionary form


def tokenize(documents: Sequence[Document], work: Path, name: str) -> None:
    """Write the words of documents: their numbers (T,) int32, the ends of the lines and documents, and what the numbers mean."""
    if (work / f"{name}.keys.tsv").exists():
        return
    mecab = tagger()
    numbers: dict[str, int] = defaultdict(lambda: len(numbers))
    example: dict[int, str] = {}  # a line with the word
    rows, line_ends, document_ends, n_tokens = [], [], [], 0
    for document in documents:
        for line in filter(str.strip, document.text.split("\n")):
            text = for_mecab(unicodedata.normalize("NFKC", line))
            n_before = len(numbers)
            row = [numbers[key] for key in mecab.parse(text).split("\n") if key]
            for number in row:
                if number >= n_before:
                    example.setdefault(number, text)
            rows.append(np.array(row, np.int32))
            n_tokens += len(row)
            line_ends.append(n_tokens)
        document_ends.append(len(line_ends))
    np.save(work / f"{name}.tok.npy", np.concatenate(rows))
    np.save(work / f"{name}.ends.npy", np.array(line_ends))
    np.save(work / f"{name}.docend.npy", np.array(document_ends))
    _write(work / f"{name}.src.txt", [document.source for document in documents])
    lines = []
    for key, number in numbers.items():
        morpheme = mecab.morpheme(key, example[number])
        fields = [morpheme.surface, *(morpheme.feature(feature) or "" for feature in FEATURES)]
        lines.append("\t".join(field.replace("\t", " ").replace("\n", " ") for field in fields))
    _write(work / f"{name}.keys.tsv", lines)


def tokens(work: Path, name: str) -> list[Token]:
    """Return the meaning of each number of ``tokenize``."""
    lines = (work / f"{name}.keys.tsv").read_text(encoding="utf-8").split("\n")
    return [Token(*line.split("\t")[:7]) for line in lines]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the corpus."""

    words: NDArray[np.int32]  # (T,), of the vocabulary of ``Units``
    line_ends: NDArray[np.int64]  # (L,), indices of words
    document_ends: NDArray[np.int64]  # (N,), indices of lines
    sources: list[str]  # of the documents
    compounds: NDArray[np.int64]  # (3, C): where each begins, how many words it has, and its own number

    def view(self, share: float, rng: np.random.Generator) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the words, with a share of the compounds joined, and the ends of the lines."""
        starts, lengths, numbers = self.compounds[:, rng.random(self.compounds.shape[1]) < share]
        words = self.words.copy()
        is_kept = np.ones(len(words), bool)
        for offset in range(1, LONGEST):
            is_kept[starts[lengths > offset] + offset] = False
        words[starts] = numbers
        n_kept = np.concatenate([[0], np.cumsum(is_kept)])
        return words[is_kept], n_kept[self.line_ends]

    @property
    def n_lines(self) -> NDArray[np.int64]:
        """Lines of each document, (N,)."""
        return np.diff(self.document_ends, prepend=0)


@dataclass(frozen=True, slots=True)
class Units:
    """All words and compounds of the corpus."""

    surfaces: list[str]
    features: dict[int, Counter[Token]]  # of the words that are no compounds alone, with their counts
    parts: dict[str, Part]

    def counts(self, name: str) -> NDArray[np.int64]:
        """Return how often each unit occurs in a part, (V,): a compound counts, and so do the words in it."""
        part = self.parts[name]
        size = len(self.surfaces)
        return np.bincount(part.words, minlength=size) + np.bincount(part.compounds[2], minlength=size)


def find_units(work: Path, keys: Collection[str]) -> Units:
    """Find the compounds in the parts of the corpus that were tokenized.

    Args:
        keys: words that are compounds however rare they are.
    """
    finder = _Finder(work)
    if not (work / "surfaces.txt").exists():
        finder.find(set(keys))
        _write(work / "surfaces.txt", finder.surfaces)
    surfaces = (work / "surfaces.txt").read_text(encoding="utf-8").split("\n")
    parts = {name: Part(*finder.parts[name], np.load(work / f"{name}.comp.npy")) for name in TEXTS}
    return Units(surfaces, finder.features, parts)


class _Finder:
    def __init__(self, work: Path) -> None:
        self._work = work
        self._numbers: dict[str, int] = defaultdict(lambda: len(self._numbers))
        self._kinds: dict[str, dict[str, NDArray[np.bool_]]] = {}
        self._numerals: set[str] = set()
        self._own: Counter[str] = Counter()
        self.features: dict[int, Counter[Token]] = {}
        self.parts: dict[str, tuple[Any, Any, Any, list[str]]] = {}
        for name in TEXTS:
            self._load(name)

    @property
    def surfaces(self) -> list[str]:
        return list(self._numbers)

    def _load(self, name: str) -> None:
        known = tokens(self._work, name)
        surface = np.array([self._numbers[token.surface] for token in known], np.int32)
        keys = np.load(self._work / f"{name}.tok.npy")
        counts = np.bincount(keys, minlength=len(known)).tolist()
        for token, number, count in zip(known, surface.tolist(), counts, strict=True):
            self.features.setdefault(number, Counter())[token] += count
        self._numerals |= {token.surface for token in known if _is_numeral(token)}
        self._kinds[name] = {
            kind.__name__: np.array([kind(token) for token in known])[keys]
            for kind in (_begins, _goes_on, _begins_own, _goes_on_own)
        }
        ends, document_ends = (np.load(self._work / f"{name}.{kind}.npy") for kind in ("ends", "docend"))
        sources = (self._work / f"{name}.src.txt").read_text(encoding="utf-8").split("\n")
        self.parts[name] = surface[keys], ends, document_ends, sources

    def find(self, keys: set[str]) -> None:
        """Write the places of the compounds of each part: where each begins, how many words it has, and its number."""
        for name, weight in TEXTS.items():
            self._count_own(name, weight)
        own = {word for word, count in self._own.items() if count >= OWN_COUNT and len(word) <= OWN_LONGEST}
        compounds = keys | own
        beginnings = {word[:length] for word in compounds for length in range(1, len(word))}
        for name in TEXTS:
            np.save(self._work / f"{name}.comp.npy", self._found(name, compounds, beginnings))

    def _count_own(self, name: str, weight: float) -> None:
        """Count runs of two and three words that could be compounds."""
        words, ends, _, _ = self.parts[name]
        surfaces, size = self.surfaces, len(self._numbers)
        pairs = self._pairs(name, "_begins_own", "_goes_on_own")
        codes = words[pairs].astype(np.int64) * size + words[pairs + 1]
        goes_on = np.append(self._kinds[name]["_goes_on_own"], [False, False])
        goes_on[ends] = False  # the first word of a line
        triples = pairs[goes_on[pairs + 2]]
        long_codes = (words[triples].astype(np.int64) * size + words[triples + 1]) * size + words[
            np.minimum(triples + 2, len(words) - 1)
        ]
        for runs, least, share in ((codes, 3, 1.0), (long_codes, 4, 0.8)):
            distinct, counts = np.unique(runs, return_counts=True)
            for code, count in zip(distinct[counts >= least].tolist(), counts[counts >= least].tolist(), strict=True):
                parts = []
                while code:
                    code, last = divmod(code, size)
                    parts.append(surfaces[last])
                n_numerals = sum(part in self._numerals for part in parts)
                if n_numerals == 0 or (n_numerals == 1 and count * weight * share >= NUMERAL_COUNT):
                    self._own["".join(reversed(parts))] += count * weight * share  # type: ignore[assignment]

    def _pairs(self, name: str, first: str, second: str) -> NDArray[np.int64]:
        """Return where a word of one kind stands before one of another kind in the same line."""
        _, ends, _, _ = self.parts[name]
        kinds = self._kinds[name]
        stands = kinds[first][:-1] & kinds[second][1:]
        stands[ends[:-1] - 1] = False
        return np.flatnonzero(stands)

    def _found(self, name: str, compounds: set[str], beginnings: set[str]) -> NDArray[np.int64]:
        """Return the longest compounds, from left to right, (3, C)."""
        words, ends, _, _ = self.parts[name]
        kinds, surfaces, size = self._kinds[name], self.surfaces, len(self._numbers)
        kinds["first"] = kinds["_begins"] | kinds["_begins_own"]
        kinds["next"] = kinds["_goes_on"] | kinds["_goes_on_own"]
        starts = self._pairs(name, "first", "next")
        codes, inverse = np.unique(words[starts].astype(np.int64) * size + words[starts + 1], return_inverse=True)
        pairs = [surfaces[code // size] + surfaces[code % size] for code in codes.tolist()]
        starts = starts[np.array([pair in compounds or pair in beginnings for pair in pairs])[inverse]]
        is_end = set(ends.tolist())
        is_joined, numbers = kinds["next"].tolist(), words.tolist()
        found, end = [], 0
        for start in starts.tolist():
            if start < end:
                continue
            text, stop, best = surfaces[numbers[start]], start + 1, ""
            while stop < min(len(numbers), start + LONGEST) and stop not in is_end and is_joined[stop]:
                text += surfaces[numbers[stop]]
                stop += 1
                if text in compounds:
                    end, best = stop, text
                if text not in beginnings:
                    break
            if best:
                found.append((start, end - start, self._numbers[best]))
        return np.array(found).T


def _is_numeral(token: Token) -> bool:
    return token.pos2 == "数詞" and all("\u4e00" <= letter <= "\u9fff" for letter in token.surface)


def _is_stem(token: Token) -> bool:
    return token.pos1 == "形容詞" and token.conjugation_form.startswith("語幹")


def _is_letter(token: Token) -> bool:
    return token.pos1 == "記号" and token.pos2 == "文字"


def _begins(token: Token) -> bool:
    """Return whether a key of chiVe may begin with the word."""
    is_joining = token.pos1 == "動詞" and token.conjugation_form.startswith("連用形")
    return token.pos1 in ("名詞", "接頭辞", "形状詞", "代名詞") or _is_stem(token) or is_joining or _is_letter(token)


def _goes_on(token: Token) -> bool:
    ends = token.pos1 in ("動詞", "形容詞") and token.conjugation_form == "終止形-一般"
    return token.pos1 in ("名詞", "接尾辞", "形状詞") or ends or _is_letter(token)


def _begins_own(token: Token) -> bool:
    """Return whether a frequent compound may begin with the word."""
    if _is_no_word(token):
        return False
    if token.pos1 == "接頭辞":
        return True
    if _is_kana(token):
        return False
    if token.pos1 == "動詞":
        return token.conjugation_form == "連用形-一般" and token.lemma not in ("為る", "居る", "有る", "成る")
    return (token.pos1 in ("名詞", "形状詞") and token.pos2 != "助動詞語幹") or _is_stem(token)


def _goes_on_own(token: Token) -> bool:
    if _is_no_word(token) or (_is_kana(token) and token.surface != "さ"):
        return False
    return token.pos1 == "名詞" or (token.pos1 == "接尾辞" and token.pos2 in ("名詞的", "形状詞的"))


def _is_no_word(token: Token) -> bool:
    """Return whether a word is a number in digits, or has no letter."""
    return (token.pos2 == "数詞" and not _is_numeral(token)) or not any(map(str.isalnum, token.surface))


def _is_kana(token: Token) -> bool:
    return len(token.surface) == 1 and "\u3040" < token.surface < "\u30a0"


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("\n".join(lines), encoding="utf-8")
