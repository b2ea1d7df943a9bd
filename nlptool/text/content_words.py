"""Which tokens are words of content, and not of grammar: by their part of speech, or without one by a list and their letters.

Parts of speech are those of UniDic, of IPADIC and the universal ones. In Japanese, nouns, verbs and adjectives (形容詞, 形状詞)
are words of content; numerals, pronouns, formal nouns (こと, もの, ...) and what can be an auxiliary (動詞-非自立可能: いる,
しまう, ...) are not.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

CONTENT_POS = ("名詞", "動詞", "形容詞", "形状詞", "NOUN", "PROPN", "VERB", "ADJ")
"""Parts of speech of words of content."""

_GRAMMATICAL_POS = (
    "名詞-数", "名詞-助動詞語幹", "名詞-代名詞", "名詞-非自立", "名詞-接尾", "名詞-特殊", "名詞-接続詞的", "名詞-動詞非自立的",
    "名詞-引用文字列", "形状詞-助動詞語幹", "動詞-非自立", "動詞-接尾", "形容詞-非自立", "形容詞-接尾",
)  # fmt: skip
"""Beginnings of parts of speech below those that are words of grammar."""

_COMPOUNDED = ("名詞", "形状詞", "NOUN", "PROPN", "ADJ")
_PREFIXES = ("接頭辞", "接頭詞")
_SUFFIXES = ("接尾辞-名詞的", "名詞-接尾")

_LIGHT = """
    事 物 所 時 為 訳 筈 積り 積もり 侭 儘 内 方 他 頃 こと もの ところ とき ため わけ はず つもり まま よう
    為る 有る 居る 成る 無い する ある いる なる ない
"""
_GRAMMATICAL_LEMMAS = frozenset(_LIGHT.split())
"""Formal nouns, and verbs and adjectives that mostly carry grammar, whose part of speech need not say so."""

_ENGLISH = """
    a about above across after again against all almost along already also although always am among an and another any
    anybody anyone anything are around as at be became because become becomes been before behind being below beneath
    beside besides between beyond both but by can cannot can't could couldn't did didn't do does doesn't doing done
    don't down during each either else enough even ever every everybody everyone everything few for from further had
    hadn't has hasn't have haven't having he he'd he'll he's hence her here hers herself him himself his how however i
    i'd i'll i'm i've if in indeed into is isn't it it's its itself just least less lest let like likely many may
    maybe me might mine more most much must my myself near neither never nevertheless no nobody none nor not nothing
    now nowhere of off often on once one only onto or other others otherwise ought our ours ourselves out over own per
    perhaps quite rather really same several shall she she'd she'll she's should shouldn't since so some somebody
    someone something sometimes somewhere still such than that that's the their theirs them themselves then there
    there's therefore these they they'd they'll they're they've this those though through throughout thus till to
    together too toward towards under unless until up upon us very via was wasn't we we'd we'll we're we've well were
    weren't what whatever when whenever where whereas wherever whether which while who whoever whole whom whose why
    will with within without won't would wouldn't yet you you'd you'll you're you've your yours yourself yourselves
"""
ENGLISH = frozenset(_ENGLISH.split())
"""English words of the closed classes: articles, pronouns, prepositions, conjunctions, auxiliaries, and adverbs without a meaning
of their own."""


class Kind(Enum):
    """What a token can be in a keyword."""

    CONTENT = "a word by itself"
    COMPOUNDED = "a word by itself, and a part of a compound"
    PREFIX = "the beginning of a compound"
    SUFFIX = "a part of a compound behind its beginning"
    GRAMMAR = "none"


def kind_of(
    surface: str, lemma: str | None, pos: str | None, *, wanted: Collection[str] = (), stop_words: Collection[str] = ()
) -> Kind:
    """Return what a token can be in a keyword.

    Without a part of speech, a word in hiragana alone, which is nearly always one of Japanese grammar, and a single letter that
    is no kanji are no words of content.

    Args:
        pos: with what is below it: 名詞-普通名詞-一般; None: not known.
        wanted: beginnings of parts of speech that are words of content, in place of all.
        stop_words: words in small letters that are none, beside those of English.
    """
    small = surface.lower()
    if pos and pos.startswith((*_PREFIXES, *_SUFFIXES)):
        return Kind.PREFIX if pos.startswith(_PREFIXES) else Kind.SUFFIX
    if small in ENGLISH or small in stop_words or (lemma or small) in stop_words or not _has_content(surface):
        return Kind.GRAMMAR
    if pos is None:
        return Kind.GRAMMAR if all(map(_is_hiragana, surface)) or wanted else Kind.COMPOUNDED
    pos += "-"
    if wanted:
        is_content = any(pos.startswith(f"{name}-") for name in wanted)
    else:
        is_content = pos.startswith(CONTENT_POS) and not pos.startswith(_GRAMMATICAL_POS)
        is_content = is_content and (lemma or surface) not in _GRAMMATICAL_LEMMAS
    if not is_content:
        return Kind.GRAMMAR
    return Kind.COMPOUNDED if pos.startswith(_COMPOUNDED) else Kind.CONTENT


def _has_content(word: str) -> bool:
    """Return whether a word has a letter, and is no single kana or letter of an alphabet."""
    if len(word) == 1:
        return word.isalpha() and word > "\u30ff" and not "\uff00" <= word <= "\uffef"
    return any(map(str.isalpha, word))


def _is_hiragana(character: str) -> bool:
    return "\u3041" <= character <= "\u309f" or character == "ー"
