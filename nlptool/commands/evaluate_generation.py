"""``nlptool evaluate generation``: do generated texts agree with references?"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from nlptool import decodings, generated, generating, options, references, results
from nlptool.batches import windows
from nlptool.errors import RunError
from nlptool.json_objects import path_of
from nlptool.pipe import Pipe
from nlptool.records import Record
from nlptool.references import Names, Pairs
from nlptool.streams import STDIN, Output

if TYPE_CHECKING:
    from nlptool.display import Runs
    from nlptool.models.decoding import Decoding
    from nlptool.models.generation import Generator

_WINDOW = 256  # records that are answered together
_SHOWN = 5  # pairs below the table
_SIGNED = {"bleu": "BLEU", "chrf": "chrF2"}  # names that sacrebleu puts before its signatures
_TOLD = {
    "truncated": "sources longer than the model takes, of which it read a part",
    "n_unknown": "characters or words of sources that the model has never seen",
}
_TOKENIZERS = ("auto", "char", "13a", "intl", "zh", "ja-mecab", "none")


class Answers:
    """Lets a model answer, window by window, as ``nlptool generate`` does.

    Args:
        seed: of samples, beside the number of the record in the input.

    Attributes:
        counts: of what happened to the sources: keys of ``_TOLD``.
    """

    def __init__(self, generator: Generator, decoding: Decoding, seed: int) -> None:
        self._generator = generator
        self._decoding = decoding
        self._seed = seed
        self.counts = Counter[str]()

    def __call__(self, records: list[Record], numbers: list[int]) -> None:
        for record, number in zip(records, numbers, strict=True):
            record.entry = {"seed": [self._seed, number]}
        for _ in generated.generate([records], self._generator, self._decoding, said={}):
            for record in records:
                for key in _TOLD if record.pending else ():
                    self.counts[key] += record.entry.get(key, 0)


def judge(pairs: Pairs, tokenize: str) -> dict[str, Any]:
    """The scores of a file's pairs, as a record has them."""
    from nlptool.models import generation_scores

    hypotheses = [pair.hypothesis for pair in pairs.found]
    scores = generation_scores.scores(hypotheses, [pair.references for pair in pairs.found], tokenize=tokenize)
    return {
        "file": pairs.name,
        "pairs": scores.n,
        "skipped": pairs.n_skipped,
        "empty": sum(not hypothesis.strip() for hypothesis in hypotheses),
        "exact_match": round(scores.exact_match, 4),
        "bleu": round(scores.bleu, 2),
        "chrf": round(scores.chrf, 2),
        "tokenize": scores.tokenize,
        "signatures": dict(scores.signatures),
    }


def details(pairs: Pairs, tokenize: str) -> Iterator[dict[str, Any]]:
    """A record for each pair: where it stands, its texts, and how alike they are."""
    from nlptool.models import generation_scores

    for pair in pairs.found:
        one = pair.references[0] if len(pair.references) == 1 else None
        yield {
            "file": pairs.name,
            "line": pair.line,
            **({} if pair.source is None else {"source": pair.source}),
            "hypothesis": pair.hypothesis,
            **({"references": pair.references} if one is None else {"reference": one}),
            "exact_match": generation_scores.is_exact(pair.hypothesis, pair.references, tokenize),
            "chrf": round(generation_scores.sentence_chrf(pair.hypothesis, pair.references), 2),
        }


def difference(hypothesis: str, reference: str) -> tuple[Runs, Runs]:
    """Both in runs, aligned with the fewest edits: of the first which characters are right and which wrong, of the second
    which are missing in the first."""
    from rapidfuzz.distance import Levenshtein

    ours, theirs = [], []
    for step in Levenshtein.opcodes(hypothesis, reference):
        if step.src_end > step.src_start:
            ours.append((hypothesis[step.src_start : step.src_end], "right" if step.tag == "equal" else "wrong"))
        if step.dest_end > step.dest_start:
            theirs.append((reference[step.dest_start : step.dest_end], "" if step.tag == "equal" else "missing"))
    return _joined(ours), _joined(theirs)


def _joined(runs: Runs) -> Runs:
    """Neighbours of one kind as one."""
    return [("".join(text for text, _ in same), kind) for kind, same in itertools.groupby(runs, lambda run: run[1])]


