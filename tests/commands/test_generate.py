"""``generate`` as a user meets it: a text for each line, in order, and what is wrong said in a sentence."""

from __future__ import annotations

import json
import math
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interruptions import interrupted, resumed_after_every_list
from program import Invoke, Run, Start, records

from nlptool import specs
from nlptool.models.generation import loading as generator_loading
from nlptool.models.generation.decoding import Decoding
from nlptool.models.generation.model_settings import ModelSettings
from nlptool.records.record import Record
from nlptool.records.windows import windows
from nlptool.tasks import generate, open_model, stream


@dataclass
class Source:
    ids: list[int]
    n_tokens: int
    unknown: tuple[str, ...] = ()
    truncated: bool = False


@dataclass
class Output:
    text: str
    ids: list[int]
    log_probability: float
    finish_reason: str = "stop"
    stop: str | None = None


@dataclass
class Attention:
    source: list[str]
    target: list[str]
    weights: Any


@dataclass
class Mirror:
    """Writes a text from its end to its beginning, a character a token; the second-best text has ' behind it, the third two."""

    heads: tuple[int, int] = (2, 1)
    name: str = "mirror"
    engine: str = "torch"
    device: str = "cpu"
    kind: str = "encoder-decoder"
    begins_empty: bool = False
    asked: list[tuple[int, Decoding, Any]] = field(default_factory=list)  # how many texts, how, with which seeds

    def tokenize(self, texts: Sequence[str]) -> list[Source]:
        return [
            Source(
                [ord(c) for c in text if c != "∅"], len(text) + 1, tuple(c for c in text if c in "薔薇"), len(text) > 10
            )
            for text in texts
        ]

    def _output(self, source: Source, rank: int, noise: float = 0) -> Output:
        text = "".join(map(chr, reversed(source.ids))).replace("|", "\n")
        score = math.nan if "?" in text else -len(text) - rank - noise
        return Output(text + "'" * rank, source.ids, score, "length" if "…" in text else "stop")

    def generate(self, sources: Any, decoding: Decoding, *, seeds: Any = None) -> list[list[Output]]:
        self.asked.append((len(sources), decoding, seeds))
        noise = [np.random.default_rng(seed).random(decoding.n_return) for seed in seeds or [0] * len(sources)]
        return [
            [self._output(source, rank, each[rank] if decoding.sample else 0) for rank in range(decoding.n_return)][
                :: -1 if decoding.sample else 1  # samples come as they were drawn
            ]
            for source, each in zip(sources, noise, strict=True)
        ]

    def stream(self, source: Source, decoding: Decoding, *, seed: Any = None) -> Iterator[str | Output]:
        output = self.generate([source], decoding, seeds=[seed] if seed else None)[0][0]
        yield from output.text
        yield output

    def attention(self, source: Source, output: Output) -> Attention:
        n = len(source.ids)
        weights = np.stack([np.eye(n)[::-1], np.full((n, n), 1 / n)])[:, None]  # (2, 1, T, S)
        read = [chr(id) for id in source.ids]
        return Attention(read, read[::-1], weights[: self.heads[0]])


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Mirror:
    """The model that every -m means."""
    model = Mirror()
    monkeypatch.setattr(open_model, "open_model", lambda spec, pipe: model)
    monkeypatch.setattr(generator_loading, "settings_of", lambda spec, **_: ModelSettings())
    return model


@pytest.fixture
def ask(mirror: Mirror, invoke: Invoke) -> Callable[..., Any]:
    """``ask(*arguments, stdin=str)``: what the program says."""
    return lambda *arguments, stdin="", **more: invoke(
        "generate", "-m", "mirror", *arguments, stdin=stdin if isinstance(stdin, bytes) else stdin.encode(), **more
    )


def texts(record: dict[str, Any]) -> list[str]:
    return [each["text"] for each in record["generated"]]


def test_a_record_holds_its_text_its_outputs_and_what_was_done(ask: Callable[..., Any]) -> None:
    result = ask(stdin="ねこ\n")
    assert result.stdout == (
        '{"text":"ねこ","generated":[{"text":"こね","log_probability":-2.0,"finish_reason":"stop"}],'
        '"nlptool":{"generate":{"model":"mirror","n_tokens":3,"truncated":false}}}\n'
    )
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize("blank", ["", " ", "\u3000\t"])
def test_an_empty_source_gives_an_empty_list_and_the_reason(ask: Callable[..., Any], blank: str) -> None:
    first, nothing, last = records(ask(stdin=f"ab\n{blank}\ncd\n"))
    assert (texts(first), texts(nothing), texts(last)) == (["ba"], [], ["dc"])
    assert nothing == {
        "text": blank,
        "generated": [],
        "nlptool": {"generate": {"model": "mirror", "reason": "empty text"}},
    }


def test_a_text_of_which_no_token_is_left_is_not_asked(ask: Callable[..., Any], mirror: Mirror) -> None:
    (nothing,) = records(ask(stdin="∅\n"))
    assert (nothing["generated"], nothing["nlptool"]["generate"]["reason"]) == ([], "no token")
    assert mirror.asked == []


def test_no_input_gives_no_output(ask: Callable[..., Any], mirror: Mirror) -> None:
    result = ask(stdin="")
    assert (result.exit_code, result.stdout, result.stderr, mirror.asked) == (0, "", "", [])


def test_unknown_characters_and_truncation_are_said_in_the_record_and_counted(ask: Callable[..., Any]) -> None:
    result = ask(stdin="薔薇と薔\n花\n12345678901\n")
    rose, flower, long = (record["nlptool"]["generate"] for record in records(result))
    assert (rose["n_unknown"], rose["unknown"]) == (3, ["薔", "薇"])
    assert "unknown" not in flower
    assert [each["truncated"] for each in (rose, flower, long)] == [False, False, True]
    assert result.stderr == (
        "nlptool generate: texts longer than the model takes, of which it read a part: 1\n"
        "nlptool generate: characters or words that the model has never seen: 3\n"
    )
    assert ask("-q", stdin="薔薇\n").stderr == ""


