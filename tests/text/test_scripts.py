"""Scripts of letters and texts, against Unicode's own table, which fontTools holds."""

from __future__ import annotations

import re

import pytest
from fontTools import unicodedata as unicode
from hypothesis import given
from hypothesis import strategies as st

from nlptool.text import scripts
from nlptool.text.scripts import count_scripts, main_script, other_letters, script_of

ALL = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
LATIN_AND_JAPANESE = ("Latin", *scripts.JAPANESE)


def script_in_unicode(character: str) -> str:
    name: str = unicode.script_name(unicode.script(character)).replace("_", " ")
    return "" if name in ("Common", "Inherited") else name


def test_the_script_of_every_letter_is_unicodes() -> None:
    tabled = {name for name in map(script_in_unicode, filter(str.isalpha, ALL)) if name in scripts._LETTERS}
    assert tabled == scripts._LETTERS.keys() - {"Common"}
    wrong = [
        character
        for character in filter(str.isalpha, ALL)
        if (expected := script_in_unicode(character)) in {*tabled, ""} and script_of(character) != expected
    ]
    assert wrong == []


@pytest.mark.parametrize(("letter", "script"), [("𓀀", "Egyptian"), ("𐌰", "Gothic"), ("ꦏ", "Javanese"), ("ߊ", "Nko")])
def test_a_rare_script_has_the_first_word_of_its_letters_names(letter: str, script: str) -> None:
    assert script_of(letter) == script


def test_what_is_no_letter_has_no_script() -> None:
    assert not any(script_of(character) for character in ALL if not character.isalpha())
    assert not any(map(script_of, "ー〆µ𝐀"))  # letters of several scripts


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("the man went to the store", "Latin"),
        ("naïve café", "Latin"),
        ("Ｈｅｌｌｏ", "Latin"),
        ("吾輩は猫である。", "Japanese"),
        ("ﾄｩﾝｸﾄｩﾝｸ", "Japanese"),
        ("ラーメン", "Japanese"),
        ("Microsoft Windows Server 2022をAWSで使う", "Japanese"),
        ("iPhone 15 Pro Maxを買った", "Japanese"),
        ("The word 猫 means cat", "Latin"),
        ("東京大学", "Han"),
        ("北京の店是一家很有名的餐厅,我们昨天去吃了晚饭,味道非常好", "Han"),
        ("안녕하세요", "Hangul"),
        ("Привет, мир", "Cyrillic"),
        ("हिन्दी भाषा", "Devanagari"),
        ("ฉันใช้ Windows Server", "Thai"),
        ("مرحبا", "Arabic"),
        ("①Windows", "Latin"),
        ("5 µm", "Latin"),
        ("", ""),
        ("🎉 🐍!!", ""),
        ("2024-01-01 12:00 ①②½ ー", ""),
    ],
)
def test_the_main_script_of_a_text(text: str, script: str) -> None:
    assert main_script(text) == script


def test_a_word_counts_once_whatever_its_marks() -> None:
    assert count_scripts("हिन्दी भाषा") == {"Devanagari": 2}
    assert count_scripts("don't stop_now x2 l’été") == {"Latin": 5}
    assert count_scripts("猫はcat") == {"Japanese": 2, "Latin": 1}
    assert count_scripts("Windows、Linux、Mac") == {"Latin": 3}


@given(st.text())
def test_letters_of_other_scripts_are_found(text: str) -> None:
    pattern = other_letters(LATIN_AND_JAPANESE)
    known = {"", *LATIN_AND_JAPANESE}
    others = [character for character in text if character.isalpha() and script_of(character) not in known]
    found = pattern.findall(text)
    assert set(others) <= set(found)
    assert all(ord(character) > 0xFFFF or not character.isalpha() for character in set(found) - set(others))


@given(st.text())
def test_every_letter_outside_of_unicodes_common_ones_is_counted(text: str) -> None:
    counts = count_scripts(text)
    assert all(n > 0 for n in counts.values())
    assert bool(main_script(text)) == bool(counts)
    assert bool(counts) == any(re.match(r"[^\W\d_]", character) and script_of(character) for character in text)
