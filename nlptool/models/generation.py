"""Models that write texts: encoder–decoders and GPTs, found, converted and asked.

They run in CTranslate2, or in torch where a model, sampling, attention or a GPU needs it. Sources are sorted by their length and
packed by a budget of tokens; what is found for a text does not depend on the others.

A model is prepared once (found, checked, converted) and then opened, in this process or in several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool import catalogue
from nlptool.batches import pack
from nlptool.errors import ModelError, NotConvertible, RunError
from nlptool.models import copies, devices, folders, generation_texts, hub, seq2seq_folder
from nlptool.models.decoding import Decoding, Engine, Hypothesis
from nlptool.models.generation_rules import DECODER, Rules
from nlptool.models.generation_texts import NEW_TOKENS, Source, Texts
from nlptool.models.seq2seq_shape import TRANSFORMER

__all__ = ["Attention", "Generator", "Output", "Prepared", "Settings", "Source", "prepare"]

_HINT = "nlptool models list --task generate shows models that do"
_BROKEN = "\ufffd"  # what the first bytes of a character are shown as


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be chosen of a model."""

    prefix: str = ""
    source_lang: str | None = None
    target_lang: str | None = None
    max_length: int | None = None  # tokens of a source, special tokens included; as the model says
    batch_tokens: int | None = None  # tokens computed together; as the engine likes it
    threads: int = 0  # 0: all
    deterministic: bool = False  # every text is computed alone


@dataclass(frozen=True, slots=True)
class Output:
    """A text that was written.

    Attributes:
        text: of a decoder-only model the continuation alone.
        ids: its tokens, without those that begin every text and without the one that ended it.
        log_probability: natural logarithm, summed over ``ids`` and the end token, if that was reached; at most 0, higher is
            more probable.
        finish_reason: stop, for an end token; length, where there was no room for more.
    """

    text: str
    ids: list[int]
    log_probability: float
    finish_reason: str


@dataclass(frozen=True, slots=True)
class Attention:
    """What a decoder looked at.

    Attributes:
        source: S tokens that were read.
        target: T tokens that were written, the end token included, if it was reached.
        weights: (L, H, T, S); of an encoder–decoder the sum over S is 1.
    """

    source: list[str]
    target: list[str]
    weights: NDArray[np.float32]


