"""A model by its spec, without a command line: it leaves nothing behind in the process, and answers any thread."""

from __future__ import annotations

import dataclasses
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import sentence_transformers  # noqa: F401  the libraries set variables of the environment when they are imported
import torch

import nlptool.models.runtime.onnx  # noqa: F401  and so does this one
from nlptool.models.generation.decoding import Decoding
from nlptool.specs import AttentionSpec, EncoderSpec, GeneratorSpec, MaskedModelSpec, WordVectorsSpec
from nlptool.tasks.open_model import locate_model, open_model

TEXTS = ["猫が魚を食べる。", "It is raining.", "長い文。" * 300]


def embed(model: Any) -> Any:
    return model.encode(TEXTS).vectors


def neighbors(model: Any) -> Any:
    return model.nearest(model.unit([3, 5]), 4)


def logits(model: Any) -> Any:
    tokenized = model.texts.tokenize(["猫は[MASK]である。"])[0]
    position = tokenized.ids.index(model.texts.mask_id)
    return dict(model.logits([model.texts.model_input(tokenized.ids, positions=[position])]))[0]


def attend(model: Any) -> Any:
    return [weights for _, weights in model.weights([reading.row for reading in model.read(TEXTS[:2])])]


def write(model: Any) -> Any:
    return [output.text for (output,) in model.generate(model.tokenize(["むらさめの", "ひ"]), Decoding(beams=2))]


def draw(model: Any) -> Any:
    decoding = Decoding(sample=True)
    return [output.text for (output,) in model.generate(model.tokenize(["むらさめの"]), decoding, seeds=[[1]])]


def stream(model: Any) -> Any:
    return [str(part) for part in model.stream(model.tokenize(["むらさめの"])[0], Decoding())]


CASES: list[tuple[Any, Callable[[Any], Any]]] = [
    (EncoderSpec("sbert-mini-ja-en", threads=1), embed),
    (EncoderSpec("sbert-mini-ja-en", threads=1, chunk=True, max_length=16), embed),
    (EncoderSpec("sbert-mini-ja-en", threads=1, engine="torch"), embed),
    (EncoderSpec("static-ja-en", threads=1), embed),
    (EncoderSpec("aozora-100d"), embed),
    (WordVectorsSpec("aozora-100d"), neighbors),
    (MaskedModelSpec("bert-mini-ja", threads=1), logits),
    (MaskedModelSpec("bert-mini-ja", threads=1, engine="torch"), logits),
    (AttentionSpec("bert-mini-ja", threads=1), attend),
    (GeneratorSpec("hyakunin", threads=1), write),
    (GeneratorSpec("hyakunin", threads=1), stream),
    (GeneratorSpec("hyakunin", threads=1, engine="torch"), stream),
    (GeneratorSpec("hyakunin", threads=1, needs="sampling"), draw),
]


def state() -> dict[str, Any]:
    """What belongs to the whole process."""
    return {
        "environment": dict(os.environ),
        "threads": torch.get_num_threads(),
        "streams": (sys.stdout, sys.stderr, sys.stdin),
        "logging": (logging.root.manager.disable, logging.root.level, list(logging.root.handlers)),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "grad": torch.is_grad_enabled(),
    }


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    """A number that no spec here asks for."""
    usual = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(usual)


def in_thread(ask: Callable[[Any], Any], model: Any) -> Any:
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(ask(model)))
    thread.start()
    thread.join()
    return answers[0]


@pytest.mark.parametrize(("spec", "ask"), CASES, ids=[f"{type(spec).__name__}-{ask.__name__}" for spec, ask in CASES])
def test_an_open_model_answers_twice_and_from_two_threads_and_leaves_no_trace(
    spec: Any, ask: Callable[[Any], Any]
) -> None:
    before = state()
    model = open_model(spec)
    assert state() == before
    first = ask(model)
    assert state() == before
    for answer in (ask(model), in_thread(ask, model), in_thread(ask, model), ask(open_model(spec))):
        assert len(answer) == len(first)
        assert all(map(np.array_equal, answer, first))
    assert state() == before


def test_a_refusal_leaves_no_trace() -> None:
    before = state()
    for spec in (EncoderSpec("nowhere"), MaskedModelSpec("hyakunin"), GeneratorSpec("static-ja-en")):
        with pytest.raises(Exception, match=r"no model|is a model for"):
            open_model(spec)
    assert state() == before


def test_specs_are_values_that_a_pool_can_use_as_keys() -> None:
    kinds = (EncoderSpec, MaskedModelSpec, AttentionSpec, GeneratorSpec, WordVectorsSpec)
    assert len({kind("a") for kind in kinds} | {kind("a") for kind in kinds}) == len(kinds)
    for kind in kinds:
        spec = kind("a")
        with pytest.raises(dataclasses.FrozenInstanceError):
            spec.model = "b"  # type: ignore[misc]
        for field in dataclasses.fields(spec):
            assert dataclasses.replace(spec, **{field.name: "other"}) != spec


def test_workers_share_the_processors_unless_the_spec_names_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlptool.machine.processors", lambda: 8)
    assert locate_model(EncoderSpec("static-ja-en"), workers=4).spec.threads == 2
    assert locate_model(EncoderSpec("static-ja-en"), workers=16).spec.threads == 1
    assert locate_model(EncoderSpec("static-ja-en", threads=3), workers=4).spec.threads == 3
