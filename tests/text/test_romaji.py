"""Kana in Latin letters, by the published tables of both systems."""

from __future__ import annotations

import pytest

from nlptool.text.kana import is_kana, to_hiragana, to_katakana
from nlptool.text.romaji import romanized, spelled_for_romaji

# The table 1 of the Cabinet's notification of 1954, without the sounds that it has twice.
KUNREI = """
    あいうえお a i u e o かきくけこ ka ki ku ke ko さしすせそ sa si su se so たちつてと ta ti tu te to
    なにぬねの na ni nu ne no
    はひふへほ ha hi hu he ho まみむめも ma mi mu me mo やゆよ ya yu yo らりるれろ ra ri ru re ro わ wa
    がぎぐげご ga gi gu ge go ざじずぜぞ za zi zu ze zo だぢづでど da zi zu de do ばびぶべぼ ba bi bu be bo
    ぱぴぷぺぽ pa pi pu pe po
"""
GLIDES = {
    "き": "ky", "し": "sy", "ち": "ty", "に": "ny", "ひ": "hy", "み": "my", "り": "ry", "ぎ": "gy",
    "じ": "zy", "ぢ": "zy", "び": "by",
    "ぴ": "py",
}  # fmt: skip


def test_the_table_of_1954() -> None:
    words = iter(KUNREI.split())
    n_kana = 0
    for row in words:
        for kana in row:
            assert romanized(kana, "kunrei") == next(words)
            n_kana += 1
    assert n_kana == 69
    for kana, consonants in GLIDES.items():
        for small, vowel in zip("ゃゅょ", "auo", strict=True):
            assert romanized(kana + small, "kunrei") == consonants + vowel


@pytest.mark.parametrize(
    ("kana", "hepburn", "kunrei"),
    [
        # Hepburn's own spellings
        ("シチ", "shichi", "siti"), ("ツチ", "tsuchi", "tuti"), ("フジ", "fuji", "huzi"), ("チヂム", "chijimu", "tizimu"),
        ("ツヅク", "tsuzuku", "tuzuku"), ("シャシン", "shashin", "syasin"), ("シュショー", "shushō", "syusyô"),
        ("チャ", "cha", "tya"), ("チューイ", "chūi", "tyûi"), ("チョー", "chō", "tyô"), ("ジャマ", "jama", "zyama"),
        ("ジュー", "jū", "zyû"), ("ジョシ", "joshi", "zyosi"), ("キョーカ", "kyōka", "kyôka"), ("ヒャク", "hyaku", "hyaku"),
        ("リョコー", "ryokō", "ryokô"), ("ミャク", "myaku", "myaku"), ("ニャー", "nyā", "nyâ"), ("ヲ", "o", "o"),
        ("ヰ", "i", "i"),
        # n before consonants and vowels
        ("シンブン", "shinbun", "sinbun"), ("サンマ", "sanma", "sanma"), ("シンイチ", "shin'ichi", "sin'iti"),
        ("ホンヤ", "hon'ya", "hon'ya"), ("コンヤク", "kon'yaku", "kon'yaku"), ("コニャク", "konyaku", "konyaku"),
        ("キンエン", "kin'en", "kin'en"), ("キネン", "kinen", "kinen"), ("アンナイ", "annai", "annai"),
        ("サン", "san", "san"),
        # double consonants
        ("ガッコー", "gakkō", "gakkô"), ("ザッシ", "zasshi", "zassi"), ("コッチ", "kotchi", "kotti"),
        ("マッチャ", "matcha", "mattya"),
        ("ミッツ", "mittsu", "mittu"), ("キップ", "kippu", "kippu"), ("ハッピョー", "happyō", "happyô"),
        ("ベッド", "beddo", "beddo"),
        ("アッ", "a", "a"), ("ッテ", "tte", "tte"), ("アッア", "aa", "aa"),
        # long vowels
        ("トーキョー", "tōkyō", "tôkyô"), ("オーサカ", "ōsaka", "ôsaka"), ("クーキ", "kūki", "kûki"),
        ("オカーサン", "okāsan", "okâsan"),
        ("オネーサン", "onēsan", "onêsan"), ("オニイサン", "oniisan", "oniisan"), ("センセイ", "sensei", "sensei"),
        ("ビール", "bīru", "bîru"), ("セーター", "sētā", "sêtâ"), ("ー", "-", "-"),
        # words from other languages
        ("ファイル", "fairu", "fairu"), ("フィルム", "firumu", "firumu"), ("フェリー", "ferī", "ferî"),
        ("フォーク", "fōku", "fôku"),
        ("ヴァイオリン", "vaiorin", "vaiorin"), ("ヴィーナス", "vīnasu", "vînasu"), ("ヴ", "vu", "vu"),
        ("ティー", "tī", "tî"),
        ("ディスク", "disuku", "disuku"), ("トゥー", "tū", "tû"), ("デュエット", "dyuetto", "dyuetto"),
        ("ウィーン", "wīn", "wîn"),
        ("ウェブ", "webu", "webu"), ("ウォッカ", "wokka", "wokka"), ("チェス", "chesu", "tyesu"),
        ("シェフ", "shefu", "syehu"),
        ("ジェット", "jetto", "zyetto"), ("ツァーリ", "tsāri", "tsâri"), ("クォーツ", "kwōtsu", "kwôtu"),
        ("イェス", "yesu", "yesu"),
        # what is no kana stays
        ("Ａ・ア", "Ａ・a", "Ａ・a"), ("ねこ", "neko", "neko"), ("", "", ""),
    ],
)  # fmt: skip
def test_words(kana: str, hepburn: str, kunrei: str) -> None:
    assert romanized(kana, "hepburn") == hepburn
    assert romanized(kana, "kunrei") == kunrei


@pytest.mark.parametrize(
    ("reading", "pronunciation", "expected"),
    [
        ("トウキョウ", "トーキョー", "トーキョー"),
        ("オオキイ", "オーキー", "オーキイ"),
        ("センセイ", "センセー", "センセイ"),
        ("コウマ", "コウマ", "コウマ"),
        ("ハ", "ワ", "ワ"),
        ("コンニチハ", "コンニチワ", "コンニチワ"),
        ("ヅツ", "ズツ", "ヅツ"),
        ("ヴァイオリン", "バイオリン", "ヴァイオリン"),
        ("ネコ", None, "ネコ"),
    ],
)
def test_what_the_reading_does_not_show(reading: str, pronunciation: str | None, expected: str) -> None:
    assert spelled_for_romaji(reading, pronunciation) == expected


def test_the_ending_of_a_verb_is_no_long_vowel() -> None:
    assert spelled_for_romaji("クウ", "クー", is_verb_ending=True) == "クウ"
    assert spelled_for_romaji("クウ", "クー") == "クー"


def test_kana() -> None:
    assert to_hiragana("カタカナ・ヴヶー漢字A") == "かたかな・ゔゖー漢字A"
    assert to_katakana("ひらがなゝ・ゔー漢字") == "ヒラガナヽ・ヴー漢字"
    assert [is_kana(text) for text in ("かな", "ラーメン", "", "カ ナ", "漢", "・")] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
