"""Generation in CTranslate2 on the CPU: greedy and beam search, several times as fast as torch.

The library's tokens are the digits of their ids (``token``). It is imported in a tenth of a second, and without torch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.generation import ct2_scoring
from nlptool.models.generation.constraints import DECODER, DecoderConstraints
from nlptool.models.generation.ct2_network import LARGEST_LOGITS, Network, loader
from nlptool.models.generation.decoding import Decoding, Ends, Hypothesis, ends_of
from nlptool.models.seq2seq.ct2_export import token

BATCH_TOKENS = 4096
"""Tokens of the sources of a batch, times the beams, for each thread: larger batches are no faster."""

_ENOUGH = 32  # texts of a batch for each thread, from which on more of them are hardly faster
_PATIENCE = 2
"""A beam search ends when patience x beams hypotheses have ended (J. Kasai et al.: A Call for Clarity in Beam Search, LREC-COLING
2024). With 1, the library's default, it can miss the best one; with 2 it finds, for the hundred poems, none worse than those of
transformers."""


class Ct2Engine:
    """A ``decoding.Engine`` in CTranslate2.

    Args:
        load: returns a ``ctranslate2.Translator``, or a ``ctranslate2.Generator`` for a decoder-only model, given the number of
            batches that are computed at the same time and the number of threads for each.
        starts_itself: whether the model holds its first start token, as nlptool's own models do.

    Raises:
        ModelError: it cannot be loaded.
    """

    name = "ct2"
    device = "cpu"

    def __init__(
        self,
        load: Callable[[int, int], Any],
        constraints: DecoderConstraints,
        *,
        threads: int,
        starts_itself: bool = False,
    ) -> None:
        self._network = Network(load, threads=threads, is_small=starts_itself)
        self._constraints = constraints
        self.batch_tokens = BATCH_TOKENS * threads
        start = constraints.start_ids[1:] if starts_itself else constraints.start_ids
        self._start = list(map(token, start))
        self._n_forced = max(0, len(constraints.start_ids) - 1)  # start tokens that the library counts as generated
        self._suppressed = [list(map(token, ids)) for ids in constraints.suppressed]

    def generate(
        self,
        sources: Sequence[Sequence[int]],
        decoding: Decoding,
        seeds: Sequence[Sequence[int]],
        ends: Ends | None = None,
    ) -> list[list[Hypothesis]]:
        """Return the hypotheses of each source, best first.

        The library's beam search continues ``beams`` hypotheses until twice as many have ended (as many, with early stopping),
        and then ranks by log-probability / length ** length_penalty, the end token counted.

        Args:
            sources: ids with all special tokens; for a decoder-only model the prompts.
            seeds: not used, since nothing is sampled.
            ends: see ``decoding.Engine``; a text that the library goes on with, as it does where tokens of the prompt count as
                repeated, is cut.

        Raises:
            RuntimeError: the network cannot be run.
            ValueError: ``decoding`` asks for sampling.
        """
        _refuse_sampling(decoding)
        self._network.divide_threads(len(sources))
        hypotheses: list[list[Hypothesis]] = [[] for _ in sources]
        most = max(1, LARGEST_LOGITS // (self._constraints.vocab_size * max(decoding.beams, decoding.n_return)))
        for indices in self._batches(sources, most, decoding, equal=ends is not None):
            run = self._continue if self._constraints.kind == DECODER else self._translate
            found = run([sources[index] for index in indices], decoding, ends_of(ends, indices))
            for index, results in zip(indices, found, strict=True):
                hypotheses[index] = results
        if ends is not None:
            self._cut(sources, hypotheses, ends)
        return hypotheses

    def _cut(self, sources: Sequence[Sequence[int]], hypotheses: list[list[Hypothesis]], ends: Ends) -> None:
        """Cut each text, in place, behind the token that completes a stop text; compute the log-probability of what is left."""
        cut: dict[int, list[int]] = {}
        for index, (text, *_) in enumerate(hypotheses):
            length = next((n for n in range(1, len(text.ids) + 1) if ends(index, text.ids[:n])), None)
            if length is not None:
                cut[index] = text.ids[:length]
        sums = self._score([sources[index] for index in cut], [[ids] for ids in cut.values()])
        for (index, ids), (total,) in zip(cut.items(), sums, strict=True):
            hypotheses[index] = [Hypothesis(ids, total, "stop")]

    def _batches(
        self, sources: Sequence[Sequence[int]], most: int, decoding: Decoding, *, equal: bool
    ) -> Iterator[list[int]]:
        """Yield the indices of ``sources``, at most ``most`` at a time; with ``equal`` prompts of equal lengths alone."""
        groups = [list(range(len(sources)))]
        if self._constraints.kind == DECODER:
            groups = _groups(
                [len(source) for source in sources], 0 if equal else _spread(decoding), _ENOUGH * self._network.parts
            )
        for group in groups:
            yield from (group[start : start + most] for start in range(0, len(group), most))

    def _translate(
        self, sources: Sequence[Sequence[int]], decoding: Decoding, ends: Ends | None
    ) -> list[list[Hypothesis]]:
        prefix = [self._start] * len(sources) if self._start else None
        results = self._network.run(
            "translate_batch",
            [list(map(token, source)) for source in sources],
            prefix,
            max_input_length=0,
            max_decoding_length=_longest(decoding) + self._n_forced,
            min_decoding_length=decoding.min_new_tokens + self._n_forced if decoding.min_new_tokens else 0,
            callback=self._ended(ends),
            **self._options(decoding),
        )
        outputs = [[list(map(int, tokens)) for tokens in result.hypotheses] for result in results]
        return self._hypotheses(sources, outputs, [result.scores for result in results], decoding)

    def _continue(
        self, prompts: Sequence[Sequence[int]], decoding: Decoding, ends: Ends | None
    ) -> list[list[Hypothesis]]:
        # Tokens of the prompt count as repeated too, as in transformers; the library sees them if its results include the prompt.
        repeats = _counts_repetitions(decoding)
        n_before = len(prompts[0]) if repeats else 0
        n_counted = max(0, n_before - 1)  # without the first token, which begins the text
        results = self._network.run(
            "generate_batch",
            [list(map(token, prompt)) for prompt in prompts],
            include_prompt_in_result=repeats,
            max_length=_longest(decoding) + n_counted,
            min_length=decoding.min_new_tokens + n_counted if decoding.min_new_tokens else 0,
            callback=self._ended(None if repeats else ends),
            **self._options(decoding),
        )
        outputs = [[tokens[n_before:] for tokens in result.sequences_ids] for result in results]
        return self._hypotheses(prompts, outputs, [result.scores for result in results], decoding)

    def _ended(self, ends: Ends | None) -> Callable[[Any], bool] | None:
        """Return a function that the library tells of each token of a greedy search, and that says whether its text is ended."""
        if ends is None:
            return None
        texts: dict[int, list[int]] = {}

        def told(step: Any) -> bool:
            ids = texts.setdefault(step.batch_id, [])
            ids.append(step.token_id)
            return ends(step.batch_id, ids[self._n_forced :])

        return told

    def _options(self, decoding: Decoding) -> dict[str, Any]:
        beams = max(decoding.beams, decoding.n_return)
        return {
            **self._exclusions(decoding),
            "beam_size": beams,
            "patience": _PATIENCE if beams > 1 and not decoding.early_stopping else 1,
            "num_hypotheses": decoding.n_return,
            "length_penalty": decoding.length_penalty if beams > 1 else 0,
            "return_end_token": True,
            "return_scores": True,
        }

    def _exclusions(self, decoding: Decoding) -> dict[str, Any]:
        return {
            "repetition_penalty": decoding.repetition_penalty,
            "no_repeat_ngram_size": decoding.no_repeat_ngram,
            "suppress_sequences": self._suppressed or None,
            "end_token": list(self._constraints.end_ids) or None,
        }

    def _hypotheses(
        self,
        sources: Sequence[Sequence[int]],
        outputs: list[list[list[int]]],
        scores: list[list[float]],
        decoding: Decoding,
    ) -> list[list[Hypothesis]]:
        """Return the library's results as hypotheses, best first.

        Args:
            outputs: the tokens of each hypothesis, forced ones and the end token included.
            scores: the library's scores: log-probabilities divided by length ** length_penalty.
        """
        penalty = self._options(decoding)["length_penalty"]
        divisors = [[len(ids) ** penalty for ids in texts] for texts in outputs]
        chosen = [[ids[self._n_forced :] for ids in texts] for texts in outputs]
        rescored = self._excludes_tokens(decoding)
        if rescored:
            sums = self._score(sources, chosen)
        else:
            sums = [[s * n for s, n in zip(*row, strict=True)] for row in zip(scores, divisors, strict=True)]
        hypotheses = []
        for texts, totals, lengths in zip(chosen, sums, divisors, strict=True):
            order = list(range(len(texts)))
            if rescored:
                order.sort(key=lambda rank: -totals[rank] / lengths[rank])
            hypotheses.append([self._hypothesis(texts[rank], totals[rank]) for rank in order])
        return hypotheses

    def _excludes_tokens(self, decoding: Decoding) -> bool:
        """Return whether tokens are excluded or penalized. The library does so before its softmax, so its scores are then not the
        model's."""
        return bool(self._suppressed or decoding.min_new_tokens) or _counts_repetitions(decoding)

    def _hypothesis(self, ids: list[int], log_probability: float) -> Hypothesis:
        if ids and ids[-1] in self._constraints.end_ids:
            return Hypothesis(ids[:-1], log_probability, "stop")
        return Hypothesis(ids, log_probability, "length")

    def _score(self, sources: Sequence[Sequence[int]], chosen: list[list[list[int]]]) -> list[list[float]]:
        """Return the model's log-probability of each hypothesis, end tokens included, by teacher forcing."""
        pairs = [(source, ids) for source, texts in zip(sources, chosen, strict=True) for ids in texts]
        scored = self.score([source for source, _ in pairs], [ids for _, ids in pairs])
        values = iter(float(of_ids.sum()) for of_ids in scored)
        return [[next(values) for _ in texts] for texts in chosen]

    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[NDArray[np.float64]]:
        """As of ``decoding.Engine``.

        Raises:
            RuntimeError: the network cannot be run.
        """
        return ct2_scoring.score(self._network, self._constraints, self._start, sources, targets)

    def stream(
        self, source: Sequence[int], decoding: Decoding, seed: Sequence[int], ends: Ends | None = None
    ) -> Iterator[int | Hypothesis]:
        """Yield the tokens of one text as greedy search chooses them, and finally the hypothesis.

        Raises:
            RuntimeError: the network cannot be run.
            ValueError: ``decoding`` asks for sampling.
        """
        _refuse_sampling(decoding)
        if self._constraints.kind == DECODER and _counts_repetitions(decoding):  # a stream ignores those of the prompt
            ((hypothesis,),) = self.generate([source], decoding, [], ends)
            yield from hypothesis.ids
            yield hypothesis
            return
        options = {**self._exclusions(decoding), "sampling_topk": 1, "return_log_prob": True}
        ids: list[int] = []
        total = 0.0
        is_cut = False  # by a stop text
        n_skipped = self._n_forced
        tokens = list(map(token, source))
        if self._constraints.kind == DECODER:
            steps = self._network.model.generate_tokens(
                tokens, max_length=_longest(decoding), min_length=decoding.min_new_tokens, **options
            )
        else:
            steps = self._network.model.generate_tokens(
                tokens,
                self._start or None,
                max_decoding_length=_longest(decoding) + n_skipped,
                min_decoding_length=decoding.min_new_tokens + n_skipped if decoding.min_new_tokens else 0,
                max_input_length=0,
                **options,
            )
        for step in steps:
            if n_skipped:
                n_skipped -= 1
                continue
            ids.append(step.token_id)
            total += step.log_prob
            if step.token_id not in self._constraints.end_ids:
                yield step.token_id
                if ends is not None and ends(0, ids):
                    steps.close()
                    is_cut = True
                    break
        if self._excludes_tokens(decoding):
            ((total,),) = self._score([source], [[ids]])
        yield Hypothesis(ids, total, "stop") if is_cut else self._hypothesis(ids, total)

    def attention(self, source: Sequence[int], ids: Sequence[int]) -> NDArray[np.float32]:
        """Raise a ModelError: the library returns no attention weights of single layers."""
        raise ModelError("CTranslate2 does not show what each layer looks at", hint="--engine torch does")


