"""What a model's generation_config.json asks for: the texts are those that transformers' ``generate`` finds with the same file
and no arguments, token for token, and whoever chooses something else gets that."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import generation_models as models
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from nlptool.errors import ModelError, WrongUsage
from nlptool.models.generation import ct2_backend, model_settings, needs
from nlptool.models.generation import loading as generator_loading
from nlptool.models.generation.decoding import Decoding
from nlptool.models.generation.generator import GeneratedText
from nlptool.models.generation.model_settings import ModelSettings
from nlptool.models.generation.resolving import resolve
from nlptool.specs import DecodingSpec, GeneratorSpec

KINDS = ("bart", "gpt2", "marian", "nllb", "t5")
TEXTS = [*models.TEXTS, *(line[:25] for line in models.LINES[3:6] if line.strip())]
Made = Callable[[str], Path]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other take longer than one does for networks this small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """``made(kind)``: the folder of a small random model that ends some of its texts."""

    @cache
    def make(kind: str) -> Path:
        folder = tmp_path_factory.mktemp("models") / kind
        network, tokenizer = models.save(kind, folder)
        if kind == "marian":  # a text with padding in it could not be told from a shorter one
            network.final_logits_bias[0, tokenizer.pad_token_id] = -1000
            network.save_pretrained(folder)
        return folder

    return make


def with_settings(folder: Path, target: Path, file: str = "generation_config.json", **settings: Any) -> Path:
    """A copy of a model whose ``file`` says more."""
    shutil.copytree(folder, target)
    path = target / file
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    return target


def spec_of(kind: str, folder: Path, **more: Any) -> GeneratorSpec:
    source, target = models.SPOKEN.get(kind, (None, None))
    return GeneratorSpec(str(folder), threads=1, source_lang=source, target_lang=target, **more)


def outputs_of(
    kind: str, folder: Path, chosen: DecodingSpec = DecodingSpec(), **more: Any
) -> tuple[list[list[GeneratedText]], list[list[int]], str]:
    """What nlptool generates from ``TEXTS``, the sources, and the engine."""
    spec = spec_of(kind, folder, **more)
    resolved = resolve(chosen, generator_loading.settings_of(spec))
    located = generator_loading.locate(
        GeneratorSpec(**{name: getattr(spec, name) for name in spec.__dataclass_fields__} | {"needs": resolved.needs})
    )
    generator = located.open()
    sources = generator.tokenize(TEXTS)
    return generator.generate(sources, resolved.decoding), [source.ids for source in sources], located.engine


def ids_of(found: list[list[GeneratedText]]) -> list[list[list[int]]]:
    return [[each.ids for each in outputs] for outputs in found]


def ours(
    kind: str, folder: Path, chosen: DecodingSpec = DecodingSpec(), **more: Any
) -> tuple[list[list[list[int]]], list[list[int]], str]:
    """``outputs_of`` with the tokens alone."""
    found, sources, engine = outputs_of(kind, folder, chosen, **more)
    return ids_of(found), sources, engine


def theirs(kind: str, folder: Path, sources: list[list[int]], **more: Any) -> list[list[list[int]]]:
    """What transformers generates with the files of a folder alone, without special tokens around it."""
    is_decoder = kind == "gpt2"
    auto: Any = transformers.AutoModelForCausalLM if is_decoder else transformers.AutoModelForSeq2SeqLM
    network = auto.from_pretrained(folder).eval()
    config = network.generation_config
    target = models.SPOKEN.get(kind, (None, None))[1]
    n_before = 1
    if target is not None:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        more["forced_bos_token_id"] = tokenizer.convert_tokens_to_ids(target)
        n_before = 2
    ends = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
    texts = []
    for ids in sources:
        found = network.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), **more)
        rows = [row[len(ids) if is_decoder else n_before :] for row in found.tolist()]
        texts.append([_without_end(row, ends, config.pad_token_id) for row in rows])
    return texts


def _without_end(row: list[int], ends: list[int], pad_id: int) -> list[int]:
    end = next((place for place, id in enumerate(row) if id in ends), None)
    if end is not None:
        return row[:end]
    while row and row[-1] == pad_id:
        row = row[:-1]
    return row


@cache
def said_often(kind: str, folder: Path) -> tuple[int, int]:
    """Two tokens that the model generates, one as a text's third token, and one as its last of eight."""
    _, sources, _ = ours(kind, folder, DecodingSpec(max_new_tokens=1))
    texts = theirs(kind, folder, sources, max_new_tokens=8, min_new_tokens=8)
    return texts[0][0][2], texts[1][0][-1]


