"""Models that write texts, converted and asked: against transformers' own generation on small random models."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import generation_models as models
import masked_models
import pytest
import torch

from nlptool.errors import ModelError, RunError
from nlptool.models.generation import ct2_backend
from nlptool.models.generation import loading as generator_loading
from nlptool.models.generation.decoding import Decoding
from nlptool.models.generation.generator import GeneratedText, Generator
from nlptool.models.generation.located import LocatedGenerator
from nlptool.models.generation.resolving import resolve
from nlptool.models.generation.tokenizer import Source
from nlptool.models.seq2seq import folder as seq2seq_folder
from nlptool.models.seq2seq import network as seq2seq_network
from nlptool.models.seq2seq.config import Seq2SeqConfig
from nlptool.models.store import kinds
from nlptool.specs import DecodingSpec, GeneratorSpec
from nlptool.storage import cache
from nlptool.training.seq2seq import vocabulary as seq2seq_vocabulary

GREEDY = Decoding(max_new_tokens=12)
Made = Callable[[str], "Pair"]


class Pair:
    """A model in transformers and in nlptool."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.folder = kind, folder
        self.network, self.tokenizer = models.save(kind, folder)
        self.source_lang, self.target_lang = models.SPOKEN.get(kind, (None, None))
        self.wishes: dict[str, Any] = {}
        # Random weights end nothing: what they say now and then becomes an end.
        said = self.theirs(self.ids(models.TEXTS[0]), max_new_tokens=12)
        self.wishes = {"eos_token_id": [self.tokenizer.eos_token_id, said[-1]]}
        path = folder / "generation_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | self.wishes))

    def prepare(self, **more: Any) -> LocatedGenerator:
        note = {name: more.pop(name) for name in ("note",) if name in more}
        return generator_loading.locate(self.spec(**more), **note)

    def spec(self, folder: Path | None = None, **more: Any) -> GeneratorSpec:
        languages = {"source_lang": self.source_lang, "target_lang": self.target_lang}
        return GeneratorSpec(str(folder or self.folder), threads=1, **languages, **more)

    def ids(self, text: str) -> list[int]:
        if self.source_lang:
            self.tokenizer.src_lang = self.source_lang
        ids: list[int] = self.tokenizer(text).input_ids
        return ids

    @property
    def start(self) -> list[int]:
        """What the decoder begins with."""
        if self.kind in ("gpt2", "gpt-neox"):
            return []
        first = self.network.config.decoder_start_token_id
        return [first, *self.forced.values()]

    @property
    def forced(self) -> dict[str, int]:
        if self.target_lang is None or self.kind == "mbart":
            return {}
        codes = getattr(self.tokenizer, "lang_code_to_id", None)
        id = codes[self.target_lang] if codes else self.tokenizer.convert_tokens_to_ids(self.target_lang)
        return {"forced_bos_token_id": id}

    def theirs(self, ids: list[int], **more: Any) -> list[int]:
        """What transformers' greedy search chooses."""
        found = self.network.generate(
            torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), do_sample=False, num_beams=1,
            **self.wishes | self.forced | more,
        )  # fmt: skip
        return found[0].tolist()[len(self.start or ids) :]

    def log_probability(self, ids: list[int], output: list[int]) -> float:
        """What transformers gives ``output`` to be, in float64: with these weights float32 alone is off by 1e-4."""
        given = self.start or ids
        inputs = {"input_ids": torch.tensor([ids]), "decoder_input_ids": torch.tensor([given + output])}
        if not self.start:
            inputs = {"input_ids": inputs["decoder_input_ids"]}
        with torch.inference_mode():
            logits = self.exact(**inputs).logits[0, len(given) - 1 : -1].log_softmax(-1)
        return float(logits.gather(1, torch.tensor(output)[:, None]).sum())

    @cached_property
    def exact(self) -> Any:
        return copy.deepcopy(self.network).double()

    def check(self, source: Source, output: GeneratedText) -> None:
        """The log-probability is that of transformers, for one of the ends that could have been reached."""
        ends = self.wishes["eos_token_id"] if output.finish_reason == "stop" else [None]
        expected = [
            self.log_probability(source.ids, [*output.ids, *([end] if end is not None else [])]) for end in ends
        ]
        assert min(abs(each - output.log_probability) for each in expected) < 1e-4


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """``made(kind)``: a small random model, made once."""
    pairs: dict[str, Pair] = {}

    def make(kind: str) -> Pair:
        if kind not in pairs:
            pairs[kind] = Pair(kind, tmp_path_factory.mktemp("models") / kind)
        return pairs[kind]

    return make


