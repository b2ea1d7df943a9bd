"""Models that write texts: encoder–decoders and GPTs, found, converted and asked.

They run in CTranslate2, small GPT-2s in numpy, or in torch where a model, sampling, attention or a GPU needs it. Sources are
sorted by their length and packed by a budget of tokens; what is found for a text does not depend on the others.

A model is located once (found, checked, converted) and then opened, in this process or in several.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError, NotConvertible, RunError
from nlptool.models.generation import gpt2_about, gpt2_config, model_settings, needs
from nlptool.models.generation.constraints import DECODER
from nlptool.models.generation.generator import Generator
from nlptool.models.generation.located import LocatedGenerator, is_ours
from nlptool.models.generation.model_settings import ModelSettings
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
    spec = needs.quantizable(spec)
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
        raise ModelError(f"{located.name} does not run in CTranslate2", hint=needs.without_ct2(spec))
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
                f"{located.name} does not run in CTranslate2: it is an LSTM", hint=needs.without_ct2(located.spec)
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
