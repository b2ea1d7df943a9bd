"""``score`` with models that read from left to right, ``evaluate lm`` and ``evaluate minimal-pairs``."""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import generation_models
import pytest
from program import Invoke

CORPUS = "猫が魚を食べる。\n犬が猫を追う。\n\n鳥が空を飛ぶ。\n猫は眠る。\n\n犬は走る。\n魚は泳ぐ。\n\n猫が鳥を見る。\n"


@pytest.fixture(scope="module")
def ngrams(tmp_path_factory: pytest.TempPathFactory, invoke: Invoke) -> str:
    folder = tmp_path_factory.mktemp("lm") / "ngrams"
    options = ["--architecture", "ngram", "--order", "3", "--min-count", "1", "--dev", "0"]
    result = invoke("train", "lm", *options, "-o", str(folder), stdin=CORPUS)
    assert result.exit_code == 0, result.stderr
    return str(folder)


@pytest.fixture(scope="module")
def gpt(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("gpt")
    generation_models.save("gpt2", folder)
    return str(folder)


def scored(invoke: Invoke, model: str, text: str, *options: str) -> list[dict[str, Any]]:
    result = invoke("score", "-m", model, "--threads", "1", *options, stdin=text)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_pieces_add_up_to_the_log_likelihood(ngrams: str, invoke: Invoke) -> None:
    (record,) = scored(invoke, ngrams, "猫が鳥を食べる。\n")
    assert [each["piece"] for each in record["pieces"]] == list("猫が鳥を食べる。")
    total = sum(each["surprisal"] for each in record["pieces"])
    assert record["log_likelihood"] == pytest.approx(-total * math.log(2), rel=1e-5)
    assert record["perplexity"] == pytest.approx(2 ** (total / 8), rel=1e-5)
    assert record["nlptool"]["score"] == {
        "model": ngrams, "by": "piece", "unit": "bits", "n_tokens": 8, "n_unknown": 0, "windowed": False
    }  # fmt: skip


def test_words_and_characters_share_out_the_same_sum(ngrams: str, gpt: str, invoke: Invoke) -> None:
    text = "The cat 猫が魚を 食べる。"
    for model in (ngrams, gpt):
        (by_word,) = scored(invoke, model, f"{text}\n", "--by", "word", "--nats")
        (by_character,) = scored(invoke, model, f"{text}\n", "--by", "char", "--nats")
        assert "".join(each["word"] for each in by_word["words"]) == text.replace(" ", "")
        assert "".join(each["character"] for each in by_character["characters"]) == text
        for items in (by_word["words"], by_character["characters"]):
            total = sum(each["surprisal"] for each in items)
            assert total == pytest.approx(-by_word["log_likelihood"], rel=1e-5)


def test_the_result_of_a_line_does_not_depend_on_its_neighbours(gpt: str, invoke: Invoke) -> None:
    texts = ["a", "The man plays a large flute.", "猫が魚を食べる。", "a cat " * 60]
    together = scored(invoke, gpt, "".join(f"{text}\n" for text in texts))
    for text, found in zip(texts, together, strict=True):
        (alone,) = scored(invoke, gpt, f"{text}\n")
        assert found["log_likelihood"] == pytest.approx(alone["log_likelihood"], abs=1e-3)
        assert [each["piece"] for each in found["pieces"]] == [each["piece"] for each in alone["pieces"]]
    assert together[3]["nlptool"]["score"]["window"] == generation_models.POSITIONS


def test_an_empty_line_gets_null_and_the_reason(ngrams: str, invoke: Invoke) -> None:
    empty, blank, text = scored(invoke, ngrams, "\n \n猫\n")
    for record in (empty, blank):
        assert record["log_likelihood"] is None
        assert record["perplexity"] is None
        assert record["pieces"] == []
        assert record["nlptool"]["score"]["reason"] == "empty text"
    assert text["log_likelihood"] < 0


def test_the_end_of_a_text_can_be_scored(ngrams: str, invoke: Invoke) -> None:
    (without,) = scored(invoke, ngrams, "猫は眠る。\n")
    (with_end,) = scored(invoke, ngrams, "猫は眠る。\n", "--end")
    in_nats = with_end["end_surprisal"] * math.log(2)
    assert with_end["log_likelihood"] == pytest.approx(without["log_likelihood"] - in_nats, rel=1e-5)
    assert "end_surprisal" not in without
    (of_nothing,) = scored(invoke, ngrams, "\n", "--end", "--no-pieces")
    assert of_nothing["log_likelihood"] == pytest.approx(-of_nothing["end_surprisal"] * math.log(2), rel=1e-5)


def test_bytes_of_characters_that_the_vocabulary_lacks_belong_to_their_words(invoke: Invoke, tmp_path: Path) -> None:
    """A vocabulary of subwords spells them as bytes: those of three characters that stand together, and belong to three words."""
    options = [
        "--architecture",
        "ngram",
        "--token-unit",
        "subwords",
        "--vocab-size",
        "600",
        "--min-count",
        "1",
        "--dev",
        "0",
    ]
    made = invoke("train", "lm", *options, "-o", str(tmp_path / "lm"), stdin=CORPUS)
    assert made.exit_code == 0, made.stderr
    model = str(tmp_path / "lm")
    (by_piece,) = scored(invoke, model, "猫😀a\n")
    (by_character,) = scored(invoke, model, "猫😀a\n", "--by", "char")
    values = [each["surprisal"] for each in by_piece["pieces"]]
    assert [each["piece"] for each in by_piece["pieces"][1:]] == ["<0xF0>", "<0x9F>", "<0x98>", "<0x80>", "a"]
    assert [each["character"] for each in by_character["characters"]] == list("猫😀a")
    assert [each["surprisal"] for each in by_character["characters"]] == pytest.approx(
        [values[0], sum(values[1:5]), values[5]], rel=1e-5
    )


def test_a_token_without_an_embedding_fails_alone(gpt: str, invoke: Invoke, tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    folder = tmp_path / "gpt"
    shutil.copytree(gpt, folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.add_tokens(["ZZZ"])
    tokenizer.save(str(folder / "tokenizer.json"))
    for engine in ("numpy", "torch", "ct2"):
        result = invoke("score", "-m", str(folder), "--engine", engine, stdin="a ZZZ\na\n")
        added, other = map(json.loads, result.stdout.splitlines())
        assert result.exit_code == 3
        assert added["nlptool"]["error"]["type"] == "UnknownToken"
        assert other["log_likelihood"] < 0
    result = invoke("evaluate", "lm", "-m", str(folder), stdin="a ZZZ\n")
    assert result.exit_code == 1
    assert "no embedding for the token 'ZZZ'" in result.stderr


def test_unknown_characters_are_counted_and_said(ngrams: str, invoke: Invoke) -> None:
    result = invoke("score", "-m", ngrams, stdin="猫😀が☃\n")
    (record,) = map(json.loads, result.stdout.splitlines())
    assert record["nlptool"]["score"]["n_unknown"] == 2
    assert [each["piece"] for each in record["pieces"]] == list("猫😀が☃")
    assert "characters or words that the model has never seen: 2" in result.stderr


def test_a_target_is_scored_after_what_stands_before_it(gpt: str, invoke: Invoke) -> None:
    whole, start = scored(invoke, gpt, "猫が魚を食べる。\n猫が魚\n")
    line = json.dumps({"text": "猫が魚", "then": "を食べる。"}, ensure_ascii=False)
    (record,) = scored(invoke, gpt, f"{line}\n", "--target", "then", "--by", "char")
    assert "".join(each["character"] for each in record["characters"]) == "を食べる。"
    assert record["log_likelihood"] == pytest.approx(whole["log_likelihood"] - start["log_likelihood"], abs=1e-3)
    assert record["then"] == "を食べる。"


def test_a_target_of_an_encoder_decoder_has_the_log_probability_of_generate(invoke: Invoke) -> None:
    made = invoke("generate", "-m", "mini-en-ja", stdin="It is cold.\n")
    (best,) = json.loads(made.stdout)["generated"]
    line = json.dumps({"text": "It is cold.", "ja": best["text"]})
    for engine in ("ct2", "torch"):
        (record,) = scored(invoke, "mini-en-ja", f"{line}\n", "--target", "ja", "--engine", engine)
        assert record["log_likelihood"] == pytest.approx(best["log_probability"], abs=1e-4)
        assert record["nlptool"]["score"]["n_tokens"] == len(record["pieces"]) + 1  # the end


def test_records_without_a_target_fail_alone(invoke: Invoke) -> None:
    lines = ['{"text": "a", "ja": "猫"}', '{"text": "a"}', '{"text": "a", "ja": 3}', '{"text": "", "ja": "猫"}']
    result = invoke("score", "-m", "mini-en-ja", "--target", "ja", stdin="\n".join(lines) + "\n")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 3
    assert records[0]["log_likelihood"] < 0
    errors = [record["nlptool"]["error"]["message"] for record in records[1:] if "error" in record["nlptool"]]
    assert errors == ["the target `ja` is missing", "the target `ja` is no text"]
    assert records[3]["log_likelihood"] is None
    assert records[3]["nlptool"]["score"]["reason"] == "no token that can be scored"


def test_a_table_has_columns_for_two_texts(invoke: Invoke) -> None:
    result = invoke(
        "score",
        "-m",
        "mini-en-ja",
        "-I",
        "tsv",
        "--field",
        "1",
        "--target",
        "2",
        "-f",
        "csv",
        stdin="It is cold.\t寒い。\n",
    )
    assert result.stdout.splitlines()[0] == "1,2,log_likelihood,perplexity,pieces,error"
    assert result.stdout.splitlines()[1].startswith("It is cold.,寒い。,-1.71")


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("mini-en-ja", [], "--target NAME is the field"),
        ("mini-en-ja", ["--target", "x", "--end"], "--end is for another kind of model"),
        ("mini-en-ja", ["--target", "x", "--within-word"], "--within-word is for another kind of model"),
        ("bert-mini-ja", ["--by", "word"], "--by is for another kind of model: bert-mini-ja is a masked model"),
        ("bert-mini-ja", ["--nats"], "--nats is for another kind of model"),
        ("bert-mini-ja", ["--target", "x"], "--target is for another kind of model"),
        ("bert-mini-ja", ["--engine", "ct2"], "does not run in ct2"),
        ("bert-mini-ja", ["--prefix", "x"], "takes no --prefix"),
        ("ngrams", ["--engine", "onnx"], "does not run in onnx"),
        ("ngrams", ["--engine", "ct2"], "does not run in CTranslate2"),
        ("ngrams", ["--by", "word", "--no-pieces"], "--no-pieces lists nothing"),
        ("gpt", ["--prefix", "x"], "--prefix is for the sources of an encoder–decoder"),
        ("gpt", ["--max-length", "8", "--stride", "9"], "--stride 9 is longer than a window, which holds 8"),
        ("gpt", ["--stride", "500"], "--stride 500 is longer than a window, which holds 96 tokens"),
        ("sbert-mini-ja-en", [], "is a model for embed, and gives no text a probability"),
        ("ngrams", ["--plot", "x.doc"], "x.doc"),
    ],
)
def test_what_does_not_go_together_is_refused(
    model: str, options: list[str], message: str, ngrams: str, gpt: str, invoke: Invoke
) -> None:
    result = invoke("score", "-m", {"ngrams": ngrams, "gpt": gpt}.get(model, model), *options, stdin="猫\n")
    assert result.exit_code != 0
    assert message in result.stderr
    assert result.stdout == ""


def test_the_words_of_the_first_text_are_drawn(ngrams: str, invoke: Invoke, tmp_path: Path) -> None:
    picture = tmp_path / "surprisal.svg"
    result = invoke("score", "-m", ngrams, "--plot", str(picture), stdin="\n猫が鳥を食べる。\n犬\n")
    drawn = picture.read_text(encoding="utf-8")
    for word in ("猫", "食べる", "surprisal in bits"):
        assert word in drawn
    assert "shows the first text alone" in result.stderr
    assert "nothing to draw" in invoke("score", "-m", ngrams, "--plot", str(tmp_path / "x.svg"), stdin="\n").stderr


def evaluated(invoke: Invoke, *arguments: str, stdin: str = "") -> list[dict[str, Any]]:
    result = invoke("evaluate", *arguments, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_evaluate_lm_finds_the_scores_of_the_training(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "dev.txt").write_text("猫が鳥を食べる。\n犬は眠る。\n\n鳥は☃走る。\n", encoding="utf-8")
    options = ["--architecture", "ngram", "--order", "3", "--dev", str(tmp_path / "dev.txt")]
    trained = invoke("train", "lm", *options, "-o", str(tmp_path / "lm"), stdin=CORPUS)
    assert trained.exit_code == 0, trained.stderr
    scores = json.loads((tmp_path / "lm" / "lm.json").read_text(encoding="utf-8"))["scores"]
    (record,) = evaluated(invoke, "lm", "-m", str(tmp_path / "lm"), str(tmp_path / "dev.txt"))
    for name in ("loss", "perplexity", "word_perplexity", "bits_per_character"):
        assert record[name] == pytest.approx(scores[name], rel=1e-4)
    assert (record["n_documents"], record["n_unknown"], record["window"]) == (2, 1, None)
    assert record["n_tokens"] == record["n_characters"] == 8 + 1 + 5 + 1 + 6 + 1


def test_evaluate_lm_is_the_sum_of_score(gpt: str, invoke: Invoke) -> None:
    documents = ["The cat sleeps.", "猫が魚を食べる。 " * 12]
    (record,) = evaluated(invoke, "lm", "-m", gpt, "--no-end", stdin="\n\n".join(documents) + "\n")
    each = scored(invoke, gpt, "\n".join(documents) + "\n", "--no-pieces")
    total = sum(one["log_likelihood"] for one in each)
    n_tokens = sum(one["nlptool"]["score"]["n_tokens"] for one in each)
    assert record["n_tokens"] == n_tokens
    assert record["loss"] == pytest.approx(-total / n_tokens, rel=1e-4)
    assert record["bits_per_character"] == pytest.approx(-total / math.log(2) / sum(map(len, documents)), rel=1e-4)
    assert record["window"] == generation_models.POSITIONS


def test_a_smaller_stride_gives_tokens_more_before_them(gpt: str, invoke: Invoke) -> None:
    text = "The man plays a large flute, and the cat is sleeping. " * 12
    found = [
        evaluated(invoke, "lm", "-m", gpt, "--max-length", "32", "--stride", n, stdin=text)[0] for n in ("31", "1")
    ]
    assert found[0]["loss"] != found[1]["loss"]
    assert [each["stride"] for each in found] == [31, 1]


def test_in_8_bits_the_surprisal_is_nearly_the_same_and_what_it_changes_is_said(gpt: str, invoke: Invoke) -> None:
    text = "The man plays a large flute.\nThe cat is sleeping.\n"
    plain = scored(invoke, gpt, text, "--engine", "ct2")
    result = invoke("score", "-m", gpt, "--threads", "1", "--quantize", "int8", stdin=text)
    assert re.search(
        r"int8 against float32, the first 2 texts: surprisal differs by \d\.\d{3} bits a token on average",
        result.stderr,
    )
    differences = []
    for expected, line in zip(plain, result.stdout.splitlines(), strict=True):
        found = json.loads(line)
        assert found["nlptool"]["score"]["quantize"] == "int8"
        differences += [
            abs(a["surprisal"] - b["surprisal"]) for a, b in zip(expected["pieces"], found["pieces"], strict=True)
        ]
    assert 0 < max(differences) < 0.5
    said = re.search(r"by (\d\.\d{3}) bits", result.stderr)
    assert said and float(said[1]) == pytest.approx(sum(differences) / len(differences), abs=6e-4)


def test_evaluations_name_8_bits_and_find_nearly_the_same(gpt: str, invoke: Invoke) -> None:
    text = "The man plays a large flute.\n\nThe cat is sleeping.\n"
    plain, in_int8 = (evaluated(invoke, "lm", "-m", gpt, *how, stdin=text)[0] for how in ([], ["--quantize", "int8"]))
    assert in_int8["quantize"] == "int8"
    assert in_int8["loss"] == pytest.approx(plain["loss"], abs=0.1)
    assert in_int8["loss"] != plain["loss"]
    pairs = "The cat is sleeping.\tThe cat are sleeping.\n"
    (judged,) = evaluated(invoke, "minimal-pairs", "-m", gpt, "--quantize", "int8", stdin=pairs)
    assert (judged["quantize"], judged["n_pairs"]) == ("int8", 1)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("bert-mini-ja", [], "is a masked model: --quantize is for one that generates"),
        ("gpt", ["--engine", "numpy"], "--quantize int8 computes in CTranslate2, not in numpy"),
        ("ngrams", [], "does not run in CTranslate2"),
    ],
)
def test_what_does_not_run_in_8_bits_is_refused(
    model: str, options: list[str], message: str, ngrams: str, gpt: str, invoke: Invoke
) -> None:
    where = {"gpt": gpt, "ngrams": ngrams}.get(model, model)
    result = invoke("score", "-m", where, "--quantize", "int8", *options, stdin="The cat\n")
    assert result.exit_code in (1, 2, 4)
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "text", "message"),
    [
        ([], "猫\n", "which model? -m aozora-gpt, which is built in, a FOLDER"),
        (["-m", "bert-mini-ja"], "猫\n", "nlptool evaluate mlm evaluates those"),
        (["-m", "mini-en-ja"], "猫\n", "is an encoder–decoder"),
        (["-m", "ngrams"], "\n\n", "there is no text"),
        (["-m", "ngrams", "--max-length", "9", "--stride", "10"], "猫\n", "--stride 10 is longer than a window"),
    ],
)
def test_evaluate_lm_says_what_is_wrong(
    arguments: list[str], text: str, message: str, ngrams: str, invoke: Invoke
) -> None:
    result = invoke("evaluate", "lm", *[ngrams if each == "ngrams" else each for each in arguments], stdin=text)
    assert result.exit_code != 0
    assert message in result.stderr


