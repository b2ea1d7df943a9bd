"""``nlptool train word2vec``: word vectors of one's own text, by word2vec, fastText, or counting."""

from __future__ import annotations

from typing import Any

import click

from nlptool.cli import options
from nlptool.cli.help import Command, shared_option
from nlptool.cli.options import training
from nlptool.records.pipe import Pipe


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
@click.option(
    "--method", type=click.Choice(["skipgram", "cbow", "counts", "ppmi", "svd"]), default="skipgram", show_default=True,
    help="skipgram and cbow: word2vec; counts: co-occurrence counts; ppmi: positive pointwise mutual information; svd: its "
    "truncated SVD.",
)  # fmt: skip
@click.option("--tokenizer", type=click.Choice(["auto", "unidic", "lemma", "words", "whitespace"]), default="auto",
              show_default=True, help="How text is split into words (see above).")  # fmt: skip
@training.dictionary
@training.lowercase
@click.option("--min-count", default=5, show_default=True, metavar="N", type=click.IntRange(min=1),
              help="Leave out words with fewer occurrences.")  # fmt: skip
@click.option("--max-words", metavar="N", type=click.IntRange(min=1), help="Keep only the N most frequent words.")
@click.option("--window", default=5, show_default=True, metavar="N", type=click.IntRange(1, 1000),
              help="Context words on each side.")  # fmt: skip
@click.option("--negative", default=5, show_default=True, metavar="N", type=click.IntRange(0, 1000),
              help="Negative samples a word; 0: hierarchical softmax instead.")  # fmt: skip
@click.option("--sample", default=1e-3, show_default=True, metavar="SHARE", type=options.FloatRange(0, 1),
              help="Subsample words more frequent than this share of the corpus; 0: none.")  # fmt: skip
@click.option("--subwords", metavar="MIN-MAX", callback=_ngram_lengths,
              help="fastText: learn character n-grams of these lengths too (3-6; Japanese: 1-3).")  # fmt: skip
@click.option("--buckets", default=250_000, show_default=True, metavar="N", type=click.IntRange(1, 100_000_000),
              help="Hash buckets of the n-grams.")  # fmt: skip
@click.option("--contexts", metavar="WORDS", callback=_names,
              help="Context words of counts, ppmi and svd, separated by commas.")  # fmt: skip
@click.option("--n-contexts", default=2000, show_default=True, metavar="N", type=click.IntRange(min=1),
              help="Or the N most frequent words as context words.")  # fmt: skip
@click.option("--smoothing", default=0.75, show_default=True, metavar="POWER", type=options.FloatRange(0, 1),
              help="ppmi, svd: context counts are raised to this power.")  # fmt: skip
@click.option("--center", is_flag=True,
              help="counts, ppmi: subtract each vector's mean; cosine is then Pearson's correlation.")  # fmt: skip
@click.option("--fast", is_flag=True, help="gensim's file mode, for many threads: some words twice, others never.")
@training.dimension(100, "Dimensions of the vectors (counts and ppmi: one for each context word).", least=1)
@shared_option("Training", "--epochs", default=5, show_default=True, metavar="N", type=click.IntRange(1, 10_000),
               help="Passes over the corpus.")  # fmt: skip
@shared_option("Training", "--alpha", default=0.025, show_default=True, metavar="RATE",
               type=options.FloatRange(0, 1, min_open=True),
               help="Learning rate at the beginning; decays linearly.")  # fmt: skip
@training.folder("Where the vectors go: a folder, replaced as a whole when done.")
@training.save_dtype("int8")
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
