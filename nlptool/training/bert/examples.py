"""What BERT is pre-trained on: ``[CLS] A [SEP] B [SEP]``, made of documents anew in every epoch.

J. Devlin et al.: BERT (NAACL 2019). A and B are runs of lines that fill a sequence together; half of the time B is the text that
follows A, otherwise it is where the B of an example from another document begins, so that nothing about B alone tells the two
apart. Some sequences are shorter. What is in a batch follows from the seed, the epoch and its number alone: a training that was
interrupted goes on with the same batches.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.models.masked import masking
from nlptool.training.bert.corpus import Documents
from nlptool.training.bert.tokenizer import BertTokenizer
from nlptool.training.wordpiece import CONTINUES, END, MASK, PAD, SPECIAL, START

IS_NEXT, NOT_NEXT = 0, 1  # the outputs of BERT's head for next sentences
_POOL = 32  # batches whose sequences are sorted by length together
_FEWEST = 2  # tokens of an example
_NOWHERE = "the corpus is one short document: there is no text that does not follow"
_WITHOUT = "--no-nsp learns without next sentences; an empty line ends a document"


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences, and what is to be said of them."""

    ids: NDArray[np.int64]  # (B, T), with [MASK] in it
    types: NDArray[np.int64]  # (B, T), 0: the first part, 1: the second
    there: NDArray[np.bool_] | None  # (B, T), False: padding; None: there is none
    places: NDArray[np.int64]  # (M,), of the tokens to be guessed, counted through all rows
    targets: NDArray[np.int64]  # (M,), what stood there
    follows: NDArray[np.int64]  # (B,), IS_NEXT or NOT_NEXT

    @property
    def n_tokens(self) -> int:
        """Without padding."""
        return int(self.ids.size if self.there is None else self.there.sum())


@dataclass(frozen=True, slots=True)
class _Epoch:
    """The examples of an epoch: each is two runs of tokens. Without next sentences the second is empty."""

    starts: NDArray[np.int64]  # (N, 2), in the tokens of the corpus
    lengths: NDArray[np.int64]  # (N, 2)
    follows: NDArray[np.int64]  # (N,)
    batches: list[NDArray[np.int64]]  # numbers of examples