def whole(generator: Generator, output: GeneratedText, theirs: Sequence[int]) -> list[int]:
    """The ids of an output with the end that transformers leaves there."""
    return [
        *output.ids,
        *(theirs[-1:] if output.finish_reason == "stop" and theirs[-1] in generator.constraints.end_ids else []),
    ]


@pytest.mark.parametrize("kind", models.KINDS)
def test_greedy_search_finds_what_transformers_finds(kind: str, made: Made) -> None:
    pair = made(kind)
    prepared = pair.prepare()
    assert prepared.engine == "ct2"
    generator = prepared.open()
    assert generator.kind == ("decoder" if kind in ("gpt2", "gpt-neox") else "encoder-decoder")
    sources = generator.tokenize(models.TEXTS)
    together = generator.generate(sources, GREEDY)
    for text, source, (output,) in zip(models.TEXTS, sources, together, strict=True):
        assert source.ids == pair.ids(text)
        assert (source.n_tokens, source.truncated) == (len(source.ids), False)
        expected = pair.theirs(source.ids, max_new_tokens=12)
        assert whole(generator, output, expected) == expected
        assert output.finish_reason == ("stop" if expected[-1] in generator.constraints.end_ids else "length")
        pair.check(source, output)
        assert generator.generate([source], GREEDY)[0][0].ids == output.ids
        skipped = expected[:-1] if output.finish_reason == "stop" else expected
        if generator.kind == "encoder-decoder":
            assert output.text == pair.tokenizer.decode(skipped, skip_special_tokens=True)


@pytest.mark.parametrize("kind", models.KINDS)
def test_hypotheses_of_a_beam_search_have_the_log_probability_that_transformers_gives_them(
    kind: str, made: Made
) -> None:
    pair = made(kind)
    generator = pair.prepare().open()
    for penalty in (0.0, 1.0, 2.0):
        decoding = Decoding(beams=4, n_return=3, max_new_tokens=9, length_penalty=penalty)
        sources = generator.tokenize(models.TEXTS)
        for source, outputs in zip(sources, generator.generate(sources, decoding), strict=True):
            assert len({tuple(output.ids) for output in outputs}) == 3
            for output in outputs:
                pair.check(source, output)
            lengths = [
                len(each.ids) + (each.finish_reason == "stop") + len(generator.constraints.start_ids or " ") - 1
                for each in outputs
            ]
            ranks = [each.log_probability / n**penalty for each, n in zip(outputs, lengths, strict=True)]
            assert ranks == sorted(ranks, reverse=True)


@pytest.mark.parametrize("kind", ["bart", "gpt2", "marian", "nllb", "t5"])
@pytest.mark.parametrize(
    "limits", [{"no_repeat_ngram": 2}, {"min_new_tokens": 9}, {"min_new_tokens": 4, "no_repeat_ngram": 1}]
)
def test_what_is_ruled_out_is_as_in_transformers_and_the_log_probability_stays_the_models(
    kind: str, limits: dict[str, int], made: Made
) -> None:
    pair = made(kind)
    generator = pair.prepare().open()
    sources = generator.tokenize(models.TEXTS)
    found = generator.generate(sources, Decoding(max_new_tokens=12, **limits))
    names = {"no_repeat_ngram": "no_repeat_ngram_size"}
    for source, (output,) in zip(sources, found, strict=True):
        expected = pair.theirs(
            source.ids, max_new_tokens=12, **{names.get(name, name): n for name, n in limits.items()}
        )
        assert whole(generator, output, expected) == expected
        pair.check(source, output)


