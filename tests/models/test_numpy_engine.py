"""Small GPT-2s in numpy: the same texts as in torch, without importing it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import generation_models as models
import numpy as np
import pytest
import torch

from nlptool.errors import ModelError
from nlptool.models.generation import loading, needs, numpy_arrays, sampling
from nlptool.models.generation.decoding import Decoding, Hypothesis
from nlptool.models.generation.generator import Generator
from nlptool.specs import GeneratorSpec

TEXTS = [*models.TEXTS, "猫", "A plane is taking off. " * 3, ""]
SEEDS = [[7, number] for number in range(len(TEXTS))]
DECODINGS = [
    Decoding(),
    Decoding(repetition_penalty=1.3, no_repeat_ngram=2, min_new_tokens=5),
    Decoding(sample=True),
    Decoding(sample=True, temperature=0.7, top_k=20, n_return=3),
    Decoding(sample=True, top_p=0.8, repetition_penalty=1.2),
    Decoding(sample=True, top_k=1),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random GPT-2, one of whose frequent tokens ends its texts."""
    folder = tmp_path_factory.mktemp("gpt2")
    network, own = models.save("gpt2", folder)
    ids = torch.tensor([own(models.TEXTS[0]).input_ids])
    said = network.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=9)[0].tolist()
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"eos_token_id": [2, said[-1]]}))
    return folder


def opened(folder: Path, decoding: Decoding, engine: str = "auto", **more: Any) -> Generator:
    return loading.locate(
        GeneratorSpec(str(folder), engine=engine, needs=needs.of(decoding), **{"threads": 1} | more)
    ).open()


def said(generator: Generator, decoding: Decoding, texts: Sequence[str] = TEXTS) -> list[list[Any]]:
    found = generator.generate(generator.tokenize(texts), replace(decoding, max_new_tokens=20), seeds=SEEDS)
    return [[(output.ids, output.text, output.finish_reason) for output in outputs] for outputs in found]


@pytest.mark.parametrize("decoding", DECODINGS)
def test_texts_are_those_of_torch_token_for_token(decoding: Decoding, folder: Path) -> None:
    ours, theirs = opened(folder, decoding), opened(folder, decoding, "torch")
    assert (ours.engine, theirs.engine) == ("numpy", "torch")
    expected = said(theirs, decoding)
    assert said(ours, decoding) == expected
    assert {reason for outputs in expected for _, _, reason in outputs} == {"stop", "length"}
    limited = replace(decoding, max_new_tokens=20)
    for one, other in zip(
        *(engine.generate(engine.tokenize(TEXTS), limited, seeds=SEEDS) for engine in (ours, theirs)), strict=True
    ):
        for output, reference in zip(one, other, strict=True):
            assert output.log_probability == pytest.approx(reference.log_probability, abs=1e-3)


@pytest.mark.parametrize("decoding", DECODINGS)
def test_a_text_gets_the_same_alone_and_from_threads_of_its_own(decoding: Decoding, folder: Path) -> None:
    together = said(opened(folder, decoding), decoding)
    each = opened(folder, decoding, deterministic=True)
    assert said(each, decoding) == together
    many = opened(folder, decoding, threads=3)
    sources = many.tokenize(TEXTS * 6)
    found = many.generate(sources, replace(decoding, max_new_tokens=20), seeds=SEEDS * 6)
    ids = [[output.ids for output in outputs] for outputs in found]
    assert ids == 6 * [[each_ids for each_ids, _, _ in outputs] for outputs in together]


@pytest.mark.parametrize("decoding", [Decoding(), Decoding(sample=True, top_p=0.8)])
def test_what_is_streamed_is_what_is_generated(decoding: Decoding, folder: Path) -> None:
    generator = opened(folder, decoding)
    expected = said(generator, decoding)
    limited = replace(decoding, max_new_tokens=20)
    for source, seed, outputs in zip(generator.tokenize(TEXTS), SEEDS, expected, strict=True):
        *parts, output = generator.stream(source, limited, seed=seed)
        assert isinstance(output, Hypothesis)
        assert [(output.ids, "".join(map(str, parts)), output.finish_reason)] == outputs


def test_a_text_of_nothing_begins_with_the_first_token_in_every_engine(folder: Path) -> None:
    found = []
    for engine in ("numpy", "torch", "ct2"):
        generator = opened(folder, Decoding(), engine)
        (source,) = generator.tokenize([""])
        assert (source.ids, source.n_tokens, generator.begins_empty) == ([0], 1, True)
        found.append(said(generator, Decoding(), [""]))
    assert found[0] == found[1] == found[2]
    assert found[0][0][0][0]


