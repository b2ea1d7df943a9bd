"""``fill-mask`` as a user meets it: the numbers of transformers, the user's own text, and what is wrong said in a sentence."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import random_berts
import torch
from click.testing import Result
from interruptions import resumed_after_every_list
from program import Invoke, Start, records

from nlptool.models.masked import fill as masked_fill

LINES = {
    "bert": [
        "the man went to the [MASK].",
        "[MASK] bird",
        "a [MASK] of milk! the un[MASK]able store",
        "the [MASK] [MASK] over",
    ],
    "roberta": ["the quick brown <mask> jumps", "<mask> are birds", "the <mask> went to the <mask>.", "un<mask>able!"],
    "bert-japanese": [
        "吾輩は[MASK]である。名前はまだ無い。",
        "[MASK]",
        "猫が[MASK]を[MASK]。",
        "ＡＢＣ商店で[MASK]０円",
    ],
}
TARGETS = {  # the same, in one piece, for the pipeline; words of several pieces
    "bert": (["the", "man", "a", "milk"], ["the", "man", "a", "milk"], ["dog", "maning", "store"]),
    "roberta": (["the", "to", "He"], [" the", " to", " He"], ["jumping", "the", "birds"]),
    "bert-japanese": (["名", "円", "食べる"], ["名", "円", "食べる"], ["名前", "猫が", "電気通信", "円"]),
}


@dataclass(frozen=True)
class Bert:
    kind: str
    folder: Path
    network: Any
    tokenizer: Any
    invoke: Invoke

    def __call__(self, *arguments: str, stdin: str | bytes = "") -> Result:
        stdin = stdin if isinstance(stdin, bytes) else stdin.encode()
        return self.invoke("fill-mask", "-m", str(self.folder), "--device", "cpu", *arguments, stdin=stdin)

    def records(self, *arguments: str, stdin: str | bytes = "") -> list[dict[str, Any]]:
        result = self(*arguments, stdin=stdin)
        assert result.exit_code == 0, result.stderr
        return [json.loads(line) for line in result.stdout.split("\n")[:-1]]

    def log_p(self, ids: Sequence[int], place: int) -> Any:
        """Of transformers, run plainly."""
        with torch.no_grad():
            return self.network(torch.tensor([list(ids)])).logits[0, place].log_softmax(-1).numpy()


@pytest.fixture(scope="module")
def berts(tmp_path_factory: pytest.TempPathFactory, invoke: Invoke) -> Callable[[str], Bert]:
    made: dict[str, Bert] = {}

    def of(kind: str) -> Bert:
        if kind not in made:
            folder = tmp_path_factory.mktemp("berts") / kind
            network, tokenizer = random_berts.saved(kind, folder)
            made[kind] = Bert(kind, folder, network, tokenizer, invoke)
        return made[kind]

    return of


@pytest.fixture
def bert(berts: Callable[[str], Bert]) -> Bert:
    return berts("bert")


@pytest.fixture(params=list(LINES))
def each(request: pytest.FixtureRequest, berts: Callable[[str], Bert]) -> Bert:
    return berts(request.param)


def lines(*texts: str) -> str:
    return "".join(f"{text}\n" for text in texts)


def pipeline(bert: Bert, text: str, **more: Any) -> list[list[dict[str, Any]]]:
    """The candidates of each mask."""
    from transformers import pipeline

    found = pipeline("fill-mask", model=bert.network, tokenizer=bert.tokenizer)(text, **more)
    return found if isinstance(found[0], list) else [found]


def test_the_candidates_are_those_of_the_pipeline_of_transformers(each: Bert) -> None:
    texts = LINES[each.kind]
    records = each.records("-k", "7", stdin=lines(*texts))
    assert [record["text"] for record in records] == texts
    for record in records:
        oracle = pipeline(each, record["text"], top_k=7)
        assert [mask["index"] for mask in record["masks"]] == list(range(len(oracle)))
        for mask, expected in zip(record["masks"], oracle, strict=True):
            assert [found["token"] for found in mask["candidates"]] == [one["token_str"] for one in expected]
            assert [found["probability"] for found in mask["candidates"]] == pytest.approx(
                [one["score"] for one in expected], abs=1e-4
            )


def test_targets_of_one_piece_are_those_of_the_pipeline(each: Bert) -> None:
    words, own, _ = TARGETS[each.kind]
    text = LINES[each.kind][0]
    (record,) = each.records("--targets", ",".join(words), stdin=lines(text))
    (expected,) = pipeline(each, text, targets=own)
    found = record["masks"][0]["candidates"]
    assert [each["token"] for each in found] == [one["token_str"].strip() for one in expected]
    assert [each["probability"] for each in found] == pytest.approx([one["score"] for one in expected], abs=1e-4)
    assert [each["log_probability"] for each in found] == pytest.approx(
        [math.log(each["probability"]) for each in found], abs=1e-4
    )
    assert record["nlptool"]["fill-mask"]["n_targets"] == len(words)


def test_targets_of_several_pieces_are_scored_piece_by_piece(each: Bert) -> None:
    *_, words = TARGETS[each.kind]
    text = LINES[each.kind][0]
    (record,) = each.records("--targets", ",".join(words), stdin=lines(text))
    found = {one["token"]: one for one in record["masks"][0]["candidates"]}
    assert set(found) == set(words)
    mask = each.tokenizer.mask_token_id
    ids = each.tokenizer(text)["input_ids"]
    place = ids.index(mask)
    for word in words:
        spelled = each.tokenizer(f" {word}", add_special_tokens=False)["input_ids"]
        score = 0.0
        for known in range(len(spelled)):
            standing = [*spelled[:known], *[mask] * (len(spelled) - known)]
            score += float(each.log_p([*ids[:place], *standing, *ids[place + 1 :]], place + known)[spelled[known]])
        assert found[word]["log_probability"] == pytest.approx(score, abs=1e-3)
        pieces = each.tokenizer.convert_ids_to_tokens(spelled)
        assert found[word].get("pieces", pieces) == pieces
        assert ("pieces" in found[word]) == (len(pieces) > 1)
    assert any("pieces" in one for one in found.values())


@pytest.mark.parametrize("joint", ["beam", "greedy", "independent"])
def test_fills_are_scored_as_their_way_says(each: Bert, joint: str) -> None:
    text = LINES[each.kind][2]
    (record,) = each.records("--joint", joint, stdin=lines(text))
    mask = each.tokenizer.mask_token_id
    ids = each.tokenizer(text)["input_ids"]
    positions = [place for place, id in enumerate(ids) if id == mask]
    assert len(record["fills"]) == 5
    scores = [fill["log_probability"] for fill in record["fills"]]
    assert scores == sorted(scores, reverse=True)
    best = record["fills"][0]
    alone = [each.log_p(ids, place) for place in positions]
    order = sorted(range(2), key=lambda number: -alone[number].max()) if joint == "greedy" else [0, 1]
    chosen = {}  # the best fill, by its tokens
    for number, token in enumerate(best["tokens"]):
        (chosen[number],) = [id for id in range(len(each.tokenizer)) if shown(each, id) == token]
    score, known = 0.0, list(ids)
    for number in order:
        score += float(each.log_p(ids if joint == "independent" else known, positions[number])[chosen[number]])
        known[positions[number]] = chosen[number]
    assert best["log_probability"] == pytest.approx(score, abs=1e-3)
    entry = record["nlptool"]["fill-mask"]
    assert entry["joint"] == joint
    assert ("beams" in entry) == (joint == "beam")


def shown(bert: Bert, id: int) -> str:
    return str(bert.tokenizer.decode([id]))


def test_a_record_names_its_model_and_what_was_read_of_it(each: Bert) -> None:
    (record,) = each.records(stdin=lines(LINES[each.kind][0]))
    n_tokens = len(each.tokenizer(LINES[each.kind][0])["input_ids"])
    said = {"model": str(each.folder), "joint": "beam", "beams": 5, "n_tokens": n_tokens, "truncated": False}
    assert record["nlptool"]["fill-mask"] == said


def test_all_spellings_of_a_mask_are_one(each: Bert) -> None:
    records = each.records(stdin=lines("a [MASK] b", "a <mask> b", f"a {each.tokenizer.mask_token} b"))
    assert records[0]["masks"] == records[1]["masks"] == records[2]["masks"]
    assert records[0]["fills"] == records[1]["fills"]


def test_the_users_text_is_not_touched(bert: Bert) -> None:
    text = "Ａ　THE [MASK]  Über\u2028ａ "
    (record,) = bert.records("--targets", "Män", stdin=json.dumps({"text": text}))
    assert record["text"] == text
    assert record["fills"][0]["text"] == text.replace("[MASK]", "Män")  # the model reads man
    assert record["fills"][0]["tokens"] == ["Män"]


def test_one_record_for_each_in_order_whatever_the_batch(each: Bert) -> None:
    own = LINES[each.kind]
    texts = [f"{own[number % 4]} {'a ' * (number % 17)}" for number in range(150)]
    texts[7] = texts[90] = "no mask here"
    results = [
        each(*arguments, stdin=lines(*texts))
        for arguments in (["--batch-tokens", "1"], ["--batch-tokens", "4000"], ["--deterministic"])
    ]
    assert [result.exit_code for result in results] == [3] * 3
    assert results[0].stdout == results[2].stdout  # each alone
    one, other = ([json.loads(line) for line in result.stdout.split("\n")[:-1]] for result in results[:2])
    assert [record["text"] for record in one] == texts
    assert [number for number, record in enumerate(one) if "masks" not in record] == [7, 90]
    for record, its in zip(one, other, strict=True):
        for mask, other_mask in zip(record.get("masks", []), its.get("masks", []), strict=True):
            assert [found["probability"] for found in mask["candidates"]] == pytest.approx(
                [found["probability"] for found in other_mask["candidates"]], abs=1e-5
            )


def test_a_text_without_a_mask_is_told_how_to_write_one(each: Bert) -> None:
    result = each(stdin=lines("the man", "", "[mask]", "a [MASK]"))
    assert result.exit_code == 3
    records = [json.loads(line) for line in result.stdout.split("\n")[:-1]]
    assert [record["text"] for record in records] == ["the man", "", "[mask]", "a [MASK]"]
    for record in records[:3]:
        error = record["nlptool"]["error"]
        assert error["type"] == "NoMask"
        assert f"write {each.tokenizer.mask_token} where a word is to be guessed" in error["message"]
    assert "masks" in records[3]
    assert "3 of 4 records failed" in result.stderr


@pytest.mark.parametrize("joint", ["beam", "greedy", "independent"])
def test_two_hundred_masks_are_all_answered(bert: Bert, joint: str) -> None:
    narrow = ["--beams", "2"] if joint == "beam" else []
    (record,) = bert.records("--joint", joint, "-k", "2", *narrow, stdin=lines("[MASK] " * 200))
    assert [mask["index"] for mask in record["masks"]] == list(range(200))
    assert all(len(fill["tokens"]) == 200 for fill in record["fills"])
    entry = record["nlptool"]["fill-mask"]
    assert (entry["truncated"], entry["windows"]) == (True, 6)  # 38 pieces fit


def test_a_mask_beyond_the_window_has_a_window_around_it(bert: Bert) -> None:
    before, behind = "the " * 50, " milk" * 50
    (record,) = bert.records(stdin=lines(f"{before}[MASK]{behind}"))
    entry = record["nlptool"]["fill-mask"]
    assert (entry["truncated"], entry["windows"], entry["n_tokens"]) == (True, 1, 40)
    ids = bert.tokenizer("the " * 18 + "[MASK]" + " milk" * 19)["input_ids"]
    assert len(ids) == 40
    expected = bert.log_p(ids, 19)
    found = record["masks"][0]["candidates"]
    assert [one["probability"] for one in found] == pytest.approx(
        sorted(map(math.exp, expected), reverse=True)[:5], abs=1e-4
    )
    assert record["fills"][0]["text"] == f"{before}{found[0]['token']}{behind}"


@pytest.mark.parametrize("text", ["the man " * 12_500, "x" * 100_000, "猫" * 100_000])
def test_a_hundred_thousand_characters_are_read_around_their_masks(bert: Bert, text: str) -> None:
    result = bert("-k", "1", stdin=lines(f"{text} [MASK] {text}"))
    assert result.exit_code == 0
    record = json.loads(result.stdout)
    (fill,) = record["fills"]
    assert fill["text"].startswith(text)
    assert len(fill["text"]) > 200_000
    entry = record["nlptool"]["fill-mask"]
    assert entry["truncated"] is (text[0] != "x")  # a word of so many letters is one piece
    assert entry.get("windows", 1) == 1
    if "the" not in text:
        assert "pieces that the model's vocabulary lacks" in result.stderr


def test_max_length_is_obeyed_and_said(bert: Bert) -> None:
    result = bert("--max-length", "8", stdin=lines("the man went to the [MASK] over the un [MASK]", "a [MASK]"))
    assert result.exit_code == 0
    first, second = (json.loads(line)["nlptool"]["fill-mask"] for line in result.stdout.split("\n")[:-1])
    assert (first["truncated"], first["windows"], first["n_tokens"]) == (True, 1, 8)
    assert second["truncated"] is False
    assert "texts longer than the model takes, of which it saw windows around the masks: 1" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--targets", "the,猫"], "--targets: the model's vocabulary has no pieces for '猫'"),
        (["--targets", "[MASK]"], "'[MASK]' is no word: it holds a special token of the model"),
        (["--targets", "a" * 90], "90 pieces, more than the model takes"),
        (["--targets", " , ,"], "there is no word"),
        (["--targets", ""], "there is no word"),
        (["-k", "0"], "0 is not in the range"),
        (["--beams", "0"], "0 is not in the range"),
        (["--joint", "greedy", "--beams", "3"], "--beams belongs to --joint beam, not to --joint greedy"),
        (["--joint", "both"], "'both' is not one of"),
        (["--resume"], "--resume needs -o FILE"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_read(bert: Bert, arguments: list[str], message: str) -> None:
    result = bert(*arguments, stdin=lines("a [MASK]"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_a_target_that_is_given_twice_is_one(bert: Bert) -> None:
    (record,) = bert.records("--targets", "the, man ,the", "--targets", "man,a", stdin=lines("[MASK]"))
    assert sorted(found["token"] for found in record["masks"][0]["candidates"]) == ["a", "man", "the"]
    assert len(record["fills"]) == 3


def test_k_limits_targets_too(bert: Bert) -> None:
    words = "the,man,a,b,c,d,e,f"
    (every,) = bert.records("--targets", words, stdin=lines("[MASK] [MASK]"))
    (few,) = bert.records("--targets", words, "-k", "2", stdin=lines("[MASK] [MASK]"))
    assert [len(mask["candidates"]) for mask in every["masks"]] == [8, 8]
    assert few["masks"] == [mask | {"candidates": mask["candidates"][:2]} for mask in every["masks"]]
    assert few["fills"] == every["fills"][:2]


def test_more_candidates_than_there_are_tokens_are_all(bert: Bert) -> None:
    (record,) = bert.records("-k", "1000", stdin=lines("the [MASK]"))
    found = record["masks"][0]["candidates"]
    assert len(found) == len(bert.tokenizer) == len(record["fills"])
    assert sum(one["probability"] for one in found) == pytest.approx(1, abs=1e-4)


def test_jsonl_tsv_and_nul_go_in(bert: Bert) -> None:
    expected = bert.records(stdin=lines("the [MASK]"))[0]
    jsonl = '{"big": 12345678901234567890, "cost": 1.10, "said": "the [MASK]", "text": "x\\ty"}\n'
    result = bert("--field", "said", stdin=jsonl)
    assert result.stdout.startswith(jsonl[:-2] + ',"masks":[{"index":0,"candidates":[{"token":')
    assert json.loads(result.stdout)["masks"] == expected["masks"]
    (tabbed,) = bert.records(stdin='{"text": "the\\t[MASK]\\n"}\n')
    assert tabbed["masks"] == expected["masks"]
    assert tabbed["fills"][0]["text"] == f"the\t{expected['fills'][0]['tokens'][0]}\n"
    (tsv,) = bert.records("-I", "tsv", "--field", "2", stdin="1\tthe [MASK]\n")
    assert tsv["masks"] == expected["masks"]
    two = bert.records("-0", stdin="the [MASK]\0the\n[MASK]\0")
    assert [record["text"] for record in two] == ["the [MASK]", "the\n[MASK]"]
    assert two[1]["masks"] == expected["masks"]
    (bare,) = bert.records("--drop-input", "--id-field", "n", stdin='{"n": 7, "text": "the [MASK]"}\n')
    assert list(bare) == ["n", "masks", "fills", "nlptool"]


def test_text_is_the_best_fill_alone_and_a_line_for_each_record(bert: Bert) -> None:
    source = '{"text": "a [MASK]\\r\\nb"}\n{"text": "no"}\n{"text": "　the [MASK] [MASK] "}\n'
    best = [
        json.loads(line)["fills"][0]["text"] for line in bert(stdin=source).stdout.split("\n")[:-1] if '"fills"' in line
    ]
    result = bert("-f", "text", "-k", "1", stdin=source)
    assert result.exit_code == 3
    assert result.stdout == lines(best[0].replace("\r\n", " "), "", best[1])
    assert "<stdin>:2: there is no mask in the text" in result.stderr


def test_a_table_shows_the_text_its_model_and_bars(bert: Bert) -> None:
    result = bert("-f", "table", "-k", "2", stdin=lines("the [MASK] \x1b[31m", "a [MASK] [MASK]", "no"))
    one, two, _ = [
        json.loads(line)
        for line in bert("-k", "2", stdin=lines("the [MASK] \x1b[31m", "a [MASK] [MASK]", "no")).stdout.split("\n")[:-1]
    ]
    shown = result.stdout.split("\n")
    assert shown[0] == f"the [MASK] \N{REPLACEMENT CHARACTER}[31m   {bert.folder}"
    assert shown[1].split() == ["token", "probability"]
    for line, found in zip(shown[2:4], one["masks"][0]["candidates"], strict=True):
        bar = "█" * round(20 * found["probability"])
        assert line.split() == [found["token"], f"{found['probability']:.4f}", *([bar] if bar else [])]
    assert "mask 0" in result.stdout
    assert "mask 1" in result.stdout
    for fill in two["fills"]:
        assert f"{fill['text']}  " in result.stdout
        assert f"{fill['log_probability']:.4f}" in result.stdout
    rare = bert("-f", "table", "-k", "1000", stdin=lines("the [MASK]")).stdout.split("\n")[-3]
    assert re.search(r" \d\.\de-\d\d$", rare)  # 0.0000 would say nothing
    assert result.stdout.count("log-probability") == 1  # of one mask the candidates say all
    assert "<stdin>:3: there is no mask in the text" in result.stderr


@pytest.mark.parametrize("format", ["jsonl", "text", "csv"])
def test_an_interrupted_run_is_gone_on_with(bert: Bert, tmp_path: Path, format: str) -> None:
    texts = lines("the", *(f"the [MASK] {'a ' * number}" for number in range(9)))
    out = tmp_path / "out"
    run = ("-f", format, "-o", str(out))
    assert resumed_after_every_list(lambda *resume: bert(*run, *resume, stdin=texts), out) >= 2


def test_a_failed_record_passes_and_skip_and_fail_are_obeyed(bert: Bert) -> None:
    failed = '{"text":"a [MASK]","nlptool":{"error":{"type":"Bad"}}}'
    assert bert(stdin=f"{failed}\n").stdout == f"{failed}\n"
    skipped = bert("--on-error", "skip", stdin=lines("no", "a [MASK]"))
    assert (skipped.exit_code, len(skipped.stdout.split("\n")[:-1])) == (3, 1)
    stopped = bert("--on-error", "fail", stdin=lines("no", "a [MASK]"))
    assert stopped.exit_code == 1
    assert "<stdin>:1: there is no mask" in stopped.stderr


@pytest.mark.parametrize(
    "source", [b"\xff [MASK]\n", b'{"text": 3}\n', b'{"text": "\\ud800 [MASK]"}\n', b'{"other": "[MASK]"}\n']
)
def test_input_that_is_no_text_fails_alone(bert: Bert, source: bytes) -> None:
    result = bert("-I", "text" if source.startswith(b"\xff") else "jsonl", stdin=source)
    assert result.exit_code == 3
    assert "error" in json.loads(result.stdout)["nlptool"]


def test_nothing_in_gives_nothing_out(bert: Bert) -> None:
    result = bert()
    assert (result.exit_code, result.stdout) == (0, "")


def test_special_tokens_in_a_text_are_what_transformers_makes_of_them(bert: Bert) -> None:
    text = "the [SEP] [CLS] [MASK] [UNK]"
    (record,) = bert.records(stdin=lines(text))
    (expected,) = pipeline(bert, text)
    assert [one["token"] for one in record["masks"][0]["candidates"]] == [one["token_str"] for one in expected]
    assert record["nlptool"]["fill-mask"]["n_unknown"] == 1


def test_unknown_words_are_said_and_counted(bert: Bert) -> None:
    result = bert(stdin=lines("猫 [MASK] 犬", "the [MASK]"))
    first, second = (json.loads(line)["nlptool"]["fill-mask"] for line in result.stdout.split("\n")[:-1])
    assert first["n_unknown"] == 2
    assert "n_unknown" not in second
    assert "pieces that the model's vocabulary lacks ([UNK]): 2" in result.stderr


def test_many_lines_are_answered_a_few_hundred_at_a_time(bert: Bert, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that those of several masks, each read dozens of times, are written before long, and --resume has something to keep."""
    fill, asked = masked_fill.fill, []

    def counted(model: Any, questions: Sequence[masked_fill.Question], **how: Any) -> Any:
        asked.append(len(questions))
        return fill(model, questions, **how)

    monkeypatch.setattr(masked_fill, "fill", counted)
    assert len(bert.records("-k", "1", stdin=lines("a [MASK]") * 1000)) == 1000
    assert sum(asked) == 1000
    assert max(asked) <= 256


