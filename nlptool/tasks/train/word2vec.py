"""Train word vectors."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from nlptool.errors import RecordError
from nlptool.records.json_bytes import field_value
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.workers import Workers, in_order
from nlptool.text.scripts import is_japanese

if TYPE_CHECKING:
    from nlptool.models.words.vectors import Parts
    from nlptool.training.tokenized_corpus import Corpus, Vocabulary

SAMPLE = 1000  # records that decide on the tokenizer


def sentences(
    lists: Iterator[list[Record]], workers: Workers[list[str]], tokenizer: str, *, lowercase: bool = False
) -> Iterator[tuple[list[Record], list[list[str]]]]:
    """Each list of records, with the words of each: its `tokens` if it has them, else its text cut into words.

    A record fails whose tokens are something else.
    """
    from nlptool.models.words import tokenizers as word_tokenizers

    def with_tokens(records: list[Record]) -> tuple[list[Record], list[Any]]:
        return records, [field_value(record.raw, "tokens") if record.pending else None for record in records]

    for (records, tokens), cut in in_order(
        map(with_tokens, lists),
        workers,
        lambda item: [record.text for record, given in zip(*item, strict=True) if record.pending and given is None],
    ):
        words = iter(cut)
        found = []
        for record, each in zip(records, tokens, strict=True):
            if not record.pending:
                continue
            try:
                found.append(
                    next(words) if each is None else word_tokenizers.of_tokens(each, tokenizer, lowercase=lowercase)
                )
            except ValueError as error:
                record.fail(RecordError("BadTokens", str(error), hint="`nlptool tokenize` writes them"))
        yield records, found


def open_cutter(tokenizer: str, lowercase: bool) -> Callable[[Any], list[list[str]]]:
    """What a worker does with texts."""
    from nlptool.models.words import tokenizers as word_tokenizers

    cut = word_tokenizers.word_tokenizer(tokenizer, lowercase=lowercase)
    return lambda texts: list(map(cut, texts))


def read_sentences(pipe: Pipe, tokenizer: str, *, lowercase: bool, workers: int) -> tuple[Corpus, str]:
    """The corpus, and the tokenizer that was chosen for it."""
    from nlptool.models.words import tokenizers as word_tokenizers
    from nlptool.training.tokenized_corpus import Corpus

    lists = pipe.read()
    if tokenizer == "auto":
        first: list[list[Record]] = []
        n_records = 0
        for records in lists:
            first.append(records)
            n_records += len(records)
            if n_records >= SAMPLE:
                break
        lists = itertools.chain(first, lists)
        sample = [record for records in first for record in records if record.pending][:SAMPLE]
        cut = [record for record in sample if field_value(record.raw, "tokens") is not None]
        if cut and len(cut) == len(sample):
            # They were cut before; queries are cut as `nlptool tokenize` would have done.
            texts = [str(word) for record in cut for word in _surfaces(record)]
            tokenizer = "unidic" if is_japanese(texts) else "whitespace"
            why = "the records have tokens"
        else:
            tokenizer, why = word_tokenizers.choose(record.text for record in sample)
        if sample:
            pipe.note(f"--tokenizer {tokenizer}: {why}")
    corpus = Corpus()
    team: Workers[list[str]] = Workers(workers, open_cutter, tokenizer, lowercase)

    def cut_lists() -> Iterator[list[Record]]:
        for records, found in sentences(lists, team, tokenizer, lowercase=lowercase):
            for words in found:
                corpus.add(words)
            yield records

    pipe.consume(cut_lists())
    pipe.refuse_failed("most records failed: this is no corpus, and nothing is trained")
    return corpus, tokenizer


def _surfaces(record: Record) -> list[str]:
    from nlptool.models.words import tokenizers as word_tokenizers

    try:
        return word_tokenizers.of_tokens(field_value(record.raw, "tokens"), "unidic")
    except ValueError:
        return []


def train_word2vec(
    pipe: Pipe, corpus: Corpus, vocabulary: Vocabulary, stopped: Callable[[], bool], options: dict[str, Any]
) -> tuple[Parts, dict[str, Any]]:
    from nlptool.models.words.vectors import Parts
    from nlptool.training.words import word2vec

    settings = word2vec.Word2VecSettings(
        skipgram=options["method"] == "skipgram",
        **{name: options[name] for name in word2vec.Word2VecSettings.__slots__ if name in options},
    )
    found = word2vec.train(
        corpus,
        vocabulary,
        settings,
        report=lambda done, total: pipe.bar.work("training", done, total, "words"),
        stop=stopped,
    )
    seen, n_all = found.n_trained + found.n_thinned, int(vocabulary.counts.sum()) * settings.epochs
    if settings.fast:
        pipe.note(f"gensim's file mode saw {seen:,} of {n_all:,} words, of which some twice and others never")
    if found.interrupted:
        pipe.note(f"stopped after {seen / n_all:.0%} of the training")
    about = {"n_trained": found.n_trained, "n_thinned": found.n_thinned, "interrupted": found.interrupted}
    return Parts(vocabulary.words, found.vectors, {}, vocabulary.counts, found.ngrams), about


def count_cooccurrences(
    pipe: Pipe, corpus: Corpus, vocabulary: Vocabulary, stopped: Callable[[], bool], options: dict[str, Any]
) -> tuple[Parts, dict[str, Any]]:
    from nlptool.models.words.vectors import Parts
    from nlptool.training.words import cooccurrence

    settings = cooccurrence.CooccurrenceSettings(
        **{name: options[name] for name in cooccurrence.CooccurrenceSettings.__slots__ if name in options}
    )
    vectors, contexts = cooccurrence.train(
        corpus,
        vocabulary,
        settings,
        report=lambda done: pipe.bar.work("counting", done, corpus.n_words, "words"),
        stop=stopped,
    )
    columns = {} if settings.method == "svd" else {"contexts": contexts}
    about = {"n_contexts": len(contexts), **columns, "interrupted": stopped()}
    return Parts(vocabulary.words, vectors, {}, vocabulary.counts), about
