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
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptool.models.generation.beam_search import beam_search
from nlptool.models.generation.constraints import DecoderConstraints
from nlptool.models.generation.decoder import LENGTH, STOP, Batch, Decoder, log_normalizers
from nlptool.models.generation.decoding import Decoding, Hypothesis
from nlptool.models.generation.sampling import filter_logits, sample, split_rows


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
    batch = Batch(decoder, sources, decoding, constraints)
    if decoding.sample:
        found = _finish(_generate(batch, _sampler(decoding, seeds or [()] * len(sources))))
        n_return = decoding.n_return
        groups = [found[first : first + n_return] for first in range(0, len(found), n_return)]
        return [sorted(group, key=lambda text: -text.log_probability) for group in groups]
    if decoding.beams == 1:
        return [[text] for text in _finish(_generate(batch, _most_probable))]
    return [texts[: decoding.n_return] for texts in beam_search(batch)]


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
    steps = _generate(Batch(decoder, [source], decoding, constraints), choose)
    (text,) = yield from steps
    yield text


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
def _generate(batch: Batch, choose: _Choose) -> Generator[int, None, list[Hypothesis]]:
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
        normalizers = log_normalizers(logits)
        processed = logits.clone() if batch.process.penalizes else logits
        batch.process(processed, texts, sources[active])
        tokens = choose(processed, active)
        chosen = logits.gather(1, tokens[:, None])[:, 0]  # (R,)
        log_probabilities, new_ids = (chosen - normalizers).cpu().numpy(), tokens.cpu().numpy()
        stuck = np.isneginf(processed.gather(1, tokens[:, None])[:, 0].cpu().numpy())  # every token is excluded
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


def _finish(steps: Generator[int, None, list[Hypothesis]]) -> list[Hypothesis]:
    """Run ``_generate`` to its end and return its texts."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            texts: list[Hypothesis] = end.value
            return texts