PAIRS = "猫が魚を食べる。\t猫を魚を食べる。\t格\n犬は走る。\t犬は走る。\t同じ\n鳥が空を飛ぶ。\t鳥が空を☃。\t格\n"


def test_minimal_pairs_are_judged_by_the_log_likelihoods_of_score(ngrams: str, invoke: Invoke, tmp_path: Path) -> None:
    details = tmp_path / "pairs.jsonl"
    options = ["minimal-pairs", "-m", ngrams, "--details", str(details)]
    (record,) = evaluated(invoke, *options, stdin=PAIRS)
    assert (record["n_pairs"], record["accuracy"], record["n_ties"]) == (3, 0.6667, 1)
    assert record["sections"]["格"] == {
        "n_pairs": 2, "accuracy": 1.0, "accuracy_interval": [0.3424, 1.0], "n_ties": 0
    }  # fmt: skip
    assert record["sections"]["同じ"]["accuracy"] == 0.0
    pairs = [json.loads(line) for line in details.read_text(encoding="utf-8").splitlines()]
    for pair in pairs:
        good, bad = scored(invoke, ngrams, f"{pair['good']}\n{pair['bad']}\n", "--no-pieces")
        assert (pair["good_score"], pair["bad_score"]) == pytest.approx(
            (good["log_likelihood"], bad["log_likelihood"]), abs=1e-4
        )
        assert pair["correct"] == (good["log_likelihood"] > bad["log_likelihood"])