SETTINGS: dict[str, dict[str, Any]] = {
    "beams": {"num_beams": 3},
    "several texts": {"num_beams": 4, "num_return_sequences": 3, "length_penalty": 0.3},
    "as bart-large-cnn": {
        "num_beams": 4,
        "length_penalty": 2.0,
        "max_length": 14,
        "min_length": 6,
        "no_repeat_ngram_size": 2,
        "early_stopping": True,
        "forced_eos_token_id": 2,
    },
    "early stopping": {"num_beams": 3, "early_stopping": True},
    "no early stopping": {"num_beams": 3, "early_stopping": "never", "length_penalty": 1.5},
    "a negative length penalty": {"num_beams": 3, "length_penalty": -1.0, "early_stopping": "never"},
    "no length penalty": {"num_beams": 4, "length_penalty": 0.0, "early_stopping": "never", "num_return_sequences": 4},
    "an end by force": {"num_beams": 3, "forced_eos_token_id": 2, "length_penalty": 0.5},
    "a penalty": {"repetition_penalty": 1.4},
    "a reward": {"repetition_penalty": 0.7},
    "a penalty with beams": {"num_beams": 3, "repetition_penalty": 1.4},
    "a penalty as a whole number with beams": {"num_beams": 2, "repetition_penalty": 2.0, "length_penalty": 0.0},
    "no n-grams twice": {"no_repeat_ngram_size": 2},
    "no token twice": {"no_repeat_ngram_size": 1},
    "no n-grams twice with beams": {"num_beams": 3, "no_repeat_ngram_size": 2},
    "and probabilities that sum up to 1": {"num_beams": 3, "no_repeat_ngram_size": 2, "renormalize_logits": True},
    "a penalty and such probabilities": {"num_beams": 3, "repetition_penalty": 1.3, "renormalize_logits": True},
    "nothing of the source": {"encoder_no_repeat_ngram_size": 1, "num_beams": 2},
    "no bigrams of the source": {"encoder_no_repeat_ngram_size": 2},
    "a penalty by the source": {"encoder_repetition_penalty": 1.8},
    "both penalties with beams": {"encoder_repetition_penalty": 1.3, "repetition_penalty": 1.3, "num_beams": 3},
    "samples of one token": {"do_sample": True, "top_k": 1, "temperature": 0.6, "repetition_penalty": 1.3},
    "a least length": {"min_new_tokens": 7},
    "a least length with beams": {"min_new_tokens": 7, "num_beams": 3},
    "a least length of all": {"min_length": 7},
    "a most length of all": {"max_length": 12},
    "lengths of new tokens go first": {"max_length": 3, "min_length": 30, "max_new_tokens": 9, "min_new_tokens": 2},
}