class Generator:
    """Texts to texts, by an engine and a vocabulary.

    Attributes:
        engine: ct2 | torch.
        kind: encoder-decoder | decoder.

    Args:
        new_tokens: of an output, at most, where the user does not say; those included that are forced upon it.
        ends_by_force: whether the last of so many is always an end.
    """

    def __init__(
        self,
        prepared: Prepared,
        texts: Texts,
        rules: Rules,
        engine: Engine,
        *,
        new_tokens: int,
        ends_by_force: bool = False,
    ) -> None:
        self.name = prepared.name
        self.engine, self.device = engine.name, engine.device
        self.kind = rules.kind
        self.rules = rules
        self._texts, self._engine = texts, engine
        self._new_tokens, self._ends_by_force = new_tokens, ends_by_force
        settings = prepared.settings
        self._budget = 1 if settings.deterministic else settings.batch_tokens or engine.batch_tokens

    def read(self, texts: Sequence[str]) -> list[Source]:
        """What the model reads of each text."""
        return self._texts.read(texts)

    def generate(
        self, sources: Sequence[Source], decoding: Decoding, *, seeds: Sequence[Sequence[int]] | None = None
    ) -> list[list[Output]]:
        """The outputs of each source, best first, in the order of ``sources``; none of a source without tokens.

        Args:
            seeds: a seed for each source, for sampling.

        Raises:
            RunError: there are more beams than the vocabulary has tokens.
            ModelError: the network cannot be run.
        """
        self._check(decoding)
        found: list[list[Output]] = [[] for _ in sources]
        rows = decoding.n_return if decoding.sample else max(decoding.beams, decoding.n_return)
        for n_new, indices in self._alike(sources, decoding):
            limited = self._limited(decoding, n_new)
            lengths = [len(sources[index].ids) for index in indices]
            for batch in pack(lengths, max(1, self._budget // rows)):
                here = [indices[number] for number in batch]
                hypotheses = self._engine.generate(
                    [sources[index].ids for index in here], limited, [seeds[index] for index in here] if seeds else []
                )
                for index, each in zip(here, hypotheses, strict=True):
                    found[index] = [self._output(sources[index], hypothesis) for hypothesis in each]
        return found

    def _check(self, decoding: Decoding) -> None:
        if decoding.beams > self.rules.size:
            raise RunError(
                f"--beams {decoding.beams} is wider than the vocabulary of {self.name}, which has {self.rules.size} tokens",
                hint=f"--beams {min(self.rules.size, 5)}",
            )

    def _alike(self, sources: Sequence[Source], decoding: Decoding) -> Iterator[tuple[int, list[int]]]:
        """Indices into ``sources``, those together that have room for as many new tokens."""
        groups: dict[int, list[int]] = {}
        for index, source in enumerate(sources):
            if source.ids:
                groups.setdefault(self._room(source, decoding), []).append(index)
        yield from groups.items()

    def _room(self, source: Source, decoding: Decoding) -> int:
        """How many new tokens an output may have. Those that are forced upon it count as such, as in transformers."""
        asked = decoding.max_new_tokens or max(self._new_tokens, decoding.min_new_tokens)
        given = source.ids if self.kind == DECODER else self.rules.start
        if self.kind != DECODER:
            asked -= len(self.rules.start) - 1
        if self._ends_by_force:
            asked -= 1
        if self.rules.positions is not None:
            asked = min(asked, self.rules.positions - len(given))
        return max(1, asked)

    def _limited(self, decoding: Decoding, n_new: int) -> Decoding:
        least = decoding.min_new_tokens
        if self.kind != DECODER:
            least -= len(self.rules.start) - 1
        return replace(decoding, max_new_tokens=n_new, min_new_tokens=min(max(0, least), n_new))

    def _output(self, source: Source, hypothesis: Hypothesis) -> Output:
        text = self._texts.text(hypothesis.ids, prompt=source.ids if self.kind == DECODER else ())
        return Output(text, hypothesis.ids, hypothesis.log_probability, hypothesis.finish_reason)

    def stream(
        self, source: Source, decoding: Decoding, *, seed: Sequence[int] | None = None
    ) -> Iterator[str | Output]:
        """Pieces of the text as they come, and at last the output; by greedy search or sampling. The pieces together are the
        text of the output. Nothing at all for a source without tokens.

        Raises:
            ModelError: the network cannot be run.
        """
        if not source.ids:
            return
        limited = self._limited(decoding, self._room(source, decoding))
        prompt = source.ids if self.kind == DECODER else ()
        ids: list[int] = []
        shown = ""
        for found in self._engine.stream(source.ids, limited, seed or []):
            if isinstance(found, Hypothesis):
                output = self._output(source, found)
                if rest := output.text[len(shown) :]:
                    yield rest
                yield output
                return
            ids.append(found)
            text = self._texts.text(ids, prompt=prompt)
            whole = text.rstrip(_BROKEN).rstrip()  # blanks too: the last one may yet be taken away
            if whole.startswith(shown) and len(whole) > len(shown):
                yield whole[len(shown) :]
                shown = whole

    def attention(self, source: Source, output: Output) -> Attention:
        """What the decoder looked at when it wrote ``output``.

        Raises:
            ModelError: the model has no attention, or the engine does not show it.
        """
        ids = [*output.ids, *(self.rules.ends[:1] if output.finish_reason == "stop" else ())]
        return Attention(
            self._texts.spelled(source.ids, of_source=True),
            self._texts.spelled(ids, of_source=False),
            self._engine.attention(source.ids, ids),
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model that is ready to be opened, here or in another process."""

    name: str  # a hub id where the name was short for one
    engine: str  # ct2 | torch
    device: str  # cpu | cuda | mps
    settings: Settings
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
        texts, rules = generation_texts.of_transformers(
            self.name,
            generation_texts.pieces(self.copy, self.about) if self.copy else self._pieces(),
            self.about,
            source_lang=settings.source_lang,
            target_lang=settings.target_lang,
            max_length=settings.max_length,
            prefix=settings.prefix,
        )
        return Generator(
            self,
            texts,
            rules,
            self._torch(rules) if self.copy is None else self._ct2(self.copy, rules),
            new_tokens=int(self.about.get("max_new_tokens", NEW_TOKENS)),
            ends_by_force=bool(self.about["ends_by_force"]),
        )

    def _open_ours(self) -> Generator:
        settings = self.settings
        for option, value in (("--source-lang", settings.source_lang), ("--target-lang", settings.target_lang)):
            if value is not None:
                raise RunError(f"{self.name} takes no {option}", hint=f"leave out {option} {value}")
        model = seq2seq_folder.read(self.folder)
        texts, rules = generation_texts.of_ours(model, max_length=settings.max_length, prefix=settings.prefix)
        if self.engine == "torch":
            engine = self._torch(rules)
        else:
            from nlptool.models import seq2seq_ct2

            engine = self._ct2(self.folder, rules, seq2seq_ct2.translator_files(model))
        return Generator(self, texts, rules, engine, new_tokens=model.shape.max_length)

    def _ct2(self, folder: Path, rules: Rules, files: Mapping[str, bytes] | None = None) -> Engine:
        from nlptool.models import ct2_generation

        return ct2_generation.open_engine(folder, rules, threads=self.settings.threads, files=files)

    def _pieces(self) -> generation_texts.Pieces:
        from nlptool.models import generation_about

        return generation_about.pieces(self.folder, generation_about.tokenizer(self.folder), self.about)

    def _torch(self, rules: Rules) -> Engine:
        from nlptool.models import torch_generation

        return torch_generation.open_engine(
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
    settings: Settings = Settings(),
    *,
    needs: str = "search",
    engine: str = "auto",
    device: str = "cpu",
    offline: bool = False,
    allow_pickle: bool = False,
    note: Callable[[str], None] = lambda _: None,
    report: hub.Report = lambda there, total, received: None,
) -> Prepared:
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
    known = catalogue.KNOWN.get(name)
    if known is not None and known.task != "generate":
        raise ModelError(f"{name} is a model for {known.task}, and writes no texts", hint=_HINT)
    if engine == "ct2" and device not in ("cpu", "auto"):
        raise RunError(f"--engine ct2 computes on the processor: --device {device} needs --engine torch or auto")
    device = "cpu" if engine == "ct2" else devices.choose(device, engine)
    folder = folders.find(name, plain=True, offline=offline, allow_pickle=allow_pickle, note=note, report=report)
    if known is not None and known.hub:
        name = known.hub
    prepared = Prepared(name, "torch", device, settings, folder, {}, allow_pickle=allow_pickle)
    wants_torch = engine == "torch" or device != "cpu" or needs != "search"
    if engine == "ct2" and needs != "search":
        raise ModelError(f"CTranslate2 {_UNABLE[needs]}", hint="--engine auto leaves that to torch")
    if seq2seq_folder.is_one(folder):
        return _ours(prepared, engine=engine, wants_torch=wants_torch)
    files = folders.weight_files(folder, plain=True, allow_pickle=allow_pickle)
    _refuse(name, folders.read_json(folder / "config.json"))
    if not wants_torch:
        try:
            make = partial(_convert, folder, allow_pickle=allow_pickle)
            copy = copies.converted("generators", name, folder, files, make, note=note)
        except NotConvertible as error:
            if engine == "ct2":
                raise ModelError(
                    f"{name} does not run in CTranslate2: {error}", hint="--engine torch runs it"
                ) from error
            note(f"{name} runs in torch: {error}")
        else:
            return replace(prepared, engine="ct2", about=folders.read_json(copy / copies.GENERATION), copy=copy)
    from nlptool.models import generation_about

    return replace(prepared, about=generation_about.describe(folder, generation_about.tokenizer(folder)))


_UNABLE = {
    "sampling": "draws all texts from one generator: what it samples would depend on the others",
    "attention": "does not show what each layer looks at",
}


def _ours(prepared: Prepared, *, engine: str, wants_torch: bool) -> Prepared:
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
    from nlptool.models import convert_generation

    convert_generation.convert_generation(folder, target, allow_pickle=allow_pickle)


def _refuse(name: str, config: Mapping[str, Any]) -> None:
    """
    Raises:
        ModelError: its config.json says that the model writes no texts.
    """
    kind = str(config.get("model_type"))
    listed = config.get("architectures")
    classes = [str(each) for each in listed] if isinstance(listed, list) else []
    if config.get("is_encoder_decoder") or any(map(folders.writes_texts, classes)):
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
    *folders.NEXT_SENTENCE, "albert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "modernbert", "mpnet",
    "roberta", "xlm-roberta",
)  # fmt: skip
