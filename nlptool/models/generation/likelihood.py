"""Likelihood: how probable a model that generates finds a text, token by token.

A decoder-only model (a GPT, or a language model of nlptool's own) gives each token its probability after those before it; the
first one follows the token that begins every text, where the model has one. A text that is longer than the model takes is read
in windows that overlap, and of each window behind the first only the end is scored: each token then has much of the text before
it. A model without a limit reads the whole text.

An encoder–decoder gives each token of a target its probability after a source; the end of the target is a token, too.

The surprisal of a token is -log p (J. Hale: A Probabilistic Earley Parser as a Psycholinguistic Model, NAACL 2001; R. Levy:
Expectation-based syntactic comprehension, Cognition 106, 2008).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError, RecordError
from nlptool.models.generation.constraints import DECODER
from nlptool.models.seq2seq.vocabulary import PlacedLine
from nlptool.text.spans import Place

if TYPE_CHECKING:
    from nlptool.models.generation.generator import Generator

_TOGETHER = 1 << 20  # tokens of the windows that are in memory at once


@dataclass(frozen=True, slots=True)
class Likelihood:
    """A text, token by token.

    Attributes:
        ids: (n,).
        places: of each token in the text: ``text[start:end]``.
        log_probabilities: (n,), natural logarithms; NaN of a token that is not scored: the first one of a model that has no token
            to begin a text, and what a model never gives a probability.
        is_unknown: (n,), the tokens that stand for what the vocabulary lacks.
        end: that of the end of the text after its last token; None if it is not scored.
        window: tokens that the network saw at once of a text that is too long; None: all.
        source_is_truncated: of a source, the beginning alone was read.
    """

    ids: list[int]
    places: list[Place]
    log_probabilities: NDArray[np.float64]
    is_unknown: NDArray[np.bool_]
    end: float | None = None
    window: int | None = None
    source_is_truncated: bool = False

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Return which tokens are scored, (n,)."""
        return ~np.isnan(self.log_probabilities)

    @property
    def n_scored(self) -> int:
        """Return the number of tokens that are scored, the end included if it is."""
        return int(self.scored.sum()) + (self.end is not None)

    def behind(self, start: int) -> Likelihood:
        """Return what is of the text behind its first ``start`` characters alone: the tokens that reach beyond them. One that
        begins before and ends behind counts whole, since its probability cannot be divided. Places count from there."""
        if not start:
            return self
        kept = [place for place, (_, end) in enumerate(self.places) if end > start]
        return replace(
            self,
            ids=[self.ids[place] for place in kept],
            places=[(max(0, self.places[place][0] - start), self.places[place][1] - start) for place in kept],
            log_probabilities=self.log_probabilities[kept],
            is_unknown=self.is_unknown[kept],
        )

    @property
    def total(self) -> float:
        """Return the log-likelihood: the sum over all tokens that are scored, the end included if it is."""
        return float(self.log_probabilities[self.scored].sum()) + (self.end or 0.0)


def of_texts(
    model: Generator, texts: Sequence[str], *, end: bool = False, room: int | None = None, stride: int | None = None
) -> list[Likelihood]:
    """Score texts with a decoder-only model; the order is kept.

    Args:
        end: score the end of each text, too.
        room: tokens that the network reads at once, at least 2; None: as many as it can.
        stride: tokens from a window of a long text to the next, at most ``window_of(model, room)``; None: half of a window.

    Raises:
        ModelError: the end is wanted of a model without a token for it, or the network cannot be run.
    """
    if end and not model.constraints.end_ids:
        raise ModelError(f"{model.name} has no token for the end of a text", hint="leave out --end")
    lines = model.place(texts)
    window = window_of(model, room)
    ending = list(model.constraints.end_ids[:1]) if end else []
    windows = (
        _Window(number, source, target)
        for number, line in enumerate(lines)
        for source, target in _windows([*model.begin, *line.ids, *ending], window, stride)
    )
    values: list[list[NDArray[np.float64]]] = [[] for _ in lines]
    for part in _parts(windows):
        scores = model.score([each.source for each in part], [each.target for each in part])
        for each, found in zip(part, scores, strict=True):
            values[each.text].append(found)
    return [
        _likelihood(line, np.concatenate([*found, np.zeros(0)]), end=end, begins=bool(model.begin), window=window)
        for line, found in zip(lines, values, strict=True)
    ]


