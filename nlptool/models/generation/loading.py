"""Models that write texts: encoder–decoders and GPTs, found, converted and asked.

They run in CTranslate2, or in torch where a model, sampling, attention or a GPU needs it. Sources are sorted by their length and
packed by a budget of tokens; what is found for a text does not depend on the others.

A model is prepared once (found, checked, converted) and then opened, in this process or in several.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from nlptool import catalog
from nlptool.errors import ModelError, NotConvertible, RunError
from nlptool.models.generation import tokenizer as generation_tokenizer
from nlptool.models.generation.constraints import DecoderConstraints
from nlptool.models.generation.decoding import Engine
from nlptool.models.generation.generator import Generator, GeneratorSettings
from nlptool.models.generation.tokenizer import NEW_TOKENS
from nlptool.models.runtime import devices
from nlptool.models.seq2seq import folder as seq2seq_folder
from nlptool.models.seq2seq.config import TRANSFORMER
from nlptool.models.store import converted, hub_cache, locate, model_folder

_HINT = "nlptool models list --task generate shows models that do"


@dataclass(frozen=True, slots=True)
class LocatedGenerator:
    """A model that is ready to be opened, here or in another process."""

    name: str  # a hub id where the name was short for one
    engine: str  # ct2 | torch
    device: str  # cpu | cuda | mps
    settings: GeneratorSettings
    folder: Path  # of the model
    about: Mapping[str, Any]  # the manifest: see ``generation_about.describe``; {} of a model of our own
    copy: Path | None = None  # the converted copy
    allow_pickle: bool = False

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
        if not self.about:
            return self._open_ours()
        settings = self.settings
        texts, rules = generation_tokenizer.of_transformers(
            self.name,
            generation_tokenizer.pieces(self.copy, self.about) if self.copy else self._pieces(),
            self.about,
            source_lang=settings.source_lang,
            target_lang=settings.target_lang,
            max_length=settings.max_length,
            prefix=settings.prefix,
        )
        return Generator(
            texts,
            rules,
            self._torch(rules) if self.copy is None else self._ct2(self.copy, rules),
            name=self.name,
            settings=settings,
            new_tokens=int(self.about.get("max_new_tokens", NEW_TOKENS)),
            ends_by_force=bool(self.about["ends_by_force"]),
        )

    def _open_ours(self) -> Generator:
        settings = self.settings
        for option, value in (("--source-lang", settings.source_lang), ("--target-lang", settings.target_lang)):
            if value is not None:
                raise RunError(f"{self.name} takes no {option}", hint=f"leave out {option} {value}")
        model = seq2seq_folder.read(self.folder)
        texts, rules = generation_tokenizer.of_ours(model, max_length=settings.max_length, prefix=settings.prefix)
        if self.engine == "torch":
            engine = self._torch(rules)
        else:
            from nlptool.models.seq2seq import ct2_export as seq2seq_ct2

            engine = self._ct2(self.folder, rules, seq2seq_ct2.translator_files(model))
        return Generator(texts, rules, engine, name=self.name, settings=settings, new_tokens=model.shape.max_length)

    def _ct2(self, folder: Path, rules: DecoderConstraints, files: Mapping[str, bytes] | None = None) -> Engine:
        from nlptool.models.generation import ct2_backend

        return ct2_backend.open_engine(folder, rules, threads=self.settings.threads, files=files)

    def _pieces(self) -> generation_tokenizer.Pieces:
        from nlptool.models.generation import transformers_config

        return transformers_config.pieces(self.folder, transformers_config.tokenizer(self.folder), self.about)

    def _torch(self, rules: DecoderConstraints) -> Engine:
        from nlptool.models.generation import torch_backend

        return torch_backend.open_engine(
            self.folder,
            rules,
            name=self.name,
            device=self.device,
            threads=self.settings.threads or None,
            dtype="float32" if self.settings.deterministic else None,
            allow_pickle=self.allow_pickle,
        )


def prepare(
    name: str,
    settings: GeneratorSettings = GeneratorSettings(),
    *,
    needs: str = "search",
    engine: str = "auto",
    device: str = "cpu",
    offline: bool = False,
    allow_pickle: bool = False,
    note: Callable[[str], None] = lambda _: None,
    report: hub_cache.Report = lambda there, total, received: None,
) -> LocatedGenerator:
    """Find the model called ``name``, look it over, and convert it if that has not been done.

    Args:
        needs: what it is to do: search (greedy or beams) | sampling | attention.
        engine: ct2, torch, or auto: ct2 where it can do that, else torch.
        device: cpu, cuda, mps, or auto: cuda where there is one; ct2 runs on the cpu alone.
        offline: open no socket.
        allow_pickle: take weights that are a pickle, where a model has no others.
        note: is told what takes long or did not work as usual.
        report: is told how a download goes on.

    Raises:
        ModelError: the model is not there, is damaged, writes no texts, or cannot be run by the engine.
        RunError: the device is not there, or not for the engine.
    """
    known = catalog.KNOWN.get(name)
    if known is not None and known.task != "generate":
        raise ModelError(f"{name} is a model for {known.task}, and writes no texts", hint=_HINT)
    if engine == "ct2" and device not in ("cpu", "auto"):
        raise RunError(f"--engine ct2 computes on the processor: --device {device} needs --engine torch or auto")
    device = "cpu" if engine == "ct2" else devices.choose(device, engine)
    folder = locate.find(name, plain=True, offline=offline, allow_pickle=allow_pickle, note=note, report=report)
    if known is not None and known.hub:
        name = known.hub
    prepared = LocatedGenerator(name, "torch", device, settings, folder, {}, allow_pickle=allow_pickle)
    wants_torch = engine == "torch" or device != "cpu" or needs != "search"
    if engine == "ct2" and needs != "search":
        raise ModelError(f"CTranslate2 {_UNABLE[needs]}", hint="--engine auto leaves that to torch")
    if seq2seq_folder.is_one(folder):
        return _ours(prepared, engine=engine, wants_torch=wants_torch)
    files = model_folder.weight_files(folder, plain=True, allow_pickle=allow_pickle)
    _refuse(name, model_folder.read_json(folder / "config.json"))
    if not wants_torch:
        try:
            make = partial(_convert, folder, allow_pickle=allow_pickle)
            copy = converted.converted("generators", name, folder, files, make, note=note)
        except NotConvertible as error:
            if engine == "ct2":
                raise ModelError(
                    f"{name} does not run in CTranslate2: {error}", hint="--engine torch runs it"
                ) from error
            note(f"{name} runs in torch: {error}")
        else:
            return replace(prepared, engine="ct2", about=model_folder.read_json(copy / converted.GENERATION), copy=copy)
    from nlptool.models.generation import transformers_config

    return replace(prepared, about=transformers_config.describe(folder, transformers_config.tokenizer(folder)))


_UNABLE = {
    "sampling": "draws all texts from one generator: what it samples would depend on the others",
    "attention": "does not show what each layer looks at",
}


def _ours(prepared: LocatedGenerator, *, engine: str, wants_torch: bool) -> LocatedGenerator:
    """A model of `nlptool train seq2seq`, looked over.

    Raises:
        ModelError: it is damaged, or no Transformer, which ct2 alone runs.
    """
    model = seq2seq_folder.read(prepared.folder)
    if wants_torch or model.shape.architecture != TRANSFORMER:
        if engine == "ct2":
            raise ModelError(
                f"{prepared.name} does not run in CTranslate2: it is an LSTM", hint="--engine torch runs it"
            )
        return prepared
    return replace(prepared, engine="ct2")


def _convert(folder: Path, target: Path, *, allow_pickle: bool) -> None:
    """The frameworks are imported when there is something to convert."""
    from nlptool.models.generation import ct2_export

    ct2_export.convert_generation(folder, target, allow_pickle=allow_pickle)


def _refuse(name: str, config: Mapping[str, Any]) -> None:
    """
    Raises:
        ModelError: its config.json says that the model writes no texts.
    """
    kind = str(config.get("model_type"))
    listed = config.get("architectures")
    classes = [str(each) for each in listed] if isinstance(listed, list) else []
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
