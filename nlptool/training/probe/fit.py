"""The maps of a structural probe, learned for all layers of a network at once.

J. Hewitt, C. Manning: A Structural Probe for Finding Syntax in Word Representations (NAACL 2019), section 2 and appendix: the
loss of a sentence of n words is the sum of the absolute differences between its distances and those of its tree, divided by n^2
(of depths by n), and that of a batch the mean over its sentences. Adam begins with a learning rate of 0.001; after an epoch
without a new minimum of the loss on the dev set its moments are dropped, as there, and the rate is halved. There it becomes a
tenth, which ends the learning early on treebanks that are smaller than theirs.

The layers have maps of their own, and learn independently: the steps of Adam are those of each number by itself, and each layer
has a rate, a minimum and an end of its own. In one computation they take little more time than one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_BETAS = (0.9, 0.999)
_EPSILON = 1e-8
_WIDTH = 0.05  # of the interval around 0 in which the weights begin
_FALL = 0.5  # of the learning rate
_TOLERANCE = 1e-4  # a minimum that is lower by a smaller share of the loss is none for the rate and the end
_SORTED = 50  # batches whose sentences are sorted by their length together


@dataclass(frozen=True, slots=True)
class Sentences:
    """Sentences with the vectors of their words.

    Attributes:
        vectors: of the words of all sentences, one behind the other, (W, L, D) float16.
        lengths: words of each sentence.
        targets: of each sentence, distances (n, n) or depths (n,).
    """

    vectors: NDArray[np.float16]
    lengths: Sequence[int]
    targets: Sequence[NDArray[np.int16]]


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How a probe learns."""

    rank: int  # K, rows of the space of a map
    batch_size: int  # sentences
    learning_rate: float
    epochs: int  # at most
    patience: int  # epochs without a new minimum after which a layer ends
    seed: int


@dataclass(frozen=True, slots=True)
class Fitted:
    """The maps of each layer with the smallest losses on the dev set.

    Attributes:
        maps: (L, D, K) float32.
        losses: (L,), on the dev set.
        curves: the losses (L,) after each epoch.
    """

    maps: NDArray[np.float32]
    losses: NDArray[np.float64]
    curves: list[list[float]]