def test_a_log_probability_that_is_no_number_is_an_error_of_its_record_alone(ask: Callable[..., Any]) -> None:
    result = ask(stdin="a\nb?\nc\n")
    first, failed, last = records(result, 3)
    assert (texts(first), texts(last)) == (["a"], ["c"])
    assert "generated" not in failed
    assert failed["nlptool"]["error"] | {"message": ""} == {
        "type": "NotFinite", "message": "", "line": 2, "command": "generate",
    }  # fmt: skip
    assert "1 of 3 records failed; the first: <stdin>:2: the model's log-probabilities hold NaN" in result.stderr


def test_a_record_that_arrives_with_an_error_passes_through(ask: Callable[..., Any]) -> None:
    failed = '{"text":"x","nlptool":{"error":{"type":"Bad","message":"no","line":7,"command":"embed"}}}'
    result = ask(stdin=f'{failed}\n{{"text":"ab"}}\n')
    assert result.stdout.split("\n")[0] == failed
    assert texts(records(result)[1]) == ["ba"]
    assert "1 records arrived with an error of an earlier command" in result.stderr


def test_a_field_an_id_and_earlier_entries_are_kept(ask: Callable[..., Any]) -> None:
    line = '{"id": 1.10, "say":{"it":"ab"},"nlptool":{"embed":{"model":"m"}}}\n'
    (record,) = records(ask("--field", "/say/it", stdin=line))
    assert (texts(record), set(record["nlptool"])) == (["ba"], {"embed", "generate"})
    dropped = ask("--field", "/say/it", "--drop-input", "--id-field", "id", stdin=line).stdout
    assert dropped.startswith('{"id": 1.10,"generated":[{')


def test_a_missing_field_is_an_error_record(ask: Callable[..., Any]) -> None:
    missing, there = records(ask("--field", "ja", stdin='{"en":"a"}\n{"ja":"b"}\n'), 3)
    assert missing["nlptool"]["error"]["type"] == "MissingField"
    assert texts(there) == ["b"]


def test_columns_and_nul(ask: Callable[..., Any]) -> None:
    rows = ask("-I", "tsv", "--header", "--field", "en", stdin="en\tja\nab\tx\ncd\ty\n")
    assert [(record["ja"], texts(record)) for record in records(rows)] == [("x", ["ba"]), ("y", ["dc"])]
    assert [texts(record) for record in records(ask("-0", stdin="a\nb\0cd\0"))] == [["b\na"], ["dc"]]


def test_not_utf_8_and_too_long_lines_come_out_in_their_places(ask: Callable[..., Any]) -> None:
    result = records(ask("--max-line", "5", stdin=b"ab\n\xff\xfe\n1234567\ncd\n"), 3)
    kinds = [record["nlptool"].get("error", {}).get("type") for record in result]
    assert kinds == [None, "Undecodable", "LineTooLong", None]


def test_on_error_skip_and_fail(ask: Callable[..., Any]) -> None:
    assert [texts(record) for record in records(ask("--on-error", "skip", stdin="a\n?\nb\n"), 3)] == [["a"], ["b"]]
    stopped = ask("--on-error", "fail", stdin="?\nb\n")
    assert (stopped.exit_code, stopped.stdout) == (1, "")
    assert "<stdin>:1: the model's log-probabilities hold NaN" in stopped.stderr


def test_files_are_read_in_order_and_a_missing_one_is_said(ask: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "a").write_text("ab\n")
    (tmp_path / "b").write_text("cd")
    result = ask(str(tmp_path / "a"), str(tmp_path / "none"), str(tmp_path / "b"))
    assert [texts(record) for record in records(result, 1)] == [["ba"], ["dc"]]
    assert "No such file" in result.stderr


LINE = st.text(st.characters(exclude_characters="\n\r?∅|…\ufeff", exclude_categories=["Cs"]), max_size=12)


@settings(deadline=None, max_examples=60)
@given(lines=st.lists(LINE, max_size=40), cuts=st.lists(st.integers(0, 5), max_size=40), largest=st.integers(1, 9))
def test_whatever_the_windows_each_record_gets_its_own_text(lines: list[str], cuts: list[int], largest: int) -> None:
    came = [Record(text, "-", number) for number, text in enumerate(lines, 1)]
    left = list(came)
    arriving = [[left.pop(0) for _ in range(min(n, len(left)))] for n in cuts] + [left]
    out = generate.generate(windows(arriving, largest=largest), Mirror(), Decoding(), entry={})  # type: ignore[arg-type]
    gone = [record for records in out for record in records]
    assert [id(record) for record in gone] == [id(record) for record in came]
    for record, text in zip(gone, lines, strict=True):
        found = [each["text"] for each in json.loads(record.results["generated"])]
        assert found == ([text[::-1]] if text.strip() else [])


def test_what_is_asked_reaches_the_decoder_and_the_entry(ask: Callable[..., Any], mirror: Mirror) -> None:
    (record,) = records(
        ask(
            "--beams", "4", "--num-return", "3", "--max-new-tokens", "9", "--min-new-tokens", "2", "--length-penalty", "0.5",
            "--no-repeat-ngram", "3", stdin="ab\n",
        )
    )  # fmt: skip
    wanted = {
        "beams": 4, "n_return": 3, "max_new_tokens": 9, "min_new_tokens": 2, "length_penalty": 0.5, "no_repeat_ngram": 3,
    }  # fmt: skip
    ((n, decoding, seeds),) = mirror.asked
    assert (n, decoding, seeds) == (1, Decoding(**wanted), None)
    assert texts(record) == ["ba", "ba'", "ba''"]
    assert record["nlptool"]["generate"] == {"model": "mirror", **wanted, "n_tokens": 3, "truncated": False}


