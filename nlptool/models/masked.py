"""BERT and its kin, asked: which token stands at a place, and does one sentence follow another.

Method of the models: J. Devlin et al.: BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding (NAACL
2019). They run in onnxruntime, or in torch where a model or a GPU needs it. Sequences are sorted by their length and packed by
a budget of tokens, and the logits, V numbers for each token, are computed where they are asked for and nowhere else.

A model is prepared once (found, checked, converted) and then opened, in this process or in several.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from nlptool import catalogue
from nlptool.batches import pack
from nlptool.errors import ModelError, NotConvertible
from nlptool.models import copies, devices, folders, hub, onnx_network
from nlptool.models.bert_japanese import JapaneseWords
from nlptool.models.masked_texts import Cut, Row, Texts
from nlptool.models.subwords import read_tokenizer

__all__ = ["Cut", "MaskedModel", "Prepared", "Row", "Settings", "Texts", "load", "log_softmax", "prepare", "scored"]

_LARGEST_LOGITS = 1 << 24  # numbers in a batch, 64 MiB
_TOGETHER = 2**19  # tokens in the rows that are taken at once: 8 MB, and enough to sort rows of like length together
_Tag = TypeVar("_Tag")
_HINT = "nlptool models list --task fill-mask shows the masked language models"
_DECODERS = ("ForCausalLM", "LMHeadModel")  # but for XLMWithLMHeadModel and its kin, which are BERTs
_WITHOUT_NEXT = {
    "albert": "ALBERT was trained to tell the order of two sentences, which is another question",
    "distilbert": "DistilBERT was trained without next sentences",
    "modernbert": "ModernBERT was trained without next sentences",
    "roberta": "RoBERTa was trained without next sentences",
    "xlm-roberta": "XLM-RoBERTa was trained without next sentences",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be chosen of a model."""

    max_length: int | None = None  # tokens of a sequence, special tokens included; as the model says
    batch_tokens: int | None = None  # tokens computed together; as the network likes it
    threads: int = 0  # 0: all
    deterministic: bool = False  # every sequence is computed alone, so that no padding changes the last digits


class Network(Protocol):
    """Token ids to the outputs of those heads that the model has."""

    engine: str
    batch_tokens: int

    def __call__(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64], places: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float32]]:
        """
        Args:
            ids: (B, T).
            mask: (B, T), 0 for padding.
            types: (B, T), 0: the first text, 1: the second.
            places: (M,), counted through all rows of ``ids``.

        Returns:
            mlm: (M, V) logits of the tokens; nsp: (B, 2) of the next sentence.
        """


class OnnxMasked:
    """A network in onnxruntime; the arguments are those of ``onnx_network.session``."""

    engine = "onnx"
    batch_tokens = onnx_network.BATCH_TOKENS

    def __init__(self, about: Mapping[str, Any], graph: Path, weights: Path, **arguments: Any) -> None:
        self._heads = about["heads"]
        self._takes_types, self._masks = bool(about["types"]), bool(about["masks"])
        self._session = onnx_network.session(graph, weights, **arguments)

    def __call__(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64], places: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float32]]:
        feeds = {"input_ids": ids}
        if self._masks:
            feeds["attention_mask"] = mask
        if self._takes_types:
            feeds["token_type_ids"] = types
        if "mlm" in self._heads:
            feeds["places"] = places
        return dict(zip(self._heads, self._session.run(None, feeds), strict=True))


