"""How well a model tells the text that follows from text of another document, and from text of the same one.

Examples are made as BERT is trained (nlptool.training.pretraining_examples): a run of lines that fills a sequence is divided
into A and B. B follows; instead of it stands, as long as it, what begins where another run is divided: one of another
document, or one of the same document that is not near. The second is the harder question.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry import correlation
from nlptool.models.masked import sentence_pairs

if TYPE_CHECKING:
    from nlptool.models.masked.model import MaskedModel
    from nlptool.models.masked.tokenizer import ModelInput

NEAR = 2  # runs on either side of a run that are no negatives of the same document
_FEWEST = 2  # pieces of a run: one on either side
_AT_ONCE = 1024  # pairs that are in memory together


class Documents:
    """Documents of lines, each a list of pieces."""

    def __init__(self) -> None:
        self._pieces = array("i")
        self._lines = array("q", [0])  # where each begins in the pieces, and where the last ends
        self._documents = array("q")  # where each begins in the lines
        self._within = False

    def __len__(self) -> int:
        return len(self._documents)

    def add(self, pieces: Sequence[int]) -> None:
        """Add a line."""
        if not self._within:
            self._documents.append(len(self._lines) - 1)
        self._within = True
        self._pieces.extend(pieces)
        self._lines.append(len(self._pieces))

    def end(self) -> None:
        """End the document: the next line begins another."""
        self._within = False

    def pieces(self, start: int, end: int) -> list[int]:
        return self._pieces[start:end].tolist()

    def line_starts(self, document: int) -> list[int]:
        """Return where in the pieces each of its lines begins, and the last one ends."""
        ends = [*self._documents[document + 1 : document + 2], len(self._lines) - 1]
        return self._lines[self._documents[document] : ends[0] + 1].tolist()


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of lines, each divided in two; positions in the pieces of the documents."""

    starts: NDArray[np.int64]  # (N,)
    middles: NDArray[np.int64]  # (N,), where A ends and B begins
    ends: NDArray[np.int64]  # (N,)
    limits: NDArray[np.int64]  # (N,), the end of the document
    documents: NDArray[np.int64]  # (N,), its number; ascending

    def __len__(self) -> int:
        return len(self.starts)


def runs(documents: Documents, max_pieces: int, rng: np.random.Generator) -> Runs:
    """Return the runs of all documents, each of as many lines as have room. A run is divided at any end of a line within it,
    at any piece where there is none; what is left of the line that it ends in is passed over, unless that is a lot."""
    found: list[tuple[int, int, int, int, int]] = []
    for number in range(len(documents)):
        begins = documents.line_starts(number)
        at, end = begins[0], begins[-1]
        while end - at >= _FEWEST:
            until = min(end, at + max_pieces)
            low, high = bisect_right(begins, at), bisect_right(begins, until - 1)  # the ends of lines within
            middle = begins[rng.integers(low, high)] if high > low else int(rng.integers(at + 1, until))
            found.append((at, middle, until, end, number))
            following = begins[high]
            at = until if following - until > max_pieces // 2 else following
    return Runs(*np.array(found, np.int64).reshape(-1, 5).T)


def elsewhere(
    found: Runs, some: NDArray[np.int64], rng: np.random.Generator, *, same: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return those of the runs ``some`` for which there are others, and for each of these one other, (n,) both.

    Args:
        same: others of the same document, at least ``NEAR`` runs between; else of another document.
    """
    mine = found.documents[some]
    first, last = (np.searchsorted(found.documents, mine, side=side) for side in ("left", "right"))
    near, far = np.maximum(some - NEAR, first), np.minimum(some + NEAR + 1, last)
    n_others = (last - first) - (far - near) if same else len(found) - (last - first)
    has = n_others > 0
    drawn = rng.integers(0, n_others[has])
    if same:
        drawn += first[has]
        return some[has], drawn + np.where(drawn >= near[has], (far - near)[has], 0)
    return some[has], drawn + np.where(drawn >= first[has], (last - first)[has], 0)


def evaluate(
    model: MaskedModel,
    documents: Documents,
    *,
    n_pairs: int,
    seed: int,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Return the numbers of ``runs``, of ``documents`` that have some and of those that are ``skipped``, and the figures of both
    questions (``judged``); None where there are no other runs.

    Args:
        n_pairs: of each question, at most; half of them follow.
        report: is told how many pairs of how many are done.
    """
    rng = np.random.default_rng(seed)
    found = runs(documents, model.texts.max_pieces(pair=True), rng)
    some = np.sort(rng.permutation(len(found))[: n_pairs // 2])
    asked = {"another_document": elsewhere(found, some, rng, same=False)}
    asked["same_document"] = elsewhere(found, some, rng, same=True)
    jobs = [(run, run) for run in some.tolist()]
    jobs += [pair for each in asked.values() for pair in zip(*(side.tolist() for side in each), strict=True)]
    margins = np.empty(len(jobs), np.float32)
    for start in range(0, len(jobs), _AT_ONCE):
        rows = [_row(model, documents, found, *job) for job in jobs[start : start + _AT_ONCE]]
        margins[start : start + len(rows)] = sentence_pairs.margins(model.next_sentence(rows))
        report(start + len(rows), len(jobs))
    n_documents = len(np.unique(found.documents))
    said: dict[str, Any] = {"documents": n_documents, "skipped": len(documents) - n_documents, "runs": len(found)}
    start = len(some)
    for name, (of, _) in asked.items():
        following, others = margins[np.searchsorted(some, of)], margins[start : start + len(of)]
        said[name] = judged(following, others) if len(of) else None
        start += len(of)
    return said


def _row(model: MaskedModel, documents: Documents, found: Runs, run: int, other: int) -> ModelInput:
    """Return the input of A of a run, and B of it or, as long, the text that begins where another run is divided."""
    start, middle, length = found.starts[run], found.middles[run], found.ends[run] - found.middles[run]
    second = found.middles[other]
    until = min(second + length, found.limits[other])
    return model.texts.model_input(documents.pieces(start, middle), documents.pieces(second, until))


def judged(following: NDArray[np.float32], others: NDArray[np.float32]) -> dict[str, Any]:
    """Return the figures of the margins, (n,) each, of pairs that follow and of others.

    ``accuracy`` with its 95 % interval, ``auc``: the probability that a pair that follows has a larger margin than one that does
    not (0.5: chance), and of both kinds how many are right, and the mean margin.
    """
    n = len(following)
    n_found, n_refused = int((following >= 0).sum()), int((others < 0).sum())
    ranks = correlation.ranks(np.concatenate([following, others]))
    return {
        "pairs": 2 * n,
        "accuracy": correlation.round_score((n_found + n_refused) / (2 * n)),
        "accuracy_interval": [correlation.round_score(end) for end in correlation.wilson(n_found + n_refused, 2 * n)],
        "auc": correlation.round_score(float((ranks[:n].mean() - (n + 1) / 2) / n)),
        "next": {"accuracy": correlation.round_score(n_found / n), "mean_margin": _mean(following)},
        "not_next": {"accuracy": correlation.round_score(n_refused / n), "mean_margin": _mean(others)},
    }


def _mean(values: NDArray[np.float32]) -> float | None:
    return correlation.round_score(float(values.mean(dtype=np.float64)))
