"""``nlptool evaluate mlm``: does a masked language model guess the hidden words of a text?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from nlptool import bert, options, results
from nlptool.errors import RunError
from nlptool.pipe import Pipe
from nlptool.records import Record
from nlptool.streams import STDIN

if TYPE_CHECKING:
    from nlptool.models.masked_evaluation import Evaluation


def read(pipe: Pipe, path: str, evaluation: Evaluation) -> None:
    """Put the lines of a file to the model. A line end in a JSON string ends a line too."""

    def lines(own: Pipe) -> Iterator[list[Record]]:
        for records in own.read():
            evaluation.add([line for record in records if record.pending for line in record.text.split("\n")])
            yield records

    with pipe.beside(path) as own:
        own.consume(lines(own))
        own.refuse_failed(f"{path}: most records failed: this is no text")
    evaluation.finish(lambda done, total: pipe.bar.work("evaluate", done, total, "sequences"))


def figures(evaluation: Evaluation) -> dict[str, Any]:
    """What is said of a file."""
    every = evaluation.every.said()
    return {
        "n_sequences": evaluation.n_sequences,
        **every,
        "top1_interval": evaluation.every.interval(),
        "content": evaluation.content.said() if evaluation.knows_content else None,
        "n_unknown": evaluation.n_unknown,
    }


@click.command()
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
    pipe: Pipe, share: float, by: str, limit: int, seed: int, format: str | None, **choice: Any
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
    from nlptool.models.masked_evaluation import Evaluation

    model = bert.load(pipe, bert.Choice(**choice), head="mlm")
    texts = model.texts
    rules = {
        "model": model.name,
        "max_length": texts.room() + len(texts.row([]).ids),
        "share": share,
        "by": by,
        "limit": limit or None,
        "seed": seed,
    }
    records = []
    with pipe.bar:
        for path in pipe.files or ("-",):
            evaluation = Evaluation(model, share=share, seed=seed, by_line=by == "line", limit=limit)
            read(pipe, path, evaluation)
            name = STDIN if path == "-" else path
            if evaluation.n_sequences:
                records.append({"file": name, **figures(evaluation), **rules})
            if evaluation.n_sequences and not evaluation.every.n_pieces:
                pipe.note(f"{name}: there is no word to be guessed: the vocabulary knows none")
    if not records and not pipe.input_failed:  # else that has been said
        raise RunError("there is no text", hint="lines of text, an empty one between documents")
    results.show(
        [row for record in records for row in _rows(record)] if results.wants_table(format) else records, format
    )


def _rows(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A record for a table: a row for all words, and one for those of content."""
    for words, said in (("all", record), ("content", record["content"])):
        if said is not None:
            top1 = said["top1"]
            if words == "all" and record["top1_interval"]:
                top1 = "{} ({}–{})".format(top1, *record["top1_interval"])
            yield {
                "file": record["file"],
                "words": words,
                "pieces": said["n_pieces"],
                "top1": top1,
                "top5": said["top5"],
                "perplexity": said["perplexity"],
                "model": record["model"],
            }