def _blocks(pairs: Pairs, tokenize: str, most: int) -> Iterator[tuple[str, dict[str, Runs]]]:
    """The first of the pairs that differ, for a person."""
    from nlptool.models import generation_scores

    for pair in pairs.found:
        if most and not generation_scores.is_exact(pair.hypothesis, pair.references, tokenize):
            most -= 1
            nearest = max(pair.references, key=lambda each: generation_scores.sentence_chrf(pair.hypothesis, [each]))
            ours, theirs = difference(*(generation_scores.clean(each, tokenize) for each in (pair.hypothesis, nearest)))
            source: dict[str, Runs] = {} if pair.source is None else {"source": [(pair.source, "")]}
            yield f"{pairs.name}:{pair.line}", {**source, "hypothesis": ours, "reference": theirs}


@click.command()
@options.records("evaluate", writes=False)
@click.option("--hypothesis", metavar="NAME", help="Field, JSON Pointer or column of the text to judge.")
@click.option("--reference", metavar="NAME", help="Field, JSON Pointer or column of what it should be.")
@click.option("--tokenize", type=click.Choice(_TOKENIZERS), default="auto", show_default=True,
              help="How BLEU cuts texts. auto: char for Japanese, Chinese, Thai ..., else 13a.")  # fmt: skip
@click.option("--show", metavar="N", type=click.IntRange(min=0), show_default=str(_SHOWN),
              help="Pairs that differ, shown below the table.")  # fmt: skip
@click.option(
    "--details", "details_file", metavar="FILE", type=click.Path(), help="A record for each pair goes to FILE."
)
@options.decoding
@options.seed
@options.generator(required=False)
@options.table_choice()
def command(  # noqa: PLR0917
    pipe: Pipe,
    hypothesis: str | None,
    reference: str | None,
    tokenize: str,
    show: int | None,
    details_file: str | None,
    seed: int,
    format: str | None,
    **rest: Any,
) -> None:
    """Generated text against references: exact match, BLEU and chrF, as sacrebleu computes them.

    A line is a hypothesis, a tab, and its reference, or a JSON object with both: what `nlptool generate` has made of a record
    with a field reference, target or second, or what --hypothesis and --reference name. A reference may be a list of several.
    With -m a line is a source and its reference, and the model is asked first, with the options of `nlptool generate`; of JSON
    objects --field names the source.

    \b
    nlptool sample hyakunin-isshu --columns kami,shimo | nlptool evaluate generation -m hyakunin
    nlptool evaluate generation -m mini-en-ja --beams 4 dev.tsv
    nlptool generate -m mini-en-ja --field en dev.jsonl | nlptool evaluate generation --reference ja
    paste output.txt reference.txt | nlptool evaluate generation -f jsonl --details pairs.jsonl

    One record a file: pairs, skipped (those without a reference, or with an error of an earlier command), empty (hypotheses
    that are, which count as wrong), exact_match (the share of hypotheses that are a reference, 0 to 1), bleu and chrf (0 to
    100), tokenize, and sacrebleu's signatures. Higher is better. BLEU needs texts of four tokens, and says little of a few
    pairs. With --tokenize char blanks are left out everywhere, else several are one.

    A table is followed by the first pairs that differ, the wrong characters of a hypothesis in red and the right ones in blue;
    without colours by [-wrong-] and {+missing+}.
    """
    asks = rest["model"] is not None
    _check(pipe, hypothesis, details_file, asks=asks, sets=(*rest, "seed"))
    if show is not None and not results.wants_table(format):
        raise click.UsageError("--show N is for the table: -f table; --details FILE writes all pairs")
    names = _names(pipe, hypothesis, reference, asks=asks)
    decoding = decodings.take(rest)
    answers, rules = None, dict[str, Any]()
    if asks:
        choice = generating.Choice(**rest)
        generator = generating.load(pipe, choice, needs="sampling" if decoding.sample else "search")
        answers = Answers(generator, decoding, seed)
        rules = decodings.said(generator.name, choice, decoding) | ({"seed": seed} if decoding.sample else {})
    files = [_read_file(pipe, path, names, answers) for path in pipe.files or ("-",)]
    for key, sentence in _TOLD.items():
        if answers is not None and answers.counts[key]:
            pipe.note(f"{sentence}: {answers.counts[key]:,}")
    files = [pairs for pairs in files if pairs.found]
    if not files:
        raise RunError(
            "there are no pairs to evaluate", hint=f"a {names.what} and its reference a line, with a tab between them"
        )
    records = []
    for pairs in files:
        said = rules or {"model": next(iter(pairs.models)) if len(pairs.models) == 1 else None}
        records.append({**judge(pairs, tokenize), **said})
    if results.wants_table(format):
        _show(files, records, _SHOWN if show is None else show)
    else:
        results.show(records, format)
    if details_file is not None:
        import orjson

        with Output(details_file, inputs=pipe.files or ("-",)) as output:
            for pairs, record in zip(files, records, strict=True):
                output.write(*(orjson.dumps(each) + b"\n" for each in details(pairs, record["tokenize"])))


