"""``nlptool train``: train a model on the user's own text."""

from __future__ import annotations

import re
from pathlib import Path

import click

from nlptool.cli.groups import LazyGroup

KINDS = {
    "word2vec": "Word vectors: word2vec, fastText, and count-based models.",
    "bert": "A BERT, pre-trained from scratch: masked words and next sentences.",
    "distil": "A small sentence encoder that learns from a large one.",
    "classifier": "Classes, labels or numbers for texts and pairs of texts, from examples.",
    "autoencoder": "A deep autoencoder: binary codes, or places in the plane, of texts.",
    "probe": "A structural probe: the trees in the vectors of a BERT, from a treebank.",
    "tagger": "Entities in a text, or a tag for each word, from tagged sentences.",
    "reader": "The answer to a question in a text, from questions with answers.",
    "chooser": "Which of several choices goes with a text, from examples.",
    "lm": "A language model: what comes next, by n-grams, an RNN, LSTM, GRU or GPT.",
    "seq2seq": "Text to text, from pairs: LSTM, LSTM with attention, Transformer.",
}

_COMMAND_LINES = {
    "nlptool train word2vec": ("w2v", "skipgram", "cbow", "words", "vectors", "embeddings"),
    "nlptool train word2vec --subwords 3-6": ("fasttext",),
    "nlptool train word2vec --method ppmi": ("glove", "ppmi", "counts"),
    "nlptool train word2vec --method svd": ("svd", "lsa"),
    "nlptool train bert": ("mlm", "pretrain", "encoder"),
    "nlptool train bert --init FOLDER": ("pretrain-further",),
    "nlptool train classifier": (
        "classify",
        "classification",
        "sentiment",
        "regression",
        "finetune",
        "fine-tune",
        "glue",
    ),
    "nlptool train tagger": ("tag", "ner", "entities", "pos", "bio", "chunker"),
    "nlptool train probe": ("structural-probe", "syntax", "treebank"),
    "nlptool train autoencoder": ("auto-encoder", "semantic-hashing", "hashing", "hash", "rbm", "dbn", "codes"),
    "nlptool train distil": ("sbert", "sentence-transformer", "sentence-transformers", "student"),
    "nlptool train reader": ("answer", "qa", "question-answering", "squad", "reading"),
    "nlptool train chooser": ("choose", "multiple-choice", "swag", "copa"),
    "nlptool train lm": ("language-model", "lstm", "rnn", "gru", "char-rnn", "causal"),
    "nlptool train lm --architecture ngram": ("ngram", "n-gram", "kneser-ney", "kenlm", "srilm"),
    "nlptool train lm --architecture feedforward": ("nplm", "bengio"),
    "nlptool train lm --architecture transformer": ("gpt", "gpt2"),
    "nlptool train seq2seq": ("transformer", "translation", "translate", "generate", "t5"),
}
"""The command line that does it -> what people call it."""

ANSWERS = {word: f"This does it: {line}." for line, words in _COMMAND_LINES.items() for word in words} | dict.fromkeys(
    ("sentencepiece", "tokenizer", "parser"),
    "nlptool trains no such model.",
)


class _TrainGroup(LazyGroup):
    """A group whose default command takes files, so that a mistyped subcommand looks like the name of a file."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = next(iter(args), "")
        if first not in self.table and first not in ctx.help_option_names:
            if re.fullmatch(r"[A-Za-z][\w-]*", first) and not Path(first).exists():
                ctx.fail(
                    f"{first!r} is neither a file nor a subcommand.{self.suggestion(ctx, first)} The subcommands are "
                    f"{', '.join(self.table)}."
                )
            args = [str(self.default), *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_TrainGroup, table=KINDS, module="nlptool.commands.train.{}", default="word2vec", answers=ANSWERS,
    subcommand_metavar="[SUBCOMMAND] [ARGS]...",
)  # fmt: skip
def command() -> None:
    """Train a model on your own text.

    Without a subcommand it trains word vectors: `nlptool train -o my.vec corpus.txt` is short for `nlptool train word2vec -o
    my.vec corpus.txt`, and takes the options and files of word2vec; `nlptool train word2vec --help` lists them. Of the
    options only --help belongs to `train` itself.

    \b
    cat corpus.txt | nlptool train -o my.vec                  word vectors
    nlptool train distil --teacher MODEL -o mini corpus.txt   a small sentence encoder
    nlptool train bert --max-minutes 60 -o my-bert novels.txt     a BERT from scratch
    nlptool train lm -o my-lstm novels.txt                    what comes next: an LSTM
    nlptool train seq2seq -o en-ja pairs.tsv                  text to text: a Transformer, or an LSTM
    nlptool train distil --help                               the options of a subcommand
    """