@pytest.mark.parametrize("kind", ["bart", "gpt2", "nllb", "t5"])
@pytest.mark.parametrize("name", SETTINGS)
def test_what_the_file_asks_for_is_applied_as_transformers_applies_it(
    kind: str, name: str, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With random weights many texts end before the best one does.
    monkeypatch.setattr(ct2_backend, "_PATIENCE", 10)
    folder = made(kind)
    end, _ = said_often(kind, folder)
    own = json.loads((folder / "generation_config.json").read_text())["eos_token_id"]
    most = {} if "max_length" in SETTINGS[name] else {"max_new_tokens": 10}
    settings = {"eos_token_id": [own, end]} | most | SETTINGS[name]
    if kind == "gpt2" and most == {}:  # the prompt is a part of these lengths
        settings["max_length"] += 40
    copied = with_settings(folder, tmp_path / "m", **settings)
    found, sources, engine = outputs_of(kind, copied)
    by_torch, _, _ = outputs_of(kind, copied, engine="torch")
    assert ids_of(by_torch) == theirs(kind, copied, sources)
    if engine == "torch" or "num_beams" not in settings:
        assert ids_of(found) == ids_of(by_torch)
        return
    # CTranslate2 searches until enough texts have ended, and may find a better one.
    forced = 1 if kind == "nllb" else 0
    for (best, *_), (other, *_) in zip(found, by_torch, strict=True):
        ranks = [
            each.log_probability
            / (len(each.ids) + forced + (each.finish_reason == "stop")) ** settings.get("length_penalty", 1.0)
            for each in (best, other)
        ]
        assert best.ids == other.ids or ranks[0] > ranks[1] - 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_that_are_not_said_are_not_said(kind: str, made: Made, tmp_path: Path) -> None:
    folder = made(kind)
    first, second = said_often(kind, folder)
    _, sources, _ = ours(kind, folder, DecodingSpec(max_new_tokens=1))
    begin = theirs(kind, folder, sources, max_new_tokens=3)[0][0][0]
    copied = with_settings(
        folder, tmp_path / "m", begin_suppress_tokens=[begin], suppress_tokens=[first, 10**6],
        bad_words_ids=[[begin, second], [second]], max_new_tokens=8,
    )  # fmt: skip
    found, sources, engine = ours(kind, copied)
    assert engine == "torch"
    config = json.loads((copied / "generation_config.json").read_text())
    (copied / "generation_config.json").write_text(json.dumps(config | {"suppress_tokens": [first]}))
    assert found == theirs(kind, copied, sources)
    assert all(text[0][0] != begin and first not in text[0] and second not in text[0] for text in found)


@pytest.mark.parametrize("kind", ["bart", "gpt2", "t5"])
def test_older_models_have_it_in_config_json(kind: str, made: Made, tmp_path: Path) -> None:
    settings = {"num_beams": 3, "no_repeat_ngram_size": 2, "max_length": 12 if kind != "gpt2" else 60}
    copied = with_settings(made(kind), tmp_path / "m", "config.json", **settings)
    (copied / "generation_config.json").unlink()
    found, sources, _ = ours(kind, copied)
    assert found == theirs(kind, copied, sources)
    read = model_settings.read(copied)
    assert read.file == "config.json"
    assert {read.names[name]: value for name, value in read.values.items()} == settings


def test_beside_generation_config_json_config_json_does_not_count(made: Made, tmp_path: Path) -> None:
    copied = with_settings(made("bart"), tmp_path / "m", "config.json", num_beams=3)
    assert "beams" not in model_settings.read(copied).values


@pytest.mark.parametrize("kind", ["gpt2", "t5"])
def test_who_chooses_goes_before_the_file(kind: str, made: Made, tmp_path: Path) -> None:
    asked = {
        "num_beams": 3,
        "no_repeat_ngram_size": 2,
        "max_new_tokens": 5,
        "repetition_penalty": 1.7,
        "min_new_tokens": 5,
    }
    copied = with_settings(made(kind), tmp_path / "m", **asked)
    chosen = DecodingSpec(
        beams=1, no_repeat_ngram=0, max_new_tokens=8, repetition_penalty=1.0, min_new_tokens=0, length_penalty=None
    )
    found, sources, engine = ours(kind, copied, chosen)
    assert engine == ("numpy" if kind == "gpt2" else "ct2")  # nothing is left that needs torch
    plain = {"num_beams": 1, "no_repeat_ngram_size": 0, "max_new_tokens": 8, "repetition_penalty": 1.0}
    assert found == theirs(kind, copied, sources, min_new_tokens=0, **plain)
    assert resolve(chosen, model_settings.read(copied)).applied == ()


def settings_of(**values: Any) -> ModelSettings:
    """As they would be read of a file."""
    names = {setting: name for name, (setting, _) in model_settings._SETTINGS.items()}
    return ModelSettings(values=values, names={name: names[name] for name in values})


@pytest.mark.parametrize(
    ("chosen", "asked", "expected", "applied", "note"),
    [
        ({}, {}, {}, (), ""),
        ({}, {"beams": 4, "n_return": 2}, {"beams": 4, "n_return": 2}, ("num_beams", "num_return_sequences"), ""),
        (
            {"beams": 2},
            {"beams": 4, "n_return": 3},
            {"beams": 2, "n_return": 2},
            ("num_return_sequences",),
            "with as many",
        ),
        ({"n_return": 3}, {"beams": 4}, {"beams": 4, "n_return": 3}, ("num_beams",), ""),
        ({"n_return": 5}, {"beams": 4}, {"beams": 5, "n_return": 5}, (), ""),
        ({"n_return": 1}, {"beams": 4, "n_return": 4}, {"beams": 4, "n_return": 1}, ("num_beams",), ""),
        ({}, {"sample": True, "top_k": 5}, {"sample": True, "top_k": 5}, ("do_sample", "top_k"), ""),
        ({}, {"top_k": 5, "temperature": 0.5}, {}, (), ""),  # nothing is sampled
        ({"sample": True}, {"beams": 4, "top_p": 0.5}, {"sample": True, "top_p": 0.5}, ("top_p",), ""),
        ({"beams": 1}, {"sample": True, "top_p": 0.5}, {"beams": 1}, (), ""),
        ({"top_k": 9, "sample": True}, {"top_k": 5, "sample": True}, {"sample": True, "top_k": 9}, (), ""),
        ({}, {"sample": True, "beams": 3}, {"beams": 3}, ("num_beams",), "sampling with 3 beams is not done"),
        ({}, {"length_penalty": 2.0, "early_stopping": True}, {}, (), ""),  # of beams alone
        ({"beams": 2}, {"length_penalty": 2.0}, {"beams": 2, "length_penalty": 2.0}, ("length_penalty",), ""),
        ({"max_new_tokens": 9}, {"max_length": 20}, {"max_new_tokens": 9}, (), ""),
        ({"min_new_tokens": 30}, {"max_new_tokens": 20}, {"min_new_tokens": 30}, (), ""),
        ({"min_new_tokens": 0}, {"min_length": 20}, {"min_new_tokens": 0}, (), ""),
        ({}, {"min_length": 20, "min_new_tokens": 3}, {"min_new_tokens": 3}, ("min_new_tokens",), ""),
        ({}, {"repetition_penalty": 1.0, "no_repeat_ngram": 0, "beams": 1}, {}, (), ""),  # the defaults
    ],
)
def test_what_is_chosen_what_is_asked_for_and_the_defaults(
    chosen: dict[str, Any], asked: dict[str, Any], expected: dict[str, Any], applied: tuple[str, ...], note: str
) -> None:
    resolved = resolve(DecodingSpec(**chosen), settings_of(**asked))
    assert resolved.decoding == Decoding(**expected)
    assert resolved.applied == applied
    assert [note in each for each in resolved.notes] == ([True] if note else [])


def test_a_stream_is_greedy_or_sampled_whatever_the_file_says() -> None:
    resolved = resolve(DecodingSpec(), settings_of(beams=6, no_repeat_ngram=3), streams=True)
    assert resolved.decoding == Decoding(no_repeat_ngram=3)
    assert "num_beams 6: a beam search cannot be streamed" in resolved.notes[0]
    assert resolve(DecodingSpec(), settings_of(sample=True, n_return=3), streams=True).decoding == Decoding(sample=True)


def test_a_length_penalty_without_beams_is_wrong_usage() -> None:
    with pytest.raises(WrongUsage, match="--length-penalty ranks"):
        resolve(DecodingSpec(length_penalty=2.0), ModelSettings())
    assert resolve(DecodingSpec(length_penalty=2.0), settings_of(beams=3)).decoding.length_penalty == 2


@pytest.mark.parametrize(
    ("decoding", "expected"),
    [
        (Decoding(), needs.GREEDY),
        (Decoding(beams=4, early_stopping=True, length_penalty=2.0), needs.SEARCH),
        (Decoding(min_new_tokens=4), needs.GREEDY),
        (Decoding(no_repeat_ngram=3), needs.NGRAMS),
        (Decoding(repetition_penalty=1.2), needs.REPETITION),
        (Decoding(beams=2, no_repeat_ngram=3), needs.SCORES),
        (Decoding(beams=2, min_length=9), needs.SCORES),
        (Decoding(beams=2, no_repeat_ngram=3, renormalize=True), needs.SCORES),
        (Decoding(beams=2, repetition_penalty=1.2, renormalize=True), needs.SCORES),
        (Decoding(beams=2, early_stopping="never"), needs.EXTRAS),
        (Decoding(not_first=(3,)), needs.EXTRAS),
        (Decoding(sample=True, not_first=(3,)), needs.SAMPLING),
    ],
)
def test_what_ctranslate2_does_otherwise_is_left_to_torch(decoding: Decoding, expected: str) -> None:
    assert needs.of(decoding) == expected


def test_ctranslate2_does_what_it_can_when_it_is_asked_to_and_says_how(made: Made, tmp_path: Path) -> None:
    spec = spec_of("gpt2", made("gpt2"), engine="ct2", needs=needs.REPETITION)
    notes: list[str] = []
    assert generator_loading.locate(spec, note=notes.append).engine == "ct2"
    assert "overlooks the first token" in notes[-1] and "--engine torch" in notes[-1]
    assert generator_loading.locate(spec_of("gpt2", made("gpt2"), needs=needs.REPETITION)).engine == "numpy"
    assert generator_loading.locate(spec_of("gpt-neox", made("gpt-neox"), needs=needs.REPETITION)).engine == "torch"
    assert generator_loading.locate(spec_of("t5", made("t5"), needs=needs.REPETITION)).engine == "ct2"
    assert generator_loading.locate(spec_of("bart", made("bart"), needs=needs.REPETITION)).engine == "torch"
    assert generator_loading.locate(spec_of("bart", made("bart"), needs=needs.NGRAMS)).engine == "ct2"
    with pytest.raises(ModelError, match="CTranslate2 has no penalties by the source"):
        generator_loading.locate(spec_of("t5", made("t5"), engine="ct2", needs=needs.EXTRAS))


@pytest.mark.parametrize("kind", ["marian", "t5"])
def test_a_penalty_is_the_same_in_both_engines(kind: str, made: Made) -> None:
    chosen = DecodingSpec(max_new_tokens=12, repetition_penalty=1.5)
    ct2, _, first = ours(kind, made(kind), chosen)
    other, _, second = ours(kind, made(kind), chosen, engine="torch")
    assert (first, second) == ("ct2", "torch")
    assert ct2 == other
    assert ct2 != ours(kind, made(kind), DecodingSpec(max_new_tokens=12))[0]


def damaged(tmp_path: Path, content: str, file: str = "generation_config.json") -> str:
    (tmp_path / file).write_text(content)
    with pytest.raises(ModelError) as caught:
        model_settings.read(tmp_path)
    assert caught.value.exit_code == 4 and caught.value.hint
    return caught.value.message


@pytest.mark.parametrize(
    ("name", "value", "should"),
    [
        ("num_beams", 0, "a whole number from 1"),
        ("num_beams", -2, "a whole number from 1"),
        ("num_beams", "4", "a whole number from 1"),
        ("num_beams", 2.5, "a whole number from 1"),
        ("num_beams", True, "a whole number from 1"),
        ("num_return_sequences", 0, "a whole number from 1"),
        ("temperature", 0, "a number above 0"),
        ("temperature", -1, "a number above 0"),
        ("temperature", "hot", "a number above 0"),
        ("temperature", float("nan"), "a number above 0"),
        ("top_k", -1, "a whole number from 0"),
        ("top_p", 0, "a number above 0 and up to 1"),
        ("top_p", 1.5, "a number above 0 and up to 1"),
        ("repetition_penalty", 0, "a number above 0"),
        ("repetition_penalty", float("inf"), "a number above 0"),
        ("length_penalty", "long", "a number"),
        ("length_penalty", float("nan"), "a number"),
        ("no_repeat_ngram_size", -3, "a whole number from 0"),
        ("min_length", -1, "a whole number from 0"),
        ("max_length", 0, "a whole number from 1"),
        ("max_new_tokens", [5], "a whole number from 1"),
        ("do_sample", "yes", "true or false"),
        ("do_sample", 1, "true or false"),
        ("early_stopping", "always", 'true, false or "never"'),
        ("eos_token_id", "</s>", "a whole number from 0"),
        ("eos_token_id", [2, "</s>"], "a whole number from 0"),
        ("suppress_tokens", 5, "a list of token ids"),
        ("bad_words_ids", [5], "a list of lists of token ids"),
        ("bad_words_ids", [[]], "a list of lists of token ids"),
        ("bad_words_ids", [["a"]], "a whole number from 0"),
        ("forced_bos_token_id", -1, "a whole number from 0"),
    ],
)
@pytest.mark.parametrize("file", ["generation_config.json", "config.json"])
def test_an_impossible_value_is_refused_with_what_it_should_be(
    tmp_path: Path, file: str, name: str, value: Any, should: str
) -> None:
    samples = {"do_sample": True} if name in model_settings.OF_SAMPLING else {}
    said = damaged(tmp_path, json.dumps({name: value} | samples), file)
    assert said == f"{tmp_path / file}: {name} is {json.dumps(value)}; it should be {should}"


@pytest.mark.parametrize("content", ["[]", "3", "null", '"beams"', "", "{", '{"num_beams": 4,}', "[" * 100_000])
def test_a_file_that_is_no_object_is_damaged(tmp_path: Path, content: str) -> None:
    assert "generation_config.json is damaged: " in damaged(tmp_path, content)


def test_how_it_would_be_sampled_does_not_matter_where_nothing_is(tmp_path: Path) -> None:
    asked = {"temperature": 0, "top_p": 0.0, "top_k": -1, "do_sample": False, "num_beams": 2}
    (tmp_path / "generation_config.json").write_text(json.dumps(asked))
    assert model_settings.read(tmp_path).values == {"beams": 2, "sample": False}


def test_the_defaults_that_old_versions_wrote_into_config_json_are_no_wish(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"max_length": 20, "min_length": 3}))
    assert model_settings.read(tmp_path).values == {"min_length": 3}
    (tmp_path / "generation_config.json").write_text(json.dumps({"max_length": 20}))
    assert model_settings.read(tmp_path).values == {"max_length": 20}


