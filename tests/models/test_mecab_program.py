"""MeCab's program, called for many texts at once, gives what fugashi gives for each."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.models.japanese import mecab_program
from nlptool.models.japanese import tagger as tagger_module
from nlptool.models.japanese.tagger import LONGEST, Tagger, for_mecab

TAGGER = Tagger()

TEXTS = [
    "",
    " ",
    "\u3000",
    "　々の話",
    " a  b ",
    "猫が鳴く。",
    '\\n %m "',
    "New York へ",
    "🎉🐍",
    "\a\t",
    "EOS",
    "が\u3099",
]


def alone(texts: list[str]) -> list[list[bytes]]:
    return [
        [TAGGER.parse(text).encode() for text in texts],
        [TAGGER._surfaces(text).encode() for text in texts],
        [TAGGER.plain(text).encode() for text in texts],
    ]


def together(texts: list[str], monkeypatch: pytest.MonkeyPatch) -> list[list[bytes]]:
    monkeypatch.setattr(tagger_module, "_ANALYSED_AT_ONCE", 0)
    return [TAGGER.parse_all(texts), TAGGER.surfaces_all(texts), TAGGER.plain_all(texts)]


def test_texts_of_all_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = list(map(for_mecab, TEXTS))
    assert together(texts, monkeypatch) == alone(texts)


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=40), max_size=6))
def test_any_texts(texts: list[str]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        shown = list(map(for_mecab, texts))
        assert together(shown, monkeypatch) == alone(shown)


def test_a_text_too_long_for_mecab_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["猫", "猫が鳴く。" * (LONGEST // 5 + 1), "犬"]
    assert together(texts, monkeypatch) == alone(texts)


def test_it_is_called_for_much_text_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(mecab_program, "run", lambda arguments, lines, maps: calls.append(len(lines)) or b"")
    assert TAGGER.parse_all(["猫"]) == [TAGGER.parse("猫").encode()]
    assert calls == []
    many = ["猫が鳴く。"] * 3000
    assert TAGGER.parse_all(many) == [TAGGER.parse(many[0]).encode()] * 3000  # though it gave nothing
    assert calls == [3000 * 16]


def test_user_dictionaries_are_used_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = tmp_path / "a, b.csv"
    words.write_text("河童鍋,5142,5142,-5000,名詞,普通名詞,一般,*,*,*,カッパナベ,河童鍋\n", encoding="utf-8")
    tagger = Tagger(user_dictionaries=[str(words)])
    monkeypatch.setattr(tagger_module, "_ANALYSED_AT_ONCE", 0)
    assert tagger.surfaces_all(["河童鍋を食う"]) == ["河童鍋\nを\n食う".encode()]


def test_arguments_that_mecab_refuses_give_nothing(tmp_path: Path) -> None:
    assert mecab_program.run(["-r", "/dev/null", "-d", str(tmp_path)], b"x\n", maps=TAGGER.folder / "sys.dic") == b""


def test_a_dictionary_for_which_there_is_no_room_is_not_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mecab_program, "_main", lambda: pytest.fail)
    assert mecab_program.run([], b"x\n", maps=tmp_path / "none") == b""


def test_the_entry_that_stands_first_is_that_of_a_key_of_several() -> None:
    """Two entries of 庵 have the same ids and costs: MeCab takes the first, as its own output says."""
    text = "庵に入る。"
    (longer,) = (long for long in TAGGER.long_keys(text) if long.startswith("庵\t"))
    key, _, columns = longer.rpartition("\t")
    surface, ids = key.split("\t")
    entries = TAGGER._dictionaries[0].look_up(surface, *map(int, ids.split(",")))
    assert len(set(entries)) > 1
    assert entries[0] == columns
    assert TAGGER.morpheme(key, text) == TAGGER.morpheme(longer, text)
