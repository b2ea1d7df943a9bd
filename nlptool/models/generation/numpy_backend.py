"""Generation in numpy: small GPT-2s and n-grams, greedy search and sampling, on the processor. A text is written before torch is
imported."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import threadpoolctl
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.generation import gpt2_network
from nlptool.models.generation.arrays import MOST_NUMBERS
from nlptool.models.generation.constraints import DecoderConstraints
from nlptool.models.generation.decoding import Decoding, Ends, Hypothesis, ends_of
from nlptool.models.generation.gpt2_cache import Cache
from nlptool.models.generation.gpt2_network import Floats, Gpt2
from nlptool.models.generation.numpy_arrays import NumpyArrays
from nlptool.models.generation.search_engine import SearchEngine, SizedDecoder
from nlptool.models.language import folder as language_folder
from nlptool.models.language.ngram_decoder import NgramDecoder
from nlptool.models.runtime.batching import pad

_MANY = 8  # texts for each thread: with so many, each thread computes texts of its own


@dataclass(frozen=True, slots=True)
class _State:
    """The state of a GPT-2 between two tokens."""

    n_padding: NDArray[np.int64]  # (R,), the padding before each prompt
    cache: Cache  # changed in place by every step

    def reorder(self, rows: NDArray[np.int64]) -> Self:
        self.cache.reorder(rows)
        return replace(self, n_padding=self.n_padding[rows])


class Gpt2Decoder:
    """A GPT-2 as a ``decoder.Decoder``. Shorter prompts are padded on the left; positions count from a prompt's first token."""

    def __init__(self, network: Gpt2) -> None:
        self._network = network
        self.vocab_size = network.config.vocab_size

    def begin(self, sources: Sequence[Sequence[int]]) -> tuple[Floats, _State]:
        """Return the logits (B, V) of the token after each prompt, and the state."""
        ids, mask = pad(sources, 0, left=True)
        state = _State((mask == 0).sum(1), self._network.new_cache(*ids.shape))
        return self._read(ids, state), state

    def step(self, tokens: NDArray[np.int64], state: _State) -> tuple[Floats, _State]:
        """Return the logits (R, V) of what follows ``tokens`` (R,), and the state after them."""
        return self._read(tokens[:, None], state), state

    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[NDArray[np.float64]]:
        """Return the log-probability of each token of each target, (n,) each, after its source."""
        read = [[*source, *target[:-1]] for source, target in zip(sources, targets, strict=True)]
        ids, mask = pad(read, 0)
        states = self._network.states(ids, mask)
        firsts = [len(source) - 1 for source in sources]
        wanted = [
            states[row, first : first + len(target)]
            for row, (first, target) in enumerate(zip(firsts, targets, strict=True))
        ]
        values = self._log_probabilities(np.concatenate(wanted), np.array([id for target in targets for id in target]))
        return np.split(values, np.cumsum(list(map(len, targets)))[:-1])

    def _log_probabilities(self, states: Floats, tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the log-probability of each of ``tokens`` (N,), for the states (N, D) that say what comes next."""
        arrays = NumpyArrays()
        found = np.empty(len(tokens))
        n_rows = max(1, MOST_NUMBERS // self.vocab_size)
        for first in range(0, len(tokens), n_rows):
            part = slice(first, first + n_rows)
            logits = self._network.project(states[part])
            found[part] = arrays.values(logits, tokens[part]).astype(np.float64) - arrays.normalizers(logits)
        return found

    def _read(self, ids: NDArray[np.int64], state: _State) -> Floats:
        columns = state.cache.length + np.arange(ids.shape[1])
        before = state.n_padding[:, None]  # (R, 1)
        hidden = np.arange(columns[-1] + 1) < before if before.any() else None  # (R, tokens)
        states = self._network.read(ids, np.maximum(columns - before, 0), cache=state.cache, hidden=hidden)
        return self._network.project(states[:, -1])


class NumpyEngine(SearchEngine):
    """A ``decoding.Engine`` in numpy.

    A few texts are computed by one thread: the matrices are so small that several would wait for each other. If there are many,
    each thread computes texts of its own.

    Args:
        decoder: in numpy.
        threads: at most.
    """

    name = "numpy"
    device = "cpu"
    batch_tokens = 2048

    def __init__(self, decoder: SizedDecoder, constraints: DecoderConstraints, *, threads: int) -> None:
        self._threads = threads
        self._limit = threadpoolctl.ThreadpoolController().limit
        super().__init__(decoder, constraints, NumpyArrays(), self._one_thread)

    def _one_thread(self) -> AbstractContextManager[object]:
        context: AbstractContextManager[object] = self._limit(limits=1, user_api="blas")
        return context

    def generate(
        self,
        sources: Sequence[Sequence[int]],
        decoding: Decoding,
        seeds: Sequence[Sequence[int]],
        ends: Ends | None = None,
    ) -> list[list[Hypothesis]]:
        """Return the hypotheses of each source, best first.

        Raises:
            ModelError: as for ``search.search``.
            ValueError: ``decoding`` asks for a beam search.
        """
        if decoding.beams > 1 and not decoding.sample:
            raise ValueError("numpy does no beam search")
        n_texts = len(sources) * (decoding.n_return if decoding.sample else 1)
        n_parts = min(len(sources), self._threads, n_texts // _MANY)
        if n_parts < 2:
            return super().generate(sources, decoding, seeds, ends)
        parts = [slice(first, None, n_parts) for first in range(n_parts)]
        search = partial(super().generate, decoding=decoding)
        hypotheses: list[list[Hypothesis]] = [[] for _ in sources]
        with self.limited(), ThreadPoolExecutor(n_parts) as threads:
            found = [
                threads.submit(search, sources[part], seeds=seeds[part], ends=ends_of(ends, range(len(sources))[part]))
                for part in parts
            ]
            for part, results in zip(parts, found, strict=True):
                hypotheses[part] = results.result()
        return hypotheses

    def attention(self, source: Sequence[int], ids: Sequence[int]) -> NDArray[np.float32]:
        """Raise a ModelError: the network here returns no attention weights."""
        raise ModelError("numpy does not show what each layer looks at", hint="--engine torch does")


def open_engine(folder: Path, constraints: DecoderConstraints, *, threads: int = 1) -> NumpyEngine:
    """Load a GPT-2, or an n-gram model of nlptool's own.

    Raises:
        ModelError: it cannot be loaded.
    """
    decoder: SizedDecoder
    if language_folder.is_language(folder):
        decoder = NgramDecoder(language_folder.read(folder).ngrams())
    else:
        decoder = Gpt2Decoder(gpt2_network.load(folder))
    return NumpyEngine(decoder, constraints, threads=threads)
