"""Readings of numbers with their counters: 3本 サンボン, 1人 ヒトリ, 20日 ハツカ, 4月 シガツ.

The sounds change by the rules of Sino-Japanese words (``number_readings.joined``), which hold for counters in general. The
table holds what is beside them: counters whose first sound is voiced behind 3 (サンガイ, サンボン), those with ヨ, シ, シチ
or ク for 4, 7 and 9, native numbers (ヒトツ, フツカ), and counters from other languages, which double fewer consonants
(イチキロ, ジュッキロ). Where several readings are in use there is one of them: ジュッ, not ジッ, for 10; ナナ for 7 where
nothing else is said.

The rules are types A to E of the appendices on counters in S. Makino and M. Tsutsui: A Dictionary of Basic Japanese Grammar
(1986) and A Dictionary of Intermediate Japanese Grammar (1995).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

from nlptool.text.number_readings import joined
from nlptool.text.number_readings import reading as reading_of_number

_NONE: Mapping[int, str] = {}


class _Counter(NamedTuple):
    """How a counter is read.

    Attributes:
        reading: behind most numbers.
        after_3: behind サン, ナン and, if it begins with b, セン and マン; "": the same as ``reading``.
        after_4: behind ヨン.
        ends: last digit -> what stands for its reading, before the counter.
        whole: value -> reading with the counter.
        is_foreign: only 10 and 100, and 6 before k, double a consonant.
    """

    reading: str
    after_3: str = ""
    after_4: str = ""
    ends: Mapping[int, str] = _NONE
    whole: Mapping[int, str] = _NONE
    is_foreign: bool = False


def _ends(**digits: str) -> Mapping[int, str]:
    return {int(name[1:]): said for name, said in digits.items()}


def _pairs(table: str) -> dict[str, str]:
    words = table.split()
    return dict(zip(words[::2], words[1::2], strict=True))


_THINGS = dict(
    enumerate(("ヒトツ", "フタツ", "ミッツ", "ヨッツ", "イツツ", "ムッツ", "ナナツ", "ヤッツ", "ココノツ"), 1)
)
_DATES = dict(
    enumerate(("フツカ", "ミッカ", "ヨッカ", "イツカ", "ムイカ", "ナノカ", "ヨウカ", "ココノカ", "トオカ"), 2)
)
_DATES |= {14: "ジュウヨッカ", 17: "ジュウシチニチ", 19: "ジュウクニチ", 20: "ハツカ"}
_DATES |= {24: "ニジュウヨッカ", 27: "ニジュウシチニチ", 29: "ニジュウクニチ"}
_HOUR = _ends(_4="ヨ", _7="シチ", _9="ク")
_PEOPLE = _ends(_4="ヨ", _7="シチ")
_VOICED = str.maketrans("ハヒフヘホカサシス", "バビブベボガザジズ")
_TO_P = str.maketrans("ハヒフヘホ", "パピプペポ")

_VOICED_BEHIND_3 = """
    本 ホン 匹 ヒキ 杯 ハイ 票 ヒョウ 俵 ヒョウ 遍 ヘン 階 カイ 貫 カン 尺 シャク 寸 スン
"""
_P_BEHIND_3 = """
    発 ハツ 拍 ハク 版 ハン 班 ハン 品 ヒン 編 ヘン
"""
_P_BEHIND_3_AND_4 = """
    分 フン 分間 フンカン 歩 ホ 泊 ハク
"""
_YO = """
    年 ネン 年間 ネンカン 年度 ネンド 年生 ネンセイ 円 エン 畳 ジョウ
"""
_REGULAR = """
    個 コ 箇 コ 回 カイ 回目 カイメ 件 ケン 戸 コ 校 コウ 機 キ 基 キ 期 キ 曲 キョク 巻 カン 級 キュウ 行 ギョウ 句
    ク 区 ク 局 キョク 県 ケン 国 コク カ月 カゲツ カ国 カコク カ所 カショ 冊 サツ 章 ショウ 首 シュ 種 シュ 種類
    シュルイ 隻 セキ 席 セキ 世紀 セイキ 社 シャ 週 シュウ 週間 シュウカン 周年 シュウネン 色 ショク 節 セツ 頭 トウ
    通 ツウ 点 テン 店 テン 着 チャク 丁 チョウ 丁目 チョウメ 体 タイ 対 ツイ 等 トウ 党 トウ 名 メイ 枚 マイ 台 ダイ
    番 バン 番目 バンメ 倍 バイ 秒 ビョウ 割 ワリ 位 イ 両 リョウ 列 レツ 輪 リン 部 ブ 面 メン 問 モン 代 ダイ 年代
    ネンダイ 例 レイ 文 ブン 語 ゴ 号 ゴウ 話 ワ 羽 ワ 膳 ゼン 里 リ 次 ジ cm センチメートル センチ センチ
    センチメートル センチメートル トン トン t トン
"""
_FOREIGN = """
    % パーセント パーセント パーセント ページ ページ 頁 ページ キロ キロ kg キログラム キログラム キログラム km キロメートル
    キロメートル キロメートル m メートル メートル メートル mm ミリメートル g グラム グラム グラム mg ミリグラム ドル ドル
    ユーロ ユーロ カロリー カロリー ポイント ポイント リットル リットル
"""
_NATIVE = """
    箱 ハコ 皿 サラ 袋 フクロ 束 タバ 粒 ツブ 切れ キレ 株 カブ 部屋 ヘヤ 晩 バン 桁 ケタ 通り トオリ 組 クミ 言 コト 口 クチ
    塊 カタマリ 筋 スジ 坪 ツボ 廻り マワリ 回り マワリ
