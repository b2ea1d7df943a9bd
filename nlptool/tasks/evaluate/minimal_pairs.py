"""Minimal pairs: how often a model finds the acceptable one of two sentences more probable.

A. Warstadt et al.: BLiMP, The Benchmark of Linguistic Minimal Pairs (TACL 8, 2020); T. Someya, Y. Oseki: JBLiMP (Findings of EACL
2023). A masked model is judged by pseudo-log-likelihoods (J. Salazar et al., ACL 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nlptool.errors import RunError
from nlptool.geometry.correlation import wilson
from nlptool.models.runtime.one_by_one import failing
from nlptool.records import minimal_pairs
from nlptool.records.minimal_pairs import MinimalPair, Names
from nlptool.records.pipe import Pipe
from nlptool.records.record import STDIN


@dataclass(frozen=True, slots=True)
class Scorer:
    """A model that scores texts.

    Attributes:
        name: of the model.
        sums: returns the log-likelihood of each text, and the number of its tokens.
    """

    name: str
    sums: Callable[[Sequence[str]], list[tuple[float, int]]]


_TOGETHER = 256  # pairs that are scored together


@dataclass(slots=True)
class JudgedFile:
    """The pairs of a file, and the scores of their sentences."""

    name: str
    pairs: list[MinimalPair] = field(default_factory=list)
    scores: list[tuple[float, float]] = field(default_factory=list)


def judge(pipe: Pipe, names: Names, scorer_of: Callable[[Pipe], Scorer], *, mean: bool) -> list[JudgedFile]:
    """Score the pairs of each file of the input that has some.

    Args:
        names: of the fields.
        scorer_of: returns the model; it is given each file before that is read.
        mean: compare the mean of the tokens of each sentence, not the sum.

    Raises:
        RunError: there are none, or most records of a file are no pairs.
    """
    files = []
    with pipe.bar:
        for path in pipe.files or ("-",):
            file = JudgedFile(STDIN if path == "-" else path)
            with pipe.beside(path) as beside:
                scorer = scorer_of(beside)
                beside.consume(minimal_pairs.read(beside.read(), names, file.pairs.append))
                beside.refuse_failed(f"{file.name}: most of its records are no pairs")
            for first in range(0, len(file.pairs), _TOGETHER):
                texts = [text for pair in file.pairs[first : first + _TOGETHER] for text in (pair.good, pair.bad)]
                with failing(scorer.name):
                    found = [total / max(1, n_tokens) if mean else total for total, n_tokens in scorer.sums(texts)]
                file.scores += zip(found[::2], found[1::2], strict=True)
                pipe.bar.work("evaluate", len(file.scores), len(file.pairs), "pairs")
            files += [file] if file.pairs else []
    if not files and not pipe.tally.input_failed:  # else that has been said
        raise RunError("there are no pairs", hint="a good and a bad sentence a line, with a tab between them")
    return files


def evaluate(files: Sequence[JudgedFile], rules: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a record for each file: the share of the pairs whose good sentence has the higher score, of all and of each section.

    Args:
        rules: what the records say of the model.
    """
    records = []
    for file in files:
        sections: dict[str, list[tuple[float, float]]] = {}
        for pair, scores in zip(file.pairs, file.scores, strict=True):
            if pair.section:
                sections.setdefault(pair.section, []).append(scores)
        of_sections = {"sections": {name: _share(scores) for name, scores in sections.items()}} if sections else {}
        records.append({"file": file.name, **_share(file.scores), **of_sections, **rules})
    return records


def _share(scores: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Return the share of pairs that are right; two equal scores are wrong, and counted."""
    n_right = sum(good > bad for good, bad in scores)
    return {
        "n_pairs": len(scores),
        "accuracy": round(n_right / len(scores), 4),
        "accuracy_interval": [round(end, 4) for end in wilson(n_right, len(scores))],
        "n_ties": sum(good == bad for good, bad in scores),
    }


def details(files: Sequence[JudgedFile]) -> Iterator[dict[str, Any]]:
    """Yield a record for each pair: its sentences, their scores, and whether the good one's is the higher."""
    for file in files:
        for pair, (good, bad) in zip(file.pairs, file.scores, strict=True):
            section = {"section": pair.section} if pair.section else {}
            yield {
                "file": file.name, "line": pair.line, "good": pair.good, "bad": pair.bad, **section,
                "good_score": round(good, 5), "bad_score": round(bad, 5), "correct": good > bad,
            }  # fmt: skip


def table_rows(records: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield a row for each section, and one for all pairs of a file."""
    for record in records:
        for section, shares in [*record.get("sections", {}).items(), ("all", record)]:
            low, high = shares["accuracy_interval"]
            yield {
                "file": record["file"], "section": section, "pairs": shares["n_pairs"],
                "accuracy": f"{shares['accuracy']} ({low}–{high})", "ties": shares["n_ties"], "model": record["model"],
            }  # fmt: skip