@pytest.mark.parametrize(
    ("decoding", "engine"),
    [(Decoding(beams=2), "ct2"), (Decoding(beams=2, no_repeat_ngram=2), "torch"), (Decoding(), "numpy")],
)
def test_beams_go_where_they_went(decoding: Decoding, engine: str, folder: Path) -> None:
    assert loading.locate(GeneratorSpec(str(folder), needs=needs.of(decoding))).engine == engine


def test_attention_is_torchs_and_larger_models_are_ctranslate2s(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert loading.locate(GeneratorSpec(str(folder), needs=needs.ATTENTION)).engine == "torch"
    monkeypatch.setattr(loading, "_MOST_OF_NUMPY", 1000)
    assert loading.locate(GeneratorSpec(str(folder), needs=needs.GREEDY)).engine == "ct2"
    assert loading.locate(GeneratorSpec(str(folder), needs=needs.GREEDY, engine="numpy")).engine == "numpy"


@pytest.mark.parametrize("wanted", [needs.SEARCH, needs.SCORES, needs.EXTRAS, needs.ATTENTION])
def test_what_numpy_cannot_do_is_refused_where_it_alone_is_wanted(wanted: str, folder: Path) -> None:
    with pytest.raises(ModelError, match="numpy does greedy search, sampling and scoring alone"):
        loading.locate(GeneratorSpec(str(folder), needs=wanted, engine="numpy"))


def test_a_model_that_numpy_cannot_run_is_refused_or_goes_elsewhere(folder: Path, tmp_path: Path) -> None:
    models.save("gpt-neox", tmp_path)
    with pytest.raises(ModelError, match="does not run in numpy: it is no GPT-2"):
        loading.locate(GeneratorSpec(str(tmp_path), needs=needs.SAMPLING, engine="numpy"))
    assert loading.locate(GeneratorSpec(str(tmp_path), needs=needs.SAMPLING)).engine == "torch"


def test_no_torch_and_no_transformers_is_imported(folder: Path) -> None:
    code = (
        "import sys; from nlptool.cli.main import main\n"
        "sys.argv = ['nlptool', 'generate', '-m', sys.argv[1], '--sample', '--max-new-tokens', '5', '-f', 'text', '-q']\n"
        "try: main()\n"
        "except SystemExit as end: code = end.code\n"
        "heavy = {'torch', 'transformers', 'ctranslate2', 'onnxruntime', 'sentencepiece', 'scipy', 'sklearn'}\n"
        "print(code, sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], input="A plane\n", capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1].endswith(" []"), done.stdout + done.stderr


@pytest.mark.parametrize(
    "decoding",
    [
        Decoding(sample=True),
        Decoding(sample=True, temperature=0.3, top_k=5),
        Decoding(sample=True, top_p=0.9),
        Decoding(sample=True, top_p=0.5, top_k=30, temperature=2.0),
        Decoding(sample=True, top_p=1e-9),
    ],
)
def test_tokens_are_filtered_and_drawn_as_in_torch(decoding: Decoding) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (200, 97)).astype(np.float32)
    logits[:20] = np.round(logits[:20])  # tokens that are equally probable
    logits[20:40, rng.integers(0, 97, 60)] = -np.inf
    uniform = rng.random(200)
    uniform[:2] = 0, 1 - 1e-16
    expected = sampling.filter_logits(torch.from_numpy(logits), decoding)
    found = numpy_arrays.filter_logits(logits, decoding)
    np.testing.assert_array_equal(np.isneginf(found), np.isneginf(expected.numpy()))
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-6)
    tokens = numpy_arrays.sample(found, uniform)
    assert tokens.tolist() == sampling.sample(expected, torch.from_numpy(uniform)).tolist()


def test_if_every_token_is_excluded_nothing_is_warned_of() -> None:
    logits = np.full((2, 5), -np.inf, np.float32)
    decoding = Decoding(sample=True, top_p=0.5, top_k=2)
    tokens = numpy_arrays.sample(numpy_arrays.filter_logits(logits, decoding), np.array([0.1, 0.9]))
    assert np.isneginf(logits[[0, 1], tokens]).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_logits_that_are_no_numbers_are_refused(value: float) -> None:
    logits = np.zeros((2, 5), np.float32)
    logits[1, 2] = value
    with pytest.raises(ModelError, match="the model gives no numbers"):
        numpy_arrays.NumpyArrays().normalizers(logits)