class MaskedModel:
    """Sequences to logits, by a network and a tokenizer.

    Attributes:
        heads: what the model can do: mlm, nsp.
    """

    def __init__(self, prepared: Prepared, texts: Texts, network: Network) -> None:
        self.name, self.device = prepared.name, prepared.device
        self.engine = network.engine
        self.heads = prepared.heads
        self.texts = texts
        self._network = network
        self._pad_id = int(prepared.about["pad_id"])
        alone = prepared.settings.deterministic or not prepared.about["masks"]
        self._budget = 1 if alone else prepared.settings.batch_tokens or network.batch_tokens

    def logits(self, rows: Sequence[Row]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """(i, logits) for each row, logits (len(rows[i].places), V); in the order of computation, not of ``rows``.

        The logits of a batch alone are in memory at a time: what is to be kept of them should be copied.
        """
        for batch in self._batches(rows):
            found = self._run([rows[index] for index in batch])["mlm"]
            ends = np.cumsum([len(rows[index].places) for index in batch])
            yield from zip(batch, np.split(found, ends[:-1]), strict=True)

    def next_sentence(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """(N, 2) logits in the order of rows; index 0: the second text follows the first."""
        logits = np.empty((len(rows), 2), np.float32)
        bare = [Row(row.ids, row.types, []) for row in rows]
        for batch in self._batches(bare):
            logits[batch] = self._run([bare[index] for index in batch])["nsp"]
        return logits

    def _batches(self, rows: Sequence[Row]) -> Iterator[list[int]]:
        """Indices into ``rows``, in batches that are bounded in their tokens and in their logits."""
        most = max(1, _LARGEST_LOGITS // self.texts.size)  # places
        for packed in pack([len(row.ids) for row in rows], self._budget):
            batch: list[int] = []
            n_places = 0
            for index in packed:
                n_more = len(rows[index].places)
                if batch and n_places + n_more > most:
                    yield batch
                    batch, n_places = [], 0
                batch.append(index)
                n_places += n_more
            yield batch

    def _run(self, rows: Sequence[Row]) -> dict[str, NDArray[np.float32]]:
        width = max(len(row.ids) for row in rows)
        ids = np.full((len(rows), width), self._pad_id, np.int64)  # (B, T)
        mask, types = np.zeros_like(ids), np.zeros_like(ids)
        for number, row in enumerate(rows):
            ids[number, : len(row.ids)] = row.ids
            types[number, : len(row.ids)] = row.types
            mask[number, : len(row.ids)] = 1
        places = np.array([width * number + place for number, row in enumerate(rows) for place in row.places], np.int64)
        return self._network(ids, mask, types, places)


def scored(model: MaskedModel, rows: Iterable[tuple[Row, _Tag]]) -> Iterator[tuple[_Tag, NDArray[np.float32]]]:
    """(tag, log-probabilities (M, V)) of each row, not in order. Rows are taken as they are needed, so that there may be any
    number of them."""
    rows = iter(rows)
    for first in rows:
        some, n_tokens = [first], len(first[0].ids)
        while n_tokens < _TOGETHER and (more := next(rows, None)) is not None:
            some.append(more)
            n_tokens += len(more[0].ids)
        for index, logits in model.logits([row for row, _ in some]):
            yield some[index][1], log_softmax(logits)


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits (..., V) to natural logarithms of probabilities."""
    shifted: NDArray[np.float32] = logits - logits.max(axis=-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model that is ready to be opened, here or in another process."""

    name: str  # a hub id where the name was short for one
    engine: str  # onnx | torch
    device: str  # cpu | cuda | mps
    about: Mapping[str, Any]  # the manifest: see ``convert_masked``
    settings: Settings
    weights: Path  # folder with the weights that the graph reads; of the model, where there is no graph
    graph: Path | None = None  # folder with model.onnx and tokenizer.json
    allow_pickle: bool = False

    @property
    def heads(self) -> frozenset[str]:
        """What the model can do: mlm, nsp."""
        return frozenset(self.about["heads"])

    def open(self) -> MaskedModel:
        """Load the network.

        Raises:
            ModelError: it cannot be loaded.
            RunError: --max-length leaves no room.
        """
        threads = self.settings.threads
        if threads:
            os.environ["RAYON_NUM_THREADS"] = str(threads)  # the tokenizers' threads
        if self.graph is None:
            from nlptool.models import torch_masked

            return torch_masked.open_masked(self)
        network = OnnxMasked(
            self.about, self.graph, self.weights, threads=threads, deterministic=self.settings.deterministic
        )
        return MaskedModel(self, self.texts(), network)

    def texts(self, tokenizer: Any = None) -> Texts:
        """The tokenizer alone, with the words and limits of this model.

        Args:
            tokenizer: of the library ``tokenizers``, if it has been read.

        Raises:
            ModelError: it cannot be loaded.
            RunError: --max-length leaves no room.
        """
        if tokenizer is None and self.graph is not None:
            tokenizer = read_tokenizer(self.graph / "tokenizer.json")
        elif tokenizer is None:
            from nlptool.models import convert_masked

            tokenizer, _ = convert_masked.tokenizers(self.weights)
        words: Any = self.about.get("words")
        special = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
        return Texts(
            tokenizer,
            self.about,
            words=JapaneseWords(**words, special=special) if words else None,
            max_length=self.settings.max_length,
        )


def load(name: str, settings: Settings = Settings(), **arguments: Any) -> MaskedModel:
    """Prepare and open in one step; the arguments are those of ``prepare``."""
    return prepare(name, settings, **arguments).open()


def prepare(
    name: str,
    settings: Settings = Settings(),
    *,
    head: str = "mlm",
    engine: str = "auto",
    device: str = "cpu",
    offline: bool = False,
    allow_pickle: bool = False,
    note: Callable[[str], None] = lambda _: None,
    report: hub.Report = lambda there, total, received: None,
) -> Prepared:
    """Find the model called ``name``, look it over, and convert it if that has not been done.

    Args:
        head: what it must be able to do: mlm | nsp.
        engine: onnx, torch, or auto: onnx where the model can be converted, else torch.
        device: cpu, cuda, mps, or auto: cuda where there is one; onnx runs on the cpu alone.
        offline: open no socket.
        allow_pickle: take weights that are a pickle, where a model has no others.
        note: is told what takes long or did not work as usual.
        report: is told how a download goes on.

    Raises:
        ModelError: the model is not there, is damaged, has no such head, or cannot be run by the engine.
        RunError: the device is not there.
    """
    known = catalogue.KNOWN.get(name)
    if known is not None and known.task != "fill-mask":
        raise ModelError(f"{name} is a model for {known.task}", hint=_HINT)
    device = devices.choose(device, engine)
    folder = folders.find(name, plain=True, offline=offline, allow_pickle=allow_pickle, note=note, report=report)
    if known is not None and known.hub:
        name = known.hub
    files = folders.weight_files(folder, plain=True, allow_pickle=allow_pickle)
    _refuse(name, folders.read_json(folder / "config.json"), head=head)
    wants_torch = engine == "torch" or device != "cpu"
    graph: Path | None = None
    if known is not None and known.graph and not wants_torch:
        graph = folders.built_in_graph(known)
    elif not wants_torch:
        try:
            make = partial(_convert, folder, allow_pickle=allow_pickle)
            graph = folder = copies.converted("masked", name, folder, files, make, note=note)
        except NotConvertible as error:
            if engine == "onnx":
                raise ModelError(
                    f"{name} does not run in onnxruntime: {error}", hint="--engine torch runs it"
                ) from error
            note(f"{name} runs in torch: {error}")
    if graph is not None:
        about: Mapping[str, Any] = folders.read_json(graph / copies.MASKED)
    else:
        from nlptool.models import convert_masked

        about = convert_masked.load(folder, allow_pickle=allow_pickle).about
    if head not in about["heads"]:
        raise _no_head(name, about, head)
    return Prepared(
        name=name,
        engine="torch" if graph is None else "onnx",
        device=device,
        about=about,
        settings=settings,
        weights=folder,
        graph=graph,
        allow_pickle=allow_pickle,
    )


def _convert(folder: Path, target: Path, *, allow_pickle: bool) -> None:
    """The frameworks are imported when there is something to convert."""
    from nlptool.models import convert_masked

    convert_masked.convert_masked(folder, target, allow_pickle=allow_pickle)


def _refuse(name: str, config: Mapping[str, Any], *, head: str) -> None:
    """
    Raises:
        ModelError: its config.json says that the model cannot do what is wanted.
    """
    kind = str(config.get("model_type"))
    if config.get("is_encoder_decoder"):
        raise ModelError(
            f"{name} is a sequence-to-sequence model ({kind}), which writes a text and fills no masks in one",
            hint=_HINT,
        )
    listed = config.get("architectures")
    classes = [str(each) for each in listed] if isinstance(listed, list) else []
    if config.get("is_decoder") or any(each.endswith(_DECODERS) and "WithLMHead" not in each for each in classes):
        raise decoder(name, kind)
    if head == "nsp" and kind not in folders.NEXT_SENTENCE:
        raise _no_head(name, {"architecture": kind}, head)


def decoder(name: object, kind: str) -> ModelError:
    """What to say of a model that looks at one side of a place alone."""
    return ModelError(
        f"{name} is a decoder ({kind}): it sees only what stands before a word, and was not trained to fill masks",
        hint=_HINT,
    )


def _no_head(name: str, about: Mapping[str, Any], head: str) -> ModelError:
    if head == "nsp":
        kind = str(about["architecture"])
        other = (
            "its weights hold none"
            if kind in folders.NEXT_SENTENCE
            else f"a model of its kind ({kind}) is trained without"
        )
        reason = _WITHOUT_NEXT.get(kind, other)
        return ModelError(f"{name} has no next-sentence head: {reason}", hint=f"-m {catalogue.DEFAULT_BERT} has one")
    return ModelError(f"{name} has no head for masked words: its weights hold one for next sentences alone", hint=_HINT)