@pytest.mark.parametrize("kind", ["gpt2", "t5"])
def test_what_the_model_never_says_is_never_said(kind: str, made: Made, tmp_path: Path) -> None:
    pair = made(kind)
    ids = pair.ids(models.TEXTS[0])
    said = pair.theirs(ids, max_new_tokens=8, min_new_tokens=8)
    copied = copy_of(pair.folder, tmp_path)
    change(copied / "generation_config.json", suppress_tokens=[said[0]], bad_words_ids=[[said[1], said[2]]])
    generator = generator_loading.locate(GeneratorSpec(str(copied))).open()
    ((output,),) = generator.generate(generator.tokenize(models.TEXTS[:1]), Decoding(max_new_tokens=8))
    expected = pair.theirs(ids, max_new_tokens=8, suppress_tokens=[said[0]], bad_words_ids=[[said[1], said[2]]])
    assert whole(generator, output, expected) == expected
    assert said[0] not in output.ids
    assert output.log_probability == pytest.approx(pair.log_probability(ids, expected), abs=1e-4)


def copy_of(folder: Path, target: Path) -> Path:
    copied = target / "model"
    copied.mkdir()
    for path in folder.iterdir():
        (copied / path.name).write_bytes(path.read_bytes())
    return copied


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_an_end_that_is_forced_takes_the_last_place_as_in_transformers(made: Made, tmp_path: Path) -> None:
    pair = made("bart")
    copied = copy_of(pair.folder, tmp_path)
    change(copied / "generation_config.json", forced_eos_token_id=2, eos_token_id=2)
    generator = generator_loading.locate(pair.spec(copied)).open()
    source = generator.tokenize(models.TEXTS[:1])[0]
    ((output,),) = generator.generate([source], Decoding(max_new_tokens=6))
    expected = pair.theirs(source.ids, max_new_tokens=6, eos_token_id=2, forced_eos_token_id=2)
    assert expected[-1] == 2
    assert [*output.ids, 2] == expected
    assert output.finish_reason == "length"
    assert output.log_probability == pytest.approx(pair.log_probability(source.ids, output.ids), abs=1e-4)


def test_the_model_says_how_long_its_texts_may_be(made: Made, tmp_path: Path) -> None:
    pair = made("nllb")
    copied = copy_of(pair.folder, tmp_path)
    change(copied / "generation_config.json", max_length=10, eos_token_id=2)
    located = generator_loading.locate(pair.spec(copied))
    generator = located.open()
    source = generator.tokenize(models.TEXTS[:1])[0]
    ((output,),) = generator.generate([source], resolve(DecodingSpec(), located.settings).decoding)
    assert output.ids == pair.theirs(source.ids, max_length=10, eos_token_id=2)
    assert len(output.ids) == 8  # the token that begins every text and the language count, as in transformers


@pytest.mark.parametrize("kind", ["bart", "gpt2", "nllb", "t5"])
def test_what_is_found_does_not_depend_on_the_others(kind: str, made: Made) -> None:
    pair = made(kind)
    generator = pair.prepare().open()
    lines = [text[:end] for text in models.LINES[:12] for end in (7, 20, 60) if text[:end].strip()]
    sources = generator.tokenize(lines)
    for decoding in (GREEDY, Decoding(beams=3, n_return=2, max_new_tokens=8)):
        forward = generator.generate(sources, decoding)
        backward = generator.generate(sources[::-1][::2], decoding)[::-1]
        kept = forward[::-1][::2][::-1]
        alone = [generator.generate([source], decoding)[0] for source in sources[:6]]
        assert [[each.ids for each in outputs] for outputs in backward] == [
            [each.ids for each in outputs] for outputs in kept
        ]
        assert [[each.ids for each in outputs] for outputs in alone] == [
            [each.ids for each in outputs] for outputs in forward[:6]
        ]


