"""``nlptool evaluate``: scores on gold data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nlptool import options, results
from nlptool.catalogue import ENGLISH_WORDS
from nlptool.errors import RecordError, RunError
from nlptool.pipe import Pipe
from nlptool.records import Record

if TYPE_CHECKING:
    from nlptool.models.word_evaluation import Vocabulary

Item = TypeVar("Item")

_model = click.option(
    "-m", "--model", default=ENGLISH_WORDS, show_default=True, metavar="MODEL",
    help="Word vectors: a name of `nlptool models list --task words`, a folder, or a file.",
)  # fmt: skip
_restrict = click.option(
    "--restrict", default=300_000, show_default=True, metavar="N", type=click.IntRange(min=1),
    help="Only the N most frequent words exist.",
)  # fmt: skip
_case = click.option(
    "--case", type=click.Choice(["fold", "exact"]), default="fold", show_default=True,
    help="fold: capital and small letters are the same.",
)  # fmt: skip


@click.group()
def command() -> None:
    """Scores on gold data. Each says what was left out, and by which rules.

    \b
    nlptool evaluate analogies questions-words.txt
    nlptool evaluate similarity -m my.vec wordsim353.tsv
    """


@command.command("analogies")
@options.records("evaluate", writes=False)
@_model
@click.option("--method", type=click.Choice(["3cosadd", "3cosmul"]), default="3cosadd", show_default=True,
              help="How the answer is found: see `nlptool analogy`.")  # fmt: skip
@_restrict
@_case
@click.option("--oov", type=click.Choice(["skip", "wrong"]), default="skip", show_default=True,
              help="A question with an unknown word: skipped, or wrong. It is counted as skipped either way.")  # fmt: skip
@options.table_choice()
def analogies(  # noqa: PLR0917
    pipe: Pipe, model: str, method: str, restrict: int, case: str, oov: str, format: str | None
) -> None:
    """Analogies of the kind of questions-words.txt: four words a line, `: name` begins a section.

    A question a b c d is right if d is the word nearest to b - a + c that is none of a, b, c. One record a section, and
    one for all: questions, correct, wrong, skipped (a word is not in the vocabulary), accuracy (correct / (correct + wrong)),
    the vocabulary's size and the rules.

    \b
    nlptool evaluate analogies questions-words.txt
    nlptool evaluate analogies -m my.vec --case exact --method 3cosmul questions.txt -f jsonl
    """
    from nlptool.models import word_evaluation

    vocabulary = _vocabulary(pipe, model, restrict, case)
    sections = _sections(pipe, _question)
    questions = [question for each in sections.values() for question in each]
    if not questions:
        raise RunError("there are no questions", hint="four words a line: Athens Greece Oslo Norway")
    with pipe.bar as bar:
        outcome = word_evaluation.analogies(vocabulary, questions, product=method == "3cosmul", report=bar.records)
    rules = {
        "model": vocabulary.vectors.name,
        "method": method,
        "vocabulary": vocabulary.size,
        "case": case,
        "oov": oov,
    }
    records = []
    start = 0
    for name, each in sections.items():
        records.append({"section": name, **_tally(outcome[start : start + len(each)], oov), **rules})
        start += len(each)
    records.append({"section": "total", **_tally(outcome, oov), **rules})
    results.show(records, format)


def _tally(outcome: Any, oov: str) -> dict[str, Any]:
    correct, wrong, skipped = (int((outcome == value).sum()) for value in (1, 0, -1))
    if oov == "wrong":
        wrong += skipped
    accuracy = round(correct / (correct + wrong), 4) if correct + wrong else None
    return {
        "questions": len(outcome), "correct": correct, "wrong": wrong, "skipped": skipped, "accuracy": accuracy,
    }  # fmt: skip


@command.command("similarity")
@options.records("evaluate", writes=False)
@_model
@_restrict
@_case
@click.option("--oov", type=click.Choice(["skip", "zero"]), default="skip", show_default=True,
              help="A pair with an unknown word: left out, or of similarity 0. It is counted as skipped either way.")  # fmt: skip
@options.table_choice()
def similarity(  # noqa: PLR0917
    pipe: Pipe, model: str, restrict: int, case: str, oov: str, format: str | None
) -> None:
    """Word similarities that people gave, against the cosines of the vectors: WordSim-353, SimLex-999 and the like.

    Two words a line and behind them a number, with tabs, commas or blanks between them; a first line without a number is a
    head, and `: name` begins a section. One record a section, and one for all: pairs, used, skipped, Spearman's ρ and
    Pearson's r of the pairs used, the vocabulary's size and the rules.

    \b
    nlptool evaluate similarity wordsim353.tsv
    nlptool evaluate similarity -m my.vec --case exact simlex.csv -f jsonl
    """
    from nlptool.models import word_evaluation

    vocabulary = _vocabulary(pipe, model, restrict, case)
    sections = _sections(pipe, _pair)
    if not sections:
        raise RunError("there are no pairs", hint="two words and a number a line: tiger cat 7.35")
    rules = {"model": vocabulary.vectors.name, "vocabulary": vocabulary.size, "case": case, "oov": oov}
    everything = [pair for pairs in sections.values() for pair in pairs]
    records = []
    for name, pairs in [*(sections.items() if len(sections) > 1 else ()), ("total", everything)]:
        cosines = list(word_evaluation.similarities(vocabulary, [(first, second) for first, second, _ in pairs]))
        skipped = cosines.count(None)
        used = [
            (cosine or 0.0, score)
            for cosine, (_, _, score) in zip(cosines, pairs, strict=True)
            if cosine is not None or oov == "zero"
        ]
        tally = {"pairs": len(pairs), "used": len(used), "skipped": skipped}
        records.append({"section": name, **tally, **_correlations(used), **rules})
    results.show(records, format)


def _correlations(used: list[tuple[float, float]]) -> dict[str, float | None]:
    """None where there is none: too few pairs, or one side is all the same."""
    found: dict[str, float | None] = {"spearman": None, "pearson": None}
    if len(used) > 1 and all(len(set(side)) > 1 for side in zip(*used, strict=True)):
        from scipy import stats

        first, second = zip(*used, strict=True)
        found["spearman"] = round(float(stats.spearmanr(first, second).statistic), 4)
        found["pearson"] = round(float(stats.pearsonr(first, second).statistic), 4)
    return found


def _vocabulary(pipe: Pipe, model: str, restrict: int, case: str) -> Vocabulary:
    from nlptool.models import word_evaluation, word_models

    return word_evaluation.Vocabulary(word_models.open_vectors(model, note=pipe.note), restrict, fold=case == "fold")


def _sections(pipe: Pipe, parse: Callable[[Record], Item | None]) -> dict[str, list[Item]]:
    """What ``parse`` makes of the lines of the input, by sections. Blank lines and comments (// or #) are passed over."""
    sections: dict[str, list[Item]] = {}

    def parsed() -> Iterator[list[Record]]:
        name = ""
        for records in pipe.read():
            for record in records:
                line = record.text.strip()
                if not record.pending or not line or line.startswith(("//", "#")):
                    continue
                if line.startswith(":"):
                    name = line[1:].strip()
                    continue
                try:
                    item = parse(record)
                except RecordError as error:
                    record.fail(error)
                else:
                    sections.setdefault(name, []).extend([] if item is None else [item])
            yield records

    pipe.consume(parsed())
    return {name: items for name, items in sections.items() if items}


def _question(record: Record) -> tuple[str, str, str, str]:
    words = record.text.strip().split("\t") if "\t" in record.text.strip() else record.text.split()
    if len(words) != 4:
        raise RecordError("NotFourWords", f"a question has four words, this has {len(words)}")
    first, second, third, fourth = words
    return first, second, third, fourth


def _pair(record: Record) -> tuple[str, str, float] | None:
    """Two words, and the first number behind them; None for a head."""
    line = record.text.strip()
    separator = next((mark for mark in "\t," if mark in line), None)  # the words may hold blanks then
    cells = [cell.strip() for cell in line.split(separator)]
    numbers = [number for cell in cells[2:] if (number := _number(cell)) is not None]
    if numbers and math.isfinite(numbers[0]):
        return cells[0], cells[1], numbers[0]
    if record.line == 1 and all(_number(cell) is None for cell in cells):
        return None
    raise RecordError("NotAPair", "a pair is two words and a number, with tabs, commas or blanks between them")


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
