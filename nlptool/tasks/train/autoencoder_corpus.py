"""The texts that an autoencoder learns from: counts of their words, or their embeddings; a part of them is held out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.models.autoencoders.shape import EMBEDDINGS, WORDS
from nlptool.records.formats.cells import as_text
from nlptool.records.json_bytes import field_value
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.windows import joined, windows
from nlptool.storage.digest import short_digest
from nlptool.tasks.embedder import Embedder
from nlptool.tasks.keyword_candidates import CandidateSettings
from nlptool.tasks.keywords import Candidates
from nlptool.tasks.train.held_out import divided
from nlptool.tasks.train.run import scripts_of

if TYPE_CHECKING:
    from nlptool.specs import EncoderSpec
    from nlptool.training.autoencoder.inputs import Inputs

_SAMPLE = 10_000  # texts whose scripts are counted
_LEAST = 2  # texts to learn from


@dataclass(frozen=True, slots=True)
class CorpusOptions:
    """What is read of the texts.

    Attributes:
        reads: words | embeddings.
        vocab_size: words of the vocabulary, the most frequent ones.
        dictionary: of MeCab: name or folder.
        dev: the held-out texts: a share, or a file.
        group: the field that holds the class of a text, for the picture; None: none.
    """

    reads: str
    vocab_size: int
    dictionary: str | None
    dev: str | float
    group: str | None


@dataclass(frozen=True, slots=True)
class _Text:
    """A text: its words with their counts, or its embedding; and its class."""

    counts: tuple[tuple[str, int], ...]
    vector: NDArray[np.float32] | None
    group: str

    @property
    def name(self) -> str:
        """What texts must share to stay together."""
        return short_digest([list(map(list, self.counts))]) if self.vector is None else self.vector.tobytes().hex()


@dataclass(frozen=True, slots=True)
class AutoencoderCorpus:
    """What is learned from, and what is held out.

    Attributes:
        groups, dev_groups: the classes of the texts, "" where there is none.
        words: the vocabulary; None: embeddings are read.
        base: the model of the embeddings.
        dim: components that were kept of them; None: all.
        prompt: the text before each text that it embedded; None: the embeddings were given.
        mean, scale: as of ``models.autoencoders.folder``.
    """

    train: Inputs
    dev: Inputs | None
    groups: list[str]
    dev_groups: list[str]
    scripts: dict[str, list[str]]
    words: list[str] | None = None
    base: str = ""
    dim: int | None = None
    prompt: str | None = None
    mean: NDArray[np.float32] | None = None
    scale: float = 1.0


class _Reader:
    """Reads the texts of pipes.

    Args:
        embedder: of embeddings; None: words are read.
    """

    def __init__(self, options: CorpusOptions, embedder: Embedder | None) -> None:
        self._options, self._embedder = options, embedder
        self._candidates = Candidates(CandidateSettings(dictionary=options.dictionary), 1)
        self.sample: list[str] = []

    def read(self, pipe: Pipe) -> list[_Text]:
        """Return the texts of all records that have some words, or a vector."""
        texts: list[_Text] = []
        pipe.consume(self._words(pipe, texts) if self._embedder is None else self._vectors(pipe, self._embedder, texts))
        return texts

    def _words(self, pipe: Pipe, texts: list[_Text]) -> Iterator[list[Record]]:
        for records, with_words in self._candidates(joined(pipe.read())):
            for record, words in with_words:
                if words:
                    self._see(record)
                    counts = tuple((word.key, word.n) for word in words)
                    texts.append(_Text(counts, None, self._group(record)))
            yield records

    def _vectors(self, pipe: Pipe, embedder: Embedder, texts: list[_Text]) -> Iterator[list[Record]]:
        for records in windows(pipe.read()):
            with_vector, vectors = embedder(records)
            for record, vector in zip(with_vector, vectors, strict=True):
                if vector.any():
                    self._see(record)
                    texts.append(_Text((), vector, self._group(record)))
            yield records

    def _see(self, record: Record) -> None:
        if len(self.sample) < _SAMPLE:
            self.sample.append(record.text)

    def _group(self, record: Record) -> str:
        if self._options.group is None:
            return ""
        value = field_value(record.raw, self._options.group)
        return "" if value is None else as_text(value)


def read(pipe: Pipe, options: CorpusOptions, spec: EncoderSpec) -> AutoencoderCorpus:
    """Read the texts of a pipe's input, and hold out a part of them.

    Args:
        spec: the encoder of texts without an embedding, where these are read.

    Raises:
        RunError: there are too few texts, or none has a known word.
        ModelError: the dictionary or the encoder is not there.
    """
    embedder = Embedder(pipe, spec) if options.reads == EMBEDDINGS else None
    reader = _Reader(options, embedder)
    texts = reader.read(pipe)
    pipe.refuse_failed("most records failed: this is no corpus, and nothing is trained")
    held_out: list[_Text] = []
    if isinstance(options.dev, str):
        with pipe.beside(options.dev) as beside:
            held_out = reader.read(beside)
        if not held_out:
            raise RunError(f"{options.dev} has no text to judge by")
    else:
        texts, held_out = divided(texts, options.dev, lambda text: text.name, what="texts", note=pipe.note)
    if len(texts) < _LEAST:
        number = "one text is" if texts else "no texts are"
        raise RunError(
            f"{number} too little to learn from", hint="nlptool train autoencoder FILE: a text a line or record"
        )
    if options.group is not None and not any(text.group for text in [*texts, *held_out]):
        pipe.note(f"no record has a field `{options.group}`")
    scripts = scripts_of(reader.sample)
    if embedder is not None:
        embedder.say()
        return _of_vectors(pipe, texts, held_out, embedder, scripts)
    return _of_words(pipe, texts, held_out, options.vocab_size, scripts)


def _of_words(
    pipe: Pipe, texts: Sequence[_Text], held_out: Sequence[_Text], size: int, scripts: dict[str, list[str]]
) -> AutoencoderCorpus:
    from nlptool.training.autoencoder.inputs import Inputs

    total: Counter[str] = Counter()
    for text in texts:
        total.update(dict(text.counts))
    words = [word for word, _ in sorted(total.items(), key=lambda item: (-item[1], item[0]))[:size]]
    ids = {word: number for number, word in enumerate(words)}
    parts = [[text for text in part if any(word in ids for word, _ in text.counts)] for part in (texts, held_out)]
    if left_out := len(texts) + len(held_out) - sum(map(len, parts)):
        pipe.note(f"texts without a word of the vocabulary, left out: {left_out:,}")
    train, dev = (_counts(part, ids) for part in parts)
    length = float(train.sum() / train.shape[0])
    share = train.sum() / total.total()
    pipe.note(
        f"texts: {len(parts[0]):,}; held out: {len(parts[1]):,}; words of content: {total.total():,}, {len(total):,} different; "
        f"vocabulary: the {len(words):,} most frequent, {share:.0%} of all, {length:.1f} in a text"
    )
    return AutoencoderCorpus(
        Inputs(WORDS, train, length), Inputs(WORDS, dev, length) if parts[1] else None,
        [text.group for text in parts[0]], [text.group for text in parts[1]], scripts, words,
    )  # fmt: skip


def _counts(texts: Sequence[_Text], ids: dict[str, int]) -> Any:
    """Return the counts of the known words of texts, (N, V), sparse."""
    from scipy.sparse import csr_array

    known = [[(ids[word], count) for word, count in text.counts if word in ids] for text in texts]
    columns = np.array([number for each in known for number, _ in each], np.int32)
    counts = np.array([count for each in known for _, count in each], np.float64)
    starts = np.cumsum([0, *map(len, known)])
    return csr_array((counts, columns, starts), shape=(len(texts), len(ids)))


def _of_vectors(
    pipe: Pipe, texts: Sequence[_Text], held_out: Sequence[_Text], embedder: Embedder, scripts: dict[str, list[str]]
) -> AutoencoderCorpus:
    from nlptool.training.autoencoder.inputs import Inputs

    train, dev = (np.array([text.vector for text in part], np.float32) for part in (texts, held_out))
    mean = train.mean(axis=0, dtype=np.float64)
    scale = float(np.sqrt(np.square(train - mean).mean()))
    if not scale:
        raise RunError("all embeddings are equal: there is nothing to learn")
    pipe.note(f"texts: {len(texts):,}; held out: {len(held_out):,}; embeddings of {train.shape[1]:,} dimensions")

    def inputs(part: NDArray[np.float32]) -> Inputs:
        return Inputs(EMBEDDINGS, ((part - mean) / scale).astype(np.float32))

    return AutoencoderCorpus(
        inputs(train), inputs(dev) if len(dev) else None, [text.group for text in texts],
        [text.group for text in held_out], scripts, None, embedder.model, embedder.dim,
        embedder.prompt if embedder.identity() else None, mean.astype(np.float32), scale,
    )  # fmt: skip
