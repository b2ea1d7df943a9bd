"""The lemma is the word: what UniDic writes behind it is a field of its own."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import unidic_lite
from program import invoke, records

from nlptool.models.japanese import dictionaries
from nlptool.models.japanese.dictionary_file import Dictionary
from nlptool.models.japanese.lemmas import split_lemma
from nlptool.models.japanese.words import WordTokenizer

F19 = "私はホテルのスタッフに三百円渡した。"
LEMMAS = ["私", "は", "ホテル", "の", "スタッフ", "に", "三百", "円", "渡す", "た", "。"]
SENSES = ["代名詞", None, "hotel", None, "staff", None, None, "助数詞", None, None, None]


def test_every_hyphen_in_a_lemma_of_unidic_lite_separates_a_word_from_its_sense() -> None:
    dictionary = Dictionary(Path(unidic_lite.DICDIR) / "sys.dic")
    layout = dictionaries.layout(len(next(csv.reader([dictionary.first()]))))
    lemma, spellings = layout["lemma"], (layout["orthography"], layout["orthography_base"])
    entries = dictionary._bytes[dictionary._features :].decode().split("\0")[:-1]
    found: set[str] = set()
    whole: set[str] = set()
    for entry in entries:
        columns = next(csv.reader([entry])) if '"' in entry else entry.split(",", max(spellings) + 1)
        word, sense = split_lemma(columns[lemma], [columns[index] for index in spellings])
        if sense is None:
            whole.add(columns[lemma])
        else:
            found.add(columns[lemma])
            assert word
            assert "-" not in word
    assert not [each for each in whole if "-" in each]
    assert len(entries) == 756_264
    assert (len(found), len(found | whole)) == (36_360, 195_771)


@pytest.mark.parametrize(
    ("lemma", "spelling", "expected"),
    [
        ("私-代名詞", "私", ("私", "代名詞")),
        ("ホテル-hotel", "ホテル", ("ホテル", "hotel")),
        ("チック--tic", "チック", ("チック", "-tic")),
        ("セミ-semi-", "セミ", ("セミ", "semi-")),
        ("メリーゴーランド-merry-go-round", "メリーゴーランド", ("メリーゴーランド", "merry-go-round")),
        ("ＶＩＶＯ- Video In Video Out", "ＶＩＶＯ", ("ＶＩＶＯ", "Video In Video Out")),
        ("猫", "猫", ("猫", None)),
        ("-", "-", ("-", None)),
        ("－", "-", ("－", None)),
        ("--", "−−", ("--", None)),
        ("猫-", "猫", ("猫-", None)),
        ("-tic", "チック", ("-tic", None)),
        ("X-ray", "エックス線", ("X-ray", None)),
        ("Ｔ-シャツ", "Ｔ-シャツ", ("Ｔ-シャツ", None)),
        ("Ａ－Ｂ", "Ａ－Ｂ", ("Ａ－Ｂ", None)),
    ],
)
def test_a_lemma_with_a_hyphen_of_its_own_stays_whole(
    lemma: str, spelling: str, expected: tuple[str, str | None]
) -> None:
    assert split_lemma(lemma, [spelling]) == expected


def test_every_format_and_every_command_gives_the_word() -> None:
    (record,) = records(invoke("tokenize", "--fields", "lemma_sense", stdin=F19))
    assert [token["lemma"] for token in record["tokens"]] == LEMMAS
    assert [token["lemma_sense"] for token in record["tokens"]] == SENSES
    tsv = [line.split("\t") for line in invoke("tokenize", "-f", "tsv", stdin=F19).stdout.splitlines()[:-1]]
    assert [row[1] for row in tsv] == LEMMAS
    rows = csv.DictReader(io.StringIO(invoke("tokenize", "-f", "csv", stdin=F19).stdout))
    assert [row["lemma"] for row in rows] == LEMMAS
    conllu = invoke("tokenize", "-f", "conllu", stdin=F19).stdout.splitlines()
    assert [line.split("\t")[2] for line in conllu if line[:1].isdigit()] == LEMMAS
    counted = invoke("tokenize", "--count", "words", "--by", "lemma", stdin=F19).stdout.splitlines()
    assert {json.loads(line)["word"] for line in counted} == set(LEMMAS)
    assert WordTokenizer(lemma=True)(F19) == LEMMAS  # train --tokenizer lemma


def test_lemmas_that_differ_by_their_sense_alone_are_counted_together() -> None:
    done = invoke(
        "tokenize", "--count", "words", "--by", "lemma", "--pos", "名詞", stdin="バンドを巻く。バンドを組む。"
    )
    assert json.loads(done.stdout.splitlines()[0]) == {"word": "バンド", "count": 2, "share": 1}


def test_mecab_s_own_format_has_the_column_as_it_is() -> None:
    assert "私-代名詞" in invoke("tokenize", "-f", "mecab", stdin="私").stdout


@pytest.mark.parametrize(
    "entry", ["X-ray,,,-9000,名詞,普通名詞,一般", "X-ray,,,-9000,名詞,普通名詞,一般,*,*,*,エックスレイ,X-ray"]
)
def test_a_user_s_word_with_a_hyphen_stays_whole(entry: str, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(entry + "\n", encoding="utf-8")
    (record,) = records(
        invoke("tokenize", "--fields", "lemma_sense", "--user-dictionary", str(path), stdin="X-rayを撮る")
    )
    token = record["tokens"][0]
    assert (token["surface"], token["lemma"], token["lemma_sense"]) == ("X-ray", "X-ray", None)


def test_an_unknown_word_with_a_hyphen_and_other_dictionaries(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("猫又鍋,,,-9000,名詞,一般,*,*,*,*,猫-又,ネコマタナベ\n", encoding="utf-8")
    done = invoke("tokenize", "--dictionary", "ipadic", "--user-dictionary", str(path), stdin="猫又鍋")
    assert records(done)[0]["tokens"][0]["lemma"] == "猫-又"  # IPADIC has no senses
    (record,) = records(invoke("tokenize", stdin="foo-bar"))
    assert "".join(token["lemma"] for token in record["tokens"]).count("foo") == 1


@pytest.mark.parametrize(
    ("text", "lemmas"),
    [
        ("ﾄｩﾝｸﾄｩﾝｸ", ["トゥンクトゥンク"]),
        ("ｘｙｚｚｙ", ["xyzzy"]),
        ("ﾌﾞﾎﾞﾍﾞﾁｭ", ["ブボベチュ"]),
    ],
)
def test_an_unknown_word_s_lemma_is_normalised_in_every_format(text: str, lemmas: list[str]) -> None:
    (record,) = records(invoke("tokenize", "--normalize", "nfkc", stdin=text))
    tokens = record["tokens"]
    assert [token["lemma"] for token in tokens] == lemmas == [token["normalized"] for token in tokens]
    assert [token["surface"] for token in tokens] == [text]

    def written(format: str) -> list[str]:
        return invoke("tokenize", "--normalize", "nfkc", "-f", format, stdin=text).stdout.splitlines()

    assert written("wakati") == [" ".join(lemmas)]
    assert written("mecab")[0].split("\t")[0] == lemmas[0]
    assert written("tsv")[0].split("\t")[1] == lemmas[0]
    assert next(csv.DictReader(written("csv")))["lemma"] == lemmas[0]
    assert [line.split("\t")[2] for line in written("conllu") if line[:1].isdigit()] == lemmas
    counted = invoke("tokenize", "--count", "words", "--by", "lemma", "--normalize", "nfkc", stdin=text)
    assert [json.loads(line)["word"] for line in counted.stdout.splitlines()] == lemmas


def test_normalising_is_nfkc_alone() -> None:
    """A control character is shown to MeCab as a picture (␀), but that is not what it is."""
    (record,) = records(invoke("tokenize", "--normalize", "nfkc", stdin="ａ\x01ｂ"))
    assert [token["normalized"] for token in record["tokens"]] == ["a", "\x01", "b"]
    assert [token["lemma"] for token in record["tokens"]] == ["a", "\x01", "b"]
