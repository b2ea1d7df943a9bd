"""``nlptool evaluate mlm``: does a masked language model guess the hidden words of a text?"""

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
              help="Of the text, that is masked.")  # fmt: skip
@click.option("--by", type=click.Choice(["document", "line"]), default="document", show_default=True,
              help="A sequence is as many lines of a document as the model takes, or one line.")  # fmt: skip
@click.option("--limit", default=0, show_default="all", metavar="N", type=click.IntRange(min=0),
              help="Use N sequences, drawn at random.")  # fmt: skip
@options.bert
@options.seed
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe, share: float, by: str, limit: int, seed: int, format: str | None, spec: MaskedModelSpec
) -> None:
    """Masked language models: words of a text are hidden, and guessed.

    The text is what such models are trained on: lines, an empty one between documents. It is cut into sequences of as many
    tokens as the model takes. Words drawn at random, 15 % of the text, are masked with all their pieces, and each piece is
    guessed. Choose text that the model has not been trained on.

    One record a file: n_sequences; n_pieces (that were guessed); top1, the share of pieces for which the right one is the first
    guess, with its 95 % interval; top5, for which it is among the first five; perplexity, exp of the mean of -ln p of the right
    piece, at least 1, lower is better; and the same of content words alone (nouns, verbs, adjectives and adverbs: UniDic's
    名詞 動詞 形容詞 形状詞 副詞), null for models that do not cut words with MeCab. Pieces that the vocabulary lacks
    (n_unknown) are read, not guessed. Perplexities of models with other vocabularies do not compare.

    \b
    nlptool evaluate mlm held_out.txt
    nlptool evaluate mlm -m my-bert --limit 1000 works/*.txt
    nlptool evaluate mlm -m tohoku-nlp/bert-base-japanese-v3 --max-length 128 held_out.txt -f jsonl
    """
    from nlptool.tasks.evaluate.mlm import mlm, table_rows
    from nlptool.tasks.open_model import open_model

    model = open_model(spec, pipe)
    records = mlm(pipe, model, share=share, by=by, limit=limit, seed=seed)
    results.show(list(table_rows(records)) if results.wants_table(format) else records, format)
