"""``nlptool nsp``: what comes out, against BertForNextSentencePrediction, and what is said of bad input."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from interruptions import resumed_after_every_list
from letter_model import FakeModel, FakeTexts, parts
from program import Invoke
from random_berts import SAMPLE, random_bert

from nlptool.models.masked import sentence_pairs
from nlptool.records import pairs
from nlptool.records.record import Record
from nlptool.records.windows import windows
from nlptool.tasks import nsp

STORE, MILK = "the man went to the store", "he bought a gallon of milk!"
ENGLISH = [
    (STORE, MILK),
    (STORE, "penguins are flightless birds."),
    ("The CAT sat.", "it rained all day"),
    ("a", "a"),
    ("unknown ☃ letters", "naïve café"),
    ("it rained", "the cat sat on the mat, the cat sat on the mat, the cat sat on the mat"),
]
_LINES = [line for line in SAMPLE.read_text(encoding="utf-8").split("\n") if line][:24]
JAPANESE = [(_LINES[at][:25], _LINES[at + 1][:25]) for at in range(0, 24, 2)] + [("ﾃﾞｰﾀ①　㍿。", "雪が降る。")]
PAIRS = {"wordpiece": ENGLISH, "unidic": JAPANESE}


@pytest.fixture(scope="module", params=["wordpiece", "unidic"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_bert(tmp_path_factory.mktemp("model") / request.param, request.param)


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_bert(tmp_path_factory.mktemp("model") / "english", "wordpiece")


def tabs(some: list[tuple[str, str]]) -> bytes:
    return "".join(f"{first}\t{second}\n" for first, second in some).encode()


def jsonl(*records: dict[str, Any]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def answers(done: Any, code: int = 0) -> list[dict[str, Any]]:
    assert done.exit_code == code, done.stderr
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def plainly(folder: Path, some: list[Any], **how: Any) -> np.ndarray:
    """(N, 2): the logits of transformers' model, each pair alone, by its own tokenizer."""
    import torch
    from transformers import AutoTokenizer, BertForNextSentencePrediction, BertJapaneseTokenizer

    japanese = (folder / "tokenizer_config.json").read_text().find("BertJapanese") >= 0
    tokenizer = (BertJapaneseTokenizer if japanese else AutoTokenizer).from_pretrained(str(folder))
    network = BertForNextSentencePrediction.from_pretrained(str(folder)).eval()
    with torch.no_grad():
        found = [network(**tokenizer(*pair, return_tensors="pt", **how)).logits[0].numpy() for pair in some]
    return np.array(found)


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def test_the_probabilities_are_those_of_transformers_run_plainly(invoke: Invoke, model: Path) -> None:
    some = PAIRS[model.name]
    found = answers(invoke("nsp", "-m", str(model), stdin=tabs(some)))
    logits = plainly(model, some)
    expected = softmax(logits)
    assert np.ptp(expected[:, 0]) > 0.1  # or a wrong answer would look right
    ours = np.array([[record["is_next"], record["not_next"]] for record in found])
    np.testing.assert_allclose(ours, expected, atol=1e-4)
    np.testing.assert_allclose([record["logit_margin"] for record in found], logits[:, 0] - logits[:, 1], atol=1e-3)
    assert [record["label"] for record in found] == [("IsNext", "NotNext")[row.argmax()] for row in logits]
    np.testing.assert_allclose(ours.sum(axis=1), 1, atol=1e-6)
    assert [(record["first"], record["second"]) for record in found] == some
    for record in found:
        entry = record["nlptool"]["nsp"]
        assert set(entry) == {"model", "n_tokens", "n_unknown", "truncated"}
        assert not entry["truncated"]
        assert entry["model"] == str(model)


@pytest.mark.parametrize(
    ("bias", "is_next", "label"), [((2.0, -1.0), 0.9525741, "IsNext"), ((-1.0, 2.0), 0.04742587, "NotNext")]
)
def test_index_0_of_the_head_is_is_next(
    invoke: Invoke, tmp_path: Path, bias: tuple[float, float], is_next: float, label: str
) -> None:
    import torch

    def change(network: Any) -> None:
        with torch.no_grad():
            network.cls.seq_relationship.weight.zero_()
            network.cls.seq_relationship.bias.copy_(torch.tensor(bias))

    folder = random_bert(tmp_path / "rigged", "wordpiece", layers=1, change=change)
    for record in answers(invoke("nsp", "-m", str(folder), stdin=tabs(ENGLISH))):
        assert record["is_next"] == pytest.approx(is_next, abs=1e-5)
        assert record["label"] == label
        assert record["logit_margin"] == pytest.approx(bias[0] - bias[1], abs=1e-5)


