"""A text ends before a stop text, in every engine: as the text without one does, cut."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import generation_models as models
import numpy as np
import pytest

from nlptool.errors import RunError, WrongUsage
from nlptool.models.generation import loading, needs
from nlptool.models.generation.ct2_backend import Ct2Engine
from nlptool.models.generation.decoding import Decoding, Hypothesis
from nlptool.models.generation.generator import GeneratedText, Generator
from nlptool.models.generation.model_settings import ModelSettings
from nlptool.models.generation.resolving import resolve
from nlptool.models.generation.tokenizer import Source
from nlptool.models.language import folder as language_folder
from nlptool.models.language.config import NGRAM, LanguageConfig
from nlptool.models.language.networks import new
from nlptool.models.runtime.batching import pack
from nlptool.models.seq2seq.config import BOS, EOS
from nlptool.specs import DecodingSpec, GeneratorSpec
from nlptool.training.language import kneser_ney
from nlptool.training.seq2seq import vocabulary as vocabularies

N_TOKENS = 24
SAMPLE, GREEDY = Decoding(sample=True, max_new_tokens=N_TOKENS), Decoding(max_new_tokens=N_TOKENS)
ENGINES = [
    ("gpt2", "numpy", GREEDY), ("gpt2", "numpy", SAMPLE), ("gpt2", "torch", SAMPLE), ("gpt2", "ct2", GREEDY),
    ("gpt2", "ct2", replace(GREEDY, repetition_penalty=1.3)), ("t5", "ct2", GREEDY), ("t5", "torch", SAMPLE),
    ("nllb", "ct2", replace(GREEDY, no_repeat_ngram=2)), ("lstm", "torch", SAMPLE), ("ngram", "torch", SAMPLE),
]  # fmt: skip
IDS = [f"{kind}-{engine}-{number}" for number, (kind, engine, _) in enumerate(ENGINES)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``folders(kind)``: a small random model, made once."""
    root = tmp_path_factory.mktemp("models")

    def make(kind: str) -> Path:
        folder = root / kind
        if folder.is_dir():
            return folder
        folder.mkdir()
        if kind in models.KINDS:
            models.save(kind, folder)
            return folder
        vocabulary = vocabularies.learn(models.LINES, unit="characters", size=400)
        config = LanguageConfig(kind, len(vocabulary), hidden_size=16, embedding_size=16, tied=True, context=3)
        if kind == NGRAM:
            rows = [np.array([*line.ids, EOS]) for line in vocabulary.tokenize([line for line in models.LINES if line])]
            counted = kneser_ney.estimate(rows, len(vocabulary), begin=BOS, end=EOS, order=3, min_counts=[1, 1, 1])
            language_folder.write_ngrams(folder, counted, config, vocabulary)
        else:
            weights = {name: 3 * tensor.detach().numpy() for name, tensor in new(config).state_dict().items()}
            language_folder.write(folder, weights, config, vocabulary)
        return folder

    return make


def opened(folder: Path, engine: str, decoding: Decoding) -> Generator:
    spoken = dict(zip(("source_lang", "target_lang"), models.SPOKEN.get(folder.name, ()), strict=False))
    return loading.locate(
        GeneratorSpec(str(folder), engine=engine, threads=2, needs=needs.of(decoding), **spoken)
    ).open()


def answers(generator: Generator, decoding: Decoding, sources: Sequence[Source]) -> list[GeneratedText]:
    found = generator.generate(sources, decoding, seeds=[[3, number] for number in range(len(sources))])
    return [texts[0] for texts in found]


def generator_order(
    generator: Generator, sources: Sequence[Source], outputs: Sequence[GeneratedText]
) -> list[GeneratedText]:
    """The outputs in the order in which the engine is given their sources, which is by length and by limits."""
    groups = generator._group_by_limits(sources, GREEDY)
    return [
        outputs[indices[place]]
        for _, indices in groups
        for places in pack([len(sources[index].ids) for index in indices], generator._budget)
        for place in places
    ]


def some_stops(text: str) -> list[str]:
    """Texts of one to four characters that a text holds."""
    stops = [text[start : start + length] for start, length in ((1, 1), (3, 2), (6, 4), (9, 1))]
    return [stop for stop in stops if stop.strip() == stop and stop and "\ufffd" not in stop]