def window_of(model: Generator, room: int | None) -> int | None:
    """Return how many tokens of a text the network reads at once: ``room``, or fewer if it cannot read as many; None: all."""
    return min((limit for limit in (room, model.constraints.max_positions) if limit is not None), default=None)


@dataclass(frozen=True, slots=True)
class _Window:
    """Tokens of a text that are scored together.

    Attributes:
        text: the number of the text.
        source: the tokens that are read before them.
        target: the tokens that are scored.
    """

    text: int
    source: list[int]
    target: list[int]


def _parts(windows: Iterable[_Window]) -> Iterator[list[_Window]]:
    """Yield windows, as many together as hold ``_TOGETHER`` tokens: those of a long text with a short stride are many times as
    long as the text."""
    part: list[_Window] = []
    n_tokens = 0
    for window in windows:
        part.append(window)
        n_tokens += len(window.source) + len(window.target)
        if n_tokens >= _TOGETHER:
            yield part
            part, n_tokens = [], 0
    if part:
        yield part


def _windows(ids: list[int], window: int | None, stride: int | None) -> Iterator[tuple[list[int], list[int]]]:
    """Yield pairs of the tokens that are read and those that are scored after them, which together are all but the first."""
    if len(ids) < 2:
        return
    n_read = len(ids) - 1  # the last token is scored, and not read
    if window is None or n_read <= window:
        yield ids[:1], ids[1:]
        return
    step = stride or max(1, window // 2)
    yield ids[:1], ids[1 : window + 1]
    scored = window + 1  # tokens before this one have been
    while scored < len(ids):
        after = min(len(ids), scored + step)
        first = after - 1 - window  # of the tokens that are read
        yield ids[first:scored], ids[scored:after]
        scored = after


def _likelihood(
    line: PlacedLine, values: NDArray[np.float64], *, end: bool, begins: bool, window: int | None
) -> Likelihood:
    last = float(values[-1]) if end and len(values) else None
    of_tokens = values[: len(values) - end] if len(values) else values
    if not begins and line.ids:
        of_tokens = np.concatenate([[np.nan], of_tokens])
    is_long = window is not None and len(line.ids) + begins + end - 1 > window
    return Likelihood(
        line.ids, line.places, of_tokens, np.array(line.is_unknown, bool), last, window if is_long else None
    )


def of_targets(model: Generator, sources: Sequence[str], targets: Sequence[str]) -> list[Likelihood | RecordError]:
    """Score targets after their sources with an encoder–decoder; the order is kept. The end of each target is scored, too.

    Returns:
        A RecordError for a target that is longer than the model takes. After a source without a token nothing is scored.

    Raises:
        ModelError: the network cannot be run.
    """
    lines = model.place(targets)
    read = model.tokenize(sources)
    constraints = model.constraints
    ending = list(constraints.end_ids[:1])
    found: list[Likelihood | RecordError] = []
    scored: list[int] = []
    for number, (source, line) in enumerate(zip(read, lines, strict=True)):
        n_positions = len(constraints.start_ids) + len(line.ids)
        if not source.ids:
            nothing = np.full(len(line.ids), np.nan)
            found.append(Likelihood(line.ids, line.places, nothing, np.array(line.is_unknown, bool)))
        elif constraints.max_positions is not None and n_positions > constraints.max_positions:
            found.append(
                RecordError(
                    "TooLong",
                    f"the target has {len(line.ids):,} tokens, and the model has room for "
                    f"{constraints.max_positions - len(constraints.start_ids):,}",
                )
            )
        else:
            found.append(Likelihood(line.ids, line.places, np.zeros(0), np.array(line.is_unknown, bool)))
            scored.append(number)
    wanted = [[*lines[number].ids, *ending] for number in scored]
    kept = [index for index, target in enumerate(wanted) if target]
    values = model.score([read[scored[index]].ids for index in kept], [wanted[index] for index in kept])
    for index, of_target in zip(kept, values, strict=True):
        number = scored[index]
        line = lines[number]
        last = float(of_target[-1]) if ending else None
        of_tokens = of_target[: len(line.ids)].copy()
        of_tokens[[id in model.unscored for id in line.ids]] = np.nan
        unknown = np.array(line.is_unknown, bool)
        found[number] = Likelihood(
            line.ids, line.places, of_tokens, unknown, last, source_is_truncated=read[number].truncated
        )
    return found


def is_decoder(model: Generator) -> bool:
    """Return whether a model scores texts by themselves, and not targets after sources."""
    return model.kind == DECODER