def test_the_fields_of_blimp_are_known_and_others_can_be_named(ngrams: str, invoke: Invoke) -> None:
    blimp = {"sentence_good": "猫は眠る。", "sentence_bad": "猫は☃☃。", "UID": "sleep", "field": "syntax"}
    named = {"a": "猫は眠る。", "b": "猫は☃☃。", "text": "x"}
    (first,) = evaluated(invoke, "minimal-pairs", "-m", ngrams, stdin=json.dumps(blimp) + "\n")
    assert first["sections"]["sleep"]["accuracy"] == 1.0
    options = ["-m", ngrams, "--good", "b", "--bad", "a", "--mean"]
    (second,) = evaluated(invoke, "minimal-pairs", *options, stdin=json.dumps(named) + "\n")
    assert (second["accuracy"], second["score"]) == (0.0, "mean")
    assert "sections" not in second


def test_a_section_may_be_a_number(ngrams: str, invoke: Invoke) -> None:
    lines = '{"good": "猫", "bad": "☃", "type": 3}\n{"good": "猫", "bad": "☃", "type": null}\n'
    (record,) = evaluated(invoke, "minimal-pairs", "-m", ngrams, stdin=lines)
    assert {name: each["n_pairs"] for name, each in record["sections"].items()} == {"3": 1}


