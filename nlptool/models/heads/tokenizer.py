"""Texts and pairs of texts to the token ids that a classifier reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlptool.errors import RunError
from nlptool.models.japanese.bert_words import words_of

_CHARACTERS_PER_TOKEN = 50  # many times more than there are in any text but one of blanks


@dataclass(frozen=True, slots=True)
class ModelInput:
    """One sequence of the network."""

    ids: list[int]  # (T,), special tokens included
    types: list[int]  # (T,), 1 for the second text


@dataclass(frozen=True, slots=True)
class TokenizedTexts:
    """A text, or a pair, as the network reads it."""

    chunks: list[ModelInput]  # one, or several of a long text
    truncated: bool  # not all of it is in them
    n_unknown: int  # tokens that stand for what the vocabulary lacks

    @property
    def n_tokens(self) -> int:
        """Return the number of tokens, special tokens included."""
        return sum(len(chunk.ids) for chunk in self.chunks)

    def entry(self) -> dict[str, Any]:
        """Return what the entry of a record says of it."""
        said = {"n_tokens": self.n_tokens, "n_unknown": self.n_unknown, "truncated": self.truncated}
        return said | ({"n_chunks": len(self.chunks)} if len(self.chunks) > 1 else {})


class TextTokenizer:
    """A tokenizer of the library ``tokenizers`` with the template and the limit of a model.

    Pairs that are too long are truncated at their ends, the longer text first, as transformers does.

    Args:
        tokenizer: belongs to this object from now on: its padding and truncation are set.
        about: ``max_length``, ``unknown_id`` and ``words`` of the model.
        max_length: a smaller limit, special tokens included.
        chunk: a text that is too long is taken in several chunks instead of truncating it; pairs are truncated all the same.

    Raises:
        RunError: the limit leaves no room for a text.
    """

    def __init__(
        self, tokenizer: Any, about: Mapping[str, Any], *, max_length: int | None = None, chunk: bool = False
    ) -> None:
        longest = int(about["max_length"])
        self.max_length = min(max_length or longest, longest)
        self._tokenizer = tokenizer
        self._chunk = chunk
        self._unknown_id = about.get("unknown_id")
        self._words = words_of(about, tokenizer)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        n_special = tokenizer.num_special_tokens_to_add(True)
        if n_special + 2 > self.max_length:
            raise RunError(
                f"--max-length {self.max_length} leaves no room for two texts beside {n_special} special tokens"
            )
        tokenizer.enable_truncation(self.max_length)

    def read(self, texts: Sequence[tuple[str, ...]]) -> list[TokenizedTexts]:
        """Tokenize texts, alone or in pairs."""
        limit = _CHARACTERS_PER_TOKEN * self.max_length
        encodings = self._encode([tuple(text[:limit] for text in some) for some in texts])
        for index, some in enumerate(texts):
            if max(map(len, some)) > limit and (self._chunk or not encodings[index].overflowing):
                (encodings[index],) = self._encode([some])
        return [self._tokenized(encoding, len(some)) for encoding, some in zip(encodings, texts, strict=True)]

    def _tokenized(self, encoding: Any, n_texts: int) -> TokenizedTexts:
        in_chunks = self._chunk and n_texts == 1
        used = [encoding, *encoding.overflowing] if in_chunks else [encoding]
        n_unknown = sum(part.ids.count(self._unknown_id) for part in used) if self._unknown_id is not None else 0
        chunks = [ModelInput(part.ids, part.type_ids) for part in used]
        return TokenizedTexts(chunks, bool(encoding.overflowing) and not in_chunks, n_unknown)

    def _encode(self, texts: Sequence[tuple[str, ...]]) -> list[Any]:
        words = self._words
        if words is None:
            inputs = [some if len(some) > 1 else some[0] for some in texts]
            return self._tokenizer.encode_batch(inputs)  # type: ignore[no-any-return]
        split = [tuple(map(words, some)) for some in texts]
        return self._tokenizer.encode_batch(  # type: ignore[no-any-return]
            [some if len(some) > 1 else some[0] for some in split], is_pretokenized=True
        )
