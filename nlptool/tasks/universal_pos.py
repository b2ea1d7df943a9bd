"""UniDic's parts of speech as universal ones (https://universaldependencies.org/u/pos), as UD Japanese GSD gives them.

UniDic tags a short unit by what it can be: 名詞-普通名詞-サ変可能 can be a verb with する. UD Japanese tags it by what it is in
the long unit around it, so a word's neighbours decide: see the rules below, each with its examples. Of the words of GSD's dev
part that MeCab splits as GSD does, a table without them gives 94.7 % the right tag, with them 98.8 %. IPADIC's parts of speech
have the table alone.

Sources: T. Tanaka et al.: Universal Dependencies for Japanese (LREC 2016); M. Asahara et al.: Universal Dependencies Version 2
for Japanese (LREC 2018).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from nlptool.models.japanese.tagger import Morpheme

_UPOS = (
    ("名詞-固有名詞", "PROPN"), ("名詞-数", "NUM"), ("名詞-助動詞語幹", "AUX"), ("名詞-代名詞", "PRON"),
    ("名詞-形容動詞語幹", "ADJ"), ("名詞", "NOUN"), ("代名詞", "PRON"),
    ("形状詞-助動詞語幹", "AUX"), ("形状詞", "ADJ"), ("連体詞", "ADJ"), ("副詞", "ADV"), ("接続詞", "CCONJ"),
    ("感動詞", "INTJ"), ("フィラー", "INTJ"), ("動詞", "VERB"), ("形容詞", "ADJ"), ("助動詞", "AUX"),
    ("助詞-接続助詞", "SCONJ"), ("助詞-準体助詞", "SCONJ"), ("助詞-終助詞", "PART"), ("助詞", "ADP"), ("接頭", "NOUN"),
    ("接尾辞-形状詞的", "PART"), ("接尾辞-形容詞的", "AUX"), ("接尾辞-動詞的", "PART"), ("接尾辞", "NOUN"),
    ("補助記号-一般", "SYM"), ("補助記号", "PUNCT"), ("記号-文字", "NOUN"), ("記号", "PUNCT"), ("空白", "PUNCT"),
)  # fmt: skip
"""Beginning of UniDic's part of speech, or IPADIC's, -> the universal one that it has most often."""

_DETERMINERS = ("此の", "其の", "彼の", "何の", "或る", "とある", "あらゆる", "我が")  # other 連体詞 describe: 大きな
_PRO_ADJECTIVES = ("こんな", "そんな", "あんな", "どんな")
_DEMONSTRATIVE_ADVERBS = ("こう", "そう", "ああ", "どう")  # する after them is a verb of its own: こうする
_LIGHT_VERBS = ("為る", "出来る", "致す", "為さる", "下さる", "頂く")  # they make a verb of a noun before them
_CONJUNCTIONS = (("為", "に"), ("上", "で"), ("物", "の"))  # after a predicate: 見るために, 見た上で, 見たものの
_ENDS = ("補助記号-句点", "補助記号-括弧閉", "補助記号-一般")
_UNITS = "%％‰°℃"  # counted like 円


class Word(NamedTuple):
    """What the rules look at."""

    pos: str  # UniDic's four levels and the type of conjugation: 動詞-一般-五段-カ行
    lemma: str
    surface: str
    is_unknown: bool


_EDGE = Word("", "", "", is_unknown=False)  # before the first word and after the last


def universal_pos(sentence: Sequence[Word]) -> list[str]:
    """Return the universal part of speech of each word of a sentence."""
    words = [_EDGE, _EDGE, *sentence, _EDGE, _EDGE]
    return [_tag(words, place) for place in range(2, len(words) - 2)]


def word_of(morpheme: Morpheme) -> Word:
    """Return what the rules look at of a dictionary entry."""
    pos = "-".join(filter(None, map(morpheme.feature, ("pos1", "pos2", "pos3", "pos4", "conjugation_type"))))
    return Word(pos, morpheme.feature("lemma") or morpheme.surface, morpheme.surface, morpheme.is_unknown)


def _tag(words: Sequence[Word], place: int) -> str:
    word = words[place]
    match word.pos.partition("-")[0]:
        case "名詞":
            tag = _noun(words, place)
        case "動詞":
            tag = _verb(words, place)
        case "形容詞":
            tag = _adjective(words, place)
        case "助詞":
            tag = _particle(words, place)
        case "連体詞":
            tag = "DET" if word.lemma in _DETERMINERS else "PRON" if word.lemma in _PRO_ADJECTIVES else ""
        case "形状詞":  # この様な, 猫の様に; but 鳴く様に
            is_noun = word.lemma == "様" and (words[place - 1].pos == "連体詞" or words[place - 1].surface == "の")
            tag = "NOUN" if word.pos == "形状詞-助動詞語幹" and is_noun else ""
        case "接尾辞":
            tag = "PART" if word.lemma == "さ" else ""  # 高さ
        case "記号" | "補助記号":
            tag = _symbol(word)
        case _:
            tag = ""
    return tag or next((tag for pos, tag in _UPOS if word.pos.startswith(pos)), "X")


def _noun(words: Sequence[Word], place: int) -> str:
    before, word, after = words[place - 1 : place + 2]
    if "サ変" in word.pos and after.lemma in _LIGHT_VERBS:
        return "VERB"  # 勉強する, 勉強できる
    if word.pos.endswith("形状詞可能") and after.pos.startswith("助動詞"):
        return "ADJ"  # 必要な, 危険だ
    if (word.lemma, after.surface) in _CONJUNCTIONS and _is_predicate(before):
        return "SCONJ"
    if word.pos == "名詞-普通名詞-副詞可能" and _is_free(before) and _can_be_modified(after):
        return "ADV"  # 今回、..., 毎日通う
    is_katakana = all("ァ" <= char <= "ー" for char in word.surface)
    is_name = word.is_unknown and is_katakana and word.pos == "名詞-普通名詞-一般"
    return "PROPN" if is_name else ""  # loan-words are in the dictionary, many names are not


def _verb(words: Sequence[Word], place: int) -> str:
    second, before, word, after = words[place - 2 : place + 2]
    is_of_noun = before.pos.startswith(("名詞", "接尾辞-名詞的", "動詞"))
    match word.lemma:
        case "為る":
            if before.lemma == "と" and after.lemma == "て":
                return "VERB" if words[place + 2].lemma == "居る" else "AUX"  # 妻として; but 妻としている
            is_of_adverb = before.pos == "副詞" and before.lemma not in _DEMONSTRATIVE_ADVERBS
            return "AUX" if is_of_noun or is_of_adverb else "VERB"
        case "出来る":
            is_of_koto = before.surface in ("が", "は", "も") and second.lemma == "事"  # 見る事ができる
            return "AUX" if "サ変" in before.pos or before.pos.startswith("動詞") or is_of_koto else "VERB"
        case "致す" | "為さる" | "下さる" | "頂く":  # ご覧くださる, 見て頂く
            return "AUX" if is_of_noun or before.lemma == "て" else "VERB"
    return ""


def _adjective(words: Sequence[Word], place: int) -> str:
    second, before, word = words[place - 2 : place + 1]
    match word.lemma:
        case "無い":  # 猫でない, 猫ではない, 見ることはない; but 猫がない
            is_negation = before.lemma == "だ" or (before.surface == "は" and second.surface == "で")
            is_auxiliary = is_negation or (before.surface in ("は", "も") and second.lemma == "事")
        case "欲しい":
            is_auxiliary = before.lemma == "て"
        case "良い":  # 見ればよい, 見たらよい, 見てもよい
            is_condition = before.lemma == "ば" or before.surface in ("たら", "だら")
            is_auxiliary = is_condition or (before.surface == "も" and second.lemma == "て")
        case _:
            is_auxiliary = False
    return "AUX" if is_auxiliary and word.pos.startswith("形容詞-非自立可能") else ""


def _particle(words: Sequence[Word], place: int) -> str:
    second, before, word, after = words[place - 2 : place + 2]
    if word.pos == "助詞-副助詞" and before.pos.startswith(("動詞", "助動詞")):
        return "PART"  # 見るだけ; but 猫だけ
    if word.surface == "で" and word.pos == "助詞-格助詞":
        if before is _EDGE and after.surface in ("は", "も"):
            return "CCONJ"  # でも、...
        if after.surface in ("は", "も") and words[place + 2].lemma in ("無い", "有る"):
            return "AUX"  # 猫ではない
    if (before.lemma, word.surface) in _CONJUNCTIONS and _is_predicate(second):
        return "SCONJ"
    is_although = before.pos == "助詞-準体助詞" and word.surface == "に" and after.pos.startswith(("補助記号", "記号"))
    return "SCONJ" if is_although else ""  # 見たのに、


def _symbol(word: Word) -> str:
    if word.pos == "補助記号-一般":
        return "NOUN" if word.surface in _UNITS else ""
    if word.pos == "記号-一般":  # what the dictionary lacks, and letters
        category = unicodedata.category(word.surface[0])
        return "NOUN" if category[0] in "LN" else "PUNCT" if category in ("Po", "Ps", "Pe", "Pi", "Pf") else "SYM"
    return ""


def _is_predicate(word: Word) -> bool:
    return word.pos.startswith(("動詞", "助動詞", "形容詞"))


def _is_free(before: Word) -> bool:
    """Return whether the word before a noun modifies it not: it is a particle but の, punctuation, or nothing."""
    is_particle = before.pos.startswith("助詞") and before.surface != "の"
    return before is _EDGE or is_particle or before.pos.startswith(("補助記号", "記号", "接続詞"))


def _can_be_modified(after: Word) -> bool:
    """Return whether a noun can modify the word after it as an adverb does: that is no particle, suffix or number, which make a
    phrase with the noun, nor the end."""
    makes_phrase = after.pos.startswith(("助詞", "助動詞", "接尾辞", "名詞-数詞", "名詞-普通名詞-副詞可能"))
    return after is not _EDGE and not makes_phrase and after.pos not in _ENDS
