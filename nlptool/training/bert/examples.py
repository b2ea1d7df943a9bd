"""The examples of BERT's pre-training: ``[CLS] A [SEP] B [SEP]``, sampled from documents anew in every epoch.

J. Devlin et al.: BERT (NAACL 2019). A and B are runs of lines that fill a sequence together. Half of the time B is the text that
follows A, otherwise it begins where the B of an example from another document begins, so that B alone does not give the answer
away. Some sequences are shorter. A batch depends on the seed, the epoch and its index alone: a training that was interrupted
goes on with the same batches.
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
_MIN_TOKENS = 2  # of an example
_ONE_DOCUMENT = "the corpus is one short document: there is no text that does not follow"
_HINT = "--no-nsp learns without next sentences; an empty line ends a document"


@dataclass(frozen=True, slots=True)
class Batch:
    """B sequences of up to T tokens with their labels."""

    ids: NDArray[np.int64]  # (B, T), with [MASK]
    token_types: NDArray[np.int64]  # (B, T), 0: the first part, 1: the second
    mask: NDArray[np.bool_] | None  # (B, T), False: padding; None: there is none
    positions: NDArray[np.int64]  # (M,), of the tokens to be predicted, indices into the flattened ``ids``
    targets: NDArray[np.int64]  # (M,), the original tokens
    nsp_labels: NDArray[np.int64]  # (B,), IS_NEXT or NOT_NEXT

    @property
    def n_tokens(self) -> int:
        """Return the number of tokens without padding."""
        return int(self.ids.size if self.mask is None else self.mask.sum())


@dataclass(frozen=True, slots=True)
class _Epoch:
    """The examples of an epoch: each is two runs of tokens. Without next-sentence prediction the second is empty."""

    starts: NDArray[np.int64]  # (N, 2), in the tokens of the corpus
    lengths: NDArray[np.int64]  # (N, 2)
    nsp_labels: NDArray[np.int64]  # (N,)
    batches: list[NDArray[np.int64]]  # indices of examples


class Examples:
    """The examples of some documents.

    Args:
        batch_size: sequences in a batch.
        max_length: tokens of a sequence, special ones included.
        short_sequence_probability: share of sequences of a random shorter length.
        nsp: with next-sentence prediction; else a sequence is one run of lines.
        whole_word_mask: mask all pieces of a word together.
        mlm_probability: share of the tokens that are to be predicted; 15 % if ``evaluating``.
        replacement: what stands in the places of these tokens; [MASK] everywhere if ``evaluating``.

    Raises:
        RunError: there is too little text.
    """

    def __init__(
        self,
        documents: Documents,
        tokenizer: BertTokenizer,
        *,
        batch_size: int,
        max_length: int,
        seed: int,
        short_sequence_probability: float = 0.1,
        nsp: bool = True,
        whole_word_mask: bool = True,
        mlm_probability: float = masking.SHARE,
        replacement: masking.Replacement = masking.USUAL,
        evaluating: bool = False,
    ) -> None:
        self._documents = documents
        self._batch_size = batch_size
        self._max_tokens = max_length - (3 if nsp else 2)
        self._seed = seed
        self._short_sequence_probability = short_sequence_probability
        self._nsp = nsp
        self._mlm_probability = masking.SHARE if evaluating else mlm_probability
        self._replacement = masking.ALWAYS_MASKED if evaluating else replacement
        self._evaluating = evaluating
        ids = {token: tokenizer.pieces.index(token) for token in (PAD, START, END, MASK)}
        self._pad, self._start, self._end, self._mask = (ids[token] for token in (PAD, START, END, MASK))
        special = np.array([piece in SPECIAL for piece in tokenizer.pieces])
        self._predictable = ~special  # [UNK] is no target
        self._pieces = np.flatnonzero(self._predictable)
        self._continues = np.array([piece.startswith(CONTINUES) for piece in tokenizer.pieces]) & whole_word_mask
        self._last_epoch: tuple[int, _Epoch] | None = None
        if not len(self.epoch(0).batches):
            raise RunError(f"there is too little text to learn from; its tokens: {documents.n_tokens:,}")

    def epoch(self, number: int) -> _Epoch:
        """Return the examples of an epoch, the same at every call."""
        if self._last_epoch is None or self._last_epoch[0] != number:
            self._last_epoch = number, self._sample(np.random.default_rng([self._seed, number]))
        return self._last_epoch[1]

    def n_batches(self, epoch: int) -> int:
        return len(self.epoch(epoch).batches)

    def batches(self, first: int = 0) -> Iterator[Batch]:
        """Yield the batches of all epochs without end, from number ``first`` on."""
        epoch = 0
        while True:
            n_batches = self.n_batches(epoch)
            for number in range(first, n_batches):
                yield self.batch(epoch, number)
            first = max(0, first - n_batches)
            epoch += 1

    def batch(self, epoch: int, number: int) -> Batch:
        """Return one batch of an epoch, the same at every call."""
        examples = self.epoch(epoch)
        rows = examples.batches[number]
        rng = np.random.default_rng([self._seed, epoch, number])
        first, second = examples.lengths[rows].T[:, :, None]  # (B, 1)
        total = first + second + (3 if self._nsp else 2)
        column = np.arange(total.max())[None, :]
        in_second = (column >= first + 2) & (column < total - 1) if self._nsp else np.zeros((len(rows), 1), bool)
        in_first = (column >= 1) & (column < first + 1)
        starts = examples.starts[rows].T[:, :, None]
        source = np.where(in_second, starts[1] + column - first - 2, starts[0] + column - 1)
        text = in_first | in_second
        ids = np.full(text.shape, self._pad, np.int64)
        ids[text] = self._documents.tokens[source[text]]
        ids[:, 0] = self._start
        ids[(column == total - 1) | (self._nsp & (column == first + 1))] = self._end
        mask = column < total
        chosen = masking.choose(text & self._predictable[ids], self._continues[ids], rng, share=self._mlm_probability)
        masked = masking.corrupt(ids, chosen, rng, mask=self._mask, pieces=self._pieces, replacement=self._replacement)
        return Batch(
            masked,
            ((column >= first + 2) & mask).astype(np.int64) if self._nsp else np.zeros_like(ids),
            None if mask.all() else mask,
            np.flatnonzero(chosen),
            ids[chosen],
            examples.nsp_labels[rows],
        )

    def _sample(self, rng: np.random.Generator) -> _Epoch:
        starts, ends, document = self._windows(rng)
        n = len(starts)
        labels = np.full(n, IS_NEXT, np.int64)
        if not n or not self._nsp:
            runs, lengths = np.stack([starts, ends], 1), np.stack([ends - starts, np.zeros_like(starts)], 1)
        else:
            middle = self._split(starts, ends, rng)
            labels[rng.permutation(n)[: n // 2]] = NOT_NEXT
            other = np.flatnonzero(labels)
            second, limit = middle.copy(), ends.copy()
            if len(other) or not self._evaluating:
                partner = self._from_elsewhere(other, document, rng)
                second[other] = middle[partner]
                until = self._documents.lines[self._documents.documents[document[partner] + 1]]
                limit[other] = np.minimum(second[other] + ends[other] - middle[other], until)
            runs, lengths = np.stack([starts, second], 1), np.stack([middle - starts, limit - second], 1)
        return _Epoch(runs, lengths, labels, self._batched(lengths.sum(1), rng))

    def _windows(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the first and last token of each example and its document, each (N,). An example begins with a line; the rest
        of the line in which it ends is skipped, unless it is long."""
        lines, documents = self._documents.lines, self._documents.documents
        starts: list[int] = []
        ends: list[int] = []
        owners: list[int] = []
        for number in range(self._documents.n_documents):
            line_starts = lines[documents[number] : documents[number + 1] + 1].tolist()
            at, end = line_starts[0], line_starts[-1]
            max_windows = 2 + (end - at)
            shorter = (rng.random(max_windows) < self._short_sequence_probability).tolist()
            sizes = rng.integers(_MIN_TOKENS, self._max_tokens + 1, max_windows).tolist()
            for short, size in zip(shorter, sizes, strict=True):
                if end - at < _MIN_TOKENS:
                    break
                until = min(end, at + (size if short else self._max_tokens))
                starts.append(at)
                ends.append(until)
                owners.append(number)
                next_line = line_starts[bisect_right(line_starts, until - 1)]
                at = until if next_line - until > self._max_tokens // 2 else next_line
        return np.array(starts, np.int64), np.array(ends, np.int64), np.array(owners, np.int64)

    def _split(self, starts: NDArray[np.int64], ends: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Return where A ends and B begins, (N,): a random end of a line within the example, or a random token."""
        lines = self._documents.lines
        low, high = np.searchsorted(lines, starts, side="right"), np.searchsorted(lines, ends, side="left")
        draws = rng.random(len(starts))
        at_line = lines[np.minimum(low + (draws * (high - low)).astype(np.int64), len(lines) - 1)]
        within = starts + 1 + (draws * (ends - starts - 1)).astype(np.int64)
        return np.where(high > low, at_line, within)

    def _from_elsewhere(
        self, examples: NDArray[np.int64], document: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return an example of another document for each of ``examples``; with a single document, one from elsewhere in it."""
        n = len(document)
        if n == 1:
            raise RunError(_ONE_DOCUMENT, hint=_HINT)
        if document[0] == document[-1]:
            first, last = np.maximum(examples - 2, 0), np.minimum(examples + 3, n)
        else:
            first = np.searchsorted(document, document[examples], side="left")
            last = np.searchsorted(document, document[examples], side="right")
        n_others = n - (last - first)
        if not n_others.all():
            raise RunError(_ONE_DOCUMENT, hint=_HINT)
        drawn = rng.integers(0, n_others)
        return drawn + np.where(drawn >= first, last - first, 0)

    def _batched(self, lengths: NDArray[np.int64], rng: np.random.Generator) -> list[NDArray[np.int64]]:
        """Return indices of examples in batches of nearly equal length, in random order."""
        order = rng.permutation(len(lengths))
        batches = []
        for start in range(0, len(order), _POOL * self._batch_size):
            pool = order[start : start + _POOL * self._batch_size]
            pool = pool[np.argsort(lengths[pool], kind="stable")]
            parts = [pool[first : first + self._batch_size] for first in range(0, len(pool), self._batch_size)]
            batches += [parts[number] for number in rng.permutation(len(parts))]
        return batches
