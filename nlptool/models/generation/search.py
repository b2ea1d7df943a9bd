"""How a text is found, token by token: greedy search, beam search and sampling, over whatever says what may come next.

- Greedy: the most probable token each time.
- Beam search keeps the ``beams`` most probable beginnings. It follows the rules of ``generate(num_beams=..., early_stopping=
  False)`` of transformers, and finds the same texts: of all continuations of all beams the best max(2, 1 + end tokens) x
  ``beams`` are looked at; one that ends counts only if it is among the best ``beams`` of these; those that do not end are
  carried on. A source is done when ``beams`` texts have ended, and the best that is still under way, divided by its present
  length ** ``length_penalty``, is no better than the worst of them. Beams wider than the vocabulary are filled as there is
  something to fill them with.
- Sampling: temperature, top-k and top-p, in this order, as the LogitsProcessors of transformers define them. (A. Holtzman et
  al.: The Curious Case of Neural Text Degeneration, ICLR 2020; A. Fan et al.: Hierarchical Neural Story Generation, ACL 2018.)
  Every text draws from a generator of its own, one number a token, so that its neighbours do not matter.

A row of a batch leaves it when its text has ended. Log-probabilities are the model's own: those of a softmax over all tokens,
whatever is ruled out. Not here: sampling of beams, diverse beams, penalties for repeated words.
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

STOP, LENGTH = "stop", "length"
MAX_NEW_TOKENS = 128  # where nobody says

_AT_ONCE = 1 << 22  # numbers: the softmax of many rows over a large vocabulary is taken in parts


class State(Protocol):
    """How far a decoder has come with each row of its batch."""

    def reordered(self, rows: Tensor) -> Self:
        """The state of these rows (N,), in this order; a row may come more than once, or not at all."""


class Decoder(Protocol):
    """A model that says what comes next. Logits are float32, the decoder's device, and the search may write into them."""

    def begin(self, sources: Sequence[Sequence[int]]) -> tuple[Tensor, Any]:
        """(B, V) logits of the first token of each source's text, and the state."""

    def step(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """(R, V) logits of what comes after ``tokens`` (R,), and the state behind them."""


def search(
    decoder: Decoder,
    sources: Sequence[Sequence[int]],
    decoding: Decoding,
    rules: DecoderConstraints,
    seeds: Sequence[Sequence[int]] | None = None,
) -> list[list[Hypothesis]]:
    """The texts of each source, the best first: of a beam search those with the largest log-probability / length **
    ``length_penalty``, the end token counted; of samples the most probable ones.

    Args:
        sources: one batch of token ids; none is empty.
        seeds: for sampling, of each source.

    Raises:
        ModelError: the model gives no numbers, or has no room for one more token.
    """
    if not sources:
        return []
    task = _Task(decoder, sources, decoding, rules)
    if decoding.sample:
        found = _last(_walk(task, _drawn(decoding, seeds or [()] * len(sources))))
        n_return = decoding.n_return
        groups = [found[first : first + n_return] for first in range(0, len(found), n_return)]
        return [sorted(group, key=lambda text: -text.log_probability) for group in groups]
    if decoding.beams == 1:
        return [[text] for text in _last(_walk(task, _most_probable))]
    return [texts[: decoding.n_return] for texts in _beam_search(task)]


def stream(
    decoder: Decoder, source: Sequence[int], decoding: Decoding, rules: DecoderConstraints, seed: Sequence[int] = ()
) -> Iterator[int | Hypothesis]:
    """The tokens of one text as they are chosen, without the one that ends it, and at last the text: the one that ``search``
    finds. Greedy or sampled: a beam search knows its text only at the end.

    Raises:
        ModelError: as of ``search``.
    """
    decoding = replace(decoding, n_return=1)
    choose = _drawn(decoding, [seed]) if decoding.sample else _most_probable
    steps = _walk(_Task(decoder, [source], decoding, rules), choose)
    (text,) = yield from steps
    yield text


class _Task:
    """What is to be done: the sources, and what may not come next."""

    def __init__(
        self, decoder: Decoder, sources: Sequence[Sequence[int]], decoding: Decoding, rules: DecoderConstraints
    ) -> None:
        self.decoder, self.sources, self.decoding, self.rules = decoder, sources, decoding, rules
        self.before = [list(source if rules.kind == DECODER else rules.start) for source in sources]
        """What stands before the text of each source."""
        self.limits = np.array([self._limit(len(before)) for before in self.before])  # (B,)
        """New tokens."""

    def _limit(self, n_before: int) -> int:
        wanted = self.decoding.max_new_tokens or MAX_NEW_TOKENS
        if self.rules.positions is None:
            return wanted
        if n_before >= self.rules.positions:
            raise ModelError(
                f"the text has {n_before:,} tokens, and the model has room for {self.rules.positions:,}, new ones included",
                hint="--max-length cuts it",
            )
        return min(wanted, self.rules.positions - n_before)

    def rule_out(self, logits: Tensor, texts: NDArray[np.int64], owners: NDArray[np.int64]) -> None:
        """Write -inf at what may not come next into ``logits`` (R, V).

        Args:
            texts: (R, n) the tokens so far of each row.
            owners: (R,) the number of its source.
        """
        alone = [ids[0] for ids in self.rules.suppressed if len(ids) == 1]
        if texts.shape[1] < self.decoding.min_new_tokens:
            alone += self.rules.ends
        if alone:
            logits[:, alone] = -np.inf
        together = [ids for ids in self.rules.suppressed if len(ids) > 1]
        size = self.decoding.no_repeat_ngram
        if not together and not size:
            return
        for row, (text, owner) in enumerate(zip(texts.tolist(), owners, strict=True)):
            said = self.before[owner] + text
            banned = [ids[-1] for ids in together if tuple(said[1 - len(ids) :]) == ids[:-1]]
            if size:
                banned += _repeating(np.array(said), size).tolist()
            logits[row, banned] = -np.inf


def _repeating(text: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """The tokens after which the last ``size`` of ``text`` (n,) would have come before."""
    if len(text) < size:
        return text[:0]
    windows = np.lib.stride_tricks.sliding_window_view(text, size)  # (n - size + 1, size)
    same: NDArray[np.bool_] = (windows[:, :-1] == text[len(text) + 1 - size :]).all(1)
    banned: NDArray[np.int64] = windows[same, -1]
    return banned


_Choose = Callable[[Tensor, NDArray[np.int64]], Tensor]
"""(R, V) logits and the numbers of the texts (R,) that they are for, to the tokens (R,) that are chosen."""


def _most_probable(logits: Tensor, texts: NDArray[np.int64]) -> Tensor:
    return logits.argmax(-1)


def _drawn(decoding: Decoding, seeds: Sequence[Sequence[int]]) -> _Choose:
    """Text n of a source draws from the numbers that (its seed, n) gives, so that more texts do not change the first ones."""
    numbers = [np.random.default_rng([*seed, n]) for seed in seeds for n in range(decoding.n_return)]

    def choose(logits: Tensor, texts: NDArray[np.int64]) -> Tensor:
        drawn = torch.tensor([numbers[text].random() for text in texts], dtype=torch.float64)
        parts = zip(_in_parts(logits), _in_parts(drawn, logits.shape[1]), strict=True)
        return torch.cat([draw(kept(part, decoding), at) for part, at in parts])

    return choose


def kept(logits: Tensor, decoding: Decoding) -> Tensor:
    """(R, V) logits divided by the temperature, with -inf at the tokens that top-k and top-p leave out. Tokens that are as
    probable as the last of the top k are kept too; top-p keeps at least one."""
    scores = logits / decoding.temperature
    if 0 < decoding.top_k < scores.shape[1]:
        scores = scores.masked_fill(scores < scores.topk(decoding.top_k).values[:, -1:], -np.inf)
    if decoding.top_p < 1:
        ordered, places = scores.sort(descending=False)  # from the tail: it is the small probabilities that are summed
        out = ordered.softmax(-1).cumsum(-1) <= 1 - decoding.top_p
        out[:, -1] = False
        scores = scores.masked_fill(out.scatter(1, places, out), -np.inf)
    return scores


def draw(scores: Tensor, at: Tensor) -> Tensor:
    """A token (R,) of each row of ``scores`` (R, V), by its probability: the first one where the sum of the probabilities from
    token 0 on is larger than ``at`` (R,), uniform in [0, 1). One of probability 0 is never drawn."""
    exact = torch.float32 if scores.device.type == "mps" else torch.float64  # mps has no other
    sums = scores.to(exact).softmax(-1).cumsum(-1)  # (R, V)
    wanted = at.to(sums.device, exact)[:, None] * sums[:, -1:]
    wanted = torch.minimum(wanted, sums[:, -1:].nextafter(torch.zeros_like(wanted)))
    return torch.searchsorted(sums, wanted, right=True)[:, 0].clamp(max=scores.shape[1] - 1)  # where all is -inf


@torch.inference_mode()
def _walk(task: _Task, choose: _Choose) -> Generator[int, None, list[Hypothesis]]:
    """One token after another, for each text by itself. Yields the tokens of all texts as they are chosen, and returns the
    texts of each source."""
    decoder, ends = task.decoder, task.rules.ends
    copies = task.decoding.n_return if task.decoding.sample else 1
    logits, state = decoder.begin(task.sources)
    owners = np.repeat(np.arange(len(task.sources)), copies)  # of all texts
    if copies > 1:
        rows = torch.from_numpy(owners).to(logits.device)
        logits, state = logits[rows], state.reordered(rows)
    found: list[Hypothesis | None] = [None] * len(owners)
    active = np.arange(len(owners))  # the texts of the rows
    texts = np.empty((len(owners), 0), np.int64)  # (R, n) of the rows
    scores = np.zeros(len(owners))  # (R,)
    while True:
        sums = _log_sums(logits)
        task.rule_out(logits, texts, owners[active])
        tokens = choose(logits, active)
        chosen = logits.gather(1, tokens[:, None])[:, 0]  # (R,)
        gained, said = (chosen - sums).cpu().numpy(), tokens.cpu().numpy()
        nothing = np.isneginf(gained)  # everything was ruled out
        stopped = np.isin(said, ends) & ~nothing
        scores = scores + np.where(nothing, 0.0, gained)
        yield from said[~stopped & ~nothing].tolist()
        before, texts = texts, np.column_stack((texts, said))
        over = stopped | nothing | (texts.shape[1] == task.limits[owners[active]])
        for row in np.flatnonzero(over):
            ids = (before if stopped[row] or nothing[row] else texts)[row].tolist()
            found[active[row]] = Hypothesis(ids, float(scores[row]), STOP if stopped[row] else LENGTH)
        if over.all():
            return [text for text in found if text is not None]
        if over.any():
            left = np.flatnonzero(~over)
            active, texts, scores = active[left], texts[left], scores[left]
            rows = torch.from_numpy(left).to(tokens.device)
            tokens, state = tokens[rows], state.reordered(rows)
        logits, state = decoder.step(tokens, state)


@torch.inference_mode()
def _beam_search(task: _Task) -> list[list[Hypothesis]]:
    """At most ``beams`` texts of each source, the best first."""
    decoding = task.decoding
    beams, n_looked_at = decoding.beams, decoding.beams * max(2, 1 + len(task.rules.ends))
    n_forced = max(0, len(task.rules.start) - 1)
    found: list[list[tuple[float, Hypothesis]]] = [[] for _ in task.sources]
    active = np.arange(len(task.sources))  # (A,) sources
    texts = np.empty((len(active), 0), np.int64)  # (A x width, n)
    scores = np.zeros((len(active), 1))  # (A, width); -inf: there is no such beam
    logits, state = task.decoder.begin(task.sources)
    while True:
        width, length = scores.shape[1], texts.shape[1] + 1
        totals, tokens, parents = _best_continuations(
            task, logits, texts, active=active, scores=scores, most=n_looked_at
        )
        ends: NDArray[np.bool_] = np.isin(tokens, list(task.rules.ends))
        over = ends | np.equal(task.limits[active], length)[:, None]

        divisor = (length + n_forced) ** decoding.length_penalty
        closing = over[:, :beams] & np.isfinite(totals[:, :beams])
        for place, rank in np.argwhere(closing):
            ids = texts[parents[place, rank]].tolist()
            if ends[place, rank]:
                text = Hypothesis(ids, float(totals[place, rank]), STOP)
            else:
                text = Hypothesis([*ids, int(tokens[place, rank])], float(totals[place, rank]), LENGTH)
            found[active[place]].append((totals[place, rank] / divisor, text))
        for place in np.flatnonzero(closing.any(1)):
            found[active[place]] = sorted(found[active[place]], key=lambda each: -each[0])[:beams]

        for place in np.flatnonzero(np.isneginf(totals[:, 0])):  # everything was ruled out
            if not found[active[place]]:
                text = Hypothesis(texts[place * width].tolist(), float(scores[place, 0]), LENGTH)
                found[active[place]] = [(scores[place, 0] / divisor, text)]

        totals = np.where(over, -np.inf, totals)
        order = np.argsort(-totals, axis=1, kind="stable")[:, :beams]
        scores = np.take_along_axis(totals, order, 1)  # (A, beams)
        worst = np.array([found[source][-1][0] if len(found[source]) == beams else -np.inf for source in active])
        left = np.flatnonzero(scores[:, 0] / divisor > worst)
        if not len(left):
            return [[text for _, text in texts] for texts in found]
        rows = np.take_along_axis(parents, order, 1)[left].ravel()
        chosen = np.take_along_axis(tokens, order, 1)[left].ravel()
        active, scores, texts = active[left], scores[left], np.column_stack((texts[rows], chosen))
        device = logits.device
        state = state.reordered(torch.from_numpy(rows).to(device))
        logits, state = task.decoder.step(torch.from_numpy(chosen).to(device), state)


def _best_continuations(
    task: _Task,
    logits: Tensor,
    texts: NDArray[np.int64],
    *,
    active: NDArray[np.int64],
    scores: NDArray[np.float64],
    most: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """The best ways to go on, at most ``most`` (K) for each source.

    Args:
        logits: (A x width, V) of all beams of all sources.
        texts: (A x width, n) their tokens so far.
        active: (A,) the sources.
        scores: (A, width) their log-probabilities so far.

    Returns:
        All (A, K), the best first: the log-probabilities, -inf where there is none; the next tokens; the rows they continue.
    """
    n_sources, width = scores.shape
    sums = _log_sums(logits)
    task.rule_out(logits, texts, np.repeat(active, width))
    values, tokens = logits.topk(min(most, logits.shape[1]))  # the best of all are among the best of each
    gains = (values - sums[:, None]).cpu().numpy().reshape(n_sources, width, -1)
    totals = (gains + scores[:, :, None]).reshape(n_sources, -1)
    order = np.argsort(-totals, axis=1, kind="stable")[:, :most]
    parents = order // gains.shape[2] + width * np.arange(n_sources)[:, None]
    said = tokens.cpu().numpy().reshape(n_sources, -1)
    return np.take_along_axis(totals, order, 1), np.take_along_axis(said, order, 1), parents


def _log_sums(logits: Tensor) -> Tensor:
    """(R,): what makes log-probabilities of the logits (R, V), when it is taken from them.

    Raises:
        ModelError: they are no numbers.
    """
    sums = torch.cat([part.logsumexp(-1) for part in _in_parts(logits)])
    if not bool(sums.isfinite().all()):
        raise ModelError(
            "the model gives no numbers (NaN or infinity): its weights are damaged, or of another precision"
        )
    return sums


def _in_parts(values: Tensor, width: int = 0) -> tuple[Tensor, ...]:
    """Some rows at a time, so many that those of the ``width`` of ``values`` fit into memory."""
    return torch.split(values, max(1, _AT_ONCE // (width or values.shape[1])))


def _last(steps: Generator[int, None, list[Hypothesis]]) -> list[Hypothesis]:
    """What a walk returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            texts: list[Hypothesis] = end.value
            return texts
