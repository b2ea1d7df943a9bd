"""The tagger against MeCab itself: fugashi's nodes are the oracle."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path

import fugashi
import pytest
import unidic_lite
from hypothesis import given
from hypothesis import strategies as st

from nlptool.errors import ModelError, RunError
from nlptool.models.japanese.dictionary_file import Dictionary
from nlptool.models.japanese.open_taggers import open_tagger
from nlptool.models.japanese.tagger import LONGEST, Tagger, for_mecab, spans, split_long

TEXTS = (Path(__file__).parent.parent / "data" / "yume_juya.txt").read_text(encoding="utf-8").split("\n")
USER = (
    "漱石猫,5142,5142,100,名詞,普通名詞,一般,*,*,*,"
    "ソウセキネコ,漱石猫,漱石猫,ソーセキネコ,漱石猫,ソーセキネコ,混,*,*,*,*,ソウセキネコ\n"
)


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return Tagger()


@pytest.fixture(scope="module")
def plain() -> fugashi.Tagger:
    return fugashi.Tagger(f"-d {unidic_lite.DICDIR}")


def test_every_token_of_a_novel_has_the_features_that_fugashi_reads(tagger: Tagger, plain: fugashi.Tagger) -> None:
    n_tokens = 0
    for text in TEXTS:
        morphemes = [tagger.morpheme(key, text) for key in tagger.parse(text).split("\n") if key]
        nodes = plain.parseToNodeList(text)
        assert [m.surface for m in morphemes] == [node.surface for node in nodes]
        assert [m.is_unknown for m in morphemes] == [node.is_unk for node in nodes]
        for morpheme, node in zip(morphemes, nodes, strict=True):
            expected = {
                "lemma": node.feature.lemma, "reading": node.feature.kana, "pronunciation": node.feature.pron,
                "pos1": node.feature.pos1, "pos4": node.feature.pos4, "conjugation_type": node.feature.cType,
                "accent_type": node.feature.aType, "accent_connection": node.feature.aConType, "origin": node.feature.goshu,
            }  # fmt: skip
            expected = {name: None if value in ("*", "", None) else value for name, value in expected.items()}
            found = {name: morpheme.feature(name) for name in expected}
            found["lemma"] = "-".join(filter(None, map(morpheme.feature, ("lemma", "lemma_sense")))) or None
            assert found == expected
            n_tokens += 1
    assert n_tokens > 9000


def test_entries_that_share_a_key_are_told_apart_by_the_text(tagger: Tagger) -> None:
    """大 has two prefix entries (ダ, タイ) with the same ids and the same cost."""
    dictionary = Dictionary(Path(unidic_lite.DICDIR) / "sys.dic")
    assert len(set(dictionary.look_up("大", 5957, 5957, 13225))) == 2
    for text in TEXTS:
        longer = tagger.long_keys(text)
        assert [tagger.morpheme(key, text) for key in tagger.parse(text).split("\n") if key] == [
            tagger.morpheme(key, text) for key in longer
        ]


def test_a_word_that_is_not_there_is_not_found() -> None:
    dictionary = Dictionary(Path(unidic_lite.DICDIR) / "sys.dic")
    assert dictionary.look_up("猫", 5142, 5142, 4327)[0].startswith("名詞,普通名詞,一般,*,*,*,ネコ,猫")
    assert dictionary.look_up("猫", 5142, 5142, 4328) == []
    assert dictionary.look_up("猫x", 5142, 5142, 4327) == []
    assert dictionary.look_up("", 5142, 5142, 4327) == []


@given(st.binary(max_size=300))
def test_bytes_that_are_no_dictionary_are_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("dic") / "x.dic"
    path.write_bytes(data or b"\0")
    with pytest.raises(ModelError, match="no MeCab dictionary"):
        Dictionary(path)


def test_a_dictionary_cut_in_half_is_refused(tmp_path: Path) -> None:
    whole = (Path(unidic_lite.DICDIR) / "unk.dic").read_bytes()
    path = tmp_path / "unk.dic"
    for size in range(1, len(whole), 97):
        path.write_bytes(whole[:size])
        with pytest.raises(ModelError):
            Dictionary(path)


def test_n_best_costs_are_mecabs(tagger: Tagger) -> None:
    oracle = fugashi.GenericTagger(f"-r /dev/null -d {unidic_lite.DICDIR} -O '' -F '' -U '' -E %pc")
    for text in ["すもももももももものうち", "にわにはにわにわとりがいる", *TEXTS[:40]]:
        paths = tagger.n_best(text, 5)
        assert paths[0][0] == int(oracle.parse(text) or 0)
        assert [cost for cost, _ in paths] == sorted(cost for cost, _ in paths)
        assert all("".join(key.split("\t")[0] for key in path) == text.replace(" ", "") for _, path in paths)
    assert len({tuple(path) for _, path in tagger.n_best("すもももももももものうち", 5)}) == 5


def test_a_user_dictionary_adds_words(tmp_path: Path, tagger: Tagger) -> None:
    path = tmp_path / "neko.csv"
    path.write_text(USER, encoding="utf-8")
    own = Tagger(user_dictionaries=[str(path)])
    assert [key.split("\t")[0] for key in own.parse("漱石猫がいる").split("\n")] == ["漱石猫", "が", "いる"]
    assert own.morpheme(own.parse("漱石猫").split("\n")[0], "漱石猫").feature("reading") == "ソウセキネコ"
    assert [key.split("\t")[0] for key in tagger.parse("漱石猫がいる").split("\n")] == ["漱石", "猫", "が", "いる"]


def test_a_user_dictionary_with_a_bad_line_names_it(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(USER + "漱石猫,名詞\n", encoding="utf-8")
    with pytest.raises(RunError, match=r"bad\.csv:2"):
        Tagger(user_dictionaries=[str(path)])


def test_a_folder_without_a_dictionary_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"sys\.dic"):
        Tagger(dictionary=str(tmp_path))


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=60))
def test_what_mecab_is_shown_has_the_same_length(text: str) -> None:
    shown = for_mecab(text)
    assert len(shown) == len(text)
    assert not any(ord(char) < 0x20 or ord(char) == 0x7F for char in shown)


def test_spans_jump_over_blanks() -> None:
    assert spans("  a b  a", ["a", "b", "a"]) == [(2, 3), (4, 5), (7, 8)]


def test_a_text_too_long_for_mecab_is_analysed_in_pieces(tagger: Tagger) -> None:
    """2**31 is the most that a sentence may cost: about 500,000 times 猫, or a third of that of rare symbols."""
    text = "猫" * 700_000 + "。" + "⻱" * 200_000
    surfaces = [key.split("\t")[0] for key in tagger.parse(text).split("\n")]
    assert "".join(surfaces) == text
    assert tagger.wakati(text).replace(" ", "") == text
    assert len(tagger.long_keys(text)) == len(surfaces)
    plain = tagger.plain("猫。" * 20_000)
    assert plain.count("EOS") == 1
    assert plain.count("\n") == 40_000


def test_cuts_come_after_a_sentence_if_there_is_one() -> None:
    text = ("あ" * 20_000 + "。") * 3
    assert [len(piece) for piece in split_long(text)] == [20_001] * 3
    assert [len(piece) for piece in split_long("あ" * 20_000 + "、" + "い" * 20_000)] == [20_001, 20_000]
    assert [len(piece) for piece in split_long("あ" * (2 * LONGEST + 1))] == [LONGEST, LONGEST, 1]
    assert split_long("") == [""]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system does not say what is mapped")
def test_a_dictionary_is_mapped_once_however_often_it_is_opened() -> None:
    def n_maps() -> int:
        gc.collect()
        return Path("/proc/self/maps").read_text().count("sys.dic")

    def use() -> None:
        tagger = Tagger()
        assert tagger.parse("猫が鳴く。").count("\n") == 3
        assert tagger.plain("猫").startswith("猫\t")

    use()
    before = n_maps()
    for _ in range(3):
        use()
    assert n_maps() == before


def test_a_dictionary_that_is_replaced_is_opened_anew(tmp_path: Path) -> None:
    for path in Path(unidic_lite.DICDIR).iterdir():
        (tmp_path / path.name).symlink_to(path)
    arguments = f"-r /dev/null -d {tmp_path}"
    first = open_tagger(arguments, tmp_path, is_kept=True)
    assert open_tagger(arguments, tmp_path, is_kept=True) is first
    assert open_tagger(arguments, tmp_path, is_kept=False) is not first
    (tmp_path / "char.bin").unlink()
    shutil.copy(Path(unidic_lite.DICDIR) / "char.bin", tmp_path)
    assert open_tagger(arguments, tmp_path, is_kept=True) is not first