def test_columns_of_a_table_are_named(ngrams: str, invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text('ok,no,kind\n"猫は""眠る""。",猫は☃☃☃☃☃☃。,"a,b"\n', encoding="utf-8")
    (tmp_path / "pairs.tsv").write_text("ok\tno\tkind\n猫は眠る。\t猫は☃。\ta,b\n", encoding="utf-8")
    names = ["-m", ngrams, "--good", "ok", "--bad", "no", "--section", "kind"]
    for form, file in ((["-I", "csv"], "pairs.csv"), (["-I", "tsv", "--header"], "pairs.tsv")):
        (record,) = evaluated(invoke, "minimal-pairs", *names, *form, str(tmp_path / file), stdin="")
        assert (record["n_pairs"], record["accuracy"], list(record["sections"])) == (1, 1.0, ["a,b"])
    as_text = invoke("evaluate", "minimal-pairs", *names, str(tmp_path / "pairs.tsv"))
    assert "a line of text has no column that is called ok" in as_text.stderr
    assert "-I tsv --header" in as_text.stderr


def test_a_masked_model_is_judged_by_pseudo_log_likelihoods(invoke: Invoke) -> None:
    (record,) = evaluated(invoke, "minimal-pairs", stdin="猫が魚を食べる。\t猫を魚が食べるた。\n")
    assert (record["model"], record["accuracy"]) == ("bert-mini-ja", 1.0)


def test_what_is_no_pair_is_left_out_and_said(ngrams: str, invoke: Invoke) -> None:
    result = invoke("evaluate", "minimal-pairs", "-m", ngrams, stdin=f"{PAIRS}alone\nよい\t \n")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["n_pairs"] == 3
    assert "this line has no tab" in result.stderr
    nothing = invoke("evaluate", "minimal-pairs", "-m", ngrams, stdin="")
    assert nothing.exit_code == 1
    assert "there are no pairs" in nothing.stderr
    decoder = invoke("evaluate", "minimal-pairs", "-m", "mini-en-ja", stdin=PAIRS)
    assert "gives a sentence no probability by itself" in decoder.stderr