@pytest.mark.parametrize("kind", ["gpt2", "t5"])
def test_many_texts_are_shared_out_among_the_threads(kind: str, made: Made) -> None:
    pair = made(kind)
    alone = pair.prepare().open()
    together = generator_loading.locate(GeneratorSpec(str(pair.folder), threads=3)).open()
    sources = alone.tokenize([text[:50] for text in models.LINES[:40] if text.strip()])
    for decoding in (GREEDY, Decoding(beams=2, n_return=2, max_new_tokens=5, no_repeat_ngram=2)):
        ours, theirs = together.generate(sources, decoding), alone.generate(sources, decoding)
        assert [[each.ids for each in outputs] for outputs in ours] == [
            [each.ids for each in outputs] for outputs in theirs
        ]


@pytest.mark.parametrize("kind", ["gpt2", "nllb", "t5"])
@pytest.mark.parametrize("decoding", [GREEDY, Decoding(max_new_tokens=12, min_new_tokens=8, no_repeat_ngram=2)])
def test_what_is_streamed_is_what_is_generated(kind: str, decoding: Decoding, made: Made) -> None:
    generator = made(kind).prepare().open()
    for source in generator.tokenize(models.TEXTS):
        ((expected,),) = generator.generate([source], decoding)
        *pieces, output = generator.stream(source, decoding)
        assert isinstance(output, GeneratedText)
        assert "".join(map(str, pieces)) == output.text == expected.text
        assert (output.ids, output.finish_reason) == (expected.ids, expected.finish_reason)
        assert output.log_probability == pytest.approx(expected.log_probability, abs=1e-4)


def test_a_text_without_tokens_has_no_output(made: Made) -> None:
    generator = made("t5").prepare().open()
    empty, full = generator.tokenize(["", "a"])
    assert (empty.ids, empty.n_tokens) == ([], 0)
    found = generator.generate([empty, full, empty], GREEDY)
    assert [len(outputs) for outputs in found] == [0, 1, 0]
    assert list(generator.stream(empty, GREEDY)) == []


@pytest.mark.parametrize("kind", ["gpt2", "t5"])
def test_beams_up_to_the_size_of_the_vocabulary_work_and_more_are_refused(kind: str, made: Made) -> None:
    pair = made(kind)
    generator = pair.prepare().open()
    sources = generator.tokenize(["a"])
    size = generator.constraints.vocab_size
    (outputs,) = generator.generate(sources, Decoding(beams=size, n_return=size, max_new_tokens=1))
    assert sorted(output.ids for output in outputs if output.ids) == [
        [id] for id in range(size) if id not in generator.constraints.end_ids
    ]
    pair.check(sources[0], outputs[0])
    with pytest.raises(RunError, match=f"with {size + 1} beams is wider than the vocabulary"):
        generator.generate(sources, Decoding(beams=size + 1, max_new_tokens=1))


@pytest.mark.parametrize("kind", ["bart", "gpt2", "t5"])
def test_a_source_of_ten_thousand_tokens_is_cut_off_and_says_so(kind: str, made: Made) -> None:
    generator = made(kind).prepare().open()
    (source,) = generator.tokenize(["long " * 10_000])
    assert source.truncated
    assert source.n_tokens >= 10_000
    assert len(source.ids) <= models.POSITIONS
    ((output,),) = generator.generate([source], GREEDY)
    assert output.ids or output.finish_reason == "stop"


def test_a_prompt_leaves_room_for_what_is_to_come(made: Made) -> None:
    pair = made("gpt2")
    generator = pair.prepare().open()
    (source,) = generator.tokenize(["long " * 10_000])
    ((output,),) = generator.generate([source], Decoding(max_new_tokens=10_000, min_new_tokens=10_000))
    assert len(source.ids) + len(output.ids) == models.POSITIONS
    assert output.finish_reason == "length"
    pair.check(source, output)


def test_t5_looks_at_distances_alone_and_may_be_given_more(made: Made) -> None:
    pair = made("t5")
    generator = generator_loading.locate(pair.spec(max_length=300)).open()
    (source,) = generator.tokenize(["long " * 1000])
    assert len(source.ids) == 300
    ((output,),) = generator.generate([source], GREEDY)
    pair.check(source, output)