def test_certain_logits_give_probabilities_without_overflow() -> None:
    margins = np.array([0, 3, -3, 200, -200, 1e30], np.float32)
    found = sentence_pairs.probabilities(margins)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:3], [0.5, 0.95257413, 0.04742587], rtol=1e-6)
    assert found[3:].tolist() == [1.0, 0.0, 1.0]


def test_tab_sep_fields_and_columns_are_the_same_pair(invoke: Invoke, english: Path) -> None:
    (expected,) = answers(invoke("nsp", "-m", str(english), stdin=tabs([(STORE, MILK)])))
    numbers = ("is_next", "not_next", "label", "logit_margin", "nlptool")
    ways: list[tuple[list[str], bytes]] = [
        ([], f"{STORE}[SEP]{MILK}\n".encode()),
        ([], f"{STORE} [SEP] {MILK}".encode()),
        ([], f"\ufeff{STORE}   [SEP]{MILK}\r\n".encode()),
        ([], jsonl({"first": STORE, "second": MILK})),
        ([], jsonl({"id": 7, "second": MILK, "first": STORE, "text": "another"})),
        ([], jsonl({"sentence1": STORE, "sentence2": MILK})),
        ([], jsonl({"text1": STORE, "text2": MILK})),
        (["--first", "q", "--second", "a"], jsonl({"a": MILK, "q": STORE, "first": "x", "second": "y"})),
        (["--first", "/x/q", "--second", "/x/0"], jsonl({"x": {"q": STORE, "0": MILK}})),
        (["-I", "tsv"], tabs([(STORE, MILK)])),
        (["-I", "tsv", "--first", "3", "--second", "1"], f"{MILK}\t7\t{STORE}\n".encode()),
        (["-I", "tsv", "--header"], f"second\tid\tfirst\n{MILK}\t7\t{STORE}\n".encode()),
        (["-0"], f"{STORE}\t{MILK}\0".encode()),
        ([], f"{STORE}\t{MILK}\t1\tyes\n".encode()),
        (["--first", "3", "--second", "1"], f"{MILK}\t7\t{STORE}\n".encode()),
        (["-I", "csv"], f'first,id,second\n"{STORE}",7,"{MILK}"\n'.encode()),
    ]
    for options, stdin in ways:
        (found,) = answers(invoke("nsp", "-m", str(english), *options, stdin=stdin))
        assert {name: found[name] for name in numbers} == {name: expected[name] for name in numbers}, (options, stdin)
    (found,) = answers(invoke("nsp", "-m", str(english), stdin=ways[4][1]))
    assert (found["id"], found["text"]) == (7, "another")  # the record keeps its fields


def test_a_tab_or_sep_in_a_json_string_is_text(invoke: Invoke, english: Path) -> None:
    texts = ("the man\twent", "to the store [SEP] milk")
    (found,) = answers(invoke("nsp", "-m", str(english), stdin=jsonl({"first": texts[0], "second": texts[1]})))
    assert (found["first"], found["second"]) == texts
    expected = softmax(plainly(english, [texts]))[0, 0]
    assert found["is_next"] == pytest.approx(expected, abs=1e-4)
    (failed,) = answers(invoke("nsp", "-m", str(english), stdin=jsonl({"text": "the man\twent"})), code=3)
    assert failed["nlptool"]["error"]["type"] == "NotAPair"


BAD: list[tuple[bytes, str, str]] = [
    (b"one sentence", "NotAPair", "with a tab, or one [SEP], between them, this line has none"),
    (b"a [SEP] b [SEP] c", "NotAPair", "this line has 2"),
    (b"", "NotAPair", "this line has none"),
    (b"\tb", "EmptyText", "the first sentence is empty"),
    (b"a [SEP]", "EmptyText", "the second sentence is empty"),
    ("　\t ".encode(), "EmptyText", "the sentences are both empty"),
    (b"a\t\x01\x02", "EmptyText", "the second sentence is empty"),
    (b"\xff\tb", "Undecodable", "not UTF-8"),
]


