"""Models that write texts: encoder–decoders and GPTs, found, converted and asked.

They run in CTranslate2, small GPT-2s in numpy, or in torch where a model, sampling, attention or a GPU needs it. Sources are
sorted by their length and packed by a budget of tokens; what is found for a text does not depend on the others.

A model is located once (found, checked, converted) and then opened, in this process or in several.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError, NotConvertible, RunError
from nlptool.models.generation import gpt2_about, gpt2_config, model_settings, needs, pieces
from nlptool.models.generation import tokenizer as generation_tokenizer
from nlptool.models.generation.constraints import DECODER, DecoderConstraints
from nlptool.models.generation.decoding import Engine
from nlptool.models.generation.generator import Generator
from nlptool.models.generation.model_settings import ModelSettings
from nlptool.models.generation.tokenizer import NEW_TOKENS
from nlptool.models.language import folder as language_folder
from nlptool.models.language.config import NGRAM
from nlptool.models.runtime import devices, prepare
from nlptool.models.runtime.prepare import Note, Report, silent, unwatched
from nlptool.models.seq2seq import folder as seq2seq_folder
from nlptool.models.seq2seq.config import TRANSFORMER
from nlptool.models.store import model_folder
from nlptool.models.store.kinds import GENERATOR
from nlptool.specs import GeneratorSpec

_ON_CPU = ("ct2", "numpy")  # engines
_MOST_OF_NUMPY = 50_000_000
"""Parameters of a GPT-2 that runs in numpy unasked; CTranslate2 computes larger ones faster."""

_HINT = "nlptool models list --task generate shows models that do"


@dataclass(frozen=True, slots=True)
class LocatedGenerator:
    """A model that is ready to be opened, here or in another process."""

    name: str  # a hub id where the name was short for one
    engine: str  # ct2 | numpy | torch
    device: str  # cpu | cuda | mps
    spec: GeneratorSpec
    folder: Path  # of the model
    about: Mapping[
        str, Any
    ]  # the manifest: see ``transformers_config.describe``; of a model of our own its ``kind`` alone
    settings: ModelSettings = field(default_factory=ModelSettings)  # what the model asks for
    copy: Path | None = None  # the converted copy

    @property
    def kind(self) -> str:
        """encoder-decoder | decoder."""
        return str(self.about.get("kind", "encoder-decoder"))

    def open(self) -> Generator:
        """Load the network.

        Raises:
            ModelError: it cannot be loaded.
            RunError: a language is missing or not known, or --max-length leaves no room.
        """
        if is_ours(self.folder):
            return self._open_ours()
        spec = self.spec
        texts, rules = generation_tokenizer.for_transformers(
            self.name,
            self._pieces(),
            self.about,
            source_lang=spec.source_lang,
            target_lang=spec.target_lang,
            max_length=spec.max_length,
            prefix=spec.prefix,
            new_tokens=int(self.settings.values.get("max_new_tokens", NEW_TOKENS)),
        )
        return Generator(
            texts,
            rules,
            self._engine(rules),
            name=self.name,
            spec=spec,
            new_tokens=NEW_TOKENS,
        )

    def _open_ours(self) -> Generator:
        spec = self.spec
        for option, value in (("--source-lang", spec.source_lang), ("--target-lang", spec.target_lang)):
            if value is not None:
                raise RunError(f"{self.name} takes no {option}", hint=f"leave out {option} {value}")
        if language_folder.is_language(self.folder):
            texts, rules = generation_tokenizer.for_language(
                language_folder.read(self.folder), max_length=spec.max_length, prefix=spec.prefix
            )
            return Generator(texts, rules, self._engine(rules), name=self.name, spec=spec, new_tokens=NEW_TOKENS)
        model = seq2seq_folder.read(self.folder)
        texts, rules = generation_tokenizer.for_seq2seq(model, max_length=spec.max_length, prefix=spec.prefix)
        if self.engine == "torch":
            engine = self._torch(rules)
        else:
            from nlptool.models.seq2seq import ct2_export as seq2seq_ct2

            engine = self._ct2(self.folder, rules, seq2seq_ct2.translator_files(model))
        return Generator(texts, rules, engine, name=self.name, spec=spec, new_tokens=model.config.max_length)

    def _ct2(self, folder: Path, rules: DecoderConstraints, files: Mapping[str, bytes] | None = None) -> Engine:
        from nlptool.models.generation import ct2_backend

        return ct2_backend.open_engine(folder, rules, threads=self.spec.threads or 0, files=files)

    def _engine(self, rules: DecoderConstraints) -> Engine:
        if self.engine == "numpy":
            from nlptool.models.generation import numpy_backend

            return numpy_backend.open_engine(self.folder, rules, threads=self.spec.threads or 1)
        return self._torch(rules) if self.copy is None else self._ct2(self.copy, rules)

    def _pieces(self) -> pieces.Pieces:
        if self.copy is not None or self.engine == "numpy":
            return pieces.read(self.copy or self.folder, self.about)
        from nlptool.models.generation import transformers_config

        return transformers_config.pieces(self.folder, transformers_config.load_tokenizer(self.folder), self.about)

    def _torch(self, rules: DecoderConstraints) -> Engine:
        from nlptool.models.generation import torch_backend

        return torch_backend.open_engine(
            self.folder,
            rules,
            name=self.name,
            device=self.device,
            threads=self.spec.threads,
            dtype="float32" if self.spec.deterministic else None,
            allow_pickle=self.spec.allow_pickle,
        )


def is_ours(folder: Path) -> bool:
    """Return whether a folder holds a model of `nlptool train seq2seq` or `nlptool train lm`."""
    return seq2seq_folder.is_seq2seq(folder) or language_folder.is_language(folder)


def load(spec: GeneratorSpec, *, note: Note = silent, report: Report = unwatched) -> Generator:
    """Locate and open in one step."""
    return locate(spec, note=note, report=report).open()


def locate(spec: GeneratorSpec, *, note: Note = silent, report: Report = unwatched) -> LocatedGenerator:
    """Find a model, check it, and convert it if that has not been done.

    Args:
        note: is told what takes long or did not work as usual.
        report: is told how a download goes on.

    Raises:
        ModelError: the model is not there, is damaged, writes no texts, or cannot be run by the engine.
        RunError: the device is not there, or not for the engine.
    """
    prepare.check_task(spec.model, ["generate"], refusal="{} is a model for {}, and writes no texts", hint=_HINT)
    engine, device = spec.engine, spec.device
    if engine in _ON_CPU and device not in ("cpu", "auto"):
        raise RunError(f"--engine {engine} computes on the processor: --device {device} needs --engine torch or auto")
    device = "cpu" if engine in _ON_CPU else devices.choose(device, engine)
    found = prepare.find(spec, plain=True, note=note, report=report)
    located = LocatedGenerator(found.name, "torch", device, spec, found.folder, {})
    wants_torch = engine == "torch" or device != "cpu" or spec.needs in needs.UNABLE
    wants_torch = wants_torch or (
        engine == "auto" and spec.needs == needs.SCORES
    )  # whatever the model; not converted in vain
    if engine == "ct2" and spec.needs in needs.UNABLE:
        raise ModelError(f"CTranslate2 {needs.UNABLE[spec.needs]}", hint="--engine auto leaves that to torch")
    if engine == "numpy" and spec.needs not in needs.OF_NUMPY:
        raise ModelError("numpy does greedy search, sampling and scoring alone", hint="--engine auto does more")
    if language_folder.is_language(found.folder):
        return _our_language_model(located)
    if seq2seq_folder.is_seq2seq(found.folder):
        if engine == "numpy":
            raise ModelError(f"{located.name} does not run in numpy: it is no GPT-2", hint="--engine auto runs it")
        return _ours(located, engine=engine, wants_torch=wants_torch or bool(_difference(located, note)))
    located = replace(located, settings=model_settings.read(found.folder))
    files = model_folder.weight_files(found.folder, plain=True, allow_pickle=spec.allow_pickle)
    _refuse(found.name, model_folder.read_json(found.folder / "config.json"))
    in_numpy = _in_numpy(located)
    if in_numpy is not None:
        return in_numpy

    def convert(target: Path) -> None:
        from nlptool.models.generation import ct2_export  # with the frameworks: when there is something to convert

        ct2_export.convert_generation(found.folder, target, allow_pickle=spec.allow_pickle)

    if not wants_torch:
        copy, _ = prepare.graph_of(found, GENERATOR, files, convert, is_required=engine == "ct2", note=note)
        if copy is not None:
            in_ct2 = replace(located, engine="ct2", about=model_folder.read_json(copy / GENERATOR.manifest), copy=copy)
            if not _difference(in_ct2, note):
                return in_ct2
    from nlptool.models.generation import transformers_config

    tokenizer = transformers_config.load_tokenizer(found.folder)
    return replace(located, about=transformers_config.describe(found.folder, tokenizer))


def _our_language_model(located: LocatedGenerator) -> LocatedGenerator:
    """Check a model of `nlptool train lm` that is none of transformers. N-grams run in numpy where that can do what is needed."""
    spec = located.spec
    model = language_folder.read(located.folder)
    if spec.engine == "ct2":
        raise ModelError(f"{located.name} does not run in CTranslate2", hint="--engine auto runs it")
    is_ngram = model.config.architecture == NGRAM
    if spec.engine == "numpy" and not is_ngram:
        raise ModelError(f"{located.name} does not run in numpy: it is no GPT-2", hint="--engine auto runs it")
    in_numpy = is_ngram and spec.engine != "torch" and located.device == "cpu" and spec.needs in needs.OF_NUMPY
    return replace(located, engine="numpy" if in_numpy else "torch", about={"kind": DECODER})


def _in_numpy(located: LocatedGenerator) -> LocatedGenerator | None:
    """Return a model of transformers for the network in numpy if that can run it, and is asked for or the first choice: for a
    small GPT-2, without beams, on the processor.

    Raises:
        ModelError: it is asked for, and cannot run the model.
    """
    spec, folder = located.spec, located.folder
    is_asked_for = spec.engine == "numpy"
    if not is_asked_for and (spec.engine != "auto" or located.device != "cpu" or spec.needs not in needs.OF_NUMPY):
        return None
    try:
        gpt2_config.refuse(folder)
        if not is_asked_for and gpt2_config.n_parameters(folder) > _MOST_OF_NUMPY:
            return None
        return replace(located, engine="numpy", about=gpt2_about.describe(folder))
    except NotConvertible as error:
        if is_asked_for:
            raise ModelError(f"{located.name} does not run in numpy: {error}", hint="--engine auto runs it") from error
        return None


def settings_of(spec: GeneratorSpec, *, note: Note = silent, report: Report = unwatched) -> ModelSettings:
    """Find a model and return what it asks for of the decoding; the arguments are those of ``locate``.

    Raises:
        ModelError: the model is not there, or its settings are damaged.
    """
    prepare.check_task(spec.model, ["generate"], refusal="{} is a model for {}, and writes no texts", hint=_HINT)
    folder = prepare.find(spec, plain=True, note=note, report=report).folder
    return ModelSettings() if is_ours(folder) else model_settings.read(folder)


def _difference(located: LocatedGenerator, note: Note) -> str:
    """Return what CTranslate2 would do otherwise than torch; if it alone is wanted that is said, and is no reason."""
    difference = needs.difference(located.spec.needs, located.about)
    if difference and located.spec.engine == "ct2":
        note(f"{difference}; --engine torch finds what transformers finds")
        return ""
    return difference


def _ours(located: LocatedGenerator, *, engine: str, wants_torch: bool) -> LocatedGenerator:
    """Check a model of `nlptool train seq2seq`, of which ct2 runs Transformers alone."""
    model = seq2seq_folder.read(located.folder)
    if wants_torch or model.config.architecture != TRANSFORMER:
        if engine == "ct2":
            raise ModelError(
                f"{located.name} does not run in CTranslate2: it is an LSTM", hint="--engine torch runs it"
            )
        return located
    return replace(located, engine="ct2")


def _refuse(name: str, config: Mapping[str, Any]) -> None:
    """Refuse a model whose config.json says that it writes no texts."""
    kind = str(config.get("model_type"))
    classes = model_folder.architectures(config)
    if config.get("is_encoder_decoder") or any(map(model_folder.writes_texts, classes)):
        return
    if (classes and all(each.endswith(_READERS) for each in classes)) or kind in _READING_KINDS:
        raise ModelError(f"{name} is a {kind}, which reads texts and writes none", hint=_HINT)


_READERS = (
    "ForMaskedLM",
    "ForPreTraining",
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
)
_READING_KINDS = (
    *model_folder.NEXT_SENTENCE, "albert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "modernbert", "mpnet",
    "roberta", "xlm-roberta",
)  # fmt: skip