def _check(pipe: Pipe, hypothesis: str | None, details_file: str | None, *, asks: bool, sets: Iterable[str]) -> None:
    """
    Args:
        asks: a model is asked for the hypotheses.
        sets: the options that say how.

    Raises:
        UsageError: what is asked for does not go together.
    """
    if "id_field" in options.typed(["id_field"]):
        raise click.UsageError("evaluate generation makes no use of --id-field")
    if details_file == "-":
        raise click.UsageError("--details - would be mixed with the scores on stdout: name a file")
    if asks and hypothesis is not None:
        raise click.UsageError("with -m the model gives the hypotheses; --field names the source")
    if asks and options.typed(["num_return"]):
        raise click.UsageError("the first text of each alone is judged: no --num-return")
    if not asks and pipe.form.field is not None:
        raise click.UsageError("--field names the source for -m; without it --hypothesis names the text to judge")
    for name in sorted(() if asks else options.typed(sets)):
        raise click.UsageError(f"--{name.replace('_', '-')} is for a model that is asked: -m MODEL")


def _names(pipe: Pipe, hypothesis: str | None, reference: str | None, *, asks: bool) -> Names:
    """What the sides of a pair are called; the pipe then reads records whether they have a ``text`` or not.

    Args:
        asks: a model is asked for the hypotheses.
    """
    text = pipe.form.field if asks else hypothesis
    names = Names(
        "source" if asks else "hypothesis",
        [text] if text else references.SOURCES if asks else references.HYPOTHESES,
        [reference] if reference else references.REFERENCES,
    )
    # A table without a head whose columns nobody names has two, as a line of text has.
    kind = "text" if pipe.form.kind == "tsv" and not (pipe.form.header or text or reference) else pipe.form.kind
    known = tuple(path_of(name)[0] for name in (*names.text, *names.reference))
    pipe.form = replace(pipe.form, kind=kind, field=None, instead=known)
    return names


def _read_file(pipe: Pipe, path: str, names: Names, answers: Answers | None) -> Pairs:
    pairs = Pairs(STDIN if path == "-" else path)
    with pipe.beside(path) as own, own.bar:
        lists = windows(own.read(), largest=_WINDOW)
        own.consume(references.read(lists, names, pairs, answers, start=pipe.n_read))
        own.refuse_failed(f"{pairs.name}: most of its lines are no pairs")
    if pairs.n_skipped and not pairs.found:
        pipe.note(f"{pairs.name}: none of its pairs has a reference")
    return pairs


def _show(files: list[Pairs], records: list[dict[str, Any]], most: int) -> None:
    """A table, the signatures, and the first pairs that differ."""
    from nlptool import display

    columns = ("file", "pairs", "skipped", "empty", "exact_match", "bleu", "chrf", "model")
    results.show([{name: record[name] for name in columns} for record in records], "table")
    signatures = (f"{_SIGNED[name]}|{each}\n" for record in records for name, each in record["signatures"].items())
    results.print_text("".join(dict.fromkeys(signatures)))
    blocks = [
        block
        for pairs, record in zip(files, records, strict=True)
        for block in _blocks(pairs, record["tokenize"], most)
    ]
    if blocks:
        results.print_text("\n" + display.comparisons(blocks))
