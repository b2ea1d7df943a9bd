"""CP932 or EUC-JP, told apart by what the two readings of the same bytes give: kana, everyday kanji, or neither."""

from __future__ import annotations

import codecs
import functools
import re
from dataclasses import dataclass

_FEW = 8  # kanji without kana, which are Japanese rather than Chinese if nothing else is known
_LONGEST = 8000  # characters that are counted
_KANA = re.compile("[ぁ-んァ-ヶー]")
_HALF_WIDTH = re.compile("[\uff61-\uff9f]")
_BEYOND_ASCII = re.compile("[^\0-\x7f]")
_VOICED = "[\uff73\uff76-\uff84\uff8a-\uff8e]\uff9e|[\uff8a-\uff8e]\uff9f"
_ILL_FORMED = re.compile(
    "(?<![\uff73\uff76-\uff84\uff8a-\uff8e])\uff9e|(?<![\uff8a-\uff8e])\uff9f|(?<![\uff66-\uff9f])[\uff67-\uff70]"
)
_PUNCTUATION = "、。・ー「」『』（）　！？々〇"


@dataclass(frozen=True, slots=True)
class Found:
    """The better of the two readings.

    Attributes:
        codec: "" if the text is neither.
        is_sure: whether no other encoding needs to be thought of.
    """

    codec: str
    is_sure: bool


@dataclass(frozen=True, slots=True)
class _Reading:
    codec: str
    n: int  # characters beyond ASCII
    n_kana: int  # full-width ones
    n_common: int  # kana, punctuation, kanji of JIS level 1
    n_half_width: int
    n_ill_formed: int  # voice marks and small kana where half-width katakana have none
    n_voiced: int
    n_late: int  # kanji of the last seven rows of level 1
    n_damaged: int

    @property
    def is_possible(self) -> bool:
        return self.n_damaged <= 0.05 * self.n

    @property
    def is_everyday_kanji(self) -> bool:
        """Whether EUC-JP gives everyday kanji, and neither Chinese nor Korean can have these bytes if they are many."""
        return self.is_possible and self.n_common >= 0.9 * self.n and (self.n < _FEW or self.n_late >= 0.08 * self.n)

    @property
    def has_kana(self) -> bool:
        return self.is_possible and self.n_kana >= 0.1 * self.n


def japanese(sample: bytes, *, is_latin: bool) -> Found:
    """Tell in which of the two encodings a text is, if it is in one of them.

    Args:
        sample: it may end in the middle of a character.
        is_latin: whether its bytes beyond ASCII are rather letters with accents.
    """
    cp932, euc = _reading(sample, "cp932"), _reading(sample, "euc_jp")
    if cp932.n == 0:
        return Found("", is_sure=False)
    if euc.has_kana and not (cp932.has_kana and cp932.n_kana / cp932.n > euc.n_kana / euc.n):
        return Found(euc_jp(sample), is_sure=True)
    if cp932.has_kana:
        return Found("cp932", is_sure=True)
    if is_latin:
        return Found("", is_sure=False)
    if cp932.is_possible and cp932.n_half_width >= 0.9 * cp932.n:  # or kanji of EUC-JP
        is_well_formed = cp932.n_ill_formed == 0 and cp932.n_half_width + cp932.n_common == cp932.n
        if is_well_formed and (cp932.n_voiced >= 2 or not euc.is_everyday_kanji):
            return Found("cp932", is_sure=True)
        if euc.is_possible:
            return Found("euc_jp", is_sure=euc.is_everyday_kanji)
        return Found("cp932", is_sure=is_well_formed)
    if euc.is_possible and euc.n_half_width >= 0.9 * euc.n:
        return Found("euc_jp", is_sure=True)
    # No other encoding spells words by the bytes of everyday kanji in CP932.
    if cp932.is_possible and cp932.n_common >= 0.8 * cp932.n:
        return Found("cp932", is_sure=True)
    if euc.is_possible:
        return Found(euc_jp(sample), is_sure=euc.is_everyday_kanji)
    return Found("cp932" if cp932.is_possible else "", is_sure=False)


def _reading(sample: bytes, codec: str) -> _Reading:
    text = codecs.getincrementaldecoder(codec)("replace").decode(sample)[:_LONGEST]
    beyond = "".join(_BEYOND_ASCII.findall(text))
    everyday, late = _everyday(), _late()
    return _Reading(
        codec,
        n=len(beyond),
        n_kana=len(_KANA.findall(beyond)),
        n_common=sum(character in everyday for character in beyond),
        n_half_width=len(_HALF_WIDTH.findall(beyond)),
        n_ill_formed=len(_ILL_FORMED.findall(text)),
        n_voiced=len(re.findall(_VOICED, beyond)),
        n_late=sum(character in late for character in beyond),
        n_damaged=beyond.count("\ufffd"),
    )


@functools.cache
def _everyday() -> frozenset[str]:
    """Return kana, their punctuation, and the 2,965 kanji of JIS X 0208 level 1: rows 16 to 47."""
    kana = (chr(code) for code in (*range(0x3041, 0x3094), *range(0x30A1, 0x30F7)))
    return frozenset((*_kanji(0xB0, 0xCF), *kana, *_PUNCTUATION))


@functools.cache
def _late() -> frozenset[str]:
    """Return kanji whose bytes in EUC-JP are hardly ever in Korean: its syllables end at 0xC8."""
    return frozenset(_kanji(0xC9, 0xCF))


def _kanji(first: int, last: int) -> str:
    """Return the characters of EUC-JP with a first byte of this range."""
    pairs = (bytes((row, cell)) for row in range(first, last + 1) for cell in range(0xA1, 0xFF))
    return b"".join(pairs).decode("euc_jp", "ignore")


def euc_jp(sample: bytes) -> str:
    """Return ``euc_jp``, or ``euc_jis_2004`` if it alone has all characters (①, ㈱)."""
    for codec in ("euc_jp", "euc_jis_2004"):
        try:
            codecs.getincrementaldecoder(codec)().decode(sample)
        except UnicodeDecodeError:
            continue
        return codec
    return "euc_jp"
