"""A model that generates texts, open: sources in, texts out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.models.generation.constraints import DECODER, DecoderConstraints
from nlptool.models.generation.decoding import Decoding, Engine, Hypothesis
from nlptool.models.generation.tokenizer import GenerationTokenizer, Source
from nlptool.models.runtime.batching import pack
from nlptool.specs import GeneratorSpec

_BROKEN = "\ufffd"  # what the first bytes of a character are shown as


@dataclass(frozen=True, slots=True)
class GeneratedText:
    """A text that was written.

    Attributes:
        text: of a decoder-only model the continuation alone.
        ids: its tokens, without those that begin every text and without the one that ended it.
        log_probability: natural logarithm, summed over ``ids`` and the end token, if that was reached; at most 0, higher is
            more probable.
        finish_reason: stop, for an end token; length, where there was no room for more.
    """

    text: str
    ids: list[int]
    log_probability: float
    finish_reason: str


@dataclass(frozen=True, slots=True)
class Attention:
    """What a decoder looked at.

    Attributes:
        source: S tokens that were read.
        target: T tokens that were written, the end token included, if it was reached.
        weights: (L, H, T, S); of an encoder–decoder the sum over S is 1.
    """

    source: list[str]
    target: list[str]
    weights: NDArray[np.float32]


class Generator:
    """Texts to texts, by an engine and a vocabulary.

    Attributes:
        engine: ct2 | torch.
        kind: encoder-decoder | decoder.

    Args:
        new_tokens: of an output, at most, where the user does not say; those included that are forced upon it.
        ends_by_force: whether the last of so many is always an end.
    """

    def __init__(
        self,
        texts: GenerationTokenizer,
        rules: DecoderConstraints,
        engine: Engine,
        *,
        name: str,
        spec: GeneratorSpec,
        new_tokens: int,
        ends_by_force: bool = False,
    ) -> None:
        self.name = name
        self.engine, self.device = engine.name, engine.device
        self.kind = rules.kind
        self.rules = rules
        self._texts, self._engine = texts, engine
        self._new_tokens, self._ends_by_force = new_tokens, ends_by_force
        self._budget = 1 if spec.deterministic else spec.batch_tokens or engine.batch_tokens

    def read(self, texts: Sequence[str]) -> list[Source]:
        """What the model reads of each text."""
        return self._texts.read(texts)

    def generate(
        self, sources: Sequence[Source], decoding: Decoding, *, seeds: Sequence[Sequence[int]] | None = None
    ) -> list[list[GeneratedText]]:
        """The outputs of each source, best first, in the order of ``sources``; none of a source without tokens.

        Args:
            seeds: a seed for each source, for sampling.

        Raises:
            RunError: there are more beams than the vocabulary has tokens.
            ModelError: the network cannot be run.
        """
        self._check(decoding)
        found: list[list[GeneratedText]] = [[] for _ in sources]
        rows = decoding.n_return if decoding.sample else max(decoding.beams, decoding.n_return)
        for n_new, indices in self._alike(sources, decoding):
            limited = self._limited(decoding, n_new)
            lengths = [len(sources[index].ids) for index in indices]
            for batch in pack(lengths, max(1, self._budget // rows)):
                here = [indices[number] for number in batch]
                hypotheses = self._engine.generate(
                    [sources[index].ids for index in here], limited, [seeds[index] for index in here] if seeds else []
                )
                for index, each in zip(here, hypotheses, strict=True):
                    found[index] = [self._output(sources[index], hypothesis) for hypothesis in each]
        return found

    def _check(self, decoding: Decoding) -> None:
        if decoding.beams > self.rules.size:
            raise RunError(
                f"--beams {decoding.beams} is wider than the vocabulary of {self.name}, which has {self.rules.size} tokens",
                hint=f"--beams {min(self.rules.size, 5)}",
            )

    def _alike(self, sources: Sequence[Source], decoding: Decoding) -> Iterator[tuple[int, list[int]]]:
        """Indices into ``sources``, those together that have room for as many new tokens."""
        groups: dict[int, list[int]] = {}
        for index, source in enumerate(sources):
            if source.ids:
                groups.setdefault(self._room(source, decoding), []).append(index)
        yield from groups.items()

    def _room(self, source: Source, decoding: Decoding) -> int:
        """How many new tokens an output may have. Those that are forced upon it count as such, as in transformers."""
        asked = decoding.max_new_tokens or max(self._new_tokens, decoding.min_new_tokens)
        given = source.ids if self.kind == DECODER else self.rules.start
        if self.kind != DECODER:
            asked -= len(self.rules.start) - 1
        if self._ends_by_force:
            asked -= 1
        if self.rules.positions is not None:
            asked = min(asked, self.rules.positions - len(given))
        return max(1, asked)

    def _limited(self, decoding: Decoding, n_new: int) -> Decoding:
        least = decoding.min_new_tokens
        if self.kind != DECODER:
            least -= len(self.rules.start) - 1
        return replace(decoding, max_new_tokens=n_new, min_new_tokens=min(max(0, least), n_new))

    def _output(self, source: Source, hypothesis: Hypothesis) -> GeneratedText:
        text = self._texts.text(hypothesis.ids, prompt=source.ids if self.kind == DECODER else ())
        return GeneratedText(text, hypothesis.ids, hypothesis.log_probability, hypothesis.finish_reason)

    def stream(
        self, source: Source, decoding: Decoding, *, seed: Sequence[int] | None = None
    ) -> Iterator[str | GeneratedText]:
        """Pieces of the text as they come, and at last the output; by greedy search or sampling. The pieces together are the
        text of the output. Nothing at all for a source without tokens.

        Raises:
            ModelError: the network cannot be run.
        """
        if not source.ids:
            return
        limited = self._limited(decoding, self._room(source, decoding))
        prompt = source.ids if self.kind == DECODER else ()
        ids: list[int] = []
        shown = ""
        for found in self._engine.stream(source.ids, limited, seed or []):
            if isinstance(found, Hypothesis):
                output = self._output(source, found)
                if rest := output.text[len(shown) :]:
                    yield rest
                yield output
                return
            ids.append(found)
            text = self._texts.text(ids, prompt=prompt)
            whole = text.rstrip(_BROKEN).rstrip()  # blanks too: the last one may yet be taken away
            if whole.startswith(shown) and len(whole) > len(shown):
                yield whole[len(shown) :]
                shown = whole

    def attention(self, source: Source, output: GeneratedText) -> Attention:
        """What the decoder looked at when it wrote ``output``.

        Raises:
            ModelError: the model has no attention, or the engine does not show it.
        """
        ids = [*output.ids, *(self.rules.ends[:1] if output.finish_reason == "stop" else ())]
        return Attention(
            self._texts.spelled(source.ids, of_source=True),
            self._texts.spelled(ids, of_source=False),
            self._engine.attention(source.ids, ids),
        )
