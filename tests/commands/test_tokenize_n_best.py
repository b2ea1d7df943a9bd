"""``tokenize --n-best`` in all formats."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import conllu
import fugashi
import pyarrow.parquet
import pytest
import unidic_lite
from hypothesis import given, settings
from hypothesis import strategies as st
from program import invoke, records

from nlptool.models.japanese.tagger import Tagger
from nlptool.tasks.n_best import NBestAnalyser
from nlptool.tasks.tokens import Wanted

TEXT = "すもももももももものうち\n\n　\n東京 と京都。\n"
TEXTS = TEXT.split("\n")[:-1]
TAGGER = Tagger()
ROWS = ("analysis", "cost", "surface", "lemma", "pos", "reading", "start", "end")


def written(format: str, *options: str, stdin: str = TEXT) -> str:
    done = invoke("tokenize", "--n-best", "3", "-f", format, *options, stdin=stdin)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def expected_rows(*options: str, stdin: str = TEXT) -> list[tuple[str, ...]]:
    """The rows of JSON's analyses, each with the number of its record before it."""
    found = []
    for index, record in enumerate(records(invoke("tokenize", "--n-best", "3", *options, stdin=stdin))):
        assert record["tokens"] == record["n_best"][0]["tokens"]
        assert [each["cost"] for each in record["n_best"]] == sorted(each["cost"] for each in record["n_best"])
        for number, analysis in enumerate(record["n_best"], 1):
            for token in analysis["tokens"]:
                row = {"analysis": number, "cost": analysis["cost"]} | token
                found.append((str(index), *("" if row[name] is None else str(row[name]) for name in ROWS)))
    return found


@pytest.mark.parametrize("options", [(), ("--pos", "名詞"), ("--normalize", "nfkc"), ("-j", "2")])
def test_the_rows_of_every_format_are_those_of_json(options: tuple[str, ...], tmp_path: Path) -> None:
    expected = expected_rows(*options)
    assert {row[1] for row in expected} == {"1", "2", "3"}
    tables = csv.DictReader(io.StringIO(written("csv", *options)))
    assert [tuple(row[name] for name in ("index", *ROWS)) for row in tables if row["surface"]] == expected
    lines = written("tsv", *options).split("\n")
    assert [tuple(line.split("\t")[: len(ROWS)]) for line in lines if line] == [row[1:] for row in expected]
    assert lines.count("") == len(TEXTS) + 1  # a line after each text, and the end
    path = tmp_path / "o.parquet"
    written("parquet", *options, "-o", str(path))
    found = pyarrow.parquet.read_table(path).to_pylist()
    shown = [tuple("" if row[name] is None else str(row[name]) for name in ("index", *ROWS)) for row in found]
    assert [row for row in shown if row[3]] == expected
    table = [line.split() for line in written("table", *options).split("\n")[1:] if line.strip()]
    assert [(row[0], row[1]) for row in table] == [row[1:3] for row in expected]
    assert [row[2] for row in table if "東" in row[2]] == [row[3] for row in expected if "東" in row[3]]


def test_mecab_and_wakati_are_what_mecab_prints() -> None:
    plain = fugashi.GenericTagger(f"-r /dev/null -d {unidic_lite.DICDIR}")
    printed = "".join(f"{plain.nbest(text, 3)}\n" for text in TEXTS)
    assert written("mecab") == printed
    words = [[line.split("\t")[0] for line in block.split("\n")[:-1]] for block in printed.split("EOS\n")[:-1]]
    assert written("wakati") == "".join(" ".join(each).replace("　", "\\u3000") + "\n" for each in words)


def test_conllu_has_a_sentence_for_each_analysis() -> None:
    found = conllu.read(written("conllu"))
    costs = {(row[0], row[1]): row[2] for row in expected_rows()}
    named = [(str(int(index) + 1), number, cost) for (index, number), cost in costs.items() if index != "2"]
    assert [(s.comments["sent_id"], s.comments["cost"]) for s in found] == [(f"{i}-{n}", cost) for i, n, cost in named]
    assert {sentence.text for sentence in found} == {TEXTS[0], TEXTS[3]}


@pytest.mark.parametrize("format", ["jsonl", "csv", "tsv", "wakati", "mecab", "conllu", "table"])
def test_a_text_that_is_too_long_fails_in_every_format(format: str) -> None:
    done = invoke("tokenize", "--n-best", "2", "-f", format, stdin="猫\n" + "猫。" * 20_000 + "\n犬\n")
    assert done.exit_code == 3
    said = done.stdout if format in ("jsonl", "csv") else done.stderr
    assert "--n-best takes texts of up to 30,000 characters, this has 40,000" in said
    assert "猫" in done.stdout
    assert "犬" in done.stdout
    assert ("\n\n" if format in ("tsv", "wakati") else "") in done.stdout


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="猫もかﾊﾝ\u3099㍿ 　\t\r\0\ufffd神A|", max_size=12), st.booleans())
def test_any_text_has_valid_sentences_of_which_it_can_be_rebuilt(text: str, normalize: bool) -> None:
    wanted = Wanted(fields=("surface",), format="conllu", n_best=3, normalize=normalize)
    (result,) = NBestAnalyser(TAGGER, wanted)([text])
    assert isinstance(result, tuple)
    sentences = conllu.read(result[0][""].replace(b"\xff", b"7").decode())
    assert [sentence.comments["sent_id"] for sentence in sentences] == [f"7-{n + 1}" for n in range(len(sentences))]
    assert len({sentence.text for sentence in sentences}) == (1 if text.strip() else 0)
