"""``nlptool train word2vec``: word vectors of one's own text, by word2vec, fastText, or counting."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nlptool import options
from nlptool.errors import RecordError
from nlptool.interrupts import stop_at_interrupt
from nlptool.json_objects import field_value
from nlptool.parallel import Workers, in_order
from nlptool.pipe import Pipe
from nlptool.records import Record
from nlptool.scripts import is_japanese

if TYPE_CHECKING:
    from nlptool.models.word_vectors import Parts
    from nlptool.training.corpus import Corpus, Vocabulary

SAMPLE = 1000  # records that decide on the tokenizer


def sentences(
    lists: Iterator[list[Record]], workers: Workers[list[str]], tokenizer: str, *, lowercase: bool = False
) -> Iterator[tuple[list[Record], list[list[str]]]]:
    """Each list of records, with the words of each: its `tokens` if it has them, else its text cut into words.

    A record fails whose tokens are something else.
    """
    from nlptool.models import word_cutters

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
                    next(words) if each is None else word_cutters.of_tokens(each, tokenizer, lowercase=lowercase)
                )
            except ValueError as error:
                record.fail(RecordError("BadTokens", str(error), hint="`nlptool tokenize` writes them"))
        yield records, found


def open_cutter(tokenizer: str, lowercase: bool) -> Callable[[Any], list[list[str]]]:
    """What a worker does with texts."""
    from nlptool.models import word_cutters

    cut = word_cutters.cutter(tokenizer, lowercase=lowercase)
    return lambda texts: list(map(cut, texts))


def _ngram_lengths(_: click.Context, __: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    shortest, dash, longest = value.partition("-")
    if not (dash and shortest.isdecimal() and longest.isdecimal() and 1 <= int(shortest) <= int(longest) <= 20):
        raise click.BadParameter(f"{value!r} is no range of lengths; fastText's own is 3-6, for Japanese try 1-3")
    return int(shortest), int(longest)


def _names(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(name for name in (value or "").split(",") if name)


@click.command()
@options.records("train", writes=False, instead=("tokens",))
@click.option("-o", "--output", metavar="FOLDER", type=click.Path(readable=False), required=True,
              help="Where the vectors go: a folder, replaced as a whole when done.")  # fmt: skip
@click.option(
    "--method", type=click.Choice(["skipgram", "cbow", "counts", "ppmi", "svd"]), default="skipgram", show_default=True,
    help="The two of word2vec; counts of words near context words; their positive mutual information; its truncated SVD.",
)  # fmt: skip
@click.option("--dim", default=100, show_default=True, metavar="N", type=click.IntRange(1, 10_000),
              help="Dimensions of the vectors (counts and ppmi: one for each context word).")  # fmt: skip
@click.option("--window", default=5, show_default=True, metavar="N", type=click.IntRange(1, 1000),
              help="Words on each side that are context.")  # fmt: skip
@click.option("--min-count", default=5, show_default=True, metavar="N", type=click.IntRange(min=1),
              help="Leave out words that come less often.")  # fmt: skip
@click.option("--max-words", metavar="N", type=click.IntRange(min=1), help="Keep the N most frequent words alone.")
@click.option("--epochs", default=5, show_default=True, metavar="N", type=click.IntRange(1, 10_000),
              help="Times that the corpus is gone through.")  # fmt: skip
@click.option("--negative", default=5, show_default=True, metavar="N", type=click.IntRange(0, 1000),
              help="Negative samples a word; 0: hierarchical softmax instead.")  # fmt: skip
@click.option("--sample", default=1e-3, show_default=True, metavar="SHARE", type=options.FloatRange(0, 1),
              help="Thin out words more frequent than this; 0: none.")  # fmt: skip
@click.option("--alpha", default=0.025, show_default=True, metavar="RATE", type=options.FloatRange(0, 1, min_open=True),
              help="Learning rate at the beginning.")  # fmt: skip
@click.option("--subwords", metavar="MIN-MAX", callback=_ngram_lengths,
              help="fastText: learn character n-grams of these lengths too (3-6; Japanese: 1-3).")  # fmt: skip
@click.option("--buckets", default=250_000, show_default=True, metavar="N", type=click.IntRange(1, 100_000_000),
              help="Rows that the n-grams share.")  # fmt: skip
@click.option(
    "--contexts",
    metavar="WORDS",
    callback=_names,
    help="Context words of counts, ppmi and svd, with commas between them.",
)
@click.option("--n-contexts", default=2000, show_default=True, metavar="N", type=click.IntRange(min=1),
              help="Or the N most frequent words.")  # fmt: skip
@click.option("--smoothing", default=0.75, show_default=True, metavar="POWER", type=options.FloatRange(0, 1),
              help="ppmi, svd: power of the contexts' counts; 1: as they are.")  # fmt: skip
@click.option("--center", is_flag=True,
              help="counts, ppmi: take each vector's mean from it; cosine is then Pearson's correlation.")  # fmt: skip
@click.option("--tokenizer", type=click.Choice(["auto", "unidic", "lemma", "words", "whitespace"]), default="auto",
              show_default=True, help="How text is cut (see below).")  # fmt: skip
@click.option("--lowercase", is_flag=True, help="Take capital letters as small ones.")
@options.precision
@click.option("--fast", is_flag=True, help="gensim's file mode, for many threads: some words twice, others never.")
@options.seed
@options.deterministic("Byte-identical files from the same input; one thread trains.")
@options.workers
@options.threads
def command(  # noqa: PLR0917
    pipe: Pipe,
    output: str,
    method: str,
    dim: int,
    window: int,
    min_count: int,
    max_words: int | None,
    tokenizer: str,
    lowercase: bool,
    precision: str,
    workers: int,
    threads: int | None,
    deterministic: bool,
    **chosen: Any,
) -> None:
    """Word vectors from a corpus: a sentence or a paragraph a line, or JSONL of `nlptool tokenize`.

    word2vec (gensim trains), fastText with --subwords, and the count models before them. The folder is what -m takes in
    `analogy`, `neighbors`, `odd-one-out`, `embed` and `evaluate`; its vectors.json holds every option, the counts and the
    versions. Every word of the corpus is trained; Ctrl-C ends the training and saves what has been learned.

    \b
    cat corpus.txt | nlptool train -o my.vec && nlptool neighbors -m my.vec 猫
    nlptool train --tokenizer lemma --method cbow --epochs 10 -o lemmas.vec novels.txt.xz
    nlptool tokenize --pos 名詞,動詞 corpus.txt | nlptool train --subwords 1-3 -o nouns.vec
    nlptool train --method counts --contexts sweet,green,furry --min-count 1 -o counts.vec corpus.txt

    Tokenizers: unidic and lemma cut Japanese with MeCab, into words as they stand or their dictionary forms; words takes
    runs of letters and single marks, for languages with blanks; whitespace is for text that is tokenised already; auto
    looks at the first lines, and says what it chose. The model remembers it, and queries are cut the same way.

    With several threads two runs differ in the last digits and more; --deterministic makes them alike. With --fast the
    threads read a text file without Python's lock, each from its own place on. That pays with many threads; where they
    meet some sentences are trained twice and others not at all, and a note says how many words were seen.
    """
    from nlptool.models import cache, word_cutters, word_vectors

    _check(method, chosen)
    cache.check_replaceable(Path(output), word_vectors.MANIFEST)
    with pipe.bar:
        corpus, tokenizer = _read(pipe, tokenizer, lowercase=lowercase, workers=workers)
        vocabulary = corpus.vocabulary(min_count, max_words)
        pipe.note(
            f"{corpus.n_words:,} words in {corpus.n_sentences - corpus.n_empty:,} sentences; the vocabulary has "
            f"{len(vocabulary.words):,}, which cover {vocabulary.counts.sum() / corpus.n_words:.1%}"
        )
        settings = {
            "method": method, "dim": dim, "window": window, "min_count": min_count, "max_words": max_words,
            "threads": 1 if deterministic else threads or options.processors(), "deterministic": deterministic, **chosen,
        }  # fmt: skip
        with stop_at_interrupt(
            lambda: pipe.note("stopping; what has been learned is saved (Ctrl-C again: nothing is)")
        ) as stopped:
            make = _train if method in ("skipgram", "cbow") else _count
            parts, about = make(pipe, corpus, vocabulary, stopped, settings)
        parts.precision = precision
        parts.about = {
            "method": settings.pop("method"),
            "tokenizer": tokenizer,
            "dictionary": word_cutters.dictionary(tokenizer),
            "lowercase": lowercase,
            "n_tokens": corpus.n_words,
            "n_sentences": corpus.n_sentences - corpus.n_empty,
            "n_in_vocabulary": int(vocabulary.counts.sum()),
            "n_failed_records": pipe.n_failed,
            **about,
            "options": settings,
            "versions": {name: version(name) for name in ("gensim", "numpy", "scipy", "unidic-lite")},
        }  # fmt: skip
        cache.replace_folder(Path(output), word_vectors.MANIFEST, lambda folder: word_vectors.write(folder, parts))
    if stopped():
        raise KeyboardInterrupt


def _check(method: str, chosen: dict[str, Any]) -> None:
    """Options that would have no effect are a mistake."""
    counting = method in ("counts", "ppmi", "svd")
    useless = {"epochs", "negative", "sample", "alpha", "subwords", "buckets", "fast"} if counting else {
        "contexts", "n_contexts", "smoothing", "center"
    }  # fmt: skip
    useless |= {"smoothing"} if method == "counts" else set()
    useless |= {"center"} if method == "svd" else {"dim"} if counting else set()
    if found := sorted(options.typed((*chosen, "dim")) & useless):
        names = ", ".join(f"--{name.replace('_', '-')}" for name in found)
        raise click.UsageError(f"--method {method} makes no use of {names}")


def _read(pipe: Pipe, tokenizer: str, *, lowercase: bool, workers: int) -> tuple[Corpus, str]:
    """The corpus, and the tokenizer that was chosen for it."""
    from nlptool.models import word_cutters
    from nlptool.training.corpus import Corpus

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
            tokenizer, why = word_cutters.choose(record.text for record in sample)
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
    from nlptool.models import word_cutters

    try:
        return word_cutters.of_tokens(field_value(record.raw, "tokens"), "unidic")
    except ValueError:
        return []


def _train(
    pipe: Pipe, corpus: Corpus, vocabulary: Vocabulary, stopped: Callable[[], bool], options: dict[str, Any]
) -> tuple[Parts, dict[str, Any]]:
    from nlptool.models.word_vectors import Parts
    from nlptool.training import word2vec as trainer

    settings = trainer.Settings(
        skipgram=options["method"] == "skipgram",
        **{name: options[name] for name in trainer.Settings.__slots__ if name in options},
    )
    found = trainer.train(
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


def _count(
    pipe: Pipe, corpus: Corpus, vocabulary: Vocabulary, stopped: Callable[[], bool], options: dict[str, Any]
) -> tuple[Parts, dict[str, Any]]:
    from nlptool.models.word_vectors import Parts
    from nlptool.training import counts

    settings = counts.Settings(**{name: options[name] for name in counts.Settings.__slots__ if name in options})
    vectors, contexts = counts.train(
        corpus,
        vocabulary,
        settings,
        report=lambda done: pipe.bar.work("counting", done, corpus.n_words, "words"),
        stop=stopped,
    )
    columns = {} if settings.method == "svd" else {"contexts": contexts}
    about = {"n_contexts": len(contexts), **columns, "interrupted": stopped()}
    return Parts(vocabulary.words, vectors, {}, vocabulary.counts), about
