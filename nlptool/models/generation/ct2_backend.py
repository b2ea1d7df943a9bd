"""Generation in CTranslate2 on the processor: greedy and beam search, several times as fast as torch.

Tokens are spelled as the digits of their ids (``token``). The library is imported in a tenth of a second, and torch not at all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.generation.constraints import DECODER, DecoderConstraints
from nlptool.models.generation.decoding import Decoding, Hypothesis
from nlptool.models.seq2seq.ct2_export import token

BATCH_TOKENS = 4096
"""Tokens of the sources of a batch, times the beams, for each thread: larger ones are no faster."""

_MANY = 4  # texts for each thread, from which on each thread has texts of its own
_LARGEST_LOGITS = 1 << 25  # numbers in memory at once, 128 MiB
_LOOK = 0.001  # seconds
_PATIENCE = 2
"""A beam search ends when this many times as many hypotheses have ended as there are beams (J. Kasai et al.: A Call for Clarity
in Beam Search, LREC-COLING 2024). With 1, the library's default, the best one may not have been found by then; with 2
transformers finds no better one in the hundred poems."""


class Ct2Engine:
    """A model in CTranslate2, as ``decoding.Engine`` describes it.

    A few texts are computed by all threads together. When there are many, each thread gets texts of its own: none waits for the
    others at the end of every product, which on a busy machine takes five times as long. The model is then loaded anew.

    Args:
        load: gives a ``ctranslate2.Translator``, or a ``ctranslate2.Generator`` for a decoder, for so many texts at a time and
            so many threads for each.
        starts_itself: whether the model knows by itself what begins every text.

    Raises:
        ModelError: it cannot be loaded.
    """

    name = "ct2"
    device = "cpu"

    def __init__(
        self, load: Callable[[int, int], Any], rules: DecoderConstraints, *, threads: int, starts_itself: bool = False
    ) -> None:
        self._load, self._threads = load, threads
        self._model, self._parts = load(1, 1 if starts_itself else threads), 1  # ours are too small to be shared out
        self._rules = rules
        self.batch_tokens = BATCH_TOKENS * threads
        start = rules.start[1:] if starts_itself else rules.start
        self._start = list(map(token, start))
        self._n_forced = max(0, len(rules.start) - 1)  # tokens that the library counts as generated
        self._suppressed = [list(map(token, ids)) for ids in rules.suppressed]

    def generate(
        self, sources: Sequence[Sequence[int]], decoding: Decoding, seeds: Sequence[Sequence[int]]
    ) -> list[list[Hypothesis]]:
        """The hypotheses of each source, best first.

        The library's beam search keeps ``beams`` hypotheses going until twice as many have ended, and then ranks by
        log-probability / length ** length_penalty, the end token counted.

        Args:
            sources: ids with all special tokens; of a decoder the prompts.
            seeds: not used: nothing is left to chance.

        Raises:
            ModelError: the network cannot be run.
            ValueError: sampling is asked for.
        """
        _refuse_sampling(decoding)
        if self._threads > self._parts and len(sources) >= _MANY * self._threads:
            self._model = None  # not two of them in memory
            self._model, self._parts = self._load(self._threads, 1), self._threads
        found: list[list[Hypothesis]] = [[] for _ in sources]
        most = max(1, _LARGEST_LOGITS // (self._rules.size * max(decoding.beams, decoding.n_return)))
        try:
            for indices in self._together(sources, most):
                each = self._continued if self._rules.kind == DECODER else self._translated
                hypotheses = each([sources[index] for index in indices], decoding)
                for index, those in zip(indices, hypotheses, strict=True):
                    found[index] = those
        except RuntimeError as error:
            raise ModelError(f"CTranslate2 cannot run the model: {error}", hint="--engine torch runs it") from error
        return found

    def _together(self, sources: Sequence[Sequence[int]], most: int) -> Iterator[list[int]]:
        """Indices into ``sources``, so many at a time that there is memory for what the model says of every token."""
        groups = [list(range(len(sources)))]
        if self._rules.kind == DECODER:  # of unequal prompts the library takes the longer ones' ends for its own words
            order = sorted(groups[0], key=lambda index: len(sources[index]))
            groups = [list(group) for _, group in groupby(order, key=lambda index: len(sources[index]))]
        for group in groups:
            yield from (group[start : start + most] for start in range(0, len(group), most))

    def _translated(self, sources: Sequence[Sequence[int]], decoding: Decoding) -> list[list[Hypothesis]]:
        prefix = [self._start] * len(sources) if self._start else None
        results = _finished(
            self._model.translate_batch,
            [list(map(token, source)) for source in sources],
            prefix,
            max_input_length=0,
            max_decoding_length=_longest(decoding) + self._n_forced,
            min_decoding_length=decoding.min_new_tokens + self._n_forced if decoding.min_new_tokens else 0,
            max_batch_size=-(-len(sources) // self._parts),
            **self._options(decoding),
        )
        outputs = [[list(map(int, tokens)) for tokens in result.hypotheses] for result in results]
        return self._hypotheses(sources, outputs, [result.scores for result in results], decoding)

    def _continued(self, prompts: Sequence[Sequence[int]], decoding: Decoding) -> list[list[Hypothesis]]:
        # N-grams of the prompt count too, as in transformers; the library knows them if it repeats the prompt.
        repeats = decoding.no_repeat_ngram > 0
        n_before = len(prompts[0]) if repeats else 0
        n_counted = max(0, n_before - 1)  # all but the first, which begins the text
        results = _finished(
            self._model.generate_batch,
            [list(map(token, prompt)) for prompt in prompts],
            include_prompt_in_result=repeats,
            max_length=_longest(decoding) + n_counted,
            min_length=decoding.min_new_tokens + n_counted if decoding.min_new_tokens else 0,
            max_batch_size=-(-len(prompts) // self._parts),
            **self._options(decoding),
        )
        outputs = [[tokens[n_before:] for tokens in result.sequences_ids] for result in results]
        return self._hypotheses(prompts, outputs, [result.scores for result in results], decoding)

    def _options(self, decoding: Decoding) -> dict[str, Any]:
        beams = max(decoding.beams, decoding.n_return)
        return {
            "beam_size": beams,
            "patience": _PATIENCE if beams > 1 else 1,
            "num_hypotheses": decoding.n_return,
            "length_penalty": decoding.length_penalty if beams > 1 else 0,
            "no_repeat_ngram_size": decoding.no_repeat_ngram,
            "suppress_sequences": self._suppressed or None,
            "end_token": list(self._rules.ends) or None,
            "return_end_token": True,
            "return_scores": True,
        }

    def _hypotheses(
        self,
        sources: Sequence[Sequence[int]],
        outputs: list[list[list[int]]],
        scores: list[list[float]],
        decoding: Decoding,
    ) -> list[list[Hypothesis]]:
        """
        Args:
            outputs: tokens of each hypothesis, those included that were forced, and the end token.
            scores: the library's: log-probabilities divided by the length ** length_penalty.
        """
        penalty = self._options(decoding)["length_penalty"]
        lengths = [[len(ids) ** penalty for ids in each] for each in outputs]
        chosen = [[ids[self._n_forced :] for ids in each] for each in outputs]
        rescored = self._rules_out(decoding)
        if rescored:
            sums = self._scored(sources, chosen)
        else:
            sums = [[s * n for s, n in zip(*each, strict=True)] for each in zip(scores, lengths, strict=True)]
        found = []
        for each, totals, sizes in zip(chosen, sums, lengths, strict=True):
            order = list(range(len(each)))
            if rescored:
                order.sort(key=lambda place: -totals[place] / sizes[place])
            found.append([self._hypothesis(each[place], totals[place]) for place in order])
        return found

    def _rules_out(self, decoding: Decoding) -> bool:
        """Whether tokens are ruled out. The library does so before it makes probabilities, which are then not the model's."""
        return bool(self._suppressed or decoding.min_new_tokens or decoding.no_repeat_ngram)

    def _hypothesis(self, ids: list[int], log_probability: float) -> Hypothesis:
        if ids and ids[-1] in self._rules.ends:
            return Hypothesis(ids[:-1], log_probability, "stop")
        return Hypothesis(ids, log_probability, "length")

    def _scored(self, sources: Sequence[Sequence[int]], chosen: list[list[list[int]]]) -> list[list[float]]:
        """The log-probability of each hypothesis, ends included: the model is given it, and asked for each of its tokens."""
        pairs = [(source, ids) for source, each in zip(sources, chosen, strict=True) for ids in each]
        flat: list[float] = []
        start = 0
        while start < len(pairs):
            widest, end = 1, start
            while end < len(pairs):
                source, ids = pairs[end]
                widest = max(widest, len(ids) + len(source if self._rules.kind == DECODER else self._start) + 1)
                if end > start and (end + 1 - start) * widest * self._rules.size > _LARGEST_LOGITS:
                    break
                end += 1
            flat += self._log_probabilities(pairs[start:end])
            start = end
        values = iter(flat)
        return [[next(values) for _ in each] for each in chosen]

    def _log_probabilities(self, pairs: Sequence[tuple[Sequence[int], list[int]]]) -> list[float]:
        inputs = [list(map(token, source)) for source, _ in pairs]
        if self._rules.kind == DECODER:
            whole = [prompt + list(map(token, ids)) for prompt, (_, ids) in zip(inputs, pairs, strict=True)]
            found = self._model.score_batch(whole, max_input_length=0)
            return [sum(each.log_probs[len(prompt) - 1 :]) for prompt, each in zip(inputs, found, strict=True)]
        targets = [self._start + list(map(token, ids)) for _, ids in pairs]
        found = self._model.score_batch(inputs, targets, max_input_length=0)
        n = self._n_forced
        return [sum(each.log_probs[n : n + len(ids)]) for (_, ids), each in zip(pairs, found, strict=True)]

    def stream(self, source: Sequence[int], decoding: Decoding, seed: Sequence[int]) -> Iterator[int | Hypothesis]:
        """The tokens of one text as greedy search chooses them, and at last the hypothesis.

        Raises:
            ModelError: the network cannot be run.
            ValueError: sampling is asked for.
        """
        _refuse_sampling(decoding)
        if (
            self._rules.kind == DECODER and decoding.no_repeat_ngram
        ):  # the library would not look at the prompt's n-grams
            ((whole,),) = self.generate([source], decoding, [])
            yield from whole.ids
            yield whole
            return
        options: dict[str, Any] = {
            "no_repeat_ngram_size": decoding.no_repeat_ngram,
            "suppress_sequences": self._suppressed or None,
            "end_token": list(self._rules.ends) or None,
            "sampling_topk": 1,
            "return_log_prob": True,
        }
        ids: list[int] = []
        total = 0.0
        n_skipped = self._n_forced
        words = list(map(token, source))
        if self._rules.kind == DECODER:
            steps = self._model.generate_tokens(
                words, max_length=_longest(decoding), min_length=decoding.min_new_tokens, **options
            )
        else:
            steps = self._model.generate_tokens(
                words,
                self._start or None,
                max_decoding_length=_longest(decoding) + n_skipped,
                min_decoding_length=decoding.min_new_tokens + n_skipped if decoding.min_new_tokens else 0,
                max_input_length=0,
                **options,
            )
        try:
            for step in steps:
                if n_skipped:
                    n_skipped -= 1
                    continue
                ids.append(step.token_id)
                total += step.log_prob
                if step.token_id not in self._rules.ends:
                    yield step.token_id
        except RuntimeError as error:
            raise ModelError(f"CTranslate2 cannot run the model: {error}", hint="--engine torch runs it") from error
        if self._rules_out(decoding):
            ((total,),) = self._scored([source], [[ids]])
        yield self._hypothesis(ids, total)

    def attention(self, source: Sequence[int], ids: Sequence[int]) -> NDArray[np.float32]:
        """
        Raises:
            ModelError: always: torch shows what a decoder looks at.
        """
        raise ModelError("CTranslate2 does not show what each layer looks at", hint="--engine torch does")


