"""Readings beside kanji: which part of a reading belongs to which part of a word, and how it is written."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nlptool.text.aozora import plain
from nlptool.text.furigana import Part, aligned
from nlptool.text.kana import to_hiragana
from nlptool.text.ruby import STYLES, Style, marked

_HTML = re.compile("<ruby>([^<]*)<rp>\\(</rp><rt>([^<]*)</rt><rp>\\)</rp></ruby>")

texts = st.text(alphabet='猫々ヶノネねー《》｜|［］＃※<>&"();nＡ1 　\n食', min_size=1, max_size=6)
parts_of_texts = st.lists(st.builds(Part, texts, st.text(alphabet="ねこーゔ", max_size=3)), max_size=8)


def without_html(marked_up: str) -> str:
    return html.unescape(_HTML.sub(r"\1", marked_up))


@pytest.mark.parametrize(
    ("word", "reading", "expected"),
    [
        ("食べる", "タベル", "食(た)べる"),
        ("取り引き", "トリヒキ", "取(と)り引(ひ)き"),
        ("引っ越し", "ヒッコシ", "引(ひ)っ越(こ)し"),
        ("引つ越し", "ヒッコシ", "引(ひ)つ越(こ)し"),
        ("真っ赤", "マッカ", "真(ま)っ赤(か)"),
        ("お母さん", "オカアサン", "お母(かあ)さん"),
        ("入り江", "イリエ", "入(い)り江(え)"),
        ("聞き手", "キキテ", "聞(き)き手(て)"),
        ("生き生き", "イキイキ", "生(い)き生(い)き"),
        ("言い合い", "イイアイ", "言(い)い合(あ)い"),
        ("買い食い", "カイグイ", "買(か)い食(ぐ)い"),
        ("相合い傘", "アイアイガサ", "相合(あいあ)い傘(がさ)"),
        ("消しゴム", "ケシゴム", "消(け)しゴム"),
        ("三ツ矢", "ミツヤ", "三(み)ツ矢(や)"),
        ("思ひ出", "オモイデ", "思(おも)ひ出(で)"),
        ("思ふ", "オモウ", "思(おも)ふ"),
        ("続づく", "ツズク", "続(つ)づく"),
        ("向こう", "ムコー", "向(む)こう"),
        ("関ヶ原", "セキガハラ", "関ヶ原(せきがはら)"),
        ("一ヶ月", "イッカゲツ", "一ヶ月(いっかげつ)"),
        ("人々", "ヒトビト", "人々(ひとびと)"),
        ("〆切", "シメキリ", "〆切(しめきり)"),
        ("東京", "トウキョウ", "東京(とうきょう)"),
        ("Ｘ線", "エックスセン", "Ｘ線(えっくすせん)"),
        ("猫ゝ", "ネココ", "猫(ねこ)ゝ"),
        ("これ", "コレ", "これ"),
        ("ラーメン", "ラーメン", "ラーメン"),
        ("漢字", "", "漢字"),
        ("Ａ", "エー", "Ａ"),
        ("明日は", "アシタ", "明日は(あした)"),  # the kana do not fit: the whole word
        ("食べる", "タ", "食べる(た)"),
        ("い", "イ", "い"),
    ],
)
def test_each_kanji_has_its_part_of_the_reading(word: str, reading: str, expected: str) -> None:
    assert marked(aligned(word, reading), "brackets") == expected


@given(st.text(alphabet="猫食々ヶきしーア", max_size=8), st.text(alphabet="キシーアネコッ", max_size=12))
@example("猫き" * 200, "ネキ" * 200)
def test_the_parts_are_the_word_and_fit_into_its_reading(word: str, reading: str) -> None:
    parts = aligned(word, reading)
    assert "".join(text for text, _ in parts) == word
    if len(parts) > 1:
        said = "".join(read or to_hiragana(text) for text, read in parts)
        assert len(said) == len(reading)
        assert all(a == b for a, b in zip(said, to_hiragana(reading), strict=True) if a in "きし")


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        (
            "html",
            "<ruby>取<rp>(</rp><rt>と</rt><rp>)</rp></ruby>り&lt;<ruby>引<rp>(</rp><rt>ひ</rt><rp>)</rp></ruby>き",
        ),
        ("aozora", "取《と》り<引《ひ》き"),
        ("brackets", "取(と)り<引(ひ)き"),
    ],
)
def test_styles(style: Style, expected: str) -> None:
    assert marked([Part("取", "と"), Part("り<"), Part("引", "ひ"), Part("き")], style) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([Part("東京", "とうきょう"), Part("都", "と")], "東京《とうきょう》都《と》"),
        ([Part("東京"), Part("都", "と")], "東京｜都《と》"),
        ([Part("3本", "さんぼん")], "｜3本《さんぼん》"),
        ([Part("1"), Part("本", "ほん")], "1本《ほん》"),
        ([Part("漢《字》", "かんじ")], "｜漢※［＃始め二重山括弧、1-1-52］字※［＃終わり二重山括弧、1-1-53］《かんじ》"),
        ([Part("［"), Part("＃猫", "ねこ")], "［｜※［＃井げた、1-1-84］猫《ねこ》"),
        ([Part("a|b｜c")], "a※［＃縦線、U+007C］b※［＃縦線、1-1-35］c"),
    ],
)
def test_the_markup_of_aozora(parts: list[Part], expected: str) -> None:
    assert marked(parts, "aozora") == expected


@given(parts_of_texts)
def test_text_and_readings_can_be_had_back(parts: list[Part]) -> None:
    text = "".join(part.text for part in parts)
    assert without_html(marked(parts, "html")) == text
    assert [(html.unescape(base), said) for base, said in _HTML.findall(marked(parts, "html"))] == [
        tuple(part) for part in parts if part.reading
    ]
    found = plain(marked(parts, "aozora"))
    assert found.text == text
    assert [(text[item.start : item.end], item.reading) for item in found.ruby] == [
        tuple(part) for part in parts if part.reading and "\n" not in part.text
    ]
    assert found.notes == []


@given(st.lists(texts, max_size=8))
def test_a_text_without_readings_is_as_it_was(pieces: list[str]) -> None:
    parts = [Part(piece) for piece in pieces]
    assert marked(parts, "brackets") == "".join(pieces)
    assert plain(marked(parts, "aozora")).text == "".join(pieces)
    assert len({marked([], style) for style in STYLES}) == 1
