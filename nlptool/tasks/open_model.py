"""A spec to an open model: found, converted if that has not been done, and opened. No command opens a model in another way.

It can be used without a command line: without a pipe nothing is said, and nothing of the process stays changed: not its
environment, its streams, its warnings, nor torch's number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

from nlptool import catalog, machine
from nlptool.errors import ModelError
from nlptool.models.runtime.one_by_one import loading
from nlptool.models.store import locate as store_locate
from nlptool.specs import (
    AttentionSpec,
    AutoencoderSpec,
    ChooserSpec,
    ClassifierSpec,
    ContextualSpec,
    DecodingSpec,
    EncoderSpec,
    GeneratorSpec,
    MaskedModelSpec,
    ProbeSpec,
    ReaderSpec,
    ScoringSpec,
    TaggerSpec,
    WordVectorsSpec,
)
from nlptool.tasks import open_models
from nlptool.tasks.open_models import Located

if TYPE_CHECKING:
    from nlptool.models.autoencoders.folder import Autoencoder
    from nlptool.models.choosers.chooser import Chooser
    from nlptool.models.choosers.loading import LocatedChooser
    from nlptool.models.classifiers.loading import LocatedAnyClassifier
    from nlptool.models.classifiers.outputs import Classifier
    from nlptool.models.contextual.loading import LocatedContextualModel
    from nlptool.models.contextual.model import ContextualModel
    from nlptool.models.encoders.loading import LocatedAnyEncoder
    from nlptool.models.generation.generator import Generator
    from nlptool.models.generation.located import LocatedGenerator
    from nlptool.models.generation.resolving import Resolved
    from nlptool.models.masked.attention import AttentionModel, LocatedAttentionModel
    from nlptool.models.masked.loading import LocatedMaskedModel
    from nlptool.models.masked.model import MaskedModel
    from nlptool.models.probes.loading import LocatedProbe
    from nlptool.models.probes.probe import ProbeModel
    from nlptool.models.readers.loading import LocatedReader
    from nlptool.models.readers.reader import Reader
    from nlptool.models.runtime.prepare import Note
    from nlptool.models.taggers.loading import LocatedTagger
    from nlptool.models.taggers.tagger import Tagger
    from nlptool.models.words.vectors import WordVectors
    from nlptool.records.pipe import Pipe

    AnyHeadsSpec = ClassifierSpec | TaggerSpec | ReaderSpec | ChooserSpec
    ReadingSpec = MaskedModelSpec | ContextualSpec | ProbeSpec | AttentionSpec
    NetworkSpec = EncoderSpec | ReadingSpec | AnyHeadsSpec | GeneratorSpec | ScoringSpec

ALLOWED = "NLPTOOL_MODELS_ALLOWED"
"""The variable with the models that may be opened beside the known ones, a line for each; where it is not set, all may."""


@overload
def locate_model(
    spec: EncoderSpec, pipe: Pipe | None = None, *, workers: int = 1, note: Note | None = None
) -> LocatedAnyEncoder: ...
@overload
def locate_model(
    spec: MaskedModelSpec,
    pipe: Pipe | None = None,
    *,
    workers: int = 1,
    head: str = "mlm",
    note: Note | None = None,
) -> LocatedMaskedModel: ...
@overload
def locate_model(
    spec: ClassifierSpec, pipe: Pipe | None = None, *, workers: int = 1, note: Note | None = None
) -> LocatedAnyClassifier: ...
@overload
def locate_model(
    spec: ContextualSpec, pipe: Pipe | None = None, *, workers: int = 1, note: Note | None = None
) -> LocatedContextualModel: ...
@overload
def locate_model(
    spec: TaggerSpec, pipe: Pipe | None = None, *, workers: int = 1, note: Note | None = None
) -> LocatedTagger: ...
@overload
def locate_model(
    spec: ReaderSpec, pipe: Pipe | None = None, *, workers: int = 1, note: Note | None = None
) -> LocatedReader: ...
@overload
def locate_model(
    spec: ChooserSpec, pipe: Pipe | None = None, *, workers: int = 1, note: Note | None = None
) -> LocatedChooser: ...
@overload
def locate_model(
    spec: ProbeSpec, pipe: Pipe | None = None, *, workers: int = 1, note: Note | None = None
) -> LocatedProbe: ...
@overload
def locate_model(
    spec: AttentionSpec, pipe: Pipe | None = None, *, workers: int = 1, note: Note | None = None
) -> LocatedAttentionModel: ...
@overload
def locate_model(
    spec: GeneratorSpec, pipe: Pipe | None = None, *, workers: int = 1, note: Note | None = None
) -> LocatedGenerator: ...
@overload
def locate_model(
    spec: ScoringSpec, pipe: Pipe | None = None, *, workers: int = 1, note: Note | None = None
) -> LocatedMaskedModel | LocatedGenerator: ...
def locate_model(
    spec: NetworkSpec,
    pipe: Pipe | None = None,
    *,
    workers: int = 1,
    head: str = "mlm",
    note: Note | None = None,
) -> Any:
    """Find a model, fetch it if need be, and convert it if that has not been done.

    Args:
        pipe: shows the notes and the progress of a download; None: nobody does.
        workers: processes in which the model is to be opened: they share the processors where the spec names no threads.
        head: what a masked language model must be able to do: mlm | nsp.
        note: gets the notes instead of the pipe.

    Returns:
        What can be opened, here or in another process: it has ``open``.

    Raises:
        ModelError: the model is not there, is damaged, or cannot do what is wanted.
        RunError: the device is not there, or a setting does not go with the model.
    """
    _check_allowed(spec.model)
    if not spec.model and isinstance(spec, MaskedModelSpec | ContextualSpec | AttentionSpec | ScoringSpec):
        spec = replace(spec, model=catalog.default("fill-mask", ""))
    if spec.threads is None:
        spec = replace(spec, threads=max(1, machine.processors() // workers))
    with _watched(spec.model, pipe, note) as watching, loading(spec.model):
        match spec:
            case EncoderSpec():
                from nlptool.models.encoders import loading as encoder_loading

                return encoder_loading.locate(spec, **watching)
            case MaskedModelSpec():
                from nlptool.models.masked import loading as masked_loading

                return masked_loading.locate(spec, head=head, **watching)
            case ClassifierSpec():
                from nlptool.models.classifiers import loading as classifier_loading

                return classifier_loading.locate(spec, **watching)
            case ContextualSpec():
                from nlptool.models.contextual import loading as contextual_loading

                return contextual_loading.locate(spec, **watching)
            case TaggerSpec():
                from nlptool.models.taggers import loading as tagger_loading

                return tagger_loading.locate(spec, **watching)
            case ReaderSpec():
                from nlptool.models.readers import loading as reader_loading

                return reader_loading.locate(spec, **watching)
            case ChooserSpec():
                from nlptool.models.choosers import loading as chooser_loading

                return chooser_loading.locate(spec, **watching)
            case ProbeSpec():
                from nlptool.models.probes import loading as probe_loading

                return probe_loading.locate(spec, **watching)
            case AttentionSpec():
                from nlptool.models.masked import attention

                return attention.locate(spec, **watching)
            case GeneratorSpec():
                from nlptool.models.generation import loading as generator_loading

                return generator_loading.locate(spec, **watching)
            case ScoringSpec():
                from nlptool.models.scoring import loading as scoring_loading

                return scoring_loading.locate(spec, **watching)


@overload
def open_model(spec: EncoderSpec, pipe: Pipe | None = None) -> Any: ...
@overload
def open_model(spec: MaskedModelSpec, pipe: Pipe | None = None, *, head: str = "mlm") -> MaskedModel: ...
@overload
def open_model(spec: ClassifierSpec, pipe: Pipe | None = None) -> Classifier: ...
@overload
def open_model(spec: ContextualSpec, pipe: Pipe | None = None) -> ContextualModel: ...
@overload
def open_model(spec: TaggerSpec, pipe: Pipe | None = None) -> Tagger: ...
@overload
def open_model(spec: ReaderSpec, pipe: Pipe | None = None) -> Reader: ...
@overload
def open_model(spec: ChooserSpec, pipe: Pipe | None = None) -> Chooser: ...
@overload
def open_model(spec: ProbeSpec, pipe: Pipe | None = None) -> ProbeModel: ...
@overload
def open_model(spec: AttentionSpec, pipe: Pipe | None = None) -> AttentionModel: ...
@overload
def open_model(spec: GeneratorSpec, pipe: Pipe | None = None) -> Generator: ...
@overload
def open_model(spec: ScoringSpec, pipe: Pipe | None = None) -> MaskedModel | Generator: ...
@overload
def open_model(spec: AutoencoderSpec, pipe: Pipe | None = None) -> Autoencoder: ...
@overload
def open_model(spec: WordVectorsSpec, pipe: Pipe | None = None, *, note: Note | None = None) -> WordVectors: ...
def open_model(
    spec: NetworkSpec | WordVectorsSpec | AutoencoderSpec,
    pipe: Pipe | None = None,
    *,
    head: str = "mlm",
    note: Note | None = None,
) -> Any:
    """Find a model and open it; the arguments are those of ``locate_model``. An encoder has ``encode``.

    Raises:
        ModelError: as of ``locate_model``, or the model cannot be loaded.
        RunError: as of ``locate_model``.
    """
    _check_allowed(spec.model)
    if isinstance(spec, AutoencoderSpec):
        from nlptool.models.autoencoders import loading as autoencoder_loading

        with _watched(spec.model, pipe, note) as watching, loading(spec.model):
            return autoencoder_loading.locate(spec, **watching).open()
    if isinstance(spec, WordVectorsSpec):
        from nlptool.models.words import loading as word_loading

        note = note or (pipe.note if pipe is not None else None)
        vectors = word_loading.open_vectors(
            spec.model, unicode_errors=spec.unicode_errors, **({} if note is None else {"note": note})
        )
        _remember(spec.model, pipe)
        return vectors
    if isinstance(spec, MaskedModelSpec):
        return opened(locate_model(spec, pipe, head=head, note=note))
    return opened(locate_model(spec, pipe, note=note))


def opened(located: Located) -> Any:
    """Open a model that was found, in this process or in another; one that is open already in a process that keeps them is taken.

    Raises:
        ModelError: it cannot be loaded.
        RunError: a setting does not go with it.
    """
    with loading(located.name):
        return open_models.opened(located)


def decoding_of(
    spec: GeneratorSpec, chosen: DecodingSpec, pipe: Pipe | None = None, *, streams: bool = False
) -> Resolved:
    """Find a model that generates and decide how it decodes: as the user has chosen, else as the model asks, else by default.
    What the model asks for and does not get is noted.

    Args:
        streams: tokens are shown as they are chosen.

    Raises:
        ModelError: the model is not there, or its settings are damaged.
        WrongUsage: what is chosen has no effect.
    """
    _check_allowed(spec.model)
    from nlptool.models.generation import loading as generator_loading
    from nlptool.models.generation.resolving import resolve

    with _watched(spec.model, pipe, None) as watching, loading(spec.model):
        resolved = resolve(chosen, generator_loading.settings_of(spec, **watching), streams=streams)
    if pipe is not None:
        for note in resolved.notes:
            pipe.note(f"{spec.model}: {note}")
    return resolved


def _check_allowed(name: str) -> None:
    """Where the models that may be opened are given (``nlptool serve``), refuse others: a record of a request may name one, too.

    Raises:
        ModelError: this one may not be opened.
    """
    allowed = os.environ.get(ALLOWED)
    if allowed is not None and name and name not in catalog.KNOWN and name not in allowed.split("\n"):
        raise ModelError(f"{name} may not be opened here", hint="nlptool serve --allow-model MODEL")


@contextmanager
def _watched(name: str, pipe: Pipe | None, note: Note | None) -> Iterator[dict[str, Any]]:
    """The functions that notes and the progress of a download are given to."""
    if pipe is None:
        yield {}
        return
    with pipe.bar as bar:
        yield {"note": note or pipe.note, "report": lambda there, total, _: bar.transfer(name, there, total)}
    _remember(name, pipe)


def _remember(name: str, pipe: Pipe | None) -> None:
    """Remember the model with the output of ``pipe``, with which no other model of that name goes on."""
    if pipe is not None:
        pipe.work_done.remember("models", name, lambda: store_locate.version_of(name))
