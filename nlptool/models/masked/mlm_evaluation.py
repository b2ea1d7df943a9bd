"""Hidden words of a text, guessed by a masked language model: how often the right piece is the first guess, or in the first five.

As J. Devlin et al.: BERT (NAACL 2019) trains, with whole words and with [MASK] in every place: words are drawn until they make up
15 % of the pieces of a sequence, all pieces of a word are masked, and each is guessed and scored by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.geometry.correlation import wilson
from nlptool.models.masked import masking
from nlptool.models.masked.model import log_softmax
from nlptool.models.scoring.measures import perplexity

if TYPE_CHECKING:
    from nlptool.models.masked.model import MaskedModel
    from nlptool.models.masked.tokenizer import MaskedLmTokenizer, TokenizedText

CONTENT = frozenset({"名詞", "動詞", "形容詞", "形状詞", "副詞"})
"""Parts of speech of words that carry the meaning of a text, in the words of UniDic and IPADIC."""

_TOGETHER = 256  # sequences


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of text that the network reads at once."""

    ids: NDArray[np.int64]  # (n,), without special tokens around it
    continues: NDArray[np.bool_]  # (n,), belongs to the same word as the piece before
    content: NDArray[np.bool_]  # (n,), is of a content word; all False where that is not known


class Passages:
    """Documents cut into passages: a passage begins with a line and goes on as long as the model has room; where that is in
    the middle of a line, the next one begins with the next word.

    Args:
        by_line: each line is a document.
    """

    def __init__(self, texts: MaskedLmTokenizer, *, by_line: bool = False) -> None:
        self._texts = texts
        self._by_line = by_line
        self._room = texts.max_pieces()
        self._rest = Passage(np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(0, bool))

    def add(self, lines: Iterable[tuple[str, TokenizedText]]) -> Iterator[Passage]:
        """Yield the passages that are complete with ``lines``, each with its pieces. A line of blanks ends a document."""
        words = self._texts.words
        for line, tokenized in lines:
            if not line.strip():
                yield from self.end()
                continue
            numbers = np.array(tokenized.words, np.int64)
            content = np.zeros(len(numbers), bool)
            if words is not None:
                content = np.array([part in CONTENT for part in words.parts_of_speech(line)], bool)[numbers]
            self._rest = Passage(
                np.concatenate([self._rest.ids, np.array(tokenized.ids, np.int64)]),
                np.concatenate([self._rest.continues, np.diff(numbers, prepend=-1) == 0]),
                np.concatenate([self._rest.content, content]),
            )
            yield from self.end() if self._by_line else self._filled()

    def end(self) -> Iterator[Passage]:
        """Yield the passages of what is left of the document."""
        yield from self._filled()
        if len(self._rest.ids):
            yield self._split(len(self._rest.ids))

    def _filled(self) -> Iterator[Passage]:
        while len(self._rest.ids) > self._room:
            ends = np.flatnonzero(~self._rest.continues[1 : self._room + 1]) + 1  # of words
            yield self._split(int(ends[-1]) if len(ends) else self._room)  # one can be longer than there is room

    def _split(self, n_pieces: int) -> Passage:
        """Take the first pieces away."""
        rest = self._rest
        self._rest = Passage(rest.ids[n_pieces:], rest.continues[n_pieces:], rest.content[n_pieces:])
        return Passage(rest.ids[:n_pieces], rest.continues[:n_pieces], rest.content[:n_pieces])


@dataclass(slots=True)
class Tally:
    """Guesses, counted. A probability is that of the right piece."""

    n_pieces: int = 0
    n_first: int = 0  # the right piece has the highest probability
    n_first_five: int = 0  # or is among the five highest; of equals the one with the smaller id comes first
    log_probability: float = 0.0  # natural, added up

    def add(self, ranks: NDArray[np.int64], log_probabilities: NDArray[np.float32]) -> None:
        """Count some pieces, (M,) each: the rank of the right one, and its log-probability."""
        self.n_pieces += len(ranks)
        self.n_first += int((ranks < 1).sum())
        self.n_first_five += int((ranks < 5).sum())
        self.log_probability += float(log_probabilities.sum(dtype=np.float64))

    def said(self) -> dict[str, Any]:
        """Return the figures, and the 95 % intervals of the shares as if the pieces were independent; None where no piece was
        guessed."""
        n = self.n_pieces
        return {
            "n_pieces": n,
            "top1": round(self.n_first / n, 4) if n else None,
            "top5": round(self.n_first_five / n, 4) if n else None,
            "perplexity": round(perplexity(self.log_probability, n), 2) if n else None,
            "top1_interval": self._interval(self.n_first),
            "top5_interval": self._interval(self.n_first_five),
        }

    def _interval(self, n_right: int) -> list[float] | None:
        return [round(end, 4) for end in wilson(n_right, self.n_pieces)] if self.n_pieces else None


