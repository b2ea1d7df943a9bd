"""What stands behind the masks of a text: the best of each mask, and the best of all of them together.

A masked language model gives, for each mask, the distribution of the piece that stands there, given the text and nothing of
the other masks: the marginals. A fill of all masks is scored by one of the ways of ``JOINT``; log-probabilities are natural:

beam         left to right: sum over i of log p(piece i | text, pieces 1 to i - 1, the later masks still masks)
greedy       the same chain rule, with the mask first of which the model is surest
independent  the sum of the marginals: the masks know nothing of each other

With one mask the three are the same. Words of several pieces are scored by the chain rule too, with as many masks as they have
pieces, from left to right (``Targets``).

A text that is too long is read in windows: masks that fit into one stay together, and the windows know nothing of each other.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nlptool.models.masked.model import scored

if TYPE_CHECKING:
    from nlptool.models.masked.model import MaskedModel
    from nlptool.models.masked.tokenizer import MaskedLmTokenizer, ModelInput

JOINT = ("beam", "greedy", "independent")

_HELD = 100_000  # answers that are held at once


class Candidate(NamedTuple):
    """What may stand in the place of a mask."""

    ids: tuple[int, ...]  # its pieces
    word: str = ""  # a target as it was given; "" for a piece of the vocabulary


class Fill(NamedTuple):
    """A choice for each of some masks, and how likely they are."""

    log_probability: float  # natural, at most 0: higher is more likely
    choices: tuple[Candidate, ...]


class Targets:
    """The only choices that a mask has.

    A word of n pieces is scored with n masks in the place of the one: log p(piece 1 | n masks) + log p(piece 2 | piece 1,
    n - 1 masks) + ... Words with a beginning in common share what the network computes.
    """

    def __init__(self, choices: Sequence[Candidate]) -> None:
        self.choices = list(choices)
        self.longest = max((len(choice.ids) for choice in choices), default=1)

    @cached_property
    def steps(self) -> list[tuple[int, tuple[int, ...], list[int], list[int]]]:
        """Yield (n, pieces known, choices, their next pieces) for each distribution that is needed."""
        found: dict[tuple[int, tuple[int, ...]], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for number, (ids, _) in enumerate(self.choices):
            for place, piece in enumerate(ids):
                numbers, pieces = found[len(ids), ids[:place]]
                numbers.append(number)
                pieces.append(piece)
        return [(*key, *asked) for key, asked in found.items()]


@dataclass(frozen=True, slots=True)
class Question:
    """A text with masks."""

    ids: Sequence[int]  # (n,), no special tokens
    positions: Sequence[int]  # (M,), of its masks in ids, rising; at least one
    targets: Sequence[Targets] | None = None  # (M,); None: any piece of the vocabulary


@dataclass(frozen=True, slots=True)
class Answer:
    """The best first. A list is empty where the network gave no number."""

    masks: list[list[Fill]]  # the k best of each mask alone: fills with one choice
    fills: list[Fill]  # the k best of all masks together
    n_tokens: int  # that the network read, special tokens included, of all windows together
    n_windows: int
    truncated: bool  # whether the network saw less than all of the text at once


@dataclass(frozen=True, slots=True)
class _Ask:
    """A question about some of its masks, when others are known."""

    question: Question
    known: Mapping[int, tuple[int, ...]]  # number of a mask -> the pieces that stand there
    masks: Sequence[int]  # numbers of those asked for


def fill(
    model: MaskedModel, questions: Iterable[Question], *, k: int, joint: str = "beam", beams: int = 5
) -> Iterator[Answer]:
    """Answer each question, in order; many are computed together.

    Args:
        k: answers of each mask, and of all together; fewer where there are not so many.
        joint: one of ``JOINT``. beam keeps the ``beams`` best between two masks. greedy follows each of the k best choices of
            the mask of which the model is surest to one fill.
    """
    some: list[Question] = []
    n_held = 0
    for question in questions:
        some.append(question)
        n_held += len(question.positions) * max(k, beams)
        if n_held >= _HELD:
            yield from _answers(model, some, k, joint, beams)
            some, n_held = [], 0
    yield from _answers(model, some, k, joint, beams)


def _answers(model: MaskedModel, questions: Sequence[Question], k: int, joint: str, beams: int) -> Iterator[Answer]:
    windows = [_windows(question, model.texts.max_pieces()) for question in questions]
    flat = [window for of_question in windows for window in of_question]
    alone = _best(model, [_Ask(window, {}, range(len(window.positions))) for window in flat], max(k, beams))
    if joint == "independent":
        together = [combined(masks, k) for masks in alone]
    else:
        together = _beam(model, flat, alone, k, beams) if joint == "beam" else _greedy(model, flat, alone, k)
    found = iter(zip(alone, together, strict=True))
    for question, of_question in zip(questions, windows, strict=True):
        masks, fills = zip(*islice(found, len(of_question)), strict=True)
        yield Answer(
            masks=[best[:k] for of_window in masks for best in of_window],
            fills=combined(fills, k),
            n_tokens=sum(len(model.texts.model_input(window.ids).ids) for window in of_question),
            n_windows=len(of_question),
            truncated=any(len(window.ids) < len(question.ids) for window in of_question),
        )


def combined(lists: Sequence[Sequence[Fill]], k: int) -> list[Fill]:
    """Return the ``k`` best that take one fill from each list, exactly; each list is the best first, and so is the result.

    Of two lists the i-th and the j-th together (from 1) have i * j - 1 that are as good, so that few pairs are looked at.
    """
    best = [Fill(0.0, ())]
    for fills in lists:
        pairs = (
            Fill(first.log_probability + second.log_probability, first.choices + second.choices)
            for rank, first in enumerate(best, 1)
            for second in islice(fills, k // rank)
        )
        best = heapq.nlargest(k, pairs, key=_log_probability)
    return best


def _beam(
    model: MaskedModel, windows: Sequence[Question], alone: Sequence[list[list[Fill]]], k: int, beams: int
) -> list[list[Fill]]:
    """Return the k best fills of each window that a beam from left to right finds."""
    found = [masks[0][: beams if len(masks) > 1 else k] for masks in alone]
    for mask in range(1, max((len(window.positions) for window in windows), default=0)):
        longer = [number for number, window in enumerate(windows) if len(window.positions) > mask]
        asks = [
            _Ask(windows[number], {place: choice.ids for place, choice in enumerate(begun.choices)}, [mask])
            for number in longer
            for begun in found[number]
        ]
        nexts = iter(_best(model, asks, max(k, beams)))
        for number in longer:
            fills = (
                Fill(begun.log_probability + score, begun.choices + choices)
                for begun in found[number]
                for score, choices in next(nexts)[0]
            )
            last = mask == len(windows[number].positions) - 1
            found[number] = heapq.nlargest(k if last else beams, fills, key=_log_probability)
    return found


@dataclass(slots=True)
class _Chain:
    """A fill on its way: the masks that are known."""

    window: int
    log_probability: float
    known: dict[int, Candidate]


def _greedy(
    model: MaskedModel, windows: Sequence[Question], alone: Sequence[list[list[Fill]]], k: int
) -> list[list[Fill]]:
    """Return up to k fills of each window: one for each of the best choices of the surest mask."""
    chains = []
    for number, masks in enumerate(alone):
        mask = _surest(masks)
        chains += [_Chain(number, fill.log_probability, {mask: fill.choices[0]}) for fill in masks[mask][:k]]
    begun = chains
    while begun := [each for each in begun if len(each.known) < len(windows[each.window].positions)]:
        asks = []
        for each in begun:
            window = windows[each.window]
            missing = [mask for mask in range(len(window.positions)) if mask not in each.known]
            asks.append(_Ask(window, {mask: choice.ids for mask, choice in each.known.items()}, missing))
        going_on = []
        for each, ask, best in zip(begun, asks, _best(model, asks, 1), strict=True):
            at = _surest(best)
            if best[at]:
                each.known[ask.masks[at]] = best[at][0].choices[0]
                each.log_probability += best[at][0].log_probability
                going_on.append(each)
        begun = going_on
    found: list[list[Fill]] = [[] for _ in windows]
    for each in chains:
        if len(each.known) == len(windows[each.window].positions):
            choices = tuple(each.known[mask] for mask in range(len(each.known)))
            found[each.window].append(Fill(each.log_probability, choices))
    return [sorted(fills, key=_log_probability, reverse=True) for fills in found]


def _surest(masks: Sequence[Sequence[Fill]]) -> int:
    """Return which of the masks has the most probable choice; of equal ones the first."""
    return max(range(len(masks)), key=lambda mask: masks[mask][0].log_probability if masks[mask] else -np.inf)


def _log_probability(fill: Fill) -> float:
    return fill.log_probability


def _best(model: MaskedModel, asks: Sequence[_Ask], n: int) -> list[list[list[Fill]]]:
    """Return best[i][j]: the n best of the j-th mask of ask i, each alone, the best first."""
    if asks and asks[0].question.targets is not None:
        return _best_targets(model, asks, n)
    found: list[list[list[Fill]]] = [[] for _ in asks]
    rows = ((_row(model.texts, ask, [(mask, 0) for mask in ask.masks]), number) for number, ask in enumerate(asks))
    for number, scores in scored(model, rows):
        found[number] = [
            [Fill(float(of_mask[piece]), (Candidate((piece,)),)) for piece in _top_pieces(model.texts, of_mask, n)]
            for of_mask in scores
        ]
    return found


def _best_targets(model: MaskedModel, asks: Sequence[_Ask], n: int) -> list[list[list[Fill]]]:
    targets = [[(ask.question.targets or ())[mask] for mask in ask.masks] for ask in asks]
    sums = [[np.zeros(len(of_mask.choices)) for of_mask in of_ask] for of_ask in targets]  # float64: of many terms

    def rows() -> Iterator[tuple[ModelInput, tuple[int, list[tuple[int, list[int], list[int]]]]]]:
        for number, ask in enumerate(asks):
            whole = []  # words of one piece: all masks of a row at once
            for at, mask in enumerate(ask.masks):
                for length, begun, choices, pieces in targets[number][at].steps:
                    if length == 1:
                        whole.append((at, choices, pieces))
                        continue
                    spelled = begun + (model.texts.mask_id,) * (length - len(begun))
                    longer = _Ask(ask.question, {**ask.known, mask: spelled}, [mask])
                    yield _row(model.texts, longer, [(mask, len(begun))]), (number, [(at, choices, pieces)])
            if whole:
                yield _row(model.texts, ask, [(ask.masks[at], 0) for at, _, _ in whole]), (number, whole)

    for (number, wanted), scores in scored(model, rows()):
        for of_place, (at, choices, pieces) in zip(scores, wanted, strict=True):
            sums[number][at][choices] += of_place[pieces]
    return [
        [
            [Fill(float(scores[place]), (of_mask.choices[place],)) for place in _top(scores, n)]
            for of_mask, scores in zip(of_ask, its_sums, strict=True)
        ]
        for of_ask, its_sums in zip(targets, sums, strict=True)
    ]


def _row(texts: MaskedLmTokenizer, ask: _Ask, asked: Sequence[tuple[int, int]]) -> ModelInput:
    """Return the input of a text with the pieces that are known in it.

    Args:
        asked: the number of a mask, and of a piece in what stands there.
    """
    ids: list[int] = []
    starts, end = [], 0
    for number, place in enumerate(ask.question.positions):
        ids += ask.question.ids[end:place]
        starts.append(len(ids))
        ids += ask.known.get(number, (texts.mask_id,))
        end = place + 1
    ids += ask.question.ids[end:]
    return texts.model_input(ids, positions=[starts[number] + piece for number, piece in asked])


def _top_pieces(texts: MaskedLmTokenizer, scores: NDArray[np.floating], n: int) -> list[int]:
    """Return the ids of the n best pieces, as ``_top`` does, without those that have no spelling: a network may have more rows
    than there are pieces."""
    wanted = n
    while True:
        found = [piece for piece in _top(scores, wanted) if texts.piece(piece)]
        if len(found) >= n or wanted >= len(scores):
            return found[:n]
        wanted *= 2


def _top(scores: NDArray[np.floating], n: int) -> list[int]:
    """Return the indices of the n best scores, the best first, of equal ones the first; without those that are -inf or NaN."""
    n = min(n, len(scores))
    some = np.argpartition(-scores, n - 1)[:n]
    order = some[np.lexsort((some, -scores[some]))]
    return [int(place) for place in order if scores[place] > -np.inf]


def _windows(question: Question, room: int) -> list[Question]:
    """Return the text whole where there is room for it and its targets; else windows around its masks, as few as go. A mask
    is asked about in one of them; where another one sees it, it is text."""
    targets = question.targets
    growth = [of_mask.longest - 1 for of_mask in targets] if targets is not None else [0] * len(question.positions)
    if len(question.ids) + sum(growth) <= room:
        return [question]
    groups: list[list[int]] = []  # numbers of masks
    needed = 0  # pieces beside the text between the first mask of a group and its last
    for number, place in enumerate(question.positions):
        start = question.positions[groups[-1][0]] if groups else place
        if groups and place + 1 - start + needed + growth[number] <= room:
            groups[-1].append(number)
            needed += growth[number]
        else:
            groups.append([number])
            needed = growth[number]
    found: list[Question] = []
    for group in groups:
        first, last = question.positions[group[0]], question.positions[group[-1]] + 1
        spare = room - (last - first) - sum(growth[number] for number in group)
        behind = len(question.ids) - last
        before = min(first, max(spare // 2, spare - behind))
        start, end = first - before, min(len(question.ids), last + spare - before)
        found.append(
            Question(
                question.ids[start:end],
                [question.positions[number] - start for number in group],
                [targets[number] for number in group] if targets is not None else None,
            )
        )
    return found