def test_numbers_that_are_none_are_an_error_of_the_record(bert: Bert, tmp_path: Path) -> None:
    random_berts.saved("bert", tmp_path / "nan")
    from transformers import BertForMaskedLM

    broken = BertForMaskedLM.from_pretrained(str(tmp_path / "nan"))
    with torch.no_grad():
        broken.bert.embeddings.word_embeddings.weight[bert.tokenizer.convert_tokens_to_ids("milk")] = torch.inf
    broken.save_pretrained(str(tmp_path / "nan"))
    result = bert("-m", str(tmp_path / "nan"), "--engine", "torch", stdin=lines("milk [MASK]"))
    assert result.exit_code == 3
    assert json.loads(result.stdout)["nlptool"]["error"]["type"] == "NotFinite"


def test_a_line_is_answered_before_the_next_one_comes(bert: Bert, start: Start) -> None:
    process = start("fill-mask", "-m", str(bert.folder), "--device", "cpu")
    assert process.stdin is not None
    assert process.stdout is not None
    for text in ("the [MASK]", "[MASK] bird"):
        process.stdin.write(f"{text}\n".encode())
        assert json.loads(process.stdout.readline())["text"] == text
    process.stdin.close()
    assert process.wait() == 0


def test_rows_without_a_piece_are_no_candidates(invoke: Invoke, tmp_path: Path) -> None:
    """Many networks have more rows than their vocabulary has pieces, for a round number."""
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=64, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=40, initializer_range=0.5,
    )  # fmt: skip
    BertForMaskedLM(config).save_pretrained(tmp_path / "padded")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat"]
    (tmp_path / "padded" / "vocab.txt").write_text("\n".join(pieces) + "\n")
    run = ["fill-mask", "-m", str(tmp_path / "padded"), "-k", "20"]
    (found,) = records(invoke(*run, stdin="the [MASK] [MASK]\n"))
    for mask in found["masks"]:
        assert sorted(candidate["token"] for candidate in mask["candidates"]) == sorted(pieces)
        assert sum(candidate["probability"] for candidate in mask["candidates"]) < 1
    assert len(found["fills"]) == 20
    assert all(token in pieces for fill in found["fills"] for token in fill["tokens"])
    table = invoke(*run, "-f", "table", stdin="the [MASK]\n").stdout.splitlines()
    assert sorted(line.split()[0] for line in table[2:] if line) == sorted(pieces)
