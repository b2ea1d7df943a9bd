"""``tokenize -f conllu``: valid for any text, and the text comes back from it."""

from __future__ import annotations

import unicodedata
from functools import partial
from pathlib import Path

import conllu
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from interruptions import resumed_after_every_list
from program import invoke

from nlptool.models.japanese.tagger import Tagger
from nlptool.tasks.token_formats import Analyser
from nlptool.tasks.tokens import Wanted

TAGGER = Tagger()
any_text = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=30)
awkward = st.text(
    alphabet="猫がﾊﾝ゛か\u3099\u0301\u0338eé㍿㌔ 　\t\n\r\0\x1c\x85\xa0\u2028\ufffd神ﷺ|=\\_#A1?！‐（）", max_size=30
)


def sentences(text: str, *options: str) -> list[conllu.Sentence]:
    done = invoke("tokenize", "-f", "conllu", *options, stdin=text)
    assert done.exit_code == 0, done.stderr
    return conllu.read(done.stdout)


def tags(text: str) -> list[tuple[str, str]]:
    (sentence,) = sentences(text)
    return [(word[1], word[3]) for word in sentence.words]


@settings(max_examples=400, deadline=None)
@given(any_text | awkward, st.booleans())
@example("　昔　々の話。", False)
@example(" \u2028猫\xa0\xa0が　", False)
@example("㍿と\u0338 \u0338", True)
@example("（‐　‐人）\ufffd\0", False)
@example("か\u3099\u212b\ufa19", False)
@example("\u0338\x1c\u0338", False)
@example("\x85\u3099゛", True)
@example("猫\r\u0301", False)
@example("猫 \u0338\x1c\u0338\x85e\u0301", False)
def test_any_text_is_valid_and_comes_back_to_the_character(text: str, normalize: bool) -> None:
    analyser = Analyser(TAGGER, Wanted(fields=(), format="conllu", normalize=normalize))
    (result,) = analyser([text])
    assert isinstance(result, tuple)
    written = result[0][""].replace(b"\xff", b"1").decode()
    found = conllu.read(written)
    if not text.strip():
        assert found == []
        return
    (sentence,) = found
    assert sentence.text == unicodedata.normalize("NFC", text)
    assert result[1]["n_composed"] == (sentence.text != text)


@pytest.mark.parametrize(
    ("text", "shown", "spaces"),
    [
        ("　昔　々の話。", "昔 々の話。", ["SpacesBefore=\\u3000|SpacesAfter=\\u3000", *["SpaceAfter=No"] * 4]),
        ("\t猫  が ", "猫 が", ["SpacesBefore=\\t|SpacesAfter=\\s\\s", "_"]),
        ("猫\u2028\xa0が\x1c", "猫 が", ["SpacesAfter=\\u2028\\u00a0", "SpacesAfter=\\u001c"]),
    ],
)
def test_white_space_is_no_word_but_an_attribute(text: str, shown: str, spaces: list[str]) -> None:
    (sentence,) = sentences(text)
    assert sentence.comments["text"] == shown
    found = ["|".join(p for p in word[9].split("|") if p.startswith("Space")) or "_" for word in sentence.words]
    assert found == spaces
    assert sentence.text == text


def test_a_text_without_words_is_no_sentence_and_the_numbers_are_those_of_the_records() -> None:
    found = sentences("猫。\n\n　\n犬。\n")
    assert [(sentence.comments["sent_id"], sentence.text) for sentence in found] == [("1", "猫。"), ("4", "犬。")]
    assert sentences("\n \n") == []
    done = invoke("tokenize", "-f", "conllu", stdin="猫\n".encode() + b"\xff\n" + "犬\n".encode())
    assert done.exit_code == 3
    assert [sentence.comments["sent_id"] for sentence in conllu.read(done.stdout)] == ["1", "3"]
    assert "<stdin>:2: not UTF-8" in done.stderr
    skipped = invoke("tokenize", "-f", "conllu", "--on-error", "skip", "-j", "2", stdin=b"\xff\n" + "犬\n".encode())
    assert [sentence.comments["sent_id"] for sentence in conllu.read(skipped.stdout)] == ["2"]


def test_an_interrupted_run_goes_on_after_any_list_of_records(tmp_path: Path) -> None:
    text = "猫が鳴く。\n\n犬。\n \n鳥が飛ぶ。\n\n" * 3
    out = tmp_path / "o.conllu"
    run = partial(invoke, "tokenize", "-o", str(out), stdin=text)
    assert resumed_after_every_list(run, out) > 3
    found = [sentence.comments["sent_id"] for sentence in conllu.read(out.read_text(encoding="utf-8"))]
    assert found == ["1", "3", "5", "7", "9", "11", "13", "15", "17"]


