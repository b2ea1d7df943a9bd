"""Texts to the ids that a network reads: the tokenizer of a model, its special tokens, prompts and limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from nlptool.errors import RunError
from nlptool.models.encoders.unknown import PieceCounter, PieceCounts
from nlptool.models.japanese.bert_words import JapaneseWords, words_of

_CHARACTERS_PER_TOKEN = 50  # many times more than there are in any text but one of blanks


@dataclass(frozen=True, slots=True)
class Ids:
    """A text as the network gets it."""

    pieces: list[list[int]]  # one list of ids, special tokens included; several if the text is taken in chunks
    truncated: bool

    @property
    def n_tokens(self) -> int:
        return sum(map(len, self.pieces))


class EncoderTokenizer:
    """A ``tokenizers.Tokenizer`` with a limit.

    Args:
        tokenizer: of the library ``tokenizers``; gets the words of a text if there are ``words``, else the text.
        words: cuts a text into words first; None where the tokenizer does that itself.
        max_length: tokens that the network takes, special tokens included.
        prompt: stands before every text.
        chunk: take a longer text in chunks, each with the prompt, instead of cutting it.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        max_length: int,
        words: JapaneseWords | None = None,
        prompt: str = "",
        chunk: bool = False,
    ) -> None:
        self.max_length = max_length
        self._tokenizer = tokenizer
        self._words = words
        self._prompt = prompt
        self._chunk = chunk
        tokenizer.no_padding()
        tokenizer.no_truncation()
        (alone,) = self._tokenize([prompt if prompt.strip() else ""])
        self._counter = PieceCounter(tokenizer)
        self._every = self._counter.count([alone.ids])  # what every text has: special tokens and the prompt
        content = zip(alone.ids, alone.special_tokens_mask, strict=True)
        self._prompt_ids: list[int] = [token for token, special in content if not special]
        if len(alone.ids) >= max_length:
            raise RunError(
                f"the prompt has {len(alone.ids):,} tokens, and the model takes {max_length:,} with the text"
                if prompt
                else f"--max-length {max_length} leaves no room for a text beside {len(alone.ids)} special tokens"
            )
        tokenizer.enable_truncation(max_length)

    @classmethod
    def of_model(
        cls,
        tokenizer: Any,
        about: Mapping[str, Any],
        *,
        max_length: int | None = None,
        prompt: str = "",
        chunk: bool = False,
    ) -> EncoderTokenizer:
        """Make the tokenizer with the words and limits of a model.

        Args:
            about: the manifest of the model: ``max_length``, and ``words`` if words come before pieces.
            max_length: a smaller limit.
        """
        longest = int(about["max_length"])
        return cls(
            tokenizer,
            max_length=min(max_length or longest, longest),
            words=words_of(about, tokenizer),
            prompt=prompt,
            chunk=chunk,
        )

    def encode(self, texts: Sequence[str]) -> list[Ids]:
        """Tokenize each text."""
        encodings = self._encodings([self._prompt + text for text in texts])
        found = []
        for text, encoding in zip(texts, encodings, strict=True):
            overflows = bool(encoding.overflowing)
            pieces = self._in_chunks(text) if overflows and self._chunk else [encoding.ids]
            found.append(Ids(pieces, truncated=overflows and not self._chunk))
        return found

    def count(self, texts: Sequence[str], tokenized: Sequence[Ids]) -> tuple[PieceCounts, list[int]]:
        """Count the pieces of ``texts`` that stand for what the vocabulary lacks.

        Returns:
            The counts without special tokens and the prompt, and the indices of the texts of which nothing is known.
        """
        counts = self._counter.count([list(chain.from_iterable(text.pieces)) for text in tokenized])
        counts -= self._every * np.fromiter((len(text.pieces) for text in tokenized), np.intp, len(tokenized))
        unread: list[int] = np.flatnonzero(counts.known == 0).tolist()
        if self._prompt:  # whose last piece may go on into the text
            unread = [index for index in unread if not self._is_known(texts[index])]
        return counts, unread

    def _is_known(self, text: str) -> bool:
        """Return whether the vocabulary has a piece of a text without its prompt."""
        of_text, special = self._counter.count([encoding.ids for encoding in self._tokenize([text, ""])]).known
        return bool(of_text > special)

    def _encodings(self, texts: list[str]) -> list[Any]:
        """Tokenize, and of a text much longer than the model takes only the beginning, if that is enough."""
        limit = _CHARACTERS_PER_TOKEN * self.max_length
        encodings = self._tokenize([text[:limit] for text in texts])
        for index, text in enumerate(texts):
            if len(text) > limit and not encodings[index].overflowing:
                encodings[index] = self._tokenize([text])[0]
        return encodings

    def _tokenize(self, texts: list[str]) -> list[Any]:
        if self._words is None:
            return self._tokenizer.encode_batch_fast(texts)  # type: ignore[no-any-return]
        words = [self._words(text) for text in texts]
        return self._tokenizer.encode_batch_fast(words, is_pretokenized=True)  # type: ignore[no-any-return]

    def _in_chunks(self, text: str) -> list[list[int]]:
        """Return the ids of the whole text in pieces that the network takes; the prompt stands in each of them."""
        room = self.max_length - len(self._prompt_ids)
        self._tokenizer.enable_truncation(room)
        (first,) = self._tokenize([text])
        self._tokenizer.enable_truncation(self.max_length)
        chunks = []
        for encoding in (first, *first.overflowing):
            start = next((i for i, special in enumerate(encoding.special_tokens_mask) if not special), 0)
            chunks.append([*encoding.ids[:start], *self._prompt_ids, *encoding.ids[start:]])
        return chunks
