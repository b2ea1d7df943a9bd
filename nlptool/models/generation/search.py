"""Decoding, token by token: greedy search, beam search and sampling, over any decoder that gives logits.

- Greedy search takes the most probable token at each step.
- Beam search keeps the ``beams`` most probable hypotheses. It follows ``generate(num_beams=..., early_stopping=False)`` of
  transformers, and finds the same texts: of all continuations of all beams the best max(2, 1 + number of end tokens) x ``beams``
  are candidates; one that ends counts only if it is among the best ``beams`` of these; those that do not end are continued. A
  source is finished when ``beams`` hypotheses have ended, and the best unfinished one, divided by its present length **
  ``length_penalty``, is no better than the worst of them. If there are more beams than tokens in the vocabulary, the beams fill
  up as soon as there are enough hypotheses.
- Sampling: see ``sampling``. Each text has a random generator of its own, which gives one number a token, so that the result does
  not depend on the batch.

A sequence leaves the batch when its text has ended. Log-probabilities are those of the model: of a softmax over all tokens,
whatever is excluded. Not here: sampling with beams, diverse beams, penalties for repetition.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptool.errors import ModelError
from nlptool.models.generation.constraints import DECODER, DecoderConstraints
from nlptool.models.generation.decoding import Decoding, Hypothesis
from nlptool.models.generation.sampling import filter_logits, sample, split_rows

STOP, LENGTH = "stop", "length"
MAX_NEW_TOKENS = 128  # the default


class State(Protocol):
    """The state of a decoder between two tokens, for each sequence of its batch."""

    def reorder(self, rows: Tensor) -> Self:
        """Return the state of the sequences ``rows`` (N,), in this order; a sequence may occur several times, or not at all."""


class Decoder(Protocol):
    """A model that gives the logits of the next token: float32, on the decoder's device. The search may write into them."""

    def begin(self, sources: Sequence[Sequence[int]]) -> tuple[Tensor, Any]:
        """Return the logits, (B, V), of the first token of each source's text, and the state."""

    def step(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Return the logits, (R, V), of what follows ``tokens`` (R,), and the state after them."""


def search(
    decoder: Decoder,
    sources: Sequence[Sequence[int]],
    decoding: Decoding,
    constraints: DecoderConstraints,
    seeds: Sequence[Sequence[int]] | None = None,
) -> list[list[Hypothesis]]:
    """Generate texts for each source, best first: beam search ranks by log-probability / length ** ``length_penalty``, the end
    token counted; samples are ranked by their log-probability.

    Args:
        sources: one batch of token ids; none is empty.
        seeds: a seed for each source, for sampling.

    Raises:
        ModelError: the logits are NaN or infinite, or a text has as many tokens as the model has positions.
    """
    if not sources:
        return []
    batch = _Batch(decoder, sources, decoding, constraints)
    if decoding.sample:
        found = _finish(_generate(batch, _sampler(decoding, seeds or [()] * len(sources))))
        n_return = decoding.n_return
        groups = [found[first : first + n_return] for first in range(0, len(found), n_return)]
        return [sorted(group, key=lambda text: -text.log_probability) for group in groups]
    if decoding.beams == 1:
        return [[text] for text in _finish(_generate(batch, _most_probable))]
    return [texts[: decoding.n_return] for texts in _beam_search(batch)]


def stream(
    decoder: Decoder,
    source: Sequence[int],
    decoding: Decoding,
    constraints: DecoderConstraints,
    seed: Sequence[int] = (),
) -> Iterator[int | Hypothesis]:
    """Yield the tokens of one text as they are chosen, without the end token, and finally the hypothesis that ``search`` finds.

    Greedy search or sampling only: a beam search does not know its text before the end.

    Raises:
        ModelError: as for ``search``.
    """
    decoding = replace(decoding, n_return=1)
    choose = _sampler(decoding, [seed]) if decoding.sample else _most_probable
    steps = _generate(_Batch(decoder, [source], decoding, constraints), choose)
    (text,) = yield from steps
    yield text


class _Batch:
    """The sources of a search, and which tokens are excluded.

    Attributes:
        prefixes: the tokens that stand before the text of each source.
        limits: (B,), the maximum number of new tokens of each source.
    """

    def __init__(
        self, decoder: Decoder, sources: Sequence[Sequence[int]], decoding: Decoding, constraints: DecoderConstraints
    ) -> None:
        self.decoder, self.sources, self.decoding, self.constraints = decoder, sources, decoding, constraints
        self.prefixes = [list(source if constraints.kind == DECODER else constraints.start_ids) for source in sources]
        self.limits = np.array([self._limit(len(prefix)) for prefix in self.prefixes])

    def _limit(self, n_prefix: int) -> int:
        limit = self.decoding.max_new_tokens or MAX_NEW_TOKENS
        max_positions = self.constraints.max_positions
        if max_positions is None:
            return limit
        if n_prefix >= max_positions:
            raise ModelError(
                f"the text has {n_prefix:,} tokens, and the model has room for {max_positions:,}, new ones included",
                hint="--max-length cuts it",
            )
        return min(limit, max_positions - n_prefix)

    def exclude(self, logits: Tensor, texts: NDArray[np.int64], sources: NDArray[np.int64]) -> None:
        """Set the logits (R, V) of the tokens that must not come next to -inf, in place.

        Args:
            texts: (R, n), the tokens so far.
            sources: (R,), the index of each row's source.
        """
        suppressed = self.constraints.suppressed
        tokens = [ids[0] for ids in suppressed if len(ids) == 1]
        if texts.shape[1] < self.decoding.min_new_tokens:
            tokens += self.constraints.end_ids
        if tokens:
            logits[:, tokens] = -np.inf
        sequences = [ids for ids in suppressed if len(ids) > 1]
        ngram_size = self.decoding.no_repeat_ngram
        if not sequences and not ngram_size:
            return
        for row, (text, source) in enumerate(zip(texts.tolist(), sources, strict=True)):
            tokens_so_far = self.prefixes[source] + text
            banned = [ids[-1] for ids in sequences if tuple(tokens_so_far[1 - len(ids) :]) == ids[:-1]]
            if ngram_size:
                banned += _repeating(np.array(tokens_so_far), ngram_size).tolist()
            logits[row, banned] = -np.inf


def _repeating(text: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return the tokens that would complete an n-gram of ``size`` tokens that ``text`` (n,) already contains."""
    if len(text) < size:
        return text[:0]
    windows = np.lib.stride_tricks.sliding_window_view(text, size)  # (n - size + 1, size)
    same: NDArray[np.bool_] = (windows[:, :-1] == text[len(text) + 1 - size :]).all(1)
    banned: NDArray[np.int64] = windows[same, -1]
    return banned


_Choose = Callable[[Tensor, NDArray[np.int64]], Tensor]
"""Takes (R, V) logits and the indices of their texts (R,), and returns the chosen tokens (R,)."""


def _most_probable(logits: Tensor, texts: NDArray[np.int64]) -> Tensor:
    return logits.argmax(-1)


def _sampler(decoding: Decoding, seeds: Sequence[Sequence[int]]) -> _Choose:
    """Return a function that samples tokens. Text n of a source is seeded with (the source's seed, n), so that more texts do not
    change the first ones."""
    generators = [np.random.default_rng([*seed, n]) for seed in seeds for n in range(decoding.n_return)]

    def choose(logits: Tensor, texts: NDArray[np.int64]) -> Tensor:
        uniform = torch.tensor([generators[text].random() for text in texts], dtype=torch.float64)
        parts = zip(split_rows(logits), split_rows(uniform, logits.shape[1]), strict=True)
        return torch.cat([sample(filter_logits(part, decoding), numbers) for part, numbers in parts])

    return choose


@torch.inference_mode()
def _generate(batch: _Batch, choose: _Choose) -> Generator[int, None, list[Hypothesis]]:
    """Generate each text by itself, by greedy search or sampling. Yields the tokens as they are chosen; returns the texts, those
    of one source together."""
    decoder, end_ids = batch.decoder, batch.constraints.end_ids
    copies = batch.decoding.n_return if batch.decoding.sample else 1
    logits, state = decoder.begin(batch.sources)
    sources = np.repeat(np.arange(len(batch.sources)), copies)  # the source of each text
    if copies > 1:
        rows = torch.from_numpy(sources).to(logits.device)
        logits, state = logits[rows], state.reorder(rows)
    finished: list[Hypothesis | None] = [None] * len(sources)
    active = np.arange(len(sources))  # (R,): the texts in the batch
    texts = np.empty((len(sources), 0), np.int64)  # (R, n): their tokens
    scores = np.zeros(len(sources))  # (R,)
    while True:
        normalizers = _log_normalizers(logits)
        batch.exclude(logits, texts, sources[active])
        tokens = choose(logits, active)
        chosen = logits.gather(1, tokens[:, None])[:, 0]  # (R,)
        log_probabilities, new_ids = (chosen - normalizers).cpu().numpy(), tokens.cpu().numpy()
        stuck = np.isneginf(log_probabilities)  # every token is excluded
        stopped = np.isin(new_ids, end_ids) & ~stuck
        scores = scores + np.where(stuck, 0.0, log_probabilities)
        yield from new_ids[~stopped & ~stuck].tolist()
        previous, texts = texts, np.column_stack((texts, new_ids))
        ended = stopped | stuck | (texts.shape[1] == batch.limits[sources[active]])
        for row in np.flatnonzero(ended):
            ids = (previous if stopped[row] or stuck[row] else texts)[row].tolist()
            finished[active[row]] = Hypothesis(ids, float(scores[row]), STOP if stopped[row] else LENGTH)
        if ended.all():
            return [text for text in finished if text is not None]
        if ended.any():
            remaining = np.flatnonzero(~ended)
            active, texts, scores = active[remaining], texts[remaining], scores[remaining]
            rows = torch.from_numpy(remaining).to(tokens.device)
            tokens, state = tokens[rows], state.reorder(rows)
        logits, state = decoder.step(tokens, state)


@torch.inference_mode()
def _beam_search(batch: _Batch) -> list[list[Hypothesis]]:
    """Return at most ``beams`` texts of each source, best first."""
    decoding = batch.decoding
    beams, n_candidates = decoding.beams, decoding.beams * max(2, 1 + len(batch.constraints.end_ids))
    n_forced = max(0, len(batch.constraints.start_ids) - 1)
    finished: list[list[tuple[float, Hypothesis]]] = [[] for _ in batch.sources]
    active = np.arange(len(batch.sources))  # (A,): the unfinished sources
    texts = np.empty((len(active), 0), np.int64)  # (A x width, n)
    scores = np.zeros((len(active), 1))  # (A, width); -inf: there is no such beam
    logits, state = batch.decoder.begin(batch.sources)
    while True:
        width, length = scores.shape[1], texts.shape[1] + 1
        totals, tokens, parents = _best_continuations(
            batch, logits, texts, active=active, scores=scores, most=n_candidates
        )
        stopped: NDArray[np.bool_] = np.isin(tokens, list(batch.constraints.end_ids))
        ended = stopped | np.equal(batch.limits[active], length)[:, None]

        divisor = (length + n_forced) ** decoding.length_penalty
        closing = ended[:, :beams] & np.isfinite(totals[:, :beams])
        for row, rank in np.argwhere(closing):
            ids = texts[parents[row, rank]].tolist()
            if stopped[row, rank]:
                text = Hypothesis(ids, float(totals[row, rank]), STOP)
            else:
                text = Hypothesis([*ids, int(tokens[row, rank])], float(totals[row, rank]), LENGTH)
            finished[active[row]].append((totals[row, rank] / divisor, text))
        for row in np.flatnonzero(closing.any(1)):
            finished[active[row]] = sorted(finished[active[row]], key=lambda scored: -scored[0])[:beams]

        for row in np.flatnonzero(np.isneginf(totals[:, 0])):  # every token is excluded
            if not finished[active[row]]:
                text = Hypothesis(texts[row * width].tolist(), float(scores[row, 0]), LENGTH)
                finished[active[row]] = [(scores[row, 0] / divisor, text)]

        totals = np.where(ended, -np.inf, totals)
        order = np.argsort(-totals, axis=1, kind="stable")[:, :beams]
        scores = np.take_along_axis(totals, order, 1)  # (A, beams)
        worst = np.array([finished[source][-1][0] if len(finished[source]) == beams else -np.inf for source in active])
        remaining = np.flatnonzero(scores[:, 0] / divisor > worst)
        if not len(remaining):
            return [[text for _, text in scored] for scored in finished]
        rows = np.take_along_axis(parents, order, 1)[remaining].ravel()
        chosen = np.take_along_axis(tokens, order, 1)[remaining].ravel()
        active, scores, texts = active[remaining], scores[remaining], np.column_stack((texts[rows], chosen))
        device = logits.device
        state = state.reorder(torch.from_numpy(rows).to(device))
        logits, state = batch.decoder.step(torch.from_numpy(chosen).to(device), state)


def _best_continuations(
    batch: _Batch,
    logits: Tensor,
    texts: NDArray[np.int64],
    *,
    active: NDArray[np.int64],
    scores: NDArray[np.float64],
    most: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Find the best continuations, at most ``most`` (K), of each source.

    Args:
        logits: (A x width, V), of all beams of all sources.
        texts: (A x width, n), their tokens so far.
        active: (A,), the sources.
        scores: (A, width), their log-probabilities so far.

    Returns:
        Three arrays (A, K), best first: the log-probabilities, -inf where there is no continuation; the next tokens; the rows of
        ``texts`` that they continue.
    """
    n_sources, width = scores.shape
    normalizers = _log_normalizers(logits)
    batch.exclude(logits, texts, np.repeat(active, width))
    values, tokens = logits.topk(min(most, logits.shape[1]))  # the best of all are among the best of each row
    gains = (values - normalizers[:, None]).cpu().numpy().reshape(n_sources, width, -1)
    totals = (gains + scores[:, :, None]).reshape(n_sources, -1)
    order = np.argsort(-totals, axis=1, kind="stable")[:, :most]
    parents = order // gains.shape[2] + width * np.arange(n_sources)[:, None]
    ids = tokens.cpu().numpy().reshape(n_sources, -1)
    return np.take_along_axis(totals, order, 1), np.take_along_axis(ids, order, 1), parents


def _log_normalizers(logits: Tensor) -> Tensor:
    """Return log Σ exp of each row of ``logits`` (R, V), (R,): logits less this are log-probabilities. NaN is a ModelError."""
    sums = torch.cat([part.logsumexp(-1) for part in split_rows(logits)])
    if not bool(sums.isfinite().all()):
        raise ModelError(
            "the model gives no numbers (NaN or infinity): its weights are damaged, or of another precision"
        )
    return sums


def _finish(steps: Generator[int, None, list[Hypothesis]]) -> list[Hypothesis]:
    """Run ``_generate`` to its end and return its texts."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            texts: list[Hypothesis] = end.value
            return texts
