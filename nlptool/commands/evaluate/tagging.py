"""``nlptool evaluate tagging``: predicted tags and entities against gold ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.errors import RunError
from nlptool.records.formats import results
from nlptool.records.pipe import Pipe
from nlptool.specs import TaggerSpec

if TYPE_CHECKING:
    from nlptool.records.tagged_names import Layout
    from nlptool.records.tagged_pairs import TaggedPairs

_OF_RECORDS = ("unit", "field", "id_field", "header", "null")  # options that have no effect on tagged sentences
_OF_MODEL = ("task_name", "max_length", "batch_tokens", "deterministic")
_SCHEMES = ("iob2", "iob1", "bioes", "bilou", "io", "plain")


@click.command(cls=Command)
@options.records("evaluate", writes=False)
@click.option("--column", metavar="NAME", show_default="the last column but that of the predictions, upos, or a usual name",
              help="Gold tags: number of a column, name of a column or attribute of CoNLL-U, or field.")  # fmt: skip
@click.option("--predicted", metavar="FILE", type=click.Path(readable=False),
              help="File of the predictions, with the same sentences in the same order, in any of the formats.")  # fmt: skip
@click.option("--predicted-column", metavar="NAME", show_default="the last column, or a usual name",
              help="Predicted tags: column or field, of FILE or of the file of --predicted.")  # fmt: skip
@click.option("--words", metavar="NAME", show_default="the first column, form, or tokens, words, forms",
              help="Words: column or field.")  # fmt: skip
@click.option(
    "--scheme", type=click.Choice(_SCHEMES), show_default="found out", help="Scheme of the tags; plain: no entities."
)
@click.option("--task", "task_name", envvar="NLPTOOL_EVALUATE_TAGGING_TASK", metavar="NAME",
              help="Task of a model that has several.")  # fmt: skip
@click.option("--strict", is_flag=True, help="Only entities whose tags keep to the scheme count.")
@click.option("--bootstrap", default=1000, show_default=True, metavar="N", type=options.IntRange(0, 100_000),
              help="Number of bootstrap resamples for the confidence intervals; 0: no intervals.")  # fmt: skip
@click.option("--plot", metavar="FILE", type=click.Path(readable=False),
              help="Draw the confusion matrix: .png, .svg or .pdf.")  # fmt: skip
@options.tagger()
@options.seed
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe,
    column: str | None,
    predicted: str | None,
    predicted_column: str | None,
    words: str | None,
    scheme: str | None,
    task_name: str | None,
    strict: bool,
    bootstrap: int,
    plot: str | None,
    seed: int,
    format: str | None,
    spec: TaggerSpec,
) -> None:
    """Evaluate predicted entities, or a predicted tag of each word, against gold ones.

    With -m MODEL the model tags the sentences. Otherwise predictions stand beside the gold tags, or in a file of their own with
    the same sentences (--predicted). The format of a file is recognised: a word a line with its tags in columns, and an empty
    line behind each sentence (CoNLL-2003), of which the last two are gold and predicted; CoNLL-U; or JSON objects with `tokens`
    and `tags`, or with a `text` and `entities`, spans of characters. An object with both annotations calls them `gold` and
    `entities` or `tags`, or `entities` or `tags` and `predicted`; --column and --predicted-column name others.

    \b
    nlptool evaluate tagging -m ./ner dev.conll
    nlptool evaluate tagging output.conll
    nlptool evaluate tagging dev.conll --predicted predictions.jsonl -f table
    nlptool evaluate tagging --column gold --predicted-column entities tagged.jsonl --plot confusion.png
    nlptool evaluate tagging dev.conllu --predicted tagged.conllu --column xpos --predicted-column xpos
    nlptool evaluate tagging --strict --scheme bioes --bootstrap 0 output.conll

    The output is one record a file: records (sentences), used, skipped (without_gold, without_prediction, of another text,
    or with an error), and the scores with their 95 % confidence intervals from a bootstrap over sentences. All scores are
    from 0 to 1, and higher is better.

    \b
    entities  precision, recall and f1 of all entities, macro_precision, macro_recall and macro_f1, the means over the
              labels: those of seqeval; accuracy of the tags, where both sides have tags; errors, how many entities
              are right, have another label, other borders, or both, are missed or invented; confusion, a matrix of
              the labels of entities with the same borders, whose rows are gold, (none) without a counterpart
    tags      accuracy, the share of words whose tag is right; macro_f1; confusion, a matrix of the tags

    per_class has precision, recall, f1, n (gold) and predicted (how often). Tags that mark entities have a scheme: iob2 (B-
    begins, I- goes on), iob1, bioes, bilou or io. Without --strict an entity also begins at an I- with a new label or behind an
    O, as for conlleval and seqeval; --strict counts as seqeval does in mode strict. Entities of tags and of spans are
    compared by their characters.
    """
    from nlptool.records.tagged_names import Layout
    from nlptool.tasks.evaluate.tag_judgements import Rules
    from nlptool.tasks.evaluate.tagging import evaluate, read

    options.refuse(_OF_RECORDS, "evaluate tagging reads tagged sentences, and")
    _check(pipe, predicted, plot, scheme=scheme, strict=strict)
    if spec.model:
        options.refuse(["predicted", "predicted_column"], "-m MODEL")
        files = _by_model(pipe, spec, task_name, Layout(column, words=words), scheme)
    else:
        options.refuse(_OF_MODEL, "an evaluation of predictions without -m MODEL")
        files = read(pipe, Layout(column, predicted_column, predicted is None, words), predicted)
    judgements = evaluate(pipe, files, Rules(scheme, strict, bootstrap, seed))
    if results.wants_table(format):
        from nlptool.tasks.evaluate import judgement_tables

        results.print_text("\n".join(map(judgement_tables.drawn, judgements)))
    else:
        results.show([judgement.record for judgement in judgements], format)
    if plot is not None:
        from nlptool import plots

        for judgement in judgements:
            if judgement.confused is None:
                raise RunError(f"there are no entities, gold or predicted: {plot} is not written")
            labels, counts = judgement.confused.matrix(plots.MOST_CLASSES)
            plots.confusion(counts, plot, labels=labels, title=judgement.record["file"], note=pipe.note)


def _by_model(
    pipe: Pipe, spec: TaggerSpec, task_name: str | None, layout: Layout, scheme: str | None
) -> list[TaggedPairs]:
    """Read tagged sentences, and let a tagger tag them."""
    from nlptool.tasks.classify import task_of
    from nlptool.tasks.evaluate.tagged import tagged
    from nlptool.tasks.open_model import open_model

    tagger = open_model(spec, pipe)
    return tagged(pipe, tagger, task_of(tagger, task_name), layout, scheme)


def _check(pipe: Pipe, predicted: str | None, plot: str | None, *, scheme: str | None, strict: bool) -> None:
    """Refuse what does not go together."""
    if predicted is not None and len(pipe.files) > 1:
        raise click.UsageError("--predicted FILE holds the predictions of one file: one FILE")
    if predicted == "-" and "-" in (pipe.files or ("-",)):
        raise click.UsageError("--predicted - reads stdin: name the FILE of the gold tags")
    if strict and scheme == "plain":
        raise click.UsageError("--strict is about entities, and --scheme plain means tags that mark none")
    if plot is not None:
        from nlptool import plots

        if len(pipe.files) > 1:
            raise click.UsageError("--plot draws the confusion matrix of one file: one FILE")
        plots.check(plot)
