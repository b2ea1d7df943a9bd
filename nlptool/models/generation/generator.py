"""A loaded generation model: sources in, texts out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.models.generation.constraints import DECODER, DecoderConstraints
from nlptool.models.generation.decoder import STOP
from nlptool.models.generation.decoding import Decoding, Ends, Engine, Hypothesis
from nlptool.models.generation.stop_texts import StopTexts
from nlptool.models.generation.tokenizer import GenerationTokenizer, Source
from nlptool.models.runtime.batching import pack
from nlptool.models.seq2seq.vocabulary import PlacedLine
from nlptool.specs import GeneratorSpec

_REPLACEMENT = "\ufffd"  # what an incomplete character is decoded to


@dataclass(frozen=True, slots=True)
class GeneratedText(Hypothesis):
    """A hypothesis with its text.

    Attributes:
        text: for a decoder-only model the continuation only; without the stop text and what its last token holds behind it.
        stop: the stop text that ended it; None: none did.
    """

    text: str
    stop: str | None = None


@dataclass(frozen=True, slots=True)
class Attention:
    """The attention of a decoder to its source."""

    source: list[str]  # S tokens
    target: list[str]  # T generated tokens, the end token included if it was reached
    weights: NDArray[np.float32]  # (L, H, T, S); for an encoder-decoder the sum over S is 1


class Generator:
    """A generation model: a tokenizer and an engine.

    Attributes:
        engine: ct2 | numpy | torch.
        kind: encoder-decoder | decoder.
        begin: tokens that begin a text which is to be scored.
        unscored: tokens that the network gives no probability to.

    Args:
        new_tokens: the default maximum number of new tokens, forced ones (start tokens after the first) included.
    """

    def __init__(
        self,
        tokenizer: GenerationTokenizer,
        constraints: DecoderConstraints,
        engine: Engine,
        *,
        name: str,
        spec: GeneratorSpec,
        new_tokens: int,
    ) -> None:
        self.name = name
        self.engine, self.device = engine.name, engine.device
        self.kind = constraints.kind
        self.constraints = constraints
        self.begins_empty = tokenizer.begins_empty  # an empty text is continued, too
        self.begin, self.unscored = tokenizer.empty, tokenizer.unscored  # of texts that are scored
        self._tokenizer, self._engine = tokenizer, engine
        self._new_tokens = new_tokens
        self._budget = 1 if spec.deterministic else spec.batch_tokens or engine.batch_tokens

    def tokenize(self, texts: Sequence[str]) -> list[Source]:
        """Tokenize sources."""
        return self._tokenizer.tokenize(texts)

    def generate(
        self, sources: Sequence[Source], decoding: Decoding, *, seeds: Sequence[Sequence[int]] | None = None
    ) -> list[list[GeneratedText]]:
        """Return the outputs of each source, best first, in the order of ``sources``; none for a source without tokens.

        Args:
            seeds: a seed for each source, for sampling.

        Raises:
            RunError: there are more beams than the vocabulary has tokens, or stop texts and beams.
            ModelError: the network cannot be run.
        """
        self._check(decoding)
        outputs: list[list[GeneratedText]] = [[] for _ in sources]
        n_hypotheses = decoding.n_return if decoding.sample else max(decoding.beams, decoding.n_return)
        for limited, indices in self._group_by_limits(sources, decoding):
            lengths = [len(sources[index].ids) for index in indices]
            for positions in pack(lengths, budget := max(1, self._budget // n_hypotheses), padding=budget):
                batch = [indices[position] for position in positions]
                batched = [sources[index] for index in batch]
                hypotheses = self._engine.generate(
                    [source.ids for source in batched], limited, [seeds[index] for index in batch] if seeds else [],
                    self._ends(batched, decoding),
                )  # fmt: skip
                for index, source_hypotheses in zip(batch, hypotheses, strict=True):
                    outputs[index] = [
                        self._output(sources[index], hypothesis, decoding) for hypothesis in source_hypotheses
                    ]
        return outputs

    def _ends(self, sources: Sequence[Source], decoding: Decoding) -> Ends | None:
        """Return the function that says of the texts of some sources whether they hold a stop text; None: there are none."""
        if not decoding.stop:
            return None
        stops = StopTexts(decoding.stop)
        return lambda index, ids: stops.find(self._text(sources[index], ids)) is not None

    def _text(self, source: Source, ids: Sequence[int]) -> str:
        """Return the text of generated tokens."""
        return self._tokenizer.decode(ids, prompt=source.ids if self.kind == DECODER else ())

    def _check(self, decoding: Decoding) -> None:
        if decoding.stop and decoding.beams > 1 and not decoding.sample:
            raise RunError("a stop text ends a text while it is written, and a beam search knows its texts at the end")
        if decoding.beams > (size := self.constraints.vocab_size):
            raise RunError(
                f"a beam search with {decoding.beams} beams is wider than the vocabulary of {self.name}, which has {size} tokens",
                hint=f"--beams {min(size, 5)}",
            )

    def _group_by_limits(self, sources: Sequence[Source], decoding: Decoding) -> Iterator[tuple[Decoding, list[int]]]:
        """Yield ``decoding`` with each pair of lengths, the most and the least, and the indices of the sources that have it."""
        groups: dict[Decoding, list[int]] = {}
        for index, source in enumerate(sources):
            if source.ids:
                groups.setdefault(self._limited(source, decoding), []).append(index)
        yield from groups.items()

    def _limited(self, source: Source, decoding: Decoding) -> Decoding:
        """Return ``decoding`` with the numbers of tokens that a search chooses of a text: at most, and at least.

        As in transformers, forced tokens count as new ones, and lengths that are not of new tokens include the prompt, or the one
        token that begins every text.
        """
        is_decoder = self.kind == DECODER
        n_before = len(source.ids) if is_decoder else 1
        n_forced = 0 if is_decoder else len(self.constraints.start_ids) - 1
        least = decoding.min_new_tokens
        if least is None:
            least = decoding.min_length - n_before
        most = decoding.max_new_tokens
        if most is None and decoding.max_length is not None:
            most = decoding.max_length - n_before
        elif most is None:
            most = max(self._new_tokens, least)
        most -= n_forced + self.constraints.ends_by_force
        if self.constraints.max_positions is not None:
            most = min(most, self.constraints.max_positions - n_before - n_forced)
        most = max(1, most)
        least = min(max(0, least - n_forced), most)
        return replace(decoding, max_new_tokens=most, min_new_tokens=least, max_length=None, min_length=0)

    def _output(self, source: Source, hypothesis: Hypothesis, decoding: Decoding) -> GeneratedText:
        text = self._text(source, hypothesis.ids)
        stopped = StopTexts(decoding.stop).find(text)
        if stopped is not None:
            return GeneratedText(hypothesis.ids, hypothesis.log_probability, STOP, stopped.text, stopped.stop)
        return GeneratedText(hypothesis.ids, hypothesis.log_probability, hypothesis.finish_reason, text)

    def stream(
        self, source: Source, decoding: Decoding, *, seed: Sequence[int] | None = None
    ) -> Iterator[str | GeneratedText]:
        """Yield parts of the text as they are generated, and finally the output; by greedy search or sampling.

        The parts together are the text of the output: what may be the beginning of a stop text is held back. Yields nothing for a
        source without tokens.

        Raises:
            ModelError: the network cannot be run.
        """
        if not source.ids:
            return
        limited = self._limited(source, decoding)
        stops = StopTexts(decoding.stop)
        ids: list[int] = []
        shown = ""
        for step in self._engine.stream(source.ids, limited, seed or [], self._ends([source], decoding)):
            if isinstance(step, Hypothesis):
                output = self._output(source, step, decoding)
                if rest := output.text[len(shown) :]:
                    yield rest
                yield output
                return
            ids.append(step)
            text = self._text(source, ids)
            if stops.find(text) is not None:  # the engine ends it, and the output is next
                continue
            text = text.rstrip(_REPLACEMENT).rstrip()  # blanks too: decoding may remove the last one later
            text = stops.shown(text)
            if text.startswith(shown) and len(text) > len(shown):
                yield text[len(shown) :]
                shown = text

    def place(self, texts: Sequence[str]) -> list[PlacedLine]:
        """Tokenize texts that are to be scored, without special tokens."""
        return self._tokenizer.placed(texts)

    def score(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[NDArray[np.float64]]:
        """Return the natural logarithm of the probability of each token of each target, (n,) each, given its source and the
        tokens before it.

        Args:
            sources: ids with all special tokens; for a decoder-only model what stands before the target, at least one token.
            targets: at least one token each.

        Raises:
            ModelError: the network cannot be run.
        """
        found: list[NDArray[np.float64]] = [np.zeros(0)] * len(targets)
        lengths = [len(source) + len(target) for source, target in zip(sources, targets, strict=True)]
        for batch in pack(lengths, self._budget, padding=self._budget):
            values = self._engine.score([sources[index] for index in batch], [targets[index] for index in batch])
            for index, of_target in zip(batch, values, strict=True):
                found[index] = of_target
        return found

    def piece(self, id: int) -> str:
        """Return the string of a token of a target."""
        return self._tokenizer.pieces([id], of_source=False)[0]

    def attention(self, source: Source, output: GeneratedText) -> Attention:
        """Compute the attention of the decoder to the source for ``output``.

        Raises:
            ModelError: the model has no attention, or the engine cannot return it.
        """
        is_whole = output.finish_reason == STOP and output.stop is None
        ids = [*output.ids, *(self.constraints.end_ids[:1] if is_whole else ())]
        return Attention(
            self._tokenizer.pieces(source.ids, of_source=True),
            self._tokenizer.pieces(ids, of_source=False),
            self._engine.attention(source.ids, ids),
        )
