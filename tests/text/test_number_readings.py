"""Readings of numbers and of numbers with counters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words

from nlptool.text.counters import amount, is_counter
from nlptool.text.kana import to_katakana
from nlptool.text.number_readings import reading


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("0", "ゼロ"), ("7", "ナナ"), ("10", "ジュウ"), ("100", "ヒャク"), ("300", "サンビャク"), ("600", "ロッピャク"),
        ("800", "ハッピャク"), ("1000", "セン"), ("3000", "サンゼン"), ("8000", "ハッセン"), ("10000", "イチマン"),
        ("2024", "ニセンニジュウヨン"), ("２０２４", "ニセンニジュウヨン"), ("二千二十四", "ニセンニジュウヨン"),
        ("二〇二四", "ニセンニジュウヨン"), ("1,234,567", "ヒャクニジュウサンマンヨンセンゴヒャクロクジュウナナ"),
        ("千五百", "センゴヒャク"), ("1500", "センゴヒャク"), ("1000万", "イッセンマン"), ("百万", "ヒャクマン"),
        ("一兆", "イッチョウ"), ("8兆", "ハッチョウ"), ("10兆", "ジュッチョウ"), ("1億2000万", "イチオクニセンマン"),
        ("3万5千", "サンマンゴセン"), ("2.5億", "ニテンゴオク"), ("3.14", "サンテンイチヨン"), ("0.5", "レイテンゴ"),
        ("1.05", "イッテンレイゴ"), ("10.5", "ジュッテンゴ"), ("三・一四", "サンテンイチヨン"), ("３．５", "サンテンゴ"),
        ("0120", "ゼロイチニゼロ"), ("007", "ゼロゼロナナ"), ("〇", "レイ"), ("壱萬", "イチマン"), ("1" * 53, "イチ" * 53),
    ],
)  # fmt: skip
def test_numbers(number: str, expected: str) -> None:
    found = reading(number)
    assert found is not None
    assert found[0] == expected


@pytest.mark.parametrize(
    "number", ["", "万", "億万", "1万2億", "二三", "1,23", "1.2.3", "-5", "十十", "猫", "1,2345", "12千"]
)
def test_what_is_no_number(number: str) -> None:
    assert reading(number) is None


@given(
    st.integers(0, 10**24 - 1)
    | st.builds(lambda digits, power: digits * 10**power, st.integers(1, 99), st.integers(0, 22))
)
def test_whole_numbers_are_read_as_another_library_reads_them(number: int) -> None:
    expected = to_katakana(num2words(number, lang="ja", reading=True))
    found = reading(str(number))
    assert found is not None
    assert found[1] == number
    # it reads 10,000,000 as センマン, here it is イッセンマン; and 21,000,000,000,000 with イチチョウ
    assert _without_sokuon(found[0]) == _without_sokuon(expected)


def _without_sokuon(said: str) -> str:
    said = said.replace("イッセン", "セン")
    for short, full in ("イッ", "イチ"), ("ハッ", "ハチ"), ("ロッ", "ロク"), ("ジュッ", "ジュウ"), ("ャッ", "ャク"):
        said = said.replace(short, full)
    return said


@given(st.integers(1, 10**20))
def test_numbers_in_kanji_have_the_value_that_another_library_wrote(number: int) -> None:
    found = reading(num2words(number, lang="ja"))
    assert found is not None
    assert found[1] == number


@pytest.mark.parametrize(
    "table",
    [
        "本 イッポン ニホン サンボン ヨンホン ゴホン ロッポン ナナホン ハッポン キュウホン ジュッポン",
        "匹 イッピキ ニヒキ サンビキ ヨンヒキ ゴヒキ ロッピキ ナナヒキ ハッピキ キュウヒキ ジュッピキ",
        "杯 イッパイ ニハイ サンバイ ヨンハイ ゴハイ ロッパイ ナナハイ ハッパイ キュウハイ ジュッパイ",
        "分 イップン ニフン サンプン ヨンプン ゴフン ロップン ナナフン ハップン キュウフン ジュップン",
        "泊 イッパク ニハク サンパク ヨンパク ゴハク ロッパク ナナハク ハッパク キュウハク ジュッパク",
        "発 イッパツ ニハツ サンパツ ヨンハツ ゴハツ ロッパツ ナナハツ ハッパツ キュウハツ ジュッパツ",
        "階 イッカイ ニカイ サンガイ ヨンカイ ゴカイ ロッカイ ナナカイ ハッカイ キュウカイ ジュッカイ",
        "回 イッカイ ニカイ サンカイ ヨンカイ ゴカイ ロッカイ ナナカイ ハッカイ キュウカイ ジュッカイ",
        "冊 イッサツ ニサツ サンサツ ヨンサツ ゴサツ ロクサツ ナナサツ ハッサツ キュウサツ ジュッサツ",
        "足 イッソク ニソク サンゾク ヨンソク ゴソク ロクソク ナナソク ハッソク キュウソク ジュッソク",
        "頭 イットウ ニトウ サントウ ヨントウ ゴトウ ロクトウ ナナトウ ハットウ キュウトウ ジュットウ",
        "枚 イチマイ ニマイ サンマイ ヨンマイ ゴマイ ロクマイ ナナマイ ハチマイ キュウマイ ジュウマイ",
        "人 ヒトリ フタリ サンニン ヨニン ゴニン ロクニン シチニン ハチニン キュウニン ジュウニン",
        "日 イチニチ フツカ ミッカ ヨッカ イツカ ムイカ ナノカ ヨウカ ココノカ トオカ",
        "月 イチガツ ニガツ サンガツ シガツ ゴガツ ロクガツ シチガツ ハチガツ クガツ ジュウガツ",
        "時 イチジ ニジ サンジ ヨジ ゴジ ロクジ シチジ ハチジ クジ ジュウジ",
        "年 イチネン ニネン サンネン ヨネン ゴネン ロクネン ナナネン ハチネン キュウネン ジュウネン",
        "円 イチエン ニエン サンエン ヨエン ゴエン ロクエン ナナエン ハチエン キュウエン ジュウエン",
        "歳 イッサイ ニサイ サンサイ ヨンサイ ゴサイ ロクサイ ナナサイ ハッサイ キュウサイ ジュッサイ",
        "ヶ月 イッカゲツ ニカゲツ サンカゲツ ヨンカゲツ ゴカゲツ ロッカゲツ ナナカゲツ ハッカゲツ キュウカゲツ ジュッカゲツ",
        "つ ヒトツ フタツ ミッツ ヨッツ イツツ ムッツ ナナツ ヤッツ ココノツ",
        "キロ イチキロ ニキロ サンキロ ヨンキロ ゴキロ ロッキロ ナナキロ ハチキロ キュウキロ ジュッキロ",
    ],
)
def test_counters_from_1_to_10(table: str) -> None:
    counter, *expected = table.split()
    assert is_counter(counter)
    for number, said in enumerate(expected, 1):
        found = amount(str(number), counter)
        assert found is not None
        assert (found.reading, found.value) == (said, number)


@pytest.mark.parametrize(
    ("number", "counter", "expected"),
    [
        ("20", "日", "ハツカ"), ("14", "日", "ジュウヨッカ"), ("24", "日間", "ニジュウヨッカカン"),
        ("31", "日", "サンジュウイチニチ"),
        ("20", "歳", "ハタチ"), ("21", "才", "ニジュウイッサイ"), ("12", "人", "ジュウニニン"), ("14", "人", "ジュウヨニン"),
        ("2024", "年", "ニセンニジュウヨネン"), ("100", "円", "ヒャクエン"), ("100", "本", "ヒャッポン"),
        ("1000", "本", "センボン"),
        ("一万", "匹", "イチマンビキ"), ("300", "階", "サンビャッカイ"), ("何", "本", "ナンボン"), ("何", "階", "ナンガイ"),
        ("数", "本", "スウホン"), ("0", "時", "レイジ"), ("19", "時間", "ジュウクジカン"), ("3.5", "倍", "サンテンゴバイ"),
        ("10", "％", "ジュッパーセント"), ("5.5", "kg", "ゴテンゴキログラム"), ("一", "皿", "ヒトサラ"), ("三", "皿", "サンサラ"),
    ],
)  # fmt: skip
def test_numbers_with_counters(number: str, counter: str, expected: str) -> None:
    found = amount(number, counter)
    assert found is not None
    assert found.reading == expected


def test_a_counter_that_the_table_lacks_has_the_reading_it_is_given() -> None:
    assert amount("8", "課", counter_reading="カ") == ("ハッカ", 8)
    assert amount("1", "日", is_date=True) == ("ツイタチ", 1)
    assert amount("何") is None
    assert amount("猫", "匹") is None