def test_bad_lines_are_error_records_in_their_places(invoke: Invoke, english: Path) -> None:
    lines = [line for bad, *_ in BAD for line in (bad, b"the cat\tsat on")]
    found = answers(invoke("nsp", "-m", str(english), "-I", "text", stdin=b"\n".join(lines) + b"\n"), code=3)
    assert len(found) == len(lines)
    for (_, type, message), failed in zip(BAD, found[::2], strict=True):
        assert failed["nlptool"]["error"]["type"] == type
        assert message in failed["nlptool"]["error"]["message"]
        assert "is_next" not in failed
    assert len({record["is_next"] for record in found[1::2]}) == 1
    assert [record["nlptool"]["error"]["line"] for record in found[::2]] == list(range(1, len(lines), 2))


@pytest.mark.parametrize(
    ("record", "type", "message"),
    [
        ('{"a":"x","b":"y"}', "NotAPair", "the record has no two texts; its fields: `a`, `b`"),
        ('{"first":"x"}', "NotAPair", "no two texts that are called first and second or sentence1 and sentence2"),
        ('{"first":"x","second":null}', "NotAPair", "no two texts"),
        ('{"first":"x","second":["y"]}', "NotAPair", "no two texts"),
        ('{"first":"x","second":""}', "EmptyText", "the second sentence is empty"),
        ('{"first":"\\ud83d","second":"y"}', "LoneSurrogate", "half a character"),
        ('{"first":"x"', "InvalidJSON", "not JSON"),
        ("[1]", "NotAnObject", "a list"),
    ],
)
def test_bad_records_are_error_records(invoke: Invoke, english: Path, record: str, type: str, message: str) -> None:
    done = invoke("nsp", "-m", str(english), "-I", "jsonl", stdin=f"{record}\n".encode())
    (found,) = answers(done, code=3)
    assert found["nlptool"]["error"]["type"] == type
    assert message in found["nlptool"]["error"]["message"]
    assert "--field names" not in done.stderr  # it would not help


def test_an_error_of_an_earlier_command_passes_through(invoke: Invoke, english: Path) -> None:
    earlier = b'{"first":"a","second":"b","nlptool":{"error":{"type":"X","message":"m","line":1,"command":"c"}}}'
    done = invoke("nsp", "-m", str(english), stdin=earlier + b"\n" + jsonl({"first": "a", "second": "b"}))
    first, second = done.stdout.encode().split(b"\n")[:2]
    assert first == earlier
    assert b"is_next" in second


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--field", "text"], "--first NAME and --second NAME"),
        (["--consecutive", "--first", "a", "--second", "b"], "--consecutive reads one: --field NAME"),
        (["--first", "a"], "--first NAME and --second NAME go together"),
        (["--second", "b"], "--first NAME and --second NAME go together"),
        (["--first", "a", "--second", ""], "--first NAME and --second NAME go together"),
        (["--max-length", "2"], "--max-length"),
        (["-f", "text"], "-f"),
    ],
)
def test_wrong_usage_is_said(invoke: Invoke, english: Path, arguments: list[str], message: str) -> None:
    done = invoke("nsp", "-m", str(english), *arguments, stdin=b"a\tb\n")
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_model_without_the_head_is_refused(invoke: Invoke, tmp_path: Path, english: Path) -> None:
    from transformers import AutoTokenizer, BertConfig, BertForMaskedLM

    AutoTokenizer.from_pretrained(str(english)).save_pretrained(str(tmp_path / "mlm"))
    config = BertConfig.from_pretrained(str(english))
    BertForMaskedLM(config).save_pretrained(str(tmp_path / "mlm"))
    for folder in ("mlm", "none"):
        done = invoke("nsp", "-m", str(tmp_path / folder), "--offline", stdin=b"a\tb\n")
        assert (done.exit_code, done.stdout) == (4, "")
        assert folder in done.stderr
        assert "Traceback" not in done.stderr


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 30))
def test_what_is_cut_off_is_far_from_where_the_texts_meet(n_first: int, n_second: int, room: int) -> None:
    first, second = list(range(n_first)), list(range(100, 100 + n_second))
    end, beginning = sentence_pairs.fitted(first, second, room)
    assert end == first[n_first - len(end) :]
    assert beginning == second[: len(beginning)]
    assert len(end) + len(beginning) == min(room, n_first + n_second)
    if len(end) < n_first:  # the longer one gives way, or both to the same length
        assert len(end) >= len(beginning) - 1
    if len(beginning) < n_second:
        assert len(beginning) >= len(end)


