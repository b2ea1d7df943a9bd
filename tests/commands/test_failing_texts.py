"""One text at which a model fails: it is an error record in its place, and all others are as they are without it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from program import invoke, records

from nlptool.models.encoders import encoder as encoders
from nlptool.models.masked import model as masked_models

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "the", "cat", "dog", "sat", "on", "mat"]
GOOD = ["the cat sat", "the dog", "on the mat"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``bert`` and ``gpt2``: an added token has no row in their embeddings; ``unlucky``, an encoder without [UNK]."""
    from tokenizers import Tokenizer, pre_tokenizers
    from tokenizers import models as tokenizer_models
    from transformers import (
        BertConfig,
        BertForPreTraining,
        BertTokenizerFast,
        GPT2Config,
        GPT2LMHeadModel,
        PreTrainedTokenizerFast,
    )  # fmt: skip

    made = tmp_path_factory.mktemp("models")
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(PIECES), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=40, initializer_range=0.5,
    )  # fmt: skip
    for name in ("bert", "unlucky"):
        BertForPreTraining(config).save_pretrained(made / name)
    (made / "bert" / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    own = BertTokenizerFast(str(made / "bert" / "vocab.txt"))
    own.add_tokens(["<extra>"])
    own.save_pretrained(made / "bert")
    words = Tokenizer(tokenizer_models.WordLevel({piece: n for n, piece in enumerate(PIECES)}))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]").save_pretrained(made / "unlucky")
    gpt2 = GPT2Config(
        vocab_size=len(PIECES), n_embd=16, n_layer=1, n_head=2, n_positions=40, eos_token_id=3, pad_token_id=0
    )
    GPT2LMHeadModel(gpt2).save_pretrained(made / "gpt2")
    words = Tokenizer(tokenizer_models.WordLevel({piece: n for n, piece in enumerate(PIECES)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", eos_token="[SEP]")
    fast.add_tokens(["<extra>"])
    fast.save_pretrained(made / "gpt2")
    return made


def errors(found: Sequence[dict[str, Any]]) -> list[str | None]:
    said = [record["nlptool"].get("error") if "nlptool" in record else None for record in found]
    return [error and error["type"] for error in said]


def lines(*texts: str) -> str:
    return "".join(f"{text}\n" for text in texts)


MAPPING = {
    "embed": (["embed"], "bert", "{}", "embedding"),
    "embed in torch": (["embed", "--engine", "torch"], "bert", "{}", "embedding"),
    "embed with workers": (["embed", "-j", "2"], "bert", "{}", "embedding"),
    "score": (["score"], "bert", "{}", "pseudo_log_likelihood"),
    "fill-mask": (["fill-mask"], "bert", "{} [MASK]", "masks"),
    "fill-mask in torch": (["fill-mask", "--engine", "torch"], "bert", "{} [MASK]", "masks"),
    "nsp": (["nsp"], "bert", "{}\tthe mat", "is_next"),
    "attention": (["attention"], "bert", "{}", "attention"),
    "attention of pairs": (["attention", "--pair"], "bert", "{}\tthe mat", "attention"),
    "generate": (["generate", "--max-new-tokens", "3"], "gpt2", "{}", "generated"),
    "generate with beams": (["generate", "--beams", "2", "--max-new-tokens", "3"], "gpt2", "{}", "generated"),
    "generate samples": (["generate", "--sample", "--max-new-tokens", "3"], "gpt2", "{}", "generated"),
    "no unknown token": (["embed"], "unlucky", "{}", "embedding"),
}


@pytest.mark.parametrize("case", MAPPING)
def test_it_fails_alone_and_its_neighbours_keep_their_results(models: Path, case: str) -> None:
    (command, *more), model, form, result = MAPPING[case]
    bad = "zebra" if model == "unlucky" else "the <extra>"
    run = [command, "-m", str(models / model), *more]
    expected = records(invoke(*run, stdin=lines(*map(form.format, GOOD))))
    done = invoke(*run, stdin=lines(*map(form.format, [*GOOD[:1], bad, *GOOD[1:], bad])))
    found = records(done, 3)
    assert [error is not None for error in errors(found)] == [False, True, False, False, True]
    for record, peer in zip((found[0], *found[2:4]), expected, strict=True):
        if case == "generate samples":  # whose seed is the number of the record
            assert record[result]
        else:
            assert_alike(record[result], peer[result])
    assert "2 of 5 records failed; the first: <stdin>:2: " in done.stderr
    assert "internal error" not in done.stderr


def assert_alike(found: Any, expected: Any) -> None:
    """Equal, but for numbers that differ by less than 1e-5."""
    if isinstance(expected, float):
        assert found == pytest.approx(expected, abs=1e-5)
    elif isinstance(expected, list | dict):
        assert len(found) == len(expected)
        places = expected if isinstance(expected, dict) else range(len(expected))
        for place in places:
            assert_alike(found[place], expected[place])
    else:
        assert found == expected


def test_commands_that_join_their_records_leave_it_out(models: Path, tmp_path: Path) -> None:
    bert, text = str(models / "bert"), lines(GOOD[0], "the <extra>", *GOOD[1:])
    found = records(invoke("similarity", "-m", bert, "-k", "1", stdin=text), 3)
    assert errors(found) == [None, "ModelFailed", None, None]
    (tmp_path / "t.txt").write_text(text)
    done = invoke("search", "-m", bert, "--corpus", str(tmp_path / "t.txt"), "the cat", "the <extra>")
    assert errors(records(done, 3)) == [None, "ModelFailed"]
    done = invoke("index", "build", "-m", bert, "-o", str(tmp_path / "index"), stdin=text)
    assert (done.exit_code, "3 vectors are in" in done.stderr) == (3, True), done.stderr
    found = records(invoke("map", "-m", bert, stdin=text), 3)
    assert errors(found) == [None, "ModelFailed", None, None]


def test_evaluations_leave_it_out_and_say_so(models: Path, tmp_path: Path) -> None:
    bert = str(models / "bert")
    text = lines(*GOOD, "the <extra>") * 3
    for command in ("mlm", "nsp"):
        done = invoke("evaluate", command, "-m", bert, "-f", "jsonl", stdin=text)
        assert done.exit_code == 3, done.stderr
        assert "3 of 12 records failed and were left out; the first: <stdin>:4: " in done.stderr
        assert json.loads(done.stdout)["model"] == bert
    pairs = "the cat\tthe dog\t1\nthe mat\tthe <extra>\t2\nthe cat\tthe mat\t3\nthe dog\ton the mat\t2\n"
    done = invoke("evaluate", "sts", "-m", bert, "-f", "jsonl", stdin=pairs)
    assert (done.exit_code, json.loads(done.stdout)["used"]) == (3, 3), done.stderr
    assert "sentences at which the model fails: 1; the first, 'the <extra>': " in done.stderr
    assert "knows no word" not in done.stderr
    done = invoke(
        "evaluate", "generation", "-m", str(models / "gpt2"), "--max-new-tokens", "3", "-f", "jsonl",
        stdin="the cat\tsat\nthe dog\tsat\nthe <extra>\tsat\n",
    )  # fmt: skip
    assert (done.exit_code, json.loads(done.stdout)["pairs"]) == (3, 2), done.stderr


def test_a_stream_ends_its_line_and_goes_on(models: Path) -> None:
    run = ["generate", "-m", str(models / "gpt2"), "--stream", "--max-new-tokens", "3"]
    expected = invoke(*run, stdin=lines("the cat", "the dog")).stdout.split("\n")
    done = invoke(*run, stdin=lines("the cat", "the <extra>", "the dog"))
    assert (done.exit_code, done.stdout.split("\n")) == (3, [expected[0], "", *expected[1:]])


def test_the_attention_of_the_first_text_that_has_some_is_drawn(models: Path, tmp_path: Path) -> None:
    picture = tmp_path / "a.svg"
    done = invoke(
        "attention", "-m", str(models / "bert"), "--plot", str(picture), stdin=lines("the <extra>", "on the mat")
    )
    assert (done.exit_code, picture.stat().st_size > 1000) == (3, True), done.stderr


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Networks in onnxruntime that fail at everything from now on; the lengths of the batches that they were given."""
    batches: list[int] = []

    def fail(_: Any, ids: Any, *__: Any) -> Any:
        batches.append(len(ids))
        raise RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : it is broken")

    monkeypatch.setattr(encoders.OnnxNetwork, "__call__", fail)
    monkeypatch.setattr(masked_models.MaskedNetwork, "__call__", fail)
    return batches


@pytest.mark.parametrize(
    ("command", "form"),
    [
        (["embed"], "{}"),
        (["similarity", "-k", "1"], "{}"),
        (["score"], "{}"),
        (["fill-mask"], "{} [MASK]"),
        (["nsp"], "{}\t{}"),
        (["evaluate", "mlm"], "{}"),
        (["evaluate", "nsp"], "{}\n{}\n{}\n\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_broken_model_ends_the_run_soon(models: Path, command: list[str], form: str, broken: list[int]) -> None:
    done = invoke(*command, "-m", "sbert-mini-ja-en" if command[0] in ("embed", "similarity") else "bert-mini-ja",
                  stdin=lines(*[form.replace("{}", "猫がいる。")] * 500))  # fmt: skip
    assert (done.exit_code, done.stdout) == (4, ""), done.stderr
    assert "cannot be run: it is broken" in done.stderr
    assert len(broken) <= 3


def test_lack_of_memory_is_no_texts_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(encoders.OnnxNetwork, "__call__", fail)
    done = invoke("embed", stdin="猫\n犬\n")
    assert (done.exit_code, done.stdout) == (1, "")
