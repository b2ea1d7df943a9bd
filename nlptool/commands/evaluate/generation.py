"""``nlptool evaluate generation``: exact match, BLEU and chrF of generated text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records import references
from nlptool.records.formats import results
from nlptool.records.json_bytes import path_of
from nlptool.records.pipe import Pipe
from nlptool.records.references import Names, Pairs
from nlptool.specs import GeneratorSpec

if TYPE_CHECKING:
    from nlptool.specs import DecodingSpec

_SHOWN = 5  # pairs below the table
_SIGNED = {"bleu": "BLEU", "chrf": "chrF2"}  # names that sacrebleu puts before its signatures

_TOKENIZERS = ("auto", "char", "13a", "intl", "zh", "ja-mecab", "none")


@click.command(cls=Command)
@options.records("evaluate", writes=False)
@options.pair_fields
@click.option("--tokenize", type=click.Choice(_TOKENIZERS), default="auto", show_default=True,
              help="Tokenizer of BLEU; auto: char for Japanese, Chinese, Thai ..., else 13a.")  # fmt: skip
@click.option("--show", metavar="N", type=options.IntRange(min=0), show_default=str(_SHOWN),
              help="Number of differing pairs that are shown below the table.")  # fmt: skip
@options.details("pair")
@options.decoding
@options.seed
@options.generator(required=False)
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe,
    first: str | None,
    second: str | None,
    tokenize: str,
    show: int | None,
    details_file: str | None,
    seed: int,
    format: str | None,
    decoding: DecodingSpec,
    spec: GeneratorSpec,
) -> None:
    """Evaluate generated text against references: exact match, BLEU and chrF, computed by sacrebleu.

    A line holds a hypothesis and its references, separated by tabs, or it is a JSON object with both: the output of `nlptool
    generate` for a record with a field reference, target or second, or the fields that --first and --second name. A reference
    may be a list. With -m a line holds a source and its reference, and the model generates the hypothesis, with the options of
    `nlptool generate`; --first then names the source.

    \b
    nlptool sample hyakunin-isshu --columns kami,shimo | nlptool evaluate generation -m hyakunin
    nlptool evaluate generation -m mini-en-ja --beams 4 dev.tsv
    nlptool generate -m mini-en-ja --field en dev.jsonl | nlptool evaluate generation --second ja
    paste output.txt reference.txt | nlptool evaluate generation -f jsonl --details pairs.jsonl

    The output is one record a file: pairs, skipped (without a reference, or with an error of an earlier command), empty (empty
    hypotheses, which count as wrong), exact_match (share of hypotheses equal to a reference, 0 to 1), bleu and chrf (0 to 100),
    tokenize, and sacrebleu's signatures. Higher is better. BLEU needs texts of at least four tokens and is unreliable for a few
    pairs. With --tokenize char all spaces are removed, otherwise runs of spaces count as one.

    A table is followed by the first pairs that differ, with wrong characters of the hypothesis in red and correct ones in blue,
    or without colours as [-wrong-] and {+missing+}.
    """
    from nlptool.tasks import generate
    from nlptool.tasks.evaluate.generation import Answers, details, evaluate, read
    from nlptool.tasks.open_model import decoding_of, open_model

    asks = bool(spec.model)
    options_of_model = (*options.DECODING_OPTIONS, *(field.name for field in fields(spec)), "seed")
    _check(pipe, asks=asks, sets=options_of_model)
    if show is not None and not results.wants_table(format):
        raise click.UsageError("--show N is for the table: -f table; --details FILE writes all pairs")
    names = _names(pipe, first, second, asks=asks)
    answers, entry = None, dict[str, Any]()
    if asks:
        resolved = decoding_of(spec, replace(decoding, n_return=1), pipe)
        generator = open_model(replace(spec, needs=resolved.needs), pipe)
        answers = Answers(generator, resolved.decoding, seed)
        entry = generate.entry_of(generator, spec, resolved) | ({"seed": seed} if resolved.decoding.sample else {})
    files = read(pipe, names, answers)
    records = evaluate(files, tokenize, entry)
    if results.wants_table(format):
        _show(files, records, _SHOWN if show is None else show)
    else:
        results.show(records, format)
    if details_file is not None:
        judged = zip(files, records, strict=True)
        each = (detail for pairs, record in judged for detail in details(pairs, record["tokenize"]))
        results.write_details(details_file, each, inputs=pipe.files or ("-",))


def _check(pipe: Pipe, *, asks: bool, sets: Iterable[str]) -> None:
    """Refuse what does not go together.

    Args:
        asks: a model is asked for the hypotheses.
        sets: the options that say how.
    """
    options.refuse(["id_field"], "evaluate generation")
    if asks and options.typed(["num_return"]):
        raise click.UsageError("the first text of each alone is judged: no --num-return")
    if pipe.form.field is not None:
        raise click.UsageError("a pair has two texts: --first NAME and --second NAME")
    for name in sorted(() if asks else options.typed(sets)):
        raise click.UsageError(f"--{name.replace('_', '-')} is for a model that is asked: -m MODEL")


def _names(pipe: Pipe, first: str | None, second: str | None, *, asks: bool) -> Names:
    """Return the names of the two texts of a pair; the pipe then reads records whether they have a ``text`` or not.

    Args:
        asks: a model is asked for the hypotheses.
    """
    names = Names(
        "source" if asks else "hypothesis",
        [first] if first else references.SOURCE_FIELDS if asks else references.HYPOTHESIS_FIELDS,
        [second] if second else references.REFERENCE_FIELDS,
    )
    # A table without a head whose columns nobody names has two, as a line of text has.
    kind = "text" if pipe.form.kind == "tsv" and not (pipe.form.header or first or second) else pipe.form.kind
    known = tuple(path_of(name)[0] for name in (*names.text, *names.reference))
    pipe.form = replace(pipe.form, kind=kind, field=None, instead=known, paired=True)
    return names


def _show(files: list[Pairs], records: list[dict[str, Any]], most: int) -> None:
    """Show a table, the signatures, and the first pairs that differ."""
    from nlptool.tasks.evaluate.generation import comparisons
    from nlptool.terminal import tables

    columns = ("file", "pairs", "skipped", "empty", "exact_match", "bleu", "chrf", "model")
    results.show([{name: record[name] for name in columns} for record in records], "table")
    signatures = (f"{_SIGNED[name]}|{each}\n" for record in records for name, each in record["signatures"].items())
    results.print_text("".join(dict.fromkeys(signatures)))
    if blocks := comparisons(files, records, most):
        results.print_text("\n" + tables.comparisons(blocks))
