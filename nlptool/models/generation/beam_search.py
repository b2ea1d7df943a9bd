"""Beam search: the ``beams`` most probable hypotheses are kept.

It follows ``generate(num_beams=...)`` of transformers, and finds the same texts: of all continuations of all beams the best
max(2, 1 + number of end tokens) x ``beams`` are candidates; one that ends counts only if it is among the best ``beams`` of these;
those that do not end are continued. A source is finished when ``beams`` hypotheses have ended, and the best unfinished one,
divided by its present length ** ``length_penalty``, is no better than the worst of them. If there are more beams than tokens in
the vocabulary, the beams fill up as soon as there are enough hypotheses.

With ``early_stopping`` a source is finished when ``beams`` hypotheses have ended; with "never" the best unfinished one is divided
by the greatest possible length ** ``length_penalty``. What is penalized or excluded is a log-probability, and beams are ranked by
what that leaves; ``renormalize`` makes it sum up to 1 again. Not here: sampling with beams, diverse beams.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptool.models.generation.decoder import LENGTH, STOP, Batch
from nlptool.models.generation.decoding import Hypothesis
from nlptool.models.generation.sampling import split_rows
from nlptool.models.generation.torch_arrays import log_normalizers


@torch.inference_mode()
def beam_search(batch: Batch) -> list[list[Hypothesis]]:
    """Return at most ``beams`` texts of each source, best first."""
    decoding, constraints = batch.decoding, batch.constraints
    beams, n_candidates = decoding.beams, decoding.beams * max(2, 1 + len(constraints.end_ids))
    n_forced = max(0, len(constraints.start_ids) - 1)
    results = _Results(len(batch.sources), beams, decoding.length_penalty)
    active = np.arange(len(batch.sources))  # (A,): the unfinished sources
    texts = np.empty((len(active), 0), np.int64)  # (A x width, n)
    scores = np.zeros((len(active), 1))  # (A, width), by which beams are ranked; -inf: there is no such beam
    sums = np.zeros((len(active), 1))  # (A, width), their log-probabilities
    logits, state = batch.decoder.begin(batch.sources)
    while True:
        width, n = scores.shape[1], texts.shape[1] + 1
        length = n + n_forced
        found = _best_continuations(batch, logits, texts, active=active, scores=scores, sums=sums, most=n_candidates)
        stopped: NDArray[np.bool_] = np.isin(found.tokens, list(constraints.end_ids))
        last: NDArray[np.bool_] = np.equal(batch.limits[active], n)  # (A,)
        ended = stopped | (last[:, None] & (not constraints.ends_by_force))
        for row, rank in np.argwhere(ended[:, :beams] & np.isfinite(found.scores[:, :beams])):
            reason = STOP if stopped[row, rank] else LENGTH
            results.add(active[row], found.scores[row, rank], length, found.text(texts, row, rank, reason))
        for row in np.flatnonzero(np.isneginf(found.scores[:, 0])):  # every token is excluded
            if not results.of[active[row]]:
                text = Hypothesis(texts[row * width].tolist(), float(sums[row, 0]), LENGTH)
                results.add(active[row], scores[row, 0], length, text)

        unfinished = np.where(ended, -np.inf, found.scores)
        order = np.argsort(-unfinished, axis=1, kind="stable")[:, :beams]
        scores = np.take_along_axis(unfinished, order, 1)  # (A, beams)
        compared: Any = length
        if decoding.early_stopping == "never" and decoding.length_penalty > 0:  # the longest text could be the best
            compared = batch.limits[active] + n_forced + constraints.ends_by_force
        open_rows = results.can_improve(active, scores[:, 0], compared, is_enough=decoding.early_stopping is True)
        for row in np.flatnonzero(open_rows & last):  # an end is forced, which costs nothing but counts as a token
            for rank in order[row][np.isfinite(scores[row])]:
                results.add(active[row], found.scores[row, rank], length + 1, found.text(texts, row, rank, LENGTH))
        remaining = np.flatnonzero(open_rows & ~last)
        if not len(remaining):
            return results.texts()
        rows = np.take_along_axis(found.parents, order, 1)[remaining].ravel()
        chosen = np.take_along_axis(found.tokens, order, 1)[remaining].ravel()
        sums = np.take_along_axis(found.sums, order, 1)[remaining]
        active, scores, texts = active[remaining], scores[remaining], np.column_stack((texts[rows], chosen))
        device = logits.device
        state = state.reorder(torch.from_numpy(rows).to(device))
        logits, state = batch.decoder.step(torch.from_numpy(chosen).to(device), state)


class _Results:
    """The texts of a beam search that have ended.

    Args:
        most: texts that are kept of each source.
        penalty: a text's score is divided by its length to the power of this.

    Attributes:
        of: for each source the scores and texts, best first.
    """

    def __init__(self, n_sources: int, most: int, penalty: float) -> None:
        self.of: list[list[tuple[float, Hypothesis]]] = [[] for _ in range(n_sources)]
        self._most, self._penalty = most, penalty

    def add(self, source: int, score: float, length: int, text: Hypothesis) -> None:
        """Add a text of ``length`` tokens, forced ones included, unless there are enough better ones."""
        texts = [*self.of[source], (float(score) / length**self._penalty, text)]
        self.of[source] = sorted(texts, key=lambda scored: -scored[0])[: self._most]

    def can_improve(
        self,
        sources: NDArray[np.int64],
        best: NDArray[np.float64],
        lengths: NDArray[np.int64] | int,
        *,
        is_enough: bool,
    ) -> NDArray[np.bool_]:
        """Return for which of ``sources`` (A,) a beam that goes on can still become one of the texts, (A,) bool.

        Args:
            best: (A,), the scores of the best beams; -inf where there is none.
            lengths: at which they are compared with the texts, (A,) or one for all.
            is_enough: no text is replaced by a better one.
        """
        full = np.array([len(self.of[source]) == self._most for source in sources])
        worst = np.array([self.of[source][-1][0] if self.of[source] else -np.inf for source in sources])
        can_be_better = best / np.power(lengths, self._penalty, dtype=np.float64) > worst
        return np.asarray(np.isfinite(best) & (~full | (can_be_better & (not is_enough))))

    def texts(self) -> list[list[Hypothesis]]:
        """Return the texts of each source, best first."""
        return [[text for _, text in scored] for scored in self.of]


@dataclass(frozen=True, slots=True)
class _Continuations:
    """The best continuations of each source, K of them, best first; arrays are (A, K)."""

    scores: NDArray[np.float64]  # by which beams are ranked; -inf: there is none
    sums: NDArray[np.float64]  # log-probabilities
    tokens: NDArray[np.int64]  # the next ones
    parents: NDArray[np.int64]  # rows of the texts that they continue

    def text(self, texts: NDArray[np.int64], row: Any, rank: Any, reason: str) -> Hypothesis:
        """Return a continuation as a text that has ended, without its last token if that ends it."""
        ids = texts[self.parents[row, rank]].tolist()
        return Hypothesis(
            ids if reason == STOP else [*ids, int(self.tokens[row, rank])], float(self.sums[row, rank]), reason
        )


def _best_continuations(
    batch: Batch,
    logits: Tensor,
    texts: NDArray[np.int64],
    *,
    active: NDArray[np.int64],
    scores: NDArray[np.float64],
    sums: NDArray[np.float64],
    most: int,
) -> _Continuations:
    """Find the best continuations, at most ``most`` (K), of each source.

    Args:
        logits: (A x width, V), of all beams of all sources.
        texts: (A x width, n), their tokens so far.
        active: (A,), the sources.
        scores: (A, width), by which they are ranked.
        sums: (A, width), their log-probabilities.
    """
    n_sources, width = scores.shape
    normalizers = log_normalizers(logits)
    if batch.process.penalizes:  # what is penalized is a log-probability
        logits, normalizers = logits - normalizers[:, None], torch.zeros_like(normalizers)
    processed = logits.clone() if batch.process.penalizes else logits
    batch.process(processed, texts, np.repeat(active, width))
    values, tokens = processed.topk(min(most, logits.shape[1]))  # the best of all are among the best of each row
    own = normalizers
    if batch.decoding.renormalize:
        own = torch.cat([part.logsumexp(-1) for part in split_rows(processed)]).nan_to_num(neginf=0.0)

    def summed(before: NDArray[np.float64], gains: Tensor) -> NDArray[np.float64]:
        return (gains.cpu().numpy().reshape(n_sources, width, -1) + before[:, :, None]).reshape(n_sources, -1)

    totals = summed(scores, values - own[:, None])
    order = np.argsort(-totals, axis=1, kind="stable")[:, :most]
    return _Continuations(
        np.take_along_axis(totals, order, 1),
        np.take_along_axis(summed(sums, logits.gather(1, tokens) - normalizers[:, None]), order, 1),
        np.take_along_axis(tokens.cpu().numpy().reshape(n_sources, -1), order, 1),
        order // values.shape[1] + width * np.arange(n_sources)[:, None],
    )
