"""``tokenize`` and the ways its tokens are written."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

import fugashi
import pytest
import unidic_lite
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nlptool.cli.main import root
from nlptool.models.japanese.tagger import Tagger
from nlptool.tasks.token_formats import Analyser
from nlptool.tasks.tokenize import DEFAULT_FIELDS, EXTRA_FIELDS
from nlptool.tasks.tokens import Wanted
from nlptool.text.normalization import nfkc_origins

NOVEL = Path(__file__).parent.parent / "data" / "yume_juya.txt"
TEXTS = NOVEL.read_text(encoding="utf-8").split("\n")[:-1]
TAGGER = Tagger()
any_text = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=50)
japanese = st.text(alphabet='猫がﾊﾝｶｸ゛か\u3099\u0301eé㌔ 　\t\n\0𠮷😀A1。「\\"?', max_size=40)


def analyse(text: str, **wanted: object) -> list[dict[str, object]]:
    fields, _ = Analyser(TAGGER, Wanted(fields=DEFAULT_FIELDS, **wanted))([text])[0]  # type: ignore[arg-type]
    tokens: list[dict[str, object]] = json.loads(fields["tokens"])
    return tokens


def run(*arguments: str, stdin: str = "") -> str:
    done = CliRunner().invoke(root, ["tokenize", *arguments], input=stdin)
    assert done.exit_code == 0, done.output
    return done.stdout


@settings(max_examples=300, deadline=None)
@given(any_text | japanese, st.booleans())
@example("😀猫\u3000が  𠮷野家 ", False)
@example("か\u3099ぎ\r\n\0", True)
@example(" ", False)
@example("?\n?", False)
def test_every_token_is_a_slice_and_only_blanks_are_left_out(text: str, normalize: bool) -> None:
    end = 0
    for token in analyse(text, normalize=normalize):
        start = token["start"]
        assert text[start : token["end"]] == token["surface"]
        if start >= end:  # with NFKC two tokens may come from one character (㌔)
            assert not unicodedata.normalize("NFKC", text[end:start]).strip(" \t\n\v")
        end = token["end"]  # type: ignore[assignment]
    assert not unicodedata.normalize("NFKC", text[end:]).strip(" \t\n\v")


@settings(max_examples=300, deadline=None)
@given(any_text | japanese)
def test_the_pieces_of_nfkc_make_up_the_whole(text: str) -> None:
    origins = nfkc_origins(text)
    pieces = list(dict.fromkeys(origins))
    assert "".join(unicodedata.normalize("NFKC", text[start:end]) for start, end in pieces) == unicodedata.normalize(
        "NFKC", text
    )
    assert len(origins) == len(unicodedata.normalize("NFKC", text))


def test_a_long_text_and_a_memo_that_overflows(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "猫が鳴く。" * 40_000
    tokens = analyse(text)
    assert len(tokens) == 160_000
    assert all(text[t["start"] : t["end"]] == t["surface"] for t in tokens)  # type: ignore[misc]
    monkeypatch.setattr("nlptool.tasks.token_formats._MOST_PIECES", 20)
    analyser = Analyser(TAGGER, Wanted(fields=DEFAULT_FIELDS))
    assert analyser(TEXTS) == [Analyser(TAGGER, Wanted(fields=DEFAULT_FIELDS))([text])[0] for text in TEXTS]


def test_the_fast_way_and_the_slow_way_agree() -> None:
    analyser = Analyser(TAGGER, Wanted(fields=(*DEFAULT_FIELDS[:-2], *EXTRA_FIELDS, *DEFAULT_FIELDS[-2:])))
    for text in [*TEXTS, "New  York へ　行く ", "xyzzy を?見た"]:
        (analysed,) = analyser.begin([text])
        fast, slow = analyser._jsonl(analysed), analyser._jsonl_with_offsets(analysed)
        assert json.loads(fast[0]["tokens"]) == json.loads(slow[0]["tokens"])
        assert fast[1] == slow[1]


def test_default_fields_of_a_sentence() -> None:
    (record,) = map(json.loads, run(stdin="吾輩は猫である。xyzzy\n").splitlines())
    assert record["tokens"][0] == {
        "surface": "吾輩", "lemma": "我が輩", "pos": "代名詞", "reading": "ワガハイ", "start": 0, "end": 2,
    }  # fmt: skip
    assert record["tokens"][-1] == {
        "surface": "xyzzy", "lemma": "xyzzy", "pos": "名詞", "reading": None, "start": 8, "end": 13,
    }  # fmt: skip
    assert record["nlptool"]["tokenize"]["n_unknown"] == 1
    assert record["nlptool"]["tokenize"]["model"].startswith("unidic-lite ")


def test_fields_are_added_in_a_fixed_order() -> None:
    (record,) = map(json.loads, run("--fields", "is_unknown,pronunciation,surface", stdin="猫\n").splitlines())
    assert list(record["tokens"][0]) == [
        "surface",
        "lemma",
        "pos",
        "reading",
        "is_unknown",
        "pronunciation",
        "start",
        "end",
    ]
    (record,) = map(json.loads, run("--fields", "all", stdin="猫\n").splitlines())
    assert set(record["tokens"][0]) == {*DEFAULT_FIELDS, *EXTRA_FIELDS}
    done = CliRunner().invoke(root, ["tokenize", "--fields", "colour"], input="猫\n")
    assert done.exit_code == 2
    assert "pos_detail" in done.stderr


def test_parts_of_speech_are_kept_or_dropped() -> None:
    def words(*options: str) -> str:
        return run("-f", "wakati", *options, stdin="東京で猫が静かに鳴いた。\n")

    assert words() == "東京 で 猫 が 静か に 鳴い た 。\n"
    assert words("--pos", "名詞,動詞") == "東京 猫 鳴い\n"
    assert words("--pos", "名詞-固有名詞") == "東京\n"
    assert words("--stop-pos", "補助記号,助詞") == "東京 猫 静か に 鳴い た\n"
    assert words("--pos", "名詞", "--stop-pos", "名詞-固有名詞") == "猫\n"
    assert words("--pos", "名") == "\n"  # a whole name, not its beginning
    kept = [t["surface"] for t in analyse("東京で猫が鳴いた。", pos=("名詞",))]
    assert kept == ["東京", "猫"]
    assert [t["start"] for t in analyse("東京で猫が鳴いた。", pos=("名詞",))] == [0, 3]


@settings(max_examples=200, deadline=None)
@given(any_text | japanese)
def test_splitting_wakati_at_blanks_gives_the_tokens_back(text: str) -> None:
    written = Analyser(TAGGER, Wanted(fields=DEFAULT_FIELDS, format="wakati"))([text])[0][0][""].decode()
    words = [
        re.sub(r"\\(?:\\|u([0-9a-f]{4}))", lambda m: chr(int(m[1], 16)) if m[1] else "\\", word)
        for word in written.removesuffix("\n").split()
    ]
    assert written.count("\n") == 1
    assert words == [token["surface"] for token in analyse(text)]


def test_mecab_format_is_what_mecab_prints() -> None:
    plain = fugashi.GenericTagger(f"-r /dev/null -d {unidic_lite.DICDIR}")
    assert run("-f", "mecab", str(NOVEL)) == "".join(f"{plain.parse(text)}\n" for text in TEXTS)


def test_tsv_has_a_row_a_token_and_an_empty_line_after_each_text() -> None:
    assert run("-f", "tsv", stdin="猫が\n\nx\n") == (
        "猫\t猫\t名詞\tネコ\t0\t1\nが\tが\t助詞\tガ\t1\t2\n\n\nx\tx\t名詞\t\t0\t1\n\n"
    )


def test_conllu_has_ten_columns_and_universal_parts_of_speech() -> None:
    written = run("-f", "conllu", stdin="猫が New York で鳴いた。\n")
    lines = written.rstrip("\n").split("\n")
    assert lines[:2] == ["# sent_id = 1", "# text = 猫が New York で鳴いた。"]
    rows = [line.split("\t") for line in lines[2:]]
    assert all(len(row) == 10 for row in rows)
    assert [row[0] for row in rows] == [str(i) for i in range(1, len(rows) + 1)]
    assert [(row[1], row[3]) for row in rows][:2] == [("猫", "NOUN"), ("が", "ADP")]
    assert rows[-1][3] == "PUNCT"
    rebuilt = "".join(row[1] + ("" if "SpaceAfter=No" in row[9] else " ") for row in rows)
    assert rebuilt == "猫が New York で鳴いた。"


def test_n_best_stands_beside_the_best() -> None:
    (record,) = map(json.loads, run("--n-best", "3", stdin="すもももももももものうち\n").splitlines())
    assert len(record["n_best"]) == 3
    assert record["n_best"][0]["tokens"] == record["tokens"]
    assert record["n_best"][0]["cost"] < record["n_best"][1]["cost"]


def test_normalised_text_keeps_the_offsets_of_the_original() -> None:
    (record,) = map(json.loads, run("--normalize", "nfkc", stdin="ﾊﾝｶﾞｰは㌔\n").splitlines())
    assert [(t["surface"], t["normalized"], t["start"], t["end"]) for t in record["tokens"]] == [
        ("ﾊﾝｶﾞｰ", "ハンガー", 0, 5), ("は", "は", 5, 6), ("㌔", "キロ", 6, 7),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        ["--n-best", "2", "-f", "mecab", "--pos", "名詞"],
        ["-f", "mecab", "--pos", "名詞"],
        ["-f", "npy"],
        ["--n-best", "0"],
        ["-j", "0"],
    ],
)
def test_options_that_do_not_go_together_are_usage_errors(options: list[str]) -> None:
    assert CliRunner().invoke(root, ["tokenize", *options], input="猫\n").exit_code == 2


def test_a_dictionary_that_is_not_there_ends_with_4() -> None:
    done = CliRunner().invoke(root, ["tokenize", "--dictionary", "/nowhere"], input="猫\n")
    assert done.exit_code == 4
    assert done.stdout == ""
    assert "no MeCab dictionary in /nowhere" in done.stderr


def test_a_failed_record_has_its_place_in_every_format() -> None:
    expected = {
        "wakati": b"\xe7\x8c\xab\n\n\xe7\x8c\xab\n",
        "tsv": "猫\t猫\t名詞\tネコ\t0\t1\n\n\n猫\t猫\t名詞\tネコ\t0\t1\n\n".encode(),
    }
    for format, written in expected.items():
        done = CliRunner().invoke(root, ["tokenize", "-f", format], input="猫\n".encode() + b"\xff\n" + "猫\n".encode())
        assert done.exit_code == 3
        assert done.stdout_bytes == written
        assert "<stdin>:2: not UTF-8" in done.stderr
    done = CliRunner().invoke(root, ["tokenize", "-f", "conllu"], input=b"\xff\n")
    assert done.stdout == ""


def test_a_text_in_pieces_says_so_and_n_best_refuses_it() -> None:
    done = CliRunner().invoke(root, ["tokenize", "--drop-input"], input="猫。" * 40_000)
    record = json.loads(done.stdout)
    assert record["nlptool"]["tokenize"]["n_pieces"] == 3
    assert record["tokens"][-1] == {
        "surface": "。", "lemma": "。", "pos": "補助記号", "reading": None, "start": 79_999, "end": 80_000,
    }  # fmt: skip
    assert "were analysed: 3" in done.stderr
    for workers in ("1", "2"):
        done = CliRunner().invoke(root, ["tokenize", "--n-best", "2", "-j", workers], input="猫。" * 40_000)
        assert done.exit_code == 3
        assert json.loads(done.stdout)["nlptool"]["error"]["type"] == "TooLong"
