"""Decoding, token by token: greedy search, beam search and sampling, over any decoder that gives logits.

- Greedy search takes the most probable token at each step.
- Beam search: see ``beam_search``.
- Sampling: see ``sampling``. Each text has a random generator of its own, which gives one number a token, so that the result does
  not depend on the batch.

Penalties and exclusions (``logits``) change logits in greedy search and sampling, and log-probabilities in beam search, as in
transformers. A sequence leaves the batch when its text has ended. Log-probabilities are those of the model: of a softmax over all
tokens, whatever is penalized or excluded.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nlptool.models.generation.arrays import Array, Arrays
from nlptool.models.generation.constraints import DecoderConstraints
from nlptool.models.generation.decoder import LENGTH, STOP, Batch, Decoder
from nlptool.models.generation.decoding import Decoding, Ends, Hypothesis


def search(
    decoder: Decoder,
    sources: Sequence[Sequence[int]],
    decoding: Decoding,
    constraints: DecoderConstraints,
    seeds: Sequence[Sequence[int]] | None = None,
    *,
    arrays: Arrays | None = None,
    ends: Ends | None = None,
) -> list[list[Hypothesis]]:
    """Generate texts for each source, best first: beam search ranks by log-probability / length ** ``length_penalty``, the end
    token counted; samples are ranked by their log-probability.

    Args:
        sources: one batch of token ids; none is empty.
        seeds: a seed for each source, for sampling.
        arrays: of the library that the decoder computes with; None: of torch, in which alone a beam search runs.
        ends: see ``decoding.Engine``.

    Raises:
        ModelError: the logits are NaN or infinite, or a text has as many tokens as the model has positions.
    """
    if not sources:
        return []
    batch = Batch(decoder, sources, decoding, constraints, ends)
    if decoding.beams > 1 and not decoding.sample:
        from nlptool.models.generation.beam_search import beam_search  # with torch

        return [texts[: decoding.n_return] for texts in beam_search(batch)]
    arrays = arrays or _of_torch()
    found = _finish(_generate(batch, arrays, _chooser(decoding, seeds or [()] * len(sources), arrays)), arrays)
    n_return = decoding.n_return if decoding.sample else 1
    groups = [found[first : first + n_return] for first in range(0, len(found), n_return)]
    return [sorted(group, key=lambda text: -text.log_probability) for group in groups]


def stream(
    decoder: Decoder,
    source: Sequence[int],
    decoding: Decoding,
    constraints: DecoderConstraints,
    seed: Sequence[int] = (),
    *,
    arrays: Arrays | None = None,
    ends: Ends | None = None,
) -> Iterator[int | Hypothesis]:
    """Yield the tokens of one text as they are chosen, without the end token, and finally the hypothesis that ``search`` finds.

    Greedy search or sampling only: a beam search does not know its text before the end.

    Args:
        arrays, ends: as of ``search``.

    Raises:
        ModelError: as for ``search``.
    """
    decoding = replace(decoding, n_return=1)
    arrays = arrays or _of_torch()
    batch = Batch(decoder, [source], decoding, constraints, ends)
    steps = _generate(batch, arrays, _chooser(decoding, [seed], arrays))
    (text,) = yield from _computing(steps, arrays)
    yield text


def _of_torch() -> Arrays:
    from nlptool.models.generation.torch_arrays import TorchArrays

    return TorchArrays()


_Choose = Callable[[Array, NDArray[np.int64]], Array]
"""Takes (R, V) logits and the indices of their texts (R,), and returns the chosen tokens (R,)."""

_Steps = Generator[int, None, list[Hypothesis]]


def _chooser(decoding: Decoding, seeds: Sequence[Sequence[int]], arrays: Arrays) -> _Choose:
    """Return a function that samples tokens, or takes the most probable ones. Text n of a source is seeded with (the source's
    seed, n), so that more texts do not change the first ones."""
    if not decoding.sample:
        return lambda logits, texts: arrays.most_probable(logits)
    generators = [np.random.default_rng([*seed, n]) for seed in seeds for n in range(decoding.n_return)]

    def choose(logits: Array, texts: NDArray[np.int64]) -> Array:
        return arrays.sample(logits, decoding, np.array([generators[text].random() for text in texts]))

    return choose


def _generate(batch: Batch, arrays: Arrays, choose: _Choose) -> _Steps:
    """Generate each text by itself, by greedy search or sampling. Yields the tokens as they are chosen; returns the texts, those
    of one source together."""
    decoder, end_ids = batch.decoder, batch.constraints.end_ids
    copies = batch.decoding.n_return if batch.decoding.sample else 1
    logits, state = decoder.begin(batch.sources)
    sources = np.repeat(np.arange(len(batch.sources)), copies)  # the source of each text
    if copies > 1:
        rows = arrays.rows(sources, logits)
        logits, state = logits[rows], state.reorder(rows)
    finished: list[Hypothesis | None] = [None] * len(sources)
    active = np.arange(len(sources))  # (R,): the texts in the batch
    texts = np.empty((len(sources), 0), np.int64)  # (R, n): their tokens
    scores = np.zeros(len(sources))  # (R,)
    while True:
        normalizers = arrays.normalizers(logits)  # (R,)
        processed = arrays.copy(logits) if batch.process.penalizes else logits
        batch.process(processed, texts, sources[active])
        tokens = choose(processed, active)
        log_probabilities, new_ids = arrays.values(logits, tokens) - normalizers, arrays.ids(tokens)
        stuck = np.isneginf(arrays.values(processed, tokens))  # every token is excluded
        stopped = np.isin(new_ids, end_ids) & ~stuck
        scores = scores + np.where(stuck, 0.0, log_probabilities)
        yield from new_ids[~stopped & ~stuck].tolist()
        previous, texts = texts, np.column_stack((texts, new_ids))
        completed = np.zeros(len(active), bool)  # with a stop text
        if batch.ends is not None:
            for row in np.flatnonzero(~stopped & ~stuck):
                completed[row] = batch.ends(int(sources[active[row]]), texts[row].tolist())
        ended = stopped | stuck | completed | (texts.shape[1] == batch.limits[sources[active]])
        for row in np.flatnonzero(ended):
            ids = (previous if stopped[row] or stuck[row] else texts)[row].tolist()
            finished[active[row]] = Hypothesis(ids, float(scores[row]), STOP if (stopped | completed)[row] else LENGTH)
        if ended.all():
            return [text for text in finished if text is not None]
        if ended.any():
            remaining = np.flatnonzero(~ended)
            active, texts, scores = active[remaining], texts[remaining], scores[remaining]
            rows = arrays.rows(remaining, logits)
            tokens, state = tokens[rows], state.reorder(rows)
        logits, state = decoder.step(tokens, state)


def _computing(steps: _Steps, arrays: Arrays) -> _Steps:
    """Yield the tokens of ``_generate``, each of which is computed in the context of ``arrays``, and return its texts."""
    while True:
        with arrays.computing():  # not around a yield: it would last for the caller's work too
            try:
                token = next(steps)
            except StopIteration as end:
                texts: list[Hypothesis] = end.value
                return texts
        yield token


def _finish(steps: _Steps, arrays: Arrays) -> list[Hypothesis]:
    """Run ``_generate`` to its end and return its texts."""
    with arrays.computing():
        while True:
            try:
                next(steps)
            except StopIteration as end:
                texts: list[Hypothesis] = end.value
                return texts
