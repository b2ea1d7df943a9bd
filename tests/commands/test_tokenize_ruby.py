"""``tokenize --ruby`` and ``--numbers``, and the fields with kana and Latin letters."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st
from program import invoke, records

from nlptool.cli.main import root
from nlptool.models.japanese.tagger import Tagger
from nlptool.tasks.ruby import RubyAnalyser
from nlptool.tasks.tokens import Wanted
from nlptool.text.aozora import plain
from nlptool.text.ruby import Style

NOVEL = Path(__file__).parent.parent / "data" / "yume_juya.txt"
TEXTS = NOVEL.read_text(encoding="utf-8").split("\n")[:-1]
TAGGER = Tagger()
LINES = "2024年に3本の木を1人で20日間、100円で<買った>。\nお母さんは取り引きで引っ越した。\n"
any_text = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=40)
japanese = st.text(alphabet="猫がﾊﾝか\u3099㌔ 　\t𠮷😀A1二十日本人月,.・。「《》｜［＃］※<>&", max_size=30)


def ruby(text: str, style: Style, *, numbers: bool = False, normalize: bool = False) -> str:
    wanted = Wanted(fields=("surface",), format="text", ruby=style, numbers=numbers, normalize=normalize)
    (result,) = RubyAnalyser(TAGGER, wanted)([text])
    assert isinstance(result, tuple)
    return result[0][""].decode().removesuffix("\n")


def without_html(marked: str) -> str:
    return html.unescape(re.sub("<ruby>([^<]*)<rp>.*?</ruby>", r"\1", marked, flags=re.DOTALL))


def test_styles() -> None:
    assert invoke("tokenize", "--ruby", "brackets", stdin=LINES).stdout == (
        "2024年(にせんにじゅうよねん)に3本(さんぼん)の木(き)を1人(ひとり)で20日間(はつかかん)、100円(ひゃくえん)で"
        "<買(か)った>。\nお母(かあ)さんは取(と)り引(ひ)きで引(ひ)っ越(こ)した。\n"
    )
    assert invoke("tokenize", "--ruby", "aozora", stdin=LINES).stdout == (
        "｜2024年《にせんにじゅうよねん》に｜3本《さんぼん》の木《き》を｜1人《ひとり》で｜20日間《はつかかん》、"
        "｜100円《ひゃくえん》で<買《か》った>。\nお母《かあ》さんは取《と》り引《ひ》きで引《ひ》っ越《こ》した。\n"
    )
    first = "<ruby>買<rp>(</rp><rt>か</rt><rp>)</rp></ruby>った&gt;。"
    assert invoke("tokenize", "--ruby", "html", stdin=LINES).stdout.splitlines()[0].endswith(f"で&lt;{first}")


@pytest.mark.parametrize("numbers", [False, True])
def test_without_the_readings_real_lines_are_what_they_were(numbers: bool) -> None:
    for text in TEXTS:
        assert without_html(ruby(text, "html", numbers=numbers)) == text
        assert plain(ruby(text, "aozora", numbers=numbers)).text == text
        assert re.sub(r"\([ぁ-ゖー]+\)", "", ruby(text, "brackets", numbers=numbers)) == text


@settings(max_examples=300, deadline=None)
@given(any_text | japanese, st.booleans())
@example("㌔㍿猫", True)
@example("一\n二 三", False)
def test_without_the_readings_any_text_is_what_it_was(text: str, normalize: bool) -> None:
    one_line = re.sub(r"\r?\n|\r", " ", text)
    assert without_html(ruby(text, "html", normalize=normalize)) == one_line
    assert plain(ruby(text, "aozora", normalize=normalize)).text == one_line


def test_records_have_it_beside_their_tokens() -> None:
    (record,) = records(
        invoke("tokenize", "--ruby", "aozora", "--numbers", "-f", "jsonl", stdin='{"text":"3本\\n猫"}\n')
    )
    assert record["ruby"] == "｜3本《さんぼん》\n猫《ねこ》"
    assert record["numbers"] == [{"surface": "3本", "reading": "サンボン", "start": 0, "end": 2}]
    assert [token["surface"] for token in record["tokens"]] == ["3", "本", "猫"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4月1日と1日", "4月 シガツ 1日 ツイタチ 1日 イチニチ"),
        ("三分の一", "三分 サンブン 一 イチ"),
        ("10時30分、3分の道", "10時 ジュウジ 30分 サンジュップン 3分 サンプン"),
        ("数百匹と何百匹と二三本", "数百匹 スウヒャッピキ 何百匹 ナンビャッピキ 二三本 ニサンボン"),
        ("四五日と一ツとひとつ", "四五日 シゴニチ 一ツ ヒトツ"),
        ("第三回", "三回 サンカイ"),
        ("1億2000万円", "1億2000万円 イチオクニセンマンエン"),
        ("1,234,567人", "1,234,567人 ヒャクニジュウサンマンヨンセンゴヒャクロクジュウシチニン"),
        ("3.14倍", "3.14倍 サンテンイチヨンバイ"),
        ("5, 6", "5 ゴ 6 ロク"),
        ("1,2と3.", "1 イチ 2 ニ 3 サン"),
        ("午後7時9分", "7時 シチジ 9分 キュウフン"),
        ("二〇二四年、十分間", "二〇二四年 ニセンニジュウヨネン 十分間 ジュップンカン"),
        ("何本も数本の", "何本 ナンボン 数本 スウホン"),
        ("十分に一人で", ""),  # words of the dictionary
        ("１２３冊", "１２３冊 ヒャクニジュウサンサツ"),
        ("１０円と１０人", "１０円 ジュウエン １０人 ジュウニン"),  # UniDic has １０ as the English ten
        ("3千と5千万と8千円", "3千 サンゼン 5千万 ゴセンマン 8千円 ハッセンエン"),  # 千 by itself is taken for a name
        ("千と3千代", "3 サン"),  # a name by itself, and in 千代
        ("10%と5kg", "10% ジュッパーセント 5kg ゴキログラム"),
    ],
)
def test_numbers(text: str, expected: str) -> None:
    (record,) = records(invoke("tokenize", "--numbers", stdin=text))
    assert " ".join(f"{each['surface']} {each['reading']}" for each in record["numbers"]) == expected
    for each in record["numbers"]:
        assert text[each["start"] : each["end"]] == each["surface"]


@pytest.mark.parametrize("numeral", ["億", "九", "9,", "一・"])
def test_long_runs_of_numerals_are_read_in_their_time(numeral: str) -> None:
    text = numeral * 20_000
    assert plain(ruby(text, "aozora", numbers=True)).text == text


def test_processes_write_the_same(tmp_path: Path) -> None:
    alone = invoke("tokenize", "--ruby", "html", "-j", "1", str(NOVEL)).stdout
    assert invoke("tokenize", "--ruby", "html", "-j", "2", str(NOVEL)).stdout == alone
    assert len(alone.splitlines()) == len(TEXTS)


def test_digits_without_kanji_have_a_reading_with_numbers_alone() -> None:
    assert ruby("3.14と5kg", "brackets") == "3.14と5kg"
    assert ruby("一つ、三通り、3つ", "brackets") == "一(ひと)つ、三通(さんとお)り、3つ"
    assert ruby("3つと10キロ", "brackets", numbers=True) == "3(みっ)つと10(じゅっ)キロ"
    assert ruby("3.14と5kg", "brackets", numbers=True) == "3.14(さんてんいちよん)と5kg(ごきろぐらむ)"


def test_words_that_are_filtered_out_stay_without_a_reading() -> None:
    done = invoke("tokenize", "--ruby", "brackets", "--pos", "名詞", stdin="猫が3本の木を見る\n")
    assert done.stdout == "猫(ねこ)が3本(さんぼん)の木(き)を見る\n"


def test_kana_and_latin_letters() -> None:
    stdin = "学校へ行った。東京は思うXYZドゥルルン大きい人です\n"
    (record,) = records(invoke("tokenize", "--fields", "kana,romaji_hepburn,romaji_kunrei", stdin=stdin))
    found = {
        each["surface"]: (each["kana"], each["romaji_hepburn"], each["romaji_kunrei"]) for each in record["tokens"]
    }
    assert found == {
        "学校": ("がっこう", "gakkō", "gakkô"),
        "へ": ("へ", "e", "e"),
        "行っ": ("いっ", "it", "it"),
        "た": ("た", "ta", "ta"),
        "。": (None, None, None),
        "東京": ("とうきょう", "tōkyō", "tôkyô"),
        "は": ("は", "wa", "wa"),
        "思う": ("おもう", "omou", "omou"),
        "XYZ": (None, None, None),
        "ドゥルルン": ("どぅるるん", "dururun", "dururun"),
        "大きい": ("おおきい", "ōkii", "ôkii"),
        "人": ("ひと", "hito", "hito"),
        "です": ("です", "desu", "desu"),
    }


def test_a_failed_record_is_an_empty_line() -> None:
    done = CliRunner().invoke(root, ["tokenize", "--ruby", "html"], input=b"a\xff\n\xe7\x8c\xab\n\n")
    assert done.exit_code == 3
    assert done.stdout == "\n<ruby>猫<rp>(</rp><rt>ねこ</rt><rp>)</rp></ruby>\n\n"


def test_the_ending_of_the_output_chooses(tmp_path: Path) -> None:
    for name, begins in ("a.html", "<ruby>"), ("a.txt", "<ruby>"), ("a.jsonl", '{"text"'):
        invoke("tokenize", "--ruby", "html", "-o", str(tmp_path / name), stdin="猫\n")
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)


@pytest.mark.parametrize(("word", "kana", "romaji"), [("ｶﾞｯｺｳ", "がっこう", "gakkou"), ("ﾄｩﾝｸ", "とぅんく", "tunku")])
def test_kana_of_half_width_are_their_own_reading(word: str, kana: str, romaji: str) -> None:
    (record,) = records(invoke("tokenize", "--fields", "kana,romaji_hepburn", stdin=word))
    (token,) = record["tokens"]
    assert (token["surface"], token["reading"], token["kana"], token["romaji_hepburn"]) == (word, None, kana, romaji)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ruby", "html", "-f", "csv"], "--ruby writes text, jsonl, not csv"),
        (["--ruby", "html", "-o", "x.parquet"], "--ruby writes text, jsonl, not parquet"),
        (["--numbers", "-f", "text"], "--numbers writes jsonl, not text"),
        (["-f", "text"], "-f text goes with --ruby alone"),
        (["--ruby", "html", "--n-best", "2"], "--ruby makes no use of --n-best"),
        (["--numbers", "--count", "words"], "--count words makes no use of --numbers"),
        (["--ruby", "katakana"], "'katakana' is not one of 'html', 'aozora', 'brackets'"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(root, ["tokenize", *arguments], input="猫\n")
    assert done.exit_code == 2
    assert message in done.output
