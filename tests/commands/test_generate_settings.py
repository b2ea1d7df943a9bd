"""generate and evaluate generation with models whose generation_config.json asks for something, as a user calls them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from program import invoke, records
from tokenizers import ByteLevelBPETokenizer

Written = Callable[..., str]
SPECIAL = {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>", "mask": "<mask>", "cls": "<s>", "sep": "</s>"}


@pytest.fixture(scope="module")
def bart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BART with random weights that repeats itself."""
    folder = tmp_path_factory.mktemp("models") / "bart"
    folder.mkdir()
    bytes_ = ByteLevelBPETokenizer()
    bytes_.train_from_iterator(
        ["the house is wonderful"] * 4,
        vocab_size=290,
        min_frequency=1,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
    )
    bytes_.save_model(str(folder))
    names = {f"{role}_token": token for role, token in SPECIAL.items()}
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BartTokenizer", **names}))
    torch.manual_seed(5)
    transformers.utils.logging.disable_progress_bar()
    network = transformers.BartForConditionalGeneration(
        transformers.BartConfig(
            vocab_size=bytes_.get_vocab_size(), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=48,
            decoder_start_token_id=2, forced_eos_token_id=None,
        )
    ).eval()  # fmt: skip
    for parameter in network.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.6)
    network.save_pretrained(folder)
    return folder


@pytest.fixture
def written(bart: Path, tmp_path: Path) -> Written:
    """``written(**settings)``: the model, with a generation_config.json that asks for these."""

    def write(name: str = "model", **settings: Any) -> str:
        folder = tmp_path / name
        shutil.copytree(bart, folder)
        path = folder / "generation_config.json"
        ids = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 2}
        path.write_text(json.dumps(ids | {"max_new_tokens": 10} | settings))
        return str(folder)

    return write


def run(model: str, *arguments: str, stdin: str = "the house\n") -> list[dict[str, Any]]:
    return records(invoke("generate", "-q", "-m", model, *arguments, stdin=stdin))


def generated(model: str, *arguments: str) -> list[dict[str, Any]]:
    (record,) = run(model, *arguments)
    return record["generated"]  # type: ignore[no-any-return]


def entry(model: str, *arguments: str) -> dict[str, Any]:
    (record,) = run(model, *arguments)
    return record["nlptool"]["generate"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("asked", "options", "turned_off"),
    [
        ({"no_repeat_ngram_size": 2}, ["--no-repeat-ngram", "2"], ["--no-repeat-ngram", "0"]),
        ({"repetition_penalty": 1.6}, ["--repetition-penalty", "1.6"], ["--repetition-penalty", "1"]),
        ({"num_beams": 4}, ["--beams", "4"], ["--beams", "1"]),
        ({"num_beams": 3, "num_return_sequences": 2}, ["--beams", "3", "--num-return", "2"], ["--beams", "1"]),
        ({"num_beams": 3, "length_penalty": -2.0}, ["--beams", "3", "--length-penalty", "-2"], ["--beams", "1"]),
        ({"max_new_tokens": 4}, ["--max-new-tokens", "4"], ["--max-new-tokens", "10"]),
        ({"num_beams": 3, "repetition_penalty": 2.0}, ["--beams", "3", "--repetition-penalty", "2"], ["--beams", "1"]),
    ],
)  # fmt: skip
def test_what_the_model_asks_for_is_what_the_options_do_and_turn_off(
    written: Written, asked: dict[str, Any], options: list[str], turned_off: list[str]
) -> None:
    asks, plain = written("asks", **asked), written("plain")
    expected = generated(plain, *options)
    assert generated(asks) == expected
    assert generated(plain) != expected
    assert generated(asks, *turned_off) != expected
    said = entry(asks)
    assert sorted({*said["generation_config"]} - {"max_new_tokens"}) == sorted({*asked} - {"max_new_tokens"})
    assert {name: said[name] for name in entry(plain, *options) if name not in ("model", "generation_config")} == {
        name: value for name, value in entry(plain, *options).items() if name not in ("model", "generation_config")
    }


def test_the_record_names_what_was_applied_and_nothing_else(written: Written) -> None:
    model = written(num_beams=2, length_penalty=1.0, temperature=0.5, use_cache=True, no_repeat_ngram_size=3)
    said = entry(model, "--no-repeat-ngram", "2")
    assert said == {
        "model": model, "beams": 2, "max_new_tokens": 10, "no_repeat_ngram": 2,
        "generation_config": ["num_beams", "max_new_tokens"], "n_tokens": said["n_tokens"], "truncated": False,
    }  # fmt: skip


def test_a_model_that_samples_is_sampled_with_the_seed_and_searched_when_asked_to(written: Written) -> None:
    model = written(do_sample=True, top_k=20, temperature=0.7)
    first, again, other = (generated(model, *seed) for seed in ([], ["--seed", "1"], ["--seed", "2"]))
    assert first == again != other
    said = entry(model)
    assert (said["sample"], said["top_k"], said["temperature"], said["seed"]) == (True, 20, 0.7, [1, 0])
    assert said["generation_config"] == ["do_sample", "temperature", "top_k", "max_new_tokens"]
    greedy = entry(model, "--beams", "1")
    assert "sample" not in greedy and "top_k" not in greedy
    done = invoke("generate", "-m", model, "--beams", "1", "--seed", "3", stdin="the\n")
    assert done.exit_code == 2 and "--seed is for what is drawn" in done.stderr


def test_what_is_not_done_is_said_once(written: Written) -> None:
    model = written(guidance_scale=1.5, sequence_bias=[[[5], 2.0]], typical_p=0.5)
    done = invoke("generate", "-m", model, stdin="the\nhouse\nis\n")
    said = [line for line in done.stderr.splitlines() if "generation_config.json" in line]
    assert said == [
        f"nlptool generate: {model}: generation_config.json: guidance_scale 1.5, sequence_bias [[[5], 2.0]]: nlptool does "
        "not do these"
    ]
    assert done.exit_code == 0


