"""Stacks that sentence-transformers itself has to run: bags of words, word embeddings, static embeddings with layers behind them,
routes for queries and for documents."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError, RunError
from nlptool.models.encoders.encoder import NO_KNOWN_PIECE, NO_KNOWN_WORD, Embeddings, Postprocess
from nlptool.models.encoders.unknown import PieceCounter
from nlptool.models.runtime import devices, transformers_loading
from nlptool.models.runtime.batching import pack
from nlptool.specs import EncoderSpec

_WORDS = 32  # of a sample: as many as a convolution may want


@dataclass(frozen=True, slots=True)
class _Input:
    """How the part that reads the texts reads one."""

    tokens: Callable[[str], list[int]]  # of a whole text
    limit: int | None  # tokens that it takes; None: all
    keeps_end: bool = False  # of a longer text
    pieces: Any = None  # the ``tokenizers.Tokenizer`` that makes them
    n_unknown: Callable[[str], int] | None = None  # words of a text that are not known, and make no token


class LibraryEncoder:
    """A ``SentenceTransformer``, its last normalisation apart.

    Args:
        model: in evaluation mode, without the last normalisation.
        about: its manifest.
        prompt: stands before every text.
        task: query | document | None: the route of the texts, and their limit, in a model that has several.

    Raises:
        ModelError: it fails at every text.
        RunError: a setting does not go with its parts.
    """

    engine = "torch"

    def __init__(
        self, model: Any, about: Mapping[str, Any], spec: EncoderSpec, *, prompt: str, task: str | None = None
    ) -> None:
        self._postprocess = Postprocess.of_model(about, spec)
        self.dimension = self._postprocess.dimension(int(about["dimension"]))
        self._network_dimension = int(about["dimension"])
        self._threads = spec.threads
        self._model = model
        self._prompt = prompt
        self._task = task
        self._input = _input(_first(model, task), spec, task)
        self._counter = PieceCounter(self._input.pieces) if self._input.pieces is not None else None
        # A convolution sees the padding of a batch.
        self._pads = any(type(module).__name__ == "CNN" for module in model.modules())
        self._budget = 1 if spec.deterministic else spec.batch_tokens or 512

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Embed ``texts``; the order is kept. A text of words without a known one has zeros and ``n_tokens`` 0."""
        whole = [self._input.tokens(self._prompt + text) for text in texts]
        limit = self._input.limit or max(map(len, whole), default=0)
        used = [tokens[-limit:] if self._input.keeps_end else tokens[:limit] for tokens in whole]
        counts, no_vector = self._unknown(texts, used)
        vectors = np.zeros((len(texts), self._network_dimension), np.float32)
        with devices.torch_threads(self._threads):
            for batch in self._batches([len(tokens) for tokens in used]):
                vectors[batch] = encode(self._model, [texts[row] for row in batch], self._prompt, self._task)
        lengths = [len(tokens) for tokens in used]
        truncated = [length < len(tokens) for length, tokens in zip(lengths, whole, strict=True)]
        return Embeddings(self._postprocess(vectors), lengths, truncated, [1] * len(texts), counts, no_vector)

    def _unknown(
        self, texts: Sequence[str], used: list[list[int]]
    ) -> tuple[list[dict[str, int]] | None, dict[int, str]]:
        """Return what is to be said of each text that is not known whole, and the texts of which nothing is known."""
        if self._input.n_unknown is not None:
            known = [len(self._input.tokens(text)) > 0 for text in texts]
            unknown = [{"n_unknown": n} if (n := self._input.n_unknown(text)) else {} for text in texts]
            return unknown, {row: NO_KNOWN_WORD for row, is_known in enumerate(known) if not is_known}
        if self._counter is None:
            return None, {}
        every = self._counter.count([self._input.tokens(self._prompt)])
        counts = self._counter.count(used) - every
        special, *own = self._counter.count([self._input.tokens(text) for text in ("", *texts)]).known.tolist()
        return counts.said(), {row: NO_KNOWN_PIECE for row, known in enumerate(own) if known <= special}

    def _batches(self, lengths: list[int]) -> Iterator[list[int]]:
        """Yield the rows of the texts that are computed together, of those that have something to be computed of."""
        rows = [row for row, length in enumerate(lengths) if length or self._input.n_unknown is None]
        groups = [rows]
        if self._pads:
            groups = [
                [row for row in rows if lengths[row] == length] for length in sorted({lengths[row] for row in rows})
            ]
        for group in groups:
            for batch in pack([lengths[row] for row in group], self._budget):
                yield [group[index] for index in batch]


def encode(model: Any, texts: list[str], prompt: str, task: str | None) -> NDArray[np.float32]:
    """Return the vectors that a ``SentenceTransformer`` gives for ``texts``, (N, D), in one batch."""
    routed = {"task": task} if task is not None else {}
    vectors = model.encode(texts, prompt=prompt, batch_size=len(texts), show_progress_bar=False, **routed)
    return np.asarray(vectors, np.float32)