class Examples:
    """The examples of some documents.

    Args:
        max_length: tokens of a sequence, the special ones among them.
        short: the share of sequences that are shorter, at random.
        nsp: with next sentences; else a sequence is one run of lines.
        mask: words or pieces.
        share: of the tokens, which are to be guessed; evaluating, always 15 %.
        evaluating: all tokens that are to be guessed are [MASK].

    Raises:
        RunError: there is too little text.
    """

    def __init__(
        self,
        documents: Documents,
        tokenizer: BertTokenizer,
        *,
        batch: int,
        max_length: int,
        seed: int,
        short: float = 0.1,
        nsp: bool = True,
        mask: str = "words",
        share: float = masking.SHARE,
        evaluating: bool = False,
    ) -> None:
        self._documents = documents
        self._batch = batch
        self._room = max_length - (3 if nsp else 2)
        self._seed = seed
        self._short = short
        self._nsp = nsp
        self._share = masking.SHARE if evaluating else share
        self._evaluating = evaluating
        ids = {token: tokenizer.pieces.index(token) for token in (PAD, START, END, MASK)}
        self._pad, self._start, self._end, self._mask = (ids[token] for token in (PAD, START, END, MASK))
        special = np.array([piece in SPECIAL for piece in tokenizer.pieces])
        self._guessed = ~special  # [UNK] is nothing that one could learn to say
        self._pieces = np.flatnonzero(self._guessed)
        self._continues = np.array([piece.startswith(CONTINUES) for piece in tokenizer.pieces]) & (mask == "words")
        self._made: tuple[int, _Epoch] | None = None
        if not len(self.epoch(0).batches):
            raise RunError(f"there is too little text to learn from; its tokens: {documents.n_tokens:,}")

    def epoch(self, number: int) -> _Epoch:
        """The examples of an epoch, the same whenever they are asked for."""
        if self._made is None or self._made[0] != number:
            self._made = number, self._plan(np.random.default_rng([self._seed, number]))
        return self._made[1]

    def n_batches(self, epoch: int) -> int:
        return len(self.epoch(epoch).batches)

    def batches(self, first: int = 0) -> Iterator[Batch]:
        """Those of all epochs, without end and without the ``first`` ones."""
        epoch = 0
        while True:
            n_batches = self.n_batches(epoch)
            for number in range(first, n_batches):
                yield self.batch(epoch, number)
            first = max(0, first - n_batches)
            epoch += 1

    def batch(self, epoch: int, number: int) -> Batch:
        """One batch of an epoch, the same whenever it is asked for."""
        plan = self.epoch(epoch)
        rows = plan.batches[number]
        rng = np.random.default_rng([self._seed, epoch, number])
        first, second = plan.lengths[rows].T[:, :, None]  # (B, 1)
        total = first + second + (3 if self._nsp else 2)
        column = np.arange(total.max())[None, :]
        in_second = (column >= first + 2) & (column < total - 1) if self._nsp else np.zeros((len(rows), 1), bool)
        in_first = (column >= 1) & (column < first + 1)
        starts = plan.starts[rows].T[:, :, None]
        source = np.where(in_second, starts[1] + column - first - 2, starts[0] + column - 1)
        text = in_first | in_second
        ids = np.full(text.shape, self._pad, np.int64)
        ids[text] = self._documents.tokens[source[text]]
        ids[:, 0] = self._start
        ids[(column == total - 1) | (self._nsp & (column == first + 1))] = self._end
        there = column < total
        chosen = masking.choose(text & self._guessed[ids], self._continues[ids], rng, share=self._share)
        shown = masking.corrupt(ids, chosen, rng, mask=self._mask, pieces=self._pieces, always=self._evaluating)
        return Batch(
            shown,
            ((column >= first + 2) & there).astype(np.int64) if self._nsp else np.zeros_like(ids),
            None if there.all() else there,
            np.flatnonzero(chosen),
            ids[chosen],
            plan.follows[rows],
        )

    def _plan(self, rng: np.random.Generator) -> _Epoch:
        starts, ends, document = self._windows(rng)
        n = len(starts)
        follows = np.full(n, IS_NEXT, np.int64)
        if not n or not self._nsp:
            runs, lengths = np.stack([starts, ends], 1), np.stack([ends - starts, np.zeros_like(starts)], 1)
        else:
            middle = self._divided(starts, ends, rng)
            follows[rng.permutation(n)[: n // 2]] = NOT_NEXT
            other = np.flatnonzero(follows)
            second, limit = middle.copy(), ends.copy()
            if len(other) or not self._evaluating:
                partner = self._elsewhere(other, document, rng)
                second[other] = middle[partner]
                until = self._documents.lines[self._documents.documents[document[partner] + 1]]
                limit[other] = np.minimum(second[other] + ends[other] - middle[other], until)
            runs, lengths = np.stack([starts, second], 1), np.stack([middle - starts, limit - second], 1)
        return _Epoch(runs, lengths, follows, self._batched(lengths.sum(1), rng))

    def _windows(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """(N,) where in the tokens each example begins and ends, and its document. An example begins with a line, and what
        is left of the line that it ends in is passed over, unless that is a lot."""
        lines, documents = self._documents.lines, self._documents.documents
        starts: list[int] = []
        ends: list[int] = []
        owners: list[int] = []
        for number in range(self._documents.n_documents):
            begins = lines[documents[number] : documents[number + 1] + 1].tolist()
            at, end = begins[0], begins[-1]
            n_most = 2 + (end - at)  # windows
            shorter = (rng.random(n_most) < self._short).tolist()
            sizes = rng.integers(_FEWEST, self._room + 1, n_most).tolist()
            for short, size in zip(shorter, sizes, strict=True):
                if end - at < _FEWEST:
                    break
                until = min(end, at + (size if short else self._room))
                starts.append(at)
                ends.append(until)
                owners.append(number)
                next_line = begins[bisect_right(begins, until - 1)]
                at = until if next_line - until > self._room // 2 else next_line
        return np.array(starts, np.int64), np.array(ends, np.int64), np.array(owners, np.int64)

    def _divided(
        self, starts: NDArray[np.int64], ends: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """(N,): where A ends and B begins: any end of a line within the example, any token where there is none."""
        lines = self._documents.lines
        low, high = np.searchsorted(lines, starts, side="right"), np.searchsorted(lines, ends, side="left")
        draws = rng.random(len(starts))
        at_line = lines[np.minimum(low + (draws * (high - low)).astype(np.int64), len(lines) - 1)]
        within = starts + 1 + (draws * (ends - starts - 1)).astype(np.int64)
        return np.where(high > low, at_line, within)

    def _elsewhere(
        self, examples: NDArray[np.int64], document: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """For each of the examples another one: of another document or, where there is but one, from elsewhere in it."""
        n = len(document)
        if n == 1:
            raise RunError(_NOWHERE, hint=_WITHOUT)
        if document[0] == document[-1]:
            first, last = np.maximum(examples - 2, 0), np.minimum(examples + 3, n)
        else:
            first = np.searchsorted(document, document[examples], side="left")
            last = np.searchsorted(document, document[examples], side="right")
        n_others = n - (last - first)
        if not n_others.all():
            raise RunError(_NOWHERE, hint=_WITHOUT)
        drawn = rng.integers(0, n_others)
        return drawn + np.where(drawn >= first, last - first, 0)

    def _batched(self, lengths: NDArray[np.int64], rng: np.random.Generator) -> list[NDArray[np.int64]]:
        """Numbers of examples in a random order, batches of nearly the same length."""
        order = rng.permutation(len(lengths))
        batches = []
        for pool in range(0, len(order), _POOL * self._batch):
            some = order[pool : pool + _POOL * self._batch]
            some = some[np.argsort(lengths[some], kind="stable")]
            parts = [some[start : start + self._batch] for start in range(0, len(some), self._batch)]
            batches += [parts[number] for number in rng.permutation(len(parts))]
        return batches