def test_the_longer_text_gives_way_as_with_longest_first_of_transformers() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_truncation(11, strategy="longest_first")
    for n_first, n_second in ((3, 20), (20, 3), (20, 30), (30, 20), (5, 7), (6, 6), (11, 0)):
        theirs = tokenizer.encode("a " * n_first, "a " * n_second).type_ids
        end, beginning = sentence_pairs.fitted([0] * n_first, [0] * n_second, 11)
        assert {len(end), len(beginning)} == {theirs.count(0), theirs.count(1)}
        assert len(end) + len(beginning) == len(theirs)


def test_a_pair_that_is_too_long_keeps_its_border_and_says_so(invoke: Invoke, english: Path) -> None:
    first, second = "cat " * 50 + STORE, MILK + " mat" * 50
    done = invoke("nsp", "-m", str(english), stdin=tabs([(first, second), (STORE, MILK)]))
    found = answers(done)
    assert [record["nlptool"]["nsp"]["truncated"] for record in found] == [True, False]
    assert found[0]["nlptool"]["nsp"]["n_tokens"] == 64
    kept = "cat " * (30 - len(STORE.split())) + STORE, MILK + " mat" * 23  # 61 pieces beside 3 special tokens
    assert found[0]["is_next"] == pytest.approx(softmax(plainly(english, [kept]))[0, 0], abs=1e-4)
    assert (
        "pairs that were longer than the model takes, of which it read what is nearest to their border: 1"
        in done.stderr
    )
    shorter = answers(invoke("nsp", "-m", str(english), "--max-length", "16", stdin=tabs([(STORE, MILK)])))
    assert shorter[0]["nlptool"]["nsp"]["n_tokens"] == 16


def test_of_a_very_long_text_only_what_is_near_the_border_is_cut_into_pieces() -> None:
    texts = FakeTexts(10)
    asked: list[str] = []
    tokenize = texts.tokenize
    texts.tokenize = lambda some: asked.extend(some) or tokenize(some)  # type: ignore[method-assign,func-returns-value]
    far, blanks = "x " * 50_000, " " * 100_000
    read = sentence_pairs.read(texts, [(far + "a b", "c d " + far), ("a b" + blanks, blanks + "c d")])  # type: ignore[arg-type]
    found = [[[texts.piece(id) for id in side] for side in parts(pair.row)] for pair in read]
    assert found[0] == [["x", "x", "x", "a", "b"], ["c", "d", "x", "x", "x"]]
    assert found[1] == [["a", "b"], ["c", "d"]]
    assert [pair.truncated for pair in read] == [True, False]
    # All of a text is read only where what is near was blanks.
    assert sorted(map(len, asked)) == [500] * 4 + [len("a b" + blanks)] * 2


def test_100_000_characters_and_a_pair_of_one_letter_each(invoke: Invoke, english: Path) -> None:
    found = answers(invoke("nsp", "-m", str(english), stdin=tabs([("the cat " * 12_500, "sat"), ("a", "b")])))
    assert [record["nlptool"]["nsp"]["n_tokens"] for record in found] == [64, 5]


def next_number(first: list[int], second: list[int]) -> float:
    """Lines that count on are next."""
    return 3.0 if second[0] == first[0] + 1 else -1.0


def lines(*some: str) -> list[Record]:
    return [Record(text, "f", number) for number, text in enumerate(some, 1)]


def neighbors(records: list[Record], **how: Any) -> list[dict[str, Any]]:
    found = [record for some in nsp.Neighbors(**how)([records]) for record in some]
    return [{name: json.loads(value) for name, value in record.results.items()} for record in found]


def test_each_line_is_asked_about_with_the_next_one_of_its_document() -> None:
    found = neighbors(lines("", "a", "b", "c", "", "　", "d", "", "e", "f"))
    assert [(each["document"], each["first_line"], each["second_line"], each["first"], each["second"]) for each in found] == [
        (0, 2, 3, "a", "b"), (0, 3, 4, "b", "c"), (2, 9, 10, "e", "f"),
    ]  # fmt: skip