def loss(maps: Tensor, vectors: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Return the sum over the sentences of a batch of the loss of each, for each layer, (L,).

    Args:
        maps: (L, D, K).
        vectors: (B, T, L, D), 0 where ``mask`` is.
        targets: distances (B, T, T) or depths (B, T), 0 where there is no word.
        mask: (B, T), 1 for a word, 0 for padding.
    """
    n_sentences, length, n_layers, dimension = vectors.shape
    projected = torch.bmm(vectors.permute(2, 0, 1, 3).reshape(n_layers, -1, dimension), maps)
    projected = projected.view(n_layers, n_sentences, length, -1)  # (L, B, T, K)
    squares = (projected**2).sum(-1)  # (L, B, T)
    n_words = mask.sum(1)  # (B,)
    if targets.dim() == 2:
        return ((squares - targets).abs() * mask).sum(-1).div(n_words).sum(1)
    products = projected @ projected.transpose(-1, -2)  # (L, B, T, T)
    distances = squares[..., :, None] + squares[..., None, :] - 2 * products
    pairs = mask[:, :, None] * mask[:, None, :]
    return ((distances - targets).abs() * pairs).sum((-1, -2)).div(n_words**2).sum(1)


def fit(
    train: Sentences,
    dev: Sentences,
    settings: FitSettings,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Fitted:
    """Learn the maps of all layers.

    Args:
        progress: is told how many of the epochs are done; it may raise KeyboardInterrupt.
    """
    n_layers, dimension = train.vectors.shape[1:]
    generator = torch.Generator().manual_seed(settings.seed)
    start = (torch.rand(dimension, settings.rank, generator=generator) * 2 - 1) * _WIDTH
    maps = start.expand(n_layers, -1, -1).clone().requires_grad_()
    adam = _Adam(maps, settings.learning_rate)
    best, least = maps.detach().clone(), torch.full((n_layers,), torch.inf, dtype=torch.float64)
    waited = torch.zeros(n_layers, dtype=torch.long)
    curves: list[list[float]] = []
    random = np.random.default_rng(settings.seed)
    for epoch in range(settings.epochs):
        for batch in _batches(train, settings.batch_size, random):
            n_sentences = len(batch[0])
            (loss(maps, *batch).sum() / n_sentences).backward()  # type: ignore[no-untyped-call]
            adam.step()
        losses = _dev_losses(maps.detach(), dev, settings.batch_size)
        curves.append(losses.tolist())
        is_better, is_much_better = losses < least, losses < least * (1 - _TOLERANCE)
        least = torch.where(is_better, losses, least)
        best[is_better] = maps.detach()[is_better]
        waited = torch.where(is_much_better, 0, waited + 1)
        adam.slow_down(~is_much_better)
        adam.rates[waited >= settings.patience] = 0.0
        progress(epoch + 1, settings.epochs)
        if bool((waited >= settings.patience).all()):
            break
    return Fitted(best.numpy(), least.numpy(), curves)


class _Adam:
    """Adam (D. Kingma, J. Ba, 2015) with a learning rate and moments of each layer that can be set back."""

    def __init__(self, maps: Tensor, rate: float) -> None:
        self._maps = maps
        self.rates = torch.full((len(maps),), rate)
        self._first, self._second = torch.zeros_like(maps), torch.zeros_like(maps)
        self._steps = torch.zeros(len(maps))

    @torch.no_grad()
    def step(self) -> None:
        """Take a step against the gradient, and forget it."""
        gradient = self._maps.grad
        if gradient is None:
            return
        self._steps += 1
        self._first.lerp_(gradient, 1 - _BETAS[0])
        self._second.mul_(_BETAS[1]).addcmul_(gradient, gradient, value=1 - _BETAS[1])
        first = self._first / (1 - _BETAS[0] ** self._steps)[:, None, None]
        second = self._second / (1 - _BETAS[1] ** self._steps)[:, None, None]
        self._maps -= self.rates[:, None, None] * first / (second.sqrt() + _EPSILON)
        self._maps.grad = None

    def slow_down(self, layers: Tensor) -> None:
        """Let some layers begin again with half of their rates, without moments."""
        self.rates[layers] *= _FALL
        for moment in (self._first, self._second, self._steps):
            moment[layers] = 0


@torch.no_grad()
def _dev_losses(maps: Tensor, dev: Sentences, batch_size: int) -> Tensor:
    """Return the mean loss of each layer, (L,) float64."""
    total = torch.zeros(len(maps), dtype=torch.float64)
    order = np.argsort(dev.lengths, kind="stable")
    starts = _starts(dev)
    for first in range(0, len(order), batch_size):
        total += loss(maps, *_batch(dev, order[first : first + batch_size], starts)).double()
    return total / max(1, len(order))


def _batches(
    sentences: Sentences, batch_size: int, random: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield the batches of an epoch: sentences of like length, in random order."""
    order = random.permutation(len(sentences.lengths))
    lengths, starts = np.asarray(sentences.lengths), _starts(sentences)
    for first in range(0, len(order), batch_size * _SORTED):
        part = order[first : first + batch_size * _SORTED]
        part = part[np.argsort(lengths[part], kind="stable")]
        for number in random.permutation(-(-len(part) // batch_size)):
            yield _batch(sentences, part[number * batch_size : (number + 1) * batch_size], starts)


def _starts(sentences: Sentences) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(sentences.lengths)]).astype(np.int64)


def _batch(
    sentences: Sentences, numbers: NDArray[np.int64], starts: NDArray[np.int64]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the vectors, targets and mask of some sentences, padded."""
    longest = max(sentences.lengths[number] for number in numbers)
    vectors = np.zeros((len(numbers), longest, *sentences.vectors.shape[1:]), np.float32)
    targets = np.zeros((len(numbers), *[longest] * sentences.targets[0].ndim), np.float32)
    mask = np.zeros((len(numbers), longest), np.float32)
    for row, number in enumerate(numbers):
        n_words = sentences.lengths[number]
        vectors[row, :n_words] = sentences.vectors[starts[number] : starts[number] + n_words]
        of_sentence = targets[row, :n_words]
        (of_sentence[:, :n_words] if targets.ndim > 2 else of_sentence)[...] = sentences.targets[number]
        mask[row, :n_words] = 1
    return torch.from_numpy(vectors), torch.from_numpy(targets), torch.from_numpy(mask)
