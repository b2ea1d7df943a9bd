"""``nlptool split``: a record for each sentence or paragraph, with its place in the text that it comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interruptions import interrupted, resumed_after_every_list
from program import Invoke, Start, records

from nlptool.errors import RecordError
from nlptool.records.record import Record
from nlptool.tasks.split import SplitSettings, Splitter, as_text

AOZORA = Path(__file__).parent.parent / "data" / "yume_aozora.txt"


def split(invoke: Invoke, stdin: str, *options: str, code: int = 0) -> list[dict[str, Any]]:
    return records(invoke("split", *options, stdin=stdin), code)


def test_a_sentence_knows_its_place_and_keeps_the_fields_of_its_record(invoke: Invoke) -> None:
    text = " 「はい。」と言った。\n　次。He left."
    found = split(invoke, json.dumps({"id": 1.10, "text": text, "more": {"a": [1]}}, ensure_ascii=False) + "\n")
    assert [record["text"] for record in found] == ["「はい。」と言った。", "次。", "He left."]
    for index, record in enumerate(found):
        assert text[record["start"] : record["end"]] == record["text"]
        assert (record["id"], record["more"]) == (1.10, {"a": [1]})
        assert record["nlptool"] == {"split": {"unit": "sentence", "index": index, "n": 3}}


def test_the_text_of_another_field_becomes_text_and_is_not_repeated(invoke: Invoke) -> None:
    assert split(invoke, '{"body":"一。二。","big":12345678901234567890}\n', "--field", "body", "--drop-input") == [
        {"text": "一。", "start": 0, "end": 2, "nlptool": {"split": {"unit": "sentence", "index": 0, "n": 2}}},
        {"text": "二。", "start": 2, "end": 4, "nlptool": {"split": {"unit": "sentence", "index": 1, "n": 2}}},
    ]
    result = invoke("split", "--field", "body", stdin='{"body":"一。二。","big":12345678901234567890}\n')
    assert result.stdout.startswith('{"big":12345678901234567890,"text":"一。","start":0,"end":2,')
    assert "body" not in result.stdout
    assert "replaced" not in result.stderr
    (first, _) = split(invoke, '{"meta":{"title":"一。二。"}}\n', "--field", "/meta/title")
    assert first["text"] == "一。"
    (first, _) = split(invoke, "一。二。\tx\n", "-I", "tsv")
    assert [value for name, value in first.items() if name != "nlptool"] == ["x", "一。", 0, 2]


def test_what_was_found_about_the_whole_text_is_not_taken_for_the_sentences(invoke: Invoke) -> None:
    done = invoke("split", stdin='{"text":"一。二。","embedding":[1.0],"tokens":[],"start":3}\n')
    for record in records(done):
        assert not {"embedding", "tokens"} & set(record)
    assert "the field `embedding` was about the whole text and has been left out" in done.stderr
    assert "the field `start` was there before and has been replaced" in done.stderr


def test_a_text_without_a_sentence_gives_no_record_and_is_counted(invoke: Invoke) -> None:
    done = invoke("split", stdin="一。\n\n\u3000\n二。\n")
    assert [record["text"] for record in records(done)] == ["一。", "二。"]
    assert done.stderr == "nlptool split: records without a sentence: 2\n"
    assert invoke("split", stdin="").stdout == ""


def test_failed_records_pass_in_their_places(invoke: Invoke) -> None:
    failed = '{"x":1,"nlptool":{"error":{"type":"T"}}}'
    stdin = f'{{"text":"一。二。"}}\n{failed}\n{{"x":2}}\n{{"text":"三。"}}\n'
    found = split(invoke, stdin, code=3)
    assert [record.get("text") for record in found] == ["一。", "二。", None, None, "三。"]
    assert found[2] == json.loads(failed)
    assert found[3]["nlptool"]["error"]["type"] == "MissingField"
    assert invoke("split", "-f", "text", stdin=stdin).stdout == "一。\n二。\n\n\n三。\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("一\n二。", "一二。"),
        ("one\ntwo", "one two"),
        ("一\r\n　two\n二", "一 two 二"),
        ("。\n次", "。次"),
        ("a\u2028b", "a b"),
    ],
)
def test_a_line_of_text_has_no_line_breaks(text: str, line: str) -> None:
    assert as_text(Record(text, "x", 1)).decode() == line + "\n"
    assert as_text(Record(text, "x", 1).fail(RecordError("T", "failed"))) == b"\n"


def test_paragraphs(invoke: Invoke) -> None:
    text = "# 題\n　一。\n二。\r\n\n```\na\n\nb\n```\n終"
    found = split(invoke, json.dumps({"text": text}) + "\n", "--into", "paragraph")
    assert [record["text"] for record in found] == ["# 題", "　一。\n二。", "```\na\n\nb\n```", "終"]
    assert [text[record["start"] : record["end"]] for record in found] == [record["text"] for record in found]
    assert found[1]["nlptool"]["split"] == {"unit": "paragraph", "index": 1, "n": 4}


def test_paragraphs_of_a_text_file(invoke: Invoke) -> None:
    text = "# 題\n一。\n二。\n\n三。\n"
    found = split(invoke, text, "--into", "paragraph")
    assert [(record["text"], record["start"], record["end"]) for record in found] == [
        ("# 題", 0, 3), ("一。\n二。", 0, 5), ("三。", 0, 2),
    ]  # fmt: skip
    found = split(invoke, text, "--into", "paragraph", "--unit", "document")
    assert [(text[record["start"] : record["end"]], record["start"]) for record in found] == [
        ("# 題", 0), ("一。\n二。", 4), ("三。", 11),
    ]  # fmt: skip


def test_a_sentence_names_the_line_in_which_it_begins(invoke: Invoke, tmp_path: Path) -> None:
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("\na b\nc. D\ne.\n\nF.", encoding="utf-8")
    second.write_text("g\n", encoding="utf-8")
    for options in (["--unit", "paragraph"], ["--unit", "document"], ["--unit", "sentence"]):
        found = split(invoke, "", str(first), str(second), *options)
        assert [record["text"] for record in found] == ["a b\nc.", "D\ne.", "F.", "g"]
        assert [record["nlptool"]["source"]["line"] for record in found] == [2, 3, 6, 1]
    found = split(invoke, "", str(first), str(second), "--into", "paragraph")
    assert [record["text"] for record in found] == ["a b\nc. D\ne.", "F.", "g"]
    assert [record["nlptool"]["source"]["line"] for record in found] == [2, 6, 1]


def test_aozora(invoke: Invoke) -> None:
    lines = AOZORA.read_text(encoding="utf-8").split("\n")
    done = invoke("split", "--aozora-fields", str(AOZORA))
    found = records(done)
    assert [record["text"] for record in found[:4]] == ["夢十夜", "夏目漱石", "第一夜", "こんな夢を見た。"]
    assert found[2]["notes"] == [{"note": "５字下げ", "position": 0}, {"note": "「第一夜」は中見出し", "position": 3}]
    assert found[4]["ruby"] == [
        {"text": "坐", "reading": "すわ", "start": 8, "end": 9},
        {"text": "仰向", "reading": "あおむき", "start": 15, "end": 17},
    ]
    assert "烨い光が差した。" in found[-1]["text"]
    assert "《" not in "".join(record["text"] for record in found)
    assert "lines of heads (explanation of symbols), rules and colophons (底本：…) left out: 13" in done.stderr
    bodies = [line for line in lines if "静かな声でもう死にます" in line]
    assert bodies[0][found[4]["start"] : found[4]["end"]].startswith("腕組をして枕元に坐《すわ》って")
    whole = json.dumps({"text": "\n".join(lines)}) + "\n"
    in_one = split(invoke, whole, "--aozora-fields")
    for first, second in zip(found, in_one, strict=True):
        assert [first[name] for name in ("text", "ruby", "notes")] == [
            second[name] for name in ("text", "ruby", "notes")
        ]
    text = "\n".join(lines)
    assert text[in_one[4]["start"] : in_one[4]["end"]] == bodies[0][found[4]["start"] : found[4]["end"]]
    paragraphs = split(invoke, whole, "--aozora", "--into", "paragraph")
    assert [record["text"][:5] for record in paragraphs] == [
        "夢十夜",
        "夏目漱石",
        "第一夜",
        "　こんな夢",
        "　腕組をし",
        "　「死ぬん",
        "　黒い眸の",
    ]


def test_each_file_has_its_own_head_and_colophon(invoke: Invoke) -> None:
    once = records(invoke("split", "--aozora", str(AOZORA)))
    twice = records(invoke("split", "--aozora", str(AOZORA), str(AOZORA)))
    assert [record["text"] for record in twice] == [record["text"] for record in once] * 2


def test_a_character_without_a_name_is_counted(invoke: Invoke) -> None:
    done = invoke("split", "--aozora", stdin="※［＃「穢」の別字、12-3］だ。※次。\n")
    first, second = records(done)
    assert first["text"] == "※だ。"
    assert first["nlptool"]["split"]["n_gaiji"] == 1
    assert "n_gaiji" not in second["nlptool"]["split"]
    assert "left as ※: 1" in done.stderr


def test_without_the_option_the_markup_is_text(invoke: Invoke) -> None:
    (record,) = split(invoke, "吾輩《わがはい》は［＃「は」に傍点］猫だ。\n")
    assert record["text"] == "吾輩《わがはい》は［＃「は」に傍点］猫だ。"


def test_fields_have_no_room_in_text(invoke: Invoke) -> None:
    done = invoke("split", "-f", "text", "--aozora-fields", stdin="一。\n")
    assert done.exit_code == 2
    assert "use --aozora, or -f jsonl" in done.stderr


WRAPPED = "It was the best of times, it\nwas the worst of times, it was\nthe age of wisdom and it\nwas the end.\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WRAPPED, True),
        (WRAPPED.replace("\n", " \n"), True),
        ("山路を登りながら、\nこう考えた。智に\n働けば角が立つ。情に\n棹させば流される。\n", True),
        (WRAPPED.replace("\n", " ") + "\n" + "One line. And one.\n" * 4, False),
        ("猫\n犬\n鳥\n魚\n", False),
        ("apple\nBanana\nCherry pie\nDate\n", False),
    ],
)
def test_wrapped_lines_are_pointed_out(invoke: Invoke, text: str, said: bool) -> None:
    assert ("--unit paragraph joins the lines" in invoke("split", stdin=text).stderr) is said


@pytest.mark.parametrize("more", [["-f", "jsonl"], ["-f", "text"], ["-f", "csv"], ["--into", "paragraph"]])
def test_resume_goes_on_within_a_record(invoke: Invoke, tmp_path: Path, more: list[str]) -> None:
    source, out = tmp_path / "in.txt", tmp_path / "out"
    source.write_bytes("一。二。三。四。五。\n\n六。七。八。\n\n".encode() + b"\xff\n" + "九。\n十。\n".encode())
    n_lists = resumed_after_every_list(
        lambda *resume: invoke("split", *more, "-o", str(out), str(source), *resume), out
    )
    assert n_lists >= 3


def test_resume_of_another_input_is_refused_before_anything_is_written(invoke: Invoke, tmp_path: Path) -> None:
    source, out, part = tmp_path / "in.txt", tmp_path / "out", tmp_path / "out.part"
    run = lambda *resume: invoke("split", "-o", str(out), str(source), *resume)  # noqa: E731
    for other in ("一。二。三。\n四。五。\n六。\n", "一。二。\n"):
        source.write_text("一。二。\n四。五。\n六。\n", encoding="utf-8")
        interrupted(run, out, 3)
        before = part.read_bytes()
        source.write_text(other, encoding="utf-8")
        done = run("--resume")
        assert done.exit_code == 2
        assert "this is another input than that of the interrupted run: i" in done.stderr
        assert part.read_bytes() == before
        assert not out.exists()


def test_a_line_is_answered_before_the_next_one_comes(start: Start) -> None:
    process = start("split", "-f", "text")
    assert process.stdin
    assert process.stdout
    process.stdin.write("一。二。\n".encode())
    process.stdin.flush()
    assert process.stdout.readline().decode() == "一。\n"
    assert process.stdout.readline().decode() == "二。\n"
    process.stdin.close()
    assert process.wait() == 0


@given(
    st.lists(st.text(alphabet=st.sampled_from("あ。「」A. \n※［＃］《》")), max_size=6),
    st.integers(1, 4),
    st.booleans(),
)
def test_the_size_of_the_batches_makes_no_difference(texts: list[str], size: int, aozora: bool) -> None:
    def found(size: int) -> list[Any]:
        lines = [Record(text, "x", number) for number, text in enumerate(texts, 1)]
        batches = [lines[start : start + size] for start in range(0, len(lines), size)]
        made = Splitter(SplitSettings(aozora=aozora, keep_markup=aozora))(iter(batches))
        return [(part.line, part.text, part.results, part.entry) for batch in made for part in batch]

    assert found(size) == found(7)


@given(
    st.text(alphabet=st.sampled_from("あ。「」A. \n\r※［＃］《》|｜-#`")) | st.text(),
    st.sampled_from(["sentence", "paragraph"]),
)
def test_the_offsets_are_those_of_the_text(text: str, into: str) -> None:
    (made,) = Splitter(SplitSettings(into=into))([[Record(text, "x", 1)]])
    last = 0
    for part in made:
        start, end = int(part.results["start"]), int(part.results["end"])
        assert text[start:end] == part.text
        assert text[last:start].strip() == ""
        last = end
    assert text[last:].strip() == ""