class Evaluation:
    """The guesses of a model in one text. Lines are added as they come; memory does not grow with them.

    Args:
        share: of the pieces that are masked, in the mean of all sequences.
        limit: sequences that are used, drawn at random from all (J. Vitter: Random Sampling with a Reservoir, 1985).
    """

    def __init__(
        self, model: MaskedModel, *, share: float = masking.SHARE, seed: int = 1, by_line: bool = False, limit: int = 0
    ) -> None:
        self.n_sequences = 0  # that were used; a short one can have no word masked
        self.n_unknown = 0  # pieces that the vocabulary lacks: they are never masked
        self.every, self.content = Tally(), Tally()
        self.knows_content = model.texts.words is not None
        self._model = model
        self._passages = Passages(model.texts, by_line=by_line)
        self._share = share
        self._limit = limit
        self._masks, self._draws = np.random.default_rng(seed).spawn(2)
        self._waiting: list[Passage] = []
        self._n_seen = 0
        self._never = [*model.texts.special_ids, *([] if model.texts.unknown_id is None else [model.texts.unknown_id])]

    def add(self, lines: Iterable[tuple[str, TokenizedText]]) -> None:
        """Read lines of text, each with its pieces; one of blanks ends a document."""
        self._take(self._passages.add(lines))

    def finish(self, report: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Guess what has not been guessed yet.

        Args:
            report: is told how many sequences of how many are done.
        """
        self._take(self._passages.end())
        total = len(self._waiting)
        for start in range(0, total, _TOGETHER):
            self._guess(self._waiting[start : start + _TOGETHER])
            report(min(total, start + _TOGETHER), total)
        self._waiting = []

    def _take(self, passages: Iterator[Passage]) -> None:
        for passage in passages:
            self._n_seen += 1
            if not self._limit or len(self._waiting) < self._limit:
                self._waiting.append(passage)
            elif (place := int(self._draws.integers(self._n_seen))) < self._limit:
                self._waiting[place] = passage
            if not self._limit and len(self._waiting) == _TOGETHER:
                self._guess(self._waiting)
                self._waiting = []

    def _guess(self, passages: Sequence[Passage]) -> None:
        """Mask, and look at what the model says."""
        texts = self._model.texts
        shape = len(passages), max(len(passage.ids) for passage in passages)
        ids = np.zeros(shape, np.int64)  # (B, T)
        there, continues = np.zeros(shape, bool), np.zeros(shape, bool)
        for number, passage in enumerate(passages):
            n = len(passage.ids)
            ids[number, :n], there[number, :n], continues[number, :n] = passage.ids, True, passage.continues
        self.n_sequences += len(passages)
        self.n_unknown += int((ids[there] == texts.unknown_id).sum())
        chosen = masking.choose(there & ~np.isin(ids, self._never), continues, self._masks, share=self._share)
        shown = np.where(chosen, texts.mask_id, ids)
        used = np.flatnonzero(chosen.any(axis=1)).tolist()
        rows = [
            texts.model_input(
                shown[number, : len(passages[number].ids)].tolist(), positions=np.flatnonzero(chosen[number]).tolist()
            )
            for number in used
        ]
        for index, logits in self._model.logits(rows):  # (M, V)
            number = used[index]
            positions = np.flatnonzero(chosen[number])
            right = ids[number, positions]
            ranks, log_probabilities = ranked(logits, right), log_softmax(logits)[np.arange(len(right)), right]
            if np.isnan(log_probabilities).any():
                raise ModelError(f"{self._model.name} gives numbers that are none: NaN or infinity")
            self.every.add(ranks, log_probabilities)
            of_content = passages[number].content[positions]
            self.content.add(ranks[of_content], log_probabilities[of_content])


def ranked(logits: NDArray[np.float32], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (M,) ranks: how many pieces have a larger logit than the right one in each row of (M, V); of equals the smaller id
    comes first."""
    own = np.take_along_axis(logits, right[:, None], axis=1)
    equals_before = (logits == own) & (np.arange(logits.shape[1]) < right[:, None])
    return np.asarray(((logits > own) | equals_before).sum(axis=1))
