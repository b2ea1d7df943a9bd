"""``nlptool evaluate mlm``: accuracy and perplexity of a masked language model on masked words."""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.formats import results
from nlptool.records.pipe import Pipe
from nlptool.specs import MaskedModelSpec


@click.command(cls=Command)
@options.records("evaluate", writes=False)
@click.option("--share", default=0.15, show_default=True, metavar="SHARE", type=options.FloatRange(0, 1, min_open=True),
              help="Share of the words that are masked.")  # fmt: skip
@click.option("--by", type=click.Choice(["document", "line"]), default="document", show_default=True,
              help="A sequence is as many lines of a document as fit into --max-length, or one line.")  # fmt: skip
@click.option("--limit", default=0, show_default="all", metavar="N", type=options.IntRange(min=0),
              help="Number of sequences to use, drawn at random; 0: all.")  # fmt: skip
@options.bert
@options.seed
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe, share: float, by: str, limit: int, seed: int, format: str | None, spec: MaskedModelSpec
) -> None:
    """Evaluate a masked language model: mask words of a text and measure how well it predicts them.

    The input is lines of text with an empty line between documents, and should not be part of the model's training data. It is
    split into sequences of up to --max-length tokens. Random words (15 % of the text) are masked with all their subwords, and
    each subword is predicted.

    The output is one record a file: n_sequences; n_pieces, the number of predicted subwords; top1, the share of subwords that
    are the most probable prediction; top5, the share among the five most probable; perplexity, exp of the mean of -ln p of the
    correct subword (at least 1, lower is better); the 95 % confidence intervals of both shares; and the same for content words
    (nouns, verbs, adjectives and adverbs: 名詞 動詞 形容詞 形状詞 副詞 in UniDic), null for models that do not use MeCab.
    Unknown subwords (n_unknown) are not predicted; n_unseen_script is the number of lines in a script of none of the model's
    languages. Perplexities of models with different vocabularies cannot be compared.

    \b
    nlptool evaluate mlm held_out.txt
    nlptool evaluate mlm -m my-bert --limit 1000 works/*.txt
    nlptool evaluate mlm -m bert-base-japanese-v3 --max-length 128 held_out.txt -f jsonl
    """
    from nlptool.tasks.evaluate.mlm import mlm, table_rows
    from nlptool.tasks.languages import ModelOfInput

    records = mlm(pipe, ModelOfInput(spec, pipe), share=share, by=by, limit=limit, seed=seed)
    results.show(list(table_rows(records)) if results.wants_table(format) else records, format)
