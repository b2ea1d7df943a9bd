"""GLUE and JGLUE as they are distributed: each file is read by the name of its data set. All sentences are made up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nlptool.errors import WrongUsage
from nlptool.records import labelled
from nlptool.records.known_columns import PRESETS, preset
from nlptool.records.labelled import Columns, Example
from nlptool.records.pipe import Pipe

PARSES = "sentence1_binary_parse|sentence2_binary_parse|sentence1_parse|sentence2_parse"
MNLI = f"index|promptID|pairID|genre|{PARSES}|sentence1|sentence2"
MNLI_ROW = '0|31|31n|travel|( a ( " b ) )|( c )|(ROOT (NP "))|(ROOT (X c))|a "b|c'
STSB = "index|genre|filename|year|old_index|source1|source2|sentence1|sentence2"
STSB_ROW = '0|main-news|x|2012|0001|none|none|A "cat" sleeps.|A cat naps.'
MRPC = "#1 ID|#2 ID|#1 String|#2 String"


def table(*rows: str) -> str:
    return "".join(row.replace("|", "\t") + "\n" for row in rows)


FILES = {
    "glue:cola": (
        table('xy12|1||Mary said "no.', 'xy12|0|*|Said Mary, no "has.'),
        [Example(('Mary said "no.',), "1"), Example(('Said Mary, no "has.',), "0")],
        table("index|sentence", '0|"Who, me?'),
    ),
    "glue:sst2": (
        table("sentence|label", 'a " charming " tale |1', "dull , dull |0"),
        [Example(('a " charming " tale ',), "1"), Example(("dull , dull ",), "0")],
        table("index|sentence", '0|so-so , " at best'),
    ),
    "glue:mrpc": (
        "\ufeff" + table(f"Quality|{MRPC}", '1|70|71|" Yes , " he said .|He said yes .'),
        [Example(('" Yes , " he said .', "He said yes ."), "1")],
        table(f"index|{MRPC}", "0|70|71|a|b"),
    ),
    "glue:stsb": (
        table(f"{STSB}|score", f"{STSB_ROW}|4.250"),
        [Example(('A "cat" sleeps.', "A cat naps."), "4.250")],
        table(STSB, STSB_ROW),
    ),
    "glue:qqp": (
        table("id|qid1|qid2|question1|question2|is_duplicate", '5|1|2|What is "it"?|"What is it?|0'),
        [Example(('What is "it"?', '"What is it?'), "0")],
        table("id|question1|question2", "0|a?|b?"),
    ),
    "glue:mnli": (
        table(f"{MNLI}|label1|gold_label", f"{MNLI_ROW}|neutral|entailment"),
        [Example(('a "b', "c"), "entailment")],
        table(MNLI, MNLI_ROW),
    ),
    "glue:qnli": (
        table("index|question|sentence|label", '0|Who\'s "it"?|"It, was I.|not_entailment'),
        [Example(('Who\'s "it"?', '"It, was I.'), "not_entailment")],
        table("index|question|sentence", "0|a?|b"),
    ),
    "glue:rte": (
        table("index|sentence1|sentence2|label", '0|A, "B".|B.|entailment'),
        [Example(('A, "B".', "B."), "entailment")],
        table("index|sentence1|sentence2", "0|a|b"),
    ),
    "glue:wnli": (
        table("index|sentence1|sentence2|label", '0|It "fell".|The cup fell.|1'),
        [Example(('It "fell".', "The cup fell."), "1")],
        table("index|sentence1|sentence2", "0|a|b"),
    ),
    "jglue:jnli": (
        '{"sentence_pair_id": "0", "sentence1": "猫が\\"寝る\\"。", "sentence2": "猫が眠る。", "label": "neutral"}\n',
        [Example(('猫が"寝る"。', "猫が眠る。"), "neutral")],
        '{"sentence_pair_id": "0", "sentence1": "猫", "sentence2": "犬"}\n',
    ),
    "jglue:jsts": (
        '{"sentence_pair_id": "0", "sentence1": "猫が寝る。", "sentence2": "猫が眠る。", "label": 4.2}\n'
        '{"sentence_pair_id": "1", "sentence1": "猫", "sentence2": "犬", "label": 0}\n',
        [Example(("猫が寝る。", "猫が眠る。"), 4.2), Example(("猫", "犬"), "0")],
        '{"sentence_pair_id": "0", "sentence1": "猫", "sentence2": "犬"}\n',
    ),
}
"""Name -> training file, its examples, test file."""


def read(path: Path, content: str, name: str, *, labelled_: bool = True) -> tuple[list[Example], Pipe]:
    path.write_text(content, encoding="utf-8")
    pipe = Pipe("train", (str(path),))
    return labelled.read(pipe, Columns(preset=preset(name), labelled=labelled_)), pipe


@pytest.mark.parametrize("name", PRESETS)
def test_a_file_is_read_as_it_is_distributed(tmp_path: Path, name: str) -> None:
    content, expected, _ = FILES[name]
    found, pipe = read(tmp_path / "train.tsv", content, name)
    assert (found, pipe.tally.exit_code) == (expected, 0)
    unlabelled, _ = read(tmp_path / "train.tsv", content, name, labelled_=False)
    assert unlabelled == [Example(example.texts) for example in expected]


@pytest.mark.parametrize("name", PRESETS)
def test_a_test_file_has_no_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    content = FILES[name][2]
    ((example,), pipe) = read(tmp_path / "test.tsv", content, name, labelled_=False)
    assert (len(example.texts), example.label, pipe.tally.exit_code) == (len(PRESETS[name].texts), None, 0)
    found, pipe = read(tmp_path / "test.tsv", content, name)
    assert (found, pipe.tally.exit_code) == ([], 1 if name.startswith("glue:") else 3)
    assert "has no label with one of the usual names" in capsys.readouterr().err


def test_the_sixteen_columns_of_mnli_dev(tmp_path: Path) -> None:
    row = f"{MNLI_ROW}|neutral|neutral|entailment|entailment|entailment"
    content = table(f"{MNLI}|label1|label2|label3|label4|label5|gold_label", f"{row}|entailment", f"{row}|-")
    found, pipe = read(tmp_path / "dev_matched.tsv", content, "glue:mnli")
    assert (found, pipe.tally.n_failed) == ([Example(('a "b', "c"), "entailment")], 1)


PAIR = '{"sentence1": "a", "sentence2": "b", '


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "glue:mnli",
            table(f"{MNLI}|label1|gold_label", f"{MNLI_ROW}|x|-"),
            "the label `-` is none of glue:mnli: entailment, neutral, contradiction",
        ),
        ("glue:stsb", PAIR + '"score": "high"}', "the label `high` is none of glue:stsb: numbers"),
        ("glue:cola", table("xy12|2||a"), "the label `2` is none of glue:cola: 0, 1"),
        ("glue:cola", table("xy12|1|a"), "no text with one of the usual names; its columns: `1 (xy12)`"),
        ("glue:rte", PAIR + '"label": ["entailment"]}', "the label `entailment` is none of glue:rte"),
        ("glue:qqp", table("id|question1|question2|is_duplicate", "1|a?|b"), "3 columns, but the header has 4"),
        (
            "glue:rte",
            table("a|b|entailment"),
            "the first row has no two texts with one of the usual names\n  it has `a`, `b`",
        ),
    ],
)
def test_what_a_data_set_does_not_have_fails_and_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str, message: str
) -> None:
    found, pipe = read(tmp_path / "data", content, name)
    assert found == []
    assert pipe.tally.exit_code in (1, 3)
    assert message in capsys.readouterr().err


def test_json_records_of_a_data_set_may_have_the_usual_names(tmp_path: Path) -> None:
    record = {"sentence1": "a?", "sentence2": "b", "label": "entailment"}
    assert read(tmp_path / "qnli.jsonl", json.dumps(record), "glue:qnli")[0] == [Example(("a?", "b"), "entailment")]


def test_data_sets_are_found_by_name() -> None:
    assert {name: (len(known.texts), known.kind, known.metric) for name, known in PRESETS.items()} == {
        "glue:cola": (1, "classification", "matthews"), "glue:sst2": (1, "classification", "accuracy"),
        "glue:mrpc": (2, "classification", "f1"), "glue:stsb": (2, "regression", "pearson"),
        "glue:qqp": (2, "classification", "f1"), "glue:mnli": (2, "classification", "accuracy"),
        "glue:qnli": (2, "classification", "accuracy"), "glue:rte": (2, "classification", "accuracy"),
        "glue:wnli": (2, "classification", "accuracy"), "jglue:jnli": (2, "classification", "accuracy"),
        "jglue:jsts": (2, "regression", "spearman"),
    }  # fmt: skip
    assert preset("GLUE:SST-2") is PRESETS["glue:sst2"]
    assert preset("glue:sts-b") is PRESETS["glue:stsb"]
    with pytest.raises(WrongUsage, match="no columns are known of `glue:colla`") as refused:
        preset("glue:colla")
    assert refused.value.hint == "did you mean glue:cola?"
    with pytest.raises(WrongUsage) as refused:
        preset("imdb")
    assert refused.value.hint.startswith("known are glue:cola, glue:sst2")
