"""The encoding of an input by its first bytes, and of a line that is no UTF-8."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nlptool.storage.encodings import cut_off, detect, is_utf8_beyond_chance, likely, spelled
from nlptool.storage.wide_encodings import looks_wide, wide

NOVEL = (Path(__file__).parents[1] / "data" / "yume_juya.txt").read_text(encoding="utf-8")
LINES = [line for line in NOVEL.split("\n") if len(line) > 5]
JAPANESE = ["utf-8", "cp932", "euc_jp", "iso2022_jp", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]


@settings(max_examples=500, deadline=None)
@given(
    st.binary(max_size=60) | st.text(max_size=20).map(lambda text: text.encode("utf-16-le", "surrogatepass")),
    st.booleans(),
)
@example(b"\x1b$B", False)
@example(b"\x81\x8d", True)
def test_whatever_the_bytes_are_a_codec_is_named_that_python_has(data: bytes, complete: bool) -> None:
    codecs.lookup(detect(data, complete=complete))
    assert not (named := likely(data)) or codecs.lookup(spelled(named)) == codecs.lookup(named)


@settings(max_examples=500, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=30), st.integers(0, 3))
def test_utf8_is_utf8_wherever_it_is_cut(text: str, n_missing: int) -> None:
    written = text.encode()
    if not (wide(written) or b"\x1b" in written):
        assert detect(written[: len(written) - n_missing], complete=False) == "utf-8"


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(LINES), min_size=3, max_size=6), st.sampled_from(JAPANESE), st.integers(0, 1))
def test_three_lines_of_japanese_are_read_as_they_were_written(lines: list[str], codec: str, n_missing: int) -> None:
    text = "\n".join([*lines, ""])
    written = text.encode(codec, "ignore")
    assert detect(written) == codec
    assert detect(written[: len(written) // 2 - n_missing], complete=False) == codec


@pytest.mark.parametrize("codec", JAPANESE[:4])
def test_single_lines_of_japanese(codec: str) -> None:
    written = [line.encode(codec, "ignore") for line in LINES]
    found = [detect(line) for line in written]
    assert found.count(codec) >= 0.99 * len(written)


@pytest.mark.parametrize("codec", JAPANESE[4:6])
def test_single_lines_of_utf16_without_anything_of_ascii(codec: str) -> None:
    found = [wide(line.encode(codec)) for line in LINES]
    assert found.count(codec) >= 0.95 * len(found)


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("ﾄｳｷｮｳﾄ ｼﾝｼﾞｭｸｸ", "cp932"),
        ("1001\tｶﾌﾞｼｷｶﾞｲｼｬ\t300", "cp932"),
        ("ﾄｳｷｮｳ", "euc_jp"),
        ("東京都", "cp932"),
        ("東京都", "euc_jp"),
        ("アメリカ", "cp932"),
        ("表十ソ能", "cp932"),
        ("① ㈱テスト商事の製品です", "cp932"),
        ("① テスト商事の製品です", "euc_jis_2004"),
        ("漢字の時計と鳥取の絵を見る", "iso2022_jp"),
        ("𠮷野家で食べた", "utf-16-le"),
        ("a b c", "utf-16-le"),
        ("né à Paris", "utf-16-be"),
        ("It’s a dog’s life, she said", "cp1252"),
        ("Le garçon a mangé à l'école", "cp1252"),
        ("Größe und Maß, schöne Grüße", "cp1252"),
        ("我们今天去北京大学参观图书馆。这本书是我昨天在书店买的。", "gb18030"),
        ("我們今天去台北大學參觀圖書館。這本書是我昨天買的。", "big5hkscs"),
        ("안녕하세요. 오늘은 날씨가 좋습니다. 저는 한국어를 공부하고 있습니다.", "cp949"),
        ("Сегодня хорошая погода. Мы изучаем русский язык.", "cp1251"),
        ("Сегодня хорошая погода. Мы изучаем русский язык.", "koi8-r"),
    ],
)
def test_short_texts(text: str, codec: str) -> None:
    assert text.encode(codec).decode(detect(text.encode(codec))) == text
    named = likely(text.encode(codec))
    assert text.encode(codec).decode(named) == text


@pytest.mark.parametrize(
    ("mark", "codec"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_a_byte_order_mark_decides(mark: bytes, codec: str) -> None:
    assert detect(mark + "猫".encode(codec)) == codec
    assert detect(mark) == codec


def test_a_text_with_nul_is_not_utf16() -> None:
    for text in ("猫\0犬\n", "usage: \0 ends a record\n", "\0", "a\0\0b"):
        assert detect(text.encode()) == "utf-8"
        assert not looks_wide(text.encode())
    assert looks_wide("abc".encode("utf-16-le"))


def test_one_damaged_byte_leaves_the_encoding_as_it_is() -> None:
    for codec in ("utf-8", "cp932", "euc_jp"):
        written = NOVEL[:300].encode(codec, "ignore")
        for position in range(0, len(written), 7):
            assert detect(written[:position] + b"\xff" + written[position + 1 :]) == codec


def test_utf8_that_was_cut_and_utf8_that_was_damaged() -> None:
    whole = "猫が鳴く".encode()
    assert [cut_off(whole[:length]) for length in range(4, 13)] == [length % 3 != 0 for length in range(4, 13)]
    assert not cut_off(b"caf\xe9")
    assert likely(whole[:4] + whole[5:]) == ""
    assert likely("Le garçon a mangé à l'école".encode().replace(b"\xa9", b"", 1)) == ""
    assert is_utf8_beyond_chance(whole)
    assert not is_utf8_beyond_chance("ﾃｱ".encode("cp932"))  # or ñ
    assert not is_utf8_beyond_chance(b"abc")


def test_arrays_of_numbers_are_not_utf16_or_utf32() -> None:
    for size in (2, 4):
        for order in ("little", "big"):
            assert not wide(b"".join(number.to_bytes(size, order) for number in range(500)))  # type: ignore[arg-type]
    assert not wide(bytes(1000))