def test_a_stream_of_a_model_that_asks_for_beams_is_greedy_and_says_so(written: Written) -> None:
    model = written(num_beams=4)
    done = invoke("generate", "-m", model, "--stream", stdin="the house\n")
    assert done.exit_code == 0
    assert "num_beams 4: a beam search cannot be streamed" in done.stderr
    assert (
        done.stdout == invoke("generate", "-q", "-m", model, "--beams", "1", "-f", "text", stdin="the house\n").stdout
    )


def test_an_evaluation_asks_as_generate_does(written: Written) -> None:
    model = written(num_beams=3, num_return_sequences=3, repetition_penalty=1.4)
    text = generated(model)[0]["text"]
    pairs = json.dumps({"source": "the house", "reference": text})
    done = invoke("evaluate", "generation", "-q", "-m", model, "-f", "jsonl", stdin=pairs + "\n")
    (record,) = records(done)
    assert record["exact_match"] == 1
    assert record["generation_config"] == ["num_beams", "max_new_tokens", "repetition_penalty"]


@pytest.mark.parametrize("engine", ["ct2", "torch"])
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"num_beams": 0}, "num_beams is 0; it should be a whole number from 1"),
        ({"temperature": 0, "do_sample": True}, "temperature is 0; it should be a number above 0"),
        ({"repetition_penalty": "1.2"}, 'repetition_penalty is "1.2"; it should be a number above 0'),
        ({"no_repeat_ngram_size": -2}, "no_repeat_ngram_size is -2; it should be a whole number from 0"),
        ({"bad_words_ids": [["the"]]}, 'bad_words_ids is [["the"]]; it should be a whole number from 0'),
        ({"num_return_sequences": 4}, "num_return_sequences is 4 and num_beams 1"),
    ],
)
def test_a_file_with_impossible_values_is_refused_at_once(
    written: Written, engine: str, asked: dict[str, Any], said: str
) -> None:
    done = invoke("generate", "-m", written(**asked), "--engine", engine, stdin="the\n")
    assert (done.exit_code, done.stdout) == (4, "")
    assert said in done.stderr and "generation_config.json" in done.stderr
    assert "converting" not in done.stderr and "internal error" not in done.stderr


def test_a_file_that_is_no_object_is_damaged(written: Written) -> None:
    model = written()
    for content in ("[1]", "{", "null"):
        (Path(model) / "generation_config.json").write_text(content)
        done = invoke("generate", "-m", model, stdin="the\n")
        assert (done.exit_code, done.stdout) == (4, "")
        assert "generation_config.json is damaged" in done.stderr


def test_a_beam_as_wide_as_the_file_says_that_the_vocabulary_cannot_fill(written: Written) -> None:
    done = invoke("generate", "-m", written(num_beams=5000), stdin="the\n")
    assert done.exit_code == 1
    assert "with 5000 beams is wider than the vocabulary" in done.stderr and "--beams 5" in done.stderr


def test_tokens_beyond_the_vocabulary_are_never_generated_anyway(written: Written) -> None:
    model = written(suppress_tokens=[7, 99_999], bad_words_ids=[[99_999], [5, 99_999]], eos_token_id=[2, 99_999])
    assert generated(model)[0]["text"] == generated(model, "--engine", "torch")[0]["text"]
    beyond = written("beyond", begin_suppress_tokens=[99_999], encoder_no_repeat_ngram_size=1, num_beams=2)
    assert generated(beyond)
    done = invoke("generate", "-m", written("m", decoder_start_token_id=99_999), stdin="the\n")
    assert done.exit_code == 4 and "its texts begin with token 99,999" in done.stderr


@pytest.mark.parametrize("model", ["hyakunin", "mini-en-ja"])
@pytest.mark.parametrize("penalty", ["1.5", "0.8"])
def test_the_penalty_is_the_same_in_both_engines_for_models_of_our_own(model: str, penalty: str) -> None:
    lines = "It is cold and it is cold.\nI am very, very happy.\n" if model == "mini-en-ja" else "むらさめの\nあ\n"
    found = [
        [record["generated"][0]["text"] for record in run(model, "--repetition-penalty", penalty, *engine, stdin=lines)]
        for engine in ([], ["--engine", "torch"], ["--engine", "ct2"])
    ]
    assert found[0] == found[1] == found[2]


def test_a_high_penalty_leaves_no_repetition(written: Written) -> None:
    repeats = run("mini-en-ja", "--min-new-tokens", "30", "--max-new-tokens", "30", stdin="It is cold.\n")
    penalized = run(
        "mini-en-ja",
        "--min-new-tokens",
        "30",
        "--max-new-tokens",
        "30",
        "--repetition-penalty",
        "5",
        stdin="It is cold.\n",
    )
    first, second = (each[0]["generated"][0]["text"] for each in (repeats, penalized))
    assert len(set(second)) / len(second) > len(set(first)) / len(first)


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "x"])
def test_a_penalty_that_is_none_is_wrong_usage(value: str) -> None:
    done = invoke("generate", "-m", "hyakunin", "--repetition-penalty", value, stdin="あ\n")
    assert (done.exit_code, done.stdout) == (2, "")


def test_the_environment_goes_before_the_file(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    model = written(repetition_penalty=3.0)
    monkeypatch.setenv("NLPTOOL_GENERATE_REPETITION_PENALTY", "1.2")
    said = entry(model)
    assert said["repetition_penalty"] == 1.2
    assert said["generation_config"] == ["max_new_tokens"]
