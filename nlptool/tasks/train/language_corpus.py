"""The corpus of ``train lm``: documents are read, a part is held out, a vocabulary is learned, texts become token ids."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.records.pipe import Pipe
from nlptool.tasks import documents
from nlptool.tasks.train.card import Card
from nlptool.tasks.train.held_out import DEV_SEED
from nlptool.tasks.train.run import scripts_of

if TYPE_CHECKING:
    from nlptool.models.seq2seq.vocabulary import Vocabulary

_TOGETHER = 1000  # documents that are tokenized together


@dataclass(frozen=True, slots=True)
class CorpusOptions:
    """How a corpus is tokenized and divided."""

    token_unit: str  # characters | words | subwords
    vocab_size: int  # special tokens included
    lowercase: bool
    dictionary: str | None  # of Japanese words: name or folder
    dev: str | float  # the held-out documents: a share of the characters, or a file
    vocabulary: str | None = None  # the folder of a model whose vocabulary is used; None: one is learned


@dataclass(frozen=True, slots=True)
class Documents:
    """Documents as token ids.

    Attributes:
        tokens: (N,) of all documents.
        starts: (D + 1,), of each document in ``tokens``, and the end of the last.
        n_characters, n_words: of the texts, and one more for the end of each document; 0 words of those that are learned from,
            where nobody asks for them.
        n_unknown: tokens that stand for what the vocabulary lacks.
    """

    tokens: NDArray[np.uint32]
    starts: NDArray[np.int64]
    n_characters: int
    n_words: int
    n_unknown: int


@dataclass(frozen=True, slots=True)
class LanguageCorpus:
    """The training documents, the held-out ones, which may be none, and the vocabulary of the former."""

    train: Documents
    dev: Documents
    vocabulary: Vocabulary
    scripts: dict[str, list[str]]

    def about(self, options: CorpusOptions, save_dtype: str) -> dict[str, Any]:
        """Return what the manifest of every language model says of its corpus."""
        return {
            "n_documents": len(self.train.starts) - 1,
            "n_corpus_tokens": len(self.train.tokens),
            "n_dev_documents": len(self.dev.starts) - 1,
            "n_dev_tokens": len(self.dev.tokens),
            "n_dev_unknown": self.dev.n_unknown,
            "dev": Path(options.dev).name if isinstance(options.dev, str) else options.dev,
            "save_dtype": save_dtype,
            "token_unit": self.vocabulary.unit,
            "lowercase": options.lowercase,
            **self.scripts,
        }

    @property
    def name(self) -> str:
        """A digest of the documents and the vocabulary."""
        digest = hashlib.sha256(repr(self.vocabulary.pieces).encode("utf-8", "surrogatepass"))
        for part in (self.train, self.dev):
            digest.update(part.tokens.tobytes())
            digest.update(part.starts.tobytes())
        return digest.hexdigest()


def read(pipe: Pipe, options: CorpusOptions) -> LanguageCorpus:
    """Read all documents of a pipe's input, and hold out a part of them.

    Raises:
        RunError: there is no text, or most records failed.
        ModelError: the MeCab dictionary is not installed, or the folder has no vocabulary.
    """
    given = _given_vocabulary(options.vocabulary) if options.vocabulary is not None else None
    texts = documents.read(pipe)
    pipe.refuse_failed("most records failed: this is no corpus, and nothing is trained")
    held_out: list[str] = []
    if isinstance(options.dev, str):
        with pipe.beside(options.dev) as beside:
            held_out = documents.read(beside)
        if not held_out:
            raise RunError(f"{options.dev} has no text to judge by")
    elif options.dev and texts:
        texts, held_out = divided(texts, options.dev)
        if not held_out:
            pipe.note(f"the corpus is too short to hold out {options.dev:g} of it, nothing is judged: --dev FILE")
    if not texts:
        raise RunError(
            "the corpus has no text", hint="nlptool train lm FILE, or text on stdin, an empty line between documents"
        )
    vocabulary = given or _vocabulary(texts, options)
    train = _tokenized(texts, vocabulary)
    dev = replace(_tokenized(held_out, vocabulary), n_words=documents.n_words(held_out) + len(held_out))
    pipe.note(
        f"documents: {len(texts):,}, of {len(train.tokens):,} {vocabulary.unit}; held out: {len(held_out):,}, of "
        f"{len(dev.tokens):,}; different ones: {len(vocabulary):,}"
    )
    for part, what in ((train, "to learn from"), (dev, "held out")):
        if part.n_unknown:
            pipe.note(
                f"{vocabulary.unit} {what} that the vocabulary lacks: {part.n_unknown:,} "
                f"({part.n_unknown / len(part.tokens):.2%}); each counts as <unk>"
            )
    return LanguageCorpus(train, dev, vocabulary, scripts_of(texts))


def _given_vocabulary(folder: str) -> Vocabulary:
    """Read the vocabulary of a model of nlptool's own.

    Raises:
        ModelError: the folder has none, or it is damaged.
    """
    from nlptool.models.language.folder import VOCABULARY
    from nlptool.models.seq2seq.vocabulary import Vocabulary

    return Vocabulary.read(Path(folder) / VOCABULARY)


def _vocabulary(texts: Sequence[str], options: CorpusOptions) -> Vocabulary:
    """Return the vocabulary of the documents that are learned from."""
    if options.token_unit == "subwords":
        from nlptool.training.language import subwords

        return subwords.learn(texts, options.vocab_size, lowercase=options.lowercase)
    from nlptool.training.seq2seq import vocabulary as vocabularies

    return vocabularies.learn(
        texts,
        unit=options.token_unit,
        size=options.vocab_size,
        lowercase=options.lowercase,
        dictionary=options.dictionary,
    )


def divided(texts: Sequence[str], share: float) -> tuple[list[str], list[str]]:
    """Return the documents to learn from and those that are held out: random ones with at most ``share`` of all characters, the
    same ones at every call. Where all are longer than that, it is the end of the longest one, from the line end on that is
    nearest; of a line of its own, from a character on."""
    whole = share * sum(map(len, texts))
    budget = whole
    is_dev = np.zeros(len(texts), bool)
    for index in np.random.default_rng(DEV_SEED).permutation(len(texts))[: len(texts) - 1].tolist():
        if len(texts[index]) <= budget:
            is_dev[index] = True
            budget -= len(texts[index])
    if is_dev.any():
        return list(itertools.compress(texts, ~is_dev)), list(itertools.compress(texts, is_dev))
    longest = max(range(len(texts)), key=lambda index: len(texts[index]))
    first, last = _cut(texts[longest], len(texts[longest]) - int(whole))
    return [*texts[:longest], first, *texts[longest + 1 :]], [last] if last.strip() else []


def _cut(text: str, place: int) -> tuple[str, str]:
    ends = [end for end in (text.rfind("\n", 0, max(place, 0)), text.find("\n", max(place, 0))) if end > 0]
    if ends:
        end = min(ends, key=lambda end: abs(end - place))
        return text[:end], text[end + 1 :]
    return (text[:place], text[place:]) if place > 0 else (text, "")


def _tokenized(texts: Sequence[str], vocabulary: Vocabulary) -> Documents:
    from nlptool.models.seq2seq.config import UNK

    parts: list[NDArray[np.uint32]] = []
    for first in range(0, len(texts), _TOGETHER):
        parts += [np.array(line.ids, np.uint32) for line in vocabulary.tokenize(texts[first : first + _TOGETHER])]
    tokens = np.concatenate([*parts, np.zeros(0, np.uint32)])
    starts = np.cumsum([0, *map(len, parts)])
    n_characters = sum(map(len, texts)) + len(texts)
    return Documents(tokens, starts, n_characters, 0, int((tokens == UNK).sum()))


def summary(scores: Mapping[str, float]) -> str:
    """Return one line on the scores of a model."""
    if not scores:
        return "done; nothing was held out"
    return f"on dev perplexity per word {scores['word_perplexity']:.1f}, bits per character {scores['bits_per_character']:.3f}"


def card(manifest: Mapping[str, Any]) -> Card:
    """Return the card of a language model."""
    return Card(
        text=f"A language model ({manifest['shape']['architecture']}) of {manifest['n_parameters']:,} parameters, made by "
        "`nlptool train lm`; `nlptool generate` runs it.",
        facts=[
            f"Corpus: {manifest['n_documents']:,} documents, {manifest['n_corpus_tokens']:,} {manifest['token_unit']}; held "
            f"out: {manifest['n_dev_documents']:,} documents, {manifest['n_dev_tokens']:,}",
            f"Different {manifest['token_unit']}: {manifest['shape']['vocab_size']:,}",
        ],
        scores="Scores on dev",
    )
