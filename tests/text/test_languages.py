"""Languages and their scripts."""

from __future__ import annotations

import pytest

from nlptool import catalog
from nlptool.text.languages import scripts_of
from nlptool.text.scripts import script_of

JAPANESE = {"Han", "Hiragana", "Katakana", "Japanese"}


@pytest.mark.parametrize(
    ("languages", "scripts"),
    [
        (["ja"], JAPANESE),
        (["ja", "en"], JAPANESE | {"Latin"}),
        (["JA", "en-US", "pt_BR"], JAPANESE | {"Latin"}),
        (["zh-Hant"], {"Han"}),
        (["ko"], {"Hangul"}),
        (["sr"], {"Cyrillic", "Latin"}),
        (["jpn", "hin"], JAPANESE | {"Devanagari"}),
        ([], None),
        (["klingon"], None),
        (["en", "xx"], None),
    ],
)
def test_the_scripts_of_languages(languages: list[str], scripts: set[str] | None) -> None:
    assert scripts_of(languages) == scripts


def test_a_multilingual_model_knows_the_scripts_of_a_hundred_languages() -> None:
    scripts = scripts_of(["multilingual"]) or set()
    assert scripts == scripts_of(["mul"])
    letters = "aяاकবกလaກខאαაհአ한ねネ猫ಕതതැසతதગਅଅ"
    assert {script_of(letter) for letter in letters if script_of(letter)} <= scripts
    assert not scripts & {"Cherokee", "Tibetan", "Thaana", "Yi"}


def test_the_scripts_of_every_known_model_are_known() -> None:
    assert all(known.scripts for known in catalog.KNOWN.values())


def test_a_default_is_chosen_by_script() -> None:
    assert catalog.default("words", "Japanese") == catalog.default("words", "Han") == "modern-ja-200d"
    assert catalog.default("words", "Latin") == "glove-6b-50d"
    assert catalog.default("words", "Thai") == catalog.default("words", "") == "glove-6b-50d"
    assert catalog.default("fill-mask", "Thai") == catalog.default("fill-mask", "Japanese") == "bert-mini-ja"
    assert catalog.default("fill-mask", "Latin") == "bert-mini-en"
    assert catalog.default("embed", "Hangul") == catalog.DEFAULT_ENCODER


def test_a_model_that_knows_a_script_is_one_that_is_here() -> None:
    assert catalog.knowing("embed", "Hangul") == "multilingual-e5-small"
    assert catalog.knowing("embed", "Latin") == "sbert-mini-ja-en"
    assert catalog.knowing("embed", "Cherokee") is None
    assert catalog.knowing("generate", "Latin") == "mini-en-ja"
    assert catalog.knowing("generate", "Hangul") == "m2m100_418M"
    assert catalog.knowing("", "Latin") is None
