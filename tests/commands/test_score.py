"""``score``: the iterator with letters, and the command with a random BERT."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from letter_model import LetterModel
from program import Invoke, records
from random_berts import saved

from nlptool.models.masked import loading as masked_loading
from nlptool.models.masked.pseudo_likelihood import likelihoods
from nlptool.records.record import Record
from nlptool.records.render import render
from nlptool.specs import MaskedModelSpec
from nlptool.tasks.score import score


def scored(*texts: str, model: Any = None, **more: Any) -> list[dict[str, Any]]:
    records = [Record(text, "x", line) for line, text in enumerate(texts, 1)]
    done = score(iter([records]), model or LetterModel(), **more)
    return [json.loads(render(record, "score")) for each in done for record in each]


def certain(ids: Sequence[int], place: int) -> np.ndarray:
    """Logits of a model for which the letter c is certain, in every place."""
    logits = np.full(57, -np.inf, np.float32)
    logits[7] = 0
    return logits


def test_a_record_gets_the_sum_the_perplexity_and_each_piece() -> None:
    (record,) = scored("cat a")
    (expected,) = likelihoods(LetterModel(), ["cat a"])  # type: ignore[arg-type]
    assert record["text"] == "cat a"
    assert record["pseudo_log_likelihood"] == pytest.approx(expected.total, rel=1e-6)
    assert record["pseudo_perplexity"] == pytest.approx(math.exp(-expected.total / 4), rel=1e-6)
    assert [each["piece"] for each in record["pieces"]] == ["c", "##a", "##t", "a"]
    assert [np.float32(each["log_probability"]) for each in record["pieces"]] == expected.log_probabilities.tolist()
    assert record["nlptool"] == {"score": {"model": "letters", "n_pieces": 4, "n_unknown": 0, "windowed": False}}


def test_floats_are_the_shortest_that_read_back() -> None:
    (record,) = scored("the quick brown fox")
    assert (
        max(len(str(each["log_probability"])) for each in record["pieces"]) < 14
    )  # a float64's digits would be longer


def test_the_pieces_can_be_left_out() -> None:
    (record,) = scored("cat", pieces=False)
    assert list(record) == ["text", "pseudo_log_likelihood", "pseudo_perplexity", "nlptool"]


def test_an_empty_line_gets_null_and_the_reason() -> None:
    empty, blank, special, _ = scored("", " \u3000", "[MASK]", "cat")
    assert empty["pseudo_log_likelihood"] is None
    assert empty["pseudo_perplexity"] is None
    assert empty["pieces"] == []
    assert empty["nlptool"] == blank["nlptool"] == {"score": {"model": "letters", "reason": "empty text"}}
    assert special["nlptool"]["score"]["reason"] == "no piece but special tokens"


def test_unknown_and_special_pieces_are_said() -> None:
    (record,) = scored("a CAT [MASK]")
    assert [each["piece"] for each in record["pieces"]] == ["a", "[UNK]", "[MASK]"]
    assert record["pieces"][2]["log_probability"] is None
    assert record["pieces"][1]["log_probability"] < 0
    assert record["nlptool"]["score"] == {"model": "letters", "n_pieces": 2, "n_unknown": 1, "windowed": False}


def test_a_long_text_says_its_window() -> None:
    long, short = scored(" ".join("a" * 40), "a", model=LetterModel(max_length=12))
    assert long["nlptool"]["score"] == {
        "model": "letters", "n_pieces": 40, "n_unknown": 0, "windowed": True, "window": 10,
    }  # fmt: skip
    assert len(long["pieces"]) == 40
    assert "window" not in short["nlptool"]["score"]


def test_a_certain_text_has_likelihood_zero_and_an_impossible_one_is_an_error() -> None:
    sure, impossible = scored("c c c", "c a", model=LetterModel(certain))
    assert sure["pseudo_log_likelihood"] == 0
    assert sure["pseudo_perplexity"] == 1
    assert impossible["nlptool"]["error"]["type"] == "NotFinite"


def test_a_perplexity_that_no_float_holds_is_null() -> None:
    def sharp(ids: Sequence[int], place: int) -> np.ndarray:
        logits = np.zeros(57, np.float32)
        logits[7] = 1e5
        return logits

    (record,) = scored("a", model=LetterModel(sharp))
    assert record["pseudo_log_likelihood"] == pytest.approx(-1e5)
    assert record["pseudo_perplexity"] is None


def test_a_failed_record_passes_untouched_and_costs_the_model_nothing() -> None:
    failed = Record("half", "x", 1)
    failed.done = True
    model = LetterModel()
    (done,) = score(iter([[failed, Record("a", "x", 2)]]), model)  # type: ignore[arg-type]
    assert done[0].results == {}
    assert len(model.asked) == 1


def test_an_empty_list_of_records_comes_out_at_once() -> None:
    assert next(score(iter([[], [Record("", "x", 1)]]), LetterModel())) == []  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    target = tmp_path_factory.mktemp("models") / "model"
    saved("bert", target)
    return str(target)


@pytest.fixture(scope="module")
def japanese(tmp_path_factory: pytest.TempPathFactory) -> str:
    target = tmp_path_factory.mktemp("models") / "model"
    saved("bert-japanese", target)
    return str(target)


def test_the_command_gives_one_record_for_each_line_in_order(invoke: Invoke, folder: str) -> None:
    texts = ["the man went over.", "", "birds!", "the man went over.", "a [MASK] b"]
    found = records(invoke("score", "-m", folder, "--threads", "1", stdin="\n".join(texts).encode()))
    assert [record["text"] for record in found] == texts
    expected = likelihoods(masked_loading.load(MaskedModelSpec(folder, threads=1, offline=True)), texts)
    for record, each in zip(found, expected, strict=True):
        if each.ids:
            assert record["pseudo_log_likelihood"] == pytest.approx(each.total, abs=1e-4)
            assert record["pseudo_perplexity"] == pytest.approx(each.perplexity, rel=1e-4)
    assert found[0]["pieces"] == found[3]["pieces"]
    assert found[0]["nlptool"]["score"]["model"] == folder


def test_deterministic_is_byte_identical_however_the_input_is_batched(invoke: Invoke, folder: str) -> None:
    texts = ["the man went over.", "birds", "milk in the store overmanning", "!"]
    how = ["score", "-m", folder, "--deterministic", "--threads", "1"]
    together = invoke(*how, stdin="".join(f"{text}\n" for text in texts).encode()).stdout
    alone = "".join(invoke(*how, stdin=f"{text}\n".encode()).stdout for text in texts)
    assert together == alone


def test_within_word_is_another_score_and_is_said(invoke: Invoke, folder: str) -> None:
    plain, corrected = (
        records(invoke("score", "-m", folder, *more, stdin=b"birdcage the man\nthe man\n"))
        for more in ([], ["--within-word"])
    )
    assert plain[0]["pseudo_log_likelihood"] != corrected[0]["pseudo_log_likelihood"]
    assert plain[1]["pseudo_log_likelihood"] == pytest.approx(corrected[1]["pseudo_log_likelihood"], abs=1e-4)
    assert corrected[0]["nlptool"]["score"]["within_word"] is True
    assert "within_word" not in plain[0]["nlptool"]["score"]


def test_fields_of_a_json_record_survive_and_a_tab_in_a_string_is_text(invoke: Invoke, folder: str) -> None:
    line = '{"id": 12345678901234567890, "text": "the\\tman", "x": 1.10}\n'
    (found,) = invoke("score", "-m", folder, "--no-pieces", stdin=line.encode()).stdout.split("\n")[:-1]
    assert found.startswith('{"id": 12345678901234567890, "text": "the\\tman", "x": 1.10,"pseudo_log_likelihood":-')
    (same,) = records(invoke("score", "-m", folder, "-I", "text", "--no-pieces", stdin=b"the man\n"))
    assert json.loads(found)["pseudo_log_likelihood"] == pytest.approx(same["pseudo_log_likelihood"], abs=1e-4)


def test_scores_of_an_earlier_run_are_replaced_and_that_is_said(invoke: Invoke, folder: str) -> None:
    once = invoke("score", "-m", folder, stdin=b"the man\n")
    twice = invoke("score", "-m", folder, stdin=once.stdout_bytes)
    assert records(twice) == records(once)
    assert "`pseudo_log_likelihood` was there before and has been replaced" in twice.stderr


def test_what_was_lost_is_said_at_the_end(invoke: Invoke, folder: str) -> None:
    done = invoke("score", "-m", folder, stdin=("the man " * 100 + "猫\n").encode())
    (found,) = records(done)
    entry = found["nlptool"]["score"]
    assert (entry["n_pieces"], entry["n_unknown"], entry["windowed"]) == (201, 1, True)
    assert entry["window"] < 201
    assert "pieces that the model's vocabulary lacks ([UNK]): 1" in done.stderr
    assert "in the window around it: 1" in done.stderr


@pytest.mark.parametrize("text", ["the man " * 30, "birds " * 5000, "the\u3000man. " * 5])
def test_max_length_limits_the_work_at_one_text(invoke: Invoke, folder: str, text: str) -> None:
    done = invoke("score", "-m", folder, "--max-length", "16", stdin=f"{text}\nthe man went over.\n".encode())
    long, short = records(done)
    assert long["text"] == text
    assert long["nlptool"]["score"] == {"model": folder, "n_pieces": 14, "n_unknown": 0, "truncated": True}
    assert len(long["pieces"]) == 14
    assert short["nlptool"]["score"]["truncated"] is False
    assert "texts longer than the model takes, of which it read a part: 1" in done.stderr
    read = " ".join(each["piece"] for each in long["pieces"]).replace(" ##", "")
    (beginning,) = records(invoke("score", "-m", folder, stdin=read.encode()))
    assert long["pseudo_log_likelihood"] == pytest.approx(beginning["pseudo_log_likelihood"], abs=1e-3)


def test_the_bar_counts_the_subwords_of_a_long_text(invoke: Invoke, folder: str) -> None:
    done = invoke("score", "-m", folder, "--progress", "always", stdin=("the man " * 200).encode())
    assert re.search(r"0 records; of the next [\d,]+ of 400 subwords", done.stderr)
    assert "subwords" not in done.stdout
    assert "subwords" not in invoke("score", "-m", folder, "--progress", "never", stdin=b"the man").stderr


def test_bad_lines_come_out_in_their_places(invoke: Invoke, folder: str) -> None:
    stdin = b'{"text": "the man"}\n{"text": 7}\nnot json\n{"words": "x"}\n{"text": "\\ud800"}\n{"text": "birds"}\n'
    found = records(invoke("score", "-m", folder, stdin=stdin), code=3)
    errors = [record["nlptool"].get("error", {}).get("type") for record in found]
    assert errors == [None, "NotText", "InvalidJSON", "MissingField", "LoneSurrogate", None]
    assert found[5]["pseudo_log_likelihood"] < 0


@pytest.mark.parametrize(
    "text",
    [
        "[MASK] " * 200,
        "[CLS] the man [SEP] [SEP]",
        "[PAD] the",
        "\u200b\u200d\ufeff",
        "e\u0301" * 30,
        "x" * 5000,
        "\0 the \x1b[31m man",
        "\r",
        "🐈‍⬛ the man",
        "the\u2028man\u2029",
        "מן the",
        "ＴＨＥ　ＭＡＮ",
    ],
    ids=repr,
)
@pytest.mark.parametrize("kind", ["folder", "japanese"])
def test_odd_texts_give_a_record_and_no_error(
    invoke: Invoke, request: pytest.FixtureRequest, kind: str, text: str
) -> None:
    """Special tokens, what tokenizers drop, one word without end, control characters, other scripts."""
    model = request.getfixturevalue(kind)
    (found,) = records(invoke("score", "-m", model, stdin=json.dumps({"text": text}).encode()))
    entry = found["nlptool"]["score"]
    values = [each["log_probability"] for each in found["pieces"]]
    if "reason" in entry:
        assert found["pseudo_log_likelihood"] is None
        assert not any(values)
    else:
        there = [value for value in values if value is not None]
        assert entry["n_pieces"] == len(there) > 0
        assert found["pseudo_log_likelihood"] == pytest.approx(sum(there), rel=1e-5)


def test_japanese_text_is_cut_into_words_by_mecab(invoke: Invoke, japanese: str) -> None:
    (found,) = records(invoke("score", "-m", japanese, stdin="猫が魚を食べる。\n".encode()))
    assert [each["piece"] for each in found["pieces"]] == ["猫", "が", "魚", "を", "食べる", "。"]


def test_a_text_of_many_windows_is_scored_to_its_end(invoke: Invoke, folder: str) -> None:
    text = "the man went over " * 500
    (found,) = records(invoke("score", "-m", folder, "--threads", "1", stdin=text.encode()))
    assert found["nlptool"]["score"]["n_pieces"] == 2000
    values = [each["log_probability"] for each in found["pieces"]]
    assert values[1000:1004] == pytest.approx(values[400:404], abs=1e-4)  # the same window
    assert all(value < 0 for value in values)


def test_a_model_that_is_not_there_is_exit_4(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("score", "-m", str(tmp_path / "nothing"), "--offline", stdin=b"a\n")
    assert done.exit_code == 4
    assert done.stdout == ""
    assert "nothing" in done.stderr


def test_a_sentence_encoder_is_refused_with_a_sentence(invoke: Invoke) -> None:
    done = invoke("score", "-m", "sbert-mini-ja-en", stdin=b"a\n")
    assert done.exit_code == 4
    assert "sbert-mini-ja-en is a model for embed" in done.stderr


@pytest.mark.parametrize(
    "arguments", [["--max-length", "3"], ["--pieces=yes"], ["--resume"], ["--nothing"]], ids=lambda each: each[0]
)
def test_wrong_usage_is_exit_2(invoke: Invoke, folder: str, arguments: list[str]) -> None:
    assert invoke("score", "-m", folder, *arguments, stdin=b"a\n").exit_code == 2


def test_a_missing_file_is_said_and_the_others_are_scored(invoke: Invoke, folder: str, tmp_path: Path) -> None:
    there = tmp_path / "a.txt"
    there.write_text("the man\n", encoding="utf-8")
    done = invoke("score", "-m", folder, str(tmp_path / "b.txt"), str(there))
    (found,) = records(done, code=1)
    assert found["text"] == "the man"
    assert "b.txt" in done.stderr