def test_a_file_ends_a_document_and_a_failed_line_parts_its_neighbors(
    invoke: Invoke, english: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"the man\nwent to\n\xff\nthe store\nhe bought\n")
    two.write_bytes(b"a gallon\nof milk")
    done = invoke("nsp", "-m", str(english), "--consecutive", str(one), str(two))
    found = answers(done, code=3)
    assert [(each.get("document"), each.get("file"), each.get("first_line")) for each in found] == [
        (0, str(one), 1), (None, None, None), (0, str(one), 4), (1, str(two), 1),
    ]  # fmt: skip
    assert found[1]["nlptool"]["error"]["line"] == 3
    expected = plainly(english, [("the man", "went to"), ("the store", "he bought"), ("a gallon", "of milk")])
    got = [each["is_next"] for each in found if "is_next" in each]
    np.testing.assert_allclose(got, softmax(expected)[:, 0], atol=1e-4)


def test_the_files_and_lines_of_records_are_those_before_a_pipe(invoke: Invoke, english: Path, tmp_path: Path) -> None:
    """Also in a file whose name is not UTF-8."""
    one, two = tmp_path / "one", Path(os.fsdecode(bytes(tmp_path) + b"/\xff"))
    one.write_bytes(b"\nthe man. went to.\nthe store\n")
    two.write_bytes(b"a gallon\nof milk\n")
    given = invoke("split", str(one), str(two)).stdout_bytes
    places = [("one", 2, 2), ("one", 2, 3), ("\ufffd", 1, 2)]
    for done in (
        invoke("nsp", "-m", str(english), "--consecutive", stdin=given),
        invoke("nsp", "-m", str(english), "--consecutive", "--source", stdin=given),
    ):
        found = answers(done)
        assert [(Path(each["file"]).name, each["first_line"], each["second_line"]) for each in found] == places
        assert [each["nlptool"].get("source") for each in found] in (
            [None] * 3, [{"file": each["file"], "line": each["second_line"]} for each in found],
        )  # fmt: skip
    assert "source" in found[0]["nlptool"]
    found = answers(invoke("nsp", "-m", str(english), "--consecutive", str(one), str(two)))
    assert [(each["first_line"], each["second_line"]) for each in found] == [(2, 3), (1, 2)]


