"""``nlptool train word2vec``: word vectors of one's own text, by word2vec, fastText, or counting."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.pipe import Pipe
from nlptool.terminal.interrupts import stop_at_interrupt


def _ngram_lengths(_: click.Context, __: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    shortest, dash, longest = value.partition("-")
    if not (dash and shortest.isdecimal() and longest.isdecimal() and 1 <= int(shortest) <= int(longest) <= 20):
        raise click.BadParameter(f"{value!r} is no range of lengths; fastText's own is 3-6, for Japanese try 1-3")
    return int(shortest), int(longest)


def _names(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(name for name in (value or "").split(",") if name)


@click.command(cls=Command)
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
    from nlptool.models.runtime import devices
    from nlptool.models.words import tokenizers as word_tokenizers
    from nlptool.models.words import vectors as word_vectors
    from nlptool.storage import folders
    from nlptool.tasks.train.word2vec import count_cooccurrences, read_sentences, train_word2vec

    _check(method, chosen)
    folders.check_replaceable(Path(output), word_vectors.MANIFEST)
    with pipe.bar:
        corpus, tokenizer = read_sentences(pipe, tokenizer, lowercase=lowercase, workers=workers)
        vocabulary = corpus.vocabulary(min_count, max_words)
        pipe.note(
            f"{corpus.n_words:,} words in {corpus.n_sentences - corpus.n_empty:,} sentences; the vocabulary has "
            f"{len(vocabulary.words):,}, which cover {vocabulary.counts.sum() / corpus.n_words:.1%}"
        )
        settings = {
            "method": method, "dim": dim, "window": window, "min_count": min_count, "max_words": max_words,
            "threads": 1 if deterministic else threads or devices.processors(), "deterministic": deterministic, **chosen,
        }  # fmt: skip
        with stop_at_interrupt(
            lambda: pipe.note("stopping; what has been learned is saved (Ctrl-C again: nothing is)")
        ) as stopped:
            make = train_word2vec if method in ("skipgram", "cbow") else count_cooccurrences
            parts, about = make(pipe, corpus, vocabulary, stopped, settings)
        parts.precision = precision
        parts.about = {
            "method": settings.pop("method"),
            "tokenizer": tokenizer,
            "dictionary": word_tokenizers.dictionary(tokenizer),
            "lowercase": lowercase,
            "n_tokens": corpus.n_words,
            "n_sentences": corpus.n_sentences - corpus.n_empty,
            "n_in_vocabulary": int(vocabulary.counts.sum()),
            "n_failed_records": pipe.tally.n_failed,
            **about,
            "options": settings,
            "versions": {name: version(name) for name in ("gensim", "numpy", "scipy", "unidic-lite")},
        }  # fmt: skip
        folders.replace_folder(Path(output), word_vectors.MANIFEST, lambda folder: word_vectors.write(folder, parts))
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
