"""``evaluate generation``: which texts are compared, what is left out and said, and what a person sees."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st
from program import Invoke, Run

from nlptool.models.generation import loading as generator_loading
from nlptool.models.generation.decoding import Decoding
from nlptool.models.generation.model_settings import ModelSettings
from nlptool.tasks import open_model
from nlptool.tasks.evaluate.generation import difference
from nlptool.terminal import tables

JAPANESE = "わがいもではつゆにぬれて\tわがころもではつゆにぬれつつ\nみづくくるとは\tみづくくるとは\n"


def scored(done: Any, code: int = 0) -> list[dict[str, Any]]:
    assert done.exit_code == code, done.stderr
    return [json.loads(line) for line in done.stdout.split("\n") if line]


@pytest.fixture
def judge(invoke: Invoke) -> Callable[..., Any]:
    """``judge(*arguments, stdin=str)``: what the program says."""
    return lambda *arguments, stdin="", **more: invoke(
        "evaluate", "generation", *arguments, stdin=stdin if isinstance(stdin, bytes) else stdin.encode(), **more
    )


def test_a_record_holds_the_scores_and_how_they_were_made(judge: Callable[..., Any]) -> None:
    (found,) = scored(judge(stdin=JAPANESE))
    ours, theirs = zip(*(line.split("\t") for line in JAPANESE.splitlines()), strict=True)
    version = sacrebleu.__version__
    assert found == {
        "file": "<stdin>",
        "pairs": 2,
        "skipped": 0,
        "empty": 0,
        "exact_match": 0.5,
        "bleu": round(sacrebleu.corpus_bleu(ours, [theirs], tokenize="char").score, 2),
        "chrf": round(sacrebleu.corpus_chrf(ours, [theirs]).score, 2),
        "tokenize": "char",
        "signatures": {
            "bleu": f"nrefs:1|case:mixed|eff:no|tok:char|smooth:exp|version:{version}",
            "chrf": f"nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:{version}",
        },
        "model": None,
    }


def test_each_file_has_its_own_scores_and_tokenizer(judge: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "ja.tsv").write_text(JAPANESE, encoding="utf-8")
    (tmp_path / "en.tsv").write_text("a cat\ta dog\n", encoding="utf-8")
    ja, en = scored(judge(str(tmp_path / "ja.tsv"), str(tmp_path / "en.tsv")))
    assert (ja["pairs"], ja["tokenize"], en["pairs"], en["tokenize"]) == (2, "char", 1, "13a")
    assert en["file"] == str(tmp_path / "en.tsv")
    (both,) = scored(judge("--tokenize", "char", str(tmp_path / "en.tsv")))
    assert (both["tokenize"], both["exact_match"]) == ("char", 0.0)


def test_what_generate_writes_is_judged_under_the_name_of_its_model(judge: Callable[..., Any]) -> None:
    lines = [
        {"text": "x", "generated": [{"text": "a b"}, {"text": "c"}], "target": "a b"},
        {"text": "y", "reference": ["q", "c d"], "generated": [{"text": "c d"}]},
        {"text": "", "first": "z", "generated": [], "second": "z"},  # z was never generated
    ]
    made = [{**line, "nlptool": {"generate": {"model": "mini"}}} for line in lines]
    (found,) = scored(judge(stdin="".join(json.dumps(line) + "\n" for line in made)))
    assert (found["pairs"], found["empty"], found["exact_match"], found["model"]) == (3, 1, 0.6667, "mini")
    made[1]["nlptool"] = {"generate": {"model": "other"}}
    (found,) = scored(judge(stdin="".join(json.dumps(line) + "\n" for line in made)))
    assert found["model"] is None  # of several


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        ([], '{"hypothesis":"a","reference":"a"}'),
        ([], '{"first":"a","second":"a"}'),
        (["--first", "out", "--second", "/gold/0"], '{"out":"a","gold":["a"],"text":"b"}'),
        (["--second", "ja"], '{"generated":[{"text":"a"}],"ja":"a","target":"b"}'),
        (["-I", "tsv"], "a\ta"),
        (["-I", "tsv", "--second", "3"], "a\tb\ta"),
        (["-I", "tsv", "--header", "--first", "x", "--second", "y"], "z\ty\tx\nb\ta\ta"),
        (["-I", "tsv", "--header"], "hypothesis\tn\treference\na\t7\ta"),
        (["-0"], "a\ta\0"),
        (["--encoding", "utf-16"], "a\ta\n".encode("utf-16")),
    ],
)
def test_pairs_are_found_where_they_are(judge: Callable[..., Any], arguments: list[str], lines: str | bytes) -> None:
    (found,) = scored(judge(*arguments, stdin=lines))
    assert (found["pairs"], found["exact_match"]) == (1, 1.0)


def test_an_empty_hypothesis_is_wrong_and_a_pair_without_reference_is_skipped(judge: Callable[..., Any]) -> None:
    done = judge(stdin="\ta\nb\t\n\nc\t \n \td\ne\te\n")
    (found,) = scored(done)
    assert "<stdin>: pairs without a reference, which are left out: 2 of 5" in done.stderr
    assert (found["pairs"], found["skipped"], found["empty"], found["exact_match"]) == (3, 2, 2, 0.3333)


def test_what_is_no_pair_is_left_out_and_said(judge: Callable[..., Any]) -> None:
    done = judge(stdin="one\nx\tx\ny\ty\nz\tz\n")
    (found,) = scored(done, code=3)
    assert (found["pairs"], found["exact_match"]) == (3, 1.0)
    assert (
        "<stdin>:1: a pair is a hypothesis and its reference with a tab between them, this line has none" in done.stderr
    )
    assert "1 of 4 records failed" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        ([], "a\tb\ta\nc\tc\t\nd\t\td\n"),
        (["-I", "tsv"], "a\tb\ta\nc\tc\t\nd\t\td\n"),
        (["-I", "csv", "--no-header"], 'a,b,"a"\nc,"c",\nd,,d\n'),
        (["-I", "csv"], "id,hypothesis,reference1,reference2\n7,a,b,a\n8,c,c,\n9,d,,d\n"),
        (
            ["-I", "json"],
            '[{"hypothesis":"a","reference_1":"b","reference_2":"a"},{"1":"c","2":"c"},{"1":"d","2":"d"}]',
        ),
    ],
)
def test_a_hypothesis_may_have_several_references(judge: Callable[..., Any], arguments: list[str], stdin: str) -> None:
    (found,) = scored(judge(*arguments, stdin=stdin))
    assert (found["pairs"], found["skipped"], found["exact_match"]) == (3, 0, 1.0)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"hypothesis":"a"}', "no text that is the reference, called reference, references, target"),
        ('{"reference":"a"}', "no text that is the hypothesis, called /generated/0/text, hypothesis"),
        ('{"other":"a"}', "no text that is the hypothesis"),
        ('{"hypothesis":"a","reference":[]}', "no text that is the reference"),
        ('{"hypothesis":"a","reference":["b",1]}', "no text that is the reference"),
        ('{"hypothesis":7,"reference":"b"}', "no text that is the hypothesis"),
        ('{"generated":[{}],"reference":"b"}', "no text that is the hypothesis"),
        ('{"hypothesis":"\\ud800","reference":"b"}', "half a character"),
        ('{"hypothesis":"a","reference":"\\udc00"}', "half a character"),
        ("nonsense", "not JSON"),
    ],
)
def test_a_record_without_its_texts_fails_alone(judge: Callable[..., Any], line: str, said: str) -> None:
    good = '{"hypothesis":"a","reference":"a"}\n'
    done = judge(stdin=f"{good}{line}\n{good}")
    (found,) = scored(done, code=3)
    assert found["pairs"] == 2
    assert said in done.stderr
    assert judge("--on-error", "fail", stdin=f"{good}{line}\n{good}").exit_code == 1


def test_a_record_that_arrives_with_an_error_is_skipped(judge: Callable[..., Any]) -> None:
    lines = '{"hypothesis":"a","reference":"a"}\n{"reference":"b","nlptool":{"error":{"type":"NotFinite"}}}\n'
    done = judge(stdin=lines)
    (found,) = scored(done)
    assert (found["pairs"], found["skipped"]) == (1, 1)
    assert "1 records arrived with an error" in done.stderr


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        ("", "there are no pairs to evaluate"),
        ("\n\n", "there are no pairs to evaluate"),
        ("a\t\n", "<stdin>: pairs without a reference, which are left out: 1 of 1"),
        ("a\nb\nc\td\n", "most of its lines are no pairs"),
        (b"\xff\xfe\n", "not UTF-8"),
    ],
)
def test_no_pairs_are_no_scores(judge: Callable[..., Any], stdin: str | bytes, said: str) -> None:
    done = judge(stdin=stdin)
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr


def test_a_file_that_is_missing_is_said_and_the_others_are_judged(judge: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a\ta\n")
    done = judge(str(tmp_path / "none"), str(tmp_path / "a"))
    (found,) = scored(done, code=1)
    assert found["pairs"] == 1
    assert "none: No such file" in done.stderr


def test_texts_of_any_length_and_with_anything_in_them_are_judged(judge: Callable[..., Any]) -> None:
    long = "猫が魚を食べた。" * 1_250
    (found,) = scored(judge(stdin=f"{long}\t{long}\na\0b\ta\0b\n\u2028\t\u2028x\n"))
    assert (found["pairs"], found["exact_match"]) == (3, 0.6667)


def test_the_details_have_a_record_for_each_pair(judge: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "details.jsonl"
    (found,) = scored(judge("--details", str(path), stdin=JAPANESE + "\tな い\n"))
    details = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [each["exact_match"] for each in details] == [False, True, False]
    assert sum(each["exact_match"] for each in details) / 3 == pytest.approx(found["exact_match"], abs=1e-4)
    assert details[1] == {
        "file": "<stdin>",
        "line": 2,
        "hypothesis": "みづくくるとは",
        "reference": "みづくくるとは",
        "exact_match": True,
        "chrf": 100.0,
    }
    ours, theirs = JAPANESE.splitlines()[0].split("\t")
    assert details[0]["chrf"] == round(sacrebleu.sentence_chrf(ours, [theirs]).score, 2)
    several = '{"hypothesis":"a","reference":["b","a"]}\n'
    scored(judge("--details", str(path), stdin=several))
    assert json.loads(path.read_text())["references"] == ["b", "a"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--beams", "3"], "--beams is for a model that is asked: -m MODEL"),
        (["--prefix", "x"], "--prefix is for a model that is asked"),
        (["--seed", "3"], "--seed is for a model that is asked"),
        (["--field", "x"], "--first NAME and --second NAME"),
        (["-m", "x", "--field", "y"], "--first NAME and --second NAME"),
        (["-m", "x", "--num-return", "2"], "no --num-return"),
        (["-m", "x", "--beams", "2", "--sample"], "one of the two"),
        (["--id-field", "x"], "makes no use of --id-field"),
        (["--details", "-"], "name a file"),
        (["--show", "3", "-f", "jsonl"], "--show N is for the table"),
        (["--tokenize", "mecab"], "'mecab' is not one of"),
    ],
)
def test_what_does_not_go_together_is_refused(judge: Callable[..., Any], arguments: list[str], said: str) -> None:
    done = judge(*arguments, stdin="a\ta\n")
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def table(run: Run, *arguments: str, stdin: str = JAPANESE, **environment: str) -> str:
    environment = {"COLUMNS": "80", "NO_COLOR": "", "FORCE_COLOR": "", "TERM": "xterm"} | environment
    done = run("evaluate", "generation", "-f", "table", *arguments, stdin=stdin.encode(), env=environment)
    assert done.returncode == 0, done.stderr.decode()
    return str(done.stdout.decode())


def test_without_colours_marks_say_what_is_wrong_and_what_is_missing(run: Run) -> None:
    for environment in ({}, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, {"FORCE_COLOR": "1", "TERM": "dumb"}):
        lines = table(run, **environment).split("\n")
        assert lines[0].split() == ["file", "pairs", "skipped", "empty", "exact_match", "bleu", "chrf", "model"]
        assert lines[2].startswith("BLEU|nrefs:1|case:mixed|eff:no|tok:char|")
        assert lines[3].startswith("chrF2|nrefs:1|")
        assert lines[4:] == [
            "",
            "<stdin>:1",
            "  hypothesis  わが[-い-]もではつゆにぬれ[-て-]",
            "  reference   わが{+ころ+}もではつゆにぬれ{+つつ+}",
            "",
        ]


def test_what_is_right_is_blue_and_what_is_wrong_is_red(run: Run) -> None:
    said = table(run, FORCE_COLOR="1")
    ours = re.search(r"  hypothesis  (.*)", said)
    theirs = re.search(r"  reference   (.*)", said)
    assert ours is not None
    assert theirs is not None
    blue, red, bold, end = "\x1b[94m", "\x1b[91m", "\x1b[1m", "\x1b[0m"
    assert ours[1] == f"{blue}わが{end}{red}い{end}{blue}もではつゆにぬれ{end}{red}て{end}"
    assert theirs[1] == f"わが{bold}ころ{end}もではつゆにぬれ{bold}つつ{end}"


def test_as_many_pairs_are_shown_as_are_asked_for(run: Run) -> None:
    stdin = "".join(f"a{n}\tb{n}\n" for n in range(20)) + "c\tc\n"
    for arguments, n in (([], 5), (["--show", "0"], 0), (["--show", "12"], 12), (["--show", "99"], 20)):
        assert table(run, *arguments, stdin=stdin).count("<stdin>:") == n


def test_long_texts_are_folded_under_their_own_beginning_and_nothing_steers_the_terminal(run: Run) -> None:
    said = table(run, "--show", "1", stdin=f"{'あ' * 50}\x1b[31m\t{'あ' * 50}\n", COLUMNS="40")
    assert "\x1b" not in said
    lines = said[said.index("  hypothesis") :].split("\n")
    assert lines[0] == "  hypothesis  " + "あ" * 13  # 40 cells
    assert lines[1] == " " * 14 + "あ" * 13
    assert "�" in said


def test_the_nearest_of_several_references_is_shown(run: Run) -> None:
    said = table(run, stdin='{"hypothesis":"a black cat","reference":["one dog","a white cat"]}\n')
    assert "one dog" not in said
    assert said.replace("\n", "").endswith("cat")


@given(st.text(alphabet="abcあい", max_size=12), st.text(alphabet="abcあい", max_size=12))
def test_a_difference_holds_all_of_both_texts_and_the_same_is_right(ours: str, theirs: str) -> None:
    one, other = difference(ours, theirs)
    assert "".join(text for text, _ in one) == ours
    assert "".join(text for text, _ in other) == theirs
    right = "".join(text for text, kind in one if kind == "right")
    assert right == "".join(text for text, kind in other if not kind)
    assert {kind for _, kind in one} <= {"right", "wrong"}
    assert {kind for _, kind in other} <= {"", "missing"}
    if ours == theirs:
        assert right == ours
    for runs in (one, other):
        assert all(before[1] != after[1] for before, after in itertools.pairwise(runs))


def test_headings_and_texts_are_drawn_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    blocks = [("one", {"a": [("x", "wrong")]}), ("two [red]", {"bb": [("[bold]", "")], "c": []})]
    assert tables.comparisons(blocks) == "one\n  a  [-x-]\n\ntwo [red]\n  bb  [bold]\n  c\n"


@dataclass
class Source:
    ids: list[int]
    n_tokens: int
    unknown: tuple[str, ...] = ()
    truncated: bool = False


@dataclass
class Output:
    text: str
    log_probability: float
    finish_reason: str = "stop"
    stop: str | None = None


@dataclass
class Shouter:
    """Writes a text in capital letters; of a ? its log-probability is no number."""

    name: str = "shouter"
    engine: str = "torch"
    device: str = "cpu"
    begins_empty: bool = False
    asked: list[tuple[list[str], Decoding, Any]] = field(default_factory=list)

    def tokenize(self, texts: Sequence[str]) -> list[Source]:
        return [Source(list(map(ord, text)), len(text), tuple(set(text) & {"薔"}), len(text) > 20) for text in texts]

    def generate(self, sources: Sequence[Source], decoding: Decoding, *, seeds: Any = None) -> list[list[Output]]:
        texts = ["".join(map(chr, source.ids)) for source in sources]
        self.asked.append((texts, decoding, seeds))
        return [[Output(text.upper(), np.nan if "?" in text else -1.0), Output("second", -2.0)] for text in texts]


@pytest.fixture
def shouter(monkeypatch: pytest.MonkeyPatch) -> Shouter:
    """The model that every -m means."""
    model = Shouter()
    monkeypatch.setattr(open_model, "open_model", lambda spec, pipe: model)
    monkeypatch.setattr(generator_loading, "settings_of", lambda spec, **_: ModelSettings())
    return model


def test_a_model_is_asked_for_the_hypotheses(judge: Callable[..., Any], shouter: Shouter, tmp_path: Path) -> None:
    path = tmp_path / "details.jsonl"
    stdin = "abc def ghi jkl\tABC DEF GHI JKL\nb\tx\n"
    (found,) = scored(judge("-m", "any", "--beams", "2", "--prefix", "p: ", "--details", str(path), stdin=stdin))
    assert (found["pairs"], found["exact_match"]) == (2, 0.5)
    assert {name: found[name] for name in ("model", "beams", "prefix")} == {
        "model": "shouter",
        "beams": 2,
        "prefix": "p: ",
    }
    assert "seed" not in found
    details = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(each["source"], each["hypothesis"]) for each in details] == [
        ("abc def ghi jkl", "ABC DEF GHI JKL"),
        ("b", "B"),
    ]
    ((texts, decoding, _),) = shouter.asked
    assert texts == ["abc def ghi jkl", "b"]
    assert decoding.beams == 2


def test_an_empty_source_has_an_empty_hypothesis_and_what_has_no_reference_is_not_asked(
    judge: Callable[..., Any], shouter: Shouter
) -> None:
    (found,) = scored(judge("-m", "any", stdin="\tA\n \tA\na\tA\nb\t\n"))
    assert (found["pairs"], found["empty"], found["skipped"], found["exact_match"]) == (3, 2, 1, 0.3333)
    assert [texts for texts, _, _ in shouter.asked] == [["a"]]


def test_what_happens_to_sources_is_said(judge: Callable[..., Any], shouter: Shouter) -> None:
    done = judge("-m", "any", stdin=f"{'a' * 21}\tb\n薔\t薔\n薔x\tc\nwhat?\tWHAT?\n")
    (found,) = scored(done, code=3)
    assert found["pairs"] == 3
    assert "texts longer than the model takes, of which it read a part: 1" in done.stderr
    assert "characters or words that the model has never seen: 2" in done.stderr
    assert "<stdin>:4: the model's log-probabilities hold NaN or infinity" in done.stderr


def test_samples_have_the_seeds_that_generate_gives_them(
    judge: Callable[..., Any], shouter: Shouter, tmp_path: Path
) -> None:
    (tmp_path / "a").write_text("a\tA\nno pair\nb\tB\nc\tC\n")
    (tmp_path / "b").write_text("d\tD\n")
    files = [str(tmp_path / name) for name in "ab"]
    found = scored(judge("-m", "any", "--sample", "--seed", "7", *files), code=3)
    assert [(each["sample"], each["seed"]) for each in found] == [(True, 7)] * 2
    assert [seeds for _, _, seeds in shouter.asked] == [[[7, 0], [7, 2], [7, 3]], [[7, 4]]]


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        ([], '{"text":"a","target":"A"}'),
        ([], '{"source":"a","references":["A"]}'),
        (["--first", "/en", "--second", "ja"], '{"text":"b","en":"a","ja":"A"}'),
        (["-I", "tsv", "--header", "--first", "kami", "--second", "shimo"], "number\tkami\tshimo\n1\ta\tA"),
        (["-I", "tsv", "--first", "2", "--second", "3"], "1\ta\tA\tx"),
    ],
)
def test_sources_are_found_where_they_are(
    judge: Callable[..., Any], shouter: Shouter, arguments: list[str], lines: str
) -> None:
    (found,) = scored(judge("-m", "any", *arguments, stdin=lines))
    assert (found["pairs"], found["exact_match"]) == (1, 1.0)


def test_source_hypothesis_and_reference_stand_together(shouter: Shouter, judge: Callable[..., Any]) -> None:
    said = judge("-m", "any", "-f", "table", stdin="abc\tABx\n").stdout
    assert said.endswith("<stdin>:1\n  source      abc\n  hypothesis  AB[-C-]\n  reference   AB{+x+}\n")


LETTERS = "abcdefgh"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A network of ``train seq2seq`` that has learned nothing."""
    import torch

    from nlptool.models.seq2seq import config
    from nlptool.models.seq2seq import folder as seq2seq_folder
    from nlptool.models.seq2seq import network as seq2seq_network
    from nlptool.training.seq2seq import vocabulary as seq2seq_vocabulary

    torch.manual_seed(2)
    symbols = seq2seq_vocabulary.learn(list(LETTERS), unit="characters", size=100)
    shape = config.Seq2SeqConfig(
        architecture="transformer", source_vocab_size=len(symbols), target_vocab_size=len(symbols), layers=1,
        hidden_size=16, heads=2,
        intermediate_size=32, max_length=24,
    )  # fmt: skip
    weights = {name: value.numpy() for name, value in seq2seq_network.new(shape).state_dict().items()}
    folder = tmp_path_factory.mktemp("models") / "random"
    folder.mkdir()
    seq2seq_folder.write(folder, weights, shape, symbols, symbols)
    return str(folder)


