"""Train word vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.storage import folders
from nlptool.tasks.record_words import Splitting, chosen_tokenizer, words_of
from nlptool.tasks.train.run import versions
from nlptool.terminal.interrupts import stop_at_interrupt

if TYPE_CHECKING:
    from nlptool.models.words.saving import Parts
    from nlptool.training.tokenized_corpus import Corpus, Vocabulary


@dataclass(frozen=True, slots=True)
class CorpusOptions:
    """How a corpus is tokenized, and which of its words are trained."""

    tokenizer: str  # auto | unidic | lemma | words | whitespace
    dictionary: str | None  # of unidic and lemma: name or folder
    lowercase: bool
    min_count: int
    max_words: int | None
    workers: int


def train_words(
    pipe: Pipe, output: str, corpus_options: CorpusOptions, *, save_dtype: str, threads: int | None, **settings: Any
) -> None:
    """Train word vectors on the records of ``pipe``, and write their folder.

    Args:
        settings: the fields of ``Word2VecSettings`` or ``CooccurrenceSettings``, `method` and `deterministic`.

    Raises:
        RunError: the corpus has too few words, or the folder cannot be written.
        KeyboardInterrupt: the training was stopped; what has been learned is saved.
    """
    from nlptool import machine
    from nlptool.models.words import tokenizers as word_tokenizers
    from nlptool.models.words.saving import write
    from nlptool.models.words.vectors import MANIFEST

    with pipe.bar, folders.NewFolder(Path(output), MANIFEST, note=pipe.note) as folder:
        corpus, tokenizer = read_sentences(pipe, corpus_options)
        vocabulary = corpus.vocabulary(corpus_options.min_count, corpus_options.max_words)
        n_sentences, n_covered = corpus.n_sentences - corpus.n_empty, int(vocabulary.counts.sum())
        pipe.note(
            f"{corpus.n_words:,} words in {n_sentences:,} sentences; the vocabulary has "
            f"{len(vocabulary.words):,}, which cover {n_covered / corpus.n_words:.1%}"
        )
        settings["threads"] = 1 if settings["deterministic"] else threads or machine.processors()
        settings |= {"min_count": corpus_options.min_count, "max_words": corpus_options.max_words}
        with stop_at_interrupt(
            lambda: pipe.note("stopping; what has been learned is saved (Ctrl-C again: nothing is)")
        ) as stop:
            learn = train_word2vec if settings["method"] in ("skipgram", "cbow") else count_cooccurrences
            parts, results = learn(pipe, corpus, vocabulary, stop, settings)
        parts.precision = save_dtype
        parts.about = {
            "method": settings.pop("method"),
            "tokenizer": tokenizer,
            "dictionary": word_tokenizers.dictionary(tokenizer, corpus_options.dictionary),
            "lowercase": corpus_options.lowercase,
            "n_tokens": corpus.n_words,
            "n_sentences": n_sentences,
            "n_in_vocabulary": n_covered,
            "n_failed_records": pipe.tally.n_failed,
            **results,
            "options": settings,
            "versions": versions("gensim", "numpy", "scipy", "unidic-lite"),
        }
        folder.make(lambda path: write(path, parts))
    if stop():
        raise KeyboardInterrupt


def read_sentences(pipe: Pipe, options: CorpusOptions) -> tuple[Corpus, str]:
    """Read the corpus; return it and the tokenizer that was chosen for it.

    Raises:
        RunError: most records failed.
    """
    from nlptool.models.words import tokenizers as word_tokenizers
    from nlptool.training.tokenized_corpus import Corpus

    lists = pipe.read()
    tokenizer = options.tokenizer
    if tokenizer == "auto":
        tokenizer, lists = chosen_tokenizer(pipe, lists)
    word_tokenizers.dictionary(tokenizer, options.dictionary)  # a dictionary that is missing is said at once
    corpus = Corpus()
    splitting = Splitting(tokenizer, options.dictionary, options.lowercase, options.workers)

    def added() -> Iterator[list[Record]]:
        for records, with_words in words_of(lists, splitting, tokenizer):
            for _, words in with_words:
                corpus.add(words)
            yield records

    pipe.consume(added())
    pipe.refuse_failed("most records failed: this is no corpus, and nothing is trained")
    return corpus, tokenizer


def train_word2vec(
    pipe: Pipe, corpus: Corpus, vocabulary: Vocabulary, stop: Callable[[], bool], options: dict[str, Any]
) -> tuple[Parts, dict[str, Any]]:
    """Train word2vec or fastText; return the vectors and what the manifest says of the training."""
    from nlptool.models.words.saving import Parts
    from nlptool.training.words import word2vec

    settings = word2vec.Word2VecSettings(
        skipgram=options["method"] == "skipgram",
        **{name: options[name] for name in word2vec.Word2VecSettings.__slots__ if name in options},
    )
    trained = word2vec.train(
        corpus,
        vocabulary,
        settings,
        report=lambda done, total: pipe.bar.work("training", done, total, "words"),
        stop=stop,
    )
    n_seen, n_all = trained.n_trained + trained.n_thinned, int(vocabulary.counts.sum()) * settings.epochs
    if settings.fast:
        pipe.note(f"gensim's file mode saw {n_seen:,} of {n_all:,} words, of which some twice and others never")
    if trained.interrupted:
        pipe.note(f"stopped after {n_seen / n_all:.0%} of the training")
    results = {"n_trained": trained.n_trained, "n_thinned": trained.n_thinned, "interrupted": trained.interrupted}
    return Parts(vocabulary.words, trained.vectors, {}, vocabulary.counts, trained.ngrams), results


def count_cooccurrences(
    pipe: Pipe, corpus: Corpus, vocabulary: Vocabulary, stop: Callable[[], bool], options: dict[str, Any]
) -> tuple[Parts, dict[str, Any]]:
    """Count co-occurrences; return the vectors and what the manifest says of them."""
    from nlptool.models.words.saving import Parts
    from nlptool.training.words import cooccurrence

    settings = cooccurrence.CooccurrenceSettings(
        **{name: options[name] for name in cooccurrence.CooccurrenceSettings.__slots__ if name in options}
    )
    vectors, contexts = cooccurrence.train(
        corpus,
        vocabulary,
        settings,
        report=lambda done: pipe.bar.work("counting", done, corpus.n_words, "words"),
        stop=stop,
    )
    columns = {} if settings.method == "svd" else {"contexts": contexts}
    results = {"n_contexts": len(contexts), **columns, "interrupted": stop()}
    return Parts(vocabulary.words, vectors, {}, vocabulary.counts), results
