"""Generated texts against references."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nlptool.records import references
from nlptool.records.blocks import STDIN
from nlptool.records.notes import notes
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.references import Names, Pairs
from nlptool.records.windows import windows
from nlptool.tasks import generate

if TYPE_CHECKING:
    from nlptool.models.generation.decoding import Decoding
    from nlptool.models.generation.generator import Generator
    from nlptool.terminal.tables import Runs

_WINDOW = 256  # records that are answered together

NOTES = notes("truncated", "n_unknown of a generator")


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
        for _ in generate.generate([records], self._generator, self._decoding, said={}):
            for record in records:
                for key in NOTES if record.pending else ():
                    self.counts[key] += record.entry.get(key, 0)


def judge(pairs: Pairs, tokenize: str) -> dict[str, Any]:
    """The scores of a file's pairs, as a record has them."""
    from nlptool.models.generation import metrics

    hypotheses = [pair.hypothesis for pair in pairs.found]
    scores = metrics.scores(hypotheses, [pair.references for pair in pairs.found], tokenize=tokenize)
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
    from nlptool.models.generation import metrics

    for pair in pairs.found:
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


def comparison_blocks(pairs: Pairs, tokenize: str, most: int) -> Iterator[tuple[str, dict[str, Runs]]]:
    """The first of the pairs that differ, for a person."""
    from nlptool.models.generation import metrics

    for pair in pairs.found:
        if most and not metrics.is_exact(pair.hypothesis, pair.references, tokenize):
            most -= 1
            nearest = max(pair.references, key=lambda each: metrics.sentence_chrf(pair.hypothesis, [each]))
            ours, theirs = difference(*(metrics.clean(each, tokenize) for each in (pair.hypothesis, nearest)))
            source: dict[str, Runs] = {} if pair.source is None else {"source": [(pair.source, "")]}
            yield f"{pairs.name}:{pair.line}", {**source, "hypothesis": ours, "reference": theirs}


def read_file(pipe: Pipe, path: str, names: Names, answers: Answers | None) -> Pairs:
    pairs = Pairs(STDIN if path == "-" else path)
    with pipe.beside(path) as own, own.bar:
        lists = windows(own.read(), largest=_WINDOW)
        own.consume(references.read(lists, names, pairs, answers, start=pipe.tally.n_read))
        own.refuse_failed(f"{pairs.name}: most of its lines are no pairs")
    if pairs.n_skipped and not pairs.found:
        pipe.note(f"{pairs.name}: none of its pairs has a reference")
    return pairs