@pytest.mark.parametrize("how", [[], ["--beams", "3", "--length-penalty", "0.5"], ["--sample", "--seed", "5"]])
def test_asking_a_model_is_generating_and_judging(
    judge: Callable[..., Any], invoke: Invoke, network: str, how: list[str], tmp_path: Path
) -> None:
    sources = ["a", "bcd", "", "hgfedcba", "cab" * 5, "gg"]
    lines = "".join(json.dumps({"text": text, "target": text[::-1] or "b"}) + "\n" for text in sources)
    more = [*how, "--max-new-tokens", "9", "--device", "cpu"]
    made = invoke("generate", "-m", network, *more, stdin=lines.encode())
    assert made.exit_code == 0, made.stderr
    path = tmp_path / "details.jsonl"
    (two_steps,) = scored(judge(stdin=made.stdout))
    (one_step,) = scored(judge("-m", network, *more, "--details", str(path), stdin=lines))
    generated = [json.loads(line)["generated"] for line in made.stdout.splitlines()]
    expected = [texts[0]["text"] if texts else "" for texts in generated]
    assert [json.loads(line)["hypothesis"] for line in path.read_text().splitlines()] == expected
    assert len(set(expected)) > 2
    assert {name: one_step[name] for name in two_steps} == two_steps
    assert one_step["empty"] >= 1


def test_details_that_cannot_be_written_cost_no_scores(judge: Callable[..., Any], tmp_path: Path) -> None:
    done = judge("--details", str(tmp_path / "no" / "x"), stdin="a\ta\n")
    (found,) = scored(done, code=1)
    assert found["pairs"] == 1
    assert "cannot write" in done.stderr
