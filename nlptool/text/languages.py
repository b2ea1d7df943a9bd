"""Languages and the scripts that they are written in (Unicode CLDR, the scripts in use today)."""

from __future__ import annotations

from collections.abc import Iterable

from nlptool.text.scripts import JAPANESE

MULTILINGUAL = "mul"  # ISO 639-2 for "multiple languages"

_ANY = ("mul", "multilingual")
_CODES = {
    "Arabic": "ar ara arb fa fas ks ku pa ps sd ug ur",
    "Armenian": "hy",
    "Bengali": "as bn ben",
    "Canadian Aboriginal": "cr iu oj",
    "Cherokee": "chr",
    "Cyrillic": "ab av az ba be bg ce cu cv kk kv ky mk mn os ru rus sr tg tk tt uk ukr uz",
    "Devanagari": "bh hi hin ks mr ne sa sd",
    "Ethiopic": "am ti",
    "Georgian": "ka",
    "Greek": "el ell",
    "Gujarati": "gu",
    "Gurmukhi": "pa",
    "Han": "ja jpn yue zh zho cmn",
    "Hangul": "ko kor",
    "Hebrew": "he heb iw yi",
    "Hiragana": "ja jpn",
    "Kannada": "kn",
    "Katakana": "ja jpn",
    "Khmer": "km",
    "Lao": "lo",
    "Latin": "aa af ak an ast ay az bi bm br bs ca ceb ch co cs cy da de dan deu ee en eng eo es et eu eus ff fi fil fin fj fo "
    "fr fra fy ga gd gl glg gn gv ha haw ho hr ht hu hz ia id ie ig ik ind io is it ita jv kg ki kj kl kr ku kw la lb lg li "
    "ln lt lu lv mg mh mi ms mt na nb nd ng nl nld nn no nor nr nv ny oc om pl pol pt por qu rm rn ro ron rw sc se sg sh "
    "sk sl sm sn so spa sq sr ss st su sv sw swa swe tk tl tn to tr ts tur tw ty uz ve vi vie vo wa war wo xh yo za zu",
    "Malayalam": "ml",
    "Mongolian": "mn",
    "Myanmar": "my",
    "Oriya": "or",
    "Sinhala": "si",
    "Tamil": "ta tam",
    "Telugu": "te tel",
    "Thaana": "dv",
    "Thai": "th tha",
    "Tibetan": "bo dz",
    "Yi": "ii",
}  # fmt: skip
"""Script -> ISO 639 codes of the languages that are written in it, of three letters those that cards of models use."""

_OF_A_HUNDRED = frozenset(_CODES) - {
    "Bopomofo", "Canadian Aboriginal", "Cherokee", "Mongolian", "Syriac", "Thaana", "Tibetan", "Yi",
}  # fmt: skip
"""The scripts of the hundred languages of XLM-R (Conneau et al. 2020), which most multilingual models begin with."""


def scripts_of(languages: Iterable[str]) -> frozenset[str] | None:
    """Return the scripts that languages are written in; None if there are no languages, or one of them is not known.

    Kana and kanji together are also called Japanese.

    Args:
        languages: ISO 639 codes, perhaps with a region: ``en``, ``zh-CN``; ``mul`` or ``multilingual`` for a hundred of them.
    """
    found: set[str] = set()
    for language in languages:
        code = language.replace("_", "-").partition("-")[0].lower()
        scripts = _OF_A_HUNDRED if code in _ANY else {name for name, codes in _CODES.items() if code in codes.split()}
        if not scripts:
            return None
        found |= scripts
    return with_japanese(found) or None


def with_japanese(scripts: Iterable[str]) -> frozenset[str]:
    """Return scripts with Japanese among them if kana are, and with its kana and kanji if it is."""
    found = frozenset(scripts)
    if "Japanese" in found:
        return found | JAPANESE
    return found | {"Japanese"} if "Hiragana" in found else found