def test_more_texts_than_beams_are_refused(tmp_path: Path) -> None:
    assert "num_return_sequences is 3 and num_beams 1" in damaged(tmp_path, '{"num_return_sequences": 3}')


def test_what_is_unset_or_unknown_counts_as_nothing(tmp_path: Path) -> None:
    path = tmp_path / "generation_config.json"
    path.write_text(json.dumps({"num_beams": None, "my_own": [1], "use_cache": False, "transformers_version": "4.2"}))
    assert model_settings.read(tmp_path) == ModelSettings()
    path.write_text(json.dumps({"max_length": 10**30, "repetition_penalty": 10**400}))
    assert model_settings.read(tmp_path).values == {"max_length": 2**31 - 1, "repetition_penalty": 2**31 - 1}


def test_what_is_not_done_is_named_where_transformers_would_apply_it(tmp_path: Path) -> None:
    asked = {
        "typical_p": 0.9,
        "num_beam_groups": 2,
        "guidance_scale": 1.5,
        "min_p": 0,
        "penalty_alpha": 0.0,
        "stop_strings": ".",
    }
    (tmp_path / "generation_config.json").write_text(json.dumps(asked))
    read = model_settings.read(tmp_path)
    assert read.unapplied(sample=False, beams=1) == ["guidance_scale 1.5", 'stop_strings "."']
    assert read.unapplied(sample=True, beams=1) == ["guidance_scale 1.5", 'stop_strings "."', "typical_p 0.9"]
    assert read.unapplied(sample=False, beams=4) == ["guidance_scale 1.5", "num_beam_groups 2", 'stop_strings "."']
    notes = resolve(DecodingSpec(sample=True), read).notes
    assert len(notes) == 1
    assert notes[0].startswith("generation_config.json: guidance_scale 1.5, ") and notes[0].endswith(
        "nlptool does not do these"
    )


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(
    st.dictionaries(
        st.sampled_from([*model_settings._SETTINGS, *model_settings._TOKENS, *model_settings._NOT_DONE]),
        values,
        max_size=5,
    )
)
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, asked: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("m")
    (folder / "generation_config.json").write_text(json.dumps(asked))
    try:
        read = model_settings.read(folder)
    except ModelError as error:
        assert "generation_config.json" in error.message
        return
    for chosen in (DecodingSpec(), DecodingSpec(beams=2), DecodingSpec(sample=True)):
        resolved = resolve(chosen, read)
        assert needs.of(resolved.decoding)
        assert resolved.decoding.n_return <= resolved.decoding.beams or resolved.decoding.sample
