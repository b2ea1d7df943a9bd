"""The probability of tokens that are given: teacher forcing, in CTranslate2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nlptool.models.generation.constraints import DECODER, DecoderConstraints
from nlptool.models.generation.ct2_network import LARGEST_LOGITS, Network
from nlptool.models.seq2seq.ct2_export import token


def score(
    network: Network,
    constraints: DecoderConstraints,
    start: Sequence[str],
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
) -> list[NDArray[np.float64]]:
    """Return the log-probability of each token of each target, (n,) each, after its source: as of ``decoding.Engine``.

    Args:
        start: the library's tokens that begin each target of an encoder–decoder.

    Raises:
        RuntimeError: the network cannot be run.
    """
    network.divide_threads(len(sources))
    is_decoder = constraints.kind == DECODER
    lengths = [
        len(target) + (len(source) if is_decoder else len(start)) + 1
        for source, target in zip(sources, targets, strict=True)
    ]
    n_forced = max(0, len(constraints.start_ids) - 1)  # start tokens that the library scores, too
    found: list[NDArray[np.float64]] = []
    for part in _parts(lengths, LARGEST_LOGITS // constraints.vocab_size):
        read = [list(map(token, source)) for source in sources[part]]
        wanted = [list(map(token, target)) for target in targets[part]]
        if is_decoder:
            texts = [source + target for source, target in zip(read, wanted, strict=True)]
            results = network.run("score_batch", texts, max_input_length=0)
            skipped = [len(source) - 1 for source in read]
        else:
            texts = [[*start, *target] for target in wanted]
            results = network.run("score_batch", read, texts, max_input_length=0)
            skipped = [n_forced] * len(read)
        found += [
            np.array(result.log_probs[first : first + len(target)], np.float64)
            for result, target, first in zip(results, wanted, skipped, strict=True)
        ]
    return found


def _parts(lengths: Sequence[int], most: int) -> Iterator[slice]:
    """Yield parts of a list of texts of at most ``most`` tokens each, padding included; a longer text is a part of its own."""
    start = 0
    while start < len(lengths):
        widest, end = lengths[start], start + 1
        while end < len(lengths) and (end + 1 - start) * max(widest, lengths[end]) <= most:
            widest = max(widest, lengths[end])
            end += 1
        yield slice(start, end)
        start = end