@pytest.mark.parametrize("kind", ["gpt2", "marian", "nllb", "t5"])
def test_torch_and_ctranslate2_find_the_same(kind: str, made: Made) -> None:
    pair = made(kind)
    ct2, other = pair.prepare().open(), pair.prepare(engine="torch").open()
    assert (ct2.engine, other.engine) == ("ct2", "torch")
    assert ct2.constraints == other.constraints
    sources = ct2.tokenize(models.TEXTS)
    assert sources == other.tokenize(models.TEXTS)
    for (ours,), (theirs,) in zip(ct2.generate(sources, GREEDY), other.generate(sources, GREEDY), strict=True):
        assert (ours.text, ours.ids, ours.finish_reason) == (theirs.text, theirs.ids, theirs.finish_reason)
        assert ours.log_probability == pytest.approx(theirs.log_probability, abs=1e-4)


def test_sampling_and_attention_are_torchs(made: Made) -> None:
    pair = made("t5")
    assert pair.prepare(needs="sampling").engine == "torch"
    generator = pair.prepare(needs="attention").open()
    assert generator.engine == "torch"
    sources = generator.tokenize(models.TEXTS)
    sampled = Decoding(sample=True, n_return=2, max_new_tokens=6)
    found = generator.generate(sources, sampled, seeds=[[1, number] for number in range(4)])
    again = generator.generate(sources[2:3], sampled, seeds=[[1, 2]])
    assert [each.ids for each in again[0]] == [each.ids for each in found[2]]
    ((output,),) = generator.generate(sources[:1], GREEDY)
    attention = generator.attention(sources[0], output)
    assert attention.source == pair.tokenizer.convert_ids_to_tokens(sources[0].ids)
    n_target = len(output.ids) + (output.finish_reason == "stop")
    assert (
        attention.weights.shape
        == (2, 4, n_target, len(sources[0].ids))
        == (2, 4, len(attention.target), len(attention.source))
    )
    assert attention.weights.sum(-1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("needs", "reason"), [("sampling", "draws all texts"), ("attention", "does not show")])
def test_what_ctranslate2_cannot_do_is_refused_where_it_alone_is_wanted(needs: str, reason: str, made: Made) -> None:
    with pytest.raises(ModelError, match=f"CTranslate2 {reason}") as caught:
        made("t5").prepare(engine="ct2", needs=needs)
    assert "--engine" in caught.value.hint
    with pytest.raises(RunError, match="--engine ct2 computes on the processor"):
        made("t5").prepare(engine="ct2", device="cuda")