def test_the_words_of_one_character_are_a_multiword_token() -> None:
    (sentence,) = sentences("㍿ふの", "--normalize", "nfkc")
    assert sentence.tokens[0][:3] == ["1-2", "㍿", "_"]
    assert [word[1:4] for word in sentence.words[:2]] == [["株式", "株式", "NOUN"], ["会社", "会社", "NOUN"]]
    assert sentence.comments["text"] == "㍿ふの"


def test_a_text_that_is_not_composed_is_composed_and_that_is_said() -> None:
    done = invoke("tokenize", "-f", "conllu", stdin="か\u3099く\u3099\n\ufa19\n猫\n")
    assert [sentence.text for sentence in conllu.read(done.stdout)] == ["がぐ", "神", "猫"]
    assert "brought into it: 2" in done.stderr


def test_words_that_are_left_out_leave_a_blank_and_the_tags_of_the_others_as_they_are() -> None:
    (sentence,) = sentences("　夜に勉強した。", "--pos", "名詞,助動詞")
    assert [(word[1], word[3]) for word in sentence.words] == [("夜", "NOUN"), ("勉強", "VERB"), ("た", "AUX")]
    assert sentence.comments["text"] == "夜 勉強 た"
    assert sentences("猫。", "--pos", "動詞") == []


def test_lemma_reading_and_sense() -> None:
    (sentence,) = sentences("ホテルxyzzy。")
    assert [word[2] for word in sentence.words] == ["ホテル", "xyzzy", "。"]
    assert conllu.attributes(sentence.words[0]) == {"SpaceAfter": "No", "Reading": "ホテル", "LemmaSense": "hotel"}


def test_a_user_s_word_of_any_shape_is_written_validly(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(
        "猫又,,,-9000,名詞,普通名詞,一般,*,*,*,*,猫　 又,*,*,*,*,*,*,*,*,*,a|b\\ か\u3099\n", encoding="utf-8"
    )
    (sentence,) = sentences("猫又だ", "--user-dictionary", str(path))
    assert sentence.words[0][2] == "猫 又"
    assert conllu.unescaped(conllu.attributes(sentence.words[0])["Reading"]) == "a|b\\ が"


@pytest.mark.parametrize(
    ("text", "word", "tag"),
    [
        ("毎日勉強する。", "勉強", "VERB"),
        ("毎日勉強する。", "する", "AUX"),
        ("毎日勉強する。", "毎日", "ADV"),
        ("勉強をする。", "勉強", "NOUN"),
        ("勉強をする。", "する", "VERB"),
        ("自由に利用できる。", "利用", "VERB"),
        ("自由に利用できる。", "できる", "AUX"),
        ("父として話す。", "し", "AUX"),
        ("必要としている。", "し", "VERB"),
        ("危険な道。", "危険", "ADJ"),
        ("危険を避ける。", "危険", "NOUN"),
        ("この猫。", "この", "DET"),
        ("大きな猫。", "大きな", "ADJ"),
        ("見るだけだ。", "だけ", "PART"),
        ("猫だけだ。", "だけ", "ADP"),
        ("猫ではない。", "ない", "AUX"),
        ("猫がない。", "ない", "ADJ"),
        ("猫のような犬。", "よう", "NOUN"),
        ("鳴くように言う。", "よう", "AUX"),
        ("見るために行く。", "ため", "SCONJ"),
        ("猫のために行く。", "ため", "NOUN"),
        ("高さを測る。", "さ", "PART"),
        ("でも、行く。", "で", "CCONJ"),
        ("五%だ。", "%", "NOUN"),
        ("クナイフォスが来た。", "クナイフォス", "PROPN"),
    ],
)
def test_the_part_of_speech_is_that_in_its_context(text: str, word: str, tag: str) -> None:
    assert dict(tags(text))[word] == tag


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("彼が寿司を三個。", ["PRON", "ADP", "NOUN", "ADP", "NUM", "NOUN", "PUNCT"]),
        ("えーと、きれいな東京だ。", ["INTJ", "PUNCT", "ADJ", "AUX", "PROPN", "AUX", "PUNCT"]),
        ("そしてこの猫は早く走った。", ["CCONJ", "ADJ", "NOUN", "ADP", "ADJ", "VERB", "AUX", "PUNCT"]),
    ],
)
def test_parts_of_speech_of_ipadic(text: str, expected: list[str]) -> None:
    (sentence,) = sentences(text, "--dictionary", "ipadic")
    assert [word[3] for word in sentence.words] == expected