def _finished(run: Callable[..., list[Any]], *arguments: Any, **options: Any) -> list[Any]:
    """What an asynchronous call gives. The library would not see Ctrl-C before the end of a batch, which may take long."""
    pending = run(*arguments, **options, asynchronous=True)
    while not all(each.done() for each in pending):
        time.sleep(_LOOK)
    return [each.result() for each in pending]


def _refuse_sampling(decoding: Decoding) -> None:
    if decoding.sample:
        raise ValueError("CTranslate2 draws from one generator of its own: torch samples")


def _longest(decoding: Decoding) -> int:
    if decoding.max_new_tokens is None:
        raise ValueError("max_new_tokens is to be decided by the caller")
    return decoding.max_new_tokens


def open_engine(
    folder: Path, rules: DecoderConstraints, *, threads: int = 0, files: Mapping[str, bytes] | None = None
) -> Ct2Engine:
    """Load a converted model.

    Args:
        folder: of the copy; a name for messages where there are ``files``.
        threads: 0: as many as there are processors.
        files: name -> content, of a model of our own (``seq2seq_ct2.translator_files``), which begins its texts itself.

    Raises:
        ModelError: it cannot be loaded.
    """
    import ctranslate2

    kind = ctranslate2.Generator if rules.kind == DECODER else ctranslate2.Translator

    def load(parts: int, threads: int) -> Any:
        try:
            return kind(
                str(folder), device="cpu", compute_type="float32", inter_threads=parts, intra_threads=threads,
                files=dict(files) if files else None,
            )  # fmt: skip
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"the converted copy in {folder} cannot be loaded: {error}",
                hint=f"rm -r {folder}: the next run makes it anew",
            ) from error

    return Ct2Engine(load, rules, threads=threads or os.cpu_count() or 1, starts_itself=bool(files))