def test_a_converted_model_runs_without_torch_and_transformers(made: Made) -> None:
    pair = made("nllb")
    expected = pair.prepare().open()
    output = expected.generate(expected.tokenize(["a"]), GREEDY)[0][0]
    code = (
        "import sys; from nlptool.models.generation import loading\n"
        "from nlptool.specs import GeneratorSpec\n"
        "from nlptool.models.generation.decoding import Decoding\n"
        f"spec = GeneratorSpec({str(pair.folder)!r}, source_lang='eng_Latn', target_lang='jpn_Jpan');"
        "g = loading.locate(spec).open();"
        "print(g.generate(g.tokenize(['a']), Decoding(max_new_tokens=12))[0][0].ids);"
        "print([name for name in ('torch', 'transformers', 'sentencepiece', 'onnxruntime') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=120)
    assert done.stdout.decode().splitlines() == [str(output.ids), "[]"]
    assert done.stderr == b""


def test_a_conversion_is_made_once_and_says_so(made: Made) -> None:
    pair = made("bart")
    pair.prepare()
    notes: list[str] = []
    pair.prepare(note=notes.append)
    assert notes == []
    assert str(pair.folder) in {copy.source for copy in cache.copies(kinds.MANIFESTS) if copy.kind == "generators"}


def test_where_the_cache_cannot_be_written_torch_runs_it(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = made("bart")
    expected = pair.prepare().open()
    (tmp_path / "file").touch()
    monkeypatch.setenv("NLPTOOL_CACHE", str(tmp_path / "file" / "cache"))  # not even root can make it
    notes: list[str] = []
    generator = pair.prepare(note=notes.append).open()
    assert generator.engine == "torch"
    assert len(notes) == 1
    assert "cannot be written" in notes[0]
    sources = generator.tokenize(models.TEXTS)
    ours, theirs = generator.generate(sources, GREEDY), expected.generate(sources, GREEDY)
    assert [output.ids for (output,) in ours] == [output.ids for (output,) in theirs]
    with pytest.raises(ModelError, match=r"does not run in CTranslate2: the cache .* cannot be written"):
        pair.prepare(engine="ct2")


def test_what_ctranslate2_has_no_converter_for_runs_in_torch_and_that_is_kept(made: Made, tmp_path: Path) -> None:
    import transformers

    pair = made("gpt2")
    config = transformers.GPTNeoConfig(
        vocab_size=700, hidden_size=32, num_layers=2, num_heads=4, attention_types=[[["global"], 2]], intermediate_size=64,
        max_position_embeddings=64, initializer_range=0.4, bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    network = transformers.GPTNeoForCausalLM(config).eval()
    network.save_pretrained(tmp_path)
    pair.tokenizer.save_pretrained(tmp_path)
    for number in range(2):
        notes: list[str] = []
        prepared = generator_loading.locate(GeneratorSpec(str(tmp_path)), note=notes.append)
        assert prepared.engine == "torch"
        assert notes[-1] == f"{tmp_path} runs in torch: CTranslate2 has no converter for a gpt_neo"
        assert len(notes) == 2 - number
    generator = prepared.open()
    (source,) = generator.tokenize(["A plane"])
    ((output,),) = generator.generate([source], GREEDY)
    found = network.generate(torch.tensor([source.ids]), do_sample=False, max_new_tokens=12, pad_token_id=1)[0].tolist()
    assert output.ids == [id for id in found[len(source.ids) :] if id != 2]
    with pytest.raises(ModelError, match="does not run in CTranslate2: CTranslate2 has no converter") as caught:
        generator_loading.locate(GeneratorSpec(str(tmp_path), engine="ct2"))
    assert caught.value.hint == "--engine torch runs it"


def test_a_converted_copy_that_says_something_else_is_not_believed(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nlptool.models.generation import ct2_export

    copied = copy_of(made("t5").folder, tmp_path)
    monkeypatch.setenv("NLPTOOL_CACHE", str(tmp_path / "cache"))
    # As CTranslate2's own converter would take the scaling before T5's head.
    monkeypatch.setattr(
        ct2_export, "_restore_names", lambda loaded: setattr(loaded.config, "tie_word_embeddings", False)
    )
    notes: list[str] = []
    assert generator_loading.locate(GeneratorSpec(str(copied)), note=notes.append).engine == "torch"
    assert "gives a log-probability of" in notes[-1]


def test_a_damaged_copy_is_refused_with_what_to_do(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLPTOOL_CACHE", str(tmp_path))
    prepared = made("gpt2").prepare()
    assert prepared.copy is not None
    path = prepared.copy / "model.bin"
    content = path.read_bytes()
    path.write_bytes(content[:50] + bytes(len(content) - 50))
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        made("gpt2").prepare().open()
    assert caught.value.hint.startswith(f"rm -r {prepared.copy}")
    path.write_bytes(content[:-10])  # cut off: noticed, and made anew
    made("gpt2").prepare().open()
    assert path.stat().st_size == len(content)


def test_models_that_write_no_texts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="bert-mini-ja is a model for fill-mask") as caught:
        generator_loading.locate(GeneratorSpec("bert-mini-ja"))
    assert caught.value.hint == "nlptool models list --task generate shows models that do"
    folder = masked_models.save("roberta", tmp_path / "roberta")
    with pytest.raises(ModelError, match="is a roberta, which reads texts and writes none"):
        generator_loading.locate(GeneratorSpec(str(folder)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="holds no model"):
        generator_loading.locate(GeneratorSpec(str(tmp_path / "empty")))
    with pytest.raises(ModelError, match="no model nothing"):
        generator_loading.locate(GeneratorSpec("nothing"))


def test_a_damaged_model_folder_is_refused_with_a_reason(made: Made, tmp_path: Path) -> None:
    copied = copy_of(made("marian").folder, tmp_path)
    weights = copied / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-100])
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        generator_loading.locate(GeneratorSpec(str(copied)))
    weights.write_bytes(content)
    change(copied / "config.json", d_model=16)
    with pytest.raises(ModelError, match=r"config\.json does not belong to its weights: it says d_model 16"):
        generator_loading.locate(GeneratorSpec(str(copied)))
    change(copied / "config.json", d_model=32)
    (copied / "source.spm").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"cannot be loaded|cannot be read"):
        generator_loading.locate(GeneratorSpec(str(copied)))
    weights.unlink()
    with pytest.raises(ModelError, match="has no weights"):
        generator_loading.locate(GeneratorSpec(str(copied)))


def test_code_of_a_repository_is_never_run(made: Made, tmp_path: Path) -> None:
    copied = copy_of(made("gpt2").folder, tmp_path)
    change(
        copied / "config.json",
        model_type="own",
        auto_map={"AutoModelForCausalLM": "own.Model", "AutoConfig": "own.Config"},
    )
    (copied / "own.py").write_text("raise SystemExit('was run')")
    with pytest.raises(ModelError, match="asks for code of its own"):
        generator_loading.locate(GeneratorSpec(str(copied)))


def test_a_pickle_is_opened_only_if_it_may_be(made: Made, tmp_path: Path) -> None:
    pair = made("gpt2")
    copied = copy_of(pair.folder, tmp_path)
    (copied / "model.safetensors").unlink()
    torch.save(pair.network.state_dict(), copied / "pytorch_model.bin")
    with pytest.raises(ModelError, match="is a pickle") as caught:
        generator_loading.locate(GeneratorSpec(str(copied)))
    assert "--allow-pickle" in caught.value.hint
    generator = generator_loading.locate(GeneratorSpec(str(copied), allow_pickle=True)).open()
    (source,) = generator.tokenize(["a"])
    expected = pair.theirs(source.ids, max_new_tokens=12)
    assert whole(generator, generator.generate([source], GREEDY)[0][0], expected) == expected


@pytest.mark.parametrize(
    ("kind", "spec", "message", "hint"),
    [
        ("nllb", GeneratorSpec(source_lang="eng_Latn"), "has to be told a language: --target-lang", "one of 202: "),
        (
            "nllb",
            GeneratorSpec(source_lang="jap_Jpan", target_lang="eng_Latn"),
            "knows no language jap_Jpan",
            "jpn_Jpan",
        ),
        (
            "mbart50",
            GeneratorSpec(source_lang="en", target_lang="ja_XX"),
            "knows no language en",
            "--source-lang en_XX",
        ),
        ("m2m100", GeneratorSpec(source_lang="en", target_lang="jp"), "knows no language jp", "--target-lang ja"),
        ("marian", GeneratorSpec(target_lang="jap"), "knows no language jap", "--target-lang jpn"),
        (
            "marian",
            GeneratorSpec(source_lang="eng"),
            "takes no --source-lang; it is told",
            "leave out --source-lang eng",
        ),
        ("t5", GeneratorSpec(target_lang="de"), "takes no --target-lang", "leave out --target-lang de"),
        ("t5", GeneratorSpec(max_length=1), "--max-length 1 leaves no room", ""),
    ],
)
def test_languages_that_are_missing_or_wrong_are_said_with_the_nearest(
    kind: str, spec: GeneratorSpec, message: str, hint: str, made: Made
) -> None:
    with pytest.raises(RunError, match=message) as caught:
        generator_loading.locate(replace(spec, model=str(made(kind).folder))).open()
    assert hint in caught.value.hint


def test_a_converted_copy_is_known_to_the_inventory(made: Made) -> None:
    from nlptool.models.store import inventory

    pair = made("t5")
    pair.prepare()
    model = inventory.find(str(pair.folder))
    assert model.task() == "generate"
    assert [copy.kind for copy in model.copies()] == ["generators"]
    assert cache.check(model.copies()[0].folder, kinds.GENERATOR.manifest)[1] == []
    assert (model.copies()[0].folder / kinds.GENERATOR.manifest).is_file()


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``ours(architecture)``: the folder of a model of our own with random weights that are large enough for texts to differ."""

    def make(architecture: str) -> Path:
        folder = tmp_path_factory.mktemp("ours") / architecture
        folder.mkdir()
        symbols = seq2seq_vocabulary.learn(models.LINES, unit="characters", size=400)
        shape = Seq2SeqConfig(
            architecture,
            len(symbols),
            len(symbols),
            layers=2,
            hidden_size=32,
            heads=4,
            intermediate_size=64,
            max_length=20,
        )
        torch.manual_seed(0)
        network = seq2seq_network.new(shape)
        weights = {name: 1.5 * tensor.detach().numpy() for name, tensor in network.state_dict().items()}
        seq2seq_folder.write(folder, weights, shape, symbols, symbols)
        return folder

    return make


def test_our_transformer_runs_in_both_engines_and_finds_the_same(ours: Callable[[str], Path]) -> None:
    folder = ours("transformer")
    ct2, other = (
        generator_loading.locate(GeneratorSpec(str(folder))).open(),
        generator_loading.locate(GeneratorSpec(str(folder), engine="torch")).open(),
    )
    assert (ct2.engine, other.engine) == ("ct2", "torch")
    sources = ct2.tokenize([*models.TEXTS, "🦆"])
    assert sources[-1].unknown == ("🦆",)
    for decoding in (Decoding(), Decoding(beams=3, n_return=3, max_new_tokens=9), Decoding(no_repeat_ngram=2)):
        for mine, its in zip(ct2.generate(sources, decoding), other.generate(sources, decoding), strict=True):
            if decoding.beams == 1:
                assert [output.ids for output in mine] == [output.ids for output in its]
                assert len(mine[0].ids) <= 20
            known = {tuple(output.ids): output.log_probability for output in its}
            for output in mine:
                if tuple(output.ids) in known:
                    assert output.log_probability == pytest.approx(known[tuple(output.ids)], abs=1e-4)
    *pieces, output = ct2.stream(sources[0], Decoding())
    assert "".join(map(str, pieces)) == output.text


def test_the_least_length_goes_before_the_most_that_the_user_has_not_chosen(ours: Callable[[str], Path]) -> None:
    generator = generator_loading.locate(GeneratorSpec(str(ours("transformer")))).open()
    ((output,),) = generator.generate(generator.tokenize(["a"]), Decoding(min_new_tokens=30))
    assert len(output.ids) == 30  # the training's max_length is 20


def test_our_other_networks_run_in_torch_alone(ours: Callable[[str], Path]) -> None:
    folder = ours("lstm-attention")
    generator = generator_loading.locate(GeneratorSpec(str(folder))).open()
    assert generator.engine == "torch"
    sources = generator.tokenize(models.TEXTS)
    ((output,),) = generator.generate(sources[:1], Decoding(max_new_tokens=5))
    attention = generator.attention(sources[0], output)
    assert attention.weights.shape[2:] == (len(attention.target), len(sources[0].ids))
    with pytest.raises(ModelError, match="does not run in CTranslate2: it is an LSTM"):
        generator_loading.locate(GeneratorSpec(str(folder), engine="ct2"))
    with pytest.raises(RunError, match="takes no --target-lang"):
        generator_loading.locate(GeneratorSpec(str(folder), target_lang="ja")).open()
    (folder / "target.json").write_text("{}")
    with pytest.raises(ModelError, match=r"target\.json is damaged"):
        generator_loading.locate(GeneratorSpec(str(folder)))


def test_no_generator_of_the_library_draws_at_random(made: Made) -> None:
    generator = made("t5").prepare().open()
    with pytest.raises(ValueError, match="torch samples"):
        generator.generate(generator.tokenize(["a"]), Decoding(sample=True, max_new_tokens=3), seeds=[[0]])
    assert ct2_backend.BATCH_TOKENS > 0