def probe(model: Any, name: object, task: str | None) -> int:
    """Return how many components the vectors of a model have, found by embedding a text.

    Raises:
        ModelError: that fails, or gives no vector.
    """
    words = getattr(getattr(_first(model, task), "tokenizer", None), "word2idx", None)
    sample = " ".join(list(words)[-_WORDS:]) if words else "a"
    try:
        with transformers_loading.silenced():
            vectors = encode(model, [sample], "", task)
    except Exception as error:  # of many libraries
        reason = transformers_loading.short_message(error)
        raise ModelError(f"the parts of {name} do not fit together: {reason}") from error
    if vectors.ndim != 2:
        raise ModelError(f"{name} gives no vector of a text, but an array of the shape {vectors.shape[1:]}")
    return int(vectors.shape[1])


def task_of(model: Any, name: object, spec: EncoderSpec) -> str | None:
    """Return the route that the spec's role means in a model that has several, None in others.

    Raises:
        RunError: it has none for the role, or none for texts of no role.
    """
    first = model[0]
    if type(first).__name__ == "Transformer":  # of which some take fewer tokens of a query than of a document
        return spec.role if any((first.query_length, first.document_length, first.query_expansion)) else None
    if type(first).__name__ != "Router":
        return None
    routes = ", ".join(sorted({*first.sub_modules, *(str(task) for task, _ in first.route_mappings if task)}))
    for task in (spec.role, None) if spec.role_is_optional else (spec.role,):
        try:
            first._resolve_route(task=task, modality="text")
        except ValueError:
            continue
        return task
    if spec.role is None:
        raise RunError(
            f"{name} has parts of its own for each kind of text ({routes}), and none was chosen",
            hint="nlptool embed --as query|document chooses",
        )
    raise RunError(f"{name} has no parts for a {spec.role}, but for {routes}")


def _first(model: Any, task: str | None) -> Any:
    """Return the part that reads the texts."""
    first = model[0]
    if type(first).__name__ != "Router":
        return first
    return first.sub_modules[first._resolve_route(task=task, modality="text")][0]


def _input(module: Any, spec: EncoderSpec, task: str | None) -> _Input:
    """Set the limit of the part that reads the texts, and return what is known of it.

    Raises:
        RunError: it takes all words of a text, and the spec asks for a limit.
    """
    kind, tokenizer = type(module).__name__, module.tokenizer
    if kind == "BoW":
        if spec.max_length is not None:
            raise RunError(f"{spec.model} counts all words of a text: --max-length is for other models")
        return _Input(tokenizer.tokenize, None, n_unknown=_unknown_words(tokenizer))
    if kind == "WordEmbeddings":
        module.max_seq_length = min(filter(None, (spec.max_length, module.max_seq_length)), default=None)
        if hasattr(tokenizer, "word2idx"):
            return _Input(tokenizer.tokenize, module.max_seq_length, n_unknown=_unknown_words(tokenizer))
        pieces = getattr(tokenizer.tokenizer, "backend_tokenizer", None)
        return _Input(tokenizer.tokenize, module.max_seq_length, pieces=pieces)
    if kind == "StaticEmbedding":
        return _static_input(tokenizer, spec)
    own = getattr(module, f"{task}_length", None) if task else None
    own = module.processing_kwargs.get("text", {}).get("max_length", own)  # which comes before all others
    limit = min(filter(None, (spec.max_length, own or module.max_seq_length)), default=None)
    if limit is not None:
        module.processing_kwargs = {**module.processing_kwargs}
        module.processing_kwargs["text"] = {**module.processing_kwargs.get("text", {}), "max_length": limit}
    return _Input(
        lambda text: list(tokenizer.encode(text, truncation=False, verbose=False)),
        limit,
        keeps_end=getattr(tokenizer, "truncation_side", "right") == "left",
        pieces=getattr(tokenizer, "backend_tokenizer", None),
    )


def _static_input(tokenizer: Any, spec: EncoderSpec) -> _Input:
    """Do as ``_input`` does for a ``tokenizers.Tokenizer``, whose own truncation counts."""
    own: Mapping[str, Any] = tokenizer.truncation or {}
    limit = min(filter(None, (spec.max_length, own.get("max_length"))), default=None)
    direction = own.get("direction", "right")
    if limit is not None:
        tokenizer.enable_truncation(limit, direction=direction)
    whole = type(tokenizer).from_str(tokenizer.to_str())
    whole.no_truncation()
    whole.no_padding()
    ids: Callable[[str], list[int]] = lambda text: list(whole.encode(text, add_special_tokens=False).ids)  # noqa: E731
    return _Input(ids, limit, keeps_end=direction == "left", pieces=whole)


def _unknown_words(tokenizer: Any) -> Callable[[str], int]:
    """Return what counts the words of a text that a tokenizer of words does not know; stop words are none.

    Phrases are not known before they are put together, so that what is left out of them is not counted.
    """
    stop_words: set[str] = tokenizer.stop_words
    if hasattr(tokenizer, "ngram_separator"):
        return lambda _: 0

    def count(text: str) -> int:
        words = (text.lower() if tokenizer.do_lower_case else text).split()
        left_out = [word for word in words if not tokenizer.tokenize(word)]
        bare = [(word, word.strip(string.punctuation)) for word in left_out]
        return sum(bool(inner) and not {word, inner, inner.lower()} & stop_words for word, inner in bare)

    return count
