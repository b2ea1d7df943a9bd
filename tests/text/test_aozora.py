"""Aozora Bunko's markup: what is taken out, what it said, and where the rest stood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.text.aozora import Body, plain


@pytest.mark.parametrize(
    ("text", "expected", "ruby", "notes"),
    [
        ("吾輩《わがはい》は猫だ", "吾輩は猫だ", [("吾輩", "わがはい")], []),
        ("白い｜大きな猫《ねこ》だ", "白い大きな猫だ", [("大きな猫", "ねこ")], []),
        ("その人々《ひとびと》", "その人々", [("人々", "ひとびと")], []),
        ("漢《かん》字《じ》", "漢字", [("漢", "かん"), ("字", "じ")], []),
        ("とうもろこし畑《ばたけ》のカフェー《みせ》", "とうもろこし畑のカフェー", [("畑", "ばたけ"), ("カフェー", "みせ")], []),
        ("Ｗａｓｈ《ワツシユ》", "Ｗａｓｈ", [("Ｗａｓｈ", "ワツシユ")], []),
        ("。《何》｜何もない", "。《何》｜何もない", [], []),
        ("　　［＃２字下げ］一［＃「一」は中見出し］", "　　一", [], ["２字下げ", "「一」は中見出し"]),
        ("あ［＃「［」は「〔」の誤り］い", "あい", [], ["「［」は「〔」の誤り"]),
        ("あ［＃「「」はママ］い", "あい", [], ["「「」はママ"]),
        ("※［＃「てへん＋劣」、第3水準1-84-77］《むし》る", "挘る", [("挘", "むし")], []),
        ("※［＃「火＋噪のつくり」、U+5DD9、12-3］。", "巙。", [], []),
        ("※［＃第4水準2-1-1］", "𠂉", [], []),
        ("※［＃始め二重山括弧、1-1-52］猫※［＃終わり二重山括弧、1-1-53］", "《猫》", [], []),
        ("※［＃「穢」の別字、12-3］土《えど》", "※土", [("※土", "えど")], ["「穢」の別字、12-3"]),
        ("あ［＃「※［＃「て」、第3水準1-84-77］」に傍点］", "あ", [], ["「※［＃「て」、第3水準1-84-77］」に傍点"]),
        ("紅葉《もみ※［＃「てへん＋劣」、第3水準1-84-77］》", "紅葉", [("紅葉", "もみ挘")], []),
        ("※［＃濁点付き半濁点、1-99-1］［＃U+110000］※", "※※", [], ["濁点付き半濁点、1-99-1", "U+110000"]),
        ("［＃閉じない\n次の行］", "［＃閉じない\n次の行］", [], []),
    ],
)  # fmt: skip
def test_markup(text: str, expected: str, ruby: list[tuple[str, str]], notes: list[str]) -> None:
    found = plain(text)
    assert found.text == expected
    assert [(found.text[item.start : item.end], item.reading) for item in found.ruby] == ruby
    assert [item.note for item in found.notes] == notes


def test_a_span_of_the_plain_text_is_found_in_the_original_with_its_markup() -> None:
    text = "［＃２字下げ］これは｜大きな猫《ねこ》※［＃「てへん＋劣」、第3水準1-84-77］る［＃「る」はママ］。"
    found = plain(text)
    assert found.text == "これは大きな猫挘る。"

    def original(part: str) -> str:
        start = found.text.index(part)
        begin, end = found.span(start, start + len(part))
        return text[begin:end]

    assert original("大きな猫") == "｜大きな猫《ねこ》"
    assert original("きな") == "きな"
    assert original("挘る") == "※［＃「てへん＋劣」、第3水準1-84-77］る［＃「る」はママ］"
    assert original("これは大きな猫挘る。") == text.removeprefix("［＃２字下げ］")


@given(st.text(alphabet=st.sampled_from("［＃］※《》｜「」1-84U+5DD9漢かカa\n。")) | st.text())
def test_any_text_is_read_and_its_spans_are_in_order(text: str) -> None:
    found = plain(text)
    last = 0
    for position in range(len(found.text)):
        start, end = found.span(position, position + 1)
        assert start < end <= len(text)
        assert start >= last
        last = start
    for item in found.ruby:
        assert 0 <= item.start < item.end <= len(found.text)
    assert all(0 <= note.position <= len(found.text) for note in found.notes)
    if not set(text) & set("［《"):
        assert found.text == text


@pytest.mark.parametrize(
    "unit",
    [
        "［＃",
        "｜",
        "《",
        "［＃「",
        "［＃「」",
        "［＃［＃a］",
        "※［＃",
        "漢《",
        "漢《か》",
        "｜漢",
        "］",
        "［＃「［＃「",
        "［＃あ］",
    ],
)
def test_a_long_text_of_one_thing_takes_linear_time(unit: str) -> None:
    """Anything quadratic would take minutes here."""
    text = unit * (200_000 // len(unit))
    assert set(plain(text).text) <= set(text)


def test_the_body_of_a_work_is_told_from_head_and_colophon() -> None:
    head = ["-" * 55, "【テキスト中に現れる記号について】", "", "《》：ルビ", "-" * 55]
    colophon = ["底本：「全集」", "入力：誰か", "制作にあたったのは、ボランティアの皆さんです。"]
    lines = ["題", "作者", "", *head, "本文。", "-" * 30, "まだ本文。", "-" * 5, *colophon, "次の題"]
    body = Body()
    assert [line for line in lines if body.holds(line)] == ["題", "作者", "", "本文。", "まだ本文。", "-" * 5, "次の題"]


def test_a_head_without_its_end_does_not_hide_the_work() -> None:
    body = Body()
    lines = ["題", "-" * 55, "【テキスト中に現れる記号について】", *["本文。"] * 300]
    assert sum(body.holds(line) for line in lines) == 201
    body = Body()
    assert sum(body.holds(line) for line in ["題", "-" * 55, *["本文。"] * 300]) == 301
