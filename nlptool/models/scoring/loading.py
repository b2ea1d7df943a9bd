"""The model that scores texts: found, and opened as what it is, a masked language model or one that generates."""

from __future__ import annotations

from dataclasses import fields

from nlptool import catalog
from nlptool.errors import RunError
from nlptool.models.generation import loading as generation_loading
from nlptool.models.generation import needs
from nlptool.models.generation.located import LocatedGenerator
from nlptool.models.masked import loading as masked_loading
from nlptool.models.masked.loading import LocatedMaskedModel
from nlptool.models.runtime import prepare
from nlptool.models.runtime.prepare import Note, Report, silent, unwatched
from nlptool.models.store import model_folder
from nlptool.specs import GeneratorSpec, MaskedModelSpec, NetworkSpec, ScoringSpec

_HINT = "nlptool models list --task fill-mask and --task generate show models that do"
_COMMON = [field.name for field in fields(NetworkSpec)]
_ENGINES = {"fill-mask": ("auto", "onnx", "torch"), "generate": ("auto", "ct2", "numpy", "torch")}


def locate(
    spec: ScoringSpec, *, note: Note = silent, report: Report = unwatched
) -> LocatedMaskedModel | LocatedGenerator:
    """Find a model, check it, and convert it if that has not been done.

    Args:
        note: is told what takes long or did not work as usual.
        report: is told how a download goes on.

    Raises:
        ModelError: the model is not there, is damaged, gives texts no probability, or cannot be run by the engine.
        RunError: the device or the engine is not for it, or an option.
    """
    prepare.check_task(
        spec.model, list(_ENGINES), refusal="{} is a model for {}, and gives no text a probability", hint=_HINT
    )
    known = catalog.KNOWN.get(spec.model)
    if known is not None:
        task = known.task
    else:
        folder = prepare.find(spec, plain=True, note=note, report=report).folder
        task = "generate" if model_folder.is_generator(folder) else "fill-mask"
    if spec.engine not in _ENGINES[task]:
        raise RunError(f"{spec.model} does not run in {spec.engine}", hint=f"--engine {' | '.join(_ENGINES[task])}")
    common = {name: getattr(spec, name) for name in _COMMON}
    if task == "generate":
        wanted = GeneratorSpec(
            **common, engine=spec.engine, needs=needs.SCORING, prefix=spec.prefix, source_lang=spec.source_lang,
            target_lang=spec.target_lang, quantize=spec.quantize,
        )  # fmt: skip
        return generation_loading.locate(wanted, note=note, report=report)
    if spec.quantize:
        raise RunError(
            f"{spec.model} is a masked model: --quantize is for one that generates", hint="leave out --quantize"
        )
    for option, value in (
        ("--prefix", spec.prefix),
        ("--source-lang", spec.source_lang),
        ("--target-lang", spec.target_lang),
    ):
        if value:
            raise RunError(f"{spec.model} takes no {option}: it is no encoder–decoder", hint=f"leave out {option}")
    return masked_loading.locate(MaskedModelSpec(**common, engine=spec.engine), note=note, report=report)
