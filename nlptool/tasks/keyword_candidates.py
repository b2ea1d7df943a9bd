"""The words and compounds of a text that can be its keywords."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from nlptool.models.words.token_maker import Token, TokenMaker
from nlptool.tasks.token_finder import TokenFinder
from nlptool.text.content_words import Kind, kind_of
from nlptool.text.scripts import japanese

_BASE = "orthography_base"  # of UniDic: the dictionary form in the spelling of the text
_INFLECTED = ("動詞", "形容詞", "VERB", "ADJ")
_MOST_FORMS = 400_000  # that are kept
_SEPARATOR = "\x1f"  # between the parts of a compound's key


@dataclass(frozen=True, slots=True)
class CandidateSettings:
    """Which words and compounds can be keywords.

    Attributes:
        lengths: words of a compound, ascending; 1: single words.
        by: lemma | surface: which words are the same.
        pos: parts of speech of the words, in place of nouns, verbs and adjectives.
        stop_words: words in small letters that are none.
        maximal: a compound or word that stands nowhere but in a longer candidate is none.
        tokenizer, dictionary: as of ``TokenMaker``.
    """

    lengths: Sequence[int] = (1,)
    by: str = "lemma"
    pos: tuple[str, ...] = ()
    stop_words: frozenset[str] = field(default_factory=frozenset)
    maximal: bool = False
    tokenizer: str = "auto"
    dictionary: str | None = None


class Candidate(NamedTuple):
    """A word or a compound.

    Attributes:
        key: the same of all its forms.
        word: its most frequent form: in the spelling of the text, that of an inflected word being its dictionary form.
        n: how often it is in the text.
    """

    key: str
    word: str
    n: int


class _Form(NamedTuple):
    """A token wherever it stands, as a part of a keyword.

    Attributes:
        is_number: it is a numeral.
        counts: behind a numeral it is one of grammar: 二人, 三年.
    """

    kind: Kind
    key: str
    word: str
    is_number: bool
    counts: bool


class _Part(NamedTuple):
    """A token in a text that can be a part of a keyword."""

    form: _Form
    start: int
    end: int


class CandidateFinder(TokenFinder[list[Candidate]]):
    """Finds the candidates of texts, in the order in which they first come."""

    def __init__(self, settings: CandidateSettings) -> None:
        self._settings = settings
        self._forms: dict[tuple[str, str | None, str | None, str | None], _Form] = {}

    def _open_maker(self) -> TokenMaker:
        fields = (_BASE,) if self._settings.by == "lemma" else ()
        return TokenMaker(self._settings.tokenizer, self._settings.dictionary, fields)

    def find(self, text: str, tokens: list[Token], tokenizer: str = "") -> list[Candidate]:
        """Return the candidates of a text, by its tokens, whatever made them."""
        parts = self._parts(tokens)
        forms: dict[str, Counter[str]] = {}  # of each candidate
        longer: dict[str, set[str]] = {}  # those that a candidate stands in
        lengths, maximal = self._settings.lengths, self._settings.maximal
        for start, first in enumerate(parts):
            if first is None:
                continue
            for length in lengths:
                run = _run(parts, start, length, text)
                if run is None:
                    continue
                key = first.form.key if length == 1 else _key(run)
                word = first.form.word if length == 1 else text[first.start : run[-1].end]
                forms.setdefault(key, Counter())[word] += 1
                if maximal and length > 1:
                    for within in _within(run):
                        longer.setdefault(_key(within), set()).add(key)
        counts = {key: counted.total() for key, counted in forms.items()}
        return [
            Candidate(key, max(counted, key=counted.__getitem__), counts[key])
            for key, counted in forms.items()
            if key not in longer or counts[key] not in {counts[other] for other in longer[key]}
        ]

    def _parts(self, tokens: Sequence[Token]) -> list[_Part | None]:
        """Return tokens as parts of keywords; None for one that is none."""
        parts: list[_Part | None] = []
        is_behind_number = False
        for token in tokens:
            base = token.get(_BASE)
            of_form = token["surface"], token["lemma"], token["pos"], base if isinstance(base, str) else None
            form = self._forms.get(of_form) or self._form(*of_form)
            is_part = form.kind is not Kind.GRAMMAR and not (is_behind_number and form.counts)
            parts.append(_Part(form, token["start"], token["end"]) if is_part else None)
            is_behind_number = form.is_number
        return parts

    def _form(self, surface: str, lemma: str | None, pos: str | None, base: str | None) -> _Form:
        settings = self._settings
        kind = kind_of(surface, lemma, pos, wanted=settings.pos, stop_words=settings.stop_words)
        key = word = surface
        if settings.by == "lemma":
            key = lemma or surface.casefold()
            word = base or (lemma if lemma and (pos or "").startswith(_INFLECTED) else surface)
        if len(self._forms) > _MOST_FORMS:
            self._forms.clear()
        form = _Form(kind, key, word, (pos or "").startswith("名詞-数"), "助数詞" in (pos or ""))
        self._forms[surface, lemma, pos, base] = form
        return form


def _run(parts: Sequence[_Part | None], start: int, length: int, text: str) -> list[_Part] | None:
    """Return the part at ``start`` if it is a word by itself, or with the parts behind it if these are a compound."""
    run: list[_Part] = []
    for part in parts[start : start + length]:
        if part is None or (run and not _adjoin(run[-1], part, text)):
            return None
        run.append(part)
    if len(run) < length:
        return None
    kinds = [part.form.kind for part in run]
    if length == 1:
        return run if kinds[0] in (Kind.CONTENT, Kind.COMPOUNDED) else None
    is_compound = Kind.COMPOUNDED in kinds and Kind.CONTENT not in kinds
    return run if is_compound and kinds[0] is not Kind.SUFFIX and kinds[-1] is not Kind.PREFIX else None


def _adjoin(before: _Part, part: _Part, text: str) -> bool:
    """Return whether nothing stands between two parts, or a blank if neither is Japanese."""
    between = text[before.end : part.start]
    if not between:
        return True
    is_blank = not between.strip() and "\n" not in between
    return is_blank and not japanese().search(text[before.start : part.end])


def _within(run: list[_Part]) -> Iterator[list[_Part]]:
    """Yield the shorter runs in a run."""
    for length in range(1, len(run)):
        for start in range(len(run) - length + 1):
            yield run[start : start + length]


def _key(run: Sequence[_Part]) -> str:
    return _SEPARATOR.join(part.form.key for part in run)
