"""``train lm`` and what it trains: every architecture generates, from nothing too, and its folder is what it is said to be."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from program import Invoke

TINY = ["--threads", "1", "--device", "cpu"]
SIZES = ["--max-steps", "12", "--hidden-size", "16", "--context", "8", "--batch-size", "4", "--evaluations", "2"]
TEXT = (
    "春はあけぼの。やうやう白くなりゆく山ぎは。\n夏は夜。月のころはさらなり。\n\n" * 6
    + "秋は夕暮れ。\n冬はつとめて。\n"
)
ARCHITECTURES = ["ngram", "feedforward", "rnn", "lstm", "gru", "transformer"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, invoke: Invoke) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in ARCHITECTURES:
        options = ["--order", "3"] if name == "ngram" else [*TINY, *SIZES]
        result = invoke("train", "lm", "--architecture", name, *options, "-o", str(folder / name), stdin=TEXT)
        assert result.exit_code == 0, result.stderr
        assert "bits per character" in result.stderr
        assert result.stderr.count("it writes: ") == (0 if name == "ngram" else 2)
    return folder


def generated(invoke: Invoke, model: Path, text: str, *options: str) -> list[dict[str, Any]]:
    result = invoke("generate", "-m", str(model), "--threads", "1", *options, stdin=text)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_what_a_text_is_continued_with_does_not_depend_on_its_neighbours(
    name: str, models: Path, invoke: Invoke
) -> None:
    options = ["--max-new-tokens", "6", "--sample", "--temperature", "0.8", "--num-return", "2"]
    found = generated(invoke, models / name, "春は\n夏は夜\n春\n", *options)
    for number, text in enumerate(("春は", "夏は夜", "春")):
        before = "\n" * number  # the number of a record is part of its seed
        alone = generated(invoke, models / name, f"{before}{text}\n", *options)[number]
        assert [each["text"] for each in alone["generated"]] == [each["text"] for each in found[number]["generated"]]
        probabilities = [[each["log_probability"] for each in record["generated"]] for record in (alone, found[number])]
        assert probabilities[0] == pytest.approx(probabilities[1], abs=1e-4)
        assert len(probabilities[0]) == 2
        assert max(probabilities[0]) < 0


@pytest.mark.parametrize("name", ["ngram", "feedforward", "rnn", "lstm", "gru"])
def test_an_empty_line_is_continued_from_nothing(name: str, models: Path, invoke: Invoke) -> None:
    (record,) = generated(invoke, models / name, "\n", "--max-new-tokens", "4")
    assert record["generated"][0]["text"]
    assert record["nlptool"]["generate"]["n_tokens"] == 1


def test_the_manifest_tells_the_corpus_and_the_scores(models: Path) -> None:
    for name in ARCHITECTURES:
        about = json.loads((models / name / "lm.json").read_text(encoding="utf-8"))
        assert about["shape"]["architecture"] == name
        assert (about["n_documents"], about["n_dev_documents"]) == (7, 1)  # the end of one of them
        scores = about["scores"]
        assert scores["perplexity"] == pytest.approx(math.exp(scores["loss"]), rel=1e-3)
        assert (models / name / "README.md").read_text(encoding="utf-8").count("word perplexity") == 1


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_whoever_may_read_the_folder_may_read_its_files(name: str, models: Path) -> None:
    folder = models / name
    allowed = folder.stat().st_mode & 0o666
    assert {path.name: path.stat().st_mode & 0o666 for path in folder.iterdir()} == {
        path.name: allowed for path in folder.iterdir()
    }


def test_transformers_loads_the_gpt_and_continues_as_generate_does(models: Path, invoke: Invoke) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(models / "transformer")
    network = AutoModelForCausalLM.from_pretrained(models / "transformer").eval()
    assert type(network).__name__ == "GPT2LMHeadModel"
    inputs = tokenizer("春は", return_tensors="pt")
    assert inputs["input_ids"][0, 0] == tokenizer.eos_token_id
    with torch.inference_mode():
        expected = network.generate(**inputs, max_new_tokens=4, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    (record,) = generated(invoke, models / "transformer", "春は\n", "--max-new-tokens", "4")
    assert record["generated"][0]["text"] == tokenizer.decode(expected, skip_special_tokens=True)


def test_the_log_probability_of_n_grams_is_that_of_the_model(models: Path, invoke: Invoke) -> None:
    from nlptool.models.language import folder as language_folder
    from nlptool.models.seq2seq.config import BOS

    model = language_folder.read(models / "ngram")
    (record,) = generated(invoke, models / "ngram", "夏は\n", "--max-new-tokens", "5")
    best = record["generated"][0]
    before, after = (line.ids for line in model.vocabulary.tokenize(["夏は", best["text"]]))
    scores = model.ngrams().score(np.array([BOS, *before, *after]))
    ends = best["finish_reason"] == "stop"
    end = float(np.log(model.ngrams().distribution([*before, *after])[2])) if ends else 0.0
    assert best["log_probability"] == pytest.approx(float(scores[1 + len(before) :].sum()) + end, abs=1e-4)


def test_a_vocabulary_of_another_model_is_refused(models: Path, invoke: Invoke, tmp_path: Path) -> None:
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(models / "lstm", broken)
    content = json.loads((broken / "config.json").read_text(encoding="utf-8"))
    (broken / "config.json").write_text(
        json.dumps(content | {"vocab_size": content["vocab_size"] + 1}), encoding="utf-8"
    )
    result = invoke("generate", "-m", str(broken), stdin="春は\n")
    assert result.exit_code != 0
    assert "its vocabulary.json holds" in result.stderr


def test_the_vocabulary_of_another_model_is_taken_as_it_is(models: Path, invoke: Invoke, tmp_path: Path) -> None:
    common = ["train", "lm", *TINY, "--max-steps", "1", "--hidden-size", "8", "--dev", "0", "--vocabulary"]
    result = invoke(*common, str(models / "ngram"), "-o", str(tmp_path / "gru"), stdin="春夏龍。\n")
    assert result.exit_code == 0, result.stderr
    assert "characters to learn from that the vocabulary lacks: 1 (25.00%)" in result.stderr
    before, after = ((folder / "vocabulary.json").read_bytes() for folder in (models / "ngram", tmp_path / "gru"))
    assert after == before
    result = invoke(*common, str(models / "ngram"), "--vocab-size", "9", "-o", str(tmp_path / "other"), stdin="春\n")
    assert "--vocabulary makes no use of --vocab-size" in result.stderr
    result = invoke(*common, str(tmp_path), "-o", str(tmp_path / "other"), stdin="春\n")
    assert result.exit_code == 4
    assert "has no vocabulary.json" in result.stderr


def test_a_vocabulary_of_the_same_size_but_another_model_is_refused(
    models: Path, invoke: Invoke, tmp_path: Path
) -> None:
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(models / "gru", broken)
    path = broken / "vocabulary.json"
    content = path.read_text(encoding="utf-8")
    assert "夏" in content
    path.write_text(content.replace("夏", "犬"), encoding="utf-8")
    result = invoke("generate", "-m", str(broken), stdin="春は\n")
    assert result.exit_code == 4
    assert "its vocabulary.json is of another model, or was changed" in result.stderr


def test_a_gpt_of_mecabs_words_is_refused_before_the_training(invoke: Invoke, tmp_path: Path) -> None:
    run = ["train", "lm", "--architecture", "transformer", "--token-unit", "words", "--heads", "2", *TINY, *SIZES]
    result = invoke(*run, "-o", str(tmp_path / "m"), stdin=TEXT)
    assert result.exit_code == 1
    assert "transformers has no tokenizer for a GPT with the words of MeCab" in result.stderr
    assert "steps: " not in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--architecture", "transformer", "--embedding-size", "8"], "makes no use of --embedding-size"),
        (["--architecture", "transformer", "--context", "2"], "--architecture transformer needs --context 3 or more"),
        (["--architecture", "ngram", "--save-dtype", "float16"], "makes no use of --save-dtype"),
        (["--architecture", "ngram", "--plot", "x.png"], "makes no use of --plot"),
        (["--architecture", "ngram", "--order", "0"], "0 is not in the range"),
        (["--architecture", "ngram", "--order", "21"], "21 is not in the range"),
    ],
)
def test_options_without_effect_and_out_of_range_are_wrong_usage(
    options: list[str], said: str, invoke: Invoke, tmp_path: Path
) -> None:
    result = invoke("train", "lm", *options, "-o", str(tmp_path / "m"), stdin=TEXT)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("order", [1, 20])
def test_the_shortest_and_the_longest_n_grams_write(order: int, invoke: Invoke, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    invoke("train", "lm", "--architecture", "ngram", "--order", str(order), "-o", str(folder), stdin=TEXT)
    (record,) = generated(invoke, folder, "夏は\n", "--max-new-tokens", "4")
    assert len(record["generated"][0]["text"]) == (4 if order == 20 else len(record["generated"][0]["text"]))
    assert record["generated"][0]["log_probability"] < 0


@pytest.mark.parametrize(("name", "is_said"), [("feedforward", True), ("lstm", False)])
def test_a_context_longer_than_the_corpus_is_said(name: str, is_said: bool, invoke: Invoke, tmp_path: Path) -> None:
    sizes = ["--max-steps", "2", "--hidden-size", "8", "--context", "500", "--batch-size", "2"]
    result = invoke(
        "train",
        "lm",
        "--architecture",
        name,
        *TINY,
        *sizes,
        "--dev",
        "0",
        "-o",
        str(tmp_path / "m"),
        stdin="いろはに\n",
    )
    assert result.exit_code == 0, result.stderr
    assert "of 2 runs of up to 3 tokens each" in result.stderr
    assert ("--context 500 is longer than the 3 tokens of each of the 2 streams" in result.stderr) == is_said


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("あ\n", [], "the corpus is too short to hold out"),
        ("あ\n", ["--context", "500"], "done; nothing was held out"),
        (
            "".join(map(chr, range(0x4E00, 0x4E00 + 20_000))) + "\n",
            ["--vocab-size", "100"],
            "that the vocabulary lacks",
        ),
    ],
)
def test_strange_corpora(text: str, options: list[str], said: str, invoke: Invoke, tmp_path: Path) -> None:
    result = invoke(
        "train", "lm", *TINY, "--max-steps", "2", "--hidden-size", "8", *options, "-o", str(tmp_path / "m"), stdin=text
    )
    assert result.exit_code == 0, result.stderr
    assert said in result.stderr


def test_json_records_are_documents_and_a_file_can_be_one(invoke: Invoke, tmp_path: Path) -> None:
    records = "".join(json.dumps({"text": text}) + "\n" for text in ("a b\nc", "d e", "f g h"))
    run = ["train", "lm", "--architecture", "ngram", "--dev", "0"]
    result = invoke(*run, "-o", str(tmp_path / "json"), stdin=records)
    assert "documents: 3, of 13 characters" in result.stderr
    (tmp_path / "code.c").write_text("int a;\n\nint b;\n", encoding="utf-8")
    result = invoke(*run, "--unit", "document", "-o", str(tmp_path / "code"), str(tmp_path / "code.c"))
    assert "documents: 1, of 14 characters" in result.stderr