def test_stop_texts_reach_the_decoder_and_what_ended_a_text_is_said(
    ask: Callable[..., Any], mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Mirror, "_output", lambda *_: Output("b", [1, 2], -1.0, "stop", "\n"))
    (record,) = records(ask("--stop", "\n", "--stop", "。", stdin="ab\n"))
    assert mirror.asked[0][1] == Decoding(stop=("\n", "。"))
    assert record["generated"] == [{"text": "b", "log_probability": -1.0, "finish_reason": "stop", "stop": "\n"}]
    assert record["nlptool"]["generate"]["stop"] == ["\n", "。"]
    rows = ask("--stop", "\n", "-f", "csv", stdin="ab\n").stdout
    assert rows == 'text,generated,log_probability,finish_reason,stop,error\nab,b,-1.0,stop,"\n",\n'


def test_a_run_with_another_stop_text_is_not_resumed(ask: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = lambda *resume: ask("--stop", "a", *resume, "-o", str(out), stdin="ab\ncd\nef\n")  # noqa: E731
    assert resumed_after_every_list(run, out) > 0
    interrupted(run, out)
    refused = ask("--stop", "b", "--resume", "-o", str(out), stdin="ab\ncd\nef\n")
    assert refused.exit_code == 2
    assert "stop" in refused.stderr


def test_several_texts_mean_as_many_beams(ask: Callable[..., Any], mirror: Mirror) -> None:
    (record,) = records(ask("--num-return", "3", stdin="ab\n"))
    assert mirror.asked[0][1] == Decoding(beams=3, n_return=3)
    assert [each["log_probability"] for each in record["generated"]] == [-2, -3, -4]


@pytest.mark.parametrize(
    ("option", "wanted"),
    [
        (["--sample"], {}),
        (["--temperature", "0.5"], {"temperature": 0.5}),
        (["--top-k", "7"], {"top_k": 7}),
        (["--top-p", "0.9"], {"top_p": 0.9}),
        (["--temperature", "1.0"], {}),
        (["--beams", "1", "--sample", "--num-return", "4"], {"n_return": 4}),
    ],
)
def test_each_option_of_sampling_samples(
    ask: Callable[..., Any], mirror: Mirror, option: list[str], wanted: dict[str, Any]
) -> None:
    (record,) = records(ask(*option, stdin="ab\n"))
    assert mirror.asked[0][1:] == (Decoding(sample=True, **wanted), [[1, 0]])
    assert record["nlptool"]["generate"] == {
        "model": "mirror", **wanted, "sample": True, "seed": [1, 0], "n_tokens": 3, "truncated": False,
    }  # fmt: skip


def test_temperature_0_is_greedy_search(ask: Callable[..., Any], mirror: Mirror) -> None:
    (record,) = records(ask("--temperature", "0", stdin="ab\n"))
    assert mirror.asked[0][1] == Decoding()
    assert "seed" not in record["nlptool"]["generate"]


def test_a_table_has_a_row_for_each_text(ask: Callable[..., Any]) -> None:
    shown = ask("-f", "table", "--num-return", "2", stdin="ab\n\n").stdout.splitlines()
    assert shown[0].split() == ["generated", "log_probability", "finish_reason", "text"]
    assert [line.split() for line in shown[1:3]] == [["ba", "-2.0000", "stop", "ab"], ["ba'", "-3.0000", "stop", "ab"]]
    assert len(shown) == 4  # an empty text has a row of its own


def test_samples_are_ordered_by_their_log_probability(ask: Callable[..., Any]) -> None:
    (record,) = records(ask("--sample", "--num-return", "3", stdin="ab\n"))
    scores = [each["log_probability"] for each in record["generated"]]
    assert scores == sorted(scores, reverse=True)
    assert texts(record) == ["ba", "ba'", "ba''"]


def test_a_seed_belongs_to_the_record_not_to_the_batch(ask: Callable[..., Any], tmp_path: Path) -> None:
    """Numbered through all files, blank lines of JSONL being no records, and from where an interrupted run ended."""
    (tmp_path / "a").write_text('{"text":"a"}\n\n{"text":"b"}\n')
    (tmp_path / "b").write_text("c\n\nd\n")
    files = [str(tmp_path / "a"), str(tmp_path / "b")]
    out = tmp_path / "out"
    asked = ["--sample", "--seed", "5", "-o", str(out), *files]
    assert ask(*asked).exit_code == 0
    seeds = [json.loads(line)["nlptool"]["generate"].get("seed") for line in out.read_bytes().splitlines()]
    assert seeds == [[5, 0], [5, 1], [5, 2], None, [5, 4]]  # an empty text is not asked
    assert resumed_after_every_list(lambda *resume: ask(*asked, *resume), out) == 2


USAGE = [
    (["--num-return", "3", "--beams", "2"], "--num-return 3 of --beams 2: a search ends with as many texts"),
    (["--beams", "4", "--sample"], "--beams searches and --sample samples at random"),
    (["--beams", "4", "--top-p", "0.9"], "--beams searches and --top-p samples at random"),
    (["--seed", "2"], "--seed is for what is drawn at random: --sample"),
    (["--length-penalty", "2"], "--length-penalty ranks the texts of a beam search: --beams 4"),
    (["--min-new-tokens", "5", "--max-new-tokens", "4"], "--min-new-tokens 5 is more than --max-new-tokens 4"),
    (["--stream", "--beams", "2"], "--stream shows tokens as they are chosen; a beam search"),
    (["--stream", "--sample", "--num-return", "2"], "--stream shows one text, --num-return asks for several"),
    (["--stream", "--num-return", "2"], "--stream shows"),
    (["--stream", "-f", "jsonl"], "--stream writes bare text"),
    (["--stream", "--attention"], "--attention goes into the record: -f jsonl"),
    (["--attention", "-f", "text"], "--attention goes into the record: -f jsonl"),
    (["--stop", ""], "--stop takes a text; an empty one would end every text before it begins"),
    (
        ["--stop", "a", "--beams", "2"],
        "--stop ends a text while it is written; a beam search knows its texts at the end",
    ),
    (["--stop", "a", "--num-return", "2"], "--stop ends a text while it is written; a beam search"),
    (["--temperature", "-0.5"], "-0.5 is not in the range 0<=x<=100"),
    (
        ["--temperature", "0", "--top-k", "3"],
        "--temperature 0 takes the most probable token each time: leave out --top-k",
    ),
    (["--temperature", "0", "--sample"], "leave out --sample"),
    (["--temperature", "0", "--beams", "2"], "leave out --beams"),
    (["--temperature", "0", "--num-return", "2"], "leave out --num-return"),
    (["--temperature", "nan"], "nan is no number"),
    (["--top-p", "1.5"], "1.5 is not in the range"),
    (["--top-k", "0"], "0 is not in the range"),
    (["--beams", "0"], "0 is not in the range"),
    (["--num-return", "0"], "0 is not in the range"),
    (["--stream", "-f", "table"], "--stream writes bare text"),
    (["--attention", "-f", "table"], "--attention goes into the record: -f jsonl"),
    (["--resume"], "--resume needs -o FILE"),
]


@pytest.mark.parametrize(
    ("arguments", "said"), USAGE, ids=lambda each: " ".join(each) if isinstance(each, list) else ""
)
def test_what_does_not_go_together_is_refused_before_anything_is_loaded(
    ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.setattr(open_model, "open_model", None)
    result = ask(*arguments, stdin="a\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_the_environment_sets_what_the_command_line_does_not(
    ask: Callable[..., Any], mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLPTOOL_GENERATE_NUM_RETURN", "2")
    monkeypatch.setenv("NLPTOOL_GENERATE_NO_REPEAT_NGRAM", "3")
    monkeypatch.setenv("NLPTOOL_GENERATE_FORMAT", "text")
    assert ask("--no-repeat-ngram", "4", stdin="ab\n").stdout == "ba\n"
    assert mirror.asked[0][1] == Decoding(beams=2, n_return=2, no_repeat_ngram=4)


def test_a_format_of_the_environment_gives_way_to_stream(
    ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLPTOOL_GENERATE_FORMAT", "jsonl")
    assert ask("--stream", stdin="ab\n").stdout == "ba\n"


@pytest.mark.parametrize("text", ["昔々あるところに", "昔", "1, 2, ", "", "\n春"])
def test_without_a_model_a_japanese_text_is_continued_by_the_default(text: str, invoke: Invoke) -> None:
    result = invoke("generate", "--seed", "3", "--max-new-tokens", "6", stdin=f"{text}\n")
    assert result.exit_code == 0, result.stderr
    for record in map(json.loads, result.stdout.splitlines()):
        assert record["nlptool"]["generate"]["model"] == "aozora-gpt"
        assert record["nlptool"]["generate"]["sample"] is True
        assert record["generated"][0]["text"]


@pytest.mark.parametrize("text", ["a", "Привет\n昔々"])
def test_without_a_model_those_that_are_there_are_named(text: str, invoke: Invoke) -> None:
    from nlptool.catalog import KNOWN

    result = invoke("generate", stdin=f"{text}\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "which model? There is no default for this text" in result.stderr
    assert "nlptool models list --task generate" in result.stderr
    for known in KNOWN.values():
        listed = re.search(rf"^  -m {re.escape(known.name)} +{re.escape(known.note)}$", result.stderr, re.MULTILINE)
        assert bool(listed) == (known.task == "generate" and known.package == "nlptool")


@pytest.mark.parametrize("how", [["-f", "text"], ["--stream"]], ids=" ".join)
def test_text_is_a_line_for_each_record_whatever_happens(ask: Callable[..., Any], how: list[str]) -> None:
    result = ask(*how, stdin='{"text":"ab"}\n{"text":""}\n[]\n{"text":"d?"}\n{"text":"e|\\r|f"}\n{"text":"…g"}\n')
    assert result.stdout.split("\n")[:3] == ["ba", "", ""]
    assert result.stdout.split("\n")[4:] == ["f   e", "g…", ""]
    assert result.exit_code == 3
    assert "<stdin>:3: a JSONL record is an object" in result.stderr
    assert "line breaks that were written as blanks: 3" in result.stderr
    assert "texts that were cut off before their end (--max-new-tokens): 1" in result.stderr


def test_text_of_a_record_that_failed_is_an_empty_line(ask: Callable[..., Any]) -> None:
    assert ask("-f", "text", stdin="a\nb?\nc\n").stdout == "a\n\nc\n"
    assert ask("-f", "text", "--on-error", "skip", stdin="a\nb?\nc\n").stdout == "a\nc\n"


def test_what_was_streamed_before_it_failed_stays_in_a_line_of_its_own(ask: Callable[..., Any]) -> None:
    for how in ([], ["--on-error", "skip"]):
        result = ask("--stream", *how, stdin="a\nb?\nc\n")
        assert (result.stdout, result.exit_code) == ("a\n?b\nc\n", 3)


def test_the_best_of_several_is_the_line(ask: Callable[..., Any]) -> None:
    assert ask("-f", "text", "--num-return", "3", stdin="ab\ncd\n").stdout == "ba\ndc\n"


def test_a_stream_into_a_file_can_be_resumed(ask: Callable[..., Any], mirror: Mirror, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = lambda *resume: ask("--stream", "--sample", *resume, "-o", str(out), stdin="ab\ncd\nef\n")  # noqa: E731
    assert resumed_after_every_list(run, out) == 3
    assert out.read_text() == "ba\ndc\nfe\n"
    interrupted(run, out)
    mirror.asked.clear()
    result = run("--resume")
    assert (result.exit_code, result.stdout) == (0, "")
    assert [seeds for _, _, seeds in mirror.asked] == [[[1, 1]], [[1, 2]]]


class Interrupted(Mirror):
    def stream(self, source: Source, decoding: Decoding, *, seed: Any = None) -> Iterator[str | Output]:
        yield "a"
        raise KeyboardInterrupt


@pytest.mark.parametrize(("ended", "written"), [(b"\n", [b"a", b"\n"]), (b"", [b"a", b""])])
def test_an_interrupted_line_is_ended_and_nothing_more_is_written(ended: bytes, written: list[bytes]) -> None:
    pieces: list[bytes] = []
    lists = [[Record("x", "-", 1)], [Record("y", "-", 2)]]
    with pytest.raises(KeyboardInterrupt):
        list(stream.stream(lists, Interrupted(), Decoding(), pieces.append, entry={}, interrupted=ended))  # type: ignore[arg-type]
    assert pieces == written


def test_attention_is_in_the_record_with_all_its_heads(ask: Callable[..., Any]) -> None:
    (record,) = records(ask("--attention", stdin="ab\n"))
    assert record["attention"] == {
        "source": ["a", "b"],
        "target": ["b", "a"],
        "mean": [[0.25, 0.75], [0.75, 0.25]],
        "heads": [[[[0, 1], [1, 0]]], [[[0.5, 0.5], [0.5, 0.5]]]],
    }


def test_of_one_head_the_mean_says_it_all(ask: Callable[..., Any], mirror: Mirror) -> None:
    mirror.heads = (1, 1)
    nothing, record = records(ask("--attention", stdin="\nab\n"))
    assert record["attention"] == {"source": ["a", "b"], "target": ["b", "a"], "mean": [[0, 1], [1, 0]]}
    assert "attention" not in nothing


def test_attention_that_is_no_number_is_an_error(
    ask: Callable[..., Any], mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Attention(["a"], ["a"], np.full((1, 1, 1, 1), np.nan))
    monkeypatch.setattr(Mirror, "attention", lambda *_: broken)
    (record,) = records(ask("--attention", stdin="a\n"), 3)
    assert record["nlptool"]["error"]["message"] == "the model's attention holds NaN or infinity"


@pytest.mark.parametrize("how", [[], ["--stream"], ["-f", "text"]], ids=" ".join)
def test_the_picture_is_that_of_the_first_text(ask: Callable[..., Any], tmp_path: Path, how: list[str]) -> None:
    first, both = tmp_path / "first.png", tmp_path / "both.png"
    alone = ask(*how, "--plot", str(first), stdin="abc\n")
    assert (alone.exit_code, alone.stderr) == (0, "")
    result = ask(*how, "--plot", str(both), stdin="\nabc\ndefgh\n")
    assert result.stderr == f"nlptool generate: {both} shows the first text alone\n"
    assert first.read_bytes().startswith(b"\x89PNG")
    assert first.read_bytes() == both.read_bytes()


def test_nothing_to_draw_is_said(ask: Callable[..., Any], tmp_path: Path) -> None:
    result = ask("--plot", str(tmp_path / "a.svg"), stdin="\n")
    assert result.exit_code == 0
    assert "there is nothing to draw" in result.stderr
    assert not (tmp_path / "a.svg").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.gif", "a picture is a .png, .svg, .pdf file"),
        ("none/a.png", "there is no such folder"),
        (".png", "a picture is"),
    ],
)
def test_a_picture_that_cannot_be_written_is_refused_first(
    ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, said: str
) -> None:
    monkeypatch.setattr(open_model, "open_model", None)
    result = ask("--plot", str(tmp_path / name), stdin="a\n")
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr


@pytest.mark.parametrize(
    ("options", "needs"),
    [
        ([], "greedy"),
        (["--beams", "3"], "search"),
        (["--top-k", "3"], "sampling"),
        (["--attention"], "attention"),
        (["--sample", "--plot", "a.png"], "attention"),
    ],
    ids=" ".join,
)
def test_the_model_is_opened_for_what_it_is_to_do(
    ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: list[str], needs: str
) -> None:
    opened: list[specs.GeneratorSpec] = []

    def open_(spec: specs.GeneratorSpec, _: Any) -> Mirror:
        opened.append(spec)
        return Mirror(device="cuda")

    monkeypatch.setattr(open_model, "open_model", open_)
    monkeypatch.chdir(tmp_path)
    languages = [
        "--prefix",
        "say: ",
        "--source-lang",
        "ja",
        "--target-lang",
        "en",
        "--engine",
        "torch",
        "--max-length",
        "9",
    ]
    (record,) = records(ask(*options, *languages, stdin="a\n"))
    assert opened == [
        specs.GeneratorSpec(
            model="mirror",
            prefix="say: ",
            source_lang="ja",
            target_lang="en",
            engine="torch",
            max_length=9,
            needs=needs,
        )
    ]
    said = record["nlptool"]["generate"]
    assert said | {
        "model": "mirror", "prefix": "say: ", "source_lang": "ja", "target_lang": "en", "device": "cuda",
    } == said  # fmt: skip


LETTERS = "abcdefghijklmnopqrstuvwxyz .ねこがいる犬魚"


def saved_tokenizer(folder: Path) -> Any:
    """A letter a token; </s> behind a T5's text, nothing around a GPT's."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {piece: id for id, piece in enumerate(["<pad>", "</s>", "<unk>", *LETTERS])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    made.decoder = decoders.Fuse()
    if folder.name in ("t5", "led"):
        made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    )
    tokenizer.save_pretrained(str(folder))
    return tokenizer


def saved_network(folder: Path) -> Any:
    """Small and random, so that its texts vary."""
    import torch
    import transformers

    torch.manual_seed(3)
    size = len(LETTERS) + 3
    if folder.name == "t5":
        own = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "initializer_factor": 3.0}
        network: Any = transformers.T5ForConditionalGeneration(
            transformers.T5Config(vocab_size=size, decoder_start_token_id=0, tie_word_embeddings=False, **own)
        )
    elif folder.name == "led":  # which CTranslate2 does not know
        measures = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "attention_window": 8, "init_std": 0.5}
        ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1, "decoder_start_token_id": 1}
        network = transformers.LEDForConditionalGeneration(
            transformers.LEDConfig(
                vocab_size=size, encoder_ffn_dim=32, decoder_ffn_dim=32, encoder_attention_heads=2,
                decoder_attention_heads=2, max_encoder_position_embeddings=64, max_decoder_position_embeddings=64,
                forced_eos_token_id=None, **measures, **ids,
            )
        )  # fmt: skip
    else:
        small = {"n_embd": 32, "n_layer": 2, "n_head": 2, "initializer_range": 0.5}
        network = transformers.GPT2LMHeadModel(
            transformers.GPT2Config(
                vocab_size=size, n_positions=4096, bos_token_id=1, eos_token_id=1, pad_token_id=0, **small
            )
        )
    transformers.utils.logging.disable_progress_bar()
    network.eval().save_pretrained(str(folder))
    return network


def saved_own(folder: Path, architecture: str) -> None:
    """A network of ``train seq2seq`` that has learned nothing."""
    import torch

    from nlptool.models.seq2seq import config
    from nlptool.models.seq2seq import folder as seq2seq_folder
    from nlptool.models.seq2seq import network as seq2seq_network
    from nlptool.training.seq2seq import vocabulary as seq2seq_vocabulary

    torch.manual_seed(2)
    symbols = seq2seq_vocabulary.learn(list(LETTERS), unit="characters", size=100)
    shape = config.Seq2SeqConfig(
        architecture=architecture, source_vocab_size=len(symbols), target_vocab_size=len(symbols), layers=1,
        hidden_size=16, heads=2,
        intermediate_size=32, max_length=24,
    )  # fmt: skip
    network = seq2seq_network.new(shape)
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    folder.mkdir()
    seq2seq_folder.write(folder, weights, shape, symbols, symbols)


@dataclass(frozen=True)
class Real:
    """A folder, and the program asked about it; ``records`` are those of texts."""

    folder: Path
    invoke: Invoke
    network: Any = None
    tokenizer: Any = None

    def __call__(self, *arguments: str, stdin: str | bytes = "") -> Any:
        stdin = stdin if isinstance(stdin, bytes) else stdin.encode()
        return self.invoke("generate", "-m", str(self.folder), "--device", "cpu", *arguments, stdin=stdin)

    def texts(self, *arguments: str, stdin: str) -> list[list[str]]:
        return [texts(record) for record in records(self(*arguments, stdin=stdin))]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, invoke: Invoke) -> Callable[[str], Real]:
    made: dict[str, Real] = {}

    def of(name: str) -> Real:
        if name not in made:
            folder = tmp_path_factory.mktemp("models") / name
            if name in ("t5", "gpt2", "led"):
                made[name] = Real(folder, invoke, saved_network(folder), saved_tokenizer(folder))
            else:
                saved_own(folder, name)
                made[name] = Real(folder, invoke)
            made[name]("--max-new-tokens", "1", stdin="a\n")  # converts it, which would be said
        return made[name]

    return of


@pytest.fixture
def t5(folders: Callable[[str], Real]) -> Real:
    return folders("t5")


@pytest.fixture
def gpt2(folders: Callable[[str], Real]) -> Real:
    return folders("gpt2")


@pytest.fixture
def transformer(folders: Callable[[str], Real]) -> Real:
    return folders("transformer")


SENTENCES = "the cat is here.\nねこがいる\na\nwhat is it that a dog eats when there is no fish\nいる\n"


@pytest.mark.parametrize("kind", ["t5", "gpt2"])
@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_greedy_texts_are_those_of_transformers(folders: Callable[[str], Real], kind: str, engine: str) -> None:
    import torch

    real = folders(kind)
    found = records(real("--engine", engine, "--max-new-tokens", "12", stdin=SENTENCES))
    for record in found:
        ids = real.tokenizer(record["text"], return_tensors="pt")["input_ids"]
        with torch.no_grad():
            whole = real.network.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)[
                0
            ]
        new = whole[ids.shape[1] if kind == "gpt2" else 1 :]
        ((output,),) = [record["generated"]]
        assert output["text"] == real.tokenizer.decode(new, skip_special_tokens=True)
        assert output["finish_reason"] == ("stop" if 1 in new else "length")
        assert record["nlptool"]["generate"]["n_tokens"] == ids.shape[1]


@pytest.mark.parametrize("how", [[], ["--beams", "3"], ["--sample", "--seed", "4"]], ids=" ".join)
@pytest.mark.parametrize("kind", ["t5", "gpt2", "transformer", "lstm"])
def test_a_text_gets_the_same_alone_and_in_company(folders: Callable[[str], Real], kind: str, how: list[str]) -> None:
    real, asked = folders(kind), [*how, "--max-new-tokens", "10"]
    together = records(real(*asked, stdin=SENTENCES))
    apart = records(real(*asked, "--batch-tokens", "1", stdin=SENTENCES))
    for one, other in zip(together, apart, strict=True):
        assert texts(one) == texts(other)
        assert [each["log_probability"] for each in one["generated"]] == pytest.approx(
            [each["log_probability"] for each in other["generated"]], abs=1e-4
        )
    if "--sample" not in how:  # a sample's number is that in the input
        last = records(real(*asked, stdin=SENTENCES.split("\n")[-2] + "\n"))
        assert texts(last[0]) == texts(together[-1])


def test_several_texts_differ_and_the_best_comes_first(t5: Real) -> None:
    (record,) = records(t5("--beams", "6", "--num-return", "4", "--max-new-tokens", "8", stdin="the cat\n"))
    assert len(set(texts(record))) == 4
    scores = [each["log_probability"] for each in record["generated"]]
    assert scores == sorted(scores, reverse=True)  # all are of the same length
    assert max(scores) < 0


def test_a_prefix_is_read_before_the_text(t5: Real) -> None:
    (record,) = records(t5("--prefix", "say ", "--max-new-tokens", "8", stdin="it is\n"))
    (whole,) = records(t5("--max-new-tokens", "8", stdin="say it is\n"))
    assert record["generated"] == whole["generated"]
    assert record["nlptool"]["generate"] | {"prefix": ""} == whole["nlptool"]["generate"] | {"prefix": ""}
    (nothing,) = records(t5("--prefix", "say ", stdin="\n"))
    assert nothing["nlptool"]["generate"]["reason"] == "empty text"


@pytest.mark.parametrize("kind", ["t5", "gpt2", "transformer", "lstm-attention"])
def test_characters_that_were_never_seen_are_said(folders: Callable[[str], Real], kind: str) -> None:
    first, second = records(folders(kind)("--max-new-tokens", "4", stdin="ねこ薔薇薔\nねこ\n"))
    assert first["nlptool"]["generate"]["unknown"] == ["薔", "薇"]
    assert "unknown" not in second["nlptool"]["generate"]
    assert len(texts(first)) == 1


@pytest.mark.parametrize("kind", ["t5", "gpt2", "transformer", "lstm"])
def test_a_source_of_10000_tokens_is_answered_and_what_was_cut_off_is_said(
    folders: Callable[[str], Real], kind: str
) -> None:
    result = folders(kind)("--max-new-tokens", "4", stdin="ab" * 5000 + "\nab\n")
    long, short = records(result)
    assert long["nlptool"]["generate"]["n_tokens"] >= 10_000
    assert (long["nlptool"]["generate"]["truncated"], short["nlptool"]["generate"]["truncated"]) == (True, False)
    assert len(texts(long)) == 1
    assert "texts longer than the model takes, of which it read a part: 1" in result.stderr


def test_max_length_cuts_sooner(t5: Real) -> None:
    cut, whole = records(t5("--max-length", "6", "--max-new-tokens", "5", stdin="the cat is here\nthe c\n"))
    assert [each["nlptool"]["generate"]["truncated"] for each in (cut, whole)] == [True, False]
    assert cut["generated"] == whole["generated"]


@pytest.mark.parametrize("kind", ["t5", "gpt2", "transformer", "lstm"])
def test_a_beam_wider_than_the_vocabulary_is_answered_or_refused_in_a_sentence(
    folders: Callable[[str], Real], kind: str
) -> None:
    wide = str(2 * len(LETTERS))
    result = folders(kind)("--beams", wide, "--num-return", "5", "--max-new-tokens", "3", stdin="the cat\n")
    if result.exit_code == 0:
        (record,) = records(result)
        assert 1 <= len(texts(record)) <= 5
        assert all(math.isfinite(each["log_probability"]) for each in record["generated"])
    else:
        assert result.exit_code in (1, 2)
        assert "--beams" in result.stderr
        assert "internal error" not in result.stderr


@pytest.mark.parametrize(
    ("kind", "how"),
    [("t5", ["--sample"]), ("t5", ["--attention"]), ("lstm", []), ("lstm-attention", ["--beams", "2"])],
    ids=str,
)
def test_what_ctranslate2_does_not_run_is_refused_with_the_option_that_mends_it(
    folders: Callable[[str], Real], kind: str, how: list[str]
) -> None:
    result = folders(kind)("--engine", "ct2", *how, stdin="ab\n")
    assert result.exit_code in (1, 2, 4)
    assert result.stdout == ""
    assert "torch" in result.stderr
    assert "internal error" not in result.stderr
    assert len(folders(kind).texts(*how, "--max-new-tokens", "3", stdin="ab\n")) == 1  # --engine auto finds the way


def test_a_model_that_ctranslate2_does_not_know_runs_in_torch(folders: Callable[[str], Real]) -> None:
    asked = ["--max-new-tokens", "6"]
    for _ in range(2):  # what was found out is kept
        result = folders("led")(*asked, stdin=SENTENCES)
        assert all(len(texts(record)) == 1 for record in records(result))
        assert "runs in torch" in result.stderr
    refused = folders("led")("--engine", "ct2", *asked, stdin="ab\n")
    assert (refused.exit_code, refused.stdout) == (4, "")
    assert "--engine torch" in refused.stderr


def test_languages_are_named_in_the_entry_and_a_missing_or_wrong_one_is_refused(invoke: Invoke, tmp_path: Path) -> None:
    import generation_models

    generation_models.save("nllb", tmp_path / "nllb")
    real = Real(tmp_path / "nllb", invoke)
    (record,) = records(
        real("--source-lang", "eng_Latn", "--target-lang", "jpn_Jpan", "--max-new-tokens", "5", stdin="A plane\n")
    )
    said = record["nlptool"]["generate"]
    assert (said["source_lang"], said["target_lang"]) == ("eng_Latn", "jpn_Jpan")
    wrong = real("--source-lang", "eng_Latn", "--target-lang", "jpn_Japn", stdin="a\n")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "jpn_Jpan" in wrong.stderr
    missing = real(stdin="a\n")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "-lang" in missing.stderr


def test_a_lstm_without_attention_has_none_to_show(folders: Callable[[str], Real], tmp_path: Path) -> None:
    for how in (["--attention"], ["--plot", str(tmp_path / "a.png")]):
        result = folders("lstm")(*how, stdin="ab\n")
        assert (result.exit_code, result.stdout) == (4, "")
        assert "attention" in result.stderr


@pytest.mark.parametrize("kind", ["t5", "gpt2", "transformer", "lstm-attention"])
def test_attention_has_a_row_for_each_token_written(folders: Callable[[str], Real], kind: str) -> None:
    (record,) = records(folders(kind)("--attention", "--max-new-tokens", "6", stdin="abc\n"))
    found = record["attention"]
    mean = np.array(found["mean"])
    assert mean.shape == (len(found["target"]), len(found["source"]))
    assert found["source"][:3] == ["a", "b", "c"]
    assert "".join(found["target"]).startswith(texts(record)[0])
    if kind == "gpt2":
        assert (mean.sum(1) <= 1 + 1e-5).all()
    else:
        assert mean.sum(1) == pytest.approx(np.ones(len(mean)), abs=1e-5)
    if kind == "lstm-attention":
        assert "heads" not in found
    else:
        assert np.array(found["heads"]).mean((0, 1)) == pytest.approx(mean, abs=1e-6)


def test_a_cache_that_cannot_be_written_is_said_and_torch_runs(t5: Real, run: Run, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    asked = ["generate", "-m", str(t5.folder), "--device", "cpu", "--max-new-tokens", "5"]
    done = run(*asked, stdin=b"the cat\n", env={"NLPTOOL_CACHE": str(blocked / "cache")})
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert done.stderr
    assert texts(json.loads(done.stdout)) == t5.texts("--max-new-tokens", "5", stdin="the cat\n")[0]


def test_other_models_are_refused_in_a_sentence(ask_real: Callable[..., Any], tmp_path: Path) -> None:
    import random_berts

    random_berts.saved("bert", tmp_path / "bert")
    refused = ask_real(str(tmp_path / "bert"))
    assert (refused.exit_code, refused.stdout) == (4, "")
    for name in ("bert-mini-ja", "sbert-mini-ja-en", "aozora-100d"):
        other = ask_real(name)
        assert (other.exit_code, other.stdout) == (4, "")
        assert "internal error" not in other.stderr
    absent = ask_real("google-t5/t5-nowhere", "--offline")
    assert absent.exit_code == 4
    assert "google-t5/t5-nowhere" in absent.stderr
    assert ask_real(str(tmp_path / "nothing")).exit_code == 4
    assert ask_real("hyakuninn").exit_code == 4


@pytest.fixture
def ask_real(invoke: Invoke) -> Callable[..., Any]:
    return lambda model, *more: invoke("generate", "-m", model, *more, stdin=b"ab\n")


@pytest.mark.parametrize("kind", ["gpt2", "transformer"])
def test_streamed_text_is_that_of_the_records(folders: Callable[[str], Real], kind: str) -> None:
    real = folders(kind)
    for how in ([], ["--sample", "--seed", "9", "--top-k", "5"]):
        asked = [*how, "--max-new-tokens", "12"]
        plain = [each[0] for each in real.texts(*asked, stdin=SENTENCES)]
        assert real(*asked, "--stream", stdin=SENTENCES).stdout.split("\n")[:-1] == plain
        assert real(*asked, "-f", "text", stdin=SENTENCES).stdout.split("\n")[:-1] == plain


ENDLESS = ("--min-new-tokens", "4000", "--max-new-tokens", "4000")


@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_ctrl_c_ends_a_stream_in_the_middle_of_its_line(gpt2: Real, start: Start, engine: str) -> None:
    process = start("generate", "-m", str(gpt2.folder), "--device", "cpu", "--engine", engine, "--stream", *ENDLESS)
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write(b"the cat\n")
    seen = process.stdout.read(1)  # its first letter: nothing is held back
    process.send_signal(signal.SIGINT)
    seen += process.stdout.readall()
    assert process.wait() == -signal.SIGINT
    assert process.stderr.read() == b""
    assert len(seen) > 1
    assert seen.endswith(b"\n")
    assert seen.count(b"\n") == 1
    assert len(seen.decode()) < 4000


def test_a_closed_pipe_ends_a_stream_silently(gpt2: Real, start: Start) -> None:
    process = start("generate", "-m", str(gpt2.folder), "--device", "cpu", "--stream", *ENDLESS)
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write(b"the cat\n")
    process.stdout.read(1)
    process.stdout.close()
    assert process.wait() == -signal.SIGPIPE
    assert process.stderr.read() == b""


@pytest.mark.parametrize("how", [(), ("-f", "text"), ("--stream",)], ids=" ".join)
def test_a_line_is_answered_before_the_next_one_comes(transformer: Real, start: Start, how: tuple[str, ...]) -> None:
    process = start("generate", "-m", str(transformer.folder), "--device", "cpu", "--max-new-tokens", "3", *how)
    assert process.stdin and process.stdout
    for text in (b"ab", b"cd", b""):
        process.stdin.write(text + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            line += process.stdout.read(1)
        assert how or json.loads(line)["text"] == text.decode()
    process.stdin.close()
    assert process.wait() == 0


@pytest.mark.parametrize("how", [[], ["--stream"]], ids=" ".join)
def test_a_translator_in_8_bits_says_how_many_results_are_the_same(how: list[str], invoke: Invoke) -> None:
    lines = "It is cold today.\n\nI can't swim at all.\n"
    result = invoke("generate", "-m", "mini-en-ja", "-f", "text", "--quantize", "int8", *how, stdin=lines)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.split("\n") == ["今日は寒い。", "", "私は全然泳げない。", ""]
    assert "int8 against float32, the first 2 texts: the same results for 2\n" in result.stderr


def test_the_record_and_the_evaluation_name_8_bits(invoke: Invoke) -> None:
    asked = ["-m", "mini-en-ja", "--quantize", "int8"]
    (record,) = records(invoke("generate", *asked, stdin="It is cold today.\n"))
    assert record["nlptool"]["generate"]["quantize"] == "int8"
    (judged,) = records(invoke("evaluate", "generation", *asked, stdin="It is cold today.\t今日は寒い。\n"))
    assert (judged["quantize"], judged["exact_match"]) == ("int8", 1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-m", "mini-en-ja", "--engine", "torch"], "--quantize int8 computes in CTranslate2, not in torch"),
        (["-m", "mini-en-ja", "--sample"], "draws all texts from one generator"),
        (["-m", "mini-en-ja", "--attention"], "does not show what each layer looks at"),
        (["-m", "mini-en-ja", "--device", "cuda"], "--engine torch or auto"),
    ],
)
def test_what_is_not_done_in_8_bits_is_refused(options: list[str], message: str, invoke: Invoke) -> None:
    result = invoke("generate", "--quantize", "int8", *options, stdin="It is cold today.\n")
    assert (result.stdout, result.exit_code != 0) == ("", True)
    assert message in result.stderr