"""
_SPELLINGS = _pairs("""
    ツ つ 才 歳 疋 匹 ひき 匹 ヶ所 カ所 箇所 カ所 か所 カ所 個所 カ所 ヶ月 カ月 箇月 カ月 か月 カ月 ヵ月 カ月 ケ月 カ月 ヶ国
    カ国 か国 カ国
""")
"""Another spelling of a counter -> that of the table."""

_TABLE: dict[str, _Counter] = {
    "人": _Counter("ニン", ends=_PEOPLE, whole={1: "ヒトリ", 2: "フタリ"}),
    "人目": _Counter("ニンメ", ends=_PEOPLE, whole={1: "ヒトリメ", 2: "フタリメ"}),
    "つ": _Counter("ツ", whole=_THINGS),
    "日": _Counter("ニチ", whole=_DATES),
    "日間": _Counter("ニチカン", whole={day: f"{said}カン" for day, said in _DATES.items()}),
    "月": _Counter("ガツ", ends=_ends(_4="シ", _7="シチ", _9="ク")),
    "時": _Counter("ジ", ends=_HOUR, whole={0: "レイジ"}),
    "時間": _Counter("ジカン", ends=_HOUR),
    "時間半": _Counter("ジカンハン", ends=_HOUR),
    "歳": _Counter("サイ", whole={20: "ハタチ"}),
    "度": _Counter("ド", whole={0: "レイド"}),
    "軒": _Counter("ケン", "ゲン"),
    "足": _Counter("ソク", "ゾク"),
    "文字": _Counter("モジ", whole={1: "ヒトモジ", 2: "フタモジ"}),
    **{own: _Counter(said, said[0].translate(_VOICED) + said[1:]) for own, said in _pairs(_VOICED_BEHIND_3).items()},
    **{own: _Counter(said, said.translate(_TO_P)) for own, said in _pairs(_P_BEHIND_3).items()},
    **{
        own: _Counter(said, said.translate(_TO_P), said.translate(_TO_P))
        for own, said in _pairs(_P_BEHIND_3_AND_4).items()
    },
    **{own: _Counter(said, ends=_ends(_4="ヨ")) for own, said in _pairs(_YO).items()},
    **{own: _Counter(said) for own, said in _pairs(_REGULAR).items()},
    **{own: _Counter(said, is_foreign=True) for own, said in _pairs(_FOREIGN).items()},
    **{
        own: _Counter(said, whole={1: f"ヒト{said}", 2: f"フタ{said}"}, is_foreign=True)
        for own, said in _pairs(_NATIVE).items()
    },
}

_OF_N = {
    "何": "ナン", "幾": "イク", "数": "スウ",
    "二三": "ニサン", "四五": "シゴ", "五六": "ゴロク", "六七": "ロクシチ", "七八": "シチハチ",
}  # fmt: skip
"""Words that stand for a number, or for one of two, and their readings before a counter."""


class Amount(NamedTuple):
    """A number with its counter, as it is read.

    Attributes:
        reading: in katakana.
        value: of the number; None if it is no whole one.
    """

    reading: str
    value: int | None = None


def is_counter(text: str) -> bool:
    """Return whether ``text`` is a counter of the table."""
    return _known(text) is not None


def _known(text: str) -> _Counter | None:
    text = unicodedata.normalize("NFKC", text)
    return _TABLE.get(_SPELLINGS.get(text, text))


def amount(
    number: str, counter: str = "", *, number_reading: str = "", counter_reading: str = "", is_date: bool = False
) -> Amount | None:
    """Return how a number with its counter is read; None if ``number`` is none that can be read.

    Args:
        number: as of ``number_readings.reading``, or 何, 幾, 数, 二三 and the like, which take a counter.
        counter: behind it; "": none.
        number_reading: in katakana, of a number that cannot be read otherwise, and takes a counter: 数百.
        counter_reading: in katakana, of a counter that the table lacks.
        is_date: the counter is 日 behind a month: 1日 is ツイタチ, not イチニチ.
    """
    read = None if number in _OF_N else reading_of_number(number)
    if read is None:
        said = _OF_N.get(number, number_reading)
        return Amount(_behind(said, counter, counter_reading, None)) if said and counter else None
    said, value = read
    if not counter:
        return Amount(said, value)
    if is_date and value == 1:
        return Amount("ツイタチ", value)
    return Amount(_behind(said, counter, counter_reading, value), value)


def _behind(said: str, counter: str, counter_reading: str, value: int | None) -> str:
    known = _known(counter) or _Counter(counter_reading or counter)
    if value is not None and value in known.whole:
        return known.whole[value]
    if value is not None and value > 10 and value % 10 == 4 and counter in ("日", "日間"):
        return said[:-2] + known.whole[4]
    if value is not None and value % 10 in known.ends:
        ending = {4: "ヨン", 7: "ナナ", 9: "キュウ"}[value % 10]
        return f"{said.removesuffix(ending)}{known.ends[value % 10]}{known.reading}"
    if known.after_3 and said.endswith(("サン", "ナン")):
        return said + known.after_3
    if known.after_3[:1] in tuple("バビブベボ") and said.endswith(("セン", "ゼン", "マン")):
        return said + known.after_3
    if known.after_4 and said.endswith("ヨン"):
        return said + known.after_4
    doubled = ("ジュウ", "ャク", "ロク") if known.reading.startswith("キ") else ("ジュウ", "ャク")
    if known.is_foreign and not said.endswith(doubled):
        return said + known.reading
    return joined(said, known.reading)