def _spread(decoding: Decoding) -> int:
    """Return by how many tokens the prompts of a batch may differ. The library reads them up to the length of the shortest, and
    the rest of longer ones token by token. Greedy search finds the same for them as for each alone; in a beam search, and where
    repetitions count, results can differ."""
    is_greedy = max(decoding.beams, decoding.n_return) == 1 and not _counts_repetitions(decoding)
    return _longest(decoding) if is_greedy else 0  # with more, two batches take no more steps than one


def _groups(lengths: Sequence[int], spread: int, enough: int) -> list[list[int]]:
    """Return the indices of the prompts that are continued together: those of one length, and longer ones until there are enough.

    Args:
        spread: by which the lengths of a group may differ. With a prompt of a single token the library returns the rest of longer
            ones as generated: it is with its like alone.
        enough: texts, from which on longer ones are not worth their steps.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: lengths[index]):
        shortest = lengths[groups[-1][0]] if groups else 0
        takes_longer = groups and shortest > 1 and len(groups[-1]) < enough
        is_equal = groups and lengths[index] == lengths[groups[-1][-1]]
        if not (is_equal or (takes_longer and lengths[index] <= shortest + spread)):
            groups.append([])
        groups[-1].append(index)
    return groups


def _counts_repetitions(decoding: Decoding) -> bool:
    return decoding.no_repeat_ngram > 0 or decoding.repetition_penalty != 1


def _refuse_sampling(decoding: Decoding) -> None:
    if decoding.sample:
        raise ValueError("CTranslate2 draws from one generator of its own: torch samples")


def _longest(decoding: Decoding) -> int:
    if decoding.max_new_tokens is None:
        raise ValueError("max_new_tokens is to be decided by the caller")
    return decoding.max_new_tokens


def open_engine(
    folder: Path,
    constraints: DecoderConstraints,
    *,
    threads: int = 0,
    files: Mapping[str, bytes] | None = None,
    compute_type: str = "float32",
) -> Ct2Engine:
    """Load a converted model.

    Args:
        folder: of the copy; with ``files`` only a name for messages.
        threads: 0: as many as there are processors.
        files: name -> content, of a model of nlptool's own (``seq2seq.ct2_export.translator_files``).
        compute_type: float32; int8: the matrices are quantized as they are loaded, and what they are multiplied with each time.

    Raises:
        ModelError: it cannot be loaded.
    """
    load = loader(folder, files, is_decoder=constraints.kind == DECODER, compute_type=compute_type)
    return Ct2Engine(load, constraints, threads=threads or os.cpu_count() or 1, starts_itself=bool(files))