@pytest.mark.parametrize(("kind", "engine", "decoding"), ENGINES, ids=IDS)
def test_a_text_is_cut_before_the_stop_text_and_ends_with_its_last_token(
    kind: str, engine: str, decoding: Decoding, folders: Callable[[str], Path]
) -> None:
    generator = opened(folders(kind), engine, decoding)
    assert generator.engine == engine
    sources = generator.tokenize([*models.TEXTS, "猫", "犬が走る。"] * 2)
    whole = answers(generator, decoding, sources)
    n_cut = 0
    for stop in some_stops(max((output.text for output in whole), key=len)):
        stopped = replace(decoding, stop=("never said", stop))
        for number, (source, full, output) in enumerate(
            zip(sources, whole, answers(generator, stopped, sources), strict=True)
        ):
            lengths = range(1, len(full.ids) + 1)
            complete = (n for n in lengths if stop in generator._text(source, full.ids[:n]))
            length = next(complete, None)
            if length is None:
                assert output == replace(full, log_probability=output.log_probability)
                assert output.log_probability == pytest.approx(full.log_probability, abs=1e-4)  # of another batch
                continue
            n_cut += 1
            assert output.ids == full.ids[:length]
            assert (output.text, output.stop, output.finish_reason) == (full.text.split(stop)[0], stop, "stop")
            n_forced = max(0, len(generator.constraints.start_ids) - 1)  # which count as new tokens
            limited = replace(decoding, max_new_tokens=length + n_forced)
            seeds = [[3, number]]
            ((shorter,),) = generator.generate([source], limited, seeds=seeds)
            assert shorter.ids == output.ids
            assert output.log_probability == pytest.approx(shorter.log_probability, abs=1e-3)
            *parts, last = generator.stream(source, stopped, seed=seeds[0])
            assert isinstance(last, Hypothesis)
            assert "".join(map(str, parts)) == output.text
            assert (last.ids, last.finish_reason) == (output.ids, "stop")
            assert last.log_probability == pytest.approx(output.log_probability, abs=1e-3)
    assert n_cut > 1


@pytest.mark.parametrize("kind", ["gpt2", "t5", "nllb"])
def test_ctranslate2_writes_no_more_than_it_must(
    kind: str, folders: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With texts of their own for each of two threads."""
    generator = opened(folders(kind), "ct2", GREEDY)
    sources = generator.tokenize([*models.TEXTS, "猫", "犬が走る。"] * 2)
    texts = [output.text for output in answers(generator, GREEDY, sources)]
    written: list[int] = []
    cut = Ct2Engine._cut

    def spy(engine: Ct2Engine, given: Any, hypotheses: Any, ends: Any) -> None:
        written.extend(len(text.ids) for (text,) in hypotheses)
        cut(engine, given, hypotheses, ends)

    monkeypatch.setattr(Ct2Engine, "_cut", spy)
    stop = some_stops(max(texts, key=len))[0]
    outputs = answers(generator, replace(GREEDY, stop=(stop,)), sources)
    assert written == [len(output.ids) for output in generator_order(generator, sources, outputs)]
    assert min(written) < N_TOKENS / 2
    assert {output.stop for output in outputs} >= {stop}


def test_what_the_prompt_holds_and_what_begins_in_it_does_not_count(folders: Callable[[str], Path]) -> None:
    generator = opened(folders("gpt2"), "numpy", GREEDY)
    sources = generator.tokenize(["A plane"])
    (whole,) = answers(generator, GREEDY, sources)
    across = "e" + whole.text[:2]
    (output,) = answers(generator, replace(GREEDY, stop=("plane", across)), sources)
    assert (output.text, output.stop) == (whole.text, None)


def test_a_text_that_is_cut_has_no_end_token_to_look_at(folders: Callable[[str], Path]) -> None:
    generator = loading.locate(GeneratorSpec(str(folders("t5")), engine="torch")).open()
    sources = generator.tokenize(models.TEXTS)
    stops = tuple(some_stops(answers(generator, GREEDY, sources)[0].text))
    cut = zip(sources, answers(generator, replace(GREEDY, stop=stops), sources), strict=True)
    shown = [(source, output) for source, output in cut if output.stop is not None]
    assert shown
    for source, output in shown:
        assert len(generator.attention(source, output).target) == len(output.ids)


def test_beams_are_not_stopped() -> None:
    with pytest.raises(WrongUsage, match=r"--stop ends a text while it is written, and .* asks for 4 beams: --beams 1"):
        resolve(DecodingSpec(stop=("x",)), ModelSettings(values={"beams": 4}, names={"beams": "num_beams"}))
    assert resolve(DecodingSpec(stop=("x",), beams=1), ModelSettings(values={"beams": 4})).decoding.stop == ("x",)


def test_the_library_refuses_beams_with_a_stop_text(folders: Callable[[str], Path]) -> None:
    generator = loading.locate(GeneratorSpec(str(folders("t5")))).open()
    with pytest.raises(RunError, match="a beam search knows its texts at the end"):
        generator.generate(generator.tokenize(["a"]), Decoding(beams=2, stop=("x",)))


def test_a_sum_over_no_token_is_finite(folders: Callable[[str], Path]) -> None:
    """A stop text that comes at once leaves nothing, with the log-probability of its token."""
    generator = opened(folders("gpt2"), "numpy", GREEDY)
    sources = generator.tokenize(["A plane"])
    (whole,) = answers(generator, GREEDY, sources)
    (output,) = answers(generator, replace(GREEDY, stop=(whole.text[:1],)), sources)
    assert (output.text, len(output.ids)) == ("", 1)
    assert math.isfinite(output.log_probability)
    assert output.log_probability < 0