def test_a_file_that_is_named_twice_is_two_documents(invoke: Invoke, english: Path, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("the man\nwent to\n")
    found = answers(invoke("nsp", "-m", str(english), "--consecutive", str(tmp_path / "f"), str(tmp_path / "f")))
    assert [(each["document"], each["first"], each["second"]) for each in found] == [
        (0, "the man", "went to"), (1, "the man", "went to"),
    ]  # fmt: skip


def test_the_windows_make_no_difference() -> None:
    texts = [str(number % 7) if number % 11 else "" for number in range(300)]

    def found(size: int) -> list[Any]:
        lists = [lines(*texts)[start : start + size] for start in range(0, len(texts), size)]
        pairs_of = nsp.Neighbors()(windows([*lists, []]))
        done = nsp.nsp(pairs_of, FakeModel(next_number), nsp.texts_of_neighbors)  # type: ignore[arg-type]
        return [(record.line, dict(record.results)) for some in done for record in some]

    whole = found(300)
    assert found(1) == found(7) == whole
    n_in = sum(bool(text) for text in texts)
    n_documents = sum(bool(text) and not before for before, text in zip(["", *texts], texts, strict=False))
    assert len(whole) == n_in - n_documents
    for _, said in whole:
        first, second = json.loads(said["first"]), json.loads(said["second"])
        assert json.loads(said["label"]) == ("IsNext" if int(second) == int(first) + 1 else "NotNext")


def test_consecutive_records_are_named_by_their_field(invoke: Invoke, english: Path) -> None:
    stdin = jsonl({"id": "x", "s": "the man"}, {"id": 2, "s": "the store"}, {"s": "milk"}, {"id": "e", "s": ""})
    found = answers(invoke("nsp", "-m", str(english), "--consecutive", "--field", "s", "--id-field", "id", stdin=stdin))
    assert [(each["first_id"], each["second_id"], each["first"]) for each in found] == [
        ("x", "2", "the man"), ("2", "", "the store"),
    ]  # fmt: skip


@pytest.mark.parametrize("stdin", [b"", b"\n\n", b"one line\n", b"one\n\ntwo\n"])
def test_a_document_of_one_line_has_no_neighbors(invoke: Invoke, english: Path, stdin: bytes) -> None:
    done = invoke("nsp", "-m", str(english), "--consecutive", stdin=stdin)
    assert (done.exit_code, done.stdout) == (0, "")


@pytest.mark.parametrize("more", [[], ["-f", "csv"], ["--consecutive"]])
def test_resume_goes_on_where_the_file_ends(invoke: Invoke, english: Path, tmp_path: Path, more: list[str]) -> None:
    source = tmp_path / "in"
    texts = [word if "--consecutive" in more else f"{word}\tmilk" for word in STORE.split(" ")]
    source.write_text("\n".join(["", *texts[:3], "", *texts[3:]]) + "\n")
    out = tmp_path / "out"
    run = ("nsp", "-m", str(english), "-o", str(out), *more, str(source))
    assert resumed_after_every_list(lambda *resume: invoke(*run, *resume), out) >= 2


def test_the_order_is_kept_whatever_the_windows() -> None:
    texts = [f"{number % 9}\t{number % 5}" if number % 4 else "broken" for number in range(200)]

    def found(size: int) -> list[Any]:
        lists = [lines(*texts)[start : start + size] for start in range(0, len(texts), size)]
        done = nsp.nsp(lists, FakeModel(next_number), partial(pairs.two_texts, mark=nsp.MARK))  # type: ignore[arg-type]
        return [(each.line, dict(each.results), each.error and each.error.type) for some in done for each in some]

    whole = found(200)
    assert found(1) == found(13) == whole
    assert [line for line, *_ in whole] == list(range(1, 201))
    for number, (_, said, error) in enumerate(whole):
        assert error == (None if number % 4 else "NotAPair")
        if error is None:
            margin = 3.0 if number % 5 == number % 9 + 1 else -1.0
            assert json.loads(said["logit_margin"]) == margin
            assert json.loads(said["is_next"]) == pytest.approx(1 / (1 + np.exp(-margin)), abs=1e-6)


@pytest.mark.parametrize("more", [[], ["--consecutive"]])
def test_memory_is_for_a_few_hundred_pairs(
    invoke: Invoke, english: Path, monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    read, asked = sentence_pairs.read, []

    def counted(texts: Any, some: list[tuple[str, str]]) -> Any:
        asked.append(len(some))
        return read(texts, some)

    monkeypatch.setattr(sentence_pairs, "read", counted)
    done = invoke("nsp", "-m", str(english), *more, stdin=b"the\tcat\n" * 2000)
    assert done.stdout.count("\n") == sum(asked) == 2000 - len(more)
    assert max(asked) <= 512


def test_drop_input_leaves_the_results_and_the_id(invoke: Invoke, english: Path) -> None:
    stdin = jsonl({"id": 5, "first": STORE, "second": MILK})
    (found,) = answers(invoke("nsp", "-m", str(english), "--drop-input", "--id-field", "id", stdin=stdin))
    assert set(found) == {
        "id", "is_next", "not_next", "label", "logit_margin", "nlptool",
    }  # fmt: skip


def test_the_table_has_a_row_for_each_pair(invoke: Invoke, english: Path) -> None:
    stdin = tabs([(STORE, MILK), (MILK, STORE)])
    head, *rows = invoke("nsp", "-m", str(english), "-f", "table", stdin=stdin).stdout.rstrip("\n").split("\n")
    assert head.split() == ["is_next", "logit_margin", "label", "first", "second"]
    found = answers(invoke("nsp", "-m", str(english), stdin=stdin))
    for row, record in zip(rows, found, strict=True):
        assert row.split()[:3] == [f"{record['is_next']:.4f}", f"{record['logit_margin']:.4f}", record["label"]]
        assert record["first"] in row
        assert row.endswith(record["second"])
    named = invoke("nsp", "-m", str(english), "-f", "table", "--first", "/x/q", "--second", "a",
                   stdin=jsonl({"x": {"q": STORE}, "a": MILK})).stdout  # fmt: skip
    assert STORE in named
    assert MILK in named
    head, row = invoke("nsp", "-m", str(english), "-f", "table", "--consecutive",
                       stdin=f"{STORE}\n{MILK}\n".encode()).stdout.rstrip("\n").split("\n")  # fmt: skip
    assert head.split()[:3] == ["document", "first_line", "is_next"]
    assert row.split()[:2] == ["0", "1"]
