"""What is wanted of a text's tokens, and a token with its fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nlptool.models.japanese.readings import kana_of, romaji_of
from nlptool.models.japanese.tagger import Morpheme
from nlptool.text.kana import to_hiragana

if TYPE_CHECKING:  # its patterns take as long to compile as a tenth of the whole command
    from nlptool.text.ruby import Style


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is written of a text's tokens."""

    fields: tuple[str, ...]
    format: str = "jsonl"
    pos: tuple[str, ...] = ()  # keep these alone: 名詞, or 名詞-固有名詞
    stop_pos: tuple[str, ...] = ()  # drop these
    n_best: int = 1
    normalize: bool = False
    ruby: Style | None = None  # the text with readings
    numbers: bool = False  # readings of numbers

    @property
    def filters(self) -> bool:
        """Whether tokens are left out by their parts of speech."""
        return bool(self.pos or self.stop_pos)


@dataclass(slots=True)
class Token:
    """A token at its position; offsets count characters of the original text."""

    surface: str
    start: int
    end: int
    morpheme: Morpheme
    normalized: str | None = None  # the surface after --normalize

    def to_dict(self, plan: Plan) -> dict[str, Any]:
        """Return the fields of ``plan`` by name; None where the dictionary has no value."""
        columns = self.morpheme.columns
        values: dict[str, Any] = {}
        for name, column in plan:
            if column is None:
                values[name] = self._derived(name)
            else:
                value = columns[column] if column < len(columns) else "*"  # an unknown word has parts of speech alone
                values[name] = None if value == "*" or not value else value
        return values

    def _derived(self, name: str) -> Any:
        feature = self.morpheme.feature
        match name:
            case "lemma":
                return feature("lemma") or (self.surface if self.normalized is None else self.normalized)
            case "lemma_sense":
                return feature("lemma_sense")
            case "pos_detail":
                return "-".join(filter(None, map(feature, ("pos2", "pos3", "pos4")))) or None
            case "is_unknown":
                return self.morpheme.is_unknown
            case "kana":
                return None if (kana := kana_of(self.morpheme)) is None else to_hiragana(kana)
            case "romaji_hepburn":
                return romaji_of(self.morpheme, "hepburn")
            case "romaji_kunrei":
                return romaji_of(self.morpheme, "kunrei")
        return getattr(self, name, None)


Plan = list[tuple[str, int | None]]
"""Names of fields, each with the column of the dictionary that holds it, or None where it is derived."""


def plan(fields: Iterable[str], layout: Mapping[str, int]) -> Plan:
    """Return where the values of the fields come from, by the columns of the dictionary."""
    columns = {**layout, "pos": 0}
    return [(name, None if name == "lemma" else columns.get(name)) for name in fields]


def is_kept(morpheme: Morpheme, wanted: Wanted) -> bool:
    """Return whether the part of speech is among those to keep, and not among those to drop."""
    whole = "-".join(morpheme.columns[:4]) + "-"
    if wanted.pos and not any(whole.startswith(f"{pos}-") for pos in wanted.pos):
        return False
    return not any(whole.startswith(f"{pos}-") for pos in wanted.stop_pos)
