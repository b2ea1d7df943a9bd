"""Scores of generated texts against references: exact match, BLEU, chrF."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nlptool.errors import RunError
from nlptool.models.generation import metrics
from nlptool.records import references
from nlptool.records.notes import NotedValues, notes
from nlptool.records.pipe import Pipe
from nlptool.records.record import STDIN, Record
from nlptool.records.references import Names, Pairs
from nlptool.records.windows import windows
from nlptool.tasks import generate
from nlptool.tasks.languages import ModelScripts

if TYPE_CHECKING:
    from nlptool.models.generation.decoding import Decoding
    from nlptool.models.generation.generator import Generator
    from nlptool.terminal.tables import Runs

_WINDOW = 256  # records that are answered together

_NOTES = notes("truncated", "n_unknown of a generator")


def read(pipe: Pipe, names: Names, answers: Answers | None) -> list[Pairs]:
    """Return the pairs of each file of the input that has some.

    Args:
        answers: the model that generates the hypotheses; None: the input holds them.

    Raises:
        RunError: there are none, or most lines of a file are no pairs.
    """
    files = [_read_file(pipe, path, names, answers) for path in pipe.files or ("-",)]
    for sentence in answers.notes() if answers is not None else ():
        pipe.note(sentence)
    files = [pairs for pairs in files if pairs.pairs]
    if not files:
        raise RunError(
            "there are no pairs to evaluate", hint=f"a {names.what} and its reference a line, with a tab between them"
        )
    return files


def _read_file(pipe: Pipe, path: str, names: Names, answers: Answers | None) -> Pairs:
    pairs = Pairs(STDIN if path == "-" else path)
    with pipe.beside(path) as beside, beside.bar:
        lists = windows(beside.read(), largest=_WINDOW)
        beside.consume(references.read(lists, names, pairs, answers, start=pipe.tally.n_read))
        beside.refuse_failed(f"{pairs.name}: most of its lines are no pairs")
    if n_without := pairs.n_skipped - beside.tally.n_passed:
        n_all = len(pairs.pairs) + n_without
        pipe.note(f"{pairs.name}: pairs without a reference, which are left out: {n_without:,} of {n_all:,}")
    return pairs


class Answers:
    """Lets a model answer, window by window, as ``nlptool generate`` does.

    Args:
        seed: of samples, beside the number of the record in the input.
    """

    def __init__(self, generator: Generator, decoding: Decoding, seed: int) -> None:
        self._generator = generator
        self._decoding = decoding
        self._seed = seed
        self._scripts = ModelScripts(generator.name)
        self._noted = NotedValues()

    def __call__(self, records: list[Record], numbers: list[int]) -> None:
        for record, number in zip(records, numbers, strict=True):
            record.entry = {"seed": [self._seed, number]}
        for _ in self._scripts.noted(generate.generate([records], self._generator, self._decoding, entry={})):
            for record in records:
                if record.pending:
                    self._noted.add(record.entry, _NOTES | self._scripts.notes)

    def notes(self) -> Iterator[str]:
        """Yield the sentences on what was not known or truncated."""
        return self._noted.said(_NOTES | self._scripts.notes)


def evaluate(files: Sequence[Pairs], tokenize: str, entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a record with the scores of each file's pairs.

    Args:
        tokenize: how BLEU splits texts: a name of ``metrics``.
        entry: what a record says of the model that answered; empty: the records name it.
    """
    records = []
    for pairs in files:
        hypotheses = [pair.hypothesis for pair in pairs.pairs]
        scores = metrics.scores(hypotheses, [pair.references for pair in pairs.pairs], tokenize=tokenize)
        records.append(
            {
                "file": pairs.name,
                "pairs": scores.n,
                "skipped": pairs.n_skipped,
                "empty": sum(not hypothesis.strip() for hypothesis in hypotheses),
                "exact_match": round(scores.exact_match, 4),
                "bleu": round(scores.bleu, 2),
                "chrf": round(scores.chrf, 2),
                "tokenize": scores.tokenize,
                "signatures": dict(scores.signatures),
                **(entry or {"model": next(iter(pairs.models)) if len(pairs.models) == 1 else None}),
            }
        )
    return records


def details(pairs: Pairs, tokenize: str) -> Iterator[dict[str, Any]]:
    """Yield a record for each pair: its file and line, its texts, and how alike they are."""
    for pair in pairs.pairs:
        one = pair.references[0] if len(pair.references) == 1 else None
        yield {
            "file": pairs.name,
            "line": pair.line,
            **({} if pair.source is None else {"source": pair.source}),
            "hypothesis": pair.hypothesis,
            **({"references": pair.references} if one is None else {"reference": one}),
            "exact_match": metrics.is_exact(pair.hypothesis, pair.references, tokenize),
            "chrf": round(metrics.sentence_chrf(pair.hypothesis, pair.references), 2),
        }


def comparisons(
    files: Iterable[Pairs], records: Iterable[dict[str, Any]], most: int
) -> list[tuple[str, dict[str, Runs]]]:
    """Return the first ``most`` pairs of each file that differ, as blocks for ``tables.comparisons``."""
    return [
        block
        for pairs, record in zip(files, records, strict=True)
        for block in itertools.islice(_differing(pairs, record["tokenize"]), most)
    ]


def _differing(pairs: Pairs, tokenize: str) -> Iterator[tuple[str, dict[str, Runs]]]:
    for pair in pairs.pairs:
        if not metrics.is_exact(pair.hypothesis, pair.references, tokenize):
            nearest = max(pair.references, key=lambda text: metrics.sentence_chrf(pair.hypothesis, [text]))
            hypothesis, reference = difference(*(metrics.clean(text, tokenize) for text in (pair.hypothesis, nearest)))
            source: dict[str, Runs] = {} if pair.source is None else {"source": [(pair.source, "")]}
            yield f"{pairs.name}:{pair.line}", {**source, "hypothesis": hypothesis, "reference": reference}


def difference(hypothesis: str, reference: str) -> tuple[Runs, Runs]:
    """Align two texts with the fewest edits.

    Returns:
        The hypothesis in runs that are right or wrong, and the reference in runs that the hypothesis has or that are missing.
    """
    from rapidfuzz.distance import Levenshtein

    hypothesis_runs, reference_runs = [], []
    for step in Levenshtein.opcodes(hypothesis, reference):
        if step.src_end > step.src_start:
            kind = "right" if step.tag == "equal" else "wrong"
            hypothesis_runs.append((hypothesis[step.src_start : step.src_end], kind))
        if step.dest_end > step.dest_start:
            kind = "" if step.tag == "equal" else "missing"
            reference_runs.append((reference[step.dest_start : step.dest_end], kind))
    return _merged(hypothesis_runs), _merged(reference_runs)


def _merged(runs: Runs) -> Runs:
    """Merge neighboring runs of one kind."""
    return [("".join(text for text, _ in same), kind) for kind, same in itertools.groupby(runs, lambda run: run[1])]
