"""Tagged sentences: columns, CoNLL-U and JSON objects, good and bad ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nlptool.errors import RunError, WrongUsage
from nlptool.records import tagged
from nlptool.records.pipe import Pipe
from nlptool.records.record import InputFormat
from nlptool.records.tagged import Tagged
from nlptool.records.tagged_names import Layout
from nlptool.records.tagged_sentence import Annotation, Sentence
from nlptool.records.token_text import joined, places_in
from nlptool.text.spans import Span

REUSE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)

WORDS = st.text(st.characters(exclude_categories=("Cs", "Zs", "Zl", "Zp", "Cc", "Cf")), min_size=1, max_size=6).filter(
    lambda word: word.isprintable() and not word.startswith(("#", "{", "["))
)
TAGS = st.sampled_from(("O", "B-PER", "I-PER", "B-場所", "NOUN"))
SENTENCES = st.lists(st.lists(st.tuples(WORDS, TAGS), min_size=1, max_size=6), min_size=1, max_size=5)


class Read:
    """What was read, and what was said about it."""

    def __init__(self, path: Path, content: str, layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
        path.write_bytes(content.encode("utf-8"))
        self.pipe = Pipe("test", (str(path),))
        capsys.readouterr()
        self.tagged: Tagged = tagged.read(self.pipe, layout)
        self.stderr = capsys.readouterr().err

    @property
    def good(self) -> list[Sentence]:
        return self.tagged.good


@pytest.fixture
def read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def of(content: str, layout: Layout | None = None, *, name: str = "data.conll") -> Read:
        return Read(tmp_path / name, content, layout or Layout(), capsys)

    return of


def pairs_of(sentence: Sentence) -> list[tuple[str, str]]:
    return list(zip(sentence.forms, sentence.tags or (), strict=True))


def jsonl(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def conllu(*rows: Sequence[str], text: str = "") -> str:
    """A sentence of CoNLL-U of (id, form, upos) or (id, form, upos, misc)."""
    lines = [f"# text = {text}"] if text else []
    for number, form, upos, *misc in rows:
        lines.append("\t".join([number, form, "_", upos, "_", "_", "_", "_", "_", *(misc or ["_"])]))
    return "\n".join(lines) + "\n\n"


def test_a_table_is_said_to_be_read_as_lines_without_advice_that_does_not_help(read: Any) -> None:
    done = read("tokens , tags\na , O\n", name="data.csv")
    assert (
        "data.csv is read as text, a word a line and an empty line behind each sentence, not as a table" in done.stderr
    )
    assert "-I csv" not in done.stderr


def test_conll_2003(read: Any) -> None:
    content = (
        "-DOCSTART- -X- -X- O\n\nEU NNP I-NP I-ORG\nrejects VBZ I-VP O\n\nPeter NNP I-NP I-PER\n"
        "\n-DOCSTART- -X- -X- O\n\nBRUSSELS NNP I-NP I-LOC\n"
    )
    done = read(content)
    assert [pairs_of(sentence) for sentence in done.good] == [
        [("EU", "I-ORG"), ("rejects", "O")],
        [("Peter", "I-PER")],
        [("BRUSSELS", "I-LOC")],
    ]
    assert [sentence.begins_document for sentence in done.good] == [True, False, True]
    assert [(sentence.text, sentence.line) for sentence in done.good] == [
        ("EU rejects", 3),
        ("Peter", 6),
        ("BRUSSELS", 10),
    ]
    assert "is read as a word a line, in columns, with --column 4" in done.stderr
    assert pairs_of(read(content, Layout("2")).good[0]) == [("EU", "NNP"), ("rejects", "VBZ")]
    assert read(content, Layout("4", words="2")).good[0].forms == ["NNP", "VBZ"]


@REUSE
@given(SENTENCES, st.sampled_from(("\t", " ", " \t ")), st.sampled_from(("\n", "\r\n")), st.integers(1, 3))
def test_columns_are_read_as_they_were_written(
    read: Any, sentences: list[list[tuple[str, str]]], separator: str, end: str, n_blank: int
) -> None:
    separator = "\t" if "\t" in separator else separator
    blocks = [end.join(separator.join((word, "x", tag)) for word, tag in sentence) + end for sentence in sentences]
    done = read((end * n_blank).join(blocks))
    assert [pairs_of(sentence) for sentence in done.good] == sentences
    assert not done.pipe.tally.n_failed
    for sentence, pairs in zip(done.good, sentences, strict=True):
        assert sentence.text.replace(" ", "") == "".join(word for word, _ in pairs)
    lines = blocks[0].count("\n")
    assert done.good[0].line == 1 and all(each.line == 1 + lines + n_blank for each in done.good[1:2])


def test_with_tabs_a_word_may_hold_blanks_and_be_a_blank_of_japanese(read: Any) -> None:
    (sentence,) = read("New York\tB-LOC\n\u3000\tO\nへ\tO\n").good
    assert pairs_of(sentence) == [("New York", "B-LOC"), ("\u3000", "O"), ("へ", "O")]


def test_the_line_that_lacks_a_column_is_named_and_its_sentence_left_out(read: Any) -> None:
    done = read("A x O\nB O\n\nC x O\n\nD\n\nE\tx\tO\n")
    assert [sentence and sentence.forms for sentence in done.tagged.sentences] == [None, ["C"], None, ["E"]]
    assert "data.conll:2: the line has 2 columns, and the others have 3" in done.stderr
    assert "data.conll:6: the line has 1 column" in done.stderr
    assert done.pipe.tally.n_failed == 2
    done = read("A\tO\nB\t\n")
    assert done.good == [] and "data.conll:2: column 2 is empty" in done.stderr
    done = read("A\nB x O\nC x O\n\nD x O\n")  # most lines say how many columns there are
    assert [sentence.forms for sentence in done.good] == [["D"]]
    assert "data.conll:1: the line has 1 column, and the others have 3" in done.stderr


def test_a_line_that_cannot_be_decoded_spoils_its_sentence_alone(tmp_path: Path) -> None:
    path = tmp_path / "data.conll"
    path.write_bytes(b"A O\n\xff O\nB O\n\nC O\n\n\xff O\n")
    pipe = Pipe("test", (str(path),), quiet=True)
    found = tagged.read(pipe, Layout())
    assert [sentence and sentence.forms for sentence in found.sentences] == [None, ["C"], None]
    assert (pipe.tally.n_read, pipe.tally.n_failed) == (3, 2)


def test_comments_before_a_sentence_are_passed_over_and_a_hash_is_a_word(read: Any) -> None:
    done = read("# id 1b2c domain=en\nA _ _ O\n\n# sent_id = 5\n# _ _ B-SIGN\n\n# comment = x\n")
    assert [pairs_of(sentence) for sentence in done.good] == [[("A", "O")], [("#", "B-SIGN")]]


@pytest.mark.parametrize(
    ("content", "layout", "message"),
    [
        ("A\nB\n", Layout(), "a line is a word and its tag, and this one has 1 column"),
        ("A O\n", Layout(paired=True), "its gold tag and its predicted tag, and this one has 2 columns"),
    ],
)
def test_too_few_columns_are_refused(read: Any, content: str, layout: Layout, message: str) -> None:
    with pytest.raises(RunError, match=message):
        read(content, layout)


@pytest.mark.parametrize(
    ("content", "layout", "message"),
    [
        ("A x O\n", Layout("4"), "--column 4: there are 3 columns"),
        ("A x O\n", Layout("upos"), "--column upos: there are 3 columns"),
        ("A x O\n", Layout("1"), "stand in columns of their own, not in 1, 1"),
        ("A x O\n", Layout("3", "9", paired=True), "--predicted-column 9"),
        (conllu(("1", "a", "X")), Layout(paired=True), "CoNLL-U has no column for predictions"),
        (conllu(("1", "a", "X")), Layout("FORM"), "stand in columns of their own"),
    ],
)
def test_columns_that_are_not_there_are_refused(read: Any, content: str, layout: Layout, message: str) -> None:
    with pytest.raises(WrongUsage, match=message):
        read(content, layout)


def test_the_same_name_twice_and_tables_are_refused() -> None:
    with pytest.raises(WrongUsage, match="`2` is named twice"):
        Layout("2", "2", paired=True)
    with pytest.raises(WrongUsage, match="-I csv reads a record a row"):
        tagged.read(Pipe("test", form=InputFormat(kind="csv")), Layout())


def test_gold_and_predicted_columns_are_the_last_two(read: Any) -> None:
    (sentence,) = read("A x B-P O\nB x I-P B-P\n", Layout(paired=True)).good
    assert sentence.annotations == (Annotation(("B-P", "I-P")), Annotation(("O", "B-P")))
    (sentence,) = read("A x B-P O\nB x I-P B-P\n", Layout("4", "2", paired=True)).good
    assert sentence.annotations == (Annotation(("O", "B-P")), Annotation(("x", "x")))


@REUSE
@given(SENTENCES, st.booleans())
def test_conllu_is_read_as_it_was_written(read: Any, sentences: list[list[tuple[str, str]]], glued: bool) -> None:
    misc = "SpaceAfter=No|Lang=ja" if glued else "Lang=ja"
    content = "".join(
        conllu(*((str(number), word, tag, misc) for number, (word, tag) in enumerate(sentence, 1)))
        for sentence in sentences
    )
    done = read(content)
    assert [pairs_of(sentence) for sentence in done.good] == sentences
    assert [sentence.text for sentence in done.good] == [
        ("" if glued else " ").join(word for word, _ in sentence) for sentence in sentences
    ]
    assert "is read as CoNLL-U, with --column upos" in done.stderr


def test_columns_and_attributes_of_conllu(read: Any) -> None:
    content = "# newdoc id = d\n" + conllu(
        ("1", "東京", "PROPN", "SpaceAfter=No|NE=B-LOC"), ("2", "へ", "ADP", "_"), text="東京へ"
    )
    (sentence,) = read(content, Layout("NE")).good
    assert (sentence.text, sentence.begins_document) == ("東京へ", True)
    assert pairs_of(sentence) == [("東京", "B-LOC"), ("へ", "O")]
    assert pairs_of(read(content, Layout("4")).good[0]) == [("東京", "PROPN"), ("へ", "ADP")]
    assert pairs_of(read(content, Layout("UPOS")).good[0]) == [("東京", "PROPN"), ("へ", "ADP")]
    (sentence,) = read(content, Layout("upos", "NE", paired=True)).good
    assert sentence.annotations == (Annotation(("PROPN", "ADP")), Annotation(("B-LOC", "O")))


def test_multiword_tokens_and_empty_nodes(read: Any) -> None:
    first = conllu(
        ("1-2", "don't", "_"),
        ("1", "do", "AUX"),
        ("2", "n't", "PART"),
        ("3", "go", "VERB", "SpaceAfter=No"),
        text="don't go",
    )
    second = conllu(
        ("1-2", "du", "_"),
        ("1", "de", "ADP", "NE=O"),
        ("2", "le", "DET", "NE=B-X"),
        ("2.1", "x", "X"),
        ("3", "pain", "NOUN"),
    )
    done = read(first + second)
    assert pairs_of(done.good[0]) == [("do", "AUX"), ("n't", "PART"), ("go", "VERB")]
    assert done.good[0].words == ((0, 2), (2, 5), (6, 8))
    assert pairs_of(done.good[1]) == [("du", "ADP+DET"), ("pain", "NOUN")]
    assert "each of which became one word with all their tags: 1" in done.stderr
    assert "empty nodes, which are no words of the text and were left out: 1" in done.stderr
    assert pairs_of(read(second, Layout("NE")).good[0]) == [("du", "B-X"), ("pain", "O")]


def test_a_text_that_is_not_that_of_its_words_is_made_anew(read: Any) -> None:
    done = read(conllu(("1", "a", "X"), ("2", "b", "X"), text="a c"))
    assert done.good[0].text == "a b"
    assert "sentences whose words are not those of `# text`, which was made anew of them: 1" in done.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (conllu(("9" * 5_000, "a", "X")), "the word is numbered 99999999999999999999, and the one before 0"),
        (conllu(("1", "a", "X"), ("3", "b", "X")), "data.conll:2: the word is numbered 3, and the one before 1"),
        (
            conllu(("1", "a", "X")) + "1\tb\tX\n",
            "data.conll:3: a line of CoNLL-U has ten columns with tabs between them, this one has 3",
        ),
        (conllu(("1", "a", "X"), ("x", "b", "X")), "data.conll:2: a line of CoNLL-U begins with the number of a word"),
        (conllu(("1", "a", "X"), ("2", "", "X")), "data.conll:2: the column FORM is empty"),
        (conllu(("1-2", "ab", "_"), ("1", "a", "X")), "the multiword token ab ends behind the last word"),
    ],
)
def test_bad_lines_of_conllu_are_named(read: Any, content: str, message: str) -> None:
    done = read(content)
    assert message in done.stderr
    assert done.pipe.tally.n_failed == 1


@REUSE
@given(SENTENCES, st.booleans())
def test_words_and_tags_of_json_are_read_as_they_were_written(
    read: Any, sentences: list[list[tuple[str, str]]], with_text: bool
) -> None:
    records = [
        {"tokens": [word for word, _ in pairs], "tags": [tag for _, tag in pairs]}
        | ({"text": "\u3000".join(word for word, _ in pairs)} if with_text else {})
        for pairs in sentences
    ]
    done = read(jsonl(*records))
    assert [pairs_of(sentence) for sentence in done.good] == sentences
    if with_text:
        assert [sentence.text for sentence in done.good] == [record["text"] for record in records]
    pretty = read(json.dumps(records, indent=1, ensure_ascii=False))
    assert [sentence.text for sentence in pretty.good] == [sentence.text for sentence in done.good]


@REUSE
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=30), st.data())
def test_spans_of_json_are_read_as_they_were_written(read: Any, text: str, data: st.DataObject) -> None:
    ends = st.integers(0, len(text))
    pairs = data.draw(st.lists(st.tuples(ends, ends, st.sampled_from(("PER", "場所"))), max_size=4))
    spans = [Span(min(pair[:2]), max(pair[:2]), pair[2]) for pair in pairs if pair[0] != pair[1]]
    spellings = [
        [{"start": start, "end": end, "label": label, "text": text[start:end]} for start, end, label in spans],
        [list(span) for span in spans],
        [{"span": [start, end], "type": label} for start, end, label in spans],
        [{"offset": start, "length": end - start, "category": label} for start, end, label in spans],
        [
            {"start_offset": start, "end_offset": end, "entity_group": label, "word": "##x"}
            for start, end, label in spans
        ],
    ]
    done = read(jsonl(*({"text": text, "entities": each} for each in spellings)))
    assert not done.pipe.tally.n_failed, done.stderr
    assert [sentence.spans for sentence in done.good] == [tuple(spans)] * 5
    assert all((sentence.text, sentence.words) == (text, ()) for sentence in done.good)


def test_usual_names_of_json(read: Any) -> None:
    both = {"text": "猫 だ", "words": ["猫", "だ"], "ner_tags": ["B-X", "O"], "entities": [[0, 1, "X"]]}
    done = read(jsonl(both))
    assert done.good[0].spans == (Span(0, 1, "X"),) and done.good[0].words == ((0, 1), (2, 3))
    assert "is read as JSON, with --column entities; it also has `ner_tags`" in done.stderr
    assert read(jsonl(both), Layout("ner_tags")).good[0].tags == ("B-X", "O")
    nested = {"doc": {"t": ["猫"], "pos": ["NOUN"]}}
    assert pairs_of(read(jsonl(nested), Layout("/doc/pos", words="/doc/t")).good[0]) == [("猫", "NOUN")]
    doccano = {"text": "猫だ", "label": [[0, 1, "X"]]}
    assert read(jsonl(doccano)).good[0].spans == (Span(0, 1, "X"),)
    spert = {"tokens": ["New", "York", "!"], "entities": [{"start": 0, "end": 2, "type": "LOC"}]}
    done = read(jsonl(spert))
    assert done.good[0].spans == (Span(0, 8, "LOC"),)
    assert "records without a text, whose spans are taken for spans of words: 1" in done.stderr
    tokenized = {
        "text": "a  b",
        "tokens": [{"surface": "a", "start": 0, "end": 1}, {"surface": "b", "start": 3, "end": 4}],
    }
    assert read(jsonl({**tokenized, "pos": ["X", "Y"]})).good[0].words == ((0, 1), (3, 4))


@pytest.mark.parametrize(
    ("record", "columns"),
    [
        ({"gold": ["O"], "tags": ["B-X"]}, ("gold", "tags")),
        ({"tags": ["O"], "predicted": ["B-X"]}, ("tags", "predicted")),
        ({"gold": ["O"], "entities": [{"start": 0, "end": 1, "label": "X"}]}, ("gold", "entities")),
        ({"gold_tags": ["O"], "pred_tags": ["B-X"], "tags": ["O"]}, ("gold_tags", "pred_tags")),
    ],
)
def test_names_of_gold_tags_and_predictions(read: Any, record: dict[str, Any], columns: tuple[str, str]) -> None:
    done = read(jsonl({"tokens": ["a"], **record}), Layout(paired=True))
    (names,) = done.tagged.names.values()
    assert names.columns == columns
    assert done.good[0].annotations[0] == Annotation(("O",))


def test_records_without_one_of_two_annotations_are_counted(read: Any) -> None:
    has_both = {"tokens": ["a"], "gold": ["O"], "tags": ["O"]}
    done = read(jsonl(has_both, {**has_both, "gold": None}, {"tokens": ["a"], "gold": ["O"]}), Layout(paired=True))
    assert (done.tagged.n_without_gold, done.tagged.n_without_prediction, done.pipe.tally.n_failed) == (1, 1, 0)
    done = read(jsonl({"tokens": ["a"], "tags": ["O"]}), Layout(paired=True))
    assert (
        done.tagged.reason is not None and "the record has no prediction beside its tags" in done.tagged.reason.message
    )


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"text": "あい", "entities": [[0, 3, "X"]]}, "the span 0–3 of `X` is not within 2 characters"),
        ({"text": "あい", "entities": [[1, 1, "X"]]}, "the span 1–1 of `X` is empty"),
        ({"text": "あい", "entities": [[-1, 1, "X"]]}, "the span -1–1"),
        ({"text": "あい", "entities": [[0, 1]]}, "span 1 of `entities` lacks a start, an end or a label"),
        ({"text": "あい", "entities": [{"start": 0, "end": True, "label": "X"}]}, "lacks a start, an end or a label"),
        ({"text": "あい", "entities": [{"start": 0, "end": 1.5, "label": "X"}]}, "lacks a start, an end or a label"),
        ({"text": "あい", "entities": [{"start": 0, "end": 1, "label": " "}]}, "lacks a start, an end or a label"),
        (
            {"text": "😀あい", "entities": [{"start": 2, "end": 3, "label": "X", "text": "あ"}]},
            "is `い` in the text, and `あ` by itself",
        ),
        (
            {"text": "あい", "tokens": ["あ", "う"], "tags": ["O", "O"]},
            "word 2, `う`, is not where it should be in the text: `い`",
        ),
        ({"text": "あいう", "tokens": ["あ", "い"], "tags": ["O", "O"]}, "the text goes on behind its last word: `う`"),
        (
            {"text": "ab", "tokens": [{"surface": "a", "start": 1, "end": 2}], "tags": ["O"]},
            "does not say where its words stand",
        ),
        (
            {"text": "ab", "tokens": [{"surface": "ab", "start": 0, "end": 9}], "tags": ["O"]},
            "does not say where its words stand",
        ),
        (
            {"text": "a", "tokens": ["a", "b"], "tags": ["O", "O"]},
            "is not where it should be in the text: that ends before",
        ),
        ({"tokens": ["a", ""], "tags": ["O", "O"]}, "`tokens` is a list of words, and number 2 is an empty string"),
        ({"tokens": ["a", "b"], "tags": ["O"]}, "`tags` has 1 tags, and there are 2 words"),
        ({"tokens": ["a"], "entities": [[0, 2, "X"]]}, "the span 0–2 of `X` is not within 1 words"),
        ({"tokens": ["a"], "ner_tags": [0]}, "`ner_tags` is a list of tags, and number 1 is a number"),
        ({"text": "a"}, "the record has no tags with one of the usual names; its fields: `text`"),
        ({"tokens": ["a\ud800"], "tags": ["O"]}, "half a character"),
        ({"text": "\ud800", "entities": []}, "half a character"),
    ],
)
def test_bad_objects_fail_with_the_reason(read: Any, record: dict[str, Any], message: str) -> None:
    good = {"tokens": ["a"], "tags": ["O"]}
    done = read(json.dumps(record) + "\n" + jsonl(good), name="data.jsonl")
    assert message in done.stderr
    assert done.tagged.sentences[0] is None and done.pipe.tally.n_failed >= 1


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("tags", [3], "`tags` is a list of tags, and number 1 is a number"),
        ("tags", [""], "number 1 is an empty string"),
        ("tags", "O", "`tags` holds a string, not a list of tags or of spans"),
        ("tags", None, "the record has no `tags`"),
    ],
)
def test_bad_values_of_a_column_fail(read: Any, column: str, value: Any, message: str) -> None:
    done = read(jsonl({"tokens": ["a"], column: value}), Layout(column))
    assert message in done.stderr and done.good == []


def test_tags_without_words_fail(read: Any) -> None:
    done = read(jsonl({"text": "a", "tags": ["O"]}), Layout("tags"))
    assert "`tags` has tags, and the record no words" in done.stderr


def test_empty_inputs_have_no_sentences(read: Any) -> None:
    for content in ("", "\n\n", " \n\t\n", "# only = a comment\n\n", "-DOCSTART- O\n"):
        done = read(content)
        assert (done.tagged.sentences, done.tagged.names) == ([], {})


@REUSE
@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any"
    path.write_bytes(data)
    try:
        found = tagged.read(Pipe("test", (str(path),), quiet=True), Layout())
    except (RunError, WrongUsage):
        return
    for sentence in found.good:
        assert all(0 <= start < end <= len(sentence.text) for start, end in sentence.words)


def test_each_file_has_a_format_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contents = {
        "a.conll": "A O\n",
        "b.conllu": conllu(("1", "B", "X")),
        "c.jsonl": jsonl({"tokens": ["C"], "tags": ["O"]}),
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    found = tagged.read(Pipe("test", tuple(str(tmp_path / name) for name in contents)), Layout())
    assert [sentence.forms for sentence in found.good] == [["A"], ["B"], ["C"]]
    assert [names.columns for names in found.names.values()] == [("2",), ("upos",), ("tags",)]


@given(st.lists(WORDS, max_size=8))
def test_the_text_that_words_make_has_them_where_it_says(words: list[str]) -> None:
    text, places = joined(words)
    assert [text[start:end] for start, end in places] == words
    assert places_in(text, words) == places


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["It", "is", "."], "It is ."),
        (["東京", "タワー", "へ"], "東京タワーへ"),
        (["New", "York", "へ", "2", "回"], "New Yorkへ2回"),
        ([], ""),
    ],
)
def test_words_are_joined_as_their_language_is_written(words: list[str], text: str) -> None:
    assert joined(words)[0] == text
