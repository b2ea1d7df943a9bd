"""What is found among the tokens of texts, whether these were brought along or are made here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Generic, TypeVar

from nlptool.models.words.token_maker import Begun, Token, TokenMaker
from nlptool.records.record import Record
from nlptool.records.tokenized import given_tokens

FoundT = TypeVar("FoundT")


class TokenFinder(ABC, Generic[FoundT]):
    """A function from texts to what is found in each, in two steps for threads (``records.workers``). A subclass says how tokens
    are made, and what is found among them."""

    def __call__(self, texts: Sequence[str]) -> list[FoundT]:
        return self.finish(self.begin(texts))

    def begin(self, texts: Sequence[str]) -> list[Begun]:
        """Let MeCab analyse the texts; during most of it other threads go on."""
        return self._maker.begin(texts)

    def finish(self, begun: Sequence[Begun]) -> list[FoundT]:
        """Return what is found in the texts that ``begin`` has analysed."""
        made = zip(begun, self._maker.finish(begun), strict=True)
        return [self.find(each.text, tokens, self._maker.name(each)) for each, tokens in made]

    def given(self, record: Record) -> FoundT | None:
        """Return what is found among the tokens that a record brings along; None if it brings none along. They may make its text.

        Raises:
            RecordError: these are no tokens, or not those of the text.
        """
        tokenized = given_tokens(record)
        if tokenized is None:
            return None
        record.text = tokenized.text
        return self.find(tokenized.text, tokenized.tokens)

    @abstractmethod
    def find(self, text: str, tokens: list[Token], tokenizer: str = "") -> FoundT:
        """Return what is found in a text.

        Args:
            tokenizer: what made the tokens, as of ``TokenMaker.name``; "": they were brought along.
        """

    @cached_property
    def _maker(self) -> TokenMaker:
        """What makes the tokens of texts, made when it is needed."""
        return self._open_maker()

    @abstractmethod
    def _open_maker(self) -> TokenMaker:
        """Return what makes the tokens of texts."""
