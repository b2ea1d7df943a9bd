"""Users' own dictionaries: CSV in any encoding, with ids and features that are left out."""

from __future__ import annotations

import gc
import gzip
import re
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import unidic_lite
from hypothesis import given, settings
from hypothesis import strategies as st
from program import invoke, records

from nlptool.errors import ModelError, RunError
from nlptool.models.japanese.dictionary_file import Dictionary
from nlptool.models.japanese.tagger import Tagger

IDS = "5142,5142,-5000"
ENTRY = f"河童鍋,{IDS},名詞,普通名詞,一般,*,*,*,カッパナベ,河童鍋"


def tokens(path: Path | str, text: str = "河童鍋", *more: str) -> list[dict[str, object]]:
    result = invoke("tokenize", "--fields", "all", "--user-dictionary", str(path), *more, stdin=text)
    return list(records(result)[0]["tokens"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "euc_jp", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_every_encoding_and_line_end_gives_the_same_word(encoding: str, end: str, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes((ENTRY + end).encode(encoding))
    (token,) = tokens(path)
    assert (token["surface"], token["lemma"], token["reading"], token["is_unknown"]) == (
        "河童鍋", "河童鍋", "カッパナベ", False,
    )  # fmt: skip


def test_a_short_line_in_cp932_is_read(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes(f"河童鍋,{IDS},名詞\n".encode("cp932"))
    (token,) = tokens(path)
    assert (token["surface"], token["lemma"], token["pos"], token["reading"]) == ("河童鍋", "河童鍋", "名詞", None)


def test_a_compressed_one_and_one_with_empty_lines(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes(gzip.compress(f"\n{ENTRY}\n\n".encode()))
    assert [token["surface"] for token in tokens(path)] == ["河童鍋"]


def test_several_dictionaries_add_up_compiled_or_not(tmp_path: Path) -> None:
    first, second, compiled = tmp_path / "a.csv", tmp_path / "b.txt", tmp_path / "with, comma.dic"
    first.write_text(ENTRY + "\n", encoding="utf-8")
    second.write_text(f"天狗鍋,{IDS},名詞\n", encoding="utf-8")
    third = tmp_path / "c.csv"
    third.write_text(f"鬼火鍋,{IDS},名詞\n", encoding="utf-8")
    tagger = Tagger(user_dictionaries=[str(third)])
    compiled.write_bytes(Path(tagger._user_dictionaries[0]).read_bytes())
    own = ["--user-dictionary", str(second), "--user-dictionary", str(compiled)]
    found = tokens(first, "河童鍋天狗鍋鬼火鍋", *own)
    assert [token["surface"] for token in found] == ["河童鍋", "天狗鍋", "鬼火鍋"]
    assert [token["is_unknown"] for token in found] == [False] * 3


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ("名詞,普通名詞,一般", "名詞,普通名詞,一般,*,*,*"),
        ("名詞,普通名詞,一般,*,*,*,カッパナベ,河童鍋,河童鍋,*,*,*,固", "名詞,普通名詞,一般,*,*,*,*,*,固"),
        ("名詞,固有名詞,人名,姓", "名詞,固有名詞,人名,姓,*,*"),
        ("動詞,一般,*,*,五段-ラ行,終止形-一般", "動詞,一般,*,*,五段-ラ行,終止形-一般"),
    ],
)
def test_empty_ids_are_those_of_the_definition_files(features: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(f"河童鍋,,,-5000,{features}\n", encoding="utf-8")
    tagger = Tagger(user_dictionaries=[str(path)])
    left, right, _ = tagger.parse("河童鍋").split("\t")[1].split(",")
    for number, name in ((left, "left-id.def"), (right, "right-id.def")):
        lines = (Path(unidic_lite.DICDIR) / name).read_text(encoding="utf-8").splitlines()
        assert lines[int(number)].startswith(f"{number} {expected}")


def test_one_id_may_be_given(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("河童鍋,5139,,-5000,名詞\n", encoding="utf-8")
    left, right, cost = Tagger(user_dictionaries=[str(path)]).parse("河童鍋").split("\t")[1].split(",")
    assert (left, cost) == ("5139", "-5000")
    assert right != ""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("河童鍋,1", "a user dictionary line is: surface,left id,right id,cost,features..."),
        ("河童鍋,5981,1,0,名詞", "the left id 5981 is not in the range from 0 to 5980"),
        ("河童鍋,1,-1,0,名詞", "the right id -1 is not in the range from 0 to 5980"),
        ("河童鍋,1,1,32768,名詞", "the cost 32768 is not in the range from -32768 to 32767"),
        ("河童鍋,1,1,-32769,名詞", "the cost -32769 is not in the range"),
        ("河童鍋,1,1,,名詞", "the cost '' is no whole number"),
        ("河童鍋,1,１,4,名詞", "the right id '１' is no whole number"),
        (",1,1,4,名詞", "the surface is empty"),
        ("河童鍋,,,4,名詩", "the dictionary has no word that is 名詩"),
        ("河童鍋,,,4,", "the dictionary has no word that is"),
        ('河童鍋,1,1,4,"名', "this is no CSV"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "cp932"])
def test_a_line_that_is_no_entry_is_named(line: str, message: str, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes(f"{ENTRY}\n{line}\n".encode(encoding))
    result = invoke("tokenize", "--user-dictionary", str(path), stdin="河童鍋")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert f"nlptool tokenize: {path}:2: {message}" in result.stderr


@pytest.mark.parametrize("dictionary", ["unidic-lite", "ipadic"])
def test_the_line_of_the_message_gives_a_reading(dictionary: str, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("\n", encoding="utf-8")
    result = invoke("tokenize", "--dictionary", dictionary, "--user-dictionary", str(path), stdin="猫又鍋")
    assert result.exit_code == 4
    assert f"{path} holds no entry" in result.stderr
    recommended = re.search("such as: (.*)", result.stderr)
    assert recommended is not None
    path.write_text(recommended[1] + "\n", encoding="utf-8")
    (token,) = tokens(path, "猫又鍋", "--dictionary", dictionary)
    assert (token["surface"], token["lemma"], token["reading"]) == ("猫又鍋", "猫又鍋", "ネコマタナベ")


def test_lines_in_two_encodings_are_named(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes(f"{ENTRY}\n".encode() + f"天狗鍋,{IDS},名詞\n".encode("cp932"))
    with pytest.raises(RunError, match=r"own\.csv:2: not UTF-8") as failure:
        Tagger(user_dictionaries=[str(path)])
    assert failure.value.hint == "this is rather CP932"


def test_what_is_not_there_and_what_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no user dictionary"):
        Tagger(user_dictionaries=[str(tmp_path / "none.csv")])
    path = tmp_path / "own.dic"
    path.write_bytes(struct.pack("<2I", 1, 102) + bytes(100))
    with pytest.raises(ModelError, match="damaged"):
        Tagger(user_dictionaries=[str(path)])


def test_the_classes_of_a_dictionary_are_those_of_its_entries() -> None:
    dictionary = Dictionary(Path(unidic_lite.DICDIR) / "unk.dic")
    found = dictionary.classes()
    assert sum(count for _, _, count, _ in found) == len(dictionary._tokens) // 8
    assert all(
        features in dictionary.look_up(None, left, right, cost_of(dictionary, features))
        for left, right, _, features in found
    )


def cost_of(dictionary: Dictionary, features: str) -> int:
    tokens = dictionary._tokens
    for start in range(0, len(tokens), 8):
        if dictionary._string(dictionary._features + tokens[start + 4] + (tokens[start + 5] << 16)) == features:
            return int(tokens[start + 3])
    raise AssertionError(features)


Compile = Callable[[str], list[str]]


@settings(max_examples=15, deadline=None)
@given(
    st.text(st.sampled_from('鍋猫a,"Ａ･ '), min_size=1, max_size=4).filter(lambda text: text.strip(" ") == text != "")
)
def test_any_surface_is_found_again(tmp_path_factory: pytest.TempPathFactory, surface: str) -> None:
    path = tmp_path_factory.mktemp("own") / "own.csv"
    quoted = '"' + surface.replace('"', '""') + '"'
    path.write_text(f"{quoted},5142,5142,-20000,名詞,普通名詞,一般\n", encoding="utf-8")
    assert Tagger(user_dictionaries=[str(path)]).parse(surface).split("\t")[0] == surface


@pytest.mark.filterwarnings("error")
def test_what_was_compiled_goes_with_the_tagger_and_without_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(ENTRY + "\n", encoding="utf-8")
    tagger = Tagger(user_dictionaries=[str(path)])
    compiled = Path(tagger._user_dictionaries[0]).parent
    assert compiled.exists()
    del tagger
    gc.collect()
    assert not compiled.exists()
