"""The log-likelihood of texts against plain loops: over the network of transformers, and token by token over our own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import generation_models
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from program import Invoke

from nlptool.errors import ModelError, RecordError
from nlptool.models.generation import likelihood, loading
from nlptool.models.generation.generator import Generator
from nlptool.specs import GeneratorSpec

TEXTS = [*generation_models.TEXTS, "猫", "The cat 猫が 😀 眠る。"]
LONG = "The man plays a large flute, and the cat is sleeping. 猫が魚を食べる。" * 8


@pytest.fixture(scope="module")
def gpt(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Any]:
    folder = tmp_path_factory.mktemp("gpt2")
    return (folder, *generation_models.save("gpt2", folder))


def opened(folder: Path, engine: str = "torch", **more: Any) -> Generator:
    return loading.load(GeneratorSpec(str(folder), engine=engine, needs="scoring", device="cpu", threads=1, **more))


@torch.inference_mode()
def plainly(network: Any, ids: list[int]) -> NDArray[np.float64]:
    """The log-probability of each token but the first, of the whole text at once."""
    logits = network(torch.tensor([ids[:-1]])).logits[0].double()
    return logits.log_softmax(-1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0].numpy()


@pytest.mark.parametrize("engine", ["torch", "ct2", "numpy"])
@pytest.mark.parametrize("batch_tokens", [1, 64, 4096])
def test_tokens_have_the_log_probabilities_of_the_plain_network(
    gpt: tuple[Path, Any, Any], engine: str, batch_tokens: int
) -> None:
    folder, network, tokenizer = gpt
    model = opened(folder, engine, batch_tokens=batch_tokens)
    for text, found in zip(TEXTS, likelihood.of_texts(model, TEXTS), strict=True):
        ids = tokenizer(text, add_special_tokens=False).input_ids
        assert found.ids == ids
        assert found.log_probabilities == pytest.approx(plainly(network, [tokenizer.bos_token_id, *ids]), abs=2e-4)
        assert found.end is None
        assert found.total == pytest.approx(found.log_probabilities.sum())


def test_the_end_is_one_token_more(gpt: tuple[Path, Any, Any]) -> None:
    folder, network, tokenizer = gpt
    (found,) = likelihood.of_texts(opened(folder), TEXTS[:1], end=True)
    ids = [tokenizer.bos_token_id, *tokenizer(TEXTS[0]).input_ids, tokenizer.eos_token_id]
    expected = plainly(network, ids)
    assert found.end == pytest.approx(expected[-1], abs=1e-4)
    assert found.total == pytest.approx(expected.sum(), abs=1e-3)
    assert found.n_scored == len(ids) - 1


@pytest.mark.parametrize(("room", "stride"), [(None, None), (16, None), (16, 1), (16, 15), (8, 1), (1000, 7)])
def test_a_long_text_is_read_in_windows(gpt: tuple[Path, Any, Any], room: int | None, stride: int | None) -> None:
    folder, network, tokenizer = gpt
    (found,) = likelihood.of_texts(opened(folder), [LONG], room=room, stride=stride)
    ids = [tokenizer.bos_token_id, *tokenizer(LONG).input_ids]
    window = min(room or generation_models.POSITIONS, generation_models.POSITIONS)
    step = stride or window // 2
    expected = plainly(network, ids[: window + 1]).tolist()
    while len(expected) < len(ids) - 1:  # each next window is a plain text that ends some tokens later
        end = min(len(ids), len(expected) + 1 + step)
        of_window = plainly(network, ids[end - 1 - window : end])
        expected += of_window[len(expected) + 1 - end :].tolist()
    assert found.window == window
    assert found.log_probabilities == pytest.approx(np.array(expected), abs=2e-4)


def test_a_text_that_just_fits_has_no_window(gpt: tuple[Path, Any, Any]) -> None:
    folder, _, tokenizer = gpt
    n_tokens = len(tokenizer(TEXTS[3]).input_ids)
    model = opened(folder)
    assert (
        likelihood.of_texts(model, TEXTS[3:4], room=n_tokens)[0].window is None
    )  # the last token is scored, and not read
    assert likelihood.of_texts(model, TEXTS[3:4], room=n_tokens - 1)[0].window == n_tokens - 1


@pytest.mark.parametrize("engine", ["torch", "ct2"])
def test_the_sum_is_the_log_probability_of_what_was_generated(gpt: tuple[Path, Any, Any], engine: str) -> None:
    from nlptool.models.generation.decoding import Decoding

    folder, _, tokenizer = gpt
    model = opened(folder, engine)
    sources = [source.ids for source in model.tokenize(TEXTS)]
    outputs = model.generate(model.tokenize(TEXTS), Decoding(max_new_tokens=12))
    targets = []
    for (output,) in outputs:
        ends = [tokenizer.eos_token_id] if output.finish_reason == "stop" else []
        targets.append([*output.ids, *ends])
    for found, (output,) in zip(model.score(sources, targets), outputs, strict=True):
        assert found.sum() == pytest.approx(output.log_probability, abs=2e-3)


@pytest.mark.parametrize("kind", ["t5", "bart", "marian", "mbart"])
@pytest.mark.parametrize("engine", ["torch", "ct2"])
def test_a_target_has_the_log_probability_with_which_it_was_generated(kind: str, engine: str, tmp_path: Path) -> None:
    from nlptool.models.generation.decoding import Decoding

    generation_models.save(kind, tmp_path)
    spoken = generation_models.SPOKEN.get(kind, (None, None))
    model = opened(tmp_path, engine, source_lang=spoken[0], target_lang=spoken[1])
    sources = model.tokenize(TEXTS)
    outputs = model.generate(sources, Decoding(max_new_tokens=8))
    end = list(model.constraints.end_ids[:1])
    targets = [[*output.ids, *(end if output.finish_reason == "stop" else [])] for (output,) in outputs]
    scored = model.score([source.ids for source in sources], targets)
    for found, target, (output,) in zip(scored, targets, outputs, strict=True):
        assert len(found) == len(target)
        assert found.sum() == pytest.approx(output.log_probability, abs=2e-3)


def test_of_targets_those_that_cannot_be_scored_fail_alone(tmp_path: Path) -> None:
    generation_models.save("bart", tmp_path)
    model = opened(tmp_path)
    good, long, empty = likelihood.of_targets(model, ["a cat", "a cat", "a cat"], ["a dog", LONG, ""])
    assert isinstance(good, likelihood.Likelihood)
    assert good.end is not None
    assert isinstance(long, RecordError)
    assert "the model has room for 95" in long.message
    assert isinstance(empty, likelihood.Likelihood)
    assert empty.n_scored == 1  # the end


def test_what_stands_before_is_not_counted(gpt: tuple[Path, Any, Any]) -> None:
    folder, network, tokenizer = gpt
    (found,) = likelihood.of_texts(opened(folder), ["猫が魚を食べる。"])
    rest = found.behind(4)
    ids = [tokenizer.bos_token_id, *tokenizer("猫が魚を食べる。").input_ids]
    kept = [place for place, (_, end) in enumerate(found.places) if end > 4]
    assert rest.total == pytest.approx(plainly(network, ids)[kept].sum(), abs=1e-3)
    assert rest.places[-1] == (3, 4)


ARCHITECTURES = ["ngram", "feedforward", "rnn", "lstm", "gru"]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, invoke: Invoke) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("lm")
    corpus = "".join(f"{line}\n" for line in generation_models.LINES[:40])

    def trained(name: str) -> Path:
        sizes = ["--max-steps", "4", "--hidden-size", "16", "--context", "8", "--batch-size", "4", "--threads", "1"]
        options = ["--order", "3"] if name == "ngram" else [*sizes, "--device", "cpu"]
        target = folder / name
        if not target.is_dir():
            result = invoke("train", "lm", "--architecture", name, *options, "-o", str(target), stdin=corpus)
            assert result.exit_code == 0, result.stderr
        return target

    return trained


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_our_models_score_as_they_generate_token_by_token(name: str, ours: Callable[[str], Path]) -> None:
    model = opened(ours(name))
    texts = ["猫が魚を食べる。", "a", LONG * 3]
    engine: Any = model._engine
    for found, line in zip(likelihood.of_texts(model, texts, end=True), model.place(texts), strict=True):
        tokens = [*line.ids, model.constraints.end_ids[0]]
        expected = []
        logits, state = engine._network.begin([model.begin])
        for token in tokens:
            expected.append(float(logits.double().log_softmax(-1)[0, token]))
            logits, state = engine._network.step(torch.tensor([token]), state)
        assert [*found.log_probabilities, found.end] == pytest.approx(expected, abs=1e-4)
        assert found.window is None


def test_the_end_is_refused_where_there_is_none(tmp_path: Path) -> None:
    generation_models.save("gpt2", tmp_path, eos_token_id=None)
    model = opened(tmp_path)
    if model.constraints.end_ids:
        pytest.skip("the tokenizer names an end")
    with pytest.raises(ModelError, match="has no token for the end"):
        likelihood.of_texts(model, ["a"], end=True)
