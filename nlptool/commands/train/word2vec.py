"""``nlptool train word2vec``: word vectors of one's own text, by word2vec, fastText, or counting."""

from __future__ import annotations

from typing import Any

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.cli.options import training
from nlptool.records.pipe import Pipe
from nlptool.text.numbers import whole_number


def _ngram_lengths(_: click.Context, __: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    shortest, dash, longest = value.partition("-")
    if not (
        dash
        and shortest.isdecimal()
        and longest.isdecimal()
        and 1 <= whole_number(shortest) <= whole_number(longest) <= 20
    ):
        raise click.BadParameter(f"{value!r} is no range of lengths; fastText's own is 3-6, for Japanese try 1-3")
    return int(shortest), int(longest)


def _names(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(name for name in (value or "").split(",") if name)


@click.command(cls=Command)
@options.records("train", writes=False, instead=("tokens",))
@click.option(
    "--method", type=click.Choice(["skipgram", "cbow", "counts", "ppmi", "svd"]), default="skipgram", show_default=True,
    help="skipgram and cbow: word2vec; counts: co-occurrence counts; ppmi: positive pointwise mutual information; svd: its "
    "truncated SVD.",
)  # fmt: skip
@click.option("--tokenizer", type=click.Choice(["auto", "unidic", "lemma", "words", "whitespace"]), default="auto",
              show_default=True, help="How text is split into words (see above).")  # fmt: skip
@training.dictionary
@training.lowercase
@training.integer("Options", "--min-count", 5, "Leave out words with fewer occurrences.", 1)
@training.integer("Options", "--max-words", None, "Keep only the N most frequent words.", 1)
@training.integer("Options", "--window", 5, "Context words on each side.", 1, 1000)
@training.integer("Options", "--negative", 5, "Negative samples a word; 0: hierarchical softmax instead.", 0, 1000)
@training.number("Options", "--sample", 1e-3, "SHARE",
                 "Subsample words more frequent than this share of the corpus; 0: none.")  # fmt: skip
@click.option("--subwords", metavar="MIN-MAX", callback=_ngram_lengths,
              help="fastText: learn character n-grams of these lengths too (3-6; Japanese: 1-3).")  # fmt: skip
@training.integer("Options", "--buckets", 250_000, "Hash buckets of the n-grams.", 1, 100_000_000)
@click.option("--contexts", metavar="WORDS", callback=_names,
              help="Context words of counts, ppmi and svd, separated by commas.")  # fmt: skip
@training.integer("Options", "--n-contexts", 2000, "Or the N most frequent words as context words.", 1)
@training.number("Options", "--smoothing", 0.75, "POWER", "ppmi, svd: context counts are raised to this power.")
@click.option("--center", is_flag=True,
              help="counts, ppmi: subtract each vector's mean; cosine is then Pearson's correlation.")  # fmt: skip
@click.option("--fast", is_flag=True, help="gensim's file mode, for many threads: some words twice, others never.")
@training.integer("Model", "--dimension", 100,
                  "Dimensions of the vectors (counts and ppmi: one for each context word).", 1, 10_000)  # fmt: skip
@training.integer("Training", "--epochs", 5, "Passes over the corpus.", 1, 10_000)
@training.learning_rate(0.025, "--alpha", "Learning rate at the beginning; decays linearly.")
@training.folder("Where the vectors go: a folder, replaced as a whole when done.")
@training.save_dtype("int8", "int4")
@options.seed
@options.deterministic("Byte-identical files from the same input; one thread trains.")
@options.workers
@options.threads
def command(
    pipe: Pipe,
    *,
    output: str,
    save_dtype: str,
    tokenizer: str,
    dictionary: str | None,
    lowercase: bool,
    min_count: int,
    max_words: int | None,
    workers: int,
    threads: int | None,
    **settings: Any,
) -> None:
    """Word vectors from a corpus: a sentence or a paragraph a line, or JSONL of `nlptool tokenize`.

    FILE may be a folder, also one of `nlptool shards run ... -- tokenize`, which must be complete.

    word2vec (gensim trains), fastText with --subwords, and the count models before them. The folder is what -m takes in
    `analogy`, `neighbors`, `odd-one-out`, `embed` and `evaluate`; its vectors.json holds every option, the counts and the
    versions. Every word of the corpus is trained; Ctrl-C ends the training and saves what has been learned.

    \b
    cat corpus.txt | nlptool train -o my.vec && nlptool neighbors -m my.vec 猫
    nlptool train --tokenizer lemma --method cbow --epochs 10 -o lemmas.vec novels.txt.xz
    nlptool tokenize --pos 名詞,動詞 corpus.txt | nlptool train --subwords 1-3 -o nouns.vec
    nlptool train --method counts --contexts sweet,green,furry --min-count 1 -o counts.vec corpus.txt

    Tokenizers: unidic and lemma split Japanese with MeCab, into surface forms or dictionary forms; words takes runs of
    letters and single punctuation marks, for languages with spaces; whitespace is for text that is tokenized already; auto
    chooses by the first lines, and says what it chose. The model remembers it, and queries are tokenized the same way.

    With several threads two runs differ; --deterministic makes them equal. With --fast the threads read a text file without
    Python's lock, each from its own position on. That pays with many threads; where they meet, some sentences are trained
    twice and others not at all, and a note says how many words were seen.
    """
    from nlptool.tasks.train.word2vec import CorpusOptions, train_words

    _check(settings)
    if dictionary is not None and tokenizer in ("words", "whitespace"):
        raise click.UsageError(f"--tokenizer {tokenizer} makes no use of --dictionary")
    if dictionary is not None and tokenizer == "auto":
        tokenizer = "unidic"
    corpus = CorpusOptions(tokenizer, dictionary, lowercase, min_count, max_words, workers)
    train_words(pipe, output, corpus, save_dtype=save_dtype, threads=threads, **settings)


def _check(settings: dict[str, Any]) -> None:
    """Refuse options that would have no effect."""
    method = settings["method"]
    counting = method in ("counts", "ppmi", "svd")
    useless = {"epochs", "negative", "sample", "alpha", "subwords", "buckets", "fast"} if counting else {
        "contexts", "n_contexts", "smoothing", "center"
    }  # fmt: skip
    useless |= {"smoothing"} if method == "counts" else set()
    useless |= {"center"} if method == "svd" else {"dimension"} if counting else set()
    if given := sorted(options.typed(settings) & useless):
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise click.UsageError(f"--method {method} makes no use of {names}")
